// A history as columns: invocations paired with their completions, keys and values numbered, sends and reads of all operations in a row. Numbers of operations
// follow the order of their invocations.
import type { HistoryEvent, Key, MicroOperation, RecordEvent, Value } from './history.ts'

export const outcomes = { ok: 0, fail: 1, info: 2 } as const
const kinds = { send: 0, poll: 1, txn: 2, assign: 3, subscribe: 4, crash: 5, debug: 6 } as const

/** What an `assign` or `subscribe` says. */
export interface Positioning {
  readonly kind: 'assign' | 'subscribe'
  /** Keys, and topics. */
  readonly kept: ReadonlySet<string>
  readonly moved: ReadonlySet<Key>
}

export interface Operations {
  readonly count: number
  readonly process: Int32Array
  readonly outcome: Uint8Array
  readonly isTransaction: Uint8Array
  /** Index of the event that invoked it, and of the one that completed it (-1: none did). */
  readonly invokedAt: Int32Array
  readonly completedAt: Int32Array
  /** Sends of operation n: from firstSend[n] to firstSend[n + 1]; reads alike. */
  readonly firstSend: Int32Array
  readonly sendValue: Int32Array
  /** NaN where it is not known. */
  readonly sendOffset: Float64Array
  readonly firstRead: Int32Array
  readonly readValue: Int32Array
  readonly readOffset: Float64Array
  /** By value number. */
  readonly keyOf: Int32Array
  readonly keys: readonly Key[]
  readonly values: readonly Value[]
  /** By operation. */
  readonly positionings: ReadonlyMap<number, Positioning>
  readonly rebalanced: ReadonlyMap<number, ReadonlySet<number>>
  /** How often each cause left an outcome unknown. */
  readonly unknownBecause: ReadonlyMap<string, number>
  /** Highest number of a process and one. */
  readonly processes: number
}

/** Throws an Error on a history that is none: a completion of nothing, two operations of a process at once. */
export function readOperations(events: readonly HistoryEvent[]): Operations {
  const pairs = pair(events)
  const { count, invokedAt, completedAt } = pairs
  const eventOf = (operation: number): HistoryEvent => events[completedAt[operation]! >= 0 ? completedAt[operation]! : invokedAt[operation]!]!
  const numbers = new Numbers()
  const process = new Int32Array(count)
  const outcome = new Uint8Array(count)
  const isTransaction = new Uint8Array(count)
  const firstSend = new Int32Array(count + 1)
  const firstRead = new Int32Array(count + 1)
  const sizes = measure(count, eventOf)
  const sendValue = new Int32Array(sizes.sends)
  const sendOffset = new Float64Array(sizes.sends)
  const readValue = new Int32Array(sizes.reads)
  const readOffset = new Float64Array(sizes.reads)
  const positionings = new Map<number, Positioning>()
  const rebalanced = new Map<number, Set<number>>()
  const unknownBecause = new Map<string, number>()
  let sends = 0
  let reads = 0
  let processes = 0

  for (let operation = 0; operation < count; operation++) {
    const event = eventOf(operation)
    process[operation] = event.p
    processes = Math.max(processes, event.p + 1)
    outcome[operation] = event.type === 'invoke' ? outcomes.info : outcomes[event.type]
    isTransaction[operation] = Number(event.f === 'txn')
    if (outcome[operation] === outcomes.info) {
      const cause = event.error ?? 'never answered'
      unknownBecause.set(cause, (unknownBecause.get(cause) ?? 0) + 1)
    }
    if (event.f === 'assign' || event.f === 'subscribe') positionings.set(operation, { kind: event.f, kept: new Set(event.value), moved: new Set(event.rb) })
    else if (event.rb !== undefined) rebalanced.set(operation, new Set(event.rb.map(key => numbers.key(key))))
    if (isOfRecords(event)) {
      for (const micro of event.value) {
        if (micro[0] === 'send') {
          const [, key, what] = micro
          const isPair = typeof what === 'object'
          sendValue[sends] = numbers.value(key, isPair ? what[1] : what)
          sendOffset[sends++] = isPair ? what[0] ?? NaN : NaN
        } else if (micro[1] !== undefined) {
          for (const key in micro[1]) {
            for (const [offset, value] of micro[1][key]!) {
              readValue[reads] = numbers.value(key, value)
              readOffset[reads++] = offset
            }
          }
        }
      }
    }
    firstSend[operation + 1] = sends
    firstRead[operation + 1] = reads
  }
  return {
    ...pairs, process, outcome, isTransaction, firstSend, sendValue, sendOffset, firstRead, readValue, readOffset,
    keyOf: Int32Array.from(numbers.keyOf), keys: numbers.keys, values: numbers.values, positionings, rebalanced, unknownBecause, processes,
  }
}

