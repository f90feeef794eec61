// Provisioned and on-demand streams: what each may be told, how one becomes the other, and what it means to be warm.
import { describe, expect, it } from 'vitest'
import { type KinesisHandlerOptions } from '../../../src/kinesis/handler.ts'
import { channelKinesis, onDemandStream, wanted } from '../support/channels.ts'
import { TestClock, arn, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } }
const provisioned = { StreamModeDetails: { StreamMode: 'PROVISIONED' } }
const who = 'stream orders under account 000000000000'

interface Summary { StreamStatus: string; StreamModeDetails: { StreamMode: string }; OpenShardCount: number; WarmThroughput?: object; RecordDistributionStrategy?: string }

async function orders(how: object, options: Partial<KinesisHandlerOptions> = {}): Promise<TestKinesis> {
  const kinesis = await testKinesis(options)
  await kinesis.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } })
  await kinesis.ok('CreateStream', { StreamName: 'orders', ...how })
  return kinesis
}

async function summary({ ok }: TestKinesis): Promise<Summary> {
  return (await ok<{ StreamDescriptionSummary: Summary }>('DescribeStreamSummary', { StreamName: 'orders' })).StreamDescriptionSummary
}

const change = (kinesis: TestKinesis, how: object): Promise<unknown> => kinesis.ok('UpdateStreamMode', { StreamARN: arn('orders'), ...how })
const refusedChange = (kinesis: TestKinesis, how: object): Promise<string> => kinesis.refused('UpdateStreamMode', { StreamARN: arn('orders'), ...how })
const warm = (kinesis: TestKinesis, WarmThroughputMiBps: number): Promise<unknown> => kinesis.ok('UpdateStreamWarmThroughput', { StreamName: 'orders', WarmThroughputMiBps })

describe('an on-demand stream', () => {
  it('starts with four shards, and nobody else says how many it has', async () => {
    const kinesis = await orders(onDemand)
    expect(await summary(kinesis)).toMatchObject({ StreamModeDetails: { StreamMode: 'ON_DEMAND' }, OpenShardCount: 4 })
    expect(await kinesis.ok('ListStreams', {})).toMatchObject({ StreamSummaries: [{ StreamModeDetails: { StreamMode: 'ON_DEMAND' } }] })
    const refusal = `ValidationException: Request is invalid. S${who.slice(1)} is in On-Demand mode.`
    expect(await kinesis.refused('SplitShard', { StreamName: 'orders', ShardToSplit: '0', NewStartingHashKey: '10' })).toBe(refusal)
    expect(await kinesis.refused('MergeShards', { StreamName: 'orders', ShardToMerge: '0', AdjacentShardToMerge: '1' })).toBe(refusal)
    expect(await kinesis.refused('UpdateShardCount', { StreamName: 'orders', TargetShardCount: 8, ScalingType: 'UNIFORM_SCALING' })).toBe(refusal)
  })

  it.each([
    [{ ...onDemand, ShardCount: 4 }, 'ValidationException: ShardCount is not expected when StreamMode=ON_DEMAND'],
    [{ WarmThroughputMiBps: 4 }, 'ValidationException: WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.'],
    [{ ...provisioned, RecordDistributionStrategy: 'AUTO' }, 'InvalidArgumentException: RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode.'],
    [{ ...onDemand, WarmThroughputMiBps: 4 }, 'ValidationException: WarmThroughputMiBps needs an account whose MinimumThroughputBillingCommitment is ENABLED. Use UpdateAccountSettings to enable it.'],
  ])('is not made with %j', async (how, refusal) => {
    const kinesis = await testKinesis()
    expect(await kinesis.refused('CreateStream', { StreamName: 'orders', ...how })).toBe(refusal)
    expect(await kinesis.ok('ListStreams', {})).toMatchObject({ StreamNames: [] })
  })
})

