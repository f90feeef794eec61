// Every TLS listener of a started server, each asked by the same bad peers: none gets an answer that needs an identity, and the audit log says why.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import tls from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { KinesisClient, ListStreamsCommand } from '@aws-sdk/client-kinesis'
import aws4 from 'aws4'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { clientRequest } from '../../src/pki/certificates.ts'
import { issue } from '../../src/pki/clients.ts'
import { generateKey, issueCertificate } from '../../src/pki/issue.ts'
import { revoke } from '../../src/pki/revocation.ts'
import type { AuditLine } from '../../src/security/audit.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { cn, oddCertificate } from '../support/odd-certificates.ts'
import type { RunningSluice } from '../support/sluice.ts'
import { startSluice } from '../support/sluice.ts'

const world = nodeWorld()
const dayMs = 86_400_000
const patient = { timeout: 60_000 }
let sluice: RunningSluice
let directory: string
const peers: Record<string, { readonly client: ConnectionOptions; readonly reason: RegExp }> = {}

beforeAll(async () => {
  sluice = await startSluice({ dev: false })
  directory = sluice.certificatesDirectory
  for (const name of ['alice', 'mallory']) await issue({ world, directory, name, hostnames: [], days: 30, replace: false })
  const stranger = oddCertificate({ subject: [[cn('admin')]], purpose: 'clientAuth' })
  const otherCa = oddCertificate({ subject: [[cn('Other CA')]], isAuthority: true })
  const foreign = oddCertificate({ subject: [[cn('admin')]], purpose: 'clientAuth', issuer: otherCa })
  await revoke(world, directory, 'mallory')
  Object.assign(peers, {
    'whose certificate signs itself': { client: { cert: stranger.pem, key: stranger.key }, reason: /^DEPTH_ZERO_SELF_SIGNED_CERT$/ },
    'with a certificate of another CA': { client: { cert: foreign.pem, key: foreign.key }, reason: /^UNABLE_TO_VERIFY_LEAF_SIGNATURE$/ },
    'with a server\'s certificate': { client: identity('server'), reason: /^INVALID_PURPOSE$/ },
    'whose certificate has expired': { client: await issuedAt(Date.now() - 60 * dayMs), reason: /^CERT_HAS_EXPIRED$/ },
    'whose certificate is not valid yet': { client: await issuedAt(Date.now() + dayMs), reason: /^CERT_NOT_YET_VALID$/ },
    'whose certificate was withdrawn': { client: identity('mallory'), reason: /^CERT_REVOKED: serial number/ },
  })
  // A running server reads the list every second.
  await vi.waitFor(async () => expect(await ask(sluice.ports.kafkaTls, identity('mallory'), apiVersions)).toHaveLength(0), patient)
})

afterAll(async () => sluice[Symbol.asyncDispose]())

const identity = (name: string) => ({ cert: readFileSync(join(directory, `${name}.pem`)), key: readFileSync(join(directory, `${name}.key`)) })

