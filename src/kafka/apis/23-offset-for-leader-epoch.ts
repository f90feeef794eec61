// OffsetForLeaderEpoch v2-4. Where a leader epoch ended in the leader's log: by it a consumer finds out that what it read was cut off since.
// - Of an epoch without records it is the largest one below it; below the log's first it is the log's start, as what was there is deleted, not different.
// - An epoch above the leader's own is unknown: -1 and -1, no error.
// Version notes: v3: replica id, which changes nothing here: brokers do not ask each other this way; v4: flexible.
import { clusterResource, Refusal, type PartitionRef } from '../../ports.ts'
import { array, defineApi, int16, int32, int64, string, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { onEach } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'

export const OffsetForLeaderEpoch = defineApi({
  key: 23, name: 'OffsetForLeaderEpoch', versions: '2-4', flexible: '4+',
  request: {
    replicaId: int32.in('3+').default(-2),
    topics: array({ topic: string, partitions: array({ partition: int32, currentLeaderEpoch: int32.default(-1), leaderEpoch: int32 }) }),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      topic: string,
      partitions: array({ errorCode: int16, partition: int32, leaderEpoch: int32.default(-1), endOffset: int64.default(-1) }),
    }),
  },
})

export interface OffsetForLeaderEpochRequest extends RequestOf<typeof OffsetForLeaderEpoch> {}
export interface OffsetForLeaderEpochResponse extends ResponseOf<typeof OffsetForLeaderEpoch> {}
type TopicRequest = OffsetForLeaderEpochRequest['topics'][number]
type PartitionRequest = TopicRequest['partitions'][number]
type PartitionResponse = OffsetForLeaderEpochResponse['topics'][number]['partitions'][number]

const onTopics = onEach<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, TopicRequest>('describe', 'topic', {
  items: request => request.topics,
  name: topic => topic.topic,
  keep: (request, topics) => ({ ...request, topics }),
  refuse: (response, denied, errorCode) => ({
    ...response,
    topics: [
      ...response.topics,
      ...denied.map(({ topic, partitions }) => ({ topic, partitions: partitions.map(({ partition }) => ({ partition, errorCode })) })),
    ],
  }),
})

export const offsetForLeaderEpoch = serve(OffsetForLeaderEpoch, {
  access: {
    needs: 'CLUSTER_ACTION Cluster, else DESCRIBE Topic',
    judge: (request, context) => (
      context.access.wouldAllow(context.caller, 'cluster-action', 'cluster', clusterResource) ? { request } : onTopics.judge(request, context)
    ),
  },
}, handle)

async function handle(request: OffsetForLeaderEpochRequest, context: Context): Promise<OffsetForLeaderEpochResponse> {
  const topics = request.topics.map(async ({ topic, partitions }) => ({
    topic,
    partitions: await Promise.all(partitions.map(one => find({ topic, partition: one.partition }, one, context))),
  }))
  return { topics: await Promise.all(topics) }
}

async function find(at: PartitionRef, asked: PartitionRequest, { logs }: Context): Promise<PartitionResponse> {
  const { partition, leaderEpoch: epoch, currentLeaderEpoch: believed } = asked
  const end = await logs.endOfEpoch(at, epoch, believed < 0 ? {} : { leaderEpoch: believed })
  if (end instanceof Refusal) return { partition, errorCode: errorCodeOf(end) }
  const ends = await logs.ends(at)
  if (ends instanceof Refusal) return { partition, errorCode: errorCodeOf(ends) }
  if (epoch < 0 || epoch > ends.leaderEpoch) return { partition, errorCode: ErrorCode.NONE }
  const { leaderEpoch, endOffset } = end.leaderEpoch < 0 ? { leaderEpoch: epoch, endOffset: ends.logStartOffset } : end
  return { partition, errorCode: ErrorCode.NONE, leaderEpoch, endOffset }
}
