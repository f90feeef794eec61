// The requests of the classic group protocol: who may join, sync, heartbeat and leave, checked in the order of Kafka's group coordinator, and
// which transitions of rebalance.ts follow. Reads the group, works on a copy, and returns what was decided.
import { type GroupMember, type JoinRequest, Refusal, type SyncRequest } from '../../ports.ts'
import { type Decision, Parked } from '../machine.ts'
import type { GroupCommand, GroupReply, LeavingMember } from './commands.ts'
import { bytesOf, type Group, type Member, noBytes, sameProtocols } from './group.ts'
import { joinReply, Rebalance, rebalanceInProgress, type RebalanceSettings, waitKey } from './rebalance.ts'
import type { GroupRecord } from './records.ts'

export interface ClassicSettings extends RebalanceSettings {
  readonly sessionTimeoutMsMin: number
  readonly sessionTimeoutMsMax: number
  readonly membersMax: number
}

type Verdict = Decision<GroupCommand, GroupRecord, GroupReply>

/** A member's protocols with their metadata, in bytes: kept in memory and in the log for as long as it is a member. */
const memberBytesMax = 1024 * 1024
/** The same over all members of a group, and what its leader may assign to all of them: a group is one record. */
const groupBytesMax = 16 * 1024 * 1024
const assignmentBytesMax = 8 * 1024 * 1024
/** Ids and names end up in records, whose strings hold 32767 bytes at most. */
const textLengthMax = 4096

export class Classic {
  readonly #settings: ClassicSettings

  constructor(settings: ClassicSettings) {
    this.#settings = settings
  }

  /** `group` may be a new, empty one. */
  join(group: Group, request: JoinRequest, newMemberId: string, nowMs: number): Verdict {
    const fault = this.#joinFault(group, request)
    if (fault !== undefined) return { reply: fault }
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    return request.memberId === '' ? this.#joinAsNew(work, request, newMemberId) : this.#joinAgain(work, request)
  }

