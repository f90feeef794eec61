import { describe, expect, it } from 'vitest'
import { escapeXml, parseForm, xmlOf } from '../../src/wire/aws-query.ts'

describe('a form of the Query protocol', () => {
  it('is a tree, lists in the order of their numbers', () => {
    expect(parseForm('Action=Get&Dimensions.member.2.Name=b&Dimensions.member.10.Name=c&Dimensions.member.1.Name=a&Dimensions.member.1.Value=x+%26y&Empty=&Stat.Sum=1.5')).toEqual({
      Action: 'Get', Dimensions: [{ Name: 'a', Value: 'x &y' }, { Name: 'b' }, { Name: 'c' }], Empty: '', Stat: { Sum: '1.5' },
    })
    expect(parseForm('Values.member.1=1&Values.member.2=2')).toEqual({ Values: ['1', '2'] })
    expect(parseForm('')).toEqual({})
  })

  it('has bounds, and members of any name', () => {
    expect(parseForm(`${'a.'.repeat(20)}b=1`)).toBe(undefined)
    expect(parseForm(Array.from({ length: 50_001 }, (_, at) => `a${at}=`).join('&'))).toBe(undefined)
    const odd = parseForm('__proto__.x=1&constructor=2')!
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype)
    expect(Object.entries(odd)).toEqual([['__proto__', { x: '1' }], ['constructor', '2']])
    expect(parseForm('List.member.999999999999.A=1&List.member.x=2')).toEqual({ List: [] })
  })
})

describe('an answer of the Query protocol', () => {
  it('is XML', () => {
    const value = { Label: 'a<b>&"', Points: [{ At: new Date(0), Sum: 1.5, Left: undefined }], None: [], Is: true }
    expect(xmlOf('Result', value)).toBe(
      '<Result><Label>a&lt;b&gt;&amp;&quot;</Label><Points><member><At>1970-01-01T00:00:00.000Z</At><Sum>1.5</Sum></member></Points><None></None><Is>true</Is></Result>')
  })

  it('has no character that XML cannot say', () => {
    expect(escapeXml('a\u0000b\u0008\ud800c\n\u{1f600}')).toBe('a\ufffdb\ufffd\ufffdc\n\u{1f600}')
  })
})
