// What a shard that was split or merged gives to who reads it.
import { describe, expect, test } from 'vitest'
import { parseSequenceNumber } from '../../../src/kinesis/sequence-numbers.ts'
import { LineageReader, byKey } from '../support/lineage-reader.ts'
import { TestClock, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const id = (index: number): string => `shardId-${String(index).padStart(12, '0')}`
const max = String(2n ** 128n - 1n)

interface Page {
  Records: { SequenceNumber: string; Data: string }[]
  NextShardIterator?: string
  MillisBehindLatest: number
  ChildShards?: object[]
}
interface Shard { ShardId: string; SequenceNumberRange: { StartingSequenceNumber: string; EndingSequenceNumber: string } }
interface Split { kinesis: TestKinesis; clock: TestClock; numbers: string[] }

const put = async (kinesis: TestKinesis, data: string, key = '1'): Promise<string> =>
  (await kinesis.ok<{ SequenceNumber: string }>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', ExplicitHashKey: key, Data: Buffer.from(data).toString('base64') })).SequenceNumber
const iterator = async (kinesis: TestKinesis, shard: number, how: object): Promise<string> =>
  (await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: id(shard), ...how })).ShardIterator
const read = (kinesis: TestKinesis, ShardIterator: string, Limit?: number): Promise<Page> => kinesis.ok<Page>('GetRecords', { ShardIterator, Limit })
const words = (page: Page): string[] => page.Records.map(({ Data }) => Buffer.from(Data, 'base64').toString())

/** Three records a second apart, then a split at 1000, then ten seconds. */
async function split(): Promise<Split> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  const numbers: string[] = []
  for (const word of ['a', 'b', 'c']) {
    clock.advance(1_000)
    numbers.push(await put(kinesis, word))
  }
  clock.advance(1_000)
  await kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: '0', NewStartingHashKey: '1000' })
  clock.advance(10_000)
  return { kinesis, clock, numbers }
}

const children = [
  { ShardId: id(1), ParentShards: [id(0)], HashKeyRange: { StartingHashKey: '0', EndingHashKey: '999' } },
  { ShardId: id(2), ParentShards: [id(0)], HashKeyRange: { StartingHashKey: '1000', EndingHashKey: max } },
]

