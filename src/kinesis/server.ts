// The Kinesis listener: one port for HTTP/1.1 and HTTP/2, over TLS by ALPN or else, and in the clear where plain is allowed, by the first bytes ('PRI' opens
// HTTP/2 with prior knowledge, which is how the JavaScript SDK speaks to http:// endpoints; 0x16 opens TLS). AWS SDKs open a session per call, so sessions are cheap here
// and every peer's share of memory is bounded: streams per session, header bytes, body bytes, time to say something.
import { once } from 'node:events'
import { type IncomingMessage, type Server as Http1Server, type ServerResponse, createServer as createHttp1Server } from 'node:http'
import { type Http2Server, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { type SecureContextOptions, type Server as TlsServer, type TLSSocket, type TlsOptions, createServer as createTlsServer } from 'node:tls'
import { signedHeadersOf } from '../security/canonical-request.ts'
import { hostOf } from '../security/principal.ts'
import type { Verdict } from '../security/tls.ts'
import type { EventSource } from '../wire/event-stream.ts'
import type { Logger } from '../world/world.ts'
import { BodyBudget, type BodyShare, bodiesBytesMax, bodyBytesMax, readBody } from './body.ts'
import type { KinesisHandler, KinesisResponse } from './handler.ts'
import { Pushes } from './pushes.ts'
import { isGone } from './responses.ts'

export interface KinesisServerOptions {
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  readonly handler: KinesisHandler
  readonly logger: Logger
  /** Certificate and key, and what else TLS should ask for; without it the port speaks no TLS. */
  readonly tls?: TlsOptions
  /** Called once per TLS connection, before its first byte is processed: a peer that is rejected gets none. Absent where peers need no certificate. */
  readonly judge?: (socket: TLSSocket) => Verdict
  /** Whether unencrypted connections are served too. */
  readonly plain: boolean
  readonly limits?: Partial<KinesisServerLimits>
}

export interface KinesisServerLimits {
  readonly connectionsMax: number
  /** From accepting to the first bytes, and for the TLS handshake. */
  readonly greetingMs: number
  /** For the head of a request, from its first byte. */
  readonly headersMs: number
  /** For a whole request, from its first byte. */
  readonly requestMs: number
  /** A connection of HTTP/1.1 on which nothing happens. */
  readonly idleMs: number
  /** A session of HTTP/2 on which nothing happens, not even a PING: the KCL sends one every minute. */
  readonly sessionIdleMs: number
  /** How long a closing listener waits for requests that are being served. */
  readonly drainMs: number
}

const limitsDefault: KinesisServerLimits = {
  connectionsMax: 10_000, greetingMs: 10_000, headersMs: 10_000, requestMs: 60_000, idleMs: 60_000, sessionIdleMs: 180_000, drainMs: 5_000,
}

const headerBytesMax = 16 * 1_024
const streamsPerSessionMax = 128
// Node counts answers that were not taken yet, and refuses streams beyond: less than all that peers may hold would cut off a KCL that reads many shards
// over one connection. What else a session may fill is bounded by the number of its streams and the size of their headers.
const sessionMemoryMbMax = 2 * Math.ceil(bodiesBytesMax / 1_000_000)
const invalidFramesMax = 100
const windowBytes = 1_048_576
// Of all streams of a session together. What HTTP/2 begins with, 64 KiB, would halve the speed of a put of ten MiB even on one machine.
const sessionWindowBytes = 4 * windowBytes
const tlsHandshakeByte = 0x16
const http2Greeting = Buffer.from('PRI')

export interface KinesisServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** New TLS handshakes use these certificates. */
  setSecureContext(options: SecureContextOptions): void
  /** Stops listening, lets requests that are being served finish for a while (event streams end at once), then ends every connection. */
  close(): Promise<void>
}

type Request = IncomingMessage | Http2ServerRequest
type Response = ServerResponse | Http2ServerResponse

/** Listens; rejects with Node's error where the address is taken or not ours. */
export async function startKinesis(options: KinesisServerOptions): Promise<KinesisServer> {
  const listener = new Listener(options)
  await listener.listen()
  return listener
}

class Listener implements KinesisServer {
  readonly #options: KinesisServerOptions
  readonly #limits: KinesisServerLimits
  readonly #budget = new BodyBudget()
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #pushes = new Pushes()
  readonly #front: Server
  readonly #tls: TlsServer | undefined
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  #closing = false
  host = ''
  port = 0

  constructor(options: KinesisServerOptions) {
    this.#options = options
    this.#limits = { ...limitsDefault, ...options.limits }
    this.#http1 = this.#makeHttp1()
    this.#http2 = this.#makeHttp2()
    this.#tls = options.tls && this.#makeTls(options.tls)
    this.#front = createServer({ noDelay: true }, socket => this.#greet(socket))
    this.#front.maxConnections = this.#limits.connectionsMax
    this.#front.on('drop', () => options.logger.warn({ connectionsMax: this.#limits.connectionsMax }, 'a Kinesis connection was dropped: too many'))
  }

