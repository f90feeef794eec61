// A body of concatenated JSON documents, cut into them as it comes: `{…}{…}`, with or without white space or line ends between. Each byte is looked at once, and no more is
// held than one document that has not ended. Only objects are documents; whether one is well formed inside is for whoever parses it.

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** Why nothing more can be cut: what stands there begins no object, or the object is longer than it may be. */
export type Broken = 'malformed' | 'too-large'

export class JsonDocuments {
  readonly #bytesMax: number
  /** The beginning of a document that has not ended; `#size` bytes of it. */
  #held: Buffer = Buffer.alloc(0)
  #size = 0
  #depth = 0
  #isInString = false
  #isEscaped = false
  #broken: Broken | undefined

  /** `bytesMax` bounds a document. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Set for good once the text cannot be cut any further. */
  get broken(): Broken | undefined {
    return this.#broken
  }

  /** Bytes of a document that has begun and not ended. */
  get bytesHeld(): number {
    return this.#size
  }

  /** The documents that end in `chunk`; those that lie in it whole are views of it, where they are most of it. */
  push(chunk: Buffer): Buffer[] {
    const documents = this.#cut(chunk)
    const bytes = documents.reduce((sum, document) => sum + document.length, 0)
    // A view keeps the whole chunk: of a chunk of white space with one short document in it, that would be held uncounted.
    return 2 * bytes < chunk.length ? documents.map(document => (document.buffer === chunk.buffer ? Buffer.from(document) : document)) : documents
  }

  #cut(chunk: Buffer): Buffer[] {
    const documents: Buffer[] = []
    const { length } = chunk
    let depth = this.#depth
    let isInString = this.#isInString
    let isEscaped = this.#isEscaped
    let start = 0
    for (let at = 0; at < length && this.#broken === undefined; at++) {
      const byte = chunk[at]!
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === backslash) isEscaped = true
        else if (byte === quote) isInString = false
      } else if (byte === openBrace || byte === openBracket) {
        if (depth === 0) {
          start = at
          if (byte === openBracket) this.#broken = 'malformed'
        }
        depth++
      } else if (byte === closeBrace || byte === closeBracket) {
        if (depth === 0) this.#broken = 'malformed'
        else if (--depth === 0) {
          const document = this.#end(chunk, start, at + 1)
          if (document !== undefined) documents.push(document)
          start = at + 1
        }
      } else if (depth === 0) {
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#broken = 'malformed'
      } else if (byte === quote) isInString = true
    }
    this.#depth = depth
    this.#isInString = isInString
    this.#isEscaped = isEscaped
    if (depth > 0 && this.#broken === undefined) this.#hold(chunk, start, length)
    return documents
  }

  #end(chunk: Buffer, start: number, end: number): Buffer | undefined {
    if (this.#size === 0) {
      if (end - start <= this.#bytesMax) return chunk.subarray(start, end)
      this.#broken = 'too-large'
      return undefined
    }
    this.#hold(chunk, start, end)
    if (this.#broken !== undefined) return undefined
    const document = this.#held.subarray(0, this.#size)
    this.#held = Buffer.alloc(0)
    this.#size = 0
    return document
  }

  /** Copies, into room that doubles: a list of chunks of one byte would take a hundred times their size. */
  #hold(chunk: Buffer, start: number, end: number): void {
    const size = this.#size + end - start
    if (size > this.#bytesMax) {
      this.#broken = 'too-large'
      this.#held = Buffer.alloc(0)
      this.#size = 0
      return
    }
    if (size > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(2 * size, this.#bytesMax))
      this.#held.copy(grown, 0, 0, this.#size)
      this.#held = grown
    }
    chunk.copy(this.#held, this.#size, start, end)
    this.#size = size
  }
}
