// Requests that may take longer than the server's time for a whole request, because their handlers watch their time themselves: streams of records.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

const sockets = new WeakSet<Socket>()

/** The request may take as long as its handler lets it, until what is returned is disposed of. */
export function mayTakeLong({ socket }: IncomingMessage): Disposable {
  sockets.add(socket)
  return { [Symbol.dispose]: () => void sockets.delete(socket) }
}

/** Whether a request on this connection watches its time itself. */
export function takesLong(socket: unknown): boolean {
  return sockets.has(socket as Socket)
}