  async listen(): Promise<void> {
    this.#front.listen({ host: this.#options.host, port: this.#options.port })
    await once(this.#front, 'listening')
    const bound = this.#front.address() as AddressInfo
    this.host = bound.address
    this.port = bound.port
    // The inner server is handed its sockets and never listens by itself; this starts its watch over slow requests.
    this.#http1.emit('listening')
  }

  setSecureContext(options: SecureContextOptions): void {
    this.#tls?.setSecureContext(options)
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    const closed = once(this.#front, 'close')
    this.#front.close()
    this.#pushes.stop()
    this.#http1.closeIdleConnections()
    for (const session of this.#sessions) session.close()
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#limits.drainMs)
    await closed
    clearTimeout(deadline)
    this.#http1.closeAllConnections()
    this.#http1.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Waits for the first bytes and hands the connection to whoever speaks what they open. */
  #greet(socket: Socket): void {
    this.#sockets.add(socket)
    // A peer that vanishes is no event; whoever serves the socket hears of it too.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    this.#awaitGreeting(socket, first => this.#hand(socket, first))
  }

  /** Reads what opens a connection, as much of it as tells protocols apart, puts it back and says what it was. */
  #awaitGreeting(socket: Socket, then: (first: Buffer) => void): void {
    const deadline = setTimeout(() => socket.destroy(), this.#limits.greetingMs)
    socket.once('close', () => clearTimeout(deadline))
    let first: Buffer = Buffer.alloc(0)
    const onReadable = (): void => {
      const bytes = socket.read() as Buffer | null
      if (bytes === null) return
      first = Buffer.concat([first, bytes])
      // A greeting may come byte by byte: 'P' alone could still become POST.
      if (first.length < http2Greeting.length && http2Greeting.subarray(0, first.length).equals(first)) return
      socket.off('readable', onReadable)
      clearTimeout(deadline)
      socket.unshift(first)
      then(first)
    }
    socket.on('readable', onReadable)
  }

  #hand(socket: Socket, first: Buffer): void {
    if (first[0] === tlsHandshakeByte && this.#tls !== undefined) this.#tls.emit('connection', socket)
    else if (!this.#options.plain) socket.destroy()
    else if (isHttp2(first)) this.#http2.emit('connection', socket)
    else this.#http1.emit('connection', socket)
  }

  #handTls(socket: TLSSocket, first: Buffer): void {
    if (!isHttp2(first)) {
      this.#http1.emit('connection', socket)
      return
    }
    // Node's server takes a TLS connection for HTTP/2 by this alone.
    socket.alpnProtocol = 'h2'
    this.#http2.emit('connection', socket)
  }

  #makeTls(options: TlsOptions): TlsServer {
    const tls = createTlsServer({ ...options, ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: this.#limits.greetingMs })
    tls.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => socket.destroy())
      const verdict = this.#options.judge?.(socket)
      if (verdict !== undefined && 'rejected' in verdict) return void socket.destroy()
      if (socket.alpnProtocol === 'h2') this.#http2.emit('connection', socket)
      else if (socket.alpnProtocol === 'http/1.1') this.#http1.emit('connection', socket)
      // The SDK for Java, and so the KCL, speaks HTTP/2 to Kinesis without having asked for it.
      else this.#awaitGreeting(socket, first => this.#handTls(socket, first))
    })
    tls.on('tlsClientError', (error, socket) => {
      this.#options.logger.debug({ peer: socket.remoteAddress, reason: error.message }, 'a TLS handshake on the Kinesis port failed')
      socket.destroy()
    })
    return tls
  }

  #makeHttp1(): Http1Server {
    const { headersMs, requestMs, idleMs } = this.#limits
    const server = createHttp1Server({
      maxHeaderSize: headerBytesMax, headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: idleMs, insecureHTTPParser: false,
      connectionsCheckingInterval: Math.max(50, Math.min(headersMs, 5_000) / 2),
    }, (request, response) => void this.#serve(request, response))
    server.timeout = requestMs
    return server
  }

  #makeHttp2(): Http2Server {
    const server = createHttp2Server({
      settings: { maxConcurrentStreams: streamsPerSessionMax, maxHeaderListSize: headerBytesMax, initialWindowSize: windowBytes, enablePush: false },
      maxSessionMemory: sessionMemoryMbMax, maxSessionInvalidFrames: invalidFramesMax, maxHeaderListPairs: 128, maxSettings: 32, maxOutstandingPings: 10,
    }, (request, response) => void this.#serve(request, response))
    server.on('session', session => {
      this.#sessions.add(session)
      session.setLocalWindowSize(sessionWindowBytes)
      session.on('close', () => this.#sessions.delete(session))
      session.on('error', error => this.#options.logger.debug({ reason: error.message }, 'an HTTP/2 session ended in error'))
      // First it is asked to go, by GOAWAY; whoever then still has a stream open, and says nothing, is not asked again.
      session.setTimeout(this.#limits.sessionIdleMs, () => {
        session.close()
        session.setTimeout(this.#limits.sessionIdleMs, () => session.destroy())
      })
      if (this.#closing) session.close()
    })
    return server
  }

  async #serve(request: Request, response: Response): Promise<void> {
    // Both directions can be cut at any moment; a cut is the peer's decision and no error of ours.
    request.on('error', ignore)
    response.on('error', ignore)
    const deadline = setTimeout(() => response.destroy(), this.#limits.requestMs)
    const host = hostOf(request.socket?.remoteAddress)
    const isEncrypted = (request.socket as Partial<TLSSocket> | undefined)?.encrypted === true
    const share = this.#budget.share(host)
    const body = await readBody(request, share)
    clearTimeout(deadline)
    if (typeof body === 'string') {
      if (body === 'incomplete') return
      this.#send(request, response, body === 'too-large' ? tooLarge : noRoom)
      return
    }
    let answer: KinesisResponse
    try {
      const [path, query] = splitTarget(request.url ?? '/')
      answer = await this.#options.handler.handle({ method: request.method ?? '', path, query, headers: signedHeadersOf(request), body, host, isEncrypted })
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a Kinesis request could not be answered')
      response.destroy()
      return
    } finally {
      share.give(body.length)
    }
    if (Buffer.isBuffer(answer.body)) this.#send(request, response, hold(answer.body, response, share) ? { ...answer, body: answer.body } : noRoom)
    else await this.#push(request, response, { ...answer, body: answer.body }, { host, share })
  }

  #send(request: Request, response: Response, answer: KinesisResponse & { readonly body: Buffer }): void {
    if (isGone(response) || response.writableEnded) return
    // A body that was not read to its end leaves nothing to go on with.
    const isUnread = !request.complete
    this.#writeHead(request, response, answer, isUnread)
    // The two kinds of response agree on what is used here, but not in their types.
    const either = response as ServerResponse
    either.end(answer.body)
    if (isUnread) request.resume()
  }

  async #push(request: Request, response: Response, answer: KinesisResponse & { readonly body: EventSource }, peer: { host: string; share: BodyShare }): Promise<void> {
    if (!isGone(response)) this.#writeHead(request, response, answer, false)
    try {
      await this.#pushes.push(answer.body, response as ServerResponse, peer)
    } catch (error) {
      this.#options.logger.error({ err: error }, 'a Kinesis event stream broke off')
      response.destroy()
    }
  }

  #writeHead(request: Request, response: Response, { status, headers }: KinesisResponse, isLast: boolean): void {
    const isHttp1 = request.httpVersionMajor === 1
    const shown = isHttp1 ? spelt(isLast || this.#closing ? { ...headers, connection: 'close' } : headers) : headers
    const either = response as ServerResponse
    either.writeHead(status, shown)
  }
}

/** Counts an answer against its peer's share until the peer has taken it, or is gone; false where too much is held for peers that do not read. */
function hold(body: Buffer, response: Response, share: BodyShare): boolean {
  const bytes = body.length
  if (!share.take(bytes)) return false
  if (isGone(response)) share.give(bytes)
  else response.once('close', () => share.give(bytes))
  return true
}

// How AWS spells the names of headers where spelling shows, which is in HTTP/1.1.
const spellings: Readonly<Record<string, string>> = {
  'content-length': 'Content-Length', 'content-type': 'Content-Type', date: 'Date', 'x-amzn-requestid': 'x-amzn-RequestId',
}

function spelt(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [spellings[name] ?? name, value]))
}

const tooLarge = plainText(413, `The request body is larger than ${bodyBytesMax} bytes.`)
const noRoom = plainText(503, 'Too much is under way at once; try again.')

function plainText(status: number, message: string): KinesisResponse & { readonly body: Buffer } {
  const body = Buffer.from(message)
  return { status, headers: { 'content-type': 'text/plain', 'content-length': String(body.length) }, body }
}

/** Path and query as the client sent them, undecoded: that is what it signed. */
export function splitTarget(target: string): [path: string, query: string] {
  const mark = target.indexOf('?')
  return mark < 0 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)]
}

function isHttp2(first: Buffer): boolean {
  return first.subarray(0, http2Greeting.length).equals(http2Greeting)
}

function ignore(): void {}
