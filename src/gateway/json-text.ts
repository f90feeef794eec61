// JSON as bytes, before it is parsed: how deep it nests, where its values begin and end, how many members it names. One pass, no allocation per value.
// It does not judge the grammar, JSON.parse does that right after; on malformed text it only has to end, and end soon.
import { assert } from '../base/assert.ts'

/** Deeper nesting has no use in a record and costs the parser time and stack. */
export const jsonDepthMax = 64

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const comma = 0x2c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** Whether some value in the text is nested deeper than jsonDepthMax. */
export function tooDeep(bytes: Buffer): boolean {
  let depth = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quote) at = endOfString(bytes, at) - 1
    else if (byte === openBrace || byte === openBracket) {
      if (++depth > jsonDepthMax) return true
    } else if (byte === closeBrace || byte === closeBracket) depth--
  }
  return false
}

/** A reader of JSON text that stops at values without making them. Every method leaves `at` behind what it read. */
export class JsonCursor {
  readonly bytes: Buffer
  at = 0
  /** Member names seen so far inside skipped values. */
  members = 0
  #depth = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Takes one byte if it is next, white space aside. */
  takes(byte: number): boolean {
    this.#skipSpace()
    if (this.bytes[this.at] !== byte) return false
    this.at++
    return true
  }

  /** Whether a string, an object or an array (its first byte) comes next. */
  startsWith(byte: number): boolean {
    this.#skipSpace()
    return this.bytes[this.at] === byte
  }

  /** A string's text. */
  string(): string {
    if (!this.startsWith(quote)) throw new SyntaxError(`a string was expected at position ${this.at}`)
    const start = this.at
    this.at = endOfString(this.bytes, start)
    const text = this.bytes.toString('utf8', start + 1, this.at - 1)
    return text.includes('\\') ? JSON.parse(this.bytes.toString('utf8', start, this.at)) as string : text
  }

  /** Calls `visit` for each member of an object, `at` standing before its value, which the visitor must read or skip. */
  object(visit: (name: string) => void): void {
    this.#enter(openBrace)
    if (!this.takes(closeBrace)) {
      do {
        const name = this.string()
        if (!this.takes(colon)) throw new SyntaxError(`':' was expected at position ${this.at}`)
        visit(name)
      } while (this.takes(comma))
      if (!this.takes(closeBrace)) throw new SyntaxError(`'}' was expected at position ${this.at}`)
    }
    this.#depth--
  }

  /** Calls `visit` for each element of an array, `at` standing before it. */
  array(visit: () => void): void {
    this.#enter(openBracket)
    if (!this.takes(closeBracket)) {
      do visit()
      while (this.takes(comma))
      if (!this.takes(closeBracket)) throw new SyntaxError(`']' was expected at position ${this.at}`)
    }
    this.#depth--
  }

  /** Skips one value; its bytes are [start, this.at). */
  skip(): { start: number; members: number } {
    this.#skipSpace()
    const start = this.at
    const before = this.members
    const { bytes } = this
    const outer = this.#depth
    let at = start
    do {
      const byte = bytes[at]
      if (byte === undefined) throw new SyntaxError('the text ends inside a value')
      if (byte === quote) {
        at = endOfString(bytes, at)
        continue
      }
      if (byte === openBrace || byte === openBracket) {
        if (++this.#depth > jsonDepthMax) throw new SyntaxError(`the text is nested deeper than ${jsonDepthMax}`)
      } else if (byte === closeBrace || byte === closeBracket) this.#depth--
      else if (byte === colon) this.members++
      else if (this.#depth === outer) {
        at = endOfScalar(bytes, at)
        break
      }
      at++
    } while (this.#depth > outer)
    if (at === start || this.#depth < outer) throw new SyntaxError(`a value was expected at position ${start}`)
    this.at = at
    return { start, members: this.members - before }
  }

  #enter(byte: number): void {
    if (!this.takes(byte)) throw new SyntaxError(`'${String.fromCharCode(byte)}' was expected at position ${this.at}`)
    if (++this.#depth > jsonDepthMax) throw new SyntaxError(`the text is nested deeper than ${jsonDepthMax}`)
  }

  #skipSpace(): void {
    const { bytes } = this
    let at = this.at
    for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++
    this.at = at
  }
}

/**
 * How many members the objects in a parsed value have, all levels together. JSON.parse keeps the last of two members with one name, so fewer here than the text
 * names means that the text can be read in two ways. `value` must come from JSON.parse of text that was found not too deep.
 */
export function memberCount(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let count = 0
  if (Array.isArray(value)) {
    for (const element of value) if (typeof element === 'object') count += memberCount(element)
    return count
  }
  for (const name in value) {
    count++
    const member = (value as Record<string, unknown>)[name]
    if (typeof member === 'object') count += memberCount(member)
  }
  return count
}

/** The position behind the string that opens at `at`; the length of the text where it does not close. */
function endOfString(bytes: Buffer, at: number): number {
  assert(bytes[at] === quote, 'a string opens with a quote')
  const { length } = bytes
  for (let next = at + 1; next < length; next++) {
    const byte = bytes[next]
    if (byte === quote) return next + 1
    if (byte === backslash) next++
  }
  return length
}

function endOfScalar(bytes: Buffer, at: number): number {
  let end = at
  for (; end < bytes.length; end++) {
    const byte = bytes[end]!
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break
  }
  return end
}
