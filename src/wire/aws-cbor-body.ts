// A CBOR body as it arrived (RFC 8949), looked through once before anything is taken from it: every length lies within the bytes, nothing nests too deep,
// names of maps are text, nothing is left over. What is behind this can be read without asking again, and the records' data stays where it lies.
import { isUtf8 } from 'node:buffer'
import { depthMax } from './aws-json-body.ts'

/** The first three bits of an item. */
export const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, list: 4, map: 5, tag: 6, simple: 7 } as const
/** What the argument of an item is that says where it ends by a `break` behind it. */
export const untilBreak = -1

/**
 * Items of one body, and pieces of its strings, so that millions of empty ones do not become as many objects; the largest request that the model allows, a CreateChannel,
 * has 400,000.
 */
export const itemsMax = 500_000

const breakByte = 0xff
const indefinite = 31
const halfFloat = 25
const doubleFloat = 27

export class CborBody {
  readonly #bytes: Buffer
  #at = 0
  /** Of the item whose head was read last: its first three bits, the other five, and the number these stand for (`untilBreak` where they stand for none). */
  #major = 0
  #detail = 0
  #argument = 0
  #itemsLeft = itemsMax

  private constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Undefined where the bytes are not one map in CBOR, or nested too deep, or too many. */
  static parse(bytes: Buffer): CborBody | undefined {
    const body = new CborBody(bytes)
    try {
      if (bytes.length === 0 || bytes[0]! >> 5 !== major.map) return undefined
      body.#check(0)
      if (body.#at !== bytes.length) return undefined
    } catch (error) {
      if (error instanceof Malformed) return undefined
      throw error
    }
    body.#at = 0
    return body
  }

  get major(): number { return this.#major }
  get detail(): number { return this.#detail }
  get argument(): number { return this.#argument }

  /** The number that the head just read stands for, where it is one with a fraction: a half, a float or a double. */
  get fraction(): number {
    if (this.#detail === doubleFloat) return this.#bytes.readDoubleBE(this.#at - 8)
    return this.#detail === halfFloat ? halfOf(this.#argument) : this.#bytes.readFloatBE(this.#at - 4)
  }

  /** To the first byte again. */
  rewind(): void {
    this.#at = 0
  }

  /** Reads an item's head; what it announces is read next. */
  readHead(): void {
    const first = this.#bytes[this.#at++]
    if (first === undefined) throw new Malformed()
    const detail = first & 0x1f
    this.#major = first >> 5
    this.#detail = detail
    if (detail < 24) this.#argument = detail
    else if (detail === indefinite) this.#argument = untilBreak
    else {
      const width = 1 << (detail - 24)
      const at = this.#at
      this.#at += width
      // 28 to 30 have no meaning.
      if (detail > doubleFloat || this.#at > this.#bytes.length) throw new Malformed()
      this.#argument = width === 8 ? this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4) : this.#bytes.readUIntBE(at, width)
    }
  }

  /** Whether a list or map of `count` items, of which `done` were read, is at its end; takes the `break` there. */
  atEnd(count: number, done: number): boolean {
    if (count !== untilBreak) return done >= count
    if (this.#bytes[this.#at] !== breakByte) return false
    this.#at++
    return true
  }

  /** The text or byte string whose head was just read: a view where it is in one piece. */
  readBytes(): Buffer {
    const length = this.#argument
    if (length !== untilBreak) {
      this.#at += length
      return this.#bytes.subarray(this.#at - length, this.#at)
    }
    const parts: Buffer[] = []
    while (!this.atEnd(untilBreak, 0)) {
      this.readHead()
      parts.push(this.readBytes())
    }
    return Buffer.concat(parts)
  }

  /** The text whose head was just read; undefined where its bytes are no UTF-8. */
  readText(): string | undefined {
    const length = this.#argument
    if (length === untilBreak) return textOf(this.readBytes())
    const start = this.#at
    this.#at += length
    const text = this.#bytes.toString('utf8', start, this.#at)
    return text.includes('\ufffd') ? textOf(this.#bytes.subarray(start, this.#at)) : text
  }

  /** Whether the text whose head was just read has these bytes; takes it if so. */
  takeIfEqual(expected: Uint8Array): boolean {
    if (this.#argument !== expected.length) return false
    const at = this.#at
    for (let nth = 0; nth < expected.length; nth++) if (this.#bytes[at + nth] !== expected[nth]) return false
    this.#at += expected.length
    return true
  }

  /** Goes behind the item whose head was just read. */
  skip(): void {
    const { argument } = this
    switch (this.#major) {
      case major.bytes:
      case major.text:
        if (argument !== untilBreak) this.#at += argument
        else for (let done = 0; !this.atEnd(untilBreak, done); done++) this.#skipNext()
        return
      case major.list:
        for (let done = 0; !this.atEnd(argument, done); done++) this.#skipNext()
        return
      case major.map:
        for (let done = 0; !this.atEnd(argument, done); done++) {
          this.#skipNext()
          this.#skipNext()
        }
        return
      case major.tag:
        this.#skipNext()
    }
  }

  #skipNext(): void {
    this.readHead()
    this.skip()
  }

  /** Goes behind the next item. Throws Malformed. */
  #check(depth: number): void {
    this.#count()
    this.readHead()
    const { argument } = this
    const kind = this.#major
    switch (kind) {
      case major.unsigned:
      case major.negative:
        if (argument === untilBreak) throw new Malformed()
        return
      case major.bytes:
      case major.text:
        return this.#checkString(kind)
      case major.list:
      case major.map:
        if (depth >= depthMax) throw new Malformed()
        // Each item has a byte at least, so that a count beyond all measure ends with the bytes.
        for (let done = 0; !this.atEnd(argument, done); done++) {
          if (kind === major.map) {
            this.readHead()
            if (this.#major !== major.text) throw new Malformed()
            this.#checkString(major.text)
          }
          this.#check(depth + 1)
        }
        return
      case major.tag:
        if (depth >= depthMax || argument === untilBreak) throw new Malformed()
        return this.#check(depth + 1)
      default:
        // A break where nothing is open; and simple values below 32 have one spelling only.
        if (argument === untilBreak || (this.#detail < halfFloat && this.#detail >= 24 && argument < 32)) throw new Malformed()
    }
  }

  #count(): void {
    if (--this.#itemsLeft < 0) throw new Malformed()
  }

  #checkString(kind: number): void {
    if (this.#argument !== untilBreak) {
      this.#at += this.#argument
      if (this.#at > this.#bytes.length) throw new Malformed()
      return
    }
    while (!this.atEnd(untilBreak, 0)) {
      this.#count()
      this.readHead()
      if (this.#major !== kind || this.#argument === untilBreak) throw new Malformed()
      this.#checkString(kind)
    }
  }
}

/** A number of 16 bits: a sign, five bits of exponent, ten of fraction. */
function halfOf(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = (bits & 0x3ff) / 0x400
  if (exponent === 0) return sign * fraction * 2 ** -14
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction) * 2 ** (exponent - 15)
}

/** The bytes are no CBOR. */
class Malformed extends Error {
  override readonly name = 'Malformed'
}

function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
