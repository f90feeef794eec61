// The local engine behind the ports, seen in two ways: by one of its brokers, as Kafka's clients see it, who know of leaders and go to them; and as a whole, for
// callers who know of none. Holds no state of its own.
import { assert } from '../base/assert.ts'
import type { Broker } from '../engine/broker.ts'
import { unknownPartition, unknownTopic, type Catalog } from '../engine/catalog/catalog.ts'
import type { CatalogCommand, CatalogReplies } from '../engine/catalog/commands.ts'
import { internalTopics } from '../engine/catalog/topic-names.ts'
import type { Engine } from '../engine/engine.ts'
import type { GroupCommand, GroupReplies } from '../engine/groups/commands.ts'
import type { Groups as GroupMachine } from '../engine/groups/groups.ts'
import type { Replica } from '../engine/replication/replica.ts'
import {
  type AccessKeys, type AclStore, type Admin, type Backend, type CommitRequest, type Documents, type Groups, type LogDirectory, type Logs, type PartitionRef, Refusal,
  type RefusalCode, type ReplicaStatus, registryTopics, type Topic,
} from '../ports.ts'
import { appendOnce, atLeader, patiently } from './patience.ts'

/** What differs between the two ways of seeing the cluster. */
interface View {
  readonly engine: Engine
  /** Named as the controller to clients: any broker that runs, as brokers hand on what is the controller's. */
  readonly controllerId: () => number
  readonly image: () => Catalog
  /** Has the controller decide; who looks through this view sees what was decided. */
  submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<CatalogReplies[T] | Refusal>
  readonly logs: Logs
  atLeader<T>(at: PartitionRef, ask: (replica: Replica) => Promise<T | Refusal>): Promise<T | Refusal>
  readonly groups: GroupView
}

interface GroupView {
  coordinator(groupId: string): Promise<number | Refusal>
  submit<T extends GroupCommand['type']>(groupId: string, command: () => GroupCommand & { readonly type: T }, signal?: AbortSignal): Promise<GroupReplies[T] | Refusal>
  ask<T>(groupId: string, question: (groups: GroupMachine) => T): Promise<T | Refusal | undefined>
  askAll<T>(question: (groups: GroupMachine) => T): Promise<T[]>
}

/** The cluster as one of its brokers sees and serves it. */
export function brokerBackend(engine: Engine, broker: Broker): Backend {
  const { replicas, groups } = broker
  const at = <T>(where: PartitionRef, ask: (replica: Replica) => Promise<T | Refusal>): Promise<T | Refusal> => {
    const found = replicas.find(where)
    if (found instanceof Refusal) return Promise.resolve(found)
    return found instanceof Promise ? found.then(opened => (opened instanceof Refusal ? opened : ask(opened))) : ask(found)
  }
  return backendOf({
    engine,
    controllerId: () => broker.id,
    image: () => broker.image,
    submit: <T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }) => broker.submit<T>(command),
    atLeader: at,
    logs: {
      append: (where, batch, how) => at(where, replica => replica.append(batch, how)),
      ...readsOf(at),
      changed: (seen, signal) => replicas.changed(seen, signal),
      allocateProducerId: () => broker.allocateProducerId(),
    },
    groups: {
      coordinator: groupId => groups.coordinatorOf(groupId),
      submit: <T extends GroupCommand['type']>(groupId: string, command: () => GroupCommand & { readonly type: T }, signal?: AbortSignal) =>
        groups.submit<T>(groupId, command, signal),
      ask: (groupId, question) => groups.ask(groupId, question),
      askAll: question => groups.askAll(question),
    },
  })
}

