// The facade over the real engine, in a simulated world: what the in-memory backend cannot show.
import { expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import type { KinesisHandlerOptions } from '../../src/kinesis/handler.ts'
import { type EngineWorld, openEngineWorld } from '../support/engine-world.ts'
import { accessKeyId, testKinesis, type TestKinesis } from './support/kinesis.ts'

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
  await pass(engine, 2_000)
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

const put = { StreamName: 'orders', PartitionKey: 'a', Data: '' }

test('a stream is all that it was made to be after a power cut, and one that was to be deleted goes when its time comes', async () => {
  const transitionMs = 60_000
  await using before = await openEngineWorld({ seed: 11 })
  const kinesis = await over(before, { transitionMs })
  await kinesis.ok('CreateStream', { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' }, RecordDistributionStrategy: 'AUTO', Tags: { team: 'a' } })
  await kinesis.ok('CreateStream', { StreamName: 'kept', ShardCount: 1 })
  await pass(before, transitionMs)
  await kinesis.ok('PutRecord', put)
  await kinesis.ok('DeleteStream', { StreamName: 'orders' })
  const described = await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })
  expect(described).toMatchObject({ StreamDescriptionSummary: { StreamStatus: 'DELETING', StreamModeDetails: { StreamMode: 'ON_DEMAND' }, RecordDistributionStrategy: 'AUTO' } })

  await using after = await openEngineWorld({ seed: 12, disk: before.world.disk.crash(new Prng(2), 'nothing') })
  const again = await over(after, { transitionMs })
  expect(await again.ok('DescribeStreamSummary', { StreamName: 'orders' })).toEqual(described)
  // The second world's clock starts where the first one's did.
  await pass(after, transitionMs)
  expect(await again.ok('ListStreams', {})).toMatchObject({ StreamNames: ['kept', 'orders'] })
  await pass(after, transitionMs + 1_000)
  expect(await again.ok('ListStreams', {})).toMatchObject({ StreamNames: ['kept'] })
  await again.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
})

test('an on-demand stream grows with its use, in the log too, and what is read over the change is in order', async () => {
  await using opened = await openEngineWorld({ seed: 13 })
  const kinesis = await over(opened, { profile: 'aws' })
  await kinesis.ok('CreateStream', { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
  const sent: { ShardId: string; SequenceNumber: string }[] = []
  for (let second = 0; second < 25; second++) {
    sent.push(await kinesis.ok('PutRecord', { ...put, Data: Buffer.alloc(600_000, second).toString('base64') }))
    await pass(opened, 1_000)
  }
  expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'orders' })).toMatchObject({ StreamDescriptionSummary: { OpenShardCount: 5 } })
  expect(new Set(sent.map(({ ShardId }) => ShardId)).size).toBe(2)
  expect(sent.every(({ SequenceNumber }, at) => at === 0 || BigInt(SequenceNumber) > BigInt(sent[at - 1]!.SequenceNumber))).toBe(true)
})

test('retention that grows does not bring back what the log still has', async () => {
  await using opened = await openEngineWorld({ seed: 14 })
  const kinesis = await over(opened)
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  await opened.backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'retention.ms', operation: 'set', value: '60000' }], { validateOnly: false })
  await kinesis.ok('PutRecord', put)
  await pass(opened, 60_001)
  await kinesis.ok('PutRecord', put)
  await kinesis.ok('IncreaseStreamRetentionPeriod', { StreamName: 'orders', RetentionPeriodHours: 24 })
  const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
  expect((await kinesis.ok<Page>('GetRecords', { ShardIterator })).Records).toHaveLength(1)
})
