import { describe, expect, it } from 'vitest'
import { DeleteTopics } from '../../../src/kafka/apis/20-delete-topics.ts'
import { Refusal } from '../../../src/ports.ts'
import { zeroUuid } from '../../../src/wire/spec.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const timeoutMs = 1000

describe('DeleteTopics', () => {
  it('deletes by name in every version', async () => {
    for (const version of versionsOf(DeleteTopics)) {
      const desk = kafkaDesk()
      const id = await desk.topic('orders')
      const answer = await desk.send(DeleteTopics, version, {
        timeoutMs, ...version >= 6 ? { topics: [{ name: 'orders', topicId: zeroUuid }] } : { topicNames: ['orders'] },
      })
      expect(answer.responses, `v${version}`).toEqual([{ name: 'orders', topicId: version >= 6 ? id : zeroUuid, errorCode: 0, errorMessage: null }])
      expect(await desk.backend.admin.topics()).toEqual([])
    }
  })

  it('deletes by id from v6 on, and tells the name', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('orders')
    const unknown = crypto.randomUUID()
    const answer = await desk.send(DeleteTopics, 6, { timeoutMs, topics: [{ name: null, topicId }, { name: null, topicId: unknown }] })
    expect(answer.responses).toMatchObject([{ name: 'orders', topicId, errorCode: 0 }, { name: null, topicId: unknown, errorCode: 100 }])
  })

  it('refuses what names nothing, two things, nothing that exists, or the same thing twice', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('orders')
    const answer = await desk.send(DeleteTopics, 6, {
      timeoutMs,
      topics: [
        { name: null, topicId: zeroUuid }, { name: 'orders', topicId }, {
          name: 'nowhere', topicId: zeroUuid,
        }, { name: 'twice', topicId: zeroUuid }, { name: 'twice', topicId: zeroUuid },
      ],
    })
    expect(answer.responses.map(one => [one.name, one.errorCode])).toEqual([[null, 42], ['orders', 42], ['nowhere', 3], ['twice', 42]])
    expect(await desk.backend.admin.topics()).toHaveLength(1)
  })

  it('says that deletion is disabled as the version knows to', async () => {
    const desk = kafkaDesk({ admin: { deleteTopic: async () => new Refusal('topic-deletion-disabled', 'off') } })
    await desk.topic('orders')
    expect((await desk.send(DeleteTopics, 2, { timeoutMs, topicNames: ['orders'] })).responses[0]!.errorCode).toBe(42)
    expect((await desk.send(DeleteTopics, 5, { timeoutMs, topicNames: ['orders'] })).responses[0]).toMatchObject({ errorCode: 73, errorMessage: 'off' })
  })

  it('asks for DELETE, and tells who may not describe neither existence nor name', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('hidden')
    const byName = await desk.send(DeleteTopics, 5, { timeoutMs, topicNames: ['hidden', 'nowhere'] }, alice)
    expect(byName.responses.map(one => [one.errorCode, one.errorMessage])).toEqual([[29, 'Topic authorization failed.'], [29, 'Topic authorization failed.']])
    const unknown = crypto.randomUUID()
    const byId = await desk.send(DeleteTopics, 6, { timeoutMs, topics: [{ name: null, topicId }, { name: null, topicId: unknown }] }, alice)
    expect(byId.responses.map(one => [one.name, one.errorCode])).toEqual([[null, 100], [null, 100]])
    await desk.grant(alice, 'describe', 'topic', 'hidden')
    expect((await desk.send(DeleteTopics, 6, {
      timeoutMs, topics: [{ name: null, topicId }],
    }, alice)).responses).toMatchObject([{ name: 'hidden', errorCode: 29 }])
    expect(await desk.backend.admin.topics()).toHaveLength(1)
    await desk.grant(alice, 'delete', 'topic', 'hidden')
    expect((await desk.send(DeleteTopics, 6, {
      timeoutMs, topics: [{ name: null, topicId }],
    }, alice)).responses).toMatchObject([{ name: 'hidden', errorCode: 0 }])
  })

  it('takes ALTER on the cluster besides for an internal topic', async () => {
    const desk = kafkaDesk()
    await desk.topic('__state')
    await desk.grant(alice, 'delete', 'topic', '*')
    const send = async (): Promise<number> => (await desk.send(DeleteTopics, 5, { timeoutMs, topicNames: ['__state'] }, alice)).responses[0]!.errorCode
    expect(await send()).toBe(29)
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect(await send()).toBe(0)
  })
})
