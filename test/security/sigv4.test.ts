import { createHash, createHmac } from 'node:crypto'
import { HttpRequest } from '@smithy/core/protocols'
import { SignatureV4 } from '@smithy/signature-v4'
import aws4 from 'aws4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AccessKey, AccessKeys } from '../../src/ports.ts'
import { signedHeadersOf } from '../../src/security/canonical-request.ts'
import { SignatureFault, SigV4Verifier, type SignedRequest } from '../../src/security/sigv4.ts'
import { TestClock } from '../kinesis/support/kinesis.ts'

const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const alice: AccessKey = { id: 'AKIDEXAMPLE', secret, principal: { type: 'User', name: 'alice' }, createdAtMs: 0 }
const at = Date.UTC(2026, 10, 22, 12, 0, 0)
const date = '20261122T120000Z'

interface Sent extends SignedRequest { readonly body: string }

function keysOf(key: AccessKey): AccessKeys {
  return { find: id => (id === key.id ? key : undefined), all: () => [key], add: async () => null, remove: async () => null }
}

function verifier(options: { service?: string; region?: string; nowMs?: number } = {}): SigV4Verifier {
  return new SigV4Verifier({ clock: new TestClock(options.nowMs ?? at), accessKeys: keysOf(alice), region: options.region ?? 'us-east-1', service: options.service ?? 'kinesis' })
}

function verify(sent: Sent, options: Parameters<typeof verifier>[0] = {}): AccessKey | SignatureFault {
  return verifier(options).verify(sent, createHash('sha256').update(sent.body).digest('hex'))
}

/** Signed by aws4, which shares no code with the AWS SDK or with us. */
function signed(change: { path?: string; body?: string; headers?: Record<string, string>; dateHeader?: string; signQuery?: boolean; region?: string; service?: string; secret?: string; token?: string } = {}): Sent {
  const body = change.body ?? '{"StreamName":"orders"}'
  const request = aws4.sign({
    service: change.service ?? 'kinesis', region: change.region ?? 'us-east-1', host: 'kinesis.test:4567', method: 'POST', path: change.path ?? '/', body,
    signQuery: change.signQuery ?? false,
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'Kinesis_20131202.ListStreams', ...(change.signQuery ? {} : { 'X-Amz-Date': change.dateHeader ?? date }), ...change.headers },
  }, { accessKeyId: alice.id, secretAccessKey: change.secret ?? secret, ...(change.token === undefined ? {} : { sessionToken: change.token }) })
  const [path, query = ''] = request.path.split('?') as [string, string?]
  return { method: 'POST', path, query, headers: lowerCase(request.headers), body }
}

function lowerCase(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]))
}

function textOf(answer: AccessKey | SignatureFault): string {
  if (!(answer instanceof SignatureFault)) throw new Error('the request was believed')
  return `${answer.type}: ${answer.message}`
}

const mismatch = 'InvalidSignatureException: The request signature we calculated does not match the signature you provided. ' +
  'Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'

