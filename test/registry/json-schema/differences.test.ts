// Every type of difference that Confluent knows to be incompatible, by the smallest pair that makes it, with its path and sentence; and what only 2019-09 and
// later can say.
import { describe, expect, test } from 'vitest'
import { incompatibilities } from '../../../src/registry/compatibility.ts'
import { jsonDifferences } from '../../../src/registry/json-schema/compatibility.ts'
import { parseJsonSchema } from '../../../src/registry/json-schema/document.ts'
import { parseSchema } from '../../../src/registry/schema.ts'

type Policy = 'STRICT' | 'LENIENT'
const document = (schema: object | boolean): ReturnType<typeof parseJsonSchema>['document'] =>
  parseJsonSchema(JSON.stringify(schema), new Map(), { strict: true, normalize: false }).document
const differences = (original: object | boolean, update: object | boolean, policy: Policy = 'STRICT'): readonly string[] => jsonDifferences(document(original), document(update), policy)
const draft2020 = { $schema: 'https://json-schema.org/draft/2020-12/schema' }
const draft04 = { $schema: 'http://json-schema.org/draft-04/schema#' }

const object = (properties: object, extra: object = {}): object => ({ type: 'object', properties, ...extra })
const closed = { additionalProperties: false }
const text = { type: 'string' }
const number = { type: 'number' }
const array = (extra: object): object => ({ type: 'array', ...extra })

const added = (path: string): string => `The keyword at path '${path}' in the %s schema is not present in the %s schema`
const more = (path: string): string => `The value at path '${path}' in the %s schema is more than its value in the %s schema`
const less = (path: string): string => `The value at path '${path}' in the %s schema is less than its value in the %s schema`
const changed = (path: string): string => `The value at path '${path}' is different between the %s and %s schema`
const fewer = (path: string): string => `An array or combined type at path '${path}' has fewer elements in the %s schema than the %s schema`
const longer = (path: string): string => `An array or combined type at path '${path}' has more elements in the %s schema than the %s schema`
const typed = (path: string): string => `A type at path '${path}' is different between the %s schema and the %s schema`
const open = (path: string): string => `The %s schema has an open content model and has a property or item at path '${path}' which is missing in the %s schema`
const lost = (path: string): string => `The %s schema has a closed content model and is missing a property or item present at path '${path}' in the %s schema`
const lostUncovered = (path: string): string =>
  `A property or item is missing in the %s schema but present at path '${path}' in the %s schema and is not covered by its partially open content model`
const newUncovered = (path: string): string =>
  `The %s schema has a property or item at path '${path}' which is missing in the %s schema and is not covered by its partially open content model`
const unopen = (path: string): string => `The %s schema has an unopen content model and has a required property at path '${path}' which is missing in the %s schema`

