import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonBody } from '../../src/wire/aws-json-body.ts'
import { decodeBody, encodeMembers } from '../../src/wire/aws-json.ts'
import { SerializationFault } from '../../src/wire/misfit.ts'
import { blob, flag, integer, list, long, structure, text, textMap, timestamp } from '../../src/wire/operation.ts'

const members = {
  Text: text(), Blob: blob(), Integer: integer(), Long: long(), Timestamp: timestamp(), Flag: flag(), List: list(text()), Map: textMap(),
  Structure: structure({ Inner: text().required }),
}

function fault(name: keyof typeof members, value: unknown): string | undefined {
  try {
    decodeBody(members, new JsonBody({ [name]: value }))
    return undefined
  } catch (error) {
    if (error instanceof SerializationFault) return error.message
    throw error
  }
}

const aList = 'Start of list found where not expected'
const aStructure = 'Start of structure or map found where not expected.'
const number = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber'

describe('wrong types, in the words of AWS\'s deserializer', () => {
  test.each<[keyof typeof members, unknown, string]>([
    ['Text', true, 'class java.lang.Boolean can not be converted to an String'],
    ['Text', 23, `${number} can not be converted to an String`],
    ['Text', 34.56, `${number} can not be converted to an String`],
    ['Text', [], aList],
    ['Text', {}, aStructure],
    ['Integer', '23', 'class java.lang.String can not be converted to an Integer'],
    ['Integer', true, 'class java.lang.Boolean can not be converted to an Integer'],
    ['Integer', [], aList],
    ['Integer', {}, aStructure],
    ['Long', '23', 'class java.lang.String can not be converted to an Long'],
    ['Timestamp', '23', 'class java.lang.String can not be converted to milliseconds since epoch'],
    ['Timestamp', true, 'class java.lang.Boolean can not be converted to milliseconds since epoch'],
    ['Timestamp', [], aList],
    ['Timestamp', {}, aStructure],
    ['Flag', 'hellowtf', '\'HELLOWTF\' can not be converted to an Boolean'],
    ['Flag', 23, `${number} can not be converted to an Boolean`],
    ['Flag', [], aList],
    ['Flag', {}, aStructure],
    ['Blob', true, 'class java.lang.Boolean can not be converted to a Blob'],
    ['Blob', 23, `${number} can not be converted to a Blob`],
    ['Blob', [], aList],
    ['Blob', {}, aStructure],
    ['Blob', '23456', '\'23456\' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5'],
    ['Blob', '=+/=', '\'=+/=\' can not be converted to a Blob: Invalid Base64 character: \'=\''],
    ['Blob', 'ab-_', '\'ab-_\' can not be converted to a Blob: Invalid Base64 character: \'-\''],
    ['Blob', 'a b=', '\'a b=\' can not be converted to a Blob: Invalid Base64 character: \' \''],
    ['Blob', 'a===', '\'a===\' can not be converted to a Blob: Invalid Base64 character: \'=\''],
    ['Blob', '+/+=', '\'+/+=\' can not be converted to a Blob: Invalid last non-pad Base64 character dectected'],
    ['List', '23', 'Expected list or null'],
    ['List', true, 'Expected list or null'],
    ['List', 34.56, 'Expected list or null'],
    ['List', {}, aStructure],
    ['List', [1], `${number} can not be converted to an String`],
    ['Map', '23', 'Expected map or null'],
    ['Map', 1, 'Expected map or null'],
    ['Map', [], aList],
    ['Map', { a: [] }, aList],
    ['Structure', '23', 'Expected null'],
    ['Structure', false, 'Expected null'],
    ['Structure', [], aList],
    ['Structure', { Inner: 1 }, `${number} can not be converted to an String`],
  ])('%s from %j', (name, value, message) => {
    expect(fault(name, value)).toBe(message)
  })
})

describe('values', () => {
  test.each<[keyof typeof members, unknown, unknown]>([
    ['Integer', 3.99, 3], ['Integer', -3.99, -3], ['Integer', 1e12, 2_147_483_647], ['Long', 1e12, 1e12],
    ['Timestamp', 1459799926.48, 1_459_799_926_480], ['Flag', 'Yes', true], ['Flag', '0', false], ['Blob', '', Buffer.alloc(0)], ['Blob', 'AA==', Buffer.alloc(1)],
    ['Map', { a: 'b', __proto__: 'c', n: null }, new Map([['a', 'b']])], ['Text', null, undefined],
  ])('%s from %j', (name, value, expected) => {
    expect(decodeBody(members, new JsonBody({ [name]: value }))[name]).toEqual(expected)
  })

  test('base64 is taken exactly when it is canonical', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array().map(bytes => Buffer.from(bytes).toString('base64')), fc.stringMatching(/^[A-Za-z0-9+/=_ -]{0,12}$/)), value => {
      const isCanonical = Buffer.from(value, 'base64').toString('base64') === value
      expect(fault('Blob', value) === undefined, value).toBe(isCanonical)
    }), { numRuns: 3_000 })
  })

  test('unknown members and those of Object.prototype are nothing', () => {
    expect(decodeBody({ ...members, constructor: text(), toString: text() }, JsonBody.parse(Buffer.from('{"Other":1,"__proto__":{"Text":"x"}}'))!)).toEqual({})
  })

  test('are written in the order of the definition, without what is undefined', () => {
    const output = { Structure: { Inner: 'ü"\u0000' }, Timestamp: 1_500, Blob: Buffer.from([255]), Text: undefined, List: ['a', 'b'], Map: new Map([['k', 'v']]), Flag: false, Integer: 0 }
    expect(encodeMembers(members, output))
      .toBe('{"Blob":"/w==","Integer":0,"Timestamp":1.5,"Flag":false,"List":["a","b"],"Map":{"k":"v"},"Structure":{"Inner":"ü\\"\\u0000"}}')
  })
})

