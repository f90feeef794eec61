// Who gets which partition, when the coordinator makes a REST consumer the leader of its group: Kafka's range and round-robin assignors. The names are what
// members of a group must have in common: `range` and `roundrobin` are those of Java and librdkafka, `RoundRobinAssigner` is kafkajs' only one.
import type { PartitionRef } from '../../../ports.ts'

export interface Subscriber {
  readonly memberId: string
  /** group.instance.id of a static member, by which such members are sorted. */
  readonly instanceId: string | null
  readonly topics: readonly string[]
}

/** Gives each partition of each topic (by its count of partitions) to one of the members that want the topic. Every member has an entry. */
export type Assignor = (members: readonly Subscriber[], partitions: ReadonlyMap<string, number>) => ReadonlyMap<string, readonly PartitionRef[]>

/** By topic: each member a run of partitions, the first ones one more where it does not come out even. */
export const rangeAssignor: Assignor = (members, partitions) => {
  const sorted = members.toSorted(byIdentity)
  const assigned = new Map<string, PartitionRef[]>(sorted.map(({ memberId }) => [memberId, []]))
  for (const [topic, count] of [...partitions].toSorted(([a], [b]) => compare(a, b))) {
    const wanting = sorted.filter(({ topics }) => topics.includes(topic))
    let next = 0
    for (const [at, { memberId }] of wanting.entries()) {
      const share = Math.floor(count / wanting.length) + (at < count % wanting.length ? 1 : 0)
      for (const end = next + share; next < end; next++) assigned.get(memberId)!.push({ topic, partition: next })
    }
  }
  return assigned
}

/** All partitions of all topics in turn, each to the next member that wants it. */
export const roundRobinAssignor: Assignor = (members, partitions) => {
  const sorted = members.toSorted(byIdentity)
  const assigned = new Map<string, PartitionRef[]>(sorted.map(({ memberId }) => [memberId, []]))
  let turn = 0
  for (const [topic, count] of [...partitions].toSorted(([a], [b]) => compare(a, b))) {
    if (!sorted.some(({ topics }) => topics.includes(topic))) continue
    for (let partition = 0; partition < count; partition++) {
      while (!sorted[turn % sorted.length]!.topics.includes(topic)) turn++
      assigned.get(sorted[turn++ % sorted.length]!.memberId)!.push({ topic, partition })
    }
  }
  return assigned
}

/** By the name that the group's members agree on, most wanted first. */
export const assignors: ReadonlyMap<string, Assignor> = new Map([
  ['range', rangeAssignor], ['roundrobin', roundRobinAssignor], ['RoundRobinAssigner', roundRobinAssignor],
])

/** Static members first and by their own names, so that one that comes back finds what it had. */
function byIdentity(a: Subscriber, b: Subscriber): number {
  if (a.instanceId !== null && b.instanceId !== null) return compare(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  return b.instanceId === null ? compare(a.memberId, b.memberId) : 1
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
