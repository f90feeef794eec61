import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultTemplate, keyFault, type KeyParts, objectKey, templateFault } from '../../../src/kinesis/delivery/object-keys.ts'

const parts: KeyParts = {
  channelName: 'archive', channelId: 'id-1', streamName: 'orders', timeMs: Date.UTC(2026, 0, 2, 3, 4, 5), extension: '.gz', suffix: '000007-abc',
}

describe('an object key', () => {
  it('follows AWS\'s template unless told otherwise, with a suffix of its own', () => {
    expect(objectKey(defaultTemplate, parts)).toBe('kinesis-channel/archive/id-1/2026/01/02/03/archive-id-1-2026-01-02-03-04-000007-abc.gz')
  })

  it('has the variables that a template names, in UTC', () => {
    expect(objectKey('!{stream-name}/year=!{yyyy}/!{yy}!{MM}!{dd}T!{HH}!{mm}/part', parts)).toBe('orders/year=2026/260102T0304/part-000007-abc')
    expect(objectKey('a/!{extension:.json.log}', parts)).toBe('a/000007-abc.json.log')
    expect(objectKey('!{yyyy}/', parts)).toBe('2026/000007-abc')
    expect(objectKey('!{extension}', { ...parts, extension: '' })).toBe('000007-abc')
  })

  it.each([
    ['!{yyyy', /every !\{ needs its \}/],
    ['a{b}', /every !\{ needs its \}/],
    ['!{day}', /!\{day\} is no variable; there are !\{channel-name\}/],
    ['!{extension:}', /is no variable/],
    ['!{extension:/../x}', /is no variable/],
    ['!{extension:json}', /is no variable/],
    ['!{extension:.JSON}', /is no variable/],
    ['!{channel-name}!{extension}/!{yyyy}', /one, at its end/],
    ['a!{extension}!{extension:.log}', /one, at its end/],
    ['a/', undefined],
    ['/a', /begins with \//],
    ['a//b', /two in a row/],
    ['../a', /\.\. or a \. alone/],
    ['a/./b', /\.\. or a \. alone/],
    ['a..b', /\.\. or a \. alone/],
    ['a/../../b', /\.\. or a \. alone/],
    ['!{channel-name}/a', undefined],
    [`${'x'.repeat(260)}/a`, /more than 255 bytes/],
    ['a/'.repeat(493) + 'b', /more than 986 characters/],
    ['a/'.repeat(492) + 'b', undefined],
  ])('of the template %j is judged before there is any', (template, fault) => {
    if (fault === undefined) expect(templateFault(template, parts)).toBeUndefined()
    else expect(templateFault(template, parts)).toMatch(fault)
  })

  it('never leads out of its bucket, whatever channel and template are called', () => {
    expect(templateFault('!{channel-name}/a', { ...parts, channelName: '..' })).toMatch(/\.\. or a \. alone/)
    const pieces = fc.array(fc.constantFrom('!{channel-name}', '!{extension}', '!{extension:.', '}', '/', '.', '..', 'a', '!', '{', '!{yyyy}'), { minLength: 1, maxLength: 12 })
    fc.assert(fc.property(pieces, fc.constantFrom('..', '.', 'a', '...'), (texts, channelName) => {
      const template = texts.join('')
      if (templateFault(template, { ...parts, channelName }) !== undefined) return
      const key = objectKey(template, { ...parts, channelName })
      expect(keyFault(key)).toBeUndefined()
      expect(new URL(key, 'file:///root/bucket/').pathname.startsWith('/root/bucket/')).toBe(true)
    }), { numRuns: 2_000 })
  })
})
