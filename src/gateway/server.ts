// The gateway's listener: HTTPS, or plain HTTP with dev. Bounded before a handler sees anything: connections in all and per address, header bytes, time to send
// a head and a request, idle time. Closing lets requests in flight end, within a bound.
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContextOptions, TlsOptions, TLSSocket } from 'node:tls'
import { hostOf } from '../security/principal.ts'
import { takesLong } from './long-requests.ts'

export interface GatewayServerOptions {
  readonly app: RequestListener
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** Absent with dev: plain HTTP. */
  readonly tls?: TlsOptions
  /** Called once per TLS connection, right after its handshake: the peer is judged, and audited, before its first byte is processed. */
  readonly judge?: (socket: TLSSocket) => unknown
  readonly limits?: Partial<GatewayLimits>
}

export interface GatewayLimits {
  readonly connectionsMax: number
  readonly connectionsPerAddressMax: number
  /** Time for a request's head, in ms. */
  readonly headersTimeoutMs: number
  /** Time for a whole request, in ms; streams watch their own. */
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  /** A connection on which nothing moves for so long is ended, even if a response waits for its reader. */
  readonly idleTimeoutMs: number
  /** How long `close` waits for requests in flight. */
  readonly closeTimeoutMs: number
}

const defaults: GatewayLimits = {
  connectionsMax: 10_000,
  connectionsPerAddressMax: 1_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  closeTimeoutMs: 5_000,
}

const headerBytesMax = 16 * 1024
const headersMax = 100
const checkIntervalMs = 1_000

export interface GatewayServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** New handshakes use these certificates; connections that stand keep theirs. */
  setSecureContext(options: SecureContextOptions): void
  /** Stops accepting, lets requests in flight end, then ends what is left. */
  close(): Promise<void>
}

/** Resolves once bound; EADDRINUSE and its like reject. */
export async function startGateway(options: GatewayServerOptions): Promise<GatewayServer> {
  const limits = { ...defaults, ...options.limits }
  const http = {
    maxHeaderSize: headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs,
    insecureHTTPParser: false,
  }
  const secure = options.tls === undefined ? undefined : createTlsServer({ ...options.tls, ...http }, options.app)
  const server: Server = secure ?? createServer(http, options.app)
  server.maxHeadersCount = headersMax
  server.maxConnections = limits.connectionsMax
  server.timeout = limits.idleTimeoutMs
  boundPerAddress(server, limits.connectionsPerAddressMax)
  secure?.on('secureConnection', socket => options.judge?.(socket))
  // A handshake that fails is the client's; without a listener the socket would stay half open until its timeout.
  secure?.on('tlsClientError', (_error, socket) => socket.destroy())
  server.on('clientError', answerBadRequest)

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => closed ??= closeServer(server, limits.closeTimeoutMs)
  return {
    host: address.address,
    port: address.port,
    setSecureContext: context => secure?.setSecureContext(context),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** One address may not take all the connections there are. */
function boundPerAddress(server: Server, perAddressMax: number): void {
  // At most one entry per open connection, of which there are at most maxConnections.
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const host = hostOf(socket.remoteAddress)
    const count = open.get(host) ?? 0
    if (count >= perAddressMax) {
      socket.destroy()
      return
    }
    open.set(host, count + 1)
    socket.once('close', () => {
      const left = (open.get(host) ?? 1) - 1
      if (left === 0) open.delete(host)
      else open.set(host, left)
    })
  })
}

/** What Node's parser refused: never a request for a handler. The body says no more than the status. */
function answerBadRequest(error: Error & { code?: string }, socket: { writable: boolean; end(text: string): void; destroy(): void }): void {
  // Node says so once per request, and forgets about it then.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && takesLong(socket)) return
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, reason] = error.code === 'HPE_HEADER_OVERFLOW' ? [431, 'Request Header Fields Too Large']
    : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? [408, 'Request Timeout']
    : [400, 'Bad Request']
  const body = JSON.stringify({ error_code: status, message: `HTTP ${status} ${reason}` })
  socket.end(`HTTP/1.1 ${status} ${reason}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`)
}

function closeServer(server: Server, timeoutMs: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), timeoutMs)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