describe('each difference', () => {
  test.each<[string, object, object, string, ...string[]]>([
    ['TYPE_CHANGED', text, number, typed('#/')],
    ['TYPE_CHANGED', object({ a: text }), object({ a: number }), typed('#/properties/a')],
    ['TYPE_CHANGED', text, { ...text, enum: ['a'] }, typed('#/')],
    ['TYPE_NARROWED', number, { type: 'integer' }, typed('#/')],
    ['MAX_LENGTH_ADDED', text, { ...text, maxLength: 3 }, added('#/maxLength')],
    ['MAX_LENGTH_DECREASED', { ...text, maxLength: 4 }, { ...text, maxLength: 3 }, less('#/maxLength')],
    ['MIN_LENGTH_ADDED', text, { ...text, minLength: 3 }, added('#/minLength')],
    ['MIN_LENGTH_INCREASED', { ...text, minLength: 2 }, { ...text, minLength: 3 }, more('#/minLength')],
    ['PATTERN_ADDED', text, { ...text, pattern: '^a' }, added('#/pattern')],
    ['PATTERN_CHANGED', { ...text, pattern: '^b' }, { ...text, pattern: '^a' }, changed('#/pattern')],
    ['MAXIMUM_ADDED', number, { ...number, maximum: 3 }, added('#/maximum')],
    ['MAXIMUM_DECREASED', { ...number, maximum: 4 }, { ...number, maximum: 3 }, less('#/maximum')],
    ['MINIMUM_ADDED', number, { ...number, minimum: 3 }, added('#/minimum')],
    ['MINIMUM_INCREASED', { ...number, minimum: 2 }, { ...number, minimum: 3 }, more('#/minimum')],
    ['EXCLUSIVE_MAXIMUM_ADDED', number, { ...number, exclusiveMaximum: 3 }, added('#/exclusiveMaximum')],
    ['EXCLUSIVE_MAXIMUM_DECREASED', { ...number, exclusiveMaximum: 4 }, { ...number, exclusiveMaximum: 3 }, less('#/exclusiveMaximum')],
    ['EXCLUSIVE_MAXIMUM_DECREASED', { ...draft04, ...number, maximum: 4, exclusiveMaximum: true }, { ...draft04, ...number, maximum: 3, exclusiveMaximum: true }, less('#/exclusiveMaximum')],
    ['EXCLUSIVE_MINIMUM_ADDED', number, { ...number, exclusiveMinimum: 3 }, added('#/exclusiveMinimum')],
    ['EXCLUSIVE_MINIMUM_INCREASED', { ...number, exclusiveMinimum: 2 }, { ...number, exclusiveMinimum: 3 }, more('#/exclusiveMinimum')],
    ['MULTIPLE_OF_ADDED', number, { ...number, multipleOf: 3 }, added('#/multipleOf')],
    ['MULTIPLE_OF_EXPANDED', { ...number, multipleOf: 3 }, { ...number, multipleOf: 6 }, more('#/multipleOf')],
    ['MULTIPLE_OF_CHANGED', { ...number, multipleOf: 3 }, { ...number, multipleOf: 4 }, changed('#/multipleOf')],
    ['REQUIRED_ATTRIBUTE_ADDED', object({ a: text }), object({ a: text }, { required: ['a'] }), added('#/required/a')],
    ['MAX_PROPERTIES_ADDED', object({}), object({}, { maxProperties: 3 }), added('#/maxProperties')],
    ['MAX_PROPERTIES_DECREASED', object({}, { maxProperties: 4 }), object({}, { maxProperties: 3 }), less('#/maxProperties')],
    ['MIN_PROPERTIES_ADDED', object({}), object({}, { minProperties: 3 }), added('#/minProperties')],
    ['MIN_PROPERTIES_INCREASED', object({}, { minProperties: 2 }), object({}, { minProperties: 3 }), more('#/minProperties')],
    ['ADDITIONAL_PROPERTIES_REMOVED', object({}), object({}, closed), added('#/additionalProperties')],
    ['ADDITIONAL_PROPERTIES_NARROWED', object({}), object({}, { additionalProperties: text }), fewer('#/additionalProperties')],
    ['DEPENDENCY_ARRAY_ADDED', object({}), object({}, { dependencies: { a: ['b'] } }), added('#/dependencies/a')],
    ['DEPENDENCY_ARRAY_EXTENDED', object({}, { dependencies: { a: ['b'] } }), object({}, { dependencies: { a: ['b', 'c'] } }), longer('#/dependencies/a')],
    ['DEPENDENCY_ARRAY_CHANGED', object({}, { dependencies: { a: ['b'] } }), object({}, { dependencies: { a: ['c'] } }), changed('#/dependencies/a')],
    ['DEPENDENCY_SCHEMA_ADDED', object({}), object({}, { dependencies: { a: object({ b: text }) } }), added('#/dependencies/a')],
    ['REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', object({}), object({ a: text }, { required: ['a'] }), open('#/properties/a')],
    ['REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL', object({}), object({ a: { ...text, default: '' } }, { required: ['a'] }), open('#/properties/a')],
    ['OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', object({}), object({ a: text }), open('#/properties/a')],
    ['REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', object({}, closed), object({ a: text }, { ...closed, required: ['a'] }), unopen('#/properties/a')],
    ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL', object({ a: text }, closed), object({}, closed), lost('#/properties/a')],
    ['PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', object({ a: text }, { additionalProperties: number }), object({}, { additionalProperties: number }), lostUncovered('#/properties/a'), `TYPE_CHANGED ${typed('#/properties/a')}`],
    ['PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', object({}, { additionalProperties: number }), object({ a: text }, { additionalProperties: number }), newUncovered('#/properties/a'), `TYPE_CHANGED ${typed('#/properties/a')}`],
    ['UNEVALUATED_PROPERTIES_REMOVED', { ...draft2020, ...object({}) }, { ...draft2020, ...object({}, { unevaluatedProperties: false }) }, added('#/unevaluatedProperties')],
    ['UNEVALUATED_PROPERTIES_NARROWED', { ...draft2020, ...object({}) }, { ...draft2020, ...object({}, { unevaluatedProperties: text }) }, fewer('#/unevaluatedProperties')],
    ['MAX_ITEMS_ADDED', array({}), array({ maxItems: 3 }), added('#/maxItems')],
    ['MAX_ITEMS_DECREASED', array({ maxItems: 4 }), array({ maxItems: 3 }), less('#/maxItems')],
    ['MIN_ITEMS_ADDED', array({}), array({ minItems: 3 }), added('#/minItems')],
    ['MIN_ITEMS_INCREASED', array({ minItems: 2 }), array({ minItems: 3 }), more('#/minItems')],
    ['UNIQUE_ITEMS_ADDED', array({}), array({ uniqueItems: true }), added('#/uniqueItems')],
    ['SCHEMA_ADDED', array({}), array({ items: text }), added('#/items')],
    ['ADDITIONAL_ITEMS_REMOVED', array({ items: [text] }), array({ items: [text], additionalItems: false }), added('#/additionalItems')],
    ['ADDITIONAL_ITEMS_NARROWED', array({ items: [text] }), array({ items: [text], additionalItems: text }), fewer('#/additionalItems')],
    ['ITEM_ADDED_TO_OPEN_CONTENT_MODEL', array({ items: [text] }), array({ items: [text, text] }), open('#/items/1')],
    ['ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL', array({ items: [text, text], additionalItems: false }), array({ items: [text], additionalItems: false }), lost('#/items/1')],
    ['ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', array({ items: [text], additionalItems: number }), array({ items: [text, text], additionalItems: number }), newUncovered('#/items/1'), `TYPE_CHANGED ${typed('#/items/1')}`],
    ['ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', array({ items: [text, text], additionalItems: number }), array({ items: [text], additionalItems: number }), lostUncovered('#/items/1'), `TYPE_CHANGED ${typed('#/items/1')}`],
    ['ITEM_ADDED_TO_OPEN_CONTENT_MODEL', { ...draft2020, ...array({ prefixItems: [text] }) }, { ...draft2020, ...array({ prefixItems: [text, text] }) }, open('#/items/1')],
    ['UNEVALUATED_ITEMS_REMOVED', { ...draft2020, ...array({}) }, { ...draft2020, ...array({ unevaluatedItems: false }) }, added('#/unevaluatedItems')],
    ['UNEVALUATED_ITEMS_NARROWED', { ...draft2020, ...array({}) }, { ...draft2020, ...array({ unevaluatedItems: text }) }, fewer('#/unevaluatedItems')],
    ['MAX_CONTAINS_ADDED', { ...draft2020, ...array({ contains: text }) }, { ...draft2020, ...array({ contains: text, maxContains: 3 }) }, added('#/maxContains')],
    ['MAX_CONTAINS_DECREASED', { ...draft2020, ...array({ contains: text, maxContains: 4 }) }, { ...draft2020, ...array({ contains: text, maxContains: 3 }) }, less('#/maxContains')],
    ['MIN_CONTAINS_ADDED', { ...draft2020, ...array({ contains: text }) }, { ...draft2020, ...array({ contains: text, minContains: 3 }) }, added('#/minContains')],
    ['MIN_CONTAINS_INCREASED', { ...draft2020, ...array({ contains: text, minContains: 2 }) }, { ...draft2020, ...array({ contains: text, minContains: 3 }) }, more('#/minContains')],
    ['ENUM_ARRAY_NARROWED', { enum: ['a', 'b'] }, { enum: ['a'] }, fewer('#/enum')],
    ['ENUM_ARRAY_CHANGED', { enum: ['a', 'b'] }, { enum: ['a', 'c'] }, typed('#/enum')],
    ['ENUM_ARRAY_CHANGED', { const: 'a' }, { const: 'b' }, typed('#/const')],
    ['COMBINED_TYPE_CHANGED', { anyOf: [text, number] }, { oneOf: [text, number] }, typed('#/')],
    ['COMBINED_TYPE_SUBSCHEMAS_CHANGED', { anyOf: [text, number] }, { anyOf: [text, { type: 'null' }] }, typed('#/')],
    ['PRODUCT_TYPE_EXTENDED', { allOf: [text] }, { allOf: [text, { maxLength: 3 }] }, longer('#/')],
    ['SUM_TYPE_NARROWED', { anyOf: [text, number] }, { anyOf: [text] }, fewer('#/')],
    ['SUM_TYPE_NARROWED', { type: ['string', 'null', 'integer'] }, { type: ['string', 'null'] }, fewer('#/')],
    ['NOT_TYPE_EXTENDED', { not: { type: 'string', maxLength: 3 } }, { not: text }, longer('#/not')],
    ['CONTAINS_ADDED', array({}), array({ contains: text }), added('#/contains')],
    ['PROPERTY_NAMES_ADDED', object({}), object({}, { propertyNames: { maxLength: 3 } }), added('#/propertyNames')],
    ['CONDITION_CHANGED', { if: text, else: number }, { if: { const: 1 }, else: number }, changed('#/if')],
  ])('%s', (type, original, update, sentence, ...before) => {
    expect(differences(original, update)).toEqual([...before.map(each => each.replace(/^(\w+) (.*)$/, '{errorType:"$1", description:"$2"}')), `{errorType:"${type}", description:"${sentence}"}`])
  })
})

