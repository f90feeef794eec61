// .proto text in and out: what is parsed is printed in the form of Confluent's server, what is printed parses to the same text again, and what is wrong is
// refused with its place.
import { create, getOption, toBinary } from '@bufbuild/protobuf'
import { type FileDescriptorProto, FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { InvalidSchema } from '../../../src/registry/errors.ts'
import { parseProtobuf, type ProtobufDocument } from '../../../src/registry/protobuf/document.ts'
import { mutatedProto, protoText, randomProto } from '../../support/random-protobuf.ts'
import { seed } from '../../support/seed.ts'

const parse = (text: string, { normalize = false, strict = true, known = {} }: { normalize?: boolean; strict?: boolean; known?: Record<string, ProtobufDocument> } = {}): ProtobufDocument =>
  parseProtobuf(text, new Map(Object.entries(known)), { normalize, strict })
const base64 = (descriptor: FileDescriptorProto): string => Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)).toString('base64')

describe('canonical text', () => {
  test('has each part in its place, without comments', () => {
    expect(parse(`// head
      syntax = "proto3"; package shop;
      import "google/protobuf/timestamp.proto"; import public "google/protobuf/any.proto"; option java_package = 'com.shop';
      service Orders { rpc Place (Order) returns (stream Order) { option deprecated = true; } rpc Drop(Order)returns(Order){} }
      /* an enum */ enum State { reserved 5, 7 to max; reserved "LOST"; NEW = 0; PAID = 1 [deprecated = true]; }
      message Order { message Line { string sku = 1; int32 count = 2; } // inner
        oneof payment { string card = 4; bytes cash = 5; }
        string id = 1; repeated Line lines = 2 [json_name = "items", deprecated = true]; map<string,State> states = 3; optional int64 total = 6;
        google.protobuf.Timestamp at = 7; reserved 8, 10 to 12; reserved "old"; }`).text).toBe(`syntax = "proto3";
package shop;

import "google/protobuf/timestamp.proto";
import public "google/protobuf/any.proto";

option java_package = "com.shop";

message Order {
  reserved 8, 10 to 12;
  reserved "old";

  string id = 1;
  repeated Line lines = 2 [
    deprecated = true,
    json_name = "items"
  ];
  map<string, State> states = 3;
  optional int64 total = 6;
  google.protobuf.Timestamp at = 7;

  oneof payment {
    string card = 4;
    bytes cash = 5;
  }

  message Line {
    string sku = 1;
    int32 count = 2;
  }
}
enum State {
  reserved 5, 7 to 2147483647;
  reserved "LOST";
  NEW = 0;
  PAID = 1 [deprecated = true];
}

service Orders {
  rpc Place (Order) returns (stream Order) {
    option deprecated = true;
  };
  rpc Drop (Order) returns (Order);
}
`)
  })

  test('keeps what proto2 has: labels, defaults, groups, extensions', () => {
    expect(parse(`syntax = "proto2"; message M { extensions 100 to 199, 500 to max; required int32 a = 1 [default = -0x10]; optional string b = 2 [default = "a\\tb\\'\\x41"];
      optional bytes c = 3 [default = "\\xff\\0"]; optional float d = 4 [default = -inf]; repeated group Row = 5 { optional E e = 1 [default = Y]; } enum E { X = -1; Y = 0x7f; } }
      extend M { optional double d = 100; repeated M m = 101; }`).text).toBe(`syntax = "proto2";

message M {
  required int32 a = 1 [default = -16];
  optional string b = 2 [default = "a\\tb\\'A"];
  optional bytes c = 3 [default = "\\377\\000"];
  optional float d = 4 [default = -inf];

  repeated group Row = 5 {
    optional E e = 1 [default = Y];
  }

  extensions 100 to 199, 500 to max;

  enum E {
    X = -1;
    Y = 127;
  }
}

extend M {
  optional double d = 100;
  repeated M m = 101;
}
`)
  })

  test('of an edition', () => {
    expect(parse('edition = "2023"; option features.field_presence = IMPLICIT; message M { int32 a = 1 [features.field_presence = LEGACY_REQUIRED]; reserved old; }').text).toBe(
      'edition = "2023";\n\noption features.field_presence = IMPLICIT;\n\nmessage M {\n  reserved "old";\n\n  int32 a = 1 [features.field_presence = LEGACY_REQUIRED];\n}\n',
    )
    expect(() => parse('edition = "2024";')).toThrow('Syntax error in 1:11: editions other than "2023" are not supported')
  })

  test('parses to itself, normalised or not, and descriptors say the same as text, on random schemas', () => {
    const random = new Prng(seed)
    for (let count = 0; count < 80; count++) {
      const written = protoText(mutatedProto(random, randomProto(random)))
      const document = parse(written)
      expect(parse(document.text).text).toBe(document.text)
      const normal = parse(written, { normalize: true }).text
      expect(parse(normal, { normalize: true }).text).toBe(normal)
      const descriptor = document.formatted('serialized')
      expect(parse(descriptor, { normalize: true }).text).toBe(normal)
      const fromDescriptor = parse(descriptor)
      expect(parse(fromDescriptor.formatted('serialized')).text).toBe(fromDescriptor.text)
    }
  })
})

