// Whether everything that one JSON Schema accepts is accepted by another, by the rules and difference names of Confluent's comparison. Keywords are
// compared one by one (they all have to hold), subschemas by recursion, oneOf and its kin by matching. Stays on the safe side: what it cannot prove, it reports.
// As in Confluent, the parts of a oneOf are taken to exclude each other, a default is taken to fill in what is missing, and neither annotations nor
// `format` count.
import { isDeepStrictEqual } from 'node:util'
import type { JsonDocument } from './document.ts'
import { compareArrays, compareObjects, every, type Rules } from './content-rules.ts'
import { JsonNodes, list, type Node, numberOf } from './nodes.ts'
import { maximumMatching } from './matching.ts'
import type { CompatibilityPolicy } from '../store.ts'

/** A comparison that needs more steps than this is given up: combinations can make it exponential. */
export const comparisonStepsMax = 200_000
const comparisonDepthMax = 200
const differencesMax = 1_000

/** The differences by which `update` refuses something that `original` accepts; empty where there are none. */
export function jsonDifferences(original: JsonDocument, update: JsonDocument, policy: CompatibilityPolicy): readonly string[] {
  const comparison = new Comparison(original, update, policy === 'LENIENT')
  comparison.compare(original.root, update.root, '#')
  return comparison.differences
}

/** Bounds: where more is looser (max…) and where less is (min…). What bounds numbers bounds integers, which every set of types with numbers has too. */
const bounds = [
  ['maxLength', 'MAX_LENGTH', 'string', true], ['minLength', 'MIN_LENGTH', 'string', false],
  ['maximum', 'MAXIMUM', 'integer', true], ['minimum', 'MINIMUM', 'integer', false],
  ['exclusiveMaximum', 'EXCLUSIVE_MAXIMUM', 'integer', true], ['exclusiveMinimum', 'EXCLUSIVE_MINIMUM', 'integer', false],
  ['maxProperties', 'MAX_PROPERTIES', 'object', true], ['minProperties', 'MIN_PROPERTIES', 'object', false],
  ['maxItems', 'MAX_ITEMS', 'array', true], ['minItems', 'MIN_ITEMS', 'array', false],
  ['maxContains', 'MAX_CONTAINS', 'array', true], ['minContains', 'MIN_CONTAINS', 'array', false],
] as const

class Comparison implements Rules {
  readonly differences: string[] = []
  readonly old: JsonNodes
  readonly new: JsonNodes
  readonly lenient: boolean
  #quiet = 0
  #steps = 0
  #depth = 0
  // As in avro/compatibility.ts: a pair under way counts as compatible, and what leant on it is forgotten if it fails.
  readonly #verdicts = new Map<unknown, Map<unknown, boolean>>()
  readonly #compatible: (readonly [unknown, unknown])[] = []

  constructor(original: JsonDocument, update: JsonDocument, lenient: boolean) {
    this.old = new JsonNodes(original)
    this.new = new JsonNodes(update)
    this.lenient = lenient
  }

