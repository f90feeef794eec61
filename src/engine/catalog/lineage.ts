// Which shard came of which: who took a closed partition's place, and whether everything that comes before a partition has come to its end.
import { Refusal, type Topic } from '../../ports.ts'

/**
 * Sequence numbers are in the order of the seconds in which their shards were made, and told apart by them: a child is made in a later second than its parents, and a topic
 * than those that were deleted before, whatever the clock says.
 */
export function createdAfterMs(nowMs: number, earlierMs: readonly number[]): number {
  return Math.max(nowMs, ...earlierMs.map(createdAtMs => (Math.floor(createdAtMs / secondMs) + 1) * secondMs))
}

/** The nearest of the partitions before this one whose end is not known yet; undefined where all are, and records may come in behind them. */
export function openAncestor({ partitions }: Topic, index: number): number | undefined {
  const seen = new Set<number>()
  const left = [...partitions[index]?.shard?.parents ?? []]
  for (let parent = left.shift(); parent !== undefined; parent = left.shift()) {
    const { seal, shard } = partitions[parent]!
    if (seal === undefined || seal.endOffset < 0) return parent
    if (seen.has(parent)) continue
    seen.add(parent)
    // What has records had them after everything before it; what was closed from the start says nothing of that.
    if (seal.endOffset === 0) left.push(...shard?.parents ?? [])
  }
  return undefined
}

/** What a producer is told that writes to a shard before everything that comes before it has come to its end: soon it can. */
export function earlyRefusal(topic: Topic, index: number): Refusal | undefined {
  const ancestor = openAncestor(topic, index)
  if (ancestor === undefined) return undefined
  return new Refusal('leader-not-available', `${topic.name}-${index} takes records once it is known where ${topic.name}-${ancestor} ends, which comes before it`)
}

/** What a producer is told that writes to a closed shard. */
export function sealedRefusal({ name, partitions }: Topic, index: number): Refusal {
  const heirs = partitions.flatMap(({ shard, index: heir }) => (shard?.parents.includes(index) === true ? [heir] : []))
  const place = heirs.length === 0 ? '' : heirs.length === 1 ? `; partition ${heirs[0]} took its place` : `; partitions ${heirs.join(' and ')} took its place`
  return new Refusal('sealed-partition', `Partition ${name}-${index} is a closed shard and takes no more records${place}.`)
}

const secondMs = 1_000
