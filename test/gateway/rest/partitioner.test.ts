import { describe, expect, it } from 'vitest'
import { murmur2, Partitioner, partitionOfKey } from '../../../src/gateway/rest/partitioner.ts'

describe('murmur2', () => {
  // The values of Kafka's own UtilsTest.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ])('of %j is %i, as in the Java client', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash)
  })

  it('places keys as kafkajs does', async () => {
    const { Partitioners } = (await import('kafkajs')).default
    const theirs = Partitioners.DefaultPartitioner()
    const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({ partitionId, leader: 0, partitionErrorCode: 0, replicas: [], isr: [] }))
    for (let length = 0; length < 40; length++) {
      const key = Buffer.from(Array.from({ length }, (_, at) => (at * 37 + length) & 0xff))
      expect(partitionOfKey(key, 7)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value: null } }))
    }
  })
})

describe('records without a key', () => {
  it('take one partition after the other, per topic', () => {
    const partitioner = new Partitioner()
    expect([0, 1, 2, 3].map(() => partitioner.sticky('a', 3))).toEqual([0, 1, 2, 0])
    expect(partitioner.sticky('b', 3)).toBe(0)
  })
})
