// What a broker knows and does while it leads a partition, for one leader epoch: it appends, hears from its followers how far they have made things durable,
// moves the high watermark to where all in-sync replicas are, answers acks=all, and asks the controller to let replicas into the in-sync set or out of it.
import { type Appended, type AppendOptions, type Partition, Refusal, type RefusalCode } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Clock } from '../../world/world.ts'
import type { Log, LogAppended } from '../log/log.ts'

/**
 * The leadership ended, or its disk failed, while an append waited: the records may or may not outlive it. Where they are, their offsets say: the next
 * leader has them if its log holds `leaderEpoch` up to `endOffset`.
 */
export class OutcomeUnknown extends Refusal {
  readonly leaderEpoch: number
  readonly appended: Appended
  readonly endOffset: number

  constructor(why: Refusal, leaderEpoch: number, appended: Appended, endOffset: number) {
    super(why.code, why.message)
    this.leaderEpoch = leaderEpoch
    this.appended = appended
    this.endOffset = endOffset
  }
}

const retryMs = 200

export interface LeadershipOptions {
  readonly name: string
  readonly brokerId: number
  readonly partition: Partition
  readonly log: Log
  /** What this broker knew of it before it led. */
  readonly highWatermark: number
  readonly clock: Clock
  readonly minInSyncReplicas: () => number
  readonly flushesEachBatch: () => boolean
  readonly lagMsMax: () => number
  /** The epoch of a broker that runs; undefined for one that does not. */
  readonly brokerEpoch: (id: number) => number | undefined
  /** Asks the controller for another in-sync set; resolves once this broker has seen what became of it. Rejects with Unreachable. */
  readonly alter: (inSyncReplicas: readonly number[], partition: Partition) => Promise<null | Refusal>
  /** Each time the high watermark has moved. */
  readonly moved: () => void
  /** Tells the controller where a closed partition ends; resolves once this broker has seen what became of it. Rejects with Unreachable. */
  readonly seal: (endOffset: number, partition: Partition) => Promise<null | Refusal>
  /** What a producer is told once the partition is closed. */
  readonly sealed: () => Refusal
}

interface Progress {
  durableOffset: number
  brokerEpoch: number
  /** When it last had everything that the leader had. */
  caughtUpMs: number
  /** Where the leader's log ended when it was last heard of, and when that was. */
  endOffsetThen: number
  heardMs: number
}

interface Waiter {
  readonly endOffset: number
  readonly appended: Appended
  readonly answer: (reply: Appended | Refusal) => void
}

export class Leadership {
  readonly epoch: number
  /** Everything below belongs to earlier epochs. */
  readonly startOffset: number
  readonly #options: LeadershipOptions
  readonly #log: Log
  readonly #clock: Clock
  readonly #progress = new Map<number, Progress>()
  readonly #durable: Disposable
  #partition: Partition
  /** The in-sync set asked for: until its fate is known, whoever is in either set counts (KIP-497). */
  #asked: readonly number[] | undefined
  #highWatermark: number
  /** In the order of their offsets. */
  #waiters: Waiter[] = []
  #ended: Refusal | undefined
  #isSealing = false

