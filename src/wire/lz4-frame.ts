// How much an LZ4 frame will decompress to, found by walking its blocks without decompressing anything: the native decoder has no
// cap of its own, so the bound is proven before it is let loose. Format: lz4_Frame_format.md and lz4_Block_format.md.
import { WireError } from './bytes.ts'

const magic = 0x184d2204
const uncompressedBit = 0x80000000

/** Bytes that the frame decompresses to; WireError where that passes `bytesMax`, or the frame is damaged or not complete. */
export function lz4FrameSize(bytes: Buffer, bytesMax: number): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== magic) throw new WireError('lz4 data does not begin with a frame header')
  const flags = bytes[4]!
  if (flags >> 6 !== 1) throw new WireError(`lz4 frame version ${flags >> 6} is not known`)
  if (flags & 1) throw new WireError('lz4 frame needs a dictionary')
  const hasBlockChecksum = (flags & 0x10) !== 0
  const trailer = flags & 0x04 ? 4 : 0
  let at = 7 + (flags & 0x08 ? 8 : 0)
  let size = 0
  for (;;) {
    if (at + 4 > bytes.length) throw new WireError(`lz4 frame of ${bytes.length} bytes has no end mark`)
    const header = bytes.readUInt32LE(at)
    at += 4
    if (header === 0) break
    const length = header & ~uncompressedBit
    if (length > bytes.length - at) throw new WireError(`lz4 block says ${length} bytes where ${bytes.length - at} are left`)
    size += header >>> 31 ? length : blockSize(bytes, at, at + length, bytesMax - size)
    if (size > bytesMax) throw new WireError(`lz4 frame holds more than ${bytesMax} bytes`)
    at += length + (hasBlockChecksum ? 4 : 0)
  }
  if (at + trailer !== bytes.length) throw new WireError(`lz4 frame ends at ${at + trailer} of ${bytes.length} bytes`)
  return size
}

// A block is a run of sequences: a token with two lengths (15 means "more bytes follow"), literals, a 2-byte offset, a match. The last has no match.
function blockSize(bytes: Buffer, start: number, end: number, bytesMax: number): number {
  let at = start
  let size = 0
  while (at < end && size <= bytesMax) {
    const token = bytes[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let more = 255
      while (more === 255 && at < end) literals += more = bytes[at++]!
    }
    size += literals
    at += literals
    if (at >= end) break
    at += 2
    let match = (token & 15) + 4
    if (match === 19) {
      let more = 255
      while (more === 255 && at < end) match += more = bytes[at++]!
    }
    size += match
  }
  return size
}
