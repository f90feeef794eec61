// One replica of one partition: appends batches in order, makes them durable by group commit, and gives them back by offset and by time.
// Order within a call is the order in the log: `append` is synchronous, so nothing comes between its checks and its offsets.
import { type Position, Refusal } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Disk, Logger, World } from '../../world/world.ts'
import { Damaged } from '../sealed/errors.ts'
import type { DataKeys } from '../sealed/keyring.ts'
import type { LogIdentity } from '../sealed/session.ts'
import { type LogConfig, producerExpirationMsDefault } from './config.ts'
import type { Epochs } from './epochs.ts'
import { GroupCommit } from './group-commit.ts'
import type { LogState } from './log-state.ts'
import type { Producers } from './producers.ts'
import { quarantineName, recover, type Recovered } from './recovery.ts'
import { retainedFrom } from './retention.ts'
import { Storage } from './storage.ts'
import type { LogTail, TailCache } from './tail-cache.ts'
import { firstAtOrAfter, largest } from './time-search.ts'
import { validate } from './validation.ts'

export interface LogOptions {
  readonly world: World
  readonly directory: string
  readonly identity: LogIdentity
  readonly keys: DataKeys
  readonly config: () => LogConfig
  readonly cache: TailCache
  readonly logger: Logger
  /** What is written together from this size on does not wait for the sync before it. */
  readonly eagerBytes?: number
  /** Told once, when the disk has failed, whatever was being written. */
  readonly onFailure?: (error: Error) => void
}

export interface LogAppended {
  readonly baseOffset: number
  /** The time given to the whole batch where the topic says LogAppendTime, else -1. */
  readonly logAppendTimeMs: number
  /** The batch was there already: an idempotent producer sent it again. */
  readonly duplicate: boolean
  /** Both reject only when the disk has failed, and then for good. */
  readonly written: Promise<void>
  readonly durable: Promise<void>
}

export interface LogReadOptions {
  readonly bytesMax: number
  /** The first batch is given however large it is. */
  readonly atLeastOne: boolean
  /** Only batches that lie wholly below this offset. */
  readonly upTo: number
}

/** What may wait to be written in one log; whoever sends more is told to come again. */
const bytesInFlightMax = 256 * 1024 * 1024
const expiryIntervalMs = 600_000
/** A checkpoint writes a new summary of the last segment once so much has come. */
const summaryBytesMin = 16 * 1024 * 1024

export class Log implements AsyncDisposable {
  readonly #options: LogOptions
  readonly #state: LogState
  readonly #storage: Storage
  readonly #commit: GroupCommit
  readonly #tail: LogTail
  readonly #epochs: Epochs
  readonly #producers: Producers
  readonly #listeners = new Set<(durableEndOffset: number) => void>()
  #startOffset: number
  #endOffset: number
  #durableEndOffset: number
  #lastAppendTimeMs = 0
  #expireAtMs = 0
  #isClosed = false
  /** Settles with the retention, DeleteRecords or checkpoint asked for last; never rejects. */
  #upkeep: Promise<void> = Promise.resolve()

