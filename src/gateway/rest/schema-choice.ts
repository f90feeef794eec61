// Which schema a request names for its keys or its values, and the version of a subject that this comes to. What the client names decides; where it names
// nothing, the latest schema of the topic's own subject does.
import type { Access, Admin, Caller, Topic } from '../../ports.ts'
import { RegistryRefusal } from '../../registry/errors.ts'
import type { Registry } from '../../registry/registry.ts'
import { schemaTypes, type SchemaType } from '../../registry/schema.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { parseStrategy, type SubjectNameStrategy } from '../../registry/subjects.ts'
import { Problem } from '../problem.ts'

export type PartName = 'key' | 'value'

export const latestVersion = 'latest'
export const versionMax = 2 ** 31 - 1
/** Confluent's number for a schema that cannot be used, and its words for it. */
export const invalidSchema = 42205

/** All undefined leaves it to the topic's subject. At most one of `schema`, `id` and `version` is given, and at most one of `subject` and `strategy`. */
export interface SchemaChoice {
  /** Text of a schema: looked up, and registered where it is new. */
  readonly schema: string | undefined
  readonly id: number | undefined
  readonly version: number | typeof latestVersion | undefined
  /** In place of the topic's own subject. */
  readonly subject: string | undefined
  /** In place of the topic's own strategy. */
  readonly strategy: string | undefined
}

export const noChoice: SchemaChoice = { schema: undefined, id: undefined, version: undefined, subject: undefined, strategy: undefined }

export interface ChoiceOf {
  readonly topic: Topic
  readonly part: PartName
  readonly choice: SchemaChoice
  readonly caller: Caller
}

/** `TOPIC_NAME` and its like, or what else names a strategy in Confluent's configs. */
export function isStrategyName(text: string): boolean {
  return parseStrategy(text) !== undefined
}

export class SchemaChoices {
  readonly #registry: Registry
  readonly #admin: Admin
  readonly #access: Access

  constructor(parts: { registry: Registry; admin: Admin; access: Access }) {
    this.#registry = parts.registry
    this.#admin = parts.admin
    this.#access = parts.access
  }

  /**
   * The version that is meant; undefined where nothing was named and the topic's subject has none. `schemaType` is the language of a schema that the
   * request brings along, undefined where the request does not say. Throws 422 (42205) for what is not there or not the topic's, 403 (40301) for a
   * subject that was named, or is to be registered in, and that the caller may not read or write.
   */
  async versionFor(of: ChoiceOf, schemaType: string | undefined): Promise<SchemaVersion | undefined> {
    const { topic, part, choice, caller } = of
    const isNamed = choice.subject !== undefined || choice.strategy !== undefined
    if (choice.schema !== undefined) return await this.#given(choice.schema, of, schemaType)
    if (choice.id !== undefined) {
      const subject = this.#subjectOfId(choice.id, of)
      if (isNamed) this.#expect(caller, 'read', subject)
      return this.#registry.store.withId(choice.id).find(version => version.subject === subject)
    }
    if (choice.version === undefined && !isNamed) return this.latest(topic, part)
    const subject = choice.subject ?? this.#subjectBy(this.#strategyOf(of), of, undefined)
    this.#expect(caller, 'read', subject)
    return orProblem(this.#registry.find(subject, choice.version ?? latestVersion, { deleted: false }))
  }

  /** Of the topic's own subject. The strategies by record name have one per kind of record, so that there is no latest of them all. */
  latest(topic: Topic, part: PartName): SchemaVersion | undefined {
    const subject = this.#registry.subjectBy(this.#strategy(topic, part), topic.name, part, undefined)
    return typeof subject === 'string' ? this.#registry.store.latest(subject) : undefined
  }

  #subjectOfId(id: number, of: ChoiceOf): string {
    const { topic, part, choice } = of
    if (choice.subject !== undefined) {
      this.#expect(of.caller, 'read', choice.subject)
      const versions = this.#registry.store.withId(id)
      if (versions.some(version => version.subject === choice.subject)) return choice.subject
      throw unusable(versions.length === 0 ? `schema ${id} is not known` : `schema ${id} does not belong to subject '${choice.subject}'`, `${part}_schema_id: `)
    }
    const subject = this.#registry.subjectOf(id, { topic: topic.name, part, strategy: this.#strategyOf(of) })
    if (typeof subject === 'string') return subject
    throw unusable(subject.reason, `${part}_schema_id: `)
  }

  /** A schema that the request brings along: looked up, or registered where it is new and the caller may write the subject. */
  async #given(text: string, of: ChoiceOf, schemaType: string | undefined): Promise<SchemaVersion> {
    const { part, choice, caller } = of
    const type = schemaTypes.find(one => one === schemaType)
    if (type === undefined) {
      throw new Problem(422, `${part}_schema needs a Content-Type that says its language: application/vnd.kafka.{avro,jsonschema,protobuf}.v2+json`)
    }
    const subject = choice.subject ?? this.#subjectBy(this.#strategyOf(of), of, { text, type })
    const request = { schema: text, schemaType: type }
    // One refusal for both outcomes of the look-up, so that it does not tell whether the schema is there.
    this.#expect(caller, 'read', subject)
    const known = this.#registry.lookup(subject, request, { normalize: undefined, deleted: false })
    if (!(known instanceof RegistryRefusal)) return known
    this.#expect(caller, 'write', subject)
    return orProblem(await this.#registry.register(subject, request, { normalize: undefined }))
  }

  #subjectBy(strategy: SubjectNameStrategy, { topic, part }: ChoiceOf, schema: { text: string; type: SchemaType } | undefined): string {
    const needsNone = strategy === 'TopicName' || strategy === 'AssociatedName'
    const recordName = needsNone || schema === undefined ? undefined : orProblem(this.#registry.recordName(schema.text, schema.type))
    const subject = this.#registry.subjectBy(strategy, topic.name, part, recordName)
    if (typeof subject === 'string') return subject
    if (subject !== undefined) throw unusable(subject.reason)
    if (schema === undefined) throw unusable(`the strategy ${strategy} has a subject per kind of record: give ${part}_subject`)
    throw unusable(`${part}_schema has no record name, which the strategy ${strategy} needs`)
  }

  #expect(caller: Caller, operation: 'read' | 'write', subject: string): void {
    if (!this.#access.allows(caller, operation, 'subject', subject)) {
      throw new Problem(403, `User is denied operation ${operation} on Subject: ${subject}`, { errorCode: 40301 })
    }
  }

  #strategyOf({ topic, part, choice }: ChoiceOf): SubjectNameStrategy {
    return (choice.strategy === undefined ? undefined : parseStrategy(choice.strategy)) ?? this.#strategy(topic, part)
  }

  #strategy(topic: Topic, part: PartName): SubjectNameStrategy {
    return parseStrategy(this.#admin.config(topic, `confluent.${part}.subject.name.strategy`)) ?? 'TopicName'
  }
}

/** 422 (42205), for a schema that cannot be used. */
export function unusable(reason: string, prefix = 'Invalid schema: '): Problem {
  return new Problem(422, `${prefix}${reason}`, { errorCode: invalidSchema })
}

/** The registry's own numbers mean other things in this API, so only its status and its words are kept; what is not there is a schema that cannot be used. */
function orProblem<T>(outcome: T | RegistryRefusal): T {
  if (!(outcome instanceof RegistryRefusal)) return outcome
  const status = outcome.status === 404 ? 422 : outcome.status
  throw new Problem(status, outcome.message, { errorCode: status === 422 ? invalidSchema : status })
}