  compare(original: unknown, update: unknown, path: string): boolean {
    if (++this.#steps > comparisonStepsMax || this.#depth > comparisonDepthMax) {
      return this.report('TYPE_CHANGED', path, `takes more than ${comparisonStepsMax} steps or ${comparisonDepthMax} levels to compare`)
    }
    const from = this.old.at(original)
    const to = this.new.at(update)
    if (from === undefined || to === undefined) {
      return isDeepStrictEqual([original, this.old.root], [update, this.new.root])
        || this.report('TYPE_CHANGED', path, 'has a reference that cannot be followed here')
    }
    if (to === true || from === false) return true
    if (to === false) return this.report('TYPE_NARROWED', path, 'accepts nothing in the %s schema')
    const source = from === true ? emptyNode : from
    const known = this.#verdicts.get(source)?.get(to)
    if (known === true || (known === false && !this.#isListening)) return known
    const mark = this.#compatible.length
    this.#remember(source, to)
    this.#depth++
    const verdict = this.#judge(source, to, path)
    this.#depth--
    if (!verdict) {
      for (const [a, b] of this.#compatible.splice(mark)) this.#verdicts.get(a)!.delete(b)
      this.#verdicts.get(source)!.set(to, false)
    }
    return verdict
  }

  get #isListening(): boolean {
    return this.#quiet === 0 && this.differences.length < differencesMax
  }

  #judge(from: Node, to: Node, path: string): boolean {
    // One part of an allOf that is enough, or a sum of which each part fits, proves the whole: both are checked before the keywords are gone through.
    if (to['allOf'] === undefined && list(from['allOf']).some(part => this.try(part, to))) return true
    for (const sum of ['oneOf', 'anyOf'] as const) {
      const parts = list(from[sum])
      if (parts.length > 0 && to['oneOf'] === undefined && to['anyOf'] === undefined && parts.every(part => this.try(part, to))) return true
    }
    const types = this.old.typesOf(from).intersection(this.new.typesOf(to))
    return every([
      this.#types(from, to, path), this.#enums(from, to, path), this.#bounds(from, to, types, path),
      !types.has('string') || this.#pattern(from, to, path),
      !types.has('integer') || this.#multipleOf(from, to, path),
      !types.has('object') || compareObjects(this, from, to, path),
      !types.has('array') || compareArrays(this, from, to, path),
      this.#combined(from, to, path), this.#negated(from, to, path), this.#conditional(from, to, path),
    ])
  }

  #types(from: Node, to: Node, path: string): boolean {
    // Types that follow from an enum or a sum are for the checks of those to judge.
    if (to['type'] === undefined) return true
    const before = this.old.typesOf(from)
    const after = this.new.typesOf(to)
    if (before.isSubsetOf(after)) return true
    const narrowed = after.isSubsetOf(before)
    const names = (types: ReadonlySet<string>): string => [...types].join(', ')
    const what = `is of type ${names(after)} in the %s schema and of type ${names(before)} in the %s schema`
    return this.report(narrowed ? 'TYPE_NARROWED' : 'TYPE_CHANGED', path, what)
  }

