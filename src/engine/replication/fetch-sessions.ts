// The leader's side of replication: what each follower has said of where it stands, which partitions have something for it, and the request of it that waits.
import type { Clock } from '../../world/world.ts'
import type { FetchedPartition, FetchPosition, FetchRequest, FetchResponse } from '../links.ts'
import type { Replica } from './replica.ts'

export interface FetchSessionsOptions {
  readonly clock: Clock
  /** The replica, where this broker has one. */
  readonly find: (topicId: string, partition: number) => Replica | undefined
}

interface Session {
  readonly id: number
  readonly brokerEpoch: number
  turn: number
  readonly positions: Map<string, FetchPosition>
  /** Partitions that may have something, in the order in which they came to; whoever was served goes to the end. */
  readonly ready: Set<string>
  /** Partitions whose high watermark the follower does not know yet. Nothing is sent for them alone before the wait is over. */
  readonly moved: Set<string>
  /** Positions of which the follower has been told, or is being told, whether its log is the leader's that far. */
  readonly compared: Map<string, FetchPosition>
  wake: (() => void) | undefined
}

export class FetchSessions {
  readonly #options: FetchSessionsOptions
  readonly #sessions = new Map<number, Session>()
  #lastId = 0
  #isClosed = false

  constructor(options: FetchSessionsOptions) {
    this.#options = options
  }

  /** Something was appended to the partition, or its role or beginning has changed. */
  appended({ topicId, index }: Replica): void {
    const key = keyOf(topicId, index)
    for (const session of this.#sessions.values()) {
      if (!session.positions.has(key)) continue
      session.ready.add(key)
      session.wake?.()
    }
  }

  moved({ topicId, index }: Replica): void {
    const key = keyOf(topicId, index)
    for (const session of this.#sessions.values()) if (session.positions.has(key)) session.moved.add(key)
  }

  async fetch(request: FetchRequest): Promise<FetchResponse> {
    const session = this.#sessionOf(request)
    if (session === undefined) return { session: 0, partitions: [] }
    for (const position of request.positions) {
      const key = keyOf(position.topicId, position.partition)
      session.positions.set(key, position)
      session.ready.add(key)
      // What the follower was to hear may have been lost with the session before.
      if (request.session === 0) session.moved.add(key)
    }
    for (const { topicId, partition } of request.forgotten) this.#forget(session, keyOf(topicId, partition))
    const deadlineMs = this.#options.clock.monotonic() + request.waitMs
    for (;;) {
      const partitions = await this.#collect(session, request)
      const leftMs = deadlineMs - this.#options.clock.monotonic()
      // The follower's next request is here already: this one has nothing to wait for.
      const isOver = leftMs <= 0 || this.#isClosed || this.#sessions.get(request.brokerId) !== session || (request.session !== 0 && session.turn !== request.turn)
      if (partitions.length > 0 || isOver) return { session: session.id, partitions: [...partitions, ...this.#heads(session, partitions)] }
      if (session.ready.size === 0) await this.#wait(session, leftMs)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const session of this.#sessions.values()) session.wake?.()
    this.#sessions.clear()
  }

  #sessionOf({ brokerId, brokerEpoch, session: id, turn }: FetchRequest): Session | undefined {
    if (this.#isClosed) return undefined
    const known = this.#sessions.get(brokerId)
    if (id === 0) {
      // A request of an earlier incarnation that comes late must not end the session of the present one.
      if (known !== undefined && known.brokerEpoch > brokerEpoch) return undefined
      const session: Session = { id: ++this.#lastId, brokerEpoch, turn, positions: new Map(), ready: new Set(), moved: new Set(), compared: new Map(), wake: undefined }
      this.#sessions.set(brokerId, session)
      known?.wake?.()
      return session
    }
    if (known?.id !== id || turn !== known.turn + 1) return undefined
    known.turn = turn
    known.wake?.()
    return known
  }

  async #collect(session: Session, request: FetchRequest): Promise<FetchedPartition[]> {
    const collected: FetchedPartition[] = []
    let bytes = 0
    // What becomes ready meanwhile has its turn in the next round.
    const due = [...session.ready]
    for (const key of due) {
      if (bytes >= request.bytesMax) break
      const position = session.positions.get(key)
      session.ready.delete(key)
      const replica = position === undefined ? undefined : this.#options.find(position.topicId, position.partition)
      // Not heard of yet, or not opened: it says so itself once it is.
      if (position === undefined || replica === undefined) continue
      if (replica.leads && !replica.isOpen) {
        // Nobody has written here. Only a follower that has something, or wants to be in sync, is reason enough to make files.
        if (position.offset > 0 || !replica.partition.inSyncReplicas.includes(request.brokerId)) void replica.open()
        continue
      }
      const from = { id: request.brokerId, epoch: request.brokerEpoch }
      const fetched = await replica.serve(position, from, Math.min(request.partitionBytesMax, request.bytesMax - bytes))
      // The follower may have said something newer meanwhile.
      if (session.positions.get(key) !== position) continue
      if (fetched?.refusal === undefined && fetched?.diverging === undefined) session.compared.set(key, position)
      if (fetched === undefined) continue
      if (fetched.refusal !== undefined) this.#forget(session, key)
      session.moved.delete(key)
      collected.push(fetched)
      for (const batch of fetched.batches) bytes += batch.bytes.length
    }
    return collected
  }

  #heads(session: Session, already: readonly FetchedPartition[]): FetchedPartition[] {
    const heads: FetchedPartition[] = []
    for (const key of session.moved) {
      const position = session.positions.get(key)
      const replica = position === undefined ? undefined : this.#options.find(position.topicId, position.partition)
      // Who is told of a high watermark takes its log for the leader's: not before they were compared, in this epoch.
      if (position === undefined || session.compared.get(key) !== position || replica?.leadership?.epoch !== position.leaderEpoch) continue
      session.moved.delete(key)
      if (already.some(one => keyOf(one.topicId, one.partition) === key)) continue
      heads.push({ topicId: position.topicId, partition: position.partition, offset: position.offset, ...replica.head(), batches: [] })
    }
    return heads
  }

  #forget(session: Session, key: string): void {
    session.positions.delete(key)
    session.ready.delete(key)
    session.moved.delete(key)
    session.compared.delete(key)
  }

  #wait(session: Session, waitMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = this.#options.clock.after(waitMs, () => session.wake?.())
      session.wake = () => {
        session.wake = undefined
        timer.cancel()
        resolve()
      }
    })
  }
}

function keyOf(topicId: string, partition: number): string {
  return `${topicId}/${partition}`
}
