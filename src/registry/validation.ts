// The validation policy, the same for every way in. A topic says which of its parts are validated, by which subject, and how far: 'id' wants a schema that
// belongs to the subject; 'payload' wants the bytes to fit that schema too. A null key or value always passes, as in Confluent.
// The registry that is asked is the one of this process, which every change goes through: nothing here can lag behind it, and an id that it does not know does not exist.
import { Turn } from '../base/turn.ts'
import type { Batch } from '../wire/batch.ts'
import { RecordSpans } from '../wire/record-spans.ts'
import type { DeadLetter, LetterOrigin, LetterPosition, RecordFault, RecordParts, Refusal, Topic, Validation, WayIn } from '../ports.ts'
import type { DeadLetters } from './dead-letters.ts'
import { InvalidSchema } from './errors.ts'
import { isUndecided, type SchemaFault } from './fault.ts'
import { idsOf, payloadOf } from './named-schemas.ts'
import { frameBytes, framedIdAt, readFrame, schemaText, type SchemaName } from './framing.ts'
import type { Registry } from './registry.ts'
import type { ContractCodec } from './rules/contract.ts'
import type { Schema } from './schema.ts'
import type { SubjectNameStrategy } from './subjects.ts'
import { policyOf, type PartPolicy, type TopicPolicy } from './topic-policy.ts'

/** What checks payloads of a schema. */
interface Judge {
  readonly codec: ContractCodec
  readonly schema: Schema | InvalidSchema
}

/** What a schema comes to: what checks payloads, nothing more to check (null), or why it is refused. */
type Verdict = Judge | null | string

interface PartChecker {
  readonly part: 'key' | 'value'
  /** Of a part that is not null. */
  readonly check: (bytes: Buffer, headers: RecordParts['headers']) => RecordFault | null
  /** The same of a part that stands among other bytes, in a record without headers; undefined where `check` is to be asked. No object is made for what fits. */
  readonly checkInPlace: (body: Buffer, start: number, end: number) => RecordFault | null | undefined
}

interface IndexedFault {
  readonly index: number
  readonly fault: RecordFault
}

/** Topics that are counted one by one; what the others have is counted under ''. */
const topicsCountedMax = 1_000

export class SchemaValidation implements Validation {
  readonly #registry: Registry
  readonly #deadLetters: DeadLetters
  /** Records that did not fit, by `topic way outcome`; the outcome is 'rejected' or 'dead-lettered'. */
  readonly counts = new Map<string, number>()
  /** Payloads whose validation was given up, by the fault that says so. */
  readonly #undecided = new WeakMap<RecordFault, { readonly schema: Schema; readonly codec: ContractCodec; readonly payload: Buffer }>()

  constructor(registry: Registry, deadLetters: DeadLetters) {
    this.#registry = registry
    this.#deadLetters = deadLetters
  }

  appliesTo(topic: Topic): boolean {
    return policyOf(topic).parts.length > 0
  }

  onInvalid(topic: Topic): 'reject' | 'dead-letter' {
    return policyOf(topic).onInvalid
  }

