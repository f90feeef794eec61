// What a shard takes and gives per second. The profile 'aws' enforces the limits of a provisioned shard, 'off' none; both meter, so that a view can show
// throughput used against its limit. One owner of all buckets; time is injected.
import { Lru } from '../base/lru.ts'
import type { Clock } from '../world/world.ts'

export type ThroughputProfile = 'aws' | 'off'

/** The limits of one shard (AWS: "Quotas and limits"). */
export const shardLimits = {
  writeBytesPerSecond: 1_048_576,
  writeRecordsPerSecond: 1_000,
  readBytesPerSecond: 2_097_152,
  readCallsPerSecond: 5,
} as const

/** A GetRecords answer of this size is the largest there is, and stops the shard's readers for five seconds. */
export const replyBytesMax = 10 * 1_048_576
const iteratorCallsPerSecond = 5
const shardsTrackedMax = 20_000

/** What went through a shard within the last second, beside what may. */
export interface ShardThroughput {
  readonly writeBytesPerSecond: number
  readonly writeRecordsPerSecond: number
  readonly readBytesPerSecond: number
  readonly readCallsPerSecond: number
  /** Null where nothing is enforced. */
  readonly limits: typeof shardLimits | null
}

export class Throughput {
  readonly profile: ThroughputProfile
  readonly #clock: Clock
  // A shard that falls out has been idle longest, and comes back with full buckets: what it would have had by then.
  readonly #shards = new Lru<string, ShardMeter>(shardsTrackedMax)

  constructor(clock: Clock, profile: ThroughputProfile) {
    this.#clock = clock
    this.profile = profile
  }

  /** The meter of one shard of one incarnation of a stream. */
  shard(topicId: string, partition: number): ShardMeter {
    const key = `${topicId}/${partition}`
    const known = this.#shards.get(key)
    if (known !== undefined) return known
    const meter = new ShardMeter(this.#clock, this.profile)
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
  readonly #isEnforced: boolean
  readonly #writeBytes: Bucket
  readonly #writeRecords: Bucket
  readonly #readBytes: Bucket
  readonly #readCalls: Bucket
  readonly #iteratorCalls: Bucket

  constructor(clock: Clock, profile: ThroughputProfile) {
    this.#clock = clock
    this.#isEnforced = profile === 'aws'
    const now = clock.monotonic()
    this.#writeBytes = new Bucket(shardLimits.writeBytesPerSecond, now)
    this.#writeRecords = new Bucket(shardLimits.writeRecordsPerSecond, now)
    this.#readBytes = new Bucket(shardLimits.readBytesPerSecond, now)
    this.#readCalls = new Bucket(shardLimits.readCallsPerSecond, now)
    this.#iteratorCalls = new Bucket(iteratorCallsPerSecond, now)
  }

  /**
   * Takes one record of `bytes` (data and partition key) into the shard; false where the shard has no room for it now. A record larger than
   * a second's worth goes into a full bucket and leaves a debt, so that the average holds. `now` is the clock's monotonic time.
   */
  admitRecord(bytes: number, now = this.#clock.monotonic()): boolean {
    if (this.#isEnforced && !(this.#writeRecords.has(1, now) && this.#writeBytes.has(Math.min(bytes, shardLimits.writeBytesPerSecond), now))) return false
    this.#writeRecords.take(1, now)
    this.#writeBytes.take(bytes, now)
    return true
  }

  /** Takes one GetRecords call; false where the shard's readers must wait. What it gives is told to `gave`. */
  admitRead(): boolean {
    const now = this.#clock.monotonic()
    if (this.#isEnforced && !(this.#readCalls.has(1, now) && this.#readBytes.has(1, now))) return false
    this.#readCalls.take(1, now)
    return true
  }

  /** The answer to an admitted read had `bytes`; one that was cut at the largest size holds the readers off for its whole duration. */
  gave(answer: { bytes: number; isCut: boolean }): void {
    const now = this.#clock.monotonic()
    this.#readBytes.take(answer.bytes, now)
    if (answer.isCut) this.#readBytes.owe(replyBytesMax, now)
  }

  /** Takes one GetShardIterator call. */
  admitIterator(): boolean {
    const now = this.#clock.monotonic()
    if (this.#isEnforced && !this.#iteratorCalls.has(1, now)) return false
    this.#iteratorCalls.take(1, now)
    return true
  }

  used(): ShardThroughput {
    const now = this.#clock.monotonic()
    return {
      writeBytesPerSecond: this.#writeBytes.usedWithinASecond(now),
      writeRecordsPerSecond: this.#writeRecords.usedWithinASecond(now),
      readBytesPerSecond: this.#readBytes.usedWithinASecond(now),
      readCallsPerSecond: this.#readCalls.usedWithinASecond(now),
      limits: this.#isEnforced ? shardLimits : null,
    }
  }
}

const meterSlices = 10
const sliceMs = 1_000 / meterSlices

/** A token bucket that holds one second's worth, and a meter of the last second in ten slices. */
class Bucket {
  readonly #perSecond: number
  #level: number
  #filledAtMs: number
  readonly #slices = new Float64Array(meterSlices)
  #slice = -1

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#level = perSecond
    this.#filledAtMs = nowMs
  }

  has(amount: number, nowMs: number): boolean {
    this.#fill(nowMs)
    return this.#level >= amount
  }

  /** May leave a debt; nothing is had before it is paid. */
  take(amount: number, nowMs: number): void {
    this.#fill(nowMs)
    // Where nothing is enforced the level only has to stay finite.
    this.#level = Math.max(this.#level - amount, -replyBytesMax)
    this.#turn(nowMs)
    this.#slices[this.#slice % meterSlices]! += amount
  }

  owe(amount: number, nowMs: number): void {
    this.#fill(nowMs)
    this.#level = Math.min(this.#level, -amount)
  }

  usedWithinASecond(nowMs: number): number {
    this.#turn(nowMs)
    return this.#slices.reduce((sum, slice) => sum + slice, 0)
  }

  #fill(nowMs: number): void {
    this.#level = Math.min(this.#level + ((nowMs - this.#filledAtMs) * this.#perSecond) / 1_000, this.#perSecond)
    this.#filledAtMs = nowMs
  }

  #turn(nowMs: number): void {
    const slice = Math.floor(nowMs / sliceMs)
    for (let gone = Math.max(this.#slice + 1, slice - meterSlices + 1); gone <= slice; gone++) this.#slices[gone % meterSlices] = 0
    this.#slice = Math.max(this.#slice, slice)
  }
}
