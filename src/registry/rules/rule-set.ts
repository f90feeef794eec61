// The rules of a data contract: which of them are carried out here, and what is wrong with a rule set that is to be registered. `enableAt` of the set says where
// its rules run: absent, CLIENT and NONE are not for us; GATEWAY is what goes through REST, SERVER every way in, ALL both and the clients too.
import type { RuleSet } from '../schema.ts'
import { isObject } from '../exact-json.ts'
import { compileExpression, type Expression, expressionCharactersMax } from './cel.ts'

export type Mode = 'WRITE' | 'READ'
export type Action = 'NONE' | 'ERROR' | 'DLQ'
/** Where a payload is looked at. */
export type Stage = 'GATEWAY' | 'SERVER'

export interface Rule {
  readonly name: string
  readonly doc: string | undefined
  readonly modes: readonly Mode[]
  /** CEL_FIELD looks at each primitive field, those with one of `tags` where it has any. */
  readonly isOfFields: boolean
  readonly tags: ReadonlySet<string>
  readonly text: string
  /** The rule applies where the guard is not false. */
  readonly guard: Expression | undefined
  readonly condition: Expression
  actionOn(outcome: 'success' | 'failure', mode: Mode): Action
}

/** A rule that is meant for here and cannot be carried out: it fails whenever its turn comes. */
export interface BrokenRule extends Pick<Rule, 'name' | 'modes' | 'actionOn'> {
  readonly fault: string
}

const rulesMax = 100
const nameCharactersMax = 64
const namePattern = /^[\p{L}_][\p{L}\p{Nd}_-]*$/u
const stages = { ALL: ['GATEWAY', 'SERVER'], GATEWAY: ['GATEWAY'], SERVER: ['SERVER'], CLIENT: [], NONE: [] } as const satisfies Record<string, readonly Stage[]>
const modesOf = {
  migrationRules: ['UPGRADE', 'DOWNGRADE', 'UPDOWN'], domainRules: ['WRITE', 'READ', 'WRITEREAD'], encodingRules: ['WRITE', 'READ', 'WRITEREAD'],
} as const
const listNames = { migrationRules: 'Migration', domainRules: 'Domain', encodingRules: 'Encoding' } as const
const celTypes: ReadonlySet<unknown> = new Set(['CEL', 'CEL_FIELD'])
const variables = { CEL: new Set(['message']), CEL_FIELD: new Set(['value', 'fullName', 'name', 'typeName', 'tags', 'message']) } as const

/** Where the rules of a set are carried out by this server. */
export function stagesOf(ruleSet: RuleSet): readonly Stage[] {
  const { enableAt } = ruleSet
  return typeof enableAt === 'string' && Object.hasOwn(stages, enableAt) ? stages[enableAt as keyof typeof stages] : []
}

/** The conditions of a set in its order. For a set that was registered: one that breaks a rule is a broken rule, not an error. */
export function conditionsOf(ruleSet: RuleSet): readonly (Rule | BrokenRule)[] {
  const rules = ruleSet['domainRules']
  if (!Array.isArray(rules) || stagesOf(ruleSet).length === 0) return []
  return rules.slice(0, rulesMax).flatMap((each: unknown): (Rule | BrokenRule)[] => {
    if (!isObject(each) || each['disabled'] === true || each['kind'] !== 'CONDITION' || !celTypes.has(each['type'])) return []
    const name = String(each['name'])
    const modes: readonly Mode[] = each['mode'] === 'WRITEREAD' ? ['WRITE', 'READ'] : each['mode'] === 'WRITE' || each['mode'] === 'READ' ? [each['mode']] : []
    const common = { name, modes, actionOn: (outcome: 'success' | 'failure', mode: Mode) => actionOf(each, outcome, mode) }
    const parts = partsOf(each)
    if (typeof parts === 'string') return [{ ...common, fault: parts }]
    return [{
      ...common, ...parts, doc: typeof each['doc'] === 'string' && each['doc'] !== '' ? each['doc'] : undefined,
      isOfFields: each['type'] === 'CEL_FIELD', tags: new Set(Array.isArray(each['tags']) ? each['tags'].filter(tag => typeof tag === 'string') : []),
    }]
  })
}

/**
 * Why a rule set may not be registered; undefined where it may. Rules must be well named and of a mode that their list has, CEL expressions must parse; where
 * the set says that its rules run here, they must be ones that do.
 */
