import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonCursor, jsonDepthMax, memberCount, tooDeep } from '../../src/gateway/json-text.ts'

const values = fc.jsonValue({ maxDepth: 6 })
const spaced = fc.tuple(values, fc.constantFrom(undefined, 1, '\t'))

describe('a JSON cursor', () => {
  it('finds where every value of an array begins and ends', () => {
    fc.assert(fc.property(fc.array(spaced), elements => {
      const texts = elements.map(([value, indent]) => JSON.stringify(value, null, indent))
      const cursor = new JsonCursor(Buffer.from(`[${texts.join(' ,\n')}]`))
      const found: string[] = []
      cursor.enter('[')
      while (cursor.more('[', found.length)) {
        cursor.skip()
        found.push(cursor.bytes.toString('utf8', cursor.start, cursor.at))
      }
      expect(found).toEqual(texts)
    }))
  })

  it('counts the members that the text names, which are those that the value has unless one comes twice', () => {
    fc.assert(fc.property(spaced, ([value, indent]) => {
      const cursor = new JsonCursor(Buffer.from(JSON.stringify(value, null, indent)))
      expect(cursor.skip()).toBe(memberCount(JSON.parse(JSON.stringify(value))))
    }))
    const twice = '{"a":[{"b":1,"b":{"c":":"}}]}'
    expect([new JsonCursor(Buffer.from(twice)).skip(), memberCount(JSON.parse(twice))]).toEqual([4, 3])
  })

  it('finds the end of long strings, whatever is escaped in them', () => {
    const parts = fc.array(fc.constantFrom('\\', '"', '\\\\', 'x'.repeat(40), 'é', '\n', ':', '}'), { maxLength: 40 })
    fc.assert(fc.property(parts, some => {
      const text = JSON.stringify([some.join(''), 1])
      const cursor = new JsonCursor(Buffer.from(text))
      cursor.enter('[')
      cursor.skip()
      expect(JSON.parse(cursor.bytes.toString('utf8', cursor.start, cursor.at))).toBe(some.join(''))
    }), { numRuns: 1_000 })
  })

  it('ends on any bytes at all, within them', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.array(fc.constantFrom(...'{}[]",:\\ 1a'), { maxLength: 60 }).map(text => Buffer.from(text.join(''))))
    fc.assert(fc.property(bytes, some => {
      const cursor = new JsonCursor(Buffer.from(some))
      try {
        cursor.enter('{')
        for (let count = 0; cursor.more('{', count); count++) {
          cursor.name([])
          cursor.skip()
        }
      } catch (error) {
        expect(error).toBeInstanceOf(SyntaxError)
      }
      expect(cursor.at).toBeLessThanOrEqual(some.length)
    }), { numRuns: 1_000 })
  })
})

describe('nesting', () => {
  it('is judged by its depth, brackets in strings aside', () => {
    const nested = (depth: number): Buffer => Buffer.from(`${'['.repeat(depth)}"]]]]\\"[[[["${']'.repeat(depth)}`)
    expect(tooDeep(nested(jsonDepthMax))).toBe(false)
    expect(tooDeep(nested(jsonDepthMax + 1))).toBe(true)
    expect(() => new JsonCursor(nested(jsonDepthMax)).skip()).not.toThrow()
    expect(() => new JsonCursor(nested(jsonDepthMax + 1)).skip()).toThrow(SyntaxError)
  })
})
