// One call of every Kinesis operation, in an order in which each succeeds, for any client that can make calls by name. What calls return is kept for those
// that come after; values are apart from any codec (see oracle.ts).
import { Time } from '../model/oracle.ts'
import { Millis } from './cbor.ts'
import { account, region } from './kinesis.ts'

/** Makes a call that must succeed and gives the answer's members; times are as the client has them, blobs are bytes or base64. */
export type Client = (operation: string, input: Record<string, unknown>) => Promise<Record<string, unknown>>

/** What earlier steps left for later ones. */
type Kept = Record<string, string>

interface Step {
  readonly operation: string
  readonly input: (kept: Kept) => Record<string, unknown>
  /** Says what is wrong with an answer, keeps what later steps need of it. */
  readonly see?: (answer: Record<string, unknown>, kept: Kept) => string | undefined
}

const stream = 'happy'
const streamArn = `arn:aws:kinesis:${region}:${account}:stream/${stream}`
const policy = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kinesis:PutRecord', Resource: streamArn }],
})

function step(operation: string, input: Record<string, unknown> | Step['input'], see?: Step['see']): Step {
  return { operation, input: typeof input === 'function' ? input : () => input, ...(see && { see }) }
}

function expectTo(holds: boolean, what: string): string | undefined {
  return holds ? undefined : what
}

function list(answer: Record<string, unknown>, name: string): Record<string, unknown>[] {
  return answer[name] as Record<string, unknown>[]
}

/** What a blob of an answer says, whichever form the client gives it in. */
function textOf(data: unknown): string {
  return typeof data === 'string' ? Buffer.from(data, 'base64').toString() : Buffer.from(data as Uint8Array).toString()
}

/** Whether a time, as JSON, CBOR or a client has it, is within minutes of now. */
function isRecent(time: unknown): boolean {
  const ms = time instanceof Millis ? time.value : typeof time === 'number' ? time * 1_000 : new Date(time as string | Date).getTime()
  return Math.abs(Date.now() - ms) < 600_000
}

