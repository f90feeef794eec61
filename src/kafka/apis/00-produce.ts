// Produce v3-13 (advertised from 0, because old librdkafka looks for it there). Appends one record batch per partition.
// - acks=-1 is answered when the batch is durable on min.insync.replicas replicas, acks=1 when it is written, acks=0 never: a failure then closes
//   the connection.
// - The next request of the connection starts as soon as this one's appends are in order, so that several share one sync.
// - A topic whose records are validated has its batches opened before anything is appended; what does not fit is INVALID_RECORD with the index
//   and reason of each record (v8+), and nothing of the batch is stored. Where the topic keeps its dead letters, they are put there first and the rest is stored.
// - Transactions are not offered: a transactional batch is INVALID_TXN_STATE, which producers take as final.
// - v7 allows zstd, v8 adds record errors and messages, v10 tells who leads instead (KIP-951), v13 names topics by id.
import { Refusal, type Appended, type AppendOptions, type RecordError, type Topic } from '../../ports.ts'
import { Batch } from '../../wire/batch.ts'
import { WireError } from '../../wire/bytes.ts'
import { array, defineApi, int16, int32, int64, records, string, struct, uuid, type RequestOf, type ResponseOf } from '../../wire/schema.ts'
import { byRule } from '../access.ts'
import { serve, type Fate } from '../api.ts'
import type { Context } from '../context.ts'
import { callsForLeader, leaderHints } from '../current-leader.ts'
import { denialTextOf, ErrorCode, errorCodeOf } from '../errors.ts'
import { fitBatch } from '../produce-validation.ts'

export const Produce = defineApi({
  key: 0, name: 'Produce', versions: '3-13', advertised: '0-13', flexible: '9+',
  request: {
    transactionalId: string.nullable().default(null),
    acks: int16,
    timeoutMs: int32,
    topicData: array({ name: string.in('0-12'), topicId: uuid.in('13+'), partitionData: array({ index: int32, records: records.nullable() }) }),
  },
  response: {
    responses: array({
      name: string.in('0-12'), topicId: uuid.in('13+'),
      partitionResponses: array({
        index: int32, errorCode: int16, baseOffset: int64, logAppendTimeMs: int64.default(-1), logStartOffset: int64.in('5+').default(-1),
        recordErrors: array({ batchIndex: int32, batchIndexErrorMessage: string.nullable().default(null) }).in('8+'),
        errorMessage: string.in('8+').nullable('8+').default(null),
        currentLeader: struct({ leaderId: int32.default(-1), leaderEpoch: int32.default(-1) }).tag(0, '10+').default(null),
      }),
    }),
    throttleTimeMs: int32.default(0),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable().default(null) }).tag(0, '10+'),
  },
})

export interface ProduceRequest extends RequestOf<typeof Produce> {}
export interface ProduceResponse extends ResponseOf<typeof Produce> {}
type TopicData = ProduceRequest['topicData'][number]
type PartitionData = TopicData['partitionData'][number]
type TopicResponse = ProduceResponse['responses'][number]
type PartitionResponse = TopicResponse['partitionResponses'][number]

export const produce = serve(Produce, {
  access: byRule('WRITE Topic; WRITE TransactionalId for a transactional producer', judge),
  fate,
}, handle)

/** A batch that may be appended, or why not. */
type Prepared =
  | { readonly topic: string; readonly index: number; readonly batch: Batch; readonly isThinned?: boolean }
  | { readonly index: number; readonly refused: PartitionResponse }

/** A partition's answer, with the topic's name where something was tried. */
interface Answered {
  readonly topic: string | undefined
  readonly response: PartitionResponse
}

async function handle(request: ProduceRequest, context: Context): Promise<ProduceResponse> {
  if (![-1, 0, 1].includes(request.acks)) {
    return answerAll(request, ErrorCode.INVALID_REQUIRED_ACKS, `acks is ${request.acks}; -1, 0 and 1 are known`)
  }
  const prepared: { readonly data: TopicData; readonly partitions: readonly Prepared[] }[] = []
  for (const data of request.topicData) {
    const partitions = await prepareTopic(data, request, context)
    prepared.push({ data, partitions })
  }
  // Nothing is awaited from the first append to the last: their order is the order of the requests.
  const responses = prepared.map(({ data, partitions }) => ({ data, partitions: partitions.map(one => append(one, request, context)) }))
  context.startNext()
  return withLeaders(await Promise.all(responses.map(async ({ data, partitions }) => ({ data, partitions: await Promise.all(partitions) }))), context)
}

/** The answers with, since v10, who leads what was refused because this broker does not. */
async function withLeaders(
  answers: readonly { readonly data: TopicData; readonly partitions: readonly Answered[] }[], context: Context,
): Promise<ProduceResponse> {
  const refused = context.version < 10 ? [] : answers.flatMap(({ partitions }) => partitions.flatMap(({ topic, response }) => (
    topic !== undefined && callsForLeader(response.errorCode) ? [{ topic, partition: response.index }] : []
  )))
  const hints = await leaderHints(refused, context)
  return {
    responses: answers.map(({ data: { name, topicId }, partitions }) => ({
      name, topicId,
      partitionResponses: partitions.map(({ topic, response }) => (
        topic !== undefined && callsForLeader(response.errorCode) ? { ...response, currentLeader: hints.of({ topic, partition: response.index }) } : response
      )),
    })),
    nodeEndpoints: hints.nodeEndpoints,
  }
}

