// Conditions of policies, as AWS Identity and Access Management defines them: an operator over a key of the request's context and the values it is held against. Only
// keys that are known of every request here can be named. What is not understood is refused when the policy is put, never passed over when it is asked.
import { parseIpAddress, parseIpRange } from '../base/ip-address.ts'
import type { Principal } from '../ports.ts'
import { iamArnOf } from './iam.ts'

/** What a request shows to conditions. */
export interface RequestContext {
  readonly principal: Principal
  /** The peer's IP address; '' where there is none. */
  readonly host: string
  readonly isEncrypted: boolean
  readonly nowMs: number
  readonly account: string
  readonly region: string
}

/** Whether a condition holds for a request. */
export type Condition = (context: RequestContext) => boolean

/** Why a policy is not taken. */
export class PolicyFault {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

type Kind = 'text' | 'address' | 'flag' | 'time'
interface Key {
  readonly kind: Kind
  /** Undefined: the request has none. */
  readonly of: (context: RequestContext) => string | undefined
}

/** By name in lower case: AWS does not tell cases of keys apart. */
const keys: ReadonlyMap<string, Key> = new Map(Object.entries<Key>({
  'aws:PrincipalArn': { kind: 'text', of: ({ principal, account }) => iamArnOf(principal, account) },
  'aws:PrincipalAccount': { kind: 'text', of: ({ account }) => account },
  'aws:username': { kind: 'text', of: ({ principal }) => (principal.type === 'User' ? principal.name : undefined) },
  'aws:RequestedRegion': { kind: 'text', of: ({ region }) => region },
  'aws:SourceIp': { kind: 'address', of: ({ host }) => (parseIpAddress(host) === undefined ? undefined : host) },
  'aws:SecureTransport': { kind: 'flag', of: ({ isEncrypted }) => String(isEncrypted) },
  'aws:CurrentTime': { kind: 'time', of: ({ nowMs }) => String(nowMs) },
  'aws:EpochTime': { kind: 'time', of: ({ nowMs }) => String(nowMs) },
}).map(([name, key]) => [name.toLowerCase(), key]))

interface Operator {
  readonly kinds: readonly Kind[]
  /** All of the values must be missed, instead of one of them met. */
  readonly isNegated: boolean
  /** A test for one value of the policy; undefined where that is no value of the kind. */
  readonly test: (value: string) => ((found: string) => boolean) | undefined
}

const textual: Pick<Operator, 'kinds'> = { kinds: ['text', 'address'] }
const same = (value: string) => (found: string): boolean => found === value
const sameInAnyCase = (value: string) => (found: string): boolean => found.toLowerCase() === value.toLowerCase()
const like = (value: string) => (found: string): boolean => globMatches(value, found)
const times = (holds: (found: number, value: number) => boolean): Pick<Operator, 'kinds' | 'test'> => ({
  kinds: ['time'], test: text => {
    const value = timeOf(text)
    return value === undefined ? undefined : found => holds(Number(found), value)
  },
})

const operators: ReadonlyMap<string, Operator> = new Map(Object.entries<Operator>({
  StringEquals: { ...textual, isNegated: false, test: same },
  StringNotEquals: { ...textual, isNegated: true, test: same },
  StringEqualsIgnoreCase: { ...textual, isNegated: false, test: sameInAnyCase },
  StringNotEqualsIgnoreCase: { ...textual, isNegated: true, test: sameInAnyCase },
  StringLike: { ...textual, isNegated: false, test: like },
  StringNotLike: { ...textual, isNegated: true, test: like },
  // AWS gives the two of a pair the same meaning: wildcards count in both.
  ArnEquals: { kinds: ['text'], isNegated: false, test: arnLike },
  ArnLike: { kinds: ['text'], isNegated: false, test: arnLike },
  ArnNotEquals: { kinds: ['text'], isNegated: true, test: arnLike },
  ArnNotLike: { kinds: ['text'], isNegated: true, test: arnLike },
  IpAddress: { kinds: ['address'], isNegated: false, test: inSubnet },
  NotIpAddress: { kinds: ['address'], isNegated: true, test: inSubnet },
  Bool: { kinds: ['flag'], isNegated: false, test: value => (value === 'true' || value === 'false' ? same(value) : undefined) },
  DateEquals: { ...times((found, value) => found === value), isNegated: false },
  DateNotEquals: { ...times((found, value) => found === value), isNegated: true },
  DateLessThan: { ...times((found, value) => found < value), isNegated: false },
  DateLessThanEquals: { ...times((found, value) => found <= value), isNegated: false },
  DateGreaterThan: { ...times((found, value) => found > value), isNegated: false },
  DateGreaterThanEquals: { ...times((found, value) => found >= value), isNegated: false },
}))

const ifExists = 'IfExists'

/** The Condition element of a statement: each of its conditions must hold. */
export function parseConditions(element: unknown): readonly Condition[] | PolicyFault {
  const conditions: Condition[] = []
  for (const [operator, tests] of entriesOf(element) ?? []) {
    for (const [name, values] of entriesOf(tests) ?? []) {
      const condition = parseCondition(operator, name, values)
      if (condition instanceof PolicyFault) return condition
      conditions.push(condition)
    }
    if (entriesOf(tests) === undefined) return new PolicyFault(`the condition operator ${operator} must be an object of condition keys`)
  }
  return entriesOf(element) === undefined ? new PolicyFault('Condition must be an object of condition operators') : conditions
}

function parseCondition(operatorName: string, keyName: string, element: unknown): Condition | PolicyFault {
  const key = keys.get(keyName.toLowerCase())
  if (key === undefined) return new PolicyFault(`the condition key ${keyName} is not supported here; these are: ${namesOf(keys)}`)
  const values = (Array.isArray(element) ? element : [element]).map(value => (typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined))
  const what = `the value of ${keyName} under ${operatorName}`
  if (values.length === 0 || values.includes(undefined)) return new PolicyFault(`${what} must be a text or a list of texts`)
  const variable = values.find(value => value!.includes('${'))
  if (variable !== undefined) return new PolicyFault(`${what} has a policy variable, which is not supported here: ${variable}`)
  if (operatorName === 'Null') {
    if (values.length !== 1 || (values[0] !== 'true' && values[0] !== 'false')) return new PolicyFault(`${what} must be true or false`)
    return context => (key.of(context) === undefined) === (values[0] === 'true')
  }
  const isOptional = operatorName.endsWith(ifExists)
  const operator = operators.get(isOptional ? operatorName.slice(0, -ifExists.length) : operatorName)
  if (operator === undefined) return new PolicyFault(`the condition operator ${operatorName} is not supported here; these are, also with IfExists: ${namesOf(operators)}, Null`)
  if (!operator.kinds.includes(key.kind)) return new PolicyFault(`the condition operator ${operatorName} does not fit the condition key ${keyName}`)
  const tests = values.map(value => operator.test(value!))
  const wrong = tests.indexOf(undefined)
  if (wrong >= 0) return new PolicyFault(`${what} is not of its kind: ${values[wrong]}`)
  return context => {
    const found = key.of(context)
    // What is not there differs from everything.
    if (found === undefined) return isOptional || operator.isNegated
    return tests.some(test => test!(found)) !== operator.isNegated
  }
}

/** `*` stands for any characters, `?` for any one. Takes no longer than the lengths multiplied, whatever the pattern. */
export function globMatches(pattern: string, text: string): boolean {
  let [at, from, star, mark] = [0, 0, -1, 0]
  while (from < text.length) {
    if (pattern[at] === '*') [star, mark] = [at++, from]
    else if (pattern[at] === '?' || pattern[at] === text[from]) [at, from] = [at + 1, from + 1]
    else if (star >= 0) [at, from] = [star + 1, ++mark]
    else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

/** Part by part between the first five colons, so that no wildcard of one part reaches into the next. */
function arnLike(pattern: string): ((found: string) => boolean) | undefined {
  const parts = arnParts(pattern)
  if (parts === undefined) return undefined
  return found => arnParts(found)?.every((part, at) => globMatches(parts[at]!, part)) === true
}

function arnParts(arn: string): string[] | undefined {
  const parts = arn.split(':')
  return parts.length < 6 || parts[0] !== 'arn' ? undefined : [...parts.slice(0, 5), parts.slice(5).join(':')]
}

/** `10.0.0.0/8`, `2001:db8::/32`, or a single address. */
function inSubnet(value: string): ((found: string) => boolean) | undefined {
  const range = parseIpRange(value)
  return range && (found => range(parseIpAddress(found)!))
}

/** Milliseconds of `2026-11-22T12:00:00Z` (a date alone counts, too) or of seconds since the epoch. */
function timeOf(text: string): number | undefined {
  if (/^\d{1,11}$/.test(text)) return Number(text) * 1_000
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : NaN
  return Number.isNaN(ms) ? undefined : ms
}

/** The members of an object; undefined for anything else. */
export function entriesOf(value: unknown): [string, unknown][] | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined
}

function namesOf(map: ReadonlyMap<string, unknown>): string {
  return [...map.keys()].join(', ')
}
