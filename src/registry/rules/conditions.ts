// The rules of a data contract: which of them are carried out here, and what is wrong with a rule set that is to be registered. `enableAt` of the set says where
// its rules run: absent, CLIENT and NONE are not for us; GATEWAY is what goes through REST, SERVER every way in, ALL both and the clients too.
import type { Rule, RuleSet } from '../rule-set.ts'
import { compileExpression, type Expression, expressionCharactersMax } from './cel.ts'

export type Mode = 'WRITE' | 'READ'
export type Action = 'NONE' | 'ERROR' | 'DLQ'
/** Where a payload is looked at. */
export type Stage = 'GATEWAY' | 'SERVER'

export interface Condition {
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

/** One that is meant for here and cannot be carried out: it fails whenever its turn comes. */
export interface BrokenCondition extends Pick<Condition, 'name' | 'modes' | 'actionOn'> {
  readonly fault: string
}

const rulesMax = 100
const nameCharactersMax = 64
const namePattern = /^[\p{L}_][\p{L}\p{Nd}_-]*$/u
const stages = { ALL: ['GATEWAY', 'SERVER'], GATEWAY: ['GATEWAY'], SERVER: ['SERVER'], CLIENT: [], NONE: [] } as const satisfies Record<string, readonly Stage[]>
const lists = [
  { list: 'migrationRules', title: 'Migration', modes: ['UPGRADE', 'DOWNGRADE', 'UPDOWN'] },
  { list: 'domainRules', title: 'Domain', modes: ['WRITE', 'READ', 'WRITEREAD'] },
  { list: 'encodingRules', title: 'Encoding', modes: ['WRITE', 'READ', 'WRITEREAD'] },
] as const
const variables: { readonly [type: string]: ReadonlySet<string> } = {
  CEL: new Set(['message']), CEL_FIELD: new Set(['value', 'fullName', 'name', 'typeName', 'tags', 'message']),
}

/** Where the rules of a set are carried out by this server. */
export function stagesOf({ enableAt }: RuleSet): readonly Stage[] {
  return enableAt === undefined ? [] : stages[enableAt]
}

/** The conditions of a set in its order. For a set that was registered: one that breaks a rule is a broken condition, not an error. */
export function conditionsOf(ruleSet: RuleSet): readonly (Condition | BrokenCondition)[] {
  if (stagesOf(ruleSet).length === 0) return []
  return (ruleSet.domainRules ?? []).filter(rule => !rule.disabled && isCelCondition(rule)).map((rule): Condition | BrokenCondition => {
    const { name, mode } = rule
    const modes: readonly Mode[] = mode === 'WRITEREAD' ? ['WRITE', 'READ'] : mode === 'WRITE' || mode === 'READ' ? [mode] : []
    const common = { name, modes, actionOn: (outcome: 'success' | 'failure', on: Mode) => actionOf(rule, outcome, on) }
    const parts = partsOf(rule)
    if (typeof parts === 'string') return { ...common, fault: parts }
    return { ...common, ...parts, doc: rule.doc === '' ? undefined : rule.doc, isOfFields: rule.type === 'CEL_FIELD', tags: new Set(rule.tags) }
  })
}

/**
 * Why a rule set may not be registered; undefined where it may. Rules must be well named and of a mode that their list has, CEL expressions must parse; where
 * the set says that its rules run here, they must be ones that do.
 */
export function faultOfRuleSet(ruleSet: RuleSet): string | undefined {
  const names = new Set<string>()
  for (const { list, title, modes } of lists) {
    const rules = ruleSet[list] ?? []
    if (rules.length > rulesMax) return `${list} has ${rules.length} rules, where at most ${rulesMax} are taken`
    for (const rule of rules) {
      const fault = faultOfName(rule.name)
      if (fault !== undefined) return fault
      if (!modes.some(mode => mode === rule.mode)) return `${title} rules can only be ${modes.join(', ')}`
      if (names.has(rule.name)) return `Found rule with duplicate name '${rule.name}'`
      names.add(rule.name)
      const reason = faultOfExpression(rule, ruleSet) ?? faultOfPlace(rule, list, ruleSet)
      if (reason !== undefined) return `rule '${rule.name}': ${reason}`
    }
  }
  return undefined
}

function faultOfName(name: string): string | undefined {
  if (name === '') return 'Missing rule name'
  if (!/^[\p{L}_]/u.test(name)) return `Illegal initial character in rule name: ${name.slice(0, nameCharactersMax)}`
  if (name.length > nameCharactersMax) return `Rule name too long: ${name.slice(0, nameCharactersMax)}...`
  return namePattern.test(name) ? undefined : `Illegal character in rule name: ${name}`
}

/** An expression for clients need only parse: they may have functions of their own. */
function faultOfExpression(rule: Rule, ruleSet: RuleSet): string | undefined {
  const known = Object.hasOwn(variables, rule.type) ? variables[rule.type] : undefined
  if (known === undefined || rule.expr === undefined) return undefined
  const parts = partsOf(rule)
  if (typeof parts === 'string') return parts
  if (stagesOf(ruleSet).length === 0 || rule.kind !== 'CONDITION' || rule.disabled) return undefined
  for (const { identifiers, unknownFunctions } of [parts.guard, parts.condition].filter(each => each !== undefined)) {
    const unknown = [...identifiers].find(identifier => !known.has(identifier))
    if (unknown !== undefined) return `undeclared reference to '${unknown}'; there are ${[...known].join(', ')}`
    const [missing] = unknownFunctions
    if (missing !== undefined) return `there is no function '${missing}'`
  }
  return undefined
}

/** With ALL, clients carry out what this server does not; with GATEWAY and SERVER nobody would. */
function faultOfPlace(rule: Rule, list: string, { enableAt }: RuleSet): string | undefined {
  if (rule.disabled || (enableAt !== 'GATEWAY' && enableAt !== 'SERVER')) return undefined
  if (list === 'domainRules' && isCelCondition(rule) && rule.expr !== undefined) return undefined
  return `only CONDITION rules of type CEL and CEL_FIELD are carried out with enableAt ${enableAt}`
}

function isCelCondition(rule: Rule): boolean {
  return rule.kind === 'CONDITION' && Object.hasOwn(variables, rule.type)
}

/** `guard ; condition`, or the condition alone; a text says where it does not parse. */
function partsOf({ expr }: Rule): Pick<Condition, 'text' | 'guard' | 'condition'> | string {
  if (expr === undefined) return 'expr is missing'
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
function actionOf(rule: Rule, outcome: 'success' | 'failure', mode: Mode): Action {
  const given = outcome === 'success' ? rule.onSuccess : rule.onFailure
  const [onWrite = '', onRead = onWrite] = (given ?? '').split(',').map(each => each.trim())
  const name = mode === 'WRITE' ? onWrite : onRead
  if (name === '') return outcome === 'success' ? 'NONE' : 'ERROR'
  return name === 'NONE' || name === 'DLQ' ? name : 'ERROR'
}
