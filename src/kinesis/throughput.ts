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

interface ShardState {
  readonly writeBytes: Bucket
  readonly writeRecords: Bucket
  readonly readBytes: Bucket
  readonly readCalls: Bucket
  readonly iteratorCalls: Bucket
}

export class Throughput {
  readonly profile: ThroughputProfile
  readonly #clock: Clock
  // A shard that falls out has been idle longest, and comes back with full buckets: what it would have had by then.
  readonly #shards = new Lru<string, ShardState>(shardsTrackedMax)

  constructor(clock: Clock, profile: ThroughputProfile) {
    this.#clock = clock
    this.profile = profile
  }

  /**
   * Takes one record of `bytes` (data and partition key) into the shard; false where the shard has no room for it now. A record larger than
   * a second's worth goes into a full bucket and leaves a debt, so that the average holds.
   */
  admitRecord(topicId: string, partition: number, bytes: number): boolean {
    const shard = this.#shard(topicId, partition)
    const now = this.#clock.monotonic()
    if (this.profile === 'aws' && !(shard.writeRecords.has(1, now) && shard.writeBytes.has(Math.min(bytes, shardLimits.writeBytesPerSecond), now))) return false
    shard.writeRecords.take(1, now)
    shard.writeBytes.take(bytes, now)
    return true
  }

  /** Takes one GetRecords call; false where the shard's readers must wait. What it gives is told to `gave`. */
  admitRead(topicId: string, partition: number): boolean {
    const shard = this.#shard(topicId, partition)
    const now = this.#clock.monotonic()
    if (this.profile === 'aws' && !(shard.readCalls.has(1, now) && shard.readBytes.has(1, now))) return false
    shard.readCalls.take(1, now)
    return true
  }

  /** The answer to an admitted read had `bytes`; one that was cut at the largest size holds the readers off for its whole duration. */
  gave(topicId: string, partition: number, answer: { bytes: number; isCut: boolean }): void {
    const { readBytes } = this.#shard(topicId, partition)
    const now = this.#clock.monotonic()
    readBytes.take(answer.bytes, now)
    if (answer.isCut) readBytes.owe(replyBytesMax, now)
  }

  /** Takes one GetShardIterator call. */
  admitIterator(topicId: string, partition: number): boolean {
    const { iteratorCalls } = this.#shard(topicId, partition)
    const now = this.#clock.monotonic()
    if (this.profile === 'aws' && !iteratorCalls.has(1, now)) return false
    iteratorCalls.take(1, now)
    return true
  }

  /** What went through the shard within the last second. */
  used(topicId: string, partition: number): ShardThroughput {
    const shard = this.#shards.get(keyOf(topicId, partition))
    const now = this.#clock.monotonic()
    return {
      writeBytesPerSecond: shard?.writeBytes.usedWithinASecond(now) ?? 0,
      writeRecordsPerSecond: shard?.writeRecords.usedWithinASecond(now) ?? 0,
      readBytesPerSecond: shard?.readBytes.usedWithinASecond(now) ?? 0,
      readCallsPerSecond: shard?.readCalls.usedWithinASecond(now) ?? 0,
      limits: this.profile === 'aws' ? shardLimits : null,
    }
  }

  #shard(topicId: string, partition: number): ShardState {
    const key = keyOf(topicId, partition)
    const known = this.#shards.get(key)
    if (known !== undefined) return known
    const now = this.#clock.monotonic()
    const state: ShardState = {
      writeBytes: new Bucket(shardLimits.writeBytesPerSecond, now),
      writeRecords: new Bucket(shardLimits.writeRecordsPerSecond, now),
      readBytes: new Bucket(shardLimits.readBytesPerSecond, now),
      readCalls: new Bucket(shardLimits.readCallsPerSecond, now),
      iteratorCalls: new Bucket(iteratorCallsPerSecond, now),
    }
    this.#shards.set(key, state)
    return state
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
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
