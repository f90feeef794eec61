// The decide/apply runtime. A command decides records, a reply and timers and changes nothing; the records are appended as one batch to the
// partition of an internal topic; `apply` is the only thing that changes state; the reply waits for the commit; recovery is replay.
// Everything up to and including `apply` runs without an await, so commands of one machine are served strictly one after the other, while
// their commits overlap. A commit that fails is final: nothing more is decided until the next start replays what the disk holds. A log that refuses an
// append has changed nothing, and neither does the runtime: no state, no timers; only a timer whose command was refused is set anew.
import { assert } from '../base/assert.ts'
import { Refusal } from '../ports.ts'
import { type Batch, buildBatch, type RecordDraft, type RecordView } from '../wire/batch.ts'
import type { Clock, Logger, Timer } from '../world/world.ts'
import { type Answer, ParkedCallers } from './parked-callers.ts'

export interface Machine<Command, Rec, Reply> {
  /** Reads state and changes nothing. */
  decide(command: Command, nowMs: number): Decision<Command, Rec, Reply>
  /** The only place that changes state; recovery calls it too. */
  apply(record: Rec): void
  /** How a record is kept; undefined for what need not outlive the process. */
  encode(record: Rec): RecordDraft | undefined
  /** Undefined for a record of a kind this version does not know. Must copy what it keeps: the view's bytes are not its own. */
  decode(view: RecordView): Rec | undefined
  /** The whole state as records, one per entity: replaying them alone leads to the same state. Read bit by bit, while commands change it. */
  snapshot(): Iterable<Rec>
  /** How many records `snapshot` would give, about. */
  readonly size: number
  /** The timers that the replayed state asks for. */
  resume(nowMs: number): readonly TimerChange<Command>[]
}

export interface Decision<Command, Rec, Reply> {
  /** Appended as one batch, so either all of them are or none. */
  readonly records?: readonly Rec[]
  /** What the caller gets, or where its answer is kept until a later decision gives it. */
  readonly reply: Reply | Refusal | Parked
  /** Replies to callers that were parked earlier. A key nobody waits under is passed over. */
  readonly answers?: readonly Answer<Reply>[]
  readonly timers?: readonly TimerChange<Command>[]
}

/** The caller waits under this key. A second caller under one key takes the first one's place. */
export class Parked {
  readonly key: string

  constructor(key: string) {
    this.key = key
  }
}

/** A keyed timer: set (in place of the one that runs under the key), or cancelled where `command` is undefined. */
export interface TimerChange<Command> {
  readonly key: string
  readonly afterMs?: number
  readonly command: Command | undefined
}

/** What the runtime needs of the partition that keeps its records. */
export interface MachineLog {
  readonly startOffset: number
  readonly endOffset: number
  /**
   * `durable` rejects where the records will not be committed, and always settles. With a Refusal (a leadership that was lost) that is what callers
   * are told from then on; with an Error, that the log could not be written.
   */
  append(batch: Batch): { readonly durable: Promise<void> } | Refusal
  /** Whole batches from `from` on, at least one where there is any. */
  read(from: number, bytesMax: number): Promise<readonly Batch[] | Refusal>
  /** Durable when it resolves. */
  deleteBefore(offset: number): Promise<void>
}

export interface MachineOptions<Command, Rec, Reply> {
  readonly name: string
  readonly machine: Machine<Command, Rec, Reply>
  readonly log: MachineLog
  readonly clock: Clock
  readonly logger: Logger
  /** A snapshot is written once the log holds more than this many records, and four times as many as the state. */
  readonly snapshotRecordsMin?: number
  /**
   * Told of each decision's stored records once they are committed, in the order of their commits and before its caller is answered. `position` is the
   * offset behind them; not every offset is one, because snapshots take some.
   */
  readonly committed?: (records: readonly Rec[], position: number) => void
  /** Told once, when a commit has failed: nothing is decided any more, and whoever wants to go on replays what the log holds. */
  readonly failed?: () => void
}

const replayBytesMax = 1024 * 1024
const snapshotBatchBytes = 256 * 1024
const snapshotRecordsMinDefault = 10_000
const snapshotFactor = 4
/** A timer whose command the log refused is tried again after this. */
const timerRetryMs = 1000

