// One replica of one partition: appends batches in order, makes them durable by group commit, and gives them back by offset and by time.
// Order within a call is the order in the log: `append` is synchronous, so nothing comes between its checks and its offsets.
import { type AppendOptions, type EpochEnd, type Position, Refusal } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Logger, World } from '../../world/world.ts'
import { Envelopes, type NamedKeys } from '../sealed/envelope.ts'
import type { DataKeys } from '../sealed/keyring.ts'
import type { LogIdentity } from '../sealed/session.ts'
import { type LogConfig, producerExpirationMsDefault } from './config.ts'
import type { Epochs } from './epochs.ts'
import { Gate } from './gate.ts'
import { GroupCommit, type Round } from './group-commit.ts'
import { Listeners, type OffsetListener } from './listeners.ts'
import type { LogState } from './log-state.ts'
import type { Producers } from './producers.ts'
import { LogReader, type LogReadOptions } from './reading.ts'
import { recover, type Recovered } from './recovery.ts'
import { retainedFrom } from './retention.ts'
import { Storage } from './storage.ts'
import type { LogTail, TailCache } from './tail-cache.ts'
import { firstAtOrAfter, largest, type Searched } from './time-search.ts'
import { recoverEmpty, recoverTruncated } from './truncation.ts'
import { validate } from './validation.ts'

export interface LogOptions {
  readonly world: World
  readonly directory: string
  readonly identity: LogIdentity
  readonly keys: DataKeys
  /** Named keys that records may be encrypted under besides; none unless given. */
  readonly namedKeys?: NamedKeys
  readonly config: () => LogConfig
  readonly cache: TailCache
  readonly logger: Logger
  /** What is written together from this size on does not wait for the sync before it. */
  readonly eagerBytes?: number
  /** Told once, when the disk has failed, whatever was being written. */
  readonly onFailure?: (error: Error) => void
  /** Told once, instead, when there was no room (ENOSPC, EDQUOT) or no file handle (EMFILE, ENFILE): the log must be closed and opened again. */
  readonly onFull?: (error: Error) => void
}

/** Where a batch is on its way to disk. Both reject when the log stops before: its disk has failed or is full, or the log was abandoned. */
export interface Progress {
  readonly written: Promise<void>
  readonly durable: Promise<void>
}

export interface LogAppended extends Progress {
  readonly baseOffset: number
  /** The time given to the whole batch where the topic says LogAppendTime, else -1. */
  readonly logAppendTimeMs: number
  /** The batch was there already: an idempotent producer sent it again. */
  readonly duplicate: boolean
}

