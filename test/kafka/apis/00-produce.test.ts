import { describe, expect, it } from 'vitest'
import { Produce } from '../../../src/kafka/apis/00-produce.ts'
import { Fetch } from '../../../src/kafka/apis/01-fetch.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { type AppendOptions, type PartitionRef, Refusal, type RefusalCode } from '../../../src/ports.ts'
import { Batch, buildBatch, type Codec } from '../../../src/wire/batch.ts'
import { startBroker } from '../broker.ts'
import { RawClient } from '../raw-client.ts'
import { threeBrokers, topicId } from '../three-brokers.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'
import { rejecting } from '../../support/validation.ts'

const alice = 'User:CN=alice'

function batchOf(values: readonly string[], options: { codec?: Codec; isTransactional?: boolean } = {}): Buffer {
  return buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), { timestampMs: 1_700_000_000_000, ...options }).bytes
}

function request(name: string, records: Buffer | null, more: { acks?: number; transactionalId?: string; topicId?: string; index?: number } = {}) {
  const { acks = -1, transactionalId = null, index = 0 } = more
  const topicId = more.topicId === undefined ? undefined : { topicId: more.topicId }
  return { transactionalId, acks, timeoutMs: 1000, topicData: [{ name, ...topicId, partitionData: [{ index, records }] }] }
}

describe('Produce', () => {
  it('appends a batch and says where, in every version, by name or by id', async () => {
    for (const version of versionsOf(Produce)) {
      const desk = kafkaDesk()
      const topicId = await desk.topic('orders')
      await desk.send(Produce, version, request('orders', batchOf(['a', 'b', 'c']), { topicId }))
      const { responses } = await desk.send(Produce, version, request('orders', batchOf(['d']), { topicId }))
      const [topic] = responses
      expect(version < 13 ? topic!.name : topic!.topicId).toBe(version < 13 ? 'orders' : topicId)
      expect(topic!.partitionResponses, `v${version}`).toEqual([{
        index: 0, errorCode: 0, baseOffset: 3, logAppendTimeMs: -1, logStartOffset: version >= 5 ? 0 : -1, recordErrors: [], errorMessage: null, currentLeader: null,
      }])
      const ends = await desk.backend.logs.ends({ topic: 'orders', partition: 0 })
      expect(ends).toMatchObject({ highWatermark: 4 })
    }
  })

  it('passes the level of acknowledgement and the timeout on, and takes no other', async () => {
    const asked: AppendOptions[] = []
    const append = async (_at: PartitionRef, _batch: Batch, how: AppendOptions) => {
      asked.push(how)
      return { baseOffset: 0, logAppendTimeMs: -1, logStartOffset: 0 }
    }
    const desk = kafkaDesk({ logs: { append } })
    await desk.send(Produce, 9, request('orders', batchOf(['a']), { acks: -1 }))
    await desk.send(Produce, 9, request('orders', batchOf(['a']), { acks: 1 }))
    const { responses } = await desk.send(Produce, 9, request('orders', batchOf(['a']), { acks: 2 }))
    expect(asked).toEqual([{ acks: 'all', timeoutMs: 1000 }, { acks: 'leader', timeoutMs: 1000 }])
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS)
  })

  it('refuses what is not exactly one batch of the current format', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    const one = batchOf(['a'])
    const oldMagic = Buffer.from(one)
    oldMagic[16] = 1
    const errorOf = async (records: Buffer | null, version = 9): Promise<number> =>
      (await desk.send(Produce, version, request('orders', records))).responses[0]!.partitionResponses[0]!.errorCode
    expect(await errorOf(null)).toBe(ErrorCode.INVALID_RECORD)
    expect(await errorOf(Buffer.alloc(0))).toBe(ErrorCode.INVALID_RECORD)
    expect(await errorOf(Buffer.concat([one, one]))).toBe(ErrorCode.INVALID_RECORD)
    expect(await errorOf(oldMagic)).toBe(ErrorCode.INVALID_RECORD)
    expect(await errorOf(one.subarray(0, -1))).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(await errorOf(one.subarray(0, 10))).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(await errorOf(batchOf(['a'], { codec: 'zstd' }), 6)).toBe(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    expect(await errorOf(batchOf(['a'], { codec: 'zstd' }), 7)).toBe(ErrorCode.NONE)
  })

  it('refuses transactions for good', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    for (const sent of [request('orders', batchOf(['a'], { isTransactional: true })), request('orders', batchOf(['a']), { transactionalId: 'tx' })]) {
      const { responses } = await desk.send(Produce, 9, sent)
      expect(responses[0]!.partitionResponses[0]).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE, errorMessage: 'transactions are not offered' })
    }
  })

  it('gives each refusal of the log its code, its text and its records', async () => {
    const expected: Partial<Record<RefusalCode, number>> = {
      'unknown-topic': 3, 'not-leader': 6, 'message-too-large': 10, 'invalid-topic': 17, 'record-list-too-large': 18, 'not-enough-replicas': 19,
      'not-enough-replicas-after-append': 20, 'invalid-timestamp': 32, 'sealed-partition': 42, 'out-of-order-sequence-number': 45, 'invalid-producer-epoch': 47,
      'storage-error': 56, 'invalid-record': 87, 'corrupt-message': 2, 'request-timed-out': 7, 'unsupported-compression-type': 76,
    }
    for (const [code, errorCode] of Object.entries(expected)) {
      const desk = kafkaDesk({ logs: { append: async () => new Refusal(code as RefusalCode, `because ${code}`, [{ index: 4, message: 'no key' }]) } })
      const { responses } = await desk.send(Produce, 8, request('orders', batchOf(['a'])))
      expect(responses[0]!.partitionResponses[0]).toMatchObject({
        errorCode, errorMessage: `because ${code}`, baseOffset: -1, recordErrors: [{ batchIndex: 4, batchIndexErrorMessage: 'no key' }],
      })
    }
  })

  it('answers each partition for itself, and an id that is not known with UNKNOWN_TOPIC_ID', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders', 2)
    const records = batchOf(['a'])
    const { responses } = await desk.send(Produce, 9, {
      acks: -1, timeoutMs: 1000,
      topicData: [
        { name: 'nowhere', partitionData: [{ index: 0, records }] },
        { name: 'orders', partitionData: [{ index: 7, records }, { index: 1, records }] },
      ],
    })
    const codes = responses.flatMap(topic => topic.partitionResponses.map(partition => [topic.name, partition.index, partition.errorCode]))
    expect(codes).toEqual([['nowhere', 0, 3], ['orders', 7, 3], ['orders', 1, 0]])
    const byId = await desk.send(Produce, 13, request('', records, { topicId: '01234567-89ab-cdef-0123-456789abcdef' }))
    expect(byId.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID)
  })

  it('asks for WRITE on each topic, and a denial reads the same whether the topic exists or not', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    const yours = await desk.topic('yours')
    await desk.grant(alice, 'write', 'topic', 'mine')
    const records = batchOf(['a'])
    const topicData = ['yours', 'mine', 'nowhere'].map(name => ({ name, partitionData: [{ index: 0, records }] }))
    const { responses } = await desk.send(Produce, 9, { acks: -1, timeoutMs: 1000, topicData }, alice)
    expect(responses.map(topic => [topic.name, topic.partitionResponses[0]!.errorCode])).toEqual([['mine', 0], ['yours', 29], ['nowhere', 29]])
    expect(responses[1]!.partitionResponses).toEqual(responses[2]!.partitionResponses)
    expect(await desk.backend.logs.ends({ topic: 'yours', partition: 0 })).toMatchObject({ highWatermark: 0 })

    const byId = await desk.send(Produce, 13, request('', records, { topicId: yours }), alice)
    expect(byId.responses[0]!.partitionResponses[0]!.errorCode).toBe(29)
    const transactional = await desk.send(Produce, 9, request('mine', records, { transactionalId: 'tx' }), alice)
    expect(transactional.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  })
})

