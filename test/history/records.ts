// Errors that one record shows: two at one offset, one at two offsets, none where one was acknowledged, one that must not be there.
import type { CheckOptions } from './checker.ts'
import type { Findings } from './findings.ts'
import { describe, outcomes, type Operations } from './operations.ts'
import type { VersionOrder } from './version-order.ts'

export function checkRecords(operations: Operations, order: VersionOrder, options: CheckOptions, findings: Findings): void {
  const { keyOf, keys, values, outcome } = operations
  const { offsets, conflicts, firstPlace, lastPlace, readsOk, readsAny, writer, isCommitted } = order
  const nameOf = (value: number): string => `${String(values[value])} of ${keys[keyOf[value]!]}`
  const writerOf = (value: number): string => describe(operations, writer[value]!)

  for (const [place, there] of conflicts) {
    const [one] = there
    findings.add('inconsistent-offsets', true, () => `offset ${offsets[place]} of ${keys[keyOf[one!]!]} holds ${[...there].map(value => String(values[value])).join(' and ')}`)
  }

  // Up to which place of each key records were read.
  const bound = new Int32Array(keys.length).fill(-1)
  for (let value = 0; value < keyOf.length; value++) {
    if (readsOk[value]! > 0 && firstPlace[value]! > bound[keyOf[value]!]!) bound[keyOf[value]!] = firstPlace[value]!
  }

  for (let value = 0; value < keyOf.length; value++) {
    const key = keys[keyOf[value]!]!
    const by = writer[value]!
    if (firstPlace[value] !== lastPlace[value]) {
      findings.add('duplicate', options.isExactlyOnce(key), () => `${nameOf(value)} lies at offsets ${offsets[firstPlace[value]!]} and ${offsets[lastPlace[value]!]}`)
    }
    if (by < 0) {
      findings.add('phantom', true, () => `${nameOf(value)} at offset ${offsets[firstPlace[value]!]} was sent by nobody`)
      continue
    }
    if (readsOk[value]! > 0 && outcome[by] === outcomes.fail) findings.add('G1a', true, () => `${nameOf(value)} was read though it certainly failed: ${writerOf(value)}`)
    if (readsAny[value]! > 0) continue
    if (lastPlace[value]! >= 0 && lastPlace[value]! <= bound[keyOf[value]!]! && isCommitted(value)) {
      findings.add('lost-write', options.isDurable, () => `${nameOf(value)} at offset ${offsets[lastPlace[value]!]} was never read, later ones were: ${writerOf(value)}`)
    }
    if (outcome[by] === outcomes.ok) findings.add('unseen', options.isDurable && options.hasFinalPolls, () => `${nameOf(value)} was acknowledged and never read: ${writerOf(value)}`)
  }
  checkOwnReads(operations, findings)
}

/** A transaction that polls what it sent itself, before it is committed. */
function checkOwnReads(operations: Operations, findings: Findings): void {
  const { count, isTransaction, firstSend, sendValue, firstRead, readValue, values, keys, keyOf } = operations
  for (let operation = 0; operation < count; operation++) {
    if (isTransaction[operation] === 0) continue
    const sent = new Set(sendValue.subarray(firstSend[operation], firstSend[operation + 1]))
    for (const value of new Set(readValue.subarray(firstRead[operation], firstRead[operation + 1]))) {
      if (!sent.has(value)) continue
      findings.add('precommitted-read', true, () => `${String(values[value])} of ${keys[keyOf[value]!]} was read before it was committed: ${describe(operations, operation)}`)
    }
  }
}
