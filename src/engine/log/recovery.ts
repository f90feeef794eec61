// Opens what a log has on disk, with three outcomes that are never confused: a torn tail is cut off, damage to what had been durable goes
// into quarantine and keeps the log shut, a wrong key stops before anything is written. A truncation that was decided is finished first.
import { parentOf } from '../../base/path.ts'
import { Batch } from '../../wire/batch.ts'
import { WireError } from '../../wire/bytes.ts'
import type { Disk, DiskFile, Logger, World } from '../../world/world.ts'
import { ensureDirectory } from '../directory.ts'
import { Damaged, LogDamaged } from '../sealed/errors.ts'
import { frameTypes } from '../sealed/frame.ts'
import type { DataKeys } from '../sealed/keyring.ts'
import { decodeSegmentHeader, segmentHeaderBytes } from '../sealed/segment-header.ts'
import { SegmentSeal } from '../sealed/segment-seal.ts'
import type { LogIdentity } from '../sealed/session.ts'
import { finishCut } from './cut.ts'
import { Epochs } from './epochs.ts'
import { LogState } from './log-state.ts'
import { Producers } from './producers.ts'
import { hasWitness, scanSegment } from './scan.ts'
import { deleteSegment, Segment, segmentOffset } from './segment.ts'
import { readSummary, summaryPath } from './summary.ts'

/** Where, in a log's directory, a copy of a damaged segment is put. */
export const quarantineName = 'quarantine'

export interface RecoveryOptions {
  readonly world: World
  readonly directory: string
  readonly identity: LogIdentity
  readonly keys: DataKeys
  readonly logger: Logger
}

export interface Recovered {
  readonly state: LogState
  /** Oldest first, each without a gap to the one before it. */
  readonly segments: Segment[]
  readonly endOffset: number
  readonly epochs: Epochs
  readonly producers: Producers
}

/** Opens the log in `directory`, which is made where it is missing. LogDamaged and WrongKey as their texts say; everything found is durable. */
export async function recover(options: RecoveryOptions): Promise<Recovered> {
  const { world: { disk }, directory, identity, keys } = options
  await ensureDirectory(disk, directory)
  const opened: Segment[] = []
  try {
    const state = await LogState.open({ disk, directory, identity, keys })
    await finishCut(disk, directory, state)
    const paths = await segmentPaths(options, state.startOffset)
    const recovery = new Recovery(options, state)
    for (const [index, path] of paths.entries()) {
      const segment = await recovery.openSegment(path, { isLast: index === paths.length - 1 })
      if (segment) opened.push(segment)
    }
    const last = opened.at(-1)
    const endOffset = last?.nextOffset ?? state.startOffset
    if (endOffset < state.durableOffset) throw new LogDamaged(`${directory} ends at offset ${endOffset}; it had been durable up to ${state.durableOffset}`)
    // What a killed process had written may be in the page cache only, files and names alike. It is shown to readers, so it must be durable.
    if (!last || !recovery.isDurable(last) || recovery.hasCut) {
      await last?.sync()
      await disk.syncDirectory(directory)
      await disk.syncDirectory(parentOf(directory))
    }
    return { state, segments: opened, endOffset, epochs: recovery.epochs, producers: recovery.producers }
  } catch (error) {
    for (const segment of opened) await segment.close()
    if (error instanceof Damaged && !(error instanceof LogDamaged)) throw new LogDamaged(error.message, { cause: error })
    throw error
  }
}

/** The segments to open, oldest first. Those that retention had done with, but not yet deleted, are deleted. */
async function segmentPaths({ world: { disk }, directory }: RecoveryOptions, startOffset: number): Promise<string[]> {
  const names = (await disk.list(directory)).filter(name => segmentOffset(name) !== undefined)
  let first = 0
  while (first + 1 < names.length && segmentOffset(names[first + 1]!)! <= startOffset) await deleteSegment(disk, `${directory}/${names[first++]!}`)
  const oldest = names[first] === undefined ? startOffset : segmentOffset(names[first]!)!
  if (oldest > startOffset) throw new LogDamaged(`${directory} begins at offset ${startOffset}; its oldest segment begins at ${oldest}`)
  return names.slice(first).map(name => `${directory}/${name}`)
}

class Recovery {
  readonly epochs = new Epochs()
  readonly producers = new Producers()
  /** A torn tail was cut off; not yet durably. */
  hasCut = false
  readonly #options: RecoveryOptions
  readonly #state: LogState
  #previous: Segment | undefined

  constructor(options: RecoveryOptions, state: LogState) {
    this.#options = options
    this.#state = state
  }

  /** Whether the segment is known to have been durable to its end, name and all, before this process. */
  isDurable(segment: Segment): boolean {
    return !segment.isEmpty && segment.nextOffset <= this.#state.durableOffset
  }

