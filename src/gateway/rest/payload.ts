// Keys and values between their JSON form in a REST request and their bytes in the log, per embedded format and schema. What the client names
// decides; where it names nothing, the latest schema of the topic's subject does. Plain `application/json` follows the topic: its subject's schema
// where there is one, else JSON as it came.
import { isUtf8 } from 'node:buffer'
import type { Access, Admin, Caller, Topic } from '../../ports.ts'
import { InvalidSchema, RegistryRefusal } from '../../registry/errors.ts'
import type { SchemaFault } from '../../registry/fault.ts'
import { frameBytes, framedId, framePrefix } from '../../registry/framing.ts'
import type { PayloadCodec } from '../../registry/payload.ts'
import type { Registry } from '../../registry/registry.ts'
import type { SchemaType } from '../../registry/schema.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { parseStrategy, subjectName, type SubjectNameStrategy } from '../../registry/subjects.ts'
import { Problem } from '../problem.ts'
import type { EmbeddedFormat } from './media-types.ts'
import { isBase64, type Part, type SchemaChoice } from './produce-request.ts'

export type PartName = 'key' | 'value'

/** How one side (keys or values) of a request is stored. */
export interface PartCodec {
  /** The id of the schema that was used; null without one. */
  readonly schemaId: number | null
  encode(part: Part): Buffer | SchemaFault
}

/** Stored bytes as JSON text, or why they cannot be shown. */
export type PartReader = (bytes: Buffer) => string | SchemaFault

export interface CodecRequest {
  readonly topic: Topic
  readonly part: PartName
  readonly format: EmbeddedFormat | 'auto'
  readonly choice: SchemaChoice
  readonly caller: Caller
  /** False where no record of the request has this part: a missing schema does not matter then. */
  readonly isNeeded: boolean
}

const typeOfFormat: Partial<Record<EmbeddedFormat | 'auto', SchemaType>> = { avro: 'AVRO', jsonschema: 'JSON' }
/** Confluent's numbers. */
const missingSchema = { key: 42201, value: 42202 } as const
const invalidSchema = 42205

export class Payloads {
  readonly #registry: Registry
  readonly #admin: Admin
  readonly #access: Access

  constructor(parts: { registry: Registry; admin: Admin; access: Access }) {
    this.#registry = parts.registry
    this.#admin = parts.admin
    this.#access = parts.access
  }

  /** Throws 422: 42201 or 42202 where a key or value schema is needed and missing, 42205 where it cannot be used or is not one of the topic's. */
  async codecFor(request: CodecRequest): Promise<PartCodec> {
    const { format, choice, part, topic } = request
    if (format === 'binary' || format === 'json') {
      if (choice.schema !== undefined || choice.id !== undefined) {
        throw new Problem(422, `${part}_schema and ${part}_schema_id mean nothing in the ${format} format`)
      }
      return format === 'binary' ? binaryCodec : jsonCodec
    }
    const version = await this.#versionFor(request)
    if (version !== undefined) return this.#schemaCodec(version, format)
    if (format === 'auto') return part === 'key' ? plainKeyCodec : jsonCodec
    if (!request.isNeeded) return jsonCodec
    throw new Problem(
      422,
      `${part === 'key' ? 'Key' : 'Value'} schema missing: give ${part}_schema or ${part}_schema_id, or register a schema for '${topic.name}-${part}'`,
      { errorCode: missingSchema[part] },
    )
  }

  /**
   * How a topic's stored keys or values are shown in the format. Avro's unions are tagged in `avro`, as Confluent's proxy has them, and plain in
   * plain JSON.
   */
  readerFor(topic: Topic, part: PartName, format: EmbeddedFormat | 'auto'): PartReader {
    if (format === 'binary') return bytes => JSON.stringify(bytes.toString('base64'))
    if (format === 'json') return jsonText
    if (format !== 'auto') return bytes => this.#framed(bytes, typeOfFormat[format], { tagged: true })
    // What `codecFor` makes of plain JSON, the other way round.
    if (this.#latest(topic, part) !== undefined) return bytes => this.#framed(bytes, undefined, { tagged: false })
    return part === 'key' ? plainText : jsonText
  }

  async #versionFor(request: CodecRequest): Promise<SchemaVersion | undefined> {
    const { topic, part, choice } = request
    if (choice.schema !== undefined) return await this.#given(choice.schema, request)
    if (choice.id === undefined) return this.#latest(topic, part)
    const subject = this.#registry.subjectOf(choice.id, { topic: topic.name, part, strategy: this.#strategy(topic, part) })
    if (typeof subject !== 'string') throw new Problem(422, `${part}_schema_id: ${subject.reason}`, { errorCode: invalidSchema })
    return this.#registry.store.withId(choice.id).find(version => version.subject === subject)
  }

