// Options as .proto text has them: read into UninterpretedOption, the form of descriptor.proto for what no schema has been applied to yet, and printed from
// it as Confluent's server prints them. A value in braces is kept as canonical text-format text.
import { create, isFieldSet } from '@bufbuild/protobuf'
import { type UninterpretedOption, UninterpretedOptionSchema } from '@bufbuild/protobuf/wkt'
import { type Token, Tokens } from './tokens.ts'

export const nestingMax = 64
const uint64Max = 2n ** 64n - 1n
const int64Min = -(2n ** 63n)

/** `name = value`, as it stands behind `option` and within brackets. */
export function readOption(tokens: Tokens): UninterpretedOption {
  const name = readOptionName(tokens)
  tokens.expect('=')
  const option = create(UninterpretedOptionSchema, { name })
  if (tokens.isNext('{')) {
    option.aggregateValue = printFields(readBraces(tokens, 1), false)
    return option
  }
  const isNegative = tokens.takeIf('-')
  if (!isNegative) tokens.takeIf('+')
  const token = tokens.next
  if (token.kind === 'string' && !isNegative) option.stringValue = readStrings(tokens)
  else if (token.kind === 'name') {
    tokens.take()
    if (!isNegative) option.identifierValue = token.text
    else if (token.text === 'inf' || token.text === 'nan') option.doubleValue = token.text === 'inf' ? -Infinity : NaN
    else tokens.fail('expected a number', token)
  } else if (token.kind === 'number') {
    const integer = readInteger(tokens.take())
    const value = integer === undefined ? undefined : isNegative ? -integer : integer
    if (value === undefined || value > uint64Max || value < int64Min) option.doubleValue = readNumber(tokens, token) * (isNegative ? -1 : 1)
    else if (isNegative) option.negativeIntValue = value
    else option.positiveIntValue = value
  } else tokens.fail('expected an option\'s value')
  return option
}

/** `[a = 1, (b).c = 2]`, where there is one. */
export function readOptionList(tokens: Tokens): UninterpretedOption[] {
  if (!tokens.takeIf('[')) return []
  const options: UninterpretedOption[] = []
  do options.push(readOption(tokens))
  while (tokens.takeIf(','))
  tokens.expect(']')
  return options
}

function readOptionName(tokens: Tokens): { namePart: string; isExtension: boolean }[] {
  const parts: { namePart: string; isExtension: boolean }[] = []
  do {
    if (tokens.takeIf('(')) {
      const dot = tokens.takeIf('.') ? '.' : ''
      parts.push({ namePart: dot + readFullName(tokens), isExtension: true })
      tokens.expect(')')
    } else parts.push({ namePart: readName(tokens), isExtension: false })
  } while (tokens.takeIf('.'))
  return parts
}

export function readName(tokens: Tokens): string {
  const token = tokens.next
  if (token.kind !== 'name') tokens.fail('expected a name')
  tokens.take()
  return token.text
}

/** A name with dots in it; not one that begins with a dot. */
export function readFullName(tokens: Tokens): string {
  let name = readName(tokens)
  while (tokens.takeIf('.')) name += `.${readName(tokens)}`
  return name
}

/** One string, or several that stand side by side. */
export function readStrings(tokens: Tokens): Buffer {
  const parts: Buffer[] = []
  for (let token = tokens.next; token.kind === 'string'; token = tokens.next) {
    parts.push(token.bytes)
    tokens.take()
  }
  if (parts.length === 0) tokens.fail('expected a string')
  return Buffer.concat(parts)
}

/** Decimal, hexadecimal or octal; undefined for what is no whole number. */
export function readInteger(token: Token): bigint | undefined {
  if (token.kind !== 'number' || token.text.length > 32) return undefined
  if (/^0[xX][0-9A-Fa-f]+$|^(?:0|[1-9]\d*)$/.test(token.text)) return BigInt(token.text)
  return /^0[0-7]+$/.test(token.text) ? BigInt(`0o${token.text.slice(1)}`) : undefined
}

export function readNumber(tokens: Tokens, token: Token): number {
  const integer = readInteger(token)
  if (integer !== undefined) return Number(integer)
  if (token.kind !== 'number' || !/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?$/.test(token.text)) tokens.fail('expected a number', token)
  return Number.parseFloat(token.text)
}

type Value = { readonly text: string } | { readonly list: Value[] } | { readonly fields: Fields }
/** What a name is given more than once is a list. */
type Fields = Map<string, Value>

function readBraces(tokens: Tokens, depth: number): Fields {
  if (depth > nestingMax) tokens.fail(`nested more than ${nestingMax} deep`)
  const end = tokens.takeIf('<') ? '>' : '}'
  if (end === '}') tokens.expect('{')
  const fields: Fields = new Map()
  while (!tokens.takeIf(end)) {
    const name = readFieldName(tokens)
    const hasColon = tokens.takeIf(':')
    if (!hasColon && !tokens.isNext('{') && !tokens.isNext('<')) tokens.fail('expected \':\'')
    const value = readValue(tokens, depth)
    const earlier = fields.get(name)
    if (earlier === undefined) fields.set(name, value)
    else {
      const list = 'list' in earlier ? earlier.list : [earlier]
      for (const each of 'list' in value ? value.list : [value]) list.push(each)
      fields.set(name, { list })
    }
    if (!tokens.takeIf(',')) tokens.takeIf(';')
  }
  return fields
}

