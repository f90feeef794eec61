// Avro binary data as JSON text. For data that reader.ts has found good: nothing is checked again. Text and not values, so that longs keep all
// their digits.
import { type AvroType, branchName } from './schema.ts'
import type { Cursor } from './cursor.ts'

/** Reads one value and prints it. */
export type Print = (cursor: Cursor) => string

/** With `tagged`, union values as Avro's JSON encoding has them ({"string": "x"}), else plain. */
export function compileAvroPrinter(type: AvroType, { tagged }: { tagged: boolean }): Print {
  return new PrintCompiler(tagged).of(type)
}

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
        const tagOf = (branch: AvroType): string | undefined => (branch.kind === 'null' ? undefined : JSON.stringify(branchName(branch)))
        const branches = type.branches.map(branch => ({ print: this.#lazy(branch), tag: tagOf(branch) }))
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
