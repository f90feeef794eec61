import { describe, expect, it } from 'vitest'
import { CreateTopics } from '../../../src/kafka/apis/19-create-topics.ts'
import { Refusal, type NewTopic } from '../../../src/ports.ts'
import type { Draft } from '../../../src/wire/schema.ts'
import { zeroUuid } from '../../../src/wire/spec.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

function topic(name: string, more: object = {}): { name: string; numPartitions: number; replicationFactor: number; assignments: never[]; configs: never[] } {
  return { name, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [], ...more }
}

describe('CreateTopics', () => {
  it('creates a topic in every version and tells what became of it', async () => {
    for (const version of versionsOf(CreateTopics)) {
      const desk = kafkaDesk()
      const answer = await desk.send(CreateTopics, version, { topics: [topic('orders', { configs: [{ name: 'retention.ms', value: '1000' }] })] })
      const [created] = await desk.backend.admin.topics(['orders'])
      expect(created!.partitions).toHaveLength(2)
      const result = answer.topics[0]!
      expect(result, `v${version}`).toMatchObject({
        name: 'orders', errorCode: 0, errorMessage: null, topicId: version >= 7 ? created!.id : zeroUuid, topicConfigErrorCode: 0,
        numPartitions: version >= 5 ? 2 : -1, replicationFactor: version >= 5 ? 1 : -1,
      })
      const config = (name: string): unknown => result.configs?.find(one => one.name === name)
      if (version >= 5) {
        expect(config('retention.ms')).toEqual({ name: 'retention.ms', value: '1000', readOnly: false, configSource: 1, isSensitive: false })
        expect(config('cleanup.policy')).toEqual({ name: 'cleanup.policy', value: 'delete', readOnly: false, configSource: 5, isSensitive: false })
      } else expect(result.configs).toEqual([])
    }
  })

  it('only says whether it would when asked to validate', async () => {
    const desk = kafkaDesk()
    const answer = await desk.send(CreateTopics, 7, {
      topics: [topic('orders', { configs: [{ name: 'retention.ms', value: '1' }] }), topic('!')], validateOnly: true,
    })
    expect(answer.topics).toMatchObject([
      {
        name: 'orders', errorCode: 0, numPartitions: 2, replicationFactor: 1, configs: [{ name: 'retention.ms', value: '1', configSource: 1 }],
      }, { name: '!', errorCode: 17 },
    ])
    expect(await desk.backend.admin.topics()).toEqual([])
  })

  it('refuses each topic by itself, with its reason', async () => {
    const desk = kafkaDesk()
    await desk.topic('there')
    const answer = await desk.send(CreateTopics, 7, {
      topics: [
        topic('there'), topic('zero', { numPartitions: 0 }), topic('many', { replicationFactor: 3 }), topic('odd', {
          configs: [{ name: 'nonsense', value: '1' }],
        }),
        topic('null', { configs: [{ name: 'retention.ms', value: null }] }),
        topic('double', { configs: [{ name: 'retention.ms', value: '1' }, { name: 'retention.ms', value: '2' }] }), topic('good'),
      ],
    })
    expect(answer.topics.map(one => [one.name, one.errorCode])).toEqual([
      ['there', 36], ['zero', 37], ['many', 38], ['odd', 40], ['null', 40], ['double', 40], ['good', 0],
    ])
    expect(answer.topics[3]!.errorMessage).toContain('nonsense')
    expect(answer.topics[3]!.configs).toEqual([])
  })

  it('refuses a topic that stands twice in the request, and creates it not once', async () => {
    const desk = kafkaDesk()
    const answer = await desk.send(CreateTopics, 7, { topics: [topic('a'), topic('b'), topic('a', { numPartitions: 9 })] })
    expect(answer.topics.map(one => [one.name, one.errorCode])).toEqual([['a', 42], ['b', 0]])
    expect((await desk.backend.admin.topics()).map(one => one.name)).toEqual(['b'])
  })

  it('takes the defaults for -1, and an assignment in place of the counts', async () => {
    const asked: NewTopic[] = []
    const desk = kafkaDesk({ admin: { createTopic: async wanted => { asked.push(wanted); return new Refusal('policy-violation', 'not today') } } })
    const send = async (more: object): Promise<number> => (await desk.send(CreateTopics, 4, { topics: [topic('t', more)] })).topics[0]!.errorCode
    const assignments: Draft<never> = [{ partitionIndex: 1, brokerIds: [2, 3] }, { partitionIndex: 0, brokerIds: [1, 2] }] as never
    expect(await send({ numPartitions: -1, replicationFactor: -1 })).toBe(44)
    expect(await send({ numPartitions: -1, replicationFactor: -1, assignments })).toBe(44)
    expect(asked).toMatchObject([{ partitions: -1, replicationFactor: -1 }, { assignment: [[1, 2], [2, 3]] }])
    expect(await send({ numPartitions: 2, replicationFactor: -1, assignments })).toBe(42)
    expect(await send({ numPartitions: -1, replicationFactor: 2, assignments })).toBe(42)
    expect(await send({ numPartitions: -1, replicationFactor: -1, assignments: [{ partitionIndex: 1, brokerIds: [1] }] })).toBe(39)
    expect(asked).toHaveLength(2)
  })

  it('asks for CREATE on the cluster, else on each topic', async () => {
    const desk = kafkaDesk()
    await desk.topic('taken')
    await desk.grant(alice, 'create', 'topic', 'mine')
    const answer = await desk.send(CreateTopics, 7, { topics: [topic('taken'), topic('mine'), topic('free')] }, alice)
    expect(answer.topics.map(one => [one.name, one.errorCode])).toEqual([['mine', 0], ['taken', 29], ['free', 29]])
    expect(answer.topics[0], 'DESCRIBE_CONFIGS is another matter').toMatchObject({
      topicConfigErrorCode: 29, numPartitions: -1, replicationFactor: -1, configs: [],
    })
    expect((await desk.backend.admin.topics()).map(one => one.name)).toEqual(['mine', 'taken'])
    await desk.grant(alice, 'create', 'cluster', 'kafka-cluster')
    await desk.grant(alice, 'describe-configs', 'topic', 'free')
    expect((await desk.send(CreateTopics, 7, { topics: [topic('free')] }, alice)).topics[0]).toMatchObject({
      errorCode: 0, topicConfigErrorCode: 0, numPartitions: 2,
    })
  })
})
