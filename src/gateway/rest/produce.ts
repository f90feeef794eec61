// REST proxy v2, produce: `POST /topics/{t}` and `POST /topics/{t}/partitions/{p}`. Everything is judged before anything is appended: a request with
// one record that does not fit is refused whole, with 422 and a list of faults, and leaves nothing in the log. Then one batch per partition,
// acknowledged when durable.
import type { Request, RequestHandler, Response } from 'express'
import { clusterResource, openPartitions, Refusal, type Access, type Admin, type Caller, type Logs, type RecordFault, type Topic, type Validation } from '../../ports.ts'
import { Turn } from '../../base/turn.ts'
import { isUndecided, type SchemaFault } from '../../registry/fault.ts'
import type { RecordDraft } from '../../wire/batch.ts'
import type { Clock } from '../../world/world.ts'
import { holdAnswer, readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnTopic, partitionOf, topicFor } from '../callers.ts'
import { Problem } from '../problem.ts'
import { answerTo, problemOf } from '../refusals.ts'
import { appendRecords, invalidPayload, setAsideText, type AppendOutcome } from './append.ts'
import { formatOfBody, plainAnswerType } from './media-types.ts'
import { Partitioner, partitionOfKey } from './partitioner.ts'
import type { PartCodec, Payloads } from './payload.ts'
import { parseProduceRequest, type Part, type ProduceRequest } from './produce-request.ts'
import type { SchemaChoice } from './schema-choice.ts'

/** Larger than one batch may be by default (1 MiB), because base64, member names and several partitions come on top. */
export const produceBytesMax = 4 * 1024 * 1024

/** What the answer says of one record, about. */
const answerBytesExpected = 100

export interface ProduceParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly validation: Validation
  readonly payloads: Payloads
  readonly clock: Clock
  readonly budget: BodyBudget
  /** Of the answers that wait for their readers. */
  readonly answers: BodyBudget
  /** Kafka's auto.create.topics.enable: producing to a topic that is not there makes it, for whom may create it. */
  readonly autoCreateTopics: boolean
}

export function produceHandler(parts: ProduceParts): RequestHandler<{ topic: string; partition?: string }> {
  const partitioner = new Partitioner()
  return async (request, response) => {
    const { topic: name, partition: wanted } = request.params
    const caller = callerOf(response)
    response.type(plainAnswerType(request as Request))
    expectOnTopic(parts.access, caller, 'write', name)
    const format = formatOfBody(request as Request)
    const body = parseProduceRequest(await readBody(request, response, { bytesMax: produceBytesMax, budget: parts.budget }))
    // Before anything is stored, because what is stored must be told.
    holdAnswer(response, body.records.length * answerBytesExpected, parts.answers)
    const topic = await topicToWrite(parts, caller, name)
    if (topic.internal) throw new Problem(403, `Topic '${name}' is internal: only the server writes it`, { errorCode: 40301 })
    const pinned = wanted === undefined ? undefined : partitionOf(topic, wanted).index

    const codecFor = (part: 'key' | 'value', choice: SchemaChoice): Promise<PartCodec> =>
      parts.payloads.codecFor({ topic, part, format, choice, caller, isNeeded: body.records.some(record => record[part] !== undefined) })
    const codecs = {
      key: await codecFor('key', body.keySchema),
      value: await codecFor('value', body.valueSchema),
    }
    const { drafts, faults } = await encode(body, codecs)
    const assigned = assign({ body, drafts, topic, pinned, sticky: count => partitioner.sticky(name, count) })
    const outcome = await appendRecords(parts, { topic, caller, drafts, assigned, faults })
    answer(response, assigned, outcome, { key_schema_id: codecs.key.version?.id ?? null, value_schema_id: codecs.value.version?.id ?? null })
  }
}

async function topicToWrite(parts: ProduceParts, caller: Caller, name: string): Promise<Topic> {
  await createIfAllowed(parts, caller, name)
  return await topicFor(parts, caller, 'write', name)
}

