// The second half of the table: right requests at the wrong time or from the wrong caller. What each operation says of a stream that is not there, not yet, no
// longer, or being changed, and to who may not ask; held against these rules, which are AWS's as far as they are known (reference: Stream lifecycle, error table).
import { TestClock, account, arn, testAccess, testKinesis, type TestKinesis } from '../support/kinesis.ts'
import type { CodecName } from './oracle.ts'
import { inputShapeOf } from './samples.ts'
import type { Tried } from './table.ts'

/**
 * What an operation makes of the state of the stream it names.
 * - shows: answers whatever the state is
 * - gives: gives and takes records, or positions of them: while ACTIVE or UPDATING; else the stream, or its shard, is not found
 * - attends: is about shards or consumers: refused as in use while CREATING or DELETING
 * - changes: changes the stream: refused as in use unless ACTIVE
 * - tells nothing: is about a consumer, a channel, the account, or a policy or tags by ARN; streams are not looked at, or by other rules
 */
type Rule = 'shows' | 'gives' | 'attends' | 'changes' | 'tells nothing'

interface Known {
  readonly rule: Rule
  /** Members beside those that name the stream. */
  readonly rest?: Record<string, unknown>
  /** For operations that show those who may not ask an empty answer. */
  readonly filters?: true
}

const key = { KeyId: 'alias/aws/kinesis', EncryptionType: 'KMS' }
const consumerOf = (stream: string): string => `${arn(stream)}/consumer/absent:1`
const channel = `arn:aws:kinesis:us-east-1:${account}:channel/absent:1`

const known: Readonly<Record<string, Known>> = {
  AddTagsToStream: { rule: 'shows', rest: { Tags: { a: 'b' } } },
  CreateChannel: { rule: 'tells nothing' },
  CreateStream: { rule: 'tells nothing' },
  DecreaseStreamRetentionPeriod: { rule: 'changes', rest: { RetentionPeriodHours: 24 } },
  DeleteChannel: { rule: 'tells nothing', rest: { ChannelARN: channel } },
  DeleteResourcePolicy: { rule: 'tells nothing' },
  DeleteStream: { rule: 'changes' },
  DeregisterStreamConsumer: { rule: 'tells nothing' },
  DescribeAccountSettings: { rule: 'tells nothing' },
  DescribeChannel: { rule: 'tells nothing', rest: { ChannelARN: channel } },
  DescribeLimits: { rule: 'tells nothing' },
  DescribeStream: { rule: 'shows' },
  DescribeStreamConsumer: { rule: 'tells nothing' },
  DescribeStreamSummary: { rule: 'shows' },
  DisableEnhancedMonitoring: { rule: 'changes', rest: { ShardLevelMetrics: ['ALL'] } },
  EnableEnhancedMonitoring: { rule: 'changes', rest: { ShardLevelMetrics: ['ALL'] } },
  GetRecords: { rule: 'tells nothing' },
  GetResourcePolicy: { rule: 'tells nothing' },
  GetShardIterator: { rule: 'gives', rest: { ShardId: 'shardId-000000000000', ShardIteratorType: 'LATEST' } },
  IncreaseStreamRetentionPeriod: { rule: 'changes', rest: { RetentionPeriodHours: 24 } },
  ListChannels: { rule: 'tells nothing' },
  ListShards: { rule: 'attends' },
  ListStreamConsumers: { rule: 'attends' },
  ListStreams: { rule: 'tells nothing', filters: true },
  ListTagsForResource: { rule: 'tells nothing' },
  ListTagsForStream: { rule: 'shows' },
  MergeShards: { rule: 'changes', rest: { ShardToMerge: '0', AdjacentShardToMerge: '1' } },
  PutRecord: { rule: 'gives', rest: { PartitionKey: 'a', Data: Buffer.from('a') } },
  PutRecords: { rule: 'gives', rest: { Records: [{ PartitionKey: 'a', Data: Buffer.from('a') }] } },
  PutResourcePolicy: { rule: 'tells nothing', rest: { Policy: '{}' } },
  RegisterStreamConsumer: { rule: 'attends', rest: { ConsumerName: 'a' } },
  RemoveTagsFromStream: { rule: 'shows', rest: { TagKeys: ['a'] } },
  SplitShard: { rule: 'changes', rest: { ShardToSplit: '0', NewStartingHashKey: '1000' } },
  StartStreamEncryption: { rule: 'changes', rest: key },
  StopStreamEncryption: { rule: 'changes', rest: key },
  SubscribeToShard: { rule: 'tells nothing', rest: { ShardId: '0', StartingPosition: { Type: 'LATEST' } } },
  TagResource: { rule: 'tells nothing', rest: { Tags: { a: 'b' } } },
  UntagResource: { rule: 'tells nothing', rest: { TagKeys: ['a'] } },
  UpdateAccountSettings: { rule: 'tells nothing', rest: { MinimumThroughputBillingCommitment: { Status: 'DISABLED' } } },
  UpdateChannel: { rule: 'tells nothing', rest: { ChannelARN: channel } },
  UpdateMaxRecordSize: { rule: 'changes', rest: { MaxRecordSizeInKiB: 1_024 } },
  UpdateShardCount: { rule: 'changes', rest: { TargetShardCount: 2, ScalingType: 'UNIFORM_SCALING' } },
  UpdateStreamMode: { rule: 'changes', rest: { StreamModeDetails: { StreamMode: 'ON_DEMAND' } } },
  UpdateStreamRecordDistributionStrategy: { rule: 'changes', rest: { RecordDistributionStrategy: 'USER_PARTITION_KEY' } },
  UpdateStreamWarmThroughput: { rule: 'changes', rest: { WarmThroughputMiBps: 1 } },
}

