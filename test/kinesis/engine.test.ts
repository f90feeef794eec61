// The facade over the real engine, in a simulated world: what the in-memory backend cannot show.
import { expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { KinesisHandlerOptions } from '../../src/kinesis/handler.ts'
import { type EngineWorld, openEngineWorld } from '../support/engine-world.ts'
import { LineageReader, byKey } from './support/lineage-reader.ts'
import { accessKeyId, arn, testKinesis, type TestKinesis } from './support/kinesis.ts'
import { subscribe } from './support/subscriber.ts'

interface Page { Records: { SequenceNumber: string; Data: string; PartitionKey: string }[]; NextShardIterator: string; MillisBehindLatest: number }

/** The facade as it is composed over an engine whose access keys outlive it. */
async function over({ backend, world }: EngineWorld, options: Partial<KinesisHandlerOptions> = {}): Promise<TestKinesis> {
  const known = backend.accessKeys.find(accessKeyId) !== undefined
  const accessKeys = known ? { ...backend.accessKeys, add: async () => null } : backend.accessKeys
  return testKinesis({ backend: { ...backend, accessKeys }, clock: world.clock, tokenSecret: 'of this installation', ...options })
}

/** Lets simulated time go by. */
function pass({ world }: EngineWorld, ms: number): Promise<void> {
  return world.run(() => new Promise<void>(resolve => void world.clock.after(ms, resolve)))
}

test('after a power cut every acknowledged record is there, under its number, and an iterator from before goes on', async () => {
  await using before = await openEngineWorld({ seed: 7 })
  const kinesis = await over(before)
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 3, MaxRecordSizeInKiB: 2_048 })
  const described = await kinesis.ok('DescribeStream', { StreamName: 'orders' })
  const sent = new Map<string, string>()
  for (let round = 0; round < 10; round++) {
    const Records = Array.from({ length: 50 }, (_, at) => ({ PartitionKey: `key-${round}-${at}`, Data: Buffer.from(`value-${round}-${at}`).toString('base64') }))
    const answer = await kinesis.ok<{ FailedRecordCount: number; Records: { SequenceNumber: string }[] }>('PutRecords', { StreamName: 'orders', Records })
    expect(answer.FailedRecordCount).toBe(0)
    for (const [at, { SequenceNumber }] of answer.Records.entries()) sent.set(SequenceNumber, `value-${round}-${at}`)
  }
  const shards = ['shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002']
  const from = (one: TestKinesis, ShardId: string) => one.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId, ShardIteratorType: 'TRIM_HORIZON' })
  const begun = await Promise.all(shards.map(async shard => (await kinesis.ok<Page>('GetRecords', { ShardIterator: (await from(kinesis, shard)).ShardIterator, Limit: 20 }))))

  await using after = await openEngineWorld({ seed: 8, disk: before.world.disk.crash(new Prng(1), 'nothing') })
  const again = await over(after)
  expect(await again.ok('DescribeStream', { StreamName: 'orders' })).toEqual(described)
  const read = new Map<string, string>()
  for (const page of begun) {
    let last = page
    for (;;) {
      for (const { SequenceNumber, Data } of last.Records) {
        expect(read.has(SequenceNumber)).toBe(false)
        read.set(SequenceNumber, Buffer.from(Data, 'base64').toString())
      }
      if (last !== page && last.MillisBehindLatest === 0) break
      last = await again.ok<Page>('GetRecords', { ShardIterator: last.NextShardIterator, Limit: 30 })
    }
  }
  expect(read).toEqual(sent)
})

test('the sequence numbers of a shard go on where they were, and those of a new incarnation are others', async () => {
  await using engine = await openEngineWorld()
  const kinesis = await over(engine)
  const put = async (): Promise<string> => (await kinesis.ok<{ SequenceNumber: string }>('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '' })).SequenceNumber
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  const [first, second] = [await put(), await put()]
  expect(BigInt(first) < BigInt(second)).toBe(true)
  await kinesis.ok('DeleteStream', { StreamName: 'orders' })
  // At once, within the same second.
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  const { body } = await kinesis.call('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: first })
  expect((body as { message: string }).message).toContain('because it did not come from this stream.')
})

test('AT_TIMESTAMP finds its record in the engine\'s time index', async () => {
  await using engine = await openEngineWorld()
  const kinesis = await over(engine)
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  const times: number[] = []
  for (let at = 0; at < 20; at++) {
    times.push(engine.world.clock.now())
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(String(at)).toString('base64') })
    await pass(engine, 1_000)
  }
  for (const [at, time] of times.entries()) {
    const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'AT_TIMESTAMP', Timestamp: time / 1_000 })
    const { Records } = await kinesis.ok<Page>('GetRecords', { ShardIterator, Limit: 1 })
    expect(Buffer.from(Records[0]!.Data, 'base64').toString()).toBe(String(at))
  }
})

