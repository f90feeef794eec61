import { describe, expect, it } from 'vitest'
import { DescribeGroups } from '../../../src/kafka/apis/15-describe-groups.ts'
import { Refusal, type GroupDescription, type GroupState } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const notAsked = -2147483648
const metadata = Buffer.from('what I read')
const assignment = Buffer.from('partition 0')

function deskWith(state: GroupState): Desk {
  const group: GroupDescription = {
    groupId: 'g', protocolType: 'consumer', state, generationId: 4, protocolName: 'range',
    members: [{ memberId: 'm', instanceId: 'i', clientId: 'c', clientHost: '/127.0.0.1', metadata, assignment }],
  }
  return kafkaDesk({ groups: { describe: async groupId => (groupId === 'g' ? group : new Refusal('group-id-not-found', `Group ${groupId} not found.`)) } })
}

describe('DescribeGroups', () => {
  it('shows a stable group in every version', async () => {
    for (const version of versionsOf(DescribeGroups)) {
      expect((await deskWith('Stable').send(DescribeGroups, version, { groups: ['g'] })).groups, `v${version}`).toEqual([{
        errorCode: 0, errorMessage: null, groupId: 'g', groupState: 'Stable', protocolType: 'consumer', protocolData: 'range',
        members: [{
          memberId: 'm', groupInstanceId: version >= 4 ? 'i' : null, clientId: 'c', clientHost: '/127.0.0.1',
          memberMetadata: metadata, memberAssignment: assignment,
        }],
        authorizedOperations: notAsked,
      }])
    }
  })

  it('shows no protocol and no metadata of a group that has not agreed on them', async () => {
    const { groups } = await deskWith('PreparingRebalance').send(DescribeGroups, 5, { groups: ['g'] })
    expect(groups).toMatchObject([{ groupState: 'PreparingRebalance', protocolData: '', members: [{ memberId: 'm', memberMetadata: Buffer.alloc(0) }] }])
  })

  it('calls an unknown group Dead, and from v6 on an error', async () => {
    for (const version of versionsOf(DescribeGroups)) {
      expect((await deskWith('Stable').send(DescribeGroups, version, { groups: ['x'] })).groups, `v${version}`).toMatchObject([
        { groupId: 'x', groupState: 'Dead', errorCode: version >= 6 ? 69 : 0, errorMessage: version >= 6 ? 'Group x not found.' : null, members: [] },
      ])
    }
  })

  it('asks for DESCRIBE on each group, and tells the operations only when asked', async () => {
    const desk = deskWith('Stable')
    await desk.grant(alice, 'delete', 'group', 'g')
    const { groups } = await desk.send(DescribeGroups, 6, { groups: ['g', 'x'], includeAuthorizedOperations: true }, alice)
    expect(groups.map(group => [group.groupId, group.errorCode, group.groupState])).toEqual([['g', 0, 'Stable'], ['x', 30, '']])
    expect(groups.map(group => group.authorizedOperations)).toEqual([(1 << 6) | (1 << 8), notAsked])
    const [all] = (await desk.send(DescribeGroups, 6, { groups: ['g'], includeAuthorizedOperations: true })).groups
    expect(all!.authorizedOperations, 'READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS').toBe((1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11))
  })
})
