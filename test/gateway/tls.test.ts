// The gateway over real TLS with real certificates: who is let in, as whom, and what a token is worth.
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGateway } from '../../src/gateway/app.ts'
import type { Door } from '../../src/gateway/authentication.ts'
import { startGateway, type GatewayServer } from '../../src/gateway/server.ts'
import { ensureCertificates, type Certificates } from '../../src/pki/certificates.ts'
import { issue } from '../../src/pki/clients.ts'
import { TokenService } from '../../src/security/jwt.ts'
import { wholeName } from '../../src/security/principal-mapping.ts'
import { judgePeer, tlsOptions } from '../../src/security/tls.ts'
import { nodeWorld } from '../../src/world/node.ts'
import { testGateway, type TestGateway } from '../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const oneRecord = '{"records":[{"value":1}]}'

const world = nodeWorld()
let directory: string
let certificates: Certificates
let gateway: TestGateway
let server: GatewayServer
let foreignDirectory: string

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Record<string, unknown>
}

/** What `curl --cert` does; `cert: null` shows none. */
async function curl(path: string, how: { cert?: string | null; from?: string; method?: string; headers?: Record<string, string>; body?: string } = {}): Promise<Answer> {
  const from = how.from ?? directory
  const name = how.cert === undefined ? 'admin' : how.cert
  const identity = name === null ? {} : { cert: await readFile(join(from, `${name}.pem`)), key: await readFile(join(from, `${name}.key`)) }
  const ca = await readFile(certificates.paths.ca)
  return await new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: 'localhost', port: server.port, path, method: how.method ?? 'GET', headers: { connection: 'close', ...how.headers }, ca, ...identity, agent: false },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => void chunks.push(chunk))
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: parse(Buffer.concat(chunks).toString()) }))
      },
    )
    request.on('error', reject)
    request.end(how.body)
  })
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return { text }
  }
}

