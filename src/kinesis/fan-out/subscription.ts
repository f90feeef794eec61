// One consumer's five minutes on one shard: events as records come, one at least every five seconds, until the time is up, the shard ends, or there is a reason to end it,
// which is then its last message. Nothing is read ahead of the client: the next page is asked for when it has taken the one before.
import { TokenBucket } from '../../base/token-bucket.ts'
import type { EventSource } from '../../wire/event-stream.ts'
import type { Timer } from '../../world/world.ts'
import type { Given } from '../cloudwatch/kinesis-metrics.ts'
import type { Codec } from '../codecs.ts'
import type { Services } from '../context.ts'
import { AwsError } from '../errors.ts'
import { exceptionMessage } from './events.ts'
import { type FeedPage, type ShardFeed, sharedForMs } from './shard-feed.ts'

const lifetimeMs = 300_000
const intervalMsMax = 5_000
const bytesPerSecond = 2 * 1_048_576
/** The largest record there may be. */
const debtBytesMax = 10 * 1_048_576

export interface SubscriptionOptions {
  /** To be given back by `release`. */
  readonly feed: ShardFeed
  readonly offset: number
  readonly codec: Codec
  /** Asked before each event: whether the caller may still read, and the consumer is still there. */
  readonly judge: () => null | AwsError
  /** Told of each event, and of what could not be read. */
  readonly published: (event: Given | 'failed') => void
  readonly release: () => void
}

export class Subscription implements EventSource {
  readonly startedAtMs: number
  readonly #services: Pick<Services, 'clock' | 'limits'>
  readonly #options: SubscriptionOptions
  readonly #bucket: TokenBucket
  readonly #lifetime: Timer
  #offset: number
  #fault: AwsError | undefined
  #isOver = false
  #wake = (): void => {}

  constructor(options: SubscriptionOptions, services: Pick<Services, 'clock' | 'limits'>) {
    const { clock } = services
    this.#options = options
    this.#services = services
    this.#offset = options.offset
    this.startedAtMs = clock.monotonic()
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond, debtMax: debtBytesMax, nowMs: this.startedAtMs })
    // Its place is free then, whether or not anybody ever asked for its messages.
    this.#lifetime = clock.after(lifetimeMs, () => this.#end())
  }

  /** Ends it, with this as its last message. */
  fail(fault: AwsError): void {
    this.#fault ??= fault
    this.#wake()
  }

  messages(signal: AbortSignal): AsyncGenerator<Buffer> {
    // Not within the generator: whoever never asks for a message still gives the place back.
    signal.addEventListener('abort', () => this.#end(), { once: true })
    if (signal.aborted) this.#end()
    return this.#push()
  }

  async *#push(): AsyncGenerator<Buffer> {
    const { clock, limits } = this.#services
    const { codec, feed, judge, published } = this.#options
    try {
      // The first event comes at once: it tells where to go on should this be all there ever comes.
      for (let dueAtMs = clock.monotonic(); !this.#isOver;) {
        const fault = this.#fault ?? judge()
        if (fault !== null) return yield exceptionMessage(fault, codec)
        const debtMs = limits.isEnforced ? this.#bucket.waitMs(1, clock.monotonic()) : 0
        if (debtMs > 0) {
          await this.#nap(debtMs)
          continue
        }
        const page = await feed.page(this.#offset)
        if (this.#hasEnded) continue
        if (page instanceof AwsError) {
          published('failed')
          return yield exceptionMessage(page, codec)
        }
        const isStuck = page.nextOffset === this.#offset && !page.isAtTip
        this.#offset = page.nextOffset
        if (page.count > 0 || page.isLast || clock.monotonic() >= dueAtMs) {
          if (limits.isEnforced) this.#bucket.take(page.bytes, clock.monotonic())
          published({ bytes: page.bytes, records: page.count, millisBehindLatest: page.millisBehindLatest })
          dueAtMs = clock.monotonic() + intervalMsMax
          yield page.message(codec)
          if (page.isLast) return
        }
        if (page.isAtTip && !this.#hasEnded) await this.#nap(dueAtMs - clock.monotonic(), page)
        // Retention was quicker, or the leader changed, while it was read: the same page would come again for as long as it is kept.
        if (isStuck && !this.#hasEnded) await this.#nap(sharedForMs)
      }
    } finally {
      this.#end()
    }
  }

  get #hasEnded(): boolean {
    return this.#isOver || this.#fault !== undefined
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#lifetime.cancel()
    this.#options.release()
    this.#wake()
  }

  /** So long, or until there is more than that page, or something ends it. */
  #nap(ms: number, page?: FeedPage): Promise<void> {
    if (ms <= 0) return Promise.resolve()
    return new Promise(resolve => {
      const wake = (): void => {
        timer.cancel()
        watch?.[Symbol.dispose]()
        this.#wake = (): void => {}
        resolve()
      }
      const timer = this.#services.clock.after(ms, wake)
      const watch = page && this.#options.feed.watch(page, wake)
      this.#wake = wake
    })
  }
}
