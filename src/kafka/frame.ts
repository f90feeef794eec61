// Frames of Kafka's protocol out of a stream of chunks: an int32 length, then that many bytes. Memory follows the bytes that came, never the length
// a peer announces; a frame inside one chunk is a view of it, one over several chunks is joined once.
import { WireError } from '../wire/bytes.ts'

const lengthBytes = 4
/** Chunks held before they are folded into one, so that a peer that sends byte by byte costs bytes and not objects. */
const chunksMax = 2_048

export class FrameAssembler {
  readonly #frameBytesMax: number
  #chunks: Buffer[] = []
  #held = 0
  /** Of the frame that is under way; -1 while its length has not come. */
  #frameBytes = -1
  #fault: WireError | undefined

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /** Bytes that came and were not taken. */
  get held(): number {
    return this.#held
  }

  /** `next` has something to give, or to refuse: no more bytes need to be read before it is asked. */
  get isReady(): boolean {
    return this.#fault !== undefined || (this.#frameBytes >= 0 && this.#held >= lengthBytes + this.#frameBytes)
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#chunks.length > chunksMax) this.#chunks = [Buffer.concat(this.#chunks, this.#held)]
    this.#readLength()
  }

  /** The next whole frame without its length, or undefined while there is none. Throws WireError where its length is negative or larger than allowed. */
  next(): Buffer | undefined {
    if (this.#fault !== undefined) throw this.#fault
    if (!this.isReady) return undefined
    const frame = this.#take(lengthBytes + this.#frameBytes).subarray(lengthBytes)
    this.#frameBytes = -1
    this.#readLength()
    return frame
  }

  #readLength(): void {
    if (this.#frameBytes >= 0 || this.#held < lengthBytes || this.#fault !== undefined) return
    const first = this.#chunks[0]!
    const head = first.length >= lengthBytes ? first : Buffer.concat(this.#chunks, this.#held)
    const size = head.readInt32BE(0)
    if (size < 0 || size > this.#frameBytesMax) this.#fault = new WireError(`frame of ${size} bytes, ${this.#frameBytesMax} are allowed`)
    else this.#frameBytes = size
  }

  #take(size: number): Buffer {
    this.#held -= size
    const first = this.#chunks[0]!
    if (first.length === size) return this.#chunks.shift()!
    if (first.length > size) {
      this.#chunks[0] = first.subarray(size)
      return first.subarray(0, size)
    }
    const whole = Buffer.allocUnsafeSlow(size)
    let at = 0
    let index = 0
    for (; at < size; index++) {
      const chunk = this.#chunks[index]!
      const taken = Math.min(chunk.length, size - at)
      chunk.copy(whole, at, 0, taken)
      if (taken < chunk.length) this.#chunks[index--] = chunk.subarray(taken)
      at += taken
    }
    this.#chunks.splice(0, index)
    return whole
  }
}
