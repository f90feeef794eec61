// What can be wrong with a history, and the ledger of what was found.

/**
 * The errors of Jepsen's Kafka workload by its own names (reliability.md §1.3), and `phantom`: a record that nobody sent. `-ww` are cycles that need the order
 * of writes, which Kafka does not isolate.
 */
export const errorClasses = [
  'inconsistent-offsets', 'duplicate', 'lost-write', 'unseen', 'phantom', 'G1a', 'precommitted-read',
  'poll-skip', 'nonmonotonic-poll', 'int-poll-skip', 'int-nonmonotonic-poll', 'nonmonotonic-send', 'int-nonmonotonic-send', 'int-send-skip',
  'G0', 'G0-process', 'G0-realtime', 'G1c', 'G1c-process', 'G1c-realtime', 'G1c-ww', 'G1c-ww-process', 'G1c-ww-realtime',
] as const
export type ErrorClass = (typeof errorClasses)[number]

export interface Finding {
  readonly class: ErrorClass
  /** Whether the server broke a promise; else it is only reported. */
  readonly isBad: boolean
  /** One line that names keys, values, offsets and events. */
  readonly text: string
}

const examplesMax = 20

/** Counts all, keeps the first of each class. */
export class Findings {
  readonly examples: Finding[] = []
  readonly counts = new Map<ErrorClass, { good: number; bad: number }>()

  /** `text` is asked for only where it is kept. */
  add(errorClass: ErrorClass, isBad: boolean, text: () => string): void {
    const count = this.counts.get(errorClass) ?? { good: 0, bad: 0 }
    this.counts.set(errorClass, count)
    const before = isBad ? count.bad++ : count.good++
    if (before < examplesMax) this.examples.push({ class: errorClass, isBad, text: text() })
  }
}
