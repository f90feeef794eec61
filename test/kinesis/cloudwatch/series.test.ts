import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetricStore } from '../../../src/kinesis/cloudwatch/metric-store.ts'
import { Series, minuteMs, minutesKept } from '../../../src/kinesis/cloudwatch/series.ts'

const at = (minute: number, seconds = 0): number => minute * minuteMs + seconds * 1_000

describe('a series', () => {
  it('keeps Minimum, Maximum, Sum and SampleCount of each minute', () => {
    const series = new Series()
    for (const value of [5, -2, 9]) series.add(value, at(1_000, 30))
    series.add(7, at(1_001))
    series.addSet({ minimum: 1, maximum: 20, sum: 30, sampleCount: 4 }, at(1_001, 59))
    expect([...series.minutes(0, 2_000, at(1_001))]).toEqual([
      { minute: 1_000, set: { minimum: -2, maximum: 9, sum: 12, sampleCount: 3 } },
      { minute: 1_001, set: { minimum: 1, maximum: 20, sum: 37, sampleCount: 5 } },
    ])
    expect([...series.minutes(1_001, 1_002, at(1_001))].map(({ minute }) => minute)).toEqual([1_001])
    expect([series.total, series.samples, series.last]).toEqual([49, 8, 7.5])
  })

  it('keeps them for three hours, whenever they are told of', () => {
    // Minutes in any order within the time that is kept, against a plain map of them.
    fc.assert(fc.property(fc.integer({ min: 0, max: 100 }), fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: -20, max: 40 })), { maxLength: 400 }), (start, steps) => {
      const series = new Series()
      const plain = new Map<number, number>()
      let now = 10_000 + start
      for (const [ahead, value] of steps) {
        now += ahead % 7
        const minute = now - (ahead % (minutesKept + 1)) + (ahead % 3) * 10
        series.add(value, at(minute))
        plain.set(minute, (plain.get(minute) ?? 0) + value)
      }
      const kept = [...plain].filter(([minute]) => minute >= now - minutesKept).toSorted((a, b) => a[0] - b[0])
      expect([...series.minutes(0, Infinity, at(now))].map(({ minute, set }) => [minute, set.sum])).toEqual(kept)
    }), { seed: 41, numRuns: 300 })
  })
})

describe('the store', () => {
  const id = (name: string, stream: string) => ({ namespace: 'AWS/Kinesis', name, dimensions: [{ name: 'StreamName', value: stream }] })

  it('finds a metric by its name and exactly its dimensions, in any order', () => {
    const store = new MetricStore(100)
    const dimensions = [{ name: 'StreamName', value: 's' }, { name: 'ShardId', value: 'x' }]
    const metric = store.metric({ ...id('IncomingBytes', 's'), dimensions }, 'Bytes')
    expect(store.metric({ ...id('IncomingBytes', 's'), dimensions: dimensions.toReversed() }, 'Bytes')).toBe(metric)
    expect(store.find({ ...id('IncomingBytes', 's'), dimensions: dimensions.toReversed() }, undefined)).toEqual([metric])
    expect(store.find(id('IncomingBytes', 's'), undefined)).toEqual([])
    expect(store.find({ ...id('IncomingBytes', 's'), dimensions }, 'Count')).toEqual([])
    const inBits = store.metric({ ...id('IncomingBytes', 's'), dimensions }, 'Bits')
    expect(store.find({ ...id('IncomingBytes', 's'), dimensions }, undefined)).toEqual([metric, inBits])
    expect(store.find({ ...id('IncomingBytes', 's'), dimensions }, 'Bits')).toEqual([inBits])
  })

  it('forgets what was used longest ago when there are too many', () => {
    const store = new MetricStore(3)
    for (const stream of ['a', 'b', 'c']) store.metric(id('IncomingBytes', stream), 'Bytes')
    store.metric(id('IncomingBytes', 'a'), 'Bytes')
    store.metric(id('IncomingBytes', 'd'), 'Bytes')
    expect(store.all().flatMap(metric => metric.dimensions.map(({ value }) => value))).toEqual(['a', 'c', 'd'])
    expect(store.find(id('IncomingBytes', 'b'), undefined)).toEqual([])
    const kept = store.metric(id('IncomingBytes', 'a'), 'Bytes').series
    kept.add(1, at(5))
    for (const name of ['x', 'y', 'z']) store.metric(id(name, 'a'), 'Bytes')
    expect([...kept.minutes(0, 10, at(5))]).toEqual([])
    expect(store.named('AWS/Kinesis', 'IncomingBytes')).toEqual([])
  })
  it('forgets so, too, when identities are long', () => {
    const store = new MetricStore(1_000)
    const long = (at: number) => ({ namespace: 'App', name: `m${at}`, dimensions: Array.from({ length: 30 }, (_, nth) => ({ name: `d${nth}`, value: 'x'.repeat(1_000) })) })
    for (let at = 0; at < 400; at++) store.metric(long(at), 'None')
    const kept = store.all().length
    expect(kept).toBeGreaterThan(200)
    expect(kept).toBeLessThan(300)
    expect(store.find(long(399), undefined)).toHaveLength(1)
  })
})
