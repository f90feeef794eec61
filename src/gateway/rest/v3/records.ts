// v3, produce as a stream: one record per JSON document, concatenated, in a body that may go on for as long as its client likes; one delivery report per record, in order, as
// soon as it is durable. What arrives while records are being stored is stored together next. WRITE on the topic. A client that sends faster than the log stores, or that
// does not read its reports, is not read from.
import type { IncomingMessage } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import type { Response, Router } from 'express'
import type { Access, Caller } from '../../../ports.ts'
import type { Clock } from '../../../world/world.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf, expectOnTopic } from '../../callers.ts'
import { mayTakeLong } from '../../long-requests.ts'
import { allowOnly, Problem } from '../../problem.ts'
import type { RateLimits } from '../../rate-limits.ts'
import type { EventStreams } from '../events/event-streams.ts'
import { expectBody } from '../media-types.ts'
import { createIfAllowed, produceBytesMax } from '../produce.ts'
import { pause } from '../waits.ts'
import { Delivery, type DeliveryParts, type Outcome } from './delivery.ts'
import { JsonDocuments } from './documents.ts'
import { MalformedDocument, parseRecord, type RecordRequest } from './record-request.ts'
import { topicOf } from './requests.ts'
import { placeOf } from './resource.ts'

export interface StreamLimits {
  /** Of one document. */
  readonly documentBytesMax: number
  /** Documents that wait for those before them to be stored, with what each takes besides its text; a longer one still waits alone. */
  readonly waitingBytesMax: number
  /** Records that are stored together. */
  readonly togetherMax: number
  /** Of a stream, in ms. */
  readonly durationMsMax: number
  /** Without a byte from the client, in ms: below the server's own time for a connection on which nothing moves, so that the client is told. */
  readonly idleMsMax: number
}

const defaults: StreamLimits = {
  documentBytesMax: produceBytesMax,
  waitingBytesMax: 1024 * 1024,
  togetherMax: 5_000,
  durationMsMax: 24 * 3_600_000,
  idleMsMax: 50_000,
}

/** What a document that waits takes besides its text, about: many that are empty are not nothing. */
const documentOverheadBytes = 128

/** What a report takes, about: room for those of one delivery is kept before anything is stored, because what is stored must be told. */
export const reportBytesExpected = 400

/** What a client may still send after its last report, until its connection ends; in ms. */
const lingerMs = 2_000

export interface RecordParts extends DeliveryParts {
  readonly access: Access
  readonly budget: BodyBudget
  /** Of the reports that wait for their readers. */
  readonly answers: BodyBudget
  readonly autoCreateTopics: boolean
  readonly rateLimits: RateLimits
  readonly streams: EventStreams
  readonly streamLimits?: Partial<StreamLimits>
}

/** `POST /v3/clusters/{c}/topics/{t}/records`: 200 once there is a record, with `error_code` per record; 422 for a body without any. */
export function recordRoutes(router: Router, parts: RecordParts): void {
  const limits = { ...defaults, ...parts.streamLimits }
  router.route('/v3/clusters/:cluster/topics/:topic/records')
    .post(async (request, response) => {
      const delivery = await deliveryFor(parts, request, response, request.params.topic)
      using _long = mayTakeLong(request)
      const { clock, budget, answers, rateLimits } = parts
      rateLimits.countsItself(response)
      await new RecordStream(request, response, { delivery, limits, clock, budget, answers, rateLimits, caller: callerOf(response), stopping: parts.streams.stopping }).run()
    })
    .all(allowOnly('POST'))
}

/** For a request whose body is JSON, and whose caller may write the topic, which is there. Throws 415, 403, 404. */
export async function deliveryFor(parts: RecordParts, request: IncomingMessage, response: Response, topic: string): Promise<Delivery> {
  const caller = callerOf(response)
  expectOnTopic(parts.access, caller, 'write', topic)
  expectBody(request as Parameters<typeof expectBody>[0])
  await createIfAllowed(parts, caller, topic)
  const { internal } = await topicOf(parts, response, 'write', topic)
  if (internal) throw new Problem(403, `Topic '${topic}' is internal: only the server writes it`, { errorCode: 40301 })
  return new Delivery(parts, { caller, clusterId: placeOf(response).clusterId, topic })
}

