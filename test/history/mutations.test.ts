// The checker checked: a valid history with one event altered, or moved, shows exactly the error that this makes, and untouched shows none. Which event is drawn
// from a seed.
import { describe, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { checkHistory, type CheckOptions, type Report } from './checker.ts'
import type { ErrorClass } from './findings.ts'
import type { HistoryEvent, Key, MicroOperation, Read, RecordEvent, Value } from './history.ts'
import { validHistory, type HistoryShape } from './valid-history.ts'

const firstSeed = Number(process.env['SEED'] ?? 1)
const seeds = Number(process.env['TEST_SEEDS'] ?? 5)
const strict: CheckOptions = { isExactlyOnce: () => true, isDurable: true, hasFinalPolls: true }
/** Nobody reads but the last reader, a group's member, so that what it misses shows nowhere else. */
const oneReader: Omit<HistoryShape, 'seed'> = { operations: 200, transactors: 0, assigned: 0, subscribed: 0, finalReader: 'subscribe' }
const everybody: Omit<HistoryShape, 'seed'> = { operations: 400 }

interface Mutation {
  readonly error: ErrorClass
  readonly what: string
  readonly shape: Omit<HistoryShape, 'seed'>
  readonly options?: Partial<CheckOptions>
  /** Whether the error is bad; else it is reported. */
  readonly isReportedOnly?: true
  mutate(history: Editable): void
}

const mutations: Mutation[] = [
  {
    error: 'inconsistent-offsets', what: 'a poll finds another value, of a write that may have happened, at an offset', shape: everybody,
    mutate(history) {
      const at = history.pick(event => event.type === 'ok' && history.reads(event).length > 0)
      const read = history.random.pick(history.reads(history.at(at)))
      const other = history.sendsOf(event => event.type === 'info').find(send => send.key === read.key && send.at < at && !history.isRead(send))
      if (other === undefined) throw new Unsuitable()
      history.setReads(at, reads => reads.map(one => (one.key === read.key && one.offset === read.offset ? { ...one, value: other.value } : one)))
    },
  },
  {
    error: 'duplicate', what: 'the last poll of a key finds an earlier value once more', shape: everybody,
    mutate(history) {
      const at = history.lastPollOf('t/0')
      const early = history.reads(history.at(history.pick(event => event.type === 'ok' && history.reads(event).some(read => read.key === 't/0')))).find(read => read.key === 't/0')!
      history.setReads(at, reads => [...reads, { ...early, offset: history.endOf('t/0') }])
    },
  },
  {
    error: 'lost-write', what: 'a poll of a group\'s member does not begin with the record that was acknowledged', shape: oneReader, options: { hasFinalPolls: false },
    mutate(history) {
      const polls = history.all(event => event.f === 'poll' && event.type === 'ok' && history.reads(event).some(read => read.key === 't/0'))
      const at = polls.findLast((one, index) => index > 0 && history.isAcknowledged(history.firstReadOf(one, 't/0')) && history.reads(history.at(one)).filter(read => read.key === 't/0').length > 1)
      if (at === undefined) throw new Unsuitable()
      const lost = history.firstReadOf(at, 't/0')
      history.setReads(at, reads => reads.filter(one => one.key !== 't/0' || one.offset !== lost.offset))
    },
  },
  {
    error: 'unseen', what: 'the last poll of a key ends before the record that was acknowledged last', shape: oneReader,
    mutate(history) {
      const key = history.random.pick(history.keys.filter(one => history.isAcknowledged(history.lastReadOf(history.lastPollOf(one), one))))
      const at = history.lastPollOf(key)
      const unseen = history.lastReadOf(at, key)
      history.setReads(at, reads => reads.filter(one => one.key !== key || one.offset !== unseen.offset))
    },
  },
  {
    error: 'phantom', what: 'the last poll of a key finds what nobody sent', shape: everybody,
    mutate(history) {
      const key = history.random.pick(history.keys)
      history.setReads(history.lastPollOf(key), reads => [...reads, { key, offset: history.endOf(key), value: 'not ours' }])
    },
  },
  {
    error: 'G1a', what: 'a send that was read had failed', shape: everybody,
    mutate(history) {
      const at = history.pick(event => event.f === 'send' && event.type === 'ok')
      history.events[at] = { ...history.at(at), type: 'fail', error: 'refused' }
    },
  },
  {
    error: 'precommitted-read', what: 'a transaction polls its own send', shape: everybody,
    mutate(history) {
      const at = history.pick(event => event.f === 'txn' && event.type === 'ok' && history.sends(event).length > 0)
      const [own] = history.sends(history.at(at))
      history.addForeignRead(at, own!)
    },
  },
  {
    error: 'poll-skip', what: 'a poll of an assigned consumer returns nothing, the next goes on behind it', shape: everybody,
    mutate(history) {
      const at = history.pick((event, index) => history.isAssignedPoll(index) && history.reads(event).length > 0 && history.neighbours(index, 't/0').every(Boolean))
      history.setReads(at, reads => reads.filter(one => one.key !== 't/0'))
    },
  },
  {
    error: 'nonmonotonic-poll', what: 'a poll of an assigned consumer begins with the last record of the one before', shape: everybody,
    mutate(history) {
      const at = history.pick((event, index) => history.isAssignedPoll(index) && history.reads(event).some(read => read.key === 't/0') && history.neighbours(index, 't/0')[0] !== undefined)
      const before = history.lastReadOf(history.neighbours(at, 't/0')[0]!, 't/0')
      history.setReads(at, reads => [before, ...reads])
    },
  },
  {
    error: 'int-poll-skip', what: 'a record is missing in the midst of a poll', shape: { ...everybody, transactors: 0 },
    mutate(history) {
      const { at, middle } = history.longPoll()
      history.setReads(at, reads => reads.filter(one => one.key !== middle.key || one.offset !== middle.offset))
    },
  },
  {
    error: 'int-nonmonotonic-poll', what: 'a record comes twice in a poll', shape: everybody,
    mutate(history) {
      const { at, middle } = history.longPoll()
      history.setReads(at, reads => reads.flatMap(one => (one.key === middle.key && one.offset === middle.offset ? [one, one] : [one])))
    },
  },
  {
    error: 'nonmonotonic-send', what: 'a process\'s later send of a key came before its earlier one', shape: oneReader,
    mutate(history) {
      const [first, second] = history.twoSendsOfAProcess()
      history.moveOperation(second, first)
    },
  },
  {
    error: 'int-nonmonotonic-send', what: 'the sends of an operation lie in the opposite order', shape: oneReader,
    mutate(history) {
      const at = history.pick(event => event.f === 'send' && event.type === 'ok' && event.value.length > 1)
      const event = history.at(at)
      history.events[at] = { ...event, value: [event.value[1]!, event.value[0]!, ...event.value.slice(2)] }
    },
  },
  {
    error: 'G0-realtime', what: 'a send began after another of its key was acknowledged, and lies before it', shape: oneReader, isReportedOnly: true,
    mutate(history) {
      const [first, second] = history.twoSendsOfTwoProcesses()
      history.moveOperation(second, first)
    },
  },
  {
    error: 'G1c', what: 'two transactions read each other\'s sends', shape: everybody,
    mutate(history) {
      const reader = history.pick(event => event.f === 'txn' && event.type === 'ok' && history.reads(event).some(read => history.writerOf(read)?.f === 'txn'))
      const read = history.reads(history.at(reader)).find(one => history.writerOf(one)?.f === 'txn')!
      const writer = history.writerOf(read)!
      const own = history.sends(history.at(reader)).find(send => !history.readsKey(writer.p, send.key))
      if (own === undefined || writer.type !== 'ok') throw new Unsuitable()
      history.addForeignRead(history.events.indexOf(writer), own)
    },
  },
  {
    error: 'G1c-process', what: 'a process reads what it sends only later', shape: everybody,
    mutate(history) {
      const sender = history.pick(event => event.f === 'txn' && event.type === 'ok' && history.sends(event).some(send => !history.readsKey(event.p, send.key)))
      const { p } = history.at(sender)
      const own = history.sends(history.at(sender)).find(send => !history.readsKey(p, send.key))!
      const earlier = history.all((event, index) => event.p === p && event.f === 'txn' && event.type === 'ok' && index < sender).at(-1)
      if (earlier === undefined) throw new Unsuitable()
      history.addForeignRead(earlier, own)
    },
  },
  {
    error: 'G1c-realtime', what: 'a poll ended before what it read was sent', shape: everybody,
    mutate(history) {
      const poll = history.pick(event => event.f === 'poll' && event.type === 'ok' && history.reads(event).length > 0)
      const { p } = history.at(poll)
      const later = history.sendsOf((event, index) => event.type === 'ok' && event.p !== p && index > poll && history.invocationOf(index) > poll)
      const sent = later.find(send => !history.readsKey(p, send.key))
      if (sent === undefined) throw new Unsuitable()
      history.addForeignRead(poll, sent)
    },
  },
]

describe.each(mutations)('$error: $what', ({ error, shape, options, isReportedOnly, mutate }) => {
  test(`is found, and nothing else, in ${seeds} histories`, () => {
    let found = 0
    for (let seed = firstSeed; found < seeds; seed++) {
      expect(seed, 'histories drawn in vain').toBeLessThan(firstSeed + 60 + 20 * seeds)
      const events = validHistory({ seed, ...shape })
      const given = { ...strict, ...options }
      const untouched = checkHistory(events, given)
      expect(untouched.bad, `seed ${seed}, untouched`).toEqual({})
      const history = new Editable(events, seed)
      try {
        mutate(history)
      } catch (unsuitable) {
        if (unsuitable instanceof Unsuitable) continue
        throw unsuitable
      }
      found++
      const report = checkHistory(history.events, given)
      const examples = report.examples.map(one => `${one.class}: ${one.text}`).join('\n')
      if (isReportedOnly) {
        expect(report.isValid, `seed ${seed}\n${examples}`).toBe(true)
        expect(newlyReported(untouched, report), `seed ${seed}\n${examples}`).toContain(error)
      } else expect(Object.keys(report.bad), `seed ${seed}\n${examples}`).toEqual([error])
    }
  })
})

function newlyReported(before: Report, after: Report): string[] {
  return Object.entries(after.reported).flatMap(([error, count]) => (count > (before.reported[error as ErrorClass] ?? 0) ? [error] : []))
}

/** A history has no event that the mutation could alter. */
class Unsuitable extends Error {}

interface KeyedRead {
  readonly key: Key
  readonly offset: number
  readonly value: Value
}

interface KeyedSend {
  readonly key: Key
  readonly offset: number | null
  readonly value: Value
  /** Index of its operation's completion. */
  readonly at: number
}

class Editable {
  readonly events: HistoryEvent[]
  readonly random: Prng

  constructor(events: readonly HistoryEvent[], seed: number) {
    this.events = [...events]
    this.random = new Prng(seed)
  }

  /** The event of records there. */
  at(index: number): RecordEvent {
    return this.events[index] as RecordEvent
  }

  all(condition: (event: RecordEvent, index: number) => boolean): number[] {
    return this.events.flatMap((event, index) => (isOfRecords(event) && condition(event, index) ? [index] : []))
  }

  pick(condition: (event: RecordEvent, index: number) => boolean): number {
    const suitable = this.all(condition)
    if (suitable.length === 0) throw new Unsuitable()
    return this.random.pick(suitable)
  }

  get keys(): Key[] {
    return [...new Set(this.events.flatMap(event => (isOfRecords(event) ? this.reads(event).map(read => read.key) : [])))]
  }

  reads(event: RecordEvent): KeyedRead[] {
    return event.value.flatMap(micro => (micro[0] !== 'poll' || micro[1] === undefined ? [] : (
      Object.entries(micro[1]).flatMap(([key, reads]) => reads.map(([offset, value]) => ({ key, offset, value })))
    )))
  }

  /** All reads of an operation become one poll; its sends stay. */
  setReads(at: number, change: (reads: KeyedRead[]) => KeyedRead[]): void {
    const event = this.at(at)
    const byKey: Record<Key, Read[]> = {}
    for (const { key, offset, value } of change(this.reads(event))) (byKey[key] ??= []).push([offset, value])
    const sends = event.value.filter(micro => micro[0] === 'send')
    this.events[at] = { ...event, value: [['poll', byKey] satisfies MicroOperation, ...sends] }
  }

  sends(event: RecordEvent, at = this.events.indexOf(event)): KeyedSend[] {
    return event.value.flatMap(micro => {
      if (micro[0] !== 'send') return []
      const [, key, what] = micro
      return [typeof what === 'object' ? { key, offset: what[0], value: what[1], at } : { key, offset: null, value: what, at }]
    })
  }

  sendsOf(condition: (event: RecordEvent, index: number) => boolean): KeyedSend[] {
    return this.all((event, index) => event.type !== 'invoke' && condition(event, index)).flatMap(at => this.sends(this.at(at), at))
  }

  writerOf(read: KeyedRead): RecordEvent | undefined {
    const at = this.sendsOf(() => true).find(send => send.key === read.key && send.value === read.value)?.at
    return at === undefined ? undefined : this.at(at)
  }

  isAcknowledged(read: KeyedRead): boolean {
    return this.writerOf(read)?.type === 'ok'
  }

  isRead({ key, value }: KeyedSend): boolean {
    return this.events.some(event => isOfRecords(event) && this.reads(event).some(read => read.key === key && read.value === value))
  }

  readsKey(process: number, key: Key): boolean {
    return this.events.some(event => event.p === process && isOfRecords(event) && this.reads(event).some(read => read.key === key))
  }

  /** The operation also reads a send of a key that its process never reads, so that its order is nobody's concern. */
  addForeignRead(at: number, { key, offset, value }: KeyedSend): void {
    if (offset === null || this.readsKey(this.at(at).p, key)) throw new Unsuitable()
    this.setReads(at, reads => [...reads, { key, offset, value }])
  }

  lastPollOf(key: Key): number {
    return this.all(event => event.type === 'ok' && event.f === 'poll' && this.reads(event).some(read => read.key === key)).at(-1)!
  }

  firstReadOf(at: number, key: Key): KeyedRead {
    return this.reads(this.at(at)).find(read => read.key === key)!
  }

  lastReadOf(at: number, key: Key): KeyedRead {
    return this.reads(this.at(at)).findLast(read => read.key === key)!
  }

  /** The offset behind all that are known of a key. */
  endOf(key: Key): number {
    const known = [...this.sendsOf(() => true), ...this.events.flatMap(event => (isOfRecords(event) ? this.reads(event) : []))]
    return 1 + Math.max(...known.filter(one => one.key === key).map(one => one.offset ?? 0))
  }

  /** Whether it is a poll of a process that is assigned its keys, other than the last reader, which is needed to see everything. */
  isAssignedPoll(at: number): boolean {
    const event = this.events[at]!
    return event.f === 'poll' && event.type === 'ok' && event.p !== this.events.at(-1)!.p
      && this.events.some(one => one.p === event.p && one.f === 'assign') && !this.events.some(one => one.p === event.p && one.f === 'subscribe')
  }

  /** The polls of the same process that read the key before and after, within one assignment. */
  neighbours(at: number, key: Key): [number | undefined, number | undefined] {
    const { p } = this.events[at]!
    const bounds = this.events.flatMap((event, index) => (event.p === p && event.f === 'assign' ? [index] : []))
    const from = bounds.findLast(index => index < at) ?? 0
    const to = bounds.find(index => index > at) ?? Infinity
    const others = this.all((event, index) => event.p === p && event.type === 'ok' && index > from && index < to && this.reads(event).some(read => read.key === key))
    if (!others.includes(at)) return [undefined, undefined]
    return [others.findLast(index => index < at), others.find(index => index > at)]
  }

  /** A poll without rebalance of at least three records of a key, and one from the midst of them. */
  longPoll(): { at: number; middle: KeyedRead } {
    const last = this.events.at(-1)!.p
    const at = this.pick(event => event.f === 'poll' && event.type === 'ok' && event.p !== last && event.rb === undefined
      && this.keys.some(key => this.reads(event).filter(read => read.key === key).length >= 3))
    const event = this.at(at)
    const key = this.keys.find(one => this.reads(event).filter(read => read.key === one).length >= 3)!
    return { at, middle: this.reads(event).filter(read => read.key === key)[1]! }
  }

  /** Completions of two sends in a row of one process to one key. */
  twoSendsOfAProcess(): [number, number] {
    const second = this.pick((event, index) => event.type === 'ok' && this.#sendBefore(index) !== undefined)
    return [this.#sendBefore(second)!, second]
  }

  /** Completions of sends of two processes to one key, the second begun after the first was answered. */
  twoSendsOfTwoProcesses(): [number, number] {
    const sends = this.all(event => event.f === 'send' && event.type === 'ok')
    const pairs = sends.flatMap((second): [number, number][] => {
      const { p } = this.at(second)
      const invoked = this.invocationOf(second)
      // No further back than its process's last event, which it would overtake.
      const first = sends.findLast(at => at < invoked && this.at(at).p !== p && this.#keyOf(this.at(at)) === this.#keyOf(this.at(second)))
      const last = this.events.findLastIndex((event, index) => index < invoked && event.p === p)
      return first !== undefined && this.invocationOf(first) > last ? [[first, second]] : []
    })
    if (pairs.length === 0) throw new Unsuitable()
    return this.random.pick(pairs)
  }

  invocationOf(completion: number): number {
    const { p } = this.events[completion]!
    return this.events.findLastIndex((event, index) => index < completion && event.p === p && event.type === 'invoke')
  }

  /** The whole operation of that completion happens just before the one of `before` is begun. */
  moveOperation(completion: number, before: number): void {
    const target = this.invocationOf(before)
    const [invoked, completed] = [this.events[this.invocationOf(completion)]!, this.events[completion]!]
    const rest = this.events.filter(event => event !== invoked && event !== completed)
    rest.splice(target, 0, invoked, completed)
    this.events.splice(0, Infinity, ...rest)
  }

  #keyOf(event: RecordEvent): Key | undefined {
    return this.sends(event)[0]?.key
  }

  #sendBefore(at: number): number | undefined {
    const event = this.at(at)
    if (event.f !== 'send') return undefined
    const before = this.all((one, index) => one.p === event.p && one.type !== 'invoke' && index < at).at(-1)
    return before !== undefined && this.at(before).type === 'ok' && this.#keyOf(this.at(before)) === this.#keyOf(event) ? before : undefined
  }
}

function isOfRecords(event: HistoryEvent): event is RecordEvent {
  return event.f === 'send' || event.f === 'poll' || event.f === 'txn'
}
