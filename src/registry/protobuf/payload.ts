// Protobuf payloads: message indexes and the message behind them, from ProtoJSON and to it. Types within google.protobuf.Any are those of the schema and its
// imports; nothing is fetched. Made by descriptors at run time, without code generation.
import { create, type DescMessage, fromBinary, fromJson, type JsonValue, type Message, ScalarType, toBinary, toJson } from '@bufbuild/protobuf'
import { parseJsonText } from '../../base/json.ts'
import type { SchemaFault } from '../fault.ts'
import type { ProtobufDocument } from './document.ts'
import { indexesOf, messageAt, readMessageIndexes, writeMessageIndexes } from './message-indexes.ts'
import { RequiredFields } from './required-fields.ts'
import { faultIn } from './proto-json.ts'

export interface ProtobufCodec {
  /** A message of the schema's first type, from ProtoJSON. */
  encode(value: unknown, json: Buffer): Buffer | SchemaFault
  check(bytes: Buffer, from: number, end?: number): SchemaFault | null
  /** ProtoJSON. */
  decode(bytes: Buffer, from: number): string | SchemaFault
}

/** A message in memory takes up to fifty times the bytes of the shortest that stand for it. */
const messageBytesMax = 8 * 1024 * 1024
/** Names of fields and enum values make JSON longer than what it is made of. */
const jsonCharactersMax = 64 * 1024 * 1024
const depthMax = 100

export function compileProtobuf(document: ProtobufDocument): ProtobufCodec {
  const { registry, file } = document
  const required = new RequiredFields()
  /** By their indexes; as many as the schema has at most. */
  const types = new Map<string, DescMessage>()
  const first = file.messages[0]
  const isFirstUsable = first !== undefined && isUsable(first)
  const has64Bits = [...registry].some(type => type.kind === 'message' && type.fields.some(field => (
    field.fieldKind !== 'message' && field.fieldKind !== 'enum' && field.scalar !== undefined && longScalars.has(field.scalar)
  )))

  const open = (bytes: Buffer, from: number, { readUnknownFields }: { readUnknownFields: boolean }): { type: DescMessage; message: Message } | SchemaFault => {
    const read = readMessageIndexes(bytes, from)
    if ('reason' in read) return read
    const key = read.indexes.join()
    let type = types.get(key)
    if (type === undefined) {
      type = messageAt(file, read.indexes)
      if (type === undefined) return { pointer: '', reason: `names a message that the schema does not have, with the indexes ${read.indexes.join(', ')}` }
      if (!isUsable(type)) return unusable(type)
      types.set(key, type)
    }
    if (bytes.length - read.end > messageBytesMax) return { pointer: '', reason: `is longer than ${messageBytesMax} bytes` }
    let message: Message
    try {
      message = fromBinary(type, bytes.subarray(read.end), { readUnknownFields, recursionLimit: depthMax })
    } catch {
      return { pointer: '', reason: `is not a message ${type.typeName}` }
    }
    return required.missingIn(type, message) ?? { type, message }
  }

  return {
    encode(value, json) {
      if (first === undefined) return { pointer: '', reason: 'cannot be written: the schema has no message' }
      if (!isFirstUsable) return unusable(first)
      if (json.length > messageBytesMax) return { pointer: '', reason: `is longer than ${messageBytesMax} bytes` }
      const exact = has64Bits && typeof value === 'object' ? withLongNumbers(value, json) : value
      let message: Message
      try {
        message = fromJson(first, exact as JsonValue, { registry, recursionLimit: depthMax })
      } catch {
        return faultIn(first, exact, { registry, recursionLimit: depthMax })
      }
      const missing = required.missingIn(first, message)
      if (missing !== null) return missing
      try {
        return Buffer.concat([writeMessageIndexes(indexesOf(first)), toBinary(first, message)])
      } catch {
        return { pointer: '', reason: `is not a message ${first.typeName}` }
      }
    },
    check(bytes, from, end) {
      const opened = open(bytes.subarray(0, end), from, { readUnknownFields: false })
      return 'reason' in opened ? opened : null
    },
    decode(bytes, from) {
      // Extensions come as unknown fields.
      const opened = open(bytes, from, { readUnknownFields: true })
      if ('reason' in opened) return opened
      try {
        const value = toJson(opened.type, opened.message, { registry })
        if (charactersOf(value, jsonCharactersMax) < 0) return { pointer: '', reason: `is longer than ${jsonCharactersMax} characters as JSON` }
        return JSON.stringify(value)
      } catch {
        // A time out of range, an Any whose type the schema does not have.
        return { pointer: '', reason: 'has a value that JSON has no form for' }
      }
    },
  }
}

/**
 * The library makes the readers and writers of all types that lead to each other by recursion, when the first is asked for. Some thousand types in a row are too
 * many for it, and would leave it with half of them made.
 */
function isUsable(type: DescMessage): boolean {
  const tries = [() => fromJson(type, {}), () => toJson(type, create(type)), () => fromBinary(type, new Uint8Array()), () => toBinary(type, create(type))]
  return tries.every(one => {
    try {
      one()
      return true
    } catch (error) {
      // Required fields may be missing.
      return !(error instanceof RangeError)
    }
  })
}

function unusable(type: DescMessage): SchemaFault {
  return { pointer: '', reason: `cannot be read: the types that message ${type.typeName} uses lead too far into each other` }
}

const longScalars: ReadonlySet<ScalarType> = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64])

/** Whole numbers that a double cannot hold are texts, as ProtoJSON writes them itself. */
function withLongNumbers(value: unknown, json: Buffer): unknown {
  const text = json.toString()
  if (!/\d{16}/.test(text)) return value
  return parseJsonText(text, (_name, scalar, context) => {
    const source = context?.source
    return typeof scalar === 'number' && source !== undefined && /^-?\d{16,20}$/.test(source) ? source : scalar
  })
}

/** What is left of `left` after the JSON text of the value, names and texts counted once for each place they stand in; negative where it is not enough. */
function charactersOf(value: JsonValue, left: number): number {
  if (typeof value === 'string') return left - value.length - 2
  if (typeof value !== 'object' || value === null) return left - 1
  let rest = left - 2
  if (Array.isArray(value)) {
    for (const item of value) if ((rest = charactersOf(item, rest) - 1) < 0) return rest
    return rest
  }
  for (const name of Object.keys(value)) if ((rest = charactersOf(value[name]!, rest - name.length - 4)) < 0) return rest
  return rest
}

