// MergeShards. One shard takes the place of two whose hash keys follow each other, the lower named first; both take no records any more.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, texts } from '../errors.ts'
import { mergePlan } from '../reshard-plans.ts'
import { reshardStream } from '../resharding.ts'
import { shardIdOf } from '../shard-map.ts'
import { namedShard, openShard } from '../shards.ts'
import { namedStream, oneStream, shardId, streamArn, streamId, streamName } from '../streams.ts'

export const MergeShards = operation({
  name: 'MergeShards',
  input: { StreamName: streamName, ShardToMerge: shardId.required, AdjacentShardToMerge: shardId.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const mergeShards = serve(MergeShards, { action: 'kinesis:MergeShards', access: { kind: 'needs', operation: 'alter', stream: namedStream } }, handle)

async function handle(input: InputOf<typeof MergeShards>, context: Context): Promise<null | AwsError> {
  const first = namedShard(input.ShardToMerge, input, context)
  if (first instanceof AwsError) return first
  const second = namedShard(input.AdjacentShardToMerge, input, context)
  if (second instanceof AwsError) return second
  const done = await reshardStream(input, {
    async plan(topic, map) {
      const lower = openShard(map, first, topic, context)
      if (lower instanceof AwsError) return lower
      const upper = openShard(map, second, topic, context)
      if (upper instanceof AwsError) return upper
      if (lower.hashKeys.end + 1n === upper.hashKeys.start) return mergePlan(map, lower, upper)
      return invalidArgument(texts.notAdjacent([shardIdOf(first), shardIdOf(second)], topic.name, context))
    },
  }, context)
  return done instanceof AwsError ? done : null
}
