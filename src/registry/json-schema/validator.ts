// Validation against a JSON Schema with ajv, tamed for schemas and payloads nobody vouches for: patterns run in a linear-time engine, uniqueItems takes one
// pass, references fan out under a budget, nothing is fetched, and $data is off.
import type { Ajv, ErrorObject, Options, ValidateFunction } from 'ajv'
import { RE2JS } from 're2js'
import { addFormatsTo, ajvFor } from './ajv.ts'
import { InvalidSchema } from '../errors.ts'
import { isObject } from '../exact-json.ts'
import { pointerToken, type SchemaFault } from '../fault.ts'
import type { Draft, JsonDocument } from './document.ts'

/** The fault of a value that was `bytes` long as text; null where it fits. */
export type JsonValidator = (value: unknown, bytes: number) => SchemaFault | null

/** How many times one validation may follow a reference, by the size of the value: recursion through anyOf and its like grows exponentially with its depth. */
const referencesPerByteMax = 4
const referencesFreeCount = 1_000
/** ajv takes about a tenth of a millisecond for each. */
const schemaNodesMax = 20_000
/** Characters of patterns, each pattern's times the largest count it repeats by: what the patterns of one schema compile to. */
const patternCostMax = 250_000
/** A keyword of ours beside each reference, which counts. */
const counter = '$sluiceCounted'
/** Members of these are schemas by name… */
const schemaMaps: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas', 'dependencies'])
/** …and these hold values, in which a `$ref` is none. */
const values: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples'])

/** ajv's hook for another engine; `code` is only used where it writes modules, which nothing here does. */
const linearPattern = Object.assign(
  (pattern: string, _flags: string) => {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern))
    return { test: (text: string): boolean => compiled.test(text) }
  },
  { code: 'RE2JS' },
)

const options: Options = { allErrors: false, strict: false, logger: false, messages: true, inlineRefs: false, code: { regExp: linearPattern } }
const judges = new Map<Draft, Ajv>()

/** Throws InvalidSchema where the document does not compile: a keyword with a bad value, a reference to nowhere, a pattern that no linear-time engine takes. */
export function compileJsonSchema(document: JsonDocument): JsonValidator {
  const budget = { left: 0 }
  // The schema is held against its draft by an instance that all share: compiling the drafts' own schemas takes longer than everything else together.
  const ajv = new (ajvFor(document.draft))({ ...options, meta: false, validateSchema: false })
  addFormatsTo(ajv)
  tellApartInOnePass(ajv)
  ajv.addKeyword({
    // Before the reference is followed: behind it, nothing counts what fails.
    keyword: counter, before: '$ref', schemaType: 'boolean', errors: false,
    validate: () => {
      if (--budget.left < 0) throw new TooComplex()
      return true
    },
  })
  let validate: ValidateFunction
  try {
    // The measuring comes first: what is too large is too large for its draft's schema too.
    const root = counted(document.root)
    for (const each of [document, ...document.known.values()]) expectDraft(each.root, each.draft)
    for (const [name, known] of document.known) ajv.addSchema(counted(known.root) as object, name)
    validate = ajv.compile(root as object)
  } catch (error) {
    throw new InvalidSchema(error instanceof RangeError ? 'the schema is too large to be compiled' : (error as Error).message.slice(0, 1000))
  }
  return (value, bytes) => {
    budget.left = referencesFreeCount + referencesPerByteMax * bytes
    try {
      if (validate(value)) return null
    } catch (error) {
      if (error instanceof TooComplex || error instanceof RangeError) return { pointer: '', reason: 'is too complex to be validated against this schema' }
      throw error
    }
    const error = telling(validate.errors ?? [])
    if (error === undefined) return { pointer: '', reason: 'does not fit' }
    const extra: unknown = error.params['additionalProperty'] ?? error.params['unevaluatedProperty'] ?? error.params['propertyName']
    return { pointer: typeof extra === 'string' ? error.instancePath + pointerToken(extra) : error.instancePath, reason: reasonOf(error) }
  }
}

