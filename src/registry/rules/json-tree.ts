// JSON payloads as trees, with the types and tags of their JSON Schema. At each place of a payload all schemas count that could apply there, whatever the value
// makes of their conditions: a tag in any branch of an anyOf is a tag of the place. Where a reference cannot be followed, the place has every tag.
import { RE2JS } from 're2js'
import { parseJsonText } from '../../base/json.ts'
import { isObject, keepNumber, toInteger, toNumber } from '../exact-json.ts'
import type { JsonDocument } from '../json-schema/document.ts'
import { JsonNodes, list, members, type Node } from '../json-schema/nodes.ts'
import { tagsProperty, textList } from './avro-tree.ts'
import type { TaggedPaths } from './tagged-paths.ts'
import { type Field, type Leaf, type Member, type Tree, type TreeReader, tooManyValues, treeValuesMax } from './tree.ts'

/** Schemas that apply at one place; more are not looked at. */
const nodesPerPlaceMax = 1_000
const placesKeptMax = 10_000
const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }

export function compileJsonTree(document: JsonDocument, paths: TaggedPaths, allTags: readonly string[]): TreeReader {
  const places = new Places(document, allTags)
  return (bytes, from) => {
    const text = bytes.toString('utf8', from, bytes.length)
    return new TreeBuilder(places, paths).build(parseJsonText(text, inexact.test(text) ? keepNumber : undefined), places.root, '$')
  }
}

/** Some number in the text may print otherwise than it is written: only then is it worth the time to keep how each is. */
const inexact = /\d[eE]|\d[\d.]{15}|\.\d*0(?!\d)|\.0{6}|-0/

/** Every tag that stands in the document or one it refers to. */
export function tagsInJson(document: JsonDocument): readonly string[] {
  const tags = new Set<string>()
  const seen = new Set<JsonDocument>()
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    else if (isObject(node)) {
      textList(node[tagsProperty]).forEach(tag => tags.add(tag))
      Object.values(node).forEach(visit)
    }
  }
  const take = (each: JsonDocument): void => {
    if (seen.has(each)) return
    seen.add(each)
    visit(each.root)
    each.known.forEach(take)
  }
  take(document)
  return [...tags]
}

/** What the schemas say of one place. */
interface Place {
  readonly nodes: readonly Node[]
  readonly tags: readonly string[]
  /** How a number is to be taken; undefined by how it is written. */
  readonly numbers: 'INT' | 'DOUBLE' | undefined
  readonly isEnum: boolean
  readonly properties: Map<string, Place>
  /** That of every property that is not declared; undefined until one comes. */
  rest: Place | undefined
  readonly items: Map<number, Place>
  readonly tupleLength: number
  readonly hasPatterns: boolean
}

class Places {
  readonly root: Place
  readonly #nodes: JsonNodes
  readonly #allTags: readonly string[]
  readonly #ids = new WeakMap<Node, number>()
  readonly #known = new Map<string, Place>()
  readonly #patterns = new WeakMap<Node, readonly (readonly [RE2JS, unknown])[]>()
  #idLast = 0

  constructor(document: JsonDocument, allTags: readonly string[]) {
    this.#nodes = new JsonNodes(document)
    this.#allTags = allTags
    this.root = this.#place([document.root])
  }

  property(place: Place, name: string): Place {
    const known = place.properties.get(name)
    if (known !== undefined) return known
    const isDeclared = place.nodes.some(node => Object.hasOwn(members(node, 'properties'), name))
    // All that is declared nowhere is one place, unless patterns tell names apart.
    const isRest = !isDeclared && !place.hasPatterns
    if (isRest && place.rest !== undefined) return place.rest
    const found = this.#place(place.nodes.flatMap(node => this.#ofProperty(node, name)))
    if (this.#isFull) return found
    if (isDeclared) place.properties.set(name, found)
    else if (isRest) place.rest = found
    return found
  }

  item(place: Place, index: number): Place {
    const position = Math.min(index, place.tupleLength)
    const known = place.items.get(position)
    if (known !== undefined) return known
    const found = this.#place(place.nodes.flatMap(node => itemSchemas(node, position)))
    if (!this.#isFull) place.items.set(position, found)
    return found
  }

  /** There are too many places for any more to be kept. */
  get #isFull(): boolean {
    return this.#known.size >= placesKeptMax
  }

  #ofProperty(node: Node, name: string): unknown[] {
    const declared = members(node, 'properties')
    const schemas: unknown[] = Object.hasOwn(declared, name) ? [declared[name]] : []
    for (const [pattern, schema] of this.#patternsOf(node)) if (pattern.test(name)) schemas.push(schema)
    return schemas.length > 0 ? schemas : [node['additionalProperties'], node['unevaluatedProperties']]
  }

  #patternsOf(node: Node): readonly (readonly [RE2JS, unknown])[] {
    let patterns = this.#patterns.get(node)
    if (patterns === undefined) {
      patterns = Object.entries(members(node, 'patternProperties')).map(([pattern, schema]) => [RE2JS.compile(RE2JS.translateRegExp(pattern)), schema])
      this.#patterns.set(node, patterns)
    }
    return patterns
  }

