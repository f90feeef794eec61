// Avro binary data held against its schema without making a value of it, and printed as JSON. Untrusted: lengths are checked against what is there, nesting is
// bounded, and arrays of items that take no bytes are refused (a count of 2^31 costs six bytes). Faults are found by walking, so that nothing is thrown per record.
import { isUtf8 } from 'node:buffer'
import { type AvroRecord, type AvroType, branchName } from './avro.ts'
import { pointerToken, type SchemaFault } from './fault.ts'

/** Records within records of a recursive schema. */
export const dataDepthMax = 256
/** Records per byte of data, beyond a first few: records without bytes can hold each other exponentially often. */
const recordsPerByteMax = 64
const recordsFreeCount = 10_000
const shortTextMax = 48

/** Of an array whose count alone could fill the memory. */
export const emptyItems = 'has items that take no bytes, which are not taken in arrays'

export interface AvroReader {
  /** Null where the bytes from `from` to the end are exactly one value of the schema. */
  check(bytes: Buffer, from: number): SchemaFault | null
  /** JSON text of the value. With `tagged`, union values as Avro's JSON encoding has them ({"string": "x"}), else plain. Longs keep all their digits. */
  toJson(bytes: Buffer, from: number, how: { tagged: boolean }): string | SchemaFault
}

export function compileAvroReader(type: AvroType): AvroReader {
  const walk = new WalkCompiler().of(type)
  const print = { plain: new PrintCompiler(false).of(type), tagged: new PrintCompiler(true).of(type) }
  const check = (bytes: Buffer, from: number): SchemaFault | null => {
    const cursor = new Cursor(bytes, from)
    if (!walk(cursor)) return { pointer: cursor.pointer, reason: cursor.reason }
    return cursor.at === bytes.length ? null : { pointer: '', reason: `${bytes.length - cursor.at} bytes follow the end of the value` }
  }
  return {
    check,
    toJson(bytes, from, { tagged }) {
      const fault = check(bytes, from)
      return fault ?? (tagged ? print.tagged : print.plain)(new Cursor(bytes, from))
    },
  }
}

/** Reads on; false with a reason where the data is at fault. Whoever is on the way out puts its token before the pointer. */
type Walk = (cursor: Cursor) => boolean

class Cursor {
  readonly bytes: Buffer
  at: number
  depth = 0
  recordsLeft: number
  pointer = ''
  reason = ''

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
    this.recordsLeft = recordsFreeCount + recordsPerByteMax * bytes.length
  }

  fail(reason: string): false {
    this.reason = reason
    return false
  }

  under(token: string | number): false {
    this.pointer = pointerToken(token) + this.pointer
    return false
  }

  skip(count: number): boolean {
    if (count > this.bytes.length - this.at) return this.fail(`${count} bytes are needed where ${this.bytes.length - this.at} are left`)
    this.at += count
    return true
  }

  /** A zig-zag varint of up to 32 bits; undefined where it is longer or cut off. */
  int(): number | undefined {
    const { bytes } = this
    let at = this.at
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      // Only four bits of the fifth byte are left for 32.
      if (shift === 28 && byte > 0x0f) return undefined
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.at = at
        return (value >>> 1) ^ -(value & 1)
      }
    }
    return undefined
  }

  /** Past a zig-zag varint of up to 64 bits. */
  skipLong(): boolean {
    const { bytes } = this
    let at = this.at
    for (let count = 1; count <= 10; count++) {
      const byte = bytes[at++]
      if (byte === undefined) return false
      if (byte >= 0x80) continue
      if (count === 10 && byte > 1) return false
      this.at = at
      return true
    }
    return false
  }

  /** For data that was checked. */
  long(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.bytes[this.at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
  }

  /** A length or count; a long in Avro, but none that fits the bytes here is longer than an int. */
  length(): number | undefined {
    const length = this.int()
    return length === undefined || length < 0 ? undefined : length
  }
}

class WalkCompiler {
  readonly #compiled = new Map<AvroType, Walk>()

  of(type: AvroType): Walk {
    const known = this.#compiled.get(type)
    if (known !== undefined) return known
    const walk = this.#compile(type)
    this.#compiled.set(type, walk)
    return walk
  }

