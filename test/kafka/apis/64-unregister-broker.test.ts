import { describe, expect, it } from 'vitest'
import { UnregisterBroker } from '../../../src/kafka/apis/64-unregister-broker.ts'
import { kafkaDesk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

describe('UnregisterBroker', () => {
  it('forgets the broker that is named', async () => {
    const asked: number[] = []
    const desk = kafkaDesk({ admin: { unregisterBroker: async id => { asked.push(id); return null } } })
    expect(await desk.send(UnregisterBroker, 0, { brokerId: 3 })).toEqual({ throttleTimeMs: 0, errorCode: 0, errorMessage: null })
    expect(asked).toEqual([3])
  })

  it('does not know a broker that never was, and keeps one that runs', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(UnregisterBroker, 0, { brokerId: 9 })).toMatchObject({ errorCode: 102, errorMessage: expect.stringContaining('9') })
    expect(await desk.send(UnregisterBroker, 0, { brokerId: 1 })).toMatchObject({ errorCode: 42, errorMessage: expect.stringContaining('broker 1') })
  })

  it('needs ALTER on the cluster', async () => {
    const desk = kafkaDesk()
    expect((await desk.send(UnregisterBroker, 0, { brokerId: 9 }, alice)).errorCode).toBe(31)
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect((await desk.send(UnregisterBroker, 0, { brokerId: 9 }, alice)).errorCode).toBe(102)
  })
})
