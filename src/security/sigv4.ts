// Verifies AWS Signature Version 4 on a request, in the Authorization header or in the query. Says in AWS's words what is wrong, and
// whose key it was where nothing is. Knows HTTP/2 (`:authority` signed in place of `host`, as the JavaScript SDK does, or as `host`) and nothing of
// operations. Unknown keys cost the same work as known ones; signatures and session tokens are compared in constant time.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { Lru } from '../base/lru.ts'
import type { AccessKey, AccessKeys } from '../ports.ts'
import type { Clock } from '../world/world.ts'
import { type SignedRequest, basicFormat, basicFormatSeconds, canonicalRequest, httpDateAsBasicFormat, queryPairs } from './canonical-request.ts'

export type { SignedRequest } from './canonical-request.ts'

/** Why a request is not believed: the type of AWS's error and its text. */
export class SignatureFault {
  readonly type: SignatureFaultType
  readonly message: string

  constructor(type: SignatureFaultType, message: string) {
    this.type = type
    this.message = message
  }
}

export type SignatureFaultType =
  | 'MissingAuthenticationTokenException' | 'IncompleteSignatureException' | 'InvalidSignatureException' | 'UnrecognizedClientException' | 'ExpiredTokenException'

export interface SigV4Options {
  readonly clock: Clock
  readonly accessKeys: AccessKeys
  readonly region: string
  /** 'kinesis' and the like: the third part of the credential scope. */
  readonly service: string
}

const algorithm = 'AWS4-HMAC-SHA256'
const skewSecondsMax = 300
const signingKeysMax = 1_000
const signedHeadersMax = 64
const noSuchSecret = 'a secret that no key has, so that unknown keys cost what known ones do'

/** What the header form and the query form both say. */
interface Claim {
  readonly algorithm: string
  readonly credential: string
  readonly signedHeaders: string
  readonly signature: string
  readonly date: string
  readonly token: string | undefined
  /** How long a query signature lasts, in seconds; undefined for the header form. */
  readonly expiresSeconds: number | undefined
}

export class SigV4Verifier {
  readonly #clock: Clock
  readonly #accessKeys: AccessKeys
  readonly #region: string
  readonly #service: string
  readonly #signingKeys = new Lru<string, { readonly secret: string; readonly key: Buffer }>(signingKeysMax)

  constructor(options: SigV4Options) {
    this.#clock = options.clock
    this.#accessKeys = options.accessKeys
    this.#region = options.region
    this.#service = options.service
  }

