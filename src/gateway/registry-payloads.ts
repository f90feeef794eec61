// The registry as REST produce and reads see it: which schema a topic's keys or values have, and payloads in and out of JSON by it.
import type { Access, Admin, Caller, Topic } from '../ports.ts'
import { InvalidSchema, RegistryRefusal } from '../registry/errors.ts'
import type { Registry } from '../registry/registry.ts'
import { parseStrategy, subjectName, type SubjectNameStrategy } from '../registry/subjects.ts'
import { Problem } from './problem.ts'
import type { PayloadSchema, PayloadSchemas, SchemaLanguage } from './rest/payload.ts'

type Part = 'key' | 'value'

/** Union values come out plain, as they may come in; Avro's tagged form is for those who ask for it. */
const plain = { tagged: false }

export function registryPayloads({ registry, access, admin }: { registry: Registry; access: Access; admin: Admin }): PayloadSchemas {
  const strategyOf = (topic: Topic, part: Part): SubjectNameStrategy => {
    const name = admin.config(topic, `confluent.${part}.subject.name.strategy`)
    const strategy = parseStrategy(name)
    if (strategy === undefined) throw new Problem(422, `subject name strategy '${name}' of topic '${topic.name}' is not known`)
    return strategy
  }
  const byId = (id: number): PayloadSchema | undefined => {
    const [version] = registry.store.withId(id)
    if (version === undefined) return undefined
    const codec = registry.payloadCodec(id)
    if (codec instanceof InvalidSchema) throw new Problem(422, `schema ${id} cannot be read: ${codec.message}`, { errorCode: 42205 })
    return {
      id,
      language: version.schemaType as SchemaLanguage,
      encode: codec.encode,
      decode: payload => codec.decode(payload, 0, plain),
    }
  }
  return {
    latest(topic, part) {
      // Only a topic's own subject has a latest schema; by the other strategies each record names its own.
      if (strategyOf(topic, part) !== 'TopicName') return undefined
      const latest = registry.store.latest(`${topic.name}-${part}`)
      return latest === undefined ? undefined : byId(latest.id)
    },
    byId,
    belongs: (id, topic, part) => typeof registry.subjectOf(id, { topic: topic.name, part, strategy: strategyOf(topic, part) }) === 'string',
    async registered(topic, part, text, language, caller) {
      const recordName = registry.recordName(text, language)
      if (recordName instanceof RegistryRefusal) throw refused(recordName)
      const subject = subjectName(strategyOf(topic, part), topic.name, part, recordName)
      if (subject === undefined) throw new Problem(422, `the ${part} schema has no record name, which the subject name strategy of topic '${topic.name}' needs`, { errorCode: 42205 })
      return await schemaIn(subject, { schema: text, schemaType: language }, caller)
    },
  }

  async function schemaIn(subject: string, request: { schema: string; schemaType: string }, caller: Caller): Promise<PayloadSchema> {
    // One refusal for both, so that it does not tell whether the schema is there.
    if (!access.allows(caller, 'read', 'subject', subject)) throw denied('read', subject)
    const known = registry.lookup(subject, request, { normalize: undefined, deleted: false })
    if (!(known instanceof RegistryRefusal)) return byId(known.id)!
    if (known.code === 42201) throw refused(known)
    if (!access.allows(caller, 'write', 'subject', subject)) throw denied('write', subject)
    const made = await registry.register(subject, request, { normalize: undefined })
    if (made instanceof RegistryRefusal) throw refused(made)
    return byId(made.id)!
  }
}

function denied(operation: string, subject: string): Problem {
  return new Problem(403, `User is denied operation ${operation} on Subject: ${subject}`, { errorCode: 40301 })
}

/** Confluent's REST proxy gives 42205 for a schema that is none; the other refusals keep their numbers. */
function refused(refusal: RegistryRefusal): Problem {
  return new Problem(refusal.status, refusal.message, { errorCode: refusal.code === 42201 ? 42205 : refusal.code })
}
