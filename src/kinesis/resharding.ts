// Carries a split, a merge or a change of the number of shards out: all of it at once. The stream shows UPDATING for as long as changes do.
import { Refusal, type ReshardPlan, type Topic } from '../ports.ts'
import type { Context, Services } from './context.ts'
import { AwsError, texts, toAwsError, validation } from './errors.ts'
import { activeStream, changeActive } from './lifecycle.ts'
import { type Claim, claiming, openShardCount } from './quotas.ts'
import { type ShardMap, shardMapOf } from './shard-map.ts'
import { type StreamFacts, changeFacts, factsOf } from './stream-facts.ts'
import { type StreamSelector, findStreamByName } from './streams.ts'

export interface Resharding {
  /** What is to become of the stream as it is; null where it is that way already. Asked again where somebody else has resharded it meanwhile. */
  plan(topic: Topic, map: ShardMap): Promise<ReshardPlan | null | AwsError>
}

const scalingsMax = 10
const dayMs = 24 * 3_600_000
/** How often a plan is made where others are always quicker. */
const attemptsMax = 5

/** The stream as it was before; it must be provisioned and ACTIVE. `isScaling`: it is one of those of which AWS allows so many a day. */
export async function reshardStream(input: StreamSelector, resharding: Resharding & { readonly isScaling?: boolean }, context: Context): Promise<Topic | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  if (factsOf(topic, context).mode === 'ON_DEMAND') return validation(texts.onDemand(topic.name, context))
  const plan = await resharding.plan(topic, shardMapOf(topic))
  if (plan instanceof AwsError) return plan
  if (plan === null) return topic
  const nowMs = context.clock.now()
  if (resharding.isScaling !== true) return await changeShards(topic, plan, resharding, noChange, context) ?? topic
  const scaling: FactsChange = {
    make: facts => scaled(topic, facts, nowMs, context),
    takeBack: ({ scalingsMs }) => ({ scalingsMs: scalingsMs.filter((atMs, at) => atMs !== nowMs || at !== scalingsMs.lastIndexOf(nowMs)) }),
  }
  return await changeShards(topic, plan, resharding, scaling, context) ?? topic
}

/** What else becomes of a stream whose shards change, and how that is taken back where they cannot. */
export interface FactsChange {
  /** Undefined where the facts are to stay as they are. */
  readonly make: (facts: StreamFacts) => Partial<StreamFacts> | AwsError | undefined
  readonly takeBack: (facts: StreamFacts) => Partial<StreamFacts>
}

export const noChange: FactsChange = { make: () => ({}), takeBack: () => ({}) }

/** Changes an ACTIVE stream's facts, and its shards by a plan for it as it is (null: they stay as they are). */
export async function changeShards(topic: Topic, plan: ReshardPlan | null, resharding: Resharding, change: FactsChange, services: Services): Promise<null | AwsError> {
  if (plan === null) return changeActive(topic, services, change.make)
  return claiming(claimOf(topic, plan), services, async () => {
    const begun = await changeActive(topic, services, change.make)
    if (begun !== null) return begun
    const refused = await carryOut(topic, plan, resharding, services)
    if (refused === null) return null
    // Nothing has become of it, so nothing is to be seen of it.
    await changeFacts(topic, services, facts => ({ ...change.takeBack(facts), ...facts.transition?.status === 'UPDATING' && { transition: undefined } }))
    return refused
  })
}

function claimOf(topic: Topic, { closes, opens }: ReshardPlan): Claim {
  return { stream: topic.name, shards: openShardCount(topic) - closes.length + opens.filter(({ isClosed }) => !isClosed).length }
}

function scaled({ name }: Topic, { scalingsMs }: StreamFacts, nowMs: number, { account, limits }: Context): Partial<StreamFacts> | AwsError {
  const lately = scalingsMs.filter(atMs => nowMs - atMs < dayMs)
  if (lately.length < scalingsMax || !limits.isEnforced) return { scalingsMs: [...lately, nowMs].slice(-scalingsMax) }
  return new AwsError('LimitExceededException', `UpdateShardCount cannot scale stream ${name} under account ${account} more than ${scalingsMax} times per rolling 24-hour period.`)
}

async function carryOut(topic: Topic, plan: ReshardPlan, resharding: Resharding, services: Services, attempt = 1): Promise<null | AwsError> {
  const done = await services.admin.reshard(topic.name, plan)
  // Whoever is subscribed to a shard that is closed now is to be told of its end.
  services.fanOut.look(topic.id)
  if (!(done instanceof Refusal)) return null
  const present = await findStreamByName(topic.name, services)
  if (done.code === 'request-timed-out' && present?.id === topic.id && isAsPlanned(present, plan)) return null
  // Every change of shards makes some: where there are as many as before, the plan itself was refused.
  if (attempt === attemptsMax || present?.id !== topic.id || present.partitions.length === topic.partitions.length) return toAwsError(done)
  const again = await resharding.plan(present, shardMapOf(present))
  if (again === null || again instanceof AwsError) return again
  return claiming(claimOf(present, again), services, () => carryOut(present, again, resharding, services, attempt + 1))
}

/** The plan counts, only that brokers take their time to close what it closes: the stream is UPDATING until they have. */
function isAsPlanned({ partitions }: Topic, plan: ReshardPlan): boolean {
  return plan.closes.every(index => partitions[index]?.seal !== undefined) && plan.opens.every(({ hashKeys, parents }, nth) => {
    const shard = partitions[plan.partitions + nth]?.shard
    return shard?.hashKeys.start === hashKeys.start && shard.hashKeys.end === hashKeys.end && shard.parents.join() === parents.join()
  })
}
