import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Certificates } from '../../src/pki/certificates.ts'
import { ensureCertificates } from '../../src/pki/certificates.ts'
import { issue } from '../../src/pki/clients.ts'
import { RevocationList, revoke } from '../../src/pki/revocation.ts'
import type { AuditEvent } from '../../src/security/audit.ts'
import { readMappingRules, wholeName } from '../../src/security/principal-mapping.ts'
import type { PeerPolicy, TlsMaterial } from '../../src/security/tls.ts'
import { judgePeer, tlsOptions } from '../../src/security/tls.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { cn, ecKeys, oddCertificate } from '../support/odd-certificates.ts'

interface Identity {
  readonly cert: string
  readonly key: string
}

const world = nodeWorld()
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const versions = ['TLSv1.2', 'TLSv1.3'] as const
const dayMs = 86_400_000

let directory: string
let certificates: Certificates
let alice: Identity
let ca: string

const identity = (name: string): Identity => {
  const read = (file: string) => readFileSync(join(directory, file), 'utf8')
  return { cert: read(`${name}.pem`), key: read(`${name}.key`) }
}

/** A policy that keeps what it audits in `events`. */
const policyFor = (listener: string, events: AuditEvent[]): PeerPolicy =>
  ({ audit: { record: event => void events.push(event) }, listener, mapping: wholeName, certificate: 'required', now: Date.now })

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-tls-'))
  certificates = await ensureCertificates({ world, directory, hostnames: ['localhost', '127.0.0.1'] })
  for (const name of ['alice', 'mallory', 'trudy']) await issue({ world, directory, name, hostnames: [], days: 30, replace: false })
  alice = identity('alice')
  ca = readFileSync(certificates.paths.ca, 'utf8')
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** A listener that tells each accepted peer who it is and then echoes; a rejected one is destroyed before its first byte is read. */
async function listen(policy: Partial<PeerPolicy> = {}, material: TlsMaterial = certificates.material) {
  const events: AuditEvent[] = []
  const received: string[] = []
  const full: PeerPolicy = { ...policyFor('test', events), ...policy }
  const listener = await world.network.listen({ host: '127.0.0.1', port: 0, tls: tlsOptions(material) }, connection => {
    const socket = connection as TLSSocket
    socket.on('error', () => {})
    const found = judgePeer(socket, full)
    if ('rejected' in found) return socket.destroy()
    socket.write(`${found.principal.type}:${found.principal.name} ${found.certificateSha256}\n`)
    socket.on('data', data => {
      received.push(data.toString())
      socket.write(data)
    })
    return socket
  })
  onTestFinished(() => listener.close())
  return { listener, events, received }
}

/** What a client gets to read for one line it sends: a handshake that ends well proves nothing in TLS 1.3. */
function roundTrip(port: number, options: ConnectionOptions): Promise<{ text: string; session: Buffer | undefined; reused: boolean }> {
  return new Promise(resolve => {
    let text = ''
    let session: Buffer | undefined
    let reused = false
    const socket = tls.connect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options })
    const done = (): void => {
      socket.destroy()
      resolve({ text, session, reused })
    }
    const doneIfAll = (): void => {
      if (text.includes('ping\n') && (session !== undefined || reused)) done()
    }
    // Tickets of TLS 1.3 come before, with or after the first data.
    socket.on('session', ticket => {
      session = ticket
      doneIfAll()
    })
    socket.on('secureConnect', () => {
      reused = socket.isSessionReused()
      socket.write('ping\n')
    })
    socket.on('data', data => {
      text += data.toString()
      doneIfAll()
    })
    socket.on('error', done)
    socket.on('close', done)
  })
}