interface StreamParts {
  readonly delivery: Delivery
  readonly limits: StreamLimits
  readonly clock: Clock
  readonly budget: BodyBudget
  readonly answers: BodyBudget
  readonly rateLimits: RateLimits
  readonly caller: Caller
  /** Aborts when the server stops, which a stream must not hold up. */
  readonly stopping: AbortSignal
}

class RecordStream {
  readonly #request: IncomingMessage
  readonly #response: Response
  readonly #parts: StreamParts
  readonly #documents: JsonDocuments
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #deliveringBytes = 0
  #leased = 0
  #reserved = 0
  /** Set while records are being stored, or their reports wait to be read. */
  #delivering = false
  /** Reports that are stored and not yet sent: held back only until it is known whether more follow at once. */
  #text = ''
  /** Ends the stream, after what came before it is stored. */
  #last: Problem | undefined
  #lastByteAtMs: number
  /** The request is paid for as a whole already, so its first record is, and a body whose length was declared. */
  #isFirst = true
  #failure: unknown
  #wake: () => void = () => {}

  constructor(request: IncomingMessage, response: Response, parts: StreamParts) {
    this.#request = request
    this.#response = response
    this.#parts = parts
    this.#documents = new JsonDocuments(parts.limits.documentBytesMax)
    this.#lastByteAtMs = parts.clock.monotonic()
  }

