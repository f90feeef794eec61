// Who is calling, as text and as a value. Kafka writes a principal `Type:name` ("User:CN=alice"); only the first colon separates, so names
// may hold colons. Also here: how a peer's address is spelled wherever hosts are compared or printed.
import type { Principal } from '../ports.ts'

/** The principal of a caller that showed no identity at all. */
export const anonymous: Principal = Object.freeze({ type: 'User', name: 'ANONYMOUS' })

/** The principal ACLs use for "every principal". */
export const everyone = 'User:*'

/** `User:CN=alice`; undefined where the text has no type, no colon or no name. */
export function parsePrincipal(text: string): Principal | undefined {
  const colon = text.indexOf(':')
  if (colon < 1 || colon === text.length - 1) return undefined
  return { type: text.slice(0, colon), name: text.slice(colon + 1) }
}

export function formatPrincipal(principal: Principal): string {
  return `${principal.type}:${principal.name}`
}

/** A peer's address as ACLs name it: an IPv4 address that came in over an IPv6 socket is plain IPv4, a zone is dropped; '' where there is none. */
export function hostOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return ''
  const address = remoteAddress.startsWith('::ffff:') && remoteAddress.includes('.') ? remoteAddress.slice(7) : remoteAddress
  const zone = address.indexOf('%')
  return zone === -1 ? address : address.slice(0, zone)
}