describe('UpdateStreamMode', () => {
  it('changes who manages the shards, and leaves them as they are', async () => {
    const kinesis = await orders({ ShardCount: 3 })
    await change(kinesis, onDemand)
    expect(await summary(kinesis)).toMatchObject({ StreamModeDetails: { StreamMode: 'ON_DEMAND' }, OpenShardCount: 3, RecordDistributionStrategy: 'USER_PARTITION_KEY', WarmThroughput: { TargetMiBps: 3, CurrentMiBps: 3 } })
    await change(kinesis, provisioned)
    const after = await summary(kinesis)
    expect(after).toMatchObject({ StreamModeDetails: { StreamMode: 'PROVISIONED' }, OpenShardCount: 3 })
    expect(after).not.toHaveProperty('WarmThroughput')
    await kinesis.ok('UpdateShardCount', { StreamName: 'orders', TargetShardCount: 6, ScalingType: 'UNIFORM_SCALING' })
  })

  it('does so twice a day where limits hold', async () => {
    const clock = new TestClock()
    const kinesis = await orders({ ShardCount: 1 }, { clock, profile: 'aws' })
    // Two who ask for the same at once make one change.
    await Promise.all([change(kinesis, onDemand), change(kinesis, onDemand)])
    await change(kinesis, onDemand)
    clock.advance(3_600_000)
    await change(kinesis, provisioned)
    expect(await refusedChange(kinesis, onDemand)).toBe(`LimitExceededException: UpdateStreamMode cannot change the mode of ${who} more than 2 times per rolling 24-hour period.`)
    clock.advance(23 * 3_600_000)
    await change(kinesis, onDemand)
    expect(await refusedChange(kinesis, provisioned)).toMatch(/^LimitExceededException/)
  })

  it('makes an on-demand stream ready for more at once, but takes no shard away', async () => {
    const kinesis = await orders({ ShardCount: 6 })
    await change(kinesis, { ...onDemand, WarmThroughputMiBps: 2 })
    expect(await summary(kinesis)).toMatchObject({ OpenShardCount: 6, WarmThroughput: { TargetMiBps: 2, CurrentMiBps: 6 } })
    await change(kinesis, provisioned)
    await change(kinesis, { ...onDemand, WarmThroughputMiBps: 16 })
    expect(await summary(kinesis)).toMatchObject({ OpenShardCount: 16, WarmThroughput: { TargetMiBps: 16, CurrentMiBps: 16 } })
  })

  it('refuses what does not go together, and changes nothing then', async () => {
    const kinesis = await orders(onDemand, { shardLimit: 10, onDemandStreamLimit: 0.1 })
    expect(await refusedChange(kinesis, { ...provisioned, WarmThroughputMiBps: 2 })).toBe('ValidationException: WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.')
    expect(await refusedChange(kinesis, { ...onDemand, WarmThroughputMiBps: 2 })).toBe(`InvalidArgumentException: S${who.slice(1)} is in ON_DEMAND mode. Use UpdateStreamWarmThroughput.`)
    await kinesis.ok('UpdateStreamRecordDistributionStrategy', { StreamARN: arn('orders'), RecordDistributionStrategy: 'AUTO' })
    expect(await refusedChange(kinesis, provisioned)).toBe(`InvalidArgumentException: S${who.slice(1)} has RecordDistributionStrategy AUTO, which needs ON_DEMAND mode. Change it to USER_PARTITION_KEY first.`)
    await kinesis.ok('UpdateStreamRecordDistributionStrategy', { StreamARN: arn('orders'), RecordDistributionStrategy: 'USER_PARTITION_KEY' })
    await change(kinesis, provisioned)
    expect(await refusedChange(kinesis, { ...onDemand, WarmThroughputMiBps: 11 })).toContain('LimitExceededException: This request would exceed the shard limit for the account')
    expect(await refusedChange(kinesis, { ...onDemand, WarmThroughputMiBps: 10_241 })).toBe('LimitExceededException: Requested warm throughput (10241 MiBps) exceeds the limit of 10240 MiBps for an On-Demand stream.')
    await kinesis.ok('CreateStream', { StreamName: 'a', ...onDemand })
    await kinesis.ok('CreateStream', { StreamName: 'b', ShardCount: 1 })
    expect(await summary(kinesis)).toMatchObject({ StreamModeDetails: { StreamMode: 'PROVISIONED' }, StreamStatus: 'ACTIVE', OpenShardCount: 4 })
  })

  it('keeps within the number of on-demand streams', async () => {
    const kinesis = await testKinesis({ onDemandStreamLimit: 1 })
    await kinesis.ok('CreateStream', { StreamName: 'a', ...onDemand })
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
    expect(await refusedChange(kinesis, onDemand)).toContain('Current On-Demand streams count: 1. Limit: 1.')
  })

  it('leaves no channel without its stream', async () => {
    const kinesis = await channelKinesis()
    await onDemandStream(kinesis)
    await kinesis.ok('CreateChannel', wanted('archive'))
    expect(await refusedChange(kinesis, provisioned)).toBe(`ResourceInUseException: S${who.slice(1)} has channels, which need ON_DEMAND mode. Delete them first.`)
  })

  it('shows UPDATING while it does', async () => {
    const clock = new TestClock()
    const kinesis = await orders({ ShardCount: 1 }, { clock, transitionMs: 500 })
    expect(await refusedChange(kinesis, onDemand)).toBe(`ResourceInUseException: S${who.slice(1)} not ACTIVE, instead in state CREATING`)
    clock.advance(500)
    await change(kinesis, onDemand)
    expect((await summary(kinesis)).StreamStatus).toBe('UPDATING')
    expect(await refusedChange(kinesis, provisioned)).toBe(`ResourceInUseException: S${who.slice(1)} not ACTIVE, instead in state UPDATING`)
    clock.advance(500)
    expect((await summary(kinesis)).StreamStatus).toBe('ACTIVE')
  })
})

