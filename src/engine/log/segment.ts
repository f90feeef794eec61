// One segment: a file of sealed frames and, in memory, what is known of it. Appends go to its end; reads take a span of frames in one
// positional read and open each frame once.
import { Batch } from '../../wire/batch.ts'
import type { Disk, DiskFile, Random } from '../../world/world.ts'
import { Damaged } from '../sealed/errors.ts'
import { crcIsValid, decodeHeader, frameHeaderBytes, type FrameHeader, frameTypes, tagBytes } from '../sealed/frame.ts'
import type { DataKey } from '../sealed/keyring.ts'
import { segmentHeaderBytes } from '../sealed/segment-header.ts'
import { SegmentSeal } from '../sealed/segment-seal.ts'
import type { LogIdentity } from '../sealed/session.ts'
import { type Span, SpanIndex } from './span-index.ts'
import { type LogSummary, removeSummary, type Summary, summaryPath } from './summary.ts'

/** Batches that are sealed together: consecutive, of one leader epoch. */
export interface Group {
  readonly batches: readonly Batch[]
  readonly bytes: number
  readonly leaderEpoch: number
}

/** A data frame as it lies in its segment, opened. */
export interface SoughtFrame {
  readonly position: number
  readonly baseOffset: number
  readonly leaderEpoch: number
  readonly batches: readonly Batch[]
  /** Its sequence number, and the tag it is chained to. */
  readonly firstSeq: number
  readonly previousTag: Buffer
  /** The end of the data frame before it in the segment; undefined where it is the first. */
  readonly endBefore: number | undefined
}

interface SealedFrame {
  readonly position: number
  readonly header: FrameHeader
  readonly frame: Buffer
  readonly previousTag: Buffer
}

const baseOffsetDigits = 20
const suffix = '.segment'

export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(baseOffsetDigits, '0') + suffix
}

/** The base offset that a file's name says; undefined where it is no segment. */
export function segmentOffset(name: string): number | undefined {
  return name.length === baseOffsetDigits + suffix.length && name.endsWith(suffix) ? Number(name.slice(0, baseOffsetDigits)) : undefined
}

/** Deletes the file and the summary beside it. */
export async function deleteSegment(disk: Disk, path: string): Promise<void> {
  await removeSummary(disk, summaryPath(path))
  await disk.remove(path)
}

export class Segment {
  readonly path: string
  readonly seal: SegmentSeal
  readonly index = new SpanIndex()
  readonly #file: DiskFile
  /** Everything below is written, though not yet durable. */
  #end: number
  /** Where the next frame goes, and the offset it begins at: ahead of what is written by what is being written. */
  #sealedEnd: number
  #sealedNextOffset: number
  /** Settles with the last of the writes, which go one after the other. */
  #writes: Promise<void> = Promise.resolve()
  #syncedUpTo: number
  #nextOffset: number
  #firstTimestampMs = -1
  #maxTimestampMs = -1
  #readers = 0
  #isDoomed = false

  constructor(options: { path: string; seal: SegmentSeal; file: DiskFile }) {
    this.path = options.path
    this.seal = options.seal
    this.#file = options.file
    this.#end = segmentHeaderBytes
    this.#sealedEnd = segmentHeaderBytes
    this.#syncedUpTo = segmentHeaderBytes
    this.#nextOffset = options.seal.header.baseOffset
    this.#sealedNextOffset = this.#nextOffset
  }

  /** A new segment in `directory`, its header and its name durable. The name is that of its base offset unless a path is given. */
  static async create(options: {
    disk: Disk; directory: string; random: Random; identity: LogIdentity; dataKey: DataKey; baseOffset: number; firstSeq: number; previousTag: Buffer
    path?: string
  }): Promise<Segment> {
    const { disk, directory, path = `${directory}/${segmentName(options.baseOffset)}` } = options
    const { seal, block } = SegmentSeal.create(options)
    const file = await disk.open(path, 'create')
    await file.write(0, [block])
    await file.sync()
    await disk.syncDirectory(directory)
    return new Segment({ path, seal, file })
  }

