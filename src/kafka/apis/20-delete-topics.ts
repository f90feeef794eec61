// DeleteTopics v1-6. Deletes topics by name, or (v6) by id, with all they hold; answers when they are gone, so timeoutMs bounds nothing. A caller who may not
// describe a topic learns neither whether it exists nor what name an id has. Internal topics take ALTER on the cluster besides.
// Version notes: v3: TOPIC_DELETION_DISABLED, INVALID_REQUEST before; v5: error texts; v6: ids.
import { clusterResource, type Topic } from '../../ports.ts'
import { array, defineApi, int16, int32, string, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { zeroUuid } from '../../wire/spec.ts'
import { filtered } from '../access.ts'
import { serve } from '../api.ts'
import type { Context } from '../context.ts'
import { denialOf, denialTextOf, ErrorCode, errorCodeOf, errorMessageOf } from '../errors.ts'

export const DeleteTopics = defineApi({
  key: 20, name: 'DeleteTopics', versions: '1-6', flexible: '4+',
  request: {
    topics: array({ name: string.nullable().default(null), topicId: uuid }).in('6+'),
    topicNames: array(string).in('1-5'),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32.default(0),
    responses: array({ name: string.nullable('6+'), topicId: uuid.in('6+'), errorCode: int16, errorMessage: string.in('5+').nullable().default(null) }),
  },
})

export const deleteTopics = serve(DeleteTopics, { access: filtered('DELETE Topic') }, handle)

export interface DeleteTopicsRequest extends RequestOf<typeof DeleteTopics> {}
export interface DeleteTopicsResponse extends ResponseOf<typeof DeleteTopics> {}
type Result = DeleteTopicsResponse['responses'][number]

interface Wanted {
  readonly name: string | null
  readonly topicId: string
}

async function handle(request: DeleteTopicsRequest, context: Context): Promise<DeleteTopicsResponse> {
  const wanted: readonly Wanted[] = context.version >= 6 ? request.topics : request.topicNames.map(name => ({ name, topicId: zeroUuid }))
  const responses: Result[] = []
  for (const [, same] of Map.groupBy(wanted, ({ name, topicId }) => `${name}/${topicId}`)) {
    const one = same[0]!
    if (same.length === 1) responses.push(await deleteOne(one, context))
    else responses.push(refuse(one, ErrorCode.INVALID_REQUEST, `Topic '${one.name ?? one.topicId}' stands ${same.length} times in the request.`))
  }
  return { responses }
}

async function deleteOne(wanted: Wanted, context: Context): Promise<Result> {
  const { name, topicId } = wanted
  if (topicId === zeroUuid) {
    if (name === null) return refuse(wanted, ErrorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.')
    if (!context.may('delete', 'topic', name)) return refuse(wanted, denialOf('topic'), denialTextOf('topic'))
    const [topic] = await context.admin.topics([name])
    return topic === undefined ? refuse(wanted, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Topic '${name}' does not exist.`) : deleteFound(topic, context)
  }
  if (name !== null) return refuse(wanted, ErrorCode.INVALID_REQUEST, `You may not specify both topic name '${name}' and topic id ${topicId}.`)
  const topic = await context.admin.topicById(topicId)
  if (topic !== undefined && context.may('delete', 'topic', topic.name)) return deleteFound(topic, context)
  const isVisible = topic !== undefined && context.access.wouldAllow(context.caller, 'describe', 'topic', topic.name)
  return isVisible
    ? refuse({ name: topic.name, topicId }, denialOf('topic'), denialTextOf('topic'))
    : refuse(wanted, ErrorCode.UNKNOWN_TOPIC_ID, `No topic has the id ${topicId}.`)
}

async function deleteFound(topic: Topic, context: Context): Promise<Result> {
  const found = { name: topic.name, topicId: topic.id }
  if (topic.internal && !context.may('alter', 'cluster', clusterResource)) return refuse(found, denialOf('topic'), denialTextOf('topic'))
  const deleted = await context.admin.deleteTopic(topic.name)
  const errorCode = errorCodeOf(deleted)
  const tooNew = errorCode === ErrorCode.TOPIC_DELETION_DISABLED && context.version < 3
  return { ...found, errorCode: tooNew ? ErrorCode.INVALID_REQUEST : errorCode, errorMessage: errorMessageOf(deleted) }
}

function refuse(wanted: Wanted, errorCode: number, errorMessage: string): Result {
  return { ...wanted, errorCode, errorMessage }
}
