import { expect, test } from 'vitest'
import { Gate } from '../../src/kinesis/gate.ts'

function tasks(gate: Gate, count: number) {
  const started: number[] = []
  const hands = Array.from({ length: count }, () => Promise.withResolvers<string>())
  const answers = hands.map(({ promise }, at) => gate.run(() => { started.push(at); return promise }))
  return { started, hands, answers }
}

test('a gate runs so many at once, the others in their order, and turns away who would be one too many', async () => {
  const { started, hands, answers } = tasks(new Gate({ runningMax: 2, waitingMax: 2 }), 5)
  expect(await answers[4]).toBeUndefined()
  expect(started).toEqual([0, 1])
  hands[1]!.resolve('b')
  expect(await answers[1]).toBe('b')
  expect(started).toEqual([0, 1, 2])
  hands[0]!.reject(new Error('failed'))
  await expect(answers[0]).rejects.toThrow('failed')
  expect(started).toEqual([0, 1, 2, 3])
  for (const hand of hands) hand.resolve('done')
  expect(await Promise.all([answers[2], answers[3]])).toEqual(['done', 'done'])
})

test('a gate that is empty again lets the next through at once', async () => {
  const gate = new Gate({ runningMax: 1, waitingMax: 0 })
  for (let time = 0; time < 3; time++) expect(await gate.run(async () => time)).toBe(time)
})
