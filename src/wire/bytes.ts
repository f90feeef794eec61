// The primitives of Kafka's wire format. Reader checks every bound in one place and hands out views; Writer grows in chunks and splices large
// payloads in without copying them, so that a response leaves as slices. Everything is big-endian; varints are as in KIP-482 and record format v2.
import { isUtf8 } from 'node:buffer'

/** The bytes are not what the format says they must be. `at` is the position in the input, or the name of the field, as in `topics[3].name`. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly at: number | string | undefined

  constructor(message: string, where: { readonly at?: number | string; readonly cause?: unknown } = {}) {
    super(where.at === undefined ? message : `${message} (at ${where.at})`, where.cause === undefined ? undefined : { cause: where.cause })
    this.at = where.at
  }
}

/** Longer strings are refused, as Apache Kafka refuses them. In bytes of UTF-8. */
export const stringBytesMax = 32_767

const emptyBuffer = Buffer.alloc(0)
const spliceBytesMin = 1024
const chunkBytesMin = 512
const chunkBytesMax = 64 * 1024

export interface ReaderOptions {
  /** How many array elements may be announced in all before the rest is refused. */
  readonly elementsMax?: number
}

/** Reads one value after the other. Throws WireError instead of reading past the end. */
export class Reader {
  readonly #buffer: Buffer
  #position = 0
  #end: number
  #elementsLeft: number

  constructor(buffer: Buffer, options: ReaderOptions = {}) {
    this.#buffer = buffer
    this.#end = buffer.length
    this.#elementsLeft = options.elementsMax ?? Number.POSITIVE_INFINITY
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#end - this.#position
  }

