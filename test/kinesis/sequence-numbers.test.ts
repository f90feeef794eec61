import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonicalSequenceNumber, endingSequenceNumber, isOfShard, parseSequenceNumber, sequenceNumberOf, shardIndexMax, startingSequenceNumber,
} from '../../src/kinesis/sequence-numbers.ts'

const offsets = fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 }))
const indexes = fc.oneof(fc.nat(40), fc.nat(shardIndexMax))
const seconds = fc.integer({ min: 0, max: 2 ** 36 - 2 })
const times = seconds.map(second => second * 1_000)

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

  test('of a closed shard end behind every record it could have had, and before whatever its children start with', () => {
    fc.assert(fc.property(indexes, indexes, seconds, fc.integer({ min: 1, max: 2 ** 20 }), offsets, times, times, (index, child, second, later, offset, arrivalMs, closedAtMs) => {
      const shard = { index, createdAtMs: second * 1_000 + 999 }
      const end = endingSequenceNumber(shard, closedAtMs)
      expect(end).toHaveLength(56)
      expect(BigInt(end) > BigInt(sequenceNumberOf(shard, offset, arrivalMs))).toBe(true)
      expect(BigInt(end) < BigInt(startingSequenceNumber({ index: child, createdAtMs: Math.min(second + later, 2 ** 36 - 1) * 1_000 }))).toBe(true)
      const position = parseSequenceNumber(end)!
      expect(position).toMatchObject({ version: 2, shardIndex: index, offset: Infinity, arrivalSecond: closedAtMs / 1_000 })
      expect(isOfShard(position, shard)).toBe(true)
    }), { numRuns: 5_000, seed: 5 })
  })

  test('of a closed shard end with AWS\'s largest index', () => {
    expect(BigInt(endingSequenceNumber({ index: 3, createdAtMs: 1_420_070_400_000 }, 1_421_889_722_000)).toString(16))
      .toBe(`2${'054a48e00'}3${'7fffffffffffffff'}00${'054c050ba'}${'00000003'}2`)
  })

  test('are told from damaged ones: whatever parses is what would be written', () => {
    fc.assert(fc.property(fc.bigInt({ min: 2n ** 185n, max: 2n ** 185n + 2n ** 185n / 2n }), value => {
      const position = parseSequenceNumber(value.toString())
      if (position?.version !== 2 || position.offset === Infinity) return
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
