// CEL expressions under a meter. What an expression may do is bounded by steps, each about as long as a comparison: a function pays by the size of what it
// is given and of what it makes, a comprehension by the length of what it goes through. An expression that has spent its steps ends at once, whatever it was
// about to say.
import { createRequire } from 'node:module'
import type { CelEnv, CelFunc, CelInput, CelList, CelResult, CelValue } from '@bufbuild/cel'
import { RE2JS } from 're2js'
import { Lru } from '../../base/lru.ts'

type Cel = typeof import('@bufbuild/cel')
type FuncGroup = NonNullable<ReturnType<CelEnv['funcs']['find']>>
type Parsed = ReturnType<Cel['parse']>
type Expr = Parsed['expr']

/** A longer one takes tens of milliseconds to parse. */
export const expressionCharactersMax = 4_096
const patternsKeptMax = 200
/** Characters that a function goes through in the time of one step. */
const charactersPerStep = 64
/** Functions of times with a time zone make a formatter. */
const timeZoneSteps = 300

export type Bindings = { readonly [name: string]: CelInput }
/** What came of it; 'spent' where the steps did not suffice; a text says why there is nothing. */
export type Outcome = { readonly value: CelValue } | { readonly error: string } | 'spent'

export interface Expression {
  /** Identifiers that are neither bound by a comprehension nor names of CEL's types. */
  readonly identifiers: ReadonlySet<string>
  /** Functions it calls that CEL and its string extension do not have. */
  readonly unknownFunctions: ReadonlySet<string>
  /** Members of `message` that it looks at, each as the names on the way to it. */
  readonly paths: readonly (readonly string[])[]
  evaluate(bindings: Bindings): Outcome
}

/** What the expressions of one payload may still spend. One at a time: evaluation is synchronous. */
let stepsLeft = 0

/** To go through a message, whose size is not known: as long as for the whole payload. */
let stepsOfMessage = 0

/** Begins a payload of that many bytes. */
export function grantSteps(steps: number, bytes: number): void {
  stepsLeft = steps
  stepsOfMessage = bytes / charactersPerStep
}

/** Throws SyntaxError, its message with line and column, where the text is no expression. */
export function compileExpression(text: string): Expression {
  const { parse, plan } = cel()
  let parsed: Parsed
  try {
    parsed = parse(text)
  } catch (error) {
    throw new SyntaxError(placeOf(error as Error))
  }
  const facts = new Facts()
  facts.visit(parsed.expr, new Set())
  const program = plan(environment(), parsed) as (bindings: Bindings) => CelResult
  return { identifiers: facts.identifiers, unknownFunctions: facts.unknownFunctions, paths: facts.paths, evaluate: bindings => evaluate(program, bindings) }
}

function evaluate(program: (bindings: Bindings) => CelResult, bindings: Bindings): Outcome {
  if (stepsLeft <= 0) return 'spent'
  const result = program(bindings)
  if (stepsLeft < 0) return 'spent'
  return cel().isCelError(result) ? { error: result.message } : { value: result }
}

/** The parser's message, which begins with `<input>:line:column: `; what it expected in its place is a list of everything. */
function placeOf(error: Error): string {
  const found = /^<input>:(\d+):(\d+): (.*)$/s.exec(error.message)
  return found === null ? error.message.slice(0, 200) : `line ${found[1]}, column ${found[2]}: ${found[3]!.replace(/ but expecting .*$/s, ' is not expected').slice(0, 200)}`
}

const typeNames: ReadonlySet<string> = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'google'])
/** Carried out by the planner itself. */
const operators: ReadonlySet<string> = new Set(['_[_]', '_[?_]', '_?._', '_?_:_', '_&&_', '_||_', '@not_strictly_false'])
const accumulator = '@result'
const [each, append] = ['@each', '@append']

/** What an expression names. On the way, its comprehensions are made to pay: `each` stands around what they go through, `append` where they add to a list. */
class Facts {
  readonly identifiers = new Set<string>()
  readonly unknownFunctions = new Set<string>()
  readonly paths: string[][] = []

