// An Avro schema as text: the canonical form that Confluent stores and compares (what Java's Schema.toString prints), and the normalised form in which
// two schemas that differ only in spelling are equal.
import { type AvroField, type AvroName, type AvroNamed, type AvroType, isNamed, type Properties } from './schema.ts'
import { sorted } from '../exact-json.ts'

export interface AvroTextOptions {
  /** Full names and attributes in a fixed order, properties sorted. */
  readonly normalize: boolean
  /** Names defined elsewhere, printed as references. */
  readonly known: ReadonlySet<string>
}

/** Minified. Keeps doc, aliases, defaults, order and custom properties; each named type is spelt out where it is first met. */
export function avroText(type: AvroType, options: AvroTextOptions): string {
  return JSON.stringify(new Printer(options).print(type, ''))
}

type Members = [name: string, value: unknown][]

class Printer {
  readonly #normalize: boolean
  readonly #printed: Set<string>

  constructor(options: AvroTextOptions) {
    this.#normalize = options.normalize
    this.#printed = new Set(options.known)
  }

  print(type: AvroType, space: string): unknown {
    if (isNamed(type)) return this.#named(type, space)
    switch (type.kind) {
      case 'union': return type.branches.map(branch => this.print(branch, space))
      case 'array': return Object.fromEntries([['type', 'array'], ['items', this.print(type.items, space)], ...this.#properties(type.properties)])
      case 'map': return Object.fromEntries([['type', 'map'], ['values', this.print(type.values, space)], ...this.#properties(type.properties)])
      default: return type.properties.length === 0 ? type.kind : Object.fromEntries([['type', type.kind], ...this.#properties(type.properties)])
    }
  }

  #named(type: AvroNamed, space: string): unknown {
    const { name } = type
    if (this.#printed.has(name.full)) return this.#qualified(name, space)
    this.#printed.add(name.full)
    const members: Members = [['type', type.kind === 'record' && type.isError ? 'error' : type.kind]]
    if (this.#normalize) members.push(['name', name.full])
    else {
      members.push(['name', name.short])
      // '' leaves an enclosing namespace again.
      if (name.space !== space) members.push(['namespace', name.space])
    }
    if (type.doc !== undefined) members.push(['doc', type.doc])
    if (type.kind === 'record') members.push(['fields', type.fields.map(field => this.#field(field, name.space))])
    else if (type.kind === 'enum') {
      members.push(['symbols', type.symbols])
      if (type.default !== undefined) members.push(['default', type.default])
    } else members.push(['size', type.size])
    members.push(...this.#properties(type.properties))
    if (type.aliases.length > 0) members.push(['aliases', type.aliases.map(alias => this.#qualified(alias, name.space))])
    return Object.fromEntries(members)
  }

  #field(field: AvroField, space: string): unknown {
    const members: Members = [['name', field.name], ['type', this.print(field.type, space)]]
    if (field.doc !== undefined) members.push(['doc', field.doc])
    if (field.default !== undefined) members.push(['default', this.#normalize ? sorted(field.default.value) : field.default.value])
    if (field.order !== 'ascending') members.push(['order', field.order])
    if (field.aliases.length > 0) members.push(['aliases', field.aliases])
    return Object.fromEntries([...members, ...this.#properties(field.properties)])
  }

  #qualified(name: AvroName, space: string): string {
    return !this.#normalize && name.space === space ? name.short : name.full
  }

  #properties(properties: Properties): Members {
    const own = properties.map(([name, value]): [string, unknown] => [name, this.#normalize ? sorted(value) : value])
    return this.#normalize ? own.toSorted(([a], [b]) => (a < b ? -1 : 1)) : own
  }
}
