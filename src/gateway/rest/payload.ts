// Keys and values between their JSON form in a REST request and their bytes in the log, per embedded format and schema. What the client names
// decides; where it names nothing, the latest schema of the topic's subject does. Plain `application/json` follows the topic: its subject's schema
// where there is one, else JSON as it came.
import { isUtf8 } from 'node:buffer'
import type { Access, Admin, Caller, Topic } from '../../ports.ts'
import { InvalidSchema } from '../../registry/errors.ts'
import { type SchemaFault, Withheld } from '../../registry/fault.ts'
import { frameBytes, framedId, framePrefix } from '../../registry/framing.ts'
import type { PayloadCodec } from '../../registry/payload.ts'
import type { Registry } from '../../registry/registry.ts'
import type { ShowOptions } from '../../registry/rules/contract.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { Problem } from '../problem.ts'
import type { AvroForm, EmbeddedFormat } from './media-types.ts'
import { isBase64, type Part } from './produce-request.ts'
import { type ChoiceOf, noChoice, type PartName, SchemaChoices, unusable } from './schema-choice.ts'

/** How one side (keys or values) of a request is stored. */
export interface PartCodec {
  /** The schema that was used; null without one. */
  readonly version: SchemaVersion | null
  encode(part: Part): Buffer | SchemaFault
}

/** Stored bytes as JSON text, or why they cannot be shown; Withheld where they must not be shown in another form either. */
export type PartReader = (bytes: Buffer) => string | SchemaFault

export interface CodecRequest extends ChoiceOf {
  readonly format: EmbeddedFormat | 'auto'
  /** False where no record of the request has this part: a missing schema does not matter then. */
  readonly isNeeded: boolean
}

/** By the registry's names of the languages. */
const typeOfFormat: Partial<Record<EmbeddedFormat | 'auto', string>> = { avro: 'AVRO', jsonschema: 'JSON', protobuf: 'PROTOBUF' }

/** Confluent's numbers and words. */
const missingSchema = {
  key: { errorCode: 42201, text: 'Request includes keys but does not include key schema' },
  value: { errorCode: 42202, text: 'Request includes values but does not include value schema' },
} as const

/** Who reads, and in which form. */
export interface Shown {
  readonly format: EmbeddedFormat | 'auto'
  readonly avro: AvroForm
  readonly caller: Caller
}

export class Payloads {
  readonly #registry: Registry
  readonly #access: Access
  readonly #choices: SchemaChoices

  constructor(parts: { registry: Registry; admin: Admin; access: Access }) {
    this.#registry = parts.registry
    this.#access = parts.access
    this.#choices = new SchemaChoices(parts)
  }

  /** Throws 422: 42201 or 42202 where a key or value schema is needed and missing, 42205 where it cannot be used or is not one of the topic's. */
  async codecFor(request: CodecRequest): Promise<PartCodec> {
    const { format, choice, part, topic } = request
    const plain = schemalessCodecs[format]
    if (plain !== undefined) {
      const named = namesOf(choice, part)
      if (named.length > 0) throw new Problem(422, `${named.join(' and ')} ${named.length > 1 ? 'mean' : 'means'} nothing in the ${format} format`)
      return plain
    }
    const version = await this.#choices.versionFor(request, typeOfFormat[format])
    if (version !== undefined) return this.#schemaCodec(version, format)
    if (format === 'auto') return part === 'key' ? plainKeyCodec : jsonCodec
    if (!request.isNeeded) return jsonCodec
    const { errorCode, text } = missingSchema[part]
    throw new Problem(422, `${text}: give ${part}_schema, ${part}_schema_id or ${part}_subject, or register a schema for '${topic.name}-${part}'`, { errorCode })
  }

