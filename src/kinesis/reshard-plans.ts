// How a stream's hash keys are dealt anew: which shards close, and which take their place. Splits and merges are the only steps, so a change of the number of shards is
// many of them in one plan; a shard that one step makes and another closes again is there from the start as closed and empty, as AWS leaves it.
import type { ReshardPlan } from '../ports.ts'
import { type HashKeyRange, uniformRange } from './hash-keys.ts'
import type { ShardMap, ShardNode } from './shard-map.ts'

/** A shard as the steps so far leave it: one that there is, or one that an earlier step makes. */
interface Piece {
  readonly index: number
  readonly hashKeys: HashKeyRange
}

/** The hash keys at which a shard may be split, as the first of the upper half: not its first two nor its last. None where it is too narrow. */
export function cutsOf({ hashKeys: { start, end } }: Pick<ShardNode, 'hashKeys'>): HashKeyRange | undefined {
  return end - start < 3n ? undefined : { start: start + 2n, end: end - 1n }
}

/** `cut` is one of `cutsOf(shard)`. */
export function splitPlan(map: ShardMap, shard: ShardNode, cut: bigint): ReshardPlan {
  const steps = new Steps(map)
  steps.split(shard, cut)
  return steps.plan()
}

/** Each of these open shards in halves; those that are too narrow stay as they are. */
export function halvingPlan(map: ShardMap, shards: readonly ShardNode[]): ReshardPlan {
  const steps = new Steps(map)
  for (const shard of shards) {
    const cuts = cutsOf(shard)
    if (cuts !== undefined) steps.split(shard, (cuts.start + cuts.end) / 2n)
  }
  return steps.plan()
}

/** Of two open shards whose hash keys follow each other, the lower first. */
export function mergePlan(map: ShardMap, lower: ShardNode, upper: ShardNode): ReshardPlan {
  const steps = new Steps(map)
  steps.merge(lower, upper)
  return steps.plan()
}

/**
 * As many open shards as asked for, with parts of the hash keys as equal as they can be, in AWS's number of steps: for more, every shard is split once and the surplus
 * merged again; for fewer, neighbours are merged. More than twice as many take a doubling first. Undefined where a shard would have to be split that is too narrow.
 */
export function scalingPlan(map: ShardMap, target: number): ReshardPlan | undefined {
  const steps = new Steps(map)
  let shards: readonly Piece[] = map.open
  while (shards.length < target) {
    if (shards.some(shard => cutsOf(shard) === undefined)) return undefined
    shards = grown(shards, Math.min(target, 2 * shards.length), steps)
  }
  for (const group of groupsOf(shards, target)) group.reduce((lower, upper) => steps.merge(lower, upper))
  return steps.plan()
}

/**
 * One more shard comes of each group of neighbours: n of them are cut into n + 1 equal parts, one cut in each, and what is left of two neighbours between two cuts is merged.
 * So there are as many groups as shards to come, and with one shard in each it is halved.
 */
function grown(shards: readonly Piece[], target: number, steps: Steps): Piece[] {
  return groupsOf(shards, target - shards.length).flatMap(group => {
    const { start } = group[0]!.hashKeys
    const width = group.at(-1)!.hashKeys.end + 1n - start
    const halves = group.map((shard, at) => steps.split(shard, cutNear(shard, start + (width * BigInt(at + 1)) / BigInt(group.length + 1))))
    return [halves[0]![0], ...halves.slice(1).map(([lower], at) => steps.merge(halves[at]![1], lower)), halves.at(-1)![1]]
  })
}

/** There, or in the middle where the shard has no such hash key to be cut at, as one may that is much narrower than its neighbours. */
function cutNear(shard: Piece, wanted: bigint): bigint {
  const cuts = cutsOf(shard)!
  if (cuts.start <= wanted && wanted <= cuts.end) return wanted
  return (cuts.start + cuts.end) / 2n
}

/** Neighbours in `count` groups, each of which begins as near as can be to where an equal part of all hash keys would. */
function groupsOf(shards: readonly Piece[], count: number): (readonly Piece[])[] {
  const starts = [0]
  for (let part = 1; part < count; part++) {
    const wanted = uniformRange(part, count).start
    let at = starts.at(-1)! + 1
    // Those after it need a shard each, too.
    const last = shards.length - (count - part)
    while (at < last && distance(shards[at + 1]!.hashKeys.start, wanted) <= distance(shards[at]!.hashKeys.start, wanted)) at++
    starts.push(at)
  }
  return starts.map((start, nth) => shards.slice(start, starts[nth + 1]))
}

function distance(a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b
}

/** Splits and merges, one after another. What a step gives may be split or merged by a later one. */
class Steps {
  readonly #map: ShardMap
  readonly #closes: number[] = []
  readonly #opens: { hashKeys: { start: string; end: string }; parents: number[]; isClosed: boolean }[] = []

  constructor(map: ShardMap) {
    this.#map = map
  }

  split(piece: Piece, cut: bigint): [Piece, Piece] {
    const { start, end } = piece.hashKeys
    this.#close(piece)
    return [this.#open({ start, end: cut - 1n }, [piece.index]), this.#open({ start: cut, end }, [piece.index])]
  }

  merge(lower: Piece, upper: Piece): Piece {
    this.#close(lower)
    this.#close(upper)
    return this.#open({ start: lower.hashKeys.start, end: upper.hashKeys.end }, [lower.index, upper.index])
  }

  plan(): ReshardPlan {
    const hashKeys = this.#map.shards.map(shard => textOf(shard.hashKeys))
    return { partitions: hashKeys.length, hashKeys, closes: this.#closes, opens: this.#opens }
  }

  #close({ index }: Piece): void {
    const made = this.#opens[index - this.#map.shards.length]
    if (made === undefined) this.#closes.push(index)
    else made.isClosed = true
  }

  #open(hashKeys: HashKeyRange, parents: number[]): Piece {
    const index = this.#map.shards.length + this.#opens.length
    this.#opens.push({ hashKeys: textOf(hashKeys), parents, isClosed: false })
    return { index, hashKeys }
  }
}

function textOf({ start, end }: HashKeyRange): { start: string; end: string } {
  return { start: String(start), end: String(end) }
}
