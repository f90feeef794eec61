// Cutting a body into JSON documents as it comes.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JsonDocuments } from '../../../../src/gateway/rest/v3/documents.ts'
import { seed } from '../../../support/seed.ts'

const cut = (documents: JsonDocuments, text: string): string[] => documents.push(Buffer.from(text)).map(String)

describe('documents', () => {
  it.each([
    ['{}{"a":1}', ['{}', '{"a":1}']],
    ['{"a":[{"b":{}}]}\n{"c":"}{"}\r\n\t {"d":"\\"}"}', ['{"a":[{"b":{}}]}', '{"c":"}{"}', '{"d":"\\"}"}']],
    ['{"a":"\\\\"}{}', ['{"a":"\\\\"}', '{}']],
  ])('of %s are told apart', (text, expected) => {
    const documents = new JsonDocuments(100)
    expect(cut(documents, text)).toEqual(expected)
    expect([documents.broken, documents.bytesHeld]).toEqual([undefined, 0])
  })

  it('do not keep a chunk of which they are little', () => {
    const [document] = new JsonDocuments(100).push(Buffer.from(`{}${' '.repeat(100_000)}`))
    expect(String(document)).toBe('{}')
    expect(document!.buffer.byteLength).toBeLessThan(100_000)
  })

  it('are the same however they are cut into chunks', () => {
    fc.assert(fc.property(fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 6 }), fc.array(fc.nat(40), { minLength: 1, maxLength: 30 }), (values, sizes) => {
      const texts = values.map(value => JSON.stringify(value))
      const body = Buffer.from(texts.join('\n'))
      const documents = new JsonDocuments(1_000_000)
      const found: string[] = []
      for (let at = 0, turn = 0; at < body.length; turn++) {
        const size = 1 + sizes[turn % sizes.length]!
        found.push(...documents.push(body.subarray(at, at + size)).map(String))
        at += size
      }
      expect(found).toEqual(texts)
      expect(documents.bytesHeld).toBe(0)
    }), { seed, numRuns: 200 })
  })

  it.each(['1', '"a"', '[{}]', 'null', '}', '{},{}', '{}x', '\ufeff{}'])('are not made of %s', text => {
    const documents = new JsonDocuments(100)
    const found = cut(documents, text)
    expect(documents.broken).toBe('malformed')
    expect(found.every(one => one === '{}')).toBe(true)
    expect(cut(documents, '{}')).toEqual([])
  })

  it('of more bytes than one may have are refused, whole or in pieces, and not held', () => {
    const whole = new JsonDocuments(10)
    expect(cut(whole, '{"a":1234}{"a":12345}')).toEqual(['{"a":1234}'])
    expect(whole.broken).toBe('too-large')
    const pieces = new JsonDocuments(10)
    for (let left = 20; left > 0; left--) cut(pieces, left === 20 ? '{' : '[')
    expect([pieces.broken, pieces.bytesHeld]).toEqual(['too-large', 0])
  })

  it('take time in proportion to their length, in chunks of one byte too', () => {
    const bytes = Buffer.from(`{"a":"${'x'.repeat(2_000_000)}"}`)
    const documents = new JsonDocuments(4_000_000)
    const startedAt = performance.now()
    let found = 0
    for (let at = 0; at < bytes.length; at++) found += documents.push(bytes.subarray(at, at + 1)).length
    expect(found).toBe(1)
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  }, 60_000)
})
