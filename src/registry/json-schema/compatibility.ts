// Whether everything that one JSON Schema accepts is accepted by another, by the rules and in the words of Confluent's comparison. Keywords are compared one
// by one (they all have to hold), subschemas by recursion, oneOf and its kin by matching. Stays on the safe side: what it cannot prove, it reports. As in
// Confluent, the parts of a oneOf are taken to exclude each other, a default is taken to fill in what is missing, and neither annotations nor `format` count.
import { isDeepStrictEqual } from 'node:util'
import type { CompatibilityPolicy } from '../configs.ts'
import { compareArrays } from './array-rules.ts'
import { differenceText, type JsonDifference, lenientDifferences, tooComplexText } from './differences.ts'
import type { JsonDocument } from './document.ts'
import { maximumMatching } from './matching.ts'
import { JsonNodes, list, type Node, numberOf } from './nodes.ts'
import { compareObjects } from './object-rules.ts'

/** A comparison that needs more steps than this is given up: combinations can make it exponential. */
export const comparisonStepsMax = 200_000
const comparisonDepthMax = 200
const differencesMax = 1_000

/** What the rules for objects and arrays ask of the comparison that they are part of. */
export interface Rules {
  readonly old: JsonNodes
  readonly new: JsonNodes
  /** Whether `update` accepts all that `original` does; says why not. */
  compare(original: unknown, update: unknown, path: string): boolean
  /** Without a word, whether a part of the original accepts all that a part of the update does. */
  reverse(update: unknown, original: unknown): boolean
  /** Whether a part of the update lets everything through. */
  acceptsAllOf(update: unknown): boolean
  /** False, so that a check can end with it; true where the policy lets such differences pass. */
  report(type: JsonDifference, path: string): boolean
}

/**
 * The differences by which `update` refuses something that `original` accepts, each as text in which the first `%s` stands for the update's side; empty
 * where there are none. A comparison that is given up has one, which says so.
 */
export function jsonDifferences(original: JsonDocument, update: JsonDocument, policy: CompatibilityPolicy): readonly string[] {
  const comparison = new Comparison(new JsonNodes(original), new JsonNodes(update), policy === 'LENIENT')
  try {
    comparison.compare(original.root, update.root, '')
  } catch (error) {
    if (error instanceof TooComplex) return [tooComplexText(comparisonStepsMax, comparisonDepthMax)]
    throw error
  }
  return [...comparison.differences]
}

class TooComplex extends Error {}

/** Bounds: where more is looser (max…) and where less is (min…). What bounds numbers bounds integers, which every set of types with numbers has too. */
const bounds = [
  ['maximum', 'MAXIMUM', 'integer'], ['minimum', 'MINIMUM', 'integer'],
  ['exclusiveMaximum', 'EXCLUSIVE_MAXIMUM', 'integer'], ['exclusiveMinimum', 'EXCLUSIVE_MINIMUM', 'integer'],
  ['maxLength', 'MAX_LENGTH', 'string'], ['minLength', 'MIN_LENGTH', 'string'],
  ['maxProperties', 'MAX_PROPERTIES', 'object'], ['minProperties', 'MIN_PROPERTIES', 'object'],
  ['maxItems', 'MAX_ITEMS', 'array'], ['minItems', 'MIN_ITEMS', 'array'],
] as const

/** What a comparison and those within it that go the other way have taken. */
interface Effort {
  steps: number
  depth: number
}

class Comparison implements Rules {
  readonly differences = new Set<string>()
  readonly old: JsonNodes
  readonly new: JsonNodes
  readonly #lenient: boolean
  readonly #effort: Effort
  #opposite: Comparison | undefined
  #quiet = 0
  // As in avro/compatibility.ts: a pair under way counts as compatible, and what leant on it is forgotten if it fails.
  readonly #verdicts = new Map<unknown, Map<unknown, boolean>>()
  readonly #compatible: (readonly [unknown, unknown])[] = []

  constructor(original: JsonNodes, update: JsonNodes, lenient: boolean, opposite?: Comparison) {
    this.old = original
    this.new = update
    this.#lenient = lenient
    this.#opposite = opposite
    this.#effort = opposite === undefined ? { steps: 0, depth: 0 } : opposite.#effort
  }

