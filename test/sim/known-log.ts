// What a workload has been told by a log, and so what any later opening of it must and must not show.
import type { Log } from '../../src/engine/log/log.ts'
import { Refusal } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'

/** An idempotent producer's mark on a batch. */
export interface Mark {
  readonly id: number
  readonly baseSequence: number
}

/** One record that was handed to the log. */
export interface Entry {
  readonly value: string
  readonly epoch: number
  /** First offset of its batch, and the one behind it. */
  readonly base: number
  readonly end: number
  readonly mark: Mark | undefined
}

export interface Known {
  /** By offset: what was handed to the log. Offsets that no batch has are undefined. */
  readonly written: readonly (Entry | undefined)[]
  /** Every offset below was acknowledged. */
  readonly durableEnd: number
  /** Where the log was told to begin: asked for, and confirmed. */
  readonly startAsked: number
  readonly startConfirmed: number
  /** The high watermark: the largest that was noted, and the one that is kept for certain. */
  readonly noted: number
  readonly kept: number
  /** What holds once a truncation is decided that is under way. */
  readonly next?: Known
}

export const nothingKnown: Known = { written: [], durableEnd: 0, startAsked: 0, startConfirmed: 0, noted: 0, kept: 0 }

/** Where a log ends that is cut at `offset`: batches stay or go as a whole. */
export function endAfterCut({ written }: Known, offset: number): number {
  let end = Math.min(offset, written.length)
  while (end > 0 && (written[end - 1] === undefined || written[end - 1]!.end > offset)) end--
  return end
}

/** What holds of a log that was cut to end at `end`, above its start. */
export function cutTo(known: Known, end: number): Known {
  return {
    ...known, written: known.written.slice(0, end), durableEnd: Math.min(known.durableEnd, end), noted: Math.min(known.noted, end), kept: Math.min(known.kept, end),
  }
}

/** What holds of an empty log that begins at `offset`. */
export function emptyAt(offset: number): Known {
  return {
    written: Array.from({ length: offset }, () => undefined), durableEnd: offset, startAsked: offset, startConfirmed: offset, noted: offset, kept: offset,
  }
}

/** What the batches of one producer that are left make its next sequence number. */
export function nextSequence({ written }: Known, id: number): number {
  const last = written.findLast(entry => entry?.mark?.id === id)
  return last ? last.mark!.baseSequence + last.end - last.base : 0
}

/** Holds an opened log against what is known; what is known then, all of it durable. Throws with what is wrong. */
export async function verified(log: Log, known: Known): Promise<Known> {
  const wrong = await faultOf(log, known)
  if (wrong === undefined) return asFound(log, known)
  if (!known.next) throw new Error(wrong)
  const wrongToo = await faultOf(log, known.next)
  if (wrongToo !== undefined) throw new Error(`${wrong}; had the cut been made: ${wrongToo}`)
  return asFound(log, known.next)
}

function asFound({ startOffset, endOffset, recoveredHighWatermark }: Log, { written }: Known): Known {
  return {
    written: written.slice(0, endOffset), durableEnd: endOffset, startAsked: startOffset, startConfirmed: startOffset, noted: recoveredHighWatermark,
    kept: recoveredHighWatermark,
  }
}

async function faultOf(log: Log, known: Known): Promise<string | undefined> {
  const { startOffset, endOffset } = log
  if (endOffset < known.durableEnd) return `ends at ${endOffset}; offsets up to ${known.durableEnd} were acknowledged`
  if (endOffset > known.written.length) return `ends at ${endOffset}; offsets up to ${known.written.length} were written`
  if (startOffset > known.startAsked) return `begins at ${startOffset}; nobody asked for more than ${known.startAsked}`
  if (startOffset < known.startConfirmed) return `begins at ${startOffset}; ${known.startConfirmed} had been confirmed`
  return await recordFault(log, known) ?? highWatermarkFault(log, known) ?? epochFault(log, known) ?? producerFault(log, known)
}

async function recordFault(log: Log, { written }: Known): Promise<string | undefined> {
  const { startOffset, endOffset } = log
  let offset = startOffset
  while (offset < endOffset) {
    const batches = await log.read(offset, { bytesMax: 1_000_000, atLeastOne: true, upTo: endOffset })
    if (batches instanceof Refusal) return batches.message
    if (batches.length === 0) return `offset ${offset} of ${endOffset} is missing`
    for (const batch of batches) {
      for (const record of batch.records()) {
        if (record.offset < offset) continue
        while (offset < record.offset && written[offset] === undefined) offset++
        if (record.offset !== offset) return `offset ${record.offset} where ${offset} is next`
        const value = record.value?.toString()
        if (value !== written[offset]?.value) return `offset ${offset} holds ${value}; ${written[offset]?.value} was written`
        if (batch.leaderEpoch !== written[offset]!.epoch) return `offset ${offset} is of epoch ${batch.leaderEpoch}; ${written[offset]!.epoch} was written`
        offset++
      }
    }
  }
  return undefined
}

function highWatermarkFault({ recoveredHighWatermark: found, startOffset, endOffset }: Log, { noted, kept }: Known): string | undefined {
  if (found < Math.min(kept, endOffset)) return `has the high watermark ${found}; ${kept} had been kept`
  if (found > Math.max(noted, startOffset)) return `has the high watermark ${found}; no more than ${noted} was noted`
  return undefined
}

/** The history of epochs is that of the records that are there. */
function epochFault(log: Log, { written }: Known): string | undefined {
  const { startOffset, endOffset } = log
  const there = written.slice(startOffset, endOffset).filter(entry => entry !== undefined)
  const last = there.at(-1)
  if (!last) return undefined
  if (log.latestEpoch !== last.epoch) return `is in epoch ${log.latestEpoch}; its last record is of epoch ${last.epoch}`
  for (const epoch of new Set(there.map(entry => entry.epoch))) {
    const next = there.find(entry => entry.epoch > epoch)?.base ?? endOffset
    const found = log.endOffsetOfEpoch(epoch)
    if (found.leaderEpoch !== epoch || found.endOffset !== next) return `says epoch ${epoch} ends at ${JSON.stringify(found)}, not ${next}`
  }
  return undefined
}

/** Each producer's last batch, sent again, is known for what it is. */
function producerFault(log: Log, { written }: Known): string | undefined {
  const { startOffset, endOffset } = log
  const last = new Map<number, Entry>()
  for (const entry of written.slice(startOffset, endOffset)) if (entry?.mark && entry.base >= startOffset) last.set(entry.mark.id, entry)
  for (const { base, end, mark } of last.values()) {
    const again = buildBatch(Array.from({ length: end - base }, () => ({ key: null, value: null })), { timestampMs: 0, producer: { ...mark!, epoch: 0 } })
    const answer = log.append(again, log.latestEpoch)
    if (answer instanceof Refusal) return `refuses what producer ${mark!.id} sends again: ${answer.message}`
    if (!answer.duplicate || answer.baseOffset !== base) return `takes what producer ${mark!.id} sends again for new`
  }
  return undefined
}
