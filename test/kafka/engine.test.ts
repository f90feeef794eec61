// The facade in front of the real engine (in a simulated world): what a client sees of the log's rules.
import { describe, expect, it, onTestFinished } from 'vitest'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Fetch } from '../../src/kafka/apis/01-fetch.ts'
import { ListOffsets } from '../../src/kafka/apis/02-list-offsets.ts'
import { InitProducerId } from '../../src/kafka/apis/22-init-producer-id.ts'
import { DescribeConfigs } from '../../src/kafka/apis/32-describe-configs.ts'
import { IncrementalAlterConfigs } from '../../src/kafka/apis/44-incremental-alter-configs.ts'
import { ErrorCode } from '../../src/kafka/errors.ts'
import { Batch, type BatchOptions, buildBatch } from '../../src/wire/batch.ts'
import { openEngineWorld } from '../support/engine-world.ts'
import { startBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'

const batchOf = (values: readonly string[], options: Partial<BatchOptions> = {}): Buffer =>
  buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), { timestampMs: Date.UTC(2026, 0, 1), ...options }).bytes

async function connect(configs: Readonly<Record<string, string>> = {}): Promise<RawClient> {
  const { backend } = await openEngineWorld()
  await backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map(Object.entries(configs)) }, { validateOnly: false })
  const broker = await startBroker({ backend })
  const client = await RawClient.connect(broker.port)
  onTestFinished(async () => {
    client[Symbol.dispose]()
    await broker[Symbol.asyncDispose]()
  })
  return client
}

async function produce(client: RawClient, records: Buffer, name = 'orders') {
  const { responses } = await client.ask(Produce, 9, { acks: -1, timeoutMs: 5000, topicData: [{ name, partitionData: [{ index: 0, records }] }] })
  return responses[0]!.partitionResponses[0]!
}

async function fetchAll(client: RawClient, fetchOffset = 0): Promise<readonly Batch[]> {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
  const { responses } = await client.ask(Fetch, 11, { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'orders', partitions }] })
  const { records, errorCode } = responses[0]!.partitions[0]!
  expect(errorCode).toBe(0)
  return records!.length === 0 ? [] : Batch.split(records!)
}

describe('a Kafka client in front of the engine', () => {
  it('reads back what it wrote, from any offset, batches whole', async () => {
    const client = await connect()
    for (const values of [['a', 'b', 'c'], ['d'], ['e', 'f']]) expect((await produce(client, batchOf(values))).errorCode).toBe(0)
    const valuesFrom = async (offset: number) => (await fetchAll(client, offset)).flatMap(batch => batch.records().map(one => `${one.offset}${one.value}`))
    expect(await valuesFrom(0)).toEqual(['0a', '1b', '2c', '3d', '4e', '5f'])
    expect(await valuesFrom(1)).toEqual(['0a', '1b', '2c', '3d', '4e', '5f'])
    expect(await valuesFrom(3)).toEqual(['3d', '4e', '5f'])
    expect(await valuesFrom(6)).toEqual([])
  })

  it('that sends an idempotent batch again gets its first offset again, and one out of turn is refused', async () => {
    const client = await connect()
    const { producerId } = await client.ask(InitProducerId, 4, { transactionalId: null, transactionTimeoutMs: 1000 })
    const from = (baseSequence: number, epoch = 0): Buffer => batchOf(['x', 'y'], { producer: { id: producerId, epoch, baseSequence } })
    expect(await produce(client, from(0))).toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect(await produce(client, from(2))).toMatchObject({ errorCode: 0, baseOffset: 2 })
    expect(await produce(client, from(0)), 'the same again').toMatchObject({ errorCode: 0, baseOffset: 0 })
    expect((await produce(client, from(6))).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(await produce(client, from(0, 1)), 'a new epoch begins at 0').toMatchObject({ errorCode: 0, baseOffset: 4 })
    expect((await produce(client, from(4, 0))).errorCode).toBe(ErrorCode.INVALID_PRODUCER_EPOCH)
    expect(await fetchAll(client)).toHaveLength(3)
  })

  it('is refused what the log does not take, each by its own code', async () => {
    const client = await connect({ 'max.message.bytes': '500' })
    const codeOf = async (records: Buffer, topic?: string): Promise<number> => (await produce(client, records, topic)).errorCode
    const damaged = batchOf(['a'])
    damaged[damaged.length - 1]! ^= 1
    const misplaced = batchOf(['a'])
    misplaced.writeInt32BE(7, 4)
    expect(await codeOf(batchOf(['x'.repeat(600)]))).toBe(ErrorCode.MESSAGE_TOO_LARGE)
    expect(await codeOf(damaged)).toBe(ErrorCode.CORRUPT_MESSAGE)
    expect(await codeOf(misplaced), 'a base offset other than 0').toBe(ErrorCode.INVALID_RECORD)
    expect(await codeOf(batchOf(['a'], { isControl: true })), 'a control batch is not for clients to write').toBe(ErrorCode.INVALID_RECORD)
    expect(await codeOf(batchOf(['a'], { timestampMs: Date.UTC(2100, 0, 1) }))).toBe(ErrorCode.INVALID_TIMESTAMP)
    expect(await codeOf(batchOf(['a']), '__consumer_offsets')).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    expect(await codeOf(batchOf(['a']), 'nowhere')).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    expect(await fetchAll(client)).toEqual([])
  })

  it('sees the time of arrival where the topic says so, and finds records by it', async () => {
    const client = await connect({ 'message.timestamp.type': 'LogAppendTime' })
    const { errorCode, logAppendTimeMs } = await produce(client, batchOf(['a', 'b'], { timestampMs: 5 }))
    expect([errorCode, logAppendTimeMs > 5]).toEqual([0, true])
    const [batch] = await fetchAll(client)
    expect(batch!.crcIsValid()).toBe(true)
    expect(batch!.records().map(one => one.timestampMs)).toEqual([logAppendTimeMs, logAppendTimeMs])
    const { topics } = await client.ask(ListOffsets, 5, { replicaId: -1, topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: logAppendTimeMs }] }] })
    expect(topics[0]!.partitions[0]).toMatchObject({ offset: 0, timestamp: logAppendTimeMs })
  })

  it('changes a topic\'s configuration and sees where each value comes from', async () => {
    const client = await connect()
    const resource = { resourceType: 2, resourceName: 'orders' }
    const valueOf = async () => {
      const { results } = await client.ask(DescribeConfigs, 4, { resources: [{ ...resource, configurationKeys: ['retention.ms'] }], includeSynonyms: true })
      const [config] = results[0]!.configs
      return [config!.value, config!.configSource]
    }
    const alter = async (name: string, value: string | null, configOperation: number) =>
      (await client.ask(IncrementalAlterConfigs, 1, { resources: [{ ...resource, configs: [{ name, value, configOperation }] }], validateOnly: false })).responses[0]!
    const [before] = await valueOf()
    expect((await alter('retention.ms', '60000', 0)).errorCode).toBe(0)
    expect(await valueOf()).toEqual(['60000', 1])
    expect((await alter('retention.ms', null, 1)).errorCode).toBe(0)
    expect((await valueOf())[0]).toBe(before)
    expect(await alter('retention.ms', 'soon', 0)).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG, errorMessage: expect.stringContaining('soon') })
    expect((await alter('retention.nonsense', '1', 0)).errorCode).toBe(ErrorCode.INVALID_CONFIG)
  })
})
