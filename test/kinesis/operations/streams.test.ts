import { describe, expect, test } from 'vitest'
import { startingSequenceNumber } from '../../../src/kinesis/sequence-numbers.ts'
import { TestClock, principal, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'

const arn = (name: string): string => `arn:aws:kinesis:us-east-1:000000000000:stream/${name}`
const seconds = Date.UTC(2026, 10, 22, 12) / 1_000

async function error(kinesis: TestKinesis, operation: string, input: object): Promise<string> {
  const { status, body } = await kinesis.call(operation, input)
  if (status === 200) throw new Error(`${operation} succeeded`)
  const { __type: type, message } = body as { __type: string; message: string }
  return `${type}: ${message}`
}

interface Shard { ShardId: string; HashKeyRange: { StartingHashKey: string; EndingHashKey: string }; SequenceNumberRange: object }
interface Shards { Shards: Shard[]; NextToken?: string }

describe('CreateStream', () => {
  test('makes a topic of arrival times, kept for a day, of four shards unless told otherwise', async () => {
    const kinesis = await testKinesis()
    expect(await kinesis.call('CreateStream', { StreamName: 'orders' })).toMatchObject({ status: 200, body: '', headers: { 'content-length': '0' } })
    await kinesis.ok('CreateStream', { StreamName: 'large', ShardCount: 2, MaxRecordSizeInKiB: 10_240, StreamModeDetails: { StreamMode: 'PROVISIONED' }, RecordDistributionStrategy: 'USER_PARTITION_KEY' })
    const [large, orders] = await kinesis.backend.admin.topics()
    expect(orders!.partitions).toHaveLength(4)
    expect(Object.fromEntries(orders!.configs)).toEqual({ 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '86400000', 'retention.bytes': '-1', 'max.message.bytes': '1049600' })
    expect([large!.partitions.length, large!.configs.get('max.message.bytes')]).toEqual([2, String(10_241 * 1_024)])
  })

  test('refuses a name that is taken, by a stream or by a topic', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders' })
    expect(await error(kinesis, 'CreateStream', { StreamName: 'orders' })).toBe('ResourceInUseException: Stream orders under account 000000000000 already exists.')
  })

  test('refuses more shards than the account may have', async () => {
    const kinesis = await testKinesis({ shardLimit: 10 })
    await kinesis.ok('CreateStream', { StreamName: 'first', ShardCount: 3 })
    expect(await error(kinesis, 'CreateStream', { StreamName: 'second', ShardCount: 1_000 })).toBe(
      'LimitExceededException: This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count for the account: 3. Limit: 10. ' +
      'Number of additional shards that would have resulted from this request: 1000. Refer to the AWS Service Limits page ' +
      '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.')
    await kinesis.ok('CreateStream', { StreamName: 'second', ShardCount: 7 })
  })
})

