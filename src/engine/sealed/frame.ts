// The layout of a frame, the unit that is sealed, written, checked and read as one: some batches, the start of a writer session, or (in a file
// of its own) the summary of a segment.
//
//   marker 4 | length u32 | crc32c u32 | type u32 | seq u64 | syncedUpTo u64 | leaderEpoch i32 | reserved 4 | baseOffset u64 | lastOffset u64
//   | body … | tag 16
//
// The marker is the segment's own, so that a scan past a bad spot finds the next frame quickly and never one of another segment. Length counts
// the whole frame. The CRC covers everything behind it and needs no key: it tells damage from a wrong key. syncedUpTo is a witness: how far the
// segment was durable when the frame was built, so a bad spot below some later frame's witness had been durable once.
import { crc32c } from '@node-rs/crc32'

export const frameHeaderBytes = 56
export const tagBytes = 16
export const frameBytesMin = frameHeaderBytes + tagBytes
export const frameTypes = { data: 1, session: 2, summary: 3 } as const

const crcAt = 8
const checkedFrom = 12

export interface FrameHeader {
  readonly length: number
  readonly crc: number
  readonly type: number
  readonly seq: number
  /** A position in the segment. */
  readonly syncedUpTo: number
  readonly leaderEpoch: number
  /** Of a session frame: the offset the next record will get. */
  readonly baseOffset: number
  /** Of a session frame: one less than baseOffset. */
  readonly lastOffset: number
}

/** A new header with its CRC field zero, the form that is authenticated; `setCrc` completes it. */
export function encodeHeader(marker: Buffer, header: Omit<FrameHeader, 'crc'>): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes)
  marker.copy(bytes)
  bytes.writeUInt32BE(header.length, 4)
  bytes.writeUInt32BE(header.type, 12)
  writeUint64(bytes, 16, header.seq)
  writeUint64(bytes, 24, header.syncedUpTo)
  bytes.writeInt32BE(header.leaderEpoch, 32)
  writeUint64(bytes, 40, header.baseOffset)
  writeUint64(bytes, 48, header.lastOffset + 1)
  return bytes
}

export function decodeHeader(bytes: Buffer, at: number): FrameHeader {
  return {
    length: bytes.readUInt32BE(at + 4),
    crc: bytes.readUInt32BE(at + crcAt),
    type: bytes.readUInt32BE(at + 12),
    seq: readUint64(bytes, at + 16),
    syncedUpTo: readUint64(bytes, at + 24),
    leaderEpoch: bytes.readInt32BE(at + 32),
    baseOffset: readUint64(bytes, at + 40),
    lastOffset: readUint64(bytes, at + 48) - 1,
  }
}

/** Puts the CRC of a whole frame, given in parts, into its header. */
export function setCrc(header: Buffer, rest: readonly Buffer[]): void {
  let crc = crc32c(header.subarray(checkedFrom))
  for (const part of rest) crc = crc32c(part, crc)
  header.writeUInt32BE(crc, crcAt)
}

/** Whether the frame's bytes are those that were written. */
export function crcIsValid(frame: Buffer): boolean {
  return crc32c(frame.subarray(checkedFrom)) === frame.readUInt32BE(crcAt)
}

/** The header as it is authenticated: without its CRC, which was not known then. */
export function authenticatedHeader(frame: Buffer): Buffer {
  const header = Buffer.from(frame.subarray(0, frameHeaderBytes))
  header.fill(0, crcAt, checkedFrom)
  return header
}

function writeUint64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at)
  bytes.writeUInt32BE(value % 2 ** 32, at + 4)
}

function readUint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