/** Throws where the schema breaks the rules of its draft. */
function expectDraft(root: unknown, draft: Draft): void {
  let judge = judges.get(draft)
  if (judge === undefined) judges.set(draft, judge = tellApartInOnePass(new (ajvFor(draft))(options)))
  const { $schema: _draft, ...schema } = isObject(root) ? root : {}
  if (judge.validateSchema(schema) !== true) throw new InvalidSchema(judge.errorsText(judge.errors, { dataVar: 'schema' }))
}

/**
 * ajv stops at the first keyword that fails, but tells what each branch of an anyOf or oneOf had against the value: the deepest says most; of several at
 * one place, the union.
 */
function telling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  let best = errors[0]
  for (const error of errors) {
    const depth = error.instancePath.length - best!.instancePath.length
    if (depth > 0 || (depth === 0 && (error.keyword === 'anyOf' || error.keyword === 'oneOf'))) best = error
  }
  return best
}

class TooComplex extends Error {}

function reasonOf({ keyword, message = 'does not fit', params }: ErrorObject): string {
  switch (keyword) {
    case 'enum': return `${message}: ${JSON.stringify(params['allowedValues']).slice(0, 200)}`
    case 'const': return `${message} ${JSON.stringify(params['allowedValue']).slice(0, 200)}`
    default: return message
  }
}

/** uniqueItems as a keyword of ours: ajv compares each item with each other, which 100,000 numbers in a payload, or an enum, turn into minutes. */
function tellApartInOnePass(ajv: Ajv): Ajv {
  ajv.removeKeyword('uniqueItems')
  const error = { message: 'must NOT have duplicate items' }
  return ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: isUnique, error })
}

function isUnique(wanted: boolean, items: readonly unknown[]): boolean {
  if (!wanted || items.length < 2) return true
  const seen = new Set<string>()
  for (const item of items) seen.add(comparable(item))
  return seen.size === items.length
}

/** Text that is equal for equal JSON values: members sorted, numbers as JavaScript prints them (1 and 1.0 are one value). */
function comparable(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(comparable).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value)
  return `{${Object.keys(value).toSorted().map(name => `${JSON.stringify(name)}:${comparable(value[name])}`).join(',')}}`
}

/** A copy with the counter beside every reference. Throws where the schema is larger than one that anybody means. */
function counted(root: unknown): unknown {
  let nodesLeft = schemaNodesMax
  let patternsLeft = patternCostMax
  const count = (value: unknown): void => {
    if (--nodesLeft < 0) throw new InvalidSchema(`the schema has more than ${schemaNodesMax} nodes`)
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(count)
  }
  const measure = (pattern: string): void => {
    patternsLeft -= pattern.length * Math.max(1, ...[...pattern.matchAll(/\{(?:\d+,)?(\d+)\}/g)].map(([, times]) => Number(times)))
    if (patternsLeft < 0) throw new InvalidSchema(`the patterns of the schema take more than ${patternCostMax} steps together`)
  }
  const copy = (schema: unknown): unknown => {
    if (--nodesLeft < 0) throw new InvalidSchema(`the schema has more than ${schemaNodesMax} nodes`)
    if (Array.isArray(schema)) return schema.map(copy)
    if (!isObject(schema)) return schema
    const members: [string, unknown][] = []
    for (const [name, member] of Object.entries(schema)) {
      if (values.has(name)) count(member)
      if (name === 'pattern' && typeof member === 'string') measure(member)
      if (name === 'patternProperties' && isObject(member)) Object.keys(member).forEach(measure)
      if (values.has(name)) members.push([name, member])
      else if (schemaMaps.has(name) && isObject(member)) members.push([name, Object.fromEntries(Object.entries(member).map(([key, each]) => [key, copy(each)]))])
      else members.push([name, copy(member)])
    }
    if (['$ref', '$dynamicRef', '$recursiveRef'].some(name => typeof schema[name] === 'string')) members.push([counter, true])
    return Object.fromEntries(members)
  }
  return copy(root)
}