export const steps: readonly Step[] = [
  step('CreateStream', { StreamName: stream, ShardCount: 2 }),
  step('DescribeStream', { StreamName: stream, Limit: 1 }, answer => {
    const description = answer['StreamDescription'] as Record<string, unknown>
    return expectTo(description['HasMoreShards'] === true && isRecent(description['StreamCreationTimestamp']), 'one of two shards and a time of creation')
  }),
  step('DescribeStreamSummary', { StreamARN: streamArn }, answer => {
    return expectTo((answer['StreamDescriptionSummary'] as Record<string, unknown>)['OpenShardCount'] === 2, 'two open shards')
  }),
  step('DescribeLimits', {}, answer => expectTo(Number(answer['OpenShardCount']) >= 2, 'two open shards at least')),
  step('ListStreams', { Limit: 10 }, answer => expectTo((answer['StreamNames'] as string[]).includes(stream), 'the stream')),
  step('ListShards', { StreamName: stream, ShardFilter: { Type: 'FROM_TIMESTAMP', Timestamp: new Time(Date.now() - 3_600_000) } }, answer => expectTo(list(answer, 'Shards').length === 2, 'two shards')),
  step('PutRecord', { StreamName: stream, PartitionKey: 'käse', Data: Buffer.from('first'), ExplicitHashKey: '0' }, (answer, kept) => {
    kept['sequence'] = answer['SequenceNumber'] as string
    return expectTo(answer['ShardId'] === 'shardId-000000000000', 'the first shard')
  }),
  step('PutRecords', {
    StreamName: stream, Records: [{ PartitionKey: 'a', Data: Buffer.from([0, 255]), ExplicitHashKey: '0' }, { PartitionKey: 'b', Data: Buffer.alloc(0), ExplicitHashKey: '0' }],
  }, answer => expectTo(answer['FailedRecordCount'] === 0 && list(answer, 'Records').length === 2, 'two records')),
  step('GetShardIterator', kept => ({
    StreamName: stream, ShardId: 'shardId-000000000000', ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: kept['sequence'],
  }), (answer, kept) => void (kept['iterator'] = answer['ShardIterator'] as string)),
  step('GetRecords', kept => ({ ShardIterator: kept['iterator'], Limit: 2 }), answer => {
    const [first, second] = list(answer, 'Records')
    const isThere = first?.['PartitionKey'] === 'käse' && textOf(first['Data']) === 'first' && isRecent(first['ApproximateArrivalTimestamp']) && second?.['PartitionKey'] === 'a'
    return expectTo(isThere && typeof answer['NextShardIterator'] === 'string', 'the first two records')
  }),
  step('AddTagsToStream', { StreamName: stream, Tags: { colour: 'red', size: 'large' } }),
  step('ListTagsForStream', { StreamName: stream }, answer => {
    return expectTo(JSON.stringify(list(answer, 'Tags').map(tag => [tag['Key'], tag['Value']])) === '[["colour","red"],["size","large"]]', 'both tags')
  }),
  step('RemoveTagsFromStream', { StreamName: stream, TagKeys: ['size'] }),
  step('TagResource', { ResourceARN: streamArn, Tags: { weight: '1' } }),
  step('ListTagsForResource', { ResourceARN: streamArn }, answer => expectTo(list(answer, 'Tags').length === 2, 'two tags')),
  step('UntagResource', { ResourceARN: streamArn, TagKeys: ['weight'] }),
  step('IncreaseStreamRetentionPeriod', { StreamName: stream, RetentionPeriodHours: 48 }),
  step('DecreaseStreamRetentionPeriod', { StreamName: stream, RetentionPeriodHours: 24 }),
  step('EnableEnhancedMonitoring', { StreamName: stream, ShardLevelMetrics: ['IncomingBytes'] }, answer => {
    return expectTo((answer['DesiredShardLevelMetrics'] as string[]).includes('IncomingBytes'), 'the metric')
  }),
  step('DisableEnhancedMonitoring', { StreamName: stream, ShardLevelMetrics: ['ALL'] }),
  step('StartStreamEncryption', { StreamName: stream, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }),
  step('StopStreamEncryption', { StreamName: stream, EncryptionType: 'KMS', KeyId: 'alias/aws/kinesis' }),
  step('RegisterStreamConsumer', { StreamARN: streamArn, ConsumerName: 'reader' }, (answer, kept) => {
    const consumer = answer['Consumer'] as Record<string, unknown>
    kept['consumer'] = consumer['ConsumerARN'] as string
    return expectTo(isRecent(consumer['ConsumerCreationTimestamp']), 'a time of creation')
  }),
  step('DescribeStreamConsumer', kept => ({ ConsumerARN: kept['consumer'] }), answer => {
    return expectTo((answer['ConsumerDescription'] as Record<string, unknown>)['ConsumerStatus'] === 'ACTIVE', 'an active consumer')
  }),
  step('ListStreamConsumers', { StreamARN: streamArn }, answer => expectTo(list(answer, 'Consumers').length === 1, 'one consumer')),
  step('SubscribeToShard', kept => ({
    ConsumerARN: kept['consumer'], ShardId: 'shardId-000000000000', StartingPosition: { Type: 'AT_SEQUENCE_NUMBER', SequenceNumber: kept['sequence'] },
  }), answer => expectTo(textOf(list(answer, 'Records')[0]?.['Data']) === 'first', 'the first record in the first event')),
  step('DeregisterStreamConsumer', kept => ({ ConsumerARN: kept['consumer'] })),
  step('PutResourcePolicy', { ResourceARN: streamArn, Policy: policy }),
  step('GetResourcePolicy', { ResourceARN: streamArn }, answer => expectTo(JSON.stringify(JSON.parse(answer['Policy'] as string)) === policy, 'the policy')),
  step('DeleteResourcePolicy', { ResourceARN: streamArn }),
  step('SplitShard', { StreamName: stream, ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '1000' }),
  step('MergeShards', { StreamName: stream, ShardToMerge: 'shardId-000000000002', AdjacentShardToMerge: 'shardId-000000000003' }),
  step('UpdateShardCount', { StreamName: stream, TargetShardCount: 4, ScalingType: 'UNIFORM_SCALING' }, answer => {
    return expectTo(answer['CurrentShardCount'] === 2 && answer['TargetShardCount'] === 4, 'from two to four')
  }),
  step('UpdateMaxRecordSize', { StreamARN: streamArn, MaxRecordSizeInKiB: 2_048 }),
  step('DescribeAccountSettings', {}),
  step('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } }),
  step('UpdateStreamMode', { StreamARN: streamArn, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }),
  step('UpdateStreamWarmThroughput', { StreamName: stream, WarmThroughputMiBps: 10 }),
  step('UpdateStreamRecordDistributionStrategy', { StreamARN: streamArn, RecordDistributionStrategy: 'USER_PARTITION_KEY' }),
  step('CreateChannel', {
    ChannelName: 'lake', ServiceExecutionRoleARN: `arn:aws:iam::${account}:role/lake`,
    StreamConfigurationList: [{ StreamARN: streamArn, RecordConfiguration: { RecordFormatType: 'STRING' } }],
    S3DestinationConfiguration: { StorageConfiguration: { BucketARN: 'arn:aws:s3:::lake', ExpectedBucketOwner: account, CompressionType: 'GZIP' } },
  }, (answer, kept) => void (kept['channel'] = (answer['ChannelDescription'] as Record<string, string>)['ChannelARN']!)),
  step('DescribeChannel', kept => ({ ChannelARN: kept['channel'] })),
  step('ListChannels', { StreamFilter: [{ StreamARN: streamArn }] }, answer => expectTo(list(answer, 'ChannelSummaries').length === 1, 'one channel')),
  step('UpdateChannel', kept => ({ ChannelARN: kept['channel'], S3DestinationConfiguration: { DataFreshnessInSeconds: 600 } })),
  step('DeleteChannel', kept => ({ ChannelARN: kept['channel'] })),
  step('DeleteStream', { StreamName: stream, EnforceConsumerDeletion: true }),
]

export interface Walked {
  readonly done: readonly string[]
  readonly failures: readonly string[]
  /** What the client refused to send, since it is older than a member: boto3's words. */
  readonly unsent: readonly string[]
}

/** Takes the steps of the operations that `isServed`; a step that fails does not keep later ones from being tried. */
export async function walk(client: Client, isServed: (operation: string) => boolean): Promise<Walked> {
  const kept: Kept = {}
  const done: string[] = []
  const failures: string[] = []
  const unsent: string[] = []
  for (const { operation, input, see } of steps.filter(one => isServed(one.operation))) {
    try {
      const answer = await client(operation, input(kept))
      const wrong = see?.(answer, kept)
      if (wrong === undefined) done.push(operation)
      else failures.push(`${operation} lacks ${wrong}: ${JSON.stringify(answer).slice(0, 400)}`)
    } catch (error) {
      const { message } = error as Error
      if (/^ParamValidationError: [^]*Unknown parameter/.test(message)) unsent.push(operation)
      else failures.push(`${operation}: ${message}`)
    }
  }
  return { done, failures, unsent }
}
