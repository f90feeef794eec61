import { describe, expect, it } from 'vitest'
import { CreatePartitions } from '../../../src/kafka/apis/37-create-partitions.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const common = { timeoutMs: 1000, validateOnly: false }
const grow = (name: string, count: number): { name: string; count: number; assignments: null } => ({ name, count, assignments: null })

describe('CreatePartitions', () => {
  it('grows a topic in every version', async () => {
    for (const version of versionsOf(CreatePartitions)) {
      const desk = kafkaDesk()
      await desk.topic('orders', 2)
      expect((await desk.send(CreatePartitions, version, { ...common, topics: [grow('orders', 5)] })).results, `v${version}`).toEqual([
        { name: 'orders', errorCode: 0, errorMessage: null },
      ])
      expect((await desk.backend.admin.topics())[0]!.partitions).toHaveLength(5)
    }
  })

  it('only says whether it would when asked to validate', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders', 2)
    const { results } = await desk.send(CreatePartitions, 3, { ...common, validateOnly: true, topics: [grow('orders', 5)] })
    expect(results[0]!.errorCode).toBe(0)
    expect((await desk.backend.admin.topics())[0]!.partitions).toHaveLength(2)
  })

  it('refuses to shrink, what does not exist, and what stands twice', async () => {
    const desk = kafkaDesk()
    await desk.topic('orders', 2)
    const { results } = await desk.send(CreatePartitions, 3, { ...common, topics: [grow('orders', 2), grow('nowhere', 3), grow('twice', 3), grow('twice', 4)] })
    expect(results.map(one => [one.name, one.errorCode])).toEqual([['orders', 37], ['nowhere', 3], ['twice', 42]])
    expect(results[0]!.errorMessage).toContain('orders')
  })

  it('passes the brokers of the new partitions on', async () => {
    const asked: unknown[] = []
    const desk = kafkaDesk({ admin: { createPartitions: async (...all) => { asked.push(all); return (await desk.backend.admin.topics())[0]! } } })
    await desk.topic('orders', 1)
    await desk.send(CreatePartitions, 2, { ...common, topics: [{ name: 'orders', count: 3, assignments: [{ brokerIds: [1, 2] }, { brokerIds: [2, 3] }] }] })
    expect(asked).toEqual([['orders', 3, { validateOnly: false, assignment: [[1, 2], [2, 3]] }]])
  })

  it('asks for ALTER on each topic', async () => {
    const desk = kafkaDesk()
    await desk.topic('mine')
    await desk.topic('yours')
    await desk.grant(alice, 'alter', 'topic', 'mine')
    const { results } = await desk.send(CreatePartitions, 3, { ...common, topics: [grow('yours', 2), grow('mine', 2), grow('nowhere', 2)] }, alice)
    expect(results.map(one => [one.name, one.errorCode, one.errorMessage])).toEqual([
      ['mine', 0, null], ['yours', 29, 'Topic authorization failed.'], ['nowhere', 29, 'Topic authorization failed.'],
    ])
    expect((await desk.backend.admin.topics(['yours']))[0]!.partitions).toHaveLength(1)
  })
})
