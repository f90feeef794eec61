// SplitShard. Two shards take the place of one, which takes no records any more: those with hash keys below the new starting key, and those from it on.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, texts } from '../errors.ts'
import { judgeShards } from '../quotas.ts'
import { cutsOf, splitPlan } from '../reshard-plans.ts'
import { reshardStream } from '../resharding.ts'
import { shardIdOf } from '../shard-map.ts'
import { namedShard, openShard } from '../shards.ts'
import { hashKey, namedStream, oneStream, shardId, streamArn, streamId, streamName } from '../streams.ts'

export const SplitShard = operation({
  name: 'SplitShard',
  input: { StreamName: streamName, ShardToSplit: shardId.required, NewStartingHashKey: hashKey.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const splitShard = serve(SplitShard, { action: 'kinesis:SplitShard', access: { kind: 'needs', operation: 'alter', stream: namedStream } }, handle)

async function handle(input: InputOf<typeof SplitShard>, context: Context): Promise<null | AwsError> {
  const index = namedShard(input.ShardToSplit, input, context)
  if (index instanceof AwsError) return index
  const cut = BigInt(input.NewStartingHashKey)
  const done = await reshardStream(input, {
    async plan(topic, map) {
      const shard = openShard(map, index, topic, context)
      if (shard instanceof AwsError) return shard
      const tooMany = await judgeShards(topic.name, map.open.length + 1, context)
      if (tooMany !== null) return tooMany
      const cuts = cutsOf(shard)
      if (cuts !== undefined && cuts.start <= cut && cut <= cuts.end) return splitPlan(map, shard, cut)
      return invalidArgument(texts.badCut(input.NewStartingHashKey, shardIdOf(index), topic.name, shard.hashKeys, context))
    },
  }, context)
  return done instanceof AwsError ? done : null
}
