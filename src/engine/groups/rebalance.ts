// One command's work on one group: the transitions of the classic protocol, on a copy of the group, and what they lead to: records, answers to
// waiting members, timers. Follows Kafka's group coordinator step by step; KIP numbers stand where they come from.
import { Refusal } from '../../ports.ts'
import type { Decision, TimerChange } from '../machine.ts'
import type { Answer } from '../parked-callers.ts'
import { fencedBy, type Group, type Member, metadataOf, noBytes, type Protocol } from './group.ts'
import type { GroupCommand, GroupReply } from './commands.ts'
import type { GroupRecord } from './records.ts'

export interface RebalanceSettings {
  readonly initialRebalanceDelayMs: number
}

/** A new member that waits for its first rebalance is given up after this long, however short its session timeout. */
const newMemberJoinTimeoutMs = 300_000

export class Rebalance {
  readonly group: Group
  readonly #nowMs: number
  readonly #settings: RebalanceSettings
  readonly #records: GroupRecord[] = []
  readonly #answers: Answer<GroupReply>[] = []
  readonly #timers: TimerChange<GroupCommand>[] = []

  /** `group` is changed: give it a copy. */
  constructor(group: Group, nowMs: number, settings: RebalanceSettings) {
    this.group = group
    this.#nowMs = nowMs
    this.#settings = settings
  }

