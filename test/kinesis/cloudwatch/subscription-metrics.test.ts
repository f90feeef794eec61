// What subscriptions leave in the metrics of their consumer and of the shard; and how SubscribeToShard is held back.
import { describe, expect, it } from 'vitest'
import { chaosDefault } from '../../../src/kinesis/chaos.ts'
import { TestClock, arn, testKinesis, type TestKinesis } from '../support/kinesis.ts'
import { subscribe } from '../support/subscriber.ts'

const ShardId = 'shardId-000000000000'
const from = { ShardId, StartingPosition: { Type: 'TRIM_HORIZON' } }

async function withConsumer(): Promise<{ kinesis: TestKinesis; clock: TestClock; ConsumerARN: string }> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, profile: 'aws' })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
  await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 'orders', ShardLevelMetrics: ['OutgoingRecords', 'OutgoingBytes'] })
  const { Consumer } = await kinesis.ok<{ Consumer: { ConsumerARN: string } }>('RegisterStreamConsumer', { StreamARN: arn('orders'), ConsumerName: 'billing' })
  return { kinesis, clock, ConsumerARN: Consumer.ConsumerARN }
}

/** Sum and SampleCount of a metric since the start. */
function counted({ handler }: TestKinesis, name: string): [sum: number, samples: number] {
  const found = handler.metrics.store.named('AWS/Kinesis', name)
  return [found.reduce((sum, { series }) => sum + series.total, 0), found.reduce((sum, { series }) => sum + series.samples, 0)]
}

describe('SubscribeToShard', () => {
  it('counts subscriptions and events of its consumer, and what they give of the shard', async () => {
    const { kinesis, ConsumerARN } = await withConsumer()
    await kinesis.ok('PutRecords', { StreamName: 'orders', Records: ['aa', 'bb'].map(text => ({ PartitionKey: 'k', Data: Buffer.from(text).toString('base64') })) })
    const subscriber = await subscribe(kinesis, { ConsumerARN, ...from })
    expect(await subscriber.records(2)).toEqual(['aa', 'bb'])
    expect(counted(kinesis, 'SubscribeToShard.Success')).toEqual([1, 1])
    expect(counted(kinesis, 'SubscribeToShardEvent.Success')).toEqual([1, 1])
    expect(counted(kinesis, 'SubscribeToShardEvent.Records')).toEqual([2, 1])
    expect(counted(kinesis, 'SubscribeToShardEvent.Bytes')).toEqual([6, 1])
    expect([counted(kinesis, 'OutgoingRecords'), counted(kinesis, 'OutgoingBytes')]).toEqual([[2, 1], [6, 1]])
    subscriber.close()
  })

  it('is served once a second for a consumer and shard, and counts what it holds back', async () => {
    const { kinesis, clock, ConsumerARN } = await withConsumer()
    const subscriber = await subscribe(kinesis, { ConsumerARN, ...from })
    expect(await kinesis.call('SubscribeToShard', { ConsumerARN, ...from })).toMatchObject({
      body: { __type: 'LimitExceededException', message: 'Rate exceeded for stream orders under account 000000000000.' },
    })
    // However the shard is written.
    expect(await kinesis.call('SubscribeToShard', { ConsumerARN, ...from, ShardId: '0' })).toMatchObject({ body: { __type: 'LimitExceededException' } })
    expect(await kinesis.call('SubscribeToShard', { ConsumerARN, ...from, ShardId: 'shardId-000000000001' })).toMatchObject({ body: { __type: 'ResourceNotFoundException' } })
    clock.advance(1_000)
    expect(await kinesis.call('SubscribeToShard', { ConsumerARN, ...from })).toMatchObject({ body: { __type: 'ResourceInUseException' } })
    expect(counted(kinesis, 'SubscribeToShard.RateExceeded')).toEqual([3, 3])
    expect(counted(kinesis, 'SubscribeToShard.Success')).toEqual([1, 4])
    subscriber.close()
  })

  it('is counted for consumers that there are, and no others', async () => {
    const { kinesis, ConsumerARN } = await withConsumer()
    const stranger = ConsumerARN.replace('billing', 'nobody')
    for (const type of ['ResourceNotFoundException', 'LimitExceededException']) {
      expect(await kinesis.call('SubscribeToShard', { ConsumerARN: stranger, ...from })).toMatchObject({ body: { __type: type } })
    }
    expect(kinesis.handler.metrics.store.all().filter(({ dimensions }) => dimensions.some(({ name }) => name === 'ConsumerName'))).toEqual([])
  })

  it('fails before it has an effect, whatever chaos says, so that nobody is left with a stream that none reads', async () => {
    const { kinesis, ConsumerARN } = await withConsumer()
    const { limits, services } = kinesis.handler
    limits.change({ profile: 'chaos', chaos: { ...chaosDefault, throttle: 0, failure: 1, failureWhen: 'after' } })
    expect(await kinesis.call('SubscribeToShard', { ConsumerARN, ...from })).toMatchObject({ status: 500 })
    expect(services.fanOut.count).toBe(0)
  })
})
