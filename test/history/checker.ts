// Checks a history of Kafka-like clients against what Kafka promises: the errors of Jepsen's Kafka workload, by its definitions. Says nothing of how the
// servers work; whatever holds the clients' records has to keep their promise.
import { checkCycles } from './cycles.ts'
import { errorClasses, Findings, type ErrorClass, type Finding } from './findings.ts'
import type { HistoryEvent, Key } from './history.ts'
import { outcomes, readOperations, type Operations } from './operations.ts'
import { checkPolls, checkSends } from './positions.ts'
import { checkRecords } from './records.ts'
import { orderVersions } from './version-order.ts'

/** What was promised. */
export interface CheckOptions {
  /** Whether the key's records are written by idempotent or transactional producers only, so that none may be there twice. */
  readonly isExactlyOnce: (key: Key) => boolean
  /** Whether acknowledged records are durable: acks=all, or flush.messages=1. Else lost and unseen ones are only reported. */
  readonly isDurable: boolean
  /** Whether the history ends with polls, after all faults are over, up to each key's last known offset. Else nothing can be called unseen. */
  readonly hasFinalPolls: boolean
}

export interface Report {
  readonly isValid: boolean
  readonly operations: number
  readonly microOperations: number
  readonly outcomes: Readonly<Record<keyof typeof outcomes, number>>
  /** How often each error was found; those that were are named only. */
  readonly bad: Readonly<Partial<Record<ErrorClass, number>>>
  readonly reported: Readonly<Partial<Record<ErrorClass, number>>>
  /** Adya's levels that the history does not reach, bad or not. */
  readonly violatedLevels: readonly ('PL-1' | 'PL-2')[]
  /** The first of each class. */
  readonly examples: readonly Finding[]
  /** How often each cause left an outcome unknown. */
  readonly unknownBecause: Readonly<Record<string, number>>
}

/** Throws an Error on a history that proves nothing: operations that overlap within a process, values sent twice. */
export function checkHistory(events: readonly HistoryEvent[], options: CheckOptions): Report {
  const operations = readOperations(events)
  const order = orderVersions(operations)
  const findings = new Findings()
  checkRecords(operations, order, options, findings)
  checkPolls(operations, order, findings)
  checkSends(operations, order, findings)
  checkCycles(operations, order, findings)

  const countsOf = (which: 'bad' | 'good'): Partial<Record<ErrorClass, number>> => (
    Object.fromEntries(errorClasses.flatMap(one => (findings.counts.get(one)?.[which] ? [[one, findings.counts.get(one)![which]]] : [])))
  )
  const bad = countsOf('bad')
  const found = [...findings.counts.keys()]
  return {
    isValid: Object.keys(bad).length === 0,
    operations: operations.count,
    microOperations: operations.sendValue.length + operations.readValue.length,
    outcomes: countOutcomes(operations),
    bad,
    reported: countsOf('good'),
    violatedLevels: [
      ...(found.some(one => one.startsWith('G0')) ? ['PL-1' as const] : []),
      ...(found.some(one => one.startsWith('G1')) ? ['PL-2' as const] : []),
    ],
    examples: findings.examples.toSorted((a, b) => Number(b.isBad) - Number(a.isBad)),
    unknownBecause: Object.fromEntries(operations.unknownBecause),
  }
}

function countOutcomes({ outcome }: Operations): Report['outcomes'] {
  const counts = { ok: 0, fail: 0, info: 0 }
  const names = Object.keys(outcomes) as (keyof typeof outcomes)[]
  for (const one of outcome) counts[names[one]!]++
  return counts
}
