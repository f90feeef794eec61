// DescribeStreamSummary. The stream without its shards, but with how many are open, who reads it in ways of its own, and what it may be used for.
import { type InputOf, type OutputOf, integer, operation, structure, text } from '../../wire/operation.ts'
import { warmThroughputOf, warmThroughputShape } from '../capacity.ts'
import { consumersOf } from '../consumers.ts'
import { channelsOf } from '../channels.ts'
import { type Context, serve } from '../context.ts'
import { describe, nameMembers, openShardsShown, settingMembers, stateMembers } from '../descriptions.ts'
import { AwsError } from '../errors.ts'
import { factsOf } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, recordKiBOf, streamMembers } from '../streams.ts'

export const DescribeStreamSummary = operation({
  name: 'DescribeStreamSummary',
  input: streamMembers,
  output: {
    StreamDescriptionSummary: structure({
      ...nameMembers,
      StreamId: text(),
      ...stateMembers,
      ...settingMembers,
      OpenShardCount: integer().required,
      ConsumerCount: integer(),
      WarmThroughput: warmThroughputShape,
      MaxRecordSizeInKiB: integer(),
      ChannelCount: integer(),
      RecordDistributionStrategy: text(),
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
  const { mode, distribution } = factsOf(topic, context)
  return {
    StreamDescriptionSummary: {
      ...describe(topic, context),
      OpenShardCount: openShardsShown(topic, context),
      ConsumerCount: consumersOf(topic, context).length,
      WarmThroughput: warmThroughputOf(topic, context),
      MaxRecordSizeInKiB: recordKiBOf(topic, context),
      ChannelCount: channelsOf(topic, context).length,
      RecordDistributionStrategy: mode === 'ON_DEMAND' ? distribution : undefined,
    },
  }
}
