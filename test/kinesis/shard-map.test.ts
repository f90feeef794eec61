import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalSequenceNumber, hashKeyMax, hashKeyOf, hashKeyRange, isOfShard, parseHashKey, parseSequenceNumber, sequenceNumberOf, shardIdOf, shardIndexOf, shardOfHashKey, shardOfPartitionKey,
  startingSequenceNumber,
} from '../../src/kinesis/shard-map.ts'

const offsets = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }))
const indexes = fc.oneof(fc.nat(40), fc.nat(2 ** 31 - 1))
const times = fc.integer({ min: 0, max: 2 ** 36 - 2 }).map(second => second * 1_000)

describe('hash key ranges', () => {
  test('are AWS\'s for three shards', () => {
    expect([0, 1, 2].map(index => hashKeyRange(index, 3))).toEqual([
      { start: 0n, end: 113427455640312821154458202477256070484n },
      { start: 113427455640312821154458202477256070485n, end: 226854911280625642308916404954512140969n },
      { start: 226854911280625642308916404954512140970n, end: 340282366920938463463374607431768211455n },
    ])
  })

  test('cover everything once, whatever the count', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), count => {
      const ranges = Array.from({ length: count }, (_, index) => hashKeyRange(index, count))
      expect(ranges[0]!.start).toBe(0n)
      expect(ranges.at(-1)!.end).toBe(hashKeyMax)
      for (let index = 1; index < count; index++) expect(ranges[index]!.start).toBe(ranges[index - 1]!.end + 1n)
    }), { numRuns: 50 })
  })

  test('are where a hash key is routed to', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2_000 }), fc.bigInt({ min: 0n, max: hashKeyMax }), (count, hashKey) => {
      const { start, end } = hashKeyRange(shardOfHashKey(hashKey, count), count)
      expect(start <= hashKey && hashKey <= end).toBe(true)
    }))
  })

  test('are where a partition key is routed to, by the short way as by the long', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 100_000 }), fc.string({ unit: 'grapheme' }), (count, key) => {
      expect(shardOfPartitionKey(key, count)).toBe(shardOfHashKey(hashKeyOf(key), count))
    }), { numRuns: 20_000 })
  })

  test('have both of their edges to themselves', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 2_000 }), fc.nat(1_999), (count, at) => {
      const index = at % count
      const { start, end } = hashKeyRange(index, count)
      expect([shardOfHashKey(start, count), shardOfHashKey(end, count)]).toEqual([index, index])
    }))
  })
})

test('a partition key is hashed as the big-endian MD5 of its UTF-8 bytes', () => {
  for (const key of ['a', 'käse', '🧀'.repeat(256), '']) expect(hashKeyOf(key).toString(16).padStart(32, '0')).toBe(createHash('md5').update(key).digest('hex'))
})

test('an explicit hash key ends at 2^128 - 1', () => {
  expect(parseHashKey('340282366920938463463374607431768211455')).toBe(hashKeyMax)
  expect(parseHashKey('340282366920938463463374607431768211456')).toBeUndefined()
})

test.each([['shardId-000000000007', 7], ['shardId-7', 7], ['7', 7], ['other-00007', 7], ['-7', 7], ['2147483647', 2147483647]])('shard id %s names shard %i', (id, index) => {
  expect(shardIndexOf(id)).toBe(index)
  expect(shardIdOf(7)).toBe('shardId-000000000007')
})

test.each(['2147483648', 'shardId-002147483648', 'ABKLFD8', '2.14E4', 'shardId-', 'shardId--7'])('shard id %s names none', id => {
  expect(shardIndexOf(id)).toBeUndefined()
})