  visit(expr: Expr, bound: ReadonlySet<string>): void {
    const { exprKind: kind } = expr
    switch (kind.case) {
      case 'identExpr': {
        const { name } = kind.value
        if (!bound.has(name) && !typeNames.has(name)) this.identifiers.add(name)
        if (name === 'message' && !bound.has(name)) this.paths.push([])
        return
      }
      case 'selectExpr': {
        const path = pathOf(expr)
        if (path === undefined || bound.has('message')) return this.#all([kind.value.operand], bound)
        this.identifiers.add('message')
        this.paths.push(path)
        return
      }
      case 'callExpr': {
        const { value: call } = kind
        const { target, args } = call
        if (call.function === '_+_' && isAccumulator(args[0]) && args[1]?.exprKind.case === 'listExpr') call.function = append
        const qualified = target === undefined ? undefined : qualifiedName(target)
        const isKnown = operators.has(call.function) || environment().funcs.find(call.function) !== undefined
          || (qualified !== undefined && environment().funcs.find(`${qualified}.${call.function}`) !== undefined)
        if (!isKnown) this.unknownFunctions.add(call.function)
        return this.#all([target, ...args], bound)
      }
      case 'listExpr': return this.#all(kind.value.elements, bound)
      case 'structExpr':
        return this.#all(kind.value.entries.flatMap(({ keyKind, value }) => [keyKind.case === 'mapKey' ? keyKind.value : undefined, value]), bound)
      case 'comprehensionExpr': {
        const { value: fold } = kind
        const inside = new Set([...bound, fold.iterVar, fold.accuVar])
        this.#all([fold.iterRange, fold.accuInit], bound)
        this.#all([fold.loopCondition, fold.loopStep, fold.result], inside)
        if (fold.iterRange !== undefined) fold.iterRange = callOf(each, fold.iterRange)
        return
      }
      default: return
    }
  }

  #all(expressions: readonly (Expr | undefined)[], bound: ReadonlySet<string>): void {
    for (const expr of expressions) if (expr !== undefined) this.visit(expr, bound)
  }
}

function callOf(name: string, argument: Expr): Expr {
  return { ...argument, exprKind: { case: 'callExpr', value: { $typeName: 'cel.expr.Expr.Call', function: name, args: [argument] } } }
}

function isAccumulator(expr: Expr | undefined): boolean {
  return expr?.exprKind.case === 'identExpr' && expr.exprKind.value.name === accumulator
}

/** The names behind `message` in `message.a.b`. */
function pathOf(expr: Expr): string[] | undefined {
  const { exprKind: kind } = expr
  if (kind.case === 'identExpr') return kind.value.name === 'message' ? [] : undefined
  if (kind.case !== 'selectExpr' || kind.value.operand === undefined) return undefined
  const before = pathOf(kind.value.operand)
  return before === undefined ? undefined : [...before, kind.value.field]
}

function qualifiedName(expr: Expr): string | undefined {
  const { exprKind: kind } = expr
  if (kind.case === 'identExpr') return kind.value.name
  if (kind.case !== 'selectExpr' || kind.value.operand === undefined) return undefined
  const before = qualifiedName(kind.value.operand)
  return before === undefined ? undefined : `${before}.${kind.value.field}`
}

// Loaded when the first rule needs it: most servers never see one.
const load = createRequire(import.meta.url)
let loaded: Cel | undefined
let made: CelEnv | undefined

function cel(): Cel {
  return loaded ??= load('@bufbuild/cel') as Cel
}

