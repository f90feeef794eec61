// Anomalies that Jepsen found in servers of Kafka's protocol, and in Kafka's own protocol (its reports on Redpanda 21.10 and Bufstream 0.1.0), as small
// histories: each must be called by its name. So must what looks odd and is allowed.
import { describe, expect, test } from 'vitest'
import { checkHistory, type CheckOptions, type Report } from './checker.ts'
import type { HistoryEvent, Key, MicroOperation, Value } from './history.ts'

const promised: CheckOptions = { isExactlyOnce: () => true, isDurable: true, hasFinalPolls: true }

const sent = (key: Key, offset: number | null, value: Value): MicroOperation => ['send', key, [offset, value]]
const read = (key: Key, ...records: (readonly [number, Value])[]): MicroOperation => ['poll', { [key]: records }]

/** One operation after the other, unless `begins` says that it was invoked with the first ones. */
interface Told {
  readonly p: number
  readonly f?: 'send' | 'poll' | 'txn' | 'assign' | 'subscribe'
  readonly type?: 'ok' | 'fail' | 'info'
  readonly begins?: 'first'
  readonly value: readonly MicroOperation[] | readonly string[]
  readonly rb?: readonly Key[]
}

function check(told: readonly Told[], options: Partial<CheckOptions> = {}): Report {
  const events: HistoryEvent[] = []
  const add = (one: Told, type: HistoryEvent['type']): void => {
    const f = one.f ?? (typeof one.value[0] === 'object' ? one.value[0][0] : 'poll')
    events.push({ i: events.length, p: one.p, type, f, value: one.value, t: events.length, ...(type !== 'invoke' && one.rb !== undefined && { rb: one.rb }) } as HistoryEvent)
  }
  for (const one of told) if (one.begins === 'first') add(one, 'invoke')
  for (const one of told) {
    if (one.begins !== 'first') add(one, 'invoke')
    add(one, one.type ?? 'ok')
  }
  return checkHistory(events, { ...promised, ...options })
}

describe('Redpanda', () => {
  test('an idempotent producer\'s retry after a leader\'s crash is appended twice', () => {
    const report = check([{ p: 1, value: [sent('a/0', 3, 'x')] }, { p: 2, value: [read('a/0', [2, 'x'], [3, 'x'])] }])
    expect(report.bad).toEqual({ duplicate: 1 })
    expect(report.examples[0]!.text).toBe('x of a/0 lies at offsets 2 and 3')
  })

  test('the same without idempotence is what at-least-once means', () => {
    const report = check([{ p: 1, value: [sent('a/0', 3, 'x')] }, { p: 2, value: [read('a/0', [2, 'x'], [3, 'x'])] }], { isExactlyOnce: () => false })
    expect(report).toMatchObject({ isValid: true, reported: { duplicate: 1 } })
  })

  test('two nodes hold different records at one offset after a pause and a kill', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 7, 'x')], begins: 'first' }, { p: 2, value: [sent('a/0', 7, 'y')], begins: 'first' },
      { p: 3, value: [read('a/0', [7, 'x'])] }, { p: 4, value: [read('a/0', [7, 'y'])] },
    ])
    expect(report.bad).toEqual({ 'inconsistent-offsets': 1 })
    expect(report.examples[0]!.text).toContain('offset 7 of a/0 holds')
  })

  test('acknowledged records vanish when nodes are replaced, and later ones are read', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 1, value: [sent('a/0', 1, 'y')] }, { p: 1, value: [sent('a/0', 2, 'z')] },
      { p: 2, f: 'subscribe', value: ['a'] }, { p: 2, value: [read('a/0', [0, 'x'])] }, { p: 2, value: [read('a/0', [2, 'z'])] },
    ])
    expect(report.bad).toEqual({ 'lost-write': 1, 'unseen': 1 })
    expect(report.reported).toEqual({ 'poll-skip': 1 })
  })

  test('a node that lags behind never shows the tail', () => {
    const report = check([{ p: 1, value: [sent('a/0', 0, 'x')] }, { p: 1, value: [sent('a/0', 1, 'y')] }, { p: 2, value: [read('a/0', [0, 'x'])] }])
    expect(report.bad).toEqual({ unseen: 1 })
  })

  test('a transaction answered INVALID_TXN_STATE, taken for a failure, is read', () => {
    const report = check([{ p: 1, f: 'txn', type: 'fail', value: [['send', 'a/0', 'x']] }, { p: 2, value: [read('a/0', [0, 'x'])] }])
    expect(report.bad).toEqual({ G1a: 1 })
    expect(report.violatedLevels).toEqual(['PL-2'])
  })

  test('the same outcome, taken for unknown, is fine', () => {
    expect(check([{ p: 1, f: 'txn', type: 'info', value: [['send', 'a/0', 'x']] }, { p: 2, value: [read('a/0', [0, 'x'])] }])).toMatchObject({ isValid: true, bad: {}, reported: {} })
  })

  test('transactions see each other\'s writes: information flows in a circle', () => {
    const report = check([
      { p: 1, f: 'txn', value: [sent('a/0', 0, 'x'), read('b/0', [0, 'y'])], begins: 'first' },
      { p: 2, f: 'txn', value: [sent('b/0', 0, 'y'), read('a/0', [0, 'x'])], begins: 'first' },
    ])
    expect(report.bad).toEqual({ G1c: 1 })
    expect(report.examples[0]!.text.match(/which is read by/g)).toHaveLength(2)
  })

  test('a consumer\'s position jumps over records without a rebalance', () => {
    const report = check([
      ...['x', 'y', 'z'].map((value, offset): Told => ({ p: 1, value: [sent('a/0', offset, value)] })),
      { p: 2, f: 'assign', value: ['a/0'] }, { p: 2, value: [read('a/0', [0, 'x'])] }, { p: 2, value: [read('a/0', [2, 'z'])] },
      { p: 3, value: [read('a/0', [0, 'x'], [1, 'y'], [2, 'z'])] },
    ])
    expect(report.bad).toEqual({ 'poll-skip': 1 })
  })
})

