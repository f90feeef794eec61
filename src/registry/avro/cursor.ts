// A place in Avro binary data, which may stand within other bytes: bounds-checked steps forward, and, where a step fails, why and where in the value.
import { pointerToken } from '../fault.ts'

/** Records per byte of data, beyond a first few: records without bytes can hold each other exponentially often. */
const recordsPerByteMax = 64
const recordsFreeCount = 10_000

export class Cursor {
  readonly bytes: Buffer
  at: number
  /** Behind the last byte of the data. */
  readonly end: number
  depth = 0
  recordsLeft: number
  pointer = ''
  reason = ''

  constructor(bytes: Buffer, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.recordsLeft = recordsFreeCount + recordsPerByteMax * (end - at)
  }

  fail(reason: string): false {
    this.reason = reason
    return false
  }

  under(token: string | number): false {
    this.pointer = pointerToken(token) + this.pointer
    return false
  }

  skip(count: number): boolean {
    if (count > this.end - this.at) return this.fail(`${count} bytes are needed where ${this.end - this.at} are left`)
    this.at += count
    return true
  }

  /** A zig-zag varint of up to 32 bits; undefined where it is longer or cut off. */
  int(): number | undefined {
    const { bytes, end } = this
    let at = this.at
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) return undefined
      const byte = bytes[at++]!
      // Only four bits of the fifth byte are left for 32.
      if (shift === 28 && byte > 0x0f) return undefined
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return (value >>> 1) ^ -(value & 1)
      }
    }
    return undefined
  }

  /** Past a zig-zag varint of up to 64 bits. */
  skipLong(): boolean {
    const { bytes, end } = this
    let at = this.at
    for (let count = 1; count <= 10; count++) {
      if (at >= end) return false
      const byte = bytes[at++]!
      if (byte >= 0x80) continue
      if (count === 10 && byte > 1) return false
      this.at = at
      return true
    }
    return false
  }

  /** For data that was checked. */
  long(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
  }

  /** A length or count; a long in Avro, but none that fits the bytes here is longer than an int. */
  length(): number | undefined {
    const length = this.int()
    return length === undefined || length < 0 ? undefined : length
  }
}