describe('every operation on one stream', () => {
  const operations: [string, object][] = [
    ['IncreaseStreamRetentionPeriod', { RetentionPeriodHours: 48 }], ['DecreaseStreamRetentionPeriod', { RetentionPeriodHours: 24 }],
    ['UpdateStreamWarmThroughput', { WarmThroughputMiBps: 4 }], ['DescribeStream', {}], ['DescribeStreamSummary', {}], ['ListShards', {}], ['DeleteStream', {}],
    ['PutRecord', { PartitionKey: 'a', Data: '' }], ['PutRecords', { Records: [{ PartitionKey: 'a', Data: '' }] }],
  ]

  test.each(operations)('%s does not find a stream that is not there, nor an internal topic, nor a name no stream can have', async (operation, input) => {
    const kinesis = await testKinesis()
    const { admin } = kinesis.backend
    await admin.createTopic({ name: '__consumer_offsets', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
    const topics = admin.topics.bind(admin)
    admin.topics = async names => (await topics(names)).map(topic => ({ ...topic, internal: topic.name.startsWith('__') }))
    for (const name of ['absent', '__consumer_offsets']) {
      expect(await error(kinesis, operation, { StreamName: name, ...input })).toBe(`ResourceNotFoundException: Stream ${name} under account 000000000000 not found.`)
      expect(await error(kinesis, operation, { StreamARN: arn(name), ...input })).toBe(`ResourceNotFoundException: Stream ${name} under account 000000000000 not found.`)
    }
  })

  test.each([...operations.filter(([name]) => name !== 'ListShards'), ['GetShardIterator', { ShardId: '0', ShardIteratorType: 'LATEST' }] as [string, object]])('%s needs a name or an ARN, of one stream, of this place', async (operation, input) => {
    const kinesis = await testKinesis()
    expect(await error(kinesis, operation, input)).toBe('InvalidArgumentException: Either StreamName or StreamARN must be provided.')
    expect(await error(kinesis, operation, { StreamName: 'a', StreamARN: arn('b'), ...input }))
      .toBe(`InvalidArgumentException: StreamARN ${arn('b')} and StreamName a name different streams.`)
    const elsewhere = arn('a').replace('us-east-1', 'eu-west-1')
    expect(await error(kinesis, operation, { StreamARN: elsewhere, ...input }))
      .toBe(`ResourceNotFoundException: StreamARN ${elsewhere} is not of region us-east-1 and account 000000000000.`)
  })
})

describe('DescribeStream', () => {
  test('tells everything there is', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 3 })
    const [topic] = await kinesis.backend.admin.topics()
    const ends = ['113427455640312821154458202477256070484', '226854911280625642308916404954512140969', '340282366920938463463374607431768211455']
    const starts = ['0', '113427455640312821154458202477256070485', '226854911280625642308916404954512140970']
    expect(await kinesis.ok('DescribeStream', { StreamName: 'orders' })).toEqual({
      StreamDescription: {
        StreamName: 'orders', StreamARN: arn('orders'), StreamStatus: 'ACTIVE', StreamModeDetails: { StreamMode: 'PROVISIONED' }, HasMoreShards: false,
        RetentionPeriodHours: 24, StreamCreationTimestamp: seconds, EnhancedMonitoring: [{ ShardLevelMetrics: [] }], EncryptionType: 'NONE',
        Shards: [0, 1, 2].map(index => ({
          ShardId: `shardId-00000000000${index}`, HashKeyRange: { StartingHashKey: starts[index], EndingHashKey: ends[index] },
          SequenceNumberRange: { StartingSequenceNumber: startingSequenceNumber(topic!.partitions[index]!) },
        })),
      },
    })
  })

  test('pages its shards, at most a hundred', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'wide', ShardCount: 150 })
    const page = async (input: object): Promise<[string, number, boolean]> => {
      const { StreamDescription: { Shards, HasMoreShards } } = await kinesis.ok<{ StreamDescription: { Shards: Shard[]; HasMoreShards: boolean } }>('DescribeStream', { StreamName: 'wide', ...input })
      return [Shards[0]?.ShardId ?? '', Shards.length, HasMoreShards]
    }
    expect(await page({})).toEqual(['shardId-000000000000', 100, true])
    expect(await page({ Limit: 10_000, ExclusiveStartShardId: 'shardId-000000000099' })).toEqual(['shardId-000000000100', 50, false])
    expect(await page({ Limit: 2, ExclusiveStartShardId: '0' })).toEqual(['shardId-000000000001', 2, true])
    expect(await page({ ExclusiveStartShardId: 'shardId-000000000149' })).toEqual(['', 0, false])
    expect(await error(kinesis, 'DescribeStream', { StreamName: 'wide', ExclusiveStartShardId: 'x' }))
      .toBe('ResourceNotFoundException: Could not find shard x in stream wide under account 000000000000.')
  })

  test('shows a Kafka topic with what it keeps', async () => {
    const kinesis = await testKinesis()
    await kinesis.backend.admin.createTopic({ name: 'for.ever', partitions: 1, replicationFactor: 1, configs: new Map([['retention.ms', '-1']]) }, { validateOnly: false })
    await kinesis.backend.admin.createTopic({ name: 'plain', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
    expect(await kinesis.ok('DescribeStream', { StreamName: 'for.ever' })).toMatchObject({ StreamDescription: { RetentionPeriodHours: 8_760 } })
    expect(await kinesis.ok('DescribeStreamSummary', { StreamName: 'plain' })).toEqual({
      StreamDescriptionSummary: {
        StreamName: 'plain', StreamARN: arn('plain'), StreamStatus: 'ACTIVE', StreamModeDetails: { StreamMode: 'PROVISIONED' }, RetentionPeriodHours: 168,
        StreamCreationTimestamp: seconds, EnhancedMonitoring: [{ ShardLevelMetrics: [] }], EncryptionType: 'NONE', OpenShardCount: 1, ConsumerCount: 0, MaxRecordSizeInKiB: 1_024, ChannelCount: 0,
      },
    })
  })
})

