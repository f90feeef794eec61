// Short-lived tokens that a client gets for its certificate and that are worth nothing without it (RFC 8705: the claim cnf.x5t#S256 is the
// SHA-256 of the certificate, and a token is taken only over a connection that shows that certificate). jsonwebtoken signs and verifies; what
// it leaves open is checked here on the raw text first: size, strict base64url, one meaning per JSON member, no `crit`, exactly our algorithm,
// type and key, so that nothing in a token can choose how it is verified.
import { createHash, createPrivateKey, createPublicKey, randomUUID, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createRequire } from 'node:module'
import type jsonwebtoken from 'jsonwebtoken'
import { hasRepeatedMember, parseJsonText } from '../base/json.ts'
import type { Principal } from '../ports.ts'
import { formatPrincipal, parsePrincipal } from './principal.ts'

export interface TokenOptions {
  /** EC P-256 private key as PKCS#8 PEM. */
  readonly key: string
  /** Both are put into each token and required of it. */
  readonly issuer: string
  readonly audience: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface IssuedToken {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

const algorithm = 'ES256'
const tokenBytesMax = 8192
const clockToleranceS = 5
export const tokenTtlSMax = 3600

export class TokenService {
  readonly #options: TokenOptions
  readonly #privateKey: KeyObject
  readonly #publicKey: KeyObject
  readonly #keyId: string

  constructor(options: TokenOptions) {
    if (options.issuer === '' || options.audience === '') throw new Error('tokens need an issuer and an audience: an empty one would not be checked')
    this.#options = options
    this.#privateKey = createPrivateKey(options.key)
    this.#publicKey = createPublicKey(this.#privateKey)
    const { crv, kty, x, y } = this.#publicKey.export({ format: 'jwk' })
    if (kty !== 'EC' || crv !== 'P-256') throw new Error(`the token key must be an EC key on P-256, not ${String(kty)} ${String(crv ?? '')}`)
    this.#keyId = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url') // RFC 7638
  }

  /** A token for the holder of a certificate. `certificateSha256` is base64url, as `judgePeer` gives it; `ttlS` is in seconds, at most an hour. */
  issue(request: { readonly principal: Principal; readonly certificateSha256: string; readonly ttlS: number }): IssuedToken {
    if (!(request.ttlS >= 1 && request.ttlS <= tokenTtlSMax)) throw new RangeError(`a token lives 1 to ${tokenTtlSMax} s, not ${request.ttlS}`)
    const issuedAtS = Math.floor(this.#options.now() / 1000)
    const expiresAtS = issuedAtS + Math.floor(request.ttlS)
    const claims = { iat: issuedAtS, nbf: issuedAtS, exp: expiresAtS, cnf: { 'x5t#S256': request.certificateSha256 } }
    const token = jwt().sign(claims, this.#privateKey, {
      algorithm, keyid: this.#keyId, issuer: this.#options.issuer, audience: this.#options.audience,
      subject: formatPrincipal(request.principal), jwtid: randomUUID(),
    })
    return { token, expiresAt: expiresAtS * 1000 }
  }

  /** Whose token it is, over a connection whose client certificate has this SHA-256 (base64url; null: it showed none). The reason is for the audit log. */
  verify(token: string, peerCertificateSha256: string | null): { readonly principal: Principal; readonly expiresAt: number } | { readonly rejected: string } {
    const fault = this.#examine(token)
    if (fault !== undefined) return { rejected: fault }
    let claims: jsonwebtoken.JwtPayload | string
    try {
      claims = jwt().verify(token, this.#publicKey, {
        algorithms: [algorithm], issuer: this.#options.issuer, audience: this.#options.audience,
        clockTolerance: clockToleranceS, clockTimestamp: this.#options.now() / 1000, maxAge: tokenTtlSMax + clockToleranceS,
      })
    } catch (error) {
      return { rejected: (error as Error).message }
    }
    if (typeof claims === 'string' || typeof claims.exp !== 'number') return { rejected: 'the token has no exp' }
    const principal = typeof claims.sub === 'string' ? parsePrincipal(claims.sub) : undefined
    if (principal === undefined) return { rejected: 'the token has no sub that is a principal' }
    const bound: unknown = (claims['cnf'] as { 'x5t#S256'?: unknown } | undefined)?.['x5t#S256']
    if (typeof bound !== 'string') return { rejected: 'the token is bound to no certificate' }
    if (peerCertificateSha256 === null) return { rejected: 'the token is bound to a certificate, and the connection shows none' }
    if (!sameText(bound, peerCertificateSha256)) return { rejected: 'the token is bound to another certificate' }
    return { principal, expiresAt: claims.exp * 1000 }
  }

  /** What must hold before the token is handed to a verifier. */
  #examine(token: string): string | undefined {
    if (token.length > tokenBytesMax) return `the token has ${token.length} characters; at most ${tokenBytesMax} are read`
    const parts = token.split('.')
    if (parts.length !== 3) return 'the token is not in compact form: header.payload.signature'
    if (!parts.every(isStrictBase64Url)) return 'the token is not base64url as RFC 7515 has it'
    const [header, payload] = [decodeObject(parts[0]!), decodeObject(parts[1]!)]
    if (header === undefined || payload === undefined) return 'the token\'s header or payload is not a JSON object with distinct members'
    if ('crit' in header) return 'the token has critical extensions, and none is known here'
    if (header['alg'] !== algorithm) return `the token's algorithm is ${print(header['alg'])}, not ${algorithm}`
    if (header['typ'] !== 'JWT') return `the token's type is ${print(header['typ'])}, not JWT`
    if (header['kid'] !== this.#keyId) return `the token's key ${print(header['kid'])} is not the one in use`
    return undefined
  }
}

/** No padding, no other alphabet, and no bits that a decoder would drop. */
function isStrictBase64Url(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text
}

function decodeObject(part: string): Readonly<Record<string, unknown>> | undefined {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(Buffer.from(part, 'base64url'))
    value = parseJsonText(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || hasRepeatedMember(text)) return undefined
  return Object.assign(Object.create(null) as Record<string, unknown>, value)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function sameText(a: string, b: string): boolean {
  const [first, second] = [Buffer.from(a), Buffer.from(b)]
  return first.length === second.length && timingSafeEqual(first, second)
}

function print(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 64) ?? 'missing'
}

/** Loaded with the first token: a server that issues none starts without it. */
function jwt(): typeof jsonwebtoken {
  return createRequire(import.meta.url)('jsonwebtoken') as typeof jsonwebtoken
}
