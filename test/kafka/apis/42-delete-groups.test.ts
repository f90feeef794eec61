import { describe, expect, it } from 'vitest'
import { DeleteGroups } from '../../../src/kafka/apis/42-delete-groups.ts'
import { Refusal } from '../../../src/ports.ts'
import { kafkaDesk, versionsOf } from '../../support/kafka-desk.ts'

const alice = 'User:CN=alice'

describe('DeleteGroups', () => {
  it('deletes each group and answers it once, in every version', async () => {
    for (const version of versionsOf(DeleteGroups)) {
      const deleted: string[] = []
      const desk = kafkaDesk({
        groups: {
          async delete(groupId) {
            deleted.push(groupId)
            return groupId === 'busy' ? new Refusal('non-empty-group', groupId) : groupId === 'x' ? new Refusal('group-id-not-found', groupId) : null
          },
        },
      })
      const { results } = await desk.send(DeleteGroups, version, { groupsNames: ['g', 'busy', 'g', 'x'] })
      expect(results, `v${version}`).toEqual([{ groupId: 'g', errorCode: 0 }, { groupId: 'busy', errorCode: 68 }, { groupId: 'x', errorCode: 69 }])
      expect(deleted).toEqual(['g', 'busy', 'x'])
    }
  })

  it('asks for DELETE on each group and touches no other', async () => {
    const deleted: string[] = []
    const desk = kafkaDesk({ groups: { delete: async groupId => { deleted.push(groupId); return null } } })
    await desk.grant(alice, 'delete', 'group', 'mine')
    const { results } = await desk.send(DeleteGroups, 2, { groupsNames: ['yours', 'mine', 'yours'] }, alice)
    expect(results).toEqual([{ groupId: 'mine', errorCode: 0 }, { groupId: 'yours', errorCode: 30 }])
    expect(deleted).toEqual(['mine'])
  })
})
