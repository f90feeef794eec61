// One client's connection: frames in, answers out in the order of their requests. One request is handled at a time, except that a handler may let
// the next one start once its own order is fixed (Produce does). A peer that sends more than it is answered, or does not read, is not read from.
import type { Socket } from 'node:net'
import { formatPrincipal } from '../security/principal.ts'
import { WireError } from '../wire/bytes.ts'
import type { BytesBudget } from './bytes-budget.ts'
import type { Services } from './context.ts'
import { Unanswerable, type Answer, type Dispatcher, type Peer } from './dispatch.ts'
import { FrameAssembler } from './frame.ts'

/** Requests of one connection that are being handled or wait for their turn to be answered. */
const requestsInFlightMax = 16
/** What a connection may hold of an unfinished request when the budget for all of them is used up: enough for everything but large produces. */
const smallRequestBytes = 64 * 1024
/** Answers are handed to the socket in pieces of about this size, so that TLS does not encrypt all of a large one ahead of a slow reader. */
const pieceBytes = 256 * 1024

interface Exchange {
  /** Undefined while the request is handled. */
  answer: Answer | undefined
  readonly frameBytes: number
  /** It was read beyond the budget of all requests. */
  readonly overdraws: boolean
}

export interface ConnectionOptions {
  readonly socket: Socket
  readonly peer: Omit<Peer, 'signal'>
  readonly dispatcher: Dispatcher
  readonly services: Services
  readonly requestBudget: BytesBudget
  readonly closed: (connection: Connection) => void
}

export class Connection {
  readonly peer: Peer
  readonly #socket: Socket
  readonly #dispatcher: Dispatcher
  readonly #services: Services
  readonly #requestBudget: BytesBudget
  readonly #closed: (connection: Connection) => void
  readonly #frames: FrameAssembler
  readonly #gone = new AbortController()
  /** In the order of their requests. */
  readonly #exchanges: Exchange[] = []
  /** A request is being handled that did not let the next one start. */
  #isBusy = false
  #isSending = false
  #isStopping = false
  #isEnding = false
  #isStarved = false
  #servedCount = 0
  #activeAtMs: number
  #frameSinceMs: number
  /** Bytes that left for the peer, and when that number last grew or nothing waited. */
  #flushedBytes = 0
  #flushedAtMs: number