/** The operation's kind and what it did, for people. */
export function describe(operations: Operations, operation: number): string {
  const { process, outcome, firstSend, firstRead, sendValue, readValue, readOffset, sendOffset, keyOf, keys, values, invokedAt } = operations
  const said: string[] = []
  for (let at = firstSend[operation]!; at < firstSend[operation + 1]!; at++) {
    const offset = sendOffset[at]!
    said.push(`sent ${values[sendValue[at]!]} to ${keys[keyOf[sendValue[at]!]!]}${Number.isNaN(offset) ? '' : ` at ${offset}`}`)
  }
  for (let at = firstRead[operation]!; at < firstRead[operation + 1]!; at++) {
    said.push(`read ${values[readValue[at]!]} of ${keys[keyOf[readValue[at]!]!]} at ${readOffset[at]}`)
  }
  const shown = said.length > saidMax ? [...said.slice(0, saidMax), `${said.length - saidMax} more`] : said
  return `event ${invokedAt[operation]}, process ${process[operation]} (${outcomeNames[outcome[operation]!]}): ${shown.join(', ') || 'nothing'}`
}

const saidMax = 6
const outcomeNames = Object.keys(outcomes)

interface Pairs {
  readonly count: number
  readonly invokedAt: Int32Array
  readonly completedAt: Int32Array
}

function pair(events: readonly HistoryEvent[]): Pairs {
  const invokedAt = new Int32Array(events.length)
  const completedAt = new Int32Array(events.length).fill(-1)
  const open = new Map<number, number>()
  let count = 0
  for (const [at, event] of events.entries()) {
    if (!(event.f in kinds)) throw new Error(`event ${event.i}: no such operation as '${String(event.f)}'`)
    const begun = open.get(event.p)
    if (event.type === 'invoke') {
      if (begun !== undefined) throw new Error(`event ${event.i}: process ${event.p} begins a ${event.f} while its operation of event ${invokedAt[begun]} is under way`)
      open.set(event.p, count)
      invokedAt[count++] = at
      continue
    }
    if (begun === undefined) throw new Error(`event ${event.i}: process ${event.p} completes a ${event.f} that it never began`)
    open.delete(event.p)
    completedAt[begun] = at
  }
  return { count, invokedAt: invokedAt.subarray(0, count), completedAt: completedAt.subarray(0, count) }
}

function measure(count: number, eventOf: (operation: number) => HistoryEvent): { sends: number; reads: number } {
  let sends = 0
  let reads = 0
  for (let operation = 0; operation < count; operation++) {
    const event = eventOf(operation)
    if (!isOfRecords(event)) continue
    for (const micro of event.value) {
      if (micro[0] === 'send') sends++
      else if (micro[1] !== undefined) for (const key in micro[1]) reads += micro[1][key]!.length
    }
  }
  return { sends, reads }
}

function isOfRecords(event: HistoryEvent): event is RecordEvent & { readonly value: readonly MicroOperation[] } {
  return event.f === 'send' || event.f === 'poll' || event.f === 'txn'
}

/** Numbers keys, and values key by key. */
class Numbers {
  readonly keys: Key[] = []
  readonly values: Value[] = []
  readonly keyOf: number[] = []
  readonly #keys = new Map<Key, number>()
  readonly #values: Map<Value, number>[] = []

  key(key: Key): number {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const number = this.keys.push(key) - 1
    this.#keys.set(key, number)
    this.#values.push(new Map())
    return number
  }

  value(key: Key, value: Value): number {
    const keyNumber = this.key(key)
    const values = this.#values[keyNumber]!
    const known = values.get(value)
    if (known !== undefined) return known
    const number = this.values.push(value) - 1
    this.keyOf.push(keyNumber)
    values.set(value, number)
    return number
  }
}
