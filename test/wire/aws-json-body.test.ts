import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonText } from '../../src/base/json.ts'
import { JsonBody, containersMax, depthMax } from '../../src/wire/aws-json-body.ts'
import { decodeBody } from '../../src/wire/aws-json.ts'
import { blob, list, structure, text, textMap } from '../../src/wire/operation.ts'

const parse = (body: string): JsonBody | undefined => JsonBody.parse(Buffer.from(body))

/** The whole value, with every stand-in replaced by what it stands for. */
function resolved(body: JsonBody, value: unknown): unknown {
  if (typeof value === 'string') return body.text(value)
  if (Array.isArray(value)) return value.map(item => resolved(body, item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolved(body, item)]))
}

test(`bodies of up to ${containersMax} lists and objects are parsed, not of more`, () => {
  const body = (count: number): string => `{"a":[${'{},'.repeat(count - 3)}{}]}`
  expect(parse(body(containersMax))).toBeDefined()
  expect(parse(body(containersMax + 1))).toBeUndefined()
})

test(`bodies nested up to ${depthMax} deep are parsed, deeper ones are not, however they hide it`, () => {
  const nested = (depth: number, inside = ''): string => `{"a":${'['.repeat(depth - 1)}${inside}${']'.repeat(depth - 1)}}`
  expect(parse(nested(depthMax))).toBeDefined()
  expect(parse(nested(depthMax + 1))).toBeUndefined()
  expect(parse(nested(2, `"${'['.repeat(1_000)}\\"{{{\\\\"`))).toBeDefined()
  expect(parse(`{"a\\\\":${'['.repeat(100)}${']'.repeat(100)}}`)).toBeUndefined()
})

test('bodies of millions of brackets are refused', () => {
  expect(parse('['.repeat(12_000_000))).toBeUndefined()
  expect(parse('{"a":'.repeat(2_000_000))).toBeUndefined()
})

test.each(['', '{', '{"a":"', '"x"', '1', '[]', 'null', '{"a":"\\', '\ufeff{}', '{"a":1}x', `{"a":"${'x'.repeat(600)}`])('%j is no body', body => {
  expect(parse(body)).toBeUndefined()
})

describe('long strings', () => {
  const strings = fc.oneof(
    fc.string({ maxLength: 20 }), fc.string({ unit: 'grapheme', minLength: 500, maxLength: 530 }), fc.base64String({ minLength: 500, maxLength: 2_000 }),
    fc.constantFrom('\u00000', '\u0000', '\u00001', '\\', '"', `\u0000${'x'.repeat(600)}`, '\\u0000'),
  )

  test('are the strings they would be, wherever they are and whatever is beside them', () => {
    const { value } = fc.letrec(tie => ({
      value: fc.oneof({ depthSize: 'small' }, strings, fc.integer(), fc.constant(null), fc.array(tie('value'), { maxLength: 5 }), fc.dictionary(strings, tie('value'), { maxKeys: 5 })),
    }))
    fc.assert(fc.property(fc.dictionary(strings, value), fc.constantFrom(0, 2), (object, indent) => {
      const source = JSON.stringify(object, null, indent)
      const body = parse(source)!
      expect(resolved(body, body.value)).toEqual(parseJsonText(source))
    }), { numRuns: 1_000 })
  })

  test('leave the names beside them as they are, whatever an earlier body was', () => {
    const long = 'x'.repeat(600)
    expect(parse(`{"Data":"${long}","\\\\":1,"${long}\\\\":2}`)!.value).toEqual({ Data: '\u00000', '\\': 1, [`${long}\\`]: 2 })
    expect(parse(`{"Data":"${long}","\\"":1,"${long}\\"":2,"${long}" :3}`)!.value).toEqual({ Data: '\u00000', '"': 1, [`${long}"`]: 2, [long]: 3 })
  })

  test('are decoded as what their member is', () => {
    const data = Buffer.alloc(3_000, 7)
    const members = { Text: text(), Map: textMap(), Records: list(structure({ Data: blob(), Key: text() })) }
    const source = JSON.stringify({
      Text: 'ü'.repeat(600), Map: { ['k'.repeat(600)]: 'v'.repeat(600) }, Records: [{ Data: data.toString('base64'), Key: '\u0001' }, { Data: data.toString('base64') }],
    })
    expect(decodeBody(members, parse(source)!)).toEqual({
      Text: 'ü'.repeat(600), Map: new Map([['k'.repeat(600), 'v'.repeat(600)]]), Records: [{ Data: data, Key: '\u0001' }, { Data: data }],
    })
  })

  test('are decoded each to its own bytes, however often and however wrong they are', () => {
    const datas = [600, 513, 900, 2, 700].map((size, at) => Buffer.alloc(size, at + 1))
    const source = JSON.stringify({ Records: datas.map(data => ({ Data: data.toString('base64') })) })
    const members = { Records: list(structure({ Data: blob() })) }
    const body = parse(source)!
    for (let time = 0; time < 2; time++) expect(decodeBody(members, body)).toEqual({ Records: datas.map(Data => ({ Data })) })
    const damaged = parse(source.replace('AQEB', 'A-EB'))!
    expect(() => decodeBody(members, damaged)).toThrow('Invalid Base64 character: \'-\'')
  })

  test('that JSON does not allow are refused where they are used', () => {
    const bad = parse(`{"Text":"${'x'.repeat(600)}\n"}`)!
    expect(() => decodeBody({ Text: text() }, bad)).toThrow('A string of the body is not valid JSON.')
    expect(() => decodeBody({ Text: blob() }, bad)).toThrow('can not be converted to a Blob')
  })

  test('cannot be pointed at by a string that looks like a stand-in', () => {
    const body = parse(`{"a":"${'x'.repeat(600)}","b":"\\u00000"}`)!
    expect(body.text(body.value['b'] as string)).toBe('\u00000')
  })
})
