import { describe, expect, it } from 'vitest'
import { Metadata } from '../../../src/kafka/apis/03-metadata.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { notAsked } from '../../../src/kafka/operations.ts'
import { Refusal } from '../../../src/ports.ts'
import { zeroUuid } from '../../../src/wire/spec.ts'
import { threeBrokers } from '../three-brokers.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const named = (...names: string[]) => ({ topics: names.map(name => ({ name })), allowAutoTopicCreation: true })

describe('Metadata', () => {
  it('shows brokers, controller, cluster and topics in every version', async () => {
    for (const version of versionsOf(Metadata)) {
      const desk = kafkaDesk()
      const topicId = await desk.topic('orders', 2)
      const answer = await desk.send(Metadata, version, named('orders'))
      expect(answer.brokers).toEqual([{ nodeId: 1, host: 'broker-1.test', port: 9001, rack: version >= 1 ? 'a' : null }])
      expect(answer.controllerId).toBe(version >= 1 ? 1 : -1)
      expect(answer.clusterId).toBe(version >= 2 ? 'bWVtb3J5LWJhY2tlbmQtMQ' : null)
      const [topic] = answer.topics
      expect(topic, `v${version}`).toMatchObject({ errorCode: 0, name: 'orders', topicId: version >= 10 ? topicId : zeroUuid, isInternal: false })
      expect(topic!.partitions).toEqual([0, 1].map(partitionIndex => ({
        errorCode: 0, partitionIndex, leaderId: 1, leaderEpoch: version >= 7 ? 0 : -1, replicaNodes: [1], isrNodes: [1], offlineReplicas: [],
      })))
    }
  })

  it('shows all topics for null, in v0 for an empty list, and none for an empty list after that', async () => {
    const desk = kafkaDesk()
    await desk.topic('a')
    await desk.topic('b')
    const names = async (version: number, topics: [] | null) => (await desk.send(Metadata, version, { topics })).topics.map(topic => topic.name)
    expect(await names(0, [])).toEqual(['a', 'b'])
    expect(await names(1, null)).toEqual(['a', 'b'])
    expect(await names(1, [])).toEqual([])
  })

  it('finds topics by id from v12 on', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('orders')
    const { topics } = await desk.send(Metadata, 12, { topics: [{ name: null, topicId }, { name: null, topicId: '01234567-89ab-cdef-0123-456789abcdef' }] })
    expect(topics.map(topic => [topic.name, topic.errorCode])).toEqual([['orders', 0], [null, ErrorCode.UNKNOWN_TOPIC_ID]])
  })

  it('creates a topic that is asked for only where server and request both allow it; then it is there', async () => {
    const exists = async (autoCreateTopics: boolean, version: number, allowAutoTopicCreation?: boolean): Promise<readonly [number, number]> => {
      const desk = kafkaDesk({ settings: { autoCreateTopics } })
      const request = { topics: [{ name: 'new' }], ...(allowAutoTopicCreation === undefined ? undefined : { allowAutoTopicCreation }) }
      const first = await desk.send(Metadata, version, request)
      const second = await desk.send(Metadata, version, request)
      return [first.topics[0]!.errorCode, second.topics[0]!.errorCode]
    }
    expect(await exists(true, 4, true)).toEqual([ErrorCode.LEADER_NOT_AVAILABLE, 0])
    expect(await exists(true, 0)).toEqual([ErrorCode.LEADER_NOT_AVAILABLE, 0])
    expect(await exists(true, 4, false)).toEqual([3, 3])
    expect(await exists(false, 4, true)).toEqual([3, 3])
    const desk = kafkaDesk({ settings: { autoCreateTopics: true } })
    expect((await desk.send(Metadata, 9, named('a/b'))).topics[0]!.errorCode).toBe(ErrorCode.INVALID_TOPIC_EXCEPTION)
    const raced = kafkaDesk({ settings: { autoCreateTopics: true }, admin: { createTopic: async () => new Refusal('topic-exists', 'there') } })
    expect((await raced.send(Metadata, 9, named('new'))).topics[0]!.errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE)
  })

  it('creates only for those who may create', async () => {
    const desk = kafkaDesk({ settings: { autoCreateTopics: true } })
    await desk.grant(alice, 'describe', 'topic', 'new')
    expect((await desk.send(Metadata, 9, named('new'), alice)).topics[0]!.errorCode).toBe(29)
    expect(await desk.backend.admin.topics()).toEqual([])
    await desk.grant(alice, 'create', 'topic', 'new')
    expect((await desk.send(Metadata, 9, named('new'), alice)).topics[0]!.errorCode).toBe(ErrorCode.LEADER_NOT_AVAILABLE)
  })

  it('leaves out of the whole what the caller may not describe, and denies it by name whether it exists or not', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    const yours = await desk.topic('yours')
    await desk.grant(alice, 'read', 'topic', 'mine')
    expect((await desk.send(Metadata, 9, { topics: null }, alice)).topics.map(topic => topic.name)).toEqual(['mine'])
    const asked = await desk.send(Metadata, 12, named('yours', 'nowhere', 'mine'), alice)
    expect(asked.topics.map(topic => [topic.name, topic.errorCode, topic.topicId === zeroUuid])).toEqual([['yours', 29, true], ['nowhere', 29, true], ['mine', 0, false]])
    const byId = await desk.send(Metadata, 12, { topics: [{ name: null, topicId: yours }] }, alice)
    expect(byId.topics[0]).toMatchObject({ name: null, errorCode: 29 })
  })

  it('tells authorized operations only when asked, and leaves no trace of looking', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    await desk.grant(alice, 'write', 'topic', 'orders')
    const plain = await desk.send(Metadata, 8, named('orders'), alice)
    expect([plain.topics[0]!.topicAuthorizedOperations, plain.clusterAuthorizedOperations]).toEqual([notAsked, notAsked])
    const before = desk.audited.length
    const told = await desk.send(Metadata, 8, { ...named('orders'), includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true }, alice)
    // WRITE is bit 4, DESCRIBE, which it implies, bit 8.
    expect([told.topics[0]!.topicAuthorizedOperations, told.clusterAuthorizedOperations]).toEqual([(1 << 4) | (1 << 8), 0])
    expect(desk.audited).toHaveLength(before)
  })

  it('lists the brokers that serve and listen, and says of each partition who of them leads and which replicas are missing', async () => {
    const { admin, reach } = threeBrokers([{}, { leader: -1, leaderEpoch: 6 }, { leader: 3 }, { replicas: [2, 1], inSyncReplicas: [2] }])
    const desk = kafkaDesk({ admin, reach })
    for (const version of versionsOf(Metadata)) {
      const answer = await desk.send(Metadata, version, named('orders'))
      expect(answer.brokers).toEqual([1, 2].map(id => ({ nodeId: id, host: 'here.test', port: 9000 + id, rack: version >= 1 ? 'abc'[id - 1] : null })))
      expect(answer.controllerId).toBe(version >= 1 ? 2 : -1)
      expect(answer.topics[0]!.partitions.map(one => [one.errorCode, one.leaderId, one.leaderEpoch, one.isrNodes, one.offlineReplicas]), `v${version}`).toEqual([
        [0, 1, version >= 7 ? 5 : -1, [1, 2], version >= 5 ? [3] : []],
        [ErrorCode.LEADER_NOT_AVAILABLE, -1, version >= 7 ? 6 : -1, [1, 2], version >= 5 ? [3] : []],
        [ErrorCode.LEADER_NOT_AVAILABLE, -1, version >= 7 ? 5 : -1, [1, 2], version >= 5 ? [3] : []],
        [0, 1, version >= 7 ? 5 : -1, [2], []],
      ])
    }
  })

  it('still lists a broker that is stopping while it listens, and none that does not', async () => {
    const { admin, reach } = threeBrokers([], { states: ['running', 'stopping', 'running'], listening: [1, 2] })
    const { brokers } = await kafkaDesk({ admin, reach }).send(Metadata, 9, { topics: null })
    expect(brokers.map(broker => broker.nodeId)).toEqual([1, 2])
  })

  it('names as controller a broker that can be reached', async () => {
    const controllerOf = async (...listening: readonly number[]): Promise<number> => {
      const { admin, reach } = threeBrokers([], { states: ['running', 'running', 'running'], listening })
      return (await kafkaDesk({ admin, reach }).send(Metadata, 9, { topics: [] })).controllerId
    }
    expect([await controllerOf(1, 2, 3), await controllerOf(1, 3), await controllerOf(3), await controllerOf()]).toEqual([2, 1, 3, -1])
  })
})
