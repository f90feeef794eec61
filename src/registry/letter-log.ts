// A partition of a dead-letter topic, read: letters, what was written down about redriving them, and so what state each is in.
import { type Logs, type PartitionRef, Refusal } from '../ports.ts'
import { type Letter, readLetter } from './dead-letter-record.ts'
import { type Intent, type Mark, readMark } from './redrive-marks.ts'

const readBytesMax = 1_048_576

/** A letter, or what was written down, in the order of the log. */
export type LetterLogEntry =
  | { readonly offset: number; readonly letter: Letter }
  | { readonly offset: number; readonly mark: Mark }

/** Where letters were redriven to; `offset` is the letter's place in the origin's partition. */
export interface Redriven extends PartitionRef {
  readonly offset: number
}

/** What is known of a partition's letters. */
export interface LetterStates {
  /** By the letter's offset. */
  readonly redriven: ReadonlyMap<number, Redriven>
  /** Intents of which nobody wrote down what became of them, by the offset of their mark. */
  readonly open: ReadonlyMap<number, Intent>
}

/** From `from` (or where the log begins) up to what is committed now. Records that are no letters are passed over. A refusal ends it. */
export async function* entries(logs: Logs, at: PartitionRef, from = 0): AsyncGenerator<LetterLogEntry | Refusal> {
  const ends = await logs.ends(at)
  if (ends instanceof Refusal) return yield ends
  for (let next = Math.max(from, ends.logStartOffset); next < ends.highWatermark;) {
    const slice = await logs.read(at, next, { bytesMax: readBytesMax, atLeastOne: true, committedOnly: true })
    if (slice instanceof Refusal) return yield slice
    if (slice.batches.length === 0) return
    for (const batch of slice.batches) {
      if (batch.isControl) {
        const mark = readMark(batch)
        if (mark !== undefined && batch.baseOffset >= next) yield { offset: batch.baseOffset, mark }
      } else {
        for (const record of batch.recordsOrNone()) {
          const letter = record.offset >= next ? readLetter(record) : undefined
          if (letter !== undefined) yield { offset: record.offset, letter }
        }
      }
      next = Math.max(next, batch.nextOffset)
    }
  }
}

/** What the marks of a partition come to; those that matter for a letter lie behind it. */
export async function letterStates(logs: Logs, at: PartitionRef, from = 0): Promise<LetterStates | Refusal> {
  const redriven = new Map<number, Redriven>()
  const open = new Map<number, Intent>()
  for await (const entry of entries(logs, at, from)) {
    if (entry instanceof Refusal) return entry
    if (!('mark' in entry)) continue
    const { mark, offset } = entry
    if (mark.kind === 'intent') {
      open.set(offset, mark)
      continue
    }
    const intent = open.get(mark.intent)
    open.delete(mark.intent)
    if (mark.kind === 'done' && intent !== undefined) {
      for (const [nth, letter] of intent.offsets.entries()) redriven.set(letter, { topic: intent.topic, partition: intent.partition, offset: mark.at! + nth })
    }
  }
  return { redriven, open }
}

/** The letters at some offsets, as far as they are still there, in their order. */
export async function lettersAt(logs: Logs, at: PartitionRef, offsets: readonly number[]): Promise<ReadonlyMap<number, Letter> | Refusal> {
  const wanted = new Set(offsets)
  const found = new Map<number, Letter>()
  const last = Math.max(...offsets)
  for await (const entry of entries(logs, at, Math.min(...offsets))) {
    if (entry instanceof Refusal) return entry
    if (entry.offset > last) break
    if ('letter' in entry && wanted.has(entry.offset)) found.set(entry.offset, entry.letter)
    if (found.size === wanted.size) break
  }
  return found
}