  #place(schemas: readonly unknown[]): Place {
    const { nodes, isWhole } = this.#expand(schemas)
    const key = isWhole ? nodes.map(node => this.#idOf(node)).toSorted((one, other) => one - other).join(' ') : 'unknown'
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const types = nodes.flatMap(node => (typeof node['type'] === 'string' ? [node['type']] : textList(node['type'])))
    const place: Place = {
      nodes,
      tags: isWhole ? [...new Set(nodes.flatMap(node => textList(node[tagsProperty])))] : this.#allTags,
      numbers: types.includes('number') ? 'DOUBLE' : types.includes('integer') ? 'INT' : undefined,
      isEnum: nodes.some(node => Object.hasOwn(node, 'enum') || Object.hasOwn(node, 'const')),
      properties: new Map(), rest: undefined, items: new Map(),
      tupleLength: Math.max(0, ...nodes.map(node => Math.max(list(node['items']).length, list(node['prefixItems']).length))),
      hasPatterns: nodes.some(node => Object.hasOwn(node, 'patternProperties')),
    }
    if (!this.#isFull) this.#known.set(key, place)
    return place
  }

  /** The schemas and all that they apply at the same place. Not whole where one of them cannot be found. */
  #expand(schemas: readonly unknown[]): { nodes: readonly Node[]; isWhole: boolean } {
    const nodes = new Set<Node>()
    const waiting = [...schemas]
    let isWhole = true
    while (waiting.length > 0) {
      const schema = waiting.pop()
      if (schema === undefined || typeof schema === 'boolean') continue
      const node = this.#nodes.at(schema)
      if (node === undefined) isWhole = false
      if (typeof node !== 'object' || nodes.has(node)) continue
      if (nodes.size === nodesPerPlaceMax) return { nodes: [...nodes], isWhole: false }
      nodes.add(node)
      for (const keyword of ['allOf', 'anyOf', 'oneOf']) waiting.push(...list(node[keyword]))
      for (const keyword of ['if', 'then', 'else', 'not']) waiting.push(node[keyword])
      for (const keyword of ['dependentSchemas', 'dependencies']) waiting.push(...Object.values(members(node, keyword)).filter(each => !Array.isArray(each)))
    }
    return { nodes: [...nodes], isWhole }
  }

  #idOf(node: Node): number {
    let id = this.#ids.get(node)
    if (id === undefined) this.#ids.set(node, id = ++this.#idLast)
    return id
  }
}

function itemSchemas(node: Node, position: number): unknown[] {
  const { items } = node
  const positional = list(node['prefixItems'])[position] ?? list(items)[position]
  const rest = [node['contains'], node['unevaluatedItems']]
  if (positional !== undefined) return [positional, ...rest]
  return [Array.isArray(items) ? node['additionalItems'] : items, ...rest]
}

class TreeBuilder {
  readonly #places: Places
  readonly #paths: TaggedPaths
  #valuesLeft = treeValuesMax

  constructor(places: Places, paths: TaggedPaths) {
    this.#places = places
    this.#paths = paths
  }

  build(value: unknown, place: Place, path: string): Tree {
    const tree = this.#of(value, place, path)
    return place.tags.length === 0 ? tree : { kind: 'tagged', tags: place.tags, tree }
  }

  #of(value: unknown, place: Place, path: string): Tree {
    if (--this.#valuesLeft < 0) throw tooManyValues()
    if (Array.isArray(value)) return { kind: 'list', items: value.map((item, index) => this.build(item, this.#places.item(place, index), path)) }
    if (!isObject(value)) return leafOf(value, place)
    return {
      kind: 'members',
      members: Object.entries(value).map(([name, member]): Member => {
        const fullName = `${path}.${name}`
        const at = this.#places.property(place, name)
        const byPath = this.#paths.of(fullName)
        const field: Field = { name, fullName, tags: byPath.length === 0 ? at.tags : [...new Set([...byPath, ...at.tags])] }
        return { name, field, tree: this.#of(member, at, fullName) }
      }),
    }
  }
}

function leafOf(value: unknown, place: Place): Leaf {
  const json = JSON.stringify(value)
  const typed = (typeName: Leaf['typeName'], typedValue: Leaf['value']): Leaf => ({ kind: 'leaf', typeName: place.isEnum ? 'ENUM' : typeName, value: typedValue, json })
  if (value === null) return { kind: 'leaf', typeName: 'NULL', value: null, json }
  if (typeof value === 'string') return typed('STRING', value)
  if (typeof value === 'boolean') return typed('BOOLEAN', value)
  const number = toNumber(value)!
  const whole = toInteger(value) ?? (place.numbers === 'INT' && Number.isSafeInteger(number) ? BigInt(number) : undefined)
  if (whole === undefined || place.numbers === 'DOUBLE' || whole < int64.min || whole > int64.max) return typed('DOUBLE', number)
  return typed('INT', whole)
}
