// Partitions are split and merged as shards, in two steps: one command closes some and makes those that take their place; then the leader of each closed one says
// where its log ends, and until it has, nothing comes into its children. Whoever leads says it, so that a change of leaders in between makes no difference.
import { type Partition, Refusal, registryTopics, type Topic } from '../../ports.ts'
import type { Catalog, Verdict } from './catalog.ts'
import type { CatalogCommand } from './commands.ts'
import { createdAfterMs } from './lineage.ts'
import { leaderFault } from './partition-decisions.ts'
import { placedBehind } from './placement.ts'
import { planFault } from './reshard-plan.ts'
import { unknownTopic } from './topic-names.ts'

type Command<T extends CatalogCommand['type']> = CatalogCommand & { readonly type: T }

export function reshard(catalog: Catalog, { name, plan }: Command<'reshard'>, nowMs: number): Verdict {
  const topic = catalog.topic(name)
  if (topic === undefined) return { reply: unknownTopic(name) }
  if (topic.internal || registryTopics.has(name)) return { reply: new Refusal('invalid-request', `The partitions of topic ${name} are fixed: it is not for clients to change.`) }
  const fault = planFault(topic, plan)
  if (fault !== undefined) return { reply: fault }
  const added = placedBehind(topic, catalog.brokers, { count: plan.opens.length, createdAtMs: nowMs })
  if (added instanceof Refusal) return { reply: added }
  const closes = new Set(plan.closes)
  const partitions: Partition[] = topic.partitions.map((partition, index) => {
    const shard = partition.shard ?? { hashKeys: plan.hashKeys[index]!, parents: [] }
    return closes.has(index) ? { ...partition, partitionEpoch: partition.partitionEpoch + 1, shard, seal: { endOffset: -1, atMs: nowMs } } : withShard(partition, shard)
  })
  for (const [nth, { hashKeys, parents, isClosed }] of plan.opens.entries()) {
    const createdAtMs = createdAfterMs(nowMs, parents.map(parent => partitions[parent]!.createdAtMs))
    partitions.push({ ...added[nth]!, createdAtMs, shard: { hashKeys, parents }, ...(isClosed ? { seal: { endOffset: 0, atMs: nowMs } } : {}) })
  }
  const resharded: Topic = { ...topic, partitions }
  return { records: [{ type: 'topic', topic: resharded }], reply: resharded }
}

/** The leader says where a closed partition ends. Heard again it changes nothing; another leader's word counts where an unclean election has cost records. */
export function sealPartition(catalog: Catalog, { brokerId, brokerEpoch, topicId, partition: index, leaderEpoch, endOffset }: Command<'seal-partition'>): Verdict {
  const known = catalog.registrations.check({ id: brokerId, epoch: brokerEpoch })
  if (known instanceof Refusal) return { reply: known }
  const topic = catalog.topicById(topicId)
  if (topic === undefined) return { reply: new Refusal('unknown-topic-id', `there is no topic with id ${topicId}`) }
  const before = topic.partitions[index]
  if (before === undefined) return { reply: new Refusal('unknown-partition', `topic '${topic.name}' has no partition ${index}`) }
  const fault = leaderFault(before, { brokerId, leaderEpoch })
  if (fault !== undefined) return { reply: new Refusal(fault[0], `${topic.name}-${index}: ${fault[1]}`) }
  const { seal } = before
  if (seal === undefined || endOffset < 0) return { reply: new Refusal('invalid-request', `${topic.name}-${index} cannot end at ${endOffset}: it is ${seal === undefined ? 'open' : 'closed'}`) }
  if (seal.endOffset === endOffset) return { reply: null }
  const partition: Partition = { ...before, partitionEpoch: before.partitionEpoch + 1, seal: { ...seal, endOffset } }
  return { records: [{ type: 'partition', topicId, partition }], reply: null }
}

function withShard(partition: Partition, shard: NonNullable<Partition['shard']>): Partition {
  return partition.shard === undefined ? { ...partition, partitionEpoch: partition.partitionEpoch + 1, shard } : partition
}