describe('Produce to a validated topic', () => {
  const validation = rejecting(({ value }) => (value?.toString() === 'bad' ? { part: 'value', pointer: '/amount', reason: 'must be number' } : null), 'strict')

  it('names every record that does not fit, and stores nothing of its batch', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const desk = kafkaDesk({ validation })
      await desk.topic('strict')
      const { responses } = await desk.send(Produce, 8, request('strict', batchOf(['good', 'bad', 'good', 'bad'], { codec })))
      expect(responses[0]!.partitionResponses[0], codec).toMatchObject({
        errorCode: ErrorCode.INVALID_RECORD,
        errorMessage: 'One or more records have been rejected due to 2 record errors in total, and only showing the first three errors at most: '
          + '[RecordError(batchIndex=1, message=\'value at /amount: must be number\'), RecordError(batchIndex=3, message=\'value at /amount: must be number\')]',
        recordErrors: [
          { batchIndex: 1, batchIndexErrorMessage: 'value at /amount: must be number' },
          { batchIndex: 3, batchIndexErrorMessage: 'value at /amount: must be number' },
        ],
      })
      expect(await desk.backend.logs.ends({ topic: 'strict', partition: 0 })).toMatchObject({ highWatermark: 0 })
      const fits = await desk.send(Produce, 8, request('strict', batchOf(['good'], { codec })))
      expect(fits.responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE)
    }
  })

  it('does not open the batches of other topics', async () => {
    const desk = kafkaDesk({ validation: { ...validation, checkBatch: async () => { throw new Error('must not be asked') } } })
    await desk.topic('plain')
    const { responses } = await desk.send(Produce, 8, request('plain', batchOf(['bad'])))
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NONE)
  })

  it('calls a batch that does not open corrupt', async () => {
    const desk = kafkaDesk({ validation })
    await desk.topic('strict')
    const damaged = Buffer.from(batchOf(['good']))
    damaged[damaged.length - 1]! ^= 1
    const { responses } = await desk.send(Produce, 8, request('strict', damaged))
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.CORRUPT_MESSAGE)
  })
})

