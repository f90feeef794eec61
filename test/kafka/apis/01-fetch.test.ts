import { describe, expect, it } from 'vitest'
import { Fetch } from '../../../src/kafka/apis/01-fetch.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { type ReadOptions, Refusal, type RefusalCode, type Slice } from '../../../src/ports.ts'
import { Batch, buildBatch } from '../../../src/wire/batch.ts'
import { startBroker } from '../broker.ts'
import { RawClient } from '../raw-client.ts'
import { threeBrokers, topicId } from '../three-brokers.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

interface Wish {
  readonly topic?: string
  readonly topicId?: string
  readonly partitions?: readonly Partial<Record<'partition' | 'fetchOffset' | 'partitionMaxBytes' | 'currentLeaderEpoch' | 'lastFetchedEpoch', number>>[]
}

type Limits = Partial<Record<'maxWaitMs' | 'minBytes' | 'maxBytes' | 'isolationLevel' | 'replicaId' | 'sessionId', number>>

function request(wishes: readonly Wish[], more: Limits = {}) {
  return {
    maxWaitMs: 0, minBytes: 1, ...more,
    topics: wishes.map(({ topic = '', partitions = [{}], ...id }) => ({
      topic, ...id, partitions: partitions.map(one => ({ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20, ...one })),
    })),
  }
}

/** Appends a batch of one record of so many bytes. */
async function fill(desk: Pick<Desk, 'backend'>, topic: string, partition: number, bytes: number): Promise<Batch> {
  const batch = buildBatch([{ key: null, value: Buffer.alloc(bytes) }], { timestampMs: 1000 })
  await desk.backend.logs.append({ topic, partition }, batch, { acks: 'all', timeoutMs: 1000 })
  return batch
}

