// Where the records of a stream go: by their keys, or evenly to all open shards.
import { describe, expect, it } from 'vitest'
import { account, arn, testKinesis, type TestKinesis } from '../support/kinesis.ts'

interface Placed { ShardId: string }

async function orders(RecordDistributionStrategy?: 'AUTO' | 'USER_PARTITION_KEY'): Promise<TestKinesis> {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders', StreamModeDetails: { StreamMode: 'ON_DEMAND' }, RecordDistributionStrategy })
  return kinesis
}

const put = (kinesis: TestKinesis, record: object): Promise<Placed> => kinesis.ok<Placed>('PutRecord', { StreamName: 'orders', Data: '', ...record })

async function countsOf(kinesis: TestKinesis, Records: readonly object[]): Promise<number[]> {
  const answer = await kinesis.ok<{ Records: Placed[] }>('PutRecords', { StreamName: 'orders', Records: Records.map(record => ({ Data: '', ...record })) })
  const counts = new Map<string, number>()
  for (const { ShardId } of answer.Records) counts.set(ShardId, (counts.get(ShardId) ?? 0) + 1)
  return [...counts.values()]
}

async function strategyOf({ ok }: TestKinesis): Promise<string | undefined> {
  return (await ok<{ StreamDescriptionSummary: { RecordDistributionStrategy?: string } }>('DescribeStreamSummary', { StreamName: 'orders' })).StreamDescriptionSummary.RecordDistributionStrategy
}

const change = (kinesis: TestKinesis, RecordDistributionStrategy: string): Promise<unknown> =>
  kinesis.ok('UpdateStreamRecordDistributionStrategy', { StreamARN: arn('orders'), RecordDistributionStrategy })

describe('AUTO', () => {
  it('gives every open shard as many records, whatever their keys', async () => {
    const kinesis = await orders('AUTO')
    expect(await strategyOf(kinesis)).toBe('AUTO')
    expect(await countsOf(kinesis, Array.from({ length: 100 }, () => ({ PartitionKey: 'always the same' })))).toEqual([25, 25, 25, 25])
    expect(await countsOf(kinesis, Array.from({ length: 40 }, () => ({ PartitionKey: 'a', ExplicitHashKey: '0' })))).toEqual([10, 10, 10, 10])
    const one = await Promise.all(Array.from({ length: 4 }, () => put(kinesis, {})))
    expect(new Set(one.map(({ ShardId }) => ShardId)).size).toBe(4)
  })

  it('leaves closed shards out', async () => {
    const kinesis = await orders('AUTO')
    const end = 2n ** 128n - 1n
    const width = 2n ** 126n
    const hashKeys = [0n, 1n, 2n, 3n].map(at => ({ start: String(at * width), end: String(at === 3n ? end : (at + 1n) * width - 1n) }))
    await kinesis.backend.admin.reshard('orders', { partitions: 4, hashKeys, closes: [0, 1], opens: [{ hashKeys: { start: '0', end: hashKeys[1]!.end }, parents: [0, 1], isClosed: false }] })
    const { Records } = await kinesis.ok<{ Records: Placed[] }>('PutRecords', { StreamName: 'orders', Records: Array.from({ length: 9 }, () => ({ Data: '' })) })
    expect(Records.map(({ ShardId }) => Number(ShardId.slice(-1))).toSorted()).toEqual([2, 2, 2, 3, 3, 3, 4, 4, 4])
  })

  it('gives a partition key back only where there was one', async () => {
    const kinesis = await orders('AUTO')
    const shards = new Map<string, unknown[]>()
    for (const record of [{ Data: 'AA==' }, { Data: 'AQ==', PartitionKey: 'a' }]) {
      const { ShardId } = await put(kinesis, record)
      const { ShardIterator } = await kinesis.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'orders', ShardId, ShardIteratorType: 'TRIM_HORIZON' })
      shards.set(ShardId, (await kinesis.ok<{ Records: unknown[] }>('GetRecords', { ShardIterator })).Records)
    }
    const [without, having] = [...shards.values()]
    expect(without).toEqual([{ Data: 'AA==', SequenceNumber: expect.any(String) as string, ApproximateArrivalTimestamp: expect.any(Number) as number }])
    expect(having).toMatchObject([{ Data: 'AQ==', PartitionKey: 'a' }])
  })

  it('counts records without a key by their data', async () => {
    const kinesis = await orders('AUTO')
    await put(kinesis, { Data: Buffer.alloc(1_048_576).toString('base64') })
    expect(await kinesis.refused('PutRecord', { StreamName: 'orders', Data: Buffer.alloc(1_048_577).toString('base64') })).toContain('Member must have length less than or equal to 1048576')
  })
})

describe('USER_PARTITION_KEY', () => {
  it('is what a stream has unless it is told otherwise, and needs a key with every record', async () => {
    const kinesis = await orders()
    expect(await strategyOf(kinesis)).toBe('USER_PARTITION_KEY')
    const missing = (...paths: string[]): string => `ValidationException: ${paths.length} validation error${paths.length === 1 ? '' : 's'} detected: ` +
      paths.map(path => `Value null at '${path}' failed to satisfy constraint: Member must not be null`).join('; ')
    expect(await kinesis.refused('PutRecord', { StreamName: 'orders', Data: '', ExplicitHashKey: '0' })).toBe(missing('partitionKey'))
    expect(await kinesis.refused('PutRecords', { StreamName: 'orders', Records: [{ Data: '' }, { Data: '', PartitionKey: 'a' }, { Data: '' }] }))
      .toBe(missing('records.1.member.partitionKey', 'records.3.member.partitionKey'))
    expect(await kinesis.refused('PutRecords', { StreamName: 'orders', Records: Array.from({ length: 11 }, () => ({ Data: '' })) })).toMatch(/^ValidationException: 10 validation errors detected: /)
    expect(new Set((await Promise.all([1, 2, 3].map(() => put(kinesis, { PartitionKey: 'a' })))).map(({ ShardId }) => ShardId)).size).toBe(1)
  })
})

describe('UpdateStreamRecordDistributionStrategy', () => {
  it('counts from the next put on, both ways', async () => {
    const kinesis = await orders()
    await change(kinesis, 'AUTO')
    expect(await countsOf(kinesis, Array.from({ length: 8 }, () => ({})))).toEqual([2, 2, 2, 2])
    await change(kinesis, 'USER_PARTITION_KEY')
    expect(await countsOf(kinesis, Array.from({ length: 8 }, () => ({ PartitionKey: 'a' })))).toEqual([8])
    await change(kinesis, 'USER_PARTITION_KEY')
  })

  it('is for on-demand streams', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
    expect(await strategyOf(kinesis)).toBeUndefined()
    const refusal = 'InvalidArgumentException: RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode.'
    expect(await kinesis.refused('UpdateStreamRecordDistributionStrategy', { StreamARN: arn('orders'), RecordDistributionStrategy: 'AUTO' })).toBe(refusal)
    expect(await kinesis.refused('CreateStream', { StreamName: 'b', RecordDistributionStrategy: 'AUTO' })).toBe(refusal)
    await change(kinesis, 'USER_PARTITION_KEY')
  })

  it('knows the stream by its ARN', async () => {
    const kinesis = await orders()
    expect(await kinesis.refused('UpdateStreamRecordDistributionStrategy', { StreamARN: arn('absent'), RecordDistributionStrategy: 'AUTO' }))
      .toBe(`ResourceNotFoundException: Stream absent under account ${account} not found.`)
  })
})
