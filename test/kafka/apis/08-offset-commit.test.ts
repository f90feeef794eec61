import { describe, expect, it } from 'vitest'
import { OffsetCommit } from '../../../src/kafka/apis/08-offset-commit.ts'
import { Refusal, type CommitRequest } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const position = (partitionIndex: number, committedOffset: number, committedMetadata: string | null = null): {
  partitionIndex: number; committedOffset: number; committedMetadata: string | null
} => ({ partitionIndex, committedOffset, committedMetadata })

describe('OffsetCommit', () => {
  it('stores positions in every version, by name or by id', async () => {
    for (const version of versionsOf(OffsetCommit)) {
      const desk = kafkaDesk()
      const topicId = await desk.topic('orders', 2)
      const topic = version >= 10 ? { topicId } : { name: 'orders' }
      const answer = await desk.send(OffsetCommit, version, {
        groupId: 'g', memberId: '', topics: [{ ...topic, partitions: [position(1, 42, 'note'), position(0, 7)] }],
      })
      expect(answer.topics, `v${version}`).toMatchObject([{ ...topic, partitions: [{ partitionIndex: 1, errorCode: 0 }, { partitionIndex: 0, errorCode: 0 }] }])
      expect(await desk.backend.groups.committed('g'), `v${version}`).toMatchObject([
        { topic: 'orders', partition: 1, offset: 42, metadata: 'note', leaderEpoch: -1 }, { topic: 'orders', partition: 0, offset: 7, metadata: '' },
      ])
    }
  })

  it('passes member, generation, instance and leader epoch on', async () => {
    const seen: CommitRequest[] = []
    const desk = kafkaDesk({ groups: { commit: async request => { seen.push(request); return [null] } } })
    await desk.topic('orders')
    await desk.send(OffsetCommit, 7, {
      groupId: 'g', generationIdOrMemberEpoch: 3, memberId: 'm', groupInstanceId: 'i',
      topics: [{ name: 'orders', partitions: [{ ...position(0, 9), committedLeaderEpoch: 5 }] }],
    })
    expect(seen).toEqual([{
      groupId: 'g', generationId: 3, memberId: 'm', instanceId: 'i', offsets: [{ topic: 'orders', partition: 0, offset: 9, leaderEpoch: 5, metadata: '' }],
    }])
  })

  it('refuses what does not exist, and commits the rest', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    const answer = await desk.send(OffsetCommit, 8, {
      groupId: 'g', memberId: '',
      topics: [{ name: 'nowhere', partitions: [position(0, 1)] }, { name: 'orders', partitions: [position(5, 1), position(0, 2)] }],
    })
    expect(answer.topics.map(topic => topic.partitions)).toEqual([
      [{ partitionIndex: 0, errorCode: 3 }], [{ partitionIndex: 5, errorCode: 3 }, { partitionIndex: 0, errorCode: 0 }],
    ])
    const byId = await desk.send(OffsetCommit, 10, { groupId: 'g', memberId: '', topics: [{ topicId: crypto.randomUUID(), partitions: [position(0, 1)] }] })
    expect(byId.topics[0]!.partitions).toEqual([{ partitionIndex: 0, errorCode: 100 }])
  })

  it('gives each partition its own refusal, and a refusal of the whole to all', async () => {
    let answers: readonly (null | Refusal)[] | Refusal = [null, new Refusal('offset-metadata-too-large', 'metadata of 5000 bytes')]
    const desk = kafkaDesk({ groups: { commit: async () => answers } })
    await desk.topic('orders', 2)
    const send = async (version: number): Promise<number[]> => {
      const answer = await desk.send(OffsetCommit, version, {
        groupId: 'g', memberId: 'm', topics: [{ name: 'orders', partitions: [position(0, 1), position(1, 1)] }],
      })
      return answer.topics[0]!.partitions.map(partition => partition.errorCode)
    }
    expect(await send(9)).toEqual([0, 12])
    answers = new Refusal('rebalance-in-progress', 'g is rebalancing')
    expect(await send(9)).toEqual([27, 27])
    answers = new Refusal('group-id-not-found', 'no group g')
    expect(await send(9)).toEqual([69, 69])
    expect(await send(8), 'v8 does not know GROUP_ID_NOT_FOUND').toEqual([22, 22])
  })

  it('asks for READ on the group, then READ on each topic', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('orders')
    const hiddenId = await desk.topic('hidden')
    await desk.topic('shown')
    const byName = { groupId: 'g', memberId: '', topics: ['orders', 'hidden', 'nowhere'].map(name => ({ name, partitions: [position(0, 1)] })) }
    const codes = (answer: { topics: readonly { name: string; partitions: readonly { errorCode: number }[] }[] }): unknown =>
      Object.fromEntries(answer.topics.map(topic => [topic.name, topic.partitions[0]!.errorCode]))

    expect(codes(await desk.send(OffsetCommit, 8, byName, alice))).toEqual({ orders: 30, hidden: 30, nowhere: 30 })
    await desk.grant(alice, 'read', 'group', 'g')
    await desk.grant(alice, 'read', 'topic', 'orders')
    expect(codes(await desk.send(OffsetCommit, 8, byName, alice)), 'what is hidden reads as what is not there').toEqual({ orders: 0, hidden: 29, nowhere: 29 })
    expect(await desk.backend.groups.committed('g')).toHaveLength(1)

    const byId = await desk.send(OffsetCommit, 10, {
      groupId: 'g', memberId: '', topics: [topicId, hiddenId, crypto.randomUUID()].map(id => ({ topicId: id, partitions: [position(0, 3)] })),
    }, alice)
    expect(byId.topics.map(topic => topic.partitions[0]!.errorCode)).toEqual([0, 100, 100])
    await desk.grant(alice, 'describe', 'topic', 'hidden')
    const known = await desk.send(OffsetCommit, 10, { groupId: 'g', memberId: '', topics: [{ topicId: hiddenId, partitions: [position(0, 3)] }] }, alice)
    expect(known.topics[0]!.partitions[0]!.errorCode, 'who may describe it is told why').toBe(29)
  })
})
