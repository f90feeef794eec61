import { describe, expect, it } from 'vitest'
import { ElectLeaders } from '../../../src/kafka/apis/43-elect-leaders.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const named = { topicPartitions: [{ topic: 'orders', partitions: [0] }, { topic: 'nowhere', partitions: [3] }] }

describe('ElectLeaders', () => {
  it('answers each named partition in every version', async () => {
    for (const version of versionsOf(ElectLeaders)) {
      const desk = kafkaDesk()
      await desk.topic('orders')
      const answer = await desk.send(ElectLeaders, version, named)
      expect(answer.errorCode).toBe(0)
      expect(answer.replicaElectionResults, `v${version}`).toEqual([
        { topic: 'orders', partitionResult: [{ partitionId: 0, errorCode: 84, errorMessage: expect.stringContaining('orders-0') }] },
        { topic: 'nowhere', partitionResult: [{ partitionId: 3, errorCode: 3, errorMessage: expect.stringContaining('nowhere') }] },
      ])
    }
  })

  it('passes the kind of election and the partitions on, and answers what came of them', async () => {
    const asked: unknown[] = []
    const desk = kafkaDesk({
      admin: {
        electLeaders: async (...all) => {
          asked.push(all)
          const at = (partition: number) => ({ topic: 'orders', partition })
          const refuse = (code: 'preferred-leader-not-available' | 'eligible-leaders-not-available') => new Refusal(code, code)
          return [{ ...at(0), refusal: null }, { ...at(1), refusal: refuse('preferred-leader-not-available') }, { ...at(2), refusal: refuse('eligible-leaders-not-available') }]
        },
      },
    })
    const { replicaElectionResults } = await desk.send(ElectLeaders, 2, { electionType: 1, topicPartitions: null })
    expect(replicaElectionResults[0]!.partitionResult.map(one => [one.partitionId, one.errorCode, one.errorMessage])).toEqual([
      [0, 0, null], [1, 80, 'preferred-leader-not-available'], [2, 83, 'eligible-leaders-not-available'],
    ])
    await desk.send(ElectLeaders, 0, { topicPartitions: [{ topic: 'orders', partitions: [4, 5] }] })
    expect(asked).toEqual([['unclean', null], ['preferred', [{ topic: 'orders', partition: 4 }, { topic: 'orders', partition: 5 }]]])
  })

  it('shows nothing where of all partitions none needed an election', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    expect(await desk.send(ElectLeaders, 2, { topicPartitions: null })).toEqual({ throttleTimeMs: 0, errorCode: 0, replicaElectionResults: [] })
  })

  it('knows two kinds of election', async () => {
    const answer = await kafkaDesk().send(ElectLeaders, 2, { electionType: 2, ...named })
    expect(answer.errorCode).toBe(42)
    expect(answer.replicaElectionResults[0]!.partitionResult[0]).toEqual({ partitionId: 0, errorCode: 42, errorMessage: 'Unknown election type 2' })
  })

  it('needs ALTER on the cluster, and says so where v0 has a place for it', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    await desk.grant(alice, 'alter', 'topic', 'orders')
    for (const version of versionsOf(ElectLeaders)) {
      const denied = await desk.send(ElectLeaders, version, named, alice)
      expect([denied.errorCode, denied.replicaElectionResults[1]!.partitionResult[0]!.errorCode]).toEqual([version >= 1 ? 31 : 0, 31])
    }
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect((await desk.send(ElectLeaders, 2, named, alice)).errorCode).toBe(0)
  })
})
