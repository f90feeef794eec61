// Protobuf payloads: message indexes and the message behind them, from ProtoJSON and to it.
import { fromBinary, fromJson, type JsonValue, toBinary, toJsonString } from '@bufbuild/protobuf'
import type { SchemaFault } from '../fault.ts'
import type { ProtobufDocument } from './document.ts'
import { messageAt, readMessageIndexes, writeMessageIndexes } from './message-indexes.ts'

export interface ProtobufCodec {
  encode(value: unknown): Buffer | SchemaFault
  check(bytes: Buffer, from: number): SchemaFault | null
  decode(bytes: Buffer, from: number): string | SchemaFault
}

export function compileProtobuf(document: ProtobufDocument): ProtobufCodec {
  const { registry, file } = document
  const first = file.messages[0]
  const open = (bytes: Buffer, from: number): { json: () => string } | SchemaFault => {
    const read = readMessageIndexes(bytes, from)
    if ('reason' in read) return read
    const type = messageAt(file, read.indexes)
    if (type === undefined) return { pointer: '', reason: `names a message that the schema has not, by the indexes ${read.indexes.join(', ')}` }
    try {
      const message = fromBinary(type, bytes.subarray(read.end))
      return { json: () => toJsonString(type, message, { registry }) }
    } catch {
      return { pointer: '', reason: `is not a message ${type.typeName}` }
    }
  }
  return {
    encode(value) {
      if (first === undefined) return { pointer: '', reason: 'cannot be written: the schema has no message' }
      try {
        return Buffer.concat([writeMessageIndexes([0]), toBinary(first, fromJson(first, value as JsonValue, { registry }))])
      } catch {
        return { pointer: '', reason: `is not a message ${first.typeName}` }
      }
    },
    check(bytes, from) {
      const opened = open(bytes, from)
      return 'json' in opened ? null : opened
    },
    decode(bytes, from) {
      const opened = open(bytes, from)
      return 'json' in opened ? opened.json() : opened
    },
  }
}
