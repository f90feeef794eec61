import { describe, expect, it } from 'vitest'
import { ListOffsets } from '../../../src/kafka/apis/02-list-offsets.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { Refusal } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

function request(timestamp: number, more: { isolationLevel?: number; currentLeaderEpoch?: number; name?: string; partitionIndex?: number } = {}) {
  const { isolationLevel = 0, name = 'orders', partitionIndex = 0, ...rest } = more
  return { replicaId: -1, isolationLevel, topics: [{ name, partitions: [{ partitionIndex, timestamp, ...rest }] }] }
}

/** Three records at 1000, 3000 and 2000 ms in two batches. */
async function filled(): Promise<Desk> {
  const desk = kafkaDesk()
  await desk.topic('orders')
  for (const times of [[1000, 3000], [2000]]) {
    const records = times.map(timestampMs => ({ key: null, value: null, timestampMs }))
    await desk.backend.logs.append({ topic: 'orders', partition: 0 }, buildBatch(records, { timestampMs: times[0]! }), { acks: 'all', timeoutMs: 1000 })
  }
  return desk
}

async function find(desk: Desk, version: number, timestamp: number) {
  const { topics } = await desk.send(ListOffsets, version, request(timestamp))
  const { errorCode, offset, timestamp: found } = topics[0]!.partitions[0]!
  return errorCode === 0 ? { offset, timestamp: found } : { errorCode }
}

describe('ListOffsets', () => {
  it('finds the ends in every version', async () => {
    const desk = await filled()
    for (const version of versionsOf(ListOffsets)) {
      expect(await find(desk, version, -1), `v${version}`).toEqual({ offset: 3, timestamp: -1 })
      expect(await find(desk, version, -2), `v${version}`).toEqual({ offset: 0, timestamp: -1 })
    }
  })

  it('finds the first record at or after a time, to the record, and nothing after the last', async () => {
    const desk = await filled()
    expect(await find(desk, 5, 0)).toEqual({ offset: 0, timestamp: 1000 })
    expect(await find(desk, 5, 1000)).toEqual({ offset: 0, timestamp: 1000 })
    expect(await find(desk, 5, 1001)).toEqual({ offset: 1, timestamp: 3000 })
    expect(await find(desk, 5, 3001)).toEqual({ offset: -1, timestamp: -1 })
  })

  it('finds the largest timestamp from v7, the local start from v8, nothing tiered from v9 and v11; earlier versions say they cannot', async () => {
    const desk = await filled()
    const cannot = { errorCode: ErrorCode.UNSUPPORTED_VERSION }
    const nothing = { offset: -1, timestamp: -1 }
    expect([await find(desk, 6, -3), await find(desk, 7, -3)]).toEqual([cannot, { offset: 1, timestamp: 3000 }])
    expect([await find(desk, 7, -4), await find(desk, 8, -4)]).toEqual([cannot, { offset: 0, timestamp: -1 }])
    expect([await find(desk, 8, -5), await find(desk, 9, -5)]).toEqual([cannot, nothing])
    expect([await find(desk, 10, -6), await find(desk, 11, -6)]).toEqual([cannot, nothing])
    expect(await find(desk, 11, -7)).toEqual(cannot)
  })

  it('shows those who read committed records only what lies below the last stable offset', async () => {
    const ends = async () => ({ logStartOffset: 0, lastStableOffset: 2, highWatermark: 3, logEndOffset: 4, leaderEpoch: 6 })
    const desk = kafkaDesk({ logs: { ends, offsetForTime: async () => ({ offset: 2, timestampMs: 9, leaderEpoch: 6 }) } })
    const offsetOf = async (timestamp: number, isolationLevel: number) => (await desk.send(ListOffsets, 5, request(timestamp, { isolationLevel }))).topics[0]!.partitions[0]
    expect(await offsetOf(-1, 0)).toMatchObject({ offset: 3, leaderEpoch: 6 })
    expect(await offsetOf(-1, 1)).toMatchObject({ offset: 2 })
    expect(await offsetOf(5, 0)).toMatchObject({ offset: 2, timestamp: 9 })
    expect(await offsetOf(5, 1)).toMatchObject({ offset: -1, timestamp: -1, errorCode: 0 })
    const epochs = async (currentLeaderEpoch: number) => (await desk.send(ListOffsets, 5, request(-1, { currentLeaderEpoch }))).topics[0]!.partitions[0]!.errorCode
    expect([await epochs(-1), await epochs(5), await epochs(6), await epochs(7)]).toEqual([0, ErrorCode.FENCED_LEADER_EPOCH, 0, ErrorCode.UNKNOWN_LEADER_EPOCH])
  })

  it('refuses a partition that is asked for twice, and what does not exist', async () => {
    const desk = await filled()
    const partitions = [{ partitionIndex: 0, timestamp: -1 }, { partitionIndex: 0, timestamp: -2 }, { partitionIndex: 5, timestamp: -1 }]
    const { topics } = await desk.send(ListOffsets, 5, { replicaId: -1, topics: [{ name: 'orders', partitions }] })
    expect(topics[0]!.partitions.map(one => one.errorCode)).toEqual([42, 42, 3])
    expect((await desk.send(ListOffsets, 5, request(-1, { name: 'nowhere' }))).topics[0]!.partitions[0]!.errorCode).toBe(3)
  })

  it('asks for DESCRIBE, and a denial reads the same whether the topic exists or not', async () => {
    const desk = await filled()
    for (const name of ['orders', 'nowhere']) {
      const { topics } = await desk.send(ListOffsets, 5, request(-1, { name }), alice)
      expect(topics).toEqual([{ name, partitions: [{ partitionIndex: 0, errorCode: 29, offset: -1, timestamp: -1, leaderEpoch: -1 }] }])
    }
    await desk.grant(alice, 'describe', 'topic', 'orders')
    expect((await desk.send(ListOffsets, 5, request(-1), alice)).topics[0]!.partitions[0]!.errorCode).toBe(0)
  })

  it('tells from v4 on the leader epoch of the record that lies at the offset', async () => {
    const batch = buildBatch([{ key: null, value: Buffer.from('a') }], { timestampMs: 1, leaderEpoch: 2 })
    const ends = { logStartOffset: 0, lastStableOffset: 9, highWatermark: 9, logEndOffset: 9, leaderEpoch: 6 }
    let batches = [batch]
    const desk = kafkaDesk({ logs: { ends: async () => ends, read: async () => ({ ...ends, batches }), offsetForTime: async () => ({ offset: 4, timestampMs: 7, leaderEpoch: 3 }) } })
    const epochOf = async (version: number, timestamp: number) => (await desk.send(ListOffsets, version, request(timestamp))).topics[0]!.partitions[0]!.leaderEpoch
    for (const version of versionsOf(ListOffsets)) {
      expect([await epochOf(version, -2), await epochOf(version, -1), await epochOf(version, 5)], `v${version}`).toEqual(version >= 4 ? [2, 6, 3] : [-1, -1, -1])
    }
    batches = []
    expect(await epochOf(11, -2), 'of an empty log the leader\'s own').toBe(6)
  })

  it('has clients ask again while the leader does not know how far its replicas are', async () => {
    const desk = kafkaDesk({ logs: { ends: async () => new Refusal('offset-not-available', 'not yet') } })
    const codeOf = async (version: number) => (await desk.send(ListOffsets, version, request(-1))).topics[0]!.partitions[0]!.errorCode
    expect([await codeOf(1), await codeOf(4), await codeOf(5), await codeOf(11)]).toEqual([5, 5, 78, 78])
  })
})
