// Validation against a JSON Schema with ajv, tamed for schemas and payloads nobody vouches for: patterns run in a linear-time engine, uniqueItems takes one
// pass, what a validation costs is counted and bounded, nothing is fetched, and $data is off.
import type { ErrorObject, Options, ValidateFunction } from 'ajv'
import { RE2JS } from 're2js'
import { addFormatsTo, ajvFor } from './ajv.ts'
import { InvalidSchema } from '../errors.ts'
import { isObject } from '../exact-json.ts'
import { asOneFault, faultsMax, pointerToken, type SchemaFault, undecidedFault } from '../fault.ts'
import type { JsonDocument } from './document.ts'
import { schemaMaps, valueKeywords } from './drafts.ts'
import { costOfPattern, sizeOf } from './size.ts'
import { tellApartInOnePass } from './unique-items.ts'

/** The fault of a value that was `bytes` long as text; null where it fits. */
export type JsonValidator = (value: unknown, bytes: number) => SchemaFault | null

/**
 * What one validation may cost, by the size of the value: recursion through anyOf and its like grows exponentially with its depth, and a long list may be held
 * against many branches. The unit is a node of the schema, about ten nanoseconds; following a reference costs more.
 */
const costPerByteMax = 80
const costFreeCount = 20_000
/** One look at every node is always allowed, and so are a few. */
const passesFreeCount = 4
const costMax = 20_000_000
const referenceCost = 20
/** Parts of a schema up to this size are not counted: most schemas are not larger, and cost nothing more. */
const uncountedMax = 50
/** Nodes of the schema times bytes of a value: how large they may be together for all faults of the value to be looked for, each of which takes memory. */
const thoroughWorkMax = 2_000_000
/** A keyword of ours beside references and in large parts, which counts. */
const counter = '$sluiceCounted'
/**
 * Time in a linear-time engine is still the length of the text times what the pattern compiles to, at worst: `([a-z][a-y]?){900}` takes a millisecond for each
 * character. One text may be that large, and all texts of one validation may take that long together; what is small is not timed.
 */
const patternStepsMax = 3_000_000
const patternMsMax = 200
const patternStepsTimed = 20_000

/** Whether somebody else sees to it that nothing takes too long. */
let hasTime = false

/** For workers, which are stopped when their time is up: validations then take as long as they take. */
export function takeTime(): void {
  hasTime = true
}

/** Of the validation that is going on: there is one at a time. */
let patternMsLeft = 0

/** ajv's hook for another engine; `code` is only used where it writes modules, which nothing here does. */
const linearPattern = Object.assign(
  (pattern: string, _flags: string) => {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
    const cost = costOfPattern(pattern)
    return {
      test(text: string): boolean {
        const steps = cost * text.length
        if (steps <= patternStepsTimed) return compiled.test(text)
        if ((steps > patternStepsMax && !hasTime) || patternMsLeft <= 0) throw new TooComplex()
        const started = performance.now()
        const verdict = compiled.test(text)
        patternMsLeft -= performance.now() - started
        return verdict
      },
    }
  },
  { code: 'RE2JS' },
)

/** `optimize` makes compiling take time that grows with the square of the schema's size, and validation no faster. */
const options: Options = { allErrors: false, strict: false, logger: false, messages: true, inlineRefs: false, code: { regExp: linearPattern, optimize: false } }

/** Throws InvalidSchema where the document does not compile: a keyword with a bad value, a reference to nowhere, a pattern that no linear-time engine takes. */
export function compileJsonSchema(document: JsonDocument): JsonValidator {
  let validator = validators.get(document)
  if (validator === undefined) validators.set(document, validator = compile(document))
  return validator
}

/** A document is compiled when it is parsed, to see whether it can be, and asked for again when the first payload comes. */
const validators = new WeakMap<JsonDocument, JsonValidator>()

function compile(document: JsonDocument): JsonValidator {
  const nodeCount = sizeOf(document.root)
  const validate = compiled(document, { allErrors: false, nodeCount })
  let thorough: Run | undefined
  return (value, bytes) => {
    const errors = validate(value, bytes)
    if (errors === null) return null
    if (errors === tooComplex) return undecidedFault('is too complex to be validated against this schema')
    const first = asFault(telling(errors))
    if (nodeCount * bytes > thoroughWorkMax) return first
    // ajv stops at the first fault: what else there is, is asked of a second form, which only faulty values pay for.
    thorough ??= compiled(document, { allErrors: true, nodeCount })
    const all = thorough(value, bytes)
    return all === null || all === tooComplex ? first : asOneFault([first, ...others(all, first)])!
  }
}

/** The errors of a value that was `bytes` long as text; null where there are none. */
type Run = (value: unknown, bytes: number) => readonly ErrorObject[] | null

/** In place of errors, where a value takes more steps than its size allows. */
const tooComplex: readonly ErrorObject[] = []