  /**
   * How a topic's stored keys or values are shown in the format to the caller, who sees fields with tags where ACLs say so. In a format that shows bytes as they
   * are, those with masked fields are withheld.
   */
  readerFor(topic: Topic, part: PartName, { format, avro, caller }: Shown): PartReader {
    // Filling in what a caller may see leaves no trace in the audit log; asked anew for each record, since a reader may go on for hours.
    const mayRead = (tag: string): boolean => this.#access.wouldAllow(caller, 'read', 'tag', tag)
    const how = { tagged: avro === 'tagged', mayRead }
    const asItIs = (read: PartReader): PartReader => bytes => this.#withheld(bytes, mayRead) ?? read(bytes)
    switch (format) {
      case 'binary': return asItIs(bytes => JSON.stringify(bytes.toString('base64')))
      case 'json': return asItIs(jsonText)
      case 'string': return asItIs(plainText)
      case 'auto':
        // What `codecFor` makes of plain JSON, the other way round.
        if (this.#choices.latest(topic, part) !== undefined) return bytes => this.#framed(bytes, undefined, how)
        return asItIs(part === 'key' ? plainText : jsonText)
      default: return bytes => this.#framed(bytes, typeOfFormat[format], how)
    }
  }

  #schemaCodec(version: SchemaVersion, format: EmbeddedFormat | 'auto'): PartCodec {
    const wanted = typeOfFormat[format]
    const named = `schema ${version.id} of subject '${version.subject}'`
    if (wanted !== undefined && version.schemaType !== wanted) throw unusable(`${named} is of type ${version.schemaType}, not ${wanted}`)
    const codec = this.#registry.payloadCodec(version.id)
    if (codec instanceof InvalidSchema) throw unusable(`${named} cannot be used: ${codec.message}`)
    return framedCodec(version, codec)
  }

  #framed(bytes: Buffer, wanted: string | undefined, how: ShowOptions & { mayRead: (tag: string) => boolean }): string | SchemaFault {
    const id = framedId(bytes)
    if (typeof id === 'string') return { pointer: '', reason: id }
    const [version] = this.#registry.store.withId(id)
    if (version === undefined) return { pointer: '', reason: `schema ${id} is not known` }
    if (wanted !== undefined && version.schemaType !== wanted) {
      // Its bytes would come in place of the value.
      return this.#withheld(bytes, how.mayRead) ?? { pointer: '', reason: `schema ${id} is of type ${version.schemaType}, not ${wanted}` }
    }
    const codec = this.#registry.payloadCodec(id)
    if (codec instanceof InvalidSchema) return this.#withheld(bytes, how.mayRead) ?? { pointer: '', reason: `schema ${id} cannot be used: ${codec.message}` }
    return codec.decode(bytes, frameBytes, how)
  }

  /** Why bytes may not be shown as they are: the schema that they name has fields that are masked, or rules of reading that they break. */
  #withheld(bytes: Buffer, mayRead: (tag: string) => boolean): Withheld | null {
    const id = framedId(bytes)
    if (typeof id === 'string') return null
    const [version] = this.#registry.store.withId(id)
    if (version === undefined) return null
    const codec = this.#registry.payloadCodec(id)
    if (!(codec instanceof InvalidSchema)) return codec.withholds(bytes, frameBytes, mayRead)
    // Which fields its tags are on cannot be told.
    const hasTags = Object.keys(version.metadata?.tags ?? {}).length > 0 || mentionOfTags.test(version.schema)
    return hasTags ? new Withheld('', `schema ${id} has tags and cannot be read: ${codec.message}`) : null
  }
}

const mentionOfTags = /confluent[:.]/

/** What a request names of a choice, by its own members. */
function namesOf(choice: ChoiceOf['choice'], part: PartName): string[] {
  const members = { schema: 'schema', id: 'schema_id', version: 'version', subject: 'subject', strategy: 'subject_name_strategy' } as const
  return (Object.keys(noChoice) as (keyof typeof noChoice)[]).filter(name => choice[name] !== undefined).map(name => `${part}_${members[name]}`)
}

const binaryCodec: PartCodec = {
  version: null,
  encode({ value }) {
    if (typeof value === 'string' && isBase64(value)) return Buffer.from(value, 'base64')
    return { pointer: '', reason: 'must be base64 text in the binary format' }
  },
}

const jsonCodec: PartCodec = { version: null, encode: ({ json }) => json }

const stringCodec: PartCodec = {
  version: null,
  encode({ value }) {
    return typeof value === 'string' ? Buffer.from(value) : { pointer: '', reason: 'must be a JSON string in the string format' }
  },
}

const schemalessCodecs: Partial<Record<EmbeddedFormat | 'auto', PartCodec>> = { binary: binaryCodec, json: jsonCodec, string: stringCodec }

/** A key that is a text is stored as that text, as every Kafka client would and as a Kinesis partition key shows it; anything else as its JSON. */
const plainKeyCodec: PartCodec = { version: null, encode: ({ value, json }) => (typeof value === 'string' ? Buffer.from(value) : json) }

function framedCodec(version: SchemaVersion, codec: PayloadCodec): PartCodec {
  const prefix = framePrefix(version.id)
  return {
    version,
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