describe('requests signed by others are believed', () => {
  test.each([
    ['a plain call', {}],
    ['another path, and dots and doubled slashes in it', { path: '/kinesis/./a/../b//c/' }],
    ['a path with encoded and reserved characters', { path: '/k%20n/%C3%BC/a+b' }],
    ['a query, unsorted, with repeated and empty names', { path: '/?b=2&a=z&a=b&c=&%C3%A4=%20' }],
    ['runs of spaces in a header', { headers: { 'X-Amz-Meta': '  a   b  ' } }],
    ['an empty body', { body: '' }],
    ['a body beyond ASCII', { body: '{"StreamName":"käse 🧀"}' }],
  ])('aws4: %s', (_what, change) => {
    expect(verify(signed(change))).toBe(alice)
  })

  test('aws4 in the query, where the date is its own', () => {
    const sent = signed({ signQuery: true, path: '/?Action=x' })
    const now = new URLSearchParams(sent.query).get('X-Amz-Date')!
    const nowMs = Date.parse(now.replace(/(....)(..)(..T..)(..)(..)Z/, '$1-$2-$3:$4:$5Z'))
    expect(verify(sent, { nowMs })).toBe(alice)
    expect(textOf(verify({ ...sent, query: sent.query.replace('Action=x', 'Action=y') }, { nowMs }))).toBe(mismatch)
  })

  test.each(['host', ':authority'])('the AWS SDK\'s signer, over %s', async name => {
    const body = '{"Limit":3}'
    const signer = new SignatureV4({ service: 'kinesis', region: 'us-east-1', credentials: { accessKeyId: alice.id, secretAccessKey: secret }, sha256: NodeHash as never })
    const request = new HttpRequest({
      method: 'POST', path: '/', protocol: 'http:', hostname: '127.0.0.1', body,
      headers: { [name]: '127.0.0.1:4567', 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'Kinesis_20131202.ListStreams', 'amz-sdk-request': 'attempt=1; max=3' },
    })
    const { headers } = await signer.sign(request, { signingDate: new Date(at) })
    const sent = { method: 'POST', path: '/', query: '', headers: lowerCase(headers), body }
    expect(headers['authorization']).toContain(name)
    expect(verify(sent)).toBe(alice)
    expect(textOf(verify({ ...sent, headers: { ...sent.headers, [name]: '127.0.0.1:4568' } }))).toBe(mismatch)
  })

  test.each(['host', ':authority'])('aws4, over %s, with a session token', name => {
    // aws4 signs `host`; HTTP/2 has the same value in `:authority`, and SDKs sign it by that name.
    const temporary: AccessKey = { ...alice, session: { token: 'token/with+signs==', expiresAtMs: at + 1 } }
    const one = new SigV4Verifier({ clock: new TestClock(at), accessKeys: keysOf(temporary), region: 'us-east-1', service: 'kinesis' })
    const body = '{}'
    const headers: Record<string, string> = { [name]: 'kinesis.test:4567', 'x-amz-date': date, 'x-amz-security-token': 'token/with+signs==', 'x-amz-target': 'Kinesis_20131202.ListStreams' }
    const names = Object.keys(headers).toSorted()
    const signer = new aws4.RequestSigner({ service: 'kinesis', region: 'us-east-1', host: 'kinesis.test:4567', method: 'POST', path: '/', body, headers: { ...headers, Host: 'kinesis.test:4567', 'X-Amz-Date': date } },
      { accessKeyId: alice.id, secretAccessKey: secret, sessionToken: 'token/with+signs==' })
    signer.canonicalHeaders = () => names.map(each => `${each}:${headers[each]}`).join('\n')
    signer.signedHeaders = () => names.join(';')
    const sent = { method: 'POST', path: '/', query: '', headers: { ...headers, authorization: String(signer.sign().headers['Authorization']) }, body }
    const hash = createHash('sha256').update(body).digest('hex')
    expect(one.verify(sent, hash)).toBe(temporary)
    expect(one.verify({ ...sent, headers: { ...sent.headers, 'x-amz-security-token': 'token/with+signs=' } }, hash)).toMatchObject({ type: 'UnrecognizedClientException' })
    expect(one.verify({ ...sent, headers: { ...sent.headers, [name]: 'kinesis.test:4568' } }, hash)).toMatchObject({ type: 'InvalidSignatureException' })
    // Without the name that was signed: only HTTP/2 has another one for it.
    const renamed = Object.fromEntries(Object.entries(sent.headers).map(([each, value]) => [each !== name ? each : name === 'host' ? ':authority' : 'host', value]))
    expect(one.verify({ ...sent, headers: renamed }, hash)).toEqual(name === 'host' ? temporary : expect.objectContaining({ type: 'InvalidSignatureException' }))
  })

  test('a header that came several times, its values joined by commas as AWS joins them and not as Node does', () => {
    const sent = signed({ headers: { 'X-Amz-Meta': 'b,a' } })
    const raw = Object.entries(sent.headers).filter(([name]) => name !== 'x-amz-meta').flatMap(([name, value]) => [name, String(value)])
    const rawHeaders = [...raw, 'X-Amz-Meta', 'b', 'host', 'elsewhere', 'x-amz-meta', 'a']
    const node = { ...sent.headers, 'x-amz-meta': 'b, a' }
    expect(verify({ ...sent, headers: node })).toBeInstanceOf(SignatureFault)
    const headers = signedHeadersOf({ headers: node, rawHeaders })
    expect(headers).toMatchObject({ 'x-amz-meta': ['b', 'a'], host: 'kinesis.test:4567' })
    expect(verify({ ...sent, headers })).toBe(alice)
    expect(signedHeadersOf({ headers: sent.headers, rawHeaders: [...raw, 'x-amz-meta', 'b,a'] })).toBe(sent.headers)
  })

  test('a header beyond ASCII, whose bytes Node shows as characters of their own', () => {
    const sent = signed({ headers: { 'X-Amz-Meta': 'käse à' } })
    const asNodeShows = Buffer.from(sent.headers['x-amz-meta'] as string).toString('latin1')
    expect(verify({ ...sent, headers: { ...sent.headers, 'x-amz-meta': asNodeShows } })).toBe(alice)
  })

  test('a host signed as `host` that HTTP/2 sends as `:authority`, as the SDK for Java does', () => {
    const { headers: { host, ...others }, ...sent } = signed() as Sent & { headers: Record<string, string> }
    expect(verify({ ...sent, headers: { ...others, ':authority': host } })).toBe(alice)
    expect(textOf(verify({ ...sent, headers: { ...others, ':authority': 'elsewhere' } }))).toBe(mismatch)
    expect(textOf(verify({ ...sent, headers: { ...others, ':authority': host, 'host': 'elsewhere' } }))).toBe(mismatch)
  })

  test('the published example of the IAM user guide', () => {
    // docs.aws.amazon.com, "Signature Version 4 signing process": GET ListUsers, 2015-08-30.
    const sent = {
      method: 'GET', path: '/', query: 'Action=ListUsers&Version=2010-05-08', body: '',
      headers: {
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8', host: 'iam.amazonaws.com', 'x-amz-date': '20150830T123600Z',
        authorization: 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, ' +
          'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
      },
    }
    expect(verify(sent, { service: 'iam', nowMs: Date.UTC(2015, 7, 30, 12, 36, 0) })).toBe(alice)
  })

  test('get-vanilla of the suite that AWS published in 2011, which signs the Date header', () => {
    // 9 September 2011 was no Monday, and nobody looks.
    const sent = {
      method: 'GET', path: '/', query: '', body: '',
      headers: {
        date: 'Mon, 09 Sep 2011 23:36:00 GMT', host: 'host.foo.com',
        authorization: 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/host/aws4_request, SignedHeaders=date;host, ' +
          'Signature=b27ccfbfa7df52a200ff74193ca6e32d4b48b8856fab7ebf1c595d0670a7e470',
      },
    }
    const nowMs = Date.UTC(2011, 8, 9, 23, 36, 0)
    expect(verify(sent, { service: 'host', nowMs })).toBe(alice)
    expect(textOf(verify({ ...sent, headers: { ...sent.headers, date: 'Mon, 09 Sep 2011 23:36:01 GMT' } }, { service: 'host', nowMs }))).toBe(mismatch)
  })

  test('a client that signs its Date header in place of X-Amz-Date', () => {
    const { headers, ...rest } = signed()
    const withDate = aws4.sign({
      service: 'kinesis', region: 'us-east-1', host: 'h', method: 'POST', path: '/', body: rest.body, headers: { 'X-Amz-Date': date, 'Content-Type': 'x' },
    }, { accessKeyId: alice.id, secretAccessKey: secret })
    // What the signature covers as x-amz-date cannot become a Date header, so the claim is found and the signature is not.
    const moved = { ...lowerCase(withDate.headers), date: 'Sun, 22 Nov 2026 12:00:00 GMT' } as Record<string, string>
    delete moved['x-amz-date']
    expect(textOf(verify({ ...rest, headers: moved }))).toContain('The header \'x-amz-date\' is in SignedHeaders but not in the request')
    expect(headers['x-amz-date']).toBe(date)
  })
})

