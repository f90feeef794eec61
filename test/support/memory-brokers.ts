// Several brokers in memory, over a Backend in memory: placements, leaders and in-sync replicas as an operator sees them, none of the replication. A broker that is down
// is in sync with nothing; one that comes back is in sync at once. A reassignment stays under way until `finishReassignments`.
import {
  Refusal, type Admin, type Backend, type Broker, type Brokers, type BrokerStatus, type LogDirectory, type Logs, type Partition, type PartitionRef, type Reassignment, type Topic,
} from '../../src/ports.ts'

export interface MemoryCluster {
  readonly logs: Logs
  readonly admin: Admin
  readonly brokers: Brokers
  /** Everything that is being moved is where it shall be. */
  finishReassignments(): void
  /** Takes a broker down by itself, for a reason that is shown. */
  breakDown(id: number, fault: string): void
  /** Awaited before each partition that `remove` moves. */
  beforeMove: () => Promise<void>
}

interface MemoryBroker {
  readonly id: number
  readonly rack: string | null
  readonly directories: readonly string[]
  isUp: boolean
  fault?: string
  limitBytes?: number
}

interface Place {
  leader: number
  leaderEpoch: number
  partitionEpoch: number
  replicas: number[]
  inSync: number[]
  adding: number[]
  removing: number[]
  /** Directory by broker, where it is not the broker's first. */
  readonly directories: Map<number, string>
}

const bytesPerRecord = 100
const diskBytes = 1024 ** 3