export class MachineRuntime<Command, Rec, Reply> implements AsyncDisposable {
  readonly #name: string
  readonly #machine: Machine<Command, Rec, Reply>
  readonly #log: MachineLog
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #snapshotRecordsMin: number
  readonly #onCommitted: MachineOptions<Command, Rec, Reply>['committed']
  readonly #onFailed: MachineOptions<Command, Rec, Reply>['failed']
  readonly #parked = new ParkedCallers<Reply>()
  readonly #timers = new Map<string, Timer>()
  /** Settles with the commit of everything appended so far; never rejects. */
  #committed: Promise<void> = Promise.resolve()
  #recordsInLog = 0
  #position: number
  #snapshot: Promise<void> | undefined
  #failure: Refusal | undefined
  /** Why nothing is accepted any more. */
  #closed: Refusal | undefined

  private constructor(options: MachineOptions<Command, Rec, Reply>) {
    this.#name = options.name
    this.#machine = options.machine
    this.#log = options.log
    this.#clock = options.clock
    this.#logger = options.logger
    this.#snapshotRecordsMin = options.snapshotRecordsMin ?? snapshotRecordsMinDefault
    this.#onCommitted = options.committed
    this.#onFailed = options.failed
    this.#position = options.log.endOffset
  }

  /** Replays the log, a piece at a time, and starts the timers that the state asks for. */
  static async open<Command, Rec, Reply>(options: MachineOptions<Command, Rec, Reply>): Promise<MachineRuntime<Command, Rec, Reply>> {
    const runtime = new MachineRuntime(options)
    runtime.#recordsInLog = await replay(options)
    runtime.#maybeSnapshot()
    runtime.#setTimers(options.machine.resume(options.clock.now()))
    return runtime
  }

  /** The position behind the last decision that wrote records; read right after `submit` was called, the one that its reply rests on. */
  get position(): number {
    return this.#position
  }

  /**
   * Decides, appends and applies at once, and resolves with the reply once what it rests on is committed. A signal that aborts gives a
   * parked wait up; what was decided stands.
   */
  submit(command: Command, signal?: AbortSignal): Promise<Reply | Refusal> {
    return this.#submit(command, signal)
  }

