// Protobuf payloads: ProtoJSON in and out, message indexes, and faults that say where and not what.
import { createFileRegistry, create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import type { SchemaFault } from '../../../src/registry/fault.ts'
import { parseProtobuf } from '../../../src/registry/protobuf/document.ts'
import { indexesOf, messageAt, readMessageIndexes, writeMessageIndexes } from '../../../src/registry/protobuf/message-indexes.ts'
import { compileProtobuf, type ProtobufCodec } from '../../../src/registry/protobuf/payload.ts'
import { protoText, randomMessage, randomProto } from '../../support/random-protobuf.ts'
import { seed } from '../../support/seed.ts'

const codecOf = (text: string): ProtobufCodec => compileProtobuf(parseProtobuf(text, new Map(), { normalize: false, strict: true }))
const encode = (codec: ProtobufCodec, json: string): Buffer | SchemaFault => codec.encode(JSON.parse(json), Buffer.from(json))

const shop = codecOf(`syntax = "proto3"; package shop;
  import "google/protobuf/timestamp.proto"; import "google/protobuf/any.proto"; import "google/protobuf/struct.proto"; import "google/protobuf/wrappers.proto";
  import "confluent/type/decimal.proto";
  message Order { int64 id = 1; google.protobuf.Timestamp at = 2; google.protobuf.Any any = 3; repeated Order parts = 4; map<string, Order> named = 5; State state = 6;
    string constructor = 7; string __proto__ = 8; oneof toString { string hasOwnProperty = 9; int32 other = 10; } google.protobuf.Struct extra = 11;
    google.protobuf.UInt64Value count = 12; confluent.type.Decimal price = 13; repeated int32 numbers = 14; map<string, int32> counts = 15; string two_words = 16; bool ok = 17; }
  enum State { NEW = 0; PAID = 1; }
  message Other { message Inner { string name = 1; message Innermost { bool yes = 1; } } }`)

describe('ProtoJSON', () => {
  test.each([
    ['nothing', '{}', '00', '{}'],
    ['long numbers as texts', '{"id":"9223372036854775807"}', '0008ffffffffffffffff7f', '{"id":"9223372036854775807"}'],
    ['long numbers as numbers, exactly', '{"id":9007199254740993,"count":18446744073709551615}', undefined, '{"id":"9007199254740993","count":"18446744073709551615"}'],
    ['times', '{"at":"2020-01-01T00:00:00.5Z"}', undefined, '{"at":"2020-01-01T00:00:00.500Z"}'],
    ['names of enum values', '{"state":"PAID"}', '003001', '{"state":"PAID"}'],
    ['numbers of enum values that have no name', '{"state":7}', '003007', '{"state":7}'],
    ['Any of the schema\'s own types', '{"any":{"@type":"type.googleapis.com/shop.Order","id":"1"}}', undefined, '{"any":{"id":"1","@type":"type.googleapis.com/shop.Order"}}'],
    ['any JSON within Struct', '{"extra":{"a":[1,null,{"__proto__":true}]}}', undefined, '{"extra":{"a":[1,null,{"__proto__":true}]}}'],
    ['Confluent\'s decimal', '{"price":{"value":"AQI=","precision":4,"scale":2}}', undefined, '{"price":{"value":"AQI=","precision":4,"scale":2}}'],
    ['names in either spelling', '{"two_words":"a"}', '0082010161', '{"twoWords":"a"}'],
    ['names like those of prototypes', '{"constructor":"c","__proto__":"p","hasOwnProperty":"h","named":{"__proto__":{"id":"1"}}}', undefined,
      '{"named":{"__proto__":{"id":"1"}},"constructor":"c","Proto":"p","hasOwnProperty":"h"}'],
  ])('%s', (_what, json, bytes, decoded) => {
    const encoded = encode(shop, json) as Buffer
    expect(Buffer.isBuffer(encoded)).toBe(true)
    if (bytes !== undefined) expect(encoded.toString('hex')).toBe(bytes)
    const framed = Buffer.concat([Buffer.of(0, 0, 0, 0, 7), encoded])
    expect(shop.check(framed, 5)).toBeNull()
    expect(shop.decode(framed, 5)).toBe(decoded)
  })

  test('is what the library makes of random messages', () => {
    const random = new Prng(seed)
    for (let count = 0; count < 200; count++) {
      const document = parseProtobuf(protoText(randomProto(random)), new Map(), { normalize: false, strict: true })
      const codec = compileProtobuf(document)
      const type = document.file.messages[0]!
      const value = randomMessage(random, type)
      const encoded = encode(codec, JSON.stringify(value)) as Buffer
      expect(codec.decode(encoded, 0)).toBe(codec.decode(encode(codec, codec.decode(encoded, 0) as string) as Buffer, 0))
      const message = fromBinary(type, encoded.subarray(1))
      expect(Buffer.from(toBinary(type, message))).toEqual(encoded.subarray(1))
    }
  })
})

describe('faults say where and what is wanted', () => {
  test.each([
    ['{"id":"9223372036854775808"}', '/id', 'does not fit int64'],
    ['{"id":"secret"}', '/id', 'does not fit int64'],
    ['{"ok":"secret"}', '/ok', 'does not fit bool'],
    ['{"at":"secret"}', '/at', 'is not a google.protobuf.Timestamp'],
    ['{"any":{"@type":"type.googleapis.com/secret","a":1}}', '/any', 'is not a google.protobuf.Any'],
    ['{"secret":1}', '/secret', 'is not a field of message shop.Order'],
    ['{"state":"secret"}', '/state', 'is not a value of enum shop.State'],
    ['{"parts":[{},{"named":{"a/b":{"state":"secret"}}}]}', '/parts/1/named/a~1b/state', 'is not a value of enum shop.State'],
    ['{"parts":{}}', '/parts', 'is not an array'],
    ['{"named":[]}', '/named', 'is not an object'],
    ['{"numbers":[1,"secret"]}', '/numbers/1', 'does not fit int32'],
    ['{"counts":{"a":1,"b":1.5}}', '/counts/b', 'does not fit a map of string to int32'],
    ['{"parts":[null]}', '/parts/0', 'is null'],
    ['{"hasOwnProperty":"a","other":1}', '', 'is not a message shop.Order: a field or a oneof is set twice, or it is nested too deep'],
    ['[]', '', 'is not an object, as message shop.Order is'],
    ['"secret"', '', 'is not an object, as message shop.Order is'],
    [`${'{"parts":['.repeat(200)}${']}'.repeat(200)}`, undefined, 'is not a message shop.Order: a field or a oneof is set twice, or it is nested too deep'],
  ])('%s', (json, pointer, reason) => {
    const fault = encode(shop, json) as SchemaFault
    expect(fault.reason).toBe(reason)
    if (pointer !== undefined) expect(fault.pointer).toBe(pointer)
    expect(fault.reason).not.toContain('secret')
  })

  const required = codecOf('syntax = "proto2"; message A { required int32 id = 1; optional A a = 2; map<string, B> bs = 3; repeated A as = 4; extensions 10 to 20; } message B { required bool b = 1; }')
  test.each([
    ['{}', '/id'], ['{"id":1,"a":{"id":1,"a":{}}}', '/a/a/id'], ['{"id":1,"bs":{"x":{"b":true},"y":{}}}', '/bs/y/b'], ['{"id":1,"as":[{"id":1},{}]}', '/as/1/id'],
  ])('required fields are missed in %s', (json, pointer) => {
    expect(encode(required, json)).toEqual({ pointer, reason: 'is required and missing' })
  })

  test('extensions of proto2 go by their full names in brackets', () => {
    const codec = codecOf('syntax = "proto2"; package a; message M { extensions 10 to 20; } extend M { optional int32 more = 10; }')
    const encoded = encode(codec, '{"[a.more]":5}') as Buffer
    expect(encoded.toString('hex')).toBe('005005')
    expect(codec.decode(encoded, 0)).toBe('{"[a.more]":5}')
    expect(encode(codec, '{"[a.less]":5}')).toEqual({ pointer: '/[a.less]', reason: 'is not a field of message a.M' })
  })

  test('required fields are missed in bytes', () => {
    expect(required.check(Buffer.from('00', 'hex'), 0)).toEqual({ pointer: '/id', reason: 'is required and missing' })
    expect(required.check(Buffer.from('0008011200', 'hex'), 0)).toEqual({ pointer: '/a/id', reason: 'is required and missing' })
    expect(required.check(Buffer.from('0008011202 0801'.replace(' ', ''), 'hex'), 0)).toBeNull()
  })

  test('a schema without messages has no payloads', () => {
    const none = codecOf('syntax = "proto3"; enum E { A = 0; }')
    expect(encode(none, '{}')).toEqual({ pointer: '', reason: 'cannot be written: the schema has no message' })
    expect(none.check(Buffer.of(0), 0)).not.toBeNull()
  })
})

describe('message indexes', () => {
  test.each([[[0], '00'], [[1], '0202'], [[1, 0], '040200'], [[1, 0, 0], '06020000'], [[100], '02c801']])('%j', (indexes, bytes) => {
    expect(writeMessageIndexes(indexes).toString('hex')).toBe(bytes)
    expect(readMessageIndexes(Buffer.from(bytes, 'hex'), 0)).toEqual({ indexes, end: bytes.length / 2 })
  })

  test.each(['', '80', '03', 'ffffffffffff', 'ff01', '0201', '04020', '0480'])('%s is none', bytes => {
    expect(shop.check(Buffer.from(bytes, 'hex'), 0)).toMatchObject({ reason: 'has no message indexes before the message' })
  })

  test('lead to nested messages, and back', () => {
    const { file } = parseProtobuf('syntax = "proto3"; message A { map<string, int32> m = 1; message B { message C {} } message D {} } message E {}', new Map(), { normalize: false, strict: true })
    for (const [indexes, name] of [[[0], 'A'], [[0, 0], 'A.B'], [[0, 0, 0], 'A.B.C'], [[0, 1], 'A.D'], [[1], 'E']] as const) {
      expect(messageAt(file, indexes)!.typeName).toBe(name)
      expect(indexesOf(messageAt(file, indexes)!)).toEqual(indexes)
    }
    for (const indexes of [[2], [0, 2], [0, 3], [1, 0]]) expect(messageAt(file, indexes)).toBeUndefined()
  })

  test('count the entries of maps where a descriptor has them, as its clients do', () => {
    const { file } = parseProtobuf('syntax = "proto3"; message A { repeated MEntry m = 1; message MEntry { option map_entry = true; string key = 1; int32 value = 2; } message B {} }', new Map(), { normalize: false, strict: true })
    expect(file.messages[0]!.fields[0]!.fieldKind).toBe('map')
    expect(messageAt(file, [0, 1])!.typeName).toBe('A.B')
    expect(messageAt(file, [0, 0])).toBeUndefined()
  })

  test('choose the message that is read', () => {
    expect(shop.decode(Buffer.from('0402000a0161', 'hex'), 0)).toBe('{"name":"a"}')
    expect(shop.decode(Buffer.from('060200000801', 'hex'), 0)).toBe('{"yes":true}')
    expect(shop.check(Buffer.from('0204', 'hex'), 0)).toEqual({ pointer: '', reason: 'names a message that the schema does not have, with the indexes 2' })
  })
})

describe('hostile bytes', () => {
  test('unknown fields are allowed, what is cut off or nested too deep is not', () => {
    expect(shop.check(Buffer.from('00f83f01', 'hex'), 0)).toBeNull()
    expect(shop.check(Buffer.from('0008', 'hex'), 0)).toEqual({ pointer: '', reason: 'is not a message shop.Order' })
    let deep = Buffer.alloc(0)
    for (let depth = 0; depth < 150; depth++) deep = Buffer.concat([Buffer.from([0x22, ...length(deep.length)]), deep])
    expect(shop.check(Buffer.concat([Buffer.of(0), deep]), 0)).toEqual({ pointer: '', reason: 'is not a message shop.Order' })
  })

  test('an Any of another schema is bytes like others, but has no JSON form', () => {
    const bytes = Buffer.concat([Buffer.from([0, 0x1a, 7, 0x0a, 5]), Buffer.from('x/Abc')])
    expect(shop.check(bytes, 0)).toBeNull()
    expect(shop.decode(bytes, 0)).toEqual({ pointer: '', reason: 'has a value that JSON has no form for' })
  })

  test('Any in Any without end is refused', () => {
    let bytes = Buffer.alloc(0)
    const url = Buffer.from('x/google.protobuf.Any')
    for (let depth = 0; depth < 5_000; depth++) bytes = Buffer.concat([Buffer.from([0x0a, url.length]), url, Buffer.from([0x12, ...length(bytes.length)]), bytes])
    const decoded = shop.decode(Buffer.concat([Buffer.from([0, 0x1a, ...length(bytes.length)]), bytes]), 0)
    expect(typeof decoded === 'string' || decoded.reason).toBeTruthy()
  })

  test('what becomes much longer as JSON is refused', () => {
    const long = `A${'a'.repeat(900)}`
    const codec = codecOf(`syntax = "proto3"; message M { repeated E e = 1; } enum E { ${long} = 0; }`)
    const bytes = Buffer.concat([Buffer.from([0, 0x0a, ...length(500_000)]), Buffer.alloc(500_000)])
    expect(codec.check(bytes, 0)).toBeNull()
    expect(codec.decode(bytes, 0)).toEqual({ pointer: '', reason: 'is longer than 67108864 characters as JSON' })
  })

  test('types that lead to each other without end are said to', () => {
    const count = 20_000
    const codec = codecOf(`syntax = "proto3";${Array.from({ length: count }, (_, index) => `message A${index} {A${(index + 1) % count} a=1;}`).join('')}`)
    const fault = { pointer: '', reason: 'cannot be read: the types that message A0 uses lead too far into each other' }
    expect(encode(codec, '{}')).toEqual(fault)
    expect(codec.check(Buffer.of(0), 0)).toEqual(fault)
  })

  test('random bytes are read or refused, never more', () => {
    const random = new Prng(seed)
    for (let count = 0; count < 3_000; count++) {
      const bytes = random.chance(0.5) ? random.bytes(random.below(40)) : Buffer.concat([Buffer.of(0), random.bytes(random.below(40))])
      const decoded = shop.decode(bytes, 0)
      if (shop.check(bytes, 0) !== null) expect(decoded).toBeTypeOf('object')
      else if (typeof decoded === 'string') JSON.parse(decoded)
    }
  })
})

test('a descriptor as clients build it at run time writes what the codec reads', () => {
  const document = parseProtobuf('syntax = "proto3"; package a; message M { string s = 1; map<string, int32> m = 2; optional int32 o = 3; }', new Map(), { normalize: false, strict: true })
  const proto = fromBinary(FileDescriptorProtoSchema, Buffer.from(document.formatted('serialized'), 'base64'))
  const type = createFileRegistry(create(FileDescriptorSetSchema, { file: [proto] })).getMessage('a.M')!
  const bytes = Buffer.concat([Buffer.of(0), toBinary(type, create(type, { s: 'x', m: { y: 1 }, o: 0 }))])
  expect(compileProtobuf(document).decode(bytes, 0)).toBe('{"s":"x","m":{"y":1},"o":0}')
})

function length(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest]
    bytes.push(rest & 127 | 128)
  }
}
