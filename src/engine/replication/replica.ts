// One partition on one broker: its log, whether it leads or follows, and the readers that wait for it. What the catalog says decides the role; changes of role
// that touch the log (opening, cutting off, refilling) go one after the other, and while one is under way the replica neither leads nor follows.
import {
  type Appended, type AppendOptions, type Ends, type EpochEnd, type Partition, type Position, type ReadOptions, Refusal, type ReplicaStatus, type Slice,
} from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Clock, Logger } from '../../world/world.ts'
import type { PartitionId } from '../catalog/commands.ts'
import type { FetchedPartition, FetchPosition, ProgressMark } from '../links.ts'
import { Log, type LogOptions } from '../log/log.ts'
import { Damaged, WrongKey } from '../sealed/errors.ts'
import { Leadership, type LeadershipOptions } from './leadership.ts'
import { Waiting } from './waiting.ts'

export interface ReplicaOptions extends Pick<LeadershipOptions, 'minInSyncReplicas' | 'flushesEachBatch' | 'lagMsMax' | 'brokerEpoch' | 'sealed'> {
  readonly topicId: string
  readonly name: string
  readonly brokerId: number
  readonly clock: Clock
  readonly logger: Logger
  /** Where the log is, and how it is opened; a failure of its disk is reported there. */
  readonly log: LogOptions
  /** Makes the log's directory; a refusal where it may not be made. */
  readonly prepare: () => Promise<null | Refusal>
  /** A reason not to take so many bytes of records from a client: the storage is full. */
  readonly mayGrow: (bytes: number) => null | Refusal
  readonly alter: (at: PartitionId, inSyncReplicas: readonly number[], partition: Partition) => Promise<null | Refusal>
  /** Tells the controller where a closed partition ends, as its leader in that epoch. */
  readonly seal: (at: PartitionId, endOffset: number, leaderEpoch: number) => Promise<null | Refusal>
  /** Why a shard takes no records yet: something before it has not come to its end. */
  readonly early: () => Refusal | undefined
  /** Followers may have something to fetch. */
  readonly appended: (replica: Replica) => void
  /** Its high watermark has moved. */
  readonly advanced: (replica: Replica) => void
  /** Its log was opened: it can be followed from, or follow. */
  readonly opened: (replica: Replica) => void
  /** More is durable than the leader has been told. */
  readonly progressed: (replica: Replica) => void
  /** Its log cannot serve: `lost` where what it held is gone. */
  readonly offline: (replica: Replica, how: { readonly lost: boolean }) => void
}

type Fault = { readonly kind: 'damaged' | 'full' | 'failed'; readonly refusal: Refusal }

export class Replica {
  readonly topicId: string
  readonly index: number
  readonly name: string
  readonly #options: ReplicaOptions
  readonly #waiting = new Waiting()
  #partition: Partition
  #log: Log | undefined
  #subscriptions: Disposable[] = []
  #leadership: Leadership | undefined
  /** Whether the log is known to be the leader's as far as it goes, under this leader epoch. */
  #followedEpoch = -1
  /** In this epoch what it had given out as leader is gone from its log: followers may hold other records there. */
  #forfeitedEpoch = -1
  #highWatermark = 0
  #fault: Fault | undefined
  /** Why clients' records are no longer taken, though what was taken is still being committed. */
  #draining: Refusal | undefined
  #gone: Refusal | undefined
  /** Whether everything that came before this shard has come to its end: then it stays so. */
  #isOfAge: boolean
  /** Where its log is, and how it is opened. */
  #place: LogOptions
  /** Its log is being put in another directory. */
  #isMoving = false
  /** Settles with the change asked for last; never rejects. */
  #turn: Promise<void> = Promise.resolve()
  #opening: Promise<null | Refusal> | undefined

  constructor(options: ReplicaOptions, partition: Partition) {
    this.topicId = options.topicId
    this.index = partition.index
    this.name = options.name
    this.#options = options
    this.#place = options.log
    this.#partition = partition
    this.#isOfAge = partition.shard === undefined || partition.shard.parents.length === 0
  }