const sha256 = (pem: string) => createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const

  describe(`over ${version}, a peer`, () => {
    it('is known by its certificate, and by the fingerprint of its DER', async () => {
      const { listener, events } = await listen()
      const { text } = await roundTrip(listener.port, { ...alice, ...only })
      expect(text).toBe(`User:CN=alice ${sha256(alice.cert)}\nping\n`)
      expect(events).toEqual([
        { kind: 'connection', outcome: 'allowed', principal: 'User:CN=alice', host: '127.0.0.1', operation: 'connect', resource: 'listener:test' },
      ])
    })

    it('without a certificate is turned away, and its bytes are never read', async () => {
      const { listener, events, received } = await listen()
      expect((await roundTrip(listener.port, only)).text).toBe('')
      expect(received).toEqual([])
      expect(events).toEqual([expect.objectContaining({ outcome: 'denied', principal: '', reason: 'no client certificate' })])
    })

    it('without a certificate is anonymous where a token may follow', async () => {
      const { listener } = await listen({ certificate: 'optional' })
      expect((await roundTrip(listener.port, only)).text).toBe('User:ANONYMOUS null\nping\n')
    })

    it('is turned away for a bad certificate even where none is needed', async () => {
      const { listener } = await listen({ certificate: 'optional' })
      const stranger = oddCertificate({ subject: [[cn('alice')]], purpose: 'clientAuth' })
      expect((await roundTrip(listener.port, { cert: stranger.pem, key: stranger.key, ...only })).text).toBe('')
    })

    it('keeps its identity in a resumed session', async () => {
      const { listener, events } = await listen()
      const first = await roundTrip(listener.port, { ...alice, ...only })
      const resumed = await roundTrip(listener.port, { ...alice, ...only, session: first.session! })
      expect(resumed.reused).toBe(true)
      expect(resumed.text).toBe(first.text)
      expect(events).toHaveLength(2)
    })

    it('does not gain an identity by resuming without a certificate', async () => {
      const { listener } = await listen({ certificate: 'optional' })
      const first = await roundTrip(listener.port, only)
      const resumed = await roundTrip(listener.port, { ...only, session: first.session! })
      expect(resumed.text).toBe('User:ANONYMOUS null\nping\n')
    })

    it('is turned away in a resumed session once its certificate has expired', async () => {
      let now = Date.now()
      const { listener, events } = await listen({ now: () => now })
      const first = await roundTrip(listener.port, { ...alice, ...only })
      now += 31 * dayMs
      const resumed = await roundTrip(listener.port, { ...alice, ...only, session: first.session! })
      expect(resumed).toMatchObject({ text: '', reused: true })
      expect(events.at(-1)?.reason).toMatch(/^CERT_HAS_EXPIRED/)
    })

    it('whose certificate is withdrawn is turned away, resumed or new, and what stands is ended', async () => {
      const name = version === 'TLSv1.2' ? 'mallory' : 'trudy'
      const mallory = identity(name)
      using revocations = await RevocationList.open({ world, directory, logger: quiet })
      const { listener, events } = await listen({ revocations })
      const first = await roundTrip(listener.port, { ...mallory, ...only })
      expect(first.text).toContain(`User:CN=${name}`)
      const standing = tls.connect({ host: '127.0.0.1', port: listener.port, ca, servername: 'localhost', ...mallory, ...only })
      const ended = new Promise<void>(resolve => standing.on('close', () => resolve()))
      standing.on('error', () => {})
      await new Promise(resolve => standing.once('data', resolve))

      await revoke(world, directory, name)
      await ended
      expect(events.at(-1)?.reason).toMatch(/^CERT_REVOKED: .*, while the connection stood$/)
      expect(await roundTrip(listener.port, { ...mallory, ...only, session: first.session! })).toMatchObject({ text: '', reused: true })
      expect((await roundTrip(listener.port, { ...mallory, ...only })).text).toBe('')
      expect(events.at(-1)?.reason).toMatch(/^CERT_REVOKED: serial number [0-9A-F]{32}$/)
      expect((await roundTrip(listener.port, { ...alice, ...only })).text).toContain('User:CN=alice')
    })
  })
}