  async check(topic: Topic, records: readonly RecordParts[], wayIn: WayIn): Promise<readonly (RecordFault | null)[]> {
    const policy = policyOf(topic)
    const checkers = policy.parts.map(one => this.#checker(topic, one, policy))
    const faults: (RecordFault | null)[] = []
    const undecided: IndexedFault[] = []
    const turn = new Turn()
    for (const [index, record] of records.entries()) {
      if ((index & 15) === 15 && turn.isOver) await turn.end()
      faults.push(null)
      for (const { part, check } of checkers) {
        const bytes = record[part]
        if (bytes === null) continue
        const fault = check(bytes, record.headers)
        if (fault === null) continue
        if (this.#undecided.has(fault)) undecided.push({ index, fault })
        else {
          faults[index] = fault
          break
        }
      }
    }
    for (const { index, fault } of await this.#decide(undecided)) faults[index] ??= fault
    this.#countRejected(topic, wayIn, faults.filter(fault => fault !== null).length)
    return faults
  }

  async checkBatch(topic: Topic, batch: Batch, wayIn: WayIn): Promise<readonly IndexedFault[]> {
    const policy = policyOf(topic)
    const checkers = policy.parts.map(one => this.#checker(topic, one, policy))
    const records = RecordSpans.of(batch)
    const { body, count } = records
    const found: IndexedFault[] = []
    const undecided: IndexedFault[] = []
    const turn = new Turn()
    for (let index = 0; index < count; index++) {
      if ((index & 15) === 15 && turn.isOver) await turn.end()
      for (const { part, check, checkInPlace } of checkers) {
        const start = records.start(index, part)
        if (start < 0) continue
        const end = records.end(index, part)
        const hasHeaders = records.hasHeaders(index)
        let fault = hasHeaders ? undefined : checkInPlace(body, start, end)
        if (fault === undefined) fault = check(body.subarray(start, end), hasHeaders ? records.headers(index) : undefined)
        if (fault === null) continue
        if (this.#undecided.has(fault)) undecided.push({ index, fault })
        else {
          found.push({ index, fault })
          break
        }
      }
    }
    const all = undecided.length === 0 ? found : onePerRecord([...found, ...await this.#decide(undecided)])
    this.#countRejected(topic, wayIn, all.length)
    return all
  }

  async putDeadLetters(topic: Topic, origin: LetterOrigin, letters: readonly DeadLetter[]): Promise<readonly LetterPosition[] | Refusal> {
    const put = await this.#deadLetters.put(topic, origin, letters)
    if (Array.isArray(put)) this.#count(topic, origin.wayIn, 'dead-lettered', letters.length)
    return put
  }

  /** Those that the workshop, or a rule on what the workshop lets pass, finds to be faults; the event loop is for others meanwhile. */
  async #decide(undecided: readonly IndexedFault[]): Promise<readonly IndexedFault[]> {
    const decided = await Promise.all(undecided.map(async ({ index, fault: { part, schema }, fault }): Promise<IndexedFault | null> => {
      const job = this.#undecided.get(fault)!
      const found = await this.#registry.checkBeside(job.schema, job.payload) ?? job.codec.breaks(job.payload, 0, 'SERVER')
      return found === null ? null : { index, fault: { part, ...found, ...schema !== undefined && { schema } } }
    }))
    return decided.filter(one => one !== null)
  }

  #count(topic: Topic, wayIn: WayIn, outcome: 'rejected' | 'dead-lettered', count: number): void {
    const named = `${topic.name} ${wayIn} ${outcome}`
    const key = this.counts.has(named) || this.counts.size < topicsCountedMax ? named : ` ${wayIn} ${outcome}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + count)
  }

  #countRejected(topic: Topic, wayIn: WayIn, count: number): void {
    if (count > 0 && policyOf(topic).onInvalid === 'reject') this.#count(topic, wayIn, 'rejected', count)
  }

  /** Of one part of a topic. Verdicts on schemas hold for one call, within which nothing can change. */
  #checker(topic: Topic, { part, strategy }: PartPolicy, { mode }: TopicPolicy): PartChecker {
    const verdicts = new Map<number | string, Verdict>()
    const told = (fault: SchemaFault, judge: Judge, schemaName: string, payload: Buffer): RecordFault => {
      const one: RecordFault = { part, ...fault, schema: schemaName }
      const { codec, schema } = judge
      if (isUndecided(fault) && !(schema instanceof InvalidSchema)) this.#undecided.set(one, { schema, codec, payload })
      return one
    }
    const check: PartChecker['check'] = (bytes, headers) => {
      const frame = readFrame(bytes, part, headers)
      if (typeof frame === 'string') return { part, pointer: '', reason: frame }
      const { schema } = frame
      const name = schema.kind === 'id' ? schema.id : schemaText(schema)
      let verdict = verdicts.get(name)
      if (verdict === undefined) verdicts.set(name, verdict = this.#verdict(schema, { topic: topic.name, part, strategy, mode }))
      if (verdict === null) return null
      if (typeof verdict === 'string') return { part, pointer: '', reason: verdict, schema: schemaText(schema) }
      const payload = payloadOf(frame, verdict.schema)
      if ('reason' in payload) return { part, ...payload, schema: schemaText(schema) }
      const fault = verdict.codec.check(payload.bytes, payload.from)
      return fault === null ? null : told(fault, verdict, schemaText(schema), payload.bytes.subarray(payload.from))
    }
    const checkInPlace: PartChecker['checkInPlace'] = (body, start, end) => {
      const id = end - start < frameBytes ? undefined : framedIdAt(body, start)
      const verdict = id === undefined ? undefined : verdicts.get(id)
      if (verdict === undefined || typeof verdict === 'string') return undefined
      if (verdict === null) return null
      // Behind a schema id, payloads of all languages stand as their codecs read them.
      const from = start + frameBytes
      const fault = verdict.codec.check(body, from, end)
      return fault === null ? null : told(fault, verdict, String(id), body.subarray(from, end))
    }
    return { part, check, checkInPlace }
  }

  #verdict(schema: SchemaName, policy: { topic: string; part: 'key' | 'value'; strategy: PartPolicy['strategy']; mode: 'id' | 'payload' }): Verdict {
    const { strategy } = policy
    if (typeof strategy !== 'string') return `subject name strategy '${strategy.unknown}' is not known`
    const ids = idsOf(this.#registry, schema)
    if (typeof ids === 'string') return ids
    let reason: string | undefined
    for (const id of ids) {
      const subject = this.#registry.subjectOf(id, { ...policy, strategy })
      if (typeof subject !== 'string' && !isOfGlueSchema(this.#registry, schema, policy.topic, strategy)) {
        reason ??= subject.reason
        continue
      }
      if (policy.mode === 'id') return null
      const codec = this.#registry.payloadCodec(id)
      if (codec instanceof InvalidSchema) return `schema ${id} cannot be read: ${codec.message}`
      const version = this.#registry.store.withId(id)[0]!
      return { codec, schema: this.#registry.parsed(version) }
    }
    return reason!
  }
}

/** In the order of the records; of what is said of one record, the first. */
function onePerRecord(faults: readonly IndexedFault[]): readonly IndexedFault[] {
  const byIndex = new Map(faults.toReversed().map(one => [one.index, one]))
  return [...byIndex.values()].toSorted((a, b) => a.index - b.index)
}

/** Glue's serializers name a schema by the topic alone unless told otherwise: with the strategy TopicName that is as good as the topic's subject. */
function isOfGlueSchema(registry: Registry, schema: SchemaName, topic: string, strategy: SubjectNameStrategy): boolean {
  return schema.kind === 'glue' && strategy === 'TopicName' && registry.ofGlueVersion(schema.version)?.subject === topic
}
