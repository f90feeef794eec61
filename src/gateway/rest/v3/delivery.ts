// Records that came together, stored together: encoded, judged by the topic's own validation, one batch per partition (or several, where one would be larger than the topic
// takes), acknowledged when durable. Each record has an outcome of its own, and one that fails keeps no other from being stored.
import { Turn } from '../../../base/turn.ts'
import { openPartitions, Refusal, type Access, type Admin, type Caller, type Logs, type RecordFault, type Topic, type Validation } from '../../../ports.ts'
import { isUndecided, type SchemaFault } from '../../../registry/fault.ts'
import { buildBatch, type RecordDraft } from '../../../wire/batch.ts'
import type { Clock } from '../../../world/world.ts'
import { expectOnTopic } from '../../callers.ts'
import { Problem } from '../../problem.ts'
import { faultText, findFaults, invalidPayload, putAside, setAsideText } from '../append.ts'
import { type Partitioner, partitionOfKey } from '../partitioner.ts'
import type { PartCodec, Payloads } from '../payload.ts'
import type { PartName } from '../schema-choice.ts'
import type { PartRequest, RecordRequest } from './record-request.ts'
import { unknownTopicOrPartition, v3AnswerTo } from './refusals.ts'

const appendTimeoutMs = 30_000
/** Confluent's numbers for a schema that is missing. */
const missingSchema = { key: 42201, value: 42202 } as const
/** The most that a record takes in a batch besides its key, value and headers, and a header besides its name and value. */
const recordOverheadBytes = 40
const headerOverheadBytes = 10
const batchOverheadBytes = 61
/** The end of JavaScript's calendar, which is that of ISO 8601 with four digits and more. */
const calendarMsMax = 8.64e15

/** `report`: the members of what a client is told, as JSON text without the braces. */
export type Outcome = { readonly isStored: true; readonly report: string } | { readonly isStored: false; readonly problem: Problem }

export interface DeliveryParts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly validation: Validation
  readonly payloads: Payloads
  readonly clock: Clock
  readonly partitioner: Partitioner
}

/** What one request delivers, to one topic. */
export class Delivery {
  readonly #parts: DeliveryParts
  readonly #caller: Caller
  readonly #clusterId: string
  readonly #topicName: string

  constructor(parts: DeliveryParts, of: { readonly caller: Caller; readonly clusterId: string; readonly topic: string }) {
    this.#parts = parts
    this.#caller = of.caller
    this.#clusterId = of.clusterId
    this.#topicName = of.topic
  }

