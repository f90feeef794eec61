// UpdateStreamMode. Who manages the capacity of a stream: whoever says how many shards it has (PROVISIONED), or its use (ON_DEMAND). The shards stay as they are, but for more
// of them where an on-demand stream is to be ready for more at once. A stream that has the mode already stays as it is.
import type { Topic } from '../../ports.ts'
import { type InputOf, type Violation, operation } from '../../wire/operation.ts'
import { judgeWarmThroughput, warming, warmThroughput } from '../capacity.ts'
import { channelsOf } from '../channels.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, texts } from '../errors.ts'
import { activeStream } from '../lifecycle.ts'
import { claiming } from '../quotas.ts'
import { changeShards } from '../resharding.ts'
import { shardMapOf } from '../shard-map.ts'
import { type StreamFacts, factsOf } from '../stream-facts.ts'
import { namedStream, streamArn, streamId, streamModeDetails } from '../streams.ts'

const changesMax = 2
const dayMs = 24 * 3_600_000

export const UpdateStreamMode = operation({
  name: 'UpdateStreamMode',
  input: { StreamARN: streamArn.required, StreamId: streamId, StreamModeDetails: streamModeDetails.required, WarmThroughputMiBps: warmThroughput },
  check: judgeMode,
})

export const updateStreamMode = serve(
  UpdateStreamMode,
  { action: 'kinesis:UpdateStreamMode', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

function judgeMode({ StreamModeDetails: { StreamMode: mode }, WarmThroughputMiBps: warmMiBps }: {
  readonly StreamModeDetails: { readonly StreamMode: string }; readonly WarmThroughputMiBps?: number | undefined
}): Violation | undefined {
  return mode === 'PROVISIONED' && warmMiBps !== undefined ? { type: 'ValidationException', message: texts.warmNeedsOnDemand } : undefined
}

async function handle(input: InputOf<typeof UpdateStreamMode>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const { StreamModeDetails: { StreamMode: mode }, WarmThroughputMiBps: warmMiBps } = input
  if (factsOf(topic, context).mode === mode) {
    return warmMiBps === undefined ? null : invalidArgument(`Stream ${topic.name} under account ${context.account} is in ON_DEMAND mode. Use UpdateStreamWarmThroughput.`)
  }
  if (mode === 'PROVISIONED' && channelsOf(topic, context).length > 0) {
    return new AwsError('ResourceInUseException', `Stream ${topic.name} under account ${context.account} has channels, which need ON_DEMAND mode. Delete them first.`)
  }
  const refused = warmMiBps === undefined ? null : judgeWarmThroughput(warmMiBps, context)
  if (refused !== null) return refused
  return claiming({ stream: topic.name, isOnDemand: mode === 'ON_DEMAND' }, context, () => changeMode(topic, mode, warmMiBps, context))
}

async function changeMode(topic: Topic, mode: StreamFacts['mode'], warmMiBps: number | undefined, context: Context): Promise<null | AwsError> {
  let before: StreamFacts | undefined
  const resharding = warming(warmMiBps, { mayShrink: false }, context)
  const plan = await resharding.plan(topic, shardMapOf(topic))
  if (plan instanceof AwsError) return plan
  return changeShards(topic, plan, resharding, {
    make(facts) {
      // Somebody else was quicker.
      if (facts.mode === mode) return undefined
      before = facts
      return judgeChange(topic.name, facts, mode, context) ?? { mode, warmMiBps, modeChangesMs: [...lately(facts, context), context.clock.now()] }
    },
    takeBack: () => (before === undefined ? {} : { mode: before.mode, warmMiBps: before.warmMiBps, modeChangesMs: before.modeChangesMs }),
  }, context)
}

/** Why the mode cannot change now. */
function judgeChange(name: string, facts: StreamFacts, mode: StreamFacts['mode'], context: Context): AwsError | undefined {
  if (mode === 'PROVISIONED' && facts.distribution === 'AUTO') {
    return invalidArgument(`Stream ${name} under account ${context.account} has RecordDistributionStrategy AUTO, which needs ON_DEMAND mode. Change it to USER_PARTITION_KEY first.`)
  }
  if (!context.limits.isEnforced || lately(facts, context).length < changesMax) return undefined
  return new AwsError('LimitExceededException',
    `UpdateStreamMode cannot change the mode of stream ${name} under account ${context.account} more than ${changesMax} times per rolling 24-hour period.`)
}

function lately({ modeChangesMs }: StreamFacts, { clock }: Context): number[] {
  return modeChangesMs.filter(atMs => clock.now() - atMs < dayMs).slice(-changesMax)
}
