// The records of `__cluster_metadata`: one kind per entity, each record the whole of its entity, so that the latest record of a key wins and a
// snapshot is simply every entity once. A partition's state has records of its own, which replace what its topic's record said of it before.
// Versions only grow, and only by tagged fields.
import type { AccessKey, AclBinding, BrokerState, Document, DocumentKind, Partition, Topic } from '../../ports.ts'
import type { RecordDraft, RecordView } from '../../wire/batch.ts'
import { array, boolean, bytes, type Decoded, int32, int64, int8, Message, string, struct, uuid } from '../../wire/schema.ts'
import { kindOf, RecordFormat } from '../record-format.ts'
import type { Registration, Voter } from './commands.ts'

export type CatalogRecord =
  /** Broker epochs up to `brokerEpoch` have been given out. */
  | { readonly type: 'cluster'; readonly clusterId: string; readonly brokerEpoch: number }
  | { readonly type: 'broker'; readonly broker: Registration }
  | { readonly type: 'broker-removed'; readonly id: number }
  | { readonly type: 'topic'; readonly topic: Topic }
  | { readonly type: 'topic-removed'; readonly topicId: string }
  | { readonly type: 'partition'; readonly topicId: string; readonly partition: Partition }
  /** A topic that was deleted; `brokers` may still have files of it, or committed offsets (none named: those that were registered by then)… */
  | { readonly type: 'condemned'; readonly topicId: string; readonly name: string; readonly brokers: readonly number[] }
  /** …and none has any more. */
  | { readonly type: 'forgotten'; readonly topicId: string }
  /** `broker` is '' for the default of all brokers; a null value takes the setting away. */
  | { readonly type: 'broker-config'; readonly broker: string; readonly name: string; readonly value: string | null }
  | { readonly type: 'acl'; readonly binding: AclBinding }
  | { readonly type: 'acl-removed'; readonly binding: AclBinding }
  | { readonly type: 'access-key'; readonly key: AccessKey }
  | { readonly type: 'access-key-removed'; readonly id: string }
  /** Ids below `next` have been given out, or may have been. */
  | { readonly type: 'producer-ids'; readonly next: number }
  | { readonly type: 'voters'; readonly voters: readonly Voter[] }
  | { readonly type: 'document'; readonly document: Document }
  | { readonly type: 'document-removed'; readonly kind: DocumentKind; readonly key: string }

const one = { versions: '0', flexible: '0+' } as const
const nobody = '00000000-0000-0000-0000-000000000000'
/** In the order of their numbers on disk. */
const states: readonly BrokerState[] = ['fenced', 'running', 'stopping']

const partitionState = {
  leader: int32,
  leaderEpoch: int32,
  replicas: array(int32),
  inSyncReplicas: array(int32),
  createdAtMs: int64,
  partitionEpoch: int32.default(0).tag(0, '0+'),
  addingReplicas: array(int32).default([]).tag(1, '0+'),
  removingReplicas: array(int32).default([]).tag(2, '0+'),
  shard: struct({ start: string, end: string, parents: array(int32) }).default(null).tag(3, '0+'),
  seal: struct({ endOffset: int64, atMs: int64 }).default(null).tag(4, '0+'),
  eligibleReplicas: array(int32).default([]).tag(5, '0+'),
  lostReplicas: array(int32).default([]).tag(6, '0+'),
}