  boolean(): boolean {
    return this.#buffer[this.#take(1)] !== 0
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1))
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.#buffer.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  /** As a number; beyond ±2^53 it is refused rather than rounded. */
  int64(): number {
    const at = this.#take(8)
    const value = this.#buffer.readInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw new WireError(`int64 ${this.#buffer.readBigInt64BE(at)} beyond 2^53`)
    return value
  }

  /** As a number; beyond ±2^53 it becomes the nearest safe integer. For offsets: a fetch at Long.MAX is out of range, not malformed. */
  saturatingInt64(): number {
    const at = this.#take(8)
    const value = this.#buffer.readInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4)
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER
    return value < Number.MIN_SAFE_INTEGER ? Number.MIN_SAFE_INTEGER : value
  }

  bigint64(): bigint {
    return this.#buffer.readBigInt64BE(this.#take(8))
  }

  float64(): number {
    return this.#buffer.readDoubleBE(this.#take(8))
  }

  /** Up to five bytes, 32 bits; more is refused. */
  uvarint(): number {
    const buffer = this.#buffer
    let value = 0
    let at = this.#position
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= this.#end) throw this.#short(at - this.#position + 1)
      const byte = buffer[at++]!
      if (shift === 28 && byte > 0x0f) throw new WireError('varint beyond 32 bits')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) {
        this.#position = at
        return value
      }
    }
    throw new WireError('varint beyond 32 bits')
  }

  /** Zigzag, 32 bits. */
  varint(): number {
    const value = this.uvarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** Zigzag, 64 bits, up to ten bytes; beyond ±2^53 it is refused. */
  varlong(): number {
    const buffer = this.#buffer
    let low = 0
    let high = 0
    let at = this.#position
    for (let index = 0; index < 10; index++) {
      if (at >= this.#end) throw this.#short(at - this.#position + 1)
      const byte = buffer[at++]!
      if (index === 9 && byte > 1) throw new WireError('varlong beyond 64 bits')
      if (index < 4) low += (byte & 0x7f) * 2 ** (7 * index)
      else high += (byte & 0x7f) * 2 ** (7 * (index - 4))
      if (byte < 0x80) {
        this.#position = at
        // The unsigned value is high · 2^28 + low; its lowest bit is the sign, the rest the magnitude.
        const halved = high * 2 ** 27 + Math.floor(low / 2)
        if (halved > Number.MAX_SAFE_INTEGER) throw new WireError('varlong beyond 2^53')
        return (low & 1) === 0 ? halved : -halved - 1
      }
    }
    throw new WireError('varlong beyond 64 bits')
  }

  /** 16 bytes as 36 characters: 00000000-0000-0000-0000-000000000000. */
  uuid(): string {
    const at = this.#take(16)
    const hex = this.#buffer.toString('hex', at, at + 16)
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  /** A string with an int16 length. */
  string(): string {
    return this.#text(this.int16())
  }

  /** As `string`; length -1 is null. */
  nullableString(): string | null {
    const length = this.int16()
    return length === -1 ? null : this.#text(length)
  }

  /** A string with an unsigned varint of its length plus one. */
  compactString(): string {
    return this.#text(this.uvarint() - 1)
  }

  /** As `compactString`; 0 is null. */
  compactNullableString(): string | null {
    const length = this.uvarint() - 1
    return length === -1 ? null : this.#text(length)
  }

  /** Bytes with an int32 length, as a view. */
  bytes(): Buffer {
    return this.slice(this.int32())
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    return length === -1 ? null : this.slice(length)
  }

  compactBytes(): Buffer {
    return this.slice(this.uvarint() - 1)
  }

  compactNullableBytes(): Buffer | null {
    const length = this.uvarint() - 1
    return length === -1 ? null : this.slice(length)
  }

  /** An int32 element count of an array whose elements take at least `elementBytesMin` each; -1 is null. */
  count(elementBytesMin: number): number | null {
    const count = this.int32()
    return count === -1 ? null : this.#elements(count, elementBytesMin)
  }

  /** As `count`, from an unsigned varint of the count plus one. */
  compactCount(elementBytesMin: number): number | null {
    const count = this.uvarint() - 1
    return count === -1 ? null : this.#elements(count, elementBytesMin)
  }

  /** The next `length` bytes as a view of the buffer. */
  slice(length: number): Buffer {
    const at = this.#take(length)
    return length === 0 ? emptyBuffer : this.#buffer.subarray(at, at + length)
  }

  skip(length: number): void {
    this.#take(length)
  }

  /** Runs `read` on exactly the next `length` bytes; what it leaves over or lacks is an error. */
  within<T>(length: number, read: () => T): T {
    const end = this.#position + length
    if (length < 0 || end > this.#end) throw this.#short(length)
    const outerEnd = this.#end
    this.#end = end
    try {
      const value = read()
      if (this.#position !== end) throw new WireError(`${end - this.#position} of ${length} bytes left over`)
      return value
    } finally {
      this.#end = outerEnd
    }
  }

  #elements(count: number, elementBytesMin: number): number {
    if (count < 0 || count * elementBytesMin > this.remaining) throw new WireError(`${count} elements do not fit in ${this.remaining} bytes`)
    this.#elementsLeft -= count
    if (this.#elementsLeft < 0) throw new WireError(`more array elements than are allowed in one message`)
    return count
  }

  #text(length: number): string {
    if (length > stringBytesMax) throw new WireError(`string of ${length} bytes, ${stringBytesMax} are allowed`)
    const at = this.#take(length)
    const text = this.#buffer.toString('utf8', at, at + length)
    // Decoding puts U+FFFD where the bytes are no UTF-8, so only a text that holds one needs the second look.
    if (text.includes('\ufffd') && !isUtf8(this.#buffer.subarray(at, at + length))) throw new WireError('string is not UTF-8')
    return text
  }

  #take(length: number): number {
    const at = this.#position
    if (length < 0 || length > this.#end - at) throw this.#short(length)
    this.#position = at + length
    return at
  }

  #short(length: number): WireError {
    return length < 0 ? new WireError(`length ${length} where none is allowed`) : new WireError(`${length} bytes wanted, ${this.remaining} left`)
  }
}

/** Writes one value after the other and hands out what was written as a list of buffers. */
export class Writer {
  readonly #parts: Buffer[] = []
  #partsBytes = 0
  #chunk: Buffer
  #start = 0
  #at = 0

  /** `bytesExpected` sizes the first chunk; anything larger still fits. */
  constructor(bytesExpected = chunkBytesMin) {
    this.#chunk = Buffer.allocUnsafe(bytesExpected)
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#partsBytes + this.#at - this.#start
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int8(value: number): void {
    const at = this.#room(1)
    this.#chunk.writeInt8(value, at)
  }

  int16(value: number): void {
    const at = this.#room(2)
    this.#chunk.writeInt16BE(value, at)
  }

  uint16(value: number): void {
    const at = this.#room(2)
    this.#chunk.writeUInt16BE(value, at)
  }

  int32(value: number): void {
    const at = this.#room(4)
    this.#chunk.writeInt32BE(value, at)
  }

  uint32(value: number): void {
    const at = this.#room(4)
    this.#chunk.writeUInt32BE(value, at)
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new WireError(`${value} is no int64`)
    const at = this.#room(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#chunk.writeInt32BE(high, at)
    this.#chunk.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
  }

  bigint64(value: bigint): void {
    const at = this.#room(8)
    this.#chunk.writeBigInt64BE(value, at)
  }

  float64(value: number): void {
    const at = this.#room(8)
    this.#chunk.writeDoubleBE(value, at)
  }

  uvarint(value: number): void {
    let rest = value >>> 0
    let at = this.#room(uvarintBytes(rest))
    for (; rest >= 0x80; rest >>>= 7) this.#chunk[at++] = (rest & 0x7f) | 0x80
    this.#chunk[at] = rest
  }

  /** Zigzag, 32 bits. */
  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** Zigzag, 64 bits. */
  varlong(value: number): void {
    if (!Number.isSafeInteger(value)) throw new WireError(`${value} is no int64`)
    if (value >= -0x4000_0000 && value < 0x4000_0000) return this.varint(value)
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
    for (; rest >= 0x80n; rest >>= 7n) this.#byte(Number(rest & 0x7fn) | 0x80)
    this.#byte(Number(rest))
  }

  uuid(value: string): void {
    const hex = value.replaceAll('-', '')
    if (!/^[0-9a-fA-F]{32}$/.test(hex)) throw new WireError(`'${value}' is no UUID`)
    const at = this.#room(16)
    this.#chunk.write(hex, at, 'hex')
  }

  string(value: string): void {
    const bytes = this.#textBytes(value)
    this.int16(bytes)
    this.#text(value, bytes)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    const bytes = this.#textBytes(value)
    this.uvarint(bytes + 1)
    this.#text(value, bytes)
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.uvarint(0)
    else this.compactString(value)
  }

  bytes(value: Uint8Array): void {
    this.int32(value.length)
    this.append(value)
  }

  nullableBytes(value: Uint8Array | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: Uint8Array): void {
    this.uvarint(value.length + 1)
    this.append(value)
  }

  compactNullableBytes(value: Uint8Array | null): void {
    if (value === null) this.uvarint(0)
    else this.compactBytes(value)
  }

  /** The bytes as they are: copied when they are few, else put between what is written before and after. They must not change until sent. */
  append(value: Uint8Array): void {
    if (value.length >= spliceBytesMin) {
      this.#seal()
      this.#parts.push(Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.length))
      this.#partsBytes += value.length
    } else if (value.length > 0) {
      const at = this.#room(value.length)
      this.#chunk.set(value, at)
    }
  }

  /** Everything another writer has written. */
  appendAll(other: Writer): void {
    for (const part of other.finish()) this.append(part)
  }

  /** All that was written, in order. The first four bytes always lie in the first buffer. The writer may be used on. */
  finish(): Buffer[] {
    this.#seal()
    return this.#parts
  }

  /** All that was written as one buffer. */
  toBuffer(): Buffer {
    const parts = this.finish()
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, this.#partsBytes)
  }

  #textBytes(value: string): number {
    const bytes = Buffer.byteLength(value)
    if (bytes > stringBytesMax) throw new WireError(`string of ${bytes} bytes, ${stringBytesMax} are allowed`)
    return bytes
  }

  #text(value: string, bytes: number): void {
    const at = this.#room(bytes)
    this.#chunk.write(value, at, 'utf8')
  }

  #byte(value: number): void {
    const at = this.#room(1)
    this.#chunk[at] = value
  }

  /** Where the next `bytes` go. May begin a new chunk, so the chunk is looked up only after this. */
  #room(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#chunk.length) {
      this.#seal()
      const size = Math.min(Math.max(this.#chunk.length * 2, chunkBytesMin), chunkBytesMax)
      this.#chunk = Buffer.allocUnsafe(Math.max(size, bytes))
      this.#start = 0
      this.#at = bytes
      return 0
    }
    this.#at = at + bytes
    return at
  }

  #seal(): void {
    if (this.#at === this.#start) return
    this.#parts.push(this.#chunk.subarray(this.#start, this.#at))
    this.#partsBytes += this.#at - this.#start
    this.#start = this.#at
  }
}

function uvarintBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  return value < 0x1000_0000 ? 4 : 5
}
