// The records of `__consumer_offsets` in Kafka's own key and value formats (OffsetCommit* and GroupMetadata* of its group coordinator), so that its
// tools and the usual lag monitors read them. Values are written as version 3, the highest that those monitors know; 0 to 4 are read.
import type { RecordDraft, RecordView } from '../../wire/batch.ts'
import { array, bytes, int32, int64, Message, string, uuid } from '../../wire/schema.ts'
import { zeroUuid } from '../../wire/spec.ts'
import { kindOf, RecordFormat } from '../record-format.ts'
import type { Group } from './group.ts'

export interface StoredOffset {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestampMs: number
}

export interface StoredMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeout: number
  readonly sessionTimeout: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

/** What outlives the process of a group's membership. */
export interface StoredGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  readonly currentStateTimestamp: number
  readonly members: readonly StoredMember[]
}

export type GroupRecord =
  | { readonly type: 'offset'; readonly offset: StoredOffset }
  | { readonly type: 'offset-removed'; readonly groupId: string; readonly topic: string; readonly partition: number }
  | { readonly type: 'group'; readonly group: StoredGroup }
  | { readonly type: 'group-removed'; readonly groupId: string }
  /** A rebalance under way: changes the group in memory and is never written. A restart goes back to what was stored. */
  | { readonly type: 'passing'; readonly group: Group }

const offsetCommit = new RecordFormat({
  name: 'OffsetCommit',
  kind: 1,
  version: 3,
  key: { group: string, topic: string, partition: int32 },
  value: new Message({
    offset: int64,
    leaderEpoch: int32.in('3+').default(-1),
    metadata: string,
    commitTimestamp: int64,
    expireTimestamp: int64.in('1').default(-1),
    topicId: uuid.tag(0, '4+').default(zeroUuid),
  }, { versions: '0-4', flexible: '4+', name: 'OffsetCommitValue' }),
})

const groupMetadata = new RecordFormat({
  name: 'GroupMetadata',
  kind: 2,
  version: 3,
  key: { group: string },
  value: new Message({
    protocolType: string,
    generation: int32,
    protocol: string.nullable(),
    leader: string.nullable(),
    currentStateTimestamp: int64.in('2+').default(-1),
    members: array({
      memberId: string,
      groupInstanceId: string.in('3+').nullable('3+').default(null),
      clientId: string,
      clientHost: string,
      rebalanceTimeout: int32.in('1+').default(-1),
      sessionTimeout: int32,
      subscription: bytes,
      assignment: bytes,
    }),
  }, { versions: '0-4', flexible: '4+', name: 'GroupMetadataValue' }),
})

export function encodeRecord(record: GroupRecord): RecordDraft | undefined {
  switch (record.type) {
    case 'offset': {
      const { groupId: group, topic, partition, commitTimestampMs: commitTimestamp, offset, leaderEpoch, metadata } = record.offset
      return offsetCommit.encode({ group, topic, partition }, { offset, leaderEpoch, metadata, commitTimestamp })
    }
    case 'offset-removed': return offsetCommit.encode({ group: record.groupId, topic: record.topic, partition: record.partition }, null)
    case 'group': return groupMetadata.encode({ group: record.group.groupId }, record.group)
    case 'group-removed': return groupMetadata.encode({ group: record.groupId }, null)
    case 'passing': return undefined
  }
}

/** Undefined for a kind that this version does not know. Copies what it keeps. */
export function decodeRecord(view: RecordView): GroupRecord | undefined {
  switch (kindOf(view)) {
    case offsetCommit.kind: {
      const { key, value } = offsetCommit.decode(view)
      if (value === null) return { type: 'offset-removed', groupId: key.group, topic: key.topic, partition: key.partition }
      const { offset, leaderEpoch, metadata, commitTimestamp } = value
      const at = { groupId: key.group, topic: key.topic, partition: key.partition }
      return { type: 'offset', offset: { ...at, offset, leaderEpoch, metadata, commitTimestampMs: commitTimestamp } }
    }
    case groupMetadata.kind: {
      const { key, value } = groupMetadata.decode(view)
      if (value === null) return { type: 'group-removed', groupId: key.group }
      const members = value.members.map(member => ({ ...member, subscription: Buffer.from(member.subscription), assignment: Buffer.from(member.assignment) }))
      return { type: 'group', group: { ...value, groupId: key.group, members } }
    }
    default: return undefined
  }
}
