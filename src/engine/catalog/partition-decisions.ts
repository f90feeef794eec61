// What brokers and operators ask about single partitions: other in-sync replicas, other leaders, other replicas. Texts are those of Kafka's controller.
import { type Partition, type PartitionRef, type Reassignment, Refusal, type Topic } from '../../ports.ts'
import type { Catalog, Verdict } from './catalog.ts'
import type { CatalogCommand, ElectionResult, InSyncChange, PartitionId } from './commands.ts'
import {
  isReassigning, noLeader, reassigned, reverted, type Standing, without, withInSync, withOnline, withoutLost, withPreferredLeader, withUncleanLeader,
} from './partition-changes.ts'
import { assignmentFault } from './placement.ts'
import type { CatalogRecord } from './records.ts'

type Command<T extends CatalogCommand['type']> = CatalogCommand & { readonly type: T }

/** Partitions as the decision has them so far, so that one command may name a partition twice. */
class Draft {
  readonly #catalog: Catalog
  readonly #changed = new Map<string, CatalogRecord & { readonly type: 'partition' }>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  get records(): CatalogRecord[] {
    return [...this.#changed.values()]
  }

  get(topic: Topic, index: number): Partition | undefined {
    return this.#changed.get(`${topic.id}/${index}`)?.partition ?? topic.partitions[index]
  }

  /** False where nothing changes. */
  set(topic: Topic, partition: Partition | undefined): boolean {
    if (partition !== undefined) this.#changed.set(`${topic.id}/${partition.index}`, { type: 'partition', topicId: topic.id, partition })
    return partition !== undefined
  }

  /** Changes those of the named partitions that exist. */
  each(partitions: readonly PartitionId[], change: (partition: Partition, standing: Standing) => Partition | undefined): void {
    for (const { topicId, partition: index } of partitions) {
      const topic = this.#catalog.topicById(topicId)
      const before = topic && this.get(topic, index)
      if (topic !== undefined && before !== undefined) this.set(topic, change(before, this.#catalog.standing(topic)))
    }
  }
}

export function alterPartitions(catalog: Catalog, { brokerId, brokerEpoch, changes }: Command<'alter-partitions'>): Verdict {
  const known = catalog.registrations.check({ id: brokerId, epoch: brokerEpoch })
  if (known instanceof Refusal) return { reply: known }
  const draft = new Draft(catalog)
  const reply = changes.map(change => {
    const topic = catalog.topicById(change.topicId)
    if (topic === undefined) return new Refusal('unknown-topic-id', `there is no topic with id ${change.topicId}`)
    const before = draft.get(topic, change.partition)
    if (before === undefined) return new Refusal('unknown-partition', `topic '${topic.name}' has no partition ${change.partition}`)
    const fault = changeFault(catalog, brokerId, before, change)
    if (fault !== undefined) return new Refusal(fault[0], `${topic.name}-${change.partition}: ${fault[1]}`)
    draft.set(topic, withInSync(before, change.inSyncReplicas.map(({ id }) => id), catalog.standing(topic)))
    return null
  })
  return { records: draft.records, reply }
}

type Fault = [Refusal['code'], string]

/** Why the broker cannot speak for the partition under this leader epoch; undefined where it can. */
export function leaderFault({ leader, leaderEpoch }: Partition, by: { readonly brokerId: number; readonly leaderEpoch: number }): Fault | undefined {
  if (by.leaderEpoch < leaderEpoch) return ['fenced-leader-epoch', `leader epoch ${by.leaderEpoch} is over; the present one is ${leaderEpoch}`]
  if (by.leaderEpoch > leaderEpoch) return ['unknown-leader-epoch', `leader epoch ${by.leaderEpoch} has not begun; the present one is ${leaderEpoch}`]
  return leader === by.brokerId ? undefined : ['not-leader', `broker ${leader}, not ${by.brokerId}, leads it`]
}

function changeFault(catalog: Catalog, brokerId: number, before: Partition, change: InSyncChange): Fault | undefined {
  const { leader, partitionEpoch, replicas } = before
  const fault = leaderFault(before, { brokerId, leaderEpoch: change.leaderEpoch })
  if (fault !== undefined) return fault
  if (change.partitionEpoch !== partitionEpoch) return ['invalid-request', `partition epoch ${change.partitionEpoch}; the present one is ${partitionEpoch}`]
  const ids = change.inSyncReplicas.map(({ id }) => id)
  if (!ids.includes(leader)) return ['invalid-request', `the in-sync replicas ${ids.join(', ')} lack the leader ${leader}`]
  const stranger = ids.find(id => !replicas.includes(id))
  if (stranger !== undefined) return ['invalid-request', `broker ${stranger} is none of its replicas ${replicas.join(', ')}`]
  const twice = ids.find((id, at) => ids.indexOf(id) !== at)
  if (twice !== undefined) return ['invalid-request', `broker ${twice} is named twice`]
  for (const life of change.inSyncReplicas) {
    const broker = catalog.registrations.check(life)
    if (broker instanceof Refusal) return ['replica-not-available', `broker ${life.id} cannot be in sync: ${broker.message}`]
    // A leader that wants to go stays in sync with those it will hand over to.
    if (broker.state !== 'running' && life.id !== leader) return ['replica-not-available', `broker ${life.id} cannot be in sync: it is ${broker.state}`]
  }
  return undefined
}

export function replicasOffline(catalog: Catalog, { brokerId, brokerEpoch, partitions, lost }: Command<'replicas-offline'>): Verdict {
  const known = catalog.registrations.check({ id: brokerId, epoch: brokerEpoch })
  if (known instanceof Refusal) return { reply: known }
  const draft = new Draft(catalog)
  draft.each(partitions, (partition, standing) =>
    (lost ? withoutLost(partition, brokerId, standing) : without(partition, brokerId, standing, 'offline')))
  return { records: draft.records, reply: null }
}

export function replicasOnline(catalog: Catalog, { brokerId, brokerEpoch, partitions }: Command<'replicas-online'>): Verdict {
  const known = catalog.registrations.check({ id: brokerId, epoch: brokerEpoch })
  if (known instanceof Refusal) return { reply: known }
  const draft = new Draft(catalog)
  draft.each(partitions, (partition, standing) => withOnline(partition, brokerId, standing))
  return { records: draft.records, reply: null }
}

export function electLeaders(catalog: Catalog, { kind, partitions }: Command<'elect-leaders'>): Verdict {
  const draft = new Draft(catalog)
  const everything = (): PartitionRef[] => catalog.topics.flatMap(topic => topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index })))
  const results = (partitions ?? everything()).map((at): ElectionResult => ({ topic: at.topic, partition: at.partition, refusal: electLeader(catalog, draft, kind, at) }))
  // Asked for all, Kafka leaves out those that have the right leader.
  return { records: draft.records, reply: partitions === null ? results.filter(one => one.refusal?.code !== 'election-not-needed') : results }
}

