// One open partition of which this broker leads the only replica: its log, its high watermark, and the readers that wait for it to move.
// With one replica, what is durable here is durable on all in-sync replicas: the high watermark is the log's durable end.
import { type Appended, type AppendOptions, type Ends, type Partition, type Position, type ReadOptions, Refusal, type Slice } from '../ports.ts'
import type { Batch } from '../wire/batch.ts'
import type { Clock } from '../world/world.ts'
import type { Log } from './log/log.ts'

/** More readers waiting on one partition wake the one that waits longest; it looks again and comes back. */
export const waitingMax = 20_000

export interface PartitionOptions {
  readonly name: string
  readonly log: Log
  readonly clock: Clock
  /** The partition as the catalog has it now. */
  readonly state: () => Partition
  readonly minInSyncReplicas: () => number
  /** flush.messages is 1: even acks=1 waits for the disk. */
  readonly flushesEachBatch: () => boolean
}

export class OpenPartition {
  readonly name: string
  readonly log: Log
  readonly #options: PartitionOptions
  readonly #waiting = new Set<() => void>()
  readonly #durable: Disposable
  #gone: Refusal | undefined

  constructor(options: PartitionOptions) {
    this.name = options.name
    this.log = options.log
    this.#options = options
    this.#durable = options.log.onDurable(() => this.#wake())
  }

  get highWatermark(): number {
    return this.log.durableEndOffset
  }

  ends(): Ends | Refusal {
    const fault = this.#fault(undefined)
    if (fault !== undefined) return fault
    const { highWatermark } = this
    return { logStartOffset: this.log.startOffset, lastStableOffset: highWatermark, highWatermark, leaderEpoch: this.#options.state().leaderEpoch }
  }

  async append(batch: Batch, how: AppendOptions): Promise<Appended | Refusal> {
    const fault = this.#fault(how.leaderEpoch) ?? (how.acks === 'all' ? this.#replicasFault() : undefined)
    if (fault !== undefined) return fault
    const appended = this.log.append(batch, this.#options.state().leaderEpoch)
    if (appended instanceof Refusal) return appended
    const { baseOffset, logAppendTimeMs, written, durable } = appended
    const reply: Appended = { baseOffset, logAppendTimeMs, logStartOffset: this.log.startOffset }
    if (how.acks === 'none') return reply
    const waitsForDisk = how.acks === 'all' || this.#options.flushesEachBatch()
    return this.#within(how.timeoutMs, waitsForDisk ? durable : written, reply)
  }

  async read(from: number, how: ReadOptions): Promise<Slice | Refusal> {
    const fault = this.#fault(how.leaderEpoch)
    if (fault !== undefined) return fault
    const { startOffset, endOffset } = this.log
    if (from < startOffset || from > endOffset) {
      return new Refusal('offset-out-of-range', `offset ${from} of ${this.name} is outside ${startOffset} to ${endOffset}`)
    }
    const upTo = this.highWatermark
    const batches = from >= upTo ? [] : await this.#guarded(() => this.log.read(from, { bytesMax: how.bytesMax, atLeastOne: how.atLeastOne, upTo }))
    if (batches instanceof Refusal) return batches
    // The log may have been truncated from the front, or the topic deleted, while the disk was read.
    const ends = this.ends()
    return ends instanceof Refusal ? ends : { ...ends, batches }
  }

  offsetForTime(timestampMs: number): Promise<Position | null | Refusal> {
    return this.#guarded(() => this.log.offsetForTime(timestampMs, this.highWatermark))
  }

  offsetOfMaxTimestamp(): Promise<Position | null | Refusal> {
    return this.#guarded(() => this.log.offsetOfMaxTimestamp(this.highWatermark))
  }

  /** Durable when it resolves. */
  async deleteRecords(beforeOffset: number): Promise<{ readonly lowWatermark: number } | Refusal> {
    const { highWatermark } = this
    const before = beforeOffset === -1 ? highWatermark : beforeOffset
    if (before < 0 || before > highWatermark) {
      return new Refusal('offset-out-of-range', `offset ${beforeOffset} of ${this.name} is outside 0 to ${highWatermark}`)
    }
    const done = await this.#guarded(() => this.log.deleteBefore(before))
    return done instanceof Refusal ? done : { lowWatermark: this.log.startOffset }
  }

  /** `wake` is called once, the next time that the high watermark moves or the partition goes. */
  wait(wake: () => void): void {
    this.#waiting.add(wake)
    if (this.#waiting.size <= waitingMax) return
    const [longest] = this.#waiting as Iterable<() => void>
    this.#waiting.delete(longest!)
    longest!()
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake)
  }

  /** Nothing more is served; whoever waits is woken. */
  retire(reason: Refusal): void {
    this.#gone = reason
    this.#durable[Symbol.dispose]()
    this.#wake()
  }

  /** A refusal where the partition cannot serve, or the caller's leader epoch is not ours (KIP-320). */
  #fault(leaderEpoch: number | undefined): Refusal | undefined {
    if (this.#gone !== undefined) return this.#gone
    if (this.log.failed !== undefined) return storageError(this.name, this.log.failed)
    if (leaderEpoch === undefined) return undefined
    const current = this.#options.state().leaderEpoch
    if (leaderEpoch < current) return new Refusal('fenced-leader-epoch', `the leader epoch of ${this.name} is ${current}; ${leaderEpoch} is older`)
    if (leaderEpoch > current) return new Refusal('unknown-leader-epoch', `the leader epoch of ${this.name} is ${current}; ${leaderEpoch} is not known yet`)
    return undefined
  }

  /** min.insync.replicas never asks for more replicas than there are. */
  #replicasFault(): Refusal | undefined {
    const { replicas, inSyncReplicas } = this.#options.state()
    const needed = Math.min(this.#options.minInSyncReplicas(), replicas.length)
    if (inSyncReplicas.length >= needed) return undefined
    return new Refusal('not-enough-replicas', `The size of the current ISR ${inSyncReplicas.length} is insufficient to satisfy the min.isr `
      + `requirement of ${needed} for partition ${this.name}`)
  }

  #within(timeoutMs: number, settled: Promise<void>, reply: Appended): Promise<Appended | Refusal> {
    return new Promise(resolve => {
      const late = new Refusal('request-timed-out', `${this.name} did not acknowledge within ${timeoutMs} ms`)
      const timer = this.#options.clock.after(timeoutMs, () => resolve(late))
      settled.then(() => resolve(reply), error => resolve(storageError(this.name, error))).finally(() => timer.cancel())
    })
  }

  /** What the disk or the bytes on it refuse is an answer here, not a crash. */
  async #guarded<T>(ask: () => Promise<T>): Promise<T | Refusal> {
    const fault = this.#fault(undefined)
    if (fault !== undefined) return fault
    try {
      return await ask()
    } catch (error) {
      return this.#gone ?? storageError(this.name, error)
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }
}

export function storageError(name: string, error: unknown): Refusal {
  return new Refusal('storage-error', `the storage of ${name} failed: ${error instanceof Error ? error.message : String(error)}`)
}
