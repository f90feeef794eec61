import { describe, expect, it } from 'vitest'
import { Heartbeat } from '../../../src/kafka/apis/12-heartbeat.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'
const beat = { groupId: 'g', generationId: 3, memberId: 'm' }

describe('Heartbeat', () => {
  it('passes member, generation and instance on, in every version', async () => {
    for (const version of versionsOf(Heartbeat)) {
      const asked: unknown[] = []
      const desk = kafkaDesk({ groups: { heartbeat: async request => { asked.push(request); return null } } })
      expect(await desk.send(Heartbeat, version, {
        ...beat, ...version >= 3 && { groupInstanceId: 'i' },
      }), `v${version}`).toEqual({ throttleTimeMs: 0, errorCode: 0 })
      expect(asked).toEqual([{ groupId: 'g', generationId: 3, memberId: 'm', instanceId: version >= 3 ? 'i' : null }])
    }
  })

  it('tells a member to join again, or that it is none', async () => {
    for (const [code, errorCode] of [
      ['rebalance-in-progress', 27], ['illegal-generation', 22], ['unknown-member-id', 25], ['fenced-instance-id', 82],
    ] as const) {
      const desk = kafkaDesk({ groups: { heartbeat: async () => new Refusal(code, 'no') } })
      expect((await desk.send(Heartbeat, 4, beat)).errorCode, code).toBe(errorCode)
    }
  })

  it('sends a member to look for the coordinator again where it cannot write, as no other error would', async () => {
    const codes = [['storage-error', 16], ['not-leader', 16], ['not-enough-replicas', 15], ['unknown-partition', 15], ['request-timed-out', 15]] as const
    for (const [code, errorCode] of codes) {
      const desk = kafkaDesk({ groups: { heartbeat: async () => new Refusal(code, 'the offsets topic') } })
      expect((await desk.send(Heartbeat, 4, beat)).errorCode, code).toBe(errorCode)
    }
  })

  it('asks for READ on the group', async () => {
    const desk = kafkaDesk({ groups: { heartbeat: async () => null } })
    await desk.grant(alice, 'describe', 'group', 'g')
    expect((await desk.send(Heartbeat, 4, beat, alice)).errorCode).toBe(30)
    await desk.grant(alice, 'read', 'group', 'g')
    expect((await desk.send(Heartbeat, 4, beat, alice)).errorCode).toBe(0)
  })
})
