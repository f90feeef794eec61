// Walks the frames of a segment file, from its header or from where its summary ends, checking each (length, CRC, sequence, offsets, tag), until
// its end or the first bad spot; and looks past a bad spot for a frame that bears witness that the spot had been durable.
import type { DiskFile } from '../../world/world.ts'
import { crcIsValid, decodeHeader, frameBytesMin, frameHeaderBytes, type FrameHeader, frameTypes } from '../sealed/frame.ts'
import type { SegmentSeal } from '../sealed/segment-seal.ts'

const chunkBytes = 4 * 1024 * 1024

export interface ScannedFrame {
  readonly position: number
  readonly header: FrameHeader
  /** What a data frame holds; nothing for the start of a session. */
  readonly plain: Buffer
}

export interface Scan {
  /** Where the intact frames end. */
  readonly end: number
  /** How far the file is known to have been durable, by what the frames say. */
  readonly syncedUpTo: number
  /** Why the bytes there are no next frame; undefined where the file simply ends. */
  readonly fault: string | undefined
}

/** Takes each intact frame in turn, from the position and offset that the seal stands at. WrongKey where a frame is intact but does not open. */
export async function scanSegment(options: {
  file: DiskFile; size: number; seal: SegmentSeal; from: { position: number; nextOffset: number }; take: (frame: ScannedFrame) => void
}): Promise<Scan> {
  const { size, seal, take } = options
  const reader = new ChunkReader(options.file, size)
  let { position, nextOffset } = options.from
  let syncedUpTo = position
  const ended = (fault?: string): Scan => ({ end: position, syncedUpTo, fault })
  while (position < size) {
    const frame = await wholeFrame(reader, position, seal.marker)
    if (typeof frame === 'string') return ended(frame)
    const header = decodeHeader(frame, 0)
    if (header.seq !== seal.nextSeq) return ended(`frame ${header.seq} where ${seal.nextSeq} is next`)
    if (header.baseOffset < nextOffset) return ended(`offset ${header.baseOffset} where ${nextOffset} is next`)
    if (header.type !== frameTypes.data && header.type !== frameTypes.session) return ended(`frame of type ${header.type}`)
    take({ position, header, plain: seal.acceptFrame(frame, header) })
    nextOffset = header.lastOffset + 1
    syncedUpTo = Math.max(syncedUpTo, header.syncedUpTo)
    position += header.length
  }
  return ended()
}

/** Whether some intact frame behind `badPosition` was built after the bytes there were durable: then they are damaged, not torn. */
export async function hasWitness(options: { file: DiskFile; size: number; seal: SegmentSeal; badPosition: number }): Promise<boolean> {
  const { size, seal, badPosition } = options
  const reader = new ChunkReader(options.file, size)
  let position = badPosition + 1
  while (position + frameBytesMin <= size) {
    const ahead = await reader.ahead(position)
    const found = ahead.indexOf(seal.marker)
    if (found < 0) {
      // A marker may lie across the end of what was read.
      position += ahead.length - seal.marker.length + 1
      continue
    }
    position += found
    const frame = await wholeFrame(reader, position, seal.marker)
    if (typeof frame !== 'string' && decodeHeader(frame, 0).syncedUpTo > badPosition) return true
    position += typeof frame === 'string' ? 1 : frame.length
  }
  return false
}

/** The frame at `position`, its CRC right; or why there is none. */
async function wholeFrame(reader: ChunkReader, position: number, marker: Buffer): Promise<Buffer | string> {
  const left = reader.size - position
  if (left < frameBytesMin) return `${left} bytes are left, less than any frame`
  const start = await reader.read(position, frameHeaderBytes)
  if (!start.subarray(0, marker.length).equals(marker)) return 'no frame begins here'
  const { length } = decodeHeader(start, 0)
  if (length < frameBytesMin || length > left) return `frame of ${length} bytes where ${left} are left`
  const frame = await reader.read(position, length)
  return crcIsValid(frame) ? frame : 'frame with a wrong CRC'
}

/** Reads ahead in large chunks; what it gives out stays valid. */
class ChunkReader {
  readonly size: number
  readonly #file: DiskFile
  #start = 0
  #chunk: Buffer = Buffer.alloc(0)

  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
  }

  /** What has been read ahead from `position`, at least a frame's header where the file has it. */
  async ahead(position: number): Promise<Buffer> {
    await this.read(position, Math.min(frameHeaderBytes, this.size - position))
    return this.#chunk.subarray(position - this.#start)
  }

  async read(position: number, length: number): Promise<Buffer> {
    const end = this.#start + this.#chunk.length
    if (position < this.#start || position + length > end) {
      this.#chunk = await this.#file.read(position, Math.min(Math.max(length, chunkBytes), this.size - position))
      this.#start = position
    }
    return this.#chunk.subarray(position - this.#start, position - this.#start + length)
  }
}
