import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { Reader, WireError, Writer } from '../../src/wire/bytes.ts'
import { seed } from '../support/seed.ts'

/** What `write` wrote, read back by `read` to the last byte. */
function there<T>(write: (writer: Writer) => void, read: (reader: Reader) => T): T {
  const writer = new Writer(1)
  write(writer)
  const reader = new Reader(writer.toBuffer())
  const value = read(reader)
  expect(reader.remaining).toBe(0)
  return value
}

describe('fixed-width numbers', () => {
  it('come back at the edges of their range', () => {
    for (const value of [-128, -1, 0, 127]) expect(there(w => w.int8(value), r => r.int8())).toBe(value)
    for (const value of [-32768, -1, 0, 32767]) expect(there(w => w.int16(value), r => r.int16())).toBe(value)
    for (const value of [0, 65535]) expect(there(w => w.uint16(value), r => r.uint16())).toBe(value)
    for (const value of [-2147483648, -1, 0, 2147483647]) expect(there(w => w.int32(value), r => r.int32())).toBe(value)
    for (const value of [0, 4294967295]) expect(there(w => w.uint32(value), r => r.uint32())).toBe(value)
    for (const value of [Number.MIN_SAFE_INTEGER, -4294967297, -4294967296, -1, 0, 4294967295, 4294967296, Number.MAX_SAFE_INTEGER]) {
      expect(there(w => w.int64(value), r => r.int64())).toBe(value)
      expect(there(w => w.bigint64(BigInt(value)), r => r.int64())).toBe(value)
    }
    for (const value of [-0.5, 0, 1e308]) expect(there(w => w.float64(value), r => r.float64())).toBe(value)
  })

  it('of 64 bits that no number holds are refused, or saturate where asked', () => {
    for (const value of [2n ** 53n, 2n ** 63n - 1n, -(2n ** 53n), -(2n ** 63n)]) {
      const writer = new Writer()
      writer.bigint64(value)
      const bytes = writer.toBuffer()
      expect(() => new Reader(bytes).int64()).toThrow(WireError)
      expect(new Reader(bytes).bigint64()).toBe(value)
      expect(new Reader(bytes).saturatingInt64()).toBe(value > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER)
    }
    expect(() => new Writer().int64(2 ** 53)).toThrow(WireError)
    expect(() => new Writer().int64(Number.NaN)).toThrow(WireError)
  })
})

describe('varints', () => {
  it('come back, unsigned and zigzag, at every length', () => {
    for (let bits = 0; bits <= 32; bits++) {
      for (const value of [2 ** bits - 1, 2 ** bits].filter(one => one < 2 ** 32)) {
        expect(there(w => w.uvarint(value), r => r.uvarint())).toBe(value)
        expect(there(w => w.varint(value | 0), r => r.varint())).toBe(value | 0)
      }
    }
    for (let bits = 0; bits <= 53; bits++) {
      for (const value of [2 ** bits - 1, -(2 ** bits - 1)]) expect(there(w => w.varlong(value), r => r.varlong())).toBe(value + 0)
    }
    expect(there(w => w.varlong(Number.MIN_SAFE_INTEGER), r => r.varlong())).toBe(Number.MIN_SAFE_INTEGER)
  })

  it('have the bytes of the record format: zigzag -1 is 01, 1 is 02, 300 is d8 04', () => {
    const hex = (write: (writer: Writer) => void): string => {
      const writer = new Writer()
      write(writer)
      return writer.toBuffer().toString('hex')
    }
    expect(hex(w => w.varint(-1))).toBe('01')
    expect(hex(w => w.varlong(1))).toBe('02')
    expect(hex(w => w.varlong(300))).toBe('d804')
    expect(hex(w => w.varlong(2 ** 40))).toBe('808080808040')
    expect(hex(w => w.uvarint(4294967295))).toBe('ffffffff0f')
  })

  it('that are longer than their type or never end are refused', () => {
    for (const hex of ['ffffffff1f', 'ffffffffff', '808080808000', 'ffffffffffffffffffffff', '80', '']) {
      expect(() => new Reader(Buffer.from(hex, 'hex')).uvarint(), hex).toThrow(WireError)
    }
    for (const hex of ['ffffffffffffffffff03', '80808080808080808080', 'ffffffffffffffffff01', '80', '']) {
      expect(() => new Reader(Buffer.from(hex, 'hex')).varlong(), hex).toThrow(WireError)
    }
    expect(new Reader(Buffer.from('8080808000', 'hex')).uvarint(), 'padded with zeros, as some writers do').toBe(0)
  })
})

