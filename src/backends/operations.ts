// The brokers of this process as an operator handles them: the engine's broker and its listeners together, in the order that clients notice least.
import type { Broker } from '../engine/broker.ts'
import { placementWithout } from '../engine/catalog/evacuation.ts'
import type { Engine, Member } from '../engine/engine.ts'
import type { Roster } from '../engine/roster.ts'
import { type BrokerStatus, type Brokers, type NewBroker, Refusal } from '../ports.ts'

/** A broker's way to its clients. */
export interface Doors {
  open(broker: Broker): Promise<void>
  /** Answers what is under way first. */
  close(id: number): Promise<void>
  /** Cuts every connection. */
  destroy(id: number): void
  ports(id: number): ReadonlyMap<string, number>
}

export interface OperationsOptions {
  readonly engine: Engine
  readonly doors: Doors
  readonly roster: Roster
  /** Where a broker's data lie that is added without saying where. */
  readonly directoryOf: (id: number) => string
}

const movePollMs = 100

export function brokerOperations({ engine, doors, roster, directoryOf }: OperationsOptions): Brokers {
  const statusOf = ({ spec, broker, fault }: Member): BrokerStatus => {
    const { image } = engine
    let leaders = 0
    let replicas = 0
    let outOfSync = 0
    for (const topic of image.topics) {
      for (const partition of topic.partitions) {
        if (partition.leader === spec.id) leaders++
        if (!partition.replicas.includes(spec.id)) continue
        replicas++
        if (!partition.inSyncReplicas.includes(spec.id)) outOfSync++
      }
    }
    const registered = image.broker(spec.id)
    const limitBytes = registered?.limitBytes
    return {
      id: spec.id, rack: spec.rack, state: registered?.state ?? 'fenced', isUp: broker !== undefined, ...(fault === undefined ? {} : { fault }),
      directories: spec.directories, ...(limitBytes === undefined ? {} : { limitBytes }), leaders, replicas, outOfSync, ports: doors.ports(spec.id),
    }
  }

  /** Lets clients in. A broker that cannot be reached is stopped again: it would lead partitions that no client gets to. */
  const letIn = async (broker: Broker): Promise<null | Refusal> => {
    try {
      await doors.open(broker)
      return null
    } catch (error) {
      await engine.stop(broker.id)
      return new Refusal('invalid-request', `broker ${broker.id} cannot let clients in: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  const start = async (id: number): Promise<null | Refusal> => {
    const refusal = await engine.start(id)
    if (refusal !== null) return refusal
    const broker = engine.broker(id)
    if (broker === undefined) return new Refusal('broker-not-available', `broker ${id} went down while it started`)
    await broker.running()
    return letIn(broker)
  }

  const stop = async (id: number): Promise<null | Refusal> => {
    const refusal = await engine.stop(id)
    if (refusal === null) await doors.close(id)
    return refusal
  }

  /** Everything that the broker holds, moved to others; resolves when nothing is left. */
  const empty = async (id: number, onProgress: (left: number) => void): Promise<null | Refusal> => {
    const wishes = placementWithout(engine.image.topics, engine.image.brokers, id)
    if (wishes instanceof Refusal) return wishes
    const { reply } = await engine.controller.submit({ type: 'reassign', wishes })
    const fault = reply instanceof Refusal ? reply : reply.find(one => one !== null)
    if (fault != null) return fault
    for (;;) {
      const left = engine.image.topics.reduce((sum, topic) => sum + topic.partitions.filter(({ replicas }) => replicas.includes(id)).length, 0)
      onProgress(left)
      if (left === 0) return null
      await new Promise<void>(resolve => void engine.world.clock.after(movePollMs, resolve))
    }
  }

  return {
    list: async () => engine.members.map(statusOf),
    stop,
    start,
    async restart(id) {
      return (await stop(id)) ?? start(id)
    },
    async fail(id) {
      doors.destroy(id)
      return engine.fail(id)
    },
    async add({ id = freeId(engine), rack = emptiestRack(engine), directories = [directoryOf(id)] }: NewBroker) {
      const refusal = await engine.add({ id, rack, directories })
      if (refusal !== null) return refusal
      const broker = engine.broker(id)
      const closed = broker === undefined ? null : await letIn(broker)
      if (closed !== null) return (await engine.remove(id)) ?? closed
      // Last: the next start opens every broker that is listed, or fails.
      await roster.add({ id, rack, directories })
      return statusOf(engine.members.find(({ spec }) => spec.id === id)!)
    },
    async remove(id, onProgress = () => {}) {
      if (!engine.members.some(({ spec }) => spec.id === id)) return unknown(engine, id)
      if (engine.members.length === 1) return new Refusal('invalid-request', `broker ${id} is the only one; a cluster needs at least one broker`)
      const refusal = (await empty(id, onProgress)) ?? (await engine.remove(id))
      if (refusal !== null) return refusal
      await doors.close(id)
      await roster.remove(id)
      return null
    },
    async setStorageLimit(id, bytes) {
      if (!engine.members.some(({ spec }) => spec.id === id)) return unknown(engine, id)
      const { reply, upTo } = await engine.controller.submit({ type: 'set-storage-limit', brokerId: id, bytes })
      await engine.heard(upTo)
      return reply
    },
  }
}

function freeId(engine: Engine): number {
  for (let id = 1; ; id++) if (!engine.members.some(({ spec }) => spec.id === id) && engine.image.broker(id) === undefined) return id
}

/** Zones in the order of their names where they have equally many brokers. */
function emptiestRack(engine: Engine): string {
  const counts = new Map<string, number>()
  for (const { spec } of engine.members) if (spec.rack !== null) counts.set(spec.rack, (counts.get(spec.rack) ?? 0) + 1)
  const [emptiest] = [...counts].toSorted(([a, of], [b, than]) => of - than || (a < b ? -1 : 1))
  return emptiest?.[0] ?? 'a'
}

function unknown(engine: Engine, id: number): Refusal {
  return new Refusal('broker-id-not-registered', `there is no broker ${id}; there are ${engine.members.map(({ spec }) => spec.id).join(', ')}`)
}