  get baseOffset(): number { return this.seal.header.baseOffset }
  get nextOffset(): number { return this.#nextOffset }
  get isEmpty(): boolean { return this.#nextOffset === this.baseOffset }
  get bytes(): number { return this.#sealedEnd }
  get syncedUpTo(): number { return this.#syncedUpTo }
  /** Times of the first batch and of the latest record; -1 in an empty segment. */
  get firstTimestampMs(): number { return this.#firstTimestampMs }
  get maxTimestampMs(): number { return this.#maxTimestampMs }

  /**
   * Seals the groups at once, and writes them behind one another with one call when the write before is done; readers see them once they are
   * written. They are durable after the next `sync`, or at once if `durably`, which asks that nothing before still waits for a write or a sync.
   */
  append(groups: readonly Group[], random: Random, { durably }: { durably: boolean }): Promise<void> {
    const start = this.#sealedEnd
    const parts: Buffer[] = []
    const frames: { group: Group; position: number; length: number }[] = []
    let position = start
    let nextOffset = this.#sealedNextOffset
    for (const group of groups) {
      if (!this.seal.mayWrite(group.bytes)) {
        const session = this.seal.beginSession(random, { nextOffset, leaderEpoch: group.leaderEpoch, syncedUpTo: this.#syncedUpTo })
        parts.push(...session)
        position += lengthOf(session)
      }
      const sealed = this.#sealGroup(group)
      const length = lengthOf(sealed)
      frames.push({ group, position, length })
      parts.push(...sealed)
      position += length
      nextOffset = group.batches.at(-1)!.nextOffset
    }
    this.#sealedEnd = position
    this.#sealedNextOffset = nextOffset
    const written = this.#writes.then(async () => {
      await (durably ? this.#file.writeDurably(start, parts) : this.#file.write(start, parts))
      for (const { group, ...frame } of frames) this.note(group.batches, frame)
      this.#end = position
      if (durably) this.#syncedUpTo = position
    })
    this.#writes = written
    return written
  }

  /** Resolves when all that was appended is written. */
  written(): Promise<void> {
    return this.#writes
  }

  /** fdatasync; what was written before the call is durable after it. */
  async sync(): Promise<void> {
    const end = this.#end
    await this.#file.sync()
    this.#syncedUpTo = Math.max(this.#syncedUpTo, end)
  }

  /** Takes batches that lie in the frame at `position` into the index. */
  note(batches: readonly Batch[], frame: { position: number; length: number }): void {
    let maxTimestampMs = -1
    for (const batch of batches) maxTimestampMs = Math.max(maxTimestampMs, batch.maxTimestampMs)
    this.index.add({ ...frame, baseOffset: batches[0]!.baseOffset, maxTimestampMs })
    if (this.#firstTimestampMs < 0) this.#firstTimestampMs = batches[0]!.maxTimestampMs
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, maxTimestampMs)
    this.#nextOffset = batches.at(-1)!.nextOffset
  }

  /** What is known of the segment, all of which must be durable. */
  summarize(log: LogSummary): Summary {
    return {
      ...log, end: this.#end, nextOffset: this.#nextOffset, firstTimestampMs: this.#firstTimestampMs, maxTimestampMs: this.#maxTimestampMs,
      seal: this.seal.state, spans: this.index.toNumbers(),
    }
  }

  /** Recovery: goes on from what was known, without reading the frames. */
  resume(summary: Summary): void {
    this.seal.resume(summary.seal)
    this.index.restore(summary.spans, summary.end)
    this.#nextOffset = summary.nextOffset
    this.recoveredUpTo(summary.end)
    this.#firstTimestampMs = summary.firstTimestampMs
    this.#maxTimestampMs = summary.maxTimestampMs
  }

  /** Recovery has found everything below `end` intact and durable. */
  recoveredUpTo(end: number): void {
    this.#end = end
    this.#sealedEnd = end
    this.#syncedUpTo = end
    this.#sealedNextOffset = this.#nextOffset
  }

  /** The batches of a span, opened; undefined where the segment is closed. Damaged where its frames are not what was written. */
  async readSpan(span: Span): Promise<Batch[] | undefined> {
    if (this.#isDoomed) return undefined
    this.#readers++
    try {
      return (await this.#framesOf(span)).flatMap(frame => this.#open(frame))
    } finally {
      this.#readers--
      if (this.#isDoomed && this.#readers === 0) await this.#file.close()
    }
  }

  /** The first frame with a record at or behind `offset`, of which the segment must have one. */
  async seekFrame(offset: number): Promise<SoughtFrame> {
    let endBefore: number | undefined
    // The frame before it may lie in the span before.
    for (let index = Math.max((this.index.find(offset)?.index ?? 0) - 1, 0); index < this.index.count; index++) {
      for (const frame of await this.#framesOf(this.index.span(index)!)) {
        const { position, header: { seq, leaderEpoch, baseOffset, lastOffset }, previousTag } = frame
        if (lastOffset >= offset) return { position, baseOffset, leaderEpoch, firstSeq: seq, previousTag, batches: this.#open(frame), endBefore }
        endBefore = lastOffset + 1
      }
    }
    throw new Damaged(`${this.path} has no frame that reaches offset ${offset}`)
  }

  /** Closes the file once nobody reads it any more. */
  async close(): Promise<void> {
    this.#isDoomed = true
    if (this.#readers === 0) await this.#file.close()
  }

  #sealGroup({ batches, bytes, leaderEpoch }: Group): Buffer[] {
    const parts = batches.map(batch => batch.bytes)
    const lastOffset = batches.at(-1)!.lastOffset
    return this.seal.sealFrame({ parts, bytes, leaderEpoch, baseOffset: batches[0]!.baseOffset, lastOffset, syncedUpTo: this.#syncedUpTo })
  }

  /** The data frames of a span, whole and still sealed. */
  async #framesOf(span: Span): Promise<SealedFrame[]> {
    const start = span.position - tagBytes
    const bytes = await this.#file.read(start, span.end - start)
    if (bytes.length < span.end - start) throw new Damaged(`${this.path} ends inside the frames at ${span.position}`)
    const frames: SealedFrame[] = []
    for (let at = tagBytes; at < bytes.length;) {
      const header = at + frameHeaderBytes <= bytes.length ? decodeHeader(bytes, at) : undefined
      const position = span.position + at - tagBytes
      if (!header || at + header.length > bytes.length) throw new Damaged(`${this.path} has no whole frame at ${position}`)
      const frame = bytes.subarray(at, at + header.length)
      if (!crcIsValid(frame)) throw new Damaged(`${this.path} has a frame with a wrong CRC at ${position}`)
      const previousTag = position === segmentHeaderBytes ? this.seal.header.previousTag : bytes.subarray(at - tagBytes, at)
      if (header.type === frameTypes.data) frames.push({ position, header, frame, previousTag })
      at += header.length
    }
    return frames
  }

  #open({ frame, previousTag }: SealedFrame): Batch[] {
    return Batch.split(this.seal.openFrame(frame, previousTag))
  }
}

function lengthOf(parts: readonly Buffer[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
