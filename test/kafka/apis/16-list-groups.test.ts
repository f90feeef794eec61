import { describe, expect, it } from 'vitest'
import { ListGroups } from '../../../src/kafka/apis/16-list-groups.ts'
import { clusterResource } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

function deskWithGroups(): Desk {
  return kafkaDesk({
    groups: {
      list: async () => [
        { groupId: 'busy', protocolType: 'consumer', state: 'Stable' }, { groupId: 'idle', protocolType: 'consumer', state: 'Empty' },
        { groupId: 'simple', protocolType: '', state: 'Empty' },
      ],
    },
  })
}

describe('ListGroups', () => {
  it('lists groups in every version, states from v4, types from v5', async () => {
    const desk = deskWithGroups()
    for (const version of versionsOf(ListGroups)) {
      const { errorCode, groups } = await desk.send(ListGroups, version, {})
      expect(errorCode).toBe(0)
      expect(groups.map(group => group.groupId), `v${version}`).toEqual(['busy', 'idle', 'simple'])
      expect(groups[0], `v${version}`).toEqual({
        groupId: 'busy', protocolType: 'consumer', groupState: version >= 4 ? 'Stable' : '', groupType: version >= 5 ? 'classic' : '',
      })
    }
  })

  it('filters by state and type, whatever their case', async () => {
    const desk = deskWithGroups()
    const ids = async (filter: { statesFilter?: string[]; typesFilter?: string[] }): Promise<string[]> =>
      (await desk.send(ListGroups, 5, filter)).groups.map(group => group.groupId)
    expect(await ids({ statesFilter: ['stable'] })).toEqual(['busy'])
    expect(await ids({ statesFilter: ['Empty', 'Dead'] })).toEqual(['idle', 'simple'])
    expect(await ids({ typesFilter: ['Classic'] })).toHaveLength(3)
    expect(await ids({ typesFilter: ['consumer'] }), 'groups of KIP-848 only').toEqual([])
    expect(await ids({ statesFilter: ['Stable'], typesFilter: ['share', 'classic'] })).toEqual(['busy'])
  })

  it('leaves out what the caller may not describe, without an error and without an audit line', async () => {
    const desk = deskWithGroups()
    expect(await desk.send(ListGroups, 5, {}, alice)).toMatchObject({ errorCode: 0, groups: [] })
    await desk.grant(alice, 'read', 'group', 'idle')
    expect((await desk.send(ListGroups, 5, {}, alice)).groups.map(group => group.groupId)).toEqual(['idle'])
    await desk.grant(alice, 'describe', 'cluster', clusterResource)
    expect((await desk.send(ListGroups, 5, {}, alice)).groups).toHaveLength(3)
    expect(desk.audited).toEqual([])
  })
})
