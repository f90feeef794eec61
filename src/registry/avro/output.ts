// Where Avro binary data is written: a buffer that grows, and, where a value does not fit, why and where in it. What is wrong is looked for in two ways:
// writing stops at the first fault, and a second go that collects goes on behind each.
import { asOneFault, faultsMax, pointerToken, type SchemaFault } from '../fault.ts'

/** Characters; the length of such a text takes one byte. */
const shortTextMax = 40
const outputBytesAtFirst = 64 * 1024
const outputBytesKeptMax = 1024 * 1024

export class Output {
  #bytes = Buffer.allocUnsafe(outputBytesAtFirst)
  at = 0
  depth = 0
  records = 0
  tried = 0
  /** A whole number was met that a double does not hold exactly. */
  isImprecise = false
  pointer = ''
  reason = ''
  /** Whether records, arrays and maps are to be gone through to their ends, whatever of them does not fit. */
  isCollecting = false
  /** What was collected of the value so far, each pointer from the record, array or map that is being gone through. */
  #faults: { pointer: string; reason: string }[] = []

  reset({ collect }: { collect: boolean } = { collect: false }): void {
    this.isCollecting = collect
    if (collect) this.#faults = []
    // One huge value must not hold its memory for ever.
    if (this.#bytes.length > outputBytesKeptMax) this.#bytes = Buffer.allocUnsafe(outputBytesAtFirst)
    this.at = this.depth = this.records = this.tried = 0
    this.isImprecise = false
    this.pointer = this.reason = ''
  }

  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.at))
  }

  fail(reason: string): false {
    this.reason = reason
    this.pointer = ''
    return false
  }

  under(token: string | number): false {
    this.pointer = pointerToken(token) + this.pointer
    return false
  }

  /** How many faults there were when a record, array or map began: what `goesOn` wants to know. */
  get mark(): number {
    return this.#faults.length
  }

  /**
   * After something under `token` did not fit: whether to go on behind it. Where it does, the fault is kept, and those that were kept of what is in it since
   * `mark` get the token before them.
   */
  goesOn(token: string | number, mark: number): boolean {
    if (!this.isCollecting) return this.under(token)
    const before = pointerToken(token)
    // What a part of it has said of itself already is not said again of the whole.
    if (this.reason !== '') this.#faults.push({ pointer: this.pointer, reason: this.reason })
    for (let index = mark; index < this.#faults.length; index++) this.#faults[index]!.pointer = before + this.#faults[index]!.pointer
    this.pointer = this.reason = ''
    return this.#faults.length < faultsMax
  }

  /** All that did not fit: what was collected, and what writing stopped at. */
  faults(): SchemaFault {
    const last = this.reason === '' ? [] : [{ pointer: this.pointer, reason: this.reason }]
    return asOneFault([...this.#faults, ...last])!
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.at++] = value
  }

  int(value: number): void {
    this.#room(5)
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    while (rest >= 0x80) {
      this.#bytes[this.at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.at++] = rest
  }

  long(value: bigint): void {
    this.#room(10)
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    while (rest >= 0x80n) {
      this.#bytes[this.at++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#bytes[this.at++] = Number(rest)
  }

  float(value: number): void {
    this.#room(4)
    this.at = this.#bytes.writeFloatLE(value, this.at)
  }

  double(value: number): void {
    this.#room(8)
    this.at = this.#bytes.writeDoubleLE(value, this.at)
  }

  /** False for text that has half of a surrogate pair, which UTF-8 cannot hold. */
  text(value: string): boolean {
    if (value.length <= shortTextMax && this.#shortAscii(value)) return true
    const length = Buffer.byteLength(value)
    // As many bytes as characters: all of them ASCII.
    if (length !== value.length && !value.isWellFormed()) return false
    this.int(length)
    this.#room(length)
    this.at += this.#bytes.write(value, this.at, 'utf8')
    return true
  }

  /** Writes short plain text faster than a call into the runtime would; false, with nothing written, where it is not plain. */
  #shortAscii(value: string): boolean {
    const { length } = value
    this.#room(length + 1)
    const bytes = this.#bytes
    let at = this.at
    bytes[at++] = length << 1
    for (let index = 0; index < length; index++) {
      const code = value.charCodeAt(index)
      if (code >= 0x80) return false
      bytes[at++] = code
    }
    this.at = at
    return true
  }

  latin1(value: string): void {
    this.#room(value.length)
    this.at += this.#bytes.write(value, this.at, 'latin1')
  }

  #room(count: number): void {
    if (this.at + count <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.at + count))
    this.#bytes.copy(grown, 0, 0, this.at)
    this.#bytes = grown
  }
}
