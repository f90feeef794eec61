// CreateTopics v2-7. Creates topics, each for itself, or only says whether it would (validateOnly). Answers when they stand, so timeoutMs bounds nothing.
// Version notes: v4: -1 takes the defaults of partition count and replication factor (taken in all versions); v5: the answer tells partition count,
// replication factor and configs, or that the caller may not see them; v7: the topic's id.
import { Refusal, clusterResource, type NewTopic, type Topic } from '../../ports.ts'
import { array, boolean, defineApi, int16, int32, int8, string, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, denialTextOf, ErrorCode, errorCodeOf } from '../errors.ts'

export const CreateTopics = defineApi({
  key: 19, name: 'CreateTopics', versions: '2-7', flexible: '5+',
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: array(int32) }),
      configs: array({ name: string, value: string.nullable() }),
    }),
    timeoutMs: int32.default(60_000),
    validateOnly: boolean.default(false),
  },
  response: {
    throttleTimeMs: int32.default(0),
    topics: array({
      name: string,
      topicId: uuid.in('7+'),
      errorCode: int16,
      errorMessage: string.nullable().default(null),
      topicConfigErrorCode: int16.tag(0, '5+'),
      numPartitions: int32.in('5+').default(-1),
      replicationFactor: int16.in('5+').default(-1),
      configs: array({
        name: string, value: string.nullable(), readOnly: boolean, configSource: int8.default(-1), isSensitive: boolean,
      }).in('5+').nullable('5+').default([]),
    }),
  },
})

export interface CreateTopicsRequest extends RequestOf<typeof CreateTopics> {}
export interface CreateTopicsResponse extends ResponseOf<typeof CreateTopics> {}
type Creation = CreateTopicsRequest['topics'][number]
type Result = CreateTopicsResponse['topics'][number]

export const createTopics = serve(CreateTopics, {
  access: byRule('CREATE Cluster, else CREATE Topic', (request: CreateTopicsRequest, context) => {
    if (context.access.wouldAllow(context.caller, 'create', 'cluster', clusterResource)) return { request }
    const names = [...new Set(request.topics.map(topic => topic.name))]
    const denied = new Set(names.filter(name => !context.may('create', 'topic', name)))
    return {
      request: { ...request, topics: request.topics.filter(topic => !denied.has(topic.name)) },
      complete: ({ topics }) => ({ topics: [...topics, ...[...denied].map(name => refuse(name, denialOf('topic'), denialTextOf('topic')))] }),
    }
  }),
}, handle)

async function handle(request: CreateTopicsRequest, context: Context): Promise<CreateTopicsResponse> {
  const topics: Result[] = []
  for (const [name, wanted] of Map.groupBy(request.topics, topic => topic.name)) {
    if (wanted.length === 1) topics.push(await create(wanted[0]!, request.validateOnly, context))
    else topics.push(refuse(name, ErrorCode.INVALID_REQUEST, `Topic '${name}' stands ${wanted.length} times in the request.`))
  }
  return { topics }
}

async function create(creation: Creation, validateOnly: boolean, context: Context): Promise<Result> {
  const wanted = newTopicOf(creation)
  const topic = wanted instanceof Refusal ? wanted : await context.admin.createTopic(wanted, { validateOnly })
  if (topic instanceof Refusal) return refuse(creation.name, errorCodeOf(topic), topic.message)
  return { name: topic.name, topicId: topic.id, errorCode: ErrorCode.NONE, ...context.version >= 5 && await shapeOf(topic, context) }
}

function newTopicOf({ name, numPartitions, replicationFactor, assignments, configs }: Creation): NewTopic | Refusal {
  const unset = configs.filter(config => config.value === null).map(config => config.name)
  if (unset.length > 0) return new Refusal('invalid-config', `Null value not supported for topic configs: ${unset.join(', ')}`)
  const common = { name, partitions: numPartitions, replicationFactor, configs: new Map(configs.map(config => [config.name, config.value!])) }
  if (common.configs.size < configs.length) return new Refusal('invalid-config', `A config of topic '${name}' is set twice.`)
  if (assignments.length === 0) return common
  if (replicationFactor !== -1) {
    return new Refusal('invalid-request', `A manual partition assignment was specified, but replication factor was not set to -1 but to ${replicationFactor}.`)
  }
  if (numPartitions !== -1) {
    return new Refusal('invalid-request', `A manual partition assignment was specified, but numPartitions was not set to -1 but to ${numPartitions}.`)
  }
  const sorted = assignments.toSorted((a, b) => a.partitionIndex - b.partitionIndex)
  if (sorted.some((one, index) => one.partitionIndex !== index)) {
    const given = sorted.map(one => one.partitionIndex).join(', ')
    return new Refusal('invalid-replica-assignment', `Partitions should be a consecutive 0-based integer sequence, not ${given}.`)
  }
  return { ...common, assignment: sorted.map(one => one.brokerIds) }
}

/** KIP-525: what became of the defaults, for those who may describe the topic's configs. */
async function shapeOf(topic: Topic, context: Context): Promise<Partial<Result>> {
  if (!context.access.wouldAllow(context.caller, 'describe-configs', 'topic', topic.name)) return { topicConfigErrorCode: denialOf('topic') }
  const described = await context.admin.describeConfigs({ type: 'topic', name: topic.name })
  return {
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicas.length ?? -1,
    // A topic that was only validated has no description; what it was given is then all there is to tell.
    configs: described instanceof Refusal
      ? [...topic.configs].map(([name, value]) => ({ name, value, readOnly: false, configSource: configSources.topic, isSensitive: false }))
      : described.map(({ name, value, readOnly, source, sensitive }) => ({
        name, value: sensitive ? null : value, readOnly, configSource: configSources[source], isSensitive: sensitive,
      })),
  }
}

const configSources = { 'topic': 1, 'dynamic-broker': 2, 'static-broker': 4, 'default': 5 } as const

function refuse(name: string, errorCode: number, errorMessage: string): Result {
  return { name, errorCode, errorMessage }
}