describe('compatible', () => {
  test.each<[string, object | boolean, object | boolean]>([
    ['everything', text, true],
    ['what was nothing', false, text],
    ['a type that becomes one of several', text, { type: ['string', 'null'] }],
    ['several types that become a sum of them', { type: ['string', 'null'], maxLength: 3 }, { anyOf: [{ ...text, maxLength: 4 }, { type: 'null' }] }],
    ['a sum that becomes several types', { anyOf: [text, { type: 'null' }] }, { type: ['null', 'string'] }],
    ['oneOf that becomes anyOf', { oneOf: [text, number] }, { anyOf: [number, text] }],
    ['a product that shrinks', { allOf: [text, { maxLength: 3 }] }, { allOf: [text] }],
    ['a sum whose parts fit several others, matched as a whole', { anyOf: [number, { type: 'integer' }] }, { anyOf: [{ type: ['integer', 'null'] }, number] }],
    ['less that is excluded', { not: text }, { not: { ...text, maxLength: 3 } }],
    ['what the types exclude', text, { ...text, not: number }],
    ['an enum of all that a type has', { type: 'boolean' }, { enum: [true, false] }],
    ['a condition whose outcome loosens', { if: text, else: { ...number, minimum: 3 } }, { if: text, else: { ...number, minimum: 1 } }],
    ['an anchor instead of a pointer', { ...draft2020, $ref: '#/$defs/a', $defs: { a: text } }, { ...draft2020, $ref: '#b', $defs: { x: { $anchor: 'b', ...text } } }],
    ['a recursive reference', { ...draft2020, ...object({ next: { $dynamicRef: '#n' } }, { ...closed, $dynamicAnchor: 'n' }) }, { ...draft2020, ...object({ next: { $dynamicRef: '#n' }, a: text }, { ...closed, $dynamicAnchor: 'n' }) }],
    ['a definition that says where it is', { $id: 'http://x/a', $ref: 'b', definitions: { b: { $id: 'b', ...text } } }, { $ref: '#/definitions/c', definitions: { c: text } }],
  ])('%s', (_what, original, update) => {
    expect(differences(original, update)).toEqual([])
  })
})

