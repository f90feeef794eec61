// One consumer group of the classic protocol as a value: who is in it, what they can speak, where its rebalance stands. Holds the questions; the
// transitions are in rebalance.ts. Machines keep it unchanged: whoever decides works on a copy.
//
//            first join                 all joined, or time is up           leader syncs
//   Empty ───────────────▶ PreparingRebalance ───────────────▶ CompletingRebalance ───────────────▶ Stable
//     ▲                       │     ▲  ▲                                │                             │
//     └── all members gone ───┘     │  └── join, leave, expiry ─────────┘                             │
//                                   └───────────── join, leave, expiry ───────────────────────────────┘
import { assert } from '../../base/assert.ts'
import { type GroupDescription, type GroupState, type GroupSummary, Refusal } from '../../ports.ts'
import { Reader, WireError } from '../../wire/bytes.ts'
import type { StoredGroup } from './records.ts'

export interface Protocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In the order of the member's preference. */
  readonly protocols: readonly Protocol[]
  readonly assignment: Buffer
  /** What the member's open request waits for. */
  readonly awaiting: 'join' | 'sync' | undefined
  /** Has not been through a rebalance yet. */
  readonly isNew: boolean
  /** Has asked for its assignment in this generation. */
  readonly hasSynced: boolean
}

export const noBytes: Buffer = Buffer.alloc(0)

