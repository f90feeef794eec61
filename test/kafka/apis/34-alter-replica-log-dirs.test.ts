import { describe, expect, it } from 'vitest'
import { AlterReplicaLogDirs } from '../../../src/kafka/apis/34-alter-replica-log-dirs.ts'
import { Refusal, type RefusalCode } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const move = (path: string, name: string, ...partitions: number[]) => ({ path, topics: [{ name, partitions }] })

describe('AlterReplicaLogDirs', () => {
  it('answers each partition in every version', async () => {
    for (const version of versionsOf(AlterReplicaLogDirs)) {
      const desk = kafkaDesk()
      await desk.topic('orders', 2)
      const { results } = await desk.send(AlterReplicaLogDirs, version, { dirs: [move('/memory', 'orders', 0, 1), move('/elsewhere', 'payments', 0), move('/memory', 'nowhere', 0)] })
      expect(results, `v${version}`).toEqual([
        { topicName: 'orders', partitions: [{ partitionIndex: 0, errorCode: 0 }, { partitionIndex: 1, errorCode: 0 }] },
        { topicName: 'payments', partitions: [{ partitionIndex: 0, errorCode: 57 }] },
        { topicName: 'nowhere', partitions: [{ partitionIndex: 0, errorCode: 3 }] },
      ])
    }
  })

  it('moves replicas of the broker that is asked, to the last directory named', async () => {
    const asked: unknown[] = []
    const desk = kafkaDesk({ admin: { moveReplica: async (...all) => { asked.push(all); return null } } })
    const { results } = await desk.send(AlterReplicaLogDirs, 2, { dirs: [move('/a', 'orders', 0, 1), move('/b', 'orders', 1)] })
    expect(asked).toEqual([[1, { topic: 'orders', partition: 0 }, '/a'], [1, { topic: 'orders', partition: 1 }, '/b']])
    expect(results).toEqual([{ topicName: 'orders', partitions: [{ partitionIndex: 0, errorCode: 0 }, { partitionIndex: 1, errorCode: 0 }] }])
  })

  it('says REPLICA_NOT_AVAILABLE where the broker has none', async () => {
    const codes: [RefusalCode, number][] = [['not-leader', 9], ['replica-not-available', 9], ['storage-error', 56], ['log-dir-not-found', 57]]
    for (const [code, expected] of codes) {
      const desk = kafkaDesk({ admin: { moveReplica: async () => new Refusal(code, '') } })
      expect((await desk.send(AlterReplicaLogDirs, 2, { dirs: [move('/a', 'orders', 0)] })).results[0]!.partitions[0]!.errorCode, code).toBe(expected)
    }
  })

  it('needs ALTER on the cluster', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders')
    const codeOf = async (): Promise<number> => (
      (await desk.send(AlterReplicaLogDirs, 2, { dirs: [move('/memory', 'orders', 0)] }, alice)).results[0]!.partitions[0]!.errorCode
    )
    expect(await codeOf()).toBe(31)
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect(await codeOf()).toBe(0)
  })
})
