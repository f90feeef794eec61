// Arrays in the comparison of two JSON Schemas: items by position and after the last of them, and what must be among them.
import type { Rules } from './compatibility.ts'
import { numberOf, type Node } from './nodes.ts'

/** Whether every array that `from` accepts is accepted by `to`, as far as items go. */
export function compareArrays(rules: Rules, from: Node, to: Node, path: string): boolean {
  const before = tupleOf(from, { isReader: false })
  const after = tupleOf(to, { isReader: true })
  const checks: boolean[] = []
  for (let index = 0; index < Math.max(before.items.length, after.items.length); index++) {
    const at = `${path}/items/${index}`
    const old = index < before.items.length ? before.items[index] : before.rest
    const item = index < after.items.length ? after.items[index] : after.rest
    if (index < before.items.length && index < after.items.length) checks.push(rules.compare(old, item, at))
    else if (index >= before.items.length) checks.push(itemAdded(rules, old, item, at))
    else checks.push(itemRemoved(rules, old, item, at))
  }
  checks.push(rest(rules, { from, to, before, after }, path))
  if (to['uniqueItems'] === true && from['uniqueItems'] !== true) checks.push(rules.report('UNIQUE_ITEMS_ADDED', `${path}/uniqueItems`))
  checks.push(contains(rules, from, to, path))
  return checks.every(Boolean)
}

interface Tuple {
  readonly items: readonly unknown[]
  /** What is said of those after them. */
  readonly rest: unknown
  readonly restKeyword: 'items' | 'additionalItems' | 'unevaluatedItems'
}

interface Sides {
  readonly from: Node
  readonly to: Node
  readonly before: Tuple
  readonly after: Tuple
}

/**
 * Draft 2020-12 writes prefixItems and items, the others items and additionalItems. `unevaluatedItems` is about the rest where nothing else is; parts of the
 * schema may evaluate items for it, which a writer may then have written, and on which a reader is not taken to rely.
 */
function tupleOf(node: Node, { isReader }: { isReader: boolean }): Tuple {
  const isModern = Array.isArray(node['prefixItems'])
  const items = isModern ? node['prefixItems'] as unknown[] : Array.isArray(node['items']) ? node['items'] as unknown[] : []
  const said = isModern || items.length === 0 ? (Array.isArray(node['items']) ? undefined : node['items']) : node['additionalItems']
  if (said !== undefined) return { items, rest: said, restKeyword: items.length === 0 ? 'items' : 'additionalItems' }
  const unevaluated = node['unevaluatedItems']
  if (unevaluated === undefined) return { items, rest: true, restKeyword: items.length === 0 ? 'items' : 'additionalItems' }
  const mayBeOthers = partKeywords.some(keyword => node[keyword] !== undefined)
  return { items, rest: mayBeOthers && !isReader ? true : unevaluated, restKeyword: 'unevaluatedItems' }
}

const partKeywords = ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else', 'dependentSchemas', 'contains'] as const

function itemAdded(rules: Rules, cover: unknown, item: unknown, path: string): boolean {
  if (rules.old.acceptsAll(rules.old.at(cover))) return rules.acceptsAllOf(item) || rules.report('ITEM_ADDED_TO_OPEN_CONTENT_MODEL', path)
  if (rules.old.at(cover) === false) return true
  return rules.compare(cover, item, path) || rules.report('ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path)
}

function itemRemoved(rules: Rules, item: unknown, cover: unknown, path: string): boolean {
  if (rules.acceptsAllOf(cover) || rules.old.at(item) === false) return true
  if (rules.new.at(cover) === false) return rules.report('ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL', path)
  return rules.compare(item, cover, path) || rules.report('ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path)
}

function rest(rules: Rules, { from, to, before, after }: Sides, path: string): boolean {
  const at = `${path}/${after.restKeyword}`
  if (before.rest === false || rules.acceptsAllOf(after.rest)) return true
  if (after.restKeyword === 'unevaluatedItems' && from['unevaluatedItems'] !== undefined) {
    const keywords = [...partKeywords, 'minContains', 'maxContains', 'items', 'prefixItems', 'not', 'dependencies']
    if (keywords.every(keyword => rules.old.readsAs(from[keyword], rules.new, to[keyword]))) return rules.compare(from['unevaluatedItems'], after.rest, at)
  }
  if (after.restKeyword === 'items') return before.restKeyword === 'items' && before.rest === true ? rules.report('SCHEMA_ADDED', at) : rules.compare(before.rest, after.rest, at)
  const name = after.restKeyword === 'unevaluatedItems' ? 'UNEVALUATED_ITEMS' : 'ADDITIONAL_ITEMS'
  if (rules.new.at(after.rest) === false) return rules.report(`${name}_REMOVED`, at)
  return before.rest === true ? rules.report(`${name}_NARROWED`, at) : rules.compare(before.rest, after.rest, at)
}

/** Confluent compares the counts alone; what is counted matters as much. Where `contains` stands without a least count, it is one. */
function contains(rules: Rules, from: Node, to: Node, path: string): boolean {
  const after = to['contains']
  if (after === undefined) return true
  const before = from['contains']
  const checks: boolean[] = []
  const least = numberOf(to, 'minContains') ?? 1
  if (least > 0) {
    if (before === undefined) checks.push(rules.report('CONTAINS_ADDED', `${path}/contains`))
    else {
      checks.push(rules.compare(before, after, `${path}/contains`))
      if ((numberOf(from, 'minContains') ?? 1) < least) {
        checks.push(rules.report(from['minContains'] === undefined ? 'MIN_CONTAINS_ADDED' : 'MIN_CONTAINS_INCREASED', `${path}/minContains`))
      }
    }
  }
  const most = numberOf(to, 'maxContains')
  if (most !== undefined) {
    const old = before === undefined ? undefined : numberOf(from, 'maxContains')
    if (old === undefined) checks.push(rules.report('MAX_CONTAINS_ADDED', `${path}/maxContains`))
    else if (old > most) checks.push(rules.report('MAX_CONTAINS_DECREASED', `${path}/maxContains`))
    // More may count now than did.
    else checks.push(rules.reverse(after, before) || rules.report('MAX_CONTAINS_DECREASED', `${path}/maxContains`))
  }
  return checks.every(Boolean)
}