export function memoryCluster(backend: Backend, ids: readonly number[] = [1]): MemoryCluster {
  const registered = new Map<number, MemoryBroker>()
  const places = new Map<string, Place>()
  const register = (id: number, rack: string, directories = [`/data/broker-${id}`]): MemoryBroker => {
    const broker: MemoryBroker = { id, rack, directories, isUp: true }
    registered.set(id, broker)
    return broker
  }
  for (const [at, id] of ids.entries()) register(id, String.fromCodePoint(97 + at % 3))

  const sortedIds = (): number[] => [...registered.keys()].toSorted((a, b) => a - b)
  const isUp = (id: number): boolean => registered.get(id)?.isUp === true
  const keyOf = ({ topic, partition }: PartitionRef): string => `${topic}/${partition}`
  const placeOf = (at: PartitionRef): Place => {
    const known = places.get(keyOf(at))
    if (known !== undefined) return known
    const all = sortedIds()
    const replicas = all.slice(0, 3).map((_, turn) => all[(at.partition + turn) % all.length]!)
    const place: Place = { leader: replicas[0]!, leaderEpoch: 0, partitionEpoch: 0, replicas, inSync: [...replicas], adding: [], removing: [], directories: new Map() }
    places.set(keyOf(at), place)
    return place
  }
  const lead = (place: Place, leader: number): void => {
    place.leader = leader
    place.leaderEpoch++
    place.partitionEpoch++
  }
  const shown = (topic: Topic): Topic => ({
    ...topic,
    partitions: topic.partitions.map((one): Partition => {
      const { leader, leaderEpoch, partitionEpoch, replicas, inSync, adding, removing } = placeOf({ topic: topic.name, partition: one.index })
      return { ...one, leader, leaderEpoch, partitionEpoch, replicas: [...replicas], inSyncReplicas: [...inSync], addingReplicas: [...adding], removingReplicas: [...removing] }
    }),
  })
  const everyPartition = async (): Promise<PartitionRef[]> =>
    (await backend.admin.topics()).flatMap(topic => topic.partitions.map(one => ({ topic: topic.name, partition: one.index })))

  const goDown = async (id: number): Promise<void> => {
    // Placements are made when they are first looked at; whoever goes down had its share before.
    for (const at of await everyPartition()) placeOf(at)
    registered.get(id)!.isUp = false
    for (const place of places.values()) {
      if (!place.inSync.includes(id)) continue
      if (place.inSync.length > 1) place.inSync = place.inSync.filter(one => one !== id)
      if (place.leader === id) lead(place, place.replicas.find(one => place.inSync.includes(one) && isUp(one)) ?? -1)
    }
  }
  const comeUp = (id: number): void => {
    const broker = registered.get(id)!
    broker.isUp = true
    delete broker.fault
    for (const place of places.values()) {
      if (!place.replicas.includes(id)) continue
      place.inSync = place.replicas.filter(one => one === id || place.inSync.includes(one))
      if (place.leader === -1) lead(place, id)
    }
  }
  const unknownBroker = (id: number): Refusal => new Refusal('broker-id-not-registered', `broker ${id} is not registered`)
  const whileUp = async (id: number, wanted: boolean, change: () => Promise<void> | void): Promise<null | Refusal> => {
    if (!registered.has(id)) return unknownBroker(id)
    if (isUp(id) !== wanted) return new Refusal('broker-not-available', `broker ${id} is ${wanted ? 'not ' : ''}running`)
    await change()
    return null
  }
  const statusOf = (broker: MemoryBroker): BrokerStatus => {
    const held = [...places.values()].filter(place => place.replicas.includes(broker.id))
    return {
      ...broker, state: broker.isUp ? 'running' : 'fenced', leaders: held.filter(place => place.leader === broker.id).length, replicas: held.length,
      outOfSync: held.filter(place => !place.inSync.includes(broker.id)).length, ports: new Map(broker.isUp ? [['kafka-tls', 9084 + 10 * broker.id]] : []),
    }
  }
  const settle = (place: Place): void => {
    place.replicas = place.replicas.filter(id => !place.removing.includes(id))
    place.inSync = place.replicas.filter(isUp)
    place.adding = []
    place.removing = []
    place.partitionEpoch++
    if (!place.replicas.includes(place.leader)) lead(place, place.inSync[0] ?? -1)
  }
  const reassigned = async ({ topic, partition, replicas }: Reassignment): Promise<null | Refusal> => {
    if (!(await everyPartition()).some(at => at.topic === topic && at.partition === partition)) return new Refusal('unknown-topic', `there is no partition ${topic}-${partition}`)
    const place = placeOf({ topic, partition })
    const isUnderWay = place.adding.length + place.removing.length > 0
    if (replicas === null) {
      if (!isUnderWay) return new Refusal('no-reassignment-in-progress', 'No partition reassignment is in progress.')
      place.replicas = place.replicas.filter(id => !place.adding.includes(id))
      place.adding = []
      place.removing = []
      return null
    }
    const stranger = replicas.find(id => !registered.has(id))
    if (stranger !== undefined) return new Refusal('invalid-replica-assignment', `broker ${stranger} is not registered`)
    const before = place.replicas
    place.adding = replicas.filter(id => !before.includes(id))
    place.removing = before.filter(id => !replicas.includes(id))
    place.replicas = [...replicas, ...place.removing]
    if (place.adding.length + place.removing.length === 0) settle(place)
    return null
  }
  const elected = (kind: 'preferred' | 'unclean', at: PartitionRef): Refusal | null => {
    const place = placeOf(at)
    const preferred = place.replicas[0]!
    if (kind === 'preferred' ? place.leader === preferred : place.leader >= 0) return new Refusal('election-not-needed', 'Leader election not needed for topic partition.')
    if (kind === 'preferred') {
      if (!place.inSync.includes(preferred) || !isUp(preferred)) return new Refusal('preferred-leader-not-available', `the preferred leader ${preferred} is not available`)
      lead(place, preferred)
      return null
    }
    const running = place.replicas.find(isUp)
    if (running === undefined) return new Refusal('eligible-leaders-not-available', `no replica of ${at.topic}-${at.partition} is running`)
    place.inSync = [running]
    lead(place, running)
    return null
  }

  const admin: Admin = {
    ...backend.admin,
    async cluster() {
      const brokers = sortedIds().map((id): Broker => ({ id, rack: registered.get(id)!.rack, state: isUp(id) ? 'running' : 'fenced' }))
      return { id: (await backend.admin.cluster()).id, controllerId: sortedIds().find(isUp) ?? -1, brokers }
    },
    async topics(names) {
      return (await backend.admin.topics(names)).map(shown)
    },
    async topicById(id) {
      const topic = await backend.admin.topicById(id)
      return topic === undefined ? undefined : shown(topic)
    },
    async electLeaders(kind, partitions) {
      const tried = (partitions ?? await everyPartition()).map(at => ({ ...at, refusal: elected(kind, at) }))
      return partitions === null ? tried.filter(one => one.refusal === null) : tried
    },
    async reassign(wishes) {
      const outcomes: (null | Refusal)[] = []
      for (const wish of wishes) outcomes.push(await reassigned(wish))
      return outcomes
    },
    async reassignments(partitions) {
      const underWay = (partitions ?? await everyPartition()).map(at => {
        const { replicas, adding, removing } = placeOf(at)
        return { topic: at.topic, partition: at.partition, replicas: [...replicas], addingReplicas: [...adding], removingReplicas: [...removing] }
      })
      return underWay.filter(one => one.addingReplicas.length + one.removingReplicas.length > 0)
    },
    async logDirectories(id, partitions) {
      const broker = registered.get(id)
      if (broker === undefined) return unknownBroker(id)
      if (!broker.isUp) return new Refusal('broker-not-available', `broker ${id} is not running`)
      const here = (partitions ?? await everyPartition()).filter(at => placeOf(at).replicas.includes(id))
      return await Promise.all(broker.directories.map(async (path): Promise<LogDirectory> => ({
        brokerId: id, path, totalBytes: diskBytes, usableBytes: diskBytes / 2, ...broker.limitBytes === undefined ? {} : { limitBytes: broker.limitBytes },
        replicas: await Promise.all(here.filter(at => (placeOf(at).directories.get(id) ?? broker.directories[0]) === path).map(async at => {
          const ends = await backend.logs.ends(at)
          return { ...at, bytes: ends instanceof Refusal ? 0 : ends.logEndOffset * bytesPerRecord, lag: 0, isFuture: false }
        })),
      })))
    },
    async moveReplica(id, at, path) {
      const place = placeOf(at)
      if (!place.replicas.includes(id)) return new Refusal('replica-not-available', `broker ${id} has no replica of ${at.topic}-${at.partition}`)
      place.directories.set(id, path)
      return null
    },
    async quorum() {
      const voters = sortedIds().map(id => ({ id, logEndOffset: isUp(id) ? 12 : 7, lastFetchMs: isUp(id) ? 1_700_000_000_000 : -1, lastCaughtUpMs: isUp(id) ? 1_700_000_000_000 : -1 }))
      return { leaderId: 1, leaderEpoch: 3, highWatermark: 12, voters }
    },
    async unregisterBroker(id) {
      return registered.delete(id) ? null : unknownBroker(id)
    },
    async replicas(name) {
      const [topic] = await backend.admin.topics([name])
      if (topic === undefined) return new Refusal('unknown-topic', `topic '${name}' does not exist`)
      const statuses = await Promise.all(topic.partitions.map(async ({ index: partition }) => {
        const ends = await backend.logs.ends({ topic: name, partition })
        if (ends instanceof Refusal) throw new Error(ends.message)
        const { leader, replicas } = placeOf({ topic: name, partition })
        const { logStartOffset, lastStableOffset, highWatermark, logEndOffset } = ends
        return replicas.filter(isUp).map(brokerId => ({
          topic: name, partition, brokerId, role: brokerId === leader ? 'leader' as const : 'follower' as const,
          logStartOffset, lastStableOffset, highWatermark, logEndOffset, durableOffset: logEndOffset,
        }))
      }))
      return statuses.flat()
    },
  }

  const cluster: MemoryCluster = {
    logs: backend.logs,
    admin,
    brokers: {
      async list() {
        for (const at of await everyPartition()) placeOf(at)
        return sortedIds().map(id => statusOf(registered.get(id)!))
      },
      stop: id => whileUp(id, true, () => goDown(id)),
      start: id => whileUp(id, false, () => comeUp(id)),
      restart: id => whileUp(id, true, async () => {
        await goDown(id)
        comeUp(id)
      }),
      fail: id => whileUp(id, true, () => goDown(id)),
      async add(wanted) {
        let id = wanted.id ?? 1
        while (wanted.id === undefined && registered.has(id)) id++
        if (registered.has(id)) return new Refusal('duplicate-resource', `broker ${id} is registered`)
        return statusOf(register(id, wanted.rack ?? 'a', wanted.directories === undefined ? undefined : [...wanted.directories]))
      },
      async remove(id, onProgress) {
        if (!registered.has(id)) return unknownBroker(id)
        for (const at of await everyPartition()) placeOf(at)
        const held = [...places.values()].filter(place => place.replicas.includes(id))
        if (sortedIds().length === 1) return new Refusal('invalid-request', `broker ${id} is the only one: there is none to take its partitions`)
        for (const [at, place] of held.entries()) {
          onProgress?.(held.length - at)
          await cluster.beforeMove()
          const heir = sortedIds().find(other => !place.replicas.includes(other))
          if (heir !== undefined) place.adding = [heir]
          place.replicas = [...place.replicas, ...place.adding]
          place.removing = [id]
          settle(place)
        }
        registered.delete(id)
        return null
      },
      async setStorageLimit(id, bytes) {
        const broker = registered.get(id)
        if (broker === undefined) return unknownBroker(id)
        if (bytes === null) delete broker.limitBytes
        else broker.limitBytes = bytes
        return null
      },
    },
    finishReassignments() {
      for (const place of places.values()) if (place.adding.length + place.removing.length > 0) settle(place)
    },
    breakDown(id, fault) {
      const broker = registered.get(id)!
      broker.isUp = false
      broker.fault = fault
    },
    beforeMove: async () => {},
  }
  return cluster
}
