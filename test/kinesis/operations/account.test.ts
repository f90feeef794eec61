// The account: its commitment to a minimum of billed throughput, its quotas, and how much of them is used.
import { describe, expect, it } from 'vitest'
import { TestClock, arn, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const dayMs = 24 * 3_600_000

interface Settings { MinimumThroughputBillingCommitment: { Status: string; StartedAt?: number; EndedAt?: number; EarliestAllowedEndAt?: number } }

async function commitment({ ok }: TestKinesis): Promise<Settings['MinimumThroughputBillingCommitment']> {
  return (await ok<Settings>('DescribeAccountSettings', {})).MinimumThroughputBillingCommitment
}

async function commit({ ok }: TestKinesis, Status: string): Promise<Settings['MinimumThroughputBillingCommitment']> {
  return (await ok<Settings>('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status } })).MinimumThroughputBillingCommitment
}

async function account(): Promise<{ kinesis: TestKinesis; clock: TestClock; started: number }> {
  const clock = new TestClock()
  return { kinesis: await testKinesis({ clock }), clock, started: clock.now() / 1_000 }
}

describe('the commitment of an account', () => {
  it('is none until it is enabled, and lasts a day at least', async () => {
    const { kinesis, clock, started } = await account()
    expect(await commitment(kinesis)).toEqual({ Status: 'DISABLED' })
    expect(await commit(kinesis, 'DISABLED')).toEqual({ Status: 'DISABLED' })
    const enabled = { Status: 'ENABLED', StartedAt: started, EarliestAllowedEndAt: started + 86_400 }
    expect(await commit(kinesis, 'ENABLED')).toEqual(enabled)
    clock.advance(1_000)
    expect(await commit(kinesis, 'ENABLED')).toEqual(enabled)
    const ending = { ...enabled, Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' }
    expect(await commit(kinesis, 'DISABLED')).toEqual(ending)
    clock.advance(dayMs - 1_001)
    expect(await commit(kinesis, 'DISABLED')).toEqual(ending)
    clock.advance(1)
    expect(await commitment(kinesis)).toEqual({ Status: 'DISABLED', StartedAt: started, EndedAt: started + 86_400 })
  })

  it('goes on where its end was asked for and taken back', async () => {
    const { kinesis, clock, started } = await account()
    await commit(kinesis, 'ENABLED')
    await commit(kinesis, 'DISABLED')
    expect(await commit(kinesis, 'ENABLED')).toEqual({ Status: 'ENABLED', StartedAt: started, EarliestAllowedEndAt: started + 86_400 })
    clock.advance(3 * dayMs)
    expect(await commitment(kinesis)).toMatchObject({ Status: 'ENABLED' })
    expect(await commit(kinesis, 'DISABLED')).toEqual({ Status: 'DISABLED', StartedAt: started, EndedAt: started + 3 * 86_400 })
    clock.advance(1_000)
    expect(await commit(kinesis, 'ENABLED')).toMatchObject({ Status: 'ENABLED', StartedAt: started + 3 * 86_400 + 1 })
  })

  it('is the whole account\'s: who may not alter the cluster may not change it', async () => {
    const kinesis = await testKinesis({ access: testAccess((_who, operation) => operation === 'describe') })
    await kinesis.ok('DescribeAccountSettings', {})
    expect(await kinesis.refused('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } })).toMatch(/^AccessDeniedException: .*kinesis:UpdateAccountSettings on resource: \*/)
  })

  it('wants a status', async () => {
    const { kinesis } = await account()
    expect(await kinesis.refused('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED_UNTIL_EARLIEST_ALLOWED_END' } })).toBe('ValidationException: ' +
      '1 validation error detected: Value \'ENABLED_UNTIL_EARLIEST_ALLOWED_END\' at \'minimumThroughputBillingCommitment.status\' failed to satisfy constraint: ' +
      'Member must satisfy enum value set: [ENABLED, DISABLED]')
  })
})

describe('the quotas of an account', () => {
  it('are told with what is used of them', async () => {
    const kinesis = await testKinesis({ shardLimit: 40, onDemandStreamLimit: 3 })
    await kinesis.ok('CreateStream', { StreamName: 'a', ShardCount: 3 })
    await kinesis.ok('CreateStream', { StreamName: 'b', StreamModeDetails: { StreamMode: 'ON_DEMAND' } })
    expect(await kinesis.ok('DescribeLimits', {}))
      .toEqual({ ShardLimit: 40, OpenShardCount: 7, OnDemandStreamCount: 1, OnDemandStreamCountLimit: 3, ChannelCount: 0, ChannelCountLimit: 6 })
    await commit(kinesis, 'ENABLED')
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OnDemandStreamCountLimit: 60, ChannelCountLimit: 120 })
  })

  it('of shards count open shards only', async () => {
    const kinesis = await testKinesis({ shardLimit: 4 })
    await kinesis.ok('CreateStream', { StreamName: 'a', ShardCount: 1 })
    const half = 2n ** 127n
    await kinesis.backend.admin.reshard('a', {
      partitions: 1, hashKeys: [{ start: '0', end: String(2n * half - 1n) }], closes: [0],
      opens: [{ hashKeys: { start: '0', end: String(half - 1n) }, parents: [0], isClosed: false }, { hashKeys: { start: String(half), end: String(2n * half - 1n) }, parents: [0], isClosed: false }],
    })
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OpenShardCount: 2 })
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'a' })).toMatchObject({ StreamDescriptionSummary: { OpenShardCount: 2 } })
    expect(await kinesis.refused('CreateStream', { StreamName: 'b', ShardCount: 3 })).toContain('Current shard count for the account: 2. Limit: 4. Number of additional shards that would have resulted from this request: 3.')
    await kinesis.ok('CreateStream', { StreamName: 'b', ShardCount: 2 })
  })

  it('bound the on-demand streams', async () => {
    const kinesis = await testKinesis({ onDemandStreamLimit: 1 })
    const onDemand = { StreamModeDetails: { StreamMode: 'ON_DEMAND' } }
    await kinesis.ok('CreateStream', { StreamName: 'a', ...onDemand })
    expect(await kinesis.refused('CreateStream', { StreamName: 'b', ...onDemand })).toBe('LimitExceededException: This request would exceed the limit on the number of ' +
      'On-Demand streams for the account 000000000000 in us-east-1. Current On-Demand streams count: 1. Limit: 1.')
    await kinesis.ok('CreateStream', { StreamName: 'b' })
  })
  it('bound the streams and shards of requests that come at once', async () => {
    const kinesis = await testKinesis({ shardLimit: 12, onDemandStreamLimit: 1 })
    const StreamModeDetails = { StreamMode: 'ON_DEMAND' }
    await Promise.all(['a', 'b', 'c'].map(StreamName => kinesis.call('CreateStream', { StreamName, StreamModeDetails })))
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OnDemandStreamCount: 1, OpenShardCount: 4 })
    await Promise.all(['d', 'e', 'f'].map(StreamName => kinesis.call('CreateStream', { StreamName, ShardCount: 3 })))
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OpenShardCount: 10 })
    await Promise.all(['d', 'e'].map(StreamName => kinesis.call('UpdateShardCount', { StreamName, TargetShardCount: 5, ScalingType: 'UNIFORM_SCALING' })))
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OpenShardCount: 12 })
  })

  it('of streams that become on-demand at once bound them, too', async () => {
    const kinesis = await testKinesis({ onDemandStreamLimit: 1 })
    for (const StreamName of ['a', 'b']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    await Promise.all(['a', 'b'].map(name => kinesis.call('UpdateStreamMode', { StreamARN: arn(name), StreamModeDetails: { StreamMode: 'ON_DEMAND' } })))
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OnDemandStreamCount: 1 })
  })

  it('are no reason against fewer shards, also where topics made by Kafka have used them up', async () => {
    const kinesis = await testKinesis({ shardLimit: 4 })
    await kinesis.ok('CreateStream', { StreamName: 'a', ShardCount: 4 })
    await kinesis.backend.admin.createTopic({ name: 'kafka', partitions: 3, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    await kinesis.ok('UpdateShardCount', { StreamName: 'a', TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' })
    expect(await kinesis.ok('DescribeLimits', {})).toMatchObject({ OpenShardCount: 5, ShardLimit: 4 })
    expect(await kinesis.refused('UpdateShardCount', { StreamName: 'a', TargetShardCount: 3, ScalingType: 'UNIFORM_SCALING' }))
      .toContain('Current shard count for the account: 5. Limit: 4. Number of additional shards that would have resulted from this request: 1.')
  })
})