  /** What was decided, with `reply` for the caller. */
  decision(reply: Decision<GroupCommand, GroupRecord, GroupReply>['reply']): Decision<GroupCommand, GroupRecord, GroupReply> {
    return { records: [...this.#records, { type: 'passing', group: this.group }], reply, answers: this.#answers, timers: this.#timers }
  }

  // ----------------------------------------------------------------------------------------------------------- members

  /** KIP-394: the id is given out, and forgotten unless its owner joins with it within the session timeout. */
  addPending(memberId: string, sessionTimeoutMs: number): void {
    this.group.pending.add(memberId)
    this.#timer('pending', memberId, sessionTimeoutMs, { type: 'pending-expired', groupId: this.group.groupId, memberId })
  }

  removePending(memberId: string): void {
    this.group.pending.delete(memberId)
    this.#timer('pending', memberId)
  }

  addMember(member: Omit<Member, 'assignment' | 'awaiting' | 'isNew' | 'hasSynced'>, protocolType: string): void {
    const { group } = this
    if (group.members.size === 0) group.protocolType = protocolType
    if (group.initialDelayLeftMs !== undefined) group.memberAdded = true
    group.leader ??= member.memberId
    group.members.set(member.memberId, { ...member, assignment: noBytes, awaiting: 'join', isNew: true, hasSynced: false })
    this.removePending(member.memberId)
    this.#timer('session', member.memberId, newMemberJoinTimeoutMs, { type: 'member-expired', groupId: group.groupId, memberId: member.memberId })
    this.rebalance()
  }

  /** A member that joins again, with what it says now. */
  updateMember(member: Member, protocols: readonly Protocol[], timeouts: Pick<Member, 'sessionTimeoutMs' | 'rebalanceTimeoutMs'>): void {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = timeouts
    this.group.members.set(member.memberId, { ...member, sessionTimeoutMs, rebalanceTimeoutMs, protocols, awaiting: 'join' })
  }

  /** Its open requests are answered with `refusal`; the others go on without it. */
  removeMember(memberId: string, refusal: Refusal): void {
    const { group } = this
    this.#drop(memberId, refusal)
    if (group.state === 'Stable' || group.state === 'CompletingRebalance') this.rebalance()
    else if (group.state === 'PreparingRebalance') this.#completeIfAllJoined()
  }

  /** KIP-345: the instance came back under a new member id. It keeps its place and assignment; whoever still uses the old id is fenced. */
  replaceMember(old: Member, memberId: string): Member {
    const { group } = this
    const fenced = fencedBy(memberId, old)
    this.#answer('join', old.memberId, fenced)
    this.#answer('sync', old.memberId, fenced)
    this.#timer('session', old.memberId)
    const replaced: Member = { ...old, memberId, awaiting: undefined }
    // In the old one's place, so that the order of members, and with it votes and elections, stays.
    group.members = new Map([...group.members].map(([id, member]) => (id === old.memberId ? [memberId, replaced] : [id, member])))
    if (group.leader === old.memberId) group.leader = memberId
    this.keepAlive(replaced)
    return replaced
  }

  /** The member was heard of: its session begins anew. */
  keepAlive(member: Member): void {
    this.#timer('session', member.memberId, member.sessionTimeoutMs, { type: 'member-expired', groupId: this.group.groupId, memberId: member.memberId })
  }

  // -------------------------------------------------------------------------------------------------------- transitions

  /** Begins a rebalance, or ends the one under way where nobody is missing. */
  rebalance(): void {
    const { group } = this
    if (group.state === 'PreparingRebalance') return this.#completeIfAllJoined()
    if (group.state === 'CompletingRebalance') this.#refuseSyncs()
    this.#timer('sync')
    const wasEmpty = group.state === 'Empty'
    this.#enter('PreparingRebalance')
    if (!wasEmpty) {
      this.#awaitJoins()
      return this.#completeIfAllJoined()
    }
    // Many consumers of a new group start together: waiting a little spares a rebalance for each (KIP-134).
    const delayMs = Math.min(this.#settings.initialRebalanceDelayMs, group.rebalanceTimeoutMs)
    group.memberAdded = false
    group.initialDelayLeftMs = Math.max(group.rebalanceTimeoutMs - delayMs, 0)
    if (delayMs === 0) this.#completeJoin()
    else this.#timer('join', '', delayMs, { type: 'join-timeout', groupId: group.groupId })
  }

  /** The time to join is up: extended while a new group still gathers members, else whoever is missing is left behind. */
  joinTimeout(): void {
    const { group } = this
    if (group.state !== 'PreparingRebalance') return
    const leftMs = group.initialDelayLeftMs ?? 0
    if (!group.memberAdded || leftMs === 0) return this.#completeJoin()
    const delayMs = Math.min(this.#settings.initialRebalanceDelayMs, leftMs)
    group.memberAdded = false
    group.initialDelayLeftMs = leftMs - delayMs
    this.#timer('join', '', delayMs, { type: 'join-timeout', groupId: group.groupId })
  }

  /** A member whose wait began before the rebalance ended does not count as joined in the next one; a pending id that is gone may end it. */
  pendingGone(): void {
    if (this.group.state === 'PreparingRebalance') this.#completeIfAllJoined()
  }

  /** Members that joined and never asked for their assignment are left behind. */
  syncTimeout(): void {
    const { group } = this
    if (group.state !== 'CompletingRebalance' && group.state !== 'Stable') return
    const missing = [...group.members.values()].filter(member => !member.hasSynced)
    if (missing.length === 0) return
    for (const { memberId } of missing) this.#drop(memberId, new Refusal('unknown-member-id', `Member ${memberId} did not sync within the rebalance timeout.`))
    this.rebalance()
  }

  /** The leader's word: everybody's assignment, stored before anybody gets it. Members it does not name get no bytes. */
  assign(assignments: ReadonlyMap<string, Buffer>): void {
    const { group } = this
    this.#enter('Stable')
    for (const member of group.members.values()) {
      const assignment = assignments.get(member.memberId) ?? noBytes
      const assigned: Member = { ...member, assignment, awaiting: undefined }
      group.members.set(member.memberId, assigned)
      if (member.awaiting !== 'sync') continue
      this.#answer('sync', member.memberId, { protocolType: group.protocolType ?? '', protocolName: group.protocolName ?? '', assignment })
      this.keepAlive(assigned)
    }
    this.store()
  }

  /** The member asked for its assignment. */
  synced(member: Member, awaiting: Member['awaiting']): Member {
    const asked: Member = { ...member, awaiting, hasSynced: true }
    this.group.members.set(member.memberId, asked)
    if (this.group.everybodySynced) this.#timer('sync')
    return asked
  }

  /** Writes the group as it is. */
  store(): void {
    const stored = this.group.toStored()
    this.group.stored = stored
    this.#records.push({ type: 'group', group: stored })
  }

  #awaitJoins(): void {
    this.group.initialDelayLeftMs = undefined
    this.#timer('join', '', this.group.rebalanceTimeoutMs, { type: 'join-timeout', groupId: this.group.groupId })
  }

  #completeIfAllJoined(): void {
    if (this.group.initialDelayLeftMs === undefined && this.group.everybodyJoined) this.#completeJoin()
    // A new group that everybody left again has nothing to wait for.
    else if (this.group.members.size === 0 && this.group.pending.size === 0) this.#completeJoin()
  }

  #completeJoin(): void {
    const { group } = this
    this.#timer('join')
    for (const member of group.members.values()) {
      // Static members keep their place until their session runs out (KIP-345).
      if (member.awaiting === 'join' || member.instanceId !== null) continue
      this.#drop(member.memberId, new Refusal('unknown-member-id', `Member ${member.memberId} did not join again within the rebalance timeout.`))
    }
    if (group.members.size > 0 && group.awaitingJoin === 0) return this.#awaitJoins()
    this.#electLeader()
    group.generationId++
    group.initialDelayLeftMs = undefined
    group.memberAdded = false
    if (group.members.size === 0) {
      group.protocolName = null
      this.#enter('Empty')
      return this.store()
    }
    group.protocolName = group.chooseProtocol()
    this.#enter('CompletingRebalance')
    this.#timer('sync', '', group.rebalanceTimeoutMs, { type: 'sync-timeout', groupId: group.groupId })
    for (const member of group.members.values()) {
      const joined: Member = { ...member, awaiting: undefined, isNew: false, hasSynced: false }
      group.members.set(member.memberId, joined)
      this.#answer('join', member.memberId, joinReply(group, joined))
      this.keepAlive(joined)
    }
  }

  /** Whoever leads must be there to assign. */
  #electLeader(): void {
    const { group } = this
    if (group.leader !== null && group.members.get(group.leader)?.awaiting === 'join') return
    group.leader = null
    for (const member of group.members.values()) {
      if (member.awaiting !== 'join') continue
      group.leader = member.memberId
      return
    }
  }