async function prepareTopic(data: TopicData, request: ProduceRequest, context: Context): Promise<Prepared[]> {
  const isById = context.version >= 13
  // The topic itself is needed for its name or its validation; otherwise the log knows best whether it exists.
  const needsTopic = isById || context.validation !== undefined
  const topic = !needsTopic ? undefined : isById ? await context.admin.topicById(data.topicId) : (await context.admin.topics([data.name]))[0]
  const name = isById ? topic?.name : data.name
  if (name === undefined) {
    const unknown = `topic id ${data.topicId} is not known`
    return data.partitionData.map(({ index }) => ({ index, refused: refusal(index, ErrorCode.UNKNOWN_TOPIC_ID, unknown) }))
  }
  const validated = topic !== undefined && context.validation?.appliesTo(topic) === true ? topic : undefined
  const prepared: Prepared[] = []
  for (const partition of data.partitionData) {
    const one = open(name, partition, request, context.version)
    prepared.push(validated !== undefined && 'batch' in one ? await fit(validated, one, context) : one)
  }
  return prepared
}

async function fit(topic: Topic, one: { readonly topic: string; readonly index: number; readonly batch: Batch }, context: Context): Promise<Prepared> {
  const taken = await fitBatch(topic, one.index, one.batch, context)
  return taken instanceof Refusal ? { index: one.index, refused: refusalOf(one.index, taken) } : { ...one, ...taken }
}

/** Exactly one batch of the current format, as Produce v3 and later demand. */
function open(topic: string, { index, records }: PartitionData, request: ProduceRequest, version: number): Prepared {
  const refuse = (errorCode: number, message: string): Prepared => ({ index, refused: refusal(index, errorCode, message) })
  const where = `for partition ${index} of topic '${topic}'`
  if (records === null || records.length === 0) return refuse(ErrorCode.INVALID_RECORD, `no record batch ${where}`)
  const magic = records[magicAt]
  if (magic !== undefined && magic !== 2) return refuse(ErrorCode.INVALID_RECORD, `record batch of magic ${magic} ${where}; only magic 2 is taken`)
  let batch: Batch
  try {
    batch = Batch.split(records)[0]!
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return refuse(ErrorCode.CORRUPT_MESSAGE, error.message)
  }
  if (batch.bytes.length !== records.length) return refuse(ErrorCode.INVALID_RECORD, `more than one record batch ${where}`)
  if (version < 7 && (batch.attributes & codecBits) === zstdCodec) {
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, `zstd needs Produce v7, this is v${version}`)
  }
  if (request.transactionalId !== null || batch.isTransactional) return refuse(ErrorCode.INVALID_TXN_STATE, 'transactions are not offered')
  return { topic, index, batch }
}

async function append(one: Prepared, request: ProduceRequest, context: Context): Promise<Answered> {
  if ('refused' in one) return { topic: undefined, response: one.refused }
  const acks = request.acks === -1 ? 'all' : request.acks === 1 ? 'leader' : 'none'
  const { topic, index, batch, isThinned } = one
  const how: AppendOptions = { acks, timeoutMs: request.timeoutMs, ...isThinned && { gaps: 'offsets' } }
  const appended: Appended | Refusal = await context.logs.append({ topic, partition: index }, batch, how)
  const response = appended instanceof Refusal ? refusalOf(index, appended)
    : { index, errorCode: ErrorCode.NONE, baseOffset: appended.baseOffset, logAppendTimeMs: appended.logAppendTimeMs, logStartOffset: appended.logStartOffset }
  return { topic, response }
}

function refusalOf(index: number, refused: Refusal): PartitionResponse {
  return refusal(index, errorCodeOf(refused), refused.message, refused.recordErrors)
}

function refusal(index: number, errorCode: number, errorMessage: string, errors: readonly RecordError[] = []): PartitionResponse {
  return {
    index, errorCode, errorMessage, baseOffset: -1,
    recordErrors: errors.map(error => ({ batchIndex: error.index, batchIndexErrorMessage: error.message })),
  }
}

/** Denied topics are taken out before anything is looked at, so that they read the same whether they exist or not. */
async function judge(request: ProduceRequest, context: Context) {
  const { transactionalId } = request
  if (transactionalId !== null && !context.may('write', 'transactional-id', transactionalId)) {
    return { answer: answerAll(request, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, denialTextOf('transactional-id')) }
  }
  const allowed: TopicData[] = []
  const denied: TopicResponse[] = []
  for (const data of request.topicData) {
    const name = context.version >= 13 ? (await context.admin.topicById(data.topicId))?.name : data.name
    if (name === undefined || context.may('write', 'topic', name)) allowed.push(data)
    else denied.push(answerTopic(data, ErrorCode.TOPIC_AUTHORIZATION_FAILED, denialTextOf('topic')))
  }
  if (denied.length === 0) return { request }
  return {
    request: { ...request, topicData: allowed },
    complete: (response: ProduceResponse): ProduceResponse => ({ ...response, responses: [...response.responses, ...denied] }),
  }
}

function answerAll(request: ProduceRequest, errorCode: number, message: string): ProduceResponse {
  return { responses: request.topicData.map(data => answerTopic(data, errorCode, message)) }
}

function answerTopic({ name, topicId, partitionData }: TopicData, errorCode: number, message: string): TopicResponse {
  return { name, topicId, partitionResponses: partitionData.map(({ index }) => refusal(index, errorCode, message)) }
}

function fate({ acks }: ProduceRequest, { responses }: ProduceResponse): Fate {
  if (acks !== 0) return 'send'
  return responses.every(topic => topic.partitionResponses.every(partition => partition.errorCode === ErrorCode.NONE)) ? 'drop' : 'close'
}

const magicAt = 16
const codecBits = 0x07
const zstdCodec = 4