export function faultOfRuleSet(ruleSet: RuleSet): string | undefined {
  const { enableAt } = ruleSet
  if (enableAt != null && (typeof enableAt !== 'string' || !Object.hasOwn(stages, enableAt))) {
    return `enableAt must be one of ${Object.keys(stages).join(', ')}, not ${JSON.stringify(enableAt).slice(0, 64)}`
  }
  const names = new Set<string>()
  for (const list of Object.keys(modesOf) as (keyof typeof modesOf)[]) {
    const rules = ruleSet[list]
    if (rules == null) continue
    if (!Array.isArray(rules)) return `${list} is not an array`
    if (rules.length > rulesMax) return `${list} has ${rules.length} rules, where at most ${rulesMax} are taken`
    for (const rule of rules as readonly unknown[]) {
      const fault = isObject(rule) ? faultOfRule(rule, list, ruleSet) : 'a rule is not an object'
      if (fault !== undefined) return fault
      const name = String((rule as { name: unknown }).name)
      if (names.has(name)) return `Found rule with duplicate name '${name}'`
      names.add(name)
    }
  }
  return undefined
}

function faultOfRule(rule: { readonly [name: string]: unknown }, list: keyof typeof modesOf, ruleSet: RuleSet): string | undefined {
  const { name, mode, kind, type, expr } = rule
  if (typeof name !== 'string' || name === '') return 'Missing rule name'
  if (!/^[\p{L}_]/u.test(name)) return `Illegal initial character in rule name: ${name.slice(0, nameCharactersMax)}`
  if (name.length > nameCharactersMax) return `Rule name too long: ${name.slice(0, nameCharactersMax)}...`
  if (!namePattern.test(name)) return `Illegal character in rule name: ${name}`
  const about = `rule '${name}'`
  const modes: readonly unknown[] = modesOf[list]
  if (type == null) return 'Missing rule type'
  if (mode != null && !modes.includes(mode)) return `${listNames[list]} rules can only be ${modes.join(', ')}`
  if (kind != null && kind !== 'CONDITION' && kind !== 'TRANSFORM') return `${about}: kind must be CONDITION or TRANSFORM`
  const isDisabled = rule['disabled'] === true
  if (celTypes.has(type) && expr != null) {
    if (typeof expr !== 'string') return `${about}: expr must be text`
    const parts = partsOf(rule)
    if (typeof parts === 'string') return `${about}: ${parts}`
    if (stagesOf(ruleSet).length > 0 && kind === 'CONDITION' && !isDisabled) {
      const known: ReadonlySet<string> = variables[type as 'CEL' | 'CEL_FIELD']
      for (const each of [parts.guard, parts.condition]) {
        const [unknown] = each === undefined ? [] : [...each.identifiers].filter(identifier => !known.has(identifier))
        if (unknown !== undefined) return `${about}: undeclared reference to '${unknown}'; there are ${[...known].join(', ')}`
        const [missing] = each?.unknownFunctions ?? []
        if (missing !== undefined) return `${about}: there is no function '${missing}'`
      }
    }
  }
  // With ALL the clients carry them out.
  if ((enableAtAlone(ruleSet)) && !isDisabled && (list !== 'domainRules' || kind !== 'CONDITION' || !celTypes.has(type) || expr == null || mode == null)) {
    return `${about}: only CONDITION rules of type CEL and CEL_FIELD are carried out with enableAt ${String(ruleSet['enableAt'])}`
  }
  return undefined
}

function enableAtAlone(ruleSet: RuleSet): boolean {
  return ruleSet['enableAt'] === 'GATEWAY' || ruleSet['enableAt'] === 'SERVER'
}

/** `guard ; condition`, or the condition alone; a text says where it does not parse. */
function partsOf(rule: { readonly [name: string]: unknown }): Pick<Rule, 'text' | 'guard' | 'condition'> | string {
  const { expr } = rule
  if (typeof expr !== 'string') return 'expr is missing'
  if (expr.length > expressionCharactersMax) return `expr is longer than ${expressionCharactersMax} characters`
  const semicolon = expr.indexOf(';')
  const guard = expr.slice(0, Math.max(semicolon, 0))
  try {
    return {
      text: expr,
      // Blanks in place of the guard, so that positions are those of the whole.
      condition: compileExpression(guard.replaceAll(/[^\n]/g, ' ').padEnd(semicolon + 1) + expr.slice(semicolon + 1)),
      guard: guard.trim() === '' ? undefined : compileExpression(guard),
    }
  } catch (error) {
    if (error instanceof SyntaxError) return `expr does not parse: ${error.message}`
    throw error
  }
}

/** `onSuccess` and `onFailure` of a WRITEREAD rule may name two actions, for writing and for reading. What is no action of ours refuses. */
function actionOf(rule: { readonly [name: string]: unknown }, outcome: 'success' | 'failure', mode: Mode): Action {
  const given = rule[outcome === 'success' ? 'onSuccess' : 'onFailure']
  const [onWrite, onRead = onWrite] = typeof given === 'string' ? given.split(',').map(each => each.trim()) : []
  const name = mode === 'WRITE' ? onWrite : onRead
  if (name === undefined || name === '') return outcome === 'success' ? 'NONE' : 'ERROR'
  return name === 'NONE' || name === 'DLQ' ? name : 'ERROR'
}
