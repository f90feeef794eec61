// kafkajs 2.2.4, which knows the protocol's old versions only: produce, consume in groups, administer.
import kafkajs, { type Admin, type Consumer, type Kafka, type Message } from 'kafkajs'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, logLevel, Partitioners } = kafkajs

let sluice: RunningSluice
let kafka: Kafka
let admin: Admin

beforeAll(async () => {
  // kafkajs brings gzip and takes the others from outside.
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer), decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
  })
  sluice = await startSluice()
  kafka = new kafkajs.Kafka({ clientId: 'tests', brokers: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`], logLevel: logLevel.NOTHING })
  admin = kafka.admin()
  await admin.connect()
})
afterAll(async () => {
  await admin?.disconnect()
  await sluice?.[Symbol.asyncDispose]()
})

/** A consumer that notes what it is assigned and what it reads. */
async function startConsumer(groupId: string, topic: string): Promise<{ consumer: Consumer; assigned: number[]; read: string[] }> {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 100, maxWaitTimeInMs: 50 })
  const assigned: number[] = []
  const read: string[] = []
  consumer.on('consumer.group_join', event => { assigned.splice(0, Infinity, ...event.payload.memberAssignment[topic] ?? []) })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    async eachMessage({ partition, message: { offset, key, value, headers } }) {
      read.push(`${partition}/${offset} ${key} ${value} ${headers?.['h'] ?? ''}`)
    },
  })
  return { consumer, assigned, read }
}

async function produce(topic: string, messages: Message[], compression: number = CompressionTypes.None): Promise<string[]> {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  const answers = await producer.send({ topic, messages, compression })
  await producer.disconnect()
  return answers.map(answer => `${answer.partition}/${answer.baseOffset} ${answer.errorCode}`)
}

describe('kafkajs', () => {
  test('produces with and without compression and reads back keys, values and headers', async () => {
    await admin.createTopics({ topics: [{ topic: 'round', numPartitions: 2 }] })
    const message = (value: string): Message => ({ key: 'k', value, partition: 1, headers: { h: 'x' } })
    expect(await produce('round', [message('plain'), message('plain too')])).toEqual(['1/0 0'])
    expect(await produce('round', [message('gzip')], CompressionTypes.GZIP)).toEqual(['1/2 0'])
    expect(await produce('round', [message('zstd')], CompressionTypes.ZSTD)).toEqual(['1/3 0'])
    const { consumer, read } = await startConsumer('round-readers', 'round')
    await until('four records', () => read.length >= 4)
    await consumer.disconnect()
    expect(read).toEqual(['1/0 k plain x', '1/1 k plain too x', '1/2 k gzip x', '1/3 k zstd x'])
  })

  test('produces idempotently', async () => {
    const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 1 })
    await producer.connect()
    for (const value of ['a', 'b', 'c']) await producer.send({ topic: 'once', messages: [{ value, partition: 0 }] })
    await producer.disconnect()
    expect((await admin.fetchTopicOffsets('once'))[0]).toMatchObject({ partition: 0, low: '0', high: '3' })
  })

  test('shares a topic between two members, and hands the whole of it to the one that stays', async () => {
    await admin.createTopics({ topics: [{ topic: 'shared', numPartitions: 4 }] })
    const first = await startConsumer('sharers', 'shared')
    await until('all partitions with the first', () => first.assigned.length === 4)
    const second = await startConsumer('sharers', 'shared')
    await until('two partitions with each', () => first.assigned.length === 2 && second.assigned.length === 2)
    expect([...first.assigned, ...second.assigned].toSorted()).toEqual([0, 1, 2, 3])
    const { groups: [group] } = await admin.describeGroups(['sharers'])
    expect(group).toMatchObject({ state: 'Stable', protocolType: 'consumer', members: [{ clientHost: '/127.0.0.1' }, { clientHost: '/127.0.0.1' }] })

    await first.consumer.disconnect()
    await until('all partitions with the second', () => second.assigned.length === 4)
    await produce('shared', [0, 1, 2, 3].map(partition => ({ key: 'k', value: `to ${partition}`, partition })))
    await until('a record of each partition', () => second.read.length === 4)
    await second.consumer.disconnect()
    expect((await admin.describeGroups(['sharers'])).groups[0]).toMatchObject({ state: 'Empty', members: [] })
  })

  test('goes on where its group committed, and where it is set to', async () => {
    await produce('resumed', ['a', 'b', 'c'].map(value => ({ key: 'k', value, partition: 0 })))
    const offsets = async (): Promise<string | undefined> => (await admin.fetchOffsets({ groupId: 'resumers', topics: ['resumed'] }))[0]?.partitions[0]?.offset
    const first = await startConsumer('resumers', 'resumed')
    await until('three records', () => first.read.length === 3)
    await first.consumer.disconnect()
    expect(await offsets()).toBe('3')

    await produce('resumed', [{ key: 'k', value: 'd', partition: 0 }])
    const second = await startConsumer('resumers', 'resumed')
    await until('the new record', () => second.read.length === 1)
    await second.consumer.disconnect()
    expect(second.read).toEqual(['0/3 k d '])

    await admin.resetOffsets({ groupId: 'resumers', topic: 'resumed', earliest: true })
    const third = await startConsumer('resumers', 'resumed')
    await until('all of it again', () => third.read.length === 4)
    await third.consumer.disconnect()
    expect(await admin.deleteGroups(['resumers'])).toEqual([{ groupId: 'resumers', errorCode: 0 }])
    expect((await admin.listGroups()).groups.map(group => group.groupId)).not.toContain('resumers')
  })

  test('administers topics', async () => {
    const wanted = { topic: 'admin-made', numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '60000' }] }
    expect(await admin.createTopics({ topics: [wanted] })).toBe(true)
    expect(await admin.createTopics({ topics: [{ topic: 'admin-made' }] }), 'there already').toBe(false)
    await admin.createPartitions({ topicPartitions: [{ topic: 'admin-made', count: 3 }] })
    const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: ['admin-made'] })
    expect(topic!.partitions.map(partition => partition.partitionId).toSorted()).toEqual([0, 1, 2])
    const resource = { type: ConfigResourceTypes.TOPIC, name: 'admin-made' }
    const { resources: [described] } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] })
    expect(described!.configEntries.find(entry => entry.configName === 'retention.ms')).toMatchObject({ configValue: '60000', isDefault: false })
    const cluster = await admin.describeCluster()
    expect(cluster).toMatchObject({
      controller: expect.toSatisfy((id: number) => [1, 2, 3].includes(id)),
      brokers: sluice.brokers.map(({ id, kafkaPlaintext }) => ({ nodeId: id, host: '127.0.0.1', port: kafkaPlaintext })),
    })
    await admin.deleteTopics({ topics: ['admin-made'] })
    expect(await admin.listTopics()).not.toContain('admin-made')
  })

  test('finds offsets by time', async () => {
    await produce('timed', [{ key: 'k', value: 'a', partition: 0 }])
    const [before] = await admin.fetchTopicOffsetsByTimestamp('timed', Date.now() - 60_000)
    const [after] = await admin.fetchTopicOffsetsByTimestamp('timed', Date.now() + 60_000)
    expect([before?.offset, after?.offset]).toEqual(['0', '1'])
  })
})
