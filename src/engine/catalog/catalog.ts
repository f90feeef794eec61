// The cluster's metadata as a state machine over `__cluster_metadata`: brokers, topics with their partitions and configs, dynamic broker configs,
// ACL bindings, access keys, blocks of producer ids. Commands decide, records apply; what the catalog does not know does not exist.
import { assert } from '../../base/assert.ts'
import { type AccessKey, type AclBinding, type Broker, type ConfigChange, type NewTopic, Refusal, type Topic } from '../../ports.ts'
import type { RecordDraft, RecordView } from '../../wire/batch.ts'
import type { Decision, Machine, TimerChange } from '../machine.ts'
import type { CatalogCommand, CatalogReply } from './commands.ts'
import { alteredBrokerConfigs, alteredTopicConfigs, checkedTopicConfigs, Configs } from './configs.ts'
import { assigned, placed } from './placement.ts'
import { type CatalogRecord, decodeRecord, encodeRecord } from './records.ts'
import { internalTopics, topicNameFault } from './topic-names.ts'

type Verdict = Decision<CatalogCommand, CatalogRecord, CatalogReply>

/** Producer ids are given out in blocks, as Kafka does: one record per block, and a restart never gives an id twice. */
export const producerIdsPerBlock = 1000

export class Catalog implements Machine<CatalogCommand, CatalogRecord, CatalogReply> {
  readonly configs: Configs
  #clusterId: string | undefined
  readonly #brokers = new Map<number, Broker>()
  readonly #topics = new Map<string, Topic>()
  readonly #names = new Map<string, string>()
  readonly #condemned = new Map<string, string>()
  readonly #brokerConfigs = new Map<string, Map<string, string>>()
  readonly #acls = new Map<string, AclBinding>()
  readonly #accessKeys = new Map<string, AccessKey>()
  #nextProducerId = 0
  #sorted: readonly Topic[] | undefined
  #bindings: readonly AclBinding[] | undefined
  #version = 0

