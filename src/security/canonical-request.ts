// The form in which AWS Signature Version 4 hashes a request: method, path, sorted query, chosen headers and the body's hash, each made the same
// on both sides; and the form of its dates. Both as the AWS documentation of Signature Version 4 sets them out.

/** What was signed, as it arrived: `path` and `query` (without '?') undecoded, header names in lower case. */
export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/**
 * A request's headers with each value of one that came several times by itself, because AWS joins them otherwise than Node does. `rawHeaders`: names and values by
 * turns, as they arrived. What Node drops of a repeated header (a second Host, a second Authorization) stays out.
 */
export function signedHeadersOf({ headers, rawHeaders }: { readonly headers: SignedRequest['headers']; readonly rawHeaders: readonly string[] }): SignedRequest['headers'] {
  let names = 0
  for (const _name in headers) names++
  if (names * 2 === rawHeaders.length) return headers
  const values = new Map<string, string[]>()
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    const before = values.get(name)
    if (before === undefined) values.set(name, [rawHeaders[at + 1]!])
    else before.push(rawHeaders[at + 1]!)
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => {
    const each = values.get(name)
    return [name, each !== undefined && each.length > 1 && each.join(', ') === value ? each : value]
  }))
}

/** AWS's canonical form of a request: what both sides hash. */
export function canonicalRequest(request: SignedRequest, signedNames: readonly string[], bodyHash: string): string {
  const lines = signedNames.map(name => `${name}:${canonicalValue(request.headers[name])}`)
  return [request.method, canonicalPath(request.path), canonicalQuery(request.query), ...lines, '', signedNames.join(';'), bodyHash].join('\n')
}

function canonicalValue(value: string | readonly string[] | undefined): string {
  const values = typeof value === 'string' ? [value] : value ?? []
  // Not trim(): what it takes for a space can be the last byte of a letter.
  return values.map(item => item.replace(/ +/g, ' ').replace(/^ | $/g, '')).join(',')
}

/** Dot segments and empty ones go, then each segment is encoded once more than it was sent (every service but S3 does so). */
function canonicalPath(path: string): string {
  if (path === '/' || path === '') return '/'
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(percentEncode(segment))
  }
  const slash = path.endsWith('/') && kept.length > 0 ? '/' : ''
  return `/${kept.join('/')}${slash}`
}

/** Sorted by encoded name, then encoded value; X-Amz-Signature is what is being computed and so stays out. */
function canonicalQuery(query: string): string {
  if (query === '') return ''
  const pairs = queryPairs(query).filter(([name]) => name !== 'X-Amz-Signature').map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
  pairs.sort(([a, av], [b, bv]) => (a === b ? (av < bv ? -1 : 1) : a < b ? -1 : 1))
  return pairs.map(([name, value]) => `${name}=${value}`).join('&')
}

/** Names and values of a query, percent-decoded, in the order they came. */
export function queryPairs(query: string): [string, string][] {
  return query.split('&').filter(part => part !== '').map(part => {
    const equals = part.indexOf('=')
    return equals < 0 ? [percentDecode(part), ''] : [percentDecode(part.slice(0, equals)), percentDecode(part.slice(equals + 1))]
  })
}

/** RFC 3986: everything but unreserved characters. */
function percentEncode(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function percentDecode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** 20150830T123600Z in seconds since the epoch; undefined for anything else. */
export function basicFormatSeconds(date: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [number, number, number, number, number, number]
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  return basicFormat(ms / 1000) === date ? ms / 1000 : undefined
}

/** Seconds since the epoch as 20150830T123600Z. */
export function basicFormat(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/[-:]|\.\d+/g, '')
}

/** A client without X-Amz-Date signs the time of its Date header. */
export function httpDateAsBasicFormat(date: string): string {
  if (basicFormatSeconds(date) !== undefined) return date
  const ms = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(date) ? Date.parse(date) : NaN
  return Number.isNaN(ms) ? date : basicFormat(ms / 1000)
}