interface Case {
  readonly what: string
  readonly input: Record<string, unknown>
  readonly where: TestKinesis
  /** The type and text of the refusal. */
  readonly expected: string
}

/** Sends all of an operation's requests at the wrong time. */
export async function tryStates(operation: string, codec: CodecName): Promise<Tried> {
  const failures: string[] = []
  let cases = 0
  for (const { what, input, where, expected } of await casesOf(operation)) {
    cases++
    const { status, body } = await where.call(operation, input, { form: codec })
    const { __type: type, message = '' } = (body === '' ? {} : body) as { __type?: string; message?: string }
    const seen = status === 200 ? 'served' : `${type}: ${message}`
    if (seen !== expected) failures.push(`${what}: ${seen}, expected ${expected}`)
  }
  return { cases, failures }
}

async function casesOf(operation: string): Promise<Case[]> {
  const { rule, filters } = known[operation]!
  // Iterators of the one are the other's, too.
  const tokenSecret = 'of both'
  const open = await testKinesis({ tokenSecret })
  const closed = await testKinesis({ tokenSecret, backend: open.backend, clock: open.clock, access: testAccess(() => false) })
  await open.ok('CreateStream', { StreamName: 'present', ShardCount: 2 })
  const position = { StreamName: 'present', ShardId: '0', ShardIteratorType: 'LATEST' }
  const { ShardIterator } = await open.ok<{ ShardIterator: string }>('GetShardIterator', position)
  const ways = operation === 'GetRecords' ? [() => ({ ShardIterator })] : waysToName(operation)

  // Whether the stream is there makes no difference to who may not ask.
  const denied = ['present', 'absent'].flatMap(stream => ways.map(name => ({
    what: `without permission, of ${stream}`, where: closed, input: name(stream), expected: filters === true ? 'served' : denial(operation, name(stream)),
  })))
  if (operation === 'GetRecords') return [...denied, await ofDeleted(tokenSecret)]
  const absent = filters === true || absence(operation) === undefined ? [] : ways.map(name => ({
    what: 'of what is not there', where: open, input: name('absent'), expected: absence(operation)!,
  }))
  if (rule === 'tells nothing') return [...denied, ...absent]
  const changing = await withStates()
  const states = (['creating', 'updating', 'deleting'] as const).flatMap(stream => ways.map(name => ({
    what: `of a stream that is ${stream}`, where: changing, input: name(stream), expected: outcome(operation, rule, stream),
  })))
  return [...denied, ...absent, ...states]
}

/** An iterator whose stream is gone. */
async function ofDeleted(tokenSecret: string): Promise<Case> {
  const where = await testKinesis({ tokenSecret })
  await where.ok('CreateStream', { StreamName: 'present', ShardCount: 1 })
  const { ShardIterator } = await where.ok<{ ShardIterator: string }>('GetShardIterator', { StreamName: 'present', ShardId: '0', ShardIteratorType: 'LATEST' })
  await where.ok('DeleteStream', { StreamName: 'present' })
  return { what: 'of a stream that is deleted', where, input: { ShardIterator }, expected: notFound('GetRecords', 'present') }
}

