import { describe, expect, it } from 'vitest'
import { JoinGroup } from '../../../src/kafka/apis/11-join-group.ts'
import { Refusal, type Joined, type JoinRequest, type MemberIdRequired } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf, type Desk } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const metadata = Buffer.from('what I read')
const wanted = {
  groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, memberId: '', protocolType: 'consumer', protocols: [{ name: 'range', metadata }],
}
const joined: Joined = {
  generationId: 4, protocolType: 'consumer', protocolName: 'range', leader: 'm1', memberId: 'm1', skipAssignment: false,
  members: [{ memberId: 'm1', instanceId: 'i1', metadata }, { memberId: 'm2', instanceId: null, metadata }],
}

function deskWhere(answer: Joined | MemberIdRequired | Refusal): Desk & { readonly asked: JoinRequest[] } {
  const asked: JoinRequest[] = []
  return { ...kafkaDesk({ groups: { join: async request => { asked.push(request); return answer } } }), asked }
}

describe('JoinGroup', () => {
  it('tells generation, protocol, leader and members in every version', async () => {
    for (const version of versionsOf(JoinGroup)) {
      const desk = deskWhere(joined)
      expect(await desk.send(JoinGroup, version, wanted), `v${version}`).toEqual({
        throttleTimeMs: 0, errorCode: 0, generationId: 4, protocolType: version >= 7 ? 'consumer' : null, protocolName: 'range', leader: 'm1',
        skipAssignment: false, memberId: 'm1',
        members: [
          { memberId: 'm1', groupInstanceId: version >= 5 ? 'i1' : null, metadata }, { memberId: 'm2', groupInstanceId: null, metadata },
        ],
      })
    }
  })

  it('says who joins, from where, and what its version can do', async () => {
    const desk = deskWhere(joined)
    for (const version of [0, 3, 4, 5, 9]) {
      await desk.send(JoinGroup, version, { ...wanted, ...version >= 5 && { groupInstanceId: 'i' }, ...version >= 8 && { reason: 'restarted' } })
    }
    const common = { groupId: 'g', memberId: '', clientId: 'desk', clientHost: '/10.1.2.3', protocolType: 'consumer', sessionTimeoutMs: 10_000 }
    expect(desk.asked).toMatchObject([
      { ...common, rebalanceTimeoutMs: 10_000, instanceId: null, requiresKnownMemberId: false, supportsSkippingAssignment: false, reason: null },
      { ...common, rebalanceTimeoutMs: 60_000, instanceId: null, requiresKnownMemberId: false, supportsSkippingAssignment: false },
      { ...common, rebalanceTimeoutMs: 60_000, instanceId: null, requiresKnownMemberId: true, supportsSkippingAssignment: false },
      { ...common, instanceId: 'i', requiresKnownMemberId: false, supportsSkippingAssignment: false },
      { ...common, instanceId: 'i', requiresKnownMemberId: false, supportsSkippingAssignment: true, reason: 'restarted' },
    ])
    expect(desk.asked[0]!.protocols).toEqual([{ name: 'range', metadata }])
  })

  it('hands out the member id with MEMBER_ID_REQUIRED', async () => {
    const desk = deskWhere({ refusal: new Refusal('member-id-required', 'come again'), memberId: 'desk-1234' })
    expect(await desk.send(JoinGroup, 4, wanted)).toMatchObject({ errorCode: 79, memberId: 'desk-1234', generationId: -1, members: [] })
  })

  it('names a protocol that is not null in a refusal, and echoes the member id', async () => {
    for (const version of versionsOf(JoinGroup)) {
      const desk = deskWhere(new Refusal('unknown-member-id', 'who is m9'))
      expect(await desk.send(JoinGroup, version, { ...wanted, memberId: 'm9' }), `v${version}`).toMatchObject({
        errorCode: 25, memberId: 'm9', protocolName: '', generationId: -1, leader: '', members: [],
      })
    }
  })

  it('refuses an instance id that is none before anybody joins', async () => {
    const desk = deskWhere(joined)
    for (const groupInstanceId of ['', '.', '..', 'a b', 'ü', 'x'.repeat(250)]) {
      expect((await desk.send(JoinGroup, 9, { ...wanted, groupInstanceId })).errorCode, JSON.stringify(groupInstanceId)).toBe(42)
    }
    expect(desk.asked).toEqual([])
  })

  it('asks for READ on the group', async () => {
    const desk = deskWhere(joined)
    expect(await desk.send(JoinGroup, 9, wanted, alice)).toMatchObject({ errorCode: 30, memberId: '', members: [] })
    expect(desk.asked).toEqual([])
    expect(desk.audited).toMatchObject([{ outcome: 'denied', principal: alice, operation: 'read', resource: 'group:g' }])
    await desk.grant(alice, 'read', 'group', 'g')
    expect((await desk.send(JoinGroup, 9, wanted, alice)).errorCode).toBe(0)
  })

  it('gives the wait up when the client is gone', async () => {
    const gone = new AbortController()
    const waiting = Promise.withResolvers<void>()
    const desk = kafkaDesk({
      signal: gone.signal,
      groups: {
        join: (_request, signal) => new Promise(resolve => {
          signal.addEventListener('abort', () => resolve(new Refusal('unknown-member-id', 'gone')))
          waiting.resolve()
        }),
      },
    })
    const answer = desk.send(JoinGroup, 5, wanted)
    await waiting.promise
    gone.abort()
    expect((await answer).errorCode).toBe(25)
  })
})