describe('strings and bytes', () => {
  it('come back in all four forms, null included where it may be', () => {
    for (const text of ['', 'orders', 'ä€😀', 'x'.repeat(32767)]) {
      expect(there(w => w.string(text), r => r.string())).toBe(text)
      expect(there(w => w.nullableString(text), r => r.nullableString())).toBe(text)
      expect(there(w => w.compactString(text), r => r.compactString())).toBe(text)
      expect(there(w => w.compactNullableString(text), r => r.compactNullableString())).toBe(text)
    }
    expect(there(w => w.nullableString(null), r => r.nullableString())).toBeNull()
    expect(there(w => w.compactNullableString(null), r => r.compactNullableString())).toBeNull()
    expect(there(w => w.nullableBytes(null), r => r.nullableBytes())).toBeNull()
    expect(there(w => w.compactNullableBytes(null), r => r.compactNullableBytes())).toBeNull()
    for (const size of [0, 1, 1023, 1024, 70000]) {
      const bytes = new Prng(size).bytes(size)
      expect(there(w => w.bytes(bytes), r => r.bytes())).toEqual(bytes)
      expect(there(w => w.compactBytes(bytes), r => r.compactBytes())).toEqual(bytes)
    }
  })

  it('with a null where none is allowed, a negative length, or more than 32,767 bytes of text are refused', () => {
    expect(() => new Reader(Buffer.from('ffff', 'hex')).string()).toThrow(/length -1/)
    expect(() => new Reader(Buffer.from('fffe', 'hex')).nullableString()).toThrow(/length -2/)
    expect(() => new Reader(Buffer.from('00', 'hex')).compactString()).toThrow(/length -1/)
    expect(() => new Reader(Buffer.from('ffffffff', 'hex')).bytes()).toThrow(/length -1/)
    expect(() => new Reader(Buffer.concat([Buffer.from('818002', 'hex'), Buffer.alloc(32768)])).compactString()).toThrow(/32767 are allowed/)
    expect(() => new Writer().string('x'.repeat(32768))).toThrow(WireError)
  })

  it('that are no UTF-8 are refused, while a real U+FFFD passes', () => {
    expect(() => new Reader(Buffer.from('0003eda080', 'hex')).string(), 'a lone surrogate').toThrow(/UTF-8/)
    expect(() => new Reader(Buffer.from('0001ff', 'hex')).string()).toThrow(/UTF-8/)
    expect(there(w => w.string('a\ufffdb'), r => r.string())).toBe('a\ufffdb')
  })

  it('are views of what was read, and large ones are spliced in as they are', () => {
    const frame = Buffer.from('000000036162637a', 'hex')
    const view = new Reader(frame).bytes()
    frame[4] = 0x58
    expect(view.toString()).toBe('Xbc')

    const payload = Buffer.alloc(4096, 7)
    const writer = new Writer()
    writer.int32(1)
    writer.append(payload)
    writer.int32(2)
    const parts = writer.finish()
    expect(parts).toHaveLength(3)
    expect(parts[1]).toBe(payload)
    expect(writer.size).toBe(4104)
  })
})

describe('UUIDs', () => {
  it('come back as 36 characters', () => {
    const uuid = '01234567-89ab-cdef-0123-456789abcdef'
    expect(there(w => w.uuid(uuid), r => r.uuid())).toBe(uuid)
    expect(() => new Writer().uuid('not one')).toThrow(/'not one'/)
  })
})

describe('a reader', () => {
  it('never reads past its end, whatever it is asked for', () => {
    const wishes: ((reader: Reader) => unknown)[] = [
      r => r.boolean(), r => r.int8(), r => r.int16(), r => r.uint16(), r => r.int32(), r => r.uint32(), r => r.int64(), r => r.saturatingInt64(), r => r.bigint64(),
      r => r.float64(), r => r.uvarint(), r => r.varint(), r => r.varlong(), r => r.uuid(), r => r.string(), r => r.nullableString(), r => r.compactString(),
      r => r.bytes(), r => r.compactBytes(), r => r.count(1), r => r.compactCount(1), r => r.slice(1), r => r.skip(1), r => r.within(1, () => r.int8()),
    ]
    for (const wish of wishes) expect(() => wish(new Reader(Buffer.alloc(0))), wish.toString()).toThrow(WireError)
    expect(() => new Reader(Buffer.alloc(4)).slice(-1)).toThrow(WireError)
    expect(() => new Reader(Buffer.alloc(4)).slice(5)).toThrow('5 bytes wanted, 4 left')
  })

  it('refuses a count that cannot fit in what is left, and more elements than it may make', () => {
    const count = (value: number, bytes: number): Buffer => {
      const writer = new Writer()
      writer.int32(value)
      return Buffer.concat([writer.toBuffer(), Buffer.alloc(bytes)])
    }
    expect(new Reader(count(2, 8)).count(4)).toBe(2)
    expect(new Reader(count(-1, 0)).count(4)).toBeNull()
    expect(() => new Reader(count(0x7fffffff, 8)).count(4)).toThrow(/2147483647 elements/)
    expect(() => new Reader(count(3, 8)).count(4)).toThrow(WireError)
    expect(() => new Reader(count(-2, 8)).count(4)).toThrow(WireError)
    expect(() => new Reader(count(8, 8), { elementsMax: 7 }).count(1)).toThrow(/more array elements/)
  })

  it('holds a bounded part to exactly its length', () => {
    const reader = (): Reader => new Reader(Buffer.alloc(8))
    expect(() => { const r = reader(); r.within(4, () => r.int64()) }).toThrow(WireError)
    expect(() => { const r = reader(); r.within(4, () => r.int16()) }).toThrow('2 of 4 bytes left over')
    expect(() => { const r = reader(); r.within(9, () => r.int64()) }).toThrow(WireError)
    const r = reader()
    r.within(4, () => r.int32())
    expect(r.remaining).toBe(4)
  })
})

describe('a writer', () => {
  it('keeps the order of what is copied and what is spliced, over many chunks', () => {
    const random = new Prng(seed)
    const writer = new Writer(8)
    const expected: Buffer[] = []
    for (let step = 0; step < 500; step++) {
      const bytes = random.bytes(random.below(2500))
      writer.append(bytes)
      expected.push(bytes)
    }
    const whole = Buffer.concat(expected)
    expect(writer.size, `seed ${seed}`).toBe(whole.length)
    expect(writer.toBuffer().equals(whole), `seed ${seed}`).toBe(true)
  })
})
