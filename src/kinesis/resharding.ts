// Carries a split, a merge or a change of the number of shards out: all of it at once. The stream shows UPDATING for as long as changes do.
import { Refusal, type ReshardPlan, type Topic } from '../ports.ts'
import type { Context } from './context.ts'
import { AwsError, texts, toAwsError, validation } from './errors.ts'
import { activeStream, changeActive } from './lifecycle.ts'
import { type ShardMap, shardMapOf } from './shard-map.ts'
import { type StreamFacts, changeFacts, factsOf } from './stream-facts.ts'
import { type StreamSelector, findStreamByName } from './streams.ts'

export interface Resharding {
  /** What is to become of the stream as it is; null where it is that way already. Asked again where somebody else has resharded it meanwhile. */
  plan(topic: Topic, map: ShardMap): Promise<ReshardPlan | null | AwsError>
  /** It counts as one of the stream's scalings, of which AWS allows so many a day. */
  readonly isScaling?: boolean
}

const scalingsMax = 10
const dayMs = 24 * 3_600_000
/** How often a plan is made where others are always quicker. */
const attemptsMax = 5

/** The stream as it was before; it must be provisioned and ACTIVE. */
export async function reshardStream(input: StreamSelector, resharding: Resharding, context: Context): Promise<Topic | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  if (factsOf(topic, context).mode === 'ON_DEMAND') return validation(texts.onDemand(topic.name, context))
  const plan = await resharding.plan(topic, shardMapOf(topic))
  if (plan instanceof AwsError) return plan
  if (plan === null) return topic
  const nowMs = context.clock.now()
  const begun = await changeActive(topic, context, facts => (resharding.isScaling === true ? scaled(topic, facts, nowMs, context) : {}))
  if (begun instanceof AwsError) return begun
  const refused = await carryOut(topic, plan, resharding, context)
  if (refused === null) return topic
  // Nothing has become of it, so nothing is to be seen of it.
  await changeFacts(topic, context, ({ transition, scalingsMs }) => {
    const counted = scalingsMs.lastIndexOf(nowMs)
    return {
      transition: transition?.status === 'UPDATING' ? undefined : transition,
      ...resharding.isScaling === true && counted >= 0 && { scalingsMs: scalingsMs.toSpliced(counted, 1) },
    }
  })
  return refused
}

function scaled({ name }: Topic, { scalingsMs }: StreamFacts, nowMs: number, { account, limits }: Context): Partial<StreamFacts> | AwsError {
  const lately = scalingsMs.filter(atMs => nowMs - atMs < dayMs)
  if (lately.length < scalingsMax || !limits.isEnforced) return { scalingsMs: [...lately, nowMs].slice(-scalingsMax) }
  return new AwsError('LimitExceededException', `UpdateShardCount cannot scale stream ${name} under account ${account} more than ${scalingsMax} times per rolling 24-hour period.`)
}

async function carryOut(before: Topic, first: ReshardPlan, resharding: Resharding, context: Context): Promise<null | AwsError> {
  let [topic, plan] = [before, first]
  for (let attempt = 1; ; attempt++) {
    const done = await context.admin.reshard(topic.name, plan)
    if (!(done instanceof Refusal)) return null
    const present = await findStreamByName(topic.name, context)
    // Every change of shards makes some: where there are as many as before, the plan itself was refused.
    if (attempt === attemptsMax || present?.id !== topic.id || present.partitions.length === topic.partitions.length) return toAwsError(done)
    const again = await resharding.plan(present, shardMapOf(present))
    if (again === null || again instanceof AwsError) return again
    topic = present
    plan = again
  }
}
