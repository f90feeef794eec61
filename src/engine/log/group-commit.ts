// Group commit: what is appended while a sync runs is written together and shares the next one.
//
//   waiting rounds → sealed, written → written (acks=1) → sync → durable (acks=all)
//
// A large round is sealed while the one before it is written, and written while the one before that is synced, so that neither disk nor
// processor is idle. A small one waits, and gathers more; when it has the disk to itself, it is written and synced in one step. A write or
// sync that fails stops it: the pages may be marked clean though they are lost, so nothing is ever tried again. What had no room, or no file
// handle, says nothing of the disk: recovery puts the log in order once it is opened again.
import { type Deferred, deferred } from '../../base/deferred.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Entry, Storage } from './storage.ts'

/** What is written with one call. */
const roundBytesMax = 4 * 1024 * 1024
/** One round is sealed while the one before it is being written. */
const writesMax = 2
const eagerBytesDefault = 256 * 1024

/** Batches that are written and synced together. */
export interface Round {
  readonly entries: Entry[]
  bytes: number
  endOffset: number
  readonly written: Deferred<void>
  readonly durable: Deferred<void>
}

export interface CommitListener {
  /** Each time more is durable, before anybody who waits for it. */
  durable(endOffset: number): void
  /** Once, before anybody who waits: nothing becomes durable any more, because the disk has failed or (`isFull`) had no room. */
  stopped(error: Error, isFull: boolean): void
}

/** No room, or no more open files: what passes, and is not the disk's fault. */
const passingCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

export class GroupCommit {
  readonly #storage: Storage
  readonly #listener: CommitListener
  readonly #eagerBytes: number
  readonly #waiting: Round[] = []
  /** Written, and not covered by a sync that has begun. */
  #unsynced: Round[] = []
  /** All that are not yet durable, in order. */
  readonly #inFlight: Round[] = []
  readonly #tasks: (() => Promise<void>)[] = []
  #isScheduled = false
  #isRunningTask = false
  #writesInFlight = 0
  #isSyncing = false
  #bytesInFlight = 0
  /** Calls of the disk that have begun and not ended. */
  #underWay = 0
  #whenQuiet: (() => void)[] = []
  #stopped: { readonly error: Error; readonly kind: 'failed' | 'full' | 'abandoned' } | undefined

  /** A round of `eagerBytes` does not wait for the sync before it. */
  constructor(storage: Storage, listener: CommitListener, eagerBytes = eagerBytesDefault) {
    this.#storage = storage
    this.#listener = listener
    this.#eagerBytes = eagerBytes
  }

