// One consumer instance: what it reads (a subscription shared with its group, or partitions of its own choice), how far it has read, and what of that is to be
// committed (held-partitions.ts).
import { Refusal, type Admin, type CommittedOffset, type Groups, type Logs, type OffsetToCommit, type PartitionRef } from '../../../ports.ts'
import type { Clock } from '../../../world/world.ts'
import { Problem } from '../../problem.ts'
import { orRefuse, problemOf } from '../../refusals.ts'
import type { RecordPrinter } from '../record-view.ts'
import { aborted, afterMs } from '../waits.ts'
import { HeldPartitions, illegalState, nameOf, type Read, type ReadHow } from './held-partitions.ts'
import type { InstanceConfig } from './instance-config.ts'
import { changesOfGroup, Membership } from './membership.ts'
import type { Subscription } from './subscription.ts'

export interface InstanceParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly groups: Groups
  readonly clock: Clock
}

export interface InstanceOptions {
  readonly group: string
  readonly name: string
  readonly config: InstanceConfig
  /** The peer that made it, for whoever describes the group. */
  readonly clientHost: string
}

/** Between two looks at partitions of which the log says that they changed, and that show nothing new. */
const pauseMs = 20

export class ConsumerInstance {
  readonly group: string
  readonly name: string
  readonly config: InstanceConfig
  readonly #parts: InstanceParts
  readonly #clientHost: string
  #subscription: Subscription | undefined
  #membership: Membership | undefined
  /** Undefined before the first assignment, and while the group rebalances. */
  #held: HeldPartitions | undefined
  /** What was held before the rebalance under way. */
  #heldBefore: HeldPartitions | undefined
  #isReading = false
  #isClosed = false
  #changing: Promise<void> = Promise.resolve()
  /** Ends the waiting of a read when what is held changes. */
  #changed = new AbortController()

  constructor(parts: InstanceParts, { group, name, config, clientHost }: InstanceOptions) {
    this.#parts = parts
    this.group = group
    this.name = name
    this.config = config
    this.#clientHost = clientHost
  }

  get subscription(): Subscription | undefined {
    return this.#subscription
  }

  /** The partitions it has; none while the group rebalances. */
  get assignment(): readonly PartitionRef[] {
    return this.#held?.partitions ?? []
  }

  /** Takes the place of an earlier subscription. 409 (40903) where partitions were assigned by hand. */
  subscribe(subscription: Subscription): Promise<void> {
    return this.#inTurn(() => this.#subscribe(subscription))
  }

  /** Gives a subscription, or partitions that were assigned by hand, up. */
  unsubscribe(): Promise<void> {
    return this.#inTurn(() => this.#unsubscribe())
  }

