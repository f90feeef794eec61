// One consumer instance: what it reads (a subscription shared with its group, or partitions of its own choice), how far it has read, and what of that is to be
// committed. The position moves only when an answer goes out, so that a client that hung up is given the same records again.
import { Refusal, type Admin, type CommittedOffset, type Groups, type Logs, type OffsetToCommit, type PartitionRef, type Seen, type Slice } from '../../../ports.ts'
import type { Clock } from '../../../world/world.ts'
import { Problem } from '../../problem.ts'
import { orRefuse, problemOf } from '../../refusals.ts'
import { endOf, type RecordPrinter, recordsFrom } from '../record-view.ts'
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

/** A partition that this instance has at present. */
interface Held {
  readonly at: PartitionRef
  /** Of the next record to read; undefined until it is found out. */
  position: number | undefined
  /** Behind what was returned last and is not committed yet. */
  uncommitted: number | undefined
}

export interface ReadHow {
  readonly timeoutMs: number
  readonly bytesMax: number
  readonly charactersMax: number
  /** Judges the reading of these partitions' topics, and gives by topic what shows its records; called again when the instance gets others. */
  readonly open: (partitions: readonly PartitionRef[]) => Promise<ReadonlyMap<string, RecordPrinter>>
  /** The client is gone. */
  readonly signal: AbortSignal
}

