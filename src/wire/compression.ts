// The four compressions of Kafka's record batches, each opened under a cap on what may come out: a few bytes can claim gigabytes.
// Snappy is read raw or in the Xerial framing of Java clients and written in the latter; LZ4 is the frame format.
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { readUvarint } from '../base/varint.ts'
import { WireError } from './bytes.ts'
import { lz4FrameSize } from './lz4-frame.ts'

/** In the order of the attribute bits that name them. */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

export function compress(codec: Codec, bytes: Buffer): Buffer {
  switch (codec) {
    case 'none': return bytes
    case 'gzip': return gzipSync(bytes)
    case 'snappy': return compressXerial(bytes)
    case 'lz4': return lz4.compressFrameSync(bytes)
    case 'zstd': return zstdCompressSync(bytes)
  }
}

/** What went in, at most `bytesMax` bytes of it; WireError where more would come out or the bytes are damaged. */
export function decompress(codec: Codec, bytes: Buffer, bytesMax: number): Buffer {
  if (codec === 'none') return bytes
  try {
    switch (codec) {
      case 'gzip': return gunzipSync(bytes, { maxOutputLength: bytesMax })
      case 'zstd': return zstdDecompressSync(bytes, { maxOutputLength: bytesMax })
      case 'snappy': return isXerial(bytes) ? decompressXerial(bytes, bytesMax) : decompressSnappy(bytes, bytesMax)
      case 'lz4': return decompressLz4(bytes, bytesMax)
    }
  } catch (error) {
    if (error instanceof WireError) throw error
    throw new WireError(`${codec} data of ${bytes.length} bytes does not decompress within ${bytesMax} bytes: ${(error as Error).message}`)
  }
}

// SnappyOutputStream's header: a signature, its version and the oldest version that can read it; then blocks, each behind its int32 length.
const xerialSignature = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const xerialHeader = Buffer.concat([xerialSignature, Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])])
const xerialBlockBytes = 32 * 1024

function isXerial(bytes: Buffer): boolean {
  return bytes.length >= xerialHeader.length && bytes.subarray(0, xerialSignature.length).equals(xerialSignature)
}

function compressXerial(bytes: Buffer): Buffer {
  const parts: Buffer[] = [xerialHeader]
  for (let at = 0; at < bytes.length; at += xerialBlockBytes) {
    const block = snappy.compressSync(bytes.subarray(at, at + xerialBlockBytes))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

function decompressXerial(bytes: Buffer, bytesMax: number): Buffer {
  const parts: Buffer[] = []
  let size = 0
  for (let at = xerialHeader.length; at < bytes.length;) {
    if (at + 4 > bytes.length) throw new WireError(`snappy framing ends inside a block length at ${at}`)
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0 || length > bytes.length - at) throw new WireError(`snappy framing says ${length} bytes where ${bytes.length - at} are left`)
    const part = decompressSnappy(bytes.subarray(at, at + length), bytesMax - size)
    size += part.length
    parts.push(part)
    at += length
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)
}

function decompressSnappy(bytes: Buffer, bytesMax: number): Buffer {
  const size = readUvarint(bytes, { at: 0 })
  if (!(size <= bytesMax)) throw new WireError(`snappy block of ${size} bytes where at most ${bytesMax} are taken`)
  return snappy.uncompressSync(bytes, { asBuffer: true }) as Buffer
}

function decompressLz4(bytes: Buffer, bytesMax: number): Buffer {
  const size = lz4FrameSize(bytes, bytesMax)
  const out = lz4.decompressFrameSync(bytes)
  if (out.length !== size) throw new WireError(`lz4 frame gave ${out.length} bytes where its blocks hold ${size}`)
  return out
}
