// Which rights each operation asks for: a row for every one that is served. ACLs speak of topics, groups and the cluster, AWS of actions on ARNs; both stand here.
import { describe, expect, test } from 'vitest'
import { operations } from '../../src/kinesis/operations/index.ts'
import type { AclOperation, ResourceType } from '../../src/ports.ts'
import { testAccess, testKinesis } from './support/kinesis.ts'

type Need = readonly [operation: AclOperation, resourceType: ResourceType, resourceName: string]
interface Row {
  readonly input: object
  readonly needs: readonly Need[]
  /** What follows `arn:aws:kinesis:us-east-1:000000000000:`, or '*'. */
  readonly resource: string
}

const place = 'arn:aws:kinesis:us-east-1:000000000000:'
const name = { StreamName: 's' }
const arn = { StreamARN: `${place}stream/s` }
const consumer = 'stream/s/consumer/c:1790000000'
const byConsumer = { ConsumerARN: place + consumer }
const byChannel = { ChannelARN: `${place}channel/x` }
const newChannel = {
  ChannelName: 'x', ServiceExecutionRoleARN: 'arn:aws:iam::000000000000:role/a', StreamConfigurationList: [{ ...arn, RecordConfiguration: { RecordFormatType: 'JSON' } }],
  S3DestinationConfiguration: { StorageConfiguration: { BucketARN: 'arn:aws:s3:::lake', ExpectedBucketOwner: '000000000000', CompressionType: 'NONE' } },
}
const by = (resource: string) => ({ ResourceARN: place + resource })
const onTopic = (operation: AclOperation): Pick<Row, 'needs' | 'resource'> => ({ needs: [[operation, 'topic', 's']], resource: 'stream/s' })
const onCluster = (operation: AclOperation, resource = '*'): Pick<Row, 'needs' | 'resource'> => ({ needs: [[operation, 'cluster', 'kafka-cluster']], resource })
const onConsumer = (operation: AclOperation, ofTopic: AclOperation, resource = consumer): Pick<Row, 'needs' | 'resource'> => ({ needs: [[operation, 'group', 'c'], [ofTopic, 'topic', 's']], resource })

