// A resource policy: a document in the language of AWS Identity and Access Management, read whole or refused with one sentence that says what is wrong. Every element that
// it has is honoured; elements, principals, actions, resources and conditions that could never count here are refused rather than kept for show.
import { hasRepeatedMember, parseJsonText } from '../base/json.ts'
import { accountRootArn, principalOf } from './iam.ts'
import { type Condition, PolicyFault, type RequestContext, entriesOf, globMatches, parseConditions } from './policy-conditions.ts'
import { formatPrincipal } from './principal.ts'

export interface Policy {
  readonly statements: readonly Statement[]
}

interface Statement {
  /** Its Sid, or `#` and which one it is. */
  readonly name: string
  readonly effect: 'Allow' | 'Deny'
  readonly isForEveryone: boolean
  /** The account itself is among the principals. */
  readonly isForAccount: boolean
  /** `User:CN=alice`. */
  readonly principals: ReadonlySet<string>
  readonly hasAction: (action: string) => boolean
  readonly conditions: readonly Condition[]
}

export interface PolicyQuestion extends RequestContext {
  readonly action: string
}

/** What a policy says of a request, and by which of its statements. */
export interface PolicyVerdict {
  readonly effect: 'Allow' | 'Deny'
  readonly statement: string
}

/** What a policy is put on, and where. */
export interface PolicySubject {
  readonly resource: string
  readonly account: string
  /** Every action there is: a policy that names another one has a slip of the pen. Undefined: not asked. */
  readonly actions?: readonly string[] | undefined
}

export const policyBytesMax = 20_480

/** A Deny before any Allow; undefined where no statement speaks of the request. */
export function askPolicy(policy: Policy, question: PolicyQuestion): PolicyVerdict | undefined {
  const principal = formatPrincipal(question.principal)
  let allow: Statement | undefined
  for (const statement of policy.statements) {
    if (!statement.hasAction(question.action)) continue
    // As in AWS: an Allow to the account leaves it to the account whom it lets in, here by ACLs; a Deny to the account is one to everybody in it.
    const speaksOf = statement.isForEveryone || statement.principals.has(principal) || (statement.isForAccount && statement.effect === 'Deny')
    if (!speaksOf || !statement.conditions.every(holds => holds(question))) continue
    if (statement.effect === 'Deny') return { effect: 'Deny', statement: statement.name }
    allow ??= statement
  }
  return allow && { effect: 'Allow', statement: allow.name }
}

export function parsePolicy(text: string, subject: PolicySubject): Policy | PolicyFault {
  if (Buffer.byteLength(text) > policyBytesMax) return new PolicyFault(`it has ${Buffer.byteLength(text)} bytes, more than ${policyBytesMax}`)
  let document: unknown
  try {
    document = parseJsonText(text)
  } catch {
    return new PolicyFault('it is not JSON')
  }
  if (hasRepeatedMember(text)) return new PolicyFault('an element stands in it twice')
  const members = membersOf(document, ['Version', 'Id', 'Statement'], 'the policy')
  if (members instanceof PolicyFault) return members
  const version = members.get('Version')
  if (version !== undefined && version !== '2012-10-17' && version !== '2008-10-17') return new PolicyFault(`its Version must be 2012-10-17 or 2008-10-17, not ${shown(version)}`)
  if (members.has('Id') && typeof members.get('Id') !== 'string') return new PolicyFault('its Id must be a text')
  const element = members.get('Statement')
  const list: readonly unknown[] = Array.isArray(element) ? element : element === undefined ? [] : [element]
  if (list.length === 0) return new PolicyFault('it has no Statement')
  const statements: Statement[] = []
  for (const [at, one] of list.entries()) {
    const statement = parseStatement(one, at, subject)
    if (statement instanceof PolicyFault) return statement
    if (statements.some(({ name }) => name === statement.name)) return new PolicyFault(`two statements have the Sid ${statement.name}`)
    statements.push(statement)
  }
  return { statements }
}

const statementMembers = ['Sid', 'Effect', 'Principal', 'Action', 'NotAction', 'Resource', 'Condition'] as const

