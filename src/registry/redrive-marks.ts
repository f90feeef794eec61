// What is written down about redriving, in the dead-letter topic itself, so that it lies as safe as the letters, goes when they go, and needs no place of its own: control
// batches, which no client shows. An intent says which letters are about to be appended where, before they are; what became of it says another mark. A letter is
// redriven once a 'done' names an intent that names it.
import { Batch, buildBatch, controlKey } from '../wire/batch.ts'

/** "RD". */
const markType = 0x5244

export interface Intent {
  readonly kind: 'intent'
  /** The letters, by their offsets. */
  readonly offsets: readonly number[]
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  /** Up to where the partition was committed before, which no change of leaders takes back: nothing of the intent lies below. */
  readonly from: number
  /** Given for this batch alone (epoch 0, sequence 0), so that no log takes it twice and it can be known again. */
  readonly producerId: number
  /** The value that the one letter gets in place of its own, in base64. */
  readonly value?: string
  readonly by: string
  readonly timeMs: number
}

/** What became of the intent whose mark lies at `intent`: its batch lies at `at`, or it was given up and its letters wait as before. */
export interface Outcome {
  readonly kind: 'done' | 'void'
  readonly intent: number
  readonly at?: number
}

export type Mark = Intent | Outcome

export function markBatch(mark: Mark, timestampMs: number): Batch {
  return buildBatch([{ key: controlKey(markType), value: Buffer.from(JSON.stringify(mark)) }], { timestampMs, isControl: true })
}

/** Undefined for a control batch that is none of ours. */
export function readMark(batch: Batch): Mark | undefined {
  const [record] = batch.recordsOrNone()
  if (record?.key == null || record.value === null || !record.key.equals(controlKey(markType))) return undefined
  // Only the server writes control batches.
  return JSON.parse(record.value.toString()) as Mark
}
