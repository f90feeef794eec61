import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planFault } from '../../src/engine/catalog/reshard-plan.ts'
import { hashKeyMax } from '../../src/kinesis/hash-keys.ts'
import { cutsOf, mergePlan, scalingPlan, splitPlan } from '../../src/kinesis/reshard-plans.ts'
import { ShardMap } from '../../src/kinesis/shard-map.ts'
import { endingSequenceNumber, startingSequenceNumber } from '../../src/kinesis/sequence-numbers.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { Refusal, type Admin, type ReshardPlan, type Topic } from '../../src/ports.ts'

async function stream(count: number): Promise<{ admin: Admin; map: () => Promise<ShardMap>; topic: () => Promise<Topic> }> {
  const { admin } = memoryBackend({ now: () => 1_800_000_000_500 })
  await admin.createTopic({ name: 'a', partitions: count, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
  const topic = async (): Promise<Topic> => (await admin.topics(['a']))[0]!
  return { admin, topic, map: async () => new ShardMap((await topic()).partitions) }
}

const plain = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], inSyncReplicas: [1], addingReplicas: [], removingReplicas: [], createdAtMs: 0 }

function uniform(count: number): ShardMap {
  return new ShardMap(Array.from({ length: count }, (_, index) => ({ ...plain, index })))
}

function widths(map: ShardMap): number[] {
  return map.open.map(({ hashKeys: { start, end } }) => Number(end - start + 1n) / 2 ** 128)
}

describe('UpdateShardCount', () => {
  // Verified against AWS by the authors of moto: open and closed shards afterwards.
  test.each([[2, 4, 6], [4, 5, 15], [10, 13, 37], [4, 2, 6], [5, 3, 7], [10, 3, 17]])('from %i to %i leaves %i shards, as on AWS', async (from, to, total) => {
    const { admin, map } = await stream(from)
    expect(await admin.reshard('a', scalingPlan(await map(), to)!)).not.toBeInstanceOf(Refusal)
    const after = await map()
    expect([after.open.length, after.shards.length]).toEqual([to, total])
  })

  test('deals equal parts wherever that can be', async () => {
    for (const [from, to] of [[4, 5], [2, 3], [100, 101], [8, 4], [6, 3], [3, 6], [7, 14], [10, 15], [100, 125]] as const) {
      const { admin, map } = await stream(from)
      await admin.reshard('a', scalingPlan(await map(), to)!)
      for (const width of widths(await map())) expect(width, `${from} to ${to}`).toBeCloseTo(1 / to, 12)
    }
  })

  test('deals parts of which none is more than twice another, from any number of equal ones to any that AWS allows', () => {
    for (let from = 1; from <= 40; from++) {
      const map = uniform(from)
      for (let to = Math.ceil(from / 2); to <= 2 * from; to++) {
        const { opens, closes } = scalingPlan(map, to)!
        const kept = map.open.filter(({ index }) => !closes.includes(index)).map(({ hashKeys: { start, end } }) => Number(end - start))
        const open = [...kept, ...opens.filter(({ isClosed }) => !isClosed).map(({ hashKeys: { start, end } }) => Number(BigInt(end) - BigInt(start)))]
        expect(open).toHaveLength(to)
        expect(Math.max(...open) / Math.min(...open), `${from} to ${to}`).toBeLessThan(to > from ? 1.51 : 2.01)
      }
    }
  })

  test('goes further than twice as many by splitting more than once', async () => {
    const { admin, map } = await stream(1)
    await admin.reshard('a', scalingPlan(await map(), 7)!)
    expect([(await map()).open.length, (await map()).shards.length]).toEqual([7, 1 + 2 + 4 + 8 + 1])
  })

  test('has no plan where a shard would have to be split that has no hash key to be cut at', () => {
    const ranges = [{ start: '0', end: '2' }, { start: '3', end: String(hashKeyMax) }]
    const two = new ShardMap(ranges.map((hashKeys, index) => ({ ...plain, index, shard: { hashKeys, parents: [] } })))
    expect([scalingPlan(two, 3), scalingPlan(two, 4)]).toEqual([undefined, undefined])
    expect(scalingPlan(two, 1)!.closes).toEqual([0, 1])
  })
})

type Step = { readonly kind: 'split'; readonly at: number; readonly where: number } | { readonly kind: 'merge'; readonly at: number } | { readonly kind: 'scale'; readonly to: number }

const steps = fc.array(fc.oneof(
  fc.record({ kind: fc.constant('split' as const), at: fc.nat(1_000), where: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ kind: fc.constant('merge' as const), at: fc.nat(1_000) }),
  fc.record({ kind: fc.constant('scale' as const), to: fc.integer({ min: 1, max: 30 }) }),
), { minLength: 1, maxLength: 12 })

function planOf(map: ShardMap, step: Step): ReshardPlan | undefined {
  const at = 'at' in step ? step.at % map.open.length : 0
  const shard = map.open[at]!
  if (step.kind === 'merge') return map.open[at + 1] && mergePlan(map, shard, map.open[at + 1]!)
  if (step.kind === 'scale') return step.to === map.open.length ? undefined : scalingPlan(map, step.to)
  const cuts = cutsOf(shard)
  return cuts && splitPlan(map, shard, cuts.start + BigInt(Math.floor(Number(cuts.end - cuts.start) * step.where)))
}

test('after any splits, merges and changes of their number, open shards have every hash key once, and lineage is sound', async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 12 }), steps, async (count, all) => {
    const { admin, map, topic } = await stream(count)
    for (const step of all) {
      const plan = planOf(await map(), step)
      if (plan === undefined) continue
      // The engine's own judgement of plans is another's work, and so a second opinion.
      expect(planFault(await topic(), plan)).toBeUndefined()
      expect(await admin.reshard('a', plan)).not.toBeInstanceOf(Refusal)
      sound(await map())
    }
  }), { numRuns: 60, seed: 7 })
})

function sound({ open, shards }: ShardMap): void {
  let next = 0n
  for (const { hashKeys: { start, end } } of open) {
    expect(start).toBe(next)
    next = end + 1n
  }
  expect(next).toBe(hashKeyMax + 1n)
  for (const { index, hashKeys: { start, end }, parents, children, seal, createdAtMs } of shards) {
    expect(children.length > 0).toBe(seal !== undefined)
    for (const parent of parents) {
      expect(parent).toBeLessThan(index)
      expect(shards[parent]!.children).toContain(index)
      const ended = endingSequenceNumber(shards[parent]!, shards[parent]!.seal!.atMs)
      expect(BigInt(ended) < BigInt(startingSequenceNumber({ index, createdAtMs }))).toBe(true)
    }
    // A split's child lies within its parent; a merge's is both of its parents, the lower first.
    const [lower, upper] = parents.map(parent => shards[parent]!.hashKeys)
    if (upper !== undefined) expect([start, end, upper.start]).toEqual([lower!.start, upper.end, lower!.end + 1n])
    else if (lower !== undefined) expect(lower.start <= start && end <= lower.end && (lower.start === start || lower.end === end)).toBe(true)
  }
}
