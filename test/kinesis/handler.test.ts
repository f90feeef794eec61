import aws4 from 'aws4'
import { describe, expect, test } from 'vitest'
import type { KinesisRequest, KinesisResponse } from '../../src/kinesis/handler.ts'
import { readCbor } from './support/cbor.ts'
import { accessKeyId, secretAccessKey, sign, TestClock, testAccess, testKinesis, type TestKinesis } from './support/kinesis.ts'

const json = 'application/x-amz-json-1.1'
const cbor = 'application/x-amz-cbor-1.1'
const missingToken = '<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n</MissingAuthenticationTokenException>\n'
const accessDenied = '<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be authorized</Message>\n</AccessDeniedException>\n'

/** A request that nobody signed. */
async function raw(kinesis: TestKinesis, request: Partial<Omit<KinesisRequest, 'body'>> & { body?: string } = {}): Promise<KinesisResponse & { text: string }> {
  const { body = '', ...rest } = request
  const response = await kinesis.handler.handle({ method: 'POST', path: '/', query: '', host: '127.0.0.1', headers: {}, ...rest, body: Buffer.from(body) })
  return { ...response, text: response.body.toString() }
}

describe('the order of checks, each before the next', () => {
  const target = { 'content-type': json, 'x-amz-target': 'Kinesis_20131202.ListStreams' }

  test.each<[string, Parameters<typeof raw>[1], number, string | undefined, string]>([
    ['a method other than POST', { method: 'GET' }, 403, undefined, missingToken],
    ['OPTIONS without an origin', { method: 'OPTIONS' }, 403, undefined, missingToken],
    ['nothing at all', {}, 403, undefined, missingToken],
    ['a body without a content type', { body: '{}' }, 403, undefined, missingToken],
    ['another content type, with a target', { body: '{}', headers: { ...target, 'content-type': 'application/x-amz-json-1.0' } }, 403, undefined, missingToken],
    ['no body, no target', { headers: { 'content-type': json } }, 400, json, '{"__type":"UnknownOperationException"}'],
    ['no body', { headers: target }, 400, json, '{"__type":"SerializationException"}'],
    ['a body that is not JSON', { headers: target, body: 'hello' }, 400, json, '{"__type":"SerializationException"}'],
    ['a body that is no object', { headers: target, body: '[1]' }, 400, json, '{"__type":"SerializationException"}'],
    ['null', { headers: target, body: 'null' }, 400, json, '{"__type":"SerializationException"}'],
    ['an unknown operation', { headers: { ...target, 'x-amz-target': 'Kinesis_20131202.ListStream' }, body: '{}' }, 400, json, '{"__type":"UnknownOperationException"}'],
    ['another service\'s operation', { headers: { ...target, 'x-amz-target': 'DynamoDB_20120810.ListStreams' }, body: '{}' }, 400, json, '{"__type":"UnknownOperationException"}'],
    ['a target of three parts', { headers: { ...target, 'x-amz-target': 'Kinesis_20131202.ListStreams.x' }, body: '{}' }, 400, json, '{"__type":"UnknownOperationException"}'],
    ['a name of Object.prototype', { headers: { ...target, 'x-amz-target': 'Kinesis_20131202.constructor' }, body: '{}' }, 400, json, '{"__type":"UnknownOperationException"}'],
    ['no signature', { headers: target, body: '{}' }, 400, json, '{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}'],
    ['the older JSON', { headers: { ...target, 'content-type': 'application/json' }, body: '{}' }, 200, 'application/json',
      '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException","message":null},"Version":"1.0"}'],
    ['the older JSON, damaged', { headers: { ...target, 'content-type': 'application/json' }, body: 'x' }, 200, 'application/json',
      '{"Output":{"__type":"com.amazon.coral.service#SerializationException","Message":null},"Version":"1.0"}'],
  ])('%s', async (_what, request, status, contentType, body) => {
    const kinesis = await testKinesis()
    const response = await raw(kinesis, request)
    expect({ status: response.status, contentType: response.headers['content-type'], body: response.text }).toEqual({ status, contentType, body })
    expect(response.headers['x-amzn-requestid']).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(Buffer.from(response.headers['x-amz-id-2']!, 'base64')).toHaveLength(72)
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(body)))
    expect(response.headers['date']).toBe('Sun, 22 Nov 2026 12:00:00 GMT')
  })

  test('a signature comes before types, types before constraints, constraints before access, access before existence', async () => {
    let allowed = true
    const kinesis = await testKinesis({ access: testAccess(() => allowed) })
    const type = async (input: unknown, how = {}): Promise<unknown> => ((await kinesis.call('PutRecord', input, how)).body as { __type: string }).__type
    const wrongType = { StreamName: 1 }
    expect(await type(wrongType, { secret: 'x' })).toBe('InvalidSignatureException')
    expect(await type(wrongType)).toBe('SerializationException')
    expect(await type({ StreamName: '' })).toBe('ValidationException')
    const right = { StreamName: 'none', PartitionKey: 'a', Data: '' }
    allowed = false
    expect(await type({ PartitionKey: 'a', Data: '' })).toBe('InvalidArgumentException')
    expect(await type(right)).toBe('AccessDeniedException')
    allowed = true
    expect(await type(right)).toBe('ResourceNotFoundException')
  })

  test('a long body is not read for whom has not signed it', async () => {
    const kinesis = await testKinesis()
    const long = `${' '.repeat(65_536)}x`
    const missing = { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' }
    expect(JSON.parse((await raw(kinesis, { headers: target, body: long })).text)).toEqual(missing)
    expect(JSON.parse((await raw(kinesis, { headers: { ...target, 'x-amz-content-sha256': '0'.repeat(64) }, body: long })).text)).toEqual(missing)
    expect(JSON.parse((await raw(kinesis, { headers: target, body: long.slice(1) })).text)).toEqual({ __type: 'SerializationException' })
    expect((await raw(kinesis, { headers: { ...target, 'content-type': 'application/json' }, body: long })).text).toContain('UnknownOperationException')
    // Who has signed it hears what is wrong with it; a hash that he signed is held against the body in the end.
    expect(await kinesis.call('ListStreams', undefined, { raw: long })).toMatchObject({ status: 400, body: { __type: 'SerializationException' } })
    expect(await kinesis.call('ListStreams', undefined, { raw: `${' '.repeat(65_536)}{}`, headers: { 'X-Amz-Content-Sha256': '0'.repeat(64) } }))
      .toMatchObject({ status: 400, body: { __type: 'InvalidSignatureException' } })
    expect(await kinesis.call('ListStreams', undefined, { raw: `${' '.repeat(65_536)}{}` })).toMatchObject({ status: 200 })
  })

  test('a temporary key wants its token, until it expires', async () => {
    const kinesis = await testKinesis()
    const session = { token: 'token', expiresAtMs: kinesis.clock.now() + 60_000 }
    await kinesis.backend.accessKeys.add({ id: 'ASIASLUICETEST000001', secret: secretAccessKey, principal: { type: 'User', name: 'CN=bob' }, createdAtMs: 0, session })
    const ask = async (token?: string) => (await kinesis.call('ListStreams', {}, { keyId: 'ASIASLUICETEST000001', headers: token === undefined ? {} : { 'X-Amz-Security-Token': token } })).body
    expect(await ask('token')).toMatchObject({ StreamNames: [] })
    const unknown = { __type: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' }
    expect([await ask(), await ask('other')]).toEqual([unknown, unknown])
    ;(kinesis.clock as TestClock).advance(60_000)
    expect(await ask('token')).toEqual({ __type: 'ExpiredTokenException', message: 'The security token included in the request is expired' })
  })

  test.each<[string, { target?: string; hex: string }, unknown]>([
    ['no body, no target', { target: '', hex: '' }, { __type: 'UnknownOperationException' }],
    ['no body', { hex: '' }, { __type: 'SerializationException' }],
    ['a body that is not CBOR', { hex: 'bf' }, { __type: 'SerializationException' }],
    ['a body that is no map', { hex: '9fff' }, { __type: 'SerializationException' }],
    ['an unknown operation', { target: 'Kinesis_20131202.ListStream', hex: 'bfff' }, { __type: 'UnknownOperationException' }],
    ['no signature', { hex: 'bfff' }, { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' }],
  ])('in CBOR, whose errors are in CBOR: %s', async (_what, { target: asked = target['x-amz-target'], hex }, expected) => {
    const { handler } = await testKinesis()
    const headers = { 'content-type': cbor, 'x-amz-target': asked }
    const response = await handler.handle({ method: 'POST', path: '/', query: '', host: '127.0.0.1', headers, body: Buffer.from(hex, 'hex') })
    expect({ status: response.status, contentType: response.headers['content-type'], body: readCbor(response.body as Buffer) }).toEqual({ status: 400, contentType: cbor, body: expected })
  })

  test('in CBOR, too, a DryRun stops short of doing it, and an operation without an answer has no body', async () => {
    const kinesis = await testKinesis()
    const created = await kinesis.call('CreateStream', { StreamName: 'orders', ShardCount: 1 }, { form: 'cbor' })
    expect([created.status, created.body, created.headers['content-type'], created.headers['content-length']]).toEqual([200, '', cbor, '0'])
    const put = { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from('data'), DryRun: true }
    expect((await kinesis.call('PutRecord', put, { form: 'cbor' })).body).toMatchObject({ __type: 'DryRunOperationException' })
    const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' }, { form: 'cbor' })
    expect(await kinesis.ok('GetRecords', { ShardIterator }, { form: 'cbor' })).toMatchObject({ Records: [], MillisBehindLatest: 0 })
  })

  test('a form that Kinesis does not speak is judged by its signature, in XML, and told nothing else', async () => {
    const kinesis = await testKinesis()
    const ask = async (headers: Record<string, string>, how: Parameters<typeof sign>[3] = {}): Promise<unknown> => {
      const { status, headers: given, text } = await raw(kinesis, { headers: sign('ListStreams', '{}', kinesis.clock.now(), { ...how, headers }), body: '{}' })
      return [status, given['content-type'], text]
    }
    const unsupported = { 'Content-Type': 'text/plain' }
    expect(await ask(unsupported)).toEqual([404, undefined, '<UnknownOperationException/>\n'])
    expect(await ask({ ...unsupported, 'X-Amz-Target': 'none' })).toEqual([403, undefined, accessDenied])
    expect(await ask(unsupported, { secret: 'x' })).toEqual([403, undefined, expect.stringMatching(/^<InvalidSignatureException>\n {2}<Message>The request signature we calculated/)])
    const quoted = await raw(kinesis, { headers: { authorization: 'AWS4-HMAC-SHA256 <script>&' }, body: '{}' })
    expect(quoted.text).toMatch(/^<IncompleteSignatureException>\n.*Authorization=AWS4-HMAC-SHA256 &lt;script&gt;&amp;<\/Message>/)
    const signedGet = aws4.sign({ service: 'kinesis', region: 'us-east-1', host: 'kinesis.test', method: 'GET', path: '/', headers: {
      'X-Amz-Date': new Date(kinesis.clock.now()).toISOString().replace(/[-:]|\.\d+/g, ''),
    } }, { accessKeyId, secretAccessKey })
    const lower = Object.fromEntries(Object.entries(signedGet.headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
    expect((await raw(kinesis, { method: 'GET', headers: lower })).text).toBe(accessDenied)
  })
})

describe('CORS', () => {
  test('a preflight is answered without a signature', async () => {
    const { status, headers, text } = await raw(await testKinesis(), {
      method: 'OPTIONS', headers: { origin: 'https://x', 'access-control-request-headers': 'a, b', 'access-control-request-method': 'POST' },
    })
    expect([status, text, headers['content-length']]).toEqual([200, '', '0'])
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*', 'access-control-allow-headers': 'a, b', 'access-control-allow-methods': 'POST', 'access-control-max-age': '172800',
    })
    expect(headers).not.toHaveProperty('x-amz-id-2')
  })

  test('of a server for loopback only is for pages and names of loopback only', async () => {
    const kinesis = await testKinesis({ loopbackOnly: true })
    const ask = (headers: Record<string, string>) => raw(kinesis, { method: 'OPTIONS', headers: { host: 'localhost:4567', 'access-control-request-method': 'POST', ...headers } })
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:8080']) expect((await ask({ origin })).headers).toHaveProperty('access-control-allow-origin')
    for (const origin of ['https://evil.example', 'http://localhost.evil.example', 'null']) {
      const { status, headers } = await ask({ origin })
      expect([status, headers['access-control-allow-origin']]).toEqual([403, undefined])
    }
    for (const host of ['evil.example', 'localhost.evil.example:4567', '']) expect((await ask({ host, origin: 'http://localhost:3000' })).status).toBe(421)
  })

  test('other requests from a page may read the answer\'s headers', async () => {
    const { headers } = await raw(await testKinesis(), { headers: { origin: 'https://x' } })
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*', 'access-control-expose-headers': 'x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date',
    })
  })
})

