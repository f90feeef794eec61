import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import jwt from 'jsonwebtoken'
import { describe, expect, it } from 'vitest'
import { TokenService, tokenTtlSMax } from '../../src/security/jwt.ts'

const newKey = (curve = 'P-256') => generateKeyPairSync('ec', { namedCurve: curve }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const key = newKey()
const alice = { type: 'User', name: 'CN=alice' }
const thumbprint = 'q1c2mC4xSv0AnTKQhZ2f1s6Y0o5p0r9oX3sQ1r0oYbE'
const other = 'A1c2mC4xSv0AnTKQhZ2f1s6Y0o5p0r9oX3sQ1r0oYbE'

let now = Date.parse('2026-06-01T12:00:00Z')
const options = { key, issuer: 'sluice', audience: 'https://localhost:8443', now: () => now }
const service = new TokenService(options)
const issue = (ttlS = 300) => service.issue({ principal: alice, certificateSha256: thumbprint, ttlS })

type Json = Record<string, unknown>
const encode = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const parts = (token: string) => token.split('.').slice(0, 2).map(part => JSON.parse(Buffer.from(part, 'base64url').toString()) as Json) as [Json, Json]

/** A token with our own key's valid signature over whatever stands in it. */
function forge(change: { header?: Json | string; claims?: Json | string }, signer = key): string {
  const [header, claims] = parts(issue().token)
  const made = (base: Json, over: Json | string | undefined) => encode(typeof over === 'string' ? over : JSON.stringify({ ...base, ...over }))
  const text = `${made(header, change.header)}.${made(claims, change.claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), { key: createPrivateKey(signer), dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const rejection = (token: string, certificate: string | null = thumbprint) => {
  const found = service.verify(token, certificate)
  return 'rejected' in found ? found.rejected : 'accepted'
}

describe('a token', () => {
  it('gives back the principal it was issued to, over that principal\'s certificate', () => {
    const { token, expiresAt } = issue()
    expect(expiresAt).toBe(now + 300_000)
    expect(service.verify(token, thumbprint)).toEqual({ principal: alice, expiresAt })
  })

  it('names its issuer, audience, type, key and binding', () => {
    const [header, claims] = parts(issue().token)
    expect(header).toEqual({ alg: 'ES256', typ: 'JWT', kid: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) as string })
    expect(claims).toMatchObject({ iss: 'sluice', aud: 'https://localhost:8443', sub: 'User:CN=alice', cnf: { 'x5t#S256': thumbprint } })
  })

  it('is worth nothing over another certificate, or over none', () => {
    const { token } = issue()
    expect(rejection(token, other)).toBe('the token is bound to another certificate')
    expect(rejection(token, null)).toBe('the token is bound to a certificate, and the connection shows none')
    expect(rejection(token, '')).toBe('the token is bound to another certificate')
  })

  it('ends when it says, give or take five seconds', () => {
    const { token } = issue(60)
    now += 64_000
    expect(rejection(token)).toBe('accepted')
    now += 2_000
    expect(rejection(token)).toBe('jwt expired')
    now -= 66_000 + 60_000
    expect(rejection(token)).toBe('jwt not active')
    now += 60_000
  })

  it('survives a restart with the same key, and no other', () => {
    const { token } = issue()
    expect(new TokenService(options).verify(token, thumbprint)).toHaveProperty('principal')
    expect(new TokenService({ ...options, key: newKey() }).verify(token, thumbprint)).toHaveProperty('rejected')
  })

  it('lives a second to an hour', () => {
    for (const ttlS of [0, -1, Number.NaN, tokenTtlSMax + 1, Infinity]) expect(() => issue(ttlS)).toThrow(RangeError)
    expect(issue(tokenTtlSMax).expiresAt).toBe(now + 3_600_000)
  })
})

describe('a token is refused', () => {
  it('when it was made for somebody else', () => {
    expect(rejection(forge({ claims: { iss: 'other' } }))).toContain('jwt issuer invalid')
    expect(rejection(forge({ claims: { aud: 'other' } }))).toContain('jwt audience invalid')
    expect(rejection(forge({ claims: { iss: undefined } }))).toContain('jwt issuer invalid')
    expect(rejection(forge({ claims: { aud: undefined } }))).toContain('jwt audience invalid')
  })

  it('when a claim it needs is missing or odd', () => {
    expect(rejection(forge({}))).toBe('accepted')
    expect(rejection(forge({ claims: { exp: undefined } }))).toBe('the token has no exp')
    expect(rejection(forge({ claims: { exp: 'never' } }))).toBe('invalid exp value')
    for (const sub of [undefined, '', 'alice', 7, { a: 1 }]) expect(rejection(forge({ claims: { sub } }))).toMatch(/no sub that is a principal/)
    for (const cnf of [undefined, null, {}, { 'x5t#S256': 7 }, thumbprint]) {
      expect(rejection(forge({ claims: { cnf } }))).toBe('the token is bound to no certificate')
    }
  })

  it('when its end is further away than any token of ours lives', () => {
    const at = Math.floor(now / 1000)
    expect(rejection(forge({ claims: { iat: at - 4_000, exp: at + 100_000 } }))).toBe('maxAge exceeded')
    expect(rejection(forge({ claims: { iat: undefined } }))).toContain('iat required')
  })

  it('when it chooses how to be verified', () => {
    const publicPem = createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'pem' })
    const [header, claims] = parts(issue().token)
    const unsigned = `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`
    expect(rejection(unsigned)).toContain('not base64url')
    expect(rejection(`${unsigned}AA`)).toContain('algorithm is "none"')
    const hmacText = `${encode({ ...header, alg: 'HS256' })}.${encode(claims)}`
    expect(rejection(`${hmacText}.${createHmac('sha256', publicPem).update(hmacText).digest('base64url')}`)).toContain('algorithm is "HS256"')
    for (const alg of ['RS256', 'ES384', 'es256', 'ES256 ', ['ES256'], undefined]) expect(rejection(forge({ header: { alg } }))).toContain('algorithm is')
  })

  it('when it brings or names a key of its own', () => {
    const stranger = newKey()
    const jwk = createPublicKey(createPrivateKey(stranger)).export({ format: 'jwk' })
    expect(rejection(forge({ header: { jwk, jku: 'https://evil.example', x5u: 'https://evil.example' } }, stranger))).toBe('invalid signature')
    for (const kid of ['', undefined, '../../dev/null', '__proto__', '\' OR 1=1', 'x'.repeat(4_000), 7]) {
      expect(rejection(forge({ header: { kid } }))).toMatch(/^the token's key .* is not the one in use$/)
    }
  })

  it('when its type is not JWT or it has critical extensions', () => {
    for (const typ of ['at+jwt', 'jwt', undefined]) expect(rejection(forge({ header: { typ } }))).toContain('type is')
    expect(rejection(forge({ header: { crit: ['exp'] } }))).toContain('critical extensions')
    expect(rejection(forge({ header: { crit: [] } }))).toContain('critical extensions')
  })

  it('when a member stands in it twice', () => {
    const [header, claims] = parts(issue().token)
    const twice = (value: Json, member: string) => JSON.stringify(value).replace('{', `{${member},`)
    expect(rejection(forge({ header: twice(header, '"alg":"none"') }))).toContain('distinct members')
    expect(rejection(forge({ claims: twice(claims, '"sub":"User:CN=admin"') }))).toContain('distinct members')
    expect(rejection(forge({ claims: twice(claims, '"\\u0073ub":"User:CN=admin"') }))).toContain('distinct members')
    expect(rejection(forge({ claims: JSON.stringify({ ...claims, extra: [{ a: 1, b: { a: 2 } }, { a: 3 }], note: '"sub":' }) }))).toBe('accepted')
    expect(rejection(forge({ claims: JSON.stringify(claims).replace('"cnf":{', `"cnf":{"x5t#S256":"${other}",`) }))).toContain('distinct members')
  })

  it('when it is not three parts of strict base64url', () => {
    const { token } = issue()
    const [header, claims, signature] = token.split('.') as [string, string, string]
    const signed = `${header}.${claims}`
    const otherAlphabet = `${signed}.${signature.replace(/./, '+')}`
    for (const bad of ['', '.', '..', 'a.b', `${token}.x`, signed, `${signed}.`, `${token}=`, `${token}\n`, ` ${token}`, otherAlphabet]) {
      expect(rejection(bad), JSON.stringify(bad)).toMatch(/compact form|base64url/)
    }
    // The last character carries bits that a lenient decoder drops.
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const near = last[last.indexOf(signature.at(-1)!) + 1]!
    expect(rejection(`${header}.${claims}.${signature.slice(0, -1)}${near}`)).toContain('not base64url')
    expect(rejection(JSON.stringify({ payload: claims, signatures: [{ protected: header, signature }] }))).toMatch(/compact form|base64url/)
  })

  it('when its header or payload is not one JSON object', () => {
    for (const bad of ['[]', 'null', '"x"', '{', '{}{}', '{"a":1,}', '\ufeff{}', Buffer.from([0xff, 0xfe]).toString('latin1')]) {
      expect(rejection(forge({ claims: bad })), bad).toMatch(/JSON object|no exp|issuer|audience/)
    }
  })

  it('when it is too long, before anything else is looked at', () => {
    expect(rejection('a'.repeat(8_193))).toBe('the token has 8193 characters; at most 8192 are read')
    expect(rejection('a.'.repeat(2 ** 22))).toContain('at most 8192 are read')
  })

  it('after any change to any character', () => {
    const { token } = issue()
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.'
    fc.assert(fc.property(fc.nat(token.length - 1), fc.constantFrom(...alphabet), (at, character) => {
      fc.pre(token[at] !== character)
      expect(rejection(token.slice(0, at) + character + token.slice(at + 1))).not.toBe('accepted')
    }), { numRuns: 3_000 })
  })
})

describe('the token service', () => {
  it('will not start without an issuer, an audience and a key on P-256', () => {
    expect(() => new TokenService({ ...options, issuer: '' })).toThrow('issuer')
    expect(() => new TokenService({ ...options, audience: '' })).toThrow('audience')
    expect(() => new TokenService({ ...options, key: newKey('P-384') })).toThrow('P-256, not EC P-384')
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    expect(() => new TokenService({ ...options, key: rsa })).toThrow('P-256, not RSA')
  })

  it('makes tokens that other verifiers read', () => {
    const publicKey = createPublicKey(createPrivateKey(key))
    expect(jwt.verify(issue().token, publicKey, { algorithms: ['ES256'], clockTimestamp: now / 1000 })).toMatchObject({ sub: 'User:CN=alice' })
  })
})
