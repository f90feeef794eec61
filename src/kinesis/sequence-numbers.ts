// Sequence numbers: the bijection between a log offset and a Kinesis position. A sequence number is computed, never stored.
//
//   186 bits as hex digits:  2 | created 9 | shard 1 | index 16 | 00 | arrival 9 | shard 8 | 2
//   created, arrival: seconds since the epoch; index: offset + 1, so that a shard's starting number lies before its first record;
//   shard: its index, the lowest four bits of it first. The leading digits order numbers by incarnation, then shard, then offset. A shard is created in a later second than
//   its parents, so whatever is in it comes after all of theirs. A closed shard ends with AWS's number: the largest index there is, and the second in which it was closed.
import { assert } from '../base/assert.ts'
import type { Partition } from '../ports.ts'

/** The largest index of a shard: ids and numbers hold it as a signed 32-bit integer. */
export const shardIndexMax = 2 ** 31 - 1
const secondsMax = 2 ** 36 - 1
const endingIndex = 0x7fff_ffff_ffff_ffffn

/** What of a partition makes its sequence numbers. */
export type ShardIdentity = Pick<Partition, 'index' | 'createdAtMs'>

export interface SequencePosition {
  /** AWS has had three layouts; ours is 2, the others only parse. */
  readonly version: 0 | 1 | 2
  readonly shardIndex: number
  /** Seconds since the epoch; tells one incarnation of a shard from the next. */
  readonly createdSecond: number
  /**
   * -1 in a shard's starting number, which lies before the first record; Infinity in its ending number, which lies behind the last; NaN in layouts 0 and 1, which encode
   * none of ours.
   */
  readonly offset: number
  readonly arrivalSecond: number
}

/** The sequence number of the record at `offset` of a shard that arrived at `arrivalMs`. */
export function sequenceNumberOf(shard: ShardIdentity, offset: number, arrivalMs: number): string {
  return sequenceNumbers(shard)(offset, arrivalMs)
}

/** `sequenceNumberOf` for many records of one shard: what they share is computed once. */
export function sequenceNumbers(shard: ShardIdentity): (offset: number, arrivalMs: number) => string {
  const fixed = fixedBits(shard)
  return (offset, arrivalMs) => {
    assert(Number.isSafeInteger(offset + 1) && offset >= -1, `offset ${offset} has no sequence number`)
    return (fixed | (BigInt(offset + 1) << 80n) | (BigInt(seconds(arrivalMs)) << 36n)).toString()
  }
}

/** Where a shard's sequence numbers start: before the record at offset 0. */
export function startingSequenceNumber(shard: ShardIdentity): string {
  return sequenceNumberOf(shard, -1, shard.createdAtMs)
}

/** Where the sequence numbers of a closed shard end: behind every record that it could have had, and before whatever its children start with. */
export function endingSequenceNumber(shard: ShardIdentity, closedAtMs: number): string {
  return (fixedBits(shard) | (endingIndex << 80n) | (BigInt(seconds(closedAtMs)) << 36n)).toString()
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
  const index = (value >> 80n) & 0xffff_ffff_ffff_ffffn
  const offset = index === endingIndex ? Infinity : Number(index) - 1
  const isOurs = version === 2 && field(144n, 4n) === (shardIndex & 0xf) && field(72n, 8n) === 0 && (offset === Infinity || Number.isSafeInteger(offset + 1))
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

function fixedBits({ index, createdAtMs }: ShardIdentity): bigint {
  return (2n << 184n) | (BigInt(seconds(createdAtMs)) << 148n) | (BigInt(index & 0xf) << 144n) | (BigInt(index) << 4n) | 2n
}

function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), secondsMax)
}