const custom = `syntax = "proto3"; package p; import "google/protobuf/descriptor.proto"; import "confluent/meta.proto";
  message Info { string a = 1; int32 b = 2; repeated Info subs = 3; K kind = 4; } enum K { NONE = 0; SOME = 1; }
  extend google.protobuf.FieldOptions { Info info = 50000; repeated string names = 50001; K kind = 50002; }
  message M { string z = 4 [(names) = "a", (info).a = "x", (p.info) = { subs { a: 'q' } subs: { kind: SOME } }, (names) = "b", (p.kind) = SOME,
    (confluent.field_meta).tags = "PII", deprecated = true, (unknown.option) = { any: [1, -2.5, "t"] }]; map<string, Info> m = 3; string y = 1; }`

describe('custom options', () => {
  test('are kept as written, and mean something where their extension is known', () => {
    const document = parse(custom)
    expect(document.text).toContain(`  string z = 4 [
    (names) = "a",
    (info).a = "x",
    (p.info) = {
      subs: [
        {
          a: "q"
        },
        {
          kind: SOME
        }
      ]
    },
    (names) = "b",
    (p.kind) = SOME,
    (confluent.field_meta).tags = "PII",
    deprecated = true,
    (unknown.option) = {
      any: [
        1,
        -2.5,
        "t"
      ]
    }
  ];
`)
    const field = document.file.messages.find(message => message.name === 'M')!.fields[0]!
    expect(getOption(field, document.registry.getExtension('p.names')!)).toEqual(['a', 'b'])
    expect(getOption(field, document.registry.getExtension('confluent.field_meta')!)).toMatchObject({ tags: ['PII'] })
    expect(getOption(field, document.registry.getExtension('p.info')!)).toMatchObject({ a: 'x', subs: [{ a: 'q' }, { kind: 1 }] })
  })

  test('come back from a descriptor', () => {
    const text = parse(parse(custom).formatted('serialized')).text
    expect(text).toContain('(p.names) = "a",\n    (p.names) = "b"')
    expect(text).toContain('(confluent.field_meta) = {\n      tags: "PII"\n    }')
  })

  test('are merged and named in full when normalised', () => {
    const text = parse(custom, { normalize: true }).text
    expect(text).toContain(`message M {
  string y = 1;
  map<string, .p.Info> m = 3;
  string z = 4 [
    (confluent.field_meta) = {
      tags: "PII"
    },
    deprecated = true,
    (p.info) = {
      a: "x",
      subs: [`)
  })

  test('and extensions are left out of ignore_extensions, Confluent\'s aside', () => {
    const text = parse(custom).formatted('ignore_extensions')
    expect(text).toContain('  string z = 4 [\n    (confluent.field_meta).tags = "PII",\n    deprecated = true\n  ];\n')
    expect(text).not.toMatch(/extend |unknown/)
  })
})