/** Makes a topic that is not there, where topics are made by being written to and the caller may create it. */
export async function createIfAllowed(parts: Pick<ProduceParts, 'admin' | 'access' | 'autoCreateTopics'>, caller: Caller, name: string): Promise<void> {
  const { admin, access } = parts
  const mayCreate = (): boolean => access.wouldAllow(caller, 'create', 'cluster', clusterResource) || access.wouldAllow(caller, 'create', 'topic', name)
  if (!parts.autoCreateTopics || (await admin.topics([name])).length > 0 || !mayCreate()) return
  const made = await admin.createTopic({ name, partitions: -1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
  // Another request may have been quicker.
  if (made instanceof Refusal && made.code !== 'topic-exists') throw problemOf(made)
}

/** The records as they will be stored, and by index what is wrong with those that cannot be: a part that does not fit stays the JSON that came. */
async function encode(body: ProduceRequest, codecs: { key: PartCodec; value: PartCodec }): Promise<{ drafts: RecordDraft[]; faults: Map<number, RecordFault> }> {
  const faults = new Map<number, RecordFault>()
  const turn = new Turn()
  const drafts: RecordDraft[] = []
  /** What takes long, done together behind all else: each puts its part into its draft. */
  const beside: (() => Promise<void>)[] = []
  const encodePart = (index: number, part: 'key' | 'value', given: Part | undefined): Buffer | null => {
    if (given === undefined) return null
    const encoded = given.isAmbiguous ? { pointer: '', reason: 'an object names a member more than once' } : codecs[part].encode(given)
    if (Buffer.isBuffer(encoded)) return encoded
    const { encodeBeside } = codecs[part]
    if (!isUndecided(encoded) || encodeBeside === undefined) return refuse(index, part, given, encoded)
    beside.push(async () => {
      const decided = await encodeBeside(given)
      drafts[index]![part] = Buffer.isBuffer(decided) ? decided : refuse(index, part, given, decided)
    })
    return null
  }
  const refuse = (index: number, part: 'key' | 'value', given: Part, fault: SchemaFault): Buffer => {
    if (!faults.has(index)) faults.set(index, { part, ...fault })
    return given.json
  }
  for (const [index, record] of body.records.entries()) {
    if ((index & 15) === 15 && turn.isOver) await turn.end()
    const draft: RecordDraft = { key: encodePart(index, 'key', record.key), value: encodePart(index, 'value', record.value), headers: record.headers }
    if (record.timestampMs !== undefined) draft.timestampMs = record.timestampMs
    drafts.push(draft)
  }
  await Promise.all(beside.map(work => work()))
  return { drafts, faults }
}

/** The partition of each record: the path's, else the record's own, else its key's, else this request's turn, of those that are no closed shards. */
function assign(how: { body: ProduceRequest; drafts: readonly RecordDraft[]; topic: Topic; pinned: number | undefined; sticky: (count: number) => number }): number[] {
  const { body, drafts, topic, pinned } = how
  const open = openPartitions(topic)
  let turn: number | undefined
  return body.records.map(({ partition }, index) => {
    if (pinned !== undefined) {
      if (partition !== undefined && partition !== pinned) {
        throw new Problem(422, `records[${index}].partition is ${partition}, in a request for partition ${pinned}`)
      }
      return pinned
    }
    if (partition !== undefined) {
      if (partition >= topic.partitions.length) throw new Problem(404, `Partition '${partition}' of topic '${topic.name}' not found.`, { errorCode: 40402 })
      return partition
    }
    const { key } = drafts[index]!
    return open[key === null ? turn ??= how.sticky(open.length) : partitionOfKey(key, open.length)]!
  })
}

/** One entry per record, in the order of the request. Where nothing was stored, the status says so too: nobody may take that for stored. */
function answer(response: Response, assigned: readonly number[], { appended, setAside }: AppendOutcome, schemaIds: object): void {
  const next = new Map([...appended].map(([partition, outcome]) => [partition, outcome instanceof Refusal ? -1 : outcome.baseOffset]))
  const failures = new Map([...appended].flatMap(([partition, outcome]) => (outcome instanceof Refusal ? [[partition, failureOf(partition, outcome)]] : [])))
  // As text at once: an object per record, only to be printed, would cost as much again.
  const offsets = assigned.map((partition, index) => {
    const aside = setAside.get(index)
    if (aside !== undefined) return JSON.stringify({ partition: null, offset: null, error_code: invalidPayload, error: setAsideText(aside) })
    const failure = failures.get(partition)
    if (failure !== undefined) return failure
    const offset = next.get(partition)!
    next.set(partition, offset + 1)
    return `{"partition":${partition},"offset":${offset},"error_code":null,"error":null}`
  }).join(',')
  if (failures.size < appended.size) return void response.send(`{"offsets":[${offsets}],${JSON.stringify(schemaIds).slice(1)}`)
  const details = { offsets: JSON.parse(`[${offsets}]`) as unknown, ...schemaIds }
  const [first] = appended.values()
  if (first instanceof Refusal) throw problemOf(first, details)
  throw new Problem(422, `records[0].${setAsideText(setAside.get(0)!)}`, { errorCode: invalidPayload, details })
}

function failureOf(partition: number, refusal: Refusal): string {
  return JSON.stringify({ partition, offset: null, error_code: answerTo(refusal).errorCode, error: refusal.message })
}
