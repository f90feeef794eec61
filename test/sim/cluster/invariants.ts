// The rules that hold after every event (reliability.md §1.5), each in a form that is cheap to look at. I1 one leader per epoch; I2 offsets that only grow; I3 what is
// acknowledged is durable on enough replicas; I5 in-sync sets and epochs; I6 nothing below a high watermark is cut off; I7 nothing above it is served; I15 nothing is
// behind the end of a closed partition, which does not move, and nothing in its children before that is known; I16 who is eligible to lead has what was acknowledged.
import type { Broker } from '../../../src/engine/broker.ts'
import { openAncestor } from '../../../src/engine/catalog/lineage.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import type { Log } from '../../../src/engine/log/log.ts'
import type { Leadership } from '../../../src/engine/replication/leadership.ts'
import type { Replica } from '../../../src/engine/replication/replica.ts'
import type { Partition, PartitionRef } from '../../../src/ports.ts'

export interface InvariantsOptions {
  readonly violation: (text: string) => void
  /** A change of state, for the trace. */
  readonly note: (text: string) => void
  readonly mayLose: (topic: string) => boolean
  /** The least that min.insync.replicas has ever been. */
  readonly minInSync: () => number
}

interface Seen {
  log: Log
  leadership: Leadership | undefined
  highWatermark: number
  startOffset: number
  endOffset: number
  durableOffset: number
}

export class Invariants {
  readonly #options: InvariantsOptions
  /** Who leads in each epoch, in which of its lives. */
  readonly #leaders = new Map<string, string>()
  readonly #seen = new WeakMap<Replica, Seen>()
  /** By topic id and index: below it everything was committed once. */
  readonly #committed = new Map<string, number>()
  /** By topic id and index, and broker: how far it was last seen to be durable there. */
  readonly #durable = new Map<string, Map<number, number>>()
  readonly #partitions = new Map<string, Partition>()
  readonly #names = new Map<string, string>()
  readonly #producerIds = new Set<number>()
  #position = -1
  #engine: Engine | undefined
  /** Events looked at. */
  events = 0

  constructor(options: InvariantsOptions) {
    this.#options = options
  }

  /** After an event. */
  check(engine: Engine | undefined): void {
    this.events++
    if (engine === undefined) return
    if (engine !== this.#engine || engine.controller.position !== this.#position) {
      this.#engine = engine
      this.#position = engine.controller.position
      this.#checkCatalog(engine)
    }
    for (const broker of engine.brokers) for (const replica of broker.replicas.all) this.#checkReplica(broker, replica)
  }

  committedOf(topicId: string, index: number): number {
    return this.#committed.get(`${topicId}/${index}`) ?? 0
  }

