// The shards of a stream: which hash keys are whose, who takes records now, and who took whose place. A shard is a partition. One that was never resharded has an equal part
// of the hash keys (CreatePartitions deals them anew), later each has its own range. A map belongs to one Topic object, since ranges and seals change only with a new one.
import type { Partition, Seal, Topic } from '../ports.ts'
import { type HashKeyRange, hashDigitsOf, uniformRange } from './hash-keys.ts'
import { shardIndexMax } from './sequence-numbers.ts'

export interface ShardNode {
  readonly index: number
  readonly createdAtMs: number
  readonly hashKeys: HashKeyRange
  /** Whose place it took: none, one (a split) or two (a merge, the lower hash keys first). */
  readonly parents: readonly number[]
  readonly children: readonly number[]
  /** Once it is closed. */
  readonly seal: Seal | undefined
  /** It is open, and every record of those before it is known to be there. */
  readonly takesRecords: boolean
}

const leadingDigits = 13
const leadingShift = 76n
const maps = new WeakMap<Topic, ShardMap>()

/** The same map as long as the topic is the same object. */
export function shardMapOf(topic: Topic): ShardMap {
  let map = maps.get(topic)
  if (map === undefined) maps.set(topic, map = new ShardMap(topic.partitions))
  return map
}

export class ShardMap {
  /** By index. */
  readonly shards: readonly ShardNode[]
  /** Those that are not closed, by hash key: together all of them, without a gap. */
  readonly open: readonly ShardNode[]
  /** Of some that are closed it is not known yet where they end. */
  readonly isClosing: boolean
  /** The first 52 bits of where each open shard starts: they say nearly always which one a hash key belongs to, and are numbers. */
  readonly #leading: Float64Array

  constructor(partitions: readonly Partition[]) {
    const shards: (ShardNode & { children: number[] })[] = []
    // Whether everything that a shard and those before it hold is known to be there. Parents have lower indexes, so theirs is decided already.
    const isSettled: boolean[] = []
    for (const { index, createdAtMs, shard, seal } of partitions) {
      const parents = shard?.parents ?? []
      const hashKeys = shard === undefined ? uniformRange(index, partitions.length) : { start: BigInt(shard.hashKeys.start), end: BigInt(shard.hashKeys.end) }
      const areParentsSettled = parents.every(parent => isSettled[parent])
      isSettled.push(seal !== undefined && seal.endOffset >= 0 && areParentsSettled)
      shards.push({ index, createdAtMs, hashKeys, parents, children: [], seal, takesRecords: seal === undefined && areParentsSettled })
      for (const parent of parents) shards[parent]!.children.push(index)
    }
    this.shards = shards
    this.open = shards.filter(({ seal }) => seal === undefined).toSorted((a, b) => (a.hashKeys.start < b.hashKeys.start ? -1 : 1))
    this.isClosing = shards.some(({ seal }) => seal !== undefined && seal.endOffset < 0)
    this.#leading = Float64Array.from(this.open, ({ hashKeys }) => Number(hashKeys.start >> leadingShift))
  }

  /** The open shard that the hash key belongs to. */
  shardOfHashKey(hashKey: bigint): ShardNode {
    let at = this.#lastUpTo(Number(hashKey >> leadingShift))
    // Several narrow shards may begin with the same bits.
    while (this.open[at]!.hashKeys.start > hashKey) at--
    return this.open[at]!
  }

  /** `shardOfHashKey(hashKeyOf(key))`, at less cost. */
  shardOfPartitionKey(partitionKey: string): ShardNode {
    const digits = hashDigitsOf(partitionKey)
    const leading = Number.parseInt(digits.slice(0, leadingDigits), 16)
    const at = this.#lastUpTo(leading)
    return this.#leading[at] === leading ? this.shardOfHashKey(BigInt(`0x${digits}`)) : this.open[at]!
  }

  /** The last open shard that starts at or before these bits. */
  #lastUpTo(leading: number): number {
    let low = 0
    let high = this.#leading.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#leading[middle]! <= leading) low = middle
      else high = middle - 1
    }
    return low
  }
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
