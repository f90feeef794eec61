// Simulated consumers: they read at the high watermark, look whether the log they have read is still the leader's, commit where they are, and go on from there
// after a crash.
import { type Backend, Refusal, type PartitionRef } from '../../../src/ports.ts'
import { valueOf } from '../../history/clients.ts'
import type { Key, Read } from '../../history/history.ts'
import { SimClient } from './client.ts'
import { keyOf, type Stage } from './stage.ts'

interface Place {
  readonly at: PartitionRef
  offset: number
  epoch: number
  /** By one that commits: the highest offset that was confirmed, and that was tried. */
  confirmed: number
  tried: number
}

export interface ConsumerOptions {
  /** Commits to this group, and after a crash goes on from what is committed. */
  readonly group?: string
}

export class SimConsumer {
  readonly #stage: Stage
  readonly #client: SimClient
  readonly #group: string | undefined
  readonly #places: Place[]
  readonly #process
  #hasBegun = false

  constructor(stage: Stage, client: SimClient, partitions: readonly PartitionRef[], { group }: ConsumerOptions = {}) {
    this.#stage = stage
    this.#client = client
    this.#group = group
    this.#process = stage.recorder.process()
    this.#places = partitions.map(at => ({ at, offset: 0, epoch: -1, confirmed: -1, tried: -1 }))
  }

  positionOf(at: PartitionRef): number {
    return this.#places.find(place => keyOf(place.at) === keyOf(at))?.offset ?? 0
  }

  async run(): Promise<void> {
    const { random } = this.#client
    while (this.#stage.isReading) {
      await this.#client.pause(random.float() * 2 * this.#stage.pauseMs)
      const place = random.pick(this.#places)
      await this.poll(place.at)
      if (this.#group === undefined) continue
      if (random.chance(0.1)) await this.#commit(place)
      if (random.chance(0.01)) await this.#crash()
    }
  }

  /** Reads what there is next of the partition; whether anything was answered. */
  async poll(at: PartitionRef): Promise<boolean> {
    if (!this.#hasBegun) this.#assign()
    const place = this.#places.find(one => keyOf(one.at) === keyOf(at))!
    const key = keyOf(at)
    this.#process.invoke({ f: 'poll', value: [['poll']] })
    const from = place.offset
    const slice = await this.#client.askLeader(at, 'fetch', (backend, leader) => backend.logs.read(at, from, {
      bytesMax: 1 + this.#client.random.below(20_000), atLeastOne: true, committedOnly: false, leaderEpoch: leader.epoch, lastFetchedEpoch: place.epoch,
    }))
    if (slice === 'unreachable') return this.#nothing()
    if (slice instanceof Refusal) {
      this.#nothing()
      if (slice.code === 'offset-out-of-range') await this.#startAgain(place)
      return false
    }
    if (slice.diverging !== undefined) {
      this.#nothing()
      if (!this.#stage.mayLose(at.topic)) {
        this.#stage.violation(`${key}: a consumer at ${from}, epoch ${place.epoch}, is told that the log parts at ${slice.diverging.endOffset}, epoch ${slice.diverging.leaderEpoch}`)
      }
      await this.#startAgain(place)
      return true
    }
    const reads: Read[] = []
    for (const batch of slice.batches) {
      if (!batch.crcIsValid()) this.#stage.violation(`${key}: the batch at ${batch.baseOffset} was served with a wrong CRC`)
      for (const record of batch.records()) if (record.offset >= place.offset) reads.push([record.offset, valueOf(record.value?.toString() ?? '')])
      place.offset = batch.nextOffset
      place.epoch = batch.leaderEpoch
    }
    if (slice.batches.length > 0) this.#stage.served(at, place.offset, slice.highWatermark)
    this.#stage.counts.read += reads.length
    this.#process.ok([['poll', reads.length === 0 ? {} : { [key]: reads }]])
    return true
  }

  #nothing(): boolean {
    this.#process.ok([['poll', {}]])
    return false
  }

  #assign(moved: readonly Key[] = []): void {
    this.#hasBegun = true
    const value = this.#places.map(({ at }) => keyOf(at))
    this.#process.invoke({ f: 'assign', value })
    this.#process.ok(undefined, { rebalanced: moved })
  }

  /** The log does not have this offset: from its beginning, where records were deleted. */
  async #startAgain(place: Place): Promise<void> {
    const ends = await this.#client.askLeader(place.at, 'ends', backend => backend.logs.ends(place.at))
    if (ends === 'unreachable' || ends instanceof Refusal) return
    if (place.offset > ends.logEndOffset && !this.#stage.mayLose(place.at.topic)) {
      this.#stage.violation(`${keyOf(place.at)}: a consumer has read up to ${place.offset}; the leader's log ends at ${ends.logEndOffset}`)
    }
    if (place.offset >= ends.logStartOffset && place.offset <= ends.logEndOffset) return
    place.offset = ends.logStartOffset
    place.epoch = -1
    this.#assign([keyOf(place.at)])
  }

  async #commit(place: Place): Promise<void> {
    const { offset } = place
    if (offset === 0) return
    place.tried = Math.max(place.tried, offset)
    const answer = await this.#askCoordinator('commit', backend => backend.groups.commit({
      groupId: this.#group!, memberId: '', instanceId: null, generationId: -1, offsets: [{ ...place.at, offset, leaderEpoch: place.epoch, metadata: '' }],
    }))
    if (answer === 'unreachable' || answer instanceof Refusal || answer[0] !== null) return
    place.confirmed = offset
    this.#stage.counts.commits++
  }

  /** What is committed, held against what was confirmed; false where nobody answers. */
  async checkCommitted(): Promise<boolean> {
    const answer = await this.#askCoordinator('committed', backend => backend.groups.committed(this.#group!))
    if (answer === 'unreachable' || answer instanceof Refusal) return false
    for (const place of this.#places) {
      const offset = answer.find(one => keyOf(one) === keyOf(place.at))?.offset ?? -1
      if (offset < place.confirmed || offset > place.tried) {
        this.#stage.violation(`group ${this.#group}: ${keyOf(place.at)} is committed at ${offset}; ${place.confirmed} was confirmed, and no more than ${place.tried} was sent`)
      }
    }
    return true
  }

  /** A new consumer in its place goes on from what is committed. */
  async #crash(): Promise<void> {
    // What was sent and not answered may still arrive; it is not waited for, and must not be later than what follows.
    if (!(await this.checkCommitted())) return
    const moved: Key[] = []
    for (const place of this.#places) {
      if (place.confirmed < 0 || place.confirmed !== place.tried) continue
      place.offset = place.confirmed
      place.epoch = -1
      moved.push(keyOf(place.at))
    }
    this.#assign(moved)
  }

  async #askCoordinator<T>(what: string, question: (backend: Backend) => Promise<T>): Promise<T | 'unreachable'> {
    const broker = this.#client.random.pick([...this.#stage.cluster.machines.keys()])
    const coordinator = await this.#client.ask(broker, 'coordinator', backend => backend.groups.coordinator(this.#group!))
    if (coordinator === 'unreachable' || coordinator instanceof Refusal) return 'unreachable'
    return this.#client.ask(coordinator, what, question)
  }
}
