// Which shards a stream lists: by each filter, page by page, and no longer once they have expired.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shardMapOf } from '../../src/kinesis/shard-map.ts'
import type { Backend } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import { LineageReader, byKey, expectNoHole } from './support/lineage-reader.ts'
import { TestClock, testKinesis, type TestKinesis } from './support/kinesis.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

interface Shard { ShardId: string; ParentShardId?: string; HashKeyRange: { StartingHashKey: string; EndingHashKey: string }; SequenceNumberRange: { EndingSequenceNumber?: string } }
interface One { kinesis: TestKinesis; clock: TestClock; backend: Backend; startMs: number }

const indexOf = ({ ShardId }: Shard): number => Number(ShardId.slice('shardId-'.length))

async function orders(shards: number): Promise<One> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, shardLimit: 10_000 })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: shards })
  return { kinesis, clock, backend: kinesis.backend, startMs: clock.now() }
}

async function listed({ kinesis }: Pick<One, 'kinesis'>, ShardFilter?: object, rest: object = {}): Promise<Shard[]> {
  const all: Shard[] = []
  let input: object = { StreamName: 'orders', ShardFilter, ...rest }
  for (;;) {
    const { Shards, NextToken } = await kinesis.ok<{ Shards: Shard[]; NextToken?: string }>('ListShards', input)
    all.push(...Shards)
    if (NextToken === undefined) return all
    input = { NextToken, ...rest }
  }
}

const indexes = async (one: Pick<One, 'kinesis'>, filter?: object): Promise<number[]> => (await listed(one, filter)).map(indexOf)
const merge = ({ kinesis }: One, lower: number, upper: number): Promise<unknown> => kinesis.ok('MergeShards', { StreamName: 'orders', ShardToMerge: String(lower), AdjacentShardToMerge: String(upper) })
const split = ({ kinesis }: One, shard: number, cut: bigint): Promise<unknown> => kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: String(shard), NewStartingHashKey: String(cut) })
const scale = ({ kinesis }: One, target: number): Promise<unknown> => kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: target, ScalingType: 'UNIFORM_SCALING' })
const put = ({ kinesis }: One, PartitionKey: string, data: string): Promise<unknown> => kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey, Data: Buffer.from(data).toString('base64') })

/** Of two shards, the first is split after an hour, and the upper half merged with the second after another: 0 → 2, 3; 3, 1 → 4. */
async function history(): Promise<One> {
  const one = await orders(2)
  one.clock.advance(hourMs)
  await split(one, 0, 2n ** 126n)
  one.clock.advance(hourMs)
  await merge(one, 3, 1)
  one.clock.advance(hourMs)
  return one
}