  /** One outcome per record, in order; a record that could not even be read is passed as the Problem with it. Records of one partition keep their order. */
  async deliver(requests: readonly (RecordRequest | Problem)[]): Promise<Outcome[]> {
    let topic: Topic
    try {
      topic = await this.#topic()
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      return requests.map(request => ({ isStored: false, problem: request instanceof Problem ? request : error }))
    }
    const outcomes: Outcome[] = []
    const assigned = this.#assigned(topic, await this.#encoded(topic, requests, outcomes), outcomes)
    const accepted = await this.#validated(topic, assigned, outcomes)
    const byPartition = Map.groupBy(accepted, one => one.partition)
    await Promise.all([...byPartition].map(([partition, records]) => this.#append(topic, partition, records, outcomes)))
    return outcomes
  }

  /** Found, and the right to write it judged, each time anew: a stream may outlast either. */
  async #topic(): Promise<Topic> {
    expectOnTopic(this.#parts.access, this.#caller, 'write', this.#topicName)
    const [topic] = await this.#parts.admin.topics([this.#topicName])
    if (topic === undefined) throw unknownTopicOrPartition()
    return topic
  }

  async #encoded(topic: Topic, requests: readonly (RecordRequest | Problem)[], outcomes: Outcome[]): Promise<Encoded[]> {
    const known = new Map<string, Codec | Problem>()
    const encoded: Encoded[] = []
    /** What takes long, done together behind all else: each puts its record in the place that is kept for it. */
    const beside: (() => Promise<void>)[] = []
    const turn = new Turn()
    for (const [index, request] of requests.entries()) {
      if ((index & 15) === 15 && turn.isOver) await turn.end()
      try {
        if (request instanceof Problem) throw request
        const key = request.key === undefined
          ? absent : encode('key', request.key, known.get(`key/${request.key.choiceKey}`) ?? await this.#codec(topic, 'key', request.key, known))
        const value = request.value === undefined
          ? absent : encode('value', request.value, known.get(`value/${request.value.choiceKey}`) ?? await this.#codec(topic, 'value', request.value, known))
        if (typeof key === 'function' || typeof value === 'function') {
          const at = encoded.push(asEncoded(index, request, absent, absent)) - 1
          beside.push(async () => { encoded[at] = asEncoded(index, request, await settled(key), await settled(value)) })
        } else encoded.push(asEncoded(index, request, key, value))
      } catch (error) {
        if (!(error instanceof Problem)) throw error
        outcomes[index] = { isStored: false, problem: error }
      }
    }
    await Promise.all(beside.map(work => work()))
    return encoded
  }

  /** To be looked up once for all records of these that name the same. */
  async #codec(topic: Topic, part: PartName, request: PartRequest, known: Map<string, Codec | Problem>): Promise<Codec | Problem> {
    const found = await this.#findCodec(topic, part, request)
    known.set(`${part}/${request.choiceKey}`, found)
    return found
  }

  async #findCodec(topic: Topic, part: PartName, { format, choice, data }: PartRequest): Promise<Codec | Problem> {
    try {
      const codec = await this.#parts.payloads.codecFor({ topic, part, format, choice, caller: this.#caller, isNeeded: true })
      // Without a type and without a schema nothing says what the data is; only null needs no saying.
      if (format === 'auto' && codec.version === null && data !== undefined) {
        const reason = `No schema is registered for the ${part}s of topic '${topic.name}', and the record gives neither type nor schema`
        return new Problem(422, reason, { errorCode: missingSchema[part] })
      }
      return { codec, report: `"${part}":{${describe(format, codec)}` }
    } catch (error) {
      if (error instanceof Problem) return error
      throw error
    }
  }

  /** The records that fit. Of the others each has its own fate: refused, or in the topic's dead-letter topic, where the topic has them kept. */
  async #validated(topic: Topic, records: readonly Assigned[], outcomes: Outcome[]): Promise<readonly Assigned[]> {
    const { validation } = this.#parts
    const given = new Map(records.flatMap(({ fault }, at) => (fault === undefined ? [] : [[at, fault] as const])))
    if (given.size === 0 && !validation.appliesTo(topic)) return records
    const request = { topic, caller: this.#caller, drafts: records.map(one => one.draft), assigned: records.map(one => one.partition), faults: given }
    const faults = await findFaults(validation, request)
    if (faults.length === 0) return records
    try {
      const aside = validation.onInvalid(topic) === 'dead-letter' ? await putAside(validation, request, faults) : undefined
      for (const { index: at, ...fault } of faults) {
        const position = aside?.get(at)
        outcomes[records[at]!.index] = { isStored: false, problem: unfit(fault, position === undefined ? undefined : setAsideText(position)) }
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      // Without its dead letters nothing of these may be stored.
      for (const { index } of records) outcomes[index] = { isStored: false, problem: error }
      return []
    }
    const unfitAt = new Set(faults.map(fault => fault.index))
    return records.filter((_, at) => !unfitAt.has(at))
  }

  /** The record's own partition, else its key's, else the turn of these records, of those that are no closed shards. */
  #assigned(topic: Topic, records: readonly Encoded[], outcomes: Outcome[]): Assigned[] {
    const open = openPartitions(topic)
    let turn: number | undefined
    const assigned: Assigned[] = []
    for (const record of records) {
      const { partition, draft: { key }, index } = record
      if (partition !== undefined && partition >= topic.partitions.length) outcomes[index] = { isStored: false, problem: unknownTopicOrPartition() }
      else {
        const chosen = partition ?? open[key === null ? turn ??= this.#parts.partitioner.sticky(topic.name, open.length) : partitionOfKey(key, open.length)]!
        assigned.push({ ...record, partition: chosen })
      }
    }
    return assigned
  }

  async #append(topic: Topic, partition: number, records: readonly Assigned[], outcomes: Outcome[]): Promise<void> {
    const { logs, admin, clock } = this.#parts
    const bytesMax = Number(admin.config(topic, 'max.message.bytes'))
    for (const together of batchesOf(records, bytesMax)) {
      const timestampMs = clock.now()
      const batch = buildBatch(together.map(record => record.draft), { timestampMs })
      const appended = await logs.append({ topic: topic.name, partition }, batch, { acks: 'all', timeoutMs: appendTimeoutMs })
      const head = `"cluster_id":${JSON.stringify(this.#clusterId)},"topic_name":${JSON.stringify(topic.name)},"partition_id":${partition}`
      const sharedTime = timeText(appended instanceof Refusal || appended.logAppendTimeMs < 0 ? timestampMs : appended.logAppendTimeMs)
      for (const [at, { index, draft, report }] of together.entries()) {
        if (appended instanceof Refusal) {
          const { status, errorCode } = v3AnswerTo(appended)
          outcomes[index] = { isStored: false, problem: new Problem(status, appended.message, { errorCode }) }
          continue
        }
        const time = draft.timestampMs === undefined || appended.logAppendTimeMs >= 0 ? sharedTime : timeText(draft.timestampMs)
        outcomes[index] = { isStored: true, report: `${head},"offset":${appended.baseOffset + at},"timestamp":${time}${report}` }
      }
    }
  }
}

interface Codec {
  readonly codec: PartCodec
  /** The beginning of what a report says of the part. */
  readonly report: string
}

interface Encoded {
  /** In the request. */
  readonly index: number
  readonly partition: number | undefined
  readonly draft: RecordDraft
  /** What a report says of the key and the value, each behind a comma. */
  readonly report: string
  /** Why it could not be encoded; the part is then what the client sent. */
  readonly fault: RecordFault | undefined
}

interface Assigned extends Encoded {
  readonly partition: number
}

interface EncodedPart {
  readonly bytes: Buffer | null
  readonly report: string
  readonly fault?: RecordFault
}

const absent: EncodedPart = { bytes: null, report: '' }

/** Throws where there is nothing to encode it with. What does it later, where that takes long. */
function encode(part: PartName, { data }: PartRequest, found: Codec | Problem): EncodedPart | (() => Promise<EncodedPart>) {
  if (found instanceof Problem) throw found
  const { codec, report } = found
  if (data === undefined) return { bytes: null, report: `,${report}"size":0}` }
  const encoded = data.isAmbiguous ? { pointer: '', reason: 'an object names a member more than once' } : codec.encode(data)
  const outcome = (decided: Buffer | SchemaFault): EncodedPart => (
    Buffer.isBuffer(decided) ? { bytes: decided, report: `,${report}"size":${decided.length}}` } : { bytes: data.json, report: '', fault: { part, ...decided } }
  )
  const { encodeBeside } = codec
  if (Buffer.isBuffer(encoded) || !isUndecided(encoded) || encodeBeside === undefined) return outcome(encoded)
  return async () => outcome(await encodeBeside(data))
}

async function settled(part: EncodedPart | (() => Promise<EncodedPart>)): Promise<EncodedPart> {
  return typeof part === 'function' ? await part() : part
}

function asEncoded(index: number, { partition, headers, timestampMs }: RecordRequest, key: EncodedPart, value: EncodedPart): Encoded {
  const draft: RecordDraft = { key: key.bytes, value: value.bytes, headers }
  if (timestampMs !== undefined) draft.timestampMs = timestampMs
  return { index, partition, draft, report: key.report + value.report, fault: key.fault ?? value.fault }
}

/** The type and the schema of a part, as a report names them: members with a comma behind each. */
function describe(format: PartRequest['format'], { version }: PartCodec): string {
  if (version === null) return `"type":${JSON.stringify(format === 'auto' ? null : format.toUpperCase())},`
  const type = version.schemaType === 'JSON' ? 'JSONSCHEMA' : version.schemaType
  return `"type":"${type}","subject":${JSON.stringify(version.subject)},"schema_id":${version.id},"schema_version":${version.version},`
}

function unfit(fault: RecordFault, message = faultText(fault)): Problem {
  const { part, pointer, reason, more = [] } = fault
  return new Problem(422, message, { errorCode: invalidPayload, details: { faults: [{ pointer, reason }, ...more].map(one => ({ part, ...one })) } })
}

/** Runs of records of which each makes a batch that the topic takes; a record that is too large by itself is alone, to be refused alone. */
function* batchesOf(records: readonly Assigned[], bytesMax: number): Generator<readonly Assigned[]> {
  let from = 0
  let bytes = batchOverheadBytes
  for (const [at, { draft }] of records.entries()) {
    const headers = (draft.headers ?? []).reduce((sum, header) => sum + headerOverheadBytes + 3 * header.key.length + (header.value?.length ?? 0), 0)
    const size = recordOverheadBytes + (draft.key?.length ?? 0) + (draft.value?.length ?? 0) + headers
    if (bytes + size > bytesMax && at > from) {
      yield records.slice(from, at)
      from = at
      bytes = batchOverheadBytes
    }
    bytes += size
  }
  if (from < records.length) yield records.slice(from)
}

/** ISO 8601, quoted; null for a time that no calendar has. */
function timeText(ms: number): string {
  return Math.abs(ms) <= calendarMsMax ? `"${new Date(ms).toISOString()}"` : 'null'
}