  acknowledged({ topic, partition }: PartitionRef, endOffset: number): void {
    const key = this.#keyOf(topic, partition)
    if (key === undefined) return
    // The replicas may have moved on within the same event.
    if (this.#engine !== undefined) this.check(this.#engine)
    const committed = this.#committed.get(key) ?? 0
    if (endOffset > committed) this.#options.violation(`I3 ${topic}-${partition}: acks=all was answered up to ${endOffset}; the high watermark is ${committed}`)
    const end = this.#partitions.get(key)?.seal?.endOffset ?? -1
    if (end >= 0 && endOffset > end) this.#options.violation(`I15 ${topic}-${partition}: acks=all was answered up to ${endOffset}; it is closed at ${end}`)
    const ends = [...this.#durable.get(key)?.values() ?? []]
    const count = ends.filter(end => end >= endOffset).length
    const needed = Math.min(this.#options.minInSync(), this.#partitions.get(key)!.replicas.length)
    if (count < needed && !this.#options.mayLose(topic)) {
      this.#options.violation(`I3 ${topic}-${partition}: acks=all was answered up to ${endOffset}, which is durable on ${count} replicas (${ends.join(', ')}), not ${needed}`)
    }
  }

  served({ topic, partition }: PartitionRef, endOffset: number, highWatermark: number): void {
    const key = this.#keyOf(topic, partition)
    if (key === undefined) return
    const committed = this.#committed.get(key) ?? 0
    if (endOffset > highWatermark || endOffset > committed) {
      this.#options.violation(`I7 ${topic}-${partition}: records up to ${endOffset} were served; the high watermark was ${highWatermark}, the highest ever ${committed}`)
    }
  }

  producerId(id: number): void {
    if (this.#producerIds.has(id)) this.#options.violation(`producer id ${id} was given twice`)
    this.#producerIds.add(id)
  }

  #keyOf(topic: string, partition: number): string | undefined {
    const id = this.#names.get(topic)
    return id === undefined ? undefined : `${id}/${partition}`
  }

  #checkReplica(broker: Broker, replica: Replica): void {
    const { log, leadership, highWatermark } = replica
    if (log === undefined) return
    const { startOffset, endOffset, durableEndOffset } = log
    let seen = this.#seen.get(replica)
    if (seen === undefined) {
      seen = { log, leadership: undefined, highWatermark, startOffset, endOffset, durableOffset: -1 }
      this.#seen.set(replica, seen)
    } else if (seen.leadership === leadership && seen.highWatermark === highWatermark && seen.endOffset === endOffset && seen.startOffset === startOffset && seen.durableOffset === durableEndOffset) return
    const { violation, note, mayLose } = this.#options
    const key = `${replica.topicId}/${replica.index}`
    const topic = replica.name.slice(0, replica.name.lastIndexOf('-'))
    const where = (): string => `${replica.name} on broker ${broker.id}`
    if (startOffset > highWatermark || highWatermark > endOffset || durableEndOffset > endOffset) {
      violation(`I2 ${where()}: start ${startOffset}, high watermark ${highWatermark}, durable ${durableEndOffset}, end ${endOffset}`)
    }
    // A log that is filled again from its leader begins anew.
    const isSame = seen.log === log && !mayLose(topic)
    if (highWatermark < seen.highWatermark && isSame) violation(`I2 ${where()}: the high watermark went from ${seen.highWatermark} back to ${highWatermark}`)
    if (startOffset < seen.startOffset && isSame) violation(`I2 ${where()}: the start went from ${seen.startOffset} back to ${startOffset}`)
    if (leadership !== seen.leadership && leadership !== undefined) {
      const life = `${broker.id} of epoch ${broker.epoch}`
      const epochKey = `${key}/${leadership.epoch}`
      const other = this.#leaders.get(epochKey) ?? life
      this.#leaders.set(epochKey, life)
      if (other !== life) violation(`I1 ${replica.name}: both ${other} and ${life} lead in epoch ${leadership.epoch}`)
      const committed = this.#committed.get(key) ?? 0
      // Who hears late of an election that is over may lack what was committed since; it commits nothing itself.
      const isOver = (this.#partitions.get(key)?.leaderEpoch ?? -1) > leadership.epoch
      if (endOffset < committed && !isOver && !mayLose(topic)) violation(`I6 ${where()} leads in epoch ${leadership.epoch} with a log that ends at ${endOffset}; up to ${committed} was committed`)
      note(`${replica.name} is led by ${broker.id} in epoch ${leadership.epoch} from ${leadership.startOffset}`)
    }
    const { inSyncReplicas: inSync, eligibleReplicas } = this.#partitions.get(key) ?? {}
    if (eligibleReplicas?.includes(broker.id) === true && broker.isRunning && endOffset < (this.#committed.get(key) ?? 0) && !mayLose(topic)) {
      violation(`I16 ${where()} is eligible to lead and ends at ${endOffset}; up to ${this.#committed.get(key)} was committed`)
    }
    if (inSync?.includes(broker.id) === true && broker.isRunning && endOffset < (this.#committed.get(key) ?? 0) && !mayLose(topic)) {
      violation(`I3 ${where()} is in sync (${inSync.join()}) and ends at ${endOffset}; up to ${this.#committed.get(key)} was committed`)
    }
    const end = this.#partitions.get(key)?.seal?.endOffset ?? -1
    if (end >= 0 && highWatermark > end) violation(`I15 ${where()}: the high watermark is ${highWatermark}; it is closed at ${end}`)
    if (leadership !== undefined && endOffset > seen.endOffset) {
      const ancestor = this.#openAncestor(replica)
      if (ancestor !== undefined) violation(`I15 ${where()} took records before it was known where partition ${ancestor} ends`)
    }
    if (leadership !== undefined && leadership.highWatermark > (this.#committed.get(key) ?? 0)) this.#committed.set(key, leadership.highWatermark)
    if (endOffset < seen.endOffset) note(`${where()} is cut from ${seen.endOffset} to ${endOffset}`)
    Object.assign(seen, { log, leadership, highWatermark, startOffset, endOffset, durableOffset: durableEndOffset })
    const durable = this.#durable.get(key) ?? new Map<number, number>()
    this.#durable.set(key, durable.set(broker.id, durableEndOffset))
  }

  #openAncestor({ topicId, index }: Replica): number | undefined {
    const topic = this.#engine?.image.topicById(topicId)
    return topic === undefined ? undefined : openAncestor(topic, index)
  }

  #checkCatalog({ image }: Engine): void {
    const { violation, note, mayLose } = this.#options
    for (const topic of image.topics) {
      this.#names.set(topic.name, topic.id)
      for (const partition of topic.partitions) {
        const key = `${topic.id}/${partition.index}`
        const before = this.#partitions.get(key)
        if (before === partition) continue
        this.#partitions.set(key, partition)
        const { leader, leaderEpoch, partitionEpoch, replicas, inSyncReplicas, eligibleReplicas = [] } = partition
        const name = `${topic.name}-${partition.index}`
        note(`${name}: leader ${leader} epoch ${leaderEpoch}/${partitionEpoch} replicas ${replicas.join()} in sync ${inSyncReplicas.join()}${eligibleReplicas.length === 0 ? '' : ` eligible ${eligibleReplicas.join()}`}`)
        if (inSyncReplicas.some(id => !replicas.includes(id))) violation(`I5 ${name}: in sync ${inSyncReplicas.join()} outside of replicas ${replicas.join()}`)
        if (leader >= 0 && !inSyncReplicas.includes(leader)) violation(`I5 ${name}: leader ${leader} is not in sync (${inSyncReplicas.join()})`)
        if (before === undefined) continue
        if (leaderEpoch < before.leaderEpoch || partitionEpoch < before.partitionEpoch) violation(`I2 ${name}: epochs went back from ${before.leaderEpoch}/${before.partitionEpoch} to ${leaderEpoch}/${partitionEpoch}`)
        if (JSON.stringify(partition) !== JSON.stringify(before) && partitionEpoch === before.partitionEpoch) violation(`I5 ${name} changed within partition epoch ${partitionEpoch}`)
        if (leader !== before.leader && leaderEpoch === before.leaderEpoch) violation(`I5 ${name}: the leader changed from ${before.leader} to ${leader} within epoch ${leaderEpoch}`)
        const [end, endBefore] = [partition.seal?.endOffset ?? -1, before.seal?.endOffset ?? -1]
        if (endBefore >= 0 && end !== endBefore && !mayLose(topic.name)) violation(`I15 ${name}: its end moved from ${endBefore} to ${end}`)
        if (endBefore < 0 && end >= 0 && end < (this.#committed.get(key) ?? 0) && !mayLose(topic.name)) violation(`I15 ${name} is closed at ${end}; up to ${this.#committed.get(key)} was committed`)
        // A reassignment ends with the change that lets its last replica in; a leader that wants to go is followed at once by whom it lets in.
        const isHandedOver = image.broker(before.leader)?.state === 'stopping'
        const isClean = isHandedOver || leader < 0 || before.inSyncReplicas.includes(leader) || before.eligibleReplicas?.includes(leader) === true || (isMoving(before) && !isMoving(partition))
        if (!isClean && partitionEpoch === before.partitionEpoch + 1 && !mayLose(topic.name)) violation(`I5 ${name}: ${leader} was elected from outside of the in-sync replicas ${before.inSyncReplicas.join()}`)
      }
    }
  }
}

function isMoving({ addingReplicas, removingReplicas }: Partition): boolean {
  return addingReplicas.length + removingReplicas.length > 0
}
