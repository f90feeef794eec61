// The tokens of .proto text (proto2, proto3, editions), one at a time: names, numbers, strings, single symbols. Comments and space are passed over.
import { InvalidSchema } from '../errors.ts'

export type Token =
  | { readonly kind: 'name'; readonly text: string; readonly at: number }
  | { readonly kind: 'number'; readonly text: string; readonly at: number }
  /** What the escapes stand for; need not be UTF-8. */
  | { readonly kind: 'string'; readonly bytes: Buffer; readonly at: number }
  | { readonly kind: 'symbol'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number }

/** Whatever is built from a text takes a token at least, so that this bounds it. An honest schema has a token for every five bytes. */
const tokensMax = 250_000
const spacePattern = /[\s\ufeff]+/y
const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y
const numberPattern = /(?:\d|\.\d)(?:[eE][+-]|[A-Za-z0-9_.])*/y
const plainPattern = { '"': /[^"\\\n]*/y, '\'': /[^'\\\n]*/y } as const
const escapePattern = /\\(?:[abfnrtv?\\'"]|[0-7]{1,3}|[xX][0-9A-Fa-f]{1,2}|u[0-9A-Fa-f]{4}|U(?:000[0-9A-Fa-f]{5}|0010[0-9A-Fa-f]{4}))/y
const symbols = '{}[]()<>=;,.:/-+'
const escapes: ReadonlyMap<string, number> = new Map(
  [['a', 7], ['b', 8], ['f', 12], ['n', 10], ['r', 13], ['t', 9], ['v', 11], ['?', 0x3f], ['\\', 0x5c], ['\'', 0x27], ['"', 0x22]],
)

export class Tokens {
  readonly #text: string
  #at = 0
  #count = 0
  #next: Token

  constructor(text: string) {
    this.#text = text
    this.#next = this.#read()
  }

  /** The token that comes next, left where it is. */
  get next(): Token {
    return this.#next
  }

  take(): Token {
    const token = this.#next
    if (token.kind !== 'end') this.#next = this.#read()
    return token
  }

  /** Whether the next token is this symbol or name; it is taken if so. */
  takeIf(text: string): boolean {
    if (!this.isNext(text)) return false
    this.take()
    return true
  }

  isNext(text: string): boolean {
    return (this.#next.kind === 'symbol' || this.#next.kind === 'name') && this.#next.text === text
  }

  expect(text: string): void {
    if (!this.takeIf(text)) this.fail(`expected '${text}'`)
  }

  /** Throws InvalidSchema with line and column (counted from 1) of the token, the next one unless given. */
  fail(reason: string, token: Token = this.#next): never {
    const found = token.kind === 'end' ? 'the end of the text' : token.kind === 'string' ? 'a string' : `'${token.text.slice(0, 64)}'`
    throw this.#fault(token.at, token === this.#next ? `${reason}, found ${found}` : reason)
  }

  #fault(at: number, reason: string): InvalidSchema {
    const before = this.#text.slice(0, at)
    const line = before.split('\n').length
    return new InvalidSchema(`Syntax error in ${line}:${at - before.lastIndexOf('\n')}: ${reason}`)
  }

  #read(): Token {
    this.#skip()
    const at = this.#at
    const text = this.#text
    if (++this.#count > tokensMax) throw this.#fault(at, `the text has more than ${tokensMax} tokens`)
    if (at >= text.length) return { kind: 'end', text: '', at }
    const name = this.#match(namePattern)
    if (name !== '') return { kind: 'name', text: name, at }
    const number = this.#match(numberPattern)
    if (number !== '') return { kind: 'number', text: number, at }
    const char = text[at]!
    if (char === '"' || char === '\'') return { kind: 'string', bytes: this.#string(char), at }
    if (!symbols.includes(char)) throw this.#fault(at, `unexpected character '${String.fromCodePoint(text.codePointAt(at)!)}'`)
    this.#at++
    return { kind: 'symbol', text: char, at }
  }

  #skip(): void {
    const text = this.#text
    for (;;) {
      this.#match(spacePattern)
      if (text[this.#at] !== '/') return
      const mark = text[this.#at + 1]
      if (mark !== '/' && mark !== '*') return
      const end = mark === '/' ? text.indexOf('\n', this.#at) : text.indexOf('*/', this.#at + 2)
      if (end < 0 && mark === '*') throw this.#fault(this.#at, 'the comment does not end')
      this.#at = end < 0 ? text.length : end + (mark === '/' ? 1 : 2)
    }
  }

  #string(quote: '"' | '\''): Buffer {
    const from = this.#at++
    const parts: Buffer[] = []
    for (;;) {
      const plain = this.#match(plainPattern[quote])
      if (plain !== '') parts.push(Buffer.from(plain))
      if (this.#text[this.#at] === quote) break
      if (this.#text[this.#at] !== '\\') throw this.#fault(from, 'the string does not end')
      const escape = this.#match(escapePattern)
      if (escape === '') throw this.#fault(this.#at, 'the string has an escape that is none')
      parts.push(unescaped(escape))
    }
    this.#at++
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }
}

function unescaped(escape: string): Buffer {
  const letter = escape[1]!
  if (letter === 'u' || letter === 'U') return Buffer.from(String.fromCodePoint(Number.parseInt(escape.slice(2), 16)))
  if (letter === 'x' || letter === 'X') return Buffer.of(Number.parseInt(escape.slice(2), 16))
  const known = escapes.get(letter)
  return Buffer.of(known ?? Number.parseInt(escape.slice(1), 8) & 0xff)
}
