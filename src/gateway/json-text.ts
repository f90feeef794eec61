// JSON as bytes, before it is parsed: how deep it nests, where its values begin and end, how many members it names. One pass, no allocation per value.
// It does not judge the grammar, JSON.parse does that right after; on malformed text it only has to end, and end soon.

/** Deeper nesting has no use in a record and costs the parser time and stack. */
export const jsonDepthMax = 64

const nearBytes = 32
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

/**
 * A reader of JSON text that stops at values without making them. Every method leaves `at` behind what it read, and throws SyntaxError where it
 * cannot go on.
 */
export class JsonCursor {
  readonly bytes: Buffer
  at = 0
  /** Where the value that was skipped last begins; it ends at `at`. */
  start = 0
  #depth = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Whether an object comes next, or an array. */
  isAt(container: '{' | '['): boolean {
    this.#skipSpace()
    return this.bytes[this.at] === (container === '{' ? openBrace : openBracket)
  }

  /** Goes into the object or array that comes next. */
  enter(container: '{' | '['): void {
    if (!this.isAt(container)) throw new SyntaxError(`'${container}' was expected at position ${this.at}`)
    this.at++
    this.#deepen()
  }

  /** Whether the container, of which `count` elements were read, has another; leaves it where it has none. */
  more(container: '{' | '[', count: number): boolean {
    this.#skipSpace()
    const byte = this.bytes[this.at]
    if (byte === (container === '{' ? closeBrace : closeBracket)) {
      this.at++
      this.#depth--
      return false
    }
    if (count === 0) return true
    if (byte !== comma) throw new SyntaxError(`',' was expected at position ${this.at}`)
    this.at++
    return true
  }

  /** A member's name and the colon behind it: the index of the name among `known`, or its text where it is none of them. */
  name(known: readonly Buffer[]): number | string {
    this.#skipSpace()
    const { bytes } = this
    const start = this.at
    if (bytes[start] !== quote) throw new SyntaxError(`a name was expected at position ${start}`)
    this.at = endOfString(bytes, start)
    const end = this.at
    this.#skipSpace()
    if (bytes[this.at] !== colon) throw new SyntaxError(`':' was expected at position ${this.at}`)
    this.at++
    for (let index = 0; index < known.length; index++) if (standsAt(known[index]!, bytes, start + 1, end - 1)) return index
    const text = JSON.parse(bytes.toString('utf8', start, end)) as string
    // Written with escapes it may be a known one all the same.
    const index = known.findIndex(one => one.toString() === text)
    return index === -1 ? text : index
  }

  /** Skips one value and gives the number of members that are named inside it. */
  skip(): number {
    this.#skipSpace()
    const { bytes } = this
    const start = this.at
    let at = start
    let depth = 0
    let members = 0
    const depthMax = jsonDepthMax - this.#depth
    do {
      const byte = bytes[at]
      if (byte === quote) {
        at = endOfString(bytes, at)
        continue
      }
      if (byte === openBrace || byte === openBracket) {
        if (++depth > depthMax) throw new SyntaxError(`the text is nested deeper than ${jsonDepthMax}`)
      } else if (byte === closeBrace || byte === closeBracket) depth--
      else if (byte === colon) members++
      else if (byte === undefined) throw new SyntaxError('the text ends inside a value')
      else if (depth === 0) {
        at = endOfScalar(bytes, at)
        break
      }
      at++
    } while (depth > 0)
    if (at === start || depth < 0) throw new SyntaxError(`a value was expected at position ${start}`)
    this.start = start
    this.at = at
    return members
  }

  #deepen(): void {
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
  const { length } = bytes
  for (let next = at + 1; next < length;) {
    // Most strings are short, and a loop is quicker than a call; in a long one the next quote is found by the call.
    for (const near = Math.min(next + nearBytes, length); next < near; next++) {
      const byte = bytes[next]
      if (byte === quote) return next + 1
      if (byte === backslash) next++
    }
    const found = bytes.indexOf(quote, next)
    if (found === -1) return length
    let escapes = 0
    while (found - escapes > next && bytes[found - escapes - 1] === backslash) escapes++
    if (escapes % 2 === 0) return found + 1
    next = found + 1
  }
  return length
}

/** Whether the bytes [start, end) of the text are `name`. */
function standsAt(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (end - start !== name.length) return false
  for (let at = 0; at < name.length; at++) if (bytes[start + at] !== name[at]) return false
  return true
}

function endOfScalar(bytes: Buffer, at: number): number {
  let end = at
  for (; end < bytes.length; end++) {
    const byte = bytes[end]!
    if (byte === comma || byte === closeBrace || byte === closeBracket || byte <= 0x20) break
  }
  return end
}
