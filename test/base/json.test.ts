import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonText } from '../../src/base/json.ts'

const namesIn = (value: unknown): string[] => Object.keys(value as object)

describe('names written with an escape', () => {
  // JSON.parse, after the earlier text, takes the name for the earlier one.
  test.each([['\\\\', '\\"', '"'], ['\\\\', '\\n', '\n'], ['\\\\\\\\', '\\\\u', '\\u'], ['b\\\\', 'b\\t', 'b\t'], ['x\\\\', 'x\\u0041', 'xA']])(
    'are not those of an earlier text: after %s, %s', (earlier, spelling, name) => {
      JSON.parse(`{"before":1,"${earlier}":2}`)
      const text = `{"before":1,"${spelling}":2}`
      expect(namesIn(parseJsonText(text))).toEqual(['before', name])
      expect(namesIn((parseJsonText(`[${text}, [${text}]]`) as unknown[])[0])).toEqual(['before', name])
    },
  )

  test('keep the order, the last of two and `__proto__` as JSON.parse has them', () => {
    const text = '{"b":1,"\\u0031":2,"\\u005f_proto__":{"c":3},"0":4,"\\u0062":5,"1":6,"" :7}'
    const value = parseJsonText(text)
    expect(Object.entries(value as object)).toEqual([['0', 4], ['1', 6], ['b', 5], ['__proto__', { c: 3 }], ['', 7]])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })
})

test('values are those of the text, whatever their names and however they are spelled', () => {
  // No name here holds a backslash, so V8's parser has nothing to mistake a name for.
  const names = fc.string({ unit: fc.constantFrom('a', '"', '\n', '1', 'é', '😀', ':', ' '), maxLength: 4 })
  const { value } = fc.letrec(tie => ({
    value: fc.oneof({ depthSize: 'small' }, fc.string({ unit: fc.constantFrom('a', '"', '\\', ':', ' ') }), fc.double(), fc.constantFrom(null, true), fc.array(tie('value')), fc.dictionary(names, tie('value'))),
  }))
  const respelled = (text: string): string => text.replaceAll('a', '\\u0061').replaceAll(':', ' : ')
  fc.assert(fc.property(value, fc.constantFrom(undefined, 2), fc.boolean(), (original, indent, isRespelled) => {
    const plain = JSON.stringify(original, null, indent)
    const text = isRespelled ? respelled(plain) : plain
    expect(JSON.stringify(parseJsonText(text))).toBe(JSON.stringify(JSON.parse(text)))
  }), { numRuns: 2_000 })
})

test('a reviver sees every scalar and its spelling', () => {
  const seen: unknown[] = []
  const value = parseJsonText('{"\\n":[1.0,"x"],"b":null}', (_name, scalar, context) => {
    seen.push([scalar, context?.source])
    return scalar
  })
  expect(seen).toEqual([[1, '1.0'], ['x', '"x"'], [null, 'null']])
  expect(value).toEqual({ '\n': [1, 'x'], b: null })
})

test.each(['', '{', '{"\\n"', '{"\\n":', '{"\\x":1}', '{"\\n":1}x', '{"\\n":1,}', '{"\\":1}', '{"a\n":1,"\\n":2}', '["\\n":1]', '{"\\n" 1:2}', '"\\"'])('%j is refused as JSON.parse refuses it', text => {
  let expected: unknown
  try {
    JSON.parse(text)
  } catch (error) {
    expected = error
  }
  expect(expected).toBeInstanceOf(SyntaxError)
  expect(() => parseJsonText(text)).toThrow(expected as SyntaxError)
})
