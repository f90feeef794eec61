// The partitions that a consumer instance has at present: how far each has been read, what of that is to be committed, and what there is to read next. A position
// moves only when an answer goes out, so that a client that hung up is given the same records again.
import { Refusal, type Groups, type Logs, type OffsetToCommit, type PartitionRef, type Seen, type Slice } from '../../../ports.ts'
import { Problem } from '../../problem.ts'
import { orRefuse } from '../../refusals.ts'
import { endOf, type RecordPrinter, recordsFrom } from '../record-view.ts'
import type { InstanceConfig } from './instance-config.ts'

export interface HeldOptions {
  readonly logs: Logs
  readonly groups: Groups
  readonly group: string
  readonly reset: InstanceConfig['reset']
}

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
  /** Whether there is room for an answer that is longer by so many bytes; where there is not, the answer ends before them. */
  readonly hold: (bytes: number) => boolean
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

export class HeldPartitions {
  readonly #options: HeldOptions
  /** By topic and partition. */
  readonly #held: ReadonlyMap<string, Held>
  /** By which the partitions are read in turn. */
  #turn = 0
  #refusal: Refusal | undefined

  /** Positions of partitions that were held before go on. */
  constructor(options: HeldOptions, partitions: readonly PartitionRef[], before?: HeldPartitions) {
    this.#options = options
    this.#held = new Map(partitions.map(({ topic, partition }): [string, Held] => {
      const at = { topic, partition }
      const known = before === undefined ? undefined : before.#held.get(keyOf(at))
      return [keyOf(at), known ?? { at, position: undefined, uncommitted: undefined }]
    }))
  }

  /** Why some partition could not be read at the last look, though it is there. */
  get refusal(): Refusal | undefined {
    return this.#refusal
  }

  get partitions(): readonly PartitionRef[] {
    return [...this.#held.values()].map(({ at }) => at)
  }

  /** What was returned and is not committed yet. */
  get uncommitted(): readonly OffsetToCommit[] {
    return [...this.#held.values()].flatMap(({ at, uncommitted }) => (uncommitted === undefined ? [] : [offsetToCommit(at, uncommitted, '')]))
  }

  has(at: PartitionRef): boolean {
    return this.#held.has(keyOf(at))
  }

  /** Where the next read of the partition begins. */
  seek(at: PartitionRef, offset: number): void {
    const held = this.#held.get(keyOf(at))
    if (held === undefined) return
    held.position = offset
    held.uncommitted = undefined
  }

  /** The group has the offset now. */
  noteCommitted({ offset, ...at }: OffsetToCommit): void {
    const held = this.#held.get(keyOf(at))
    if (held?.uncommitted !== undefined && held.uncommitted <= offset) held.uncommitted = undefined
  }

  /** How much there is to read, up to `bytesMin`, without a look at any record: a read that waits for more must not open the same ones again and again. */
  async measure(bytesMin: number, how: ReadHow): Promise<{ bytes: number; seen: readonly Seen[] }> {
    await this.findPositions()
    this.#refusal = undefined
    const seen: Seen[] = []
    let bytes = 0
    for (const one of this.#held.values()) {
      if (bytes >= bytesMin) break
      const found = await this.#slice(one, Math.max(1, how.bytesMax - bytes))
      if (found === undefined) continue
      seen.push({ ...one.at, highWatermark: found.slice.highWatermark })
      bytes += bytesOf(found.slice)
    }
    return { bytes, seen }
  }

  /** The next records, in turn over all partitions: each call begins with another one. Throws 503 where there is no room for a single one. */
  async gather(printers: ReadonlyMap<string, RecordPrinter>, how: ReadHow): Promise<Read> {
    const records: string[] = []
    const ends = new Map<Held, { from: number; position: number; isShown: boolean }>()
    let bytes = 0
    let characters = 0
    let isFull = false
    const held = [...this.#held.values()]
    const inTurn = held.map((_, index) => held[(index + this.#turn) % held.length]!)
    this.#turn = (this.#turn + 1) % Math.max(1, held.length)
    for (const one of inTurn) {
      if (bytes >= how.bytesMax || isFull) break
      const { at } = one
      const print = printers.get(at.topic)
      const found = print === undefined ? undefined : await this.#slice(one, how.bytesMax - bytes, bytes === 0)
      if (print === undefined || found === undefined) continue
      const { slice, from } = found
      let position = endOf(slice, from)
      const before = records.length
      for (const record of recordsFrom(slice.batches, from)) {
        const text = await print(at.partition, record)
        isFull = characters >= how.charactersMax || !how.hold(Buffer.byteLength(text))
        if (isFull) {
          position = record.offset
          break
        }
        records.push(text)
        characters += text.length
      }
      bytes += bytesOf(slice)
      ends.set(one, { from, position, isShown: records.length > before })
    }
    if (isFull && records.length === 0) throw new Problem(503, 'HTTP 503 Service Unavailable: too many answer bytes in flight', { headers: { 'retry-after': '1' } })
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
    const slice = await this.#options.logs.read(at, from, { bytesMax, atLeastOne, committedOnly: true })
    if (!(slice instanceof Refusal)) return { slice, from }
    await this.#mend(held, slice)
    return held.position === from ? undefined : await this.#slice(held, bytesMax, atLeastOne)
  }

  /** A partition that is gone or cannot be read just now is left out; one whose offset is gone begins anew. */
  async #mend(held: Held, refusal: Refusal): Promise<void> {
    if (refusal.code !== 'offset-out-of-range') {
      if (!['unknown-topic', 'unknown-partition'].includes(refusal.code)) this.#refusal = refusal
      return
    }
    held.position = undefined
    if (this.#options.reset === 'none') throw illegalState(`Fetch position is out of range for partition ${nameOf(held.at)}, and auto.offset.reset is none`)
    held.position = await this.#resetOffset(held.at)
  }

  /** Where to begin in those partitions of which that is not known yet: at the group's offset, else where `auto.offset.reset` says. */
  async findPositions(): Promise<void> {
    const lost = [...this.#held.values()].filter(({ position }) => position === undefined)
    if (lost.length === 0) return
    const committed = new Map(orRefuse(await this.#options.groups.committed(this.#options.group, lost.map(({ at }) => at))).map(one => [keyOf(one), one.offset]))
    for (const one of lost) {
      const offset = committed.get(keyOf(one.at)) ?? await this.#resetOffset(one.at)
      // A client may have sought meanwhile.
      one.position ??= offset
    }
  }

  async #resetOffset(at: PartitionRef): Promise<number | undefined> {
    if (this.#options.reset === 'none') throw illegalState(`Undefined offset with no reset policy for partitions: [${nameOf(at)}]`)
    const ends = await this.#options.logs.ends(at)
    if (ends instanceof Refusal) return undefined
    return this.#options.reset === 'earliest' ? ends.logStartOffset : ends.highWatermark
  }
}

export function offsetToCommit({ topic, partition }: PartitionRef, offset: number, metadata: string): OffsetToCommit {
  return { topic, partition, offset, leaderEpoch: -1, metadata }
}

/** 409 (40903), in Confluent's words. */
export function illegalState(reason: string): Problem {
  return new Problem(409, `Illegal state: ${reason}`, { errorCode: 40903 })
}

function keyOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`
}

export function nameOf({ topic, partition }: PartitionRef): string {
  return `${topic}-${partition}`
}

function bytesOf(slice: Slice): number {
  return slice.batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
}
