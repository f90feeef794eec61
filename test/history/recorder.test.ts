// The recorder keeps one order and one clock, and one operation at a time in each process.
import { expect, test } from 'vitest'
import { parseHistory } from './history.ts'
import { Recorder } from './recorder.ts'

function recorder(times: number[]): { recorder: Recorder; lines: string[] } {
  const lines: string[] = []
  return { recorder: new Recorder({ now: () => times.shift()!, write: line => lines.push(line) }), lines }
}

test('events are numbered, timed and written as they come', () => {
  const { recorder: history, lines } = recorder([1, 2, 2, 5])
  const [sender, reader] = [history.process(), history.process()]
  sender.invoke({ f: 'send', value: [['send', 'a/0', 7]] })
  reader.invoke({ f: 'poll', value: [['poll']] })
  sender.ok([['send', 'a/0', [3, 7]]])
  reader.ok([['poll', { 'a/0': [[3, 7]] }]], { rebalanced: ['a/0'] })
  expect(parseHistory(lines.join(''))).toEqual([
    { i: 0, p: 0, type: 'invoke', f: 'send', value: [['send', 'a/0', 7]], t: 1 },
    { i: 1, p: 1, type: 'invoke', f: 'poll', value: [['poll']], t: 2 },
    { i: 2, p: 0, type: 'ok', f: 'send', value: [['send', 'a/0', [3, 7]]], t: 2 },
    { i: 3, p: 1, type: 'ok', f: 'poll', value: [['poll', { 'a/0': [[3, 7]] }]], t: 5, rb: ['a/0'] },
  ])
  expect(history.events).toEqual(parseHistory(lines.join('')))
})

test('a process whose operation has an unknown outcome goes on under another id', () => {
  const { recorder: history } = recorder([1, 2, 3, 4, 5])
  const [one, other] = [history.process(), history.process()]
  one.invoke({ f: 'send', value: [['send', 'a/0', 7]] })
  one.info('REQUEST_TIMED_OUT')
  other.invoke({ f: 'send', value: [['send', 'a/0', 8]] })
  other.fail('TOPIC_AUTHORIZATION_FAILED')
  one.invoke({ f: 'poll', value: [['poll']] })
  expect(history.events.map(event => [event.p, event.type, event.error])).toEqual([
    [0, 'invoke', undefined], [0, 'info', 'REQUEST_TIMED_OUT'], [1, 'invoke', undefined], [1, 'fail', 'TOPIC_AUTHORIZATION_FAILED'], [2, 'invoke', undefined],
  ])
})

test('two operations at once, a completion of none and a clock that goes back are refused', () => {
  const { recorder: history } = recorder([5, 6, 4])
  const process = history.process()
  expect(() => process.ok()).toThrow('process 0 completes what it never began')
  process.invoke({ f: 'poll', value: [['poll']] })
  expect(() => process.invoke({ f: 'send', value: [] })).toThrow('process 0 begins a send while its poll is under way')
  process.ok()
  expect(() => process.invoke({ f: 'poll', value: [['poll']] })).toThrow('the clock of the history went back from 6 to 4 ms')
})
