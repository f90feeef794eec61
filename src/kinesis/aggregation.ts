// Records that the Kinesis Producer Library put together: F3 89 9A C2, a Protobuf message, and its MD5. They are stored and given as they are, as AWS does; only the
// user records in them are counted.
//
//   AggregatedRecord { 1: repeated string partition_key_table, 2: repeated string explicit_hash_key_table, 3: repeated Record records }
import { createHash } from 'node:crypto'

const magic = 0xf3899ac2
const magicBytes = 4
const digestBytes = 16
const recordsField = 3
const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

/** How many user records the data holds; 0 where it is no aggregate. Nearly all data ends with the first four bytes. */
export function userRecordCount(data: Buffer): number {
  if (data.length < magicBytes + digestBytes || data.readUInt32BE(0) !== magic) return 0
  const message = data.subarray(magicBytes, data.length - digestBytes)
  const count = countRecords(message)
  if (count === 0) return 0
  return createHash('md5').update(message).digest().equals(data.subarray(data.length - digestBytes)) ? count : 0
}

/** Of a Protobuf message, its fields numbered 3; 0 where the bytes are no such message. */
function countRecords(message: Buffer): number {
  let at = 0
  let count = 0
  /** Undefined at the end of the bytes, or beyond what lengths and tags may be. */
  const varint = (): number | undefined => {
    let value = 0
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = message[at++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < message.length) {
    const tag = varint()
    if (tag === undefined) return 0
    const kind = tag % 8
    if (kind === wireType.varint) {
      if (varint() === undefined) return 0
    } else if (kind === wireType.fixed64) at += 8
    else if (kind === wireType.fixed32) at += 4
    else if (kind === wireType.bytes) {
      const length = varint()
      if (length === undefined) return 0
      at += length
      if (Math.floor(tag / 8) === recordsField) count++
    } else return 0
  }
  return at === message.length ? count : 0
}
