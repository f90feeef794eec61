// Metadata v0-13. The brokers, and topics by name or (v10+) by id; null topics (v1+), or an empty list in v0, means all the caller may describe.
// - A topic that does not exist is created where auto.create.topics.enable and the request (always before v4) allow it; it is answered with
//   LEADER_NOT_AVAILABLE once, then it is there.
// - A topic the caller may not describe reads TOPIC_AUTHORIZATION_FAILED if it was named, whether it exists or not, and is left out otherwise.
//   Asked for by id it reads the same, without its name.
// - Brokers that are fenced or do not listen are not listed; a partition without a leader that is listed is LEADER_NOT_AVAILABLE.
// - v5+ offline replicas, v8+ authorized operations on demand (the cluster's own moved to DescribeCluster after v10), v13 a top-level error code.
import { clusterResource, Refusal, type Topic } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, string, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { zeroUuid } from '../../wire/spec.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { ErrorCode, errorCodeOf } from '../errors.ts'
import { notAsked } from '../operations.ts'
import { topologyOf, type Topology } from '../topology.ts'

export const Metadata = defineApi({
  key: 3, name: 'Metadata', versions: '0-13', flexible: '9+',
  request: {
    topics: array({ topicId: uuid.in('10+'), name: string.nullable('10+') }).nullable('1+'),
    allowAutoTopicCreation: boolean.in('4+').default(true).essential(),
    includeClusterAuthorizedOperations: boolean.in('8-10'),
    includeTopicAuthorizedOperations: boolean.in('8+'),
  },
  response: {
    throttleTimeMs: int32.in('3+'),
    brokers: array({ nodeId: int32, host: string, port: int32, rack: string.in('1+').nullable('1+').default(null) }),
    clusterId: string.in('2+').nullable('2+').default(null),
    controllerId: int32.in('1+').default(-1),
    topics: array({
      errorCode: int16, name: string.nullable('12+'), topicId: uuid.in('10+'), isInternal: boolean.in('1+'),
      partitions: array({
        errorCode: int16, partitionIndex: int32, leaderId: int32, leaderEpoch: int32.in('7+').default(-1),
        replicaNodes: array(int32), isrNodes: array(int32), offlineReplicas: array(int32).in('5+'),
      }),
      topicAuthorizedOperations: int32.in('8+').default(notAsked),
    }),
    clusterAuthorizedOperations: int32.in('8-10').default(notAsked),
    errorCode: int16.in('13+'),
  },
})

export interface MetadataRequest extends RequestOf<typeof Metadata> {}
export interface MetadataResponse extends ResponseOf<typeof Metadata> {}
type TopicAnswer = MetadataResponse['topics'][number]

export const metadata = serve(Metadata, { access: filtered('DESCRIBE Topic; CREATE Topic or Cluster to create one') }, handle)

async function handle(request: MetadataRequest, context: Context): Promise<MetadataResponse> {
  const topology = await topologyOf(context)
  const wanted = context.version === 0 && request.topics?.length === 0 ? null : request.topics
  const topics = wanted === null ? await everyTopic(topology, context) : await Promise.all(wanted.map(one => namedTopic(one, request, topology, context)))
  return {
    brokers: topology.brokers.map(({ id, endpoint, rack }) => ({ nodeId: id, ...endpoint, rack })),
    clusterId: topology.clusterId,
    controllerId: topology.controllerId,
    topics: topics.map(topic => withOperations(topic, request, context)),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? context.authorizedOperations('cluster', clusterResource) : notAsked,
  }
}

async function everyTopic(topology: Topology, context: Context): Promise<TopicAnswer[]> {
  const topics = await context.admin.topics()
  return topics.filter(topic => context.access.wouldAllow(context.caller, 'describe', 'topic', topic.name)).map(topic => describe(topic, topology))
}

async function namedTopic(
  wanted: { topicId: string; name: string | null }, request: MetadataRequest, topology: Topology, context: Context,
): Promise<TopicAnswer> {
  if (wanted.name === null) {
    // Before v12 the answer's name cannot be null.
    const unnamed = context.version >= 12 ? null : ''
    const topic = await context.admin.topicById(wanted.topicId)
    if (topic === undefined) return failed(unnamed, ErrorCode.UNKNOWN_TOPIC_ID, wanted.topicId)
    return context.may('describe', 'topic', topic.name) ? describe(topic, topology) : failed(unnamed, ErrorCode.TOPIC_AUTHORIZATION_FAILED, wanted.topicId)
  }
  const { name } = wanted
  if (!context.may('describe', 'topic', name)) return failed(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  const [topic] = await context.admin.topics([name])
  if (topic !== undefined) return describe(topic, topology)
  if (!request.allowAutoTopicCreation || !context.settings.autoCreateTopics) return failed(name, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  return failed(name, await create(name, context))
}

/** The error code to answer with: the topic is there for whoever asks again. */
async function create(name: string, context: Context): Promise<number> {
  const { access, caller, admin } = context
  if (!access.wouldAllow(caller, 'create', 'cluster', clusterResource) && !context.may('create', 'topic', name)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED
  const created = await admin.createTopic({ name, partitions: -1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
  // Somebody else was faster: just as well.
  if (created instanceof Refusal && created.code !== 'topic-exists') return errorCodeOf(created)
  return ErrorCode.LEADER_NOT_AVAILABLE
}

function describe(topic: Topic, topology: Topology): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map(topology.describe),
  }
}

function failed(name: string | null, errorCode: number, topicId: string = zeroUuid): TopicAnswer {
  return { errorCode, name, topicId, partitions: [] }
}

function withOperations(topic: TopicAnswer, request: MetadataRequest, context: Context): TopicAnswer {
  if (!request.includeTopicAuthorizedOperations || topic.name === null || topic.errorCode !== ErrorCode.NONE) return topic
  return { ...topic, topicAuthorizedOperations: context.authorizedOperations('topic', topic.name) }
}
