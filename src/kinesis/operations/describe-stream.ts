// DescribeStream. The stream with a page of its shards that have not expired: at most 100, whatever Limit says, and none while it is being made.
import { type InputOf, type OutputOf, flag, integer, list, operation, structure } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { describe, nameMembers, settingMembers, stateMembers } from '../descriptions.ts'
import { AwsError, notFound, texts } from '../errors.ts'
import { shardsLeft } from '../shard-history.ts'
import { shardIndexOf } from '../shard-map.ts'
import { describeShard, shardShape } from '../shards.ts'
import { findStream, namedStream, oneStream, shardId, streamArn, streamId, streamName } from '../streams.ts'

const shardsMax = 100

export const DescribeStream = operation({
  name: 'DescribeStream',
  input: { StreamName: streamName, Limit: integer().min(1).max(10_000), ExclusiveStartShardId: shardId, StreamARN: streamArn, StreamId: streamId },
  output: {
    StreamDescription: structure({
      ...nameMembers,
      ...stateMembers,
      Shards: list(shardShape).required,
      HasMoreShards: flag().required,
      ...settingMembers,
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
  const shards = (await shardsLeft(topic, context)).filter(({ shard }) => shard.index >= first)
  const page = shards.slice(0, Math.min(input.Limit ?? shardsMax, shardsMax))
  return {
    StreamDescription: {
      ...describe(topic, context),
      Shards: page.map(({ shard }) => describeShard(shard)),
      HasMoreShards: page.length < shards.length,
    },
  }
}