  #refuseSyncs(): void {
    for (const member of this.group.members.values()) {
      if (member.awaiting !== 'sync') continue
      this.group.members.set(member.memberId, { ...member, awaiting: undefined })
      this.#answer('sync', member.memberId, rebalanceInProgress(this.group))
      this.keepAlive(member)
    }
  }

  #drop(memberId: string, refusal: Refusal): void {
    const { group } = this
    group.members.delete(memberId)
    if (group.leader === memberId) group.leader = group.members.keys().next().value ?? null
    this.#answer('join', memberId, refusal)
    this.#answer('sync', memberId, refusal)
    this.#timer('session', memberId)
  }

  #enter(state: Group['state']): void {
    this.group.state = state
    this.group.stateSinceMs = this.#nowMs
  }

  #answer(waitsFor: 'join' | 'sync', memberId: string, reply: GroupReply | Refusal): void {
    this.#answers.push({ key: waitKey(waitsFor, this.group.groupId, memberId), reply })
  }

  /** Without a command, the timer is cancelled. */
  #timer(kind: 'session' | 'pending' | 'join' | 'sync', memberId = '', afterMs = 0, command?: GroupCommand): void {
    this.#timers.push({ key: waitKey(kind, this.group.groupId, memberId), afterMs, command })
  }
}

/** Unambiguous whatever ids the clients choose. */
export function waitKey(kind: string, groupId: string, memberId: string): string {
  return `${kind} ${groupId.length} ${groupId} ${memberId}`
}

/** Only the leader is told who else is there. */
export function joinReply(group: Group, member: Member, how: { readonly leader?: string; readonly skipAssignment?: boolean } = {}): GroupReply {
  const leader = how.leader ?? group.leader ?? ''
  const isLeader = leader === member.memberId
  return {
    generationId: group.generationId,
    protocolType: group.protocolType ?? '',
    protocolName: group.protocolName ?? '',
    leader,
    memberId: member.memberId,
    skipAssignment: how.skipAssignment ?? false,
    members: isLeader
      ? [...group.members.values()].map(one => ({ memberId: one.memberId, instanceId: one.instanceId, metadata: metadataOf(one, group.protocolName ?? '') }))
      : [],
  }
}

export function rebalanceInProgress(group: Group): Refusal {
  return new Refusal('rebalance-in-progress', `Group ${group.groupId} is rebalancing, so a rejoin is needed.`)
}
