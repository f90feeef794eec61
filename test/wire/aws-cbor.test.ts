import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CborBody, itemsMax } from '../../src/wire/aws-cbor-body.ts'
import { decodeCborBody, encodeCborError, encodeCborMembers } from '../../src/wire/aws-cbor.ts'
import { depthMax } from '../../src/wire/aws-json-body.ts'
import { SerializationFault } from '../../src/wire/misfit.ts'
import { blob, flag, integer, list, long, structure, structureMap, text, textMap, timestamp } from '../../src/wire/operation.ts'
import { Millis, Raw, javaCbor, readCbor } from '../kinesis/support/cbor.ts'

const members = {
  Text: text(), Blob: blob(), Integer: integer(), Long: long(), Timestamp: timestamp(), Flag: flag(), List: list(text()), Map: textMap(),
  Structure: structure({ Inner: text().required }), Structures: structureMap({ Inner: text() }),
}

function decode(bytes: Buffer): Record<string, unknown> {
  const body = CborBody.parse(bytes)
  if (body === undefined) throw new Error('not well-formed')
  return decodeCborBody(members, body)
}

function fault(name: keyof typeof members, value: unknown): string | undefined {
  try {
    decode(javaCbor({ [name]: value }))
    return undefined
  } catch (error) {
    if (error instanceof SerializationFault) return error.message
    throw error
  }
}

const aList = 'Start of list found where not expected'
const aStructure = 'Start of structure or map found where not expected.'
const number = 'class com.amazon.coral.value.json.numbers.TruncatingBigNumber'
const half = new Raw('f9 3e00')
const float = new Raw('fa 3fc00000')
const double = new Raw('fb 3ff8000000000000')
const bignum = new Raw('c2 49 010000000000000000')

describe('wrong types, in the words AWS has for JSON where it has any', () => {
  test.each<[keyof typeof members, string, unknown, string]>([
    ['Text', 'a flag', true, 'class java.lang.Boolean can not be converted to an String'],
    ['Text', 'a number', 23, `${number} can not be converted to an String`],
    ['Text', 'bytes', Buffer.from('a'), 'class java.nio.HeapByteBuffer can not be converted to an String'],
    ['Text', 'a double', double, 'class java.lang.Double can not be converted to an String'],
    ['Text', 'a time', new Millis(5), 'class java.util.Date can not be converted to an String'],
    ['Text', 'a list', [], aList],
    ['Text', 'a map', {}, aStructure],
    ['Text', 'no UTF-8', new Raw('62 c328'), 'A string of the body is not valid UTF-8.'],
    ['Integer', 'a text', '23', 'class java.lang.String can not be converted to an Integer'],
    ['Integer', 'a half float', half, 'class java.lang.Double can not be converted to an Integer'],
    ['Integer', 'a float', float, 'class java.lang.Double can not be converted to an Integer'],
    ['Integer', 'a double', double, 'class java.lang.Double can not be converted to an Integer'],
    ['Integer', 'a bignum', bignum, 'class java.math.BigInteger can not be converted to an Integer'],
    ['Integer', 'a negative bignum', new Raw('c3 41 01'), 'class java.math.BigInteger can not be converted to an Integer'],
    ['Integer', 'a time', new Millis(5), 'class java.util.Date can not be converted to an Integer'],
    ['Integer', 'another tag', new Raw('c5 82 01 02'), 'Tag 5 found where not expected'],
    ['Integer', 'a simple value', new Raw('f8 ff'), 'Simple value 255 found where not expected'],
    ['Long', 'a text', '23', 'class java.lang.String can not be converted to an Long'],
    ['Timestamp', 'a text', '23', 'class java.lang.String can not be converted to milliseconds since epoch'],
    ['Timestamp', 'a double', double, 'class java.lang.Double can not be converted to milliseconds since epoch'],
    ['Timestamp', 'a tagged double', new Raw('c1 fb 3ff8000000000000'), 'class java.lang.Double can not be converted to milliseconds since epoch'],
    ['Timestamp', 'a tagged null', new Raw('c1 f6'), 'class java.util.Date can not be converted to milliseconds since epoch'],
    ['Timestamp', 'a date as text', new Raw('c0 61 61'), 'Tag 0 found where not expected'],
    ['Timestamp', 'a list', [], aList],
    ['Flag', 'a word', 'hellowtf', '\'HELLOWTF\' can not be converted to an Boolean'],
    ['Flag', 'a number', 1, `${number} can not be converted to an Boolean`],
    ['Flag', 'a map', {}, aStructure],
    ['Blob', 'a text', 'AAAA', 'class java.lang.String can not be converted to a Blob'],
    ['Blob', 'a number', 23, `${number} can not be converted to a Blob`],
    ['Blob', 'a list', [], aList],
    ['List', 'a text', '23', 'Expected list or null'],
    ['List', 'bytes', Buffer.from('23'), 'Expected list or null'],
    ['List', 'a map', {}, aStructure],
    ['List', 'a number in it', [1], `${number} can not be converted to an String`],
    ['Map', 'a text', '23', 'Expected map or null'],
    ['Map', 'a list', [], aList],
    ['Map', 'a list in it', { a: [] }, aList],
    ['Map', 'a name twice', new Raw('a2 6161 6162 6161 6163'), 'Duplicate field \'a\''],
    ['Structures', 'a text in it', { a: 'b' }, 'Expected null'],
    ['Structure', 'a text', '23', 'Expected null'],
    ['Structure', 'a list', [], aList],
    ['Structure', 'a member twice', new Raw('a2 65496e6e6572 6161 65496e6e6572 6162'), 'Duplicate field \'Inner\''],
  ])('%s from %s', (name, _what, value, message) => {
    expect(fault(name, value)).toBe(message)
  })
})