describe('Bufstream', () => {
  test('a send is answered with offset 0, which is another record\'s', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 2, value: [sent('a/0', 0, 'y')] }, { p: 3, value: [read('a/0', [0, 'x'], [1, 'y'])] },
    ])
    expect(report.bad).toEqual({ 'inconsistent-offsets': 1, 'duplicate': 1 })
  })

  test('a write is acknowledged and gone without any fault', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 2, value: [sent('a/0', 1, 'y')] }, { p: 1, value: [sent('a/0', 2, 'z')] },
      { p: 3, f: 'subscribe', value: ['a/0'] }, { p: 3, value: [read('a/0', [0, 'x'])] }, { p: 3, value: [read('a/0', [2, 'z'])] },
    ])
    expect(report.bad).toEqual({ 'lost-write': 1, 'unseen': 1 })
  })
})

describe('Kafka\'s protocol', () => {
  test('a late commit of one transaction tears the next: a part of it is there, the rest is not', () => {
    const report = check([
      { p: 1, f: 'txn', value: [sent('a/0', 0, 'x'), sent('b/0', 0, 'y')] }, { p: 1, f: 'txn', value: [sent('b/0', 2, 'z')] },
      { p: 2, value: [read('a/0', [0, 'x'])] }, { p: 2, value: [read('b/0', [2, 'z'])] },
    ])
    expect(report.bad).toEqual({ 'lost-write': 1, 'unseen': 1 })
  })

  test('a transaction of unknown outcome, one part of it read, has lost the other part', () => {
    const report = check([
      { p: 1, f: 'txn', type: 'info', value: [sent('a/0', 0, 'x'), sent('b/0', 0, 'y')] }, { p: 3, f: 'txn', value: [sent('b/0', 2, 'z')] },
      { p: 2, value: [read('a/0', [0, 'x'])] }, { p: 2, value: [read('b/0', [2, 'z'])] },
    ])
    expect(report.bad).toEqual({ 'lost-write': 1 })
  })

  test('sends of one operation that is no transaction stand each for itself', () => {
    expect(check([
      { p: 1, f: 'send', type: 'info', value: [sent('a/0', 0, 'x'), sent('b/0', 0, 'y')] }, { p: 3, value: [sent('b/0', 2, 'z')] },
      { p: 2, value: [read('a/0', [0, 'x'])] }, { p: 2, value: [read('b/0', [2, 'z'])] },
    ])).toMatchObject({ isValid: true, bad: {} })
  })

  test('transactions interleave in a key and are written in different orders to two: never bad', () => {
    const report = check([
      { p: 1, f: 'txn', value: [sent('a/0', 0, 'a1'), sent('a/0', 2, 'a3'), sent('b/0', 1, 'b2')], begins: 'first' },
      { p: 2, f: 'txn', value: [sent('a/0', 1, 'a2'), sent('b/0', 0, 'b1')], begins: 'first' },
      { p: 3, value: [read('a/0', [0, 'a1'], [1, 'a2'], [2, 'a3'])] }, { p: 3, value: [read('b/0', [0, 'b1'], [1, 'b2'])] },
    ])
    expect(report).toMatchObject({ isValid: true, bad: {}, reported: { 'int-send-skip': 1, 'G0': 1 }, violatedLevels: ['PL-1'] })
  })

  test('a write that is in the order of writes before one that its writer had read: never bad', () => {
    const report = check([
      { p: 1, f: 'txn', value: [sent('a/0', 1, 'x'), sent('b/0', 0, 'y')], begins: 'first' },
      { p: 2, f: 'txn', value: [read('b/0', [0, 'y']), sent('a/0', 0, 'w')], begins: 'first' },
      { p: 3, value: [read('a/0', [0, 'w'], [1, 'x'])] },
    ])
    expect(report).toMatchObject({ isValid: true, bad: {}, reported: { 'G1c-ww': 1 } })
  })

  test('a process that overwrites in the opposite order of its writes to another key: reported as G0-process', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 0, 'a1')] }, { p: 2, value: [sent('b/0', 1, 'b2')], begins: 'first' }, { p: 3, value: [sent('a/0', 1, 'a2')], begins: 'first' },
      { p: 3, value: [sent('b/0', 0, 'b1')] }, { p: 2, value: [sent('a/0', -1, 'a0')] },
      { p: 4, value: [read('a/0', [-1, 'a0'], [0, 'a1'], [1, 'a2'])] }, { p: 4, value: [read('b/0', [0, 'b1'], [1, 'b2'])] },
    ])
    expect(report).toMatchObject({ isValid: true, bad: {}, reported: { 'G0-process': 1 } })
  })

  test('holes in the offsets, where markers of transactions lie, are no skips', () => {
    expect(check([
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 1, value: [sent('a/0', 17, 'y')] }, { p: 2, value: [read('a/0', [0, 'x'], [17, 'y'])] },
    ])).toMatchObject({ isValid: true, bad: {}, reported: {} })
  })

  test('a member of a group that gets a key back may read it again, and within a poll only what a rebalance moved', () => {
    const told = (rb: readonly Key[]): Told[] => [
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 1, value: [sent('a/0', 1, 'y')] }, { p: 2, f: 'subscribe', value: ['a'] },
      { p: 2, value: [read('a/0', [0, 'x'], [1, 'y'])] }, { p: 2, value: [read('a/0', [0, 'x']), read('a/0', [0, 'x'])], rb },
    ]
    expect(check(told(['a/0']))).toMatchObject({ bad: {}, reported: { 'nonmonotonic-poll': 1 } })
    expect(check(told([]))).toMatchObject({ bad: { 'int-nonmonotonic-poll': 1 } })
  })

  test('an assignment keeps the positions of the keys that stay, and no others', () => {
    const told = (assignment: Omit<Told, 'p' | 'f'>): Told[] => [
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 2, f: 'assign', value: ['a/0', 'a/1'] }, { p: 2, value: [read('a/0', [0, 'x'])] },
      { p: 2, f: 'assign', ...assignment }, { p: 2, f: 'assign', value: ['a/0'] }, { p: 2, value: [read('a/0', [0, 'x'])] },
    ]
    expect(check(told({ value: ['a/0'] })).bad).toEqual({ 'nonmonotonic-poll': 1 })
    expect(check(told({ value: ['a/1'] })).bad).toEqual({})
    expect(check(told({ value: ['a/0'], rb: ['a/0'] })).bad).toEqual({})
    expect(check(told({ value: ['a/1'], type: 'fail' })).bad).toEqual({ 'nonmonotonic-poll': 1 })
  })

  test('with acks=0 and 1, losses are reported only', () => {
    const report = check([
      { p: 1, value: [sent('a/0', 0, 'x')] }, { p: 1, value: [sent('a/0', 1, 'y')] }, { p: 2, value: [read('a/0', [1, 'y'])] },
    ], { isDurable: false })
    expect(report).toMatchObject({ isValid: true, reported: { 'lost-write': 1, 'unseen': 1 } })
  })
})