  /** Undefined for a last segment whose making was cut short, which is removed: nothing had been written to it. */
  async openSegment(path: string, { isLast }: { isLast: boolean }): Promise<Segment | undefined> {
    const { disk } = this.#options.world
    const file = await disk.open(path, 'write')
    try {
      const size = await file.size()
      const block = await file.read(0, Math.min(size, segmentHeaderBytes))
      const header = decodeSegmentHeader(block)
      if (!header) {
        // The header is durable before the first frame is written: a longer file had a good one.
        if (!isLast || size > segmentHeaderBytes) return await this.#damaged(path, file, 0, 'its header is damaged')
        await file.close()
        await disk.remove(path)
        await disk.syncDirectory(this.#options.directory)
        return undefined
      }
      const { identity, keys } = this.#options
      const seal = SegmentSeal.open({ header, block, identity, keys })
      const gap = this.#gapBefore(seal, path)
      if (gap !== undefined) return await this.#damaged(path, file, 0, gap)
      const segment = new Segment({ path, seal, file })
      await this.#scan(segment, file, { size, isLast })
      this.#previous = segment
      return segment
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #scan(segment: Segment, file: DiskFile, { size, isLast }: { size: number; isLast: boolean }): Promise<void> {
    const { seal, path } = segment
    const { disk, clock } = this.#options.world
    const summary = await readSummary(disk, summaryPath(path), seal)
    if (summary) {
      // What it speaks of had been durable.
      if (summary.end > size) return await this.#damaged(path, file, size, `it ends here; it had been durable up to ${summary.end}`)
      segment.resume(summary)
      for (const [epoch, startOffset] of summary.epochs) this.epochs.note(epoch, startOffset)
      this.producers.restore(summary.producers, clock.now())
    }
    const { end, syncedUpTo, fault } = await scanSegment({
      file,
      size,
      seal,
      from: { position: segment.bytes, nextOffset: segment.nextOffset },
      take: ({ position, header, plain }) => {
        // The start of a session may be all that is left of an epoch: it has no records then.
        if (header.type !== frameTypes.data) return
        this.epochs.note(header.leaderEpoch, header.baseOffset)
        this.#note(segment, plain, { position, length: header.length })
      },
    })
    if (fault !== undefined) {
      if (!isLast) return await this.#damaged(path, file, end, `${fault}, and a later segment shows that it had been durable`)
      if (segment.nextOffset < this.#state.durableOffset) return await this.#damaged(path, file, end, `${fault}, below the offset that had been durable`)
      if (await hasWitness({ file, size, seal, badPosition: end })) {
        return await this.#damaged(path, file, end, `${fault}, and a later frame shows that it had been durable`)
      }
      this.#options.logger.info({ path, position: end, bytes: size - end, fault }, 'cut off a torn tail')
      await file.truncate(end)
      this.hasCut = true
    }
    // A header is durable before the first frame is written.
    if (isLast && !this.isDurable(segment)) await rewrite(file, end === segmentHeaderBytes ? 0 : syncedUpTo, end)
    segment.recoveredUpTo(end)
  }

  #note(segment: Segment, plain: Buffer, frame: { position: number; length: number }): void {
    try {
      const batches = Batch.split(plain)
      const nowMs = this.#options.world.clock.now()
      for (const batch of batches) this.producers.note(batch, nowMs)
      segment.note(batches, frame)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      throw new LogDamaged(`${segment.path} has a frame at ${frame.position} that opens to no batches: ${error.message}`, { cause: error })
    }
  }

  /** Frames are chained: a segment says how the one before it ended. */
  #gapBefore(seal: SegmentSeal, path: string): string | undefined {
    const { baseOffset, firstSeq, previousTag } = seal.header
    if (!path.endsWith(`/${String(baseOffset).padStart(20, '0')}.segment`)) return `its header says offset ${baseOffset}`
    const previous = this.#previous
    if (!previous) return undefined
    if (previous.nextOffset > baseOffset) return `it begins at offset ${baseOffset}, before the end of ${previous.path} at ${previous.nextOffset}`
    if (previous.seal.nextSeq === firstSeq && previous.seal.lastTag.equals(previousTag)) return undefined
    return `it follows frame ${firstSeq - 1}, and ${previous.path} ends with another frame ${previous.seal.nextSeq - 1}`
  }

  /** Copies the file aside and gives the log up. */
  async #damaged(path: string, file: DiskFile, position: number, reason: string): Promise<never> {
    const copy = await quarantine(this.#options.world.disk, this.#options.directory, path, file)
    throw new LogDamaged(`${path} is damaged at position ${position}: ${reason}. A copy is in ${copy}`)
  }
}

/**
 * Writes the bytes again that no frame bears witness to. If the sync that was to make them durable has failed before this process, the page
 * cache shows them all the same, marked clean, and the next sync would skip them (Rebello et al., ATC '20).
 */
async function rewrite(file: DiskFile, from: number, end: number): Promise<void> {
  for (let position = from; position < end; position += copyBytes) {
    await file.write(position, [await file.read(position, Math.min(copyBytes, end - position))])
  }
}

const copyBytes = 4 * 1024 * 1024

/** Copies a damaged file aside, durably, unless there is a copy of that name; the copy's path. */
export async function quarantine(disk: Disk, directory: string, path: string, source: DiskFile): Promise<string> {
  const aside = `${directory}/${quarantineName}`
  const copy = `${aside}/${path.slice(path.lastIndexOf('/') + 1)}`
  await ensureDirectory(disk, aside)
  if (await disk.exists(copy)) return copy
  await using target = await disk.open(copy, 'create')
  const size = await source.size()
  for (let position = 0; position < size; position += copyBytes) await target.write(position, [await source.read(position, copyBytes)])
  await target.sync()
  await disk.syncDirectory(aside)
  return copy
}
