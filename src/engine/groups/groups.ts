// The groups of one partition of `__consumer_offsets` as a state machine: memberships by the classic protocol, and committed offsets.
import { type CommitRequest, type CommittedOffset, type GroupDescription, type GroupSummary, type PartitionRef, Refusal } from '../../ports.ts'
import type { RecordDraft, RecordView } from '../../wire/batch.ts'
import type { Decision, Machine, TimerChange } from '../machine.ts'
import { Classic, type ClassicSettings } from './classic.ts'
import type { GroupCommand, GroupReply } from './commands.ts'
import { Group } from './group.ts'
import { commitFault, expiredOffsets, OffsetTable } from './offsets.ts'
import { decodeRecord, encodeRecord, type GroupRecord } from './records.ts'

export interface GroupSettings extends ClassicSettings {
  readonly offsetsRetentionMs: number
  readonly offsetsRetentionCheckMs: number
  readonly offsetMetadataMax: number
}

/** More groups in one coordinator partition are refused: a group that nobody joins for good costs memory all the same. */
export const groupsPerPartitionMax = 20_000

/** More offsets are removed by several batches. */
const removalsPerBatchMax = 5_000

type Verdict = Decision<GroupCommand, GroupRecord, GroupReply>

export class Groups implements Machine<GroupCommand, GroupRecord, GroupReply> {
  readonly #settings: GroupSettings
  readonly #classic: Classic
  readonly #groups = new Map<string, Group>()
  readonly #offsets = new OffsetTable()

  constructor(settings: GroupSettings) {
    this.#settings = settings
    this.#classic = new Classic(settings)
  }

  // --------------------------------------------------------------------------------------------------------- questions

