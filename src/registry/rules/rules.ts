// Carrying out the rules of a data contract on one payload: the conditions of its mode in their order, until one fails whose action refuses the payload.
import type { CelInput } from '@bufbuild/cel'
import { pointerToken, type SchemaFault } from '../fault.ts'
import { type Bindings, type Expression, grantSteps } from './cel.ts'
import type { Action, BrokenCondition, Condition, Mode } from './conditions.ts'
import { celValue, type Field, type Leaf, type Member, type Members, type Tree, type TypeName } from './tree.ts'

/** What all rules together may spend on a payload: some per byte, so that what is sent bounds what is done; a step is about a microsecond. */
const stepsFreeCount = 2_000
const stepsPerByte = 4
const stepsMax = 500_000
const fieldsOfRuleMax = 100_000

/** The fault of the first rule that refuses the payload; null where none does. `bytes` is the payload's size. */
export function carryOut(rules: readonly (Condition | BrokenCondition)[], mode: Mode, tree: Tree, bytes: number): SchemaFault | null {
  if (rules.length === 0) return null
  grantSteps(Math.min(stepsMax, stepsFreeCount + stepsPerByte * bytes), bytes)
  const made = new Map<Tree, CelInput>()
  const messageOf = (of: Tree): CelInput => {
    let message = made.get(of)
    if (message === undefined) made.set(of, message = celValue(of))
    return message
  }
  for (const rule of rules) {
    const failure = failureOf(rule, tree, messageOf)
    const action = rule.actionOn(failure === undefined ? 'success' : 'failure', mode)
    if (action !== 'NONE') return faultOf(rule, failure, action)
  }
  return null
}

interface Failure {
  readonly pointer: string
  readonly reason: string
}

function failureOf(rule: Condition | BrokenCondition, tree: Tree, messageOf: (of: Tree) => CelInput): Failure | undefined {
  if ('fault' in rule) return { pointer: '', reason: rule.fault }
  if (!rule.isOfFields) return judge(rule, bindings({ message: messageOf(tree) }), () => pointerOf(rule.condition, tree))
  let left = fieldsOfRuleMax
  return visitFields(tree, '', undefined, undefined, (leaf, pointer, field, containing) => {
    if (rule.tags.size > 0 && !field.tags.some(tag => rule.tags.has(tag))) return undefined
    if (--left < 0) return { pointer: '', reason: `there are more than ${fieldsOfRuleMax} fields to look at` }
    const value = { value: leaf.value, fullName: field.fullName, name: field.name, typeName: leaf.typeName, tags: field.tags, message: messageOf(containing) }
    return judge(rule, bindings(value), () => pointer)
  })
}

function judge(rule: Condition, given: Bindings, pointer: () => string): Failure | undefined {
  if (rule.guard !== undefined) {
    const guarded = rule.guard.evaluate(given)
    if (guarded === 'spent' || 'error' in guarded) return { pointer: '', reason: reasonOf(guarded) }
    if (guarded.value === false) return undefined
  }
  const outcome = rule.condition.evaluate(given)
  if (outcome === 'spent' || 'error' in outcome) return { pointer: pointer(), reason: reasonOf(outcome, rule.text) }
  if (outcome.value === true) return undefined
  return { pointer: pointer(), reason: outcome.value === false ? rule.doc ?? `Expr failed: '${rule.text}'` : 'its expression gives neither true nor false' }
}

/** No prototype: CEL looks variables up by whatever name the expression has. */
function bindings(values: Bindings): Bindings {
  return Object.assign(Object.create(null) as object, values)
}

/** Why there is no verdict. Of CEL's own words only those that cannot quote the payload. */
function reasonOf(outcome: 'spent' | { readonly error: string }, expression?: string): string {
  if (outcome === 'spent') return 'it takes more steps than a payload of this size is granted'
  const { error } = outcome
  const isSafe = /^(found no matching overload|no such key|unresolved attribute|type mismatch|divide by zero|no such field|unbound function)/.test(error)
  // Without an index every name of a field is the rule's own.
  const isOwnField = error.startsWith('field not found: ') && expression?.includes('[') === false
  return `it cannot be evaluated: ${isSafe || isOwnField ? error.slice(0, 200) : 'a value is not what it expects'}`
}

function faultOf(rule: Condition | BrokenCondition, failure: Failure | undefined, action: Exclude<Action, 'NONE'>): SchemaFault {
  const why = failure === undefined ? 'it holds, and its onSuccess is to refuse' : failure.reason
  const where = action === 'DLQ' ? ' (the rule wants the record in the dead-letter topic)' : ''
  return { pointer: failure?.pointer ?? '', reason: `rule '${rule.name}' failed: ${why}${where}` }
}

type TypedLeaf = Leaf & { readonly typeName: TypeName }

/** Each primitive value that belongs to a field, until the visitor says something. */
function visitFields(
  tree: Tree, pointer: string, field: Field | undefined, containing: Members | undefined,
  visit: (leaf: TypedLeaf, pointer: string, field: Field, containing: Members) => Failure | undefined,
): Failure | undefined {
  switch (tree.kind) {
    case 'leaf':
      if (field === undefined || containing === undefined || tree.value === null || tree.typeName === undefined || tree.typeName === 'ENUM' || tree.typeName === 'FIXED') return undefined
      return visit({ ...tree, typeName: tree.typeName }, pointer, field, containing)
    case 'branch': case 'tagged': return visitFields(tree.tree, pointer, field, containing, visit)
    case 'list': {
      for (const [index, item] of tree.items.entries()) {
        const failure = visitFields(item, `${pointer}/${index}`, field, containing, visit)
        if (failure !== undefined) return failure
      }
      return undefined
    }
    case 'members': {
      for (const member of tree.members) {
        const at = pointer + pointerToken(member.name)
        const failure = visitFields(member.tree, at, member.field ?? field, member.field === undefined ? containing : tree, visit)
        if (failure !== undefined) return failure
      }
      return undefined
    }
  }
}

/** The one value that the expression looks at; '' where it looks at several, or at one that is not there. */
function pointerOf({ paths }: Expression, tree: Tree): string {
  const [path, ...others] = paths
  if (path === undefined || others.some(other => other.join() !== path.join())) return ''
  let pointer = ''
  let at: Tree = tree
  for (const name of path) {
    while (at.kind === 'branch' || at.kind === 'tagged') at = at.tree
    // A Protobuf field goes by another name in JSON.
    const member: Member | undefined = at.kind === 'members' ? at.members.find(each => (each.field === undefined ? each.name : each.field.name) === name) : undefined
    if (member === undefined) return ''
    pointer += pointerToken(member.name)
    at = member.tree
  }
  return pointer
}