function electLeader(catalog: Catalog, draft: Draft, kind: 'preferred' | 'unclean', { topic: name, partition: index }: PartitionRef): Refusal | null {
  const topic = catalog.topic(name)
  if (topic === undefined) return new Refusal('unknown-topic', `No such topic as ${name}`)
  const before = draft.get(topic, index)
  if (before === undefined) return new Refusal('unknown-partition', `No such partition as ${name}-${index}`)
  const isGood = kind === 'preferred' ? before.leader === before.replicas[0] : before.leader !== noLeader
  if (isGood) return new Refusal('election-not-needed', 'Leader election not needed for topic partition.')
  const standing = catalog.standing(topic)
  if (draft.set(topic, kind === 'preferred' ? withPreferredLeader(before, standing) : withUncleanLeader(before, standing))) return null
  return kind === 'preferred'
    ? new Refusal('preferred-leader-not-available', 'The preferred leader was not available.')
    : new Refusal('eligible-leaders-not-available', 'Eligible topic partition leaders are not available.')
}

/** Leaders back to the preferred replicas; and what has no leader gets one that is not in sync, where the topic has come to allow that. */
export function balanceLeaders(catalog: Catalog): Verdict {
  const draft = new Draft(catalog)
  for (const topic of catalog.topics) {
    const standing = catalog.standing(topic)
    for (const partition of topic.partitions) {
      if (partition.leader !== noLeader) draft.set(topic, withPreferredLeader(partition, standing))
      else if (standing.isUncleanAllowed) draft.set(topic, withUncleanLeader(partition, standing))
    }
  }
  return { records: draft.records, reply: null }
}

export function reassign(catalog: Catalog, wishes: readonly Reassignment[]): Verdict {
  const draft = new Draft(catalog)
  const reply = wishes.map(wish => reassignOne(catalog, draft, wish))
  return { records: draft.records, reply }
}

function reassignOne(catalog: Catalog, draft: Draft, { topic: name, partition: index, replicas }: Reassignment): Refusal | null {
  const topic = catalog.topic(name)
  if (topic === undefined) return new Refusal('unknown-topic', `Unable to find a topic named ${name}.`)
  const before = draft.get(topic, index)
  if (before === undefined) return new Refusal('unknown-partition', `Unable to find partition ${name}:${index}.`)
  const standing = catalog.standing(topic)
  if (replicas !== null) {
    const fault = assignmentFault(replicas, catalog.brokers)
    if (fault !== undefined) return new Refusal('invalid-replica-assignment', fault)
    draft.set(topic, reassigned(before, replicas, standing))
    return null
  }
  if (!isReassigning(before)) return new Refusal('no-reassignment-in-progress', 'No partition reassignment is in progress.')
  const next = reverted(before, standing)
  if (next === 'unclean') {
    return new Refusal('invalid-replica-assignment', `Unable to revert partition assignment for ${name}:${index} because it would require an unclean leader election.`)
  }
  draft.set(topic, next)
  return null
}