describe('ListShards', () => {
  test.each<[string, object | undefined, number[]]>([
    ['without a filter', undefined, [0, 1, 2, 3, 4]],
    ['FROM_TRIM_HORIZON', { Type: 'FROM_TRIM_HORIZON' }, [0, 1, 2, 3, 4]],
    ['AT_TRIM_HORIZON', { Type: 'AT_TRIM_HORIZON' }, [0, 1]],
    ['AT_LATEST', { Type: 'AT_LATEST' }, [2, 4]],
    ['AFTER_SHARD_ID', { Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000002' }, [3, 4]],
    ['AFTER_SHARD_ID of the last', { Type: 'AFTER_SHARD_ID', ShardId: '4' }, []],
  ])('%s', async (_what, filter, expected) => {
    expect(await indexes(await history(), filter)).toEqual(expected)
  })

  test.each<[string, number, number[], number[]]>([
    ['before there was a stream', -hourMs, [0, 1], [0, 1, 2, 3, 4]],
    ['before the split', hourMs - 1, [0, 1], [0, 1, 2, 3, 4]],
    // Ends and starts are both within.
    ['at the split', hourMs, [0, 1, 2, 3], [0, 1, 2, 3, 4]],
    ['between the two', hourMs + 1, [1, 2, 3], [1, 2, 3, 4]],
    ['at the merge', 2 * hourMs, [1, 2, 3, 4], [1, 2, 3, 4]],
    ['after the merge', 2 * hourMs + 1, [2, 4], [2, 4]],
    ['now', 3 * hourMs, [2, 4], [2, 4]],
  ])('AT_TIMESTAMP and FROM_TIMESTAMP %s', async (_what, sinceStartMs, at, from) => {
    const one = await history()
    const Timestamp = (one.startMs + sinceStartMs) / 1_000
    expect(await indexes(one, { Type: 'AT_TIMESTAMP', Timestamp })).toEqual(at)
    expect(await indexes(one, { Type: 'FROM_TIMESTAMP', Timestamp })).toEqual(from)
  })

  test('goes on page by page with its filter, and with nothing else', async () => {
    const one = await orders(300)
    await scale(one, 450)
    expect(await listed(one)).toHaveLength(300 + 600 + 150)
    const whole = await listed(one, { Type: 'AT_LATEST' })
    expect(whole).toHaveLength(450)
    expect(await listed(one, { Type: 'AT_LATEST' }, { MaxResults: 7 })).toEqual(whole)
    const first = await one.kinesis.ok<{ Shards: Shard[]; NextToken: string }>('ListShards', { StreamName: 'orders' })
    expect(first.Shards).toHaveLength(1_000)
    expect((await one.kinesis.ok<{ Shards: Shard[] }>('ListShards', { NextToken: first.NextToken })).Shards.map(indexOf)).toEqual(Array.from({ length: 50 }, (_, at) => 1_000 + at))
    // A page that ends with the last shard has no token.
    const half = await one.kinesis.ok<{ Shards: Shard[]; NextToken?: string }>('ListShards', { StreamName: 'orders', ShardFilter: { Type: 'AT_LATEST' }, MaxResults: 450 })
    expect([half.Shards.length, half.NextToken]).toEqual([450, undefined])
    expect(await one.kinesis.refused('ListShards', { NextToken: first.NextToken, ShardFilter: { Type: 'AT_LATEST' } })).toBe('InvalidArgumentException: NextToken and ShardFilter cannot be provided together.')
    expect((await one.kinesis.ok<{ Shards: Shard[] }>('ListShards', { StreamName: 'orders', ShardFilter: { Type: 'AT_LATEST' }, ExclusiveStartShardId: whole[440]!.ShardId })).Shards).toEqual(whole.slice(441))
  })

  test('has no hole at any time, whatever was split and merged, however much of it has expired or was deleted', async () => {
    const step = fc.record({ waitMs: fc.integer({ min: 0, max: 20 * hourMs }), to: fc.integer({ min: 1, max: 9 }), puts: fc.nat(3), deleted: fc.option(fc.nat(20)) })
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { minLength: 1, maxLength: 6 }), fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 }), async (count, steps, moments) => {
      const one = await orders(count)
      for (const { waitMs, to, puts, deleted } of steps) {
        for (let nth = 0; nth < puts; nth++) await put(one, String(nth), '')
        one.clock.advance(waitMs)
        await scale(one, to)
        const [topic] = await one.backend.admin.topics(['orders'])
        if (deleted !== null) await one.backend.admin.deleteRecords({ topic: 'orders', partition: deleted % topic!.partitions.length }, -1)
        one.clock.advance(1_000)
        for (const Type of ['AT_TRIM_HORIZON', 'AT_LATEST', 'FROM_TRIM_HORIZON']) expectNoHole(await listed(one, { Type }))
        for (const moment of [...moments, 1]) {
          const Timestamp = (one.startMs + Math.floor((one.clock.now() - one.startMs) * moment)) / 1_000
          for (const Type of ['AT_TIMESTAMP', 'FROM_TIMESTAMP']) expectNoHole(await listed(one, { Type, Timestamp }))
        }
      }
    }), { numRuns: 60, seed: 11 })
  })
})

