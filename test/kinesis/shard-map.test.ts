import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashKeyMax, hashKeyOf } from '../../src/kinesis/hash-keys.ts'
import { ShardMap, shardIdOf, shardIndexOf, shardMapOf } from '../../src/kinesis/shard-map.ts'
import type { Partition, Topic } from '../../src/ports.ts'

const plain = { leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], inSyncReplicas: [1], addingReplicas: [], removingReplicas: [], createdAtMs: 0 }
const uniform = (count: number): ShardMap => new ShardMap(Array.from({ length: count }, (_, index) => ({ ...plain, index })))

/** Open shards that begin at 0 and at these keys, in an order of their own, behind a closed one that had them all. */
function explicit(cuts: readonly bigint[]): ShardMap {
  const starts = [...new Set([0n, ...cuts])].toSorted((a, b) => (a < b ? -1 : 1))
  const ranges = starts.map((start, at) => ({ start: String(start), end: String((starts[at + 1] ?? hashKeyMax + 1n) - 1n) })).toReversed()
  const all: Partition = { ...plain, index: 0, shard: { hashKeys: { start: '0', end: String(hashKeyMax) }, parents: [] }, seal: { endOffset: 7, atMs: 1 } }
  return new ShardMap([all, ...ranges.map((hashKeys, at) => ({ ...plain, index: at + 1, shard: { hashKeys, parents: [0] } }))])
}

const hashKeys = fc.bigInt({ min: 0n, max: hashKeyMax })
// Cuts far apart, and so close together that they share all bits that are looked at first.
const cuts = fc.array(fc.oneof(hashKeys, fc.bigInt({ min: 2n ** 127n, max: 2n ** 127n + 1_000n })), { maxLength: 60 })
const maps = fc.oneof(fc.integer({ min: 1, max: 2_000 }).map(uniform), cuts.map(explicit))

describe('the open shards', () => {
  test('take each hash key in one place', () => {
    fc.assert(fc.property(maps, fc.oneof(hashKeys, fc.bigInt({ min: 2n ** 127n - 10n, max: 2n ** 127n + 1_010n })), (map, hashKey) => {
      const shard = map.shardOfHashKey(hashKey)
      expect(map.open.filter(({ hashKeys: { start, end } }) => start <= hashKey && hashKey <= end)).toEqual([shard])
      expect(shard.takesRecords).toBe(true)
    }), { numRuns: 2_000, seed: 1 })
  })

  test('take a partition key where its hash key goes, by the short way as by the long', () => {
    fc.assert(fc.property(maps, fc.string({ unit: 'grapheme' }), (map, key) => {
      expect(map.shardOfPartitionKey(key)).toBe(map.shardOfHashKey(hashKeyOf(key)))
    }), { numRuns: 2_000, seed: 2 })
  })

  test('have both of their edges to themselves', () => {
    fc.assert(fc.property(maps, map => {
      for (const shard of map.open) expect([map.shardOfHashKey(shard.hashKeys.start), map.shardOfHashKey(shard.hashKeys.end)]).toEqual([shard, shard])
    }), { numRuns: 50, seed: 3 })
  })

  test('take a key next to where two of them meet, whatever its first bits say', () => {
    const edge = hashKeyOf('some key')
    for (const [cut, expected] of [[edge, edge], [edge + 1n, 0n]] as const) expect(explicit([cut]).shardOfPartitionKey('some key').hashKeys.start).toBe(expected)
  })
})

test('a shard takes no records before it is known where every shard before it ends', () => {
  const half = { start: '0', end: '9' }
  const rest = { start: '10', end: String(hashKeyMax) }
  const shapes = (endOffset: number): ShardMap => new ShardMap([
    { ...plain, index: 0, shard: { hashKeys: { start: '0', end: String(hashKeyMax) }, parents: [] }, seal: { endOffset, atMs: 5 } },
    // Steps of the same plan, closed and empty from the start: what was before them counts.
    { ...plain, index: 1, shard: { hashKeys: half, parents: [0] }, seal: { endOffset: 0, atMs: 5 } },
    { ...plain, index: 2, shard: { hashKeys: rest, parents: [0] }, seal: { endOffset: 0, atMs: 5 } },
    { ...plain, index: 3, shard: { hashKeys: { start: '0', end: String(hashKeyMax) }, parents: [1, 2] } },
  ])
  expect([-1, 0, 12].map(endOffset => shapes(endOffset).shardOfHashKey(3n).takesRecords)).toEqual([false, true, true])
  expect(shapes(0).shards.map(({ parents, children }) => [parents, children])).toEqual([[[], [1, 2]], [[0], [3]], [[0], [3]], [[1, 2], []]])
})

test('a topic has one map as long as it is the same object', () => {
  const topic: Topic = { name: 'a', id: 'a', internal: false, createdAtMs: 0, configs: new Map(), partitions: [{ ...plain, index: 0 }] }
  expect(shardMapOf(topic)).toBe(shardMapOf(topic))
  expect(shardMapOf({ ...topic, partitions: [...topic.partitions, { ...plain, index: 1 }] }).open).toHaveLength(2)
})

test.each([['shardId-000000000007', 7], ['shardId-7', 7], ['7', 7], ['other-00007', 7], ['-7', 7], ['2147483647', 2147483647]])('shard id %s names shard %i', (id, index) => {
  expect(shardIndexOf(id)).toBe(index)
  expect(shardIdOf(7)).toBe('shardId-000000000007')
})

test.each(['2147483648', 'shardId-002147483648', 'ABKLFD8', '2.14E4', 'shardId-', 'shardId--7'])('shard id %s names none', id => {
  expect(shardIndexOf(id)).toBeUndefined()
})
