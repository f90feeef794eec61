// The cluster's metadata as a state machine over `__cluster_metadata`: brokers, topics with their partitions and configs, dynamic broker configs,
// ACL bindings, access keys, blocks of producer ids, voters. Commands decide, records apply; what the catalog does not know does not exist.
// Here is the state; what each command makes of it is decided in the files named after what it is about.
import { assert } from '../../base/assert.ts'
import { type AccessKey, type AclBinding, type Broker, type Partition, Refusal, type Topic } from '../../ports.ts'
import type { RecordDraft, RecordView } from '../../wire/batch.ts'
import type { Decision, Machine, TimerChange } from '../machine.ts'
import { fenceBroker, registerBroker, startCluster, stopBroker, unfenceBrokers, unregisterBroker } from './broker-decisions.ts'
import type { CatalogCommand, CatalogReply, Registration, Voter } from './commands.ts'
import { Configs, type DynamicConfigs } from './configs.ts'
import { DocumentTable, putDocument, removeDocument } from './documents.ts'
import type { Standing } from './partition-changes.ts'
import { alterPartitions, balanceLeaders, electLeaders, reassign, replicasOffline, replicasOnline } from './partition-decisions.ts'
import { type CatalogRecord, decodeRecord, encodeRecord } from './records.ts'
import { Registrations, unknownBroker } from './registrations.ts'
import { reshard, sealPartition } from './reshard-decisions.ts'
import { alterConfigs, clearTopic, createPartitions, createTopic, deleteTopic } from './topic-decisions.ts'

export { unknownPartition, unknownTopic } from './topic-names.ts'

export type Verdict = Decision<CatalogCommand, CatalogRecord, CatalogReply>

/** Producer ids are given out in blocks, as Kafka does: one record per block, and a restart never gives an id twice. */
export const producerIdsPerBlock = 1000

/** A deleted topic of which some brokers may still have files, or committed offsets. */
export interface Condemned {
  readonly name: string
  readonly brokers: readonly number[]
}

/** Temporary ones go by themselves; so many more than people make mean that something makes them without end. */
const accessKeysMax = 10_000

/** A topic whose partitions change in place: a change of one does not cost as much as there are. */
type HeldTopic = Omit<Topic, 'partitions'> & { readonly partitions: Partition[] }

