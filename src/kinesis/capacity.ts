// The capacity of on-demand streams: how many shards one starts with, and the write throughput that it was asked to be ready for. A shard takes 1 MiB a second, so that
// MiB per second and open shards are the same number.
import type { Topic } from '../ports.ts'
import { type ValueOf, integer, structure } from '../wire/operation.ts'
import { isCommitted, openShardCount } from './account.ts'
import type { Services } from './context.ts'
import { AwsError, validation } from './errors.ts'
import { factsOf } from './stream-facts.ts'

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

/** Undefined for streams that AWS shows none of: provisioned ones, and those of an account without a commitment. */
export function warmThroughputOf(topic: Topic, services: Services): ValueOf<typeof warmThroughputShape> | undefined {
  const { mode, warmMiBps } = factsOf(topic, services)
  if (mode !== 'ON_DEMAND' || !isCommitted(services)) return undefined
  const current = openShardCount(topic)
  return { TargetMiBps: warmMiBps ?? current, CurrentMiBps: current }
}
