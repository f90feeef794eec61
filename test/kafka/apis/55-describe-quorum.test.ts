import { describe, expect, it } from 'vitest'
import { DescribeQuorum } from '../../../src/kafka/apis/55-describe-quorum.ts'
import { zeroUuid } from '../../../src/wire/spec.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const metadata = { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }] }] }

describe('DescribeQuorum', () => {
  it('shows who holds the metadata and how far, in every version', async () => {
    const desk = kafkaDesk({
      admin: {
        quorum: async () => ({
          leaderId: 2, leaderEpoch: 4, highWatermark: 90,
          voters: [{ id: 1, logEndOffset: 88, lastFetchMs: 500, lastCaughtUpMs: 400 }, { id: 2, logEndOffset: 91, lastFetchMs: -1, lastCaughtUpMs: -1 }],
        }),
      },
    })
    for (const version of versionsOf(DescribeQuorum)) {
      const before = Date.now()
      const answer = await desk.send(DescribeQuorum, version, metadata)
      expect(answer.errorCode).toBe(0)
      const [partition] = answer.topics[0]!.partitions
      expect(partition, `v${version}`).toMatchObject({
        partitionIndex: 0, errorCode: 0, errorMessage: null, leaderId: 2, leaderEpoch: 4, highWatermark: 90, observers: [],
      })
      const [follower, leader] = partition!.currentVoters
      const times = version >= 1 ? [500, 400] : [-1, -1]
      expect(follower).toEqual({
        replicaId: 1, replicaDirectoryId: zeroUuid, logEndOffset: 88, lastFetchTimestamp: times[0], lastCaughtUpTimestamp: times[1],
      })
      expect(leader!.logEndOffset).toBe(91)
      if (version >= 1) expect(Math.min(leader!.lastFetchTimestamp, leader!.lastCaughtUpTimestamp)).toBeGreaterThanOrEqual(before)
      expect(answer.nodes).toEqual(version >= 2 ? [{ nodeId: 1, listeners: [] }, { nodeId: 2, listeners: [] }] : [])
    }
  })

  it('knows that one partition only', async () => {
    const desk = kafkaDesk()
    const codes = async (...topics: readonly (readonly [string, number])[]): Promise<number[]> => {
      const request = { topics: topics.map(([topicName, partitionIndex]) => ({ topicName, partitions: [{ partitionIndex }] })) }
      return (await desk.send(DescribeQuorum, 2, request)).topics.flatMap(topic => topic.partitions.map(partition => partition.errorCode))
    }
    expect(await codes(['__cluster_metadata', 1])).toEqual([3])
    expect(await codes(['orders', 0])).toEqual([3])
    expect(await codes(['__cluster_metadata', 0], ['orders', 0])).toEqual([3, 3])
    expect(await codes(['__cluster_metadata', 0])).toEqual([0])
  })

  it('needs DESCRIBE on the cluster', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(DescribeQuorum, 2, metadata, alice)).toMatchObject({ errorCode: 31, topics: [] })
    await desk.grant(alice, 'describe', 'cluster', 'kafka-cluster')
    expect((await desk.send(DescribeQuorum, 2, metadata, alice)).errorCode).toBe(0)
  })
})
