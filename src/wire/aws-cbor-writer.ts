// Writes CBOR items one after the other, into chunks of which the answer is put together at the end; large byte strings are copied then only. Numbers
// have their shortest form; short ASCII texts, which nearly all are, are written byte by byte, which is faster than a call into Node for each.
import { major } from './aws-cbor-body.ts'

const chunkBytesMin = 512
const chunkBytesMax = 262_144
/** Byte strings of this size and more wait as they are. */
const splicedBytesMin = 8_192
const shortTextMax = 64
const headBytesMax = 9
const startOfList = 0x9f
const startOfMap = 0xbf
const breakByte = 0xff
const doubleHead = 0xfb

export class CborWriter {
  readonly #parts: Uint8Array[] = []
  #partsBytes = 0
  /** What is written goes here, from `#start` on what is in no part yet. */
  #buffer = Buffer.allocUnsafe(chunkBytesMin)
  #start = 0
  #at = 0

  /** What was written; the writer is not used afterwards. */
  finish(): Buffer {
    if (this.#parts.length === 0) return this.#buffer.subarray(0, this.#at)
    this.#seal()
    return Buffer.concat(this.#parts, this.#partsBytes)
  }

  startMap(): void {
    this.#byte(startOfMap)
  }

  startList(): void {
    this.#byte(startOfList)
  }

  /** Of the list or map that was started last. */
  end(): void {
    this.#byte(breakByte)
  }

  flag(value: boolean): void {
    this.#byte(value ? 0xf5 : 0xf4)
  }

  tag(number: number): void {
    this.#head(major.tag, number)
  }

  integer(value: number): void {
    if (value >= 0) this.#head(major.unsigned, value)
    else this.#head(major.negative, -1 - value)
  }

  double(value: number): void {
    this.#room(9)
    this.#buffer[this.#at] = doubleHead
    this.#at = this.#buffer.writeDoubleBE(value, this.#at + 1)
  }

  bytes(value: Uint8Array): void {
    this.#head(major.bytes, value.length)
    if (value.length >= splicedBytesMin) {
      this.#seal()
      this.#parts.push(value)
      this.#partsBytes += value.length
      return
    }
    this.#room(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** A text that is ASCII, given as its bytes: fewer than 256. */
  name(ascii: Uint8Array): void {
    this.#head(major.text, ascii.length)
    this.#room(ascii.length)
    const buffer = this.#buffer
    let at = this.#at
    for (let nth = 0; nth < ascii.length; nth++) buffer[at++] = ascii[nth]!
    this.#at = at
  }

  text(value: string): void {
    if (value.length <= shortTextMax && this.#shortAscii(value)) return
    const bytes = Buffer.byteLength(value)
    this.#head(major.text, bytes)
    this.#room(bytes)
    this.#at += this.#buffer.write(value, this.#at, 'utf8')
  }

  /** False, and nothing is written, where a character is none of ASCII's. */
  #shortAscii(value: string): boolean {
    // With its head, so that both lie in one chunk and can be taken back.
    this.#room(headBytesMax + value.length)
    const start = this.#at
    this.#head(major.text, value.length)
    const buffer = this.#buffer
    let at = this.#at
    for (let nth = 0; nth < value.length; nth++) {
      const code = value.charCodeAt(nth)
      if (code >= 0x80) {
        this.#at = start
        return false
      }
      buffer[at++] = code
    }
    this.#at = at
    return true
  }

  #head(kind: number, argument: number): void {
    this.#room(headBytesMax)
    const first = kind << 5
    if (argument < 24) this.#buffer[this.#at++] = first | argument
    else if (argument < 0x100) {
      this.#buffer[this.#at++] = first | 24
      this.#buffer[this.#at++] = argument
    } else if (argument < 0x1_0000) {
      this.#buffer[this.#at] = first | 25
      this.#at = this.#buffer.writeUInt16BE(argument, this.#at + 1)
    } else if (argument < 0x1_0000_0000) {
      this.#buffer[this.#at] = first | 26
      this.#at = this.#buffer.writeUInt32BE(argument, this.#at + 1)
    } else {
      this.#buffer[this.#at] = first | 27
      this.#buffer.writeUInt32BE(Math.floor(argument / 0x1_0000_0000), this.#at + 1)
      this.#at = this.#buffer.writeUInt32BE(argument % 0x1_0000_0000, this.#at + 5)
    }
  }

  #byte(value: number): void {
    this.#room(1)
    this.#buffer[this.#at++] = value
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    this.#seal()
    this.#buffer = Buffer.allocUnsafe(Math.max(Math.min(this.#buffer.length * 2, chunkBytesMax), bytes))
    this.#start = 0
    this.#at = 0
  }

  #seal(): void {
    if (this.#at === this.#start) return
    this.#parts.push(this.#buffer.subarray(this.#start, this.#at))
    this.#partsBytes += this.#at - this.#start
    this.#start = this.#at
  }
}