  constructor(options: ConnectionOptions) {
    this.#socket = options.socket
    this.#dispatcher = options.dispatcher
    this.#services = options.services
    this.#requestBudget = options.requestBudget
    this.#closed = options.closed
    this.#frames = new FrameAssembler(options.services.settings.requestBytesMax)
    this.peer = { ...options.peer, signal: this.#gone.signal }
    this.#activeAtMs = this.#frameSinceMs = this.#flushedAtMs = options.services.clock.monotonic()
    this.#socket.on('data', chunk => this.#receive(chunk as Buffer))
    this.#socket.on('drain', () => this.#readOn())
    this.#socket.on('end', () => this.#end())
    this.#socket.on('error', error => this.#log('debug', error.message))
    this.#socket.on('close', () => this.#cleanUp())
  }

  /** Closes upon a peer that is late with its first request, with the rest of a request, with reading, or silent for too long. */
  checkDeadlines(nowMs: number): void {
    const { settings } = this.#services
    const unsent = this.#socket.writableLength
    const flushed = this.#socket.bytesWritten - unsent
    if (unsent === 0 || flushed !== this.#flushedBytes) this.#flushedAtMs = nowMs
    this.#flushedBytes = flushed
    if (nowMs - this.#flushedAtMs > settings.stalledReaderMs) return this.#close(`read nothing of its answer for ${settings.stalledReaderMs} ms`)
    if (this.#isStarved) return
    // Also behind a request that is being handled: who waits long for an answer may not hold on to half of the next request meanwhile.
    const isArriving = this.#frames.held > 0 && !this.#frames.isReady
    if (isArriving && nowMs - this.#frameSinceMs > settings.requestArrivalMs) {
      return this.#close(`sent ${this.#frames.held} bytes of a request and not the rest in ${settings.requestArrivalMs} ms`)
    }
    if (this.#exchanges.length > 0) return
    if (this.#servedCount === 0 && nowMs - this.#activeAtMs > settings.firstRequestMs) return this.#close(`sent no request in ${settings.firstRequestMs} ms`)
    if (nowMs - this.#activeAtMs > settings.idleMs) this.#close(`was idle for ${settings.idleMs} ms`)
  }

  /** Takes no more requests, answers at once what waits, and ends the connection when all is answered. */
  stop(): void {
    this.#isStopping = true
    this.#gone.abort()
    this.#endIfDone()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    if (this.#socket.destroyed) return
    if (this.#frames.held === 0) this.#frameSinceMs = this.#services.clock.monotonic()
    this.#requestBudget.take(chunk.length, chunk.length)
    this.#frames.push(chunk)
    this.#advance()
    this.#throttle()
  }

  /** Reads on unless a whole request waits already, or all connections together hold too much. */
  #throttle(): void {
    if (this.#socket.destroyed) return
    if (this.#frames.isReady) {
      this.#socket.pause()
    } else if (this.#requestBudget.isExhausted && this.#frames.held > smallRequestBytes && !this.#mayOverdraw()) {
      if (this.#isStarved) return
      this.#isStarved = true
      this.#socket.pause()
      this.#requestBudget.whenReleased(() => {
        this.#isStarved = false
        this.#frameSinceMs = this.#services.clock.monotonic()
        this.#throttle()
      })
    } else if (this.#socket.isPaused()) {
      this.#socket.resume()
    }
  }

  /** One request at a time, of all connections, is read to its end though the budget is used up: so all of them come to their end. */
  #mayOverdraw(): boolean {
    return !this.#exchanges.some(exchange => exchange.overdraws) && this.#requestBudget.mayOverdraw(this)
  }

  /** Starts what may start. */
  #advance(): void {
    while (!this.#isBusy && !this.#isStopping && !this.#socket.destroyed && this.#exchanges.length < requestsInFlightMax && !this.#isUnread()) {
      let frame: Buffer | undefined
      try {
        frame = this.#frames.next()
      } catch (error) {
        return this.#close((error as WireError).message)
      }
      if (frame === undefined) return
      this.#frameSinceMs = this.#services.clock.monotonic()
      void this.#exchange(frame)
    }
  }

  #isUnread(): boolean {
    return this.#socket.writableLength > this.#services.settings.unsentBytesMax
  }

  async #exchange(frame: Buffer): Promise<void> {
    const exchange: Exchange = { answer: undefined, frameBytes: frame.length + 4, overdraws: this.#requestBudget.isOverdrawnBy(this) }
    this.#exchanges.push(exchange)
    this.#isBusy = true
    let mayStartNext = true
    const startNext = (): void => {
      if (!mayStartNext) return
      mayStartNext = false
      this.#isBusy = false
      // Not from inside the handler that calls this: its own first append must be under way before the next one's.
      queueMicrotask(() => this.#readOn())
    }
    try {
      exchange.answer = await this.#dispatcher.dispatch(frame, this.peer, startNext)
      this.#servedCount++
      this.#activeAtMs = this.#services.clock.monotonic()
    } catch (error) {
      exchange.answer = { slices: undefined, reserved: 0 }
      this.#fail(error)
    }
    if (mayStartNext) this.#isBusy = false
    mayStartNext = false
    await this.#send()
    this.#readOn()
  }

  #readOn(): void {
    this.#advance()
    this.#throttle()
  }

  /** Sends what is answered, in order. */
  async #send(): Promise<void> {
    if (this.#isSending) return
    this.#isSending = true
    for (let head = this.#exchanges[0]; head?.answer !== undefined; head = this.#exchanges[0]) {
      if (head.answer.slices !== undefined) await this.#write(head.answer.slices)
      this.#exchanges.shift()
      this.#requestBudget.release(head.frameBytes)
      if (head.overdraws) this.#requestBudget.endOverdraft(this)
      this.#services.answerBudget.release(head.answer.reserved)
    }
    this.#isSending = false
    this.#endIfDone()
  }

  /** The peer sends no more. What it sent is still served: it may not wait for answers (acks=0). */
  #end(): void {
    this.#isEnding = true
    this.#gone.abort()
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#exchanges.length > 0) return
    if (this.#isStopping || (this.#isEnding && !this.#frames.isReady)) this.#socket.destroySoon()
  }

  async #write(slices: readonly Buffer[]): Promise<void> {
    let bytes = 0
    this.#socket.cork()
    for (const slice of slices) {
      for (let at = 0; at < slice.length; at += pieceBytes) {
        const piece = slice.length <= pieceBytes ? slice : slice.subarray(at, at + pieceBytes)
        if (!this.#socket.writable) return
        this.#socket.write(piece)
        bytes += piece.length
        if (bytes < pieceBytes) continue
        this.#socket.uncork()
        if (this.#isUnread()) await this.#drained()
        this.#socket.cork()
        bytes = 0
      }
    }
    this.#socket.uncork()
  }

  /** Until the peer has read what was written, or is gone. */
  #drained(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const done = (): void => {
      this.#socket.off('drain', done)
      this.#socket.off('close', done)
      resolve()
    }
    this.#socket.on('drain', done)
    this.#socket.on('close', done)
    if (this.#socket.destroyed || !this.#socket.writableNeedDrain) done()
    return promise
  }

  #fail(error: unknown): void {
    if (error instanceof WireError || error instanceof Unanswerable) return this.#close(error.message)
    this.#log('error', error instanceof Error ? (error.stack ?? error.message) : String(error))
    this.#socket.destroy()
  }

  #close(reason: string): void {
    this.#log('info', reason)
    this.#socket.destroy()
  }

  #log(level: 'debug' | 'info' | 'error', reason: string): void {
    const { caller, listener } = this.peer
    const fields = { listener, host: caller.host, principal: formatPrincipal(caller.principal), reason }
    this.#services.logger[level](fields, 'Kafka connection closed')
  }

  #cleanUp(): void {
    this.#gone.abort()
    this.#requestBudget.release(this.#frames.held)
    if (!this.#exchanges.some(exchange => exchange.overdraws)) this.#requestBudget.endOverdraft(this)
    this.#closed(this)
  }
}