/** The cluster as a whole: whoever leads is asked, and a change of leaders is waited out. Owns the engine: disposing of it closes the engine. */
export function localBackend(engine: Engine): Backend {
  const at = <T>(where: PartitionRef, ask: (replica: Replica) => Promise<T | Refusal>): Promise<T | Refusal> =>
    patiently(engine, () => atLeader(engine, where, ask))
  const anyBroker = (): Broker | Refusal => {
    const [broker] = engine.brokers.toSorted((a, b) => Number(b.isRunning) - Number(a.isRunning))
    return broker ?? engine.failed ?? new Refusal('coordinator-not-available', 'no broker is up')
  }
  const coordinatorOf = async (groupId: string): Promise<number | Refusal> => {
    const broker = anyBroker()
    return broker instanceof Refusal ? broker : broker.groups.coordinatorOf(groupId)
  }
  /** Asks the broker that coordinates the group, whoever that is at the moment. */
  const atCoordinator = <T>(groupId: string, ask: (broker: Broker) => Promise<T | Refusal>): Promise<T | Refusal> => patiently(engine, async () => {
    const id = await coordinatorOf(groupId)
    if (id instanceof Refusal) return id
    const broker = engine.broker(id)
    return broker === undefined ? new Refusal('coordinator-not-available', `broker ${id}, which coordinates group ${groupId}, is not up`) : ask(broker)
  })
  const backend = backendOf({
    engine,
    controllerId: () => engine.brokers[0]?.id ?? -1,
    image: () => engine.image,
    async submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }) {
      const { reply, upTo } = await engine.controller.submit<T>(command)
      await engine.heard(upTo)
      return reply
    },
    atLeader: at,
    logs: {
      append: (where, batch, how) => appendOnce(engine, where, batch, how),
      ...readsOf(at),
      changed: (seen, signal) => engine.changed(seen, signal),
      allocateProducerId: async () => {
        const broker = anyBroker()
        return broker instanceof Refusal ? broker : broker.allocateProducerId()
      },
    },
    groups: {
      coordinator: groupId => patiently(engine, () => coordinatorOf(groupId)),
      submit: <T extends GroupCommand['type']>(groupId: string, command: () => GroupCommand & { readonly type: T }, signal?: AbortSignal) =>
        atCoordinator(groupId, broker => broker.groups.submit<T>(groupId, command, signal)),
      ask: async (groupId, question) => (engine.image.topic('__consumer_offsets') === undefined ? undefined
        : atCoordinator(groupId, async broker => await broker.groups.ask(groupId, question) ?? noGroup(groupId))),
      askAll: async question => (await Promise.all(engine.brokers.map(broker => broker.groups.askAll(question)))).flat(),
    },
  })
  return { ...backend, [Symbol.asyncDispose]: () => engine.close() }
}

function backendOf(view: View): Backend {
  return {
    logs: guarded(view.logs),
    admin: adminOf(view),
    groups: groupsOf(view),
    acls: aclsOf(view),
    accessKeys: accessKeysOf(view),
    documents: documentsOf(view),
    [Symbol.asyncDispose]: async () => {},
  }
}

function readsOf(at: View['atLeader']): Pick<Logs, 'read' | 'ends' | 'offsetForTime' | 'offsetOfMaxTimestamp' | 'endOfEpoch'> {
  return {
    read: (where, from, how) => at(where, replica => replica.read(from, how)),
    ends: where => at(where, async replica => replica.ends()),
    offsetForTime: (where, timestampMs) => at(where, replica => replica.offsetForTime(timestampMs)),
    offsetOfMaxTimestamp: where => at(where, replica => replica.offsetOfMaxTimestamp()),
    endOfEpoch: (where, epoch, { leaderEpoch }) => at(where, async replica => replica.endOfEpoch(epoch, leaderEpoch)),
  }
}

/** Internal topics are their coordinator's to write. */
function guarded(logs: Logs): Logs {
  return {
    ...logs,
    append(at, batch, how) {
      if (isKept(at.topic) && how.internal !== true) {
        return Promise.resolve(new Refusal('invalid-topic', `The topic ${at.topic} is internal: only its coordinator writes to it.`))
      }
      return logs.append(at, batch, how)
    },
  }
}

function adminOf(view: View): Admin {
  const { engine } = view
  return {
    cluster: async () => ({ id: engine.clusterId, controllerId: view.controllerId(), brokers: view.image().brokers }),
    topics: async names => (names === undefined ? view.image().topics : namedTopics(view.image(), names)),
    topicById: async id => view.image().topicById(id),
    config: (topic, name) => view.image().configs.topic(topic.configs, name),
    // What was committed to a topic of the same name must be gone before it can be committed to this one.
    createTopic: async (topic, { validateOnly }) => (await engine.clearAway(topic.name))
      ?? view.submit({ type: 'create-topic', topic, topicId: engine.world.random.uuid(), internal: false, validateOnly }),
    async deleteTopic(name) {
      const fault = registryFault('invalid-topic', name)
      if (fault !== null) return fault
      const topic = await view.submit({ type: 'delete-topic', name })
      if (topic instanceof Refusal) return topic
      await engine.clearAway(name)
      return null
    },
    createPartitions: async (name, count, { validateOnly, assignment }) =>
      registryFault('invalid-request', name) ?? view.submit({ type: 'create-partitions', name, count, assignment, validateOnly }),
    async reshard(name, plan) {
      const begun = await view.submit({ type: 'reshard', name, plan })
      return begun instanceof Refusal ? begun : view.engine.sealed(begun, plan.closes)
    },
    async describeConfigs({ type, name }) {
      const image = view.image()
      if (type === 'broker') return image.brokerFault(name) ?? image.configs.describeBroker(name)
      const topic = image.topic(name)
      return topic === undefined ? unknownTopic(name) : image.configs.describeTopic(topic)
    },
    alterConfigs: async (resource, changes, { validateOnly }) =>
      (resource.type === 'topic' ? registryFault('policy-violation', resource.name) : null) ?? view.submit({ type: 'alter-configs', resource, changes, validateOnly }),
    async deleteRecords(at, beforeOffset) {
      if (isKept(at.topic)) return new Refusal('policy-violation', `The records of internal topic ${at.topic} are its coordinator's to delete.`)
      return view.atLeader(at, replica => replica.deleteRecords(beforeOffset))
    },
    electLeaders: (kind, partitions) => view.submit({ type: 'elect-leaders', kind, partitions }),
    reassign: wishes => view.submit({ type: 'reassign', wishes }),
    reassignments: async partitions => reassignmentsOf(view.image(), partitions),
    logDirectories: async (brokerId, partitions) => logDirectoriesOf(engine, brokerId, partitions),
    moveReplica: (brokerId, at, path) => engine.moveReplica(brokerId, at, path),
    quorum: async () => engine.controller.quorum(),
    async unregisterBroker(id) {
      if (engine.broker(id) !== undefined) return new Refusal('invalid-request', `broker ${id} is running; stop it first, or remove it with sluice broker remove`)
      return view.submit({ type: 'unregister-broker', id })
    },
    replicas: async name => replicasOf(engine, name),
  }
}

