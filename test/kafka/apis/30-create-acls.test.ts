import { describe, expect, it } from 'vitest'
import { CreateAcls } from '../../../src/kafka/apis/30-create-acls.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const readOrders = { resourceType: 2, resourceName: 'orders', resourcePatternType: 3, principal: alice, host: '*', operation: 3, permissionType: 3 }

describe('CreateAcls', () => {
  it('adds bindings in every version, and answers those that stand already as made', async () => {
    for (const version of versionsOf(CreateAcls)) {
      const desk = kafkaDesk()
      const denyAll = { ...readOrders, resourcePatternType: 4, operation: 2, permissionType: 2, host: '10.0.0.1' }
      const { results } = await desk.send(CreateAcls, version, { creations: [readOrders, denyAll, readOrders] })
      expect(results, `v${version}`).toEqual([0, 0, 0].map(errorCode => ({ errorCode, errorMessage: null })))
      expect(desk.backend.acls.all()).toEqual([
        { principal: alice, host: '*', operation: 'read', permission: 'allow', resourceType: 'topic', resourceName: 'orders', patternType: 'literal' },
        { principal: alice, host: '10.0.0.1', operation: 'all', permission: 'deny', resourceType: 'topic', resourceName: 'orders', patternType: 'prefixed' },
      ])
      expect(desk.audited.map(event => [event.kind, event.principal, event.operation])).toEqual([
        ['authority', 'User:root', 'create-acl'], ['authority', 'User:root', 'create-acl'],
      ])
    }
  })

  it('judges each binding by itself', async () => {
    const desk = kafkaDesk()
    const wrong = [
      { resourceName: '' }, { resourceType: 0 }, { resourceType: 1 }, { resourceType: 6 }, { resourcePatternType: 1 }, { resourcePatternType: 2 },
      { operation: 0 },
      { operation: 1 },
      { operation: 13 }, { permissionType: 0 }, { permissionType: 1 }, { principal: 'alice' }, { principal: '' }, { host: '' }, {
        resourceType: 4, resourceName: 'my-cluster',
      },
    ]
    const { results } = await desk.send(CreateAcls, 3, { creations: [...wrong.map(one => ({ ...readOrders, ...one })), readOrders] })
    expect(results.map(one => one.errorCode)).toEqual([...wrong.map(() => 42), 0])
    for (const [at, one] of wrong.entries()) expect(results[at]!.errorMessage, JSON.stringify(one)).toMatch(/\S/)
    expect(desk.backend.acls.all()).toHaveLength(1)
  })

  it('asks for ALTER on the cluster, for all of the request', async () => {
    const desk = kafkaDesk()
    await desk.grant(alice, 'describe', 'cluster', 'kafka-cluster')
    const { results } = await desk.send(CreateAcls, 2, { creations: [readOrders, readOrders] }, alice)
    expect(results).toEqual([31, 31].map(errorCode => ({ errorCode, errorMessage: 'Cluster authorization failed.' })))
    expect(desk.backend.acls.all()).toHaveLength(1)
  })
})