describe('what is unevaluated depends on all parts of a schema', () => {
  const base = (properties: object): object => ({ allOf: [object(properties)], type: 'object' })
  const strict = { ...draft2020, unevaluatedProperties: false }
  test.each<[string, object, object, string[]]>([
    ['a property that a part had, and has another type where it is named now', { ...strict, ...base({ a: text }) }, { ...strict, ...object({ a: number }) }, ['TYPE_CHANGED']],
    ['a property that moves out of a part', { ...strict, ...base({ a: text }) }, { ...strict, ...object({ a: text }) }, []],
    ['a property that moves into a part', { ...strict, ...object({ a: text }) }, { ...strict, ...base({ a: text }) }, []],
    ['a property that a part has no more', { ...strict, ...base({ a: text, b: text }) }, { ...strict, ...base({ a: text }) }, ['PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL']],
    ['a part that lets everything through', { ...strict, allOf: [{ additionalProperties: text }], type: 'object' }, { ...strict, ...object({}) }, ['UNEVALUATED_PROPERTIES_REMOVED']],
    ['a reference beside which nothing else is let through', { ...strict, $ref: '#/$defs/a', $defs: { a: object({ a: text }) } }, { ...strict, $ref: '#/$defs/a', $defs: { a: object({ a: text, b: text }, closed) } }, ['COMBINED_TYPE_SUBSCHEMAS_CHANGED']],
    ['the same', { ...strict, ...base({ a: text }), anyOf: [object({ b: text }), object({ c: text })] }, { ...strict, ...base({ a: text }), anyOf: [object({ b: text }), object({ c: text })] }, []],
  ])('%s', (_what, original, update, expected) => {
    expect(differences(original, update).map(each => /errorType:"(\w+)"/.exec(each)![1])).toEqual(expected)
  })
})