  list(): GroupSummary[] {
    return [...this.#groups.values()].map(group => group.summary())
  }

  describe(groupId: string): GroupDescription | Refusal {
    return this.#groups.get(groupId)?.description() ?? notFound(groupId)
  }

  committed(groupId: string, partitions?: readonly PartitionRef[]): CommittedOffset[] {
    return this.#offsets.committed(groupId, partitions)
  }

  /** Topics that offsets are committed of. */
  offsetTopics(): Set<string> {
    return new Set([...this.#offsets].map(({ topic }) => topic))
  }

  // ---------------------------------------------------------------------------------------------------------- commands

  decide(command: GroupCommand, nowMs: number): Verdict {
    switch (command.type) {
      case 'join': return this.#join(command, nowMs)
      case 'sync': return this.#withGroup(command.request.groupId, group => this.#classic.sync(group, command.request, nowMs))
      case 'heartbeat': return this.#withGroup(command.request.groupId, group => this.#classic.heartbeat(group, command.request, nowMs))
      case 'leave': return this.#withGroup(command.groupId, group => this.#classic.leave(group, command.members, nowMs))
      case 'commit': return this.#commit(command.request, nowMs)
      case 'delete': return this.#delete(command.groupId)
      case 'forget-topic': return this.#forgetTopic(command.topic)
      case 'member-expired': return this.#onTimer(command.groupId, group => this.#classic.memberExpired(group, command.memberId, nowMs))
      case 'pending-expired': return this.#onTimer(command.groupId, group => this.#classic.pendingExpired(group, command.memberId, nowMs))
      case 'join-timeout': return this.#onTimer(command.groupId, group => this.#classic.joinTimeout(group, nowMs))
      case 'sync-timeout': return this.#onTimer(command.groupId, group => this.#classic.syncTimeout(group, nowMs))
      case 'expire-offsets': return this.#expireOffsets(nowMs)
    }
  }

  #join({ request, newMemberId }: GroupCommand & { type: 'join' }, nowMs: number): Verdict {
    const known = this.#groups.get(request.groupId)
    if (known === undefined && request.memberId !== '') return { reply: unknownMember(request.groupId, request.memberId) }
    if (known === undefined && this.#groups.size >= groupsPerPartitionMax) return { reply: tooMany(request.groupId) }
    return this.#classic.join(known ?? new Group(request.groupId, nowMs), request, newMemberId, nowMs)
  }

  #withGroup(groupId: string, decide: (group: Group) => Verdict): Verdict {
    const group = this.#groups.get(groupId)
    return group === undefined ? { reply: new Refusal('unknown-member-id', `Group ${groupId} not found.`) } : decide(group)
  }

  #onTimer(groupId: string, decide: (group: Group) => Verdict): Verdict {
    const group = this.#groups.get(groupId)
    return group === undefined ? { reply: null } : decide(group)
  }

  #commit(request: CommitRequest, nowMs: number): Verdict {
    const { groupId, memberId } = request
    const group = this.#groups.get(groupId)
    const fault = commitFault(group, request)
    if (fault !== undefined) return { reply: fault }
    if (group === undefined && this.#groups.size >= groupsPerPartitionMax) return { reply: tooMany(groupId) }
    const records: GroupRecord[] = []
    const reply = request.offsets.map((wanted): null | Refusal => {
      if (wanted.metadata.length > this.#settings.offsetMetadataMax) {
        const reason = `has ${wanted.metadata.length} characters, more than ${this.#settings.offsetMetadataMax}`
        return new Refusal('offset-metadata-too-large', `The metadata of the offset of ${wanted.topic}-${wanted.partition} ${reason}.`)
      }
      const { topic, partition, offset, leaderEpoch, metadata } = wanted
      records.push({ type: 'offset', offset: { groupId, topic, partition, offset, leaderEpoch, metadata, commitTimestampMs: nowMs } })
      return null
    })
    // A commit is a sign of life, as a heartbeat is.
    const member = group?.members.get(memberId)
    const timers = group === undefined || member === undefined ? [] : this.#classic.keptAlive(group, member, nowMs)
    return { records, reply, timers }
  }

  #delete(groupId: string): Verdict {
    const group = this.#groups.get(groupId)
    if (group === undefined) return { reply: notFound(groupId) }
    if (group.state !== 'Empty') {
      return { reply: new Refusal('non-empty-group', `The group ${groupId} is not empty: it is ${group.state} with ${group.members.size} member(s).`) }
    }
    return { records: [...removals(this.#offsets.of(groupId)), { type: 'group-removed', groupId }], reply: null }
  }

  #forgetTopic(topic: string): Verdict {
    const records = removals(this.#offsets.first(removalsPerBatchMax, one => one.topic === topic))
    return { records, reply: records.length }
  }

  #expireOffsets(nowMs: number): Verdict {
    const records: GroupRecord[] = []
    for (const group of this.#groups.values()) {
      if (records.length >= removalsPerBatchMax) return { records, reply: null, timers: [{ ...this.#sweep(), afterMs: 0 }] }
      const offsets = this.#offsets.of(group.groupId)
      const expired = expiredOffsets(group, offsets, this.#settings.offsetsRetentionMs, nowMs)
      records.push(...removals(expired))
      const isDone = expired.length === offsets.length && group.state === 'Empty' && group.pending.size === 0
      if (isDone) records.push({ type: 'group-removed', groupId: group.groupId })
    }
    return { records, reply: null, timers: [this.#sweep()] }
  }

  #sweep(): TimerChange<GroupCommand> {
    return { key: 'expire-offsets', afterMs: this.#settings.offsetsRetentionCheckMs, command: { type: 'expire-offsets' } }
  }

  // ----------------------------------------------------------------------------------------------------------- records

  apply(record: GroupRecord): void {
    switch (record.type) {
      case 'offset': {
        const { groupId, commitTimestampMs } = record.offset
        this.#offsets.set(record.offset)
        if (!this.#groups.has(groupId)) this.#groups.set(groupId, new Group(groupId, commitTimestampMs))
        break
      }
      case 'offset-removed': this.#offsets.remove(record.groupId, record); this.#dropIfVacant(record.groupId); break
      case 'group': this.#groups.set(record.group.groupId, Group.from(record.group)); break
      case 'group-removed': this.#forget(record.groupId); break
      case 'passing': this.#groups.set(record.group.groupId, record.group); this.#dropIfVacant(record.group.groupId); break
    }
  }

  /** Only what was stored is gone: offsets have tombstones of their own. */
  #forget(groupId: string): void {
    const offsets = this.#offsets.of(groupId)
    this.#groups.delete(groupId)
    if (offsets[0] !== undefined) this.#groups.set(groupId, new Group(groupId, offsets[0].commitTimestampMs))
  }

  #dropIfVacant(groupId: string): void {
    if (this.#groups.get(groupId)?.isVacant === true && !this.#offsets.has(groupId)) this.#groups.delete(groupId)
  }

  encode(record: GroupRecord): RecordDraft | undefined {
    return encodeRecord(record)
  }

  decode(view: RecordView): GroupRecord | undefined {
    return decodeRecord(view)
  }

  get size(): number {
    return this.#groups.size + this.#offsets.size
  }

  *snapshot(): Generator<GroupRecord> {
    for (const { stored } of this.#groups.values()) if (stored !== undefined) yield { type: 'group', group: stored }
    for (const offset of this.#offsets) yield { type: 'offset', offset }
  }

  resume(nowMs: number): readonly TimerChange<GroupCommand>[] {
    return [this.#sweep(), ...[...this.#groups.values()].flatMap(group => this.#classic.resume(group, nowMs))]
  }
}

function removals(offsets: readonly { readonly groupId: string; readonly topic: string; readonly partition: number }[]): GroupRecord[] {
  return offsets.map(({ groupId, topic, partition }) => ({ type: 'offset-removed', groupId, topic, partition }))
}

function notFound(groupId: string): Refusal {
  return new Refusal('group-id-not-found', `Group ${groupId} not found.`)
}

function unknownMember(groupId: string, memberId: string): Refusal {
  return new Refusal('unknown-member-id', `The member id ${memberId} is not known to group ${groupId}, which does not exist.`)
}

function tooMany(groupId: string): Refusal {
  return new Refusal('coordinator-not-available', `The coordinator of group ${groupId} keeps ${groupsPerPartitionMax} groups already.`)
}
