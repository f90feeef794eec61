// Under which address a client reached us: links and base URIs begin with it.
import type { Request } from 'express'

/** `https://host:port` as the client named it, or of the socket where it named none (HTTP/1.0) or what is no host. */
export function originOf(request: Request): string {
  const { host } = request.headers
  if (host !== undefined && /^[A-Za-z0-9.:[\]_-]{1,255}$/.test(host)) return `${request.protocol}://${host}`
  const { localAddress, localPort } = request.socket
  return `${request.protocol}://${localAddress?.includes(':') === true ? `[${localAddress}]` : localAddress}:${localPort}`
}
