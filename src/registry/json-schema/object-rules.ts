// Objects in the comparison of two JSON Schemas: properties that come and go under an open, closed or partially open content model, which are required, and
// what depends on what.
import type { JsonObject } from '../exact-json.ts'
import type { Rules } from './compatibility.ts'
import { closed, type ContentModel, type Cover, open, ownModel, readModel, writtenModel } from './content-model.ts'
import { list, matches, members, type Node } from './nodes.ts'

/** Whether every object that `from` accepts is accepted by `to`, as far as properties go. */
export function compareObjects(rules: Rules, from: Node, to: Node, path: string): boolean {
  // Where both sides have the same parts, the same is evaluated, and what the parts evaluate need not be known.
  const isSame = from['unevaluatedProperties'] !== undefined && to['unevaluatedProperties'] !== undefined && sameParts(rules, from, to)
  const written = isSame ? ownModel(from) : writtenModel(rules.old, from)
  const read = isSame ? ownModel(to) : readModel(rules.new, to)
  const checks = [required(rules, from, to, { written, read }, path)]
  for (const name of new Set([...written.properties.keys(), ...read.properties.keys()])) {
    const at = `${path}/properties/${name}`
    if (!read.properties.has(name)) checks.push(uncovered(rules, written.properties.get(name), read.cover(name), at))
    else if (written.properties.has(name)) checks.push(rules.compare(written.properties.get(name), read.properties.get(name), at))
    else checks.push(propertyAdded(rules, { from, to, written, read }, name, at))
  }
  checks.push(
    dependencies(rules, from, to, path), patternProperties(rules, { from, to, written, read }, path), rest(rules, { written, read }, path),
    propertyNames(rules, from, to, path),
  )
  return checks.every(Boolean)
}

interface Sides {
  readonly from: Node
  readonly to: Node
  readonly written: ContentModel
  readonly read: ContentModel
}

function required(rules: Rules, from: Node, to: Node, { written, read }: Pick<Sides, 'written' | 'read'>, path: string): boolean {
  const before = new Set(list(from['required']))
  return list(to['required']).map(name => {
    if (typeof name !== 'string' || before.has(name)) return true
    // A new property says itself that it is required.
    if (read.properties.has(name) && (!written.properties.has(name) || hasDefault(rules.new.at(read.properties.get(name))))) return true
    return rules.report('REQUIRED_ATTRIBUTE_ADDED', `${path}/required/${name}`)
  }).every(Boolean)
}

function propertyAdded(rules: Rules, { from, to, written, read }: Sides, name: string, path: string): boolean {
  const added = read.properties.get(name)
  const node = rules.new.at(added)
  const isRequired = list(to['required']).includes(name) && !list(from['required']).includes(name)
  const isMissing = isRequired && !hasDefault(node)
  const cover = written.cover(name)
  if (cover === open) {
    if (isMissing) return rules.report('REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', path)
    if (rules.new.acceptsAll(node)) return true
    return rules.report(isRequired ? 'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL' : 'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', path)
  }
  const isCovered = cover === closed || rules.compare(cover, added, path) || rules.report('PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path)
  return isMissing ? rules.report('REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', path) : isCovered
}

/** Whether what is no longer named, or no longer has a pattern, fits what covers it now. */
function uncovered(rules: Rules, removed: unknown, cover: Cover, path: string): boolean {
  if (cover === open || rules.old.at(removed) === false) return true
  if (cover === closed) return rules.report('PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL', path)
  return rules.compare(removed, cover, path) || rules.report('PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path)
}

function dependencies(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = { names: dependentNames(from), schemas: dependentSchemas(from) }
  const names = Object.entries(dependentNames(to)).map(([name, after]) => {
    const at = `${path}/dependencies/${name}`
    const old = before.names[name]
    if (old === undefined) return after.length === 0 || rules.report('DEPENDENCY_ARRAY_ADDED', at)
    if (after.every(each => old.includes(each))) return true
    return rules.report(old.every(each => after.includes(each)) ? 'DEPENDENCY_ARRAY_EXTENDED' : 'DEPENDENCY_ARRAY_CHANGED', at)
  })
  const schemas = Object.entries(dependentSchemas(to)).map(([name, after]) => {
    const at = `${path}/dependencies/${name}`
    const old = Object.hasOwn(before.schemas, name) ? before.schemas[name] : undefined
    return old === undefined ? rules.report('DEPENDENCY_SCHEMA_ADDED', at) : rules.compare(old, after, at)
  })
  return [...names, ...schemas].every(Boolean)
}

/** Confluent looks at patterns only where they cover a property; names that a new pattern matches would otherwise be let through unseen. */
function patternProperties(rules: Rules, { from, to, written, read }: Sides, path: string): boolean {
  const before = members(from, 'patternProperties')
  const after = members(to, 'patternProperties')
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].map(pattern => {
    const at = `${path}/patternProperties/${pattern}`
    // A name that matched it and is not named otherwise is one of the rest now.
    if (!Object.hasOwn(after, pattern)) return uncovered(rules, before[pattern], read.rest, at)
    if (Object.hasOwn(before, pattern)) return rules.compare(before[pattern], after[pattern], at)
    if (rules.new.acceptsAll(rules.new.at(after[pattern]))) return true
    const isUnmet = written.rest === closed && Object.keys(before).length === 0 && ![...written.properties.keys()].some(name => matches(pattern, name))
    return isUnmet || rules.report('PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', at)
  }).every(Boolean)
}

/** What is said of all further properties. */
function rest(rules: Rules, { written, read }: Pick<Sides, 'written' | 'read'>, path: string): boolean {
  const at = `${path}/${read.restKeyword}`
  const name = read.restKeyword === 'additionalProperties' ? 'ADDITIONAL_PROPERTIES' : 'UNEVALUATED_PROPERTIES'
  if (written.rest === closed || read.rest === open) return true
  if (read.rest === closed) return rules.report(`${name}_REMOVED`, at)
  return written.rest === open ? rules.acceptsAllOf(read.rest) || rules.report(`${name}_NARROWED`, at) : rules.compare(written.rest, read.rest, at)
}

function sameParts(rules: Rules, from: Node, to: Node): boolean {
  const keywords = ['properties', 'patternProperties', 'additionalProperties', 'allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas', 'dependencies', 'not']
  return keywords.every(keyword => rules.old.readsAs(from[keyword], rules.new, to[keyword]))
}

function propertyNames(rules: Rules, from: Node, to: Node, path: string): boolean {
  const after = to['propertyNames']
  if (after === undefined || rules.acceptsAllOf(after)) return true
  const at = `${path}/propertyNames`
  return from['propertyNames'] === undefined ? rules.report('PROPERTY_NAMES_ADDED', at) : rules.compare(from['propertyNames'], after, at)
}

/** Which names ask for which others; what both keywords say of one is asked for together. */
function dependentNames(node: Node): { readonly [name: string]: readonly unknown[] } {
  const names: Record<string, readonly unknown[]> = Object.create(null) as Record<string, readonly unknown[]>
  for (const keyword of ['dependencies', 'dependentRequired'] as const) {
    for (const [name, value] of Object.entries(members(node, keyword))) if (Array.isArray(value)) names[name] = [...names[name] ?? [], ...value as unknown[]]
  }
  return names
}

function dependentSchemas(node: Node): JsonObject {
  return Object.fromEntries([...Object.entries(members(node, 'dependencies')), ...Object.entries(members(node, 'dependentSchemas'))].filter(([, value]) => !Array.isArray(value)))
}

function hasDefault(node: Node | boolean | undefined): boolean {
  return typeof node === 'object' && Object.hasOwn(node, 'default')
}
