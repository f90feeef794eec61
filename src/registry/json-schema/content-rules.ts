// Objects and arrays in the comparison of two JSON Schemas: what an open, closed or partially open content model makes of a property or item that comes
// or goes.
import { RE2JS } from 're2js'
import type { JsonObject } from '../exact-json.ts'
import { pointerToken } from '../fault.ts'
import { closed, coveringRest, coveringSchema, type JsonNodes, list, members, type Node, open, restOf, tupleOf } from './nodes.ts'

/** What the rules ask of the comparison that they are part of. */
export interface Rules {
  readonly old: JsonNodes
  readonly new: JsonNodes
  readonly lenient: boolean
  /** Whether `update` accepts all that `original` does; says why not. */
  compare(original: unknown, update: unknown, path: string): boolean
  /** The same without a word. */
  try(original: unknown, update: unknown): boolean
  /** Always false, so that a check can end with it. */
  report(errorType: string, path: string, what: string): false
}

const openHint = 'close the content model with "additionalProperties": false, or set compatibilityPolicy to LENIENT'

/** Properties, which are required, what is said of all others, and what depends on what. */
export function compareObjects(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = members(from, 'properties')
  const after = members(to, 'properties')
  const checks: boolean[] = []
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = `${path}/properties${pointerToken(name)}`
    if (!Object.hasOwn(after, name)) checks.push(propertyRemoved(rules, before[name], to, name, at))
    else if (Object.hasOwn(before, name)) checks.push(rules.compare(before[name], after[name], at))
    else checks.push(propertyAdded(rules, from, to, name, at))
  }
  for (const name of list(to['required'])) {
    if (typeof name !== 'string' || list(from['required']).includes(name)) continue
    // A new property says itself that it is required.
    if (Object.hasOwn(after, name) && (!Object.hasOwn(before, name) || hasDefault(rules.new.at(after[name])))) continue
    checks.push(rules.report('REQUIRED_ATTRIBUTE_ADDED', `${path}/required${pointerToken(name)}`, `is required in the %s schema and not in the %s schema`))
  }
  checks.push(additional(rules, from, to, path), patternProperties(rules, from, to, path), dependencies(rules, from, to, path))
  checks.push(schemaKeyword(rules, 'propertyNames', 'PROPERTY_NAMES_ADDED', from, to, path))
  return every(checks)
}

