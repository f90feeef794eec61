import { describe, expect, it } from 'vitest'
import { SyncGroup } from '../../../src/kafka/apis/14-sync-group.ts'
import { Refusal, type SyncRequest } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const assignment = Buffer.from('partition 0')
const protocol = { protocolType: 'consumer', protocolName: 'range' }
const sync = { groupId: 'g', generationId: 3, memberId: 'm', assignments: [{ memberId: 'm', assignment }] }

describe('SyncGroup', () => {
  it('hands the assignments in and gets the member\'s own, in every version', async () => {
    for (const version of versionsOf(SyncGroup)) {
      const asked: SyncRequest[] = []
      const desk = kafkaDesk({ groups: { sync: async request => { asked.push(request); return { ...protocol, assignment } } } })
      const answer = await desk.send(SyncGroup, version, { ...sync, ...version >= 3 && { groupInstanceId: 'i' }, ...version >= 5 && protocol })
      const absent = { protocolType: null, protocolName: null }
      expect(answer, `v${version}`).toEqual({ throttleTimeMs: 0, errorCode: 0, ...version >= 5 ? protocol : absent, assignment })
      expect(asked).toEqual([{
        groupId: 'g', generationId: 3, memberId: 'm', instanceId: version >= 3 ? 'i' : null, assignments: [{ memberId: 'm', assignment }],
        ...version >= 5 ? protocol : absent,
      }])
    }
  })

  it('needs protocol type and name from v5 on', async () => {
    const desk = kafkaDesk()
    for (const missing of [{}, { protocolType: 'consumer' }, { protocolName: 'range' }]) {
      expect(await desk.send(SyncGroup, 5, { ...sync, ...missing })).toMatchObject({ errorCode: 23, assignment: Buffer.alloc(0) })
    }
  })

  it('answers a refusal with an empty assignment', async () => {
    for (const [code, errorCode] of [
      ['illegal-generation', 22], ['rebalance-in-progress', 27], ['inconsistent-group-protocol', 23], ['fenced-instance-id', 82],
    ] as const) {
      const desk = kafkaDesk({ groups: { sync: async () => new Refusal(code, 'no') } })
      expect(await desk.send(SyncGroup, 5, { ...sync, ...protocol }), code).toMatchObject({ errorCode, assignment: Buffer.alloc(0) })
    }
  })

  it('asks for READ on the group', async () => {
    const desk = kafkaDesk({ groups: { sync: async () => ({ ...protocol, assignment }) } })
    expect((await desk.send(SyncGroup, 3, sync, alice)).errorCode).toBe(30)
    await desk.grant(alice, 'read', 'group', 'g')
    expect((await desk.send(SyncGroup, 3, sync, alice)).errorCode).toBe(0)
  })
})