  #compile(type: AvroType): Walk {
    switch (type.kind) {
      case 'null': return () => true
      case 'boolean': return cursor => {
        const byte = cursor.bytes[cursor.at]
        if (byte === undefined) return cursor.fail('the data ends where a boolean is expected')
        cursor.at++
        return byte <= 1 || cursor.fail(`a boolean is 0 or 1, not ${byte}`)
      }
      case 'int': return cursor => cursor.int() !== undefined || cursor.fail('is not an int: longer than 32 bits, or cut off')
      case 'long': return cursor => cursor.skipLong() || cursor.fail('is not a long: longer than 64 bits, or cut off')
      case 'float': return cursor => cursor.skip(4)
      case 'double': return cursor => cursor.skip(8)
      case 'fixed': return cursor => cursor.skip(type.size)
      case 'bytes': return cursor => {
        const length = cursor.length()
        return length === undefined ? cursor.fail('has no valid length') : cursor.skip(length)
      }
      case 'string': return walkString
      case 'enum': return cursor => {
        const index = cursor.int()
        return (index !== undefined && index >= 0 && index < type.symbols.length) || cursor.fail(`${index ?? 'cut off'} is not an index into the ${type.symbols.length} symbols of enum ${type.name.full}`)
      }
      case 'union': {
        const branches = type.branches.map(branch => this.#lazy(branch))
        return cursor => {
          const index = cursor.int()
          const branch = index === undefined ? undefined : branches[index]
          return branch === undefined ? cursor.fail(`${index ?? 'cut off'} is not an index into the ${branches.length} branches of a union`) : branch(cursor)
        }
      }
      case 'array': {
        const item = this.#lazy(type.items)
        let itemsAreEmpty: boolean | undefined
        return cursor => walkBlocks(cursor, itemsAreEmpty ??= isZeroWidth(type.items), index => item(cursor) || cursor.under(index))
      }
      case 'map': {
        const value = this.#lazy(type.values)
        return cursor => walkBlocks(cursor, false, () => {
          const keyAt = cursor.at
          return walkString(cursor) && (value(cursor) || cursor.under(keyText(cursor.bytes, keyAt)))
        })
      }
      case 'record': return this.#record(type)
    }
  }

  /** Named types may point at themselves, or chain deeper than the stack: compiled when data first gets there. */
  #lazy(type: AvroType): Walk {
    let walk: Walk | undefined
    return cursor => (walk ??= this.of(type))(cursor)
  }

  #record(type: AvroRecord): Walk {
    let fields: { readonly name: string; readonly walk: Walk }[] | undefined
    return cursor => {
      fields ??= type.fields.map(field => ({ name: field.name, walk: this.of(field.type) }))
      if (++cursor.depth > dataDepthMax) return cursor.fail(`is nested more than ${dataDepthMax} records deep`)
      if (--cursor.recordsLeft < 0) return cursor.fail('has more records than its bytes can hold')
      for (const field of fields) if (!field.walk(cursor)) return cursor.under(field.name)
      cursor.depth--
      return true
    }
  }
}

function walkString(cursor: Cursor): boolean {
  const length = cursor.length()
  if (length === undefined) return cursor.fail('has no valid length')
  const { at, bytes } = cursor
  if (!cursor.skip(length)) return false
  // Short plain ASCII is most of what there is, and cheaper to see here than by a call.
  let plainTo = at
  if (length <= shortTextMax) while (plainTo < cursor.at && bytes[plainTo]! < 0x80) plainTo++
  return plainTo === cursor.at || isUtf8(bytes.subarray(plainTo, cursor.at)) || cursor.fail('is not UTF-8')
}

/** Blocks of items: a count, or a negative count and the size in bytes, until a count of 0. */
function walkBlocks(cursor: Cursor, itemsAreEmpty: boolean, item: (index: number) => boolean): boolean {
  let index = 0
  for (;;) {
    const count = cursor.int()
    if (count === undefined) return cursor.fail('a block has no valid count')
    if (count === 0) return true
    if (itemsAreEmpty) return cursor.fail(emptyItems)
    let end = -1
    if (count < 0) {
      const size = cursor.length()
      if (size === undefined || size > cursor.bytes.length - cursor.at) return cursor.fail('a block has no valid size')
      end = cursor.at + size
    }
    const items = Math.abs(count)
    // Each item takes a byte at least.
    if (items > cursor.bytes.length - cursor.at) return cursor.fail(`a block of ${items} items in ${cursor.bytes.length - cursor.at} bytes`)
    for (let left = items; left > 0; left--) if (!item(index++)) return false
    if (end >= 0 && cursor.at !== end) return cursor.fail('a block is not as long as it says')
  }
}

