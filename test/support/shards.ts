// Plans for resharding, as a facade makes them: even hash ranges, one shard split in two halves, two neighbours merged.
import type { HashKeyRange, ReshardPlan, Topic } from '../../src/ports.ts'

const keys = 2n ** 128n

/** What so many shards own, in the order of their indexes. */
export function evenHashKeys(count: number): HashKeyRange[] {
  return Array.from({ length: count }, (_, nth) => ({ start: String(keys * BigInt(nth) / BigInt(count)), end: String(keys * BigInt(nth + 1) / BigInt(count) - 1n) }))
}

export function hashKeysOf({ partitions }: Topic): HashKeyRange[] {
  const even = evenHashKeys(partitions.length)
  return partitions.map(({ shard }, index) => shard?.hashKeys ?? even[index]!)
}

export function halves({ start, end }: HashKeyRange): [HashKeyRange, HashKeyRange] {
  const middle = (BigInt(start) + BigInt(end)) / 2n
  return [{ start, end: String(middle) }, { start: String(middle + 1n), end }]
}

export function splitPlan(topic: Topic, index: number): ReshardPlan {
  const hashKeys = hashKeysOf(topic)
  return { partitions: topic.partitions.length, hashKeys, closes: [index], opens: halves(hashKeys[index]!).map(half => ({ hashKeys: half, parents: [index], isClosed: false })) }
}

/** Of two whose hash keys are next to each other, in either order. */
export function mergePlan(topic: Topic, a: number, b: number): ReshardPlan {
  const hashKeys = hashKeysOf(topic)
  const [low, high] = BigInt(hashKeys[a]!.start) < BigInt(hashKeys[b]!.start) ? [a, b] : [b, a]
  const merged = { start: hashKeys[low]!.start, end: hashKeys[high]!.end }
  return { partitions: topic.partitions.length, hashKeys, closes: [a, b], opens: [{ hashKeys: merged, parents: [a, b], isClosed: false }] }
}