describe('values', () => {
  test.each<[keyof typeof members, unknown, unknown]>([
    ['Integer', 3, 3], ['Integer', -3, -3], ['Integer', 1e12, 2_147_483_647], ['Integer', -1e12, -2_147_483_648], ['Long', 1e12, 1e12], ['Long', -7e11, -7e11],
    ['Long', new Raw('1b ffffffffffffffff'), Number.MAX_SAFE_INTEGER], ['Integer', new Raw('18 03'), 3], ['Integer', new Raw('1b 0000000000000003'), 3],
    ['Timestamp', new Millis(1_459_799_926_480), 1_459_799_926_480], ['Timestamp', 1_459_799_926_480, 1_459_799_926_480], ['Timestamp', new Raw('c1 20'), -1],
    ['Flag', 'Yes', true], ['Flag', false, false], ['Blob', Buffer.alloc(0), Buffer.alloc(0)], ['Blob', new Raw('5f 41 01 42 0203 ff'), Buffer.from([1, 2, 3])],
    ['Text', new Raw('7f 61 c3 61 a9 ff'), 'é'], ['Text', 'a\ufffdb', 'a\ufffdb'], ['Text', 'x'.repeat(10_000), 'x'.repeat(10_000)], ['Text', null, undefined],
    ['Text', new Raw('f7'), undefined], ['List', new Raw('82 6161 f6'), ['a', undefined]], ['List', ['a', null], ['a', undefined]],
    ['Map', { a: 'b', __proto__: 'c', n: null }, new Map([['a', 'b']])], ['Structure', new Raw('a1 65496e6e6572 6161'), { Inner: 'a' }],
    ['Structures', { a: { Inner: 'b' }, c: {} }, new Map([['a', { Inner: 'b' }], ['c', {}]])],
  ])('%s from %j', (name, value, expected) => {
    expect(decode(javaCbor({ [name]: value }))[name]).toEqual(expected)
  })

  test('that nobody declared are passed over, whatever they are', () => {
    const others = [1, -1, 1e12, 'a', 'x'.repeat(9_999), Buffer.from('b'), [1, [2]], { a: { b: [] } }, null, half, float, double, bignum, new Millis(3), new Raw('d9d9f7 80'),
      new Raw('5f 41 00 ff'), new Raw('f8 20'), new Raw('84 01 02 03 a1 6161 f5')]
    for (const other of others) expect(decode(javaCbor({ Text: 'a', Other: other, Texts: other, Integer: 3 }))).toEqual({ Text: 'a', Integer: 3 })
    expect(decode(new Raw('a2 7f 63 4f7468 61 65 ff 01 67 496e7465676572 02').bytes)).toEqual({ Integer: 2 })
  })

  test('of bytes are views of the body, not copies', () => {
    const bytes = javaCbor({ Text: 'a', Blob: Buffer.from('data') })
    const data = decode(bytes)['Blob'] as Buffer
    expect(data.buffer).toBe(bytes.buffer)
    expect(data.toString()).toBe('data')
  })
})

