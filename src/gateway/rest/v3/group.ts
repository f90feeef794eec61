// A consumer group that a path names, its members, and the partitions that each was assigned: a member's part of Kafka's ConsumerProtocol, which the group's coordinator
// keeps as bytes.
import type { Response } from 'express'
import { Refusal, type Access, type Admin, type GroupDescription, type Groups, type Logs, type PartitionRef } from '../../../ports.ts'
import { Reader, WireError } from '../../../wire/bytes.ts'
import { callerOf } from '../../callers.ts'
import { Problem } from '../../problem.ts'
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

const protocolType = 'consumer'

/** Sorted by topic and partition; empty for members of other protocols (Kafka Connect), and where the bytes are not what the protocol says. */
export function assignmentOf(group: GroupDescription, member: Member): readonly PartitionRef[] {
  if (group.protocolType !== protocolType || member.assignment.length === 0) return []
  try {
    return partitionsOf(member.assignment).toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
  } catch (error) {
    if (error instanceof WireError) return []
    throw error
  }
}

/** ConsumerProtocolAssignment: int16 version, then topics with their partitions, in every version. */
function partitionsOf(bytes: Buffer): PartitionRef[] {
  const reader = new Reader(bytes)
  reader.int16()
  const partitions: PartitionRef[] = []
  for (let topics = reader.count(2) ?? 0; topics > 0; topics--) {
    const topic = reader.string()
    for (let left = reader.count(4) ?? 0; left > 0; left--) partitions.push({ topic, partition: reader.int32() })
  }
  return partitions
}