const cluster = new RecordFormat({
  name: 'Cluster', kind: 1, version: 0, key: {}, value: new Message({ clusterId: string, brokerEpoch: int64.default(0).tag(0, '0+') }, one),
})
const broker = new RecordFormat({
  name: 'Broker',
  kind: 2,
  version: 0,
  key: { id: int32 },
  value: new Message({
    rack: string.nullable(),
    state: int8.default(0).tag(0, '0+'),
    epoch: int64.default(-1).tag(1, '0+'),
    incarnation: uuid.default(nobody).tag(2, '0+'),
    directories: array(uuid).default([]).tag(3, '0+'),
    limitBytes: int64.default(-1).tag(4, '0+'),
  }, one),
})
const topic = new RecordFormat({
  name: 'Topic',
  kind: 3,
  version: 0,
  key: { topicId: uuid },
  value: new Message({
    name: string,
    internal: boolean,
    createdAtMs: int64,
    partitions: array(partitionState),
    configs: array({ name: string, value: string }),
  }, one),
})
const brokerConfig = new RecordFormat({ name: 'BrokerConfig', kind: 4, version: 0, key: { broker: string, name: string }, value: new Message({ value: string }, one) })
const acl = new RecordFormat({
  name: 'Acl',
  kind: 5,
  version: 0,
  key: { principal: string, host: string, operation: string, permission: string, resourceType: string, resourceName: string, patternType: string },
  value: new Message({}, one),
})
const accessKey = new RecordFormat({
  name: 'AccessKey',
  kind: 6,
  version: 0,
  key: { id: string },
  value: new Message({
    secret: string, principalType: string, principalName: string, createdAtMs: int64,
    sessionToken: string.default('').tag(0, '0+'), expiresAtMs: int64.default(-1).tag(1, '0+'),
  }, one),
})
const producerIds = new RecordFormat({ name: 'ProducerIds', kind: 7, version: 0, key: {}, value: new Message({ next: int64 }, one) })
const condemned = new RecordFormat({
  name: 'Condemned',
  kind: 8,
  version: 0,
  key: { topicId: uuid },
  value: new Message({ name: string, brokers: array(int32).default([]).tag(0, '0+') }, one),
})
const partition = new RecordFormat({ name: 'Partition', kind: 9, version: 0, key: { topicId: uuid, index: int32 }, value: new Message(partitionState, one) })
const voters = new RecordFormat({ name: 'Voters', kind: 10, version: 0, key: {}, value: new Message({ voters: array({ id: int32, directory: uuid }) }, one) })
const document = new RecordFormat({
  name: 'Document',
  kind: 11,
  version: 0,
  key: { kind: string, key: string },
  // Bytes, since strings of the wire are short.
  value: new Message({ value: bytes, version: int64, topicId: uuid.default(nobody).tag(0, '0+') }, one),
})

export function encodeRecord(record: CatalogRecord): RecordDraft {
  switch (record.type) {
    case 'cluster': return cluster.encode({}, record)
    case 'broker': {
      const { id, state, limitBytes = -1, ...rest } = record.broker
      return broker.encode({ id }, { ...rest, state: states.indexOf(state), limitBytes })
    }
    case 'broker-removed': return broker.encode({ id: record.id }, null)
    case 'topic': {
      const { id, partitions, configs, ...rest } = record.topic
      return topic.encode({ topicId: id }, { ...rest, partitions: partitions.map(toState), configs: [...configs].map(([name, value]) => ({ name, value })) })
    }
    case 'topic-removed': return topic.encode({ topicId: record.topicId }, null)
    case 'partition': return partition.encode({ topicId: record.topicId, index: record.partition.index }, toState(record.partition))
    case 'condemned': return condemned.encode({ topicId: record.topicId }, record)
    case 'forgotten': return condemned.encode({ topicId: record.topicId }, null)
    case 'broker-config': return brokerConfig.encode(record, record.value === null ? null : { value: record.value })
    case 'acl': return acl.encode(record.binding, {})
    case 'acl-removed': return acl.encode(record.binding, null)
    case 'access-key': {
      const { id, secret, principal, createdAtMs, session } = record.key
      const temporary = session === undefined ? {} : { sessionToken: session.token, expiresAtMs: session.expiresAtMs }
      return accessKey.encode({ id }, { secret, principalType: principal.type, principalName: principal.name, createdAtMs, ...temporary })
    }
    case 'access-key-removed': return accessKey.encode({ id: record.id }, null)
    case 'producer-ids': return producerIds.encode({}, { next: record.next })
    case 'voters': return voters.encode({}, record)
    case 'document': return document.encode(record.document, { ...record.document, value: Buffer.from(record.document.value), topicId: record.document.topicId ?? nobody })
    case 'document-removed': return document.encode(record, null)
  }
}