/** A certificate that the server's own CA issued for `admin`, at another time. */
async function issuedAt(now: number): Promise<ConnectionOptions> {
  const { publicKey, privateKey } = await generateKey('client')
  const intermediate = readFileSync(join(directory, 'intermediate.pem'), 'utf8')
  const issuer = { certificate: intermediate, privateKey: createPrivateKey(readFileSync(join(directory, 'intermediate.key'))) }
  return { cert: await issueCertificate({ ...clientRequest('admin', now, 30), publicKey }, issuer), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}

const apiVersions = Buffer.from('0000000e0012000000000001000470656572', 'hex')
const httpGet = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`

/** All bytes a peer gets to read for what it sends, until the server closes or has been silent for two seconds after them. */
function ask(port: number, client: ConnectionOptions, bytes: Buffer | string): Promise<Buffer> {
  return new Promise(resolve => {
    const answer: Buffer[] = []
    const socket = tls.connect({ host: '127.0.0.1', port, servername: 'localhost', ca: readFileSync(join(directory, 'ca.pem')), ...client })
    const done = (): void => {
      socket.destroy()
      resolve(Buffer.concat(answer))
    }
    socket.setTimeout(30_000, done)
    socket.on('secureConnect', () => socket.write(bytes))
    socket.on('data', data => {
      answer.push(data)
      socket.setTimeout(2_000, done)
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

function auditLines(): AuditLine[] {
  return readFileSync(join(sluice.dataDirectory, 'audit.log'), 'utf8').split('\n').filter(line => line !== '').map(line => JSON.parse(line) as AuditLine)
}

const saw = (listener: string, outcome: string, test: (line: AuditLine) => boolean) =>
  auditLines().some(line => line.resource === `listener:${listener}` && line.outcome === outcome && test(line))
const refusedBy = (listener: string, reason: RegExp) => saw(listener, 'denied', line => reason.test(line.reason ?? ''))

const names = [
  'whose certificate signs itself', 'with a certificate of another CA', 'with a server\'s certificate', 'whose certificate has expired',
  'whose certificate is not valid yet', 'whose certificate was withdrawn',
]

describe('the Kafka listener', () => {
  it('answers a peer with a good certificate', async () => {
    const answer = await ask(sluice.ports.kafkaTls, identity('alice'), apiVersions)
    expect(answer.readInt32BE(4)).toBe(1)
    await expect.poll(() => saw('kafka-tls', 'allowed', line => line.principal === 'User:CN=alice'), patient).toBe(true)
  })

  it('sends not one byte to a peer without a certificate', async () => {
    expect(await ask(sluice.ports.kafkaTls, {}, apiVersions)).toHaveLength(0)
    await expect.poll(() => refusedBy('kafka-tls', /^no client certificate$/), patient).toBe(true)
  })

  for (const name of names) {
    it(`sends not one byte to a peer ${name}`, async () => {
      const { client, reason } = peers[name]!
      expect(await ask(sluice.ports.kafkaTls, client, apiVersions)).toHaveLength(0)
      await expect.poll(() => refusedBy('kafka-tls', reason), patient).toBe(true)
    })
  }

  it('ends a connection that stands when its certificate is withdrawn', async () => {
    await issue({ world, directory, name: 'carol', hostnames: [], days: 30, replace: false })
    const ca = readFileSync(join(directory, 'ca.pem'))
    const socket = tls.connect({ host: '127.0.0.1', port: sluice.ports.kafkaTls, servername: 'localhost', ca, ...identity('carol') })
    const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.write(apiVersions)
    await new Promise(resolve => socket.once('data', resolve))
    await revoke(world, directory, 'carol')
    await closed
    await expect.poll(() => refusedBy('kafka-tls', /while the connection stood$/), patient).toBe(true)
  })
})

describe('the gateway', () => {
  it('answers a peer with a good certificate', async () => {
    expect((await ask(sluice.ports.gateway, identity('alice'), httpGet('/topics'))).toString()).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('asks a peer without a certificate for one', async () => {
    expect((await ask(sluice.ports.gateway, {}, httpGet('/topics'))).toString()).toMatch(/^HTTP\/1\.1 401 /)
  })

  for (const name of names) {
    it(`gives nothing but a 401 to a peer ${name}`, async () => {
      const { client, reason } = peers[name]!
      await Promise.all(['/topics', '/subjects', '/oauth2/token', '/kinesis', '/'].map(async path => {
        const answer = (await ask(sluice.ports.gateway, client, httpGet(path))).toString()
        expect(answer, path).toMatch(/^HTTP\/1\.1 401 /)
      }))
      await expect.poll(() => refusedBy('gateway', reason), patient).toBe(true)
    })
  }
})

describe('the Kinesis listener', () => {
  it('asks for a signature and takes no certificate in its place', async () => {
    const answer = (await ask(sluice.ports.kinesis, identity('admin'), [
      'POST / HTTP/1.1', 'host: localhost', 'content-type: application/x-amz-json-1.1', 'x-amz-target: Kinesis_20131202.ListStreams',
      'content-length: 2', 'connection: close', '', '{}',
    ].join('\r\n'))).toString()
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('MissingAuthenticationTokenException')
  })
})

describe('the Kinesis listener with kinesis.client.auth=required', () => {
  let strict: RunningSluice

  beforeAll(async () => {
    // Of the same CA, so that the same peers can be asked of it.
    strict = await startSluice({ dev: false, certsDirectory: directory, settings: { 'kinesis.client.auth': 'required' } })
  })

  afterAll(async () => strict[Symbol.asyncDispose]())

  function adminCredentials(): { accessKeyId: string; secretAccessKey: string } {
    const profile = readFileSync(join(directory, 'admin.aws'), 'utf8')
    const value = (name: string): string => new RegExp(`${name} = (\\S+)`).exec(profile)![1]!
    return { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') }
  }

  /** A call to list the streams, signed with the administrator's key. */
  function signedCall(path = '/'): string {
    const { headers } = aws4.sign({
      service: 'kinesis', region: 'us-east-1', host: 'localhost', method: 'POST', path, body: '{}',
      headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Kinesis_20131202.ListStreams' },
    }, adminCredentials())
    return [`POST ${path} HTTP/1.1`, ...Object.entries(headers).map(([name, text]) => `${name}: ${text}`), 'connection: close', '', '{}'].join('\r\n')
  }
  const lines = (): AuditLine[] => readFileSync(join(strict.dataDirectory, 'audit.log'), 'utf8').split('\n').filter(line => line !== '').map(line => JSON.parse(line) as AuditLine)
  const judged = (outcome: string, test: (line: AuditLine) => boolean) => lines().some(line => line.resource === 'listener:kinesis' && line.outcome === outcome && test(line))

  it('believes a signature over a good certificate, whoever that names: the signature says who calls', async () => {
    expect((await ask(strict.ports.kinesis, identity('alice'), signedCall())).toString()).toMatch(/^HTTP\/1\.1 200 [^]*"StreamNames":\[\]/)
    await expect.poll(() => judged('allowed', line => line.operation === 'connect' && line.principal === 'User:CN=alice'), patient).toBe(true)
  })

  it('is reached by the AWS SDK over HTTP/2 with a certificate, and by none without', async () => {
    const list = async (identities: ConnectionOptions): Promise<string[] | undefined> => {
      const client = new KinesisClient({
        region: 'us-east-1', endpoint: `https://localhost:${strict.ports.kinesis}`, credentials: adminCredentials(), maxAttempts: 1,
        requestHandler: { disableConcurrentStreams: true, nodeHttp2ConnectOptions: { ca: readFileSync(join(directory, 'ca.pem')), ...identities } },
      })
      return client.send(new ListStreamsCommand({})).then(({ StreamNames }) => StreamNames).finally(() => client.destroy())
    }
    expect(await list(identity('alice'))).toEqual([])
    await expect(list({})).rejects.toThrow()
  })

  it('takes no certificate in place of a signature', async () => {
    const unsigned = signedCall().replace(/Authorization: .*\r\n/, '')
    expect((await ask(strict.ports.kinesis, identity('admin'), unsigned)).toString()).toContain('MissingAuthenticationTokenException')
  })

  it('sends not one byte to a peer without a certificate, however well it signs, over HTTP/1.1 or HTTP/2', async () => {
    expect(await ask(strict.ports.kinesis, {}, signedCall())).toHaveLength(0)
    expect(await ask(strict.ports.kinesis, { ALPNProtocols: ['h2'] }, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')).toHaveLength(0)
    await expect.poll(() => judged('denied', line => line.reason === 'no client certificate'), patient).toBe(true)
  })

  it.each(names)('sends not one byte to a peer %s', async name => {
    const { client, reason } = peers[name]!
    expect(await ask(strict.ports.kinesis, client, signedCall())).toHaveLength(0)
    await expect.poll(() => judged('denied', line => reason.test(line.reason ?? '')), patient).toBe(true)
  })

  it('ends a connection that stands when its certificate is withdrawn', async () => {
    await issue({ world, directory, name: 'dave', hostnames: [], days: 30, replace: false })
    const socket = tls.connect({ host: '127.0.0.1', port: strict.ports.kinesis, servername: 'localhost', ca: readFileSync(join(directory, 'ca.pem')), ...identity('dave') })
    const closed = new Promise<void>(resolve => socket.on('close', () => resolve()))
    socket.on('error', () => {})
    socket.write(signedCall().replace('connection: close', 'connection: keep-alive'))
    await new Promise(resolve => socket.once('data', resolve))
    await revoke(world, directory, 'dave')
    await closed
    await expect.poll(() => judged('denied', line => line.reason?.endsWith('while the connection stood') === true), patient).toBe(true)
  })

  it('has no side door: the Kinesis API at the gateway wants a certificate, too', async () => {
    expect((await ask(strict.ports.gateway, {}, signedCall('/kinesis'))).toString()).toMatch(/^HTTP\/1\.1 401 [^]*no client certificate/)
    expect((await ask(strict.ports.gateway, identity('alice'), signedCall('/kinesis'))).toString()).toMatch(/^HTTP\/1\.1 200 [^]*"StreamNames":\[\]/)
    expect((await ask(sluice.ports.gateway, {}, signedCall('/kinesis'))).toString()).toMatch(/^HTTP\/1\.1 200 /)
  })
})