const noKeys: NamedKeys = { find: () => undefined }
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
  readonly #reader: LogReader
  /** What `read` gives is stored as they enclosed it; they open it. */
  readonly envelopes: Envelopes
  readonly #gate: Gate
  readonly #durableListeners = new Listeners()
  readonly #appendListeners = new Listeners()
  /** Where the log had its high watermark when it was opened, by what was last noted. */
  readonly recoveredHighWatermark: number
  #highWatermark: number
  #startOffset: number
  #endOffset: number
  #durableEndOffset: number
  #lastAppendTimeMs: number
  /** What was appended last came from a leader. */
  #isFollowing = false
  #expireAtMs = 0
  #isClosed = false
  /** Settles with the retention, DeleteRecords or checkpoint asked for last; never rejects. */
  #upkeep: Promise<void> = Promise.resolve()
  #released: Promise<void> | undefined
  #closing: Promise<void> | undefined

  private constructor(options: LogOptions, gate: Gate, recovered: Recovered) {
    const { endOffset, segments } = recovered
    this.#options = options
    this.#gate = gate
    this.#state = recovered.state
    this.#storage = new Storage(options, recovered)
    this.#commit = new GroupCommit(this.#storage, {
      durable: end => this.#becameDurable(end),
      stopped: (error, isFull) => (isFull ? options.onFull?.(error) : options.onFailure?.(error)),
    }, options.eagerBytes)
    this.#tail = options.cache.tail(endOffset)
    this.#epochs = recovered.epochs
    this.#producers = recovered.producers
    this.#reader = new LogReader(this, { storage: this.#storage, tail: this.#tail, directory: options.directory, logger: options.logger })
    const { clusterId, topicId, partition } = options.identity
    this.envelopes = new Envelopes({ keys: options.namedKeys ?? noKeys, random: options.world.random, scope: `${clusterId}|${topicId}|${partition}` })
    this.#startOffset = Math.max(recovered.state.startOffset, segments[0]?.baseOffset ?? 0)
    this.#endOffset = endOffset
    this.#durableEndOffset = endOffset
    this.recoveredHighWatermark = Math.min(Math.max(recovered.state.highWatermark, this.#startOffset), endOffset)
    this.#highWatermark = this.recoveredHighWatermark
    // What the log gave before must not be followed by an earlier time.
    const latestMs = segments.findLast(segment => segment.maxTimestampMs >= 0)?.maxTimestampMs
    this.#lastAppendTimeMs = options.config().timestampType === 'append' ? latestMs ?? 0 : 0
  }

  /**
   * Opens the log in `directory`, or a new one where there is none. Rejects with LogDamaged or WrongKey, or with the disk's error, which is no
   * failure of the disk where there is no room or no file handle; a torn tail is cut off.
   */
  static async open(options: LogOptions): Promise<Log> {
    return Log.#opened(options, recover)
  }

  /**
   * Opens the log, which must have been closed or abandoned, without every batch that reaches to `offset` or beyond: they are gone durably. A batch is
   * kept or goes as a whole. Where nothing is left that may be read, the log begins where it did, or at `offset` if that is lower. Rejects as `open`
   * does; whatever happens at whatever moment, no batch below `offset` is lost.
   */
  static async truncate(options: LogOptions, offset: number): Promise<Log> {
    return Log.#opened(options, own => recoverTruncated(own, offset))
  }

  /**
   * An empty log that begins at `startOffset`, durably, in a directory whose log, if there is one, has been closed, abandoned or found damaged.
   * Copies in quarantine are kept. Rejects with WrongKey where the directory is sealed with another key.
   */
  static async reset(options: LogOptions, startOffset: number): Promise<Log> {
    return Log.#opened(options, own => recoverEmpty(own, startOffset))
  }

  /** Opens the log on a disk that can be taken away from it. */
  static async #opened(options: LogOptions, found: (options: LogOptions) => Promise<Recovered>): Promise<Log> {
    const gate = new Gate()
    const { clock, disk, network, random } = options.world
    const own = { ...options, world: { clock, network, random, disk: gate.disk(disk) } }
    return new Log(own, gate, await found(own))
  }

  /** The first offset that may be read. */
  get startOffset(): number { return this.#startOffset }
  /** The offset the next record gets. */
  get endOffset(): number { return this.#endOffset }
  /** Every record below is on disk for certain. */
  get durableEndOffset(): number { return this.#durableEndOffset }
  /** The leader epoch of the last record there is, or was before retention; -1 in a log that never had one. */
  get latestEpoch(): number { return this.#epochs.latest }
  /** Bytes on disk. */
  get bytes(): number { return this.#storage.bytes }
  /** Why the disk is not to be trusted any more; nothing is appended from then on. */
  get failed(): Error | undefined { return this.#commit.failed }
  /** Why this log takes no more until it is closed and opened again: there was no room, or no file handle. The disk is sound. */
  get full(): Error | undefined { return this.#commit.full }

  /**
   * Checks the batch, gives it its offsets and the leader's epoch in its own bytes, and queues it to be written; its records are encrypted under the named key of
   * the config, or `keyId` in its place.
   */
  append(given: Batch, leaderEpoch: number, gaps?: AppendOptions['gaps'], keyId?: string): LogAppended | Refusal {
    const { clock } = this.#options.world
    const config = this.#options.config()
    const nowMs = clock.now()
    const fault = this.#fault()
    if (fault) return fault
    if (leaderEpoch < this.#epochs.latest) return this.#fenced(leaderEpoch)
    const batch = validate(given, config, nowMs, gaps)
    if (batch instanceof Refusal) return batch
    // Control batches hold nothing of anybody's.
    const enclosingKey = batch.isControl ? undefined : keyId ?? config.keyId
    const unusable = enclosingKey === undefined ? null : this.envelopes.fault(enclosingKey)
    if (unusable !== null) return unusable
    this.#expireProducers(config, nowMs)
    if (batch.producerId >= 0) {
      const known = this.#checkProducer(batch, { inAnyOrder: gaps === 'sequences' })
      if (known) return known
    }
    if (this.#commit.bytesInFlight > bytesInFlightMax) return this.#crowded()
    batch.assign(this.#endOffset, leaderEpoch)
    let logAppendTimeMs = -1
    if (config.timestampType === 'append') {
      // A clock that is set back must not put later records before earlier ones.
      logAppendTimeMs = this.#lastAppendTimeMs = Math.max(nowMs, this.#lastAppendTimeMs)
      batch.stampAppendTime(logAppendTimeMs)
    }
    const { baseOffset } = batch
    this.#isFollowing = false
    const round = this.#take(enclosingKey === undefined ? batch : this.envelopes.enclose(batch, enclosingKey), leaderEpoch, nowMs)
    this.#appendListeners.tell(this.#endOffset)
    return { baseOffset, logAppendTimeMs, duplicate: false, written: round.written.promise, durable: round.durable.promise }
  }

  /** Where the batch lies if an idempotent producer has sent it before and it is still remembered. */
  duplicateOf(batch: Batch): LogAppended | undefined {
    const known = batch.producerId < 0 ? undefined : this.#checkProducer(batch, { inAnyOrder: true })
    return known instanceof Refusal ? undefined : known
  }

  /**
   * Takes a leader's batches as they are: each keeps its offsets and its leader epoch. Their bytes are not changed and must not change any more.
   * All or none: refused where one of them is damaged, does not lie at or behind the log's end, or is of an older epoch than the one before it.
   */
  appendReplicated(batches: readonly Batch[]): Progress | Refusal {
    const nowMs = this.#options.world.clock.now()
    const fault = this.#fault() ?? this.#misfit(batches)
    if (fault) return fault
    if (this.#commit.bytesInFlight > bytesInFlightMax) return this.#crowded()
    this.#expireProducers(this.#options.config(), nowMs)
    let round: Round | undefined
    this.#isFollowing = true
    for (const batch of batches) {
      if (batch.timestampType === 'append') this.#lastAppendTimeMs = Math.max(batch.maxTimestampMs, this.#lastAppendTimeMs)
      round = this.#take(batch, batch.leaderEpoch, nowMs)
    }
    if (!round) return { written: Promise.resolve(), durable: Promise.resolve() }
    this.#appendListeners.tell(this.#endOffset)
    return { written: round.written.promise, durable: round.durable.promise }
  }

  /**
   * Whole batches in order from the one that holds `from` (or the next there is), as many as fit in `bytesMax`; none at the end. Up to `endOffset`
   * they are as they were appended, enveloped if they were; what is not yet durable is for followers only.
   */
  read(from: number, how: LogReadOptions): Promise<Batch[] | Refusal> {
    return this.#reader.read(from, how)
  }

  /** The first record below `upTo` whose time is at least `timestampMs`. Refused where it lies in an envelope that cannot be opened. */
  offsetForTime(timestampMs: number, upTo: number): Promise<Position | null | Refusal> {
    return firstAtOrAfter(this.#searched, { from: this.#startOffset, upTo }, timestampMs)
  }

  /** The first of the records below `upTo` with the largest time. Refused where it lies in an envelope that cannot be opened. */
  offsetOfMaxTimestamp(upTo: number): Promise<Position | null | Refusal> {
    return largest(this.#searched, { from: this.#startOffset, upTo })
  }

  /**
   * OffsetForLeaderEpoch as clients ask for it: the largest epoch up to the one asked for and where it ended, which for the latest is the log's end
   * (KIP-101, KIP-279); both -1 for an epoch that has not been. A leader that has written nothing in its own epoch yet, and is asked by a follower
   * where they part, asks its log with `Math.min(epoch, log.latestEpoch)`: of an epoch it does not know, its own latest is the largest there is.
   */
  endOffsetOfEpoch(epoch: number): EpochEnd {
    return this.#epochs.endOffsetOf(epoch, this.#endOffset)
  }

  /** The offset of the first record of that epoch; undefined where the log has none. */
  epochStartOffset(epoch: number): number | undefined {
    return this.#epochs.startOffsetOf(epoch)
  }

  /** The high watermark as it is now; kept with the next checkpoint, as far as the log is durable by then. */
  noteHighWatermark(offset: number): void {
    this.#highWatermark = offset
  }

  /** Makes everything below `offset` unreadable, durably, and deletes the segments that hold nothing else. */
  async deleteBefore(offset: number): Promise<void> {
    if (this.#isClosed) throw new Error(`the log in ${this.#options.directory} is closed`)
    await this.#inTurn(() => this.#deleteBefore(offset))
  }

  async #deleteBefore(offset: number): Promise<void> {
    if (this.#commit.stopped) throw this.#commit.stopped
    const startOffset = Math.min(offset, this.#durableEndOffset)
    if (startOffset <= this.#startOffset) return
    this.#startOffset = startOffset
    await this.#commit.guard(async () => {
      await this.#state.advance({ ...this.#marks(), startOffset })
      await this.#storage.deleteBefore(startOffset)
    })
  }

  /** Deletes the oldest segments below the high watermark by retention.ms and retention.bytes; a last segment that has expired is closed first. */
  async applyRetention(): Promise<void> {
    if (this.#commit.stopped || this.#isClosed) return
    await this.#inTurn(async () => {
      const { world, config } = this.#options
      const { retentionMs } = config()
      const nowMs = world.clock.now()
      await this.#commit.between(async () => {
        const last = this.#storage.segments.at(-1)
        // Records without a time do not make it an old one.
        if (!last || last.isEmpty || last.maxTimestampMs < 0) return
        if (retentionMs >= 0 && last.maxTimestampMs < nowMs - retentionMs) await this.#storage.roll()
      })
      await this.#deleteBefore(retainedFrom(this.#storage.segments, config(), { nowMs, upTo: this.#highWatermark }))
    })
  }

  /** Notes durably how far the log is durable, which narrows what could be taken for a torn tail, and keeps the next opening short. */
  async checkpoint(): Promise<void> {
    if (this.#commit.stopped || this.#isClosed) return
    await this.#inTurn(async () => {
      await this.#commit.between(() => this.#storage.summarize(summaryBytesMin))
      await this.#noteMarks()
    })
  }

  /** Calls `listener` each time more is durable, until disposed of. */
  onDurable(listener: OffsetListener): Disposable {
    return this.#durableListeners.add(listener)
  }

  /** Calls `listener` with the log's end each time more has been appended, which followers may read though it is not durable yet; until disposed of. */
  onAppend(listener: OffsetListener): Disposable {
    return this.#appendListeners.add(listener)
  }

  /** Waits for what was appended, notes where the log ends, closes its files. */
  async close(): Promise<void> {
    if (this.#isClosed) return await (this.#closing ?? this.#released)
    this.#isClosed = true
    this.#closing = this.#close()
    await this.#closing
  }

  async #close(): Promise<void> {
    await this.#upkeep
    await this.#commit.idle()
    try {
      if (!this.#commit.stopped) {
        await this.#commit.between(() => this.#storage.summarize())
        await this.#noteMarks()
      }
    } finally {
      await this.#release()
    }
  }

  /**
   * Lets go of the directory as a crash would: what is not yet durable is dropped and its promises reject, nothing is written or synced from now
   * on. Resolves when the calls of the disk that were under way have returned and the files are closed; then the log may be opened again.
   */
  async abandon(): Promise<void> {
    this.#isClosed = true
    const reason = new Error(`the log in ${this.#options.directory} was abandoned`)
    this.#gate.shut(reason)
    this.#commit.abandon(reason)
    await this.#upkeep
    await this.#release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #searched(): Searched {
    return { storage: this.#storage, open: batch => this.envelopes.open(batch) }
  }

  /** One at a time, and all of them before the files are closed or deleted. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#upkeep.then(work)
    this.#upkeep = turn.catch(() => {})
    return turn
  }

  /** Closes the files once no call of the disk is under way, and gives memory back. */
  #release(): Promise<void> {
    return this.#released ??= this.#commit.quiet().then(async () => {
      await this.#storage.close()
      this.#tail.close()
    })
  }

  #marks(): { durableOffset: number; highWatermark: number } {
    return { durableOffset: this.#durableEndOffset, highWatermark: Math.min(this.#highWatermark, this.#durableEndOffset) }
  }

  #noteMarks(): Promise<void> {
    return this.#commit.guard(() => this.#state.advance(this.#marks()))
  }

  /** The batch becomes the log's last. It has its offsets and its leader epoch. */
  #take(batch: Batch, leaderEpoch: number, nowMs: number): Round {
    const held = this.#tail.push(batch)
    this.#epochs.note(leaderEpoch, held.baseOffset)
    this.#producers.note(held, nowMs)
    this.#endOffset = held.nextOffset
    return this.#commit.add(held, leaderEpoch)
  }

  /** Why nothing can be appended. */
  #fault(): Refusal | undefined {
    const { failed, full } = this.#commit
    if (failed) return new Refusal('storage-error', `the disk has failed: ${failed.message}`)
    if (full) return new Refusal('storage-error', `the disk had no room: ${full.message}`)
    if (this.#isClosed) return new Refusal('not-leader', `the log in ${this.#options.directory} is closed`)
    return undefined
  }

  /** Why the batches cannot follow the log as it is. */
  #misfit(batches: readonly Batch[]): Refusal | undefined {
    let endOffset = this.#endOffset
    let epoch = this.#epochs.latest
    for (const batch of batches) {
      const { baseOffset, leaderEpoch, nextOffset } = batch
      if (baseOffset < endOffset || nextOffset <= baseOffset) {
        return new Refusal('offset-out-of-range', `a batch of offsets ${baseOffset} to ${nextOffset - 1} where ${endOffset} is next`)
      }
      if (leaderEpoch < epoch) return this.#fenced(leaderEpoch, epoch)
      if (!batch.crcIsValid()) return new Refusal('corrupt-message', `the batch at offset ${baseOffset} does not have the CRC ${batch.crc} that it states`)
      endOffset = nextOffset
      epoch = leaderEpoch
    }
    return undefined
  }

  #fenced(leaderEpoch: number, latest = this.#epochs.latest): Refusal {
    return new Refusal('fenced-leader-epoch', `leader epoch ${leaderEpoch}; the log has records of epoch ${latest}`)
  }

  #crowded(): Refusal {
    return new Refusal('request-timed-out', `${this.#commit.bytesInFlight} bytes wait to be written; at most ${bytesInFlightMax} may`)
  }

  #expireProducers(config: LogConfig, nowMs: number): void {
    if (nowMs < this.#expireAtMs) return
    const expirationMs = config.producerExpirationMs ?? producerExpirationMsDefault
    this.#producers.expire(nowMs, expirationMs)
    this.#storage.expireProducers(nowMs, expirationMs)
    this.#expireAtMs = nowMs + expiryIntervalMs
  }

  #checkProducer(batch: Batch, how: { inAnyOrder: boolean }): LogAppended | Refusal | undefined {
    const known = this.#producers.check(batch, how)
    if (known === undefined || known instanceof Refusal) return known
    const round = this.#commit.roundOf(known.lastOffset)
    const done = round ? undefined : Promise.resolve()
    return {
      baseOffset: known.baseOffset, logAppendTimeMs: -1, duplicate: true,
      written: done ?? round!.written.promise, durable: done ?? round!.durable.promise,
    }
  }

  #becameDurable(endOffset: number): void {
    this.#durableEndOffset = endOffset
    // Readers go to the leader.
    this.#tail.settle(endOffset, { isKept: !this.#isFollowing })
    this.#durableListeners.tell(endOffset)
  }
}