/** Undefined for a kind that this version does not know. */
export function decodeRecord(view: RecordView): CatalogRecord | undefined {
  switch (kindOf(view)) {
    case cluster.kind: {
      const { value } = cluster.decode(view)
      return value === null ? undefined : { type: 'cluster', ...value }
    }
    case broker.kind: return decodeBroker(view)
    case topic.kind: return decodeTopic(view)
    case partition.kind: {
      const { key: { topicId, index }, value } = partition.decode(view)
      return value === null ? undefined : { type: 'partition', topicId, partition: fromState(index, value) }
    }
    case condemned.kind: {
      const { key, value } = condemned.decode(view)
      return value === null ? { type: 'forgotten', topicId: key.topicId } : { type: 'condemned', topicId: key.topicId, ...value }
    }
    case brokerConfig.kind: {
      const { key, value } = brokerConfig.decode(view)
      return { type: 'broker-config', ...key, value: value?.value ?? null }
    }
    case acl.kind: {
      const { key, value } = acl.decode(view)
      return { type: value === null ? 'acl-removed' : 'acl', binding: key as AclBinding }
    }
    case accessKey.kind: {
      const { key, value } = accessKey.decode(view)
      if (value === null) return { type: 'access-key-removed', id: key.id }
      const { secret, principalType, principalName, createdAtMs, sessionToken: token, expiresAtMs } = value
      const session = token === '' ? {} : { session: { token, expiresAtMs } }
      return { type: 'access-key', key: { id: key.id, secret, principal: { type: principalType, name: principalName }, createdAtMs, ...session } }
    }
    case producerIds.kind: {
      const { value } = producerIds.decode(view)
      return value === null ? undefined : { type: 'producer-ids', next: value.next }
    }
    case voters.kind: {
      const { value } = voters.decode(view)
      return value === null ? undefined : { type: 'voters', voters: value.voters }
    }
    case document.kind: {
      const { key, value } = document.decode(view)
      const kind = key.kind as DocumentKind
      if (value === null) return { type: 'document-removed', kind, key: key.key }
      return { type: 'document', document: { ...value, value: value.value.toString(), kind, key: key.key, topicId: value.topicId === nobody ? null : value.topicId } }
    }
    default: return undefined
  }
}

function decodeBroker(view: RecordView): CatalogRecord {
  const { key: { id }, value } = broker.decode(view)
  if (value === null) return { type: 'broker-removed', id }
  const { state, limitBytes, ...rest } = value
  return { type: 'broker', broker: { id, ...rest, state: states[state] ?? 'fenced', ...(limitBytes < 0 ? {} : { limitBytes }) } }
}

function decodeTopic(view: RecordView): CatalogRecord {
  const { key, value } = topic.decode(view)
  if (value === null) return { type: 'topic-removed', topicId: key.topicId }
  return {
    type: 'topic',
    topic: {
      name: value.name,
      id: key.topicId,
      internal: value.internal,
      createdAtMs: value.createdAtMs,
      partitions: value.partitions.map((state, index) => fromState(index, state)),
      configs: new Map(value.configs.map(({ name, value: text }) => [name, text])),
    },
  }
}

function toState({ shard, seal, ...rest }: Partition) {
  return { ...rest, shard: shard === undefined ? null : { ...shard.hashKeys, parents: shard.parents }, seal: seal ?? null }
}

function fromState(index: number, { shard, seal, eligibleReplicas, lostReplicas, ...rest }: Decoded<typeof partitionState>): Partition {
  return {
    index, ...rest,
    ...(shard === null ? {} : { shard: { hashKeys: { start: shard.start, end: shard.end }, parents: shard.parents } }),
    ...(seal === null ? {} : { seal }),
    ...(eligibleReplicas.length === 0 ? {} : { eligibleReplicas }),
    ...(lostReplicas.length === 0 ? {} : { lostReplicas }),
  }
}