test('a signature that is not believed is told to the audit log, by its peer and its fault', async () => {
  const told: object[] = []
  const kinesis = await testKinesis({ audit: { record: event => told.push(event) } })
  await kinesis.call('ListStreams', {}, { secret: 'wrong', host: '203.0.113.9' })
  await kinesis.call('ListStreams', {})
  expect(told).toEqual([{
    kind: 'access', outcome: 'denied', principal: 'User:ANONYMOUS', host: '203.0.113.9', operation: 'authenticate', resource: 'listener:kinesis', reason: 'InvalidSignatureException',
  }])
})

test('what a request did is told to the observer, without its contents', async () => {
  const seen: object[] = []
  const kinesis = await testKinesis({ observe: one => seen.push(one) })
  await kinesis.call('CreateStream', { StreamName: 'a', ShardCount: 1 })
  await kinesis.call('DescribeStream', { StreamName: 'secret-name-of-a-stream' })
  expect(seen).toMatchObject([{ operation: 'CreateStream', status: 200, error: undefined, bytesOut: 0 }, { operation: 'DescribeStream', status: 400, error: 'ResourceNotFoundException' }])
  expect(JSON.stringify(seen)).not.toContain('secret')
})

test('a failure inside is an InternalFailure and one line in the log, nothing more', async () => {
  const kinesis = await testKinesis()
  kinesis.backend.admin.topics = async () => { throw new Error('the disk is gone') }
  const { status, body } = await kinesis.call('ListStreams', {})
  expect([status, body]).toEqual([500, { __type: 'InternalFailure' }])
  await kinesis.call('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from('a secret').toString('base64') })
  await kinesis.call('PutRecords', { StreamName: 'orders', Records: [{ PartitionKey: 'k', Data: Buffer.from('a secret').toString('base64') }] })
  expect(kinesis.logger.lines).toMatchObject([
    { level: 'error', fields: { operation: 'ListStreams', input: {} } },
    { level: 'error', fields: { operation: 'PutRecord', input: { StreamName: 'orders', PartitionKey: 'k', Data: '<8 of blob>' } } },
    { level: 'error', fields: { operation: 'PutRecords', input: { StreamName: 'orders', Records: '<1 of list>' } } },
  ])
})

test('the same request is verified on whatever path the client signed', async () => {
  const kinesis = await testKinesis()
  const nowMs = (kinesis.clock as TestClock).now()
  const headers = sign('ListStreams', '{}', nowMs)
  const at = async (path: string): Promise<number> => (await raw(kinesis, { path, headers, body: '{}' })).status
  expect(await at('/')).toBe(200)
  expect(await at('/kinesis')).toBe(400)
})
