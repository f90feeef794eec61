// A Backend in memory: the simplest thing that keeps the promises of src/ports.ts, for tests of the facades. No durability, one broker with one replica of everything, no
// group protocol beyond committed offsets; the contract suite holds what it does have equal to the real engine. Time is the test's (`clock`).
import { randomUUID } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { documentFault } from '../../src/engine/catalog/documents.ts'
import { createdAfterMs, sealedRefusal } from '../../src/engine/catalog/lineage.ts'
import { planFault } from '../../src/engine/catalog/reshard-plan.ts'
import {
  KeyRefusal, keyIdConfig, type NamedKeyDocument, Refusal, type AccessKey, type AccessKeys, type AclBinding, type AclStore, type Admin, type Appended, type AppendOptions, type Backend, type CommittedOffset, type ConfigEntry,
  type Document, type Documents, type Ends, type EpochEnd, type Groups, type Logs, type NewTopic, type Partition, type PartitionRef, type Position, type ReadOptions, registryTopics, type Seen, type Slice, type Topic,
} from '../../src/ports.ts'
import { Batch } from '../../src/wire/batch.ts'

export interface MemoryBackendOptions {
  /** Milliseconds since the epoch; the real clock unless given. */
  now?: () => number
  partitions?: number
}

const defaults: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete', 'compression.type': 'producer', 'retention.ms': '604800000', 'retention.bytes': '-1', 'segment.bytes': '1073741824', 'segment.ms': '604800000',
  'max.message.bytes': '1048588', 'min.insync.replicas': '1', 'message.timestamp.type': 'CreateTime', 'message.timestamp.before.max.ms': '9223372036854775807',
  'message.timestamp.after.max.ms': '3600000', 'flush.messages': '9223372036854775807', 'confluent.key.schema.validation': 'false', 'confluent.value.schema.validation': 'false',
  'confluent.key.subject.name.strategy': 'TopicName', 'confluent.value.subject.name.strategy': 'TopicName', 'sluice.validation.mode': 'id', 'sluice.validation.on.invalid': 'reject', 'sluice.validation.dead.letter.topic': '', 'sluice.kms.key.id': '',
}

/** The only one there ever is: nothing is elected. */
const leaderEpoch = 0
const self = 1
const path = '/memory'

interface MemoryTopic {
  topic: Topic
  logs: { batches: Batch[]; start: number; end: number }[]
}