function parseStatement(element: unknown, at: number, subject: PolicySubject): Statement | PolicyFault {
  const which = `statement ${at + 1}`
  const members = membersOf(element, statementMembers, which)
  if (members instanceof PolicyFault) return members
  const sid = members.get('Sid')
  if (sid !== undefined && !(typeof sid === 'string' && /^[A-Za-z0-9]*$/.test(sid))) return new PolicyFault(`the Sid of ${which} must have letters and digits only, not ${shown(sid)}`)
  const effect = members.get('Effect')
  if (effect !== 'Allow' && effect !== 'Deny') return new PolicyFault(`the Effect of ${which} must be Allow or Deny, not ${shown(effect)}`)
  const principals = parsePrincipals(members.get('Principal'), which, subject)
  if (principals instanceof PolicyFault) return principals
  const hasAction = parseActions(members, which, subject)
  if (hasAction instanceof PolicyFault) return hasAction
  const wrong = judgeResources(members.get('Resource'), which, subject)
  if (wrong !== null) return wrong
  const conditions = members.has('Condition') ? parseConditions(members.get('Condition')) : []
  if (conditions instanceof PolicyFault) return new PolicyFault(`in ${which}, ${conditions.message}`)
  return { name: sid === undefined || sid === '' ? `#${at + 1}` : sid, effect, ...principals, hasAction, conditions }
}

type Principals = Pick<Statement, 'isForEveryone' | 'isForAccount' | 'principals'>

function parsePrincipals(element: unknown, which: string, { account }: PolicySubject): Principals | PolicyFault {
  const everyone: Principals = { isForEveryone: true, isForAccount: false, principals: new Set() }
  if (element === '*') return everyone
  const members = membersOf(element, ['AWS'], `the Principal of ${which}`)
  if (members instanceof PolicyFault) return members
  const names = textsOf(members.get('AWS'))
  if (names === undefined) return new PolicyFault(`the Principal of ${which} must be "*" or {"AWS": …} with a text or a list of texts`)
  const found = { isForEveryone: false, isForAccount: false, principals: new Set<string>() }
  for (const name of names) {
    const principal = principalOf(name, account)
    if (name === '*') found.isForEveryone = true
    else if (name === account || name === accountRootArn(account)) found.isForAccount = true
    else if (principal !== undefined) found.principals.add(formatPrincipal(principal))
    else return new PolicyFault(`the Principal ${name} of ${which} is nobody of the account ${account}: name "*", ${accountRootArn(account)} or users such as arn:aws:iam::${account}:user/CN=alice`)
  }
  return found
}

function parseActions(members: ReadonlyMap<string, unknown>, which: string, { actions }: PolicySubject): Statement['hasAction'] | PolicyFault {
  const [action, notAction] = [members.get('Action'), members.get('NotAction')]
  const patterns = textsOf(action ?? notAction)
  if (patterns === undefined || (action !== undefined && notAction !== undefined)) {
    return new PolicyFault(`${which} must have either an Action or a NotAction, a text or a list of texts`)
  }
  // AWS does not tell cases of actions apart.
  const matches = (pattern: string, one: string): boolean => globMatches(pattern.toLowerCase(), one.toLowerCase())
  const stray = actions && patterns.find(pattern => !actions.some(one => matches(pattern, one)))
  if (stray !== undefined) return new PolicyFault(`the Action ${stray} of ${which} is none of Kinesis; write it as kinesis:PutRecord or kinesis:Get*`)
  return one => patterns.some(pattern => matches(pattern, one)) === (action !== undefined)
}

/** Every resource that is named must be the one that the policy is put on. */
function judgeResources(element: unknown, which: string, { resource }: PolicySubject): PolicyFault | null {
  const patterns = textsOf(element)
  if (patterns === undefined) return new PolicyFault(`the Resource of ${which} must be a text or a list of texts`)
  const other = patterns.find(pattern => !globMatches(pattern, resource))
  return other === undefined ? null : new PolicyFault(`the Resource ${other} of ${which} is not ${resource}, which the policy is put on`)
}

function membersOf(element: unknown, known: readonly string[], what: string): ReadonlyMap<string, unknown> | PolicyFault {
  const entries = entriesOf(element)
  if (entries === undefined) return new PolicyFault(`${what} must be an object`)
  const stray = entries.find(([name]) => !known.includes(name))
  return stray === undefined ? new Map(entries) : new PolicyFault(`${what} has the element ${stray[0]}, which is not supported here; these are: ${known.join(', ')}`)
}

/** A text or a list of at least one; undefined for anything else. */
function textsOf(element: unknown): string[] | undefined {
  const list: readonly unknown[] = Array.isArray(element) ? element : [element]
  return list.length > 0 && list.every(one => typeof one === 'string') ? [...list] : undefined
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 64) ?? 'missing'
}
