// Errors in the order of what one process reads and sends: records skipped, or met again, and sends that overtake each other.
import type { Findings } from './findings.ts'
import { describe, outcomes, type Operations, type Positioning } from './operations.ts'
import type { VersionOrder } from './version-order.ts'

/**
 * Places are those of the offsets that were read, which are the values' own unless a value lies at several: a consumer that meets both copies in turn
 * neither skips nor goes back.
 */
export function checkPolls(operations: Operations, order: VersionOrder, findings: Findings): void {
  const { count, process, outcome, firstRead, readValue, keyOf, keys, positionings, rebalanced } = operations
  const { readPlace } = order
  const say = (key: number, from: number, to: number, operation: number) => (): string => (
    `${keys[key]}: from offset ${order.offsets[from]} to ${order.offsets[to]} (${to - from} places): ${describe(operations, operation)}`
  )
  const readers = new Map<number, { positions: Map<number, number>; mayMove: boolean }>()
  for (let operation = 0; operation < count; operation++) {
    const reader = readers.get(process[operation]!) ?? { positions: new Map<number, number>(), mayMove: false }
    readers.set(process[operation]!, reader)
    const positioning = positionings.get(operation)
    if (positioning !== undefined && outcome[operation] !== outcomes.fail) {
      reader.mayMove = positioning.kind === 'subscribe'
      for (const key of reader.positions.keys()) if (!keeps(positioning, keys[key]!)) reader.positions.delete(key)
    }
    if (outcome[operation] !== outcomes.ok) continue

    const exempt = rebalanced.get(operation)
    const within = new Map<number, number>()
    for (let read = firstRead[operation]!; read < firstRead[operation + 1]!; read++) {
      const key = keyOf[readValue[read]!]!
      const place = readPlace[read]!
      const here = within.get(key)
      const before = here ?? reader.positions.get(key)
      within.set(key, place)
      if (before === undefined) continue
      const steps = place - before
      if (here === undefined) {
        if (steps > 1) findings.add('poll-skip', !reader.mayMove, say(key, before, place, operation))
        if (steps < 1) findings.add('nonmonotonic-poll', !reader.mayMove, say(key, before, place, operation))
      } else if (exempt === undefined || !exempt.has(key)) {
        if (steps > 1) findings.add('int-poll-skip', true, say(key, before, place, operation))
        if (steps < 1) findings.add('int-nonmonotonic-poll', true, say(key, before, place, operation))
      }
    }
    for (const [key, place] of within) reader.positions.set(key, place)
  }
}

/** By the first place of each value: where retries may write a value twice, its later copies say nothing about the order of sends. */
export function checkSends(operations: Operations, order: VersionOrder, findings: Findings): void {
  const { count, process, outcome, firstSend, sendValue, keyOf, keys } = operations
  const { firstPlace, offsets } = order
  const say = (key: number, before: number, place: number, operation: number) => (): string => (
    `${keys[key]}: offset ${offsets[place]} was sent after ${offsets[before]} (${place - before} places): ${describe(operations, operation)}`
  )
  const senders = new Map<number, Map<number, number>>()
  for (let operation = 0; operation < count; operation++) {
    if (outcome[operation] === outcomes.fail || firstSend[operation] === firstSend[operation + 1]) continue
    const sent = senders.get(process[operation]!) ?? new Map<number, number>()
    senders.set(process[operation]!, sent)
    const within = new Set<number>()
    for (let send = firstSend[operation]!; send < firstSend[operation + 1]!; send++) {
      const value = sendValue[send]!
      const key = keyOf[value]!
      const place = firstPlace[value]!
      if (place < 0) continue
      const before = sent.get(key)
      sent.set(key, place)
      const isWithin = within.has(key)
      within.add(key)
      if (before === undefined) continue
      if (place - before < 1) findings.add(isWithin ? 'int-nonmonotonic-send' : 'nonmonotonic-send', true, say(key, before, place, operation))
      else if (isWithin && place - before > 1) findings.add('int-send-skip', false, say(key, before, place, operation))
    }
  }
}

function keeps({ kept, moved }: Positioning, key: string): boolean {
  return (kept.has(key) || kept.has(key.slice(0, key.lastIndexOf('/')))) && !moved.has(key)
}