/** The hash and the HMAC that the SDK's signer asks for. */
class NodeHash {
  readonly #hash: { update(data: string | Uint8Array): unknown; digest(): Buffer }
  constructor(key?: string | Uint8Array) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', key)
  }
  update(data: string | Uint8Array): void { this.#hash.update(data) }
  async digest(): Promise<Uint8Array> { return this.#hash.digest() }
}

describe('nothing changed is believed', () => {
  test('any byte of the signature, the credential, a signed header, the method, the path, the query or the body', () => {
    const sent = signed({ path: '/a/b?x=1&y=2' })
    const signature = sent.headers['authorization'] as string
    expect(verify(sent)).toBe(alice)
    for (let index = 0; index < signature.length; index++) {
      const byte = signature.charCodeAt(index)
      for (const other of [byte ^ 1, byte ^ 2, byte ^ 16]) {
        const authorization = signature.slice(0, index) + String.fromCharCode(other) + signature.slice(index + 1)
        const headers = { ...sent.headers, authorization }
        expect(verify({ ...sent, headers }), `authorization ${authorization}`).toBeInstanceOf(SignatureFault)
      }
    }
  })

  test('any one character elsewhere (2,000 random mutations)', () => {
    const sent = signed({ path: '/a/b?x=1&y=2' })
    const fields = ['method', 'path', 'query', 'body', 'host', 'content-type', 'x-amz-target', 'x-amz-date'] as const
    fc.assert(fc.property(fc.constantFrom(...fields), fc.nat(), fc.integer({ min: 33, max: 126 }), (field, where, code) => {
      const isHeader = field in sent.headers
      const before = String(isHeader ? sent.headers[field] : sent[field as 'method' | 'path' | 'query' | 'body'])
      const index = where % before.length
      const after = before.slice(0, index) + String.fromCharCode(code) + before.slice(index + 1)
      // These differ as texts but not in the canonical form: a dot segment, a doubled slash, an empty or a decoded parameter.
      fc.pre(after !== before && !(field === 'path' && /\/\.?(\/|$)/.test(after)) && !(field === 'query' && /[&%=]/.test(before[index]! + after[index]!)))
      const changed = isHeader ? { ...sent, headers: { ...sent.headers, [field]: after } } : { ...sent, [field]: after }
      expect(verify(changed)).toBeInstanceOf(SignatureFault)
    }), { numRuns: 2_000 })
  })

  test('an x-amz-* header added after signing', () => {
    const sent = signed()
    expect(textOf(verify({ ...sent, headers: { ...sent.headers, 'x-amz-extra': '1' } })))
      .toBe('InvalidSignatureException: There were headers present in the request which were not signed: x-amz-extra')
  })

  test('a signature that leaves the host out', () => {
    const sent = signed()
    const authorization = (sent.headers['authorization'] as string).replace('host;', '')
    expect(textOf(verify({ ...sent, headers: { ...sent.headers, authorization } })))
      .toBe('InvalidSignatureException: \'Host\' or \':authority\' must be a \'SignedHeader\' in the AWS Authorization.')
  })

  test('a body hash in the header that is not the body\'s, nor a promise to leave it unsigned', () => {
    for (const said of ['UNSIGNED-PAYLOAD', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', '0'.repeat(64)]) {
      expect(textOf(verify(signed({ headers: { 'X-Amz-Content-Sha256': said } })))).toContain('x-amz-content-sha256')
    }
  })

  test('names of Object.prototype in SignedHeaders', () => {
    const sent = signed()
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const authorization = (sent.headers['authorization'] as string).replace(/SignedHeaders=[^,]*/, `SignedHeaders=${name};host`)
      expect(verify({ ...sent, headers: { ...sent.headers, authorization } })).toBeInstanceOf(SignatureFault)
    }
  })
})

describe('the five minutes', () => {
  test.each([-300, -1, 0, 1, 300])('%i seconds off is still good', seconds => {
    expect(verify(signed(), { nowMs: at + seconds * 1_000 })).toBe(alice)
  })

  test('a second more and it has expired', () => {
    expect(textOf(verify(signed(), { nowMs: at + 301_000 })))
      .toBe('InvalidSignatureException: Signature expired: 20261122T120000Z is now earlier than 20261122T120001Z (20261122T120501Z - 5 min.)')
  })

  test('a second less and it is not yet current', () => {
    expect(textOf(verify(signed(), { nowMs: at - 301_000 })))
      .toBe('InvalidSignatureException: Signature not yet current: 20261122T120000Z is still later than 20261122T115959Z (20261122T115459Z + 5 min.)')
  })
})

describe('what is wrong is told', () => {
  const withAuthorization = (authorization: string | undefined, more: Record<string, string> = {}): Sent => {
    const headers: Record<string, string> = { host: 'h', ...more }
    if (authorization !== undefined) headers['authorization'] = authorization
    return { method: 'POST', path: '/', query: '', headers, body: '{}' }
  }
  const parts = (names: string[]): string => names.map(name => `Authorization header requires '${name}' parameter. `).join('')
  const noDate = 'Authorization header requires existence of either a \'X-Amz-Date\' or a \'Date\' header. '
  const scope = (credential: string): Sent => {
    const sent = signed()
    return { ...sent, headers: { ...sent.headers, authorization: (sent.headers['authorization'] as string).replace(/Credential=[^,]*/, `Credential=${credential}`) } }
  }

  test.each<[string, Sent, string]>([
    ['no signature at all', withAuthorization(undefined), 'MissingAuthenticationTokenException: Missing Authentication Token'],
    ['nothing of a header', withAuthorization('X'), `IncompleteSignatureException: ${parts(['Credential', 'Signature', 'SignedHeaders'])}${noDate}Authorization=X`],
    ['some of a header', withAuthorization('AWS4- Signature=b Credential=a', { date: 'a' }),
      `IncompleteSignatureException: ${parts(['SignedHeaders'])}Authorization=AWS4- Signature=b Credential=a`],
    ['some of a header, by commas', withAuthorization('AWS4- Signature=b,Credential=a', { date: 'a' }),
      `IncompleteSignatureException: ${parts(['SignedHeaders'])}Authorization=AWS4- Signature=b,Credential=a`],
    ['another algorithm', withAuthorization('AWS4-HMAC-SHA512 Signature=b,Credential=a,SignedHeaders=host', { date: 'a' }),
      'IncompleteSignatureException: Unsupported AWS \'algorithm\': \'AWS4-HMAC-SHA512\'.'],
    ['header and query', { ...signed(), query: 'X-Amz-Algorithm' },
      'InvalidSignatureException: Found both \'X-Amz-Algorithm\' as a query-string param and \'Authorization\' as HTTP header.'],
    ['nothing of a query but its mark', { ...withAuthorization(undefined), query: 'X-Amz-Algorithm' },
      `IncompleteSignatureException: ${['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date']
        .map(name => `AWS query-string parameters must include '${name}'. `).join('')}Re-examine the query-string parameters.`],
    ['a query without its mark', { ...withAuthorization(undefined), query: 'X-Amz-Credential=a&X-Amz-Signature=b' }, 'MissingAuthenticationTokenException: Missing Authentication Token'],
    ['a credential of four parts', scope('AKIDEXAMPLE/20261122/us-east-1/kinesis'),
      'IncompleteSignatureException: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \'AKIDEXAMPLE/20261122/us-east-1/kinesis\''],
    ['another region', signed({ region: 'eu-west-1' }),
      'InvalidSignatureException: Credential should be scoped to a valid region, not \'eu-west-1\'. This endpoint is in \'us-east-1\'.'],
    ['another service', signed({ service: 's3' }), 'InvalidSignatureException: Credential should be scoped to correct service: \'kinesis\', not \'s3\'.'],
    ['another end of scope', scope('AKIDEXAMPLE/20261122/us-east-1/kinesis/aws5_request'),
      'InvalidSignatureException: Credential should be scoped with a valid terminator: \'aws4_request\', not \'aws5_request\'.'],
    ['a scope of another day', scope('AKIDEXAMPLE/20261121/us-east-1/kinesis/aws4_request'),
      'InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \'20261121\' != \'20261122\', from \'20261122T120000Z\'.'],
    ['a date that is none', signed({ dateHeader: '20261122T996000Z' }),
      'IncompleteSignatureException: Date must be in ISO-8601 \'basic format\'. Got \'20261122T996000Z\'. See http://en.wikipedia.org/wiki/ISO_8601'],
    ['an unknown key', scope('AKIDOTHER/20261122/us-east-1/kinesis/aws4_request'), 'UnrecognizedClientException: The security token included in the request is invalid.'],
    ['a session token', signed({ token: 'x' }), 'UnrecognizedClientException: The security token included in the request is invalid.'],
    ['a wrong secret', signed({ secret: 'other' }), mismatch],
    ['a signature too short', { ...signed(), headers: { ...signed().headers, authorization: (signed().headers['authorization'] as string).slice(0, -1) } }, mismatch],
  ])('%s', (_what, sent, text) => {
    expect(textOf(verify(sent))).toBe(text)
  })
})

test('a key whose secret was replaced under its id is verified with the new secret', () => {
  let current = alice
  const accessKeys: AccessKeys = { find: () => current, all: () => [current], add: async () => null, remove: async () => null }
  const one = new SigV4Verifier({ clock: new TestClock(at), accessKeys, region: 'us-east-1', service: 'kinesis' })
  const hash = (sent: Sent): string => createHash('sha256').update(sent.body).digest('hex')
  expect(one.verify(signed(), hash(signed()))).toBe(alice)
  current = { ...alice, secret: 'rotated' }
  expect(textOf(one.verify(signed(), hash(signed())))).toBe(mismatch)
  expect(one.verify(signed({ secret: 'rotated' }), hash(signed()))).toBe(current)
})
