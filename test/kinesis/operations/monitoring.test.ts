import { describe, expect, it } from 'vitest'
import { shardLevelMetrics } from '../../../src/kinesis/shard-level-metrics.ts'
import { type TestClock, type TestKinesis, testKinesis } from '../support/kinesis.ts'

const StreamARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s'

async function withStream(options: Parameters<typeof testKinesis>[0] = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis(options)
  await kinesis.ok('CreateStream', { StreamName: 's', ShardCount: 1 })
  ;(kinesis.clock as TestClock).advance(options.transitionMs ?? 0)
  return kinesis
}

async function shown(kinesis: TestKinesis): Promise<unknown> {
  const { StreamDescription: described } = await kinesis.ok<{ StreamDescription: { EnhancedMonitoring: unknown } }>('DescribeStream', { StreamName: 's' })
  const { StreamDescriptionSummary: summary } = await kinesis.ok<{ StreamDescriptionSummary: { EnhancedMonitoring: unknown } }>('DescribeStreamSummary', { StreamName: 's' })
  expect(summary.EnhancedMonitoring).toEqual(described.EnhancedMonitoring)
  return described.EnhancedMonitoring
}

describe('shard-level monitoring', () => {
  it('is off at first, put on metric by metric, and taken off again', async () => {
    const kinesis = await withStream()
    expect(await shown(kinesis)).toEqual([{ ShardLevelMetrics: [] }])
    expect(await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['OutgoingBytes', 'IncomingBytes', 'IncomingBytes'] })).toEqual({
      StreamName: 's', CurrentShardLevelMetrics: [], DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'], StreamARN,
    })
    expect(await shown(kinesis)).toEqual([{ ShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'] }])
    expect(await kinesis.ok('EnableEnhancedMonitoring', { StreamARN, ShardLevelMetrics: ['OutgoingRecords', 'IncomingBytes'] })).toMatchObject({
      CurrentShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes'], DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes', 'OutgoingRecords'],
    })
    expect(await kinesis.ok('DisableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['OutgoingBytes', 'IteratorAgeMilliseconds'] })).toEqual({
      StreamName: 's', CurrentShardLevelMetrics: ['IncomingBytes', 'OutgoingBytes', 'OutgoingRecords'], DesiredShardLevelMetrics: ['IncomingBytes', 'OutgoingRecords'], StreamARN,
    })
    expect(await shown(kinesis)).toEqual([{ ShardLevelMetrics: ['IncomingBytes', 'OutgoingRecords'] }])
  })

  it('of ALL is that of the seven metrics', async () => {
    const kinesis = await withStream()
    expect(await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })).toMatchObject({ DesiredShardLevelMetrics: [...shardLevelMetrics] })
    expect(await kinesis.ok('DisableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })).toMatchObject({
      CurrentShardLevelMetrics: [...shardLevelMetrics], DesiredShardLevelMetrics: [],
    })
    expect(await shown(kinesis)).toEqual([{ ShardLevelMetrics: [] }])
  })

  it('changes an ACTIVE stream only, which is UPDATING for a while where states show', async () => {
    const kinesis = await withStream({ transitionMs: 1_000 })
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })
    expect(await kinesis.call('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })).toMatchObject({ body: { __type: 'ResourceInUseException' } })
    ;(kinesis.clock as TestClock).advance(1_000)
    // Nothing is left to do, so that nothing shows either.
    await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['IncomingBytes'] })
    await kinesis.ok('DisableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] })
  })

  it('knows no other metric, nor a stream that is not there', async () => {
    const kinesis = await withStream()
    expect(await kinesis.call('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['Latency'] })).toMatchObject({ body: { __type: 'ValidationException' } })
    expect(await kinesis.call('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: [] })).toMatchObject({ body: { __type: 'ValidationException' } })
    expect(await kinesis.call('DisableEnhancedMonitoring', { StreamName: 'x', ShardLevelMetrics: ['ALL'] })).toMatchObject({ body: { __type: 'ResourceNotFoundException' } })
  })
})