describe('ListStreams', () => {
  interface Streams { StreamNames: string[]; HasMoreStreams: boolean; NextToken?: string; StreamSummaries: object[] }

  test('goes on from a name or a token', async () => {
    const kinesis = await testKinesis()
    for (const StreamName of ['c', 'a', 'B', 'b']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    const first = await kinesis.ok<Streams>('ListStreams', { Limit: 2 })
    expect(first).toMatchObject({ StreamNames: ['B', 'a'], HasMoreStreams: true, NextToken: expect.any(String) as string })
    expect(first.StreamSummaries[1]).toEqual({
      StreamName: 'a', StreamARN: arn('a'), StreamStatus: 'ACTIVE', StreamModeDetails: { StreamMode: 'PROVISIONED' }, StreamCreationTimestamp: seconds,
    })
    const rest = { StreamNames: ['b', 'c'], HasMoreStreams: false }
    for (const how of [{ NextToken: first.NextToken }, { ExclusiveStartStreamName: 'a' }]) {
      const second = await kinesis.ok<Streams>('ListStreams', how)
      expect(second).toMatchObject(rest)
      expect(second).not.toHaveProperty('NextToken')
    }
  })

  test('judges access to no more streams than it takes to fill a page', async () => {
    const judged: string[] = []
    const access = testAccess()
    const kinesis = await testKinesis({ access: { ...access, wouldAllow: (_who, operation, _type, name) => {
      if (operation === 'describe') judged.push(name)
      return name !== 'b'
    } } })
    for (const StreamName of ['a', 'b', 'c', 'd', 'e']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    expect(await kinesis.ok('ListStreams', { Limit: 2 })).toMatchObject({ StreamNames: ['a', 'c'], HasMoreStreams: true })
    expect(judged).toEqual(['a', 'b', 'c', 'd'])
  })

  test('refuses a token that is old, made up, or another caller\'s', async () => {
    const clock = new TestClock()
    const kinesis = await testKinesis({ clock })
    for (const StreamName of ['a', 'b']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    const { NextToken } = await kinesis.ok<Streams>('ListStreams', { Limit: 1 })
    await kinesis.backend.accessKeys.add({ id: 'AKIABOB', secret: 'bob', principal: { ...principal, name: 'bob' }, createdAtMs: 0 })
    expect((await kinesis.call('ListStreams', { NextToken }, { keyId: 'AKIABOB', secret: 'bob' })).body).toEqual({ __type: 'InvalidArgumentException', message: 'Invalid NextToken.' })
    expect(await error(kinesis, 'ListStreams', { NextToken: 'AAAA' })).toBe('InvalidArgumentException: Invalid NextToken.')
    clock.advance(300_000)
    await kinesis.ok('ListStreams', { NextToken })
    clock.advance(1)
    expect(await error(kinesis, 'ListStreams', { NextToken })).toMatch(/^ExpiredNextTokenException: NextToken expired\./)
  })
})

describe('ListShards', () => {
  test('pages with a token that stands for the stream', async () => {
    const kinesis = await testKinesis({ shardLimit: 3_000 })
    await kinesis.ok('CreateStream', { StreamName: 'wide', ShardCount: 1_500 })
    const first = await kinesis.ok<Shards>('ListShards', { StreamName: 'wide', MaxResults: 10_000 })
    expect([first.Shards.length, first.Shards[0]!.ShardId]).toEqual([1_000, 'shardId-000000000000'])
    const second = await kinesis.ok<Shards>('ListShards', { NextToken: first.NextToken })
    expect([second.Shards.length, second.Shards[0]!.ShardId, second.NextToken]).toEqual([500, 'shardId-000000001000', undefined])
    const asked = await kinesis.ok<Shards>('ListShards', { StreamARN: arn('wide'), MaxResults: 3, ExclusiveStartShardId: 'shardId-000000000004' })
    expect(asked.Shards.map(shard => shard.ShardId)).toEqual(['shardId-000000000005', 'shardId-000000000006', 'shardId-000000000007'])
  })

  test('a token asks for access to its stream, and does not follow it into a new incarnation', async () => {
    let may = true
    const kinesis = await testKinesis({ access: testAccess(() => may) })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    const { NextToken } = await kinesis.ok<Shards>('ListShards', { StreamName: 'orders', MaxResults: 1 })
    may = false
    expect(await error(kinesis, 'ListShards', { NextToken })).toContain('AccessDeniedException')
    may = true
    await kinesis.ok('DeleteStream', { StreamName: 'orders' })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 2 })
    expect(await error(kinesis, 'ListShards', { NextToken })).toBe('ResourceNotFoundException: Stream orders under account 000000000000 not found.')
  })

  test.each(['AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON', 'AT_LATEST', 'AT_TIMESTAMP', 'FROM_TIMESTAMP'])('%s has no hole', async Type => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 5 })
    const needsTime = Type.endsWith('TIMESTAMP')
    const { Shards } = await kinesis.ok<Shards>('ListShards', { StreamName: 'orders', ShardFilter: { Type, ...(needsTime ? { Timestamp: seconds - 100 } : {}) } })
    let next = 0n
    for (const { HashKeyRange } of Shards) {
      expect(BigInt(HashKeyRange.StartingHashKey)).toBe(next)
      next = BigInt(HashKeyRange.EndingHashKey) + 1n
    }
    expect(next).toBe(2n ** 128n)
  })

  test('AFTER_SHARD_ID starts behind the shard', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 3 })
    const { Shards } = await kinesis.ok<Shards>('ListShards', { StreamName: 'orders', ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000001' } })
    expect(Shards.map(shard => shard.ShardId)).toEqual(['shardId-000000000002'])
  })

  test('takes the creation time it gave, and no other', async () => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    await kinesis.ok('ListShards', { StreamName: 'orders', StreamCreationTimestamp: seconds })
    expect(await error(kinesis, 'ListShards', { StreamName: 'orders', StreamCreationTimestamp: seconds - 1 }))
      .toBe('ResourceNotFoundException: Stream orders under account 000000000000 not found with creation timestamp 1795348799.')
  })

  test.each([
    [{}, 'Either NextToken or StreamName should be provided.'],
    [{ StreamName: 'a', NextToken: 'x' }, 'NextToken and StreamName cannot be provided together.'],
    [{ NextToken: 'x', ExclusiveStartShardId: '0' }, 'NextToken and ExclusiveStartShardId cannot be provided together.'],
    [{ NextToken: 'x', StreamCreationTimestamp: 1 }, 'NextToken and StreamCreationTimestamp cannot be provided together.'],
    [{ NextToken: 'x' }, 'Invalid NextToken.'],
    [{ StreamName: 'a', ShardFilter: { Type: 'AFTER_SHARD_ID' } }, 'ShardId must be provided for ShardFilter type AFTER_SHARD_ID.'],
    [{ StreamName: 'a', ShardFilter: { Type: 'AT_TIMESTAMP' } }, 'Timestamp must be provided for ShardFilter type AT_TIMESTAMP.'],
    [{ StreamName: 'a', ShardFilter: { Type: 'AT_LATEST', ShardId: '0' } }, 'ShardId cannot be provided for ShardFilter type AT_LATEST.'],
    [{ StreamName: 'a', ShardFilter: { Type: 'AFTER_SHARD_ID', ShardId: '0', Timestamp: seconds } }, 'Timestamp cannot be provided for ShardFilter type AFTER_SHARD_ID.'],
    [{ StreamName: 'a', ShardFilter: { Type: 'AT_TIMESTAMP', Timestamp: seconds + 1 } },
      `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${(seconds + 1) * 1_000}, currentTimestampInMillis: ${seconds * 1_000}`],
  ])('refuses %j', async (input, message) => {
    const kinesis = await testKinesis()
    await kinesis.ok('CreateStream', { StreamName: 'a', ShardCount: 1 })
    expect(await error(kinesis, 'ListShards', input)).toBe(`InvalidArgumentException: ${message}`)
  })
})

test('DeleteStream takes the stream away at once', async () => {
  const kinesis = await testKinesis()
  await kinesis.ok('CreateStream', { StreamName: 'orders' })
  expect(await kinesis.call('DeleteStream', { StreamARN: arn('orders'), EnforceConsumerDeletion: true })).toMatchObject({ status: 200, body: '' })
  expect(await kinesis.backend.admin.topics()).toEqual([])
})