  constructor(options: LeadershipOptions) {
    const { partition, log, clock, brokerId } = options
    this.#options = options
    this.#log = log
    this.#clock = clock
    this.#partition = partition
    this.epoch = partition.leaderEpoch
    this.startOffset = Math.min(log.endOffset, this.#lastOffset)
    this.#highWatermark = Math.max(Math.min(options.highWatermark, this.#lastOffset), log.startOffset)
    const nowMs = clock.monotonic()
    for (const id of partition.replicas) {
      if (id !== brokerId) this.#progress.set(id, { durableOffset: -1, brokerEpoch: -1, caughtUpMs: nowMs, endOffsetThen: -1, heardMs: nowMs })
    }
    this.#durable = log.onDurable(() => this.advance())
    this.advance()
  }

  get highWatermark(): number { return this.#highWatermark }
  get partition(): Partition { return this.#partition }

  /** The catalog has changed: the set asked for has been taken, or another one has. */
  apply(partition: Partition): void {
    if (partition.partitionEpoch > this.#partition.partitionEpoch) this.#asked = undefined
    this.#partition = partition
    const nowMs = this.#clock.monotonic()
    for (const id of partition.replicas) {
      if (id === this.#options.brokerId || this.#progress.has(id)) continue
      this.#progress.set(id, { durableOffset: -1, brokerEpoch: -1, caughtUpMs: nowMs, endOffsetThen: -1, heardMs: nowMs })
    }
    for (const id of this.#progress.keys()) if (!partition.replicas.includes(id)) this.#progress.delete(id)
    const tooFew = this.#tooFewFault('not-enough-replicas-after-append')
    if (tooFew !== undefined) this.#answerAll(() => tooFew)
    this.advance()
  }

  /** The check of acks=all before anything is appended. */
  get replicasFault(): Refusal | undefined {
    return this.#tooFewFault('not-enough-replicas')
  }

  /** Appends without waiting for anybody. A closed partition takes nothing, but what an idempotent producer sends again is known in it as ever. */
  add(batch: Batch, { gaps, keyId }: Pick<AppendOptions, 'gaps' | 'keyId'> = {}): LogAppended | Refusal {
    if (this.#ended !== undefined) return this.#ended
    return this.#partition.seal === undefined ? this.#log.append(batch, this.epoch, gaps, keyId) : this.#log.duplicateOf(batch) ?? this.#options.sealed()
  }

  async append(batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
    const fault = how.acks === 'all' && this.#partition.seal === undefined ? this.replicasFault : undefined
    if (fault !== undefined) return fault
    const added = this.add(batch, how)
    if (added instanceof Refusal) return added
    const { baseOffset, logAppendTimeMs, duplicate, written, durable } = added
    const appended: Appended = { baseOffset, logAppendTimeMs, logStartOffset: this.#log.startOffset, ...duplicate && { duplicate } }
    const endOffset = baseOffset + batch.lastOffsetDelta + 1
    if (how.acks === 'none') return appended
    if (how.acks === 'all') return this.acknowledged(appended, endOffset, how.timeoutMs)
    return this.#within(how.timeoutMs, answer => {
      const settled = this.#options.flushesEachBatch() ? durable : written
      settled.then(() => answer(appended), () => answer(this.#unknown(this.#ended ?? this.#diskFault(), appended, endOffset)))
    })
  }

  /** As `append` with acks=all, for what is in the log already, an earlier leader having been given it. */
  acknowledged(appended: Appended, endOffset: number, timeoutMs: number): Promise<Appended | Refusal> {
    return this.#within(timeoutMs, answer => this.#whenCommitted({ endOffset, appended, answer }))
  }

  /** Resolves once everything below `endOffset` is committed; with a refusal where this leadership ends before. */
  committed(endOffset: number): Promise<null | Refusal> {
    return new Promise(resolve => {
      const appended = { baseOffset: endOffset, logAppendTimeMs: -1, logStartOffset: this.#log.startOffset }
      this.#whenCommitted({ endOffset, appended, answer: reply => resolve(reply instanceof Refusal ? reply : null) })
    })
  }

  /** A follower has said how far it has made things durable. */
  heard(id: number, { brokerEpoch, durableOffset }: { readonly brokerEpoch: number; readonly durableOffset: number }): void {
    const known = this.#progress.get(id)
    if (known === undefined || this.#ended !== undefined || brokerEpoch < known.brokerEpoch || durableOffset < 0) return
    const nowMs = this.#clock.monotonic()
    if (durableOffset >= this.#log.endOffset) known.caughtUpMs = nowMs
    else if (known.endOffsetThen >= 0 && durableOffset >= known.endOffsetThen) known.caughtUpMs = Math.max(known.caughtUpMs, known.heardMs)
    known.endOffsetThen = this.#log.endOffset
    known.heardMs = nowMs
    // Within a leader epoch a log that is the leader's only grows; one of a new incarnation may be shorter.
    known.durableOffset = brokerEpoch > known.brokerEpoch ? durableOffset : Math.max(known.durableOffset, durableOffset)
    known.brokerEpoch = brokerEpoch
    this.advance()
    this.#maybeLetIn(id, known)
  }

  /**
   * Puts out of the in-sync set who has been behind for longer than replica.lag.time.max.ms, and lets in who could not be let in when it was heard of last,
   * because it was not known to run yet: of a partition that nobody writes to a follower has nothing more to say.
   */
  checkLag(): void {
    if (this.#ended !== undefined) return
    const nowMs = this.#clock.monotonic()
    const { inSyncReplicas } = this.#partition
    const keep = inSyncReplicas.filter(id => id === this.#options.brokerId || !this.#isBehind(id, nowMs))
    if (keep.length < inSyncReplicas.length) this.#ask(keep)
    for (const [id, progress] of this.#progress) if (!this.#isBehind(id, nowMs)) this.#maybeLetIn(id, progress)
    // min.insync.replicas may ask for less than before.
    this.advance()
  }

  /** Nothing more is appended or acknowledged. */
  end(reason: Refusal): void {
    if (this.#ended !== undefined) return
    this.#ended = reason
    this.#durable[Symbol.dispose]()
    this.#answerAll(({ appended, endOffset }) => this.#unknown(reason, appended, endOffset))
  }

  /** Moves the high watermark to where every in-sync replica has everything on disk. */
  advance(): void {
    if (this.#ended !== undefined || this.#tooFewFault('not-enough-replicas') !== undefined) return
    let offset = this.#log.durableEndOffset
    for (const id of this.#countedReplicas()) if (id !== this.#options.brokerId) offset = Math.min(offset, this.#progress.get(id)?.durableOffset ?? -1)
    if (offset >= this.#log.endOffset) this.#seal()
    offset = Math.min(offset, this.#lastOffset)
    if (offset <= this.#highWatermark) return
    this.#highWatermark = offset
    this.#release()
    this.#options.moved()
  }

  /** Nothing behind the end of a closed partition was acknowledged or is ever read: what lies there was left by a leader that an unclean election brought back. */
  get #lastOffset(): number {
    const { seal } = this.#partition
    return seal === undefined || seal.endOffset < 0 ? Infinity : seal.endOffset
  }

  /**
   * All in-sync replicas have exactly this log, and nothing more comes in: the controller is told where it ends, until it says so itself. Where an unclean
   * election has cost records of a partition that was closed before, readers would wait for them for ever: it ends earlier now.
   */
  #seal(): void {
    const { seal } = this.#partition
    const { endOffset } = this.#log
    if (seal === undefined || (seal.endOffset >= 0 && seal.endOffset <= endOffset) || this.#isSealing) return
    this.#isSealing = true
    const later = (): void => {
      this.#clock.after(retryMs, () => {
        this.#isSealing = false
        this.advance()
      })
    }
    this.#options.seal(endOffset, this.#partition).then(later, later)
  }

  #countedReplicas(): Iterable<number> {
    const { inSyncReplicas } = this.#partition
    return this.#asked === undefined ? inSyncReplicas : new Set([...inSyncReplicas, ...this.#asked])
  }

  #release(): void {
    let count = 0
    while (count < this.#waiters.length && this.#waiters[count]!.endOffset <= this.#highWatermark) count++
    if (count === 0) return
    for (const { answer, appended } of this.#waiters.splice(0, count)) answer(appended)
  }

  #answerAll(reply: (waiter: Waiter) => Refusal): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.answer(reply(waiter))
  }

  #whenCommitted(waiter: Waiter): void {
    if (this.#ended !== undefined) return waiter.answer(this.#unknown(this.#ended, waiter.appended, waiter.endOffset))
    if (waiter.endOffset <= this.#highWatermark) return waiter.answer(waiter.appended)
    if (waiter.endOffset > this.#lastOffset) return waiter.answer(this.#options.sealed())
    // A batch that a producer sent again may wait for an offset before those that wait already.
    let at = this.#waiters.length
    while (at > 0 && this.#waiters[at - 1]!.endOffset > waiter.endOffset) at--
    this.#waiters.splice(at, 0, waiter)
  }

  #within(timeoutMs: number, wait: (answer: (reply: Appended | Refusal) => void) => void): Promise<Appended | Refusal> {
    return new Promise(resolve => {
      const timer = this.#clock.after(timeoutMs, () => resolve(new Refusal('request-timed-out', `${this.#options.name} did not acknowledge within ${timeoutMs} ms`)))
      wait(reply => {
        timer.cancel()
        resolve(reply)
      })
    })
  }

  #unknown(reason: Refusal, appended: Appended, endOffset: number): Refusal {
    return new OutcomeUnknown(reason, this.epoch, appended, endOffset)
  }

  #diskFault(): Refusal {
    return new Refusal('storage-error', `the storage of ${this.#options.name} failed: ${(this.#log.failed ?? this.#log.full)?.message ?? 'its log is closed'}`)
  }

  /** min.insync.replicas never asks for more replicas than there are. */
  #tooFewFault(code: RefusalCode): Refusal | undefined {
    const { replicas, inSyncReplicas } = this.#partition
    const needed = Math.min(this.#options.minInSyncReplicas(), replicas.length)
    if (inSyncReplicas.length >= needed) return undefined
    return new Refusal(code, `The size of the current ISR ${inSyncReplicas.length} is insufficient to satisfy the min.isr requirement of ${needed} `
      + `for partition ${this.#options.name}`)
  }

  #isBehind(id: number, nowMs: number): boolean {
    const progress = this.#progress.get(id)
    if (progress === undefined) return true
    return progress.durableOffset < this.#log.endOffset && nowMs - progress.caughtUpMs > this.#options.lagMsMax()
  }

  /** In once it has everything below the high watermark and of this epoch's beginning (KIP-279), in the incarnation that runs now (KIP-903). */
  #maybeLetIn(id: number, progress: Progress): void {
    const { inSyncReplicas, replicas } = this.#partition
    if (inSyncReplicas.includes(id) || !replicas.includes(id)) return
    if (progress.durableOffset < this.#highWatermark || progress.durableOffset < this.startOffset) return
    if (this.#options.brokerEpoch(id) !== progress.brokerEpoch) return
    this.#ask(replicas.filter(one => one === id || inSyncReplicas.includes(one)))
  }

  /** One wish at a time; what is still wanted afterwards is asked for again. */
  #ask(inSyncReplicas: readonly number[]): void {
    if (this.#asked !== undefined) return
    this.#asked = inSyncReplicas
    const partition = this.#partition
    const learn = (): void => {
      // Known: it was taken, and `apply` has seen it, or it was not.
      if (this.#asked === inSyncReplicas && this.#partition.partitionEpoch === partition.partitionEpoch) this.#asked = undefined
      this.advance()
    }
    this.#options.alter(inSyncReplicas, partition).then(learn, () => {
      // Not known: both sets count until the controller says more.
      if (this.#asked !== inSyncReplicas || this.#ended !== undefined) return
      this.#clock.after(retryMs, () => {
        if (this.#asked !== inSyncReplicas || this.#ended !== undefined) return
        this.#asked = undefined
        this.#ask(inSyncReplicas)
      })
    })
  }
}
