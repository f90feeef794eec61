import { expect, test } from 'vitest'
import { type LogTail, TailCache } from '../../../src/engine/log/tail-cache.ts'
import { Batch } from '../../../src/wire/batch.ts'
import { batchOf } from './open-log.ts'

function push(tail: LogTail, offset: number, bytes: number): Batch {
  return tail.push(batchOf(['x'.repeat(bytes)], 1, { baseOffset: offset }))
}

const offsets = (tail: LogTail, from: number) => [...tail.from(from)].map(batch => batch.baseOffset)

test('the newest batches of all logs are held within one bound, the oldest go first', () => {
  const cache = new TailCache(40_000)
  const [a, b] = [cache.tail(0), cache.tail(0)]
  for (let offset = 0; offset < 100; offset++) {
    for (const tail of [a, b]) {
      push(tail, offset, 1000)
      tail.settle(offset + 1)
      expect(cache.bytes).toBeLessThanOrEqual(40_000)
    }
  }
  expect(a.startOffset).toBeGreaterThan(85)
  expect(Math.abs(a.startOffset - b.startOffset)).toBeLessThanOrEqual(1)
  expect(offsets(a, a.startOffset)).toEqual(Array.from({ length: 100 - a.startOffset }, (_, index) => a.startOffset + index))
  expect(offsets(a, 99)).toEqual([99])
  a.close()
  b.close()
  expect(cache.bytes).toBe(0)
})

test('a log that follows another holds as much as it did before, and takes nothing from the others', () => {
  const cache = new TailCache(1_000_000)
  const [led, followed] = [cache.tail(0), cache.tail(0)]
  for (let offset = 0; offset < 10; offset++) {
    push(led, offset, 1000)
    led.settle(offset + 1)
  }
  const before = cache.bytes
  for (let offset = 0; offset < 10; offset++) push(followed, offset, 1000)
  expect([followed.startOffset, offsets(followed, 0).length]).toEqual([0, 10])
  followed.settle(10, { isKept: false })
  expect([followed.startOffset, offsets(followed, 10), cache.bytes]).toEqual([10, [], before])
  // One that led before gives its oldest for each.
  for (let offset = 10; offset < 13; offset++) push(led, offset, 2000)
  led.settle(13, { isKept: false })
  expect(offsets(led, led.startOffset)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  expect(cache.bytes).toBeGreaterThan(before)
  led.close()
  followed.close()
  expect(cache.bytes).toBe(0)
})

test('what is not yet durable stays, whatever the bound says', () => {
  const cache = new TailCache(10_000)
  const tail = cache.tail(0)
  for (let offset = 0; offset < 50; offset++) push(tail, offset, 1000)
  expect([tail.startOffset, offsets(tail, 0).length]).toEqual([0, 50])
  tail.settle(50)
  expect(tail.startOffset).toBeGreaterThan(40)
})

test('very small batches do not cost more memory than the bound', () => {
  const cache = new TailCache(1_000_000)
  const tail = cache.tail(0)
  for (let offset = 0; offset < 10_000; offset++) {
    push(tail, offset, 1)
    tail.settle(offset + 1)
  }
  expect(offsets(tail, tail.startOffset).length).toBeLessThan(2000)
})

test('a batch does not keep the large buffer alive that it came in', () => {
  const frame = Buffer.alloc(100_000)
  const { bytes } = batchOf(['x'.repeat(1000)])
  bytes.copy(frame, 100)
  const small = new TailCache(1_000_000).tail(0).push(Batch.parse(frame.subarray(100, 100 + bytes.length)))
  expect([small.bytes.buffer === frame.buffer, small.bytes.equals(bytes)]).toEqual([false, true])
  expect(small.bytes.buffer.byteLength).toBe(bytes.length)
  const whole = Batch.parse(Buffer.from(new Uint8Array(bytes).buffer))
  expect(new TailCache(1_000_000).tail(0).push(whole)).toBe(whole)
})

test('spans that were opened are kept within their share, the least used go first', () => {
  const cache = new TailCache(40_000)
  for (let index = 0; index < 20; index++) {
    cache.keepOpened(`span ${index}`, [], 3000)
    cache.opened('span 0')
  }
  expect(cache.bytes).toBeLessThanOrEqual(10_000)
  expect([cache.opened('span 0'), cache.opened('span 1'), cache.opened('span 19')]).toEqual([[], undefined, []])
  cache.keepOpened('too large', [], 20_000)
  expect(cache.opened('too large')).toBeUndefined()
})
