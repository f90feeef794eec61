// OffsetCommit v2-10. Stores a group's positions, durable when it is answered. A negative generation from outside the group's protocol is a simple
// consumer's or an admin's commit. What may not be read or does not exist is refused by partition, the rest is committed.
// Version notes: v2-4 carry a retention time, which has no effect (offsets.retention.minutes rules for all); v5 dropped it; v6: leader epoch of the
// position; v7: static members; v9: an unknown group is GROUP_ID_NOT_FOUND, ILLEGAL_GENERATION before; v10: topic ids in place of names.
import { Refusal, type OffsetToCommit, type Topic } from '../../ports.ts'
import { array, defineApi, int16, int32, offset, string, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, ErrorCode } from '../errors.ts'
import { groupErrorCodeOf } from '../group-errors.ts'

export const OffsetCommit = defineApi({
  key: 8, name: 'OffsetCommit', versions: '2-10', flexible: '8+',
  request: {
    groupId: string,
    generationIdOrMemberEpoch: int32.default(-1),
    memberId: string,
    groupInstanceId: string.in('7+').nullable().default(null).essential(),
    retentionTimeMs: offset.in('2-4').default(-1),
    topics: array({
      name: string.in('2-9'),
      topicId: uuid.in('10+'),
      partitions: array({
        partitionIndex: int32, committedOffset: offset, committedLeaderEpoch: int32.in('6+').default(-1), committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    topics: array({ name: string.in('2-9'), topicId: uuid.in('10+'), partitions: array({ partitionIndex: int32, errorCode: int16 }) }),
  },
})

export interface OffsetCommitRequest extends RequestOf<typeof OffsetCommit> {}
export interface OffsetCommitResponse extends ResponseOf<typeof OffsetCommit> {}
type CommitTopic = OffsetCommitRequest['topics'][number]

export const offsetCommit = serve(OffsetCommit, {
  access: byRule('READ Group, READ Topic', async (request: OffsetCommitRequest, context) => {
    if (!context.may('read', 'group', request.groupId)) return { answer: { topics: request.topics.map(topic => answerAll(topic, denialOf('group'))) } }
    const allowed: CommitTopic[] = []
    const denied: OffsetCommitResponse['topics'][number][] = []
    for (const topic of request.topics) {
      const denial = await denialOn(topic, context)
      if (denial === ErrorCode.NONE) allowed.push(topic)
      else denied.push(answerAll(topic, denial))
    }
    return { request: { ...request, topics: allowed }, complete: response => ({ ...response, topics: [...response.topics, ...denied] }) }
  }),
}, handle)

async function handle(request: OffsetCommitRequest, context: Context): Promise<OffsetCommitResponse> {
  const known = await knownTopics(request, context)
  const offsets: OffsetToCommit[] = []
  const topics = request.topics.map((topic, at) => ({
    ...nameOf(topic),
    partitions: topic.partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => {
      const missing = errorOfMissing(known[at], partitionIndex, context.version)
      if (missing !== ErrorCode.NONE) return { partitionIndex, errorCode: missing as number, position: -1 }
      const position = offsets.push({
        topic: known[at]!.name, partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: committedMetadata ?? '',
      }) - 1
      return { partitionIndex, errorCode: missing as number, position }
    }),
  }))
  if (offsets.length === 0) return { topics }
  const { groupId, memberId, groupInstanceId: instanceId, generationIdOrMemberEpoch: generationId } = request
  const answers = await context.groups.commit({ groupId, memberId, instanceId, generationId, offsets })
  for (const topic of topics) {
    for (const partition of topic.partitions) {
      if (partition.position >= 0) partition.errorCode = errorOf(answers instanceof Refusal ? answers : answers[partition.position], context.version)
    }
  }
  return { topics }
}

/** NONE of a topic that does not exist: the handler says so. By id, what the caller may not describe reads the same. */
async function denialOn(topic: CommitTopic, context: Context): Promise<number> {
  const name = context.version >= 10 ? (await context.admin.topicById(topic.topicId))?.name : topic.name
  if (name === undefined || context.may('read', 'topic', name)) return ErrorCode.NONE
  return context.version < 10 || context.access.wouldAllow(context.caller, 'describe', 'topic', name) ? denialOf('topic') : ErrorCode.UNKNOWN_TOPIC_ID
}

/** The topics the request names, in its order. */
async function knownTopics(request: OffsetCommitRequest, context: Context): Promise<readonly (Topic | undefined)[]> {
  if (context.version >= 10) return Promise.all(request.topics.map(topic => context.admin.topicById(topic.topicId)))
  const topics = new Map((await context.admin.topics(request.topics.map(topic => topic.name))).map(topic => [topic.name, topic]))
  return request.topics.map(topic => topics.get(topic.name))
}

function errorOfMissing(topic: Topic | undefined, partitionIndex: number, version: number): number {
  if (topic === undefined) return version >= 10 ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return topic.partitions.some(partition => partition.index === partitionIndex) ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

function errorOf(answer: Refusal | null | undefined, version: number): number {
  if (answer instanceof Refusal && answer.code === 'group-id-not-found' && version < 9) return ErrorCode.ILLEGAL_GENERATION
  return groupErrorCodeOf(answer)
}

function answerAll(topic: CommitTopic, errorCode: number): OffsetCommitResponse['topics'][number] {
  return { ...nameOf(topic), partitions: topic.partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) }
}

function nameOf({ name, topicId }: CommitTopic): { name: string; topicId: string } {
  return { name, topicId }
}
