// How a key or a value says which schema it was written with. Four ways, all read by the one `readFrame`:
// - Confluent's prefix: magic byte 0, the schema id as int32 big-endian, the payload;
// - the same with magic byte 1 and the schema's GUID, 16 bytes;
// - Confluent's headers `__key_schema_id` and `__value_schema_id`, which hold such a prefix (for Protobuf with the message indexes behind it), before a payload
//   that has none. A header goes before a prefix, as Confluent's own readers have it;
// - AWS Glue's: byte 3, a byte for the compression (0 none, 5 zlib), the schema version's UUID, the payload.
import { inflateSync } from 'node:zlib'
import type { RecordParts } from '../ports.ts'

/** Bytes before the payload behind a schema id. */
export const frameBytes = 5

const idMagic = 0
const guidMagic = 1
const guidBytes = 16
const guidFrameBytes = 1 + guidBytes
const glueMagic = 3
const glueFrameBytes = 2 + guidBytes
const glueCompressions = { none: 0, zlib: 5 } as const
/** What a payload that Glue's serializer compressed may come to. */
const inflatedBytesMax = 32 * 1024 * 1024

/** The schema that a frame names. */
export type SchemaName =
  | { readonly kind: 'id'; readonly id: number }
  | { readonly kind: 'guid'; readonly guid: string }
  | { readonly kind: 'glue'; readonly version: string }

export interface Frame {
  readonly schema: SchemaName
  /** What holds the payload, from `from` to its end: the part itself, or what its compressed bytes came to. */
  readonly bytes: Buffer
  readonly from: number
  /** Protobuf message indexes (zigzag varints, as they stand before other payloads) that came in a header. */
  readonly indexes?: Buffer
}

/** The frame of a schema id, to be put before each payload. */
export function framePrefix(id: number): Buffer {
  const prefix = Buffer.alloc(frameBytes)
  prefix[0] = idMagic
  prefix.writeInt32BE(id, 1)
  return prefix
}

/** The schema id at the front of a key or value, or in words why there is none. */
export function framedId(bytes: Buffer): number | string {
  if (bytes.length < frameBytes) return `${bytes.length} bytes are too short for a schema id (magic byte 0 and 4 bytes)`
  if (bytes[0] !== idMagic) return `missing magic byte: the first byte is ${bytes[0]}, not 0`
  return bytes.readInt32BE(1)
}

/** The schema id in the frame at `at`, for which there are bytes enough; undefined where it is another kind of frame, or none. */
export function framedIdAt(bytes: Buffer, at: number): number | undefined {
  return bytes[at] === idMagic ? (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]! : undefined
}

/** Which schema a part that is not null names, and where its payload is; or in words why that cannot be told. */
export function readFrame(bytes: Buffer, part: 'key' | 'value', headers: RecordParts['headers']): Frame | string {
  const header = headers === undefined || headers.length === 0 ? undefined : headers.findLast(({ key }) => key === headerNames[part])
  if (header !== undefined) return headerFrame(bytes, headerNames[part], header.value)
  switch (bytes[0]) {
    case guidMagic: {
      if (bytes.length < guidFrameBytes) return `${bytes.length} bytes are too short for a schema GUID (magic byte 1 and ${guidBytes} bytes)`
      return { schema: { kind: 'guid', guid: guidAt(bytes, 1) }, bytes, from: guidFrameBytes }
    }
    case glueMagic: return glueFrame(bytes)
    default: {
      const id = framedId(bytes)
      return typeof id === 'string' ? id : { schema: { kind: 'id', id }, bytes, from: frameBytes }
    }
  }
}

/** The schema as people write it. */
export function schemaText(schema: SchemaName): string {
  switch (schema.kind) {
    case 'id': return String(schema.id)
    case 'guid': return schema.guid
    case 'glue': return schema.version
  }
}

const headerNames = { key: '__key_schema_id', value: '__value_schema_id' } as const

function headerFrame(bytes: Buffer, name: string, header: Buffer | null): Frame | string {
  if (header !== null && header[0] === idMagic && header.length >= frameBytes) {
    return { schema: { kind: 'id', id: header.readInt32BE(1) }, bytes, from: 0, ...indexesBehind(header, frameBytes) }
  }
  if (header !== null && header[0] === guidMagic && header.length >= guidFrameBytes) {
    return { schema: { kind: 'guid', guid: guidAt(header, 1) }, bytes, from: 0, ...indexesBehind(header, guidFrameBytes) }
  }
  return `header ${name} holds no schema: magic byte 1 and ${guidBytes} bytes, or 0 and 4 bytes`
}

function indexesBehind(header: Buffer, from: number): { indexes?: Buffer } {
  return header.length > from ? { indexes: header.subarray(from) } : {}
}

function glueFrame(bytes: Buffer): Frame | string {
  if (bytes.length < glueFrameBytes) return `${bytes.length} bytes are too short for Glue's header (${glueFrameBytes} bytes)`
  const schema: SchemaName = { kind: 'glue', version: guidAt(bytes, 2) }
  switch (bytes[1]) {
    case glueCompressions.none: return { schema, bytes, from: glueFrameBytes }
    case glueCompressions.zlib:
      try {
        return { schema, bytes: inflateSync(bytes.subarray(glueFrameBytes), { maxOutputLength: inflatedBytesMax }), from: 0 }
      } catch {
        return `zlib data of ${bytes.length - glueFrameBytes} bytes does not decompress within ${inflatedBytesMax} bytes`
      }
    default: return `Glue's header has compression ${bytes[1]}; 0 (none) and 5 (zlib) are known`
  }
}

function guidAt(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + guidBytes)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