function reassignmentsOf(image: Catalog, partitions: readonly PartitionRef[] | null) {
  const all = image.topics.flatMap(topic => topic.partitions.map(partition => ({ topic: topic.name, partition })))
  return all.filter(({ topic, partition: { index, addingReplicas, removingReplicas } }) =>
    addingReplicas.length + removingReplicas.length > 0 && (partitions === null || partitions.some(one => one.topic === topic && one.partition === index)),
  ).map(({ topic, partition: { index, replicas, addingReplicas, removingReplicas } }) => ({ topic, partition: index, replicas, addingReplicas, removingReplicas }))
}

function logDirectoriesOf(engine: Engine, brokerId: number, partitions: readonly PartitionRef[] | null): readonly LogDirectory[] | Refusal {
  const broker = engine.broker(brokerId)
  if (broker === undefined) return new Refusal('broker-not-available', `broker ${brokerId} is not running`)
  return broker.directories.map(directory => {
    const space = broker.limit.space(directory)
    const replicas = [...broker.replicas.all].flatMap(replica => {
      const topic = broker.image.topicById(replica.topicId)
      if (topic === undefined || broker.replicas.directoryOf(replica) !== directory) return []
      if (partitions !== null && !partitions.some(one => one.topic === topic.name && one.partition === replica.index)) return []
      const { highWatermark, logEndOffset } = replica.status()
      return [{ topic: topic.name, partition: replica.index, bytes: broker.replicas.bytesOf(replica), lag: Math.max(0, highWatermark - logEndOffset), isFuture: false }]
    })
    const futures = broker.replicas.moves.flatMap(({ replica: { topicId, index }, to, bytes, lag }) => {
      const topic = broker.image.topicById(topicId)?.name
      if (to !== directory || topic === undefined) return []
      if (partitions !== null && !partitions.some(one => one.topic === topic && one.partition === index)) return []
      return [{ topic, partition: index, bytes, lag, isFuture: true }]
    })
    const { limitBytes } = broker.limit
    const failed = directory.failure.refusal?.message
    return {
      brokerId, path: directory.path, ...(failed === undefined ? {} : { failed }), totalBytes: space?.totalBytes ?? -1, usableBytes: space?.freeBytes ?? -1,
      ...(limitBytes === undefined ? {} : { limitBytes }), replicas: [...replicas, ...futures],
    }
  })
}

function replicasOf(engine: Engine, name: string): readonly ReplicaStatus[] | Refusal {
  const topic = engine.image.topic(name)
  if (topic === undefined) return unknownTopic(name)
  return topic.partitions.flatMap(({ index, replicas }) => replicas.flatMap(id => {
    const status = engine.broker(id)?.replicas.get(topic.id, index)?.status()
    return status === undefined ? [] : [{ topic: name, partition: index, ...status }]
  }))
}

