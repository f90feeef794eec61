import { describe, expect, it } from 'vitest'
import { ListPartitionReassignments } from '../../../src/kafka/apis/46-list-partition-reassignments.ts'
import type { PartitionRef } from '../../../src/ports.ts'
import { kafkaDesk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

describe('ListPartitionReassignments', () => {
  it('shows what is under way, by topic, and asks for the named partitions or all', async () => {
    const asked: (readonly PartitionRef[] | null)[] = []
    const desk = kafkaDesk({
      admin: {
        reassignments: async partitions => {
          asked.push(partitions)
          const moving = { replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [1] }
          return [{ topic: 'a', partition: 0, ...moving }, { topic: 'b', partition: 4, ...moving }, { topic: 'a', partition: 2, ...moving }]
        },
      },
    })
    const { errorCode, topics } = await desk.send(ListPartitionReassignments, 0, { topics: null })
    expect(errorCode).toBe(0)
    expect(topics.map(one => [one.name, one.partitions.map(partition => partition.partitionIndex)])).toEqual([['a', [0, 2]], ['b', [4]]])
    expect(topics[0]!.partitions[0]).toEqual({ partitionIndex: 0, replicas: [1, 2, 3], addingReplicas: [3], removingReplicas: [1] })
    await desk.send(ListPartitionReassignments, 0, { topics: [{ name: 'a', partitionIndexes: [0, 1] }] })
    await desk.send(ListPartitionReassignments, 0, { topics: [] })
    expect(asked).toEqual([null, [{ topic: 'a', partition: 0 }, { topic: 'a', partition: 1 }], []])
  })

  it('needs DESCRIBE on the cluster', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(ListPartitionReassignments, 0, {}, alice)).toMatchObject({ errorCode: 31, errorMessage: 'Cluster authorization failed.', topics: [] })
    await desk.grant(alice, 'describe', 'cluster', 'kafka-cluster')
    expect(await desk.send(ListPartitionReassignments, 0, {}, alice)).toMatchObject({ errorCode: 0, errorMessage: null, topics: [] })
  })
})
