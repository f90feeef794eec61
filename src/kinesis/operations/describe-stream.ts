// DescribeStream. The stream with a page of its shards: at most 100, whatever Limit says.
import { type InputOf, type OutputOf, flag, integer, list, operation, structure, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, notFound, texts } from '../errors.ts'
import { factsOf, statusOf } from '../stream-facts.ts'
import { shardIndexOf } from '../shard-map.ts'
import {
  describeShard, findStream, namedStream, oneStream, retentionHours, shardId, shardShape, streamArnOf, streamMembers, streamModeDetails,
} from '../streams.ts'

const shardsMax = 100

export const DescribeStream = operation({
  name: 'DescribeStream',
  input: { Limit: integer().min(1).max(10_000), ExclusiveStartShardId: shardId, ...streamMembers },
  output: {
    StreamDescription: structure({
      StreamName: text().required,
      StreamARN: text().required,
      StreamStatus: text().required,
      StreamModeDetails: streamModeDetails,
      Shards: list(shardShape).required,
      HasMoreShards: flag().required,
      RetentionPeriodHours: integer().required,
      StreamCreationTimestamp: timestamp().required,
      EnhancedMonitoring: list(structure({ ShardLevelMetrics: list(text()).required })).required,
      EncryptionType: text(),
    }).required,
  },
  check: oneStream,
})

export const describeStream = serve(
  DescribeStream,
  { action: 'kinesis:DescribeStream', access: { kind: 'needs', operation: 'describe', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof DescribeStream>, context: Context): Promise<OutputOf<typeof DescribeStream> | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  let first = 0
  if (input.ExclusiveStartShardId !== undefined) {
    const after = shardIndexOf(input.ExclusiveStartShardId)
    if (after === undefined) return notFound(texts.badShardId(input.ExclusiveStartShardId, topic.name, context))
    first = after + 1
  }
  const end = Math.min(first + Math.min(input.Limit ?? shardsMax, shardsMax), topic.partitions.length)
  const shards = topic.partitions.slice(first, end).map(partition => describeShard(topic, partition.index))
  return {
    StreamDescription: {
      StreamName: topic.name,
      StreamARN: streamArnOf(topic.name, context),
      StreamStatus: statusOf(factsOf(topic, context), context.clock.now()),
      StreamModeDetails: { StreamMode: factsOf(topic, context).mode },
      Shards: shards,
      HasMoreShards: end < topic.partitions.length,
      RetentionPeriodHours: retentionHours(topic, context),
      StreamCreationTimestamp: topic.createdAtMs,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
    },
  }
}
