// Avro binary data held against its schema without making a value of it, and printed as JSON. Untrusted: lengths are checked against what is there, nesting is
// bounded, and arrays of items that take no bytes are refused (a count of 2^31 costs six bytes). Faults are found by walking, so that nothing is thrown
// per record.
import { isUtf8 } from 'node:buffer'
import type { AvroRecord, AvroType } from './schema.ts'
import { Cursor } from './cursor.ts'
import { compileAvroPrinter } from './printer.ts'
import type { SchemaFault } from '../fault.ts'

/** Records within records of a recursive schema. */
export const dataDepthMax = 256
const shortTextMax = 48

/** Of an array whose count alone could fill the memory. */
export const emptyItems = 'has items that take no bytes, which are not taken in arrays'

export interface AvroReader {
  /** Null where the bytes from `from` to `end` (that of the buffer unless given) are exactly one value of the schema. */
  check(bytes: Buffer, from: number, end?: number): SchemaFault | null
  /** JSON text of the value. With `tagged`, union values as Avro's JSON encoding has them ({"string": "x"}), else plain. Longs keep all their digits. */
  toJson(bytes: Buffer, from: number, how: { tagged: boolean }): string | SchemaFault
}

export function compileAvroReader(type: AvroType): AvroReader {
  const walk = new WalkCompiler().of(type)
  const print = { plain: compileAvroPrinter(type, { tagged: false }), tagged: compileAvroPrinter(type, { tagged: true }) }
  const check = (bytes: Buffer, from: number, end = bytes.length): SchemaFault | null => {
    const cursor = new Cursor(bytes, from, end)
    if (!walk(cursor)) return { pointer: cursor.pointer, reason: cursor.reason }
    return cursor.at === end ? null : { pointer: '', reason: `${end - cursor.at} bytes follow the end of the value` }
  }
  return {
    check,
    toJson(bytes, from, { tagged }) {
      const fault = check(bytes, from)
      return fault ?? (tagged ? print.tagged : print.plain)(new Cursor(bytes, from, bytes.length))
    },
  }
}

/** Reads on; false with a reason where the data is at fault. Whoever is on the way out puts its token before the pointer. */
type Walk = (cursor: Cursor) => boolean

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
        if (cursor.at >= cursor.end) return cursor.fail('the data ends where a boolean is expected')
        const byte = cursor.bytes[cursor.at++]!
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
        return (index !== undefined && index >= 0 && index < type.symbols.length)
          || cursor.fail(`${index ?? 'cut off'} is not an index into the ${type.symbols.length} symbols of enum ${type.name.full}`)
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
  // Short plain ASCII is most of what there is, and cheaper to see here than by a call, which wants a view of its own.
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
      if (size === undefined || size > cursor.end - cursor.at) return cursor.fail('a block has no valid size')
      end = cursor.at + size
    }
    const items = Math.abs(count)
    // Each item takes a byte at least.
    if (items > cursor.end - cursor.at) return cursor.fail(`a block of ${items} items in ${cursor.end - cursor.at} bytes`)
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
  const cursor = new Cursor(bytes, at, bytes.length)
  const length = cursor.int()!
  return bytes.toString('utf8', cursor.at, cursor.at + length)
}
