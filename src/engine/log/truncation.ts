// Takes records away from a log's end, for good: what a replica must do whose leader has another history (KIP-101), or begin again without any.
// A frame is sealed as one, so a cut through it leaves its first batches to be sealed again, in a segment of their own that follows the frame
// before. No key seals twice under one counter: that segment, and whatever is appended later, begin sessions of their own.
//
// Until the state says that the cut is made, everything is as it was; from then on, each recovery finishes it (`cut.ts`). Nothing below the cut is
// ever on its way: a batch is in its old frame or, durably, in the new one.
import { Damaged } from '../sealed/errors.ts'
import { GenerationFile } from '../sealed/generation-file.ts'
import { ensureDirectory } from '../directory.ts'
import { restPath } from './cut.ts'
import { type Cut, LogState } from './log-state.ts'
import { quarantine, recover, type Recovered, type RecoveryOptions } from './recovery.ts'
import { Segment, type SoughtFrame } from './segment.ts'

interface Plan {
  readonly cut: Cut
  /** Where the log ends after it. */
  readonly endOffset: number
  /** What of the frame that is cut through stays; undefined where nothing does. */
  readonly rest: { readonly frame: SoughtFrame; readonly baseOffset: number } | undefined
}

const everything: Cut = { offset: 0, position: 0, hasRest: false }

/**
 * Opens the log in the directory, without every batch that reaches to `offset` or beyond; what is below stays. Where that leaves nothing that may be
 * read, the log is empty and begins where it did, or at `offset` if that is lower. Rejects as `recover` does; then the log is as it was, or the
 * cut is decided and the next recovery makes it.
 */
export async function recoverTruncated(options: RecoveryOptions, offset: number): Promise<Recovered> {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`a log cannot be cut at offset ${offset}`)
  const recovered = await recover(options)
  if (offset >= recovered.endOffset) return recovered
  const { state, segments } = recovered
  try {
    const plan = await planned(recovered, offset)
    if (plan === undefined || plan.endOffset <= state.startOffset) {
      await empty(state, Math.min(offset, state.startOffset))
    } else {
      if (plan.rest) await writeRest(options, plan.cut, plan.rest)
      const highWatermark = Math.min(state.highWatermark, plan.endOffset)
      await state.replace({ startOffset: state.startOffset, durableOffset: plan.endOffset, highWatermark, cut: plan.cut })
    }
  } finally {
    for (const segment of segments) await segment.close()
  }
  return recover(options)
}

/**
 * Opens an empty log that begins at `startOffset` in the directory, whatever was there; what lies in quarantine stays there. Rejects with WrongKey,
 * and leaves all as it is, where the directory is sealed with another key.
 */
export async function recoverEmpty(options: RecoveryOptions, startOffset: number): Promise<Recovered> {
  if (!Number.isSafeInteger(startOffset) || startOffset < 0) throw new RangeError(`a log cannot begin at offset ${startOffset}`)
  await ensureDirectory(options.world.disk, options.directory)
  await empty(await openState(options), startOffset)
  return recover(options)
}

/** Undefined where no segment begins below `offset`. */
async function planned({ segments, state }: Recovered, offset: number): Promise<Plan | undefined> {
  const index = segments.findLastIndex(segment => segment.baseOffset < offset)
  const segment = segments[index]
  if (!segment) return undefined
  if (segment.nextOffset <= offset) {
    return { cut: { offset: segments[index + 1]!.baseOffset, position: 0, hasRest: false }, endOffset: segment.nextOffset, rest: undefined }
  }
  const found = await segment.seekFrame(offset)
  const batches = found.batches.filter(batch => batch.nextOffset <= offset)
  const hasRest = batches.length > 0
  // A segment that has no frame before this one goes as a whole.
  const cut = found.endBefore === undefined
    ? { offset: segment.baseOffset, position: 0, hasRest }
    : { offset: found.baseOffset, position: found.position, hasRest }
  const endOffset = batches.at(-1)?.nextOffset ?? found.endBefore ?? segments[index - 1]?.nextOffset ?? state.startOffset
  const firstSeq = found.endBefore === undefined ? segment.seal.header.firstSeq : found.firstSeq
  const previousTag = found.endBefore === undefined ? segment.seal.header.previousTag : found.previousTag
  return { cut, endOffset, rest: hasRest ? { frame: { ...found, batches, firstSeq, previousTag }, baseOffset: cut.offset } : undefined }
}

/** Seals the batches again, durably, name and all. */
async function writeRest({ world, directory, identity, keys }: RecoveryOptions, cut: Cut, { frame, baseOffset }: NonNullable<Plan['rest']>): Promise<void> {
  const { disk, random } = world
  const { batches, leaderEpoch, firstSeq, previousTag } = frame
  const segment = await Segment.create({
    disk, directory, random, identity, dataKey: await keys.current(identity.topicId), baseOffset, firstSeq, previousTag, path: restPath(directory, cut),
  })
  try {
    const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
    await segment.append([{ batches, bytes, leaderEpoch }], random, { durably: false })
    await segment.sync()
  } finally {
    await segment.close()
  }
}

function empty(state: LogState, startOffset: number): Promise<void> {
  return state.replace({ startOffset, durableOffset: startOffset, highWatermark: 0, cut: everything })
}

/** The state of a log that is about to be emptied: what is damaged of it is put aside. */
async function openState({ world: { disk }, directory, identity, keys }: RecoveryOptions): Promise<LogState> {
  try {
    return await LogState.open({ disk, directory, identity, keys })
  } catch (error) {
    if (!(error instanceof Damaged)) throw error
    for (const path of await GenerationFile.paths(disk, directory, LogState.fileName)) {
      await using file = await disk.open(path, 'read')
      await quarantine(disk, directory, path, file)
    }
    return LogState.anew({ disk, directory, identity, keys })
  }
}