describe('what is not one map in CBOR', () => {
  const nested = (depth: number): string => `bf 6161 ${'9f'.repeat(depth)}${'ff'.repeat(depth)} ff`

  test.each<[string, string]>([
    ['nothing', ''], ['a list', '80'], ['a text', '61 61'], ['a null', 'f6'], ['JSON', Buffer.from('{}').toString('hex')], ['a tag before it', 'd9d9f7 a0'],
    ['bytes behind it', 'a0 00'], ['a second map', 'a0 a0'], ['a map without its end', 'bf'], ['a map without a value', 'a1 6161'], ['a break for a value', 'bf 6161 ff'],
    ['a break in a counted map', 'a1 ff'], ['a name that is a number', 'a1 01 01'], ['a name that is a list', 'a1 80 01'], ['a reserved length', 'a1 6161 1c'],
    ['a text beyond the end', 'a1 6161 78ff 61'], ['a text of nearly all bytes there are', 'a1 6161 7b ffffffffffffffff 61'],
    ['a list of nearly all items there are', 'a1 6161 9b ffffffffffffffff 01'], ['pieces of another kind', 'a1 6161 7f 41 61 ff'],
    ['pieces within pieces', 'a1 6161 5f 5f 4161 ff ff'], ['a number without an end', 'a1 6161 1f'], ['a tag without a value', 'a1 6161 c1'],
    ['a tag without a number', 'a1 6161 df 01'], ['a simple value spelt twice', 'a1 6161 f8 14'], ['too deep lists', nested(depthMax)],
    ['too deep tags', `a1 6161 ${'c1'.repeat(depthMax)} 01`],
  ])('is refused: %s', (_what, hex) => {
    expect(CborBody.parse(new Raw(hex).bytes)).toBeUndefined()
  })

  test('is not a map that nests as deep as it may', () => {
    expect(CborBody.parse(new Raw(nested(depthMax - 1)).bytes)).toBeDefined()
  })

  test('is a map of more items than a body may have, before any of them is made', () => {
    const nulls = (count: number): Buffer => Buffer.concat([Buffer.from('bf644c6973749f', 'hex'), Buffer.alloc(count, 0xf6), Buffer.from('ffff', 'hex')])
    expect(CborBody.parse(nulls(itemsMax - 2))).toBeDefined()
    expect(CborBody.parse(nulls(itemsMax - 1))).toBeUndefined()
  })

  test('is a map with a text or bytes in more pieces than a body may have items, before any of them is made', () => {
    const pieces = (start: string, count: number): Buffer => Buffer.concat([Buffer.from(`bf61${start}`, 'hex'), Buffer.alloc(count, start.slice(2) === '5f' ? 0x40 : 0x60), Buffer.from('ffff', 'hex')])
    for (const start of ['615f', '617f']) {
      expect(CborBody.parse(pieces(start, itemsMax - 2))).toBeDefined()
      expect(CborBody.parse(pieces(start, itemsMax - 1))).toBeUndefined()
    }
    expect(CborBody.parse(Buffer.concat([Buffer.from('bf7f', 'hex'), Buffer.alloc(itemsMax, 0x60), Buffer.from('ff01ff', 'hex')]))).toBeUndefined()
  })

  test('is every beginning of a map, and nothing else is thrown for any damage', () => {
    const whole = javaCbor({
      Text: 'é'.repeat(30), Blob: Buffer.from('data'), Integer: 70_000, Long: 1e12, Timestamp: new Millis(1e12), Flag: true, List: ['a', null],
      Map: { a: 'b' }, Structure: { Inner: 'x'.repeat(5_000) },
    })
    for (let length = 0; length < whole.length; length++) expect(CborBody.parse(whole.subarray(0, length))).toBeUndefined()
    fc.assert(fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const damaged = Buffer.from(whole)
      damaged[at] = byte
      const body = CborBody.parse(damaged)
      try {
        if (body !== undefined) decodeCborBody(members, body)
      } catch (error) {
        expect(error).toBeInstanceOf(SerializationFault)
      }
    }), { seed: 5, numRuns: 5_000 })
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), noise => {
      const body = CborBody.parse(Buffer.from([0xbf, ...noise]))
      try {
        if (body !== undefined) decodeCborBody(members, body)
      } catch (error) {
        expect(error).toBeInstanceOf(SerializationFault)
      }
    }), { seed: 6, numRuns: 5_000 })
  })
})