describe('a closed shard', () => {
  test('is read to its end, where it names its children in place of an iterator', async () => {
    const { kinesis, clock } = await split()
    const start = await iterator(kinesis, 0, { ShardIteratorType: 'TRIM_HORIZON' })
    const first = await read(kinesis, start, 2)
    expect([words(first), first.ChildShards, first.MillisBehindLatest]).toEqual([['a', 'b'], undefined, 12_000])
    const last = await read(kinesis, first.NextShardIterator!, 2)
    expect(words(last)).toEqual(['c'])
    expect(last).not.toHaveProperty('NextShardIterator')
    // So long ago it was closed: whoever has read all of it is as far behind its stream.
    expect([last.ChildShards, last.MillisBehindLatest]).toEqual([children, 10_000])
    clock.advance(60_000)
    // Iterators may be used again, also that of the last page.
    expect(await read(kinesis, first.NextShardIterator!)).toEqual({ ...last, MillisBehindLatest: 70_000 })
    expect(words(await read(kinesis, start))).toEqual(['a', 'b', 'c'])
  })

  test('takes all five ways to start', async () => {
    const { kinesis, clock, numbers } = await split()
    const from = async (how: object): Promise<[string[], number | undefined]> => {
      const page = await read(kinesis, await iterator(kinesis, 0, how))
      return [words(page), page.ChildShards?.length]
    }
    const [parent] = (await kinesis.ok<{ Shards: Shard[] }>('ListShards', { StreamName: 'orders' })).Shards
    const { StartingSequenceNumber: starting, EndingSequenceNumber: ending } = parent!.SequenceNumberRange
    expect(await from({ ShardIteratorType: 'TRIM_HORIZON' })).toEqual([['a', 'b', 'c'], 2])
    expect(await from({ ShardIteratorType: 'LATEST' })).toEqual([[], 2])
    expect(await from({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: numbers[1] })).toEqual([['b', 'c'], 2])
    expect(await from({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: numbers[1] })).toEqual([['c'], 2])
    for (const ShardIteratorType of ['AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER']) {
      expect(await from({ ShardIteratorType, StartingSequenceNumber: starting })).toEqual([['a', 'b', 'c'], 2])
      expect(await from({ ShardIteratorType, StartingSequenceNumber: ending })).toEqual([[], 2])
    }
    const now = clock.now() / 1_000
    expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: now - 12 })).toEqual([['b', 'c'], 2])
    expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: now - 10.5 })).toEqual([[], 2])
    expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 0 })).toEqual([['a', 'b', 'c'], 2])
  })

  test('has iterators of which those made before it was closed end at its end, too', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    const latest = await Promise.all([0, 1].map(shard => iterator(kinesis, shard, { ShardIteratorType: 'LATEST' })))
    await put(kinesis, 'a')
    const open = await read(kinesis, latest[0]!)
    expect([words(open), open.MillisBehindLatest, open.ChildShards]).toEqual([['a'], 0, undefined])
    await put(kinesis, 'b')
    await kinesis.ok('MergeShards', { StreamName: 'orders', ShardToMerge: '0', AdjacentShardToMerge: '1' })
    await put(kinesis, 'c')
    // Both name the one that took their place, with both of them.
    const child = [{ ShardId: id(2), ParentShards: [id(0), id(1)], HashKeyRange: { StartingHashKey: '0', EndingHashKey: max } }]
    const pages = [await read(kinesis, open.NextShardIterator!), await read(kinesis, latest[1]!)]
    expect(pages.map(page => [words(page), page.ChildShards, page.NextShardIterator])).toEqual([[['b'], child, undefined], [[], child, undefined]])
    expect(words(await read(kinesis, await iterator(kinesis, 2, { ShardIteratorType: 'TRIM_HORIZON' })))).toEqual(['c'])
  })

  test('that was only a step between two others is empty, and leads on', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    await kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: 3, ScalingType: 'UNIFORM_SCALING' })
    const ends = await Promise.all([0, 1, 3, 4].map(async shard => read(kinesis, await iterator(kinesis, shard, { ShardIteratorType: 'TRIM_HORIZON' }))))
    expect(ends.map(page => page.ChildShards!.map(child => (child as Shard).ShardId))).toEqual([[id(2), id(3)], [id(4), id(5)], [id(6)], [id(6)]])
  })

  test('refuses numbers of its children and of its former self', async () => {
    const { kinesis } = await split()
    const { Shards } = await kinesis.ok<{ Shards: Shard[] }>('ListShards', { StreamName: 'orders' })
    const at = (StartingSequenceNumber: string, shard: number): Promise<string> =>
      kinesis.refused('GetShardIterator', { StreamName: 'orders', ShardId: id(shard), ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber })
    expect(await at(Shards[1]!.SequenceNumberRange.StartingSequenceNumber, 0))
      .toBe(`InvalidArgumentException: Invalid StartingSequenceNumber. It encodes ${id(1)}, while it was used in a call to a shard with ${id(0)}`)
    const ending = Shards[0]!.SequenceNumberRange.EndingSequenceNumber
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    // Even within the same second, again and again.
    const numbers = [ending]
    for (let time = 0; time < 3; time++) {
      await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
      for (const number of numbers) expect(await at(number, 0)).toMatch(/^InvalidArgumentException: StartingSequenceNumber \d{56} used in GetShardIterator .* is invalid because it did not come from this stream\.$/)
      numbers.push(await put(kinesis, 'x'))
      await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    }
  })

  test('has an ending number only once it is closed', async () => {
    const { kinesis, clock, numbers } = await split()
    const { Shards } = await kinesis.ok<{ Shards: Shard[] }>('ListShards', { StreamName: 'orders' })
    const position = parseSequenceNumber(Shards[0]!.SequenceNumberRange.EndingSequenceNumber)!
    expect(position).toMatchObject({ shardIndex: 0, offset: Infinity, arrivalSecond: Math.floor(clock.now() / 1_000) - 10 })
    expect(numbers.every(number => BigInt(number) < BigInt(Shards[0]!.SequenceNumberRange.EndingSequenceNumber))).toBe(true)
    // The same number for a shard that is open has never been given.
    const open = (BigInt(Shards[1]!.SequenceNumberRange.StartingSequenceNumber) | (0x7fff_ffff_ffff_ffffn << 80n)).toString()
    expect(await kinesis.refused('GetShardIterator', { StreamName: 'orders', ShardId: id(1), ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: open }))
      .toBe(`InvalidArgumentException: StartingSequenceNumber ${open} used in GetShardIterator on shard ${id(1)} in stream orders under account 000000000000 is invalid.`)
  })
})

test('whoever follows the lineage reads each record once, those of a key in their order', async () => {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 3 })
  const reader = await new LineageReader((operation, input) => kinesis.ok(operation, input), 'orders').start()
  const sent = new Map<string, string[]>()
  const targets = [6, 5, 9, 4, 2, 3, 6, 3]
  for (let round = 0; round < 40; round++) {
    const Records = Array.from({ length: 25 }, (_, at) => ({ PartitionKey: `key-${(round * 7 + at) % 40}`, Data: Buffer.from(`${round}.${at}`).toString('base64') }))
    for (const [at, { PartitionKey }] of Records.entries()) sent.set(PartitionKey, [...sent.get(PartitionKey) ?? [], `${round}.${at}`])
    await Promise.all([
      kinesis.ok('PutRecords', { StreamName: 'orders', Records }),
      round % 5 === 4 ? kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: targets[(round - 4) / 5], ScalingType: 'UNIFORM_SCALING' }) : undefined,
    ])
    clock.advance(500)
    if (round % 3 === 0) await reader.turn()
  }
  expect(byKey(await reader.readAll())).toEqual(sent)
  const late = await new LineageReader((operation, input) => kinesis.ok(operation, input), 'orders').start()
  expect(byKey(await late.readAll())).toEqual(sent)
})
