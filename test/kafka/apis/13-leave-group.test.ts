import { describe, expect, it } from 'vitest'
import { LeaveGroup } from '../../../src/kafka/apis/13-leave-group.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

describe('LeaveGroup', () => {
  it('lets one member go below v3, many from v3 on', async () => {
    for (const version of versionsOf(LeaveGroup)) {
      const asked: unknown[] = []
      const desk = kafkaDesk({ groups: { leave: async (groupId, members) => { asked.push(groupId, members); return members.map(() => null) } } })
      const members = [{ memberId: 'm', ...version >= 5 && { reason: 'done' } }, { memberId: '', groupInstanceId: 'i' }]
      const answer = await desk.send(LeaveGroup, version, { groupId: 'g', ...version >= 3 ? { members } : { memberId: 'm' } })
      if (version < 3) {
        expect(asked, `v${version}`).toEqual(['g', [{ memberId: 'm', instanceId: null, reason: null }]])
        expect(answer).toEqual({ throttleTimeMs: 0, errorCode: 0, members: [] })
      } else {
        expect(asked, `v${version}`).toEqual([
          'g', [{ memberId: 'm', instanceId: null, reason: version >= 5 ? 'done' : null }, { memberId: '', instanceId: 'i', reason: null }],
        ])
        expect(answer.members).toEqual([{ memberId: 'm', groupInstanceId: null, errorCode: 0 }, { memberId: '', groupInstanceId: 'i', errorCode: 0 }])
      }
    }
  })

  it('gives each member its own refusal; before v3 it is the answer\'s', async () => {
    const desk = kafkaDesk({
      groups: { leave: async (_groupId, members) => members.map(({ memberId }) => (memberId === 'm' ? null : new Refusal('unknown-member-id', memberId))) },
    })
    const answer = await desk.send(LeaveGroup, 4, { groupId: 'g', members: [{ memberId: 'm' }, { memberId: 'nobody' }] })
    expect([answer.errorCode, answer.members.map(member => member.errorCode)]).toEqual([0, [0, 25]])
    expect((await desk.send(LeaveGroup, 2, { groupId: 'g', memberId: 'nobody' })).errorCode).toBe(25)
  })

  it('refuses the whole where the group does, or the caller may not READ it', async () => {
    const desk = kafkaDesk({ groups: { leave: async () => new Refusal('invalid-group-id', "''") } })
    expect(await desk.send(LeaveGroup, 4, { groupId: '', members: [{ memberId: 'm' }] })).toMatchObject({ errorCode: 24, members: [] })
    expect(await desk.send(LeaveGroup, 4, { groupId: 'g', members: [{ memberId: 'm' }] }, alice)).toMatchObject({ errorCode: 30, members: [] })
    expect((await desk.send(LeaveGroup, 0, { groupId: 'g', memberId: 'm' }, alice)).errorCode).toBe(30)
  })
})
