// CreateStream. A stream is a topic whose timestamps are times of arrival. It shows CREATING for as long as states show, and takes nothing before that is over. Who gives it
// tags must be allowed to tag it, too.
import { Refusal, type NewTopic } from '../../ports.ts'
import { type InputOf, type Violation, integer, operation } from '../../wire/operation.ts'
import { type AccessRule, judgeAccess } from '../access.ts'
import { judgeWarmThroughput, onDemandShards, shardCountDefault, warmThroughput } from '../capacity.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, texts, toAwsError } from '../errors.ts'
import { transition } from '../lifecycle.ts'
import { claiming } from '../quotas.ts'
import { documentOf } from '../stream-facts.ts'
import { maxRecordSize, messageBytesFor, recordDistributionStrategy, recordKiBMin, streamModeDetails, streamName } from '../streams.ts'
import { addTags, noTags, tagMap } from '../tags.ts'

const retentionMs = 24 * 3_600_000

export const CreateStream = operation({
  name: 'CreateStream',
  input: {
    StreamName: streamName.required,
    ShardCount: integer().min(1),
    StreamModeDetails: streamModeDetails,
    Tags: tagMap,
    WarmThroughputMiBps: warmThroughput,
    MaxRecordSizeInKiB: maxRecordSize,
    RecordDistributionStrategy: recordDistributionStrategy,
  },
  check: judgeMode,
})

export const createStream = serve(CreateStream, { action: 'kinesis:CreateStream', access: { kind: 'creates', stream: input => input.StreamName } }, handle)

interface Capacity {
  readonly ShardCount?: number | undefined
  readonly StreamModeDetails?: { readonly StreamMode: string } | undefined
  readonly WarmThroughputMiBps?: number | undefined
  readonly RecordDistributionStrategy?: string | undefined
}

function judgeMode(input: Capacity): Violation | undefined {
  if (input.StreamModeDetails?.StreamMode === 'ON_DEMAND') {
    return input.ShardCount === undefined ? undefined : { type: 'ValidationException', message: 'ShardCount is not expected when StreamMode=ON_DEMAND' }
  }
  if (input.WarmThroughputMiBps !== undefined) return { type: 'ValidationException', message: texts.warmNeedsOnDemand }
  return input.RecordDistributionStrategy === 'AUTO' ? { type: 'InvalidArgumentException', message: texts.autoNeedsOnDemand } : undefined
}

/** As AddTagsToStream asks for it. */
const tagging: AccessRule<InputOf<typeof CreateStream>> = { kind: 'needs', operation: 'alter-configs', stream: input => input.StreamName }

async function handle(input: InputOf<typeof CreateStream>, context: Context): Promise<null | AwsError> {
  const { StreamName: name, WarmThroughputMiBps: warmMiBps } = input
  const denied = input.Tags === undefined ? null : judgeAccess('kinesis:AddTagsToStream', tagging, input, context)
  if (denied !== null) return denied
  const mode = input.StreamModeDetails?.StreamMode ?? 'PROVISIONED'
  const tags = addTags(noTags, input.Tags, `stream ${name}`, context)
  if (tags instanceof AwsError) return tags
  if ((await context.admin.topics([name])).length > 0) return alreadyExists(name, context)
  const count = mode === 'ON_DEMAND' ? onDemandShards(warmMiBps) : input.ShardCount ?? shardCountDefault
  const refused = warmMiBps === undefined ? null : judgeWarmThroughput(warmMiBps, context)
  if (refused !== null) return refused
  const document = documentOf({ mode, tags, warmMiBps, distribution: input.RecordDistributionStrategy, ...transition('CREATING', context) })
  const topic: NewTopic = {
    name,
    partitions: count,
    replicationFactor: -1,
    configs: new Map([
      ['message.timestamp.type', 'LogAppendTime'],
      ['retention.ms', String(retentionMs)],
      // By time alone, whatever the brokers' default is.
      ['retention.bytes', '-1'],
      ['max.message.bytes', String(messageBytesFor(input.MaxRecordSizeInKiB ?? recordKiBMin))],
    ]),
    ...document !== undefined && { document },
  }
  const claim = { stream: name, isNew: true, isOnDemand: mode === 'ON_DEMAND', shards: count }
  const created = await claiming(claim, context, () => context.admin.createTopic(topic, { validateOnly: false }))
  if (created instanceof AwsError) return created
  if (!(created instanceof Refusal)) return null
  return created.code === 'topic-exists' ? alreadyExists(name, context) : toAwsError(created)
}

/** Also where the one of that name is DELETING. */
function alreadyExists(name: string, context: Context): AwsError {
  return new AwsError('ResourceInUseException', texts.streamExists(name, context))
}
