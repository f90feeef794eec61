// A JSON body as it arrived. One pass over the bytes finds how deep it nests and where its long strings lie; those are left in the bytes, so that a PutRecords
// of half a megabyte is parsed as the few kilobytes around its data, and the data is decoded straight from where it lies.
import { parseJsonText } from '../base/json.ts'

/** Nested arrays and objects a body may have; no operation needs more than four. */
export const depthMax = 64
/** Arrays and objects of one body, so that millions of empty ones do not become as many objects; the largest request that the model allows, a CreateChannel, has 150,000. */
export const containersMax = 200_000

const longBytesMin = 512
const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const openBrace = 0x7b
const openBracket = 0x5b
const closeBrace = 0x7d
const closeBracket = 0x5d
// The only spelling of a string that starts with NUL; a stand-in is such a string, so where one is met none is made.
const nulEscape = Buffer.from('\\u0000')

interface Span {
  readonly start: number
  readonly end: number
}

export class JsonBody {
  /** What was parsed. A long string that is no name is in it as a stand-in: `text` and `ascii` give what it stands for. */
  readonly value: Readonly<Record<string, unknown>>
  readonly #bytes: Buffer
  readonly #spans: readonly Span[]
  /** Where long base64 strings are decoded to: one allocation for all of them, large enough for each to be decoded once. */
  #arena: Buffer | undefined
  #arenaUsed = 0

  constructor(value: Readonly<Record<string, unknown>>, bytes: Buffer = Buffer.alloc(0), spans: readonly Span[] = []) {
    this.value = value
    this.#bytes = bytes
    this.#spans = spans
  }

  /** Undefined where the bytes are not JSON, not an object, nested too deep, or too many. */
  static parse(bytes: Buffer): JsonBody | undefined {
    const spans = longStrings(bytes)
    if (spans === undefined) return undefined
    try {
      const text = withStandIns(bytes, spans)
      // Stand-ins are no names, so only an escape that came with the body can be in one.
      const value = bytes.includes(backslash) ? parseJsonText(text) : JSON.parse(text) as unknown
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? new JsonBody(value as Record<string, unknown>, bytes, spans) : undefined
    } catch {
      return undefined
    }
  }

  /** What a string of `value` says. Throws SyntaxError where a long one has what JSON strings may not. */
  text(value: string): string {
    const span = this.#spanOf(value)
    return span === undefined ? value : JSON.parse(this.#bytes.toString('utf8', span.start - 1, span.end + 1)) as string
  }

  /** What a string of `value` says if it is ASCII; where it is not, some other text that is not ASCII either. Cheaper than `text`. */
  ascii(value: string): string {
    const span = this.#spanOf(value)
    return span === undefined ? value : this.#bytes.toString('latin1', span.start, span.end)
  }

  /** The bytes that Node's lenient decoder makes of base64; whether the text was canonical is the caller's to judge. */
  fromBase64(text: string): Buffer {
    if (text.length < longBytesMin) return Buffer.from(text, 'base64')
    this.#arena ??= Buffer.allocUnsafeSlow(this.#spans.reduce((sum, { start, end }) => sum + decodedBytesMax(end - start), 0))
    if (this.#arenaUsed + decodedBytesMax(text.length) > this.#arena.length) return Buffer.from(text, 'base64')
    const start = this.#arenaUsed
    this.#arenaUsed += this.#arena.write(text, start, 'base64')
    return this.#arena.subarray(start, this.#arenaUsed)
  }

  #spanOf(value: string): Span | undefined {
    return this.#spans.length > 0 && value.charCodeAt(0) === 0 ? this.#spans[Number(value.slice(1))] : undefined
  }
}

function decodedBytesMax(characters: number): number {
  return Math.ceil((characters * 3) / 4)
}

function withStandIns(bytes: Buffer, spans: readonly Span[]): string {
  let text = ''
  let from = 0
  for (const [index, { start, end }] of spans.entries()) {
    text += `${bytes.toString('utf8', from, start)}\\u0000${index}`
    from = end
  }
  return text + bytes.toString('utf8', from)
}

/** The strings that are long, without escapes and no names, by what is between their quotes; undefined where something nests too deep, or too many things do. */
function longStrings(bytes: Buffer): Span[] | undefined {
  const spans: Span[] = []
  let mayStandIn = true
  let depth = 0
  let containers = 0
  // Where the next backslash is; looked for anew only once it is passed.
  let escape = bytes.indexOf(backslash)
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === quote) {
      const start = at + 1
      if (escape >= 0 && escape < start) escape = bytes.indexOf(backslash, start)
      if (escape === start && bytes.subarray(start, start + nulEscape.length).equals(nulEscape)) mayStandIn = false
      at = endOfString(bytes, start)
      // The parser will complain of a string without an end.
      if (at < 0) break
      if (at - start >= longBytesMin && !(escape >= 0 && escape < at) && !isName(bytes, at + 1)) spans.push({ start, end: at })
    } else if (byte === openBrace || byte === openBracket) {
      if (++depth > depthMax || ++containers > containersMax) return undefined
    } else if (byte === closeBrace || byte === closeBracket) depth--
  }
  return mayStandIn ? spans : []
}

/** Whether the string that ends before `behind` is the name of a member. */
function isName(bytes: Buffer, behind: number): boolean {
  let at = behind
  for (let byte = bytes[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = bytes[at]) at++
  return bytes[at] === colon
}

/** The position of the quote that ends a string; -1 where none does. */
function endOfString(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(quote, from); at >= 0; at = bytes.indexOf(quote, at + 1)) {
    let slashes = 0
    while (bytes[at - 1 - slashes] === backslash) slashes++
    if (slashes % 2 === 0) return at
  }
  return -1
}
