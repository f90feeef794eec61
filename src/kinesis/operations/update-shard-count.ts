// UpdateShardCount. As many shards as asked for, with equal parts of the hash keys, by splits and merges in one step. The answer tells the number before and the one asked
// for; a stream that has it already stays as it is.
import { type InputOf, type OutputOf, integer, oneOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, texts } from '../errors.ts'
import { judgeShards } from '../quotas.ts'
import { scalingPlan } from '../reshard-plans.ts'
import { reshardStream } from '../resharding.ts'
import { shardMapOf } from '../shard-map.ts'
import { namedStream, oneStream, streamArn, streamArnOf, streamId, streamName } from '../streams.ts'

const shardsPerStreamMax = 10_000
const shardCount = integer().min(1)

export const UpdateShardCount = operation({
  name: 'UpdateShardCount',
  input: { StreamName: streamName, TargetShardCount: shardCount.required, ScalingType: oneOf('UNIFORM_SCALING').required, StreamARN: streamArn, StreamId: streamId },
  output: { StreamName: streamName, CurrentShardCount: shardCount, TargetShardCount: shardCount, StreamARN: streamArn },
  check: oneStream,
})

export const updateShardCount = serve(
  UpdateShardCount,
  { action: 'kinesis:UpdateShardCount', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof UpdateShardCount>, context: Context): Promise<OutputOf<typeof UpdateShardCount> | AwsError> {
  const { TargetShardCount: target } = input
  const before = await reshardStream(input, {
    isScaling: true,
    async plan(topic, map) {
      const open = map.open.length
      if (target === open) return null
      const refused = judgeTarget(open, target, context) ?? await judgeShards(topic.name, target, context)
      return refused ?? scalingPlan(map, target) ?? invalidArgument(texts.tooNarrow(topic.name, target, context))
    },
  }, context)
  if (before instanceof AwsError) return before
  return { StreamName: before.name, CurrentShardCount: shardMapOf(before).open.length, TargetShardCount: target, StreamARN: streamArnOf(before.name, context) }
}

/** Null where AWS scales so far in one step. */
function judgeTarget(open: number, target: number, { limits }: Context): null | AwsError {
  if (!limits.isEnforced) return null
  const limit = (what: string): AwsError => new AwsError('LimitExceededException', texts.scaling(what, open, target))
  if (target > shardsPerStreamMax) return limit(`Target shard count or number of open shards cannot be greater than ${shardsPerStreamMax}`)
  if (target > 2 * open) return limit('UpdateShardCount cannot scale up over double your current open shard count')
  return 2 * target < open ? limit('UpdateShardCount cannot scale down below half your current open shard count') : null
}
