// OffsetFetch v1-10. The committed positions of groups: of the partitions named, or (v2+, null topics) of all that have one. A partition without a
// position answers offset -1 and no error, also where the group does not exist. Nothing here is ever unstable: requireStable (v7+) waits for the
// offsets of open transactions, and there are none.
// Version notes: v2: an error of the group as a whole, said by partition before; v8: many groups in one request; v9: member id and epoch of a KIP-848
// member, which a classic group does not check; v10: topic ids in place of names.
import { Refusal, type CommittedOffset, type PartitionRef } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int64, string, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { zeroUuid } from '../../wire/spec.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const OffsetFetch = defineApi({
  key: 9, name: 'OffsetFetch', versions: '1-10', flexible: '6+',
  request: {
    groupId: string.in('1-7'),
    topics: array({ name: string, partitionIndexes: array(int32) }).in('1-7').nullable('2-7'),
    groups: array({
      groupId: string,
      memberId: string.in('9+').nullable().default(null),
      memberEpoch: int32.in('9+').default(-1),
      topics: array({ name: string.in('8-9'), topicId: uuid.in('10+'), partitionIndexes: array(int32) }).nullable(),
    }).in('8+'),
    requireStable: boolean.in('7+').default(false).essential(),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32, committedOffset: int64, committedLeaderEpoch: int32.in('5-7').default(-1), metadata: string.nullable(), errorCode: int16,
      }),
    }).in('1-7'),
    errorCode: int16.in('2-7'),
    groups: array({
      groupId: string,
      topics: array({
        name: string.in('8-9'),
        topicId: uuid.in('10+'),
        partitions: array({
          partitionIndex: int32, committedOffset: int64, committedLeaderEpoch: int32.default(-1), metadata: string.nullable(), errorCode: int16,
        }),
      }),
      errorCode: int16,
    }).in('8+'),
  },
})

export const offsetFetch = serve(OffsetFetch, { access: filtered('DESCRIBE Group, DESCRIBE Topic') }, handle)

export interface OffsetFetchRequest extends RequestOf<typeof OffsetFetch> {}
export interface OffsetFetchResponse extends ResponseOf<typeof OffsetFetch> {}

interface WantedTopic {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

interface FetchedPartition {
  readonly partitionIndex: number
  readonly committedOffset: number
  readonly committedLeaderEpoch: number
  readonly metadata: string
  readonly errorCode: number
}

interface FetchedGroup {
  readonly groupId: string
  readonly errorCode: number
  readonly topics: readonly { readonly name: string; readonly topicId: string; readonly partitions: readonly FetchedPartition[] }[]
}

async function handle(request: OffsetFetchRequest, context: Context): Promise<OffsetFetchResponse> {
  if (context.version >= 8) {
    const groups: FetchedGroup[] = []
    for (const { groupId, topics } of request.groups) groups.push(await fetchGroup(groupId, topics, context))
    return { groups }
  }
  const wanted = request.topics?.map(topic => ({ ...topic, topicId: zeroUuid })) ?? null
  const { errorCode, topics } = await fetchGroup(request.groupId, wanted, context)
  if (errorCode === ErrorCode.NONE || context.version >= 2) return { errorCode, topics }
  return { topics: (wanted ?? []).map(topic => ({ name: topic.name, partitions: topic.partitionIndexes.map(partition => without(partition, errorCode)) })) }
}

async function fetchGroup(groupId: string, wanted: readonly WantedTopic[] | null, context: Context): Promise<FetchedGroup> {
  if (!context.may('describe', 'group', groupId)) return { groupId, errorCode: denialOf('group'), topics: [] }
  return wanted === null ? fetchAll(groupId, context) : fetchNamed(groupId, wanted, context)
}

async function fetchNamed(groupId: string, wanted: readonly WantedTopic[], context: Context): Promise<FetchedGroup> {
  const named = await Promise.all(wanted.map(async topic => {
    const name = context.version >= 10 ? (await context.admin.topicById(topic.topicId))?.name : topic.name
    if (name !== undefined && context.may('describe', 'topic', name)) return { topic, name, errorCode: ErrorCode.NONE }
    // An id tells a name, so one that may not be described reads as one that does not exist.
    return { topic, name: '', errorCode: context.version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : denialOf('topic') }
  }))
  const asked = named.filter(one => one.errorCode === ErrorCode.NONE)
    .flatMap(({ name, topic }) => topic.partitionIndexes.map((partition): PartitionRef => ({ topic: name, partition })))
  const committed = await context.groups.committed(groupId, asked)
  if (committed instanceof Refusal) return { groupId, errorCode: groupErrorCodeOf(committed), topics: [] }
  const found = new Map(committed.map(one => [keyOf(one), one]))
  return {
    groupId, errorCode: ErrorCode.NONE,
    topics: named.map(({ topic, name, errorCode }) => ({
      name: topic.name, topicId: topic.topicId,
      partitions: topic.partitionIndexes.map(partition => {
        const one = errorCode === ErrorCode.NONE ? found.get(keyOf({ topic: name, partition })) : undefined
        return one === undefined ? without(partition, errorCode) : answerOf(one)
      }),
    })),
  }
}

async function fetchAll(groupId: string, context: Context): Promise<FetchedGroup> {
  const committed = await context.groups.committed(groupId)
  if (committed instanceof Refusal) return { groupId, errorCode: groupErrorCodeOf(committed), topics: [] }
  const byTopic = Map.groupBy(committed, one => one.topic)
  const visible = [...byTopic.keys()].filter(name => context.access.wouldAllow(context.caller, 'describe', 'topic', name))
  // By ids, a position in a topic that is gone has no name to be said under.
  const ids = context.version >= 10 ? new Map((await context.admin.topics(visible)).map(topic => [topic.name, topic.id])) : undefined
  return {
    groupId, errorCode: ErrorCode.NONE,
    topics: visible.filter(name => ids === undefined || ids.has(name)).map(name => ({
      name, topicId: ids?.get(name) ?? zeroUuid,
      partitions: byTopic.get(name)!.map(answerOf),
    })),
  }
}

function answerOf({ partition, offset, leaderEpoch, metadata }: CommittedOffset): FetchedPartition {
  return { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata, errorCode: ErrorCode.NONE }
}

function without(partitionIndex: number, errorCode: number): FetchedPartition {
  return { partitionIndex, committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }
}

function keyOf({ topic, partition }: PartitionRef): string {
  return `${topic}/${partition}`
}
