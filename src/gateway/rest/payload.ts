// Keys and values between their JSON form in a REST request and their bytes in the log, per embedded format and schema. What the client names decides; where it names
// nothing, the latest schema of the topic's subject does. Plain `application/json` follows the topic: its subject's schema where there is one, else JSON as it came.
import { frameBytes, framedId, framePrefix } from '../../registry/framing.ts'
import type { Caller, Topic } from '../../ports.ts'
import { Problem } from '../problem.ts'
import type { EmbeddedFormat } from './media-types.ts'
import { isBase64, type Part, type SchemaChoice } from './produce-request.ts'

/** What does not fit, and where in the value ('' for the whole). */
export interface PayloadFault {
  readonly pointer: string
  readonly reason: string
}

/** How one side (keys or values) of a request is stored. */
export interface PartCodec {
  /** The id of the schema that was used; null without one. */
  readonly schemaId: number | null
  encode(part: Part): Buffer | PayloadFault
}

/** Stored bytes as JSON text, or why they cannot be shown. */
export type PartReader = (bytes: Buffer) => string | PayloadFault

export type SchemaLanguage = 'AVRO' | 'JSON'

/** A schema that payloads are written and read with. */
export interface PayloadSchema {
  readonly id: number
  readonly language: SchemaLanguage
  /** The bytes behind the frame. */
  encode(value: unknown, json: Buffer): Buffer | PayloadFault
  /** JSON text of the bytes behind the frame. */
  decode(payload: Buffer): string | PayloadFault
}

/** What of the registry keys and values need. */
export interface PayloadSchemas {
  /** The subject of a topic's keys or values by the topic's strategy. */
  latest(topic: Topic, part: 'key' | 'value'): PayloadSchema | undefined
  byId(id: number): PayloadSchema | undefined
  /** Whether the id is of some version of the subject of the topic's part. */
  belongs(id: number, topic: Topic, part: 'key' | 'value'): boolean
  /** The schema's id under the topic's subject; registers it where it is new, which the caller must be allowed. */
  registered(topic: Topic, part: 'key' | 'value', text: string, language: SchemaLanguage, caller: Caller): Promise<PayloadSchema>
}

export interface CodecRequest {
  readonly topic: Topic
  readonly part: 'key' | 'value'
  readonly format: EmbeddedFormat | 'auto'
  readonly choice: SchemaChoice
  readonly caller: Caller
  /** False where no record of the request has this part: a missing schema does not matter then. */
  readonly isNeeded: boolean
}

const languages: Partial<Record<EmbeddedFormat | 'auto', SchemaLanguage>> = { avro: 'AVRO', jsonschema: 'JSON' }

export class Payloads {
  readonly #schemas: PayloadSchemas

  constructor(schemas: PayloadSchemas) {
    this.#schemas = schemas
  }

  /** Throws 422: 42201 or 42202 where a key or value schema is needed and missing, 42205 where it is not one of the topic's. */
  async codecFor(request: CodecRequest): Promise<PartCodec> {
    const { format, choice, part, isNeeded } = request
    if (format === 'binary' || format === 'json') {
      if (choice.schema !== undefined || choice.id !== undefined) throw new Problem(422, `${part}_schema and ${part}_schema_id mean nothing in the ${format} format`)
      return format === 'binary' ? binaryCodec : jsonCodec
    }
    const schema = await this.#schemaFor(request)
    if (schema !== undefined) return schemaCodec(schema)
    if (format === 'auto') return part === 'key' ? plainKeyCodec : jsonCodec
    if (!isNeeded) return jsonCodec
    throw new Problem(422, `${part === 'key' ? 'Key' : 'Value'} schema missing: give ${part}_schema or ${part}_schema_id, or register a schema for subject '${request.topic.name}-${part}'`, {
      errorCode: part === 'key' ? 42201 : 42202,
    })
  }

  /** How a topic's stored keys or values are shown in the format. */
  readerFor(topic: Topic, part: 'key' | 'value', format: EmbeddedFormat | 'auto'): PartReader {
    if (format === 'binary') return bytes => JSON.stringify(bytes.toString('base64'))
    if (format === 'json') return jsonText
    if (format !== 'auto') return bytes => this.#framed(bytes, languages[format])
    // The mirror of what `codecFor` does with plain JSON.
    if (this.#schemas.latest(topic, part) !== undefined) return bytes => this.#framed(bytes, undefined)
    return part === 'key' ? bytes => (jsonTextOrUndefined(bytes) ?? plainText(bytes)) : jsonText
  }

  async #schemaFor({ topic, part, format, choice, caller }: CodecRequest): Promise<PayloadSchema | undefined> {
    const language = languages[format]
    if (choice.schema !== undefined) {
      if (language === undefined) throw new Problem(422, `${part}_schema needs a Content-Type that says its language: application/vnd.kafka.avro.v2+json or application/vnd.kafka.jsonschema.v2+json`)
      return await this.#schemas.registered(topic, part, choice.schema, language, caller)
    }
    const schema = choice.id === undefined ? this.#schemas.latest(topic, part) : this.#schemas.byId(choice.id)
    if (schema === undefined && choice.id === undefined) return undefined
    if (schema === undefined || (choice.id !== undefined && !this.#schemas.belongs(choice.id, topic, part))) {
      throw new Problem(422, `${part}_schema_id ${choice.id} is not a schema of the ${part}s of topic '${topic.name}'`, { errorCode: 42205 })
    }
    if (language !== undefined && schema.language !== language) {
      throw new Problem(422, `schema ${schema.id} of the ${part}s of topic '${topic.name}' is of type ${schema.language}, not ${language}`, { errorCode: 42205 })
    }
    return schema
  }

  #framed(bytes: Buffer, language: SchemaLanguage | undefined): string | PayloadFault {
    const id = framedId(bytes)
    if (typeof id === 'string') return { pointer: '', reason: id }
    const schema = this.#schemas.byId(id)
    if (schema === undefined) return { pointer: '', reason: `schema ${id} is not known` }
    if (language !== undefined && schema.language !== language) return { pointer: '', reason: `schema ${id} is of type ${schema.language}, not ${language}` }
    return schema.decode(bytes.subarray(frameBytes))
  }
}

const binaryCodec: PartCodec = {
  schemaId: null,
  encode: ({ value }) => (typeof value === 'string' && isBase64(value) ? Buffer.from(value, 'base64') : { pointer: '', reason: 'must be base64 text in the binary format' }),
}

const jsonCodec: PartCodec = { schemaId: null, encode: ({ json }) => json }

/** A key that is a text is stored as that text, as every Kafka client would and as a Kinesis partition key shows it; anything else as its JSON. */
const plainKeyCodec: PartCodec = { schemaId: null, encode: ({ value, json }) => (typeof value === 'string' ? Buffer.from(value) : json) }

function schemaCodec(schema: PayloadSchema): PartCodec {
  const prefix = framePrefix(schema.id)
  return {
    schemaId: schema.id,
    encode({ value, json }) {
      const payload = schema.encode(value, json)
      return Buffer.isBuffer(payload) ? Buffer.concat([prefix, payload], frameBytes + payload.length) : payload
    },
  }
}

/** The bytes themselves where they are JSON, numbers in full precision. */
function jsonText(bytes: Buffer): string | PayloadFault {
  return jsonTextOrUndefined(bytes) ?? { pointer: '', reason: 'is not JSON' }
}

function jsonTextOrUndefined(bytes: Buffer): string | undefined {
  const text = bytes.toString()
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

function plainText(bytes: Buffer): string {
  return JSON.stringify(bytes.toString())
}
