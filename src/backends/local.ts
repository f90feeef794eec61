// The local engine behind the ports: what a facade asks, put to the engine's partitions, catalog and groups. Holds no state of its own.
import { assert } from '../base/assert.ts'
import type { Engine } from '../engine/engine.ts'
import type { OpenPartition } from '../engine/partition.ts'
import { internalTopics } from '../engine/catalog/topic-names.ts'
import { unknownPartition, unknownTopic } from '../engine/catalog/catalog.ts'
import {
  type AccessKeys, type AclStore, type Admin, type Backend, type CommitRequest, type Groups, type Logs, type PartitionRef, Refusal, type RefusalCode, type Topic,
} from '../ports.ts'

/** The backend owns the engine: disposing of it closes the engine. */
export function localBackend(engine: Engine): Backend {
  return {
    logs: logsOf(engine),
    admin: adminOf(engine),
    groups: groupsOf(engine),
    acls: aclsOf(engine),
    accessKeys: accessKeysOf(engine),
    [Symbol.asyncDispose]: () => engine.close(),
  }
}

function logsOf(engine: Engine): Logs {
  const { partitions } = engine
  /** Without a turn of the event loop where the partition is open, so that appends of one caller stay in order. */
  const on = <T>(at: PartitionRef, ask: (partition: OpenPartition) => Promise<T | Refusal>): Promise<T | Refusal> => {
    const found = partitions.find(at)
    if (found instanceof Refusal) return Promise.resolve(found)
    return found instanceof Promise ? found.then(opened => (opened instanceof Refusal ? opened : ask(opened))) : ask(found)
  }
  return {
    append(at, batch, how) {
      if (isKept(at.topic) && how.internal !== true) {
        return Promise.resolve(new Refusal('invalid-topic', `The topic ${at.topic} is internal: only its coordinator writes to it.`))
      }
      return on(at, partition => partition.append(batch, how))
    },
    read: (at, from, how) => on(at, partition => partition.read(from, how)),
    ends: at => on(at, async partition => partition.ends()),
    offsetForTime: (at, timestampMs) => on(at, partition => partition.offsetForTime(timestampMs)),
    offsetOfMaxTimestamp: at => on(at, partition => partition.offsetOfMaxTimestamp()),
    changed: (seen, signal) => partitions.changed(seen, signal),
    allocateProducerId: () => engine.allocateProducerId(),
  }
}

function adminOf(engine: Engine): Admin {
  const { catalog, brokerId } = engine
  return {
    cluster: async () => ({ id: catalog.clusterId, controllerId: brokerId, brokers: catalog.brokers }),
    async topics(names) {
      const topics = await engine.ask(() => (names === undefined ? catalog.topics : namedTopics(catalog, names)))
      // Where the catalog cannot be written any more, what it holds is still the best answer there is.
      return topics instanceof Refusal ? catalog.topics.filter(topic => names?.includes(topic.name) ?? true) : topics
    },
    topicById: async id => catalog.topicById(id),
    config: (topic, name) => catalog.configs.topic(topic.configs, name),
    createTopic: (topic, { validateOnly }) => engine.createTopic(topic, { internal: false, validateOnly }),
    deleteTopic: async name => schemasFault('invalid-topic', name) ?? engine.deleteTopic(name),
    createPartitions: async (name, count, { validateOnly, assignment }) =>
      schemasFault('invalid-request', name) ?? engine.submit({ type: 'create-partitions', name, count, assignment, validateOnly }),
    async describeConfigs({ type, name }) {
      if (type === 'broker') return catalog.brokerFault(name) ?? catalog.configs.describeBroker(name)
      const topic = catalog.topic(name)
      return topic === undefined ? unknownTopic(name) : catalog.configs.describeTopic(topic)
    },
    alterConfigs: async (resource, changes, { validateOnly }) =>
      (resource.type === 'topic' ? schemasFault('policy-violation', resource.name) : null) ?? engine.submit({ type: 'alter-configs', resource, changes, validateOnly }),
    async deleteRecords(at, beforeOffset) {
      if (isKept(at.topic)) return new Refusal('policy-violation', `The records of internal topic ${at.topic} are its coordinator's to delete.`)
      const partition = await engine.partitions.find(at)
      return partition instanceof Refusal ? partition : partition.deleteRecords(beforeOffset)
    },
  }
}

function groupsOf(engine: Engine): Groups {
  const { groups, catalog, world } = engine
  return {
    async coordinator(groupId) {
      return groupIdFault(groupId) ?? (await groups.ready()) ?? engine.brokerId
    },
    async join(request, signal) {
      const owner = request.instanceId ?? request.clientId
      const join = () => ({ type: 'join', request, newMemberId: `${owner}-${world.random.uuid()}` } as const)
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
        faults = request.offsets.map(at => partitionFault(catalog.topic(at.topic), at))
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
      return groupIdFault(groupId) ?? (await groups.ask(groupId, shard => shard.committed(groupId, partitions))) ?? []
    },
    async describe(groupId) {
      return groupIdFault(groupId) ?? (await groups.ask(groupId, shard => shard.describe(groupId))) ?? noGroup(groupId)
    },
    async list() {
      return (await groups.askAll(shard => shard.list())).flat()
    },
    async delete(groupId) {
      if (groupIdFault(groupId) !== null || engine.catalog.topic('__consumer_offsets') === undefined) return groupIdFault(groupId) ?? noGroup(groupId)
      return groups.submit(groupId, () => ({ type: 'delete', groupId }))
    },
  }
}

function aclsOf(engine: Engine): AclStore {
  return {
    all: () => engine.catalog.acls,
    add: async bindings => refuseLoudly(await engine.submit({ type: 'add-acls', bindings })),
    remove: async bindings => refuseLoudly(await engine.submit({ type: 'remove-acls', bindings })),
  }
}

function accessKeysOf(engine: Engine): AccessKeys {
  return {
    find: id => engine.catalog.accessKey(id),
    all: () => engine.catalog.accessKeys,
    add: key => engine.submit({ type: 'add-access-key', key }),
    remove: id => engine.submit({ type: 'remove-access-key', id }),
  }
}

function namedTopics(catalog: Engine['catalog'], names: readonly string[]): readonly Topic[] {
  return [...new Set(names)].toSorted().flatMap(name => catalog.topic(name) ?? [])
}

/** The schema registry's log is made like any topic, but what stands in it is law at every way in: only the registry writes it, and nobody cuts or ends it. */
const schemasTopic = '_schemas'

function isKept(topic: string): boolean {
  return topic === schemasTopic || internalTopics.has(topic)
}

function schemasFault(code: RefusalCode, topic: string): Refusal | null {
  return topic === schemasTopic ? new Refusal(code, `The topic ${topic} is the schema registry's: it cannot be changed or deleted.`) : null
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
