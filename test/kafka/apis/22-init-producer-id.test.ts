import { describe, expect, it } from 'vitest'
import { InitProducerId } from '../../../src/kafka/apis/22-init-producer-id.ts'
import { ErrorCode } from '../../../src/kafka/errors.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const plain = { transactionalId: null, transactionTimeoutMs: 60_000 }

describe('InitProducerId', () => {
  it('gives a new id with epoch 0 each time, in every version', async () => {
    const desk = kafkaDesk()
    const ids = new Set<number>()
    for (const version of versionsOf(InitProducerId)) {
      const answer = await desk.send(InitProducerId, version, plain)
      expect(answer).toMatchObject({ errorCode: 0, producerEpoch: 0 })
      ids.add(answer.producerId)
    }
    const again = await desk.send(InitProducerId, 4, { ...plain, producerId: 1000, producerEpoch: 3 })
    expect(again.producerEpoch, 'what a producer had means nothing without a transactional id').toBe(0)
    ids.add(again.producerId)
    expect(ids.size).toBe(versionsOf(InitProducerId).length + 1)
  })

  it('refuses a transactional id for good: transactions are not offered', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(InitProducerId, 4, { ...plain, transactionalId: 'tx' })).toMatchObject({ errorCode: ErrorCode.UNSUPPORTED_VERSION, producerId: -1, producerEpoch: -1 })
    expect((await desk.send(InitProducerId, 4, { ...plain, transactionalId: '' })).errorCode).toBe(ErrorCode.INVALID_REQUEST)
  })

  it('asks for IDEMPOTENT_WRITE on the cluster or WRITE on any topic, with a transactional id for WRITE on that', async () => {
    const desk = kafkaDesk()
    const codeFor = async (who: string, transactionalId: string | null = null) => (await desk.send(InitProducerId, 4, { ...plain, transactionalId }, who)).errorCode
    expect(await codeFor(alice)).toBe(ErrorCode.CLUSTER_AUTHORIZATION_FAILED)
    expect(await codeFor(alice, 'tx')).toBe(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    expect(desk.audited.at(-1)).toMatchObject({ outcome: 'denied', operation: 'write', resource: 'transactional-id:tx' })
    await desk.grant(alice, 'write', 'topic', 'orders')
    expect(await codeFor(alice)).toBe(0)
    await desk.grant('User:CN=bob', 'idempotent-write', 'cluster', 'kafka-cluster')
    expect(await codeFor('User:CN=bob')).toBe(0)
  })

  it('passes on that no id can be had', async () => {
    const desk = kafkaDesk({ logs: { allocateProducerId: async () => new Refusal('storage-error', 'the disk failed') } })
    expect(await desk.send(InitProducerId, 4, plain)).toMatchObject({ errorCode: ErrorCode.KAFKA_STORAGE_ERROR, producerId: -1 })
  })
})
