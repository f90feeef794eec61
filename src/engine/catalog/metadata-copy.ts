// One copy of `__cluster_metadata`: its log, and beside it the latest epoch that it was ever promised to.
import { parentOf } from '../../base/path.ts'
import { Refusal } from '../../ports.ts'
import { Log, type LogOptions } from '../log/log.ts'
import { GenerationFile } from '../sealed/generation-file.ts'

/** A copy in one broker's directory. */
export interface MetadataCopy {
  /** The broker's id. */
  readonly id: number
  /** The UUID of the directory. Whoever made the directory anew made up a new one: a blank directory is no copy of the voter it stands for. */
  readonly directory: string
  /** Open; whoever takes the copy closes it. */
  readonly log: Log
  /** What it was opened with: for cutting it and filling it anew. The epoch is kept in the directory above the log's. */
  readonly options: LogOptions
}

const epochFile = 'metadata-epoch'
const fillBytes = 4 * 1024 * 1024

/** -1 where none was noted. */
export async function notedEpoch({ options }: MetadataCopy): Promise<number> {
  const { found } = await GenerationFile.open(options.world.disk, parentOf(options.directory), epochFile)
  return found === undefined ? -1 : (JSON.parse(found.payload.toString()) as { readonly epoch: number }).epoch
}

/** Durable when it resolves. */
export async function noteEpoch({ options }: MetadataCopy, epoch: number): Promise<void> {
  const { file } = await GenerationFile.open(options.world.disk, parentOf(options.directory), epochFile)
  await file.write(Buffer.from(JSON.stringify({ epoch })), { keepPrevious: false })
}

/** Makes the copy's log the same as `source`, durably, and gives it back: another one where it had to be cut. Closes it where it rejects. */
export async function filled(copy: MetadataCopy, source: Log): Promise<Log> {
  let { log } = copy
  try {
    log = await cutToFit(copy, source)
    await catchUp(log, source)
    return log
  } catch (error) {
    await log.close().catch(() => {})
    throw error
  }
}

/** The copy's log without what `source` does not have; empty, where they have nothing in common any more. */
async function cutToFit({ log, options }: MetadataCopy, source: Log): Promise<Log> {
  const common = commonEnd(log, source)
  const isTooShort = common < source.startOffset || common < log.startOffset
  if (!isTooShort && common >= log.endOffset) return log
  await log.close()
  return isTooShort ? Log.reset(options, source.startOffset) : Log.truncate(options, common)
}

/** Appends what `source` has beyond the log's end, durably. */
export async function catchUp(log: Log, source: Log): Promise<void> {
  while (log.endOffset < source.endOffset) {
    const batches = await source.read(log.endOffset, { bytesMax: fillBytes, atLeastOne: true, upTo: source.endOffset })
    if (batches instanceof Refusal) throw new Error(batches.message)
    if (batches.length === 0) return
    const appended = log.appendReplicated(batches)
    if (appended instanceof Refusal) throw new Error(appended.message)
    await appended.durable
  }
}

/** Up to where the logs are the same: each epoch was written once, so a record of one epoch and offset is one record (KIP-101). -1: nowhere. */
function commonEnd(log: Log, source: Log): number {
  let epoch = log.latestEpoch
  let end = log.endOffset
  if (epoch < 0) return Math.min(end, source.endOffset)
  while (source.epochStartOffset(epoch) === undefined) {
    // There the epoch never was, or is no more: what there is of it here may not be what was committed in its place.
    const start = log.epochStartOffset(epoch)
    const before = log.endOffsetOfEpoch(epoch - 1).leaderEpoch
    if (start === undefined || log.epochStartOffset(before) === undefined) return -1
    end = start
    epoch = before
  }
  return Math.min(end, source.endOffsetOfEpoch(epoch).endOffset)
}
