import { expect, test } from 'vitest'
import { Producers } from '../../../src/engine/log/producers.ts'
import { Refusal } from '../../../src/ports.ts'
import { batchOf } from './open-log.ts'

function sent(baseSequence: number, options: { epoch?: number; count?: number; id?: number; at?: number } = {}) {
  const { epoch = 0, count = 1, id = 7, at = 0 } = options
  return batchOf(Array.from({ length: count }, () => 'v'), 1, { producer: { id, epoch, baseSequence }, baseOffset: at })
}

function answer(producers: Producers, batch: ReturnType<typeof sent>): string | number {
  const known = producers.check(batch, { inAnyOrder: false })
  return known === undefined ? 'in turn' : known instanceof Refusal ? known.code : known.baseOffset
}

test('the last five batches are known, and no others', () => {
  const producers = new Producers()
  for (let sequence = 0; sequence < 6; sequence++) producers.note(sent(sequence, { at: 100 + sequence }), 0)
  expect([1, 5].map(sequence => answer(producers, sent(sequence)))).toEqual([101, 105])
  expect(answer(producers, sent(0))).toBe('out-of-order-sequence-number')
  expect(answer(producers, sent(6))).toBe('in turn')
  expect(answer(producers, sent(7))).toBe('out-of-order-sequence-number')
  // The same first sequence with another count is another batch.
  expect(answer(producers, sent(5, { count: 2 }))).toBe('out-of-order-sequence-number')
})

test('an older epoch is fenced, a newer one begins with sequence 0', () => {
  const producers = new Producers()
  producers.note(sent(0, { epoch: 3 }), 0)
  expect(answer(producers, sent(1, { epoch: 2 }))).toBe('invalid-producer-epoch')
  expect(answer(producers, sent(1, { epoch: 4 }))).toBe('out-of-order-sequence-number')
  expect(answer(producers, sent(0, { epoch: 4 }))).toBe('in turn')
  producers.note(sent(0, { epoch: 4, at: 50 }), 0)
  expect(answer(producers, sent(0, { epoch: 4 }))).toBe(50)
})

test('sequence numbers go on with 0 behind 2^31 - 1, also within a batch', () => {
  const producers = new Producers()
  producers.note(sent(2 ** 31 - 1), 0)
  expect(answer(producers, sent(0))).toBe('in turn')
  producers.note(sent(2 ** 31 - 3, { id: 8, count: 5 }), 0)
  expect(answer(producers, sent(2, { id: 8 }))).toBe('in turn')
})

test('a producer nobody knows, or no longer, may begin anywhere', () => {
  const producers = new Producers()
  expect(answer(producers, sent(41))).toBe('in turn')
  producers.note(sent(41), 1000)
  producers.note(sent(0, { id: 8 }), 5000)
  producers.expire(11_000, 10_000)
  expect([answer(producers, sent(99)), producers.size]).toEqual(['in turn', 1])
  expect(answer(producers, sent(99, { id: 8 }))).toBe('out-of-order-sequence-number')
})

test('in any order, all that is asked is whether the batch is there', () => {
  const producers = new Producers()
  for (const sequence of [20, 0, 10]) producers.note(sent(sequence, { count: 2, at: 100 + sequence }), 0)
  const known = (sequence: number, count = 2): number | undefined => (producers.check(sent(sequence, { count }), { inAnyOrder: true }) as { baseOffset: number } | undefined)?.baseOffset
  expect([20, 0, 10].map(sequence => known(sequence))).toEqual([120, 100, 110])
  expect([known(5), known(30), known(20, 1)]).toEqual([undefined, undefined, undefined])
})

test('a control batch that has a sequence carries it on, a marker of a transaction does not', () => {
  const producers = new Producers()
  producers.note(batchOf(['v'], 1, { producer: { id: 7, epoch: 0, baseSequence: 0 }, isControl: true }), 0)
  expect(answer(producers, sent(1))).toBe('in turn')
  producers.note(batchOf(['v'], 1, { producer: { id: 8, epoch: 0, baseSequence: -1 }, isControl: true }), 0)
  expect(producers.size).toBe(1)
})