  #joinFault(group: Group, request: JoinRequest): Refusal | undefined {
    const { memberId, sessionTimeoutMs, protocolType, protocols } = request
    const { sessionTimeoutMsMin, sessionTimeoutMsMax, membersMax } = this.#settings
    if (sessionTimeoutMs < sessionTimeoutMsMin || sessionTimeoutMs > sessionTimeoutMsMax) {
      return new Refusal('invalid-session-timeout', `The session timeout is not within the range allowed by the broker: ${sessionTimeoutMs} ms, `
        + `not ${sessionTimeoutMsMin} to ${sessionTimeoutMsMax} ms.`)
    }
    const bytes = bytesOf(protocols)
    if (bytes > memberBytesMax) return new Refusal('invalid-request', `The protocols of a member take ${bytes} bytes, more than ${memberBytesMax}.`)
    if (group.protocolBytes + bytes > groupBytesMax) {
      return new Refusal('group-max-size-reached', `The protocols of group ${group.groupId} take ${group.protocolBytes} bytes; ${bytes} more would pass ${groupBytesMax}.`)
    }
    const texts = [memberId, request.instanceId ?? '', request.clientId, protocolType, ...protocols.map(({ name }) => name)]
    const long = texts.find(text => text.length > textLengthMax)
    if (long !== undefined) return new Refusal('invalid-request', `A name of ${long.length} characters is longer than ${textLengthMax}: ${long.slice(0, 40)}…`)
    if (!this.#hasRoom(group, memberId)) {
      return new Refusal('group-max-size-reached', `The consumer group ${group.groupId} has reached its max size of ${membersMax}.`)
    }
    if (!group.supports(protocolType, protocols)) {
      return new Refusal('inconsistent-group-protocol', `Group ${group.groupId} (${group.protocolType ?? 'no protocol type'}) shares no protocol with `
        + `${protocolType === '' ? 'an empty protocol type' : protocolType} [${protocols.map(({ name }) => name).join(', ')}].`)
    }
    return undefined
  }

  #hasRoom(group: Group, memberId: string): boolean {
    const known = group.members.get(memberId)
    const most = this.#settings.membersMax
    switch (group.state) {
      case 'Empty': case 'Dead': return group.pending.has(memberId) || group.pending.size < most
      // Members of the last generation that stay away make room for new ones.
      case 'PreparingRebalance': {
        if (known !== undefined) return known.awaiting === 'join' || group.awaitingJoin < most
        return group.awaitingJoin < most && group.members.size + group.pending.size < 2 * most
      }
      case 'CompletingRebalance': case 'Stable': return known !== undefined || group.pending.has(memberId) || group.members.size + group.pending.size < most
    }
  }

  #joinAsNew(work: Rebalance, request: JoinRequest, newMemberId: string): Verdict {
    const { group } = work
    if (request.instanceId !== null) {
      const old = group.staticMember(request.instanceId)
      return old === undefined ? this.#add(work, request, newMemberId) : this.#replace(work, old, request, newMemberId)
    }
    if (!request.requiresKnownMemberId) return this.#add(work, request, newMemberId)
    work.addPending(newMemberId, request.sessionTimeoutMs)
    const refusal = new Refusal('member-id-required', 'The group member needs to have a valid member id before actually entering a consumer group: '
      + `join again as ${newMemberId}.`)
    return work.decision({ refusal, memberId: newMemberId })
  }

  #add(work: Rebalance, request: JoinRequest, memberId: string): Verdict {
    const { instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs } = request
    work.addMember({ memberId, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols: protocolsOf(request) }, request.protocolType)
    return work.decision(new Parked(waitKey('join', work.group.groupId, memberId)))
  }

  #joinAgain(work: Rebalance, request: JoinRequest): Verdict {
    const { group } = work
    const { memberId, instanceId } = request
    if (group.pending.has(memberId)) {
      if (instanceId === null) return this.#add(work, request, memberId)
      return { reply: new Refusal('unknown-member-id', `The member id ${memberId} was given to a dynamic member, not to group instance id ${instanceId}.`) }
    }
    const fault = group.memberFault(memberId, instanceId)
    if (fault !== undefined) return { reply: fault }
    const member = group.member(memberId)
    const isLeader = group.leader === memberId
    const unchanged = sameProtocols(member.protocols, request.protocols)
    // The reply to an earlier join was lost, or a follower merely asks: the present generation is told once more.
    if (unchanged && (group.state === 'CompletingRebalance' || (group.state === 'Stable' && !isLeader))) {
      work.keepAlive(member)
      return work.decision(joinReply(group, member))
    }
    if (group.state === 'Empty' || group.state === 'Dead') return { reply: stranger(group, memberId) }
    work.updateMember(member, protocolsOf(request), request)
    work.rebalance()
    return work.decision(new Parked(waitKey('join', group.groupId, memberId)))
  }

  /** KIP-345. Where nothing else would change, the static member slips back into its place and nobody notices. */
  #replace(work: Rebalance, old: Member, request: JoinRequest, memberId: string): Verdict {
    const { group } = work
    const formerLeader = group.leader
    const replaced = work.replaceMember(old, memberId)
    work.updateMember(replaced, protocolsOf(request), request)
    if (group.state !== 'Stable' || group.chooseProtocol() !== group.protocolName) {
      work.rebalance()
      return work.decision(new Parked(waitKey('join', group.groupId, memberId)))
    }
    const settled: Member = { ...group.member(memberId), awaiting: undefined }
    group.members.set(memberId, settled)
    work.store()
    // A leader that cannot be told to skip the assignment is made to think that somebody else leads (KAFKA-7728, KIP-814).
    const how = request.supportsSkippingAssignment ? { skipAssignment: group.leader === memberId } : { leader: formerLeader ?? '' }
    return work.decision(joinReply(group, settled, how))
  }

  sync(group: Group, request: SyncRequest, nowMs: number): Verdict {
    const fault = memberAndGenerationFault(group, request) ?? protocolFault(group, request)
    if (fault !== undefined) return { reply: fault }
    const { groupId, memberId } = request
    if (group.state === 'PreparingRebalance') return { reply: rebalanceInProgress(group) }
    if (group.state === 'Empty' || group.state === 'Dead') return { reply: stranger(group, memberId) }
    const bytes = request.assignments.reduce((sum, { assignment }) => sum + assignment.length, 0)
    if (bytes > assignmentBytesMax) return { reply: new Refusal('invalid-request', `The assignments take ${bytes} bytes, more than ${assignmentBytesMax}.`) }
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    if (group.state === 'Stable') {
      const member = work.synced(group.member(memberId), undefined)
      work.keepAlive(member)
      return work.decision({ protocolType: group.protocolType ?? '', protocolName: group.protocolName ?? '', assignment: member.assignment })
    }
    work.synced(group.member(memberId), 'sync')
    if (group.leader === memberId) work.assign(new Map(request.assignments.map(one => [one.memberId, Buffer.from(one.assignment)])))
    return work.decision(new Parked(waitKey('sync', groupId, memberId)))
  }

  heartbeat(group: Group, request: GroupMember & { readonly generationId: number }, nowMs: number): Verdict {
    const fault = memberAndGenerationFault(group, request)
    if (fault !== undefined) return { reply: fault }
    const timers = this.keptAlive(group, group.member(request.memberId), nowMs)
    return { reply: group.state === 'PreparingRebalance' ? rebalanceInProgress(group) : null, timers }
  }

  leave(group: Group, leaving: readonly LeavingMember[], nowMs: number): Verdict {
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    return work.decision(leaving.map(({ memberId, instanceId }) => this.#leaveOne(work, memberId, instanceId)))
  }

  #leaveOne(work: Rebalance, memberId: string, instanceId: string | null): null | Refusal {
    const { group } = work
    if (memberId === '') {
      // An administrator takes a static member out by its instance id.
      const member = instanceId === null ? undefined : group.staticMember(instanceId)
      if (member === undefined) return new Refusal('unknown-member-id', `The group instance id ${instanceId} is not known to group ${group.groupId}.`)
      work.removeMember(member.memberId, leftGroup(group, member.memberId))
      return null
    }
    if (group.pending.has(memberId)) {
      work.removePending(memberId)
      work.pendingGone()
      return null
    }
    const fault = group.memberFault(memberId, instanceId)
    if (fault !== undefined) return fault
    work.removeMember(memberId, leftGroup(group, memberId))
    return null
  }

  /** Whoever waits in a request is alive, but for a new member that waits too long for its first rebalance. */
  memberExpired(group: Group, memberId: string, nowMs: number): Verdict {
    const member = group.members.get(memberId)
    if (member === undefined || (member.awaiting !== undefined && !member.isNew)) return { reply: null }
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    work.removeMember(memberId, new Refusal('unknown-member-id', `The session of member ${memberId} of group ${group.groupId} has expired.`))
    return work.decision(null)
  }

  pendingExpired(group: Group, memberId: string, nowMs: number): Verdict {
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    work.removePending(memberId)
    work.pendingGone()
    return work.decision(null)
  }

  joinTimeout(group: Group, nowMs: number): Verdict {
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    work.joinTimeout()
    return work.decision(null)
  }

  syncTimeout(group: Group, nowMs: number): Verdict {
    const work = new Rebalance(group.copy(), nowMs, this.#settings)
    work.syncTimeout()
    return work.decision(null)
  }

  /** After a restart: the members that were stored have one session to be heard of. */
  resume(group: Group, nowMs: number): NonNullable<Verdict['timers']> {
    return [...group.members.values()].flatMap(member => this.keptAlive(group, member, nowMs))
  }

  /** The timers that begin the member's session anew. */
  keptAlive(group: Group, member: Member, nowMs: number): NonNullable<Verdict['timers']> {
    const work = new Rebalance(group, nowMs, this.#settings)
    work.keepAlive(member)
    return work.decision(null).timers ?? []
  }
}

/** A refusal where the member is not of this group and generation. */
export function memberAndGenerationFault(
  group: Group, { memberId, instanceId, generationId }: GroupMember & { readonly generationId: number },
): Refusal | undefined {
  const fault = group.memberFault(memberId, instanceId)
  if (fault !== undefined) return fault
  if (generationId === group.generationId) return undefined
  return new Refusal('illegal-generation', `The generation of group ${group.groupId} is ${group.generationId}, not ${generationId}.`)
}

function protocolFault(group: Group, { protocolType, protocolName }: SyncRequest): Refusal | undefined {
  const typeDiffers = protocolType !== null && group.protocolType !== null && protocolType !== group.protocolType
  const nameDiffers = protocolName !== null && group.protocolName !== null && protocolName !== group.protocolName
  if (!typeDiffers && !nameDiffers) return undefined
  const [ours, theirs] = [`${group.protocolType}/${group.protocolName}`, `${protocolType}/${protocolName}`]
  return new Refusal('inconsistent-group-protocol', `Group ${group.groupId} speaks ${ours}, not ${theirs}.`)
}

function stranger(group: Group, memberId: string): Refusal {
  return new Refusal('unknown-member-id', `The member id ${memberId} is not known to group ${group.groupId}.`)
}

function leftGroup(group: Group, memberId: string): Refusal {
  return new Refusal('unknown-member-id', `Member ${memberId} has left group ${group.groupId}.`)
}

/** Copies: the request's bytes are views of its frame. */
function protocolsOf({ protocols }: JoinRequest): Member['protocols'] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: metadata.length === 0 ? noBytes : Buffer.from(metadata) }))
}