/** Whether values of the type take no bytes: nothing that takes any can be reached through the fields of records. */
export function isZeroWidth(type: AvroType): boolean {
  const reached = new Set([type])
  // A set may grow while it is gone through: every type is looked at once.
  for (const each of reached) {
    if (each.kind === 'record') for (const field of each.fields) reached.add(field.type)
    else if (each.kind !== 'null' && !(each.kind === 'fixed' && each.size === 0)) return false
  }
  return true
}

function keyText(bytes: Buffer, at: number): string {
  const cursor = new Cursor(bytes, at)
  const length = cursor.int()!
  return bytes.toString('utf8', cursor.at, cursor.at + length)
}

type Print = (cursor: Cursor) => string

/** JSON of data that a walk has found good. */
class PrintCompiler {
  readonly #tagged: boolean
  readonly #compiled = new Map<AvroType, Print>()

  constructor(tagged: boolean) {
    this.#tagged = tagged
  }

  of(type: AvroType): Print {
    const known = this.#compiled.get(type)
    if (known !== undefined) return known
    const print = this.#compile(type)
    this.#compiled.set(type, print)
    return print
  }

  #compile(type: AvroType): Print {
    switch (type.kind) {
      case 'null': return () => 'null'
      case 'boolean': return cursor => (cursor.bytes[cursor.at++] === 1 ? 'true' : 'false')
      case 'int': return cursor => String(cursor.int())
      case 'long': return cursor => String(cursor.int() ?? cursor.long())
      case 'float': return cursor => decimal(cursor.bytes.readFloatLE((cursor.at += 4) - 4))
      case 'double': return cursor => decimal(cursor.bytes.readDoubleLE((cursor.at += 8) - 8))
      case 'string': return cursor => {
        const length = cursor.int()!
        return JSON.stringify(cursor.bytes.toString('utf8', cursor.at, cursor.at += length))
      }
      case 'bytes': return cursor => {
        const length = cursor.int()!
        return JSON.stringify(cursor.bytes.toString('latin1', cursor.at, cursor.at += length))
      }
      case 'fixed': return cursor => JSON.stringify(cursor.bytes.toString('latin1', cursor.at, cursor.at += type.size))
      case 'enum': {
        const symbols = type.symbols.map(symbol => JSON.stringify(symbol))
        return cursor => symbols[cursor.int()!]!
      }
      case 'union': {
        const branches = type.branches.map(branch => ({ print: this.#lazy(branch), tag: branch.kind === 'null' ? undefined : JSON.stringify(branchName(branch)) }))
        const isTagged = this.#tagged
        return cursor => {
          const { print, tag } = branches[cursor.int()!]!
          return isTagged && tag !== undefined ? `{${tag}:${print(cursor)}}` : print(cursor)
        }
      }
      case 'array': {
        const item = this.#lazy(type.items)
        return cursor => `[${printBlocks(cursor, () => item(cursor))}]`
      }
      case 'map': {
        const value = this.#lazy(type.values)
        return cursor => `{${printBlocks(cursor, () => {
          const length = cursor.int()!
          const key = JSON.stringify(cursor.bytes.toString('utf8', cursor.at, cursor.at += length))
          return `${key}:${value(cursor)}`
        })}}`
      }
      case 'record': {
        let fields: { readonly name: string; readonly print: Print }[] | undefined
        return cursor => {
          fields ??= type.fields.map(field => ({ name: JSON.stringify(field.name), print: this.of(field.type) }))
          let text = '{'
          for (const { name, print } of fields) text += `${text.length > 1 ? ',' : ''}${name}:${print(cursor)}`
          return `${text}}`
        }
      }
    }
  }

  #lazy(type: AvroType): Print {
    let print: Print | undefined
    return cursor => (print ??= this.of(type))(cursor)
  }
}

function printBlocks(cursor: Cursor, item: () => string): string {
  let text = ''
  for (let count = cursor.int()!; count !== 0; count = cursor.int()!) {
    if (count < 0) cursor.skipLong()
    for (let left = Math.abs(count); left > 0; left--) text += `${text === '' ? '' : ','}${item()}`
  }
  return text
}

/** JSON has no word for what is not a number; Avro's own JSON encoding writes it as text. */
function decimal(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`
}
