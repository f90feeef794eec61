import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCborValues, encodeCborValues } from '../../src/wire/cbor-values.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')

describe('values in CBOR', () => {
  it('come back as they were', () => {
    const leaf = fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true }), fc.integer(), fc.boolean(), fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }))
    const { tree } = fc.letrec(tie => ({
      tree: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4, noNullPrototype: true })),
    }))
    fc.assert(fc.property(fc.dictionary(fc.string(), tree, { noNullPrototype: true }), value => {
      const bytes = encodeCborValues(value)
      expect(decodeCborValues(bytes)).toEqual(value)
      if (bytes.length > 1) expect(decodeCborValues(bytes.subarray(0, bytes.length - 1))).toBe(undefined)
    }), { seed: 17, numRuns: 500 })
  })

  // RFC 8949, appendix A.
  it.each([
    ['00', 0], ['1903e8', 1000], ['3903e7', -1000], ['f90000', 0], ['f93c00', 1], ['f93e00', 1.5], ['f97bff', 65504], ['f90001', 5.960464477539063e-8], ['f9c400', -4],
    ['fa47c35000', 100000], ['fb3ff199999999999a', 1.1], ['f97c00', Infinity], ['f9fc00', -Infinity], ['f4', false], ['f6', undefined], ['f7', undefined],
    ['c11a514b67b0', new Date('2013-03-21T20:04:00Z')], ['c1fb41d452d9ec200000', new Date('2013-03-21T20:04:00.5Z')], ['4401020304', Buffer.from([1, 2, 3, 4])],
    ['64f0908591', '\u{10151}'], ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]], ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }], ['7f657374726561646d696e67ff', 'streaming'],
  ])('%s is read', (bytes, value) => {
    expect(decodeCborValues(hex(`a16178${bytes}`))).toEqual(value === undefined ? {} : { x: value })
  })

  it('are nothing where the bytes are no map', () => {
    for (const bytes of ['', '01', '80', 'a1', 'a10102', 'a1617801ff']) expect(decodeCborValues(hex(bytes))).toBe(undefined)
  })
})
