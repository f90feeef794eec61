// The first block of a segment file: which replica it belongs to, where it begins, under which data key and salt it is sealed, and the tag
// of the frame before it, so that the chain of frames runs on from segment to segment.
//
//   magic 4 | version 1 | reserved 3 | segmentId 16 | salt 32 | previousTag 16 | dataKeyId u32 | partition i32 | broker i32 | reserved 4 |
//   baseOffset u64 | firstSeq u64 | clusterId (u8 length, text) | topicId (u8 length, text) | zeros … | mac 32 | crc32c u32     (4096 bytes)
import { crc32c } from '@node-rs/crc32'
import { Damaged } from './errors.ts'
import { tagBytes } from './frame.ts'
import { type LogIdentity, saltBytes } from './session.ts'

export const segmentHeaderBytes = 4096
export const segmentIdBytes = 16
const magic = 0x534c5347
const version = 1
const macBytes = 32
export const macAt = segmentHeaderBytes - macBytes - 4
const crcAt = segmentHeaderBytes - 4

export interface SegmentHeader {
  readonly identity: LogIdentity
  readonly segmentId: Buffer
  readonly salt: Buffer
  readonly previousTag: Buffer
  readonly dataKeyId: number
  readonly baseOffset: number
  readonly firstSeq: number
}

/** The block without MAC and CRC: `sealHeader` adds them. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(segmentHeaderBytes)
  block.writeUInt32BE(magic, 0)
  block[4] = version
  header.segmentId.copy(block, 8)
  header.salt.copy(block, 24)
  header.previousTag.copy(block, 56)
  block.writeUInt32BE(header.dataKeyId, 72)
  block.writeInt32BE(header.identity.partition, 76)
  block.writeInt32BE(header.identity.broker, 80)
  block.writeBigUInt64BE(BigInt(header.baseOffset), 88)
  block.writeBigUInt64BE(BigInt(header.firstSeq), 96)
  writeText(block, writeText(block, 104, header.identity.clusterId), header.identity.topicId)
  return block
}

export function sealHeader(block: Buffer, mac: Buffer): void {
  mac.copy(block, macAt)
  block.writeUInt32BE(crc32c(block.subarray(0, crcAt)), crcAt)
}

/** What the block says; undefined where it is not whole or not one of ours. The MAC is the caller's to check. */
export function decodeSegmentHeader(block: Buffer): SegmentHeader | undefined {
  if (block.length < segmentHeaderBytes || block.readUInt32BE(0) !== magic) return undefined
  if (crc32c(block.subarray(0, crcAt)) !== block.readUInt32BE(crcAt)) return undefined
  if (block[4] !== version) throw new Damaged(`segment format version ${block[4]}; this program knows version ${version}`)
  const clusterId = readText(block, 104)
  return {
    identity: {
      clusterId,
      topicId: readText(block, 105 + Buffer.byteLength(clusterId)),
      partition: block.readInt32BE(76),
      broker: block.readInt32BE(80),
    },
    segmentId: block.subarray(8, 8 + segmentIdBytes),
    salt: block.subarray(24, 24 + saltBytes),
    previousTag: block.subarray(56, 56 + tagBytes),
    dataKeyId: block.readUInt32BE(72),
    baseOffset: Number(block.readBigUInt64BE(88)),
    firstSeq: Number(block.readBigUInt64BE(96)),
  }
}

function writeText(block: Buffer, at: number, text: string): number {
  block[at] = block.write(text, at + 1, 255)
  return at + 1 + block[at]!
}

function readText(block: Buffer, at: number): string {
  return block.toString('utf8', at + 1, at + 1 + block[at]!)
}
