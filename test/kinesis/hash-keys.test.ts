import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashKeyMax, hashKeyOf, parseHashKey, uniformRange } from '../../src/kinesis/hash-keys.ts'

describe('uniform ranges', () => {
  test('are AWS\'s for three shards', () => {
    expect([0, 1, 2].map(index => uniformRange(index, 3))).toEqual([
      { start: 0n, end: 113427455640312821154458202477256070484n },
      { start: 113427455640312821154458202477256070485n, end: 226854911280625642308916404954512140969n },
      { start: 226854911280625642308916404954512140970n, end: 340282366920938463463374607431768211455n },
    ])
  })

  test('cover everything once, whatever the count', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), count => {
      const ranges = Array.from({ length: count }, (_, index) => uniformRange(index, count))
      expect(ranges[0]!.start).toBe(0n)
      expect(ranges.at(-1)!.end).toBe(hashKeyMax)
      for (let index = 1; index < count; index++) expect(ranges[index]!.start).toBe(ranges[index - 1]!.end + 1n)
    }), { numRuns: 50, seed: 1 })
  })
})

test('a partition key is hashed as the big-endian MD5 of its UTF-8 bytes', () => {
  for (const key of ['a', 'käse', '🧀'.repeat(256), '']) expect(hashKeyOf(key).toString(16).padStart(32, '0')).toBe(createHash('md5').update(key).digest('hex'))
})

test('an explicit hash key ends at 2^128 - 1', () => {
  expect(parseHashKey('340282366920938463463374607431768211455')).toBe(hashKeyMax)
  expect(parseHashKey('340282366920938463463374607431768211456')).toBeUndefined()
})