function environment(): CelEnv {
  if (made !== undefined) return made
  const { celEnv, celFunc, celList, CelScalar } = cel()
  const { strings } = load('@bufbuild/cel/ext') as { strings: CelFunc[] }
  /** The list behind each accumulator, which nothing but its own comprehension sees before it is done. */
  const growing = new WeakMap<CelList, CelValue[]>()
  const eachFunction = celFunc(each, [CelScalar.DYN], CelScalar.DYN, (range: CelValue) => range)
  const appendFunction = celFunc(append, [CelScalar.DYN, CelScalar.DYN], CelScalar.DYN, (left: CelValue, right: CelValue) => {
    const items = growing.get(left as CelList) ?? [...left as CelList]
    items.push(...right as CelList)
    if (growing.has(left as CelList)) return left
    const list = celList(items)
    growing.set(list, items)
    return list
  })
  const plain = celEnv({ funcs: [...strings, eachFunction, appendFunction], re2: { compile: compilePattern } })
  const groups = new Map<string, FuncGroup>()
  for (const { name } of plain.funcs) if (!groups.has(name)) groups.set(name, metered(plain.funcs.find(name)!))
  const funcs: CelEnv['funcs'] = Object.create(plain.funcs, { find: { value: (name: string) => groups.get(name) } })
  made = Object.create(plain, { funcs: { value: funcs } }) as CelEnv
  return made
}

const patterns = new Lru<string, RE2JS>(patternsKeptMax)

function compilePattern(pattern: string): { test(text: string): boolean } {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) patterns.set(pattern, compiled = RE2JS.compile(pattern))
  return compiled
}

class Spent extends Error {}

function metered(group: FuncGroup): FuncGroup {
  const { celList, isCelList } = cel()
  return {
    name: group.name,
    [Symbol.iterator]: () => group[Symbol.iterator](),
    call(id, target, args) {
      stepsLeft -= 1 + costOf(group.name, target === undefined ? args : [target, ...args])
      // Thrown, not given: an error that is a value would only end its own part of the expression.
      if (stepsLeft < 0) throw new Spent()
      const result = group.call(id, target, args)
      if (typeof result === 'string') stepsLeft -= result.length / charactersPerStep
      // A list of lists would be gone through by way of each of them, once for every item.
      return group.name === '_+_' && isCelList(result) ? celList([...result]) : result
    },
  }
}

function costOf(name: string, values: readonly CelValue[]): number {
  const [first, second, third] = values
  switch (name) {
    case 'size': return typeof first === 'string' ? first.length / charactersPerStep : 0
    case append: case 'type': return 0
    case each: return cel().isCelList(first) || cel().isCelMap(first) ? first.size : 0
    case '@in': if (cel().isCelMap(second)) return 0; break
    case 'matches': if (typeof first === 'string' && typeof second === 'string') return costOfPattern(second, first.length); break
    case 'replace':
      if (typeof first === 'string' && typeof second === 'string' && typeof third === 'string') {
        // Each replacement copies the text.
        const count = second === '' ? first.length : first.split(second).length - 1
        return (count + 1) * (first.length + count * third.length) / charactersPerStep
      }
      break
    case 'join': return weigh(first) * (1 + (typeof second === 'string' ? second.length / charactersPerStep : 0))
    default: if (name.startsWith('get') && second !== undefined) return timeZoneSteps
  }
  let sum = 0
  for (const value of values) sum += weigh(value)
  return sum
}

/** A pattern's states are as many as its characters, as often as it repeats them; each may be tried at each character. */
function costOfPattern(pattern: string, textLength: number): number {
  const repeats = [...pattern.matchAll(/\{(?:\d+,)?(\d+)\}/g)].reduce((product, [, times]) => Math.min(product * Math.max(1, Number(times)), 1_000), 1)
  const states = pattern.length * repeats
  return states / 4 + (textLength + 1) * states / charactersPerStep
}

/** Steps that it takes to go through a value, no further than there are steps for. */
function weigh(value: CelValue | undefined): number {
  const { isCelList, isCelMap } = cel()
  let sum = 0
  const add = (each: unknown): void => {
    sum++
    if (typeof each === 'string' || each instanceof Uint8Array) sum += each.length / charactersPerStep
    else if (isCelList(each)) {
      for (const item of each) {
        if (sum > stepsLeft) return
        add(item)
      }
    } else if (isCelMap(each)) {
      for (const [key, item] of each.entries()) {
        if (sum > stepsLeft) return
        add(key)
        add(item)
      }
    } else if (typeof each === 'object' && each !== null) sum += stepsOfMessage
  }
  if (typeof value === 'string' || (typeof value === 'object' && value !== null)) add(value)
  return sum
}
