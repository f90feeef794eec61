// The follower's side of replication: one session with each broker that leads something which is followed here. A request says where the followed partitions
// stand, waits on the leader, and its answer is appended; how far that has become durable is said apart, as soon as it is, since acks=all waits for it.
import type { Clock, Logger } from '../../world/world.ts'
import type { PartitionId } from '../catalog/commands.ts'
import { type BrokerPeer, type FetchPosition, type FetchResponse, Unreachable } from '../links.ts'
import type { Replica } from './replica.ts'

export interface FetcherOptions {
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly leader: number
  readonly peer: BrokerPeer
  readonly clock: Clock
  readonly logger: Logger
  readonly bytesMax: number
  readonly partitionBytesMax: number
  readonly waitMs: number
  /** An answer that takes longer than its wait and this is given up. */
  readonly patienceMs: number
  /** How long a leader that cannot be reached, or does not know yet that it leads, is left alone. */
  readonly backoffMs: number
}

/** How long who catches up rests, in times of what it took to put the last answer on disk. */
const restShare = 2
/** Who is still behind after so long catches up as quickly as it can. */
const restingMsMax = 60_000

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #followed = new Map<string, Replica>()
  /** Partitions whose position must be said (again). */
  readonly #unsaid = new Set<string>()
  readonly #forgotten = new Map<string, PartitionId>()
  readonly #marked = new Set<Replica>()
  /** Since when each partition is out of sync that has had something to catch up with. */
  readonly #behind = new Map<string, number>()
  /** Those of them that do not ask for more yet, and since when. */
  readonly #resting = new Map<string, number>()
  #session = 0
  #turn = 0
  #isRunning = false
  #isClosed = false
  #isReporting = false
  #wake: (() => void) | undefined
  /** Settles with the answer taken last; never rejects. */
  #taking: Promise<void> = Promise.resolve()

  constructor(options: FetcherOptions) {
    this.#options = options
  }

  /** Follows the replica here from now on, or takes note that where it stands has changed. */
  follow(replica: Replica): void {
    const key = keyOf(replica)
    this.#followed.set(key, replica)
    this.#forgotten.delete(key)
    this.#unsaid.add(key)
    this.#wake?.()
    if (this.#isRunning || this.#isClosed) return
    this.#isRunning = true
    void this.#run()
  }

  leave(replica: Replica): void {
    const key = keyOf(replica)
    if (!this.#followed.delete(key)) return
    this.#unsaid.delete(key)
    this.#behind.delete(key)
    this.#resting.delete(key)
    this.#forgotten.set(key, { topicId: replica.topicId, partition: replica.index })
  }

  /** More of the replica is durable than the leader knows. What comes in one turn goes with one message. */
  progressed(replica: Replica): void {
    if (this.#resting.size > 0 && isOnDisk(replica)) this.#rest(keyOf(replica))
    this.#marked.add(replica)
    if (this.#isReporting || this.#isClosed) return
    this.#isReporting = true
    void Promise.resolve().then(() => this.#report())
  }

  close(): void {
    this.#isClosed = true
    this.#wake?.()
  }

  async #report(): Promise<void> {
    const { brokerId, brokerEpoch, peer } = this.#options
    const marks = [...this.#marked].flatMap(replica => replica.mark() ?? [])
    this.#marked.clear()
    this.#isReporting = false
    if (marks.length === 0 || this.#isClosed) return
    try {
      await peer.progress({ brokerId, brokerEpoch, marks })
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      // Lost: the next position says the same.
      for (const { topicId, partition } of marks) {
        const key = `${topicId}/${partition}`
        if (this.#followed.has(key)) this.#unsaid.add(key)
      }
    }
  }

  async #run(): Promise<void> {
    const { backoffMs, logger, leader } = this.#options
    while (!this.#isClosed && this.#followed.size > 0) {
      try {
        if (await this.#ask()) continue
      } catch (error) {
        logger.error({ leader, error: String(error) }, 'fetching from a leader failed')
      }
      this.#startAgain()
      await this.#pause(backoffMs)
    }
    this.#isRunning = false
    this.#session = 0
  }

  /** One request. False where the leader cannot be reached, or did not answer in time, or knows no such session. */
  async #ask(): Promise<boolean> {
    const { brokerId, brokerEpoch, peer, clock, bytesMax, partitionBytesMax, waitMs, patienceMs } = this.#options
    const positions: FetchPosition[] = []
    for (const key of this.#unsaid) {
      const replica = this.#followed.get(key)
      if (replica?.source?.leader === this.#options.leader) positions.push(replica.position())
    }
    this.#unsaid.clear()
    const forgotten = [...this.#forgotten.values()]
    this.#forgotten.clear()
    this.#turn++
    const isFirst = this.#session === 0
    const asked = peer.fetch({ brokerId, brokerEpoch, session: this.#session, turn: this.#turn, positions, forgotten, bytesMax, partitionBytesMax, waitMs: isFirst ? 0 : waitMs })
    const response = asked.catch((error: unknown) => {
      if (error instanceof Unreachable) return undefined
      throw error
    })
    const early = Promise.withResolvers<'said' | undefined>()
    using _timer = clock.after(waitMs + patienceMs, () => early.resolve(undefined))
    // What is to be said anew does not wait until the leader has something; what it answers to this request is taken all the same.
    if (!isFirst) this.#wake = () => early.resolve('said')
    const first = await Promise.race([response, early.promise])
    this.#wake = undefined
    if (first === 'said') {
      const session = this.#session
      response.then(late => {
        if (this.#session !== session) return
        // What it held is lost, and nobody knows of which partitions.
        if (late === undefined) this.#sayAgain([...this.#followed.keys()])
        else void this.#take(late).catch(() => {})
      }, () => {})
      return true
    }
    response.catch(() => {})
    return first !== undefined && this.#take(first)
  }

  /** Answers are taken one after the other. */
  #take(response: FetchResponse): Promise<boolean> {
    const taken = this.#taking.then(() => this.#takeNow(response))
    this.#taking = taken.then(() => {}, () => {})
    return taken
  }

  /** A new session: everything is said again. */
  #startAgain(): void {
    this.#session = 0
    this.#turn = 0
    this.#forgotten.clear()
    this.#resting.clear()
    for (const key of this.#followed.keys()) this.#unsaid.add(key)
  }

  async #takeNow({ session, partitions }: FetchResponse): Promise<boolean> {
    if (session === 0) return false
    this.#session = session
    const refused: string[] = []
    for (const fetched of partitions) {
      const key = `${fetched.topicId}/${fetched.partition}`
      const replica = this.#followed.get(key)
      if (replica === undefined || this.#isClosed) continue
      const isTaken = await replica.take(fetched)
      const isHead = fetched.batches.length === 0 && fetched.refusal === undefined && fetched.diverging === undefined
      // The leader has not heard yet of what the catalog says, or this broker has not: asked again a little later.
      if (fetched.refusal !== undefined && fetched.refusal.code !== 'offset-out-of-range') refused.push(key)
      else if (!isTaken) {
        refused.push(key)
        // Or the leader would send the same again with the next append.
        this.#forgotten.set(key, { topicId: replica.topicId, partition: replica.index })
      }
      else if (!isHead) this.#goOn(key, replica)
    }
    if (refused.length > 0) this.#options.clock.after(this.#options.backoffMs, () => this.#sayAgain(refused))
    return true
  }

  /**
   * Asks for what comes next. Who is out of sync first waits until what it has is on disk, and then rests, so that catching up leaves the processor and the disk to
   * those who are in sync and to their clients; but not for ever, since a partition that is written to all the time would never be in sync again.
   */
  #goOn(key: string, replica: Replica): void {
    const { brokerId, clock } = this.#options
    const nowMs = clock.monotonic()
    const isInSync = replica.partition.inSyncReplicas.includes(brokerId)
    const sinceMs = isInSync ? nowMs : this.#behind.get(key) ?? nowMs
    if (isInSync) this.#behind.delete(key)
    else this.#behind.set(key, sinceMs)
    if (isInSync || nowMs - sinceMs > restingMsMax || isOnDisk(replica)) return void this.#unsaid.add(key)
    this.#resting.set(key, nowMs)
    // Or the leader would send the same again with the next append.
    this.#forgotten.set(key, { topicId: replica.topicId, partition: replica.index })
  }

  /** What was taken is on disk. */
  #rest(key: string): void {
    const { clock } = this.#options
    const takenMs = this.#resting.get(key)
    if (takenMs === undefined) return
    this.#resting.delete(key)
    clock.after((clock.monotonic() - takenMs) * restShare, () => this.#sayAgain([key]))
  }

  #sayAgain(keys: readonly string[]): void {
    for (const key of keys) {
      if (!this.#followed.has(key)) continue
      this.#forgotten.delete(key)
      this.#unsaid.add(key)
    }
    this.#wake?.()
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#options.clock.after(ms, () => this.#wake?.())
      this.#wake = () => {
        this.#wake = undefined
        timer.cancel()
        resolve()
      }
    })
  }
}

function isOnDisk({ log }: Replica): boolean {
  return log === undefined || log.durableEndOffset === log.endOffset
}

function keyOf({ topicId, index }: Replica): string {
  return `${topicId}/${index}`
}
