// The account's quotas: how many shards and on-demand streams it may have, and how many streams may be made or deleted at a time. What requests are about to make counts
// as made, so that quotas also hold where many requests come at once.
import type { Topic } from '../ports.ts'
import { isCommitted } from './account.ts'
import type { Services } from './context.ts'
import { AwsError, texts } from './errors.ts'
import { streamStatus } from './lifecycle.ts'
import { factsOf } from './stream-facts.ts'
import { showsAsStream } from './streams.ts'

/** How many times as many on-demand streams an account with a commitment may have. */
const committedStreamsFactor = 20
const inTransitionMax = 5

export interface Quota {
  readonly used: number
  readonly limit: number
}

/** What a stream is about to have that takes of a quota. */
export interface Claim {
  readonly stream: string
  /** There is no such stream yet. */
  readonly isNew?: boolean
  /** It is to be on-demand, and is not yet. */
  readonly isOnDemand?: boolean
  /** How many open shards it is to have. */
  readonly shards?: number
}

/** Does what makes the claim true, if the account has room for it. */
export async function claiming<T>(claim: Claim, services: Services, work: () => Promise<T>): Promise<T | AwsError> {
  const { admin, claims } = services
  const topics = (await admin.topics()).filter(showsAsStream)
  // From here on nobody else is judged before the claim stands.
  const refused = judgeTransitions(claim, topics, services) ?? judgeOnDemand(claim, topics, services) ?? judgeOpen(claim, topics, services)
  if (refused !== null) return refused
  claims.add(claim)
  try {
    return await work()
  } finally {
    claims.delete(claim)
  }
}

export function openShardCount(topic: Topic): number {
  return topic.partitions.reduce((count, { seal }) => (seal === undefined ? count + 1 : count), 0)
}

/** Open shards of all streams, however their capacity is managed. */
export function shardQuota(topics: readonly Topic[], { shardLimit }: Pick<Services, 'shardLimit'>): Quota {
  return { used: topics.filter(showsAsStream).reduce((sum, topic) => sum + openShardCount(topic), 0), limit: shardLimit }
}

type Account = Pick<Services, 'account' | 'documents' | 'clock' | 'onDemandStreamLimit'>

export function onDemandQuota(topics: readonly Topic[], services: Account): Quota {
  return { used: onDemandStreams(topics, services).length, limit: onDemandLimit(services) }
}

function onDemandLimit(services: Account): number {
  return services.onDemandStreamLimit * (isCommitted(services) ? committedStreamsFactor : 1)
}

/** Most channels: as AWS says, they are bounded by on-demand streams, each of which has two at most. */
export function channelLimit(services: Account): number {
  return 2 * onDemandLimit(services)
}

function onDemandStreams(topics: readonly Topic[], services: Pick<Services, 'documents'>): readonly Topic[] {
  return topics.filter(topic => showsAsStream(topic) && factsOf(topic, services).mode === 'ON_DEMAND')
}

/** Null where the account has room for so many open shards of the stream now: to be asked before work is spent on a plan that comes to them. */
export async function judgeShards(stream: string, shards: number, services: Services): Promise<null | AwsError> {
  return judgeOpen({ stream, shards }, await services.admin.topics(), services)
}

/** Fewer than there are are always welcome. */
function judgeOpen({ stream, shards = 0 }: Claim, topics: readonly Topic[], services: Services): null | AwsError {
  const { claims, shardLimit: limit } = services
  const open = new Map(topics.filter(showsAsStream).map(topic => [topic.name, openShardCount(topic)]))
  const additional = shards - (open.get(stream) ?? 0)
  if (additional <= 0) return null
  for (const one of claims) if (one.stream !== stream) open.set(one.stream, Math.max(one.shards ?? 0, open.get(one.stream) ?? 0))
  const used = open.values().reduce((sum, count) => sum + count, 0)
  return used + additional <= limit ? null : new AwsError('LimitExceededException', texts.shardLimit({ used, limit, additional }, services))
}

function judgeOnDemand({ stream, isOnDemand }: Claim, topics: readonly Topic[], services: Services): null | AwsError {
  if (isOnDemand !== true) return null
  const { limit } = onDemandQuota(topics, services)
  const used = withClaimed(onDemandStreams(topics, services), services, one => one.stream !== stream && one.isOnDemand === true)
  return used < limit ? null : new AwsError('LimitExceededException', texts.onDemandLimit({ used, limit }, services))
}

function judgeTransitions({ stream, isNew }: Claim, topics: readonly Topic[], services: Services): null | AwsError {
  if (isNew !== true || !services.limits.isEnforced) return null
  const inTransition = topics.filter(topic => ['CREATING', 'DELETING'].includes(streamStatus(topic, services)))
  const used = withClaimed(inTransition, services, one => services.transitionMs > 0 && one.stream !== stream && one.isNew === true)
  return used < inTransitionMax ? null : new AwsError('LimitExceededException', texts.tooManyInTransition(inTransitionMax, services))
}

/** How many there are, and are about to be. */
function withClaimed(topics: readonly Topic[], { claims }: Services, counts: (claim: Claim) => boolean): number {
  return new Set([...topics.map(({ name }) => name), ...[...claims].filter(counts).map(({ stream }) => stream)]).size
}
