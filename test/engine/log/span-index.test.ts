import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Epochs } from '../../../src/engine/log/epochs.ts'
import { SpanIndex } from '../../../src/engine/log/span-index.ts'

const frames = fc.array(fc.record({ length: fc.integer({ min: 72, max: 9000 }), count: fc.integer({ min: 1, max: 50 }), maxTimestampMs: fc.nat(1000) }), { minLength: 1, maxLength: 80 })

/** The frames, one behind the other, and the index of them. */
function indexed(lengths: readonly { length: number; count: number; maxTimestampMs: number }[]) {
  const index = new SpanIndex()
  let position = 4096
  let baseOffset = 10
  const placed = lengths.map(({ length, count, maxTimestampMs }) => {
    const frame = { position, length, baseOffset, maxTimestampMs, lastOffset: baseOffset + count - 1 }
    index.add(frame)
    position += length
    baseOffset += count
    return frame
  })
  return { index, placed, end: position }
}

test('the span of an offset holds the frame of that offset, and spans lie without a gap', () => {
  fc.assert(fc.property(frames, lengths => {
    const { index, placed, end } = indexed(lengths)
    for (const frame of placed) {
      for (const offset of [frame.baseOffset, frame.lastOffset]) {
        const span = index.find(offset)!
        expect(span.position).toBeLessThanOrEqual(frame.position)
        expect(span.end).toBeGreaterThanOrEqual(frame.position + frame.length)
        expect(span.maxTimestampMs).toBeGreaterThanOrEqual(frame.maxTimestampMs)
      }
    }
    for (let at = 0; at < index.count; at++) expect(index.span(at)!.end).toBe(index.span(at + 1)?.position ?? end)
  }))
})

test('an index that was stored finds the same, and grows on', () => {
  fc.assert(fc.property(frames, frames, (lengths, more) => {
    const { index, end } = indexed(lengths)
    const restored = new SpanIndex()
    restored.restore(index.toNumbers(), end)
    let position = end
    for (const { length, maxTimestampMs } of more) {
      for (const each of [index, restored]) each.add({ position, length, baseOffset: position, maxTimestampMs })
      position += length
    }
    expect(restored.toNumbers()).toEqual(index.toNumbers())
    expect(restored.find(position)).toEqual(index.find(position))
  }))
})

test('an empty index has no spans', () => {
  expect([new SpanIndex().find(0), new SpanIndex().span(0), new SpanIndex().span(-1)]).toEqual([undefined, undefined, undefined])
})

test('epochs only grow, and those before an offset are told', () => {
  const epochs = new Epochs()
  epochs.note(2, 0)
  epochs.note(1, 5)
  epochs.note(5, 9)
  expect([epochs.latest, epochs.before(9), epochs.before(10)]).toEqual([5, [[2, 0]], [[2, 0], [5, 9]]])
})
