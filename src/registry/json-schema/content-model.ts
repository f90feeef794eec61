// What an object schema says of its properties: which it names, and of the others whether anything goes, nothing goes, or which schema covers them. In Confluent's
// words its content model is open, closed or partially open. `unevaluatedProperties` looks beyond the schema itself: what the parts of an allOf and their
// like say of a property counts there too, unlike for `additionalProperties`.
import { isObject } from '../exact-json.ts'
import { type JsonNodes, list, matches, members, type Node } from './nodes.ts'

export const open = Symbol('open')
export const closed = Symbol('closed')
/** Anything, nothing, or what this schema accepts. */
export type Cover = typeof open | typeof closed | unknown

export interface ContentModel {
  /** By name: what a value of the property must be, as far as is said here. As of a writer, it may be more than is let through, and never less. */
  readonly properties: ReadonlyMap<string, unknown>
  /** What covers a name that is not among the properties. */
  cover(name: string): Cover
  /** What covers all names that no pattern matches either. */
  readonly rest: Cover
  /** Where `rest` was said. */
  readonly restKeyword: 'additionalProperties' | 'unevaluatedProperties'
}

const partsFollowedMax = 16

/** The model as a writer's: every property that values may have is under one of its covers. */
export function writtenModel(nodes: JsonNodes, node: Node): ContentModel {
  const own = ownModel(node)
  if (own.restKeyword === 'additionalProperties' || own.rest === open || !hasParts(node)) return own
  // Values may have whatever any part evaluates. What a part says that always holds is known of them; else the property may be anything.
  const properties = new Map(own.properties)
  let isOpen = false
  const collect = (part: unknown, always: boolean, depth: number): void => {
    const resolved = nodes.at(part)
    if (resolved === true || resolved === false) return
    if (resolved === undefined || depth > partsFollowedMax) return void (isOpen = true)
    for (const keyword of ['additionalProperties', 'unevaluatedProperties', 'patternProperties']) {
      if (resolved[keyword] !== undefined && resolved[keyword] !== false) isOpen = true
    }
    for (const [name, schema] of Object.entries(members(resolved, 'properties'))) {
      const before = properties.get(name)
      if (!always) properties.set(name, before ?? true)
      else if (before === undefined || before === true) properties.set(name, schema)
    }
    for (const [each, holds] of partsOf(resolved)) collect(each, always && holds, depth + 1)
  }
  for (const [part, always] of partsOf(node)) collect(part, always, 0)
  if (!isOpen) return { ...own, properties }
  return { properties, cover: name => (own.cover(name) === own.rest ? open : own.cover(name)), rest: open, restKeyword: own.restKeyword }
}

/** The model as a reader's: what it lets through, it lets through whatever else holds. */
export function readModel(nodes: JsonNodes, node: Node): ContentModel {
  const own = ownModel(node)
  if (own.restKeyword === 'additionalProperties' || own.rest === open || !hasParts(node)) return own
  // A property that a part evaluates which always holds is none of the rest; what it must be, the part itself is asked.
  const evaluated = new Set<string>()
  let evaluatesAll = false
  const collect = (part: unknown, depth: number): void => {
    const resolved = nodes.at(part)
    if (typeof resolved !== 'object' || depth > partsFollowedMax) return
    if (resolved['additionalProperties'] !== undefined || resolved['unevaluatedProperties'] !== undefined) evaluatesAll = true
    for (const name of Object.keys(members(resolved, 'properties'))) evaluated.add(name)
    for (const [each, holds] of partsOf(resolved)) if (holds) collect(each, depth + 1)
  }
  for (const [part, always] of partsOf(node)) if (always) collect(part, 0)
  if (evaluatesAll) return { ...own, cover: name => (own.cover(name) === own.rest ? open : own.cover(name)), rest: open }
  return { ...own, cover: name => (evaluated.has(name) ? open : own.cover(name)) }
}

/** The model without a look at any part. */
export function ownModel(node: Node): ContentModel {
  const properties = new Map(Object.entries(members(node, 'properties')))
  const patterns = Object.entries(members(node, 'patternProperties'))
  const restKeyword = node['additionalProperties'] === undefined && node['unevaluatedProperties'] !== undefined ? 'unevaluatedProperties' : 'additionalProperties'
  const said = node[restKeyword] ?? true
  const rest = said === true || (isObject(said) && Object.keys(said).length === 0) ? open : said === false ? closed : said
  const covers = new Map<string, Cover>()
  const cover = (name: string): Cover => {
    if (patterns.length === 0) return rest
    let found = covers.get(name)
    if (found === undefined) {
      const matching = patterns.filter(([pattern]) => matches(pattern, name)).map(([, schema]) => schema)
      covers.set(name, found = matching.length === 0 ? rest : matching.length === 1 ? matching[0] : { allOf: matching })
    }
    return found
  }
  return { properties, cover, rest, restKeyword }
}

function hasParts(node: Node): boolean {
  return partKeywords.some(keyword => node[keyword] !== undefined)
}

const partKeywords = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas', 'dependencies'] as const

/** The schemas that are applied to the same value, each with whether it always holds of a value that fits. */
function* partsOf(node: Node): Generator<readonly [schema: unknown, always: boolean]> {
  for (const part of list(node['allOf'])) yield [part, true]
  for (const keyword of ['anyOf', 'oneOf'] as const) for (const part of list(node[keyword])) yield [part, false]
  for (const keyword of ['if', 'then', 'else'] as const) if (node[keyword] !== undefined) yield [node[keyword], false]
  for (const keyword of ['dependentSchemas', 'dependencies'] as const) for (const part of Object.values(members(node, keyword))) if (!Array.isArray(part)) yield [part, false]
}