describe('a closed shard', () => {
  const gone = 'ResourceNotFoundException: Shard shardId-000000000000 in stream orders under account 000000000000 does not exist'

  test('expires when retention has passed since it was closed: it is listed no more, and has no iterators', async () => {
    const one = await orders(1)
    await put(one, 'k', 'a')
    const { ShardIterator } = await one.kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    expect(ShardIterator).toBeDefined()
    one.clock.advance(hourMs)
    await split(one, 0, 1_000n)
    one.clock.advance(dayMs - 1)
    expect(await indexes(one)).toEqual([0, 1, 2])
    const late = await one.kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    one.clock.advance(1)
    expect(await indexes(one)).toEqual([1, 2])
    expect(await indexes(one, { Type: 'AT_TRIM_HORIZON' })).toEqual([1, 2])
    expect((await one.kinesis.ok<{ StreamDescription: { Shards: Shard[] } }>('DescribeStream', { StreamName: 'orders' })).StreamDescription.Shards.map(indexOf)).toEqual([1, 2])
    expect(await one.kinesis.refused('GetRecords', { ShardIterator: late.ShardIterator })).toBe(gone)
    expect(await one.kinesis.refused('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })).toBe(gone)
    // Its children still say where they came from, as on AWS.
    expect((await listed(one)).map(shard => shard.ParentShardId)).toEqual(['shardId-000000000000', 'shardId-000000000000'])
  })

  test('expires when all it had was deleted, but not for being empty', async () => {
    const one = await orders(2)
    await put(one, 'k', 'a')
    await merge(one, 0, 1)
    expect(await indexes(one)).toEqual([0, 1, 2])
    const [topic] = await one.backend.admin.topics(['orders'])
    const full = shardMapOf(topic!).shards.findIndex(({ seal }) => (seal?.endOffset ?? 0) > 0)
    await one.backend.admin.deleteRecords({ topic: 'orders', partition: full }, -1)
    one.clock.advance(1_000)
    expect(await indexes(one)).toEqual([0, 1, 2].filter(index => index !== full))
    expectNoHole(await listed(one, { Type: 'AT_TRIM_HORIZON' }))
  })

  test('never expires in a topic that keeps all for ever', async () => {
    const one = await orders(1)
    await one.backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'retention.ms', operation: 'set', value: '-1' }], { validateOnly: false })
    await split(one, 0, 1_000n)
    one.clock.advance(1_000 * dayMs)
    expect(await indexes(one)).toEqual([0, 1, 2])
  })

  test('stays as long as it has records where times are producers\' own', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    const one: One = { kinesis, clock, backend: kinesis.backend, startMs: clock.now() }
    await one.backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map([['retention.ms', String(dayMs)]]) }, { validateOnly: false })
    await one.backend.logs.append({ topic: 'orders', partition: 0 }, buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: clock.now() }), { acks: 'all', timeoutMs: 1_000 })
    await scale(one, 2)
    await scale(one, 3)
    clock.advance(30 * dayMs)
    // What came after it stays listed, too, or whoever reads it would be led to nothing.
    expect(await indexes(one)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    await one.backend.admin.deleteRecords({ topic: 'orders', partition: 0 }, -1)
    clock.advance(1_000)
    expect(await indexes(one)).toEqual([3, 6, 7])
  })

  test('that expires while a reader is on its way costs it nothing that is still there', async () => {
    const one = await orders(2)
    await put(one, 'k', 'old')
    await merge(one, 0, 1)
    one.clock.advance(20 * hourMs)
    await put(one, 'k', 'young')
    await split(one, 2, 2n ** 127n)
    await put(one, 'k', 'younger')
    one.clock.advance(5 * hourMs)
    const reader = await new LineageReader((operation, input) => one.kinesis.ok(operation, input), 'orders').start()
    expect(byKey(await reader.readAll())).toEqual(new Map([['k', ['young', 'younger']]]))
  })
})