/** `name`, `[full.name]` or `[type.googleapis.com/full.name]`. */
function readFieldName(tokens: Tokens): string {
  if (!tokens.takeIf('[')) return readName(tokens)
  let name = readFullName(tokens)
  if (tokens.takeIf('/')) name += `/${readFullName(tokens)}`
  tokens.expect(']')
  return `[${name}]`
}

function readValue(tokens: Tokens, depth: number): Value {
  if (tokens.isNext('{') || tokens.isNext('<')) return { fields: readBraces(tokens, depth + 1) }
  if (tokens.takeIf('[')) {
    if (depth >= nestingMax) tokens.fail(`nested more than ${nestingMax} deep`)
    const list: Value[] = []
    if (tokens.takeIf(']')) return { list }
    do list.push(readValue(tokens, depth + 1))
    while (tokens.takeIf(','))
    tokens.expect(']')
    return { list }
  }
  const sign = tokens.takeIf('-') ? '-' : ''
  const token = tokens.next
  if (token.kind === 'string' && sign === '') return { text: quoted(readStrings(tokens)) }
  if (token.kind !== 'name' && token.kind !== 'number') tokens.fail('expected a value')
  tokens.take()
  return { text: sign + token.text }
}

/** What stands between the braces of a value, in canonical form; `sort` puts its fields in the order of their names and writes a list of one as that one. */
export function canonicalAggregate(text: string, { sort }: { sort: boolean }): string {
  return printFields(readBraces(new Tokens(`{${text}}`), 1), sort)
}

/** The same, unsorted, with a field that is this list of strings, in its old place or at the end, or is not there where the list is empty. */
export function aggregateWithList(text: string, name: string, list: readonly string[]): string {
  const fields = readBraces(new Tokens(`{${text}}`), 1)
  if (list.length === 0) fields.delete(name)
  else fields.set(name, { list: list.map(each => ({ text: quoted(Buffer.from(each)) })) })
  return printFields(fields, false)
}

function printFields(fields: Fields, sort: boolean): string {
  const isEmpty = (value: Value): boolean => 'list' in value && value.list.length === 0
  const names = sort ? [...fields.keys()].filter(name => !isEmpty(fields.get(name)!)).toSorted() : [...fields.keys()]
  return names.map((name, index) => indented(`${name}: ${printValue(fields.get(name)!, sort)}${index < names.length - 1 ? ',' : ''}`)).join('')
}

function printValue(value: Value, sort: boolean): string {
  if ('text' in value) return value.text
  if ('fields' in value) return `{\n${printFields(value.fields, sort)}}`
  if (sort && value.list.length === 1) return printValue(value.list[0]!, sort)
  return `[\n${value.list.map((each, index) => indented(`${printValue(each, sort)}${index < value.list.length - 1 ? ',' : ''}`)).join('')}]`
}

/** `name = value`, without a line break at its end. */
export function printOption(option: UninterpretedOption): string {
  return `${optionName(option)} = ${valueText(option)}`
}

function valueText(option: UninterpretedOption): string {
  const is = (field: keyof typeof UninterpretedOptionSchema.field): boolean => isFieldSet(option, UninterpretedOptionSchema.field[field])
  if (is('aggregateValue')) return `{\n${option.aggregateValue}}`
  if (is('stringValue')) return quoted(Buffer.from(option.stringValue))
  if (is('positiveIntValue')) return String(option.positiveIntValue)
  if (is('negativeIntValue')) return String(option.negativeIntValue)
  return is('doubleValue') ? floatText(option.doubleValue) : option.identifierValue
}

/** The value of a message that the option's first name stands for, as text-format text: of `(a).b.(c) = 1`, `b: { [c]: 1 }`. */
export function optionFields(option: UninterpretedOption): string {
  const [last, ...outer] = option.name.slice(1).map(part => (part.isExtension ? `[${part.namePart}]` : part.namePart)).toReversed()
  if (last === undefined) return option.aggregateValue
  return outer.reduce((text, name) => `${name}: { ${text} }`, `${last}: ${valueText(option)}`)
}

export function optionName({ name }: UninterpretedOption): string {
  return name.map(part => (part.isExtension ? `(${part.namePart})` : part.namePart)).join('.')
}

/** As .proto text and descriptors write a float or double. */
export function floatText(value: number): string {
  return Number.isNaN(value) ? 'nan' : Number.isFinite(value) ? String(value) : value > 0 ? 'inf' : '-inf'
}

/** `[a]`, or one option a line. */
export function printOptionList(options: readonly string[]): string {
  if (options.length === 0) return ''
  if (options.length === 1) return ` [${options[0]}]`
  return ` [\n${options.map((option, index) => indented(`${option}${index < options.length - 1 ? ',' : ''}`)).join('')}]`
}

/** Each line two columns further in; the last one ended. */
export function indented(text: string): string {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map(line => `  ${line}\n`).join('')
}

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'], ['\b', '\\b'], ['\f', '\\f'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\v', '\\v'], ['\\', '\\\\'], ['\'', '\\\''], ['"', '\\"'],
])

/** As a string literal: text as text, bytes that are none in octal. */
export function quoted(bytes: Buffer): string {
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? `"${text.replace(/[\u0000-\u001f\u007f\\'"]/g, escaped)}"` : `"${escapedBytes(bytes)}"`
}

/** In printable ASCII, as descriptor.proto has the default value of a bytes field. */
export function escapedBytes(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[^\u0020-\u007e]|[\\'"]/g, escaped)
}

function escaped(char: string): string {
  return shortEscapes.get(char) ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`
}