export interface Read {
  readonly records: readonly string[]
  /** To be called once the records are on their way: the next read goes on behind them. */
  accept(): void
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
  /** By topic and partition. Undefined before the first assignment, and while the group rebalances. */
  #held: ReadonlyMap<string, Held> | undefined
  /** What was held before the rebalance under way. */
  #heldBefore: ReadonlyMap<string, Held> = new Map()
  #isReading = false
  #isClosed = false
  #changing: Promise<void> = Promise.resolve()
  /** Ends the waiting of a read when what is held changes. */
  #changed = new AbortController()
  /** By which the partitions are read in turn: each read begins behind the one that the last began with. */
  #turn = 0

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
    return [...this.#held?.values() ?? []].map(({ at }) => at)
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
        const before = isNext ? this.#heldBefore : new Map<string, Held>()
        this.#hold(partitions, before)
      },
    })
    this.#membership.start()
  }

  async #unsubscribe(): Promise<void> {
    const membership = this.#membership
    this.#membership = undefined
    this.#subscription = undefined
    this.#heldBefore = new Map()
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
    const held = this.#heldAt(at)
    held.position = offset
    held.uncommitted = undefined
  }

  async seekToEnd(at: PartitionRef, end: 'beginning' | 'end'): Promise<void> {
    this.#heldAt(at)
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
    return [...this.#held?.values() ?? []].flatMap(({ at, uncommitted }) => (uncommitted === undefined ? [] : [offsetToCommit(at, uncommitted, '')]))
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
    for (const { offset, ...at } of offsets) {
      const held = this.#held?.get(keyOf(at))
      if (held?.uncommitted !== undefined && held.uncommitted <= offset) held.uncommitted = undefined
    }
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
      const of = [...held?.values() ?? []]
      const measured = held === undefined ? undefined : await this.#measure(of, bytesMin, how)
      if (measured !== undefined && (measured.bytes >= bytesMin || (isOver && measured.bytes > 0))) {
        const round = await this.#gather(of, opened!.printers, how)
        if (this.#held === held && (round.records.length > 0 || isOver)) return round
      }
      // The group may not let the member in at all: better said than waited for.
      if (isOver && this.#membership?.fault !== undefined) throw problemOf(this.#membership.fault)
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

  /** How much there is to read, up to `bytesMin`, without a look at any record: a read that waits for more must not open the same ones again and again. */
  async #measure(held: readonly Held[], bytesMin: number, how: ReadHow): Promise<{ bytes: number; seen: readonly Seen[] }> {
    await this.#findPositions(held)
    const seen: Seen[] = []
    let bytes = 0
    for (const one of held) {
      if (bytes >= bytesMin) break
      const found = await this.#slice(one, Math.max(1, how.bytesMax - bytes))
      if (found === undefined) continue
      seen.push({ ...one.at, highWatermark: found.slice.highWatermark })
      bytes += bytesOf(found.slice)
    }
    return { bytes, seen }
  }

  async #gather(held: readonly Held[], printers: ReadonlyMap<string, RecordPrinter>, how: ReadHow): Promise<Read> {
    const records: string[] = []
    const ends = new Map<Held, { from: number; position: number; isShown: boolean }>()
    let bytes = 0
    let characters = 0
    const inTurn = held.map((_, index) => held[(index + this.#turn) % held.length]!)
    this.#turn = (this.#turn + 1) % Math.max(1, held.length)
    for (const one of inTurn) {
      if (bytes >= how.bytesMax || characters >= how.charactersMax) break
      const { at } = one
      const print = printers.get(at.topic)
      const found = print === undefined ? undefined : await this.#slice(one, how.bytesMax - bytes, bytes === 0)
      if (print === undefined || found === undefined) continue
      const { slice, from } = found
      let position = endOf(slice, from)
      const before = records.length
      for (const record of recordsFrom(slice, from)) {
        if (characters >= how.charactersMax) {
          position = record.offset
          break
        }
        const text = print(at.partition, record)
        records.push(text)
        characters += text.length
      }
      bytes += bytesOf(slice)
      ends.set(one, { from, position, isShown: records.length > before })
    }
    const accept = (): void => {
      for (const [one, { from, position, isShown }] of ends) {
        // The client has sought meanwhile.
        if (one.position !== from) continue
        one.position = position
        if (isShown) one.uncommitted = position
      }
    }
    // What holds nothing to show (control batches) is left behind at once.
    if (records.length === 0) accept()
    return { records, accept }
  }

  /** What lies at the position of a partition, and which that was; undefined where it cannot be read just now, or has no position yet. */
  async #slice(held: Held, bytesMax: number, atLeastOne = true): Promise<{ slice: Slice; from: number } | undefined> {
    const { at, position: from } = held
    if (from === undefined) return undefined
    const slice = await this.#parts.logs.read(at, from, { bytesMax, atLeastOne, committedOnly: true })
    if (!(slice instanceof Refusal)) return { slice, from }
    await this.#mend(held, slice)
    return held.position === from ? undefined : await this.#slice(held, bytesMax, atLeastOne)
  }

  /** A partition that is gone or cannot be read just now is left out; one whose offset is gone begins anew. */
  async #mend(held: Held, refusal: Refusal): Promise<void> {
    if (refusal.code !== 'offset-out-of-range') {
      if (['unknown-topic', 'unknown-partition'].includes(refusal.code)) return
      throw problemOf(refusal)
    }
    held.position = undefined
    if (this.config.reset === 'none') throw illegalState(`Fetch position is out of range for partition ${nameOf(held.at)}, and auto.offset.reset is none`)
    held.position = await this.#resetOffset(held.at)
  }

  async #findPositions(held: readonly Held[]): Promise<void> {
    const lost = held.filter(({ position }) => position === undefined)
    if (lost.length === 0) return
    const committed = new Map((await this.committed(lost.map(({ at }) => at))).map(one => [keyOf(one), one.offset]))
    for (const one of lost) {
      const offset = committed.get(keyOf(one.at)) ?? await this.#resetOffset(one.at)
      // A client may have sought meanwhile.
      one.position ??= offset
    }
  }

  async #resetOffset(at: PartitionRef): Promise<number | undefined> {
    if (this.config.reset === 'none') throw illegalState(`Undefined offset with no reset policy for partitions: [${nameOf(at)}]`)
    const ends = await this.#parts.logs.ends(at)
    if (ends instanceof Refusal) return undefined
    return this.config.reset === 'earliest' ? ends.logStartOffset : ends.highWatermark
  }

  #hold(partitions: readonly PartitionRef[] | undefined, before: ReadonlyMap<string, Held> = new Map()): void {
    const fresh = partitions?.map((at): Held => before.get(keyOf(at)) ?? { at: { topic: at.topic, partition: at.partition }, position: undefined, uncommitted: undefined })
    this.#held = fresh === undefined ? undefined : new Map(fresh.map(one => [keyOf(one.at), one]))
    this.#changed.abort()
    this.#changed = new AbortController()
    // "From the end" means the end of now, not of the first read. What cannot be found out yet is, at that read.
    if (fresh !== undefined) void this.#findPositions(fresh).catch(() => undefined)
  }

  #heldAt(at: PartitionRef): Held {
    const held = this.#held?.get(keyOf(at))
    if (held === undefined) throw illegalState(`No current assignment for partition ${nameOf(at)}`)
    return held
  }
}

export function offsetToCommit({ topic, partition }: PartitionRef, offset: number, metadata: string): OffsetToCommit {
  return { topic, partition, offset, leaderEpoch: -1, metadata }
}

/** 409 (40903), in Confluent's words. */
export function illegalState(reason: string): Problem {
  return new Problem(409, `Illegal state: ${reason}`, { errorCode: 40903 })
}

function exclusive(): Problem {
  return illegalState('Subscription to topics, partitions and pattern are mutually exclusive')
}

function keyOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`
}

function nameOf({ topic, partition }: PartitionRef): string {
  return `${topic}-${partition}`
}

function bytesOf(slice: Slice): number {
  return slice.batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
}

/** A signal that aborts after so long. */
function afterMs(clock: Clock, ms: number): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController()
  const timer = clock.after(Math.max(0, ms), () => controller.abort())
  return { signal: controller.signal, [Symbol.dispose]: () => timer.cancel() }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}
