// Expressions under a meter: what they mean, what they may spend, and where they do not parse.
import type { CelInput } from '@bufbuild/cel'
import { describe, expect, it } from 'vitest'
import { compileExpression, grantSteps, type Outcome } from '../../../src/registry/rules/cel.ts'

const numbers = Array.from({ length: 20_000 }, (_each, index) => BigInt(index))
const texts = numbers.map(each => `item ${each}`)
const long = 'a'.repeat(500_000)
const message = new Map<string, CelInput>([
  ['n', 5n], ['d', 5], ['s', long], ['l', numbers], ['t', texts], ['m', new Map(texts.map(text => [text, 1n]))], ['e', 'ann@example.org'], ['x', null],
])

function evaluate(text: string, steps = 500_000): Outcome {
  grantSteps(steps, 0)
  return compileExpression(text).evaluate(Object.assign(Object.create(null) as object, { message }))
}

describe('an expression', () => {
  it.each<[string, unknown]>([
    ['message.n + 1 == 6', true],
    ['message.n / 2 == 2', true],
    ['message.d / 2.0 == 2.5', true],
    ['message.n == message.d', true],
    ['type(message.n) == int && type(message.d) == double', true],
    ['has(message.x)', false],
    ['has(message.nowhere)', false],
    ['message.e.matches("^[a-z]+@[a-z.]+$")', true],
    ['message.e.split("@")[1]', 'example.org'],
    ['message.l.map(x, x * 2).filter(x, x > 10).size() == 19994', true],
    ['message.l.map(x, x < 3, [x, x])[1] == [1, 1]', true],
    ['[1, 2].map(x, [3, 4].map(y, x * y)) == [[3, 4], [6, 8]]', true],
    ['[1, 2] + [3] + message.l.filter(x, x == 4) == [1, 2, 3, 4]', true],
    ['message.t.exists_one(t, t == "item 7")', true],
    ['"item 3" in message.m && !("item" in message.m)', true],
    ['timestamp("2026-01-31T12:00:00Z").getDayOfMonth() == 30', true],
    ['{"a": 1}.all(k, k == "a")', true],
  ])('%s', (text, expected) => {
    expect(evaluate(text)).toEqual({ value: expected })
  })

  it('says what it is about: identifiers, unknown functions and the members it looks at', () => {
    const { identifiers, unknownFunctions, paths } = compileExpression('message.a.b > 1 && message.l.all(x, x.y == other) && soundex(message.a.b) == int(x)')
    expect([...identifiers].toSorted()).toEqual(['message', 'other', 'x'])
    expect([...unknownFunctions]).toEqual(['soundex'])
    expect(paths).toEqual([['a', 'b'], ['l'], ['a', 'b']])
  })

  it('that does not parse is a SyntaxError with its place', () => {
    expect(() => compileExpression('message.a >\n  ) 3')).toThrow(/^line \d, column \d+: .+ is not expected$/)
    expect(() => compileExpression('')).toThrow(SyntaxError)
    expect(() => compileExpression('(')).toThrow(SyntaxError)
  })

  it('cannot reach what is not its own', () => {
    for (const text of ['constructor', '__proto__', 'toString', 'message.constructor', 'message.__proto__']) expect(evaluate(text), text).toHaveProperty('error')
  })
})

describe('the meter', () => {
  const ten = '[1,2,3,4,5,6,7,8,9,10]'
  it.each<[string]>([
    ['message.l.all(x, message.l.all(y, x + y >= 0))'],
    ['message.l.exists(x, message.l.exists(y, message.l.exists(z, x + y + z < 0)))'],
    ['message.l.map(x, message.l.map(y, x * y)).size() > 0'],
    ['message.t.all(x, x in message.t)'],
    ['message.l.all(x, true || message.l.all(y, false)) && message.l.all(x, message.l.all(y, true))'],
    ['message.s.replace("a", message.s) == ""'],
    ['message.s.replace("", message.s) == ""'],
    ['message.t.map(x, message.s + x).join("").size() > 0'],
    ['message.t.map(x, message.s).map(y, y + y).map(z, z + z).join().size() > 0'],
    ['message.l.map(x, timestamp(x).getHours("America/New_York")).size() > 0'],
    ['message.s.matches("(a|aa|aaa|aaaa|aaaaa|aaaaaa|aaaaaaa|aaaaaaaa){50}c")'],
    ['message.t.map(x, message.t) == message.t.map(x, message.t)'],
    ['message.l.all(x, message.l == message.l)'],
    [`${ten}.all(a,${ten}.all(b,${ten}.all(c,${ten}.all(d,${ten}.all(e,${ten}.all(f,a+b+c+d+e+f>0))))))`],
    ['message.l.all(x, size(message.s) > 0)'],
  ])('ends %s', text => {
    const before = performance.now()
    expect(evaluate(text)).toBe('spent')
    // A step is about a microsecond; a machine under load is slower by far.
    expect(performance.now() - before).toBeLessThan(20_000)
  })

  it('is for all expressions of a payload together', () => {
    grantSteps(1_000, 0)
    const expression = compileExpression('[1, 2, 3].all(x, x > 0)')
    const outcomes = Array.from({ length: 200 }, () => expression.evaluate({ message }))
    expect(outcomes[0]).toEqual({ value: true })
    expect(outcomes.at(-1)).toBe('spent')
  })

  it('leaves nothing behind: the next payload is judged as if there had been none before', () => {
    expect(evaluate('message.l.all(x, message.l.all(y, x + y >= 0))', 1_000)).toBe('spent')
    expect(evaluate('message.n == 5', 1_000)).toEqual({ value: true })
  })
})
