import { describe, expect, it } from 'vitest'
import { DescribeTopicPartitions } from '../../../src/kafka/apis/75-describe-topic-partitions.ts'
import { threeBrokers } from '../three-brokers.ts'
import { kafkaDesk, type Desk } from '../../support/kafka-desk.ts'

type Cursor = { topicName: string; partitionIndex: number } | null

async function pages(desk: Desk, names: readonly string[], responsePartitionLimit: number): Promise<string[][]> {
  const seen: string[][] = []
  let cursor: Cursor = null
  do {
    const request = { topics: names.map(name => ({ name })), responsePartitionLimit, cursor }
    const answer: { topics: readonly { name: string | null; partitions: readonly { partitionIndex: number }[] }[]; nextCursor: Cursor } =
      await desk.send(DescribeTopicPartitions, 0, request)
    seen.push(answer.topics.flatMap(topic => topic.partitions.map(partition => `${topic.name}-${partition.partitionIndex}`)))
    cursor = answer.nextCursor
  } while (cursor !== null)
  return seen
}

describe('DescribeTopicPartitions', () => {
  it('shows topics by name, sorted, with lists that are empty and never null', async () => {
    const desk = kafkaDesk()
    const topicId = await desk.topic('b')
    await desk.topic('a')
    const { topics, nextCursor } = await desk.send(DescribeTopicPartitions, 0, { topics: [{ name: 'b' }, { name: 'nowhere' }, { name: 'a' }] })
    expect(nextCursor).toBeNull()
    expect(topics.map(topic => [topic.name, topic.errorCode])).toEqual([['a', 0], ['b', 0], ['nowhere', 3]])
    expect(topics[1]).toMatchObject({
      topicId, isInternal: false,
      partitions: [{
        errorCode: 0, partitionIndex: 0, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1], eligibleLeaderReplicas: [], lastKnownElr: [], offlineReplicas: [],
      }],
    })
  })

  it('names the replicas that can lead without loss though they are not in sync', async () => {
    const base = kafkaDesk()
    await base.topic('orders')
    const [topic] = await base.backend.admin.topics(['orders'])
    const partitions = [{ ...topic!.partitions[0]!, leader: -1, replicas: [1, 2, 3], inSyncReplicas: [1], eligibleReplicas: [2, 3] }]
    const desk = kafkaDesk({ admin: { topics: async () => [{ ...topic!, partitions }] } })
    const { topics } = await desk.send(DescribeTopicPartitions, 0, { topics: [{ name: 'orders' }] })
    expect(topics[0]!.partitions[0]).toMatchObject({ leaderId: -1, isrNodes: [1], eligibleLeaderReplicas: [2, 3], lastKnownElr: [] })
  })

  it('gives every partition exactly once over its pages', async () => {
    const desk = kafkaDesk()
    for (const [name, count] of [['a', 3], ['b', 1], ['c', 4]] as const) await desk.topic(name, count)
    const all = ['a-0', 'a-1', 'a-2', 'b-0', 'c-0', 'c-1', 'c-2', 'c-3']
    for (const limit of [1, 2, 3, 4, 5, 8, 100]) {
      const seen = await pages(desk, [], limit)
      expect(seen.flat(), `pages of ${limit}`).toEqual(all)
      for (const page of seen) expect(page.length).toBeLessThanOrEqual(limit)
    }
    expect(await pages(desk, ['c', 'a'], 3)).toEqual([['a-0', 'a-1', 'a-2'], ['c-0', 'c-1', 'c-2'], ['c-3']])
  })

  it('gives at most 2000 partitions a page, whatever is asked', async () => {
    const desk = kafkaDesk()
    await desk.topic('wide', 2500)
    expect((await pages(desk, [], 1_000_000)).map(page => page.length)).toEqual([2000, 500])
    expect((await pages(desk, [], -5))[0]).toHaveLength(1)
  }, 60_000)

  it('leaves out what the caller may not describe, and denies it by name whether it exists or not', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    await desk.topic('yours')
    await desk.grant('User:CN=alice', 'read', 'topic', 'mine')
    const all = await desk.send(DescribeTopicPartitions, 0, { topics: [] }, 'User:CN=alice')
    expect(all.topics.map(topic => topic.name)).toEqual(['mine'])
    const named = await desk.send(DescribeTopicPartitions, 0, { topics: [{ name: 'yours' }, { name: 'nowhere' }] }, 'User:CN=alice')
    expect(named.topics.map(topic => [topic.name, topic.errorCode, topic.partitions])).toEqual([['nowhere', 29, []], ['yours', 29, []]])
  })

  it('says who leads of those that can be reached, and which replicas are missing', async () => {
    const { admin, reach } = threeBrokers([{}, { leader: -1, leaderEpoch: 6 }, { leader: 3 }])
    const { topics } = await kafkaDesk({ admin, reach }).send(DescribeTopicPartitions, 0, { topics: [{ name: 'orders' }] })
    expect(topics[0]!.partitions.map(one => [one.errorCode, one.leaderId, one.leaderEpoch, one.isrNodes, one.offlineReplicas])).toEqual([
      [0, 1, 5, [1, 2], [3]], [5, -1, 6, [1, 2], [3]], [5, -1, 5, [1, 2], [3]],
    ])
  })
})