  /** Why nothing is written any more, whatever it is. */
  get stopped(): Error | undefined { return this.#stopped?.error }
  get failed(): Error | undefined { return this.#stopped?.kind === 'failed' ? this.#stopped.error : undefined }
  get full(): Error | undefined { return this.#stopped?.kind === 'full' ? this.#stopped.error : undefined }
  get bytesInFlight(): number { return this.#bytesInFlight }

  /** Queues a batch that has its offsets. Its round's promises reject only when the commit has stopped. */
  add(batch: Batch, leaderEpoch: number): Round {
    const size = batch.bytes.length
    let round = this.#waiting.at(-1)
    if (!round || round.bytes + size > roundBytesMax) {
      round = { entries: [], bytes: 0, endOffset: 0, written: deferred(), durable: deferred() }
      // Whoever does not wait for a promise (acks=0) must not bring the process down with it.
      round.written.promise.catch(() => {})
      round.durable.promise.catch(() => {})
      this.#waiting.push(round)
      this.#inFlight.push(round)
    }
    round.entries.push({ batch, leaderEpoch })
    round.bytes += size
    round.endOffset = batch.nextOffset
    this.#bytesInFlight += size
    this.#pump()
    return round
  }

  /** The round that `offset` is in, while it is not durable. */
  roundOf(offset: number): Round | undefined {
    return this.#inFlight.find(round => offset < round.endOffset)
  }

  /** Runs `task` while nothing is being written, and before anything that is appended from now on. Its failure is the disk's. */
  async between(task: () => Promise<void>): Promise<void> {
    const done = deferred<void>()
    this.#tasks.push(() => this.guard(task).then(done.resolve, done.reject))
    this.#pump()
    await done.promise
  }

  /** Does what writes to the disk; where that fails, everything stops. Rejects at once where it has before: nothing is tried again. */
  async guard(task: () => Promise<void>): Promise<void> {
    if (this.#stopped) throw this.#stopped.error
    this.#underWay++
    try {
      await task()
    } catch (error) {
      this.#stop(error as Error, passingCodes.has((error as { code?: unknown }).code) ? 'full' : 'failed')
      throw error
    } finally {
      if (--this.#underWay === 0) for (const resolve of this.#whenQuiet.splice(0)) resolve()
    }
  }

  /** Drops what waits: its promises reject with `reason`, and nothing is written or becomes durable any more. Nobody is told that the disk failed. */
  abandon(reason: Error): void {
    this.#stop(reason, 'abandoned')
  }

  /** Resolves when all that was appended is durable, or nothing will be any more. */
  async idle(): Promise<void> {
    while (this.#inFlight.length > 0) await this.#inFlight.at(-1)!.durable.promise.catch(() => {})
  }

  /** Resolves when no call of the disk is under way. */
  async quiet(): Promise<void> {
    while (this.#underWay > 0) await new Promise<void>(resolve => this.#whenQuiet.push(resolve))
  }

  #pump(): void {
    if (this.#isScheduled || !this.#hasWork()) return
    this.#isScheduled = true
    // Whatever else is appended in this turn shares the round.
    void Promise.resolve().then(() => {
      this.#isScheduled = false
      const task = this.#tasks[0]
      if (task) return this.#writesInFlight === 0 && !this.#isRunningTask ? this.#run(task) : undefined
      while (this.#hasRound()) void this.#write(this.#waiting.shift()!)
    })
  }

  #hasWork(): boolean {
    return this.#tasks.length > 0 ? this.#writesInFlight === 0 && !this.#isRunningTask : this.#hasRound()
  }

  #hasRound(): boolean {
    const next = this.#waiting[0]
    if (next === undefined || this.#stopped || this.#tasks.length > 0) return false
    return next.bytes >= this.#eagerBytes ? this.#writesInFlight < writesMax : this.#writesInFlight === 0 && !this.#isSyncing
  }

  async #run(task: () => Promise<void>): Promise<void> {
    this.#isRunningTask = true
    await task()
    this.#isRunningTask = false
    this.#tasks.shift()
    this.#pump()
  }

  async #write(round: Round): Promise<void> {
    const durably = round.bytes < this.#eagerBytes && this.#unsynced.length === 0
    this.#writesInFlight++
    try {
      await this.guard(() => this.#storage.write(round.entries, { durably }))
      round.written.resolve()
      if (durably) this.#settle([round])
      else if (this.#stopped === undefined) this.#unsynced.push(round)
    } catch {
      // The rounds are rejected; whoever waits for a task still has to hear of it.
    }
    this.#writesInFlight--
    if (this.#unsynced.length > 0 && !this.#isSyncing) void this.#sync()
    this.#pump()
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true
    while (this.#unsynced.length > 0 && this.#stopped === undefined) {
      const rounds = this.#unsynced
      this.#unsynced = []
      try {
        await this.guard(() => this.#storage.sync())
      } catch {
        break
      }
      this.#settle(rounds)
    }
    this.#isSyncing = false
    this.#pump()
  }

  #settle(rounds: readonly Round[]): void {
    // They have been rejected while the disk was still at it.
    if (this.#stopped) return
    this.#inFlight.splice(0, rounds.length)
    for (const round of rounds) this.#bytesInFlight -= round.bytes
    this.#listener.durable(rounds.at(-1)!.endOffset)
    for (const round of rounds) round.durable.resolve()
  }

  #stop(error: Error, kind: 'failed' | 'full' | 'abandoned'): void {
    if (this.#stopped === undefined) {
      this.#stopped = { error, kind }
      if (kind !== 'abandoned') this.#listener.stopped(error, kind === 'full')
    }
    for (const round of this.#inFlight.splice(0)) {
      round.written.reject(error)
      round.durable.reject(error)
    }
    this.#waiting.length = 0
    this.#unsynced = []
    this.#bytesInFlight = 0
  }
}
