// What a shard takes and gives per second, data and calls of the data plane. Limits hold where the profile says so (limits.ts); all profiles meter, so that a view can
// show throughput used against its limit. One owner of all buckets; time is injected.
import { Lru } from '../base/lru.ts'
import { SecondMeter, TokenBucket } from '../base/token-bucket.ts'
import type { Clock } from '../world/world.ts'
import type { Limits } from './limits.ts'

/** What one shard may be used for (AWS: "Quotas and limits"). */
export interface ShardLimits {
  readonly writeBytesPerSecond: number
  readonly writeRecordsPerSecond: number
  /** Shared by all consumers that poll. */
  readonly readBytesPerSecond: number
  readonly readCallsPerSecond: number
}

/** A shard of a stream with provisioned capacity; one of an on-demand stream takes as much, and the stream has more of them when it needs them. */
export const shardLimits: ShardLimits = {
  writeBytesPerSecond: 1_048_576,
  writeRecordsPerSecond: 1_000,
  readBytesPerSecond: 2_097_152,
  readCallsPerSecond: 5,
}

/** A GetRecords answer of this size is the largest there is, and stops the shard's readers for five seconds. */
export const replyBytesMax = 10 * 1_048_576
/** The largest record there may be, and so the largest debt. */
const writeDebtBytesMax = 10 * 1_048_576
const iteratorCallsPerSecond = 5
const shardsTrackedMax = 20_000

/** What went through a shard within the last second, beside what may. */
export interface ShardThroughput extends ShardLimits {
  /** Null where nothing is enforced. */
  readonly limits: ShardLimits | null
}

export interface Written {
  readonly bytes: number
  readonly records: number
}

export interface ThroughputOptions {
  readonly clock: Clock
  readonly limits: Limits
}

export class Throughput {
  readonly #options: ThroughputOptions
  // A shard that falls out has been idle longest, and comes back with full buckets: what it would have had by then.
  readonly #shards = new Lru<string, ShardMeter>(shardsTrackedMax)

  constructor(options: ThroughputOptions) {
    this.#options = options
  }

  /** The meter of one shard of one incarnation of a stream. */
  shard(topicId: string, partition: number): ShardMeter {
    const key = `${topicId}/${partition}`
    const known = this.#shards.get(key)
    if (known !== undefined) return known
    const meter = new ShardMeter(this.#options)
    this.#shards.set(key, meter)
    return meter
  }

  /** What went through the shard within the last second. */
  used(topicId: string, partition: number): ShardThroughput {
    return this.shard(topicId, partition).used()
  }
}

export class ShardMeter {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #writeBytes: Metered
  readonly #writeRecords: Metered
  readonly #readBytes: Metered
  readonly #readCalls: Metered
  readonly #iteratorCalls: TokenBucket

  constructor({ clock, limits }: ThroughputOptions) {
    this.#clock = clock
    this.#limits = limits
    const nowMs = clock.monotonic()
    this.#writeBytes = new Metered({ perSecond: shardLimits.writeBytesPerSecond, debtMax: writeDebtBytesMax, nowMs })
    this.#writeRecords = new Metered({ perSecond: shardLimits.writeRecordsPerSecond, nowMs })
    this.#readBytes = new Metered({ perSecond: shardLimits.readBytesPerSecond, debtMax: replyBytesMax, nowMs })
    this.#readCalls = new Metered({ perSecond: shardLimits.readCallsPerSecond, nowMs })
    this.#iteratorCalls = new TokenBucket({ perSecond: iteratorCallsPerSecond, nowMs })
  }

  /**
   * Takes one record of `bytes` (data and partition key) into the shard; false where the shard has no room for it now. A record larger than
   * a second's worth goes into a full bucket and leaves a debt, so that the average holds. `nowMs` is the clock's monotonic time.
   */
  admitRecord(bytes: number, operation: 'PutRecord' | 'PutRecords', nowMs = this.#clock.monotonic()): boolean {
    if (this.#limits.chaos?.throttles(operation) === true) return false
    const { isEnforced } = this.#limits
    if (isEnforced && !(this.#writeRecords.has(1, nowMs) && this.#writeBytes.has(Math.min(bytes, shardLimits.writeBytesPerSecond), nowMs))) return false
    this.#writeRecords.take(1, nowMs, isEnforced)
    this.#writeBytes.take(bytes, nowMs, isEnforced)
    return true
  }

  /** Takes one GetRecords call; false where the shard's readers must wait. What it gives is told to `gave`. */
  admitRead(): boolean {
    if (this.#limits.chaos?.throttles('GetRecords') === true) return false
    const nowMs = this.#clock.monotonic()
    const { isEnforced } = this.#limits
    if (isEnforced && !(this.#readCalls.has(1, nowMs) && this.#readBytes.has(1, nowMs))) return false
    this.#readCalls.take(1, nowMs, isEnforced)
    return true
  }

  /** The answer to an admitted read had `bytes`; one that was cut at the largest size holds the readers off for its whole duration. */
  gave(answer: { bytes: number; isCut: boolean }): void {
    const nowMs = this.#clock.monotonic()
    const { isEnforced } = this.#limits
    this.#readBytes.take(answer.bytes, nowMs, isEnforced)
    if (isEnforced && answer.isCut) this.#readBytes.owe(replyBytesMax, nowMs)
  }

  /** Takes one GetShardIterator call. */
  admitIterator(): boolean {
    if (this.#limits.chaos?.throttles('GetShardIterator') === true) return false
    if (!this.#limits.isEnforced) return true
    const nowMs = this.#clock.monotonic()
    if (!this.#iteratorCalls.has(1, nowMs)) return false
    this.#iteratorCalls.take(1, nowMs)
    return true
  }

  /** All that was ever taken in. */
  written(): Written {
    return { bytes: this.#writeBytes.total, records: this.#writeRecords.total }
  }

  used(): ShardThroughput {
    const nowMs = this.#clock.monotonic()
    return {
      writeBytesPerSecond: this.#writeBytes.withinASecond(nowMs),
      writeRecordsPerSecond: this.#writeRecords.withinASecond(nowMs),
      readBytesPerSecond: this.#readBytes.withinASecond(nowMs),
      readCallsPerSecond: this.#readCalls.withinASecond(nowMs),
      limits: this.#limits.isEnforced ? shardLimits : null,
    }
  }
}

/** A bucket that is drawn from only where limits hold, and a meter that always counts. */
class Metered {
  total = 0
  readonly #bucket: TokenBucket
  readonly #meter = new SecondMeter()

  constructor(options: ConstructorParameters<typeof TokenBucket>[0]) {
    this.#bucket = new TokenBucket(options)
  }

  has(amount: number, nowMs: number): boolean {
    return this.#bucket.has(amount, nowMs)
  }

  take(amount: number, nowMs: number, isEnforced: boolean): void {
    if (isEnforced) this.#bucket.take(amount, nowMs)
    this.total += amount
    this.#meter.add(amount, nowMs)
  }

  owe(amount: number, nowMs: number): void {
    this.#bucket.owe(amount, nowMs)
  }

  withinASecond(nowMs: number): number {
    return this.#meter.within(nowMs)
  }
}
