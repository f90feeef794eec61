// CreateStream. A stream is a topic whose timestamps are times of arrival; it is ACTIVE as soon as the answer is sent. Provisioned mode only: on-demand
// capacity and warm throughput are refused rather than taken and forgotten.
import { Refusal, type NewTopic } from '../../ports.ts'
import { type InputOf, type Violation, integer, oneOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, texts, toAwsError } from '../errors.ts'
import { changeFacts } from '../stream-facts.ts'
import { messageBytesFor, showsAsStream, streamModeDetails, streamName } from '../streams.ts'
import { addTags, noTags, tagMap } from '../tags.ts'

const shardCountDefault = 4
const recordKiBDefault = 1_024
const retentionMs = 24 * 3_600_000

export const CreateStream = operation({
  name: 'CreateStream',
  input: {
    ShardCount: integer().min(1),
    StreamName: streamName.required,
    StreamModeDetails: streamModeDetails,
    Tags: tagMap,
    WarmThroughputMiBps: integer().min(0).unsupported('warm throughput belongs to on-demand streams'),
    MaxRecordSizeInKiB: integer().min(1_024).max(10_240),
    RecordDistributionStrategy: oneOf('AUTO', 'USER_PARTITION_KEY'),
  },
  check: provisionedOnly,
})

export const createStream = serve(CreateStream, { action: 'kinesis:CreateStream', access: { kind: 'creates', stream: input => input.StreamName } }, handle)

interface Capacity {
  readonly StreamModeDetails?: { readonly StreamMode: string } | undefined
  readonly RecordDistributionStrategy?: string | undefined
}

function provisionedOnly(input: Capacity): Violation | undefined {
  if (input.StreamModeDetails?.StreamMode === 'ON_DEMAND') {
    return invalid('StreamMode ON_DEMAND is not supported by this endpoint: streams have PROVISIONED shards, of which ShardCount says how many.')
  }
  if (input.RecordDistributionStrategy === 'AUTO') return invalid('RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode.')
  return undefined
}

function invalid(message: string): Violation {
  return { type: 'InvalidArgumentException', message }
}

async function handle(input: InputOf<typeof CreateStream>, context: Context): Promise<null | AwsError> {
  const { StreamName: name, ShardCount: count = shardCountDefault } = input
  const tags = addTags(noTags, input.Tags, `stream ${name}`, context)
  if (tags instanceof AwsError) return tags
  const present = await context.admin.topics()
  if (present.some(topic => topic.name === name)) return new AwsError('ResourceInUseException', texts.streamExists(name, context))
  const used = present.filter(showsAsStream).reduce((sum, topic) => sum + topic.partitions.length, 0)
  if (used + count > context.shardLimit) {
    return new AwsError('LimitExceededException', `This request would exceed the shard limit for the account ${context.account} in ${context.region}. ` +
      `Current shard count for the account: ${used}. Limit: ${context.shardLimit}. ` +
      `Number of additional shards that would have resulted from this request: ${count}. ` +
      'Refer to the AWS Service Limits page (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) ' +
      'for current limits and how to request higher limits.')
  }
  const topic: NewTopic = {
    name,
    partitions: count,
    replicationFactor: -1,
    configs: new Map([
      ['message.timestamp.type', 'LogAppendTime'],
      ['retention.ms', String(retentionMs)],
      ['max.message.bytes', String(messageBytesFor(input.MaxRecordSizeInKiB ?? recordKiBDefault))],
    ]),
  }
  const created = await context.admin.createTopic(topic, { validateOnly: false })
  if (!(created instanceof Refusal)) return input.Tags === undefined ? null : changeFacts(created, context, () => ({ tags }))
  return created.code === 'topic-exists' ? new AwsError('ResourceInUseException', texts.streamExists(name, context)) : toAwsError(created)
}