describe('references', () => {
  const address = parse('syntax = "proto3"; package geo; message Address { string city = 1; enum Kind { HOME = 0; } }')
  const shared = parse('syntax = "proto3"; package shared; import public "address.proto";', { known: { 'address.proto': address } })

  test('are found by the path of an import, by scope, and through public imports', () => {
    const text = (type: string): string => `syntax = "proto3"; package geo.shop; import "shared.proto"; message Order { ${type} to = 1; }`
    const known = { 'shared.proto': shared, 'address.proto': address }
    for (const type of ['geo.Address', '.geo.Address', 'Address', 'Address.Kind']) expect(parse(text(type), { known }).text).toContain(`${type} to = 1;`)
    expect(parse(text('Address'), { known, normalize: true }).text).toContain('.geo.Address to = 1;')
    expect(() => parse(text('Address.City'), { known })).toThrow('Could not resolve type: "Address.City"')
  })

  test('that are only imported by an import are not seen', () => {
    const middle = parse('syntax = "proto3"; import "address.proto"; message Middle { geo.Address a = 1; }', { known: { 'address.proto': address } })
    const text = 'syntax = "proto3"; import "middle.proto"; message M { geo.Address a = 1; }'
    expect(() => parse(text, { known: { 'middle.proto': middle, 'address.proto': address } })).toThrow('Could not resolve type: "geo.Address"')
  })

  test('the innermost scope that has the first part of a name decides', () => {
    expect(() => parse('syntax = "proto3"; package a; message M { message a {} a.N n = 1; } message N {}')).toThrow('Could not resolve type: "a.N"')
  })
})

describe('refused, with the place', () => {
  test.each([
    ['a missing semicolon', 'syntax = "proto3";\nmessage A {\n  string a = 1\n}', 'Syntax error in 4:1: expected \';\', found \'}\''],
    ['an open comment', 'syntax = "proto3";\n /* ', 'Syntax error in 2:2: the comment does not end'],
    ['an open string', 'syntax = "proto3', 'Syntax error in 1:10: the string does not end'],
    ['a bad escape', 'syntax = "\\q";', 'Syntax error in 1:11: the string has an escape that is none'],
    ['a strange character', 'message A { # }', 'Syntax error in 1:13: unexpected character \'#\''],
    ['nothing but comments', ' // nothing', 'the schema is empty'],
    ['an unknown syntax', 'syntax = "proto4";', 'the syntax is neither "proto2" nor "proto3"'],
    ['what is not Protobuf', '{"type":"string"}', 'Syntax error in 1:1: expected a message, enum, service, extend, import, package or option, found \'{\''],
    ['base64 of something else', 'AAAA', 'neither a .proto file nor a FileDescriptorProto in base64'],
    ['an unknown type', 'message A { optional B b = 1; }', 'Could not resolve type: "B", the type of field "A.b", is not defined'],
    ['an import that leads nowhere', 'import "b.proto";', 'Could not resolve import "b.proto"'],
    ['two fields with one number', 'message A { optional string a = 1; optional string b = 1; }', 'message "A" has two fields with the number 1'],
    ['two fields with one name', 'message A { optional string a = 1; optional string a = 2; }', '"A.a" is defined twice'],
    ['a reserved number', 'message A { reserved 1 to 3; optional string a = 2; }', 'the number 2 of field "A.a" is reserved'],
    ['a reserved name', 'message A { reserved "a"; optional string a = 2; }', 'the name of field "A.a" is reserved'],
    ['a number that is none', 'message A { optional string a = 0; }', 'the number is not within 1 to 536870911'],
    ['a number of Protobuf\'s own', 'message A { optional string a = 19000; }', '19000 to 19999'],
    ['a field without a label in proto2', 'message A { string a = 1; }', 'expected \'required\', \'optional\' or \'repeated\''],
    ['a required field in proto3', 'syntax = "proto3"; message A { required string a = 1; }', 'required fields are not allowed in proto3'],
    ['a group in proto3', 'syntax = "proto3"; message A { repeated group G = 1 {} }', 'groups are not allowed in proto3'],
    ['a label of a map', 'message A { repeated map<string, string> a = 1; }', 'a map has no label'],
    ['a float as the key of a map', 'message A { map<float, string> a = 1; }', 'float cannot be the key of a map'],
    ['an enum that does not begin with 0', 'syntax = "proto3"; enum E { A = 1; }', 'the first value of enum "E" is not 0'],
    ['an enum with aliases', 'enum E { A = 1; B = 1; }', 'enum "E" has two values 1 and no option allow_alias'],
    ['an empty enum', 'enum E {}', 'enum "E" has no values'],
    ['an empty oneof', 'message A { oneof o {} }', 'oneof "A.o" has no fields'],
    ['a type that is a field', 'message A { optional int32 B = 1; optional A.B c = 2; }', 'Could not resolve type: "A.B"'],
    ['extensions over reserved numbers', 'message A { extensions 5 to 9; reserved 9; }', 'overlap at 9'],
  ])('%s', (_what, text, reason) => {
    expect(() => parse(text)).toThrow(reason)
    expect(() => parse(text)).toThrow(InvalidSchema)
  })
})

