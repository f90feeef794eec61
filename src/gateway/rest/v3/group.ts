// A consumer group that a path names, its members, and the partitions that each was assigned.
import type { Response } from 'express'
import { Refusal, type Access, type Admin, type GroupDescription, type Groups, type Logs, type PartitionRef } from '../../../ports.ts'
import { callerOf } from '../../callers.ts'
import { Problem } from '../../problem.ts'
import { consumerProtocolType, partitionsOfAssignment } from '../consumers/consumer-protocol.ts'
import { cannotBeFound, orRefuseV3 } from './refusals.ts'

export type Member = GroupDescription['members'][number]

export interface GroupParts {
  readonly groups: Groups
  readonly admin: Admin
  readonly access: Access
  readonly logs: Logs
}

/** The group of a path, for a caller who may describe it. 403 whether it exists or not, 404 where access is given and it does not. */
export async function groupOf({ groups, access }: Pick<GroupParts, 'groups' | 'access'>, response: Response, id: string): Promise<GroupDescription> {
  if (!access.allows(callerOf(response), 'describe', 'group', id)) throw new Problem(403, `Not authorized to access group: ${id}`, { errorCode: 40301 })
  const group = await groups.describe(id)
  if (group instanceof Refusal && group.code === 'group-id-not-found') throw cannotBeFound(`Consumer group ${id.slice(0, 255)}`)
  return orRefuseV3(group)
}

export function sortedMembers(group: GroupDescription): readonly Member[] {
  return group.members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
}

/** Sorted by topic and partition; empty for members of other protocols (Kafka Connect), and where the bytes are not what the protocol says. */
export function assignmentOf(group: GroupDescription, member: Member): readonly PartitionRef[] {
  if (group.protocolType !== consumerProtocolType) return []
  return partitionsOfAssignment(member.assignment).toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
}
