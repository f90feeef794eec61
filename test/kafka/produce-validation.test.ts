// What a topic's validation makes of batches that Kafka producers send, over the real engine: nothing, a refusal, or the rest of a batch with its dead letters put aside.
import { crc32c } from '@node-rs/crc32'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { ErrorCode } from '../../src/kafka/errors.ts'
import { Refusal, type Backend, type RecordParts, type Validation } from '../../src/ports.ts'
import { readLetter } from '../../src/registry/dead-letter-record.ts'
import { Batch, buildBatch, type BatchOptions, type Codec, type RecordView } from '../../src/wire/batch.ts'
import { openEngineWorld } from '../support/engine-world.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { kafkaDesk } from '../support/kafka-desk.ts'
import { deadLettering, rejecting } from '../support/validation.ts'
import { startBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'

const timestampMs = Date.UTC(2026, 0, 1)
const faultOf = ({ value }: RecordParts) => (value?.toString().startsWith('bad') === true ? { part: 'value', pointer: '/n', reason: 'must be number' } as const : null)

const batchOf = (values: readonly string[], options: Partial<BatchOptions> = {}): Buffer =>
  buildBatch(values.map((value, at) => ({ key: Buffer.from(`k${at}`), value: Buffer.from(value), timestampMs: timestampMs + at })), { timestampMs, ...options }).bytes

interface Place {
  readonly backend: Backend
  send(records: Buffer | readonly Buffer[]): Promise<readonly { errorCode: number; baseOffset: number; errorMessage: string | null; recordErrors: readonly object[] }[]>
  read(topic?: string, partition?: number): Promise<readonly string[]>
  records(topic?: string): Promise<readonly RecordView[]>
}

/** One partition for each batch that is sent at once. */
async function connect(makeValidation: (backend: Backend) => Validation = backend => deadLettering(backend, faultOf, () => timestampMs), partitions = 1): Promise<Place> {
  const { backend } = await openEngineWorld()
  await backend.admin.createTopic({ name: 'orders', partitions, replicationFactor: 1, configs: new Map() }, { validateOnly: false })
  const broker = await startBroker({ backend, validation: makeValidation(backend) })
  const client = await RawClient.connect(broker.port)
  onTestFinished(async () => {
    client[Symbol.dispose]()
    await broker[Symbol.asyncDispose]()
  })
  const slice = async (topic: string, partition: number): Promise<readonly Batch[]> => {
    const found = await backend.logs.read({ topic, partition }, 0, { bytesMax: 2 ** 26, atLeastOne: true, committedOnly: true })
    if (found instanceof Refusal) throw new Error(found.message)
    return found.batches
  }
  const records = async (topic: string, partition: number): Promise<RecordView[]> => (await slice(topic, partition)).filter(batch => !batch.isControl).flatMap(batch => batch.records())
  return {
    backend,
    async send(sent) {
      const batches = Buffer.isBuffer(sent) ? [sent] : sent as readonly Buffer[]
      const { responses } = await client.ask(Produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name: 'orders', partitionData: batches.map((bytes, index) => ({ index, records: bytes })) }] })
      return responses[0]!.partitionResponses
    },
    read: async (topic = 'orders', partition = 0) => (await records(topic, partition)).map(({ offset, value }) => `${offset} ${value!.toString()}`),
    records: (topic = 'orders') => records(topic, 0),
  }
}