describe('answers', () => {
  test('have maps and lists without counts, raw bytes, and times in milliseconds under tag 1', () => {
    const bytes = encodeCborMembers({ Records: list(structure({ Data: blob(), Timestamp: timestamp(), PartitionKey: text() })), MillisBehindLatest: long() }, {
      Records: [{ Data: Buffer.from([1, 2]), Timestamp: 1_787_036_486_712, PartitionKey: 'k' }], MillisBehindLatest: 0,
    })
    expect(bytes.toString('hex')).toBe([
      'bf', '67', Buffer.from('Records').toString('hex'), '9f', 'bf', '64', Buffer.from('Data').toString('hex'), '42', '0102',
      '69', Buffer.from('Timestamp').toString('hex'), 'c1', '1b', '000001a013accc38', '6c', Buffer.from('PartitionKey').toString('hex'), '616b', 'ff', 'ff',
      '72', Buffer.from('MillisBehindLatest').toString('hex'), '00', 'ff',
    ].join(''))
  })

  test('of every value read back as what they were', () => {
    const anyText = fc.string({ unit: 'grapheme', maxLength: 80 })
    const value = fc.record({
      Text: anyText, Blob: fc.oneof(fc.uint8Array({ maxLength: 700 }), fc.integer({ min: 8_000, max: 300_000 }).map(size => new Uint8Array(size).fill(size))).map(bytes => Buffer.from(bytes)), Integer: fc.integer(), Long: fc.maxSafeInteger(),
      Timestamp: fc.maxSafeInteger(), Flag: fc.boolean(), List: fc.array(anyText), Structure: fc.record({ Inner: anyText }), Map: fc.array(fc.tuple(anyText, anyText)).map(pairs => new Map(pairs)),
    }, { requiredKeys: [] })
    fc.assert(fc.property(value, answer => {
      const bytes = encodeCborMembers(members, answer)
      expect(decode(bytes)).toEqual(answer)
      const seen = readCbor(bytes) as Record<string, unknown>
      for (const name of ['Text', 'Blob', 'Integer', 'Long', 'Flag', 'List', 'Structure'] as const) expect(seen[name]).toEqual(answer[name])
    }), { seed: 7, numRuns: 500 })
  })

  test('that are errors are a map of type and text', () => {
    expect(readCbor(encodeCborError('X', 'message', 'no'))).toEqual({ __type: 'X', message: 'no' })
    expect(readCbor(encodeCborError('X', 'Message', undefined))).toEqual({ __type: 'X' })
  })
})
