// What the operations leave in the metrics: each name, with the samples that CloudWatch would have.
import { describe, expect, it } from 'vitest'
import type { StatisticSet } from '../../../src/kinesis/cloudwatch/series.ts'
import { Refusal } from '../../../src/ports.ts'
import { type TestClock, type TestKinesis, arn, testKinesis } from '../support/kinesis.ts'
import { subscribe } from '../support/subscriber.ts'

const MiB = 1_048_576

/** The figures of the last minute, by name, of one stream, shard or consumer. */
function figures(kinesis: TestKinesis, dimensions: Record<string, string>): Record<string, StatisticSet> {
  const now = kinesis.clock.now()
  const wanted = JSON.stringify(Object.entries(dimensions))
  return Object.fromEntries(kinesis.handler.metrics.store.all().flatMap(metric => {
    if (metric.namespace !== 'AWS/Kinesis' || JSON.stringify(metric.dimensions.map(({ name, value }) => [name, value])) !== wanted) return []
    const [last] = [...metric.series.minutes(Math.floor(now / 60_000), Infinity, now)]
    return last === undefined ? [] : [[metric.name, last.set]]
  }))
}

const samples = (...values: number[]): StatisticSet => ({
  minimum: Math.min(...values), maximum: Math.max(...values), sum: values.reduce((sum, one) => sum + one, 0), sampleCount: values.length,
})

async function withStream(options: Parameters<typeof testKinesis>[0] = {}): Promise<TestKinesis & { readonly clock: TestClock }> {
  const kinesis = await testKinesis(options)
  await kinesis.ok('CreateStream', { StreamName: 's', ShardCount: 2 })
  return kinesis as TestKinesis & { readonly clock: TestClock }
}

const text = (bytes: number): string => Buffer.alloc(bytes).toString('base64')
// The first of two shards takes the lower half of the hash keys.
const [low, high] = ['0', (2n ** 127n).toString()]

describe('puts', () => {
  it('of single records are counted one by one', async () => {
    const kinesis = await withStream({ profile: 'aws' })
    await kinesis.ok('PutRecord', { StreamName: 's', PartitionKey: 'ab', ExplicitHashKey: low, Data: text(10) })
    await kinesis.call('PutRecord', { StreamName: 's', PartitionKey: 'ab', ExplicitHashKey: low, Data: text(99), DryRun: true })
    await kinesis.ok('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: high, Data: text(MiB - 1) })
    expect(await kinesis.call('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: high, Data: text(5) })).toMatchObject({ status: 400 })
    expect(figures(kinesis, { StreamName: 's' })).toEqual({
      'IncomingBytes': samples(12, MiB), 'IncomingRecords': samples(1, 1),
      'PutRecord.Bytes': samples(12, MiB), 'PutRecord.Latency': samples(0, 0, 0), 'PutRecord.Success': samples(1, 1, 0),
      'WriteProvisionedThroughputExceeded': samples(0, 0, 1),
    })
  })

  it('of many records are counted with what became of each', async () => {
    const kinesis = await withStream({ profile: 'aws' })
    const entry = (hashKey: string, bytes: number) => ({ PartitionKey: 'a', ExplicitHashKey: hashKey, Data: text(bytes) })
    await kinesis.ok('PutRecords', { StreamName: 's', Records: [entry(low, 99), entry(high, MiB - 1), entry(high, 1), entry(high, 1)] })
    await kinesis.ok('PutRecords', { StreamName: 's', Records: [entry(high, 9)] })
    expect(figures(kinesis, { StreamName: 's' })).toEqual({
      'IncomingBytes': samples(100 + MiB), 'IncomingRecords': samples(2), 'WriteProvisionedThroughputExceeded': samples(2, 1),
      'PutRecords.Bytes': samples(100 + MiB), 'PutRecords.Latency': samples(0, 0), 'PutRecords.Success': samples(1, 0),
      'PutRecords.TotalRecords': samples(4, 1), 'PutRecords.SuccessfulRecords': samples(2, 0), 'PutRecords.Records': samples(2, 0),
      'PutRecords.FailedRecords': samples(0, 0), 'PutRecords.ThrottledRecords': samples(2, 1),
    })
  })

  it('of a stream that is not there are counted nowhere', async () => {
    const kinesis = await withStream()
    await kinesis.call('PutRecord', { StreamName: 'nobody', PartitionKey: 'a', Data: '' })
    expect(kinesis.handler.metrics.store.all()).toEqual([])
  })
})

describe('gets', () => {
  it('are counted with the age of the last record that they gave, 0 at the tip', async () => {
    const kinesis = await withStream({ profile: 'aws' })
    const put = (data: string) => kinesis.ok('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: low, Data: data })
    await put(text(9))
    kinesis.clock.advance(30_000)
    await put(text(19))
    kinesis.clock.advance(60_000)
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    const { NextShardIterator } = await kinesis.ok('GetRecords', { ShardIterator, Limit: 1 })
    await kinesis.ok('GetRecords', { ShardIterator: NextShardIterator })
    for (let at = 0; at < 3; at++) await kinesis.ok('GetRecords', { ShardIterator: NextShardIterator, Limit: 1 })
    expect(await kinesis.call('GetRecords', { ShardIterator })).toMatchObject({ status: 400 })
    expect(figures(kinesis, { StreamName: 's' })).toEqual({
      'GetRecords.Bytes': samples(10, 20, 20, 20, 20), 'GetRecords.Records': samples(1, 1, 1, 1, 1), 'GetRecords.Success': samples(1, 1, 1, 1, 1, 0),
      'GetRecords.IteratorAgeMilliseconds': samples(90_000, 0, 0, 0, 0), 'GetRecords.IteratorAge': samples(90, 0, 0, 0, 0),
      'GetRecords.Latency': samples(0, 0, 0, 0, 0, 0), 'ReadProvisionedThroughputExceeded': samples(0, 0, 0, 0, 0, 1),
    })
  })
})

describe('shards', () => {
  it('are counted for the metrics that monitoring is on for, and no others', async () => {
    const kinesis = await withStream({ profile: 'aws' })
    const put = (hashKey: string, bytes: number) => kinesis.call('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: hashKey, Data: text(bytes - 1) })
    const first = { StreamName: 's', ShardId: 'shardId-000000000000' }
    await put(low, 10)
    expect(figures(kinesis, first)).toEqual({})
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['IncomingBytes'] })
    await put(low, 20)
    expect(figures(kinesis, first)).toEqual({ IncomingBytes: samples(20) })
    kinesis.clock.advance(60_000)
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })
    await put(low, 30)
    await put(high, MiB)
    await put(high, 40)
    kinesis.clock.advance(1_000)
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 's', ShardId: '0', ShardIteratorType: 'TRIM_HORIZON' })
    await kinesis.ok('GetRecords', { ShardIterator, Limit: 2 })
    expect(figures(kinesis, first)).toEqual({
      IncomingBytes: samples(30), IncomingRecords: samples(1), WriteProvisionedThroughputExceeded: samples(0),
      OutgoingBytes: samples(30), OutgoingRecords: samples(2), ReadProvisionedThroughputExceeded: samples(0), IteratorAgeMilliseconds: samples(61_000),
    })
    expect(figures(kinesis, { StreamName: 's', ShardId: 'shardId-000000000001' })).toEqual({
      IncomingBytes: samples(MiB), IncomingRecords: samples(1), WriteProvisionedThroughputExceeded: samples(0, 1),
    })
    await kinesis.ok('DisableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })
    kinesis.clock.advance(60_000)
    await put(low, 50)
    expect(figures(kinesis, first)).toEqual({})
  })
})

