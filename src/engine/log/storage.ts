// A log's segments on disk, in order: the interface between the log and its files. Appends go to the last segment, which is closed and
// followed by a new one when it is full or old; whatever lies in a segment that has a successor is durable.
import type { Batch } from '../../wire/batch.ts'
import type { World } from '../../world/world.ts'
import { tagBytes } from '../sealed/frame.ts'
import type { DataKeys } from '../sealed/keyring.ts'
import type { LogIdentity } from '../sealed/session.ts'
import type { LogConfig } from './config.ts'
import type { Epochs } from './epochs.ts'
import { Producers } from './producers.ts'
import type { Recovered } from './recovery.ts'
import { deleteSegment, type Group, Segment } from './segment.ts'
import type { Span } from './span-index.ts'
import { summaryPath, writeSummary } from './summary.ts'
import type { TailCache } from './tail-cache.ts'

/** A batch on its way to disk, and the leader epoch it is written under. */
export interface Entry {
  readonly batch: Batch
  readonly leaderEpoch: number
}

/** Frames are filled up to this, so that a read opens no more than it must; a larger batch is a frame of its own. */
const frameBytesTarget = 1024 * 1024

export interface StorageOptions {
  readonly world: World
  readonly directory: string
  readonly identity: LogIdentity
  readonly keys: DataKeys
  readonly config: () => LogConfig
  readonly cache: TailCache
}

export class Storage {
  readonly #options: StorageOptions
  /** Oldest first; the last one is written to. */
  readonly #segments: Segment[]
  readonly #epochs: Epochs
  /** What of the producers is written; the log's own view is ahead by what waits. */
  readonly #producers = new Producers()
  /** The write asked for last. */
  #lastWrite: Promise<void> = Promise.resolve()
  /** Writes that change segments on their way, or wait for one that does. */
  #rolling = 0
  #endOffset: number
  /** How much of the last segment its summary speaks of. */
  #summarizedBytes: number

  constructor(options: StorageOptions, { segments, endOffset, epochs, producers }: Recovered) {
    this.#options = options
    this.#segments = segments
    this.#endOffset = endOffset
    this.#epochs = epochs
    this.#producers.restore(producers.snapshot(), options.world.clock.now())
    this.#summarizedBytes = segments.at(-1)?.bytes ?? 0
  }

  get segments(): readonly Segment[] { return this.#segments }
  /** The offset behind the last record that is written. */
  get endOffset(): number { return this.#endOffset }
  get bytes(): number { return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0) }

  /**
   * Writes the entries, in order, in as few frames as they fit. Durable after the next `sync`, or at once if `durably`, which asks that nothing
   * before still waits for a write or a sync. A second call may come while the first one writes: its frames are sealed meanwhile.
   */
  write(entries: readonly Entry[], how: { durably: boolean } = { durably: false }): Promise<void> {
    if (this.#rolling === 0) return this.#lastWrite = this.#write(entries, how)
    // The write before is changing segments, or waits for one that does.
    this.#rolling++
    return this.#lastWrite = this.#lastWrite.then(() => {
      this.#rolling--
      return this.#write(entries, how)
    })
  }

