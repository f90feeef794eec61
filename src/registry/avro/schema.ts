// Avro schemas: from JSON text to a tree whose names are resolved. The rules are those of Apache Avro's parser (specification 1.12): names, namespaces,
// duplicates, unions, and defaults that must fit their field. The tree may be cyclic: a recursive type points at itself.
import { InvalidSchema } from '../errors.ts'
import { isObject, type JsonObject, parseExactly, toInteger, toNumber } from '../exact-json.ts'

export type Primitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string'

export interface AvroName {
  /** Without its namespace. */
  readonly short: string
  /** '' where there is none. */
  readonly space: string
  readonly full: string
}

/** Attributes that Avro does not define, logicalType and its parameters among them; in the order they were written. */
export type Properties = readonly (readonly [name: string, value: unknown])[]

interface Common {
  readonly properties: Properties
}

interface Named extends Common {
  readonly name: AvroName
  readonly aliases: readonly AvroName[]
  readonly doc: string | undefined
}

export interface AvroPrimitive extends Common { readonly kind: Primitive }
export interface AvroArray extends Common { readonly kind: 'array'; readonly items: AvroType }
export interface AvroMap extends Common { readonly kind: 'map'; readonly values: AvroType }
export interface AvroUnion { readonly kind: 'union'; readonly branches: readonly AvroType[] }
export interface AvroFixed extends Named { readonly kind: 'fixed'; readonly size: number }
export interface AvroEnum extends Named { readonly kind: 'enum'; readonly symbols: readonly string[]; readonly default: string | undefined }
export interface AvroRecord extends Named { readonly kind: 'record'; readonly isError: boolean; readonly fields: readonly AvroField[] }
export type AvroNamed = AvroFixed | AvroEnum | AvroRecord
export type AvroType = AvroPrimitive | AvroArray | AvroMap | AvroUnion | AvroNamed

export interface AvroField extends Common {
  readonly name: string
  readonly aliases: readonly string[]
  readonly doc: string | undefined
  readonly type: AvroType
  /** Undefined where the field has no default; a default of null is `{ value: null }`. */
  readonly default: { readonly value: unknown } | undefined
  readonly order: 'ascending' | 'descending' | 'ignore'
}

export const namedTypesMax = 10_000
/** Checking a default against nested unions can take many tries; no honest schema needs more. */
const defaultStepsMax = 100_000

