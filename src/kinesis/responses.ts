// What the responses of HTTP/1.1 and of HTTP/2 say in different ways.
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'

/** The peer has left: nothing is taken any more, and its 'close' may be over. Of HTTP/2, Node's response does not know that (whatever its types say), only its stream does. */
export function isGone(response: Pick<ServerResponse, 'destroyed'> & Partial<Pick<Http2ServerResponse, 'stream'>>): boolean {
  return response.stream?.destroyed ?? response.destroyed
}
