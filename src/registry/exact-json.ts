// JSON text of schemas, kept exactly: numbers that a double cannot hold or would print otherwise (1.0, 9223372036854775807) stay as written, so that
// canonical text says what its author said. Depth and size are judged before the parser sees the text.
import { parseJsonText } from '../base/json.ts'

export const schemaBytesMax = 1024 * 1024
export const schemaDepthMax = 64

declare global {
  interface JSON {
    /** ES2026 (JSON.parse source text access); not yet in TypeScript's library. */
    rawJSON(text: string): RawJson
    isRawJSON(value: unknown): value is RawJson
  }
}

export interface RawJson {
  readonly rawJSON: string
}

export type JsonObject = { readonly [name: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
}

/** The value, with raw JSON where a number's text matters. SyntaxError on bad text and on text nested deeper than schemaDepthMax. */
export function parseExactly(text: string): unknown {
  const depth = depthOf(text)
  if (depth > schemaDepthMax) throw new SyntaxError(`nested ${depth} deep, where at most ${schemaDepthMax} are allowed`)
  return parseJsonText(text, keepNumber)
}

/** How deep the brackets of a JSON text nest, strings aside. */
export function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++
    } else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (code === 0x7d || code === 0x5d) depth--
  }
  return deepest
}

/** A number from parseExactly as a double. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return JSON.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

/** A whole number from parseExactly, exact to any size; undefined where it is none. */
export function toInteger(value: unknown): bigint | undefined {
  const text = JSON.isRawJSON(value) ? value.rawJSON : typeof value === 'number' ? String(value) : ''
  return /^-?\d{1,40}$/.test(text) ? BigInt(text) : undefined
}

/** A deep copy with members in the order of their names: two texts that differ in that order only become equal. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.keys(value).toSorted().map(name => [name, sorted(value[name])]))
}

/** For parseJsonText: numbers whose text matters as raw JSON. */
export function keepNumber(_name: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  return typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value
}