const produce = (how: Parameters<typeof curl>[1]): Promise<Answer> => curl('/topics/orders', { method: 'POST', body: oneRecord, ...how, headers: { 'content-type': json, ...how?.headers } })
const tokenFor = async (cert: string): Promise<string> => {
  const answer = await curl('/oauth2/token', { cert, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials' })
  return answer.body['access_token'] as string
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sluice-gateway-'))
  foreignDirectory = await mkdtemp(join(tmpdir(), 'sluice-foreign-'))
  certificates = await ensureCertificates({ directory, hostnames: ['localhost', '127.0.0.1', '::1'], world })
  await ensureCertificates({ directory: foreignDirectory, hostnames: ['localhost'], world })
  for (const name of ['alice', 'bob']) await issue({ directory, name, days: 1, replace: false, world, hostnames: [] })
  gateway = await testGateway()
  gateway.time.now = Date.now()
  await gateway.createTopic('orders')
  await gateway.allow('alice', 'write', 'topic', 'orders')
  const tokens = new TokenService({ key: certificates.tokenKey, issuer: 'sluice', audience: 'sluice', now: () => gateway.time.now })
  const policy = { audit: gateway.parts.audit, listener: 'gateway', mapping: wholeName, certificate: 'optional', now: () => gateway.time.now } as const
  const door: Door = { judge: socket => judgePeer(socket as TLSSocket, policy), tokens, tokenTtlS: 300, audit: gateway.parts.audit }
  server = await startGateway({
    app: createGateway({ ...gateway.parts, door }), host: 'localhost', port: 0, tls: tlsOptions(certificates.material), judge: door.judge,
    limits: { headersTimeoutMs: 2_000, requestTimeoutMs: 4_000 },
  })
})

afterAll(async () => {
  await server.close()
  await rm(directory, { recursive: true })
  await rm(foreignDirectory, { recursive: true })
})

describe('a client with a certificate', () => {
  it('is its principal, and may do what the ACLs allow it', async () => {
    expect((await produce({ cert: 'alice' })).status).toBe(200)
    const refused = await produce({ cert: 'bob' })
    expect([refused.status, refused.body]).toEqual([403, { error_code: 40301, message: 'Not authorized to access topics: [orders]' }])
    await gateway.allow('bob', 'write', 'topic', 'orders')
    expect((await produce({ cert: 'bob' })).status).toBe(200)
  })

  it('of another CA gets a 401 with the reason, on every path, and stands in the audit log', async () => {
    for (const path of ['/topics', '/kinesis', '/nothing']) {
      const answer = await curl(path, { from: foreignDirectory })
      expect([path, answer.status]).toEqual([path, 401])
      expect(answer.body['message']).toMatch(/the client certificate was not accepted: /)
    }
    expect(gateway.audited).toContainEqual(expect.objectContaining({ kind: 'connection', outcome: 'denied', resource: 'listener:gateway' }))
  })
})

describe('a client without a certificate', () => {
  it('is told to show one, and reaches only what has an authentication of its own', async () => {
    const answer = await produce({ cert: null })
    expect([answer.status, answer.body['error_code'], answer.headers['www-authenticate']]).toEqual([401, 40101, 'Bearer realm="sluice"'])
    const kinesis = await curl('/kinesis', { cert: null, method: 'POST', headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Kinesis_20131202.ListStreams' }, body: '{}' })
    expect([kinesis.status, kinesis.body['__type']]).toEqual([400, 'MissingAuthenticationTokenException'])
    const token = await curl('/oauth2/token', { cert: null, method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials' })
    expect([token.status, token.body['error']]).toEqual([401, 'invalid_client'])
  })
})

describe('a token', () => {
  it('is good over a connection with the certificate it was given for', async () => {
    const token = await tokenFor('alice')
    expect((await produce({ cert: 'alice', headers: { authorization: `Bearer ${token}` } })).status).toBe(200)
    expect(gateway.audited).toContainEqual(expect.objectContaining({ kind: 'credential', operation: 'issue-token', principal: 'User:CN=alice' }))
  })

  it('is worth nothing with another certificate, or with none', async () => {
    const token = await tokenFor('alice')
    for (const cert of ['admin', null]) {
      const answer = await produce({ cert, headers: { authorization: `Bearer ${token}` } })
      expect([cert, answer.status]).toEqual([cert, 401])
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="sluice", error="invalid_token", error_description="the token is bound to /)
    }
  })

  it('is refused once it has expired, and where it is not ours at all', async () => {
    const token = await tokenFor('alice')
    gateway.time.now += 310_000
    expect((await produce({ cert: 'alice', headers: { authorization: `Bearer ${token}` } })).status).toBe(401)
    gateway.time.now -= 310_000
    for (const authorization of ['Bearer x.y.z', 'Bearer ', 'Basic YTpi', `Bearer ${token}x`]) {
      expect([authorization, (await produce({ cert: 'alice', headers: { authorization } })).status]).toEqual([authorization, 401])
    }
  })
})

describe('the token endpoint', () => {
  it.each([
    ['grant_type=password', 'unsupported_grant_type'],
    ['', 'invalid_request'],
    ['grant_type=client_credentials&grant_type=client_credentials', 'invalid_request'],
  ])('answers %j in the words of OAuth', async (body, error) => {
    const answer = await curl('/oauth2/token', { cert: 'alice', method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body })
    expect([answer.status, answer.body['error'], answer.headers['cache-control']]).toEqual([400, error, 'no-store'])
  })
})

describe('the listener', () => {
  it('ends connections that dribble a head, or never finish a body', async () => {
    const identity = { cert: await readFile(join(directory, 'alice.pem')), key: await readFile(join(directory, 'alice.key')), ca: await readFile(certificates.paths.ca) }
    const starts = ['GET /topics HTTP/1.1\r\nhost: x\r\nx-sl', `POST /topics/orders HTTP/1.1\r\nhost: x\r\ncontent-type: ${json}\r\ncontent-length: 1000\r\n\r\n{"rec`]
    await Promise.all(starts.map(async start => {
      const socket = connectTls({ host: 'localhost', port: server.port, ...identity })
      await once(socket, 'secureConnect')
      let received = ''
      socket.on('data', (chunk: Buffer) => { received += chunk.toString() })
      socket.write(start)
      await once(socket, 'close')
      expect(received).toMatch(/^HTTP\/1\.1 408 /)
    }))
  })

  it('survives garbage, plain HTTP and smuggling attempts, and serves others meanwhile', async () => {
    const plain = connectTcp({ host: 'localhost', port: server.port })
    plain.on('error', () => {})
    plain.end('GET / HTTP/1.1\r\n\r\n')
    await once(plain, 'close')
    const identity = { cert: await readFile(join(directory, 'alice.pem')), key: await readFile(join(directory, 'alice.key')), ca: await readFile(certificates.paths.ca) }
    const attempts = [
      '\x00\x01\x02garbage\r\n\r\n',
      'POST /topics/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /topics/orders HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
      `GET /topics HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(32 * 1024)}\r\n\r\n`,
    ]
    for (const attempt of attempts) {
      const socket = connectTls({ host: 'localhost', port: server.port, ...identity })
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      let received = ''
      socket.on('data', (chunk: Buffer) => { received += chunk.toString() })
      socket.write(attempt)
      await once(socket, 'close')
      expect(received).toMatch(/^HTTP\/1\.1 4(00|31) /)
      expect((await produce({ cert: 'alice' })).status).toBe(200)
    }
  })

  it('does not trip over headers and parameters with the names of prototypes', async () => {
    const answer = await curl('/topics?__proto__=1&constructor=2&a[]=1&a[b][c]=2', { headers: { ['__proto__']: 'x', constructor: 'y' } })
    expect(answer.status).toBe(200)
  })
})