describe('Produce over a connection', () => {
  it('with acks=0 gets no answer, and the next request gets its own', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    client.tell(Produce, 9, request('orders', batchOf(['a']), { acks: 0 }))
    client.tell(Produce, 9, request('orders', batchOf(['b']), { acks: 0 }))
    const { responses } = await client.ask(Produce, 9, request('orders', batchOf(['c'])))
    expect(responses[0]!.partitionResponses[0]!.baseOffset).toBe(2)
  })

  it('with acks=0 that fails closes the connection, the only way to say so', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    client.tell(Produce, 9, request('nowhere', batchOf(['a']), { acks: 0 }))
    await client.closed
    expect(broker.reasons).toEqual(['Produce that waits for no answer failed'])
  })

  it('with acks=0 is stored even if the client leaves at once', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    for (let count = 0; count < 20; count++) client.tell(Produce, 9, request('orders', batchOf(['a']), { acks: 0 }))
    client.socket.end()
    await client.closed
    expect(await broker.backend.logs.ends({ topic: 'orders', partition: 0 })).toMatchObject({ highWatermark: 20 })
  })

  it('starts the next append before the last is durable, keeps their order, and answers in order', async () => {
    const waiting: (() => void)[] = []
    const started: string[] = []
    await using broker = await startBroker({ topics: { orders: 1 } })
    const { append } = broker.backend.logs
    broker.backend.logs.append = async (at, batch, how) => {
      started.push(batch.records()[0]!.value!.toString())
      const appended = await append(at, batch, how)
      await new Promise<void>(resolve => waiting.push(resolve))
      return appended
    }
    using client = await RawClient.connect(broker.port)
    const ids = ['a', 'b', 'c'].map(value => client.tell(Produce, 9, request('orders', batchOf([value]))))
    while (waiting.length < 3) await new Promise(resolve => setImmediate(resolve))
    expect(started).toEqual(['a', 'b', 'c'])
    for (const release of waiting.toReversed()) release()
    expect([await client.frame(), await client.frame(), await client.frame()].map(frame => frame.correlationId)).toEqual(ids)
  })

  it('gives back through Fetch the very bytes it was given, offsets aside', async () => {
    await using broker = await startBroker({ topics: { orders: 1 } })
    using client = await RawClient.connect(broker.port)
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const sent = batchOf(['x'.repeat(5000), codec], { codec })
      const produced = await client.ask(Produce, 9, request('orders', sent))
      const { baseOffset } = produced.responses[0]!.partitionResponses[0]!
      const fetched = await client.ask(Fetch, 12, {
        maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: baseOffset, partitionMaxBytes: 1 << 20 }] }],
      })
      const { records } = fetched.responses[0]!.partitions[0]!
      expect(records!.subarray(16).equals(sent.subarray(16)), codec).toBe(true)
      expect(Batch.parse(records!).baseOffset).toBe(baseOffset)
    }
  })

  it('tells from v10 on who leads instead, and where', async () => {
    const { admin, reach } = threeBrokers([{ leader: 2, leaderEpoch: 9 }, { leader: -1 }, { leader: 1 }])
    const answers = [new Refusal('not-leader', 'broker 1 does not lead'), new Refusal('fenced-leader-epoch', 'over'), new Refusal('not-enough-replicas', 'only 1 in sync')]
    const desk = kafkaDesk({ admin, reach, logs: { append: async at => answers[at.partition]! } })
    for (const version of versionsOf(Produce)) {
      const partitionData = answers.map((_, index) => ({ index, records: batchOf(['a']) }))
      const { responses, nodeEndpoints } = await desk.send(Produce, version, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', topicId, partitionData }] })
      const partitions = responses[0]!.partitionResponses
      expect(partitions.map(one => one.errorCode), `v${version}`).toEqual([6, 74, 19])
      expect(partitions.map(one => one.currentLeader)).toEqual([version >= 10 ? { leaderId: 2, leaderEpoch: 9 } : null, null, null])
      expect(nodeEndpoints).toEqual(version >= 10 ? [{ nodeId: 2, host: 'here.test', port: 9002, rack: 'b' }] : [])
      if (version >= 8) expect(partitions[2]!.errorMessage).toBe('only 1 in sync')
    }
  })
})
