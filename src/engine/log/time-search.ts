// Answers ListOffsets by time from a log's segments: the index names the span, the batch headers the batch, its records the record.
import { type Position, Refusal } from '../../ports.ts'
import type { Batch, RecordView } from '../../wire/batch.ts'
import { WireError } from '../../wire/bytes.ts'
import type { Segment } from './segment.ts'
import type { Span } from './span-index.ts'
import type { Storage } from './storage.ts'

/** Offsets `from` (inclusive) to `upTo` (exclusive). */
export interface Range {
  readonly from: number
  readonly upTo: number
}

/** Where to look; `open` takes batches out of their envelopes. */
export interface Searched {
  readonly storage: Storage
  readonly open: (batch: Batch) => Batch | Refusal
}

interface Place {
  readonly segment: Segment
  readonly span: Span
}

/** The first record in the range with a time of at least `timestampMs`. */
export async function firstAtOrAfter({ storage, open }: Searched, range: Range, timestampMs: number): Promise<Position | null | Refusal> {
  for (const { segment, span } of places(storage, range)) {
    if (span.maxTimestampMs < timestampMs) continue
    for (const batch of inRange(await storage.readSpan(segment, span), range)) {
      if (batch.maxTimestampMs < timestampMs) continue
      const records = recordsOf(batch, range, open)
      if (records instanceof Refusal) return records
      const record = records.find(({ offset, timestampMs: time }) => time >= timestampMs && offset >= range.from)
      if (record) return positionOf(record, batch)
    }
  }
  return null
}

/** The first of the records in the range that have the largest time. */
export async function largest({ storage, open }: Searched, range: Range): Promise<Position | null | Refusal> {
  let best: Batch | undefined
  let bestPlace: Place | undefined
  let bestMs = -Infinity
  for (const place of places(storage, range)) {
    const { segment, span } = place
    if (span.maxTimestampMs <= bestMs) continue
    const endOffset = segment.index.span(span.index + 1)?.baseOffset ?? segment.nextOffset
    if (span.baseOffset >= range.from && endOffset <= range.upTo) {
      bestMs = span.maxTimestampMs
      bestPlace = place
      best = undefined
      continue
    }
    // A span that lies across an end of the range: the index speaks for all of it, the batches for themselves.
    for (const batch of inRange(await storage.readSpan(segment, span), range)) {
      if (batch.maxTimestampMs <= bestMs) continue
      bestMs = batch.maxTimestampMs
      best = batch
    }
  }
  if (!best && bestPlace) best = (await storage.readSpan(bestPlace.segment, bestPlace.span)).find(batch => batch.maxTimestampMs === bestMs)
  if (!best) return null
  const all = recordsOf(best, range, open)
  if (all instanceof Refusal) return all
  const records = all.filter(({ offset }) => offset >= range.from)
  const record = records.find(({ timestampMs }) => timestampMs === bestMs) ?? records.at(-1)
  return record ? positionOf(record, best) : null
}

function* places(storage: Storage, range: Range): Generator<Place> {
  for (const segment of storage.segments.slice()) {
    if (segment.nextOffset <= range.from) continue
    for (let index = segment.index.find(range.from)?.index ?? 0; ; index++) {
      const span = segment.index.span(index)
      if (!span) break
      if (span.baseOffset >= range.upTo) return
      yield { segment, span }
    }
  }
}

function inRange(batches: readonly Batch[], { from, upTo }: Range): Batch[] {
  return batches.filter(batch => batch.nextOffset > from && batch.nextOffset <= upTo)
}

/** A batch whose records do not open was stored as it came, unopened; it counts as one record. */
function recordsOf(batch: Batch, { from }: Range, open: Searched['open']): Pick<RecordView, 'offset' | 'timestampMs'>[] | Refusal {
  // Records that have their times from the log all have the same: their envelope can stay closed.
  if (batch.isEnveloped && batch.timestampType === 'append') return [{ offset: Math.max(batch.baseOffset, from), timestampMs: batch.maxTimestampMs }]
  const opened = open(batch)
  if (opened instanceof Refusal) return opened
  try {
    return opened.records()
  } catch (error) {
    if (error instanceof WireError) return [{ offset: batch.baseOffset, timestampMs: batch.maxTimestampMs }]
    throw error
  }
}

function positionOf({ offset, timestampMs }: { offset: number; timestampMs: number }, batch: Batch): Position {
  return { offset, timestampMs, leaderEpoch: batch.leaderEpoch }
}
