import { describe, expect, it } from 'vitest'
import { OffsetFetch } from '../../../src/kafka/apis/09-offset-fetch.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf, type Desk, type DeskOptions } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

async function deskWithOffsets(options?: DeskOptions): Promise<Desk & { id: string }> {
  const desk = kafkaDesk(options)
  const id = await desk.topic('orders', 3)
  await desk.topic('payments')
  await desk.backend.groups.commit({
    groupId: 'g', memberId: '', instanceId: null, generationId: -1,
    offsets: [
      { topic: 'orders', partition: 0, offset: 5, leaderEpoch: 2, metadata: 'm' },
      { topic: 'orders', partition: 2, offset: 7, leaderEpoch: -1, metadata: '' },
      { topic: 'payments', partition: 0, offset: 1, leaderEpoch: -1, metadata: '' },
    ],
  })
  return { ...desk, id }
}

describe('OffsetFetch', () => {
  it('answers named partitions in every version, -1 where nothing is committed', async () => {
    const desk = await deskWithOffsets()
    for (const version of versionsOf(OffsetFetch)) {
      const topics = [{ name: 'orders', topicId: desk.id, partitionIndexes: [0, 1] }]
      const answer = await desk.send(OffsetFetch, version, version >= 8 ? { groups: [{ groupId: 'g', topics }] } : { groupId: 'g', topics })
      const [topic] = version >= 8 ? answer.groups[0]!.topics : answer.topics
      const epochs = version >= 5
      expect(topic!.partitions, `v${version}`).toEqual([
        { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: epochs ? 2 : -1, metadata: 'm', errorCode: 0 },
        { partitionIndex: 1, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 0 },
      ])
    }
  })

  it('answers all of a group for null topics, by name or by id', async () => {
    const desk = await deskWithOffsets()
    for (const version of versionsOf(OffsetFetch).filter(one => one >= 2)) {
      const answer = await desk.send(OffsetFetch, version, version >= 8 ? { groups: [{ groupId: 'g', topics: null }] } : { groupId: 'g', topics: null })
      const topics = version >= 8 ? answer.groups[0]!.topics : answer.topics
      expect(topics.map(topic => topic.partitions.map(one => [one.partitionIndex, one.committedOffset])), `v${version}`).toEqual([[[0, 5], [2, 7]], [[0, 1]]])
      if (version >= 10) expect(answer.groups[0]!.topics[0]!.topicId).toBe(desk.id)
      else expect(topics[0]!.name).toBe('orders')
    }
    await desk.backend.admin.deleteTopic('payments')
    const byId = await desk.send(OffsetFetch, 10, { groups: [{ groupId: 'g', topics: null }] })
    expect(byId.groups[0]!.topics.map(topic => topic.topicId), 'a topic that is gone has no id to be said under').toEqual([desk.id])
  })

  it('answers many groups, an unknown one with nothing and no error', async () => {
    const desk = await deskWithOffsets()
    const answer = await desk.send(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }, { groupId: 'nobody', topics: null }], requireStable: true })
    expect(answer.groups.map(group => [group.groupId, group.errorCode, group.topics.length])).toEqual([['g', 0, 2], ['nobody', 0, 0]])
  })

  it('says that a topic id is unknown, of a topic that may not be described as of one that does not exist', async () => {
    const desk = await deskWithOffsets()
    await desk.grant(alice, 'describe', 'group', 'g')
    const request = { groups: [{ groupId: 'g', topics: [desk.id, crypto.randomUUID()].map(topicId => ({ topicId, partitionIndexes: [0] })) }] }
    const answer = await desk.send(OffsetFetch, 10, request, alice)
    expect(answer.groups[0]!.topics.map(topic => topic.partitions[0]!.errorCode)).toEqual([100, 100])
    expect((await desk.send(OffsetFetch, 10, request)).groups[0]!.topics.map(topic => topic.partitions[0]!.errorCode)).toEqual([0, 100])
  })

  it('asks for DESCRIBE on the group, then on each topic', async () => {
    const desk = await deskWithOffsets()
    const topics = [{ name: 'orders', partitionIndexes: [0] }, { name: 'nowhere', partitionIndexes: [0] }]
    const v1 = await desk.send(OffsetFetch, 1, { groupId: 'g', topics }, alice)
    expect(v1.topics.map(topic => topic.partitions[0]!.errorCode), 'v1 has no error of the whole').toEqual([30, 30])
    const v7 = await desk.send(OffsetFetch, 7, { groupId: 'g', topics }, alice)
    expect([v7.errorCode, v7.topics]).toEqual([30, []])
    const v8 = await desk.send(OffsetFetch, 8, { groups: [{ groupId: 'g', topics }] }, alice)
    expect(v8.groups).toEqual([{ groupId: 'g', errorCode: 30, topics: [] }])

    await desk.grant(alice, 'describe', 'group', 'g')
    await desk.grant(alice, 'describe', 'topic', 'payments')
    const denied = await desk.send(OffsetFetch, 8, { groups: [{ groupId: 'g', topics }] }, alice)
    expect(denied.groups[0]!.topics.map(topic => topic.partitions[0])).toEqual([
      { partitionIndex: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 29 },
      { partitionIndex: 0, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: 29 },
    ])
    const all = await desk.send(OffsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] }, alice)
    expect(all.groups[0]!.topics.map(topic => topic.name), 'the rest is left out').toEqual(['payments'])
  })

  it('passes a refusal of the group on', async () => {
    const desk = await deskWithOffsets({ groups: { committed: async () => new Refusal('coordinator-load-in-progress', 'loading') } })
    expect((await desk.send(OffsetFetch, 7, { groupId: 'g', topics: null })).errorCode).toBe(14)
    expect((await desk.send(OffsetFetch, 9, { groups: [{ groupId: 'g', topics: null }] })).groups[0]!.errorCode).toBe(14)
    const v1 = await desk.send(OffsetFetch, 1, { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] })
    expect(v1.topics[0]!.partitions[0]!.errorCode).toBe(14)
  })
})
