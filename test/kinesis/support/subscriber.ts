// Reads the event streams that the handler gives, message by message, without a transport.
import { setImmediate } from 'node:timers/promises'
import { EventDecoder, type EventSource } from '../../../src/wire/event-stream.ts'
import { forms } from './forms.ts'
import { type CallOptions, sign, type TestKinesis } from './kinesis.ts'

export interface Event {
  readonly Records: readonly { readonly SequenceNumber: string; readonly ApproximateArrivalTimestamp: number; readonly Data: string; readonly PartitionKey: string }[]
  readonly ContinuationSequenceNumber?: string
  readonly MillisBehindLatest: number
  readonly ChildShards?: readonly { readonly ShardId: string; readonly ParentShards: readonly string[] }[]
}

export interface Message {
  /** What the message is: 'initial-response', 'SubscribeToShardEvent', or the name of an exception. */
  readonly type: string
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Buffer
  readonly body: Event & { readonly message?: string }
}

export class Subscriber {
  readonly #messages: AsyncIterator<Buffer>
  readonly #decode: (payload: Buffer) => unknown
  readonly #over = new AbortController()
  #next: Promise<Message | undefined> | undefined

  constructor(source: EventSource, decode: (payload: Buffer) => unknown) {
    this.#messages = source.messages(this.#over.signal)[Symbol.asyncIterator]()
    this.#decode = decode
  }

  /** The next message; undefined at the end. */
  next(): Promise<Message | undefined> {
    const next = this.#next ?? this.#take()
    this.#next = undefined
    return next
  }

  /** The next message, which must be an event. */
  async event(): Promise<Event> {
    const message = await this.next()
    if (message?.type !== 'SubscribeToShardEvent') throw new Error(`no event but ${message === undefined ? 'the end' : `${message.type}: ${message.body.message}`}`)
    return message.body
  }

  /** 'Type: message' of the exception that comes next, which must be the last message. */
  async exception(): Promise<string> {
    const message = await this.next()
    if (message === undefined || await this.next() !== undefined) throw new Error('no exception at the end')
    return `${message.type}: ${message.body.message}`
  }

  /** The records of the next events, their data as text, until there are so many. */
  async records(count: number): Promise<string[]> {
    const data: string[] = []
    while (data.length < count) data.push(...(await this.event()).Records.map(record => Buffer.from(record.Data, 'base64').toString()))
    return data
  }

  /** Whether no message comes as long as nothing happens. */
  async isQuiet(): Promise<boolean> {
    let isQuiet = true
    this.#next ??= this.#take()
    this.#next.then(() => { isQuiet = false }, () => { isQuiet = false })
    for (let turn = 0; turn < 20; turn++) await setImmediate()
    return isQuiet
  }

  /** As if the peer were gone. */
  close(): void {
    this.#over.abort()
  }

  async #take(): Promise<Message | undefined> {
    const { done, value } = await this.#messages.next()
    if (done === true) {
      this.close()
      return undefined
    }
    const decoder = new EventDecoder()
    const [message, ...more] = decoder.take(value)
    if (message === undefined || more.length > 0 || decoder.pendingBytes > 0) throw new Error('no whole message at a time')
    const { headers, payload } = message
    const type = headers.get(headers.get(':message-type') === 'exception' ? ':exception-type' : ':event-type')!
    return { type, headers, payload, body: this.#decode(payload) as Message['body'] }
  }
}

/** Subscribes; the answer's first message has been read. Rejects where it is refused. */
export async function subscribe(kinesis: TestKinesis, input: object, how: CallOptions = {}): Promise<Subscriber> {
  const form = forms[how.form ?? 'json']
  const body = Buffer.from(form.encode(input))
  const signed = sign('SubscribeToShard', body, kinesis.clock.now(), { ...how, headers: { 'Content-Type': form.contentType, ...how.headers } })
  const response = await kinesis.handler.handle({ method: 'POST', path: '/', query: '', headers: signed, body, host: '127.0.0.1' })
  if (Buffer.isBuffer(response.body)) throw new Error(JSON.stringify(form.decode(response.body)))
  const subscriber = new Subscriber(response.body, payload => form.decode(payload))
  const first = await subscriber.next()
  if (first?.type !== 'initial-response' || Object.keys(first.body).length > 0) throw new Error(`the first message is ${first?.type}`)
  return subscriber
}