describe('a certificate', () => {
  /** What the listener says to a client with this certificate. */
  async function judged(client: ConnectionOptions, policy: Partial<PeerPolicy> = {}, material?: TlsMaterial) {
    const { listener, events } = await listen(policy, material)
    const { text } = await roundTrip(listener.port, client)
    return { text, reason: events[0]?.reason }
  }

  const subjectOfIntermediate = () => new X509Certificate(readFileSync(join(directory, 'intermediate.pem'))).subject.replace('CN=', '')
  const asIdentity = ({ pem, key }: { pem: string; key: string }): Identity => ({ cert: pem, key })

  /** An authority of somebody else that this listener trusts too. */
  function otherAuthority(keys = ecKeys()) {
    const authority = oddCertificate({ subject: [[cn('Other CA')]], isAuthority: true, keys })
    return { authority, material: { ...certificates.material, authorities: [...certificates.material.authorities, authority.pem] } }
  }

  it('for servers cannot be used by a client', async () => {
    const { text, reason } = await judged(identity('server'))
    expect(text).toBe('')
    expect(reason).toBe('INVALID_PURPOSE')
  })

  it('for clients cannot be used by a server', async () => {
    const server = tls.createServer({ ...tlsOptions({ ...certificates.material, certificate: alice.cert, key: alice.key }) }, socket => socket.end('hello'))
    onTestFinished(() => void server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const error = await new Promise(resolve => {
      tls.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ca, servername: 'localhost' }).on('error', resolve).on('data', resolve)
    })
    expect((error as NodeJS.ErrnoException).code).toBe('INVALID_PURPOSE')
  })

  it('of another CA is turned away, with OpenSSL\'s reason', async () => {
    const { authority } = otherAuthority()
    const leaf = oddCertificate({ subject: [[cn('alice')]], purpose: 'clientAuth', issuer: authority })
    expect((await judged(asIdentity(leaf))).reason).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  })

  it('that signs itself is turned away', async () => {
    const { reason } = await judged(asIdentity(oddCertificate({ subject: [[cn('admin')]], purpose: 'clientAuth' })))
    expect(reason).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  it('that has expired, or is not valid yet, is turned away', async () => {
    const { authority, material } = otherAuthority()
    const leaf = (notBefore: Date, notAfter: Date) =>
      asIdentity(oddCertificate({ subject: [[cn('alice')]], purpose: 'clientAuth', issuer: authority, notBefore, notAfter }))
    const day = (days: number) => new Date(Date.now() + days * dayMs)
    expect((await judged(leaf(day(-3), day(-1)), {}, material)).reason).toBe('CERT_HAS_EXPIRED')
    expect((await judged(leaf(day(1), day(3)), {}, material)).reason).toBe('CERT_NOT_YET_VALID')
    expect((await judged(leaf(day(-1), day(1)), {}, material)).text).toContain('User:CN=alice')
  })

  it('signed by a client\'s certificate is turned away: a leaf is no CA', async () => {
    const issuer = { subject: [[cn('alice')]], privateKey: createPrivateKey(alice.key) }
    const leaf = oddCertificate({ subject: [[cn('admin')]], purpose: 'clientAuth', issuer })
    const { text, reason } = await judged({ cert: leaf.pem + alice.cert, key: leaf.key })
    expect(text).toBe('')
    expect(reason).toContain('OpenSSL found the certificate chain invalid')
  })

  it('below an authority that the intermediate must not have made is turned away', async () => {
    const issuer = { subject: [[cn(subjectOfIntermediate())]], privateKey: createPrivateKey(readFileSync(join(directory, 'intermediate.key'))) }
    const authority = oddCertificate({ subject: [[cn('Sub CA')]], isAuthority: true, issuer })
    const leaf = oddCertificate({ subject: [[cn('admin')]], purpose: 'clientAuth', issuer: authority })
    const { text, reason } = await judged({ cert: leaf.pem + authority.pem, key: leaf.key })
    expect(text).toBe('')
    expect(reason).toBe('PATH_LENGTH_EXCEEDED')
  })

  it('with a key that is too short is turned away', async () => {
    const { authority, material } = otherAuthority()
    const short = oddCertificate({ subject: [[cn('alice')]], purpose: 'clientAuth', issuer: authority, keys: generateKeyPairSync('rsa', { modulusLength: 1024 }) })
    // The client's own OpenSSL would refuse to use it.
    const { text, reason } = await judged({ ...asIdentity(short), ciphers: 'DEFAULT@SECLEVEL=0' }, {}, material)
    expect(text).toBe('')
    expect(reason).toMatch(/^(UNSPECIFIED|EE_KEY_TOO_SMALL)/)
  })

  it('of an EC key and another trusted CA is accepted', async () => {
    const { authority, material } = otherAuthority()
    const subject = [[{ type: '2.5.4.10', value: 'Other, Inc.' }], [cn('carol')]]
    const leaf = oddCertificate({ subject, purpose: 'clientAuth', issuer: authority, keys: ecKeys() })
    expect((await judged(asIdentity(leaf), {}, material)).text).toBe(`User:CN=carol,O=Other\\, Inc. ${sha256(leaf.pem)}\nping\n`)
  })

  it('is enough without its intermediate, which the server knows', async () => {
    const [leaf] = alice.cert.split(/(?<=-----END CERTIFICATE-----\n)/)
    expect((await judged({ cert: leaf!, key: alice.key })).text).toContain('User:CN=alice')
  })

  it('whose name can be read in two ways is turned away, whoever signed it', async () => {
    const { authority, material } = otherAuthority()
    const leaf = oddCertificate({ subject: [[cn('alice')], [cn('admin')]], purpose: 'clientAuth', issuer: authority })
    const { text, reason } = await judged(asIdentity(leaf), {}, material)
    expect(text).toBe('')
    expect(reason).toBe('the subject has more than one CN')
  })

  it('becomes a principal by the mapping rules, or none where no rule matches', async () => {
    expect((await judged(alice, { mapping: readMappingRules('RULE:^CN=(.*)$/$1/U') })).text).toContain('User:ALICE ')
    const { text, reason } = await judged(alice, { mapping: readMappingRules('RULE:^UID=(.*)$/$1/') })
    expect(text).toBe('')
    expect(reason).toBe('no principal mapping rule matches CN=alice')
  })
})

describe('TLS', () => {
  it('below 1.2 is refused', async () => {
    const { listener, events } = await listen()
    expect((await roundTrip(listener.port, { ...alice, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).text).toBe('')
    expect(events).toEqual([])
  })

  it('shows a certificate that clients can check by name and by address, and under no other', async () => {
    const { listener } = await listen()
    for (const servername of ['localhost', '']) expect((await roundTrip(listener.port, { ...alice, servername })).text).toContain('User:CN=alice')
    expect((await roundTrip(listener.port, { ...alice, servername: 'evil.example' })).text).toBe('')
  })

  it('takes new certificates while it runs, and connections that stand keep theirs', async () => {
    const { listener } = await listen()
    const standing = tls.connect({ host: '127.0.0.1', port: listener.port, ca, servername: 'localhost', ...alice })
    await new Promise(resolve => standing.once('data', resolve))
    const renewed = await ensureCertificates({ world, directory, hostnames: ['localhost', '127.0.0.1', 'renewed.example'] })
    listener.setSecureContext(tlsOptions(renewed.material))
    expect((await roundTrip(listener.port, { ...alice, servername: 'renewed.example' })).text).toContain('User:CN=alice')
    standing.write('still here\n')
    expect((await new Promise<Buffer>(resolve => standing.once('data', resolve))).toString()).toBe('still here\n')
    standing.destroy()
  })
})

describe('judging works the same for', () => {
  it('HTTPS: judged once per connection, known to every request', async () => {
    const events: AuditEvent[] = []
    const policy = policyFor('http', events)
    const server = https.createServer(tlsOptions(certificates.material, ['http/1.1']), (request, response) => {
      const found = judgePeer(request.socket as TLSSocket, policy)
      response.end('rejected' in found ? 'rejected' : found.principal.name)
    })
    server.on('secureConnection', socket => { if ('rejected' in judgePeer(socket, policy)) socket.destroy() })
    onTestFinished(() => void server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, ...alice })
    const get = (options: https.RequestOptions) => new Promise<string>((resolve, reject) => {
      https.get({ host: 'localhost', port, ca, ...options }, response => response.on('data', data => resolve(String(data)))).on('error', reject)
    })
    expect([await get({ agent }), await get({ agent })]).toEqual(['CN=alice', 'CN=alice'])
    expect(events).toHaveLength(1)
    await expect(get({ agent: new https.Agent() })).rejects.toThrow()
    expect(events.at(-1)?.reason).toBe('no client certificate')
    agent.destroy()
  })

  it('HTTP/2: the session\'s proxied socket knows the verdict', async () => {
    const events: AuditEvent[] = []
    const policy = policyFor('http', events)
    const server = http2.createSecureServer(tlsOptions(certificates.material, ['h2']))
    server.on('secureConnection', socket => { if ('rejected' in judgePeer(socket, policy)) socket.destroy() })
    server.on('stream', stream => {
      const found = judgePeer(stream.session!.socket as TLSSocket, policy)
      stream.respond({ ':status': 200 })
      stream.end('rejected' in found ? 'rejected' : found.principal.name)
    })
    onTestFinished(() => void server.close())
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const get = async (options: http2.SecureClientSessionOptions) => {
      const session = http2.connect(`https://localhost:${port}`, { ca, ...options })
      try {
        return await new Promise<string>((resolve, reject) => {
          session.on('error', reject)
          session.on('close', () => reject(new Error('closed')))
          session.request({ ':path': '/' }).on('data', data => resolve(String(data))).on('error', reject)
        })
      } finally {
        session.destroy()
      }
    }
    expect(await get(alice)).toBe('CN=alice')
    expect(await get(alice)).toBe('CN=alice')
    expect(events).toHaveLength(2)
    await expect(get({})).rejects.toThrow()
  })
})