export class Group {
  readonly groupId: string
  state: GroupState = 'Empty'
  stateSinceMs: number
  generationId = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leader: string | null = null
  members: Map<string, Member> = new Map()
  /** Member ids that were given out and have not come back yet (KIP-394). */
  pending: Set<string> = new Set()
  /** What is left of the time that a rebalance from Empty may wait for more members; undefined in any other rebalance. */
  initialDelayLeftMs: number | undefined
  /** Whether somebody joined since the initial delay was last extended. */
  memberAdded = false
  /** What the log holds of the group. */
  stored: StoredGroup | undefined

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId
    this.stateSinceMs = nowMs
  }

  /** As it was stored; members that it had are taken for present until their sessions run out. */
  static from(stored: StoredGroup): Group {
    const group = new Group(stored.groupId, stored.currentStateTimestamp)
    group.state = stored.members.length === 0 ? 'Empty' : 'Stable'
    group.generationId = stored.generation
    group.protocolType = stored.protocolType === '' ? null : stored.protocolType
    group.protocolName = stored.protocol
    group.leader = stored.leader
    group.stored = stored
    for (const { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeout, sessionTimeout, subscription, assignment } of stored.members) {
      group.members.set(memberId, {
        memberId, instanceId: groupInstanceId, clientId, clientHost, assignment, awaiting: undefined, isNew: false, hasSynced: true,
        sessionTimeoutMs: sessionTimeout, rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
        protocols: [{ name: stored.protocol ?? '', metadata: subscription }],
      })
    }
    return group
  }

  copy(): Group {
    const copy = new Group(this.groupId, this.stateSinceMs)
    return Object.assign(copy, this, { members: new Map(this.members), pending: new Set(this.pending) })
  }

  // --------------------------------------------------------------------------------------------------------- questions

  member(memberId: string): Member {
    const member = this.members.get(memberId)
    assert(member !== undefined, `group ${this.groupId} has no member ${memberId}`)
    return member
  }

  staticMember(instanceId: string): Member | undefined {
    for (const member of this.members.values()) if (member.instanceId === instanceId) return member
    return undefined
  }

  get awaitingJoin(): number {
    return this.#count(member => member.awaiting === 'join')
  }

  get everybodyJoined(): boolean {
    return this.pending.size === 0 && this.awaitingJoin === this.members.size
  }

  get everybodySynced(): boolean {
    return this.#count(member => member.hasSynced) === this.members.size
  }

  /** What the protocols of all members take. */
  get protocolBytes(): number {
    let bytes = 0
    for (const member of this.members.values()) bytes += bytesOf(member.protocols)
    return bytes
  }

  /** The longest that any member asked for. */
  get rebalanceTimeoutMs(): number {
    let longest = 0
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs)
    return longest
  }

  /** Whether a member with these protocols can be in the group at all. */
  supports(protocolType: string, protocols: readonly Protocol[]): boolean {
    if (this.state === 'Empty') return protocolType !== '' && protocols.length > 0
    return protocolType === this.protocolType && protocols.some(({ name }) => this.#speakers(name) === this.members.size)
  }

  /** The vote: each member for the first of its protocols that all speak. Ties go to the one that was voted for first. */
  chooseProtocol(): string {
    const votes = new Map<string, number>()
    for (const member of this.members.values()) {
      const choice = member.protocols.find(({ name }) => this.#speakers(name) === this.members.size)
      assert(choice !== undefined, `member ${member.memberId} of group ${this.groupId} shares no protocol with the others`)
      votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
    }
    let winner: [string, number] | undefined
    for (const entry of votes) if (winner === undefined || entry[1] > winner[1]) winner = entry
    assert(winner !== undefined, `group ${this.groupId} has nobody to vote`)
    return winner[0]
  }

  /** A refusal where the member is not of the group, or its static identity is another's by now (KIP-345). */
  memberFault(memberId: string, instanceId: string | null): Refusal | undefined {
    if (instanceId !== null) {
      const known = this.staticMember(instanceId)
      if (known === undefined) return new Refusal('unknown-member-id', `The group instance id ${instanceId} is not known to group ${this.groupId}.`)
      if (known.memberId !== memberId) return fencedBy(known.memberId, { memberId, instanceId })
    }
    return this.members.has(memberId) ? undefined : new Refusal('unknown-member-id', `The member id ${memberId} is not known to group ${this.groupId}.`)
  }

  /** Nothing of it needs remembering, besides offsets. */
  get isVacant(): boolean {
    return this.stored === undefined && this.members.size === 0 && this.pending.size === 0
  }

  /** Topics that some member subscribes to, by the consumer protocol; undefined where that cannot be told. */
  get subscribedTopics(): ReadonlySet<string> | undefined {
    if (this.protocolType !== 'consumer' || this.protocolName === null) return undefined
    const topics = new Set<string>()
    for (const member of this.members.values()) {
      const own = topicsOf(metadataOf(member, this.protocolName))
      if (own === undefined) return undefined
      for (const topic of own) topics.add(topic)
    }
    return topics
  }

  summary(): GroupSummary {
    return { groupId: this.groupId, protocolType: this.protocolType ?? '', state: this.state }
  }

  /** Subscriptions and assignments are told of a stable group only, as Kafka does: before, they belong to no one generation. */
  description(): GroupDescription {
    const stable = this.state === 'Stable'
    const protocolName = stable ? this.protocolName ?? '' : ''
    const members = [...this.members.values()].map(member => ({
      memberId: member.memberId, instanceId: member.instanceId, clientId: member.clientId, clientHost: member.clientHost,
      metadata: stable ? metadataOf(member, protocolName) : noBytes, assignment: stable ? member.assignment : noBytes,
    }))
    return { ...this.summary(), generationId: this.generationId, protocolName, members }
  }

  toStored(): StoredGroup {
    const { groupId, generationId: generation, protocolName: protocol, leader, stateSinceMs: currentStateTimestamp } = this
    const members = [...this.members.values()].map(member => ({
      memberId: member.memberId, groupInstanceId: member.instanceId, clientId: member.clientId, clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs, sessionTimeout: member.sessionTimeoutMs,
      subscription: metadataOf(member, protocol ?? ''), assignment: member.assignment,
    }))
    return { groupId, protocolType: this.protocolType ?? '', generation, protocol, leader, currentStateTimestamp, members }
  }

  #speakers(protocol: string): number {
    return this.#count(member => member.protocols.some(({ name }) => name === protocol))
  }

  #count(holds: (member: Member) => boolean): number {
    let count = 0
    for (const member of this.members.values()) if (holds(member)) count++
    return count
  }
}

export function bytesOf(protocols: readonly Protocol[]): number {
  return protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0)
}

export function fencedBy(memberId: string, old: Pick<Member, 'memberId' | 'instanceId'>): Refusal {
  return new Refusal('fenced-instance-id', `Static member ${old.memberId} with group instance id ${old.instanceId} was fenced by member ${memberId}.`)
}

export function metadataOf(member: Member, protocolName: string): Buffer {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? noBytes
}

/** Same protocols, same order, same bytes. */
export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return a.length === b.length && a.every((one, at) => one.name === b[at]!.name && one.metadata.equals(b[at]!.metadata))
}

/** The topics of a ConsumerProtocolSubscription: int16 version, then an array of strings in every version. */
function topicsOf(subscription: Buffer): string[] | undefined {
  try {
    const reader = new Reader(subscription)
    reader.int16()
    return Array.from({ length: reader.count(2) ?? 0 }, () => reader.string())
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
