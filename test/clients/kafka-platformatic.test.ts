// @platformatic/kafka, which knows the protocol's flexible versions only: produce with every compression, consume in groups, administer.
import {
  Admin, Consumer, MessagesStreamFallbackModes, MessagesStreamModes, Producer, stringDeserializers, stringSerializers,
  type CompressionAlgorithmValue, type MessagesStream,
} from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

let sluice: RunningSluice
let admin: Admin
let base: { clientId: string; bootstrapBrokers: string[]; strict: boolean; retries: number; retryDelay: number }

beforeAll(async () => {
  sluice = await startSluice()
  base = { clientId: 'tests', bootstrapBrokers: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`], strict: true, retries: 3, retryDelay: 50 }
  admin = new Admin(base)
})
afterAll(async () => {
  await admin?.close()
  await sluice?.[Symbol.asyncDispose]()
})

type StringConsumer = Consumer<string, string, string, string>

function newConsumer(groupId: string): StringConsumer {
  return new Consumer({
    ...base, groupId, deserializers: stringDeserializers, autocommit: false, sessionTimeout: 6_000, rebalanceTimeout: 10_000,
    heartbeatInterval: 100, maxWaitTime: 50,
  })
}

function consume(consumer: StringConsumer, topic: string): Promise<MessagesStream<string, string, string, string>> {
  return consumer.consume({ topics: [topic], mode: MessagesStreamModes.COMMITTED, fallbackMode: MessagesStreamFallbackModes.EARLIEST })
}

async function produce(topic: string, compression: CompressionAlgorithmValue, messages: { key: string; value: string; partition?: number }[]): Promise<bigint> {
  const producer = new Producer({ ...base, serializers: stringSerializers })
  try {
    const { offsets } = await producer.send({ messages: messages.map(message => ({ topic, headers: { h: 'x' }, ...message })), compression, acks: -1 })
    return offsets![0]!.offset
  } finally {
    await producer.close()
  }
}

describe('@platformatic/kafka', () => {
  test('produces with every compression and reads back keys, values and headers', async () => {
    await admin.createTopics({ topics: ['round'], partitions: 1, replicas: 1 })
    const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
    for (const [at, codec] of codecs.entries()) {
      const value = codec.repeat(100)
      expect(await produce('round', codec, [{ key: 'k1', value, partition: 0 }, { key: 'k2', value, partition: 0 }]), codec).toBe(BigInt(at * 2))
    }
    const consumer = newConsumer('round-readers')
    const read: string[] = []
    for await (const { offset, key, value, headers } of await consume(consumer, 'round')) {
      read.push(`${offset} ${key} ${value.length} ${headers.get('h')}`)
      if (read.length === codecs.length * 2) break
    }
    await consumer.close(true)
    expect(read).toEqual(codecs.flatMap((codec, at) => [`${at * 2} k1 ${codec.length * 100} x`, `${at * 2 + 1} k2 ${codec.length * 100} x`]))
  })

  test('produces idempotently', async () => {
    await admin.createTopics({ topics: ['once'], partitions: 1, replicas: 1 })
    const producer = new Producer({ ...base, serializers: stringSerializers, idempotent: true })
    for (const value of ['a', 'b', 'c']) await producer.send({ messages: [{ topic: 'once', key: 'k', value, partition: 0 }] })
    await producer.close()
    const offsets = await admin.listOffsets({ topics: [{ name: 'once', partitions: [{ partitionIndex: 0, timestamp: -1n }] }] })
    expect(offsets[0]!.partitions[0]!.offset).toBe(3n)
  })

  test('commits and goes on where its group committed', async () => {
    await admin.createTopics({ topics: ['resumed'], partitions: 1, replicas: 1 })
    await produce('resumed', 'none', ['a', 'b', 'c'].map(value => ({ key: 'k', value, partition: 0 })))
    const first = newConsumer('resumers')
    for await (const message of await consume(first, 'resumed')) {
      await message.commit()
      if (message.value === 'b') break
    }
    await first.close(true)
    const [group] = await admin.listConsumerGroupOffsets({ groups: ['resumers'] })
    expect(group).toMatchObject({ groupId: 'resumers', topics: [{ name: 'resumed', partitions: [{ partitionIndex: 0, committedOffset: 2n }] }] })
    const second = newConsumer('resumers')
    for await (const { value } of await consume(second, 'resumed')) {
      expect(value).toBe('c')
      break
    }
    await second.close(true)
    await admin.deleteGroups({ groups: ['resumers'] })
    expect([...(await admin.listGroups()).keys()]).not.toContain('resumers')
  })

  test('shares a topic between two members', async () => {
    await admin.createTopics({ topics: ['shared'], partitions: 4, replicas: 1 })
    const first = newConsumer('sharers')
    const second = newConsumer('sharers')
    await consume(first, 'shared')
    await consume(second, 'shared')
    const assigned = (consumer: StringConsumer): number[] => consumer.assignments?.flatMap(one => one.partitions) ?? []
    await until('two partitions with each', () => assigned(first).length === 2 && assigned(second).length === 2)
    expect([...assigned(first), ...assigned(second)].toSorted()).toEqual([0, 1, 2, 3])
    const group = (await admin.describeGroups({ groups: ['sharers'], includeAuthorizedOperations: true })).get('sharers')
    expect(group).toMatchObject({ state: 'Stable', protocolType: 'consumer' })
    expect(group!.members.size).toBe(2)
    expect(group!.authorizedOperations & (1 << 3), 'READ').not.toBe(0)
    const listed = await admin.listGroups({ states: ['STABLE'], types: ['classic'] })
    expect(listed.get('sharers')).toMatchObject({ state: 'Stable', groupType: 'classic' })
    await first.close(true)
    await until('all partitions with the second', () => assigned(second).length === 4)
    await second.close(true)
  })

  test('administers topics and their configs', async () => {
    const [made] = await admin.createTopics({ topics: ['admin-made'], partitions: 2, replicas: 1, configs: [{ name: 'retention.ms', value: '60000' }] })
    expect(made).toMatchObject({ name: 'admin-made', partitions: 2, replicas: 1, configuration: { 'retention.ms': '60000' } })
    await admin.createPartitions({ topics: [{ name: 'admin-made', count: 3, assignments: [{ brokerIds: [1] }] }] })
    const metadata = await admin.metadata({ topics: ['admin-made'], forceUpdate: true })
    expect(metadata.topics.get('admin-made')).toMatchObject({ id: made!.id, partitionsCount: 3 })
    const resource = { resourceType: 2, resourceName: 'admin-made' } as const
    await admin.incrementalAlterConfigs({ resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation: 0, value: '120000' }] }] })
    const asked = { resources: [{ ...resource, configurationKeys: ['retention.ms'] }], includeSynonyms: true, includeDocumentation: true }
    const [described] = await admin.describeConfigs(asked)
    expect(described!.configs).toMatchObject([{ name: 'retention.ms', value: '120000', configSource: 1 }])
    await admin.deleteTopics({ topics: ['admin-made'] })
    expect(await admin.listTopics()).not.toContain('admin-made')
    await expect(admin.createTopics({ topics: ['bad name'], partitions: 1, replicas: 1 })).rejects.toThrow()
  })
})