describe('LENIENT', () => {
  test.each<[string, object, object, boolean]>([
    ['an optional property added to an open model', object({}), object({ a: text }), true],
    ['a required one with a default', object({}), object({ a: { ...text, default: '' } }, { required: ['a'] }), true],
    ['a required one', object({}), object({ a: text }, { required: ['a'] }), false],
    ['a required one added to a closed model', object({}, closed), object({ a: text }, { ...closed, required: ['a'] }), false],
    ['a property removed from a closed model', object({ a: text }, closed), object({}, closed), true],
    ['a model that closes', object({}), object({}, closed), true],
    ['a property that a partially open model does not cover', object({}, { additionalProperties: number }), object({ a: text }, { additionalProperties: number }), false],
    ['the same within a reference and a sum', { anyOf: [{ $ref: '#/definitions/a' }], definitions: { a: object({}) } }, { anyOf: [{ $ref: '#/definitions/a' }], definitions: { a: object({ a: text }) } }, true],
    ['an item added to an open model', array({ items: [text] }), array({ items: [text, text] }), false],
  ])('%s: %s', (_what, original, update, isCompatible) => {
    expect(differences(original, update, 'LENIENT').length === 0).toBe(isCompatible)
  })
})

test('who adds a property to an open content model is told the way out', () => {
  const parse = (schema: object): ReturnType<typeof parseSchema> => parseSchema('JSON', JSON.stringify(schema), [], { strict: true, normalize: false })
  expect(incompatibilities(parse(object({ x: text })), [{ version: 1, schema: parse(object({})) }], { level: 'BACKWARD', policy: 'STRICT' })).toEqual([
    `{errorType:"OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", description:"The new schema has an open content model and has a property or item at path '#/properties/x' which is missing in the old schema"}`,
    `{hint: 'close the content model with "additionalProperties": false before properties are added, or set compatibilityPolicy to LENIENT'}`,
    '{oldSchemaVersion: 1}', `{oldSchema: '{"type":"object","properties":{}}'}`, `{validateFields: 'false', compatibility: 'BACKWARD'}`,
  ])
})

test('a comparison that would take for ever says that it was given up, and nothing else', () => {
  const deep = (leaf: object): object => {
    const definitions: Record<string, object> = { d0: leaf }
    for (let level = 1; level < 300; level++) definitions[`d${level}`] = { anyOf: [0, 1, 2].map(index => object({ [`p${index}`]: { $ref: `#/definitions/d${level - 1}` } }, { required: [`p${index}`] })) }
    return { $ref: '#/definitions/d299', definitions }
  }
  const started = performance.now()
  // As stored: they are too deep to be registered.
  const stored = (schema: object): ReturnType<typeof document> => parseJsonSchema(JSON.stringify(schema), new Map(), { strict: false, normalize: false }).document
  expect(jsonDifferences(stored(deep(text)), stored(deep(number)), 'STRICT')).toEqual([expect.stringMatching(/^\{errorType:"COMPARISON_TOO_COMPLEX", description:"The %s schema cannot be compared with the %s schema in 200000 steps and 200 levels"\}$/)])
  expect(performance.now() - started).toBeLessThan(60_000)
})
