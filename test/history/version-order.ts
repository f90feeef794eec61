// Which value lies at which place of each key. Offsets have holes (markers of transactions, compaction), so places are counted densely: the known offsets
// of a key in order. All keys lie in one row, each in a stretch of its own, so that places of one key can be compared as numbers.
import { outcomes, type Operations } from './operations.ts'

export interface VersionOrder {
  /** By place. */
  readonly offsets: Float64Array
  /** By place: the value's number; of several, the first that was seen. */
  readonly valueAt: Int32Array
  /** Places with several values. */
  readonly conflicts: ReadonlyMap<number, ReadonlySet<number>>
  /** By value: its first and last place, -1 where it has none. */
  readonly firstPlace: Int32Array
  readonly lastPlace: Int32Array
  /** By read. */
  readonly readPlace: Int32Array
  /** By value: how many reads of completed polls (`ok`) returned it, and how many of any. */
  readonly readsOk: Int32Array
  readonly readsAny: Int32Array
  /** By value: the operation that sent it, -1: none. */
  readonly writer: Int32Array
  /** Whether the operation's send of that value certainly happened: it is `ok`, or unknown and proven by a read. */
  isCommitted(value: number): boolean
}

/**
 * From reads of all operations (also of failed ones: a consumer must see nothing but what is safe) and from sends that certainly happened.
 * Throws an Error on a value that is sent twice: such a history proves nothing.
 */
export function orderVersions(operations: Operations): VersionOrder {
  const { sendValue, sendOffset, readValue, readOffset, keyOf, keys } = operations
  const writer = findWriters(operations)
  const { readsOk, readsAny } = countReads(operations)
  const provenTransactions = findProvenTransactions(operations, readsOk)
  const isCommitted = (value: number): boolean => {
    const by = writer[value]!
    if (by < 0) return false
    if (operations.outcome[by] === outcomes.ok) return true
    return operations.outcome[by] === outcomes.info && (operations.isTransaction[by] === 1 ? provenTransactions[by] === 1 : readsOk[value]! > 0)
  }

  const isKnown = (send: number): boolean => !Number.isNaN(sendOffset[send]!) && isCommitted(sendValue[send]!)
  const start = new Int32Array(keys.length + 1)
  for (let read = 0; read < readValue.length; read++) start[keyOf[readValue[read]!]! + 1]!++
  for (let send = 0; send < sendValue.length; send++) if (isKnown(send)) start[keyOf[sendValue[send]!]! + 1]!++
  for (let key = 0; key < keys.length; key++) start[key + 1]! += start[key]!
  const all = new Float64Array(start[keys.length]!)
  const next = start.slice()
  for (let read = 0; read < readValue.length; read++) all[next[keyOf[readValue[read]!]!]!++] = readOffset[read]!
  for (let send = 0; send < sendValue.length; send++) if (isKnown(send)) all[next[keyOf[sendValue[send]!]!]!++] = sendOffset[send]!

  // Sorted and without repetition, in place.
  const firstPlaceOfKey = new Int32Array(keys.length + 1)
  let places = 0
  for (let key = 0; key < keys.length; key++) {
    const offsetsOfKey = all.subarray(start[key], start[key + 1]).sort()
    let last = NaN
    for (const offset of offsetsOfKey) {
      if (offset !== last) all[places++] = offset
      last = offset
    }
    firstPlaceOfKey[key + 1] = places
  }
  const offsets = all.slice(0, places)
  const placeOf = (key: number, offset: number): number => {
    let low = firstPlaceOfKey[key]!
    let high = firstPlaceOfKey[key + 1]! - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (offsets[middle]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  const valueAt = new Int32Array(places).fill(-1)
  const conflicts = new Map<number, Set<number>>()
  const firstPlace = new Int32Array(keyOf.length).fill(-1)
  const lastPlace = new Int32Array(keyOf.length).fill(-1)
  const put = (value: number, offset: number): number => {
    const place = placeOf(keyOf[value]!, offset)
    const there = valueAt[place]!
    if (there === -1) valueAt[place] = value
    else if (there !== value) conflicts.set(place, (conflicts.get(place) ?? new Set([there])).add(value))
    if (firstPlace[value] === -1 || place < firstPlace[value]!) firstPlace[value] = place
    if (place > lastPlace[value]!) lastPlace[value] = place
    return place
  }
  const readPlace = new Int32Array(readValue.length)
  for (let read = 0; read < readValue.length; read++) readPlace[read] = put(readValue[read]!, readOffset[read]!)
  for (let send = 0; send < sendValue.length; send++) if (isKnown(send)) put(sendValue[send]!, sendOffset[send]!)
  return { offsets, valueAt, conflicts, firstPlace, lastPlace, readPlace, readsOk, readsAny, writer, isCommitted }
}

function findWriters(operations: Operations): Int32Array {
  const { count, firstSend, sendValue, keyOf, keys, values, invokedAt } = operations
  const writer = new Int32Array(keyOf.length).fill(-1)
  for (let operation = 0; operation < count; operation++) {
    for (let send = firstSend[operation]!; send < firstSend[operation + 1]!; send++) {
      const value = sendValue[send]!
      if (writer[value] !== -1) {
        const [first, second] = [invokedAt[writer[value]!], invokedAt[operation]]
        throw new Error(`${String(values[value])} is sent twice to ${keys[keyOf[value]!]}, by events ${first} and ${second}; the values of a key must differ`)
      }
      writer[value] = operation
    }
  }
  return writer
}

function countReads({ count, outcome, firstRead, readValue, keyOf }: Operations): { readsOk: Int32Array; readsAny: Int32Array } {
  const readsOk = new Int32Array(keyOf.length)
  const readsAny = new Int32Array(keyOf.length)
  for (let operation = 0; operation < count; operation++) {
    for (let read = firstRead[operation]!; read < firstRead[operation + 1]!; read++) {
      readsAny[readValue[read]!]!++
      if (outcome[operation] === outcomes.ok) readsOk[readValue[read]!]!++
    }
  }
  return { readsOk, readsAny }
}

/** A transaction is all or nothing: one of its values read proves the others. Sends outside of one stand each for itself. */
function findProvenTransactions({ count, isTransaction, firstSend, sendValue }: Operations, readsOk: Int32Array): Uint8Array {
  const proven = new Uint8Array(count)
  for (let operation = 0; operation < count; operation++) {
    if (isTransaction[operation] === 0) continue
    for (let send = firstSend[operation]!; send < firstSend[operation + 1]!; send++) if (readsOk[sendValue[send]!]! > 0) proven[operation] = 1
  }
  return proven
}
