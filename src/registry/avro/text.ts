// An Avro schema as text: the canonical form that Confluent stores and compares (what Java's Schema.toString prints), and the normalised form in which
// two schemas that differ only in spelling are equal: canonical too, of a schema whose aliases and properties are in the order of their names, whose empty
// docs are left out, and whose errors are records.
import { type AvroField, type AvroName, type AvroNamed, type AvroType, isNamed, isPrimitive, type Properties } from './schema.ts'
import { sorted } from '../exact-json.ts'

export interface AvroTextOptions {
  readonly normalize: boolean
  /** Names defined elsewhere, printed as references. Without them every type is spelt out: what Confluent calls the format `resolved`. */
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
      default: return type.properties.length === 0 ? type.kind : Object.fromEntries([['type', type.kind], ...this.#logical(type.properties)])
    }
  }

  #named(type: AvroNamed, space: string): unknown {
    const { name } = type
    if (this.#printed.has(name.full)) return this.#qualified(name, space)
    this.#printed.add(name.full)
    const members: Members = [['type', type.kind === 'record' && type.isError && !this.#normalize ? 'error' : type.kind], ['name', name.short]]
    // '' leaves an enclosing namespace again.
    if (name.space !== space) members.push(['namespace', name.space])
    if (type.doc !== undefined && !(this.#normalize && type.doc === '')) members.push(['doc', type.doc])
    if (type.kind === 'record') members.push(['fields', type.fields.map(field => this.#field(field, name.space))])
    else if (type.kind === 'enum') {
      members.push(['symbols', type.symbols])
      if (type.default !== undefined) members.push(['default', type.default])
    } else members.push(['size', type.size])
    members.push(...type.kind === 'fixed' ? this.#logical(type.properties) : this.#properties(type.properties))
    if (type.aliases.length > 0) members.push(['aliases', this.#aliases(type.aliases.map(alias => alias.full)).map(full => relative(full, name.space))])
    return Object.fromEntries(members)
  }

  #field(field: AvroField, space: string): unknown {
    const members: Members = [['name', field.name], ['type', this.print(field.type, space)]]
    if (field.doc !== undefined) members.push(['doc', field.doc])
    if (field.default !== undefined) members.push(['default', this.#normalize ? sorted(field.default.value) : field.default.value])
    if (field.order !== 'ascending') members.push(['order', field.order])
    if (field.aliases.length > 0) members.push(['aliases', this.#aliases(field.aliases)])
    return Object.fromEntries([...members, ...this.#properties(field.properties)])
  }

  /** A name as a reference. One that would read as a primitive's keeps its namespace. */
  #qualified(name: AvroName, space: string): string {
    return name.space === space && !isPrimitive(name.short) ? name.short : name.full
  }

  #aliases(aliases: readonly string[]): readonly string[] {
    return this.#normalize ? [...new Set(aliases)].toSorted() : aliases
  }

  /** The properties of primitives and fixeds: normalised, the logical type and what it is measured by come first. */
  #logical(properties: Properties): Members {
    const members = this.#properties(properties)
    return this.#normalize ? [...members.filter(([name]) => logicalFirst.includes(name)), ...members.filter(([name]) => !logicalFirst.includes(name))] : members
  }

  #properties(properties: Properties): Members {
    const own = properties.map(([name, value]): [string, unknown] => [name, this.#normalize ? sorted(value) : value])
    return this.#normalize ? own.toSorted(([a], [b]) => (a < b ? -1 : 1)) : own
  }
}

const logicalFirst: readonly string[] = ['logicalType', 'precision', 'scale']

/** An alias as it is written within a namespace. */
function relative(full: string, space: string): string {
  const dot = full.lastIndexOf('.')
  return space !== '' && full.slice(0, Math.max(dot, 0)) === space ? full.slice(dot + 1) : full
}
