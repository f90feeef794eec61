import { describe, expect, test } from 'vitest'
import { Limits } from '../../src/kinesis/limits.ts'
import { Throughput, replyBytesMax } from '../../src/kinesis/throughput.ts'
import { TestClock } from './support/kinesis.ts'

const MiB = 1_048_576

function meter(profile: 'aws' | 'off' = 'aws') {
  const clock = new TestClock()
  const limits = new Limits(profile)
  const throughput = new Throughput({ clock, limits })
  return { clock, limits, throughput, shard: throughput.shard('topic', 0) }
}

describe('writing to a shard', () => {
  test('takes a thousand records a second, and no more', () => {
    const { clock, shard } = meter()
    for (let at = 0; at < 1_000; at++) expect(shard.admitRecord(1, 'PutRecord')).toBe(true)
    expect(shard.admitRecord(1, 'PutRecord')).toBe(false)
    clock.advance(1)
    expect([shard.admitRecord(1, 'PutRecord'), shard.admitRecord(1, 'PutRecord')]).toEqual([true, false])
    clock.advance(1_000)
    for (let at = 0; at < 1_000; at++) expect(shard.admitRecord(1, 'PutRecord')).toBe(true)
    expect(shard.admitRecord(1, 'PutRecord')).toBe(false)
  })

  test('takes a MiB a second, and what is refused costs nothing', () => {
    const { clock, shard } = meter()
    expect([shard.admitRecord(MiB, 'PutRecord'), shard.admitRecord(1, 'PutRecord')]).toEqual([true, false])
    clock.advance(999)
    expect(shard.admitRecord(MiB, 'PutRecord')).toBe(false)
    clock.advance(1)
    expect(shard.admitRecord(MiB, 'PutRecord')).toBe(true)
  })

  test('takes a record of ten MiB into a full bucket, and has the average hold afterwards', () => {
    const { clock, shard } = meter()
    expect(shard.admitRecord(10 * MiB, 'PutRecord')).toBe(true)
    clock.advance(9_000)
    expect(shard.admitRecord(1, 'PutRecord')).toBe(false)
    clock.advance(1)
    expect(shard.admitRecord(1, 'PutRecord')).toBe(true)
    clock.advance(999)
    expect(shard.admitRecord(10 * MiB, 'PutRecord')).toBe(false)
  })

  test('of one stream does not count against another shard, stream or incarnation', () => {
    const { throughput, shard } = meter()
    expect(shard.admitRecord(MiB, 'PutRecord')).toBe(true)
    expect(throughput.shard('topic', 1).admitRecord(MiB, 'PutRecord')).toBe(true)
    expect(throughput.shard('topic again', 0).admitRecord(MiB, 'PutRecord')).toBe(true)
    expect(throughput.shard('topic', 0).admitRecord(1, 'PutRecord')).toBe(false)
  })
})

describe('reading from a shard', () => {
  test('takes five calls a second, of both kinds apart', () => {
    const { clock, shard } = meter()
    for (const admit of [() => shard.admitRead(), () => shard.admitIterator()]) {
      expect([1, 2, 3, 4, 5, 6].map(admit)).toEqual([true, true, true, true, true, false])
      clock.advance(200)
      expect([admit(), admit()]).toEqual([true, false])
    }
  })

  test('gives two MiB a second', () => {
    const { clock, shard } = meter()
    shard.admitRead()
    shard.gave({ bytes: 3 * MiB, isCut: false })
    clock.advance(500)
    expect(shard.admitRead()).toBe(false)
    clock.advance(1)
    expect(shard.admitRead()).toBe(true)
  })

  test('rests five seconds after the largest answer there is', () => {
    const { clock, shard } = meter()
    shard.admitRead()
    shard.gave({ bytes: replyBytesMax - 7, isCut: true })
    clock.advance(5_000)
    expect(shard.admitRead()).toBe(false)
    clock.advance(1)
    expect(shard.admitRead()).toBe(true)
  })
})

test('without limits everything is taken, and still metered', () => {
  const { clock, throughput, shard } = meter('off')
  for (let at = 0; at < 5_000; at++) expect(shard.admitRecord(1_000, 'PutRecord')).toBe(true)
  for (let at = 0; at < 50; at++) expect(shard.admitRead()).toBe(true)
  shard.gave({ bytes: 99 * MiB, isCut: true })
  expect(throughput.used('topic', 0)).toEqual({
    writeBytesPerSecond: 5_000_000, writeRecordsPerSecond: 5_000, readBytesPerSecond: 99 * MiB, readCallsPerSecond: 50, limits: null,
  })
  clock.advance(1_000)
  expect(throughput.used('topic', 0)).toMatchObject({ writeBytesPerSecond: 0, readCallsPerSecond: 0 })
})

test('what is used is that of the last second, against its limit', () => {
  const { clock, throughput, shard } = meter()
  shard.admitRecord(100, 'PutRecord')
  clock.advance(600)
  shard.admitRecord(50, 'PutRecord')
  expect(throughput.used('topic', 0)).toMatchObject({ writeBytesPerSecond: 150, writeRecordsPerSecond: 2, limits: { writeBytesPerSecond: MiB, readCallsPerSecond: 5 } })
  clock.advance(600)
  expect(throughput.used('topic', 0)).toMatchObject({ writeBytesPerSecond: 50, writeRecordsPerSecond: 1 })
  expect(throughput.used('nobody', 9)).toMatchObject({ writeBytesPerSecond: 0 })
})

test('limits that come into force at run time do not count what went through before', () => {
  const { limits, shard } = meter('off')
  for (let at = 0; at < 5_000; at++) shard.admitRecord(1_000, 'PutRecord')
  limits.change({ ...limits.settings, profile: 'aws' })
  expect(shard.admitRecord(MiB, 'PutRecord')).toBe(true)
  expect(shard.admitRecord(1, 'PutRecord')).toBe(false)
  limits.change({ ...limits.settings, profile: 'off' })
  expect(shard.admitRecord(1, 'PutRecord')).toBe(true)
})