  #enums(from: Node, to: Node, path: string): boolean {
    const after = enumOf(to)
    if (after === undefined) return true
    const before = enumOf(from)
    if (before === undefined) return this.report('ENUM_ARRAY_NARROWED', path, 'is limited to an enum in the %s schema and not in the %s schema')
    const lost = before.filter(value => !after.some(other => isDeepStrictEqual(value, other)))
    if (lost.length === 0) return true
    const changed = after.some(value => !before.some(other => isDeepStrictEqual(value, other)))
    const what = `lacks the enum values ${JSON.stringify(lost).slice(0, 200)} in the %s schema, which the %s schema has`
    return this.report(changed ? 'ENUM_ARRAY_CHANGED' : 'ENUM_ARRAY_NARROWED', path, what)
  }

  #bounds(from: Node, to: Node, types: ReadonlySet<string>, path: string): boolean {
    return every(bounds.map(([keyword, name, type, isMaximum]) => {
      const after = numberOf(to, keyword)
      if (after === undefined || !types.has(type)) return true
      const before = numberOf(from, keyword)
      if (before === undefined) {
        const saysNothing = keyword.startsWith('min') && type !== 'integer' && after === 0
        return saysNothing || this.report(`${name}_ADDED`, `${path}/${keyword}`, `has ${keyword} ${after} in the %s schema and none in the %s schema`)
      }
      if (isMaximum ? after >= before : after <= before) return true
      const change = isMaximum ? 'DECREASED' : 'INCREASED'
      return this.report(`${name}_${change}`, `${path}/${keyword}`, `has ${keyword} ${after} in the %s schema and ${before} in the %s schema`)
    }))
  }

  #pattern(from: Node, to: Node, path: string): boolean {
    const after = to['pattern']
    if (after === undefined || after === from['pattern']) return true
    const errorType = from['pattern'] === undefined ? 'PATTERN_ADDED' : 'PATTERN_CHANGED'
    return this.report(errorType, `${path}/pattern`, 'has a pattern in the %s schema that is not in the %s schema')
  }

  #multipleOf(from: Node, to: Node, path: string): boolean {
    const after = numberOf(to, 'multipleOf')
    if (after === undefined) return true
    const before = numberOf(from, 'multipleOf')
    if (before !== undefined && before % after === 0) return true
    const change = before === undefined ? 'ADDED' : after % before === 0 ? 'EXPANDED' : 'CHANGED'
    return this.report(`MULTIPLE_OF_${change}`, `${path}/multipleOf`, `has multipleOf ${after} in the %s schema and ${before ?? 'none'} in the %s schema`)
  }

  #combined(from: Node, to: Node, path: string): boolean {
    const checks: boolean[] = []
    const products = list(to['allOf'])
    if (products.length > 0) checks.push(this.#product(list(from['allOf']), products, from, path))
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const after = list(to[keyword])
      if (after.length === 0) continue
      const before = list(from[keyword])
      // oneOf may become anyOf, which accepts more.
      const parts = before.length > 0 ? before : keyword === 'anyOf' ? list(from['oneOf']) : []
      checks.push(parts.length > 0 ? this.#sum(parts, after, `${path}/${keyword}`) : this.#singletonToSum(from, after, `${path}/${keyword}`))
    }
    return every(checks)
  }

  /** Every part of the new allOf must follow from what was there. */
  #product(before: readonly unknown[], after: readonly unknown[], from: Node, path: string): boolean {
    const matched = maximumMatching(after.length, before.length, (right, left) => this.try(before[left], after[right]))
    const unmatched = after.filter((_, index) => !matched.has(index)).filter(part => !this.try(without(from, ['allOf']), part))
    if (unmatched.length === 0) return true
    const at = `${path}/allOf`
    if (after.length > before.length) return this.report('PRODUCT_TYPE_EXTENDED', at, 'has more parts in the %s schema than in the %s schema')
    return this.report('COMBINED_TYPE_SUBSCHEMAS_CHANGED', at, 'has parts in the %s schema that no part of the %s schema implies')
  }

  /** Every part of the old sum must find a place of its own in the new one. */
  #sum(before: readonly unknown[], after: readonly unknown[], path: string): boolean {
    const matched = maximumMatching(before.length, after.length, (left, right) => this.try(before[left], after[right]))
    if (matched.size === before.length) return true
    if (after.length < before.length) return this.report('SUM_TYPE_NARROWED', path, 'has fewer parts in the %s schema than in the %s schema')
    return this.report('COMBINED_TYPE_SUBSCHEMAS_CHANGED', path, 'has parts in the %s schema that do not match those in the %s schema')
  }

  #singletonToSum(from: Node, after: readonly unknown[], path: string): boolean {
    return after.some(part => this.try(from, part))
      || this.report('COMBINED_TYPE_CHANGED', path, 'is in the %s schema and no part of it accepts all that the %s schema does')
  }

  #negated(from: Node, to: Node, path: string): boolean {
    const after = to['not']
    if (after === undefined || this.new.at(after) === false) return true
    if (from['not'] === undefined) return this.report('NOT_TYPE_EXTENDED', `${path}/not`, 'is in the %s schema and missing in the %s schema')
    // What the new one excludes must have been excluded before; the sides are the other way round here, so only equality is proven by recursion.
    return isDeepStrictEqual(from['not'], after)
      || this.report('NOT_TYPE_EXTENDED', `${path}/not`, 'excludes other values in the %s schema than in the %s schema')
  }

  #conditional(from: Node, to: Node, path: string): boolean {
    if (to['if'] === undefined || (to['then'] === undefined && to['else'] === undefined)) return true
    const parts = (node: Node): unknown[] => [node['if'], node['then'], node['else']]
    return isDeepStrictEqual(parts(from), parts(to))
      || this.report('COMBINED_TYPE_CHANGED', `${path}/if`, 'has another condition in the %s schema than in the %s schema')
  }

  /** A comparison whose differences are not reported. */
  try(original: unknown, update: unknown): boolean {
    this.#quiet++
    try {
      return this.compare(original, update, '')
    } finally {
      this.#quiet--
    }
  }

  /** Always false, so that a check can end with it. */
  report(errorType: string, path: string, what: string): false {
    // The opening quotation mark is double and the closing one single, as Confluent prints it.
    if (this.#isListening) this.differences.push(`{errorType:"${errorType}", description:"The value at path '${path}' ${what}'}`)
    return false
  }

  #remember(from: unknown, to: unknown): void {
    let row = this.#verdicts.get(from)
    if (row === undefined) this.#verdicts.set(from, row = new Map())
    row.set(to, true)
    this.#compatible.push([from, to])
  }
}

const emptyNode: Node = {}

function without(node: Node, keywords: readonly string[]): Node {
  return Object.fromEntries(Object.entries(node).filter(([keyword]) => !keywords.includes(keyword)))
}

function enumOf(node: Node): readonly unknown[] | undefined {
  if (Object.hasOwn(node, 'const')) return [node['const']]
  return Array.isArray(node['enum']) ? node['enum'] : undefined
}
