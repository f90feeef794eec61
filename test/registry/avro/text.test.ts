// Avro schemas as text: Java's canonical form, the normalised form, references spelt out, and which rules stored schemas are spared.
import { describe, expect, test } from 'vitest'
import { InvalidSchema } from '../../../src/registry/errors.ts'
import { parseSchema, type ResolvedReference, resolvedText } from '../../../src/registry/schema.ts'

interface How { readonly strict?: boolean; readonly normalize?: boolean; readonly references?: readonly ResolvedReference[] }
const parse = (schema: unknown, { strict = true, normalize = false, references = [] }: How = {}): ReturnType<typeof parseSchema> =>
  parseSchema('AVRO', JSON.stringify(schema), references, { strict, normalize })
const canonical = (schema: unknown, how: How = {}): unknown => JSON.parse(parse(schema, how).text)

describe('the canonical text', () => {
  test.each<[string, unknown, string]>([
    ['a primitive that is spelt as an object', { type: 'string' }, '"string"'],
    ['members in Java\'s order', { fields: [{ type: 'int', default: 1, doc: 'd', name: 'a', aliases: ['b'], order: 'ignore', x: 1 }], doc: 'D', namespace: 'n', name: 'R', type: 'record', y: [2] },
      '{"type":"record","name":"R","namespace":"n","doc":"D","fields":[{"name":"a","type":"int","doc":"d","default":1,"order":"ignore","aliases":["b"],"x":1}],"y":[2]}'],
    ['a full name', { type: 'fixed', name: 'a.b.F', size: 2 }, '{"type":"fixed","name":"F","namespace":"a.b","size":2}'],
    ['a name met again', ['null', { type: 'record', name: 'n.R', fields: [{ name: 'next', type: ['null', 'n.R'] }] }], '["null",{"type":"record","name":"R","namespace":"n","fields":[{"name":"next","type":["null","R"]}]}]'],
    ['a named type that is called like a primitive', { type: 'record', name: 'n.R', fields: [{ name: 'a', type: { type: 'fixed', name: 'int', size: 4 } }, { name: 'b', type: 'n.int' }] },
      '{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"fixed","name":"int","size":4}},{"name":"b","type":"n.int"}]}'],
    ['a logical type that is not known', { type: 'long', logicalType: 'stardate' }, '{"type":"long","logicalType":"stardate"}'],
  ])('of %s', (_what, schema, text) => {
    expect(parse(schema).text).toBe(text)
    expect(parse(JSON.parse(text)).text).toBe(text)
  })
})

test('normalised, schemas that differ in spelling only are one', () => {
  const one = { type: 'error', name: 'n.R', doc: '', aliases: ['n.B', 'A'], fields: [{ name: 'a', type: { type: 'bytes', connect: 1, scale: 2, precision: 9, logicalType: 'decimal' }, default: '', z: { b: 1, a: 2 } }], y: 1, x: { d: 1, c: 2 } }
  const other = { x: { c: 2, d: 1 }, y: 1, aliases: ['A', 'B'], type: 'record', namespace: 'n', name: 'R', fields: [{ z: { a: 2, b: 1 }, name: 'a', type: { logicalType: 'decimal', precision: 9, scale: 2, type: 'bytes', connect: 1 }, default: '' }] }
  const text = '{"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2,"connect":1},"default":"","z":{"a":2,"b":1}}],"x":{"c":2,"d":1},"y":1,"aliases":["A","B"]}'
  expect(parse(one, { normalize: true }).text).toBe(text)
  expect(parse(other, { normalize: true }).text).toBe(text)
  expect(parse(one).text).not.toBe(parse(other).text)
})

test('what a schema refers to is a name in its text and spelt out in its resolved text', () => {
  const money = parse({ type: 'record', name: 'shop.Money', fields: [{ name: 'cents', type: 'long' }] })
  const order = parse({ type: 'record', name: 'shop.Order', fields: [{ name: 'price', type: 'Money' }, { name: 'paid', type: ['null', 'shop.Money'] }] },
    { references: [{ name: 'shop.Money', subject: 'money', version: 1, schema: money }] })
  expect(order.text).toBe('{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"price","type":"Money"},{"name":"paid","type":["null","Money"]}]}')
  expect(resolvedText(order)).toBe('{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"price","type":{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}},{"name":"paid","type":["null","Money"]}]}')
  expect(parse(JSON.parse(resolvedText(order))).text).toBe(resolvedText(order))
})

describe('stored schemas are spared what new ones are held to', () => {
  test.each<[string, unknown, RegExp]>([
    ['names', { type: 'record', name: 'a-b', fields: [{ name: 'c d', type: { type: 'enum', name: 'é', symbols: ['x-y'] } }] }, /Illegal character in: a-b/],
    ['defaults', { type: 'record', name: 'R', fields: [{ name: 'a', type: 'int', default: 'x' }] }, /Invalid default for field a: "x" not a "int"/],
    ['an enum\'s default', { type: 'enum', name: 'E', symbols: ['A'], default: 'B' }, /The Enum Default: B is not in the enum symbol set: \[A\]/],
  ])('%s', (_what, schema, reason) => {
    expect(() => parse(schema)).toThrow(InvalidSchema)
    expect(() => parse(schema)).toThrow(reason)
    expect(canonical(schema, { strict: false })).toEqual(schema)
  })

  test('a default may be of any branch of its union', () => {
    const field = (value: unknown): object => ({ type: 'record', name: 'R', fields: [{ name: 'a', type: ['null', 'int', { type: 'array', items: 'string' }], default: value }] })
    for (const value of [null, 7, ['x']]) expect(canonical(field(value))).toEqual(field(value))
    expect(() => parse(field('x'))).toThrow(/Invalid default for field a/)
  })
})
