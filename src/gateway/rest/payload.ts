// Keys and values between their JSON form in a REST request and their bytes in the log, per embedded format and schema. What the client names
// decides; where it names nothing, the latest schema of the topic's subject does. Plain `application/json` follows the topic: its subject's schema
// where there is one, else JSON as it came.
import type { Access, Admin, Topic } from '../../ports.ts'
import { InvalidSchema } from '../../registry/errors.ts'
import type { SchemaFault } from '../../registry/fault.ts'
import { frameBytes, framePrefix } from '../../registry/framing.ts'
import type { Registry } from '../../registry/registry.ts'
import type { ContractCodec } from '../../registry/rules/contract.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { Problem } from '../problem.ts'
import { type EmbeddedFormat, typeOfFormat } from './media-types.ts'
import { partReader, type PartReader, type Shown } from './part-reader.ts'
import { isBase64, type Part } from './produce-request.ts'
import { type ChoiceOf, noChoice, type PartName, SchemaChoices, unusable } from './schema-choice.ts'

/** How one side (keys or values) of a request is stored. */
export interface PartCodec {
  /** The schema that was used; null without one. */
  readonly version: SchemaVersion | null
  encode(part: Part): Buffer | SchemaFault
  /** What becomes of a part that `encode` gave up on (`isUndecided`), the schema asked beside the event loop. */
  readonly encodeBeside?: (part: Part) => Promise<Buffer | SchemaFault>
}

export interface CodecRequest extends ChoiceOf {
  readonly format: EmbeddedFormat | 'auto'
  /** False where no record of the request has this part: a missing schema does not matter then. */
  readonly isNeeded: boolean
}

/** Confluent's numbers and words. */
const missingSchema = {
  key: { errorCode: 42201, text: 'Request includes keys but does not include key schema' },
  value: { errorCode: 42202, text: 'Request includes values but does not include value schema' },
} as const

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

  /** How a topic's stored keys or values are shown: what `codecFor` makes of JSON, the other way round. */
  readerFor(topic: Topic, part: PartName, shown: Shown): PartReader {
    return partReader({ registry: this.#registry, access: this.#access }, { part, hasSubject: this.#choices.latest(topic, part) !== undefined }, shown)
  }

  #schemaCodec(version: SchemaVersion, format: EmbeddedFormat | 'auto'): PartCodec {
    const wanted = typeOfFormat[format]
    const named = `schema ${version.id} of subject '${version.subject}'`
    if (wanted !== undefined && version.schemaType !== wanted) throw unusable(`${named} is of type ${version.schemaType}, not ${wanted}`)
    const codec = this.#registry.payloadCodec(version.id)
    if (codec instanceof InvalidSchema) throw unusable(`${named} cannot be used: ${codec.message}`)
    return framedCodec(version, codec, this.#registry)
  }
}

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

function framedCodec(version: SchemaVersion, codec: ContractCodec, registry: Registry): PartCodec {
  const prefix = framePrefix(version.id)
  const schema = registry.parsed(version)
  return {
    version,
    // Only JSON payloads are ever given up on, and those are the JSON itself.
    ...!(schema instanceof InvalidSchema) && {
      encodeBeside: async part => await registry.checkBeside(schema, part.json) ?? codec.breaks(part.json, 0, 'GATEWAY') ?? part.framed(prefix),
    },
    encode(part) {
      const { json } = part
      const payload = codec.encode(part.value, json)
      if (payload === json) return part.framed(prefix)
      return Buffer.isBuffer(payload) ? Buffer.concat([prefix, payload], frameBytes + payload.length) : payload
    },
  }
}