describe('dead letters of a Kafka producer', () => {
  it('are taken out of their batch; the others keep their offsets, times and bytes, whatever the compression', async () => {
    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies readonly Codec[]) {
      const { backend, send, read, records } = await connect()
      expect(await send(batchOf(['bad 0', 'good 1', 'bad 2', 'good 3', 'bad 4'], { codec })), codec).toMatchObject([{ errorCode: 0, baseOffset: 0, recordErrors: [] }])
      expect(await send(batchOf(['good 5'], { codec }))).toMatchObject([{ errorCode: 0, baseOffset: 5 }])
      expect(await read()).toEqual(['1 good 1', '3 good 3', '5 good 5'])
      const [, third] = await records()
      expect(third).toMatchObject({ key: Buffer.from('k3'), timestampMs: timestampMs + 3 })
      const letters = (await records('orders.dlq')).map(record => readLetter(record)!)
      expect(letters.map(({ sent, note }) => [sent.value!.toString(), note.index, note.timestampMs, note.wayIn, note.principal])).toEqual(
        [0, 2, 4].map(index => [`bad ${index}`, index, timestampMs + index, 'kafka', 'User:ANONYMOUS']),
      )
      // By time: the one that is gone is not found, the next one is.
      expect(await backend.logs.offsetForTime({ topic: 'orders', partition: 0 }, timestampMs + 2)).toMatchObject({ offset: 3, timestampMs: timestampMs + 3 })
      expect(await backend.logs.ends({ topic: 'orders', partition: 0 })).toMatchObject({ highWatermark: 6 })
    }
  })

  it('leave a batch of nothing else as a control batch of the same span, with the largest time of those that are left', async () => {
    const { backend, send, read } = await connect()
    expect(await send(batchOf(['bad', 'bad', 'bad']))).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
    expect(await send(batchOf(['good']))).toMatchObject([{ baseOffset: 3 }])
    expect(await read()).toEqual(['3 good'])
    expect(await read('orders.dlq')).toHaveLength(3)
    const slice = await backend.logs.read({ topic: 'orders', partition: 0 }, 0, { bytesMax: 1 << 20, atLeastOne: true, committedOnly: true })
    const [batch] = (slice as { batches: readonly Batch[] }).batches
    expect([batch!.isControl, batch!.count, batch!.lastOffsetDelta, batch!.records()[0]!.offset]).toEqual([true, 1, 2, 2])
    await send(batchOf(['good', 'bad']))
    const after = await backend.logs.read({ topic: 'orders', partition: 0 }, 4, { bytesMax: 1 << 20, atLeastOne: true, committedOnly: true })
    expect((after as { batches: readonly Batch[] }).batches[0]!.maxTimestampMs).toBe(timestampMs)
  })

  it('do not disturb an idempotent producer: its sequence goes on, and a batch sent again is known, with its letters', async () => {
    const { send, read } = await connect()
    const from = (baseSequence: number, values: readonly string[]): Buffer => batchOf(values, { producer: { id: 77, epoch: 0, baseSequence } })
    expect(await send(from(0, ['good', 'bad', 'good']))).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
    expect(await send(from(3, ['bad', 'bad']))).toMatchObject([{ errorCode: 0, baseOffset: 3 }])
    expect(await send(from(0, ['good', 'bad', 'good'])), 'sent again').toMatchObject([{ errorCode: 0, baseOffset: 0 }])
    expect(await send(from(3, ['bad', 'bad'])), 'sent again').toMatchObject([{ errorCode: 0, baseOffset: 3 }])
    expect(await send(from(5, ['good']))).toMatchObject([{ errorCode: 0, baseOffset: 5 }])
    expect(await send(from(9, ['good'])), 'out of turn').toMatchObject([{ errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER }])
    expect(await read()).toEqual(['0 good', '2 good', '5 good'])
    expect(await read('orders.dlq')).toEqual(['0 bad', '1 bad', '2 bad'])
  })

  it('are durable before anything of their batch is stored; where they cannot be put, nothing is, and the sequence stays', async () => {
    const order: string[] = []
    const { backend, send, read } = await connect(own => {
      const real = deadLettering({ ...own, logs: { ...own.logs, append: async (at, batch, how) => {
        order.push(`letters asked, ${how.acks}`)
        const appended = await own.logs.append(at, batch, how)
        const ends = await own.logs.ends({ topic: 'orders', partition: 0 })
        order.push(`letters durable, ${(ends as { logEndOffset: number }).logEndOffset} stored`)
        return appended
      } } }, faultOf, () => timestampMs)
      let isFirst = true
      return { ...real, putDeadLetters: (...args) => {
        if (!isFirst) return real.putDeadLetters(...args)
        isFirst = false
        return Promise.resolve(new Refusal('storage-error', 'dead-letter topic \'orders.dlq\': the disk has failed'))
      } }
    })
    const bytes = (): Buffer => batchOf(['good', 'bad'], { producer: { id: 5, epoch: 0, baseSequence: 0 } })
    expect(await send(bytes())).toMatchObject([{ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: 'dead-letter topic \'orders.dlq\': the disk has failed' }])
    expect(await backend.logs.ends({ topic: 'orders', partition: 0 })).toMatchObject({ logEndOffset: 0 })
    expect(await send(bytes())).toMatchObject([{ errorCode: 0, baseOffset: 0 }])
    expect(order).toEqual(['letters asked, all', 'letters durable, 0 stored'])
    expect(await read()).toEqual(['0 good'])
  })

  it('need no right but WRITE on the topic', async () => {
    const holder: { validation?: Validation } = {}
    const validation: Validation = { ...rejecting(faultOf), onInvalid: () => 'dead-letter', putDeadLetters: (...args) => holder.validation!.putDeadLetters(...args) }
    const desk = kafkaDesk({ validation })
    holder.validation = deadLettering(desk.backend, faultOf)
    await desk.topic('orders')
    await desk.grant('User:CN=alice', 'write', 'topic', 'orders')
    const { responses } = await desk.send(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batchOf(['bad']) }] }] }, 'User:CN=alice')
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0)
    expect(await desk.backend.logs.ends({ topic: 'orders.dlq', partition: 0 })).toMatchObject({ highWatermark: 1 })
  })

  it('are not put by a broker that does not lead', async () => {
    const backend = memoryBackend()
    const desk = kafkaDesk({ validation: deadLettering(backend, faultOf, () => timestampMs), logs: { ends: async () => new Refusal('not-leader', 'broker 1 does not lead') } })
    await desk.topic('orders')
    const { responses } = await desk.send(Produce, 9, { acks: -1, timeoutMs: 1000, topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batchOf(['bad']) }] }] })
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    expect(await backend.admin.topics()).toEqual([])
  })

  it('open no way in for batches that only the server may make', async () => {
    const { send, read } = await connect()
    const gap = Buffer.from(batchOf(['good', 'bad']))
    gap.writeInt32BE(9, 23)
    const control = batchOf(['bad'], { isControl: true })
    expect(await send(resealed(gap))).toMatchObject([{ errorCode: ErrorCode.INVALID_RECORD, errorMessage: 'batch of 2 records whose last has offset delta 9' }])
    expect(await send(control)).toMatchObject([{ errorCode: ErrorCode.INVALID_RECORD, errorMessage: 'control batches are not for clients to write' }])
    expect(await read()).toEqual([])
  })
})