test('a stored schema stays readable, whatever is wrong with its numbers', () => {
  for (const text of ['message A { reserved 1; optional string a = 1; }', 'syntax = "proto3"; enum E { A = 1; B = 1; }', 'message A { oneof o {} }']) {
    expect(() => parse(text)).toThrow(InvalidSchema)
    expect(parse(text, { strict: false }).text).not.toBe('')
  }
})

describe('hostile', () => {
  test.each([
    // CVE-2022-25878 and CVE-2023-36665 of protobufjs: names of options that lead to prototypes.
    ['options named after prototypes', 'syntax = "proto3"; option (foo).constructor.prototype.verified = true; option __proto__.polluted = true; message A { option (a).__proto__.polluted = true; string a = 1 [(x) = { __proto__ { polluted: true } constructor { prototype { polluted: true } } }]; }'],
    ['types and fields named after prototypes', 'syntax = "proto3"; package __proto__.constructor; message __proto__ { constructor toString = 1; message constructor { __proto__ prototype = 1; } string hasOwnProperty = 2; map<string, string> __proto__ = 3; oneof valueOf { int32 constructor_ = 4; } }'],
  ])('%s are names like others', (_what, text) => {
    const document = parse(text)
    expect(parse(document.text).text).toBe(document.text)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect((Object as unknown as Record<string, unknown>)['verified']).toBeUndefined()
    expect(parse(text, { normalize: true }).formatted('serialized')).not.toBe('')
  })

  test.each([
    // CVE-2026-41242 of protobufjs: code in the names of a descriptor's types.
    ['a message', { messageType: [{ name: 'A{}};process.exit(1);//' }] }],
    ['a field', { messageType: [{ name: 'A', field: [{ name: 'a(){process.exit(1)}', number: 1, type: 9, label: 1 }] }] }],
    ['a type', { messageType: [{ name: 'A', field: [{ name: 'a', number: 1, type: 11, label: 1, typeName: '.A"+process.exit(1)+"' }] }] }],
    ['a package', { package: 'a;process.exit(1)//\u2028' }],
  ])('code in the name of %s of a descriptor is refused', (_what, init) => {
    expect(() => parse(base64(create(FileDescriptorProtoSchema, init as object)))).toThrow(InvalidSchema)
  })

  test.each([
    // GHSA-685m-2w69-288q of protobufjs: nesting without end.
    ['messages', `syntax = "proto3";${'message A {'.repeat(50_000)}`],
    ['groups', `message A {${'optional group B = 1 {'.repeat(40_000)}`],
    ['values of options', `option (a) = ${'{ a '.repeat(100_000)}`],
    ['lists in values of options', `option (a) = { a: ${'['.repeat(200_000)}`],
    ['values in angle brackets', `option (a) = { a ${'< a '.repeat(100_000)}`],
  ])('nested %s are refused at once', (_what, text) => {
    const start = performance.now()
    expect(() => parse(text)).toThrow('nested more than 64 deep')
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  test('nested messages of a descriptor are refused', () => {
    let message = Buffer.alloc(0)
    for (let depth = 0; depth < 90; depth++) message = Buffer.concat([Buffer.of(0x0a, 1, 0x41, 0x1a), varint(message.length), message])
    expect(() => parse(Buffer.concat([Buffer.of(0x22), varint(message.length), message]).toString('base64'))).toThrow(InvalidSchema)
  })

  test.each([
    ['fields', `syntax = "proto3"; message A {${Array.from({ length: 45_000 }, (_, index) => `int32 a${index}=${index < 18_999 ? index + 1 : index + 1_002};`).join('')}}`],
    ['messages', `syntax = "proto3";${Array.from({ length: 50_000 }, (_, index) => `message A${index} {}`).join('')}`],
    ['a oneof\'s fields', `syntax = "proto3"; message A { oneof o {${Array.from({ length: 18_000 }, (_, index) => `int32 a${index}=${index + 1};`).join('')}} }`],
    ['oneofs', `syntax = "proto3"; message A {${Array.from({ length: 18_000 }, (_, index) => `oneof o${index} {int32 a${index}=${index + 1};}`).join('')} }`],
    ['reserved numbers', `syntax = "proto3"; message A { reserved ${Array.from({ length: 100_000 }, (_, index) => 2 * index + 2).join()}; int32 a = 1; }`],
    ['enum values', `enum E {${Array.from({ length: 50_000 }, (_, index) => `A${index}=${index};`).join('')}}`],
    ['options', `message A {${'option (a).b=1;'.repeat(25_000)}}`],
    ['repeated option fields', `option (a) = { ${'a:1 '.repeat(80_000)}};`],
    ['comments', `${'/* * /'.repeat(50_000)}*/${'// x\n'.repeat(50_000)}`],
    ['strings side by side', `option (a) = ${'"a"'.repeat(200_000)};`],
    ['deep names', `syntax = "proto3"; message A { ${'a.'.repeat(100_000)}a b = 1; }`],
  ])('very many %s take linear time', (_what, text) => {
    expect(text.length).toBeLessThan(1024 * 1024)
    const start = performance.now()
    try {
      parse(text)
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidSchema)
    }
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  test('more tokens than any honest schema has are refused', () => {
    expect(() => parse(';'.repeat(500_000))).toThrow('the text has more than 250000 tokens')
  })

  test('what names add up to is limited', () => {
    const name = 'a'.repeat(100)
    expect(() => parse(`syntax = "proto3"; ${`message ${name} {`.repeat(30)}${'}'.repeat(30)}`)).toThrow('a full name is longer than 1000 characters')
  })

  test('damaged text is parsed or refused, never more', () => {
    const random = new Prng(seed)
    for (let count = 0; count < 1_000; count++) {
      const text = protoText(randomProto(random))
      const at = random.below(text.length)
      const damaged = text.slice(0, at) + random.pick(['', '{', '}', ';', '"', '\'', '/*', '//', '=', '1e9', '<', '[', '\u0000', 'oneof', 'map', '.', '-']) + text.slice(at + random.below(4))
      try {
        parse(damaged)
      } catch (error) {
        if (!(error instanceof InvalidSchema)) throw new Error(`seed ${seed}: ${damaged}`, { cause: error })
      }
    }
  })

  test('damaged descriptors are parsed or refused, never more', () => {
    const random = new Prng(seed)
    for (let count = 0; count < 250; count++) {
      const bytes = Buffer.from(parse(count % 10 === 0 ? custom : protoText(randomProto(random))).formatted('serialized'), 'base64')
      for (let damage = 1 + random.below(3); damage > 0; damage--) bytes[random.below(bytes.length)] = random.below(256)
      try {
        parse(bytes.toString('base64'))
      } catch (error) {
        if (!(error instanceof InvalidSchema)) throw new Error(`seed ${seed}: ${bytes.toString('base64')}`, { cause: error })
      }
    }
  })
})

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push(rest & 127 | 128)
  }
}
