// Shards seen as partitions: hash key ranges from the number of partitions, routing by MD5 as AWS does, shard ids, and the bijection between
// a log offset and a Kinesis sequence number. A sequence number is computed, never stored.
//
//   186 bits as hex digits:  2 | created 9 | shard 1 | index 16 | 00 | arrival 9 | shard 8 | 2
//   created, arrival: seconds since the epoch; index: offset + 1, so that a shard's starting number lies before its first record;
//   shard: its index, the lowest four bits of it first. The leading digits order numbers by incarnation, then shard, then offset.
import { hash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import type { Partition } from '../ports.ts'

export const hashKeyMax = 2n ** 128n - 1n
const hashKeyCount = 2n ** 128n
const shardIndexMax = 2 ** 31 - 1
const secondsMax = 2 ** 36 - 1

/** What of a partition makes its sequence numbers. */
export type ShardIdentity = Pick<Partition, 'index' | 'createdAtMs'>

export interface SequencePosition {
  /** AWS has had three layouts; ours is 2, the others only parse. */
  readonly version: 0 | 1 | 2
  readonly shardIndex: number
  /** Seconds since the epoch; tells one incarnation of a shard from the next. */
  readonly createdSecond: number
  /** -1 in a shard's starting number, which lies before the first record; NaN in layouts 0 and 1, which encode none of ours. */
  readonly offset: number
  readonly arrivalSecond: number
}

export interface HashKeyRange {
  readonly start: bigint
  /** Inclusive. */
  readonly end: bigint
}

/** N equal ranges of floor(2^128 / N); the last takes the remainder. */
export function hashKeyRange(index: number, count: number): HashKeyRange {
  const width = hashKeyCount / BigInt(count)
  const start = BigInt(index) * width
  return { start, end: index === count - 1 ? hashKeyMax : start + width - 1n }
}

/** The shard, of `count`, in whose range the hash key falls. */
export function shardOfHashKey(hashKey: bigint, count: number): number {
  const index = Number(hashKey / (hashKeyCount / BigInt(count)))
  return Math.min(index, count - 1)
}

/** Big-endian MD5 of the partition key's UTF-8 bytes. */
export function hashKeyOf(partitionKey: string): bigint {
  return BigInt(`0x${hash('md5', partitionKey, 'hex')}`)
}

const leadingDigits = 13
const edge = 1e-3

/**
 * `shardOfHashKey(hashKeyOf(key), count)`. The first 52 of the 128 bits say which shard it is unless they lie next to where two meet; only then is
 * the whole number worth its cost.
 */
export function shardOfPartitionKey(partitionKey: string, count: number): number {
  const digits = hash('md5', partitionKey, 'hex')
  const place = (Number.parseInt(digits.slice(0, leadingDigits), 16) / 16 ** leadingDigits) * count
  const index = Math.floor(place)
  const past = place - index
  return past > edge && past < 1 - edge ? index : shardOfHashKey(hashKeyOf(partitionKey), count)
}

/** An ExplicitHashKey that matched its pattern; undefined where it lies outside [0, 2^128-1]. */
export function parseHashKey(text: string): bigint | undefined {
  const value = BigInt(text)
  return value <= hashKeyMax ? value : undefined
}

/** shardId-000000000003 */
export function shardIdOf(index: number): string {
  return `shardId-${String(index).padStart(12, '0')}`
}

/** The index in a shard id. AWS takes anything before the first dash, and pads: 'shardId-0', 'x-0' and '0' all name the first shard. */
export function shardIndexOf(shardId: string): number | undefined {
  const digits = shardId.split('-')[1] || shardId
  const index = /^\d+$/.test(digits) ? Number(digits) : NaN
  return index <= shardIndexMax ? index : undefined
}

/** The sequence number of the record at `offset` of a shard that arrived at `arrivalMs`. */
export function sequenceNumberOf(shard: ShardIdentity, offset: number, arrivalMs: number): string {
  return sequenceNumbers(shard)(offset, arrivalMs)
}

/** `sequenceNumberOf` for many records of one shard: what they share is computed once. */
export function sequenceNumbers(shard: ShardIdentity): (offset: number, arrivalMs: number) => string {
  const fixed = (2n << 184n) | (BigInt(seconds(shard.createdAtMs)) << 148n) | (BigInt(shard.index & 0xf) << 144n) | (BigInt(shard.index) << 4n) | 2n
  return (offset, arrivalMs) => {
    assert(Number.isSafeInteger(offset + 1) && offset >= -1, `offset ${offset} has no sequence number`)
    return (fixed | (BigInt(offset + 1) << 80n) | (BigInt(seconds(arrivalMs)) << 36n)).toString()
  }
}

/** Where a shard's sequence numbers start: before the record at offset 0. */
export function startingSequenceNumber(shard: ShardIdentity): string {
  return sequenceNumberOf(shard, -1, shard.createdAtMs)
}

/** What a sequence number says; undefined for a number that no layout gives. `text` is decimal digits. */
export function parseSequenceNumber(text: string): SequencePosition | undefined {
  const given = BigInt(text)
  // Numbers of the first layout are also met without their leading bit.
  const value = given < 1n << 124n ? given + (1n << 124n) : given
  const field = (bit: bigint, bits: bigint): number => Number((value >> bit) & ((1n << bits) - 1n))
  if (value < 1n << 125n) {
    const createdSecond = field(88n, 36n)
    // AWS refuses the years that only damaged numbers name.
    if (createdSecond >= 16_025_175_000) return undefined
    return { version: 0, shardIndex: field(0n, 16n), createdSecond, offset: NaN, arrivalSecond: NaN }
  }
  if (value >> 184n !== 2n) return undefined
  const version = field(0n, 4n)
  const createdSecond = field(148n, 36n)
  const shardIndex = field(4n, 32n)
  if (shardIndex > shardIndexMax) return undefined
  if (version === 1) return { version: 1, shardIndex, createdSecond, offset: NaN, arrivalSecond: field(100n, 36n) }
  const offset = Number((value >> 80n) & 0xffff_ffff_ffff_ffffn) - 1
  const isOurs = version === 2 && field(144n, 4n) === (shardIndex & 0xf) && field(72n, 8n) === 0 && Number.isSafeInteger(offset + 1)
  return isOurs ? { version: 2, shardIndex, createdSecond, offset, arrivalSecond: field(36n, 36n) } : undefined
}

/** A number of AWS's first layout as AWS prints it, with the leading bit that may be left out. */
export function canonicalSequenceNumber(text: string): string {
  const value = BigInt(text)
  return value < 1n << 124n ? (value + (1n << 124n)).toString() : text
}

/** Whether the position is of this very shard, not of one that had its place before. */
export function isOfShard(position: SequencePosition, shard: ShardIdentity): boolean {
  return position.version === 2 && position.shardIndex === shard.index && position.createdSecond === seconds(shard.createdAtMs)
}

function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), secondsMax)
}