describe('records that are refused', () => {
  const refusing = (): Validation => rejecting(faultOf)

  it('are all named, wherever they stand, and only their partition\'s batch is refused', async () => {
    const { send, read } = await connect(refusing, 3)
    const answers = await send([batchOf(['good', 'good']), batchOf(['bad', 'good']), batchOf(['good', 'bad', 'bad', 'bad', 'bad', 'good'])])
    expect(answers.map(({ errorCode, recordErrors }) => [errorCode, recordErrors.map(one => (one as { batchIndex: number }).batchIndex)])).toEqual([[0, []], [87, [0]], [87, [1, 2, 3, 4]]])
    expect(answers[2]!.errorMessage).toBe('One or more records have been rejected due to 4 record errors in total, and only showing the first three errors at most: ['
      + [1, 2, 3].map(index => `RecordError(batchIndex=${index}, message='value at /n: must be number')`).join(', ') + ']')
    expect([await read('orders', 0), await read('orders', 1), await read('orders', 2)]).toEqual([['0 good', '1 good'], [], []])
  })

  it('are named in texts that the protocol can carry, however long names in them are', async () => {
    const { send } = await connect(() => rejecting(() => ({ part: 'value', pointer: `/${'n'.repeat(100_000)}`, reason: 'must be number' })))
    const [answer] = await send(batchOf(Array.from({ length: 3_000 }, () => 'x'), { codec: 'gzip' }))
    expect(answer!.errorCode).toBe(87)
    expect(answer!.recordErrors).toHaveLength(3_000)
    expect(JSON.stringify(answer).length).toBeLessThan(2 * 1024 * 1024)
  })

  it('do not move their producer\'s sequence', async () => {
    const { send } = await connect(refusing)
    const from = (baseSequence: number, values: readonly string[]): Buffer => batchOf(values, { producer: { id: 8, epoch: 0, baseSequence } })
    expect(await send(from(0, ['good']))).toMatchObject([{ errorCode: 0 }])
    expect(await send(from(1, ['bad']))).toMatchObject([{ errorCode: 87 }])
    expect(await send(from(1, ['good']))).toMatchObject([{ errorCode: 0, baseOffset: 1 }])
  })

  it('cannot be hidden in a batch that bursts', async () => {
    const { send } = await connect(refusing)
    const batch = buildBatch([{ key: null, value: Buffer.from('x') }], { timestampMs, codec: 'gzip' })
    const bomb = Buffer.concat([batch.bytes.subarray(0, 61), gzipSync(Buffer.alloc(64 * 1024 * 1024))])
    bomb.writeInt32BE(bomb.length - 12, 8)
    expect(await send(resealed(bomb))).toMatchObject([{ errorCode: ErrorCode.CORRUPT_MESSAGE, errorMessage: expect.stringMatching(/^gzip data of \d+ bytes does not decompress within \d+ bytes/) as string }])
  })
})

/** With the CRC that its bytes have now. */
function resealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}