  /** The access key the request was signed with, or why it is refused. `bodyHash` is the SHA-256 of the body as it arrived, in hex. */
  verify(asked: SignedRequest, bodyHash: string): AccessKey | SignatureFault {
    const request = withHost(asked)
    const claim = readClaim(request)
    if (claim instanceof SignatureFault) return claim
    const scope = this.#scope(claim)
    if (scope instanceof SignatureFault) return scope
    const signedNames = signedHeaderNames(claim, request)
    if (signedNames instanceof SignatureFault) return signedNames
    const late = this.#timing(claim)
    if (late !== undefined) return late

    const saidHash = header(request, 'x-amz-content-sha256')
    if (saidHash !== undefined && saidHash !== bodyHash) {
      return invalid(`The provided 'x-amz-content-sha256' header does not match what was computed: '${saidHash}' is not the SHA-256 of the body.`)
    }
    const key = this.#accessKeys.find(scope.keyId)
    // An unknown key takes every step that a known one takes, with a secret that nobody has.
    const canonical = canonicalRequest(request, signedNames, bodyHash)
    // Node shows each byte of a header as a character, and the rest is ASCII by now: these are the bytes that were signed.
    const stringToSign = `${algorithm}\n${claim.date}\n${scope.path}\n${createHash('sha256').update(canonical, 'latin1').digest('hex')}`
    const signature = createHmac('sha256', this.#signingKey(scope, key)).update(stringToSign).digest()
    const matches = sameSignature(signature, claim.signature)
    const hasItsToken = sameToken(key?.session?.token, claim.token)
    if (key === undefined || !hasItsToken) return unknownToken
    if (!matches) return signatureMismatch
    return this.#isExpired(key) ? expiredToken : key
  }

  /** Whether a key that a request was signed with is still good: for answers that go on for longer. */
  judge(key: AccessKey): null | SignatureFault {
    if (this.#accessKeys.find(key.id)?.secret !== key.secret) return unknownToken
    return this.#isExpired(key) ? expiredToken : null
  }

  #isExpired({ session }: AccessKey): boolean {
    return session !== undefined && this.#clock.now() >= session.expiresAtMs
  }

  #scope(claim: Claim): Scope | SignatureFault {
    const parts = claim.credential.split('/')
    const [keyId, day, region, service, terminator] = parts
    if (parts.length !== 5) {
      return incomplete(`Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${claim.credential}'`)
    }
    if (region !== this.#region) return invalid(`Credential should be scoped to a valid region, not '${region}'. This endpoint is in '${this.#region}'.`)
    if (service !== this.#service) return invalid(`Credential should be scoped to correct service: '${this.#service}', not '${service}'.`)
    if (terminator !== 'aws4_request') return invalid(`Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'.`)
    if (day !== claim.date.slice(0, 8)) {
      return invalid('Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${day}' != '${claim.date.slice(0, 8)}', from '${claim.date}'.`)
    }
    return { keyId: keyId!, day, path: `${day}/${region}/${service}/${terminator}` }
  }

  /** Five minutes either way, to the second; both edges are still good (texts as Kinesis words them). */
  #timing(claim: Claim): SignatureFault | undefined {
    const seconds = basicFormatSeconds(claim.date)
    if (seconds === undefined) return incomplete(`Date must be in ISO-8601 'basic format'. Got '${claim.date}'. See http://en.wikipedia.org/wiki/ISO_8601`)
    const now = Math.floor(this.#clock.now() / 1000)
    const minutes = skewSecondsMax / 60
    const lifetime = claim.expiresSeconds ?? skewSecondsMax
    if (seconds + lifetime < now) {
      const edge = basicFormat(now - lifetime)
      return invalid(`Signature expired: ${claim.date} is now earlier than ${edge} (${basicFormat(now)} - ${lifetime / 60} min.)`)
    }
    if (seconds > now + skewSecondsMax) {
      const edge = basicFormat(now + skewSecondsMax)
      return invalid(`Signature not yet current: ${claim.date} is still later than ${edge} (${basicFormat(now)} + ${minutes} min.)`)
    }
    return undefined
  }

  #signingKey(scope: Scope, accessKey: AccessKey | undefined): Buffer {
    // All ids that nobody has share one entry of the day, so that they cannot push real ones out and take no longer than these.
    const id = `${accessKey?.id ?? ''}/${scope.path}`
    const secret = accessKey?.secret ?? noSuchSecret
    const cached = this.#signingKeys.get(id)
    if (cached !== undefined && cached.secret === secret) return cached.key
    const key = deriveSigningKey(secret, { day: scope.day, region: this.#region, service: this.#service })
    this.#signingKeys.set(id, { secret, key })
    return key
  }
}

interface Scope {
  readonly keyId: string
  readonly day: string
  /** date/region/service/aws4_request */
  readonly path: string
}

/** The day's key of a secret: four chained HMACs over date, region, service and 'aws4_request'. */
export function deriveSigningKey(secret: string, scope: { day: string; region: string; service: string }): Buffer {
  let key: Buffer = Buffer.from(`AWS4${secret}`)
  for (const part of [scope.day, scope.region, scope.service, 'aws4_request']) key = createHmac('sha256', key).update(part).digest()
  return key
}

function readClaim(request: SignedRequest): Claim | SignatureFault {
  const authorization = header(request, 'authorization')
  const query = request.query === '' ? undefined : new Map(queryPairs(request.query))
  const inQuery = query !== undefined && query.has('X-Amz-Algorithm')
  if (authorization !== undefined && inQuery) {
    return invalid('Found both \'X-Amz-Algorithm\' as a query-string param and \'Authorization\' as HTTP header.')
  }
  if (authorization !== undefined) return headerClaim(request, authorization)
  if (inQuery) return queryClaim(request, query)
  return new SignatureFault('MissingAuthenticationTokenException', 'Missing Authentication Token')
}

function headerClaim(request: SignedRequest, authorization: string): Claim | SignatureFault {
  const [scheme, ...rest] = authorization.split(' ')
  const parameters = new Map<string, string>()
  for (const part of rest.join(' ').split(/[, ]+/)) {
    const equals = part.indexOf('=')
    if (equals > 0) parameters.set(part.slice(0, equals), part.slice(equals + 1))
  }
  const date = header(request, 'x-amz-date') ?? header(request, 'date')
  let missing = ''
  for (const name of ['Credential', 'Signature', 'SignedHeaders']) {
    if (!parameters.get(name)) missing += `Authorization header requires '${name}' parameter. `
  }
  if (date === undefined) missing += 'Authorization header requires existence of either a \'X-Amz-Date\' or a \'Date\' header. '
  if (missing !== '') return incomplete(`${missing}Authorization=${authorization}`)
  if (scheme !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${scheme}'.`)
  return {
    algorithm: scheme,
    credential: parameters.get('Credential')!,
    signedHeaders: parameters.get('SignedHeaders')!,
    signature: parameters.get('Signature')!,
    date: httpDateAsBasicFormat(date!),
    token: header(request, 'x-amz-security-token'),
    expiresSeconds: undefined,
  }
}

const querySecondsMax = 604_800

function queryClaim(request: SignedRequest, query: ReadonlyMap<string, string>): Claim | SignatureFault {
  let missing = ''
  for (const name of ['X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date']) {
    if (!query.get(name)) missing += `AWS query-string parameters must include '${name}'. `
  }
  if (missing !== '') return incomplete(`${missing}Re-examine the query-string parameters.`)
  const scheme = query.get('X-Amz-Algorithm')!
  if (scheme !== algorithm) return incomplete(`Unsupported AWS 'algorithm': '${scheme}'.`)
  const expires = query.get('X-Amz-Expires')
  if (expires !== undefined && !(/^\d{1,6}$/.test(expires) && Number(expires) <= querySecondsMax)) {
    return incomplete(`X-Amz-Expires must be a whole number of seconds up to ${querySecondsMax}, got '${expires}'.`)
  }
  return {
    algorithm: scheme,
    credential: query.get('X-Amz-Credential')!,
    signedHeaders: query.get('X-Amz-SignedHeaders')!,
    signature: query.get('X-Amz-Signature')!,
    date: query.get('X-Amz-Date')!,
    // The token may be a signed header here, too, as some of AWS's signers write it.
    token: query.get('X-Amz-Security-Token') ?? header(request, 'x-amz-security-token'),
    expiresSeconds: expires === undefined ? undefined : Number(expires),
  }
}

/** HTTP/2 has the host in `:authority`; who signs a request for either protocol alike, as the SDK for Java does, calls it `host` there, too. */
function withHost(request: SignedRequest): SignedRequest {
  const authority = request.headers[':authority']
  return authority === undefined || request.headers['host'] !== undefined ? request : { ...request, headers: { ...request.headers, host: authority } }
}

/** The names in SignedHeaders: sorted, each present, and with the host and every x-amz-* header among them. */
function signedHeaderNames(claim: Claim, request: SignedRequest): string[] | SignatureFault {
  const names = claim.signedHeaders.split(';')
  if (names.length > signedHeadersMax) return incomplete(`SignedHeaders names ${names.length} headers, more than ${signedHeadersMax}.`)
  for (let at = 0; at < names.length; at++) {
    const name = names[at]!
    if (name !== name.toLowerCase() || (at > 0 && names[at - 1]! >= name)) {
      return incomplete(`SignedHeaders must be in lower case and sorted, got '${claim.signedHeaders}'.`)
    }
    if (!Object.hasOwn(request.headers, name) || request.headers[name] === undefined) {
      return invalid(`The header '${name}' is in SignedHeaders but not in the request.`)
    }
  }
  const signed = new Set(names)
  if (!signed.has('host') && !signed.has(':authority')) return invalid('\'Host\' or \':authority\' must be a \'SignedHeader\' in the AWS Authorization.')
  for (const name in request.headers) {
    const isOurs = name.startsWith('x-amz-') || (name === 'host' && !signed.has(':authority')) || (name === ':authority' && !signed.has('host'))
    if (isOurs && request.headers[name] !== undefined && !signed.has(name)) {
      return invalid(`There were headers present in the request which were not signed: ${name}`)
    }
  }
  return names
}

function sameSignature(expected: Buffer, hex: string): boolean {
  const given = /^[0-9a-f]{64}$/.test(hex) ? Buffer.from(hex, 'hex') : Buffer.alloc(expected.length)
  return timingSafeEqual(expected, given)
}

/** Whether a key that has this token, or none, was given the right one. Hashed first, so that neither content nor length shows in the time it takes. */
function sameToken(expected: string | undefined, given: string | undefined): boolean {
  if (given === undefined) return expected === undefined
  const [ours, theirs] = [expected, given].map(token => createHash('sha256').update(token ?? '').digest()) as [Buffer, Buffer]
  return timingSafeEqual(ours, theirs) && expected !== undefined
}

function header(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(',')
}

function incomplete(message: string): SignatureFault {
  return new SignatureFault('IncompleteSignatureException', message)
}

function invalid(message: string): SignatureFault {
  return new SignatureFault('InvalidSignatureException', message)
}

const unknownToken = new SignatureFault('UnrecognizedClientException', 'The security token included in the request is invalid.')
const expiredToken = new SignatureFault('ExpiredTokenException', 'The security token included in the request is expired')
const signatureMismatch = new SignatureFault(
  'InvalidSignatureException',
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. ' +
    'Consult the service documentation for details.',
)