describe('warm throughput', () => {
  it('is as many open shards, from the start on', async () => {
    const kinesis = await orders({ ...onDemand, WarmThroughputMiBps: 7 })
    expect(await summary(kinesis)).toMatchObject({ OpenShardCount: 7, WarmThroughput: { TargetMiBps: 7, CurrentMiBps: 7 } })
    expect(await warm(kinesis, 12)).toEqual({ StreamARN: arn('orders'), StreamName: 'orders', WarmThroughput: { TargetMiBps: 12, CurrentMiBps: 12 } })
    expect((await summary(kinesis)).OpenShardCount).toBe(12)
  })

  it('gives back what is not needed, but keeps four shards', async () => {
    const kinesis = await orders({ ...onDemand, WarmThroughputMiBps: 9 })
    expect(await warm(kinesis, 5)).toMatchObject({ WarmThroughput: { TargetMiBps: 5, CurrentMiBps: 5 } })
    expect(await warm(kinesis, 0)).toMatchObject({ WarmThroughput: { TargetMiBps: 0, CurrentMiBps: 4 } })
  })

  it('is never less than twice what is written', async () => {
    const kinesis = await orders({ ...onDemand, WarmThroughputMiBps: 10, RecordDistributionStrategy: 'AUTO' })
    const Records = Array.from({ length: 3 }, () => ({ Data: Buffer.alloc(1_048_576).toString('base64') }))
    await kinesis.ok('PutRecords', { StreamName: 'orders', Records })
    expect(await warm(kinesis, 4)).toMatchObject({ WarmThroughput: { TargetMiBps: 4, CurrentMiBps: 6 } })
  })

  it('belongs to on-demand streams of accounts with a commitment', async () => {
    const clock = new TestClock()
    const kinesis = await orders(onDemand, { clock })
    await kinesis.ok('CreateStream', { StreamName: 'fixed' })
    expect(await kinesis.refused('UpdateStreamWarmThroughput', { StreamName: 'fixed', WarmThroughputMiBps: 8 })).toBe('ValidationException: WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.')
    await kinesis.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'DISABLED' } })
    await warm(kinesis, 8)
    clock.advance(24 * 3_600_000)
    expect(await kinesis.refused('UpdateStreamWarmThroughput', { StreamName: 'orders', WarmThroughputMiBps: 8 })).toMatch(/^ValidationException: WarmThroughputMiBps needs an account/)
    const after = await summary(kinesis)
    expect([after.OpenShardCount, after.WarmThroughput]).toEqual([8, undefined])
  })

  it('keeps within the shards of the account, and changes nothing else', async () => {
    const kinesis = await orders(onDemand, { shardLimit: 6 })
    expect(await kinesis.refused('UpdateStreamWarmThroughput', { StreamName: 'orders', WarmThroughputMiBps: 7 }))
      .toContain('Current shard count for the account: 4. Limit: 6. Number of additional shards that would have resulted from this request: 3.')
    expect(await summary(kinesis)).toMatchObject({ WarmThroughput: { TargetMiBps: 4, CurrentMiBps: 4 } })
  })

  it('that the backend refuses is taken back', async () => {
    const kinesis = await orders({ ...onDemand, WarmThroughputMiBps: 5 }, { clock: new TestClock(), transitionMs: 0 })
    const { Refusal } = await import('../../../src/ports.ts')
    kinesis.backend.admin.reshard = async () => new Refusal('not-enough-replicas', 'no quorum')
    expect(await kinesis.refused('UpdateStreamWarmThroughput', { StreamName: 'orders', WarmThroughputMiBps: 8 })).toMatch(/^InternalFailure/)
    expect(await summary(kinesis)).toMatchObject({ StreamStatus: 'ACTIVE', WarmThroughput: { TargetMiBps: 5, CurrentMiBps: 5 } })
  })
})
