import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readUvarint, readVarint, uvarintSize, varintSize, writeUvarint, writeVarint } from '../../src/base/varint.ts'

const small = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const large = fc.integer({ min: -(2 ** 52), max: 2 ** 52 - 1 })

test('a signed varint reads back as it was written, in the bytes its size says', () => {
  fc.assert(fc.property(fc.oneof(small, large), value => {
    const bytes = Buffer.alloc(10)
    const end = writeVarint(bytes, 0, value)
    const cursor = { at: 0 }
    expect(readVarint(bytes, cursor)).toBe(value)
    expect([cursor.at, varintSize(value)]).toEqual([end, end])
  }))
})

test('an unsigned varint reads back as it was written, in the bytes its size says', () => {
  fc.assert(fc.property(fc.maxSafeNat(), value => {
    const bytes = Buffer.alloc(10)
    const end = writeUvarint(bytes, 0, value)
    const cursor = { at: 0 }
    expect(readUvarint(bytes, cursor)).toBe(value)
    expect([cursor.at, uvarintSize(value)]).toEqual([end, end])
  }))
})

test('zigzag puts small negative numbers into one byte, as Protobuf does', () => {
  const bytes = Buffer.alloc(1)
  expect([0, -1, 1, -2, -64].map(value => (writeVarint(bytes, 0, value), bytes[0]))).toEqual([0, 1, 2, 3, 127])
})

test('a varint that is cut off, too long or beyond 2^53 is NaN', () => {
  expect(readVarint(Buffer.from([]), { at: 0 })).toBeNaN()
  expect(readVarint(Buffer.from([0x80, 0x80]), { at: 0 })).toBeNaN()
  expect(readUvarint(Buffer.alloc(12, 0xff), { at: 0 })).toBeNaN()
  const beyond = Buffer.alloc(10)
  writeVarint(beyond, 0, 2 ** 52)
  expect(readVarint(beyond, { at: 0 })).toBeNaN()
  expect(readUvarint(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]), { at: 0 })).toBeNaN()
})
