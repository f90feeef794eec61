// What Kafka's clients see of a topic that was resharded through Kinesis: closed partitions are read like any other, and say why they take no records.
import { Kafka, logLevel } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { Produce } from '../../src/kafka/apis/00-produce.ts'
import { Fetch } from '../../src/kafka/apis/01-fetch.ts'
import { ListOffsets } from '../../src/kafka/apis/02-list-offsets.ts'
import { CreatePartitions } from '../../src/kafka/apis/37-create-partitions.ts'
import { ErrorCode } from '../../src/kafka/errors.ts'
import type { Topic } from '../../src/ports.ts'
import { Batch, buildBatch } from '../../src/wire/batch.ts'
import { append, openEngineWorld } from '../support/engine-world.ts'
import { splitPlan } from '../support/shards.ts'
import { startBroker } from './broker.ts'
import { RawClient } from './raw-client.ts'

const why = 'Partition orders-0 is a closed shard and takes no more records; partitions 1 and 2 took its place.'

/** One partition with a record, and the two that took its place. */
async function resharded() {
  const { backend } = await openEngineWorld()
  const topic = await backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false }) as Topic
  await append(backend, { topic: 'orders', partition: 0 }, ['old'])
  await backend.admin.reshard('orders', splitPlan(topic, 0))
  const broker = await startBroker({ backend })
  const client = await RawClient.connect(broker.port)
  return {
    broker, client,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]()
      await broker[Symbol.asyncDispose]()
    },
  }
}

describe('a closed partition', () => {
  it.each([0, 1, -1])('refuses records with acks %i for good, and names those that took its place', async acks => {
    await using scene = await resharded()
    const records = buildBatch([{ key: null, value: Buffer.from('new') }], { timestampMs: Date.UTC(2026, 0, 1) }).bytes
    const produce = (index: number) => scene.client.ask(Produce, 9, { acks, timeoutMs: 5_000, topicData: [{ name: 'orders', partitionData: [{ index, records }] }] })
    if (acks === 0) {
      await expect(produce(0)).rejects.toThrow()
      return
    }
    const answers = [await produce(0), await produce(1)].map(({ responses }) => responses[0]!.partitionResponses[0]!)
    expect(answers).toMatchObject([{ errorCode: ErrorCode.INVALID_REQUEST, errorMessage: why }, { errorCode: 0, baseOffset: 0 }])
  })

  it('fails a send of kafkajs at once, which does not try again', async () => {
    await using scene = await resharded()
    const producer = new Kafka({ brokers: [scene.broker.address], logLevel: logLevel.NOTHING, retry: { retries: 5, initialRetryTime: 60_000 } }).producer()
    await producer.connect()
    const send = (partition: number) => producer.send({ topic: 'orders', messages: [{ value: 'new', partition, timestamp: String(Date.UTC(2026, 0, 1)) }] })
    await expect(send(0)).rejects.toMatchObject({ retriable: false, type: 'INVALID_REQUEST' })
    expect(await send(2)).toMatchObject([{ partition: 2, errorCode: 0 }])
    await producer.disconnect()
  })

  it('is listed and fetched up to its end', async () => {
    await using scene = await resharded()
    const ends = await scene.client.ask(ListOffsets, 6, { replicaId: -1, isolationLevel: 0, topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }] }] })
    expect(ends.topics[0]!.partitions[0]).toMatchObject({ errorCode: 0, offset: 1 })
    const fetched = await scene.client.ask(Fetch, 11, { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 'orders', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }] })
    const { records, highWatermark } = fetched.responses[0]!.partitions[0]!
    expect([highWatermark, Batch.split(records!)[0]!.records().map(({ value }) => value!.toString())]).toEqual([1, ['old']])
  })

  it('is no place that CreatePartitions adds to', async () => {
    await using scene = await resharded()
    const { results } = await scene.client.ask(CreatePartitions, 3, { timeoutMs: 1_000, validateOnly: false, topics: [{ name: 'orders', count: 9, assignments: null }] })
    expect(results).toEqual([{ name: 'orders', errorCode: ErrorCode.INVALID_REQUEST, errorMessage: "Topic 'orders' was resharded through Kinesis and takes no more partitions." }])
  })
})