describe('consumers', () => {
  it('are counted by subscription and by event, and what events give is counted for the shard', async () => {
    const kinesis = await withStream()
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['OutgoingBytes', 'OutgoingRecords'] })
    const { Consumer: { ConsumerARN } } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('s'), ConsumerName: 'c' })
    await kinesis.ok('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: low, Data: text(99) })
    kinesis.clock.advance(20)
    await kinesis.ok('PutRecord', { StreamName: 's', PartitionKey: 'a', ExplicitHashKey: low, Data: text(600_000) })
    const input = { ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' } }
    const subscriber = await subscribe(kinesis, input)
    await subscriber.event()
    await subscriber.event()
    expect(await kinesis.refused('SubscribeToShard', input)).toMatch(/^ResourceInUseException: Another active subscription/)
    await kinesis.backend.admin.deleteTopic('s')
    expect(await subscriber.exception()).toMatch(/^ResourceNotFoundException/)
    expect(figures(kinesis, { StreamName: 's', ConsumerName: 'c' })).toEqual({
      'SubscribeToShard.Success': samples(1, 0), 'SubscribeToShard.RateExceeded': samples(1),
      'SubscribeToShardEvent.Success': samples(1, 1), 'SubscribeToShardEvent.Bytes': samples(100, 600_001), 'SubscribeToShardEvent.Records': samples(1, 1),
      'SubscribeToShardEvent.MillisBehindLatest': samples(20, 0),
    })
    expect(figures(kinesis, { StreamName: 's', ShardId: 'shardId-000000000000' })).toEqual({ OutgoingBytes: samples(100, 600_001), OutgoingRecords: samples(1, 1) })
  })

  it('whose records cannot be read are counted as failed', async () => {
    const kinesis = await withStream()
    const { Consumer: { ConsumerARN } } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('s'), ConsumerName: 'c' })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ShardId: 'shardId-000000000000', StartingPosition: { Type: 'TRIM_HORIZON' } })
    kinesis.backend.logs.ends = async () => new Refusal('storage-error', 'the disk is gone')
    expect(await subscriber.exception()).toBe('InternalFailureException: undefined')
    expect(figures(kinesis, { StreamName: 's', ConsumerName: 'c' })).toMatchObject({ 'SubscribeToShardEvent.Success': samples(0) })
  })
})
