// DescribeTopicPartitions v0. Topics with their partitions, page by page: at most 2000 partitions an answer, and a cursor where there are more.
// - An empty list means all topics the caller may describe. Topics come sorted by name, as the cursor needs them.
// - A named topic the caller may not describe reads TOPIC_AUTHORIZATION_FAILED, whether it exists or not.
// - The replica lists of KIP-966 are never null: Java's admin tools fail on null. The last known eligible leaders are not kept: a crash voids nothing here.
import type { Topic } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, string, struct, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { zeroUuid } from '../../wire/spec.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode } from '../errors.ts'
import { notAsked } from '../operations.ts'
import { topologyOf, type Topology } from '../topology.ts'

export const DescribeTopicPartitions = defineApi({
  key: 75, name: 'DescribeTopicPartitions', versions: '0', flexible: '0+',
  request: {
    topics: array({ name: string }),
    responsePartitionLimit: int32.default(2000),
    cursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      errorCode: int16, name: string.nullable(), topicId: uuid, isInternal: boolean.default(false),
      partitions: array({
        errorCode: int16, partitionIndex: int32, leaderId: int32, leaderEpoch: int32.default(-1), replicaNodes: array(int32), isrNodes: array(int32),
        eligibleLeaderReplicas: array(int32).nullable().default(null), lastKnownElr: array(int32).nullable().default(null), offlineReplicas: array(int32),
      }),
      topicAuthorizedOperations: int32.default(notAsked),
    }),
    nextCursor: struct({ topicName: string, partitionIndex: int32 }).nullable().default(null),
  },
})

export interface DescribeTopicPartitionsRequest extends RequestOf<typeof DescribeTopicPartitions> {}
export interface DescribeTopicPartitionsResponse extends ResponseOf<typeof DescribeTopicPartitions> {}
type TopicAnswer = DescribeTopicPartitionsResponse['topics'][number]

export const describeTopicPartitions = serve(DescribeTopicPartitions, { access: filtered('DESCRIBE Topic') }, handle)

const partitionsMax = 2_000

async function handle(request: DescribeTopicPartitionsRequest, context: Context): Promise<DescribeTopicPartitionsResponse> {
  const { cursor } = request
  const topology = await topologyOf(context)
  const limit = Math.min(Math.max(1, request.responsePartitionLimit), partitionsMax)
  const topics: TopicAnswer[] = []
  let left = limit
  for (const { name, topic } of await wantedTopics(request, context)) {
    if (cursor !== null && name < cursor.topicName) continue
    if (topic === undefined) {
      topics.push(await missing(name, context))
      continue
    }
    const from = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
    const answer = describe(topic, { from, count: left }, topology, context)
    left -= answer.partitions.length
    const next = from + answer.partitions.length
    if (answer.partitions.length > 0 || next >= topic.partitions.length) topics.push(answer)
    if (next < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: next } }
  }
  return { topics }
}

/** Sorted by name; without a topic where the named one may not be described or does not exist. */
async function wantedTopics({ topics: named }: DescribeTopicPartitionsRequest, context: Context): Promise<{ name: string; topic: Topic | undefined }[]> {
  const { admin, access, caller } = context
  if (named.length === 0) {
    const all = await admin.topics()
    return all.filter(topic => access.wouldAllow(caller, 'describe', 'topic', topic.name)).map(topic => ({ name: topic.name, topic }))
  }
  const names = [...new Set(named.map(topic => topic.name))].sort()
  const found = new Map((await admin.topics(names)).map(topic => [topic.name, topic]))
  return names.map(name => ({ name, topic: access.wouldAllow(caller, 'describe', 'topic', name) ? found.get(name) : undefined }))
}

async function missing(name: string, context: Context): Promise<TopicAnswer> {
  const errorCode = context.may('describe', 'topic', name) ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.TOPIC_AUTHORIZATION_FAILED
  return { errorCode, name, topicId: zeroUuid, partitions: [] }
}

function describe(
  topic: Topic, { from, count }: { readonly from: number; readonly count: number }, topology: Topology, context: Context,
): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.slice(from, from + count)
      .map(partition => ({ ...topology.describe(partition), eligibleLeaderReplicas: partition.eligibleReplicas ?? [], lastKnownElr: [] })),
    topicAuthorizedOperations: context.authorizedOperations('topic', topic.name),
  }
}
