// Topics are made, grown, altered and deleted.
import { type ConfigChange, type Document, keyIdConfig, type NewTopic, type Partition, Refusal, type Topic } from '../../ports.ts'
import { clearedBy } from './broker-decisions.ts'
import type { Catalog, Verdict } from './catalog.ts'
import type { CatalogCommand } from './commands.ts'
import { alteredBrokerConfigs, alteredTopicConfigs, checkedTopicConfigs } from './configs.ts'
import { documentFault } from './documents.ts'
import { createdAfterMs } from './lineage.ts'
import { withMinInSync, withUncleanLeader } from './partition-changes.ts'
import { assigned, placed, placedBehind, replicationFactorOf } from './placement.ts'
import type { CatalogRecord } from './records.ts'
import { internalTopics, topicNameFault, unknownTopic } from './topic-names.ts'

type Command<T extends CatalogCommand['type']> = CatalogCommand & { readonly type: T }

export function createTopic(catalog: Catalog, { topic: wanted, topicId, internal, validateOnly }: Command<'create-topic'>, nowMs: number): Verdict {
  if (internalTopics.has(wanted.name) && !internal) return refused('invalid-request', `Creation of internal topic ${wanted.name} is prohibited.`)
  const nameFault = topicNameFault(wanted.name, catalog.topicNames)
  if (nameFault !== undefined) return { reply: nameFault }
  if (catalog.topic(wanted.name) !== undefined) return refused('topic-exists', `Topic '${wanted.name}' already exists.`)
  const configs = checkedTopicConfigs(wanted.configs)
  if (configs instanceof Refusal) return { reply: configs }
  const keyFault = newKeyFault(catalog, configs)
  if (keyFault !== undefined) return { reply: keyFault }
  const partitions = partitionsOf(catalog, topicId, wanted, createdAfterMs(nowMs, [catalog.newestDeletedMs]))
  if (partitions instanceof Refusal) return { reply: partitions }
  const topic: Topic = { name: wanted.name, id: topicId, internal, createdAtMs: nowMs, partitions, configs }
  const made: CatalogRecord[] = [{ type: 'topic', topic }]
  if (wanted.document !== undefined) {
    const document: Document = { ...wanted.document, key: topicId, topicId, version: 1 }
    const fault = documentFault(document)
    if (fault !== undefined) return { reply: fault }
    made.push({ type: 'document', document })
  }
  return { records: validateOnly ? [] : made, reply: topic }
}

function partitionsOf(catalog: Catalog, topicId: string, { partitions, replicationFactor, assignment }: NewTopic, createdAtMs: number): Partition[] | Refusal {
  const { brokers, configs } = catalog
  if (assignment !== undefined) {
    const counted = replicationFactor !== -1 ? 'replication factor' : partitions !== -1 ? 'numPartitions' : undefined
    if (counted !== undefined) return new Refusal('invalid-request', `A manual partition assignment was specified, but ${counted} was not set to -1.`)
    if (assignment.length === 0) return new Refusal('invalid-replica-assignment', 'The manual partition assignment names no partition.')
    return assigned(assignment, { brokers, firstIndex: 0, createdAtMs })
  }
  if (replicationFactor < -1 || replicationFactor === 0) {
    return new Refusal('invalid-replication-factor', `Replication factor must be larger than 0, or -1 to use the default value; it is ${replicationFactor}.`)
  }
  if (partitions < -1 || partitions === 0) {
    return new Refusal('invalid-partitions', `Number of partitions was set to an invalid non-positive value: ${partitions}.`)
  }
  const count = partitions === -1 ? configs.number('num.partitions') : partitions
  const factor = replicationFactor === -1 ? Math.min(configs.number('default.replication.factor'), brokers.length) : replicationFactor
  return placed({ topicId, brokers, firstIndex: 0, count, replicationFactor: factor, createdAtMs })
}

/** Every registered broker may have files of it, also such that its replicas have moved away from. */
export function deleteTopic(catalog: Catalog, name: string): Verdict {
  const topic = catalog.topic(name)
  if (topic === undefined) return { reply: unknownTopic(name) }
  if (topic.internal) return refused('invalid-topic', `Deletion of internal topic ${name} is prohibited.`)
  if (catalog.configs.broker('delete.topic.enable') === 'false') {
    return refused('topic-deletion-disabled', `Topic '${name}' cannot be deleted: topic deletion is disabled.`)
  }
  const brokers = catalog.brokers.map(broker => broker.id)
  return { records: [{ type: 'topic-removed', topicId: topic.id }, { type: 'condemned', topicId: topic.id, name, brokers }], reply: topic }
}

export function clearTopic(catalog: Catalog, { topicId, brokerId }: Command<'clear-topic'>): Verdict {
  return { records: clearedBy(catalog, topicId, brokerId), reply: null }
}

