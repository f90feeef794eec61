import { describe, expect, it } from 'vitest'
import { AlterPartitionReassignments } from '../../../src/kafka/apis/45-alter-partition-reassignments.ts'
import { Refusal, type Reassignment } from '../../../src/ports.ts'
import { threeBrokers } from '../three-brokers.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const wish = (name: string, ...replicas: (number[] | null)[]) => ({ name, partitions: replicas.map((one, partitionIndex) => ({ partitionIndex, replicas: one })) })

describe('AlterPartitionReassignments', () => {
  it('answers each partition in every version', async () => {
    for (const version of versionsOf(AlterPartitionReassignments)) {
      const desk = kafkaDesk()
      await desk.topic('orders', 4)
      const answer = await desk.send(AlterPartitionReassignments, version, { topics: [wish('orders', [1], [7], null, [1, 1]), wish('nowhere', [1])] })
      expect([answer.errorCode, answer.errorMessage, answer.allowReplicationFactorChange]).toEqual([0, null, true])
      expect(answer.responses.map(one => [one.name, one.partitions.map(partition => [partition.partitionIndex, partition.errorCode])]), `v${version}`).toEqual([
        ['orders', [[0, 0], [1, 39], [2, 85], [3, 39]]], ['nowhere', [[0, 3]]],
      ])
      expect(answer.responses[0]!.partitions.map(one => one.errorMessage)).toEqual([
        null, expect.stringContaining('broker 7'), 'No partition reassignment is in progress.', expect.stringContaining('more than once'),
      ])
    }
  })

  it('keeps the number of replicas where it is told to, also that of a partition that is being moved', async () => {
    const asked: Reassignment[] = []
    const { admin } = threeBrokers([{}, { replicas: [1, 2, 3, 4], addingReplicas: [4], removingReplicas: [1] }, {}, {}])
    const desk = kafkaDesk({ admin: { ...admin, reassign: async wishes => { asked.push(...wishes); return wishes.map(() => null) } } })
    const topics = [wish('orders', [1, 2], [2, 3, 4], [3, 2, 1], null)]
    const answer = await desk.send(AlterPartitionReassignments, 1, { allowReplicationFactorChange: false, topics })
    expect(answer.allowReplicationFactorChange).toBe(false)
    expect(answer.responses[0]!.partitions.map(one => [one.errorCode, one.errorMessage])).toEqual([
      [38, 'The replication factor is changed from 3 to 2'], [0, null], [0, null], [0, null],
    ])
    expect(asked.map(one => [one.partition, one.replicas])).toEqual([[1, [2, 3, 4]], [2, [3, 2, 1]], [3, null]])
    await desk.send(AlterPartitionReassignments, 1, { topics })
    expect(asked).toHaveLength(7)
  })

  it('says of each partition what the whole was refused for', async () => {
    const desk = kafkaDesk({ admin: { reassign: async () => new Refusal('request-timed-out', 'no quorum') } })
    const answer = await desk.send(AlterPartitionReassignments, 1, { topics: [wish('orders', [1])] })
    expect(answer).toMatchObject({ errorCode: 7, errorMessage: 'no quorum', responses: [{ name: 'orders', partitions: [{ partitionIndex: 0, errorCode: 7 }] }] })
  })

  it('needs ALTER on the cluster', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    await desk.grant(alice, 'alter', 'topic', 'orders')
    const codes = async (): Promise<number[]> => {
      const { errorCode, responses } = await desk.send(AlterPartitionReassignments, 1, { topics: [wish('orders', [1])] }, alice)
      return [errorCode, responses[0]!.partitions[0]!.errorCode]
    }
    expect(await codes()).toEqual([31, 31])
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect(await codes()).toEqual([0, 0])
  })
})