  async run(): Promise<void> {
    const { clock, limits, budget, stopping } = this.#parts
    const encoding = this.#request.headers['content-encoding']
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
      throw new Problem(415, `HTTP 415 Unsupported Media Type: content-encoding '${encoding}' is not taken`, { headers: { 'accept-encoding': 'identity' } })
    }
    const wake = (): void => this.#wake()
    for (const event of ['readable', 'end', 'close', 'error'] as const) this.#request.on(event, wake)
    this.#response.on('close', wake)
    const end = (): void => this.#stop(new Problem(503, 'HTTP 503 Service Unavailable: the server is stopping'))
    stopping.addEventListener('abort', end)
    if (stopping.aborted) end()
    using _duration = clock.after(limits.durationMsMax, () => this.#stop(new Problem(408, 'Streaming connection open for longer than allowed')))
    using idle = { timer: clock.after(limits.idleMsMax, () => this.#watch(idle)), [Symbol.dispose]() { this.timer.cancel() } }
    try {
      await this.#loop()
      await this.#finish()
    } finally {
      for (const event of ['readable', 'end', 'close', 'error'] as const) this.#request.off(event, wake)
      this.#response.off('close', wake)
      stopping.removeEventListener('abort', end)
      budget.release(this.#leased)
      this.#leased = 0
      if (this.#response.closed) this.#giveBack()
      else this.#response.once('close', () => this.#giveBack())
    }
  }

  get #isOver(): boolean {
    return this.#last !== undefined || this.#request.readableEnded || this.#request.destroyed
  }

  /** Reads as long as there is room, and stores what has come as soon as what came before is stored. */
  async #loop(): Promise<void> {
    const { limits } = this.#parts
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      const moved = new Promise<void>(resolve => { this.#wake = resolve })
      if (this.#response.destroyed) {
        // What is being stored holds its bytes until it is.
        if (!this.#delivering) return
        await moved
        continue
      }
      while (!this.#isOver && this.#waitingBytes < limits.waitingBytesMax) {
        const chunk = this.#request.read() as Buffer | null
        if (chunk === null) break
        this.#take(chunk)
      }
      const together = this.#delivering ? 0 : this.#reserve(Math.min(this.#waiting.length, limits.togetherMax))
      if (together > 0) void this.#deliver(this.#waiting.splice(0, together))
      else if (!this.#delivering && this.#isOver) return
      else await moved
    }
  }

  #take(chunk: Buffer): void {
    this.#lastByteAtMs = this.#parts.clock.monotonic()
    for (const document of this.#documents.push(chunk)) {
      this.#waiting.push(document)
      this.#waitingBytes += document.length + documentOverheadBytes
    }
    const { broken } = this.#documents
    if (broken === 'malformed') this.#last = new Problem(400, 'HTTP 400 Bad Request: malformed JSON: a record must be an object, and nothing may stand between records')
    else if (broken === 'too-large') {
      this.#last = new Problem(413, `The request included a message larger than the maximum message size the server can accept: ${this.#parts.limits.documentBytesMax} bytes`)
    } else this.#lease()
  }

  async #deliver(documents: readonly Buffer[]): Promise<void> {
    this.#delivering = true
    try {
      const bytes = documents.reduce((sum, document) => sum + document.length + documentOverheadBytes, 0)
      this.#waitingBytes -= bytes
      this.#deliveringBytes = bytes
      const outcomes = await this.#parts.delivery.deliver(await this.#within(documents, this.#parsed(documents)))
      this.#deliveringBytes = 0
      this.#lease()
      this.#text += outcomes.map(reportOf).join('')
      // A body that is at its end has said so by now; its reports then go out with their length, in one piece.
      await setImmediate()
      if (this.#isOver && this.#waiting.length === 0) return
      await this.#send()
      this.#giveBack()
    } catch (error) {
      this.#failure = error
    } finally {
      this.#delivering = false
      this.#wake()
    }
  }

  /** Up to a document that is no JSON, which ends the stream. */
  #parsed(documents: readonly Buffer[]): (RecordRequest | Problem)[] {
    const requests: (RecordRequest | Problem)[] = []
    for (const document of documents) {
      try {
        requests.push(parseRecord(document))
      } catch (error) {
        if (error instanceof Problem) requests.push(error)
        else if (error instanceof MalformedDocument) {
          this.#stop(new Problem(400, `HTTP 400 Bad Request: malformed JSON: ${error.message}`))
          this.#waiting = []
          this.#waitingBytes = 0
          break
        } else throw error
      }
    }
    return requests
  }

  /** Records that are more than their principal may have per second are refused one by one, with 429. */
  async #within(documents: readonly Buffer[], requests: (RecordRequest | Problem)[]): Promise<(RecordRequest | Problem)[]> {
    const { rateLimits, caller } = this.#parts
    const isPaid = this.#request.headers['transfer-encoding'] === undefined
    const first = this.#isFirst ? 0 : -1
    this.#isFirst = false
    if (!rateLimits.has('requests') && (isPaid || !rateLimits.has('bytesIn'))) return requests
    for (const [at, request] of requests.entries()) {
      if (request instanceof Problem) continue
      try {
        if (at !== first) await rateLimits.expect(caller, 'requests', 1)
        if (!isPaid) await rateLimits.expect(caller, 'bytesIn', documents[at]!.length)
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        requests[at] = error
      }
    }
    return requests
  }

  /** Writes what is to be told, and waits until the client has read enough of it, and may have more by its principal's limit. */
  async #send(): Promise<void> {
    const response = this.#response
    const { caller, rateLimits } = this.#parts
    const text = this.#text
    this.#text = ''
    if (text === '' || response.destroyed) return
    if (!response.headersSent) response.status(200).type('application/json')
    const mayGoOn = response.write(text)
    const owedMs = rateLimits.has('bytesOut') ? await rateLimits.spend(caller, 'bytesOut', Buffer.byteLength(text)) : 0
    if (owedMs > 0) await this.#pause(owedMs)
    if (mayGoOn || !response.writableNeedDrain) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        response.off('drain', done)
        response.off('close', done)
        resolve()
      }
      response.on('drain', done)
      response.on('close', done)
    })
  }

  /** Shorter where the client goes away or the server stops. */
  async #pause(ms: number): Promise<void> {
    const { clock, stopping } = this.#parts
    if (this.#response.destroyed) return
    const gone = new AbortController()
    const end = (): void => gone.abort()
    this.#response.once('close', end)
    await pause(clock, ms, AbortSignal.any([stopping, gone.signal]))
    this.#response.off('close', end)
  }

  /** The last report, and the end of the answer. */
  async #finish(): Promise<void> {
    const request = this.#request
    const response = this.#response
    if (response.destroyed) return
    if (this.#last === undefined && this.#documents.bytesHeld > 0) this.#last = new Problem(400, 'HTTP 400 Bad Request: malformed JSON: the body ends inside a record')
    if (this.#last !== undefined) this.#text += reportOf({ isStored: false, problem: this.#last })
    if (this.#text === '' && !response.headersSent) throw new Problem(422, 'Payload error. Request body is empty. Data is required.')
    if (!response.headersSent) response.status(200).type('application/json')
    const { caller, rateLimits } = this.#parts
    if (rateLimits.has('bytesOut')) await rateLimits.spend(caller, 'bytesOut', Buffer.byteLength(this.#text))
    if (request.readableEnded) {
      response.end(this.#text)
      return
    }
    // What the client still sends is read and dropped for a while: a connection that ends with bytes unread takes the last report with it.
    if (!response.headersSent) response.set('connection', 'close')
    response.end(this.#text)
    request.resume()
    const ended = new Promise<void>(resolve => { request.once('close', resolve).once('end', resolve) })
    const { promise: over, resolve } = Promise.withResolvers<void>()
    using _linger = this.#parts.clock.after(lingerMs, resolve)
    await Promise.race([ended, over])
    if (!request.readableEnded) request.socket.destroy()
  }

  /** Keeps room for the reports of up to `count` records; of how many there is room for. Where there is none, the stream ends. */
  #reserve(count: number): number {
    if (count === 0) return 0
    let fitting = count
    while (fitting > 0 && !this.#parts.answers.lease(fitting * reportBytesExpected)) fitting >>= 1
    this.#reserved = fitting * reportBytesExpected
    if (fitting > 0) return fitting
    this.#waiting = []
    this.#waitingBytes = 0
    this.#stop(new Problem(503, 'HTTP 503 Service Unavailable: too many answer bytes in flight', { headers: { 'retry-after': '1' } }))
    return 0
  }

  #giveBack(): void {
    this.#parts.answers.release(this.#reserved)
    this.#reserved = 0
  }

  #stop(last: Problem): void {
    this.#last ??= last
    this.#wake()
  }

  /** A client is idle that could send and does not; one that is not read from is not. */
  #watch(idle: { timer: ReturnType<Clock['after']> }): void {
    const { clock, limits } = this.#parts
    if (this.#delivering || this.#waitingBytes >= limits.waitingBytesMax) this.#lastByteAtMs = clock.monotonic()
    const leftMs = this.#lastByteAtMs + limits.idleMsMax - clock.monotonic()
    if (leftMs > 0) idle.timer = clock.after(leftMs, () => this.#watch(idle))
    else this.#stop(new Problem(408, `Nothing was received for ${limits.idleMsMax} ms`))
  }

  /** Counts what is held against the budget of all requests; the stream ends where there is no room. */
  #lease(): void {
    const { budget } = this.#parts
    const bytes = this.#documents.bytesHeld + this.#waitingBytes + this.#deliveringBytes
    if (bytes <= this.#leased) budget.release(this.#leased - bytes)
    else if (!budget.lease(bytes - this.#leased)) {
      this.#stop(new Problem(503, 'HTTP 503 Service Unavailable: too many request bytes in flight', { headers: { 'retry-after': '1' } }))
      return
    }
    this.#leased = bytes
  }
}

/** One delivery report, and a line end behind it: documents that are concatenated and lines that can be read one by one. */
function reportOf(outcome: Outcome): string {
  if (outcome.isStored) return `{"error_code":200,${outcome.report}}\n`
  const { errorCode, message, details } = outcome.problem
  return `${JSON.stringify({ error_code: errorCode, message, ...details })}\n`
}