export interface CatalogOptions {
  /** Whose configs count; left out for the controller's, which is no broker. */
  readonly brokerId?: number
  /** Broker configs given at the start. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
}

export class Catalog implements Machine<CatalogCommand, CatalogRecord, CatalogReply> {
  readonly configs: Configs
  readonly registrations = new Registrations()
  readonly documents = new DocumentTable()
  #clusterId: string | undefined
  readonly #topics = new Map<string, HeldTopic>()
  readonly #names = new Map<string, string>()
  readonly #condemned = new Map<string, Condemned>()
  readonly #brokerConfigs = new Map<string, Map<string, string>>()
  readonly #acls = new Map<string, AclBinding>()
  readonly #accessKeys = new Map<string, AccessKey>()
  #voters: readonly Voter[] = []
  #nextProducerId = 0
  #sorted: readonly Topic[] | undefined
  #bindings: readonly AclBinding[] | undefined
  #version = 0
  #newestDeletedMs = -Infinity

  /** Throws for a setting that is unknown or bad. */
  constructor({ brokerId, settings }: CatalogOptions) {
    this.configs = new Configs({ brokerId, settings, dynamic: () => this.#brokerConfigs })
  }

  // --------------------------------------------------------------------------------------------------------- questions

  get hasClusterId(): boolean {
    return this.#clusterId !== undefined
  }

  get clusterId(): string {
    assert(this.#clusterId !== undefined, 'a cluster is started before anything is asked')
    return this.#clusterId
  }

  /** By id. */
  get brokers(): readonly Broker[] {
    return this.registrations.brokers
  }

  broker(id: number): Registration | undefined {
    return this.registrations.get(id)
  }

  /** Who holds the copies of this catalog; none in one that was never kept by several brokers. */
  get voters(): readonly Voter[] {
    return this.#voters
  }

  /** Sorted by name. A topic's array of partitions changes in place while the topic stays the same object; where shards come or end, it is another one. */
  get topics(): readonly Topic[] {
    this.#sorted ??= [...this.#topics.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return this.#sorted
  }

  /** When the last of all deleted partitions was made, as far as this process has seen it go; -Infinity where none has. */
  get newestDeletedMs(): number {
    return this.#newestDeletedMs
  }

  get topicNames(): Iterable<string> {
    return this.#topics.keys()
  }

  /** By topic id. */
  get condemned(): ReadonlyMap<string, Condemned> {
    return this.#condemned
  }

  get brokerConfigs(): DynamicConfigs {
    return this.#brokerConfigs
  }

  /** Grows with each change, but of a partition's replicas alone: what was derived from topics or configs at an earlier version is stale. */
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

  partition(topicId: string, index: number): Partition | undefined {
    return this.topicById(topicId)?.partitions[index]
  }

  accessKey(id: string): AccessKey | undefined {
    return this.#accessKeys.get(id)
  }

  /** Who can lead the topic's partitions. */
  standing({ configs }: Pick<Topic, 'configs'>): Standing {
    return {
      runs: this.registrations.runs,
      isUncleanAllowed: this.configs.topic(configs, 'unclean.leader.election.enable') === 'true',
      minInSync: this.configs.leastOfTopic(configs, 'min.insync.replicas'),
    }
  }

  /** A refusal where `broker` ('' means all) is not the name of a registered broker. */
  brokerFault(broker: string): Refusal | undefined {
    const ids = this.brokers.map(({ id }) => String(id))
    if (broker === '' || ids.includes(broker)) return undefined
    return new Refusal('invalid-request', `Unexpected broker id, expected one of ${ids.join(', ')}, but received ${broker}`)
  }

  // ---------------------------------------------------------------------------------------------------------- commands

  decide(command: CatalogCommand, nowMs: number): Verdict {
    switch (command.type) {
      case 'start-cluster': return startCluster(this, command.clusterId)
      case 'register-broker': return registerBroker(this, command)
      case 'unfence-brokers': return unfenceBrokers(this, command.brokers)
      case 'fence-broker': return fenceBroker(this, command)
      case 'stop-broker': return stopBroker(this, command)
      case 'unregister-broker': return unregisterBroker(this, command.id)
      case 'alter-partitions': return alterPartitions(this, command)
      case 'replicas-offline': return replicasOffline(this, command)
      case 'replicas-online': return replicasOnline(this, command)
      case 'elect-leaders': return electLeaders(this, command)
      case 'balance-leaders': return balanceLeaders(this)
      case 'reassign': return reassign(this, command.wishes)
      case 'create-topic': return createTopic(this, command, nowMs)
      case 'delete-topic': return deleteTopic(this, command.name)
      case 'clear-topic': return clearTopic(this, command)
      case 'create-partitions': return createPartitions(this, command, nowMs)
      case 'reshard': return reshard(this, command, nowMs)
      case 'seal-partition': return sealPartition(this, command)
      case 'alter-configs': return alterConfigs(this, command)
      case 'add-acls': return { records: command.bindings.filter(one => !this.#acls.has(keyOf(one))).map(binding => ({ type: 'acl', binding })), reply: null }
      case 'remove-acls': {
        return { records: command.bindings.filter(one => this.#acls.has(keyOf(one))).map(binding => ({ type: 'acl-removed', binding })), reply: null }
      }
      case 'add-access-key': {
        const { key } = command
        if (this.#accessKeys.has(key.id)) return refused('duplicate-resource', `access key '${key.id}' exists already`)
        if (this.#accessKeys.size >= accessKeysMax) return refused('policy-violation', `there are ${accessKeysMax} access keys, and no more are kept; delete some, or wait until temporary ones are gone`)
        return { records: [{ type: 'access-key', key }], reply: null }
      }
      case 'remove-access-key': {
        if (!this.#accessKeys.has(command.id)) return refused('resource-not-found', `there is no access key '${command.id}'`)
        return { records: [{ type: 'access-key-removed', id: command.id }], reply: null }
      }
      case 'allocate-producer-ids': {
        return { records: [{ type: 'producer-ids', next: this.#nextProducerId + producerIdsPerBlock }], reply: this.#nextProducerId }
      }
      case 'set-voters': return this.#setVoters(command.voters)
      case 'set-storage-limit': return this.#setStorageLimit(command.brokerId, command.bytes)
      case 'put-document': return putDocument(this, command)
      case 'remove-document': return removeDocument(this, command)
    }
  }

  #setVoters(voters: readonly Voter[]): Verdict {
    if (voters.length === 0) return refused('invalid-request', 'the catalog needs at least one voter')
    const text = (all: readonly Voter[]): string => JSON.stringify(all.map(({ id, directory }) => [id, directory]))
    return { records: text(voters) === text(this.#voters) ? [] : [{ type: 'voters', voters }], reply: null }
  }

  #setStorageLimit(id: number, bytes: number | null): Verdict {
    const known = this.broker(id)
    if (known === undefined) return { reply: unknownBroker(id) }
    if (bytes !== null && !(Number.isSafeInteger(bytes) && bytes >= 0)) {
      return refused('invalid-request', `a storage limit is a whole number of bytes, or null for none; it is ${bytes}`)
    }
    const { limitBytes, ...rest } = known
    if (limitBytes === (bytes ?? undefined)) return { reply: null }
    return { records: [{ type: 'broker', broker: bytes === null ? rest : { ...rest, limitBytes: bytes } }], reply: null }
  }

  // ----------------------------------------------------------------------------------------------------------- records

  apply(record: CatalogRecord): void {
    if (record.type === 'partition' && !this.#applyPartition(record.topicId, record.partition)) return
    switch (record.type) {
      case 'cluster': this.#clusterId = record.clusterId; this.registrations.noteEpoch(record.brokerEpoch); break
      case 'broker': this.registrations.set(record.broker); break
      case 'broker-removed': this.registrations.remove(record.id); break
      case 'topic': this.#applyTopic(record.topic); break
      case 'partition': break
      case 'topic-removed': {
        for (const { createdAtMs } of this.topicById(record.topicId)?.partitions ?? []) this.#newestDeletedMs = Math.max(this.#newestDeletedMs, createdAtMs)
        this.#topics.delete(this.#names.get(record.topicId) ?? '')
        this.#names.delete(record.topicId)
        this.documents.removeTopic(record.topicId)
        break
      }
      case 'condemned': {
        const brokers = record.brokers.length > 0 ? record.brokers : this.brokers.map(({ id }) => id)
        this.#condemned.set(record.topicId, { name: record.name, brokers })
        break
      }
      case 'forgotten': this.#condemned.delete(record.topicId); break
      case 'broker-config': this.#applyBrokerConfig(record.broker, record.name, record.value); break
      case 'acl': this.#acls.set(keyOf(record.binding), record.binding); this.#bindings = undefined; break
      case 'acl-removed': this.#acls.delete(keyOf(record.binding)); this.#bindings = undefined; break
      case 'access-key': this.#accessKeys.set(record.key.id, record.key); break
      case 'access-key-removed': this.#accessKeys.delete(record.id); break
      case 'producer-ids': this.#nextProducerId = Math.max(this.#nextProducerId, record.next); break
      case 'voters': this.#voters = record.voters; break
      case 'document': this.documents.set(record.document); break
      case 'document-removed': this.documents.remove(record.kind, record.key); break
    }
    this.#sorted = undefined
    this.#version++
  }

  /** Whether more than the partition's own state has changed: where a shard ends is part of its topic's shape. */
  #applyPartition(topicId: string, partition: Partition): boolean {
    const topic = this.#topics.get(this.#names.get(topicId) ?? '')
    const before = topic?.partitions[partition.index]
    // A record of before a snapshot's record of its topic, which has it.
    if (topic === undefined || before === undefined) return false
    topic.partitions[partition.index] = partition
    if (partition.seal?.endOffset === before.seal?.endOffset) return false
    this.#applyTopic(topic)
    return true
  }

  #applyTopic(topic: Topic): void {
    this.#topics.set(topic.name, { ...topic, partitions: [...topic.partitions] })
    this.#names.set(topic.id, topic.name)
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
    return 3 + this.registrations.size + this.#topics.size + this.#condemned.size + settings + this.#acls.size + this.#accessKeys.size + this.documents.size
  }

  *snapshot(): Generator<CatalogRecord> {
    yield { type: 'cluster', clusterId: this.clusterId, brokerEpoch: this.registrations.lastEpoch }
    for (const broker of this.registrations) yield { type: 'broker', broker }
    for (const topic of this.#topics.values()) yield { type: 'topic', topic: { ...topic, partitions: [...topic.partitions] } }
    for (const [topicId, topic] of this.#condemned) yield { type: 'condemned', topicId, ...topic }
    for (const [broker, configs] of this.#brokerConfigs) for (const [name, value] of configs) yield { type: 'broker-config', broker, name, value }
    for (const binding of this.#acls.values()) yield { type: 'acl', binding }
    for (const key of this.#accessKeys.values()) yield { type: 'access-key', key }
    yield { type: 'producer-ids', next: this.#nextProducerId }
    if (this.#voters.length > 0) yield { type: 'voters', voters: this.#voters }
    for (const document of this.documents) yield { type: 'document', document }
  }

  resume(): readonly TimerChange<CatalogCommand>[] {
    return []
  }
}

function refused(code: Refusal['code'], message: string): Verdict {
  return { reply: new Refusal(code, message) }
}

function keyOf({ principal, host, operation, permission, resourceType, resourceName, patternType }: AclBinding): string {
  return JSON.stringify([principal, host, operation, permission, resourceType, resourceName, patternType])
}