  async #submit(command: Command, signal?: AbortSignal, refusedByLog?: () => void): Promise<Reply | Refusal> {
    const reason = this.#failure ?? this.#closed
    if (reason !== undefined) return reason
    const decision = this.#machine.decide(command, this.#clock.now())
    const refusal = this.#commit(decision.records ?? [])
    if (refusal !== undefined) {
      refusedByLog?.()
      return refusal
    }
    const { reply } = decision
    const waiting = reply instanceof Parked ? this.#parked.park(reply.key, signal) : undefined
    this.#setTimers(decision.timers ?? [])
    this.#parked.answer(decision.answers ?? [], this.#committed, () => this.#failure)
    this.#maybeSnapshot()
    if (waiting !== undefined) return waiting
    await this.#committed
    return this.#failure ?? (reply as Reply | Refusal)
  }

  /** Asks the state as it is now; the answer is given once that state is committed. */
  async ask<T>(question: () => T): Promise<T | Refusal> {
    const answer = question()
    await this.#committed
    return this.#failure ?? answer
  }

  /**
   * Cancels the timers, refuses who still waits, and lets the commits under way end. With a reason, such as a lost leadership, that is what everybody is
   * told, also whose commit was under way.
   */
  async close(reason?: Refusal): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = reason ?? new Refusal('coordinator-not-available', `${this.#name} is shutting down`)
      this.#failure ??= reason
      for (const timer of this.#timers.values()) timer.cancel()
      this.#timers.clear()
      this.#parked.release(this.#closed)
    }
    await this.#committed
    await this.#snapshot
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Appends and applies; a refusal of the log means that nothing was. */
  #commit(records: readonly Rec[]): Refusal | undefined {
    const drafts: RecordDraft[] = []
    const stored: Rec[] = []
    for (const record of records) {
      const draft = this.#machine.encode(record)
      if (draft === undefined) continue
      drafts.push(draft)
      stored.push(record)
    }
    if (drafts.length > 0) {
      const appended = this.#log.append(buildBatch(drafts, { timestampMs: this.#clock.now() }))
      if (appended instanceof Refusal) return appended
      this.#recordsInLog += drafts.length
      const position = this.#log.endOffset
      this.#position = position
      this.#committed = this.#watch(appended.durable, () => this.#onCommitted?.(stored, position))
    }
    for (const record of records) this.#machine.apply(record)
    return undefined
  }

  async #watch(durable: Promise<void>, committed?: () => void): Promise<void> {
    const before = this.#committed
    let isDurable = true
    try {
      await durable
    } catch (error) {
      isDurable = false
      this.#fail(error)
    }
    await before
    if (isDurable && this.#failure === undefined) committed?.()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    if (error instanceof Refusal) {
      this.#failure = error
    } else {
      this.#failure = new Refusal('storage-error', `${this.#name} could not be written: ${error instanceof Error ? error.message : String(error)}`)
      this.#logger.error({ machine: this.#name, error: String(error) }, 'an internal topic could not be written; nothing more is accepted until the next start')
    }
    this.#parked.release(this.#failure)
    this.#onFailed?.()
  }

  #setTimers(changes: readonly TimerChange<Command>[]): void {
    for (const { key, afterMs = 0, command } of changes) {
      this.#timers.get(key)?.cancel()
      this.#timers.delete(key)
      if (command === undefined || this.#closed !== undefined) continue
      const timer = this.#clock.after(afterMs, () => {
        if (this.#timers.get(key) === timer) this.#timers.delete(key)
        void this.#submit(command, undefined, () => this.#setTimers([{ key, afterMs: timerRetryMs, command }]))
      })
      this.#timers.set(key, timer)
    }
  }

  #maybeSnapshot(): void {
    if (this.#snapshot !== undefined || this.#closed !== undefined || this.#failure !== undefined) return
    if (this.#recordsInLog <= Math.max(this.#snapshotRecordsMin, snapshotFactor * this.#machine.size)) return
    this.#snapshot = this.#writeSnapshot().finally(() => { this.#snapshot = undefined })
  }

  /**
   * Keeps the log in proportion to the state: appends the whole state, waits until that is durable, and only then deletes what came before.
   * Commands are served between its pieces: whatever they change is written after the piece that it concerns, or before and then as changed, so
   * that replay ends in the same state. Each record stands for one whole entity, so the same holds wherever a crash cuts the snapshot off.
   */
  async #writeSnapshot(): Promise<void> {
    const from = this.#log.endOffset
    for (const drafts of portions(this.#machine)) {
      // Not finished, and so nothing is deleted: the next start begins again.
      if (this.#closed !== undefined) return
      const appended = this.#log.append(buildBatch(drafts, { timestampMs: this.#clock.now() }))
      if (appended instanceof Refusal) {
        this.#logger.warn({ machine: this.#name, reason: appended.message }, 'no snapshot could be written; the log keeps growing')
        this.#recordsInLog = 0
        return
      }
      this.#committed = this.#watch(appended.durable)
      await this.#committed
      if (this.#failure !== undefined) return
    }
    this.#recordsInLog = this.#log.endOffset - from
    try {
      await this.#log.deleteBefore(from)
    } catch (error) {
      this.#logger.warn({ machine: this.#name, error: String(error) }, 'records before a snapshot could not be deleted')
    }
  }
}

/** Applies every record of the log, a piece at a time, and counts them. Rejects where it cannot be read. */
export async function replay<Command, Rec, Reply>(
  { name, machine, log, logger }: Pick<MachineOptions<Command, Rec, Reply>, 'name' | 'machine' | 'logger'> & { readonly log: Pick<MachineLog, 'startOffset' | 'endOffset' | 'read'> },
): Promise<number> {
  let offset = log.startOffset
  let count = 0
  let unknown = 0
  while (offset < log.endOffset) {
    const batches = await log.read(offset, replayBytesMax)
    if (batches instanceof Refusal) throw new Error(`${name} cannot be replayed from offset ${offset}: ${batches.message}`)
    assert(batches.length > 0, `${name} ends at ${offset}, before its end offset ${log.endOffset}`)
    for (const batch of batches) {
      for (const view of batch.records()) {
        if (view.offset < offset) continue
        const record = machine.decode(view)
        if (record === undefined) unknown++
        else machine.apply(record)
        count++
      }
      offset = Math.max(offset, batch.nextOffset)
    }
  }
  if (unknown > 0) logger.warn({ machine: name, records: unknown }, 'records of an unknown kind were passed over')
  return count
}

/** A snapshot in batches of about `snapshotBatchBytes`; the state may change between two of them. */
function* portions<Command, Rec, Reply>(machine: Machine<Command, Rec, Reply>): Generator<RecordDraft[]> {
  let some: RecordDraft[] = []
  let bytes = 0
  for (const record of machine.snapshot()) {
    const draft = machine.encode(record)
    if (draft === undefined) continue
    some.push(draft)
    bytes += (draft.key?.length ?? 0) + (draft.value?.length ?? 0)
    if (bytes < snapshotBatchBytes) continue
    yield some
    some = []
    bytes = 0
  }
  if (some.length > 0) yield some
}
