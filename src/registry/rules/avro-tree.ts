// Avro binary data as a tree. For data that the reader has found good: nothing is checked again.
import { Cursor } from '../avro/cursor.ts'
import { type AvroField, type AvroRecord, type AvroType, branchName, isNamed, type Properties } from '../avro/schema.ts'
import type { TaggedPaths } from './tagged-paths.ts'
import { type Field, type Leaf, type Member, type Tree, type TreeReader, tooManyValues, treeValuesMax } from './tree.ts'

type Build = (cursor: TreeCursor) => Tree

class TreeCursor extends Cursor {
  #valuesLeft = treeValuesMax

  count(): void {
    if (--this.#valuesLeft < 0) throw tooManyValues()
  }
}

/** Where schemas name the tags of a field or type. */
export const tagsProperty = 'confluent:tags'

export function compileAvroTree(root: AvroType, paths: TaggedPaths): TreeReader {
  const build = new TreeCompiler(paths).of(root)
  return (bytes, from) => build(new TreeCursor(bytes, from, bytes.length))
}

/** Every tag that stands in the schema itself. */
export function tagsInAvro(root: AvroType): readonly string[] {
  const tags = new Set<string>()
  const seen = new Set<AvroType>()
  const visit = (type: AvroType): void => {
    if (seen.has(type)) return
    seen.add(type)
    if (type.kind !== 'union') tagsOf(type.properties).forEach(tag => tags.add(tag))
    if (type.kind === 'union') type.branches.forEach(visit)
    else if (type.kind === 'array') visit(type.items)
    else if (type.kind === 'map') visit(type.values)
    else if (type.kind === 'record') {
      for (const field of type.fields) {
        tagsOf(field.properties).forEach(tag => tags.add(tag))
        visit(field.type)
      }
    }
  }
  visit(root)
  return [...tags]
}

function tagsOf(properties: Properties): readonly string[] {
  return textList(properties.find(([name]) => name === tagsProperty)?.[1])
}

/** The texts of a list; none where it is not one. */
export function textList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter(each => typeof each === 'string') : []
}

class TreeCompiler {
  readonly #paths: TaggedPaths
  readonly #compiled = new Map<AvroType, Build>()

  constructor(paths: TaggedPaths) {
    this.#paths = paths
  }

  of(type: AvroType): Build {
    const known = this.#compiled.get(type)
    if (known !== undefined) return known
    const plain = this.#compile(type)
    const tags = type.kind === 'union' ? [] : [...tagsOf(type.properties), ...isNamed(type) ? this.#paths.of(type.name.full) : []]
    const build: Build = tags.length === 0 ? plain : cursor => ({ kind: 'tagged', tags, tree: plain(cursor) })
    this.#compiled.set(type, build)
    return build
  }

  #compile(type: AvroType): Build {
    switch (type.kind) {
      case 'null': return () => nothing
      case 'boolean': return cursor => (cursor.bytes[cursor.at++] === 1 ? yes : no)
      case 'int': case 'long': {
        const typeName = type.kind === 'int' ? 'INT' : 'LONG'
        return cursor => {
          const whole = cursor.int() ?? cursor.long()!
          return { kind: 'leaf', typeName, value: BigInt(whole), json: String(whole) }
        }
      }
      case 'float': return cursor => floating('FLOAT', cursor.bytes.readFloatLE((cursor.at += 4) - 4))
      case 'double': return cursor => floating('DOUBLE', cursor.bytes.readDoubleLE((cursor.at += 8) - 8))
      case 'string': return cursor => {
        const length = cursor.int()!
        return text('STRING', cursor.bytes.toString('utf8', cursor.at, cursor.at += length))
      }
      case 'bytes': return cursor => {
        const length = cursor.int()!
        return binary('BYTES', cursor.bytes.subarray(cursor.at, cursor.at += length))
      }
      case 'fixed': return cursor => binary('FIXED', cursor.bytes.subarray(cursor.at, cursor.at += type.size))
      case 'enum': return cursor => text('ENUM', type.symbols[cursor.int()!]!)
      case 'union': {
        const branches = type.branches.map(branch => ({ build: this.#lazy(branch), name: branch.kind === 'null' ? undefined : branchName(branch) }))
        return cursor => {
          const { build, name } = branches[cursor.int()!]!
          return name === undefined ? build(cursor) : { kind: 'branch', name, tree: build(cursor) }
        }
      }
      case 'array': {
        const item = this.#lazy(type.items)
        return cursor => ({ kind: 'list', items: blocks(cursor, () => item(cursor)) })
      }
      case 'map': {
        const value = this.#lazy(type.values)
        return cursor => ({
          kind: 'members',
          members: blocks(cursor, (): Member => {
            const length = cursor.int()!
            return { name: cursor.bytes.toString('utf8', cursor.at, cursor.at += length), field: undefined, tree: value(cursor) }
          }),
        })
      }
      case 'record': {
        let fields: { readonly name: string; readonly field: Field; readonly build: Build }[] | undefined
        return cursor => {
          fields ??= type.fields.map(field => ({ name: field.name, field: this.#field(type, field), build: this.of(field.type) }))
          return {
            kind: 'members',
            members: fields.map(({ name, field, build }): Member => {
              cursor.count()
              return { name, field, tree: build(cursor) }
            }),
          }
        }
      }
    }
  }

  #field(record: AvroRecord, field: AvroField): Field {
    const fullName = `${record.name.full}.${field.name}`
    return { name: field.name, fullName, tags: [...new Set([...tagsOf(field.properties), ...this.#paths.of(fullName)])] }
  }

  #lazy(type: AvroType): Build {
    let build: Build | undefined
    return cursor => (build ??= this.of(type))(cursor)
  }
}

const nothing: Leaf = { kind: 'leaf', typeName: 'NULL', value: null, json: 'null' }
const yes: Leaf = { kind: 'leaf', typeName: 'BOOLEAN', value: true, json: 'true' }
const no: Leaf = { kind: 'leaf', typeName: 'BOOLEAN', value: false, json: 'false' }

function floating(typeName: 'FLOAT' | 'DOUBLE', value: number): Leaf {
  return { kind: 'leaf', typeName, value, json: Number.isFinite(value) ? String(value) : `"${value}"` }
}

function text(typeName: 'STRING' | 'ENUM', value: string): Leaf {
  return { kind: 'leaf', typeName, value, json: JSON.stringify(value) }
}

function binary(typeName: 'BYTES' | 'FIXED', value: Buffer): Leaf {
  return { kind: 'leaf', typeName, value, json: JSON.stringify(value.toString('latin1')) }
}

function blocks<T>(cursor: TreeCursor, item: () => T): T[] {
  const items: T[] = []
  for (let count = cursor.int()!; count !== 0; count = cursor.int()!) {
    if (count < 0) cursor.skipLong()
    for (let left = Math.abs(count); left > 0; left--) {
      cursor.count()
      items.push(item())
    }
  }
  return items
}
