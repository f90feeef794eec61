// Confluent's wire format: magic byte 0, the schema id as int32 big-endian, the payload.

/** Bytes before the payload. */
export const frameBytes = 5

const magic = 0

/** The frame of a schema id, to be put before each payload. */
export function framePrefix(id: number): Buffer {
  const prefix = Buffer.alloc(frameBytes)
  prefix[0] = magic
  prefix.writeInt32BE(id, 1)
  return prefix
}

/** The schema id at the front of a key or value, or in words why there is none. */
export function framedId(bytes: Buffer): number | string {
  if (bytes.length < frameBytes) return `${bytes.length} bytes are too short for a schema id (magic byte 0 and 4 bytes)`
  if (bytes[0] !== magic) return `missing magic byte: the first byte is ${bytes[0]}, not 0`
  return bytes.readInt32BE(1)
}
