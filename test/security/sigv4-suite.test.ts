// Amazon's published signatures: every request of the suites is believed, and none of them with a byte changed. TEST_MUTATIONS sets how many changes are tried.
import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { AccessKey, AccessKeys } from '../../src/ports.ts'
import { canonicalRequest } from '../../src/security/canonical-request.ts'
import { deriveSigningKey, SignatureFault, SigV4Verifier } from '../../src/security/sigv4.ts'
import { seed } from '../support/seed.ts'
import { TestClock } from '../kinesis/support/kinesis.ts'
import { parseRequest, readSuite, saysTheSame, type Sent, type SuiteCase, suiteTimeMs, suiteToken } from './support/sigv4-suite.ts'

const mutationsWanted = Number(process.env['TEST_MUTATIONS'] ?? 40_000)
const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const longLived: AccessKey = { id: 'AKIDEXAMPLE', secret, principal: { type: 'User', name: 'alice' }, createdAtMs: 0 }
const empty = createHash('sha256').digest('hex')

/** Believes the suites' key, with the token that a request carries as the right one. */
function verifierFor(sent: Sent, key?: Partial<AccessKey>): SigV4Verifier {
  const [token] = [sent.headers['x-amz-security-token'] ?? []].flat()
  const one: AccessKey = { ...longLived, ...(token === undefined ? {} : { session: { token, expiresAtMs: suiteTimeMs + 1 } }), ...key }
  const accessKeys: AccessKeys = { find: id => (id === one.id ? one : undefined), all: () => [one], add: async () => null, remove: async () => null }
  return new SigV4Verifier({ clock: new TestClock(suiteTimeMs), accessKeys, region: 'us-east-1', service: 'service' })
}

function verify(sent: Sent, verifier = verifierFor(sent)): AccessKey | SignatureFault {
  return verifier.verify(sent, sent.body === '' ? empty : createHash('sha256').update(sent.body).digest('hex'))
}

function parsed({ text, name }: SuiteCase): Sent {
  const sent = parseRequest(text)
  if (sent === undefined) throw new Error(`${name} is no HTTP request`)
  return sent
}

const header = readSuite('aws-sig-v4-test-suite.txt')
const query = readSuite('aws-signing-test-suite-query.txt')
/** Its token was added after it was signed: Amazon's own services differ in whether they take that. */
const unsignedToken = new Set(['post-sts-token/post-sts-header-after', 'get-vanilla-with-unsigned-session-token'])
const believed = [...header.filter(({ name }) => !unsignedToken.has(name)), ...query]

describe('the published suites', () => {
  it('are there in full', () => {
    expect([header.length, query.length]).toEqual([36, 9])
  })

  it.each(believed.map(one => [one.name, one] as const))('%s is believed', (_name, one) => {
    expect(verify(parsed(one))).toMatchObject({ id: 'AKIDEXAMPLE' })
  })

  it.each(header.filter(({ name }) => unsignedToken.has(name)).map(one => [one.name, one] as const))('%s has the right signature, but a token that is not signed', (_name, one) => {
    const sent = parsed(one)
    const [, names, signature] = /SignedHeaders=([^,]*), Signature=(.*)$/.exec(String(sent.headers['authorization'])) as unknown as [string, string, string]
    const hash = createHash('sha256').update(canonicalRequest(sent, names.split(';'), empty)).digest('hex')
    const toSign = `AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n${hash}`
    const key = deriveSigningKey(secret, { day: '20150830', region: 'us-east-1', service: 'service' })
    expect(createHmac('sha256', key).update(toSign).digest('hex')).toBe(signature)
    expect(verify(sent)).toMatchObject({ type: 'InvalidSignatureException', message: 'There were headers present in the request which were not signed: x-amz-security-token' })
  })
})

describe('a request of the suites with one byte changed', () => {
  it(`is refused, each of ${mutationsWanted} times`, () => {
    const prng = new Prng(seed)
    let tried = 0
    let same = 0
    let noRequest = 0
    while (tried < mutationsWanted) {
      const one = believed[prng.below(believed.length)]!
      const bytes = Buffer.from(one.text)
      const at = prng.below(bytes.length)
      const was = bytes[at]!
      // Half of them by one bit, which is what an attacker and a bad cable like best: the case of a letter, a digit for its neighbour.
      bytes[at] = prng.below(2) === 0 ? was ^ (1 << prng.below(8)) : (was + 1 + prng.below(255)) & 0xff
      const original = parsed(one)
      const changed = parseRequest(bytes.toString('utf8'))
      if (changed === undefined) noRequest++
      else if (saysTheSame(original, changed)) same++
      else {
        tried++
        const answer = verify(changed, verifierFor(original))
        if (!(answer instanceof SignatureFault)) throw new Error(`SEED=${seed}: ${one.name} is believed with byte ${at} ${was} → ${bytes[at]}:\n${bytes.toString('utf8')}`)
      }
    }
    // Most changes are tried, or the suite shows nothing.
    expect(tried).toBeGreaterThan((tried + same + noRequest) * 0.8)
    expect(same).toBeLessThan(tried * 0.05)
  }, 10_000 + mutationsWanted)
})

describe('session tokens', () => {
  const sts = parsed(header.find(({ name }) => name === 'post-sts-token/post-sts-header-before')!)
  const plain = parsed(header.find(({ name }) => name === 'post-vanilla')!)
  const unknown = { type: 'UnrecognizedClientException', message: 'The security token included in the request is invalid.' }
  const withToken = (expiresAtMs: number, token = suiteToken) => verifierFor(sts, { session: { token, expiresAtMs } })

  it('are good up to the millisecond at which they expire', () => {
    expect(verify(sts, withToken(suiteTimeMs + 1))).toMatchObject({ id: 'AKIDEXAMPLE' })
    expect(verify(sts, withToken(suiteTimeMs))).toMatchObject({ type: 'ExpiredTokenException', message: 'The security token included in the request is expired' })
  })

  it('must be the key\'s own, there for a temporary key and not for another', () => {
    expect(verify(sts, withToken(suiteTimeMs + 1, `${suiteToken}x`))).toMatchObject(unknown)
    expect(verify(sts, withToken(suiteTimeMs + 1, suiteToken.slice(1)))).toMatchObject(unknown)
    expect(verify(sts, verifierFor(plain))).toMatchObject(unknown)
    expect(verify(plain, withToken(suiteTimeMs + 1))).toMatchObject(unknown)
    expect(verify({ ...plain, headers: { ...plain.headers, 'x-amz-security-token': '' } }, verifierFor(plain))).toBeInstanceOf(SignatureFault)
  })

  it('do not tell a stranger that they have expired', () => {
    const forged = { ...sts, headers: { ...sts.headers, authorization: String(sts.headers['authorization']).replace(/.$/, last => (last === '0' ? '1' : '0')) } }
    expect(verify(forged, withToken(suiteTimeMs))).toMatchObject({ type: 'InvalidSignatureException' })
  })
})