test('the engine takes the largest record of a stream, and the largest request', async () => {
  await using engine = await openEngineWorld()
  const kinesis = await over(engine)
  for (const [StreamName, MaxRecordSizeInKiB] of [['small', 1_024], ['large', 10_240]] as const) {
    await kinesis.ok('CreateStream', { StreamName, ShardCount: 1, MaxRecordSizeInKiB })
    const record = { PartitionKey: 'k'.repeat(256), Data: Buffer.alloc(MaxRecordSizeInKiB * 1_024 - 256, 1).toString('base64'), ExplicitHashKey: String(2n ** 128n - 1n) }
    await kinesis.ok('PutRecord', { StreamName, ...record })
    const Records = MaxRecordSizeInKiB === 1_024 ? Array.from({ length: 10 }, () => record) : [record]
    expect(await kinesis.ok('PutRecords', { StreamName, Records })).toMatchObject({ FailedRecordCount: 0 })
  }
})

test('after a power cut shards are split and merged as they were, under the same numbers, and a closed one still ends in its children', async () => {
  await using before = await openEngineWorld({ seed: 3, brokers: 3 })
  const kinesis = await over(before)
  await before.world.run(async () => {
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    for (let round = 0; round < 4; round++) {
      const Records = Array.from({ length: 40 }, (_, at) => ({ PartitionKey: `key-${at % 8}`, Data: Buffer.from(`${round}.${at}`).toString('base64') }))
      expect(await kinesis.ok('PutRecords', { StreamName: 'orders', Records })).toMatchObject({ FailedRecordCount: 0 })
      await kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: [3, 5, 4, 2][round], ScalingType: 'UNIFORM_SCALING' })
    }
  })
  const described = await kinesis.ok('DescribeStream', { StreamName: 'orders' })
  const read = async (one: TestKinesis, world: EngineWorld) => world.world.run(async () => byKey(await (await new LineageReader((operation, input) => one.ok(operation, input), 'orders').start()).readAll()))
  const records = await read(kinesis, before)
  const all = [0, 1, 2, 3].flatMap(round => Array.from({ length: 40 }, (_, at) => [round, at] as const))
  for (let key = 0; key < 8; key++) expect(records.get(`key-${key}`)).toEqual(all.flatMap(([round, at]) => (at % 8 === key ? [`${round}.${at}`] : [])))

  await using after = await openEngineWorld({ seed: 4, brokers: 3, disk: before.world.disk.crash(new Prng(2), 'nothing') })
  const again = await over(after)
  expect(await again.ok('DescribeStream', { StreamName: 'orders' })).toEqual(described)
  expect(await read(again, after)).toEqual(records)
})

test('a subscription is pushed what comes whoever leads, and is told of its shard\'s end as soon as it is resharded', async () => {
  await using engine = await openEngineWorld({ seed: 5, brokers: 3 })
  const kinesis = await over(engine)
  await engine.world.run(async () => {
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    const { Consumer: { ConsumerARN } } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('orders'), ConsumerName: 'billing' })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId: '0', StartingPosition: { Type: 'LATEST' } })
    await subscriber.event()
    const put = (data: string) => kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: Buffer.from(data).toString('base64') })
    const leader = async (): Promise<number> => (await kinesis.backend.admin.topics(['orders']))[0]!.partitions[0]!.leader
    for (const round of ['first', 'second', 'third']) {
      const pushed = subscriber.records(2)
      await put(`${round} 1`)
      await put(`${round} 2`)
      expect(await pushed).toEqual([`${round} 1`, `${round} 2`])
      const before = await leader()
      await engine.engine.stop(before)
      expect(await leader()).not.toBe(before)
      await engine.engine.start(before)
    }
    const startedMs = engine.world.clock.monotonic()
    const last = subscriber.next()
    await kinesis.ok('SplitShard', { StreamName: 'orders', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(2n ** 127n) })
    expect((await last)!.body.ChildShards!.map(child => child.ShardId)).toEqual(['shardId-000000000001', 'shardId-000000000002'])
    expect(engine.world.clock.monotonic() - startedMs).toBeLessThan(1_000)
    expect(await subscriber.next()).toBeUndefined()
  })
  expect(kinesis.logger.lines.filter(line => line.level === 'error')).toEqual([])
})

test('a stream that was DELETING when the power went shows it afterwards, gives and takes nothing, and goes when its time comes', async () => {
  const transitionMs = 60_000
  await using before = await openEngineWorld({ seed: 11, brokers: 3 })
  const kinesis = await over(before, { transitionMs })
  await before.world.run(async () => {
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    expect(await kinesis.refused('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '' })).toMatch(/^ResourceNotFoundException/)
    await pass(before, transitionMs)
    await kinesis.ok('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '' })
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
  })
  const disk = before.world.disk.crash(new Prng(3), 'nothing')

  await using after = await openEngineWorld({ seed: 12, brokers: 3, disk })
  const again = await over(after, { transitionMs })
  await after.world.run(async () => {
    expect(await again.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { StreamStatus: 'DELETING' } })
    expect(await again.refused('PutRecord', { StreamName: 'orders', PartitionKey: 'k', Data: '' })).toMatch(/^ResourceNotFoundException/)
    // The simulated clock began anew.
    await pass(after, 3 * transitionMs)
    expect(await again.refused('DescribeStreamSummary', { StreamName: 'orders' })).toMatch(/^ResourceNotFoundException/)
    expect(again.backend.documents.all('kinesis-stream')).toEqual([])
  })
})