  compare(original: unknown, update: unknown, path: string): boolean {
    if (++this.#effort.steps > comparisonStepsMax || this.#effort.depth > comparisonDepthMax) throw new TooComplex()
    const from = this.old.at(original)
    const to = this.new.at(update)
    if (to === true || from === false) return true
    if (from === undefined || to === undefined) return this.old.readsAs(original, this.new, update) || this.report('REFERENCE_NOT_FOLLOWED', path)
    if (to === false) return this.report('TYPE_CHANGED', path)
    const source = from === true ? emptyNode : from
    const known = this.#verdicts.get(source)?.get(to)
    if (known === true || (known === false && !this.#isListening)) return known
    const mark = this.#compatible.length
    this.#remember(source, to)
    this.#effort.depth++
    const verdict = this.#judge(source, to, path)
    this.#effort.depth--
    if (!verdict) {
      for (const [a, b] of this.#compatible.splice(mark)) this.#verdicts.get(a)!.delete(b)
      this.#verdicts.get(source)!.set(to, false)
    }
    return verdict
  }

  reverse(update: unknown, original: unknown): boolean {
    let opposite = this.#opposite
    if (opposite === undefined) this.#opposite = opposite = new Comparison(this.new, this.old, this.#lenient, this)
    return opposite.#try(update, original)
  }

  acceptsAllOf(update: unknown): boolean {
    return this.new.acceptsAll(this.new.at(update))
  }

  report(type: JsonDifference, path: string): boolean {
    if (this.#lenient && lenientDifferences.has(type)) return true
    if (this.#isListening) this.differences.add(differenceText(type, path))
    return false
  }

  get #isListening(): boolean {
    return this.#quiet === 0 && this.differences.size < differencesMax
  }

  #judge(from: Node, to: Node, path: string): boolean {
    // One part of an allOf that is enough, or a sum of which each part fits, proves the whole: both are checked before the keywords are gone through.
    if (to['allOf'] === undefined && list(from['allOf']).some(part => this.#try(part, to))) return true
    for (const sum of ['oneOf', 'anyOf'] as const) {
      const parts = list(from[sum])
      if (parts.length > 0 && to['oneOf'] === undefined && to['anyOf'] === undefined && parts.every(part => this.#try(part, to))) return true
    }
    const types = this.old.typesOf(from).intersection(this.new.typesOf(to))
    // All of them, whatever comes of the first: every difference is listed.
    return [
      this.#types(from, to, path), this.#enums(from, to, path), this.#bounds(from, to, types, path),
      !types.has('string') || this.#pattern(from, to, path),
      !types.has('integer') || this.#multipleOf(from, to, path),
      !types.has('object') || compareObjects(this, from, to, path),
      !types.has('array') || compareArrays(this, from, to, path),
      this.#combined(from, to, path), this.#negated(from, to, path), this.#conditional(from, to, path),
    ].every(Boolean)
  }

  #types(from: Node, to: Node, path: string): boolean {
    // Types that follow from an enum or a sum are for the checks of those to judge.
    if (to['type'] === undefined) return true
    const before = this.old.typesOf(from)
    const after = this.new.typesOf(this.new.variant(to, 'type', ({ type }) => ({ type })))
    if (before.isSubsetOf(after)) return true
    const named = { before: list(from['type']).length, after: list(to['type']).length }
    // Several types are a sum of them, as Confluent reads it.
    if (named.before > 0 && named.after > 0) return this.report(named.after < named.before ? 'SUM_TYPE_NARROWED' : 'COMBINED_TYPE_SUBSCHEMAS_CHANGED', path)
    return this.report(from['type'] === 'number' && to['type'] === 'integer' ? 'TYPE_NARROWED' : 'TYPE_CHANGED', path)
  }

  #enums(from: Node, to: Node, path: string): boolean {
    const after = enumOf(to)
    if (after === undefined) return true
    const before = enumOf(from) ?? finite(this.old.typesOf(from))
    // A type has become a product of the type and the enum, as Confluent reads it.
    if (before === undefined) return this.report('TYPE_CHANGED', path)
    if (before.every(value => after.some(other => isDeepStrictEqual(value, other)))) return true
    if (Object.hasOwn(to, 'const')) return this.report('ENUM_ARRAY_CHANGED', `${path}/const`)
    const isNarrowed = after.every(value => before.some(other => isDeepStrictEqual(value, other)))
    return this.report(isNarrowed ? 'ENUM_ARRAY_NARROWED' : 'ENUM_ARRAY_CHANGED', `${path}/enum`)
  }

  #bounds(from: Node, to: Node, types: ReadonlySet<string>, path: string): boolean {
    return bounds.map(([keyword, name, type]) => {
      const after = numberOf(to, keyword)
      if (after === undefined || !types.has(type)) return true
      const before = numberOf(from, keyword)
      const isMost = keyword.startsWith('max') || keyword === 'exclusiveMaximum'
      // Nothing is shorter than nothing.
      if (before === undefined) return (!isMost && type !== 'integer' && after === 0) || this.report(`${name}_ADDED`, `${path}/${keyword}`)
      if (isMost ? after >= before : after <= before) return true
      return this.report(`${name}_${isMost ? 'DECREASED' : 'INCREASED'}` as JsonDifference, `${path}/${keyword}`)
    }).every(Boolean)
  }

  #pattern(from: Node, to: Node, path: string): boolean {
    const after = to['pattern']
    if (after === undefined || after === from['pattern']) return true
    return this.report(from['pattern'] === undefined ? 'PATTERN_ADDED' : 'PATTERN_CHANGED', `${path}/pattern`)
  }

  #multipleOf(from: Node, to: Node, path: string): boolean {
    const after = numberOf(to, 'multipleOf')
    const before = numberOf(from, 'multipleOf')
    if (after === undefined || (before !== undefined && before % after === 0)) return true
    return this.report(before === undefined ? 'MULTIPLE_OF_ADDED' : after % before === 0 ? 'MULTIPLE_OF_EXPANDED' : 'MULTIPLE_OF_CHANGED', `${path}/multipleOf`)
  }

  #combined(from: Node, to: Node, path: string): boolean {
    const checks: boolean[] = []
    const products = list(to['allOf'])
    if (products.length > 0) checks.push(this.#product(from, products, path))
    for (const keyword of ['anyOf', 'oneOf'] as const) {
      const after = list(to[keyword])
      if (after.length > 0) checks.push(this.#sum(from, keyword, after, path))
    }
    return checks.every(Boolean)
  }

  /** Every part of the new allOf must follow from what was there. */
  #product(from: Node, after: readonly unknown[], path: string): boolean {
    const before = list(from['allOf'])
    const matched = maximumMatching(after.length, before.length, (right, left) => this.#try(before[left], after[right]))
    // What is unevaluated depends on the parts: without them, the schema does not say it.
    const own = this.old.variant(from, 'own', ({ allOf: _parts, unevaluatedProperties: _properties, unevaluatedItems: _items, ...rest }) => rest)
    const unmatched = after.filter((_, index) => !matched.has(index)).filter(part => !this.#try(own, part) && !before.some(each => this.#try(each, part)))
    if (unmatched.length === 0) return true
    if (before.length === 0) return this.report('TYPE_CHANGED', path)
    return this.report(after.length > before.length ? 'PRODUCT_TYPE_EXTENDED' : 'COMBINED_TYPE_SUBSCHEMAS_CHANGED', path)
  }

  /** Every part of the old sum must find a place of its own in the new one. What was no sum must as a whole fit one part, or each of its types one. */
  #sum(from: Node, keyword: 'anyOf' | 'oneOf', after: readonly unknown[], path: string): boolean {
    // oneOf may become anyOf, which accepts more.
    const before = [...list(from[keyword]), ...keyword === 'anyOf' && list(from['anyOf']).length === 0 ? list(from['oneOf']) : []]
    if (before.length > 0) {
      const matched = maximumMatching(before.length, after.length, (left, right) => this.#try(before[left], after[right]))
      if (matched.size === before.length) return true
    }
    if (after.some(part => this.#try(from, part))) return true
    const types = list(from['type'])
    if (types.length > 1 && types.every(type => after.some(part => this.#try(this.old.variant(from, `type ${String(type)}`, node => ({ ...node, type })), part)))) return true
    if (before.length === 0) return this.report(list(from['anyOf']).length > 0 ? 'COMBINED_TYPE_CHANGED' : 'TYPE_CHANGED', path)
    return this.report(after.length < before.length ? 'SUM_TYPE_NARROWED' : 'COMBINED_TYPE_SUBSCHEMAS_CHANGED', path)
  }

  /** What the new one excludes must have been excluded before, by the schema's types or by what it excluded. */
  #negated(from: Node, to: Node, path: string): boolean {
    const after = to['not']
    if (after === undefined) return true
    const node = this.new.at(after)
    if (node === false) return true
    if (typeof node === 'object' && this.old.typesOf(from).isDisjointFrom(this.new.typesOf(node))) return true
    if (from['not'] !== undefined && this.reverse(after, from['not'])) return true
    return this.report(from['not'] === undefined ? 'TYPE_CHANGED' : 'NOT_TYPE_EXTENDED', from['not'] === undefined ? path : `${path}/not`)
  }

  /** Confluent does not look at conditions. Under the same one, each outcome is compared. */
  #conditional(from: Node, to: Node, path: string): boolean {
    if (to['if'] === undefined || (to['then'] === undefined && to['else'] === undefined)) return true
    if (from['if'] === undefined || !this.old.readsAs(from['if'], this.new, to['if'])) return this.report('CONDITION_CHANGED', `${path}/if`)
    return (['then', 'else'] as const).map(outcome => this.compare(from[outcome] ?? true, to[outcome] ?? true, `${path}/${outcome}`)).every(Boolean)
  }

  /** A comparison whose differences are not reported. */
  #try(original: unknown, update: unknown): boolean {
    this.#quiet++
    try {
      return this.compare(original, update, '')
    } finally {
      this.#quiet--
    }
  }

  #remember(from: unknown, to: unknown): void {
    let row = this.#verdicts.get(from)
    if (row === undefined) this.#verdicts.set(from, row = new Map())
    row.set(to, true)
    this.#compatible.push([from, to])
  }
}

const emptyNode: Node = {}

function enumOf(node: Node): readonly unknown[] | undefined {
  if (Object.hasOwn(node, 'const')) return [node['const']]
  return Array.isArray(node['enum']) ? node['enum'] : undefined
}

/** The values of types that have few. */
function finite(types: ReadonlySet<string>): readonly unknown[] | undefined {
  if (![...types].every(type => type === 'null' || type === 'boolean')) return undefined
  return [...types.has('null') ? [null] : [], ...types.has('boolean') ? [true, false] : []]
}
