// What all subscriptions to one shard read in common. Consumers that keep up ask for the same page at the same moment: it is read once, opened once, and written once in each
// form. One wait for the log wakes them all.
import type { Topic } from '../../ports.ts'
import type { Codec } from '../codecs.ts'
import type { Services } from '../context.ts'
import { AwsError, notFound, texts } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { type Page, readPage } from '../records.ts'
import { sequenceNumberOf } from '../sequence-numbers.ts'
import { shardLeft } from '../shard-history.ts'
import { type ShardNode, shardIdOf } from '../shard-map.ts'
import { childShardsOf } from '../shards.ts'
import { eventMessage } from './events.ts'

/** Data and partition keys of one event; a record that is larger comes alone. */
const pageBytesMax = 512 * 1_024
const pageRecordsMax = 10_000
/** How long a page is kept for those who are a little later; how far behind it says to be is old by as much. */
export const sharedForMs = 100
const pauseMs = 10

export interface ShardPlace {
  readonly stream: string
  readonly topicId: string
  readonly shardIndex: number
}

export type FeedServices = Pick<Services, 'account' | 'admin' | 'clock' | 'documents' | 'logs' | 'pages' | 'region'>

export class ShardFeed {
  readonly #place: ShardPlace
  readonly #services: FeedServices
  readonly #pages = new Map<number, Promise<FeedPage | AwsError>>()
  readonly #waiting = new Set<() => void>()
  #watch: { readonly seen: number; readonly enough: AbortController } | undefined
  #seenBefore = -1
  /** How often everyone has looked again. */
  #turn = 0

  constructor(place: ShardPlace, services: FeedServices) {
    this.#place = place
    this.#services = services
  }

  /** What lies from that offset on, or why nothing of the shard can be read any more. */
  page(offset: number): Promise<FeedPage | AwsError> {
    const known = this.#pages.get(offset)
    if (known !== undefined) return known
    const page = this.#read(offset)
    this.#pages.set(offset, page)
    const forget = (): void => { if (this.#pages.get(offset) === page) this.#pages.delete(offset) }
    page.then(() => this.#services.clock.after(sharedForMs, forget), forget)
    return page
  }

  /** Calls `wake` once, a little later, when there is more than that page, or somebody has everyone look again, or had since it was read; never, once disposed of. */
  watch({ highWatermark, turn }: FeedPage, wake: () => void): Disposable {
    this.#waiting.add(wake)
    if (turn < this.#turn) queueMicrotask(() => { if (this.#waiting.delete(wake)) wake() })
    // A page from before others have seen more, or the high watermark has gone back with a new leader: the log tells which. What it cannot tell, they find out who read.
    else if (this.#watch === undefined || highWatermark < this.#watch.seen) this.#wait(highWatermark).catch(() => this.look())
    return { [Symbol.dispose]: () => {
      this.#waiting.delete(wake)
      if (this.#waiting.size > 0) return
      this.#watch?.enough.abort()
      this.#watch = undefined
    } }
  }

  /** Something else than its log has changed: whoever waits reads again. */
  look(): void {
    this.#turn++
    this.#pages.clear()
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#watch?.enough.abort()
    this.#watch = undefined
    for (const wake of waiting) wake()
  }

  async #wait(seen: number): Promise<void> {
    const { clock, logs } = this.#services
    const enough = new AbortController()
    const watch = { seen, enough }
    this.#watch?.enough.abort()
    this.#watch = watch
    await logs.changed([{ topic: this.#place.stream, partition: this.#place.shardIndex, highWatermark: seen }], enough.signal)
    if (this.#watch !== watch) return
    // For a partition that nobody leads it resolves at once, again and again.
    if (seen === this.#seenBefore) await new Promise<void>(resolve => { clock.after(pauseMs, resolve) })
    this.#seenBefore = seen
    if (this.#watch === watch) this.look()
  }

  async #read(offset: number): Promise<FeedPage | AwsError> {
    const services = this.#services
    const turn = this.#turn
    const { stream, topicId, shardIndex } = this.#place
    const topic = await servedStream({ StreamName: stream }, services)
    if (topic instanceof AwsError || topic.id !== topicId) return notFound(texts.streamNotFound(stream, services))
    const shard = await shardLeft(topic, shardIndex, services)
    if (shard === undefined) return notFound(texts.shardNotFound(shardIdOf(shardIndex), stream, services))
    const page = await services.pages.run(() => readPage(topic, shard, { offset, limit: pageRecordsMax, bytesMax: pageBytesMax }, services))
    if (page === undefined) return new AwsError('InternalFailure')
    return page instanceof AwsError ? page : new FeedPage(page, { topic, shard, turn, nowMs: services.clock.now() })
  }
}

interface ReadAt {
  readonly topic: Topic
  readonly shard: ShardNode
  readonly turn: number
  readonly nowMs: number
}

/** A page as an event. */
export class FeedPage {
  readonly count: number
  readonly bytes: number
  readonly nextOffset: number
  readonly millisBehindLatest: number
  readonly highWatermark: number
  /** Nothing more to read before the high watermark moves. */
  readonly isAtTip: boolean
  /** Nothing comes after it: the shard is closed, and ends here. */
  readonly isLast: boolean
  /** How often the feed's readers had looked again when it was read. */
  readonly turn: number
  readonly #page: Page
  readonly #at: ReadAt
  readonly #messages = new Map<Codec, Buffer>()

  constructor(page: Page, at: ReadAt) {
    this.count = page.records.length
    this.bytes = page.bytes
    this.nextOffset = page.nextOffset
    this.millisBehindLatest = page.millisBehindLatest
    this.highWatermark = page.highWatermark
    this.isAtTip = page.isAtTip
    this.isLast = page.isLast
    this.turn = at.turn
    this.#page = page
    this.#at = at
  }

  message(codec: Codec): Buffer {
    let message = this.#messages.get(codec)
    if (message === undefined) this.#messages.set(codec, message = this.#encode(codec))
    return message
  }

  #encode(codec: Codec): Buffer {
    const { topic, shard, nowMs } = this.#at
    const { records } = this.#page
    // The last record's number, but with the second of arrival that comes next: it lies behind that record and before any other, so that AT it and AFTER it are the same, and
    // it goes on while nothing comes.
    const arrivalMs = Math.max(nowMs, records.at(-1)?.ApproximateArrivalTimestamp ?? 0) + 1_000
    return eventMessage({
      Records: records,
      ContinuationSequenceNumber: this.isLast ? undefined : sequenceNumberOf(shard, this.nextOffset - 1, arrivalMs),
      MillisBehindLatest: this.millisBehindLatest,
      ChildShards: this.isLast ? childShardsOf(topic, shard) : undefined,
    }, codec)
  }
}
