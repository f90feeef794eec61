import { describe, expect, it } from 'vitest'
import { DeleteAcls } from '../../../src/kafka/apis/31-delete-acls.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const bob = 'User:CN=bob'
const everything = {
  resourceTypeFilter: 1, resourceNameFilter: null, patternTypeFilter: 1, principalFilter: null, hostFilter: null, operation: 1, permissionType: 1,
}

describe('DeleteAcls', () => {
  it('removes what each filter finds and tells what that was, in every version', async () => {
    for (const version of versionsOf(DeleteAcls)) {
      const desk = kafkaDesk()
      await desk.grant(alice, 'read', 'topic', 'orders')
      await desk.grant(bob, 'read', 'topic', 'orders')
      await desk.grant(bob, 'write', 'group', 'g')
      const { filterResults } = await desk.send(DeleteAcls, version, {
        filters: [{ ...everything, principalFilter: bob }, { ...everything, principalFilter: 'User:nobody' }],
      })
      const gone = { errorCode: 0, errorMessage: null, principal: bob, host: '*', permissionType: 3, patternType: 3 }
      expect(filterResults, `v${version}`).toEqual([
        {
          errorCode: 0, errorMessage: null,
          matchingAcls: [{ ...gone, resourceType: 2, resourceName: 'orders', operation: 3 }, { ...gone, resourceType: 3, resourceName: 'g', operation: 4 }],
        },
        { errorCode: 0, errorMessage: null, matchingAcls: [] },
      ])
      expect(desk.backend.acls.all().map(one => one.principal)).toEqual([alice])
    }
  })

  it('leaves the registry\'s subjects alone, whatever the filter', async () => {
    const desk = kafkaDesk()
    await desk.grant(alice, 'read', 'topic', 'orders')
    await desk.grant(alice, 'read', 'subject', 'orders-value')
    await desk.grant(alice, 'read', 'tag', 'PII')
    const { filterResults } = await desk.send(DeleteAcls, 3, { filters: [everything] })
    expect(filterResults[0]!.matchingAcls).toHaveLength(1)
    expect(desk.backend.acls.all().map(one => one.resourceType)).toEqual(['subject', 'tag'])
  })

  it('refuses a filter with unknown numbers, and serves the others', async () => {
    const desk = kafkaDesk()
    await desk.grant(alice, 'read', 'topic', 'orders')
    const { filterResults } = await desk.send(DeleteAcls, 3, {
      filters: [{ ...everything, operation: 0 }, { ...everything, resourceTypeFilter: 7 }, { ...everything, operation: 3 }],
    })
    expect(filterResults.map(one => [one.errorCode, one.matchingAcls.length])).toEqual([[42, 0], [0, 0], [0, 1]])
  })

  it('asks for ALTER on the cluster', async () => {
    const desk = kafkaDesk()
    await desk.grant(alice, 'describe', 'cluster', 'kafka-cluster')
    const { filterResults } = await desk.send(DeleteAcls, 2, { filters: [everything] }, alice)
    expect(filterResults).toEqual([{ errorCode: 31, errorMessage: 'Cluster authorization failed.', matchingAcls: [] }])
    expect(desk.backend.acls.all()).toHaveLength(1)
  })
})
