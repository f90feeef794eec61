// DescribeStreamSummary. The stream without its shards. Every shard is open, and no consumer is registered, as long as neither can be otherwise.
import { type InputOf, type OutputOf, integer, list, operation, structure, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { factsOf, statusOf } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, recordKiBOf, retentionHours, streamArnOf, streamMembers, streamModeDetails } from '../streams.ts'

export const DescribeStreamSummary = operation({
  name: 'DescribeStreamSummary',
  input: streamMembers,
  output: {
    StreamDescriptionSummary: structure({
      StreamName: text().required,
      StreamARN: text().required,
      StreamStatus: text().required,
      StreamModeDetails: streamModeDetails,
      RetentionPeriodHours: integer().required,
      StreamCreationTimestamp: timestamp().required,
      EnhancedMonitoring: list(structure({ ShardLevelMetrics: list(text()).required })).required,
      EncryptionType: text(),
      OpenShardCount: integer().required,
      ConsumerCount: integer(),
      MaxRecordSizeInKiB: integer(),
    }).required,
  },
  check: oneStream,
})

export const describeStreamSummary = serve(
  DescribeStreamSummary,
  { action: 'kinesis:DescribeStreamSummary', access: { kind: 'needs', operation: 'describe', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof DescribeStreamSummary>, context: Context): Promise<OutputOf<typeof DescribeStreamSummary> | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  return {
    StreamDescriptionSummary: {
      StreamName: topic.name,
      StreamARN: streamArnOf(topic.name, context),
      StreamStatus: statusOf(factsOf(topic, context), context.clock.now()),
      StreamModeDetails: { StreamMode: factsOf(topic, context).mode },
      RetentionPeriodHours: retentionHours(topic, context),
      StreamCreationTimestamp: topic.createdAtMs,
      EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
      EncryptionType: 'NONE',
      OpenShardCount: topic.partitions.length,
      ConsumerCount: 0,
      MaxRecordSizeInKiB: recordKiBOf(topic, context),
    },
  }
}