function compiled(document: JsonDocument, { allErrors, nodeCount }: { allErrors: boolean; nodeCount: number }): Run {
  const budget = { left: 0 }
  // The schema was held against its draft when it was parsed.
  const ajv = new (ajvFor(document.draft))({ ...options, allErrors, meta: false, validateSchema: false })
  addFormatsTo(ajv)
  tellApartInOnePass(ajv)
  ajv.addKeyword({
    // Before the reference is followed: behind it, nothing counts what fails.
    keyword: counter, before: '$ref', schemaType: 'number', errors: false,
    compile: (cost: number) => () => {
      if ((budget.left -= cost) < 0) throw new TooComplex()
      return true
    },
  })
  let validate: ValidateFunction
  try {
    for (const [name, known] of document.known) {
      const schema = counted(known.root).copy as object
      for (const key of namesIn(document, name)) ajv.addSchema(schema, key)
    }
    validate = ajv.compile(counted(document.root).copy as object)
  } catch (error) {
    throw new InvalidSchema(error instanceof RangeError ? 'the schema is too large to be compiled' : (error as Error).message.slice(0, 1000))
  }
  return (value, bytes) => {
    patternMsLeft = hasTime ? Infinity : patternMsMax
    budget.left = hasTime ? Infinity : Math.min(costMax, costFreeCount + passesFreeCount * nodeCount + costPerByteMax * bytes)
    try {
      return validate(value) ? null : validate.errors ?? []
    } catch (error) {
      // The TypeErrors are ajv's: what it writes for unevaluatedProperties behind references sometimes sets a member of nothing.
      if (error instanceof TooComplex || error instanceof RangeError || error instanceof TypeError) return tooComplex
      throw error
    }
  }
}

/** A reference's name as it stands, and as a `$ref` in the document comes to once the document's own identifier has been taken for its base. */
function namesIn(document: JsonDocument, name: string): readonly string[] {
  const id = isObject(document.root) ? document.root['$id'] : undefined
  if (typeof id !== 'string' || !URL.canParse(name, id)) return [name]
  const resolved = new URL(name, id).href
  return resolved === name ? [name] : [name, resolved]
}

/**
 * ajv stops at the first keyword that fails, but tells what each branch of an anyOf or oneOf had against the value: the deepest says most; of several at
 * one place, the union.
 */
function telling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  let best = errors[0]
  for (const error of errors) {
    const depth = error.instancePath.length - best!.instancePath.length
    if (depth > 0 || (depth === 0 && isSum(error))) best = error
  }
  return best
}

/** The further faults among all errors. What the branches of a sum had against a value is one fault, which is the deepest of them or the sum's own. */
function others(errors: readonly ErrorObject[], first: SchemaFault): readonly SchemaFault[] {
  const faults = new Map<string, SchemaFault>()
  for (let end = errors.length; end > 0;) {
    const error = errors[end - 1]!
    const start = isSum(error) ? startOfSum(errors, end - 1) : end - 1
    const fault = asFault(telling(errors.slice(start, end)))
    faults.set(`${fault.pointer} ${fault.reason}`, fault)
    end = start
  }
  faults.delete(`${first.pointer} ${first.reason}`)
  return [...faults.values()].reverse().slice(0, faultsMax - 1)
}

/** Where the errors of a sum's branches begin: they stand before its own, and are of the value it is of or of what is in that. */
function startOfSum(errors: readonly ErrorObject[], at: number): number {
  const { instancePath, schemaPath } = errors[at]!
  const parent = schemaPath.slice(0, schemaPath.lastIndexOf('/') + 1)
  let start = at
  while (start > 0) {
    const before = errors[start - 1]!
    if (before.instancePath !== instancePath && !before.instancePath.startsWith(`${instancePath}/`)) break
    // Of a keyword beside the sum.
    if (before.schemaPath.startsWith(parent) && !before.schemaPath.startsWith(`${schemaPath}/`)) break
    start--
  }
  return start
}

function isSum({ keyword }: ErrorObject): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf'
}

function asFault(error: ErrorObject | undefined): SchemaFault {
  if (error === undefined) return { pointer: '', reason: 'does not fit' }
  const extra: unknown = error.params['additionalProperty'] ?? error.params['unevaluatedProperty'] ?? error.params['propertyName']
  return { pointer: typeof extra === 'string' ? error.instancePath + pointerToken(extra) : error.instancePath, reason: reasonOf(error) }
}

class TooComplex extends Error {}

function reasonOf({ keyword, message = 'does not fit', params }: ErrorObject): string {
  switch (keyword) {
    case 'enum': return `${message}: ${JSON.stringify(params['allowedValues']).slice(0, 200)}`
    case 'const': return `${message} ${JSON.stringify(params['allowedValue']).slice(0, 200)}`
    default: return message
  }
}

/** A copy with the counter beside every reference and in every part that is large, and the nodes of it that no counter stands for. */
function counted(schema: unknown): { readonly copy: unknown; readonly uncounted: number } {
  let uncounted = 1
  const part = (value: unknown): unknown => {
    const { copy, uncounted: more } = counted(value)
    uncounted += more
    return copy
  }
  if (Array.isArray(schema)) return { copy: schema.map(part), uncounted }
  if (!isObject(schema)) return { copy: schema, uncounted }
  const members = Object.entries(schema).map(([name, member]): [string, unknown] => {
    if (valueKeywords.has(name)) {
      uncounted += Array.isArray(member) ? member.length : 1
      return [name, member]
    }
    if (schemaMaps.has(name) && isObject(member)) return [name, Object.fromEntries(Object.entries(member).map(([key, each]) => [key, part(each)]))]
    return [name, part(member)]
  })
  const refers = ['$ref', '$dynamicRef', '$recursiveRef'].some(name => typeof schema[name] === 'string')
  if (refers || uncounted > uncountedMax) {
    members.push([counter, uncounted + (refers ? referenceCost : 0)])
    uncounted = 0
  }
  return { copy: Object.fromEntries(members), uncounted }
}
