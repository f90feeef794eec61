import { describe, expect, it } from 'vitest'
import { DescribeAcls } from '../../../src/kafka/apis/29-describe-acls.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const bob = 'User:CN=bob'
/** Kafka's numbers. */
const type = { any: 1, topic: 2, group: 3, cluster: 4, transactionalId: 5, delegationToken: 6 }
const pattern = { any: 1, match: 2, literal: 3, prefixed: 4 }
const everything = {
  resourceTypeFilter: type.any, resourceNameFilter: null, patternTypeFilter: pattern.any, principalFilter: null, hostFilter: null,
  operation: 1, permissionType: 1,
}

async function deskWithAcls(): Promise<Desk> {
  const desk = kafkaDesk()
  await desk.grant(alice, 'read', 'topic', 'orders')
  await desk.grant(alice, 'write', 'topic', 'orders', { host: '10.0.0.1' })
  await desk.grant(bob, 'all', 'topic', 'ord', { patternType: 'prefixed', permission: 'deny' })
  await desk.grant('User:*', 'describe', 'topic', '*')
  await desk.grant(bob, 'read', 'group', 'g')
  await desk.grant(bob, 'idempotent-write', 'cluster', 'kafka-cluster')
  await desk.grant(bob, 'write', 'transactional-id', 'tx')
  await desk.grant(alice, 'read', 'subject', 'orders-value')
  await desk.grant(alice, 'read', 'tag', 'PII')
  return desk
}

describe('DescribeAcls', () => {
  it('gathers bindings by resource pattern in every version', async () => {
    const desk = await deskWithAcls()
    for (const version of versionsOf(DescribeAcls)) {
      expect(await desk.send(DescribeAcls, version, { ...everything, resourceTypeFilter: type.topic, resourceNameFilter: 'orders' }), `v${version}`).toEqual({
        throttleTimeMs: 0, errorCode: 0, errorMessage: null,
        resources: [{
          resourceType: 2, resourceName: 'orders', patternType: 3,
          acls: [{ principal: alice, host: '*', operation: 3, permissionType: 3 }, { principal: alice, host: '10.0.0.1', operation: 4, permissionType: 3 }],
        }],
      })
    }
  })

  it('never shows the registry\'s subjects and tags', async () => {
    const { resources } = await (await deskWithAcls()).send(DescribeAcls, 3, everything)
    expect(resources.map(one => [one.resourceType, one.resourceName, one.patternType])).toEqual([
      [2, 'orders', 3], [2, 'ord', 4], [2, '*', 3], [3, 'g', 3], [4, 'kafka-cluster', 3], [5, 'tx', 3],
    ])
  })

  it('finds by pattern type, and with MATCH what would apply to a name', async () => {
    const desk = await deskWithAcls()
    const names = async (patternTypeFilter: number, resourceNameFilter: string | null): Promise<string[]> =>
      (await desk.send(DescribeAcls, 2, {
        ...everything, resourceTypeFilter: type.topic, patternTypeFilter, resourceNameFilter,
      })).resources.map(one => one.resourceName)
    expect(await names(pattern.match, 'orders')).toEqual(['orders', 'ord', '*'])
    expect(await names(pattern.match, 'other')).toEqual(['*'])
    expect(await names(pattern.any, 'orders')).toEqual(['orders'])
    expect(await names(pattern.prefixed, null)).toEqual(['ord'])
    expect(await names(pattern.literal, 'ord')).toEqual([])
  })

  it('finds by principal, host, operation and permission', async () => {
    const desk = await deskWithAcls()
    const found = async (filter: object): Promise<number> =>
      (await desk.send(DescribeAcls, 2, { ...everything, ...filter })).resources.reduce((sum, resource) => sum + resource.acls.length, 0)
    expect(await found({ principalFilter: bob })).toBe(4)
    expect(await found({ hostFilter: '10.0.0.1' })).toBe(1)
    expect(await found({ operation: 3 })).toBe(2)
    expect(await found({ permissionType: 2 })).toBe(1)
    expect(await found({ resourceTypeFilter: type.delegationToken }), 'there are none').toBe(0)
    expect(await found({ operation: 13 }), 'CREATE_TOKENS').toBe(0)
  })

  it('refuses numbers that Kafka does not know', async () => {
    const desk = kafkaDesk()
    const wrongs = [
      { resourceTypeFilter: 0 }, { resourceTypeFilter: 99 }, { patternTypeFilter: 0 }, { patternTypeFilter: 5 }, { operation: 0 }, { operation: 16 },
      { permissionType: 4 },
    ]
    for (const wrong of wrongs) {
      expect((await desk.send(DescribeAcls, 3, { ...everything, ...wrong })).errorCode, JSON.stringify(wrong)).toBe(42)
    }
  })

  it('asks for DESCRIBE on the cluster', async () => {
    const desk = await deskWithAcls()
    expect(await desk.send(DescribeAcls, 3, everything, alice)).toMatchObject({ errorCode: 31, errorMessage: 'Cluster authorization failed.', resources: [] })
    await desk.grant(alice, 'alter', 'cluster', 'kafka-cluster')
    expect((await desk.send(DescribeAcls, 3, everything, alice)).errorCode, 'ALTER implies DESCRIBE').toBe(0)
  })
})
