// The validation policy, the same for every way in. A topic says which of its parts are validated, by which subject, and how far: 'id' wants a schema that
// belongs to the subject; 'payload' wants the bytes to fit that schema too. A null key or value always passes, as in Confluent.
// The registry that is asked is the one of this process, which every change goes through: nothing here can lag behind it, and an id that it does not know does not exist.
import type { DeadLetter, LetterOrigin, LetterPosition, RecordFault, RecordParts, Refusal, Topic, Validation, WayIn } from '../ports.ts'
import type { DeadLetters } from './dead-letters.ts'
import { InvalidSchema } from './errors.ts'
import { idsOf, payloadOf } from './named-schemas.ts'
import { readFrame, schemaText, type SchemaName } from './framing.ts'
import type { PayloadCodec } from './payload.ts'
import type { Registry } from './registry.ts'
import type { Schema } from './schema.ts'
import type { SubjectNameStrategy } from './subjects.ts'
import { policyOf, type PartPolicy, type TopicPolicy } from './topic-policy.ts'

/** What a schema comes to: what checks payloads, nothing more to check (null), or why it is refused. */
type Verdict = { readonly codec: PayloadCodec; readonly schema: Schema | InvalidSchema } | null | string

/** Topics that are counted one by one; what the others have is counted under ''. */
const topicsCountedMax = 1_000

export class SchemaValidation implements Validation {
  readonly #registry: Registry
  readonly #deadLetters: DeadLetters
  /** Records that did not fit, by `topic way outcome`; the outcome is 'rejected' or 'dead-lettered'. */
  readonly counts = new Map<string, number>()

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
    let count = 0
    const faults = records.map(record => {
      for (const check of checkers) {
        const fault = check(record)
        if (fault === null) continue
        count++
        return fault
      }
      return null
    })
    if (count > 0 && policy.onInvalid === 'reject') this.#count(topic, wayIn, 'rejected', count)
    return faults
  }

  async putDeadLetters(topic: Topic, origin: LetterOrigin, letters: readonly DeadLetter[]): Promise<readonly LetterPosition[] | Refusal> {
    const put = await this.#deadLetters.put(topic, origin, letters)
    if (Array.isArray(put)) this.#count(topic, origin.wayIn, 'dead-lettered', letters.length)
    return put
  }

  #count(topic: Topic, wayIn: WayIn, outcome: 'rejected' | 'dead-lettered', count: number): void {
    const named = `${topic.name} ${wayIn} ${outcome}`
    const key = this.counts.has(named) || this.counts.size < topicsCountedMax ? named : ` ${wayIn} ${outcome}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + count)
  }

  /** Of one part of a topic. Verdicts on schemas hold for one call, within which nothing can change. */
  #checker(topic: Topic, { part, strategy }: PartPolicy, { mode }: TopicPolicy): (record: RecordParts) => RecordFault | null {
    const verdicts = new Map<number | string, Verdict>()
    return record => {
      const bytes = record[part]
      if (bytes === null) return null
      const frame = readFrame(bytes, part, record.headers)
      if (typeof frame === 'string') return { part, pointer: '', reason: frame }
      const { schema } = frame
      const name = schema.kind === 'id' ? schema.id : schemaText(schema)
      let verdict = verdicts.get(name)
      if (verdict === undefined) verdicts.set(name, verdict = this.#verdict(schema, { topic: topic.name, part, strategy, mode }))
      if (verdict === null) return null
      if (typeof verdict === 'string') return { part, pointer: '', reason: verdict, schema: schemaText(schema) }
      const payload = payloadOf(frame, verdict.schema)
      const fault = 'reason' in payload ? payload : verdict.codec.check(payload.bytes, payload.from)
      return fault === null ? null : { part, ...fault, schema: schemaText(schema) }
    }
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
      return codec instanceof InvalidSchema ? `schema ${id} cannot be read: ${codec.message}` : { codec, schema: this.#registry.parsed(this.#registry.store.withId(id)[0]!) }
    }
    return reason!
  }
}

/** Glue's serializers name a schema by the topic alone unless told otherwise: with the strategy TopicName that is as good as the topic's subject. */
function isOfGlueSchema(registry: Registry, schema: SchemaName, topic: string, strategy: SubjectNameStrategy): boolean {
  return schema.kind === 'glue' && strategy === 'TopicName' && registry.ofGlueVersion(schema.version)?.subject === topic
}