function groupsOf({ engine, image, groups }: View): Groups {
  return {
    async coordinator(groupId) {
      return groupIdFault(groupId) ?? groups.coordinator(groupId)
    },
    async join(request, signal) {
      const owner = request.instanceId ?? request.clientId
      const join = () => ({ type: 'join', request, newMemberId: `${owner}-${engine.world.random.uuid()}` } as const)
      return groupIdFault(request.groupId) ?? groups.submit(request.groupId, join, signal)
    },
    async sync(request, signal) {
      return groupIdFault(request.groupId) ?? groups.submit(request.groupId, () => ({ type: 'sync', request }), signal)
    },
    async heartbeat(request) {
      return groupIdFault(request.groupId) ?? groups.submit(request.groupId, () => ({ type: 'heartbeat', request }))
    },
    async leave(groupId, members) {
      return groupIdFault(groupId) ?? groups.submit(groupId, () => ({ type: 'leave', groupId, members }))
    },
    async commit(request) {
      const fault = groupIdFault(request.groupId)
      if (fault !== null) return fault
      let faults: (Refusal | null)[] = []
      const replies = await groups.submit(request.groupId, () => {
        // Looked at when the commit is decided: offsets of a topic that is being deleted must not come in behind its deletion.
        faults = request.offsets.map(at => partitionFault(image().topic(at.topic), at))
        const offsets = request.offsets.filter((_, index) => faults[index] === null)
        return { type: 'commit', request: { ...request, offsets } satisfies CommitRequest }
      })
      if (replies instanceof Refusal) return replies
      const rest = [...replies]
      return faults.map(one => {
        if (one !== null) return one
        const reply = rest.shift()
        assert(reply !== undefined, 'there is one reply per offset')
        return reply
      })
    },
    async committed(groupId, partitions) {
      const answer = groupIdFault(groupId) ?? (await groups.ask(groupId, shard => shard.committed(groupId, partitions))) ?? []
      return answer instanceof Refusal && answer.code === 'group-id-not-found' ? [] : answer
    },
    async describe(groupId) {
      return groupIdFault(groupId) ?? (await groups.ask(groupId, shard => shard.describe(groupId))) ?? noGroup(groupId)
    },
    async list() {
      return (await groups.askAll(shard => shard.list())).flat()
    },
    async delete(groupId) {
      if (groupIdFault(groupId) !== null || image().topic('__consumer_offsets') === undefined) return groupIdFault(groupId) ?? noGroup(groupId)
      return groups.submit(groupId, () => ({ type: 'delete', groupId }))
    },
  }
}

function aclsOf({ image, submit }: View): AclStore {
  return {
    all: () => image().acls,
    add: async bindings => refuseLoudly(await submit({ type: 'add-acls', bindings })),
    remove: async bindings => refuseLoudly(await submit({ type: 'remove-acls', bindings })),
  }
}

function accessKeysOf({ image, submit }: View): AccessKeys {
  return {
    find: id => image().accessKey(id),
    all: () => image().accessKeys,
    add: key => submit({ type: 'add-access-key', key }),
    remove: id => submit({ type: 'remove-access-key', id }),
  }
}

function documentsOf({ image, submit }: View): Documents {
  return {
    find: (kind, key) => image().documents.find(kind, key),
    all: kind => image().documents.all(kind),
    put: (document, ifVersion) => submit({ type: 'put-document', document, ifVersion }),
    remove: (kind, key, ifVersion) => submit({ type: 'remove-document', kind, key, ifVersion }),
  }
}

function namedTopics(catalog: Catalog, names: readonly string[]): readonly Topic[] {
  return [...new Set(names)].toSorted().flatMap(name => catalog.topic(name) ?? [])
}

/** The schema registry's logs are made like any topic, but what stands in them is law at every way in: only the registry writes them, and nobody cuts or ends them. */
function isKept(topic: string): boolean {
  return registryTopics.has(topic) || internalTopics.has(topic)
}

function registryFault(code: RefusalCode, topic: string): Refusal | null {
  return registryTopics.has(topic) ? new Refusal(code, `The topic ${topic} is the schema registry's: it cannot be changed or deleted.`) : null
}

function partitionFault(topic: Topic | undefined, { topic: name, partition }: PartitionRef): Refusal | null {
  if (topic === undefined) return unknownTopic(name)
  if (topic.partitions[partition] !== undefined) return null
  return unknownPartition(name, partition)
}

const groupIdCharactersMax = 4096

function groupIdFault(groupId: string): Refusal | null {
  if (groupId === '') return new Refusal('invalid-group-id', 'The configured groupId is invalid: it is empty.')
  if (groupId.length <= groupIdCharactersMax) return null
  return new Refusal('invalid-group-id', `The configured groupId is invalid: it has ${groupId.length} characters, more than ${groupIdCharactersMax}.`)
}

function noGroup(groupId: string): Refusal {
  return new Refusal('group-id-not-found', `Group ${groupId} not found.`)
}

/** The port has no way to refuse these: what cannot be kept is an error of the disk. */
function refuseLoudly(reply: null | Refusal): void {
  if (reply !== null) throw new Error(reply.message)
}
