// Which brokers hold the replicas of new partitions, and whether an assignment that somebody else chose can be. Texts are those of Kafka's controller.
import { type Broker, type Partition, Refusal } from '../../ports.ts'

/** More in one request are refused, as Kafka's controller does, so that one request cannot fill memory or disk with empty partitions. */
export const partitionsPerRequestMax = 10_000

export interface Placement {
  readonly brokers: readonly Broker[]
  readonly firstIndex: number
  readonly count: number
  readonly replicationFactor: number
  readonly createdAtMs: number
}

/** Partitions in turn over the brokers, leaders and followers alike. */
export function placed({ brokers, firstIndex, count, replicationFactor, createdAtMs }: Placement): Partition[] | Refusal {
  if (count > partitionsPerRequestMax) return tooMany(count)
  if (replicationFactor > brokers.length) {
    return new Refusal('invalid-replication-factor', `Unable to replicate the partition ${replicationFactor} time(s): The target replication `
      + `factor of ${replicationFactor} cannot be reached because only ${brokers.length} broker(s) are registered.`)
  }
  return Array.from({ length: count }, (_, at) => {
    const index = firstIndex + at
    return partition(index, Array.from({ length: replicationFactor }, (_unused, turn) => brokers[(index + turn) % brokers.length]!.id), createdAtMs)
  })
}

/** Partitions as assigned: per partition the brokers, the preferred leader first. All must have as many. */
export function assigned(
  assignment: readonly (readonly number[])[], at: Pick<Placement, 'brokers' | 'firstIndex' | 'createdAtMs'> & Partial<Pick<Placement, 'replicationFactor'>>,
): Partition[] | Refusal {
  if (assignment.length > partitionsPerRequestMax) return tooMany(assignment.length)
  const factor = at.replicationFactor ?? assignment[0]?.length ?? 0
  for (const replicas of assignment) {
    const fault = assignmentFault(replicas, factor, at.brokers)
    if (fault !== undefined) return new Refusal('invalid-replica-assignment', fault)
  }
  return assignment.map((replicas, index) => partition(at.firstIndex + index, replicas, at.createdAtMs))
}

function assignmentFault(replicas: readonly number[], factor: number, brokers: readonly Broker[]): string | undefined {
  if (replicas.length === 0) return 'The manual partition assignment includes an empty replica list.'
  const stranger = replicas.find(id => !brokers.some(broker => broker.id === id))
  if (stranger !== undefined) return `The manual partition assignment includes broker ${stranger}, but no such broker is registered.`
  const twice = replicas.find((id, at) => replicas.indexOf(id) !== at)
  if (twice !== undefined) return `The manual partition assignment includes the broker ${twice} more than once.`
  if (replicas.length === factor) return undefined
  return `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous `
    + `partitions, which have ${factor} replica(s).`
}

function tooMany(count: number): Refusal {
  return new Refusal('policy-violation', `Excessively large number of partitions per request: ${count}, at most ${partitionsPerRequestMax}.`)
}

function partition(index: number, replicas: readonly number[], createdAtMs: number): Partition {
  return { index, leader: replicas[0]!, leaderEpoch: 0, replicas, inSyncReplicas: replicas, createdAtMs }
}
