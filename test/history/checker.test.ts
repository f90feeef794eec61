// The checker finds nothing bad in valid histories, and refuses histories that prove nothing.
import { describe, expect, test } from 'vitest'
import { checkHistory, type CheckOptions } from './checker.ts'
import { parseHistory, type HistoryEvent } from './history.ts'
import { validHistory } from './valid-history.ts'

const strict: CheckOptions = { isExactlyOnce: () => true, isDurable: true, hasFinalPolls: true }
const seeds = Number(process.env['TEST_SEEDS'] ?? 40)
const firstSeed = Number(process.env['SEED'] ?? 1)

describe('valid histories', () => {
  test(`of ${seeds} seeds have no bad error`, () => {
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const report = checkHistory(validHistory({ seed, operations: 600, finalReader: seed % 2 === 0 ? 'assign' : 'subscribe' }), strict)
      expect(report.examples.filter(one => one.isBad), `seed ${seed}`).toEqual([])
      expect(report, `seed ${seed}`).toMatchObject({ isValid: true, bad: {} })
      expect(report.outcomes.info, `seed ${seed}`).toBeGreaterThan(0)
    }
  })

  test('are the same after a way through JSON lines, an unfinished last line left out', () => {
    const events = validHistory({ seed: firstSeed, operations: 100 })
    const text = events.map(event => `${JSON.stringify(event)}\n`).join('')
    expect(parseHistory(text)).toEqual(events)
    expect(parseHistory(`${text}{"i":7`)).toEqual(events)
  })
})

describe('histories that prove nothing are refused', () => {
  const event = (i: number, p: number, type: HistoryEvent['type'], value: number): HistoryEvent => ({ i, p, type, f: 'send', value: [['send', 't/0', value]], t: i })

  test('two operations of a process at once', () => {
    expect(() => checkHistory([event(0, 5, 'invoke', 1), event(1, 5, 'invoke', 2)], strict)).toThrow('event 1: process 5 begins a send while its operation of event 0 is under way')
  })

  test('a completion of nothing', () => {
    expect(() => checkHistory([event(0, 5, 'ok', 1)], strict)).toThrow('event 0: process 5 completes a send that it never began')
  })

  test('a value that is sent twice', () => {
    expect(() => checkHistory([event(0, 5, 'invoke', 1), event(1, 6, 'invoke', 1)], strict)).toThrow('1 is sent twice to t/0, by events 0 and 1')
  })

  test('an unknown kind of operation', () => {
    expect(() => checkHistory([{ i: 0, p: 1, type: 'invoke', f: 'pull', value: [], t: 0 } as unknown as HistoryEvent], strict)).toThrow('no such operation as \'pull\'')
  })
})
