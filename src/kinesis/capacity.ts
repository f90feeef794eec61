// The capacity of on-demand streams: how many shards one starts with, and the write throughput that it was asked to be ready for. A shard takes 1 MiB a second, so that
// MiB per second and open shards are the same number.
import type { Topic } from '../ports.ts'
import { type ValueOf, integer, structure } from '../wire/operation.ts'
import { isCommitted } from './account.ts'
import type { Services } from './context.ts'
import { AwsError, invalidArgument, texts, validation } from './errors.ts'
import { judgeShards, openShardCount } from './quotas.ts'
import { scalingPlan } from './reshard-plans.ts'
import type { Resharding } from './resharding.ts'
import type { ShardMap } from './shard-map.ts'
import { factsOf } from './stream-facts.ts'
import { shardLimits } from './throughput.ts'

export const warmThroughput = integer().min(0)
export const warmThroughputShape = structure({ TargetMiBps: integer(), CurrentMiBps: integer() })

/** What AWS gives a stream whose number of shards nobody has said. */
export const shardCountDefault = 4
const warmMiBpsMax = 10_240

/** Null where a stream of this account may be asked to be ready for so much. */
export function judgeWarmThroughput(miBps: number, services: Services): null | AwsError {
  if (!isCommitted(services)) {
    return validation('WarmThroughputMiBps needs an account whose MinimumThroughputBillingCommitment is ENABLED. Use UpdateAccountSettings to enable it.')
  }
  if (miBps <= warmMiBpsMax) return null
  return new AwsError('LimitExceededException', `Requested warm throughput (${miBps} MiBps) exceeds the limit of ${warmMiBpsMax} MiBps for an On-Demand stream.`)
}

/** How many shards a new on-demand stream has. */
export function onDemandShards(warmMiBps: number | undefined): number {
  return Math.max(shardCountDefault, warmMiBps ?? 0)
}

/** For an on-demand stream that is to be ready for so much: as many shards, but never fewer than one starts with, nor than twice what is written to it now needs. */
export function warming(warmMiBps: number | undefined, { mayShrink }: { readonly mayShrink: boolean }, services: Services): Resharding {
  return {
    async plan(topic, map) {
      if (warmMiBps === undefined) return null
      const open = map.open.length
      const target = Math.max(onDemandShards(warmMiBps), Math.ceil(2 * shardsInUse(topic, map, services)))
      if (target === open || (target < open && !mayShrink)) return null
      return await judgeShards(topic.name, target, services) ?? scalingPlan(map, target) ?? invalidArgument(texts.tooNarrow(topic.name, target, services))
    },
  }
}

/** How many shards it takes to hold what was written within the last second. */
function shardsInUse(topic: Topic, map: ShardMap, { throughput }: Services): number {
  const used = map.open.map(({ index }) => throughput.used(topic.id, index))
  const bytes = used.reduce((sum, { writeBytesPerSecond }) => sum + writeBytesPerSecond, 0)
  const records = used.reduce((sum, { writeRecordsPerSecond }) => sum + writeRecordsPerSecond, 0)
  return Math.max(bytes / shardLimits.writeBytesPerSecond, records / shardLimits.writeRecordsPerSecond)
}

/** Undefined for streams that AWS shows none of: provisioned ones, and those of an account without a commitment. */
export function warmThroughputOf(topic: Topic, services: Services): ValueOf<typeof warmThroughputShape> | undefined {
  const { mode, warmMiBps } = factsOf(topic, services)
  if (mode !== 'ON_DEMAND' || !isCommitted(services)) return undefined
  const current = openShardCount(topic)
  return { TargetMiBps: warmMiBps ?? current, CurrentMiBps: current }
}
