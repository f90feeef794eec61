// The parts of a JSON Schema document as the comparison needs them: references followed, the types a schema lets through, its content model, its items.
import { RE2JS } from 're2js'
import { isObject, type JsonObject } from '../exact-json.ts'
import type { JsonDocument } from './document.ts'

export type Node = JsonObject

/** Every JSON type; an integer is a number. */
const allTypes: ReadonlySet<string> = new Set(['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'])
const referencesFollowedMax = 32

export class JsonNodes {
  readonly root: unknown
  readonly #document: JsonDocument
  // A reference with keywords beside it stands for both; made once, so that pairs of nodes can be remembered.
  readonly #joined = new WeakMap<object, Node>()
  readonly #identified = new Map<string, { node: unknown; document: JsonDocument }>()
  readonly #home = new WeakMap<object, JsonDocument>()

  constructor(document: JsonDocument) {
    this.#document = document
    this.root = document.root
    this.#register(document, new Set())
  }

  /** What a schema says, its references followed: an object, true or false. Undefined where a reference leads nowhere this class can follow. */
  at(schema: unknown): Node | boolean | undefined {
    let node = schema
    for (let count = 0; count < referencesFollowedMax; count++) {
      if (typeof node === 'boolean') return node
      if (!isObject(node)) return undefined
      if (node['$dynamicRef'] !== undefined || node['$recursiveRef'] !== undefined) return undefined
      const { $ref: reference } = node
      if (typeof reference !== 'string') return node
      if (Object.keys(node).some(keyword => keyword !== '$ref' && !annotations.has(keyword))) return this.#join(node)
      const found = this.#find(reference, this.#home.get(node) ?? this.#document)
      if (found === undefined) return undefined
      node = found
    }
    return undefined
  }

  /** The types of the values it may accept: of `type`, else of its enum, else of the parts of a sum. 'number' always brings 'integer'. */
  typesOf(node: Node, depth = 0): ReadonlySet<string> {
    const { type } = node
    if (typeof type === 'string') return withIntegers([type])
    if (Array.isArray(type)) return withIntegers(type as string[])
    if (Object.hasOwn(node, 'const')) return withIntegers([typeName(node['const'])])
    if (Array.isArray(node['enum'])) return withIntegers(node['enum'].map(typeName))
    const sum = node['oneOf'] ?? node['anyOf']
    if (!Array.isArray(sum) || depth > 8) return allTypes
    const types = new Set<string>()
    for (const part of sum) {
      const resolved = this.at(part)
      if (resolved === false) continue
      if (typeof resolved !== 'object') return allTypes
      for (const each of this.typesOf(resolved, depth + 1)) types.add(each)
    }
    return types
  }

  acceptsAll(node: Node | boolean | undefined): boolean {
    return node === true || (typeof node === 'object' && Object.keys(node).every(keyword => annotations.has(keyword)))
  }

  #join(node: Node): Node {
    let joined = this.#joined.get(node)
    if (joined === undefined) {
      const { $ref, allOf, ...rest } = node
      const part = { $ref }
      this.#home.set(part, this.#home.get(node) ?? this.#document)
      joined = { ...rest, allOf: [...Array.isArray(allOf) ? allOf : [], part] }
      this.#joined.set(node, joined)
    }
    return joined
  }

  #find(reference: string, home: JsonDocument): unknown {
    const hash = reference.indexOf('#')
    const base = hash < 0 ? reference : reference.slice(0, hash)
    const fragment = hash < 0 ? '' : reference.slice(hash + 1)
    const start = base === '' ? { node: home.root, document: home } : this.#identified.get(base)
    if (start === undefined) return undefined
    if (fragment !== '' && !fragment.startsWith('/')) return this.#identified.get(`${base}#${fragment}`)?.node
    let node: unknown = start.node
    for (const token of fragment.split('/').slice(1)) {
      const name = decodeToken(token)
      if (Array.isArray(node)) node = node[Number(name)]
      else if (isObject(node) && Object.hasOwn(node, name)) node = node[name]
      else return undefined
    }
    return node
  }

  /** Names every schema with an identifier, and says of each object which document it is in. */
  #register(document: JsonDocument, seen: Set<JsonDocument>): void {
    if (seen.has(document)) return
    seen.add(document)
    const visit = (node: unknown): void => {
      if (Array.isArray(node)) return node.forEach(visit)
      if (!isObject(node)) return
      this.#home.set(node, document)
      if (typeof node['$id'] === 'string') this.#identified.set(node['$id'].replace(/#$/, ''), { node, document })
      if (typeof node['$anchor'] === 'string') this.#identified.set(`#${node['$anchor']}`, { node, document })
      Object.values(node).forEach(visit)
    }
    visit(document.root)
    for (const [name, known] of document.known) {
      this.#register(known, seen)
      this.#identified.set(name, { node: known.root, document: known })
    }
  }
}

export const open = Symbol('open')
export const closed = Symbol('closed')

/** What an object schema says of a property it does not list: anything goes, nothing goes, or the schema that covers it. */
export function coveringSchema(node: Node, name: string): unknown {
  const patterns = node['patternProperties']
  if (isObject(patterns)) {
    const matching = Object.entries(patterns).filter(([pattern]) => RE2JS.compile(RE2JS.translateRegExp(pattern)).test(name)).map(([, schema]) => schema)
    if (matching.length > 0) return matching.length === 1 ? matching[0] : { allOf: matching }
  }
  return coveringRest(node)
}

/** The same of a property that no pattern matches either. */
export function coveringRest(node: Node): unknown {
  const rest = restOf(node)
  return rest === true || (isObject(rest) && Object.keys(rest).length === 0) ? open : rest === false ? closed : rest
}

/** What is said of all properties that are not named, by themselves or by a pattern. */
export function restOf(node: Node): unknown {
  return node['additionalProperties'] ?? node['unevaluatedProperties'] ?? true
}

/** The items by position and what is said of those after them. Draft 2020-12 writes prefixItems and items, the others items and additionalItems. */
export function tupleOf(node: Node): { items: readonly unknown[]; rest: unknown } {
  if (Array.isArray(node['prefixItems'])) return { items: node['prefixItems'], rest: node['items'] ?? true }
  if (Array.isArray(node['items'])) return { items: node['items'], rest: node['additionalItems'] ?? true }
  return { items: [], rest: node['items'] ?? true }
}

/** The members of an array; none where it is not one. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The members of an object-valued keyword; none where it is not one. */
export function members(node: Node, keyword: string): JsonObject {
  const value = node[keyword]
  return isObject(value) ? value : {}
}

export function numberOf(node: Node, keyword: string): number | undefined {
  const value = node[keyword]
  return typeof value === 'number' ? value : undefined
}

const annotations: ReadonlySet<string> = new Set([
  '$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
])

function withIntegers(types: readonly string[]): ReadonlySet<string> {
  return types.includes('number') ? new Set([...types, 'integer']) : new Set(types)
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** A token of a JSON pointer in a URI fragment. */
function decodeToken(token: string): string {
  let text = token
  try {
    text = decodeURIComponent(token)
  } catch {
    // Not percent-encoded: the text stands for itself.
  }
  return text.replaceAll('~1', '/').replaceAll('~0', '~')
}