/** Several rows where the request may name several kinds of things. */
const table: Readonly<Record<string, readonly Row[]>> = {
  AddTagsToStream: [{ input: { ...name, Tags: { a: '' } }, ...onTopic('alter-configs') }],
  CreateChannel: [{ input: newChannel, needs: [['alter', 'cluster', 'kafka-cluster'], ['read', 'topic', 's']], resource: 'stream/s' }],
  CreateStream: [{ input: name, ...onTopic('create') }],
  DecreaseStreamRetentionPeriod: [{ input: { ...name, RetentionPeriodHours: 24 }, ...onTopic('alter') }],
  DeleteChannel: [{ input: byChannel, ...onCluster('alter', 'channel/x') }],
  DeleteResourcePolicy: [{ input: by('stream/s'), ...onCluster('alter', 'stream/s') }, { input: by(consumer), ...onCluster('alter', consumer) }],
  DeleteStream: [{ input: name, ...onTopic('delete') }],
  DeregisterStreamConsumer: [{ input: byConsumer, ...onConsumer('read', 'read') }, { input: { ...arn, ConsumerName: 'c' }, ...onConsumer('read', 'read', 'stream/s') }],
  DescribeAccountSettings: [{ input: {}, ...onCluster('describe') }],
  DescribeChannel: [{ input: byChannel, ...onCluster('describe', 'channel/x') }],
  DescribeLimits: [{ input: {}, ...onCluster('describe') }],
  DescribeStream: [{ input: name, ...onTopic('describe') }],
  DescribeStreamConsumer: [{ input: byConsumer, ...onConsumer('describe', 'describe') }, { input: { ...arn, ConsumerName: 'c' }, ...onConsumer('describe', 'describe', 'stream/s') }],
  DescribeStreamSummary: [{ input: name, ...onTopic('describe') }],
  DisableEnhancedMonitoring: [{ input: { ...name, ShardLevelMetrics: ['ALL'] }, ...onTopic('alter-configs') }],
  EnableEnhancedMonitoring: [{ input: { ...name, ShardLevelMetrics: ['ALL'] }, ...onTopic('alter-configs') }],
  GetResourcePolicy: [{ input: by('stream/s'), ...onCluster('describe', 'stream/s') }, { input: by(consumer), ...onCluster('describe', consumer) }],
  GetShardIterator: [{ input: { ...name, ShardId: '0', ShardIteratorType: 'LATEST' }, ...onTopic('read') }],
  IncreaseStreamRetentionPeriod: [{ input: { ...name, RetentionPeriodHours: 24 }, ...onTopic('alter') }],
  ListChannels: [{ input: {}, ...onCluster('describe') }],
  ListShards: [{ input: name, ...onTopic('describe') }],
  ListStreamConsumers: [{ input: arn, ...onTopic('describe') }],
  ListTagsForResource: [{ input: by('stream/s'), ...onTopic('describe') }, { input: by(consumer), ...onConsumer('describe', 'describe') }, { input: by('channel/x'), ...onCluster('describe', 'channel/x') }],
  ListTagsForStream: [{ input: name, ...onTopic('describe') }],
  MergeShards: [{ input: { ...name, ShardToMerge: '0', AdjacentShardToMerge: '1' }, ...onTopic('alter') }],
  PutRecord: [{ input: { ...name, PartitionKey: 'a', Data: '' }, ...onTopic('write') }],
  PutRecords: [{ input: { ...name, Records: [{ PartitionKey: 'a', Data: '' }] }, ...onTopic('write') }],
  PutResourcePolicy: [{ input: { ...by('stream/s'), Policy: '{}' }, ...onCluster('alter', 'stream/s') }, { input: { ...by(consumer), Policy: '{}' }, ...onCluster('alter', consumer) }],
  RegisterStreamConsumer: [{ input: { ...arn, ConsumerName: 'c' }, ...onConsumer('read', 'read', 'stream/s') }],
  RemoveTagsFromStream: [{ input: { ...name, TagKeys: ['a'] }, ...onTopic('alter-configs') }],
  SplitShard: [{ input: { ...name, ShardToSplit: '0', NewStartingHashKey: '5' }, ...onTopic('alter') }],
  StartStreamEncryption: [{ input: { ...name, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }, ...onTopic('alter-configs') }],
  StopStreamEncryption: [{ input: { ...name, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }, ...onTopic('alter-configs') }],
  SubscribeToShard: [{ input: { ...byConsumer, ShardId: '0', StartingPosition: { Type: 'LATEST' } }, ...onConsumer('read', 'read') }],
  TagResource: [
    { input: { ...by('stream/s'), Tags: { a: '' } }, ...onTopic('alter-configs') }, { input: { ...by(consumer), Tags: { a: '' } }, ...onConsumer('alter-configs', 'describe') },
    { input: { ...by('channel/x'), Tags: { a: '' } }, ...onCluster('alter-configs', 'channel/x') },
  ],
  UntagResource: [
    { input: { ...by('stream/s'), TagKeys: ['a'] }, ...onTopic('alter-configs') }, { input: { ...by(consumer), TagKeys: ['a'] }, ...onConsumer('alter-configs', 'describe') },
    { input: { ...by('channel/x'), TagKeys: ['a'] }, ...onCluster('alter-configs', 'channel/x') },
  ],
  UpdateAccountSettings: [{ input: { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } }, ...onCluster('alter') }],
  UpdateChannel: [{ input: byChannel, ...onCluster('alter', 'channel/x') }],
  UpdateMaxRecordSize: [{ input: { ...arn, MaxRecordSizeInKiB: 2048 }, ...onTopic('alter') }],
  UpdateShardCount: [{ input: { ...name, TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' }, ...onTopic('alter') }],
  UpdateStreamMode: [{ input: { ...arn, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }, ...onTopic('alter') }],
  UpdateStreamRecordDistributionStrategy: [{ input: { ...arn, RecordDistributionStrategy: 'AUTO' }, ...onTopic('alter') }],
  UpdateStreamWarmThroughput: [{ input: { ...name, WarmThroughputMiBps: 1 }, ...onTopic('alter') }],
}
/** These have a test of their own below. */
const others = new Set(['GetRecords', 'ListStreams'])

test('every operation that is served has a row, and every row an operation', () => {
  expect([...Object.keys(table), ...others].toSorted()).toEqual(operations.map(one => one.operation.name).toSorted())
})

test('every operation is an action of its own name', () => {
  for (const one of operations) expect(one.action).toBe(`kinesis:${one.operation.name}`)
})

const rows = operations.flatMap(one => (table[one.operation.name] ?? []).map(row => [one.operation.name, row.resource, row] as const))

describe('before anything is looked up', () => {
  test.each(rows)('%s of %s asks for its rights, and refuses alike whether there is such a thing or not', async (operation, _resource, { input, needs, resource }) => {
    const access = testAccess(() => false)
    const kinesis = await testKinesis({ access })
    const refused = async (): Promise<unknown> => {
      access.asked.length = 0
      const { status, body } = await kinesis.call(operation, input)
      expect(access.asked).toEqual(needs.map(need => [{ principal: { type: 'User', name: 'CN=alice' }, host: '127.0.0.1' }, ...need]))
      return { status, body }
    }
    const absent = await refused()
    await kinesis.backend.admin.createTopic({ name: 's', partitions: 2, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
    expect(await refused()).toEqual(absent)
    expect(absent).toEqual({ status: 400, body: {
      __type: 'AccessDeniedException',
      message: `User: arn:aws:iam::000000000000:user/CN=alice is not authorized to perform: kinesis:${operation} on resource: ` +
        `${resource === '*' ? '*' : place + resource} because no identity-based policy allows the kinesis:${operation} action`,
    } })
  })
})

describe('what is asked for', () => {
  test('a stream named by its ARN is asked for by its name', async () => {
    const access = testAccess(() => false)
    const kinesis = await testKinesis({ access })
    await kinesis.call('DescribeStream', { StreamARN: `${place}stream/by-arn` })
    expect(access.asked.at(-1)?.slice(1)).toEqual(['describe', 'topic', 'by-arn'])
  })

  test('the right to create topics in the cluster is enough to create a stream', async () => {
    const kinesis = await testKinesis({ access: testAccess((_who, operation, type) => operation === 'create' && type === 'cluster') })
    expect((await kinesis.call('CreateStream', { StreamName: 'made', ShardCount: 1 })).status).toBe(200)
  })

  test('a stream that gets tags at once needs the right to tag it, too, and is not made without', async () => {
    let mayTag = false
    const kinesis = await testKinesis({ access: testAccess((_who, operation) => operation !== 'alter-configs' || mayTag) })
    const tagged = { StreamName: 's', ShardCount: 1, Tags: { team: 'a' } }
    expect((await kinesis.call('CreateStream', tagged)).body).toMatchObject({ __type: 'AccessDeniedException', message: expect.stringContaining('kinesis:AddTagsToStream on resource: ') as string })
    expect(await kinesis.backend.admin.topics()).toEqual([])
    mayTag = true
    await kinesis.ok('CreateStream', tagged)
  })

  test('GetRecords asks again, for the stream of the iterator', async () => {
    let may = true
    const access = testAccess(() => may)
    const kinesis = await testKinesis({ access })
    await kinesis.ok('CreateStream', { StreamName: 'orders', ShardCount: 1 })
    const { ShardIterator } = await kinesis.ok('GetShardIterator', { StreamName: 'orders', ShardId: '0', ShardIteratorType: 'LATEST' })
    may = false
    expect((await kinesis.call('GetRecords', { ShardIterator })).body).toMatchObject({ __type: 'AccessDeniedException' })
    expect(access.asked.at(-1)?.slice(1)).toEqual(['read', 'topic', 'orders'])
  })

  test('ListStreams shows what the caller may describe', async () => {
    const kinesis = await testKinesis({ access: testAccess((_who, operation, _type, each) => operation !== 'describe' || each.startsWith('mine')) })
    for (const StreamName of ['mine-b', 'other', 'mine-a']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 1 })
    expect((await kinesis.ok('ListStreams', {}))['StreamNames']).toEqual(['mine-a', 'mine-b'])
  })
})