describe('sequence numbers', () => {
  test('have AWS\'s 186-bit layout', () => {
    const number = sequenceNumberOf({ index: 3, createdAtMs: 1_420_070_400_000 }, 41, 1_421_889_722_000)
    expect(number).toHaveLength(56)
    // 2, created 2015-01-01 as nine digits, shard 3, index 42 as sixteen, 00, arrival as nine, shard as eight, 2.
    expect(BigInt(number).toString(16)).toBe(`2${'054a48e00'}3${'000000000000002a'}00${'054c050ba'}${'00000003'}2`)
    expect(BigInt(startingSequenceNumber({ index: 1, createdAtMs: 0 })) - BigInt(startingSequenceNumber({ index: 0, createdAtMs: 0 })))
      .toBe(22300745198530623141535718272648361505980432n)
  })

  test('give back offset, shard, creation and arrival, over the whole range', () => {
    fc.assert(fc.property(indexes, times, offsets, times, (index, createdAtMs, offset, arrivalMs) => {
      const shard = { index, createdAtMs }
      const position = parseSequenceNumber(sequenceNumberOf(shard, offset, arrivalMs))
      expect(position).toEqual({ version: 2, shardIndex: index, createdSecond: createdAtMs / 1_000, offset, arrivalSecond: arrivalMs / 1_000 })
      expect(isOfShard(position!, shard)).toBe(true)
      expect(isOfShard(position!, { index, createdAtMs: createdAtMs + 1_000 })).toBe(false)
      expect(isOfShard(position!, { index: index ^ 1, createdAtMs })).toBe(false)
    }), { numRuns: 5_000 })
  })

  test('order as offsets do, whenever the records arrived', () => {
    fc.assert(fc.property(indexes, times, offsets, offsets, times, times, (index, createdAtMs, a, b, arrivalA, arrivalB) => {
      const numbers = [sequenceNumberOf({ index, createdAtMs }, a, arrivalA), sequenceNumberOf({ index, createdAtMs }, b, arrivalB)].map(BigInt) as [bigint, bigint]
      if (a !== b) expect(numbers[0] < numbers[1]).toBe(a < b)
    }), { numRuns: 5_000 })
  })

  test('of all records come after the number their shard starts with', () => {
    fc.assert(fc.property(indexes, times, offsets, times, (index, createdAtMs, offset, arrivalMs) => {
      const start = startingSequenceNumber({ index, createdAtMs })
      expect(BigInt(sequenceNumberOf({ index, createdAtMs }, offset, arrivalMs)) > BigInt(start)).toBe(true)
      expect(parseSequenceNumber(start)?.offset).toBe(-1)
    }))
  })

  test('are told from damaged ones: whatever parses is what would be written', () => {
    fc.assert(fc.property(fc.bigInt({ min: 2n ** 185n, max: 2n ** 185n + 2n ** 185n / 2n }), value => {
      const position = parseSequenceNumber(value.toString())
      if (position?.version !== 2) return
      const again = sequenceNumberOf({ index: position.shardIndex, createdAtMs: position.createdSecond * 1_000 }, position.offset, position.arrivalSecond * 1_000)
      expect(again).toBe(value.toString())
    }), { numRuns: 5_000 })
  })

  test.each([
    ['a number of the first layout', '5', { version: 0, shardIndex: 5 }],
    ['the first layout without its leading bit', '425352958651173072921826052383309826', { version: 0, shardIndex: 2 }],
  ])('%s still names its shard', (_what, number, expected) => {
    expect(parseSequenceNumber(number)).toMatchObject(expected)
  })

  test.each([
    ['a date too large', BigInt('0x13bb2cc3d80000000000000000000000')],
    ['an index with its high bit', BigInt('0x20000000000800000000000000000000000000000000002')],
    ['a shard with its high bit', BigInt('0x20000000000000000000000000000000000000800000002')],
    ['layout 3', BigInt('0x20000000000000000000000000000000000000000000003')],
    ['a number longer than any', 10n ** 128n],
  ])('%s parses as nothing', (_what, value) => {
    expect(parseSequenceNumber(value.toString())).toBeUndefined()
  })

  test('without their leading bit print with it', () => {
    expect(canonicalSequenceNumber('0')).toBe('21267647932558653966460912964485513216')
    expect(canonicalSequenceNumber('425352958651173072921826052383309826')).toBe('21693000891209827039382739016868823042')
  })
})
