// Which brokers hold the replicas of new partitions, and whether an assignment that somebody else chose can be. Texts are those of Kafka's controller.
import { type Broker, type Partition, Refusal, type Topic } from '../../ports.ts'
import { born } from './partition-changes.ts'

/** More in one request are refused, as Kafka's controller does, so that one request cannot fill memory or disk with empty partitions. */
export const partitionsPerRequestMax = 10_000

export interface Placement {
  readonly topicId: string
  readonly brokers: readonly Broker[]
  readonly firstIndex: number
  readonly count: number
  readonly replicationFactor: number
  readonly createdAtMs: number
}

/**
 * Leaders in turn over the brokers that run, from one that the topic's id decides; the other replicas in racks that have none yet while there are such
 * (KIP-36), on brokers that run before others. With each round over the brokers the followers of a leader change, so that its load spreads when it fails.
 */
export function placed({ topicId, brokers, firstIndex, count, replicationFactor, createdAtMs }: Placement): Partition[] | Refusal {
  if (count > partitionsPerRequestMax) return tooMany(count)
  const unable = `Unable to replicate the partition ${replicationFactor} time(s): `
  if (replicationFactor > brokers.length) {
    return new Refusal('invalid-replication-factor', `${unable}The target replication factor of ${replicationFactor} cannot be reached because only `
      + `${brokers.length} broker(s) are registered.`)
  }
  const ring = byRackInTurn(brokers)
  const leaders = ring.filter(isRunning)
  if (leaders.length === 0) return new Refusal('invalid-replication-factor', `${unable}All brokers are currently fenced.`)
  const start = Number.parseInt(topicId.slice(0, 8), 16)
  return Array.from({ length: count }, (_, at) => {
    const turn = start + firstIndex + at
    const leader = leaders[turn % leaders.length]!
    return bornOf(firstIndex + at, replicasOf(leader, ring, replicationFactor, Math.floor(turn / leaders.length)), brokers, createdAtMs)!
  })
}

/** More partitions of a topic that is there, with as many replicas as the others have. */
export function placedBehind(topic: Topic, brokers: readonly Broker[], { count, createdAtMs }: Pick<Placement, 'count' | 'createdAtMs'>): Partition[] | Refusal {
  return placed({ topicId: topic.id, brokers, firstIndex: topic.partitions.length, replicationFactor: replicationFactorOf(topic), count, createdAtMs })
}

/** A reassignment under way has replicas of both sides in its list. */
export function replicationFactorOf({ partitions }: Topic): number {
  const { replicas, addingReplicas } = partitions[0]!
  return replicas.length - addingReplicas.length
}

/** Partitions as assigned: per partition the brokers, the preferred leader first. All must have as many. */
export function assigned(
  assignment: readonly (readonly number[])[], at: Pick<Placement, 'brokers' | 'firstIndex' | 'createdAtMs'> & Partial<Pick<Placement, 'replicationFactor'>>,
): Partition[] | Refusal {
  if (assignment.length > partitionsPerRequestMax) return tooMany(assignment.length)
  const factor = at.replicationFactor ?? assignment[0]?.length ?? 0
  const partitions: Partition[] = []
  for (const [nth, replicas] of assignment.entries()) {
    const index = at.firstIndex + nth
    const fault = assignmentFault(replicas, at.brokers) ?? factorFault(replicas, factor)
    const partition = fault === undefined ? bornOf(index, replicas, at.brokers, at.createdAtMs) : undefined
    const allFenced = `All brokers specified in the manual partition assignment for partition ${index} are fenced or in controlled shutdown.`
    if (partition === undefined) return new Refusal('invalid-replica-assignment', fault ?? allFenced)
    partitions.push(partition)
  }
  return partitions
}

/** Why these cannot be a partition's replicas; undefined where they can. */
export function assignmentFault(replicas: readonly number[], brokers: readonly Pick<Broker, 'id'>[]): string | undefined {
  if (replicas.length === 0) return 'The manual partition assignment includes an empty replica list.'
  const stranger = replicas.find(id => !brokers.some(broker => broker.id === id))
  if (stranger !== undefined) return `The manual partition assignment includes broker ${stranger}, but no such broker is registered.`
  const twice = replicas.find((id, at) => replicas.indexOf(id) !== at)
  return twice === undefined ? undefined : `The manual partition assignment includes the broker ${twice} more than once.`
}

function factorFault(replicas: readonly number[], factor: number): string | undefined {
  if (replicas.length === factor) return undefined
  return `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous `
    + `partitions, which have ${factor} replica(s).`
}

function tooMany(count: number): Refusal {
  return new Refusal('policy-violation', `Excessively large number of partitions per request: ${count}, at most ${partitionsPerRequestMax}.`)
}

/** The brokers in an order in which neighbours are in different racks, as far as that goes: the first of each rack, then the second of each. */
function byRackInTurn(brokers: readonly Broker[]): Broker[] {
  const racks = Map.groupBy(brokers.toSorted((a, b) => a.id - b.id), broker => broker.rack ?? '')
  const inOrder = [...racks].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, rack]) => rack)
  const most = Math.max(0, ...inOrder.map(rack => rack.length))
  return Array.from({ length: most }, (_, at) => inOrder.flatMap(rack => rack.slice(at, at + 1))).flat()
}

function replicasOf(leader: Broker, ring: readonly Broker[], replicationFactor: number, round: number): number[] {
  const from = ring.indexOf(leader)
  const others = [...ring.slice(from + 1), ...ring.slice(0, from)]
  const shift = others.length === 0 ? 0 : round % others.length
  const left = [...others.slice(shift), ...others.slice(0, shift)]
  const taken = [leader]
  while (taken.length < replicationFactor) {
    const used = (rack: string | null): number => taken.filter(broker => broker.rack === rack).length
    const cost = (broker: Broker): number => (isRunning(broker) ? 0 : ring.length) + used(broker.rack)
    const next = left.reduce((best, broker) => (cost(broker) < cost(best) ? broker : best))
    left.splice(left.indexOf(next), 1)
    taken.push(next)
  }
  return taken.map(broker => broker.id)
}

function bornOf(index: number, replicas: readonly number[], brokers: readonly Broker[], createdAtMs: number): Partition | undefined {
  return born(index, replicas, id => brokers.some(broker => broker.id === id && isRunning(broker)), createdAtMs)
}

function isRunning(broker: Broker): boolean {
  return broker.state === 'running'
}