export function memoryBackend(options: MemoryBackendOptions = {}): Backend {
  const now = options.now ?? Date.now
  const topics = new Map<string, MemoryTopic>()
  const waiting = new Set<() => void>()
  const documentsByKey = new Map<string, Document>()
  const wake = (): void => { for (const check of waiting) check() }
  let nextProducerId = 1000
  let newestDeletedMs = -Infinity

  const logOf = (at: PartitionRef): MemoryTopic['logs'][number] | Refusal => {
    const found = topics.get(at.topic)
    if (found === undefined) return new Refusal('unknown-topic', `topic '${at.topic}' does not exist`)
    return found.logs[at.partition] ?? new Refusal('unknown-partition', `topic '${at.topic}' has no partition ${at.partition}`)
  }
  const endsOf = (log: MemoryTopic['logs'][number]): Ends => ({ logStartOffset: log.start, lastStableOffset: log.end, highWatermark: log.end, logEndOffset: log.end, leaderEpoch })
  const epochRefusal = (believed: number | undefined): Refusal | undefined => {
    if (believed === undefined || believed === leaderEpoch) return undefined
    if (believed < leaderEpoch) return new Refusal('fenced-leader-epoch', `leader epoch ${believed} is over; it is ${leaderEpoch} now`)
    return new Refusal('unknown-leader-epoch', `leader epoch ${believed} is not known here; it is ${leaderEpoch} now`)
  }
  /** Nothing is encrypted here, but whoever may not use the key gets nothing. */
  const keyFault = (keyId: string | undefined): Refusal | undefined => {
    if (keyId === undefined || keyId === '') return undefined
    const document = documentsByKey.get(`kms-key/${keyId}`)
    if (document === undefined) return new KeyRefusal('key-not-found', keyId)
    const { state } = JSON.parse(document.value) as NamedKeyDocument
    return state === 'Enabled' ? undefined : new KeyRefusal(state === 'Disabled' ? 'key-disabled' : 'key-pending-deletion', keyId)
  }
  const newKeyFault = (keyId: string | undefined): Refusal | undefined => (keyId === undefined || keyId === '' || documentsByKey.has(`kms-key/${keyId}`)
    ? undefined : new Refusal('invalid-config', `there is no key ${keyId}`))
  const config = (topic: Topic, name: string): string => {
    const value = topic.configs.get(name) ?? defaults[name]
    if (value === undefined) throw new Error(`there is no topic config '${name}'`)
    return value
  }

  const logs: Logs = {
    async append(at: PartitionRef, batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
      await setImmediate()
      const log = logOf(at)
      if (log instanceof Refusal) return log
      const fenced = epochRefusal(how.leaderEpoch)
      if (fenced !== undefined) return fenced
      const topic = topics.get(at.topic)!.topic
      if (topic.partitions[at.partition]!.seal !== undefined) return sealedRefusal(topic, at.partition)
      if (batch.bytes.length > Number(config(topic, 'max.message.bytes'))) {
        return new Refusal('message-too-large', `The request included a message larger than the max message size the server will accept: ${batch.bytes.length}`)
      }
      if (!batch.crcIsValid()) return new Refusal('corrupt-message', 'the CRC of the batch does not match its bytes')
      const keyId = how.keyId ?? config(topic, keyIdConfig)
      const unusable = keyFault(keyId)
      if (unusable !== undefined) return unusable
      const kept = Batch.parse(Buffer.from(batch.bytes))
      kept.keyId = keyId || undefined
      kept.assign(log.end, leaderEpoch)
      const appendTime = config(topic, 'message.timestamp.type') === 'LogAppendTime' ? now() : -1
      if (appendTime >= 0) kept.stampAppendTime(appendTime)
      const baseOffset = log.end
      log.batches.push(kept)
      log.end = kept.lastOffset + 1
      wake()
      return { baseOffset, logAppendTimeMs: appendTime, logStartOffset: log.start }
    },
    async read(at: PartitionRef, from: number, how: ReadOptions): Promise<Slice | Refusal> {
      const log = logOf(at)
      if (log instanceof Refusal) return log
      const fenced = epochRefusal(how.leaderEpoch)
      if (fenced !== undefined) return fenced
      // Logs of the same single epoch differ only in where they end.
      if (how.lastFetchedEpoch === leaderEpoch && from > log.end) return { ...endsOf(log), batches: [], diverging: { leaderEpoch, endOffset: log.end } }
      if (from < log.start || from > log.end) return new Refusal('offset-out-of-range', `offset ${from} is outside [${log.start}, ${log.end}]`)
      const batches: Batch[] = []
      let bytes = 0
      // What is read is nearly always what came last.
      let first = log.batches.length
      while (first > 0 && log.batches[first - 1]!.lastOffset >= from) first--
      for (const batch of log.batches.slice(first)) {
        if (bytes + batch.bytes.length > how.bytesMax && !(how.atLeastOne && batches.length === 0)) break
        const unusable = keyFault(batch.keyId)
        if (unusable !== undefined && batches.length === 0) return unusable
        if (unusable !== undefined) break
        batches.push(batch)
        bytes += batch.bytes.length
      }
      return { ...endsOf(log), batches }
    },
    async ends(at: PartitionRef): Promise<Ends | Refusal> {
      const log = logOf(at)
      return log instanceof Refusal ? log : endsOf(log)
    },
    async offsetForTime(at: PartitionRef, timestampMs: number): Promise<Position | null | Refusal> {
      const log = logOf(at)
      if (log instanceof Refusal) return log
      for (const batch of log.batches) {
        for (const record of batch.records()) {
          if (record.offset >= log.start && record.timestampMs >= timestampMs) return { offset: record.offset, timestampMs: record.timestampMs, leaderEpoch }
        }
      }
      return null
    },
    async offsetOfMaxTimestamp(at: PartitionRef): Promise<Position | null | Refusal> {
      const log = logOf(at)
      if (log instanceof Refusal) return log
      let best: Position | null = null
      for (const batch of log.batches) {
        for (const { offset, timestampMs } of batch.records()) {
          if (offset >= log.start && (best === null || timestampMs > best.timestampMs)) best = { offset, timestampMs, leaderEpoch }
        }
      }
      return best
    },
    async endOfEpoch(at: PartitionRef, epoch: number, how): Promise<EpochEnd | Refusal> {
      const log = logOf(at)
      if (log instanceof Refusal) return log
      return epochRefusal(how.leaderEpoch) ?? (epoch < leaderEpoch ? { leaderEpoch: -1, endOffset: -1 } : { leaderEpoch, endOffset: log.end })
    },
    changed(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
      return new Promise(resolve => {
        const check = (): void => {
          const moved = seen.some(one => { const log = logOf(one); return log instanceof Refusal || log.end > one.highWatermark })
          if (!moved && !signal.aborted) return
          waiting.delete(check)
          resolve()
        }
        waiting.add(check)
        signal.addEventListener('abort', check, { once: true })
        check()
      })
    },
    async allocateProducerId(): Promise<number> {
      return nextProducerId++
    },
  }

  const shape = (name: string, id: string, createdAtMs: number, count: number, configs: ReadonlyMap<string, string>): Topic => ({
    name, id, internal: name.startsWith('__'), createdAtMs, configs,
    partitions: Array.from({ length: count }, (_, index) => ({
      index, leader: self, leaderEpoch, partitionEpoch: 0, replicas: [self], inSyncReplicas: [self], addingReplicas: [], removingReplicas: [],
      createdAtMs: createdAfterMs(createdAtMs, [newestDeletedMs]),
    })),
  })

  const partitionsOf = (wanted: readonly PartitionRef[] | null): PartitionRef[] =>
    [...topics.values()].flatMap(({ topic }) => topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index })))
      .filter(one => wanted === null || wanted.some(at => at.topic === one.topic && at.partition === one.partition))

  const admin: Admin = {
    async cluster() {
      return { id: 'bWVtb3J5LWJhY2tlbmQtMQ', controllerId: self, brokers: [{ id: self, rack: 'a', state: 'running' }] }
    },
    async topics(names?: readonly string[]) {
      const all = [...topics.values()].map(one => one.topic).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      return names === undefined ? all : all.filter(topic => names.includes(topic.name))
    },
    async topicById(id: string) {
      return [...topics.values()].find(one => one.topic.id === id)?.topic
    },
    config,
    async createTopic(wanted: NewTopic, { validateOnly }) {
      if (topics.has(wanted.name)) return new Refusal('topic-exists', `Topic '${wanted.name}' already exists.`)
      if (!/^[a-zA-Z0-9._-]{1,249}$/.test(wanted.name) || /^\.{1,2}$/.test(wanted.name)) return new Refusal('invalid-topic', `topic name '${wanted.name}' is illegal`)
      const count = wanted.assignment?.length ?? (wanted.partitions === -1 ? options.partitions ?? 1 : wanted.partitions)
      if (count < 1) return new Refusal('invalid-partitions', `Number of partitions must be larger than 0, not ${count}.`)
      if (wanted.replicationFactor > 1 || wanted.replicationFactor === 0) {
        return new Refusal('invalid-replication-factor', `Unable to replicate the partition ${wanted.replicationFactor} time(s): there is only 1 broker.`)
      }
      const unknown = [...wanted.configs.keys()].find(name => defaults[name] === undefined)
      if (unknown !== undefined) return new Refusal('invalid-config', `Unknown topic config name: ${unknown}`)
      const keyless = newKeyFault(wanted.configs.get(keyIdConfig))
      if (keyless !== undefined) return keyless
      const topic = shape(wanted.name, randomUUID(), now(), count, wanted.configs)
      if (validateOnly) return topic
      topics.set(topic.name, { topic, logs: topic.partitions.map(() => ({ batches: [], start: 0, end: 0 })) })
      if (wanted.document !== undefined) documentsByKey.set(`${wanted.document.kind}/${topic.id}`, { ...wanted.document, key: topic.id, topicId: topic.id, version: 1 })
      return topic
    },
    async deleteTopic(name: string) {
      for (const one of documentsByKey.values()) if (one.topicId === topics.get(name)?.topic.id) documentsByKey.delete(`${one.kind}/${one.key}`)
      for (const { createdAtMs } of topics.get(name)?.topic.partitions ?? []) newestDeletedMs = Math.max(newestDeletedMs, createdAtMs)
      if (!topics.delete(name)) return new Refusal('unknown-topic', `topic '${name}' does not exist`)
      wake()
      return null
    },
    async createPartitions(name: string, count: number, { validateOnly }) {
      const found = topics.get(name)
      if (found === undefined) return new Refusal('unknown-topic', `topic '${name}' does not exist`)
      if (found.topic.partitions.some(({ shard }) => shard !== undefined)) return new Refusal('invalid-request', `Topic '${name}' was resharded through Kinesis and takes no more partitions.`)
      if (count <= found.logs.length) return new Refusal('invalid-partitions', `The topic ${name} currently has ${found.logs.length} partition(s); ${count} would not be an increase.`)
      const added = shape(name, found.topic.id, now(), count, found.topic.configs).partitions.slice(found.logs.length)
      const grown = { ...found.topic, partitions: [...found.topic.partitions, ...added] }
      if (validateOnly) return grown
      while (found.logs.length < count) found.logs.push({ batches: [], start: 0, end: 0 })
      found.topic = grown
      return grown
    },
    async reshard(name, plan) {
      const found = topics.get(name)
      if (found === undefined) return new Refusal('unknown-topic', `topic '${name}' does not exist`)
      if (found.topic.internal || registryTopics.has(name)) return new Refusal('invalid-request', `The partitions of topic ${name} are fixed: it is not for clients to change.`)
      const fault = planFault(found.topic, plan)
      if (fault !== undefined) return fault
      const atMs = now()
      const before = found.topic.partitions.map((partition, index): Partition => ({
        ...partition,
        shard: partition.shard ?? { hashKeys: plan.hashKeys[index]!, parents: [] },
        ...(plan.closes.includes(index) ? { seal: { endOffset: found.logs[index]!.end, atMs } } : {}),
      }))
      const partitions = [...before]
      for (const { hashKeys, parents, isClosed } of plan.opens) {
        const { seal: _, ...open } = before[0]!
        const createdAtMs = createdAfterMs(atMs, parents.map(parent => partitions[parent]!.createdAtMs))
        partitions.push({ ...open, index: partitions.length, createdAtMs, shard: { hashKeys, parents }, ...(isClosed ? { seal: { endOffset: 0, atMs } } : {}) })
        found.logs.push({ batches: [], start: 0, end: 0 })
      }
      found.topic = { ...found.topic, partitions }
      wake()
      return found.topic
    },
    async describeConfigs(resource) {
      const topic = resource.type === 'topic' ? topics.get(resource.name)?.topic : undefined
      if (resource.type === 'topic' && topic === undefined) return new Refusal('unknown-topic', `topic '${resource.name}' does not exist`)
      return Object.entries(defaults).map(([name, value]): ConfigEntry => {
        const own = topic?.configs.get(name)
        return { name, value: own ?? value, source: own === undefined ? 'default' : 'topic', readOnly: false, sensitive: false, type: 'string', documentation: '', synonyms: [] }
      })
    },
    async alterConfigs(resource, changes, { validateOnly }) {
      const found = topics.get(resource.name)
      if (found === undefined) return new Refusal('unknown-topic', `topic '${resource.name}' does not exist`)
      const configs = new Map(found.topic.configs)
      for (const change of changes) {
        if (defaults[change.name] === undefined) return new Refusal('invalid-config', `Unknown topic config name: ${change.name}`)
        if (change.operation === 'delete') configs.delete(change.name)
        else configs.set(change.name, change.value ?? '')
      }
      const keyless = newKeyFault(configs.get(keyIdConfig) === found.topic.configs.get(keyIdConfig) ? undefined : configs.get(keyIdConfig))
      if (keyless !== undefined) return keyless
      if (!validateOnly) found.topic = { ...found.topic, configs }
      return null
    },
    async deleteRecords(at: PartitionRef, beforeOffset: number) {
      const log = logOf(at)
      if (log instanceof Refusal) return log
      const before = beforeOffset === -1 ? log.end : beforeOffset
      if (before < 0 || before > log.end) return new Refusal('offset-out-of-range', `offset ${before} is outside [0, ${log.end}]`)
      log.start = Math.max(log.start, before)
      return { lowWatermark: log.start }
    },
    // Of all, none made a difference: the one replica leads already.
    async electLeaders(_kind, partitions) {
      return (partitions ?? []).map(at => {
        const log = logOf(at)
        return { ...at, refusal: log instanceof Refusal ? log : new Refusal('election-not-needed', `broker ${self} leads ${at.topic}-${at.partition} already`) }
      })
    },
    async reassign(wishes) {
      return wishes.map(({ replicas, ...at }) => {
        const log = logOf(at)
        if (log instanceof Refusal) return log
        if (replicas === null) return new Refusal('no-reassignment-in-progress', 'No partition reassignment is in progress.')
        if (replicas.length === 0) return new Refusal('invalid-replica-assignment', 'The manual partition assignment includes an empty replica list.')
        if (new Set(replicas).size < replicas.length) {
          return new Refusal('invalid-replica-assignment', `The manual partition assignment includes the broker ${replicas[0]} more than once.`)
        }
        const unknown = replicas.find(id => id !== self)
        if (unknown === undefined) return null
        return new Refusal('invalid-replica-assignment', `The manual partition assignment includes broker ${unknown}, but no such broker is registered.`)
      })
    },
    reassignments: async () => [],
    async logDirectories(brokerId, partitions) {
      if (brokerId !== self) return new Refusal('broker-not-available', `broker ${brokerId} is not there; there is only broker ${self}`)
      const replicas = partitionsOf(partitions).map(at => {
        const bytes = topics.get(at.topic)!.logs[at.partition]!.batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
        return { ...at, bytes, lag: 0, isFuture: false }
      })
      return [{ brokerId, path, totalBytes: -1, usableBytes: -1, replicas }]
    },
    async moveReplica(brokerId, at, wanted) {
      if (brokerId !== self) return new Refusal('broker-not-available', `broker ${brokerId} is not there; there is only broker ${self}`)
      if (wanted !== path) return new Refusal('log-dir-not-found', `broker ${self} has no directory '${wanted}', only '${path}'`)
      const log = logOf(at)
      return log instanceof Refusal ? log : null
    },
    async quorum() {
      return { leaderId: self, leaderEpoch: 1, highWatermark: 0, voters: [{ id: self, logEndOffset: 0, lastFetchMs: -1, lastCaughtUpMs: -1 }] }
    },
    async unregisterBroker(id) {
      if (id !== self) return new Refusal('broker-id-not-registered', `Broker ID ${id} is not currently registered`)
      return new Refusal('invalid-request', `broker ${id} is running; stop it first`)
    },
    async replicas(name) {
      const found = topics.get(name)
      if (found === undefined) return new Refusal('unknown-topic', `topic '${name}' does not exist`)
      return found.logs.map((log, partition) => ({
        topic: name, partition, brokerId: self, role: 'leader' as const,
        logStartOffset: log.start, highWatermark: log.end, lastStableOffset: log.end, logEndOffset: log.end, durableOffset: log.end,
      }))
    },
  }

  const committed = new Map<string, Map<string, CommittedOffset>>()
  const noProtocol = async (): Promise<Refusal> => new Refusal('coordinator-not-available', 'the in-memory backend has no group protocol')
  const groups: Groups = {
    coordinator: async () => self,
    join: noProtocol, sync: noProtocol, heartbeat: noProtocol, leave: noProtocol,
    async commit(request) {
      const group = committed.get(request.groupId) ?? new Map<string, CommittedOffset>()
      committed.set(request.groupId, group)
      for (const one of request.offsets) group.set(`${one.topic}/${one.partition}`, { ...one, commitTimestampMs: now() })
      return request.offsets.map(() => null)
    },
    async committed(groupId, partitions) {
      const all = [...committed.get(groupId)?.values() ?? []]
      return partitions === undefined ? all : all.filter(one => partitions.some(at => at.topic === one.topic && at.partition === one.partition))
    },
    async describe(groupId) {
      if (!committed.has(groupId)) return new Refusal('group-id-not-found', `The group id ${groupId} was not found`)
      return { groupId, protocolType: '', state: 'Empty', generationId: 0, protocolName: '', members: [] }
    },
    list: async () => [...committed.keys()].map(groupId => ({ groupId, protocolType: '', state: 'Empty' as const })),
    async delete(groupId) {
      return committed.delete(groupId) ? null : new Refusal('group-id-not-found', `The group id ${groupId} was not found`)
    },
  }

  let bindings: readonly AclBinding[] = []
  const key = (binding: AclBinding): string => JSON.stringify(Object.entries(binding).toSorted())
  const acls: AclStore = {
    all: () => bindings,
    async add(added) {
      bindings = [...new Map([...bindings, ...added].map(one => [key(one), one])).values()]
    },
    async remove(removed) {
      const gone = new Set(removed.map(key))
      bindings = bindings.filter(one => !gone.has(key(one)))
    },
  }

  const keys = new Map<string, AccessKey>()
  const accessKeys: AccessKeys = {
    find: id => keys.get(id),
    all: () => [...keys.values()],
    async add(added) {
      if (keys.has(added.id)) return new Refusal('duplicate-resource', `access key '${added.id}' exists`)
      keys.set(added.id, added)
      return null
    },
    async remove(id) {
      return keys.delete(id) ? null : new Refusal('resource-not-found', `there is no access key '${id}'`)
    },
  }

  const conflict = (kind: string, key: string, ifVersion: number): Refusal | undefined => {
    const version = documentsByKey.get(`${kind}/${key}`)?.version ?? 0
    return version === ifVersion ? undefined : new Refusal('version-conflict', `the ${kind} '${key}' has version ${version}, not ${ifVersion}`)
  }
  const documents: Documents = {
    find: (kind, key) => documentsByKey.get(`${kind}/${key}`),
    all: kind => [...documentsByKey.values()].filter(one => one.kind === kind).toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    async put(document, ifVersion) {
      const refusal = conflict(document.kind, document.key, ifVersion)
      if (refusal !== undefined) return refusal
      const fault = documentFault(document)
      if (fault !== undefined) return fault
      if (document.topicId !== null && ![...topics.values()].some(one => one.topic.id === document.topicId)) {
        return new Refusal('unknown-topic-id', `there is no topic with the id ${document.topicId}`)
      }
      const put = { ...document, version: ifVersion + 1 }
      documentsByKey.set(`${document.kind}/${document.key}`, put)
      return put
    },
    async remove(kind, key, ifVersion) {
      const refusal = conflict(kind, key, ifVersion)
      if (refusal === undefined) documentsByKey.delete(`${kind}/${key}`)
      return refusal ?? null
    },
  }

  return { logs, admin, groups, acls, accessKeys, documents, async [Symbol.asyncDispose]() { topics.clear(); wake() } }
}