export function createPartitions(catalog: Catalog, { name, count, assignment, validateOnly }: Command<'create-partitions'>, nowMs: number): Verdict {
  const topic = catalog.topic(name)
  if (topic === undefined) return { reply: unknownTopic(name) }
  if (topic.internal) return refused('invalid-request', `The partitions of internal topic ${name} are fixed.`)
  const present = topic.partitions.length
  if (topic.partitions.some(({ shard }) => shard !== undefined)) return refused('invalid-request', `Topic '${name}' was resharded through Kinesis and takes no more partitions.`)
  if (count === present) return refused('invalid-partitions', `Topic already has ${present} partition(s).`)
  if (count < present) return refused('invalid-partitions', `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`)
  const added = count - present
  if (assignment !== undefined && assignment.length !== added) {
    const reason = `Attempted to add ${added} additional partition(s), but only ${assignment.length} assignment(s) were specified.`
    return refused('invalid-replica-assignment', reason)
  }
  const { brokers } = catalog
  const partitions = assignment === undefined ? placedBehind(topic, brokers, { count: added, createdAtMs: nowMs })
    : assigned(assignment, { brokers, firstIndex: present, replicationFactor: replicationFactorOf(topic), createdAtMs: nowMs })
  if (partitions instanceof Refusal) return { reply: partitions }
  const grown: Topic = { ...topic, partitions: [...topic.partitions, ...partitions] }
  return { records: validateOnly ? [] : [{ type: 'topic', topic: grown }], reply: grown }
}

export function alterConfigs(catalog: Catalog, { resource, changes, validateOnly }: Command<'alter-configs'>): Verdict {
  if (resource.type === 'broker') return alterBrokerConfigs(catalog, resource.name, changes, validateOnly)
  const topic = catalog.topic(resource.name)
  if (topic === undefined) return { reply: unknownTopic(resource.name) }
  if (topic.internal) return refused('policy-violation', `The configs of internal topic ${resource.name} are fixed.`)
  const configs = alteredTopicConfigs(topic.configs, changes, name => catalog.configs.topic(topic.configs, name))
  if (configs instanceof Refusal) return { reply: configs }
  const keyFault = newKeyFault(catalog, configs, topic.configs)
  if (keyFault !== undefined) return { reply: keyFault }
  const altered = { ...topic, configs }
  const standing = catalog.standing(altered)
  // What was without a leader need not wait for the next round of elections.
  const partitions = topic.partitions.map(before => {
    const partition = withMinInSync(before, standing) ?? before
    return (standing.isUncleanAllowed ? withUncleanLeader(partition, standing) : undefined) ?? partition
  })
  return { records: validateOnly ? [] : [{ type: 'topic', topic: { ...altered, partitions } }], reply: null }
}

/** A topic may only be given a key that is there; one that has gone since is told to whoever reads or writes. */
function newKeyFault(catalog: Catalog, configs: ReadonlyMap<string, string>, before?: ReadonlyMap<string, string>): Refusal | undefined {
  const keyId = configs.get(keyIdConfig) ?? ''
  if (keyId === '' || keyId === before?.get(keyIdConfig) || catalog.documents.find('kms-key', keyId) !== undefined) return undefined
  return new Refusal('invalid-config', `Invalid value ${keyId} for configuration ${keyIdConfig}: there is no such key; \`sluice kms list\` shows those there are`)
}

function alterBrokerConfigs(catalog: Catalog, broker: string, changes: readonly ConfigChange[], validateOnly: boolean): Verdict {
  const fault = catalog.brokerFault(broker)
  if (fault !== undefined) return { reply: fault }
  const own = catalog.brokerConfigs.get(broker) ?? new Map<string, string>()
  const configs = alteredBrokerConfigs(own, changes)
  if (configs instanceof Refusal) return { reply: configs }
  const names = [...new Set(changes.map(change => change.name))].filter(name => own.get(name) !== configs.get(name))
  const records = names.map((name): CatalogRecord => ({ type: 'broker-config', broker, name, value: configs.get(name) ?? null }))
  // Where fewer in-sync replicas are enough from now on, those that are not in sync miss what is acknowledged.
  if (names.includes('min.insync.replicas')) records.push(...noneEligible(catalog))
  return { records: validateOnly ? [] : records, reply: null }
}

function noneEligible(catalog: Catalog): CatalogRecord[] {
  return catalog.topics.filter(({ configs }) => !configs.has('min.insync.replicas')).flatMap(topic => topic.partitions.flatMap(before => {
    const partition = withMinInSync(before, { minInSync: 1 })
    return partition === undefined ? [] : [{ type: 'partition' as const, topicId: topic.id, partition }]
  }))
}

function refused(code: Refusal['code'], message: string): Verdict {
  return { reply: new Refusal(code, message) }
}