  /** `settings`: broker configs given at the start; throws for a bad one. */
  constructor(options: { readonly brokerId: number; readonly settings: Readonly<Record<string, string | number | boolean>> }) {
    this.configs = new Configs({ ...options, dynamic: () => this.#brokerConfigs })
  }

  // --------------------------------------------------------------------------------------------------------- questions

  get clusterId(): string {
    assert(this.#clusterId !== undefined, 'a broker is registered before anything is asked')
    return this.#clusterId
  }

  get brokers(): readonly Broker[] {
    return [...this.#brokers.values()].toSorted((a, b) => a.id - b.id)
  }

  /** Sorted by name. */
  get topics(): readonly Topic[] {
    this.#sorted ??= [...this.#topics.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return this.#sorted
  }

  /** Names by id of the deleted topics that still have files or committed offsets. */
  get condemned(): ReadonlyMap<string, string> {
    return this.#condemned
  }

  /** Grows with each change of topics or configs: what was derived from them at an earlier version is stale. */
  get version(): number {
    return this.#version
  }

  /** A new array after each change. */
  get acls(): readonly AclBinding[] {
    this.#bindings ??= [...this.#acls.values()]
    return this.#bindings
  }

  get accessKeys(): readonly AccessKey[] {
    return [...this.#accessKeys.values()]
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  topicById(id: string): Topic | undefined {
    return this.#topics.get(this.#names.get(id) ?? '')
  }

  accessKey(id: string): AccessKey | undefined {
    return this.#accessKeys.get(id)
  }

  // ---------------------------------------------------------------------------------------------------------- commands

  decide(command: CatalogCommand, nowMs: number): Verdict {
    switch (command.type) {
      case 'register': return this.#register(command.clusterId, command.broker)
      case 'create-topic': return this.#createTopic(command, nowMs)
      case 'delete-topic': return this.#deleteTopic(command.name)
      case 'forget-topic': return { records: this.#condemned.has(command.topicId) ? [{ type: 'forgotten', topicId: command.topicId }] : [], reply: null }
      case 'create-partitions': return this.#createPartitions(command, nowMs)
      case 'alter-configs': return this.#alterConfigs(command)
      case 'add-acls': return { records: command.bindings.filter(one => !this.#acls.has(keyOf(one))).map(binding => ({ type: 'acl', binding })), reply: null }
      case 'remove-acls': {
        return { records: command.bindings.filter(one => this.#acls.has(keyOf(one))).map(binding => ({ type: 'acl-removed', binding })), reply: null }
      }
      case 'add-access-key': {
        const { key } = command
        if (this.#accessKeys.has(key.id)) return refused('duplicate-resource', `access key '${key.id}' exists already`)
        return { records: [{ type: 'access-key', key }], reply: null }
      }
      case 'remove-access-key': {
        if (!this.#accessKeys.has(command.id)) return refused('resource-not-found', `there is no access key '${command.id}'`)
        return { records: [{ type: 'access-key-removed', id: command.id }], reply: null }
      }
      case 'allocate-producer-ids': {
        return { records: [{ type: 'producer-ids', next: this.#nextProducerId + producerIdsPerBlock }], reply: this.#nextProducerId }
      }
    }
  }

  #register(clusterId: string, broker: Broker): Verdict {
    const records: CatalogRecord[] = []
    if (this.#clusterId !== undefined && this.#clusterId !== clusterId) {
      return refused('storage-error', `the catalog is of cluster ${this.#clusterId}, not ${clusterId}`)
    }
    if (this.#clusterId === undefined) records.push({ type: 'cluster', clusterId })
    const known = this.#brokers.get(broker.id)
    if (known === undefined || known.rack !== broker.rack) records.push({ type: 'broker', broker })
    return { records, reply: null }
  }

  #createTopic({ topic: wanted, topicId, internal, validateOnly }: CatalogCommand & { type: 'create-topic' }, nowMs: number): Verdict {
    if (internalTopics.has(wanted.name) && !internal) return refused('invalid-request', `Creation of internal topic ${wanted.name} is prohibited.`)
    const nameFault = topicNameFault(wanted.name, this.#topics.keys())
    if (nameFault !== undefined) return { reply: nameFault }
    if (this.#topics.has(wanted.name)) return refused('topic-exists', `Topic '${wanted.name}' already exists.`)
    const configs = checkedTopicConfigs(wanted.configs)
    if (configs instanceof Refusal) return { reply: configs }
    const partitions = this.#partitionsOf(wanted, nowMs)
    if (partitions instanceof Refusal) return { reply: partitions }
    const topic: Topic = { name: wanted.name, id: topicId, internal, createdAtMs: nowMs, partitions, configs }
    return { records: validateOnly ? [] : [{ type: 'topic', topic }], reply: topic }
  }

  #partitionsOf({ partitions, replicationFactor, assignment }: NewTopic, createdAtMs: number): Topic['partitions'] | Refusal {
    const { brokers } = this
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
    const count = partitions === -1 ? this.configs.number('num.partitions') : partitions
    const factor = replicationFactor === -1 ? Math.min(this.configs.number('default.replication.factor'), brokers.length) : replicationFactor
    return placed({ brokers, firstIndex: 0, count, replicationFactor: factor, createdAtMs })
  }

  #deleteTopic(name: string): Verdict {
    const topic = this.#topics.get(name)
    if (topic === undefined) return { reply: unknownTopic(name) }
    if (topic.internal) return refused('invalid-topic', `Deletion of internal topic ${name} is prohibited.`)
    if (this.configs.broker('delete.topic.enable') === 'false') {
      return refused('topic-deletion-disabled', `Topic '${name}' cannot be deleted: topic deletion is disabled.`)
    }
    return { records: [{ type: 'topic-removed', topicId: topic.id }, { type: 'condemned', topicId: topic.id, name }], reply: topic }
  }

  #createPartitions({ name, count, assignment, validateOnly }: CatalogCommand & { type: 'create-partitions' }, nowMs: number): Verdict {
    const topic = this.#topics.get(name)
    if (topic === undefined) return { reply: unknownTopic(name) }
    if (topic.internal) return refused('invalid-request', `The partitions of internal topic ${name} are fixed.`)
    const present = topic.partitions.length
    if (count === present) return refused('invalid-partitions', `Topic already has ${present} partition(s).`)
    if (count < present) return refused('invalid-partitions', `The topic ${name} currently has ${present} partition(s); ${count} would not be an increase.`)
    const added = count - present
    if (assignment !== undefined && assignment.length !== added) {
      const reason = `Attempted to add ${added} additional partition(s), but only ${assignment.length} assignment(s) were specified.`
      return refused('invalid-replica-assignment', reason)
    }
    const replicationFactor = topic.partitions[0]!.replicas.length
    const at = { brokers: this.brokers, firstIndex: present, replicationFactor, createdAtMs: nowMs }
    const partitions = assignment === undefined ? placed({ ...at, count: added }) : assigned(assignment, at)
    if (partitions instanceof Refusal) return { reply: partitions }
    const grown: Topic = { ...topic, partitions: [...topic.partitions, ...partitions] }
    return { records: validateOnly ? [] : [{ type: 'topic', topic: grown }], reply: grown }
  }

  #alterConfigs({ resource, changes, validateOnly }: CatalogCommand & { type: 'alter-configs' }): Verdict {
    if (resource.type === 'broker') return this.#alterBrokerConfigs(resource.name, changes, validateOnly)
    const topic = this.#topics.get(resource.name)
    if (topic === undefined) return { reply: unknownTopic(resource.name) }
    if (topic.internal) return refused('policy-violation', `The configs of internal topic ${resource.name} are fixed.`)
    const configs = alteredTopicConfigs(topic.configs, changes, name => this.configs.topic(topic.configs, name))
    if (configs instanceof Refusal) return { reply: configs }
    return { records: validateOnly ? [] : [{ type: 'topic', topic: { ...topic, configs } }], reply: null }
  }

  #alterBrokerConfigs(broker: string, changes: readonly ConfigChange[], validateOnly: boolean): Verdict {
    const fault = this.brokerFault(broker)
    if (fault !== undefined) return { reply: fault }
    const own = this.#brokerConfigs.get(broker) ?? new Map<string, string>()
    const configs = alteredBrokerConfigs(own, changes)
    if (configs instanceof Refusal) return { reply: configs }
    const names = [...new Set(changes.map(change => change.name))].filter(name => own.get(name) !== configs.get(name))
    return { records: validateOnly ? [] : names.map(name => ({ type: 'broker-config', broker, name, value: configs.get(name) ?? null })), reply: null }
  }

  /** A refusal where `broker` ('' means all) is not the name of a registered broker. */
  brokerFault(broker: string): Refusal | undefined {
    if (broker === '' || [...this.#brokers.keys()].some(id => String(id) === broker)) return undefined
    return new Refusal('invalid-request', `Unexpected broker id, expected one of ${[...this.#brokers.keys()].join(', ')}, but received ${broker}`)
  }

  // ----------------------------------------------------------------------------------------------------------- records

  apply(record: CatalogRecord): void {
    switch (record.type) {
      case 'cluster': this.#clusterId = record.clusterId; break
      case 'broker': this.#brokers.set(record.broker.id, record.broker); break
      case 'topic': this.#topics.set(record.topic.name, record.topic); this.#names.set(record.topic.id, record.topic.name); break
      case 'topic-removed': this.#topics.delete(this.#names.get(record.topicId) ?? ''); this.#names.delete(record.topicId); break
      case 'condemned': this.#condemned.set(record.topicId, record.name); break
      case 'forgotten': this.#condemned.delete(record.topicId); break
      case 'broker-config': this.#applyBrokerConfig(record.broker, record.name, record.value); break
      case 'acl': this.#acls.set(keyOf(record.binding), record.binding); this.#bindings = undefined; break
      case 'acl-removed': this.#acls.delete(keyOf(record.binding)); this.#bindings = undefined; break
      case 'access-key': this.#accessKeys.set(record.key.id, record.key); break
      case 'access-key-removed': this.#accessKeys.delete(record.id); break
      case 'producer-ids': this.#nextProducerId = Math.max(this.#nextProducerId, record.next); break
    }
    this.#sorted = undefined
    this.#version++
  }

  #applyBrokerConfig(broker: string, name: string, value: string | null): void {
    const configs = this.#brokerConfigs.get(broker) ?? new Map<string, string>()
    if (value === null) configs.delete(name)
    else configs.set(name, value)
    this.#brokerConfigs.set(broker, configs)
  }

  encode(record: CatalogRecord): RecordDraft {
    return encodeRecord(record)
  }

  decode(view: RecordView): CatalogRecord | undefined {
    return decodeRecord(view)
  }

  get size(): number {
    const settings = [...this.#brokerConfigs.values()].reduce((sum, configs) => sum + configs.size, 0)
    return 2 + this.#brokers.size + this.#topics.size + this.#condemned.size + settings + this.#acls.size + this.#accessKeys.size
  }

  *snapshot(): Generator<CatalogRecord> {
    yield { type: 'cluster', clusterId: this.clusterId }
    for (const broker of this.#brokers.values()) yield { type: 'broker', broker }
    for (const topic of this.#topics.values()) yield { type: 'topic', topic }
    for (const [topicId, name] of this.#condemned) yield { type: 'condemned', topicId, name }
    for (const [broker, configs] of this.#brokerConfigs) for (const [name, value] of configs) yield { type: 'broker-config', broker, name, value }
    for (const binding of this.#acls.values()) yield { type: 'acl', binding }
    for (const key of this.#accessKeys.values()) yield { type: 'access-key', key }
    yield { type: 'producer-ids', next: this.#nextProducerId }
  }

  resume(): readonly TimerChange<CatalogCommand>[] {
    return []
  }
}

export function unknownPartition(topic: string, partition: number): Refusal {
  return new Refusal('unknown-partition', `This server does not host this topic-partition: topic '${topic}' has no partition ${partition}.`)
}

export function unknownTopic(name: string): Refusal {
  return new Refusal('unknown-topic', `This server does not host this topic-partition: there is no topic '${name}'.`)
}

function refused(code: Refusal['code'], message: string): Verdict {
  return { reply: new Refusal(code, message) }
}

function keyOf({ principal, host, operation, permission, resourceType, resourceName, patternType }: AclBinding): string {
  return JSON.stringify([principal, host, operation, permission, resourceType, resourceName, patternType])
}