  async #write(entries: readonly Entry[], how: { durably: boolean }): Promise<void> {
    let groups: Group[] = []
    let bytes = 0
    let segment = this.#segments.at(-1)
    let isRolling = false
    for (const group of grouped(entries)) {
      if (!segment || this.#isFull(segment, group, bytes)) {
        if (!isRolling) this.#rolling++
        isRolling = true
        if (segment && groups.length > 0) await this.#append(segment, groups, how)
        groups = []
        bytes = 0
        segment = await this.roll()
      }
      groups.push(group)
      bytes += group.bytes
    }
    if (segment && groups.length > 0) await this.#append(segment, groups, how)
    const last = entries.at(-1)
    if (last) this.#endOffset = last.batch.nextOffset
    if (isRolling) this.#rolling--
  }

  /** What was written before the call is durable after it. */
  async sync(): Promise<void> {
    await this.#segments.at(-1)?.sync()
  }

  /** Closes the last segment, durably, and begins a new one where it ends. */
  async roll(): Promise<Segment> {
    const { world, directory, identity, keys } = this.#options
    const last = this.#segments.at(-1)
    await last?.written()
    await last?.sync()
    await this.#summarize()
    const segment = await Segment.create({
      disk: world.disk,
      directory,
      random: world.random,
      identity,
      dataKey: await keys.current(identity.topicId),
      baseOffset: last?.nextOffset ?? this.#endOffset,
      firstSeq: last?.seal.nextSeq ?? 0,
      previousTag: last?.seal.lastTag ?? Buffer.alloc(tagBytes),
    })
    this.#segments.push(segment)
    this.#summarizedBytes = segment.bytes
    return segment
  }

  /** Makes the next opening of the log quick: only what is written from here on need be read then. To be called while nothing is written. */
  async summarize(newBytesMin = 1): Promise<void> {
    const last = this.#segments.at(-1)
    if (!last || last.isEmpty || last.bytes - this.#summarizedBytes < newBytesMin) return
    await last.sync()
    await this.#summarize()
  }

  /** The first written batches from the one that holds `offset` (or the next there is) on, as many as lie together; empty at the end. */
  async read(offset: number): Promise<readonly Batch[]> {
    let index = this.#segmentIndex(offset)
    for (; index < this.#segments.length; index++) {
      const segment = this.#segments[index]!
      if (offset >= segment.nextOffset) continue
      let span = segment.index.find(offset)
      while (span) {
        const batches = await this.readSpan(segment, span)
        const from = batches.findIndex(batch => batch.nextOffset > offset)
        if (from >= 0) return from === 0 ? batches : batches.slice(from)
        span = segment.index.span(span.index + 1)
      }
    }
    return []
  }

  /** The batches of one span, from the cache where it has them. Empty where the segment has been deleted meanwhile. */
  async readSpan(segment: Segment, span: Span): Promise<readonly Batch[]> {
    const { cache } = this.#options
    const key = `${segment.seal.header.segmentId.toString('hex')}:${span.position}:${span.end}`
    const cached = cache.opened(key)
    if (cached) return cached
    const batches = await segment.readSpan(span)
    // Of a segment that is closed nothing is known: the next log over it, which shares the cache, must not take that for an empty span.
    if (batches === undefined) return []
    cache.keepOpened(key, batches, span.end - span.position)
    return batches
  }

  /** Deletes the segments whose every record lies below `offset`, but never the last one. The log's start must have been made durable before. */
  async deleteBefore(offset: number): Promise<void> {
    while (this.#segments.length > 1 && this.#segments[1]!.baseOffset <= offset) {
      const segment = this.#segments.shift()!
      await segment.close()
      await deleteSegment(this.#options.world.disk, segment.path)
    }
  }

  /** Forgets producers that have been silent for `expirationMs`. */
  expireProducers(nowMs: number, expirationMs: number): void {
    this.#producers.expire(nowMs, expirationMs)
  }

  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.close()
  }

  async #append(segment: Segment, groups: readonly Group[], how: { durably: boolean }): Promise<void> {
    const { random, clock } = this.#options.world
    await segment.append(groups, random, how)
    const nowMs = clock.now()
    for (const { batches } of groups) for (const batch of batches) this.#producers.note(batch, nowMs)
  }

  /** The last segment must be durable. */
  async #summarize(): Promise<void> {
    const last = this.#segments.at(-1)
    if (!last || last.isEmpty) return
    const { disk, random } = this.#options.world
    const summary = last.summarize({ epochs: this.#epochs.before(last.nextOffset), producers: this.#producers.snapshot() })
    await writeSummary(disk, summaryPath(last.path), { seal: last.seal, summary, random })
    this.#summarizedBytes = last.bytes
  }

  #isFull(segment: Segment, group: Group, plannedBytes: number): boolean {
    if (segment.isEmpty && plannedBytes === 0) return false
    const { segmentBytes, segmentMs } = this.#options.config()
    if (segment.bytes + plannedBytes + group.bytes > segmentBytes) return true
    const { firstTimestampMs } = segment
    return firstTimestampMs >= 0 && group.batches[0]!.maxTimestampMs - firstTimestampMs > segmentMs
  }

  /** The last segment that begins at or before `offset`. */
  #segmentIndex(offset: number): number {
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, 0)
  }
}

function* grouped(entries: readonly Entry[]): Generator<Group> {
  let batches: Batch[] = []
  let bytes = 0
  let leaderEpoch = -1
  for (const entry of entries) {
    const size = entry.batch.bytes.length
    if (batches.length > 0 && (entry.leaderEpoch !== leaderEpoch || bytes + size > frameBytesTarget)) {
      yield { batches, bytes, leaderEpoch }
      batches = []
      bytes = 0
    }
    leaderEpoch = entry.leaderEpoch
    batches.push(entry.batch)
    bytes += size
  }
  if (batches.length > 0) yield { batches, bytes, leaderEpoch }
}