const primitives: ReadonlySet<string> = new Set<Primitive>(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
const reserved = {
  primitive: ['type'],
  array: ['type', 'items'],
  map: ['type', 'values'],
  named: ['type', 'name', 'namespace', 'doc', 'aliases', 'fields', 'symbols', 'size', 'items', 'values'],
  field: ['name', 'type', 'doc', 'default', 'order', 'aliases'],
} as const

export type NamedTypes = Map<string, AvroNamed>

/**
 * The schema in `text`. `known` has the named types of the schemas it refers to and takes those it defines. Throws InvalidSchema. `strict` checks names
 * and defaults too: new schemas are held to it, stored ones must stay readable.
 */
export function parseAvro(text: string, known: NamedTypes, { strict }: { strict: boolean }): AvroType {
  let json: unknown
  try {
    json = parseExactly(text)
  } catch (error) {
    throw new InvalidSchema((error as Error).message)
  }
  return new Parser(known, strict).parse(json)
}

export function isNamed(type: AvroType): type is AvroNamed {
  return type.kind === 'record' || type.kind === 'enum' || type.kind === 'fixed'
}

export function isPrimitive(name: string): boolean {
  return primitives.has(name)
}

/** How a union tells its branches apart, and how Avro's JSON encoding tags them. */
export function branchName(type: AvroType): string {
  return isNamed(type) ? type.name.full : type.kind
}

class Parser {
  readonly #named: NamedTypes
  readonly #strict: boolean
  readonly #checks: (() => void)[] = []
  #defaultSteps = 0

  constructor(named: NamedTypes, strict: boolean) {
    this.#named = named
    this.#strict = strict
  }

  parse(json: unknown): AvroType {
    const type = this.#type(json, '')
    // Defaults may be of types that are only complete once the whole schema is read.
    for (const check of this.#checks) check()
    return type
  }

  #type(json: unknown, space: string): AvroType {
    if (typeof json === 'string') return this.#reference(json, space)
    if (Array.isArray(json)) return this.#union(json, space)
    if (!isObject(json)) throw new InvalidSchema(`a schema is a name, an object or a union, not ${shown(json)}`)
    const { type } = json
    if (typeof type !== 'string') {
      if (type === undefined) throw new InvalidSchema(`No type: ${shown(json)}`)
      return this.#type(type, space)
    }
    if (primitives.has(type)) return { kind: type as Primitive, properties: properties(json, reserved.primitive) }
    switch (type) {
      case 'array': return { kind: 'array', items: this.#part(json, 'items', space), properties: properties(json, reserved.array) }
      case 'map': return { kind: 'map', values: this.#part(json, 'values', space), properties: properties(json, reserved.map) }
      case 'record': case 'error': return this.#record(json, space)
      case 'enum': return this.#enum(json, space)
      case 'fixed': return this.#fixed(json, space)
      default: return this.#reference(type, space)
    }
  }

  #part(json: JsonObject, name: 'items' | 'values', space: string): AvroType {
    if (json[name] === undefined) throw new InvalidSchema(`${String(json['type'])} has no ${name}: ${shown(json)}`)
    return this.#type(json[name], space)
  }

  #reference(name: string, space: string): AvroType {
    if (primitives.has(name)) return { kind: name as Primitive, properties: [] }
    const full = name.includes('.') || space === '' ? name : `${space}.${name}`
    // A name without a dot may also be one of the null namespace: specification 1.12, "Names".
    const found = this.#named.get(full) ?? this.#named.get(name)
    if (found !== undefined) return found
    throw new InvalidSchema(`"${full.slice(0, 255)}" is not a defined name. The type of a field must be a defined name or a {"type": ...} expression.`)
  }

  #union(json: readonly unknown[], space: string): AvroUnion {
    const branches = json.map(branch => this.#type(branch, space))
    const seen = new Set<string>()
    for (const branch of branches) {
      if (branch.kind === 'union') throw new InvalidSchema('Nested union: a union may not immediately contain another union')
      const name = branchName(branch)
      if (seen.has(name)) throw new InvalidSchema(`Duplicate in union:${name}`)
      seen.add(name)
    }
    return { kind: 'union', branches }
  }

  #record(json: JsonObject, space: string): AvroRecord {
    const fields: AvroField[] = []
    const record: AvroRecord = { kind: 'record', ...this.#header(json, space), isError: json['type'] === 'error', fields }
    this.#define(record)
    if (!Array.isArray(json['fields'])) throw new InvalidSchema(`record ${record.name.full} has no fields: ${shown(json)}`)
    const names = new Set<string>()
    for (const each of json['fields']) {
      const field = this.#field(each, record.name)
      if (names.has(field.name)) throw new InvalidSchema(`Duplicate field ${field.name} in record ${record.name.full}`)
      names.add(field.name)
      fields.push(field)
    }
    return record
  }

  /** Stored schemas may have names that new ones may not: they must stay readable. */
  #name(name: unknown, what: string): string {
    return validName(name, what, this.#strict)
  }

  #field(json: unknown, record: AvroName): AvroField {
    if (!isObject(json)) throw new InvalidSchema(`a field of record ${record.full} is not an object: ${shown(json)}`)
    const name = this.#name(json['name'], `a field of record ${record.full}`)
    if (json['type'] === undefined) throw new InvalidSchema(`field ${name} of record ${record.full} has no type`)
    const type = this.#type(json['type'], record.space)
    const order = json['order'] ?? 'ascending'
    if (order !== 'ascending' && order !== 'descending' && order !== 'ignore') throw new InvalidSchema(`field ${name} has an unknown order: ${shown(order)}`)
    const aliases = textList(json['aliases'], `aliases of field ${name}`)
    const field: AvroField = {
      name, aliases, type, order, doc: docOf(json),
      default: Object.hasOwn(json, 'default') ? { value: json['default'] } : undefined,
      properties: properties(json, reserved.field),
    }
    if (this.#strict && field.default !== undefined) {
      const { value } = field.default
      this.#checks.push(() => {
        if (!this.#fits(type, value)) throw new InvalidSchema(`Invalid default for field ${name}: ${shown(value)} not a ${branchesOf(type)}`)
      })
    }
    return field
  }

  #enum(json: JsonObject, space: string): AvroEnum {
    const common = this.#header(json, space)
    const { full } = common.name
    const symbols = textList(json['symbols'] ?? null, `symbols of enum ${full}`)
    const seen = new Set<string>()
    for (const symbol of symbols) {
      this.#name(symbol, `a symbol of enum ${full}`)
      if (seen.has(symbol)) throw new InvalidSchema(`Duplicate enum symbol: ${symbol}`)
      seen.add(symbol)
    }
    const fallback = json['default']
    const isSymbol = typeof fallback === 'string' && seen.has(fallback)
    if (this.#strict && fallback !== undefined && !isSymbol) {
      throw new InvalidSchema(`The Enum Default: ${typeof fallback === 'string' ? fallback : shown(fallback)} is not in the enum symbol set: [${symbols.join(', ')}]`)
    }
    // One that is no symbol is never taken; it stays a property, so that the text keeps it.
    const type: AvroEnum = isSymbol
      ? { kind: 'enum', ...common, symbols, default: fallback, properties: properties(json, [...reserved.named, 'default']) }
      : { kind: 'enum', ...common, symbols, default: undefined }
    this.#define(type)
    return type
  }

  #fixed(json: JsonObject, space: string): AvroFixed {
    const size = toInteger(json['size'])
    if (size === undefined || size < 0n || size > 0x7fffffffn) throw new InvalidSchema(`Invalid or no size: ${shown(json)}`)
    const type: AvroFixed = { kind: 'fixed', ...this.#header(json, space), size: Number(size) }
    this.#define(type)
    return type
  }

  #header(json: JsonObject, space: string): Omit<AvroFixed, 'kind' | 'size'> {
    if (typeof json['name'] !== 'string') throw new InvalidSchema(`No name in schema: ${shown(json)}`)
    const name = nameOf(json['name'], json['namespace'], space, this.#strict)
    const aliases = textList(json['aliases'], `aliases of ${name.full}`).map(alias => nameOf(alias, undefined, name.space, false))
    return { name, aliases, doc: docOf(json), properties: properties(json, reserved.named) }
  }

  #define(type: AvroNamed): void {
    const { full } = type.name
    if (primitives.has(full)) throw new InvalidSchema(`Schemas may not be named after primitives: ${full}`)
    if (this.#named.has(full)) throw new InvalidSchema(`Can't redefine: ${full}`)
    if (this.#named.size >= namedTypesMax) throw new InvalidSchema(`more than ${namedTypesMax} named types`)
    this.#named.set(full, type)
  }

  /** Whether a default fits: specification, "Complex Types"; of a union any branch may take it (Avro 1.12). Defaults of bytes and fixed are ISO-8859-1 text. */
  #fits(type: AvroType, value: unknown): boolean {
    if (++this.#defaultSteps > defaultStepsMax) throw new InvalidSchema(`the defaults take more than ${defaultStepsMax} steps to check`)
    switch (type.kind) {
      case 'null': return value === null
      case 'boolean': return typeof value === 'boolean'
      case 'int': return inRange(value, 31n)
      case 'long': return inRange(value, 63n)
      case 'float': case 'double': return toNumber(value) !== undefined
      case 'string': return typeof value === 'string'
      case 'bytes': return isLatin1(value)
      case 'fixed': return isLatin1(value) && value.length === type.size
      case 'enum': return typeof value === 'string' && type.symbols.includes(value)
      case 'array': return Array.isArray(value) && value.every(item => this.#fits(type.items, item))
      case 'map': return isObject(value) && Object.values(value).every(each => this.#fits(type.values, each))
      case 'union': return type.branches.some(branch => this.#fits(branch, value))
      case 'record':
        return isObject(value) && type.fields.every(field => {
          if (Object.hasOwn(value, field.name)) return this.#fits(field.type, value[field.name])
          return field.default !== undefined
        })
    }
  }
}

/** A name with a dot is a full name; else `namespace` applies, else the enclosing one. */
function nameOf(name: string, namespace: unknown, enclosing: string, strict: boolean): AvroName {
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string') throw new InvalidSchema(`a namespace is text, not ${shown(namespace)}`)
  const dot = name.lastIndexOf('.')
  const space = dot >= 0 ? name.slice(0, dot) : namespace ?? enclosing
  const short = validName(name.slice(dot + 1), 'a name', strict)
  if (space !== '') for (const part of space.split('.')) validName(part, `namespace ${space.slice(0, 255)}`, strict)
  return { short, space, full: space === '' ? short : `${space}.${short}` }
}

function validName(name: unknown, what: string, strict: boolean): string {
  if (typeof name !== 'string') throw new InvalidSchema(`${what} has no name, but ${shown(name)}`)
  if (name === '') throw new InvalidSchema(`Empty name: ${what}`)
  if (name.length > 1024 || (strict && !namePattern.test(name))) throw new InvalidSchema(`Illegal character in: ${name.slice(0, 255)} (${what})`)
  return name
}

function docOf(json: JsonObject): string | undefined {
  return typeof json['doc'] === 'string' ? json['doc'] : undefined
}

function textList(value: unknown, what: string): readonly string[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || !value.every(each => typeof each === 'string')) throw new InvalidSchema(`${what} is not an array of names: ${shown(value)}`)
  return value as string[]
}

function properties(json: JsonObject, without: readonly string[]): Properties {
  return Object.entries(json).filter(([name]) => !without.includes(name))
}

function inRange(value: unknown, bits: bigint): boolean {
  const whole = toInteger(value)
  return whole !== undefined && whole >= -(1n << bits) && whole < 1n << bits
}

function isLatin1(value: unknown): value is string {
  return typeof value === 'string' && !/[^\u0000-\u00ff]/.test(value)
}

function branchesOf(type: AvroType): string {
  return type.kind === 'union' ? JSON.stringify(type.branches.map(branchName)) : JSON.stringify(branchName(type))
}

/** A piece of a schema in a message: enough to find it by. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`
}