  get partition(): Partition { return this.#partition }
  get isOpen(): boolean { return this.#log !== undefined }
  get leads(): boolean { return this.#partition.leader === this.#options.brokerId }
  get leadership(): Leadership | undefined { return this.#leadership }
  get fault(): Fault | undefined { return this.#fault }
  /** Whether it has to say where a closed partition ends: to know that, its log must be open, though nobody may ask for it. */
  get owesEnd(): boolean { return this.leads && this.#partition.seal?.endOffset === -1 }
  get bytes(): number { return this.#log?.bytes ?? 0 }
  get log(): Log | undefined { return this.#log }

  get highWatermark(): number {
    return this.#leadership?.highWatermark ?? this.#highWatermark
  }

  status(): Omit<ReplicaStatus, 'topic' | 'partition'> {
    const { highWatermark } = this
    const log = this.#log
    return {
      brokerId: this.#options.brokerId,
      role: this.#fault !== undefined ? 'offline' : this.leads ? 'leader' : 'follower',
      logStartOffset: log?.startOffset ?? 0, highWatermark, lastStableOffset: highWatermark,
      logEndOffset: log?.endOffset ?? 0, durableOffset: log?.durableEndOffset ?? 0,
    }
  }

  // ------------------------------------------------------------------------------------------------------------- roles

  /** What the catalog says of the partition now. */
  apply(partition: Partition): void {
    const before = this.#partition
    if (partition.partitionEpoch < before.partitionEpoch) return
    this.#partition = partition
    if (this.#gone !== undefined) return
    if (this.#leadership !== undefined && this.leads && partition.leaderEpoch === this.#leadership.epoch) {
      this.#leadership.apply(partition)
    } else {
      this.#stepDown(new Refusal('not-leader', `broker ${this.#options.brokerId} does not lead ${this.name} in epoch ${partition.leaderEpoch} any more`))
      this.#lead()
    }
    if (this.#fault?.kind === 'damaged' && this.#mayRefill()) void this.open()
  }

  /** Opens the log if need be. At once where it is open. */
  open(): Promise<null | Refusal> {
    if (this.#log !== undefined && this.#fault === undefined) return Promise.resolve(null)
    this.#opening ??= this.#inTurn(() => this.#open()).finally(() => { this.#opening = undefined })
    return this.#opening
  }

  async #open(): Promise<null | Refusal> {
    if (this.#gone !== undefined) return this.#gone
    if (this.#log !== undefined && this.#fault === undefined) return null
    const { logger } = this.#options
    const options = this.#place
    try {
      const unprepared = await this.#options.prepare()
      if (unprepared !== null) return unprepared
      // Once there is room, and not before somebody has seen to that.
      if (this.#fault?.kind === 'full') return this.#fault.refusal
      await this.#detach('close')
      const isRefilled = this.#fault?.kind === 'damaged' && this.#mayRefill()
      if (this.#fault?.kind === 'damaged' && !isRefilled) return this.#fault.refusal
      const log = isRefilled ? await Log.reset(this.#logOptions(options), 0) : await Log.open(this.#logOptions(options))
      if (this.#gone !== undefined) {
        await log.close()
        return this.#gone
      }
      this.#fault = undefined
      if (isRefilled) logger.warn({ partition: this.name }, 'a damaged replica was put aside and is filled again from its leader')
      this.#attach(log)
      this.#lead()
      this.#options.opened(this)
      return null
    } catch (error) {
      return this.#failedToOpen(error)
    }
  }

  #failedToOpen(error: unknown): Refusal {
    const refusal = storageError(this.name, error)
    this.#options.logger.error({ partition: this.name, error: String(error) }, 'a partition cannot be opened')
    // What is damaged or sealed with another key stays so; anything else, such as a lack of file handles, may pass.
    if (error instanceof Damaged || error instanceof WrongKey) this.#goOffline({ kind: 'damaged', refusal }, { lost: error instanceof Damaged })
    else if (this.#log?.failed !== undefined || (error as { code?: unknown }).code === 'EIO') {
      this.#place.onFailure?.(error as Error)
      this.#goOffline({ kind: 'failed', refusal }, { lost: false })
    }
    return refusal
  }

  /** Only where another replica is known to have everything: refilling throws away what is here. */
  #mayRefill(): boolean {
    const { brokerId } = this.#options
    const { leader } = this.#partition
    return leader >= 0 && leader !== brokerId && !this.#holders().includes(brokerId)
  }

  /** Who has, or may be counted on to have, everything that was acknowledged. */
  #holders(): readonly number[] {
    const { inSyncReplicas, eligibleReplicas = [] } = this.#partition
    return [...inSyncReplicas, ...eligibleReplicas]
  }

  #logOptions(options: LogOptions): LogOptions {
    return { ...options, onFull: error => this.#full(error) }
  }

  #attach(log: Log): void {
    this.#log = log
    this.#isMoving = false
    // What was known before it was closed counts, too: what a full or failed disk could not note.
    this.#highWatermark = Math.min(Math.max(this.#highWatermark, log.recoveredHighWatermark, log.startOffset), log.endOffset)
    this.#subscriptions = [
      log.onAppend(() => { if (this.#leadership !== undefined) this.#options.appended(this) }),
      log.onDurable(() => { if (this.#leadership === undefined) this.#options.progressed(this) }),
    ]
  }

  /** Lets go of the log, if there is one. */
  async #detach(how: 'close' | 'abandon'): Promise<void> {
    const log = this.#log
    if (log === undefined) return
    this.#log = undefined
    for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]()
    if (how === 'close') await log.close()
    else await log.abandon()
  }

  #lead(): void {
    const log = this.#log
    if (!this.leads || log === undefined || this.#fault !== undefined || this.#gone !== undefined || this.#leadership !== undefined) return
    if (this.#partition.leaderEpoch <= this.#forfeitedEpoch) return
    this.#followedEpoch = -1
    this.#leadership = new Leadership({
      ...this.#options, partition: this.#partition, log, highWatermark: this.#highWatermark,
      alter: (inSyncReplicas, partition) => this.#options.alter({ topicId: this.topicId, partition: this.index }, inSyncReplicas, partition),
      moved: () => this.#advanced(),
      seal: (endOffset, { leaderEpoch }) => this.#options.seal({ topicId: this.topicId, partition: this.index }, endOffset, leaderEpoch),
    })
    this.#advanced()
    this.#options.appended(this)
  }

  #stepDown(reason: Refusal): void {
    const leadership = this.#leadership
    if (leadership === undefined) return
    this.#leadership = undefined
    this.#highWatermark = leadership.highWatermark
    leadership.end(reason)
    this.#waiting.wake()
  }

  #advanced(): void {
    this.#log?.noteHighWatermark(this.highWatermark)
    this.#waiting.wake()
    this.#options.advanced(this)
  }

  #full(error: Error): void {
    // Known: that there is no room for putting it in order either is no news.
    if (this.#fault?.kind === 'full') return
    this.#options.logger.error({ partition: this.name, error: error.message }, 'a log cannot be written, because the disk is full; it is opened again once there is room')
    this.#goOffline({ kind: 'full', refusal: storageError(this.name, error) }, { lost: false })
    void this.#inTurn(() => this.#trim())
  }

  /** Gives back the room that a write has taken which was cut short: others may need it, such as the catalog. */
  async #trim(): Promise<void> {
    if (this.#fault?.kind !== 'full' || this.#gone !== undefined) return
    try {
      await this.#detach('close')
      const log = await Log.open(this.#logOptions(this.#place))
      await log.close()
    } catch (error) {
      this.#options.logger.warn({ partition: this.name, error: String(error) }, 'a log could not be put in order on a full disk; that is done once there is room')
    }
  }

  /** Where nobody else could lead, the leadership stays here, and clients are told what is wrong. */
  #concernsOthers({ kind }: Fault): boolean {
    const { brokerId } = this.#options
    // Followers that have seen what a full disk has lost need a new epoch to find out.
    return kind === 'damaged' ? this.#holders().some(id => id !== brokerId) : this.#partition.replicas.length > 1
  }

  #goOffline(fault: Fault, how: { readonly lost: boolean }): void {
    if (this.#fault?.kind === fault.kind) return
    this.#fault = fault
    // The same offsets would be given out again: not before the controller has begun another epoch.
    if (this.#leadership !== undefined && this.#concernsOthers(fault)) this.#forfeitedEpoch = this.#leadership.epoch
    this.#stepDown(fault.refusal)
    this.#waiting.wake()
    if (this.#concernsOthers(fault)) this.#options.offline(this, how)
  }

  // ----------------------------------------------------------------------------------------------------------- clients

  /** Refused while the high watermark may still be below what clients have seen of an earlier leader (KIP-207). */
  ends(): Ends | Refusal {
    const leadership = this.#leaderFor(undefined)
    if (leadership instanceof Refusal) return leadership
    return leadership.highWatermark < leadership.startOffset ? this.#notCaughtUp(leadership) : this.#endsOf(leadership)
  }

  #endsOf(leadership: Leadership): Ends {
    const { highWatermark } = leadership
    return { logStartOffset: this.#log!.startOffset, lastStableOffset: highWatermark, highWatermark, logEndOffset: this.#log!.endOffset, leaderEpoch: leadership.epoch }
  }

  append(batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
    const leadership = this.#leaderFor(how.leaderEpoch)
    if (leadership instanceof Refusal) return Promise.resolve(leadership)
    const refusal = this.#draining ?? this.#early() ?? (how.internal === true || this.#partition.seal !== undefined ? null : this.#options.mayGrow(batch.bytes.length))
    return refusal === null ? leadership.append(batch, how) : Promise.resolve(refusal)
  }

  #early(): Refusal | null {
    if (this.#isOfAge) return null
    const early = this.#options.early()
    this.#isOfAge = early === undefined
    return early ?? null
  }

  async read(from: number, how: ReadOptions): Promise<Slice | Refusal> {
    const leadership = this.#leaderFor(how.leaderEpoch)
    if (leadership instanceof Refusal) return leadership
    const log = this.#log!
    if (how.lastFetchedEpoch !== undefined && how.lastFetchedEpoch >= 0) {
      const diverging = divergence(log, from, how.lastFetchedEpoch)
      if (diverging !== undefined) return { ...this.#endsOf(leadership), batches: [], diverging }
    }
    if (from < log.startOffset || from > log.endOffset) {
      return new Refusal('offset-out-of-range', `offset ${from} of ${this.name} is outside ${log.startOffset} to ${log.endOffset}`)
    }
    const upTo = leadership.highWatermark
    const batches = from >= upTo ? [] : await this.#guarded(() => log.read(from, { bytesMax: how.bytesMax, atLeastOne: how.atLeastOne, upTo }))
    if (batches instanceof Refusal) return batches
    // The log may have been truncated from the front, or the leadership lost, while the disk was read.
    const now = this.#leaderFor(how.leaderEpoch)
    if (now instanceof Refusal) return now
    const opened = log.envelopes.openAll(batches)
    return opened instanceof Refusal ? opened : { ...this.#endsOf(now), batches: opened }
  }

  offsetForTime(timestampMs: number): Promise<Position | null | Refusal> {
    return this.#asLeader((log, upTo) => log.offsetForTime(timestampMs, upTo))
  }

  offsetOfMaxTimestamp(): Promise<Position | null | Refusal> {
    return this.#asLeader((log, upTo) => log.offsetOfMaxTimestamp(upTo))
  }

  endOfEpoch(epoch: number, leaderEpoch: number | undefined): EpochEnd | Refusal {
    const leadership = this.#leaderFor(leaderEpoch)
    if (leadership instanceof Refusal) return leadership
    // A leader that has written nothing yet still knows that its epoch ends where its log does.
    return epoch === leadership.epoch ? { leaderEpoch: epoch, endOffset: this.#log!.endOffset } : this.#log!.endOffsetOfEpoch(epoch)
  }

  /** Durable when it resolves. */
  async deleteRecords(beforeOffset: number): Promise<{ readonly lowWatermark: number } | Refusal> {
    const leadership = this.#leaderFor(undefined)
    if (leadership instanceof Refusal) return leadership
    const { highWatermark } = leadership
    const before = beforeOffset === -1 ? highWatermark : beforeOffset
    if (before < 0 || before > highWatermark) {
      return new Refusal('offset-out-of-range', `offset ${beforeOffset} of ${this.name} is outside 0 to ${highWatermark}`)
    }
    const done = await this.#guarded(() => this.#log!.deleteBefore(before))
    if (done instanceof Refusal) return done
    this.#options.advanced(this)
    return { lowWatermark: this.#log?.startOffset ?? before }
  }

  /** `wake` is called once, the next time that the high watermark moves or the replica's role changes. */
  wait(wake: () => void): void {
    this.#waiting.add(wake)
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }

  /** The leadership, or why a client cannot be served here: KIP-320's check of the epoch it believes in among the reasons. */
  #leaderFor(leaderEpoch: number | undefined): Leadership | Refusal {
    if (this.#gone !== undefined) return this.#gone
    if (this.#fault !== undefined && this.leads) {
      const heir = this.#holders().find(id => id !== this.#options.brokerId)
      return heir === undefined ? this.#fault.refusal : new Refusal('not-leader', `${this.#fault.refusal.message}; another broker is to lead it`)
    }
    const current = this.#partition.leaderEpoch
    if (leaderEpoch !== undefined && leaderEpoch < current) {
      return new Refusal('fenced-leader-epoch', `the leader epoch of ${this.name} is ${current}; ${leaderEpoch} is older`)
    }
    if (leaderEpoch !== undefined && leaderEpoch > current) {
      return new Refusal('unknown-leader-epoch', `the leader epoch of ${this.name} is ${current}; ${leaderEpoch} is not known yet`)
    }
    const leadership = this.#leadership
    if (leadership === undefined || this.#log === undefined) {
      const { leader } = this.#partition
      return new Refusal('not-leader', `broker ${this.#options.brokerId} does not lead ${this.name}; ${leader < 0 ? 'nobody does' : `broker ${leader} does`}`)
    }
    if (this.#log.failed !== undefined) return storageError(this.name, this.#log.failed)
    return leadership
  }

  #notCaughtUp({ epoch }: Leadership): Refusal {
    return new Refusal('offset-not-available', `the high watermark of ${this.name} has not caught up with leader epoch ${epoch} yet`)
  }

  async #asLeader<T>(ask: (log: Log, highWatermark: number) => Promise<T>): Promise<T | Refusal> {
    const leadership = this.#leaderFor(undefined)
    if (leadership instanceof Refusal) return leadership
    if (leadership.highWatermark < leadership.startOffset) return this.#notCaughtUp(leadership)
    return this.#guarded(() => ask(this.#log!, leadership.highWatermark))
  }

  /** What the disk or the bytes on it refuse is an answer here, not a crash; a replica that is damaged serves no more. */
  async #guarded<T>(ask: () => Promise<T | Refusal>): Promise<T | Refusal> {
    try {
      const answer = await ask()
      if (answer instanceof Refusal && answer.code === 'storage-error') this.#foundDamage(answer)
      return answer
    } catch (error) {
      const refusal = this.#gone ?? storageError(this.name, error)
      if (error instanceof Damaged) this.#foundDamage(refusal)
      return refusal
    }
  }

  #foundDamage(refusal: Refusal): void {
    // With nobody to be filled from, what can still be read is worth more than nothing.
    if (this.#partition.inSyncReplicas.length <= 1 || this.#gone !== undefined || this.#log?.failed !== undefined) return
    this.#goOffline({ kind: 'damaged', refusal }, { lost: true })
  }

  // --------------------------------------------------------------------------------------------------------- followers

  /** What a follower at `position` gets now; undefined where there is nothing. */
  async serve(position: FetchPosition, from: { readonly id: number; readonly epoch: number }, bytesMax: number): Promise<FetchedPartition | undefined> {
    const at = { topicId: this.topicId, partition: this.index }
    const leadership = this.#leaderFor(position.leaderEpoch)
    const refused = (refusal: Refusal, logStartOffset = -1): FetchedPartition =>
      ({ ...at, offset: position.offset, leaderEpoch: this.#partition.leaderEpoch, highWatermark: -1, logStartOffset, batches: [], refusal })
    if (leadership instanceof Refusal) return refused(leadership)
    const log = this.#log!
    const head = (): Omit<FetchedPartition, 'batches'> =>
      ({ ...at, offset: position.offset, leaderEpoch: leadership.epoch, highWatermark: leadership.highWatermark, logStartOffset: log.startOffset })
    const diverging = position.lastEpoch < 0 ? undefined : divergence(log, position.offset, position.lastEpoch)
    if (diverging !== undefined) return { ...head(), batches: [], diverging }
    if (position.offset < log.startOffset || position.offset > log.endOffset) {
      const first = await this.#guarded(() => log.read(log.startOffset, { bytesMax: 0, atLeastOne: true, upTo: log.endOffset }))
      if (first instanceof Refusal) return refused(first)
      // Where the log begins inside a batch, whoever copies it must begin with the whole batch.
      const startOffset = first[0]?.baseOffset ?? log.startOffset
      if (position.offset === startOffset && this.#leadership === leadership) return { ...head(), batches: first }
      return refused(new Refusal('offset-out-of-range', `offset ${position.offset} of ${this.name} is outside ${log.startOffset} to ${log.endOffset}`), startOffset)
    }
    leadership.heard(from.id, { brokerEpoch: from.epoch, durableOffset: position.durableOffset })
    // Who does not know yet that its log is this one hears so once.
    if (position.offset >= log.endOffset) return position.durableOffset < 0 ? { ...head(), batches: [] } : undefined
    const batches = await this.#guarded(() => log.read(position.offset, { bytesMax, atLeastOne: true, upTo: log.endOffset }))
    if (batches instanceof Refusal) return refused(batches)
    return this.#leadership === leadership ? { ...head(), batches } : refused(this.#leaderFor(position.leaderEpoch) as Refusal)
  }

  /** Where everything is that a follower should know besides records. */
  head(): Pick<FetchedPartition, 'leaderEpoch' | 'highWatermark' | 'logStartOffset'> {
    return { leaderEpoch: this.#partition.leaderEpoch, highWatermark: this.highWatermark, logStartOffset: this.#log?.startOffset ?? 0 }
  }

  heard(mark: ProgressMark, from: { readonly id: number; readonly epoch: number }): void {
    const leadership = this.#leadership
    if (leadership?.epoch === mark.leaderEpoch) leadership.heard(from.id, { brokerEpoch: from.epoch, durableOffset: mark.durableOffset })
  }

  // --------------------------------------------------------------------------------------------------------- following

  /** Whom to follow: undefined where there is no one, or the log cannot take anything. */
  get source(): { readonly leader: number; readonly leaderEpoch: number } | undefined {
    const { leader, leaderEpoch } = this.#partition
    if (leader < 0 || this.leads || this.#gone !== undefined || this.#isMoving) return undefined
    if (this.#fault !== undefined && !(this.#fault.kind === 'damaged' && this.#mayRefill())) return undefined
    return { leader, leaderEpoch }
  }

  /** Where to fetch from. A replica that was never written to needs no files to say so. */
  position(): FetchPosition {
    const log = this.#log
    const { leaderEpoch } = this.#partition
    return {
      topicId: this.topicId, partition: this.index, leaderEpoch, offset: log?.endOffset ?? 0, lastEpoch: log?.latestEpoch ?? -1,
      durableOffset: this.#followedEpoch === leaderEpoch ? log?.durableEndOffset ?? 0 : -1,
    }
  }

  /** How far the log is durable, once it is known to be the leader's. */
  mark(): ProgressMark | undefined {
    const { leaderEpoch } = this.#partition
    if (this.#followedEpoch !== leaderEpoch || this.source === undefined) return undefined
    return { topicId: this.topicId, partition: this.index, leaderEpoch, durableOffset: this.#log?.durableEndOffset ?? 0 }
  }

  /** Takes what the leader sent. Resolves once the next position can be told: false where the log cannot take it now, and it is better asked for later. */
  async take(fetched: FetchedPartition): Promise<boolean> {
    if (!this.#follows(fetched.leaderEpoch)) return true
    if (fetched.diverging !== undefined) return this.#reconcile(fetched, fetched.diverging)
    if (fetched.refusal?.code === 'offset-out-of-range') return this.#startOver(fetched)
    if (fetched.refusal !== undefined) return true
    if (this.#log === undefined && fetched.batches.length === 0 && fetched.logStartOffset === 0) {
      this.#agreed(fetched.leaderEpoch)
      return true
    }
    if ((await this.open()) !== null) return false
    if (!this.#follows(fetched.leaderEpoch) || this.#log === undefined) return true
    const log = this.#log
    // It was not open when the leader was asked, and so was not compared with what the leader has: its end is told first.
    if (this.#followedEpoch !== fetched.leaderEpoch && fetched.offset !== log.endOffset) return false
    this.#agreed(fetched.leaderEpoch)
    // The log may have been opened again since, and end elsewhere.
    if (fetched.batches.length > 0 && fetched.offset === log.endOffset) {
      const taken = log.appendReplicated(fetched.batches)
      if (taken instanceof Refusal) {
        this.#options.logger.warn({ partition: this.name, reason: taken.message }, 'fetched records could not be appended')
        return false
      }
      // Who waits for them asks the log how far it is durable; a failed disk is told to the broker.
      taken.durable.catch(() => {})
    }
    this.#follow(fetched, log)
    return true
  }

  /** The log is the leader's as far as it goes: from now on its progress means something. */
  #agreed(leaderEpoch: number): void {
    if (this.#followedEpoch === leaderEpoch) return
    this.#followedEpoch = leaderEpoch
    this.#options.progressed(this)
  }

  #follow(fetched: FetchedPartition, log: Log): void {
    const highWatermark = Math.min(fetched.highWatermark, log.endOffset)
    if (highWatermark > this.#highWatermark) {
      this.#highWatermark = highWatermark
      log.noteHighWatermark(highWatermark)
    }
    if (fetched.logStartOffset <= log.startOffset) return
    log.deleteBefore(fetched.logStartOffset).catch((error: unknown) => {
      if (this.#gone === undefined) this.#options.logger.warn({ partition: this.name, error: String(error) }, 'old records could not be removed')
    })
  }

  #follows(leaderEpoch: number): boolean {
    return this.source !== undefined && this.#partition.leaderEpoch === leaderEpoch && this.#leadership === undefined
  }

  /** The leader's log parts from this one: what lies behind the last common record goes (KIP-101, KIP-279). */
  #reconcile({ leaderEpoch, offset: asked }: FetchedPartition, { leaderEpoch: epoch, endOffset }: EpochEnd): Promise<boolean> {
    return this.#inTurn(async () => {
      const log = this.#log
      // An answer to where this log ended before says nothing of what it has now.
      if (log?.endOffset !== asked || !this.#follows(leaderEpoch)) return true
      const ends = [endOffset, endOfEpochUpTo(log, epoch).endOffset, log.endOffset]
      const offset = Math.max(log.startOffset, epoch < 0 ? log.startOffset : Math.min(...ends))
      // Nothing to cut off: the answer was to a position that is not this log's any more.
      return offset === log.endOffset || this.#cut(offset, 'truncate')
    })
  }

  /** The leader does not have the end of this log: all it has here is older than what it keeps. */
  #startOver({ leaderEpoch, offset: asked, logStartOffset: startOffset }: FetchedPartition): Promise<boolean> {
    return this.#inTurn(async () => {
      // The log may have been opened, or grown, since it was asked for what the leader has not.
      if ((this.#log?.endOffset ?? 0) !== asked || !this.#follows(leaderEpoch)) return true
      this.#options.logger.warn({ partition: this.name, offset: this.#log?.endOffset ?? 0, startOffset }, 'the leader does not have this offset; the replica is filled anew')
      return this.#cut(startOffset, 'reset')
    })
  }

  /** Whether the log is open again. */
  async #cut(offset: number, how: 'truncate' | 'reset'): Promise<boolean> {
    const { logger } = this.#options
    const options = this.#place
    if (offset < this.#highWatermark) {
      logger.warn({ partition: this.name, offset, highWatermark: this.#highWatermark }, 'records below the high watermark are cut off: an unclean leader was elected, or its disk was lost')
    }
    try {
      // A replica that is filled for the first time may begin here.
      const unprepared = await this.#options.prepare()
      if (unprepared !== null) return false
      await this.#detach('close')
      const log = await (how === 'truncate' ? Log.truncate(this.#logOptions(options), offset) : Log.reset(this.#logOptions(options), offset))
      if (this.#gone !== undefined) {
        await log.close()
        return true
      }
      this.#attach(log)
      this.#lead()
      return true
    } catch (error) {
      this.#failedToOpen(error)
      return false
    }
  }

  // ----------------------------------------------------------------------------------------------------------- the end

  /** Opens a log again that had no room; whether it serves now. */
  async retry(): Promise<boolean> {
    if (this.#fault?.kind !== 'full') return this.#fault === undefined
    return (await this.#inTurn(async () => {
      const fault = this.#fault
      if (fault?.kind !== 'full') return fault?.refusal ?? null
      await this.#detach('close')
      this.#fault = undefined
      const refusal = await this.#open()
      if (refusal !== null) this.#fault ??= fault
      return refusal
    })) === null
  }

  /**
   * Serves from `to` from now on. `place` is called while the replica neither leads nor follows, with its log: it closes that and says whether another one, the
   * same in content, is at `to`; where it rejects, that cannot be told and the directory is not to be trusted. A replica without a log just goes.
   */
  relocate(to: LogOptions, place: (log: Log, highWatermark: number) => Promise<boolean>): Promise<null | Refusal> {
    return this.#inTurn(async () => {
      const refusal = this.#gone ?? this.#fault?.refusal ?? null
      if (refusal !== null) return refusal
      const log = this.#log
      if (log === undefined) {
        this.#place = to
        return null
      }
      this.#isMoving = true
      this.#stepDown(new Refusal('not-leader', `${this.name} goes to another directory of broker ${this.#options.brokerId}`))
      this.#log = undefined
      for (const subscription of this.#subscriptions.splice(0)) subscription[Symbol.dispose]()
      try {
        if (await place(log, this.#highWatermark)) this.#place = to
      } catch (error) {
        to.onFailure?.(error as Error)
        this.#goOffline({ kind: 'failed', refusal: storageError(this.name, error) }, { lost: false })
        return this.#fault!.refusal
      }
      const reopened = await this.#open()
      this.#isMoving = false
      return reopened
    })
  }

  async applyRetention(): Promise<void> {
    if (this.#leadership !== undefined) await this.#log?.applyRetention()
    await this.#log?.checkpoint()
  }

  /** Takes no more from clients; resolves once what was taken is committed, or cannot be any more. */
  async drain(reason: Refusal): Promise<void> {
    this.#draining = reason
    if (this.#log !== undefined) await this.#leadership?.committed(this.#log.endOffset)
  }

  /** Nothing more is served; whoever waits is woken. The log is closed in order, or left as after a crash. */
  async close(reason: Refusal, how: 'close' | 'abandon'): Promise<void> {
    this.#retire(reason)
    await this.#inTurn(() => this.#detach(how))
  }

  #retire(reason: Refusal): void {
    if (this.#gone !== undefined) return
    this.#stepDown(reason)
    this.#gone = reason
    this.#waiting.wake()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.then(() => {}, () => {})
    return turn
  }
}

/** Where a reader's log parts from this one, whose last record is of `lastEpoch` and lies before `from`; undefined where it does not. */
function divergence(log: Log, from: number, lastEpoch: number): EpochEnd | undefined {
  const { leaderEpoch, endOffset } = endOfEpochUpTo(log, lastEpoch)
  return leaderEpoch < lastEpoch || endOffset < from ? { leaderEpoch, endOffset } : undefined
}

/** Where the largest epoch up to `epoch` ends in this log, be `epoch` known to it or not. */
function endOfEpochUpTo(log: Log, epoch: number): EpochEnd {
  return log.latestEpoch < 0 ? { leaderEpoch: -1, endOffset: log.startOffset } : log.endOffsetOfEpoch(Math.min(epoch, log.latestEpoch))
}

export function storageError(name: string, error: unknown): Refusal {
  return new Refusal('storage-error', `the storage of ${name} failed: ${error instanceof Error ? error.message : String(error)}`)
}