  /** A schema that the request brings along: looked up, or registered where it is new and the caller may write the subject. */
  async #given(text: string, { topic, part, format, caller }: CodecRequest): Promise<SchemaVersion> {
    const schemaType = typeOfFormat[format]
    if (schemaType === undefined) {
      const types = 'application/vnd.kafka.avro.v2+json or application/vnd.kafka.jsonschema.v2+json'
      throw new Problem(422, `${part}_schema needs a Content-Type that says its language: ${types}`)
    }
    const strategy = this.#strategy(topic, part)
    const recordName = strategy === 'TopicName' ? undefined : orProblem(this.#registry.recordName(text, schemaType))
    const subject = subjectName(strategy, topic.name, part, recordName)
    if (subject === undefined) throw new Problem(422, `${part}_schema has no record name, which the strategy ${strategy} needs`, { errorCode: invalidSchema })
    const request = { schema: text, schemaType }
    // One refusal for both outcomes of the look-up, so that it does not tell whether the schema is there.
    this.#expect(caller, 'read', subject)
    const known = this.#registry.lookup(subject, request, { normalize: undefined, deleted: false })
    if (!(known instanceof RegistryRefusal)) return known
    this.#expect(caller, 'write', subject)
    return orProblem(await this.#registry.register(subject, request, { normalize: undefined }))
  }

  #expect(caller: Caller, operation: 'read' | 'write', subject: string): void {
    if (!this.#access.allows(caller, operation, 'subject', subject)) {
      throw new Problem(403, `User is denied operation ${operation} on Subject: ${subject}`, { errorCode: 40301 })
    }
  }

  /** Of the topic's own subject. The strategies by record name have one per kind of record, so that there is no latest of them all. */
  #latest(topic: Topic, part: PartName): SchemaVersion | undefined {
    return this.#strategy(topic, part) === 'TopicName' ? this.#registry.store.latest(`${topic.name}-${part}`) : undefined
  }

  #strategy(topic: Topic, part: PartName): SubjectNameStrategy {
    return parseStrategy(this.#admin.config(topic, `confluent.${part}.subject.name.strategy`)) ?? 'TopicName'
  }

  #schemaCodec(version: SchemaVersion, format: EmbeddedFormat | 'auto'): PartCodec {
    const wanted = typeOfFormat[format]
    if (wanted !== undefined && version.schemaType !== wanted) {
      throw unusable(version, `is of type ${version.schemaType}, not ${wanted}`)
    }
    const codec = this.#registry.payloadCodec(version.id)
    if (codec instanceof InvalidSchema) throw unusable(version, `cannot be used: ${codec.message}`)
    return framedCodec(version.id, codec)
  }

  #framed(bytes: Buffer, wanted: SchemaType | undefined, how: { tagged: boolean }): string | SchemaFault {
    const id = framedId(bytes)
    if (typeof id === 'string') return { pointer: '', reason: id }
    const [version] = this.#registry.store.withId(id)
    if (version === undefined) return { pointer: '', reason: `schema ${id} is not known` }
    if (wanted !== undefined && version.schemaType !== wanted) return { pointer: '', reason: `schema ${id} is of type ${version.schemaType}, not ${wanted}` }
    const codec = this.#registry.payloadCodec(id)
    if (codec instanceof InvalidSchema) return { pointer: '', reason: `schema ${id} cannot be used: ${codec.message}` }
    return codec.decode(bytes, frameBytes, how)
  }
}

const binaryCodec: PartCodec = {
  schemaId: null,
  encode({ value }) {
    if (typeof value === 'string' && isBase64(value)) return Buffer.from(value, 'base64')
    return { pointer: '', reason: 'must be base64 text in the binary format' }
  },
}

const jsonCodec: PartCodec = { schemaId: null, encode: ({ json }) => json }

/** A key that is a text is stored as that text, as every Kafka client would and as a Kinesis partition key shows it; anything else as its JSON. */
const plainKeyCodec: PartCodec = { schemaId: null, encode: ({ value, json }) => (typeof value === 'string' ? Buffer.from(value) : json) }

function framedCodec(schemaId: number, codec: PayloadCodec): PartCodec {
  const prefix = framePrefix(schemaId)
  return {
    schemaId,
    encode(part) {
      const { json } = part
      const payload = codec.encode(part.value, json)
      if (payload === json) return part.framed(prefix)
      return Buffer.isBuffer(payload) ? Buffer.concat([prefix, payload], frameBytes + payload.length) : payload
    },
  }
}

/** The bytes themselves where they are JSON, numbers in full precision. */
function jsonText(bytes: Buffer): string | SchemaFault {
  const text = bytes.toString()
  try {
    JSON.parse(text)
    return text
  } catch {
    return { pointer: '', reason: 'is not JSON' }
  }
}

/** A key as the text it is; "17" stays a text. */
function plainText(bytes: Buffer): string | SchemaFault {
  return isUtf8(bytes) ? JSON.stringify(bytes.toString()) : { pointer: '', reason: 'is not UTF-8' }
}

function unusable(version: SchemaVersion, reason: string): Problem {
  return new Problem(422, `schema ${version.id} of subject '${version.subject}' ${reason}`, { errorCode: invalidSchema })
}

/** The registry's own numbers mean other things in this API, so only its status and its words are kept. */
function orProblem<T>(outcome: T | RegistryRefusal): T {
  if (!(outcome instanceof RegistryRefusal)) return outcome
  throw new Problem(outcome.status, outcome.message, { errorCode: outcome.status === 422 ? invalidSchema : outcome.status })
}