  async #subscribe(subscription: Subscription): Promise<void> {
    if (this.#isClosed) throw illegalState('This consumer has already been closed.')
    if (this.#held !== undefined && this.#membership === undefined) throw exclusive()
    await this.#unsubscribe()
    const { groups, admin, clock } = this.#parts
    this.#subscription = subscription
    this.#membership = new Membership({
      groups, admin, clock, groupId: this.group, clientId: this.name, clientHost: this.#clientHost, topics: subscription.topics,
      onRebalance: () => {
        this.#heldBefore = this.#held ?? this.#heldBefore
        this.#hold(undefined)
      },
      onAssigned: (partitions, { isNext }) => {
        this.#hold(partitions, isNext ? this.#heldBefore : undefined)
      },
    })
    this.#membership.start()
  }

  async #unsubscribe(): Promise<void> {
    const membership = this.#membership
    this.#membership = undefined
    this.#subscription = undefined
    this.#heldBefore = undefined
    this.#hold(undefined)
    await membership?.close()
  }

  /** Takes the place of an earlier assignment by hand; none at all gives it up. 409 (40903) where there is a subscription. */
  assign(partitions: readonly PartitionRef[]): void {
    if (this.#membership !== undefined) throw exclusive()
    this.#hold(partitions.length === 0 ? undefined : partitions, this.#held)
  }

  /** Where the next read of a partition begins. 409 (40903) for a partition that it does not have. */
  seek(at: PartitionRef, offset: number): void {
    this.#heldWith(at).seek(at, offset)
  }

  async seekToEnd(at: PartitionRef, end: 'beginning' | 'end'): Promise<void> {
    this.#heldWith(at)
    const ends = orRefuse(await this.#parts.logs.ends(at))
    this.seek(at, end === 'beginning' ? ends.logStartOffset : ends.highWatermark)
  }

  /**
   * The next records, in turn over all partitions: waits until there are some (`fetch.min.bytes` of them), or the time is over. 409 (40903) without
   * subscription or assignment, and while another read is under way.
   */
  async read(how: ReadHow): Promise<Read> {
    if (this.#membership === undefined && this.#held === undefined) {
      throw illegalState('Consumer is not subscribed to any topics or assigned any partitions')
    }
    if (this.#isReading) throw illegalState('another read of this consumer instance is under way')
    this.#isReading = true
    try {
      if (this.config.autoCommit) await this.#commitRead()
      return await this.#read(how)
    } finally {
      this.#isReading = false
    }
  }

  /** What was returned and is not committed yet. */
  get uncommitted(): readonly OffsetToCommit[] {
    return this.#held?.uncommitted ?? []
  }

  /** Durable when it resolves. */
  async commit(offsets: readonly OffsetToCommit[]): Promise<void> {
    const refused = await this.#commit(offsets)
    if (refused !== null) throw problemOf(refused)
  }

  async #commit(offsets: readonly OffsetToCommit[]): Promise<null | Refusal> {
    if (offsets.length === 0) return null
    const { memberId, generationId } = this.#membership?.generation ?? { memberId: '', generationId: -1 }
    const outcome = await this.#parts.groups.commit({ groupId: this.group, memberId, instanceId: null, generationId, offsets })
    const refused = outcome instanceof Refusal ? outcome : outcome.find(one => one !== null)
    if (refused != null) return refused
    for (const one of offsets) this.#held?.noteCommitted(one)
    return null
  }

  async committed(partitions: readonly PartitionRef[]): Promise<readonly CommittedOffset[]> {
    return orRefuse(await this.#parts.groups.committed(this.group, partitions))
  }

  /** Leaves the group. `isOrderly`: its client said so, having done with what it was given, which is committed where that is automatic. */
  async close({ isOrderly }: { isOrderly: boolean }): Promise<void> {
    await this.#inTurn(async () => {
      this.#isClosed = true
      try {
        if (isOrderly && this.config.autoCommit) await this.#commitRead()
      } finally {
        await this.#unsubscribe()
      }
    })
  }

  /** One change of what it is subscribed to at a time. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#changing.then(change)
    this.#changing = turn.catch(() => undefined)
    return turn
  }

  /** While the group changes nothing can be committed: what was read comes again to whoever has the partition next, and that is no fault of this request. */
  async #commitRead(): Promise<void> {
    const refused = await this.#commit(this.uncommitted)
    if (refused !== null && !changesOfGroup.has(refused.code)) throw problemOf(refused)
  }

  async #read(how: ReadHow): Promise<Read> {
    const { clock, logs } = this.#parts
    const deadlineMs = clock.monotonic() + how.timeoutMs
    const bytesMin = Math.max(1, Math.min(this.config.bytesMin, how.bytesMax))
    let opened: { held: unknown; printers: ReadonlyMap<string, RecordPrinter> } | undefined
    for (;;) {
      if (this.#isClosed) throw new Problem(404, 'Consumer instance not found.', { errorCode: 40403 })
      const changed = this.#changed.signal
      const held = this.#held
      if (held !== undefined && opened?.held !== held) opened = { held, printers: await how.open(this.assignment) }
      const isOver = how.signal.aborted || clock.monotonic() >= deadlineMs
      const measured = await held?.measure(bytesMin, how)
      if (held !== undefined && measured !== undefined && (measured.bytes >= bytesMin || (isOver && measured.bytes > 0))) {
        const round = await held.gather(opened!.printers, how)
        if (this.#held === held && (round.records.length > 0 || isOver)) return round
      }
      // A group that does not let the member in, or partitions that cannot be read: better said than taken for silence.
      const refusal = isOver ? this.#membership?.fault ?? held?.refusal : undefined
      if (refusal !== undefined) throw problemOf(refusal)
      if (isOver) return { records: [], accept: () => undefined }
      using timeout = afterMs(clock, deadlineMs - clock.monotonic())
      const signal = AbortSignal.any([how.signal, changed, timeout.signal])
      if (measured === undefined || measured.seen.length === 0) await aborted(signal)
      else {
        await logs.changed(measured.seen, signal)
        using pause = afterMs(clock, pauseMs)
        await aborted(AbortSignal.any([signal, pause.signal]))
      }
    }
  }

  #hold(partitions: readonly PartitionRef[] | undefined, before?: HeldPartitions): void {
    const { logs, groups } = this.#parts
    const held = partitions === undefined ? undefined : new HeldPartitions({ logs, groups, group: this.group, reset: this.config.reset }, partitions, before)
    this.#held = held
    this.#changed.abort()
    this.#changed = new AbortController()
    // "From the end" means the end of now, not of the first read. What cannot be found out yet is, at that read.
    held?.findPositions().catch(() => undefined)
  }

  #heldWith(at: PartitionRef): HeldPartitions {
    if (this.#held?.has(at) === true) return this.#held
    throw illegalState(`No current assignment for partition ${nameOf(at)}`)
  }
}

function exclusive(): Problem {
  return illegalState('Subscription to topics, partitions and pattern are mutually exclusive')
}
