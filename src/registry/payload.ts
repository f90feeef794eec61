// Payloads (what follows the schema id) of any language: from JSON, to JSON, and checked as they are. Compiled once per schema.
import { isUtf8 } from 'node:buffer'
import { parseJsonText } from '../base/json.ts'
import { compileAvroReader } from './avro/reader.ts'
import { compileAvroWriter } from './avro/writer.ts'
import { depthOf, schemaDepthMax } from './exact-json.ts'
import { isUndecided, type SchemaFault, undecidedFault } from './fault.ts'
import type { JsonDocument } from './json-schema/document.ts'
import { compileJsonSchema, type JsonValidator } from './json-schema/validator.ts'
import { compileProtobuf } from './protobuf/payload.ts'
import type { Schema } from './schema.ts'

export interface PayloadCodec {
  /** `value` is what JSON.parse makes of `json`. A JSON payload is `json` itself, so that nothing of it is lost on the way. */
  encode(value: unknown, json: Buffer): Buffer | SchemaFault
  /** Whether the bytes from `from` to `end` (that of the buffer unless given) fit; null where they do. */
  check(bytes: Buffer, from: number, end?: number): SchemaFault | null
  /** JSON text of the bytes from `from` to the end. */
  decode(bytes: Buffer, from: number, how: { tagged: boolean }): string | SchemaFault
}

/** The parser takes long over deep nesting; shorter payloads cannot nest deep enough to matter. */
const depthCheckedFromBytes = 4 * 1024

export function compilePayload(schema: Schema): PayloadCodec {
  switch (schema.type) {
    case 'AVRO': return avroPayload(schema.root)
    case 'JSON': return jsonPayload(schema.document)
    case 'PROTOBUF': return compileProtobuf(schema.document)
  }
}

function avroPayload(root: Parameters<typeof compileAvroReader>[0]): PayloadCodec {
  const reader = compileAvroReader(root)
  return { encode: compileAvroWriter(root), check: reader.check, decode: reader.toJson }
}

function jsonPayload(document: JsonDocument): PayloadCodec {
  return jsonPayloadOf(compileJsonSchema(document))
}

/** For JSON Schemas that take long to compile: of a payload is seen that it is JSON; whether it fits is given up on, and so decided beside the event loop. */
export const jsonPayloadBeside: PayloadCodec = jsonPayloadOf(() => undecidedFault('is to be held against a large schema, which takes long'))

function jsonPayloadOf(validate: JsonValidator): PayloadCodec {
  const check = (bytes: Buffer, from: number, end = bytes.length): SchemaFault | null => {
    const text = jsonText(bytes, from, end)
    if (typeof text !== 'string') return text
    let value: unknown
    try {
      value = parseJsonText(text)
    } catch (error) {
      // The parser quotes the payload; what it was does not belong into logs and answers to others.
      return { pointer: '', reason: `is not JSON${/at position \d+/.exec((error as Error).message)?.[0].replace(/^/, ', ') ?? ''}` }
    }
    return validate(value, end - from)
  }
  return {
    encode: (value, json) => validate(value, json.length) ?? json,
    check,
    decode(bytes, from) {
      const fault = check(bytes, from)
      // What was decided beside the event loop when it was written is JSON, and needs no other decision to be shown.
      return fault === null || isUndecided(fault) ? bytes.toString('utf8', from, bytes.length) : fault
    },
  }
}

function jsonText(bytes: Buffer, from: number, end: number): string | SchemaFault {
  if (!isUtf8(bytes.subarray(from, end))) return { pointer: '', reason: 'is not UTF-8' }
  const text = bytes.toString('utf8', from, end)
  if (text.length > depthCheckedFromBytes && depthOf(text) > schemaDepthMax) return { pointer: '', reason: `is nested more than ${schemaDepthMax} deep` }
  return text
}