  private constructor(options: LogOptions, recovered: Recovered) {
    const { endOffset } = recovered
    this.#options = options
    this.#state = recovered.state
    this.#storage = new Storage(options, recovered)
    this.#commit = new GroupCommit(this.#storage, {
      durable: end => this.#becameDurable(end),
      failed: error => options.onFailure?.(error),
    }, options.eagerBytes)
    this.#tail = options.cache.tail(endOffset)
    this.#epochs = recovered.epochs
    this.#producers = recovered.producers
    this.#startOffset = Math.max(recovered.state.startOffset, recovered.segments[0]?.baseOffset ?? 0)
    this.#endOffset = endOffset
    this.#durableEndOffset = endOffset
  }

  /** Opens the log in `directory`, or a new one where there is none. Rejects with LogDamaged or WrongKey; a torn tail is cut off. */
  static async open(options: LogOptions): Promise<Log> {
    return new Log(options, await recover(options))
  }

  /** The first offset that may be read. */
  get startOffset(): number { return this.#startOffset }
  /** The offset the next record gets. */
  get endOffset(): number { return this.#endOffset }
  /** Every record below is on disk for certain. */
  get durableEndOffset(): number { return this.#durableEndOffset }
  get leaderEpochAtEnd(): number { return this.#epochs.latest }
  /** Bytes on disk. */
  get bytes(): number { return this.#storage.bytes }
  /** Why the disk is not to be trusted any more; nothing is appended from then on. */
  get failed(): Error | undefined { return this.#commit.failed }

  /** Checks the batch, gives it its offsets and the leader's epoch in its own bytes, and queues it to be written. */
  append(given: Batch, leaderEpoch: number): LogAppended | Refusal {
    const { clock } = this.#options.world
    const config = this.#options.config()
    const nowMs = clock.now()
    if (this.#commit.failed) return new Refusal('storage-error', `the disk has failed: ${this.#commit.failed.message}`)
    if (this.#isClosed) return new Refusal('not-leader', `the log in ${this.#options.directory} is closed`)
    if (leaderEpoch < this.#epochs.latest) {
      return new Refusal('fenced-leader-epoch', `leader epoch ${leaderEpoch}; the log has records of epoch ${this.#epochs.latest}`)
    }
    const batch = validate(given, config, nowMs)
    if (batch instanceof Refusal) return batch
    if (batch.producerId >= 0) {
      const known = this.#checkProducer(batch, config, nowMs)
      if (known) return known
    }
    if (this.#commit.bytesInFlight > bytesInFlightMax) {
      return new Refusal('request-timed-out', `${this.#commit.bytesInFlight} bytes wait to be written; at most ${bytesInFlightMax} may`)
    }
    batch.assign(this.#endOffset, leaderEpoch)
    let logAppendTimeMs = -1
    if (config.timestampType === 'append') {
      // A clock that is set back must not put later records before earlier ones.
      logAppendTimeMs = this.#lastAppendTimeMs = Math.max(nowMs, this.#lastAppendTimeMs)
      batch.stampAppendTime(logAppendTimeMs)
    }
    const held = this.#tail.push(batch)
    this.#epochs.note(leaderEpoch, held.baseOffset)
    this.#producers.note(held, nowMs)
    this.#endOffset = held.nextOffset
    const round = this.#commit.add(held, leaderEpoch)
    return { baseOffset: held.baseOffset, logAppendTimeMs, duplicate: false, written: round.written.promise, durable: round.durable.promise }
  }

  /** Whole batches in order from the one that holds `from` (or the next there is), as many as fit in `bytesMax`; none at the end. */
  async read(from: number, { bytesMax, atLeastOne, upTo }: LogReadOptions): Promise<Batch[] | Refusal> {
    if (from < this.#startOffset || from > this.#endOffset) return this.#outOfRange(from)
    const taken: Batch[] = []
    let bytes = 0
    for (let offset = from; offset < upTo;) {
      const batches = offset >= this.#tail.startOffset ? this.#tail.from(offset) : await this.#readStored(offset)
      if (batches instanceof Refusal) return batches
      const before = offset
      for (const batch of batches) {
        if (batch.nextOffset > upTo) return taken
        if (bytes + batch.bytes.length > bytesMax && !(taken.length === 0 && atLeastOne)) return taken
        taken.push(batch)
        bytes += batch.bytes.length
        offset = batch.nextOffset
      }
      if (offset > before) continue
      // Nothing there: the end, or retention has overtaken the reader.
      return taken.length === 0 && from < this.#startOffset ? this.#outOfRange(from) : taken
    }
    return taken
  }

  /** The first record below `upTo` whose time is at least `timestampMs`. */
  offsetForTime(timestampMs: number, upTo: number): Promise<Position | null> {
    return firstAtOrAfter(this.#storage, { from: this.#startOffset, upTo }, timestampMs)
  }

  /** The first of the records below `upTo` with the largest time. */
  offsetOfMaxTimestamp(upTo: number): Promise<Position | null> {
    return largest(this.#storage, { from: this.#startOffset, upTo })
  }

  /** OffsetForLeaderEpoch: the largest epoch up to the one asked for and where it ended; both -1 for an epoch that has not been. */
  endOffsetOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    return this.#epochs.endOffsetOf(epoch, this.#endOffset)
  }

  /** Makes everything below `offset` unreadable, durably, and deletes the segments that hold nothing else. */
  async deleteBefore(offset: number): Promise<void> {
    if (this.#isClosed) throw new Error(`the log in ${this.#options.directory} is closed`)
    await this.#inTurn(() => this.#deleteBefore(offset))
  }

  async #deleteBefore(offset: number): Promise<void> {
    if (this.failed) throw this.failed
    const startOffset = Math.min(offset, this.#durableEndOffset)
    if (startOffset <= this.#startOffset) return
    this.#startOffset = startOffset
    await this.#commit.guard(async () => {
      await this.#state.advance({ startOffset, durableOffset: this.#durableEndOffset })
      await this.#storage.deleteBefore(startOffset)
    })
  }

  /** Deletes the oldest segments by retention.ms and retention.bytes; a last segment that has expired is closed first. */
  async applyRetention(): Promise<void> {
    if (this.failed || this.#isClosed) return
    await this.#inTurn(async () => {
      const { world, config } = this.#options
      const { retentionMs } = config()
      const nowMs = world.clock.now()
      await this.#commit.between(async () => {
        const last = this.#storage.segments.at(-1)
        // Records without a time do not make it an old one.
        if (!last || last.isEmpty || last.maxTimestampMs < 0) return
        if (retentionMs >= 0 && last.maxTimestampMs < nowMs - retentionMs) await this.#storage.roll(this.#storage.endOffset)
      })
      await this.#deleteBefore(retainedFrom(this.#storage.segments, config(), nowMs))
    })
  }

  /** Notes durably how far the log is durable, which narrows what could be taken for a torn tail, and keeps the next opening short. */
  async checkpoint(): Promise<void> {
    if (this.failed || this.#isClosed) return
    await this.#inTurn(async () => {
      await this.#commit.between(() => this.#storage.summarize(summaryBytesMin))
      await this.#noteDurable()
    })
  }

  /** Calls `listener` each time more is durable, until disposed of. */
  onDurable(listener: (durableEndOffset: number) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** Waits for what was appended, notes where the log ends, closes its files. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#upkeep
    await this.#commit.idle()
    try {
      if (!this.failed) {
        await this.#commit.between(() => this.#storage.summarize())
        await this.#noteDurable()
      }
    } finally {
      await this.#storage.close()
      this.#tail.close()
    }
  }

  /** Closes the log and deletes its files and directory. */
  async destroy(): Promise<void> {
    this.#isClosed = true
    await this.#upkeep
    await this.#commit.idle()
    await this.#storage.close()
    this.#tail.close()
    await removeFiles(this.#options.world.disk, this.#options.directory)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** One at a time, and all of them before the files are closed or deleted. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#upkeep.then(work)
    this.#upkeep = turn.catch(() => {})
    return turn
  }

  #noteDurable(): Promise<void> {
    return this.#commit.guard(() => this.#state.advance({ durableOffset: this.#durableEndOffset }))
  }

  #checkProducer(batch: Batch, config: LogConfig, nowMs: number): LogAppended | Refusal | undefined {
    if (nowMs >= this.#expireAtMs) {
      this.#producers.expire(nowMs, config.producerExpirationMs ?? producerExpirationMsDefault)
      this.#expireAtMs = nowMs + expiryIntervalMs
    }
    const known = this.#producers.check(batch)
    if (known === undefined || known instanceof Refusal) return known
    const round = this.#commit.roundOf(known.lastOffset)
    const done = round ? undefined : Promise.resolve()
    return {
      baseOffset: known.baseOffset, logAppendTimeMs: -1, duplicate: true,
      written: done ?? round!.written.promise, durable: done ?? round!.durable.promise,
    }
  }

  async #readStored(offset: number): Promise<readonly Batch[] | Refusal> {
    try {
      return await this.#storage.read(offset)
    } catch (error) {
      const { directory, logger } = this.#options
      logger.error({ directory, offset, damaged: error instanceof Damaged, error: (error as Error).message }, 'a read of the log failed')
      return new Refusal('storage-error', `offset ${offset} cannot be read: ${(error as Error).message}`)
    }
  }

  #outOfRange(offset: number): Refusal {
    return new Refusal('offset-out-of-range', `offset ${offset}; the log has ${this.#startOffset} to ${this.#endOffset}`)
  }

  #becameDurable(endOffset: number): void {
    this.#durableEndOffset = endOffset
    this.#tail.settle(endOffset)
    for (const listener of this.#listeners) listener(endOffset)
  }
}

async function removeFiles(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name === quarantineName) await removeFiles(disk, `${directory}/${name}`)
    else await disk.remove(`${directory}/${name}`)
  }
  await disk.removeDirectory(directory)
}
