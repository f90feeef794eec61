import { describe, expect, it } from 'vitest'
import { FindCoordinator } from '../../../src/kafka/apis/10-find-coordinator.ts'
import { Refusal } from '../../../src/ports.ts'
import { threeBrokers } from '../three-brokers.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

describe('FindCoordinator', () => {
  it('names the broker of a group and where this client reaches it, in every version', async () => {
    const desk = kafkaDesk({ groups: { coordinator: async () => 3 } })
    for (const version of versionsOf(FindCoordinator)) {
      const answer = await desk.send(FindCoordinator, version, version >= 4 ? { coordinatorKeys: ['g'] } : { key: 'g' })
      const found = { nodeId: 3, host: 'broker-3.test', port: 9003, errorCode: 0, errorMessage: null }
      if (version >= 4) expect(answer.coordinators, `v${version}`).toEqual([{ key: 'g', ...found }])
      else expect(answer, `v${version}`).toMatchObject(found)
    }
  })

  it('answers each key by itself', async () => {
    const desk = kafkaDesk({ groups: { coordinator: async group => (group === 'loading' ? new Refusal('coordinator-not-available', 'not yet') : 1) } })
    await desk.grant(alice, 'describe', 'group', 'g')
    await desk.grant(alice, 'read', 'group', 'loading')
    const answer = await desk.send(FindCoordinator, 4, { coordinatorKeys: ['g', 'loading', 'hidden'] }, alice)
    expect(answer.coordinators).toEqual([
      { key: 'g', nodeId: 1, host: 'broker-1.test', port: 9001, errorCode: 0, errorMessage: null },
      { key: 'loading', nodeId: -1, host: '', port: -1, errorCode: 15, errorMessage: 'not yet' },
      { key: 'hidden', nodeId: -1, host: '', port: -1, errorCode: 30, errorMessage: 'Group authorization failed.' },
    ])
  })

  it('sends transactional ids to this broker, whose InitProducerId says that there are no transactions', async () => {
    const desk = kafkaDesk()
    expect(await desk.send(FindCoordinator, 2, { key: 'tx', keyType: 1 })).toMatchObject({ errorCode: 0, nodeId: 1, host: 'broker-1.test', port: 9001 })
    expect((await desk.send(FindCoordinator, 4, { coordinatorKeys: ['tx'], keyType: 1 }, alice)).coordinators[0]).toMatchObject({ errorCode: 53 })
  })

  it('has no coordinator of share groups and of what it does not know', async () => {
    const desk = kafkaDesk()
    expect((await desk.send(FindCoordinator, 6, { coordinatorKeys: ['g:t:0'], keyType: 2 })).coordinators[0]).toMatchObject({ errorCode: 42 })
    expect((await desk.send(FindCoordinator, 6, { coordinatorKeys: ['x'], keyType: 9 })).coordinators[0]).toMatchObject({ errorCode: 42 })
  })

  it('has clients ask again while the coordinator does not listen', async () => {
    const { reach } = threeBrokers([])
    const desk = kafkaDesk({ reach, groups: { coordinator: async group => (group === 'up' ? 2 : 3) } })
    const { coordinators } = await desk.send(FindCoordinator, 4, { coordinatorKeys: ['up', 'down'] })
    expect(coordinators.map(one => [one.key, one.nodeId, one.port, one.errorCode])).toEqual([['up', 2, 9002, 0], ['down', -1, -1, 15]])
    expect(coordinators[1]!.errorMessage).toContain('Broker 3')
  })
})
