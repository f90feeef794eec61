// The validation policy, the same for every way in. A topic says which of its parts are validated, by which subject, and how far: 'id' wants a schema id that
// belongs to the subject; 'payload' wants the bytes behind it to fit that schema too. A null key or value always passes, as in Confluent.
import type { RecordFault, Topic, Validation } from '../ports.ts'
import { InvalidSchema } from './errors.ts'
import { frameBytes, framedId } from './framing.ts'
import type { PayloadCodec } from './payload.ts'
import type { Registry } from './registry.ts'
import { parseStrategy, type SubjectNameStrategy } from './subjects.ts'

type Part = 'key' | 'value'

/** What an id comes to: its codec, nothing more to check (null), or why it is refused. */
type Verdict = PayloadCodec | null | string

export class SchemaValidation implements Validation {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  appliesTo(topic: Topic): boolean {
    return topic.configs.get('confluent.value.schema.validation') === 'true' || topic.configs.get('confluent.key.schema.validation') === 'true'
  }

  async check(topic: Topic, records: readonly { readonly key: Buffer | null; readonly value: Buffer | null }[]): Promise<readonly (RecordFault | null)[]> {
    const key = this.#checker(topic, 'key')
    const value = this.#checker(topic, 'value')
    return records.map(record => key?.(record.key) ?? value?.(record.value) ?? null)
  }

  /** Of one part of a topic; undefined where that part is not validated. Verdicts on ids hold for one call, within which nothing can change. */
  #checker(topic: Topic, part: Part): ((bytes: Buffer | null) => RecordFault | null) | undefined {
    if (topic.configs.get(`confluent.${part}.schema.validation`) !== 'true') return undefined
    const strategyName = topic.configs.get(`confluent.${part}.subject.name.strategy`) ?? 'TopicName'
    const strategy = parseStrategy(strategyName)
    const mode = topic.configs.get('sluice.validation.mode') === 'payload' ? 'payload' : 'id'
    const verdicts = new Map<number, Verdict>()
    return bytes => {
      if (bytes === null) return null
      const id = framedId(bytes)
      if (typeof id === 'string') return { part, pointer: '', reason: id }
      let verdict = verdicts.get(id)
      if (verdict === undefined) {
        verdict = strategy === undefined
          ? `subject name strategy '${strategyName}' is not known`
          : this.#verdict(id, { topic: topic.name, part, strategy, mode })
        verdicts.set(id, verdict)
      }
      if (verdict === null) return null
      if (typeof verdict === 'string') return { part, pointer: '', reason: verdict }
      const fault = verdict.check(bytes, frameBytes)
      return fault === null ? null : { part, ...fault }
    }
  }

  #verdict(id: number, policy: { topic: string; part: Part; strategy: SubjectNameStrategy; mode: 'id' | 'payload' }): Verdict {
    const subject = this.#registry.subjectOf(id, policy)
    if (typeof subject !== 'string') return subject.reason
    if (policy.mode === 'id') return null
    const codec = this.#registry.payloadCodec(id)
    return codec instanceof InvalidSchema ? `schema ${id} cannot be read: ${codec.message}` : codec
  }
}
