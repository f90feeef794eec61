// The parts of a JSON Schema document as the comparison needs them: references followed, the types a schema lets through.
import { isDeepStrictEqual } from 'node:util'
import { RE2JS } from 're2js'
import { Lru } from '../../base/lru.ts'
import { isObject, type JsonObject } from '../exact-json.ts'
import type { JsonDocument } from './document.ts'
import { JsonReferences } from './references.ts'

export type Node = JsonObject

/** Every JSON type; an integer is a number. */
const allTypes: ReadonlySet<string> = new Set(['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'])
const referencesFollowedMax = 32
const typesDepthMax = 8

export class JsonNodes {
  readonly root: unknown
  readonly #document: JsonDocument
  readonly #references: JsonReferences
  // A reference with keywords beside it stands for both; made once, so that pairs of nodes can be remembered.
  readonly #joined = new WeakMap<object, Node>()
  readonly #made = new WeakMap<object, Map<string, Node>>()

  constructor(document: JsonDocument) {
    this.#document = document
    this.#references = new JsonReferences(document)
    this.root = document.root
  }

  /** What a schema says, its references followed: an object, true or false. Undefined where a reference leads nowhere this class can follow. */
  at(schema: unknown): Node | boolean | undefined {
    let node = schema
    for (let count = 0; count < referencesFollowedMax; count++) {
      if (typeof node === 'boolean') return node
      if (!isObject(node)) return undefined
      if (referenceKeywords.every(keyword => typeof (node as Node)[keyword] !== 'string')) return node
      if (Object.keys(node).some(keyword => !referenceKeywords.includes(keyword) && !annotations.has(keyword))) return this.#join(node)
      const found = this.#references.follow(node)
      if (found === undefined) return undefined
      node = found
    }
    return undefined
  }

  /** The same schema without some keywords, or with others: made once for a name, so that pairs of nodes can be remembered. */
  variant(node: Node, name: string, make: (node: Node) => Node): Node {
    let variants = this.#made.get(node)
    if (variants === undefined) this.#made.set(node, variants = new Map())
    let variant = variants.get(name)
    if (variant === undefined) {
      variants.set(name, variant = make(node))
      this.#references.adopt(variant, node)
    }
    return variant
  }

  /** The types of the values it may accept: of `type`, else of its enum, else of the parts of a sum; less what an allOf excludes. 'number' always brings 'integer'. */
  typesOf(node: Node, depth = 0): ReadonlySet<string> {
    let types = this.#ownTypes(node, depth)
    if (depth > typesDepthMax) return types
    for (const part of list(node['allOf'])) {
      const resolved = this.at(part)
      if (resolved === false) return new Set()
      if (typeof resolved === 'object') types = types.intersection(this.typesOf(resolved, depth + 1))
    }
    return types
  }

  #ownTypes(node: Node, depth: number): ReadonlySet<string> {
    const { type } = node
    if (typeof type === 'string') return withIntegers([type])
    if (Array.isArray(type)) return withIntegers(type as string[])
    if (Object.hasOwn(node, 'const')) return withIntegers([typeName(node['const'])])
    if (Array.isArray(node['enum'])) return withIntegers(node['enum'].map(typeName))
    const sum = node['oneOf'] ?? node['anyOf']
    if (!Array.isArray(sum) || depth > typesDepthMax) return allTypes
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

  /** Whether a part of this document means the same as a part of the other one, because it reads the same, and so does what it may refer to. */
  readsAs(mine: unknown, other: JsonNodes, theirs: unknown): boolean {
    return isDeepStrictEqual(mine, theirs) && (!hasReference(mine) || sameDocument(this.#document, other.#document, 0))
  }

  #join(node: Node): Node {
    let joined = this.#joined.get(node)
    if (joined === undefined) {
      const rest: Record<string, unknown> = {}
      const parts: unknown[] = [...list(node['allOf'])]
      for (const [keyword, value] of Object.entries(node)) if (!referenceKeywords.includes(keyword) && keyword !== '$id') rest[keyword] = value
      for (const keyword of referenceKeywords) {
        if (typeof node[keyword] !== 'string') continue
        const part = { [keyword]: node[keyword] }
        this.#references.adopt(part, node)
        parts.push(part)
      }
      joined = { ...rest, allOf: parts }
      this.#references.adopt(joined, node)
      this.#joined.set(node, joined)
    }
    return joined
  }
}

const referenceKeywords: readonly string[] = ['$ref', '$dynamicRef', '$recursiveRef']

function hasReference(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(hasReference)
  return isObject(value) && (referenceKeywords.some(keyword => keyword in value) || Object.values(value).some(hasReference))
}

function sameDocument(a: JsonDocument, b: JsonDocument, depth: number): boolean {
  if (a === b) return true
  if (depth > referencesFollowedMax || a.known.size !== b.known.size || !isDeepStrictEqual(a.root, b.root)) return false
  return [...a.known].every(([name, known]) => b.known.has(name) && sameDocument(known, b.known.get(name)!, depth + 1))
}

const patternsMax = 1_000
const patterns = new Lru<string, { test(text: string): boolean }>(patternsMax)

/** Whether a pattern of patternProperties matches a name. Imported schemas may have patterns that no linear-time engine takes: those match nothing. */
export function matches(pattern: string, name: string): boolean {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) patterns.set(pattern, compiled = compiledPattern(pattern))
  return compiled.test(name)
}

function compiledPattern(pattern: string): { test(text: string): boolean } {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern))
  } catch {
    return { test: () => false }
  }
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
  '$schema', '$id', '$anchor', '$dynamicAnchor', '$recursiveAnchor', '$comment', '$defs', 'definitions', 'title', 'description', 'default', 'examples',
  'deprecated', 'readOnly', 'writeOnly',
])

function withIntegers(types: readonly string[]): ReadonlySet<string> {
  return types.includes('number') ? new Set([...types, 'integer']) : new Set(types)
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}
