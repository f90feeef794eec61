// The JSON Schema comparison: the rules of Confluent's content models by example, and, on random pairs, that what it calls compatible is so by ajv's own verdicts.
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { jsonDifferences } from '../../../src/registry/json-schema/compatibility.ts'
import { type JsonDocument, parseJsonSchema } from '../../../src/registry/json-schema/document.ts'
import type { Draft } from '../../../src/registry/json-schema/drafts.ts'
import { mutatedJsonSchema, randomJsonSchema, randomJsonValue } from '../../support/random-json-schema.ts'
import { seed } from '../../support/seed.ts'

type Policy = 'STRICT' | 'LENIENT'
const document = (schema: unknown): ReturnType<typeof parseJsonSchema>['document'] => parseJsonSchema(JSON.stringify(schema), new Map(), { strict: true, normalize: false }).document
/** The error types, each with its path. */
const differences = (original: unknown, update: unknown, policy: Policy = 'STRICT'): string[] =>
  jsonDifferences(document(original), document(update), policy).map(text => /^\{errorType:"(\w+)", description:"[^']*'([^']*)'/.exec(text)!.slice(1).join(' '))

const object = (properties: object, extra: object = {}): object => ({ type: 'object', properties, ...extra })
const closed = { additionalProperties: false }
const text = { type: 'string' }

describe('properties', () => {
  test.each<[string, object, object, Policy, string[]]>([
    ['an optional one added to an open model', object({}), object({ a: text }), 'STRICT', ['OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL #/properties/a']],
    ['the same, leniently', object({}), object({ a: text }), 'LENIENT', []],
    ['one that accepts everything added to an open model', object({}), object({ a: {} }), 'STRICT', []],
    ['an optional one added to a closed model', object({}, closed), object({ a: text }, closed), 'STRICT', []],
    ['a required one added to a closed model', object({}, closed), object({ a: text }, { ...closed, required: ['a'] }), 'STRICT', ['REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL #/properties/a']],
    ['a required one with a default added to a closed model', object({}, closed), object({ a: { ...text, default: '' } }, { ...closed, required: ['a'] }), 'STRICT', []],
    ['one removed from an open model', object({ a: text }), object({}), 'STRICT', []],
    ['one removed from a closed model', object({ a: text }, closed), object({}, closed), 'STRICT', ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/properties/a']],
    ['one that was false removed from a closed model', object({ a: false }, closed), object({}, closed), 'STRICT', []],
    ['one covered by a partially open model', object({}, { additionalProperties: text }), object({ a: text }, { additionalProperties: text }), 'STRICT', []],
    ['one not covered by a partially open model', object({}, { additionalProperties: text }), object({ a: { type: 'number' } }, { additionalProperties: text }), 'STRICT', ['TYPE_CHANGED #/properties/a', 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/a']],
    ['one that becomes required', object({ a: text }), object({ a: text }, { required: ['a'] }), 'STRICT', ['REQUIRED_ATTRIBUTE_ADDED #/required/a']],
    ['one that is no longer required', object({ a: text }, { required: ['a'] }), object({ a: text }), 'STRICT', []],
    ['a pattern removed from an open model', object({}, { patternProperties: { '^c': text } }), object({}), 'STRICT', []],
    ['a pattern removed from a model that closes', object({}, { ...closed, patternProperties: { '^c': text } }), object({}, closed), 'STRICT', ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL #/patternProperties/^c']],
    ['a pattern removed that the rest covers', object({}, { ...closed, patternProperties: { '^c': text } }), object({}, { additionalProperties: text }), 'STRICT', []],
    ['a pattern removed that the rest does not cover', object({}, { ...closed, patternProperties: { '^c': object({}) } }), object({}, { additionalProperties: { allOf: [{ type: 'null' }, { type: 'null' }] } }), 'STRICT', ['TYPE_CHANGED #/patternProperties/^c', 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/patternProperties/^c']],
    ['a pattern that becomes a property', object({}, { ...closed, patternProperties: { '^c': text } }), object({ c: { type: 'number' } }, { additionalProperties: text }), 'STRICT', ['TYPE_CHANGED #/properties/c', 'PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/properties/c']],
    ['a pattern that lets less through', object({}, { patternProperties: { '^c': text } }), object({}, { patternProperties: { '^c': { type: 'number' } } }), 'STRICT', ['TYPE_CHANGED #/patternProperties/^c']],
    ['a pattern added to an open model', object({}), object({}, { patternProperties: { '^c': text } }), 'STRICT', ['PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL #/patternProperties/^c']],
    ['a model that closes', object({ a: text }), object({ a: text }, closed), 'STRICT', ['ADDITIONAL_PROPERTIES_REMOVED #/additionalProperties']],
    ['a model that opens', object({ a: text }, closed), object({ a: text }), 'STRICT', []],
  ])('%s', (_what, original, update, policy, expected) => {
    expect(differences(original, update, policy)).toEqual(expected)
  })
})

describe('constraints', () => {
  test.each<[string, unknown, unknown, string[]]>([
    ['an integer that becomes a number', { type: 'integer' }, { type: 'number' }, []],
    ['a number that becomes an integer', { type: 'number' }, { type: 'integer' }, ['TYPE_NARROWED #/']],
    ['another type', object({ a: text }), object({ a: { type: 'number' } }), ['TYPE_CHANGED #/properties/a']],
    ['a bound that tightens', { type: 'string', maxLength: 10 }, { type: 'string', maxLength: 5 }, ['MAX_LENGTH_DECREASED #/maxLength']],
    ['a bound that loosens', { type: 'number', minimum: 3 }, { type: 'number', minimum: 1 }, []],
    ['a bound of another type', { type: 'string' }, { type: 'string', maximum: 1 }, []],
    ['a pattern', text, { ...text, pattern: '^a' }, ['PATTERN_ADDED #/pattern']],
    ['a finer multiple', { type: 'number', multipleOf: 4 }, { type: 'number', multipleOf: 2 }, []],
    ['a coarser multiple', { type: 'number', multipleOf: 2 }, { type: 'number', multipleOf: 4 }, ['MULTIPLE_OF_EXPANDED #/multipleOf']],
    ['an enum that grows', { enum: ['a'] }, { enum: ['a', 'b'] }, []],
    ['an enum that shrinks', { enum: ['a', 'b'] }, { enum: ['a'] }, ['ENUM_ARRAY_NARROWED #/enum']],
    ['a sum that grows', { oneOf: [text] }, { oneOf: [text, { type: 'number' }] }, []],
    ['a sum that shrinks', { oneOf: [text, { type: 'number' }] }, { oneOf: [text] }, ['SUM_TYPE_NARROWED #/']],
    ['a type that becomes one of a sum', text, { oneOf: [text, { type: 'null' }] }, []],
    ['a product that grows', { allOf: [text] }, { allOf: [text, { maxLength: 3 }] }, ['PRODUCT_TYPE_EXTENDED #/']],
    ['items', { type: 'array', items: text }, { type: 'array', items: { type: 'number' } }, ['TYPE_CHANGED #/items']],
    ['a definition behind a reference', { $ref: '#/definitions/a', definitions: { a: text } }, { $ref: '#/definitions/b', definitions: { b: { ...text, minLength: 1 } } }, ['MIN_LENGTH_ADDED #/minLength']],
    ['a recursive schema', object({ next: { $ref: '#' } }, closed), object({ next: { $ref: '#' }, name: text }, closed), []],
    ['annotations', { ...text, title: 'a', description: 'b', default: 'c' }, text, []],
  ])('%s', (_what, original, update, expected) => {
    expect(differences(original, update)).toEqual(expected)
  })
})

test('says it as Confluent does', () => {
  const [message] = jsonDifferences(document(object({})), document(object({ a: text })), 'STRICT')
  expect(message).toBe(
    `{errorType:"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", description:"The %s schema has an open content model and has a property or item at path '#/properties/a' which is missing in the %s schema"}`,
  )
})

test('an exponential pair is given up, not waited for', () => {
  const deep = (leaf: object): object => {
    const definitions: Record<string, object> = { d0: leaf }
    for (let level = 1; level < 40; level++) definitions[`d${level}`] = { anyOf: [0, 1, 2].map(index => object({ [`p${index}`]: { $ref: `#/definitions/d${level - 1}` } }, { required: [`p${index}`] })) }
    return { $ref: '#/definitions/d39', definitions }
  }
  expect(differences(deep(text), deep({ type: 'number' })).length).toBeGreaterThan(0)
})

describe('what it calls compatible accepts every value the earlier schema accepts, by ajv, on random pairs', () => {
  // One instance each, and none of the schemas about schemas: those take ajv longer than the pairs.
  const options = { strict: false, logger: false, meta: false, validateSchema: false, code: { optimize: false } } as const
  test.each<[Draft, () => Ajv]>([['draft-07', () => new Ajv(options)], ['2020-12', () => new Ajv2020(options)]])('of draft %s', (draft, make) => {
    const random = new Prng(seed + (draft === 'draft-07' ? 0 : 1_000_000))
    const pairsWanted = Number(process.env['TEST_PAIRS'] ?? 2_000)
    const how = { isModern: draft === '2020-12' }
    const uncompiled = (root: unknown): JsonDocument => ({ root, draft, title: undefined, known: new Map() })
    const ajv = make()
    let compatible = 0
    let values = 0
    const updatesPerOriginal = 10
    for (let pair = 0; pair < pairsWanted; pair += updatesPerOriginal) {
      ajv.removeSchema()
      const original = randomJsonSchema(random, how)
      const before = verdictOf(ajv.compile(original as AnySchema))
      const fitting = Array.from({ length: 20 }, () => randomJsonValue(random, original)).filter(value => before(value))
      for (let count = 0; count < updatesPerOriginal; count++) {
        const update = random.chance(0.1) ? randomJsonSchema(random, how) : mutatedJsonSchema(random, original, how)
        if (jsonDifferences(uncompiled(original), uncompiled(update), 'STRICT').length > 0) continue
        compatible++
        const compiled = ajv.compile(update as AnySchema)
        const after = verdictOf(compiled)
        const own = Array.from({ length: 4 }, () => randomJsonValue(random, update)).filter(value => before(value))
        for (const value of [...fitting, ...own]) {
          values++
          if (after(value) !== false) continue
          expect.fail(`seed ${seed}\noriginal ${JSON.stringify(original)}\nupdate ${JSON.stringify(update)}\nvalue ${JSON.stringify(value)}\n${ajv.errorsText(compiled.errors)}`)
        }
      }
    }
    console.log(`JSON Schema ${draft}: ${pairsWanted} random pairs, ${compatible} compatible, ${values} values held against both, seed ${seed}`)
    expect(compatible).toBeGreaterThan(pairsWanted / 10)
    expect(values).toBeGreaterThan(pairsWanted / 10)
  }, 600_000)
})

/** ajv's verdict; undefined where what it wrote breaks down, as it does for some of what is unevaluated behind references. */
function verdictOf(validate: ValidateFunction): (value: unknown) => boolean | undefined {
  return value => {
    try {
      return validate(value) as boolean
    } catch {
      return undefined
    }
  }
}