/** One stream in each state but ACTIVE. */
async function withStates(): Promise<TestKinesis> {
  const clock = new TestClock()
  const kinesis = await testKinesis({ clock, transitionMs: 60_000 })
  for (const StreamName of ['updating', 'deleting']) await kinesis.ok('CreateStream', { StreamName, ShardCount: 2 })
  clock.advance(60_000)
  await kinesis.ok('EnableEnhancedMonitoring', { StreamName: 'updating', ShardLevelMetrics: ['ALL'] })
  await kinesis.ok('DeleteStream', { StreamName: 'deleting' })
  await kinesis.ok('CreateStream', { StreamName: 'creating', ShardCount: 2 })
  return kinesis
}

/** Inputs by each member that an operation has to name what it is about. */
function waysToName(operation: string): ((stream: string) => Record<string, unknown>)[] {
  const has = inputShapeOf(operation).members ?? {}
  const { rest = {} } = known[operation]!
  if (operation === 'CreateStream') return [StreamName => ({ StreamName, ShardCount: 1 })]
  if (operation === 'CreateChannel') return [createChannel]
  const ways = [
    ...('StreamName' in has ? [(StreamName: string) => ({ ...rest, StreamName })] : []),
    ...('ConsumerARN' in has ? [(stream: string) => ({ ...rest, ConsumerARN: consumerOf(stream) })] : []),
    ...('StreamARN' in has && !('ConsumerARN' in has) ? [(stream: string) => ({ ...rest, StreamARN: arn(stream) })] : []),
    ...('ResourceARN' in has ? [(stream: string) => ({ ...rest, ResourceARN: arn(stream) })] : []),
  ]
  return ways.length === 0 ? [() => rest] : ways
}

function createChannel(stream: string): Record<string, unknown> {
  return {
    ChannelName: 'absent', ServiceExecutionRoleARN: `arn:aws:iam::${account}:role/a`,
    StreamConfigurationList: [{ StreamARN: arn(stream), RecordConfiguration: { RecordFormatType: 'STRING' } }],
    S3DestinationConfiguration: { StorageConfiguration: { BucketARN: 'arn:aws:s3:::lake', ExpectedBucketOwner: account, CompressionType: 'NONE' } },
  }
}

// ------------------------------------------------------------------------------------------------------------- texts

function outcome(operation: string, rule: Rule, state: 'creating' | 'updating' | 'deleting'): string {
  if (rule === 'shows' || (rule !== 'changes' && state === 'updating')) return 'served'
  if (rule === 'gives') return notFound(operation, state)
  const wanted = rule === 'attends' ? 'ACTIVE or UPDATING' : 'ACTIVE'
  return `ResourceInUseException: Stream ${state} under account ${account} not ${wanted}, instead in state ${state.toUpperCase()}`
}

/** What is said where the stream, consumer or channel is not there; undefined where nothing has to be. */
function absence(operation: string): string | undefined {
  const has = inputShapeOf(operation).members ?? {}
  if (operation === 'CreateStream' || operation === 'GetRecords') return undefined
  if ('ConsumerARN' in has) return `ResourceNotFoundException: Consumer ${consumerOf('absent')}, account ${account} not found.`
  if ('ChannelARN' in has) return `ResourceNotFoundException: Channel ${channel} not found.`
  return 'StreamName' in has || 'StreamARN' in has || 'ResourceARN' in has || operation === 'CreateChannel' ? notFound(operation, 'absent') : undefined
}

function notFound(operation: string, stream: string): string {
  if (operation === 'GetShardIterator' || operation === 'GetRecords') return `ResourceNotFoundException: Shard shardId-000000000000 in stream ${stream} under account ${account} does not exist`
  return `ResourceNotFoundException: Stream ${stream} under account ${account} not found.`
}

function denial(operation: string, input: Record<string, unknown>): string {
  const named = ['StreamARN', 'ConsumerARN', 'ResourceARN', 'ChannelARN'].map(member => input[member]).find(one => one !== undefined)
  const stream = typeof input['StreamName'] === 'string' ? arn(input['StreamName']) : undefined
  const source = (input['StreamConfigurationList'] as { StreamARN: string }[] | undefined)?.[0]!.StreamARN
  const resource = named ?? stream ?? source ?? (operation === 'GetRecords' ? arn('present') : '*')
  return `AccessDeniedException: User: arn:aws:iam::${account}:user/CN=alice is not authorized to perform: kinesis:${operation} on resource: ${String(resource)} ` +
    `because no identity-based policy allows the kinesis:${operation} action`
}
