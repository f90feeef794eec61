import fc from 'fast-check'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { describe, expect, test } from 'vitest'
import { WireError } from '../../src/wire/bytes.ts'
import { type Codec, codecs, compress, decompress } from '../../src/wire/compression.ts'
import { lz4FrameSize } from '../../src/wire/lz4-frame.ts'

const real = codecs.filter((codec): codec is Exclude<Codec, 'none'> => codec !== 'none')
const mebibyte = 1024 * 1024
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }).map(bytes => Buffer.from(bytes)),
  // Long runs and repeats, so that matches with extended lengths appear.
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 4000 })).map(([bytes, times]) => Buffer.concat(Array.from({ length: times }, () => bytes))),
)

describe.each(real)('%s', codec => {
  test('gives back what went in', () => {
    fc.assert(fc.property(payload, bytes => {
      expect(decompress(codec, compress(codec, bytes), bytes.length || 1).equals(bytes)).toBe(true)
    }), { numRuns: 200 })
  })

  test('a bomb is refused before it unfolds', () => {
    const bomb = compress(codec, Buffer.alloc(64 * mebibyte))
    const before = process.memoryUsage().arrayBuffers
    expect(() => decompress(codec, bomb, mebibyte)).toThrow(WireError)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * mebibyte)
  })

  test('every truncation is refused', () => {
    const whole = compress(codec, Buffer.from('the quick brown fox jumps over the lazy dog, '.repeat(20)))
    for (let length = 0; length < whole.length; length++) {
      // A Xerial stream may end behind any block, as its header alone does.
      if (codec === 'snappy' && length === 16) continue
      expect(() => decompress(codec, whole.subarray(0, length), mebibyte), `cut to ${length} of ${whole.length}`).toThrow(WireError)
    }
  })

  test('random bytes are refused or give no more than the bound', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      try {
        expect(decompress(codec, Buffer.from(bytes), 1000).length).toBeLessThanOrEqual(1000)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }))
  })
})

test('damaged bytes inside a frame never crash the native decoders', () => {
  for (const codec of real) {
    const whole = compress(codec, Buffer.from('0123456789abcdef'.repeat(300)))
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole)
      damaged[at]! ^= 0x41
      try {
        decompress(codec, damaged, 100_000)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }
  }
})

test('snappy is read raw, as librdkafka sends it, and in the framing of Java clients', () => {
  const bytes = Buffer.from('raw or framed '.repeat(5000))
  expect(decompress('snappy', snappy.compressSync(bytes), mebibyte).equals(bytes)).toBe(true)
  const framed = compress('snappy', bytes)
  expect(framed.subarray(0, 16).toString('latin1')).toBe('\x82SNAPPY\0\0\0\0\x01\0\0\0\x01')
  expect(decompress('snappy', framed, mebibyte).equals(bytes)).toBe(true)
})

test('the size of an lz4 frame is known without opening it, with and without checksums', () => {
  fc.assert(fc.property(payload, fc.boolean(), fc.boolean(), (bytes, contentChecksum, blockChecksums) => {
    expect(lz4FrameSize(lz4.compressFrameSync(bytes, { contentChecksum, blockChecksums }), bytes.length)).toBe(bytes.length)
  }), { numRuns: 200 })
})

test('an lz4 frame whose header is damaged is refused by its checksum', () => {
  const frame = compress('lz4', Buffer.from('header '.repeat(100)))
  frame[5]! ^= 0x10
  expect(() => decompress('lz4', frame, mebibyte)).toThrow(WireError)
})