describe('Fetch', () => {
  it('gives whole batches and the ends of the log in every version, by name or by id', async () => {
    for (const version of versionsOf(Fetch)) {
      const desk = kafkaDesk()
      const topicId = await desk.topic('orders')
      const batch = await fill(desk, 'orders', 0, 10)
      const { responses, sessionId, errorCode } = await desk.send(Fetch, version, request([version < 13 ? { topic: 'orders' } : { topicId }]))
      expect([sessionId, errorCode]).toEqual([0, 0])
      expect(version < 13 ? responses[0]!.topic : responses[0]!.topicId).toBe(version < 13 ? 'orders' : topicId)
      const [partition] = responses[0]!.partitions
      expect(partition, `v${version}`).toMatchObject({
        partitionIndex: 0, errorCode: 0, highWatermark: 1, lastStableOffset: 1, logStartOffset: version >= 5 ? 0 : -1, abortedTransactions: null, preferredReadReplica: -1,
      })
      expect(partition!.records!.length).toBe(batch.bytes.length)
    }
  })

  it('says with an empty list that nothing was aborted, to those who read committed records only', async () => {
    const asked: ReadOptions[] = []
    const read = async (_at: unknown, _from: number, how: ReadOptions): Promise<Slice> => {
      asked.push(how)
      return { batches: [], logStartOffset: 0, lastStableOffset: 3, highWatermark: 5, logEndOffset: 6, leaderEpoch: 0 }
    }
    const desk = kafkaDesk({ logs: { read } })
    const wish = [{ topic: 'orders', partitions: [{ currentLeaderEpoch: 4 }] }]
    const committed = await desk.send(Fetch, 11, request(wish, { isolationLevel: 1 }))
    const all = await desk.send(Fetch, 11, request(wish))
    expect(committed.responses[0]!.partitions[0]).toMatchObject({ abortedTransactions: [], lastStableOffset: 3, highWatermark: 5 })
    expect(committed.responses[0]!.partitions[0]!.records).toHaveLength(0)
    expect(all.responses[0]!.partitions[0]!.abortedTransactions).toBeNull()
    expect(asked).toMatchObject([{ committedOnly: true, leaderEpoch: 4, atLeastOne: true }, { committedOnly: false }])
  })

  it('gives the first partition with data one batch of any size, and keeps the others to what is left (KIP-74)', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders', 4)
    await fill(desk, 'orders', 1, 5_000)
    await fill(desk, 'orders', 2, 5_000)
    await fill(desk, 'orders', 3, 100)
    const sizes = async (maxBytes: number, partitionMaxBytes: number): Promise<number[]> => {
      const partitions = [0, 1, 2, 3].map(partition => ({ partition, partitionMaxBytes }))
      const { responses } = await desk.send(Fetch, 11, request([{ topic: 'orders', partitions }], { maxBytes }))
      return responses[0]!.partitions.map(partition => partition.records!.length)
    }
    const large = 5_000 + 70
    expect(await sizes(10, 10)).toEqual([0, large, 0, 0].map(size => (size === 0 ? 0 : expect.closeTo(size, -2))))
    expect(await sizes(large + 1000, 1 << 20)).toEqual([0, expect.closeTo(large, -2), 0, expect.closeTo(170, -2)])
    expect((await sizes(1 << 20, 1 << 20)).filter(size => size > 0)).toHaveLength(3)
    expect(await sizes(1 << 20, 200)).toEqual([0, expect.closeTo(large, -2), 0, expect.closeTo(170, -2)])
  })

  it('gives each refusal its code, and what cannot be an offset is out of range', async () => {
    const expected: Partial<Record<RefusalCode, number>> = {
      'offset-out-of-range': 1, 'unknown-topic': 3, 'unknown-partition': 3, 'not-leader': 6, 'storage-error': 56, 'fenced-leader-epoch': 74, 'unknown-leader-epoch': 75,
    }
    for (const [code, errorCode] of Object.entries(expected)) {
      const desk = kafkaDesk({ logs: { read: async () => new Refusal(code as RefusalCode, code) } })
      const { responses } = await desk.send(Fetch, 11, request([{ topic: 'orders' }], { maxWaitMs: 60_000 }))
      expect(responses[0]!.partitions[0]).toMatchObject({ errorCode, highWatermark: -1 })
    }
    const desk = kafkaDesk()
    await desk.topic('orders')
    const far = await desk.send(Fetch, 11, request([{ topic: 'orders', partitions: [{ fetchOffset: Number.MAX_SAFE_INTEGER }] }]))
    expect(far.responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  it('knows no session but none, and no topic id it did not give', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(Fetch, 11, request([], { sessionId: 7 }))).toMatchObject({ errorCode: ErrorCode.FETCH_SESSION_ID_NOT_FOUND, responses: [] })
    const { responses } = await desk.send(Fetch, 13, request([{ topicId: '01234567-89ab-cdef-0123-456789abcdef' }], { maxWaitMs: 60_000 }))
    expect(responses[0]!.partitions[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  it('asks for READ on each topic and waits for nothing when one is denied', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    const yours = await desk.topic('yours')
    await desk.grant(alice, 'read', 'topic', 'mine')
    const wishes = [{ topic: 'yours' }, { topic: 'mine' }, { topic: 'nowhere' }]
    const { responses } = await desk.send(Fetch, 11, request(wishes, { maxWaitMs: 60_000 }), alice)
    expect(responses.map(one => [one.topic, one.partitions[0]!.errorCode])).toEqual([['mine', 0], ['yours', 29], ['nowhere', 29]])
    expect(responses[1]!.partitions).toEqual(responses[2]!.partitions)
    const byId = await desk.send(Fetch, 13, request([{ topicId: yours }], { maxWaitMs: 60_000 }), alice)
    expect(byId.responses[0]!.partitions[0]!.errorCode).toBe(29)
  })

  it('reads as a replica only for those who may act for the cluster (CVE-2018-1288)', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    await desk.grant(alice, 'read', 'topic', 'mine')
    const asReplica = request([{ topic: 'mine' }], { replicaId: 2 })
    expect((await desk.send(Fetch, 11, asReplica, alice)).responses[0]!.partitions[0]!.errorCode).toBe(29)
    await desk.grant(alice, 'cluster-action', 'cluster', 'kafka-cluster')
    expect((await desk.send(Fetch, 11, asReplica, alice)).responses[0]!.partitions[0]!.errorCode).toBe(0)
  })
})

describe('Fetch that waits', () => {
  it('is answered as soon as there is a record', async () => {
    await using broker = await startBroker({ topics: { orders: 2 } })
    using client = await RawClient.connect(broker.port)
    const answer = client.ask(Fetch, 12, request([{ topic: 'orders', partitions: [{ partition: 0 }, { partition: 1 }] }], { maxWaitMs: 60_000 }))
    using other = await RawClient.connect(broker.port)
    expect((await other.ask(Fetch, 12, request([{ topic: 'orders' }]))).responses[0]!.partitions[0]!.highWatermark, 'the server has read the first request').toBe(0)
    await fill(broker, 'orders', 1, 10)
    const [, second] = (await answer).responses[0]!.partitions
    expect(second).toMatchObject({ highWatermark: 1, errorCode: 0 })
    expect(second!.records!.length).toBeGreaterThan(0)
  })

  it('is answered empty when its time is over, and not before', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    const startedAt = performance.now()
    const { responses } = await client.ask(Fetch, 12, request([{ topic: 'orders' }], { maxWaitMs: 200 }))
    expect(performance.now() - startedAt).toBeGreaterThan(190)
    expect(responses[0]!.partitions[0]!.records).toHaveLength(0)
  })

  it('collects minBytes over several appends', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    const answer = client.ask(Fetch, 12, request([{ topic: 'orders' }], { maxWaitMs: 60_000, minBytes: 1500 }))
    for (let count = 0; count < 4; count++) await fill(broker, 'orders', 0, 500)
    expect((await answer).responses[0]!.partitions[0]!.records!.length).toBeGreaterThanOrEqual(1500)
  })

  it('is answered empty when the server stops, and the connection then ends without an error', async () => {
    const broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    const errors: unknown[] = []
    client.socket.on('error', error => errors.push(error))
    const answer = client.ask(Fetch, 12, request([{ topic: 'orders' }], { maxWaitMs: 60_000 }))
    using other = await RawClient.connect(broker.port)
    await other.ask(Fetch, 12, request([{ topic: 'orders' }]))
    await broker[Symbol.asyncDispose]()
    expect((await answer).responses[0]!.partitions[0]!.errorCode).toBe(0)
    await client.closed
    expect(errors).toEqual([])
  })

  it('is given up when its client leaves', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    const signals: AbortSignal[] = []
    const { changed } = broker.backend.logs
    broker.backend.logs.changed = (seen, signal) => {
      signals.push(signal)
      return changed(seen, signal)
    }
    const client = await RawClient.connect(broker.port)
    client.tell(Fetch, 12, request([{ topic: 'orders' }], { maxWaitMs: 60_000 }))
    while (signals.length === 0) await new Promise(resolve => setImmediate(resolve))
    client[Symbol.dispose]()
    while (broker.server.connectionCount > 0) await new Promise(resolve => setImmediate(resolve))
    expect(signals[0]!.aborted).toBe(true)
  })

  it('tells from v16 on who leads instead, and where', async () => {
    const { admin, reach } = threeBrokers([{ leader: 2, leaderEpoch: 9 }, { leader: 3, leaderEpoch: 7 }, {}])
    const answers: RefusalCode[] = ['not-leader', 'fenced-leader-epoch', 'unknown-leader-epoch']
    const desk = kafkaDesk({ admin, reach, logs: { read: async at => new Refusal(answers[at.partition]!, '') } })
    for (const version of versionsOf(Fetch)) {
      const wish = { ...(version < 13 ? { topic: 'orders' } : { topicId }), partitions: [0, 1, 2].map(partition => ({ partition })) }
      const { responses, nodeEndpoints } = await desk.send(Fetch, version, request([wish]))
      expect(responses[0]!.partitions.map(one => one.errorCode), `v${version}`).toEqual([6, 74, 75])
      // The leader of the second is known, though it cannot be reached.
      const hints = version >= 16 ? [{ leaderId: 2, leaderEpoch: 9 }, { leaderId: 3, leaderEpoch: 7 }, null] : [null, null, null]
      expect(responses[0]!.partitions.map(one => one.currentLeader)).toEqual(hints)
      expect(nodeEndpoints).toEqual(version >= 16 ? [{ nodeId: 2, host: 'here.test', port: 9002, rack: 'b' }] : [])
    }
  })

  it('tells a reader whose log is another one where it diverges, at once and without records', async () => {
    const asked: (number | undefined)[] = []
    const read = async (_at: unknown, _from: number, how: ReadOptions): Promise<Slice> => {
      asked.push(how.lastFetchedEpoch)
      const ends = { logStartOffset: 0, lastStableOffset: 5, highWatermark: 5, logEndOffset: 5, leaderEpoch: 8 }
      return { ...ends, batches: [], ...(how.lastFetchedEpoch === 6 ? { diverging: { leaderEpoch: 4, endOffset: 3 } } : undefined) }
    }
    const changed = async (): Promise<void> => { throw new Error('nothing is to be waited for') }
    const desk = kafkaDesk({ logs: { read, changed } })
    await desk.topic('orders')
    const ask = async (lastFetchedEpoch: number, maxWaitMs: number) => (
      (await desk.send(Fetch, 12, request([{ topic: 'orders', partitions: [{ fetchOffset: 5, lastFetchedEpoch }] }], { maxWaitMs }))).responses[0]!.partitions[0]!
    )
    expect(await ask(6, 60_000)).toMatchObject({ errorCode: 0, divergingEpoch: { epoch: 4, endOffset: 3 }, records: Buffer.alloc(0), highWatermark: 5 })
    expect((await ask(8, 0)).divergingEpoch).toBeNull()
    expect((await ask(-1, 0)).divergingEpoch).toBeNull()
    expect(asked).toEqual([6, 8, undefined])
  })
})
