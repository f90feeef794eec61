// Rule sets of data contracts as they are kept: their shape, and how sets are merged. What rules must be like and what they do: rules/conditions.ts.
import { isObject } from './exact-json.ts'

export type RuleKind = 'TRANSFORM' | 'CONDITION'
export type RuleMode = 'UPGRADE' | 'DOWNGRADE' | 'UPDOWN' | 'WRITE' | 'READ' | 'WRITEREAD'
export type EnableAt = 'ALL' | 'CLIENT' | 'GATEWAY' | 'SERVER' | 'NONE'

export interface Rule {
  readonly name: string
  readonly doc?: string
  readonly kind: RuleKind
  readonly mode: RuleMode
  readonly type: string
  readonly tags?: readonly string[]
  readonly params?: { readonly [name: string]: string }
  readonly expr?: string
  readonly onSuccess?: string
  readonly onFailure?: string
  readonly disabled: boolean
}

/** A list that is empty is left out. */
export interface RuleSet {
  readonly migrationRules?: readonly Rule[]
  readonly domainRules?: readonly Rule[]
  readonly encodingRules?: readonly Rule[]
  readonly enableAt?: EnableAt
}

export const ruleLists = ['migrationRules', 'domainRules', 'encodingRules'] as const
const kinds: readonly RuleKind[] = ['TRANSFORM', 'CONDITION']
const migrationModes: readonly RuleMode[] = ['UPGRADE', 'DOWNGRADE', 'UPDOWN']
const domainModes: readonly RuleMode[] = ['WRITE', 'READ', 'WRITEREAD']
const places: readonly EnableAt[] = ['ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE']
const rulesMax = 1_000

/** The value as a rule set, with what Confluent fills in; or why it has not even the shape of one. What is unknown in it is passed over. */
export function readRuleSet(value: unknown): RuleSet | { readonly fault: string } {
  if (!isObject(value)) return { fault: 'a rule set is an object' }
  const { enableAt } = value
  const set: { -readonly [name in keyof RuleSet]: RuleSet[name] } = {}
  for (const list of ruleLists) {
    const given = value[list]
    if (given == null) continue
    if (!Array.isArray(given) || given.length > rulesMax) return { fault: `${list} is an array of at most ${rulesMax} rules` }
    const rules: Rule[] = []
    for (const each of given) {
      const rule = readRule(each)
      if ('fault' in rule) return rule
      rules.push(rule)
    }
    if (rules.length > 0) set[list] = rules
  }
  if (enableAt != null) {
    const place = places.find(each => each === enableAt)
    if (place === undefined) return { fault: `enableAt is one of ${places.join(', ')}` }
    set.enableAt = place
  }
  return set
}

/** Both together, the rules of `over` behind those of `under` that have other names. */
export function mergedRuleSets(under: RuleSet | undefined, over: RuleSet | undefined): RuleSet | undefined {
  if (under === undefined || over === undefined) return over ?? under
  const enableAt = over.enableAt ?? under.enableAt
  return setOf(list => {
    const [old, fresh] = [under[list] ?? [], over[list] ?? []]
    const names = new Set(fresh.map(rule => rule.name))
    return [...old.filter(rule => !names.has(rule.name)), ...fresh]
  }, enableAt)
}

export function withoutRules(set: RuleSet, names: ReadonlySet<string>): RuleSet {
  return setOf(list => (set[list] ?? []).filter(rule => !names.has(rule.name)), set.enableAt)
}

export function hasRuleOfType(set: RuleSet | undefined, type: string): boolean {
  return set !== undefined && ruleLists.some(list => set[list]?.some(rule => rule.type === type) === true)
}

function setOf(rulesOf: (list: typeof ruleLists[number]) => readonly Rule[], enableAt: EnableAt | undefined): RuleSet {
  const lists = ruleLists.map(list => [list, rulesOf(list)] as const).filter(([, rules]) => rules.length > 0)
  return { ...Object.fromEntries(lists), ...enableAt !== undefined && { enableAt } }
}

/** Jackson's order of members, which records in the log and answers have. */
function readRule(value: unknown): Rule | { readonly fault: string } {
  if (!isObject(value)) return { fault: 'a rule is an object' }
  const { name, doc, kind, mode, type, tags, params, expr, onSuccess, onFailure, disabled } = value
  for (const [member, text] of Object.entries({ doc, expr, onSuccess, onFailure })) if (text != null && typeof text !== 'string') return { fault: `${member} of a rule is a text` }
  if (name == null) return { fault: 'Missing rule name' }
  if (typeof name !== 'string') return { fault: 'the name of a rule is a text' }
  if (type == null) return { fault: 'Missing rule type' }
  if (typeof type !== 'string') return { fault: 'the type of a rule is a text' }
  const kindKnown = kind == null ? 'TRANSFORM' : kinds.find(each => each === kind)
  if (kindKnown === undefined) return { fault: `the kind of a rule is one of ${kinds.join(', ')}` }
  const modeKnown = mode == null ? 'WRITEREAD' : [...migrationModes, ...domainModes].find(each => each === mode)
  if (modeKnown === undefined) return { fault: `the mode of a rule is one of ${[...migrationModes, ...domainModes].join(', ')}` }
  if (tags != null && !(Array.isArray(tags) && tags.every(each => typeof each === 'string'))) return { fault: 'tags of a rule is an array of text' }
  if (params != null && !(isObject(params) && Object.values(params).every(each => typeof each === 'string'))) return { fault: 'params of a rule is an object of text' }
  if (disabled != null && typeof disabled !== 'boolean') return { fault: 'disabled of a rule is true or false' }
  const parameters = (params ?? {}) as { readonly [name: string]: string }
  return {
    name, ...typeof doc === 'string' && { doc }, kind: kindKnown, mode: modeKnown, type,
    ...tags != null && tags.length > 0 && { tags: [...new Set(tags as string[])].toSorted() },
    ...Object.keys(parameters).length > 0 && { params: Object.fromEntries(Object.keys(parameters).toSorted().map(each => [each, parameters[each]!])) },
    ...typeof expr === 'string' && { expr }, ...typeof onSuccess === 'string' && { onSuccess }, ...typeof onFailure === 'string' && { onFailure },
    disabled: disabled === true,
  }
}