function propertyAdded(rules: Rules, from: Node, to: Node, name: string, path: string): boolean {
  const added = members(to, 'properties')[name]
  const node = rules.new.at(added)
  const isRequired = list(to['required']).includes(name)
  const mustHave = isRequired && !hasDefault(node) && !list(from['required']).includes(name)
  const covering = coveringSchema(from, name)
  if (covering === open) {
    if (mustHave) return rules.report('REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', path, 'is required in the %s schema and missing in the %s schema')
    if (rules.lenient || rules.new.acceptsAll(node)) return true
    const type = isRequired ? 'REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL' : 'OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL'
    return rules.report(type, path, `is in the %s schema and missing in the %s schema, which has an open content model; ${openHint}`)
  }
  if (mustHave) return rules.report('REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', path, 'is required in the %s schema and missing in the %s schema')
  if (covering === closed || rules.try(covering, added)) return true
  const uncovered = 'is in the %s schema and not covered by the partially open content model of the %s schema'
  return rules.report('PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path, uncovered)
}

function propertyRemoved(rules: Rules, removed: unknown, to: Node, name: string, path: string): boolean {
  return isCovered(rules, removed, coveringSchema(to, name), path)
}

/** Whether what is no longer named fits what covers it now. */
function isCovered(rules: Rules, removed: unknown, covering: unknown, path: string): boolean {
  if (covering === open || rules.old.at(removed) === false) return true
  if (covering === closed) {
    return rules.lenient
      || rules.report('PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL', path, 'is missing in the %s schema, which has a closed content model, and in the %s schema')
  }
  const uncovered = 'is missing in the %s schema, whose partially open content model does not cover what it is in the %s schema'
  return rules.try(removed, covering) || rules.report('PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path, uncovered)
}

function additional(rules: Rules, from: Node, to: Node, path: string): boolean {
  return rest(rules, restOf(from), restOf(to), 'ADDITIONAL_PROPERTIES', `${path}/additionalProperties`)
}

/** What is said of all further properties or items. */
function rest(rules: Rules, before: unknown, after: unknown, name: string, path: string): boolean {
  if (before === false || rules.new.acceptsAll(rules.new.at(after))) return true
  if (after === false) return rules.report(`${name}_REMOVED`, path, 'are not allowed in the %s schema and are in the %s schema')
  if (before === true) return rules.report(`${name}_NARROWED`, path, 'are limited in the %s schema and not in the %s schema')
  return rules.compare(before, after, path)
}

function patternProperties(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = members(from, 'patternProperties')
  const after = members(to, 'patternProperties')
  return every([...new Set([...Object.keys(before), ...Object.keys(after)])].map(pattern => {
    const at = `${path}/patternProperties${pointerToken(pattern)}`
    // A name that matched it and is not named otherwise is one of the rest now.
    if (!Object.hasOwn(after, pattern)) return isCovered(rules, before[pattern], coveringRest(to), at)
    if (Object.hasOwn(before, pattern)) return rules.compare(before[pattern], after[pattern], at)
    const isUnmet = coveringRest(from) === closed
      && !Object.keys(members(from, 'properties')).some(name => matches(pattern, name)) && Object.keys(before).length === 0
    return isUnmet || rules.report('PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', at, 'is in the %s schema and missing in the %s schema')
  }))
}

function dependencies(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = dependenciesOf(from)
  return every(Object.entries(dependenciesOf(to)).map(([name, after]) => {
    const at = `${path}/dependencies${pointerToken(name)}`
    const old = before[name]
    if (!Array.isArray(after)) {
      if (old !== undefined && !Array.isArray(old)) return rules.compare(old, after, at)
      return rules.report('DEPENDENCY_SCHEMA_ADDED', at, 'is in the %s schema and missing in the %s schema')
    }
    if (!Array.isArray(old)) return after.length === 0 || rules.report('DEPENDENCY_ARRAY_ADDED', at, 'is in the %s schema and missing in the %s schema')
    if (after.every(each => old.includes(each))) return true
    const errorType = old.every(each => after.includes(each)) ? 'DEPENDENCY_ARRAY_EXTENDED' : 'DEPENDENCY_ARRAY_CHANGED'
    return rules.report(errorType, at, 'names more in the %s schema than in the %s schema')
  }))
}

/** Items by position and after the last of them. */
export function compareArrays(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = tupleOf(from)
  const after = tupleOf(to)
  const checks: boolean[] = []
  for (let index = 0; index < Math.max(before.items.length, after.items.length); index++) {
    const at = `${path}/items/${index}`
    const old = index < before.items.length ? before.items[index] : before.rest
    const item = index < after.items.length ? after.items[index] : after.rest
    if (index >= before.items.length && old === true) {
      checks.push(
        rules.lenient || rules.new.acceptsAll(rules.new.at(item))
        || rules.report('ITEM_ADDED_TO_OPEN_CONTENT_MODEL', at, `is in the %s schema and missing in the %s schema, which has an open content model; ${openHint}`),
      )
    } else if (index >= after.items.length && item === false) {
      checks.push(
        rules.lenient || rules.old.at(old) === false
        || rules.report('ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL', at, 'is missing in the %s schema, which has a closed content model, and in the %s schema'),
      )
    } else checks.push(rules.compare(old, item, at))
  }
  checks.push(rest(rules, before.rest, after.rest, 'ADDITIONAL_ITEMS', `${path}/${before.items.length + after.items.length > 0 ? 'additionalItems' : 'items'}`))
  if (to['uniqueItems'] === true && from['uniqueItems'] !== true) {
    checks.push(rules.report('UNIQUE_ITEMS_ADDED', `${path}/uniqueItems`, 'must be unique in the %s schema and need not in the %s schema'))
  }
  checks.push(schemaKeyword(rules, 'contains', 'CONTAINS_ADDED', from, to, path))
  checks.push(schemaKeyword(rules, 'unevaluatedItems', 'ADDITIONAL_ITEMS_REMOVED', from, to, path))
  return every(checks)
}

function schemaKeyword(rules: Rules, keyword: string, addedType: string, from: Node, to: Node, path: string): boolean {
  const after = to[keyword]
  if (after === undefined || rules.new.acceptsAll(rules.new.at(after))) return true
  const at = `${path}/${keyword}`
  return from[keyword] === undefined ? rules.report(addedType, at, 'is in the %s schema and missing in the %s schema') : rules.compare(from[keyword], after, at)
}

/** All of them, each having been looked at. */
export function every(checks: readonly boolean[]): boolean {
  return checks.every(Boolean)
}

function dependenciesOf(node: Node): JsonObject {
  return { ...members(node, 'dependencies'), ...members(node, 'dependentSchemas'), ...members(node, 'dependentRequired') }
}

function hasDefault(node: Node | boolean | undefined): boolean {
  return typeof node === 'object' && Object.hasOwn(node, 'default')
}

function matches(pattern: string, name: string): boolean {
  return RE2JS.compile(RE2JS.translateRegExp(pattern)).test(name)
}
