// The drafts of JSON Schema, each by what it alone says, and the ways a document refers to others.
import { describe, expect, test } from 'vitest'
import { InvalidSchema } from '../../../src/registry/errors.ts'
import { compilePayload } from '../../../src/registry/payload.ts'
import { parseSchema, type Schema } from '../../../src/registry/schema.ts'

const uri = {
  '04': 'http://json-schema.org/draft-04/schema#', '06': 'http://json-schema.org/draft-06/schema#', '07': 'http://json-schema.org/draft-07/schema#',
  '2019': 'https://json-schema.org/draft/2019-09/schema', '2020': 'https://json-schema.org/draft/2020-12/schema',
} as const
type Draft = keyof typeof uri

const parse = (schema: unknown, references: Record<string, Schema> = {}): Schema =>
  parseSchema('JSON', JSON.stringify(schema), Object.entries(references).map(([name, each]) => ({ name, subject: name, version: 1, schema: each })), { strict: true, normalize: false })
const fits = (schema: Schema, value: unknown): boolean => compilePayload(schema).check(Buffer.from(JSON.stringify(value)), 0) === null
const accepts = (draft: Draft | undefined, schema: object, value: unknown): boolean => fits(parse(draft === undefined ? schema : { $schema: uri[draft], ...schema }), value)

describe('a keyword means what its draft says', () => {
  test.each<[Draft | undefined, object, unknown, boolean]>([
    ['04', { maximum: 3, exclusiveMaximum: true }, 3, false],
    ['04', { maximum: 3, exclusiveMaximum: false }, 3, true],
    ['04', { minimum: 3, exclusiveMinimum: true }, 3, false],
    ['04', { minimum: 3, exclusiveMinimum: true }, 4, true],
    ['04', { const: 1 }, 2, true],
    ['04', { $ref: 'http://x/item#', definitions: { a: { id: 'http://x/item#', type: 'string' } } }, 1, false],
    ['04', { properties: { id: { type: 'string' } } }, { id: 1 }, false],
    ['06', { const: 1 }, 2, false],
    ['06', { exclusiveMaximum: 3 }, 3, false],
    ['06', { if: { type: 'string' }, else: false }, 1, true],
    ['07', { if: { type: 'string' }, else: false }, 1, false],
    [undefined, { if: { type: 'string' }, else: false }, 1, false],
    ['07', { items: [{ type: 'string' }], additionalItems: false }, ['x', 1], false],
    ['07', { dependentRequired: { a: ['b'] } }, { a: 1 }, true],
    ['2019', { dependentRequired: { a: ['b'] } }, { a: 1 }, false],
    ['2019', { $ref: '#here', $defs: { a: { $anchor: 'here', type: 'string' } } }, 1, false],
    ['2019', { type: 'object', properties: { a: { $recursiveRef: '#' } }, unevaluatedProperties: false }, { a: { b: 1 } }, false],
    ['2020', { prefixItems: [{ type: 'string' }], items: false }, ['x', 1], false],
    ['2020', { $dynamicRef: '#node', $defs: { a: { $dynamicAnchor: 'node', type: 'string' } } }, 1, false],
    ['2020', { contains: { type: 'string' }, minContains: 2 }, ['x', 1], false],
    ['2020', { allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, { a: 1 }, true],
    ['2020', { allOf: [{ properties: { a: true } }], unevaluatedProperties: false }, { b: 1 }, false],
  ])('draft %s, %j: %j fits: %s', (draft, schema, value, expected) => {
    expect(accepts(draft, schema, value)).toBe(expected)
  })
})

describe('a document that breaks its draft\'s rules is refused', () => {
  test.each<[Draft, object, RegExp]>([
    ['04', { exclusiveMaximum: 3 }, /exclusiveMaximum must be boolean|must have property maximum/],
    ['04', { maximum: 3, exclusiveMaximum: 4 }, /exclusiveMaximum must be boolean/],
    ['04', { required: [] }, /required must NOT have fewer than 1 items/],
    ['04', { properties: { a: true } }, /properties\/a must be object/],
    ['04', { type: 'text' }, /type must be equal to one of the allowed values/],
    ['06', { exclusiveMaximum: true }, /exclusiveMaximum must be number/],
    ['07', { minLength: -1 }, /minLength must be >= 0/],
    ['2019', { $anchor: '#x' }, /anchor must match pattern/],
    ['2020', { items: [{ type: 'string' }] }, /items must be object,boolean/],
  ])('%s %j', (draft, schema, reason) => {
    expect(() => parse({ $schema: uri[draft], ...schema })).toThrow(InvalidSchema)
    expect(() => parse({ $schema: uri[draft], ...schema })).toThrow(reason)
  })
})

test('the text of an old draft stays as it was written', () => {
  const schema = { $schema: uri['04'], id: 'http://x/a', maximum: 3, exclusiveMaximum: true }
  expect(parse(schema).text).toBe(JSON.stringify(schema))
})

describe('another document is reached', () => {
  const text = parse({ type: 'string' })
  const identified = parse({ $schema: uri['2020'], $id: 'https://shop.example/text.json', $defs: { short: { $anchor: 'short', type: 'string', maxLength: 2 } }, type: 'string' })
  test.each<[string, object, Record<string, Schema>]>([
    ['by its name', { $ref: 'text' }, { text }],
    ['by a file\'s name', { $ref: 'text.json' }, { 'text.json': text }],
    ['by a name that the document\'s own identifier is the base of', { $id: 'https://shop.example/order.json', $ref: 'text.json' }, { 'text.json': text }],
    ['by a URI', { $ref: 'https://shop.example/text.json' }, { 'https://shop.example/text.json': text }],
    ['by its own identifier', { $ref: 'https://shop.example/text.json' }, { text: identified }],
    ['by a pointer into it', { $ref: 'text#/$defs/short' }, { text: identified }],
    ['by an anchor in it', { $schema: uri['2020'], $ref: 'https://shop.example/text.json#short' }, { 'https://shop.example/text.json': identified }],
  ])('%s', (_how, schema, references) => {
    const order = parse(schema, references)
    expect(fits(order, 'x')).toBe(true)
    expect(fits(order, 1)).toBe(false)
  })
})
