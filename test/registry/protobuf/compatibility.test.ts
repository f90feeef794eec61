// The Protobuf checker: every difference at its path and in Confluent's words, and, on random pairs of schemas, what it calls compatible reads what was written.
import { describe, expect, test } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { protobufDifferences } from '../../../src/registry/protobuf/compatibility.ts'
import { parseProtobuf, type ProtobufDocument } from '../../../src/registry/protobuf/document.ts'
import { compileProtobuf } from '../../../src/registry/protobuf/payload.ts'
import { mutatedProto, randomMessage, randomProto, protoText } from '../../support/random-protobuf.ts'
import { seed } from '../../support/seed.ts'

const parse = (text: string, known: Record<string, ProtobufDocument> = {}): ProtobufDocument =>
  parseProtobuf(/^(syntax|edition)/.test(text) ? text : `syntax = "proto3"; ${text}`, new Map(Object.entries(known)), { normalize: false, strict: true })
const differences = (original: string, update: string): readonly string[] => protobufDifferences(parse(original), parse(update))
const proto2 = (text: string): string => `syntax = "proto2"; ${text}`

describe('each difference', () => {
  test.each([
    ['a package', 'package a; message M {}', 'package b; message M {}',
      `{errorType:"PACKAGE_CHANGED", description:"The package at '#/' in the %s schema does not match the package in the %s schema"}`],
    ['a message that went', 'message M { message N {} }', 'message M {}',
      `{errorType:"MESSAGE_REMOVED", description:"The %s schema is missing a MESSAGE type at path '#/M/N' in the %s schema"}`],
    ['a scalar that became a message', 'message M { int32 a = 3; message N {} }', 'message M { N a = 3; message N {} }',
      `{errorType:"FIELD_KIND_CHANGED", description:"The type of a field at path '#/M/3' in the %s schema does not match the %s schema"}`],
    ['a map that became a list', 'message M { map<string, int32> a = 3; }', 'message M { repeated string a = 3; }',
      `{errorType:"FIELD_KIND_CHANGED", description:"The type of a field at path '#/M/3' in the %s schema does not match the %s schema"}`],
    ['a kind of scalar', 'message M { message N { int32 a = 3; } }', 'message M { message N { string a = 3; } }',
      `{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path '#/M/N/3' in the %s schema does not match its kind in the %s schema"}`],
    ['the values of a map', 'message M { map<string, int32> a = 3; }', 'message M { map<string, double> a = 3; }',
      `{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path '#/M/3' in the %s schema does not match its kind in the %s schema"}`],
    ['a named type', 'message M { A f = 1; } message A {} message B {}', 'message M { B f = 1; } message A {} message B {}',
      `{errorType:"FIELD_NAMED_TYPE_CHANGED", description:"The type of a MESSAGE field at path '#/M/1' in the %s schema does not match its type in the %s schema"}`],
    ['the label of a number', 'message M { int32 a = 3; }', 'message M { repeated int32 a = 3; }',
      `{errorType:"FIELD_NUMERIC_LABEL_CHANGED", description:"The label for a NUMERIC field at path '#/M/3' in the %s schema does not match its label in the %s schema"}`],
    ['a required field more', proto2('message M {}'), proto2('message M { required int32 a = 3; }'),
      `{errorType:"REQUIRED_FIELD_ADDED", description:"A required field  at path '#/M/3' in the %s schema is missing in the %s schema"}`],
    ['an optional field that became required', proto2('message M { optional int32 a = 3; }'), proto2('message M { required int32 a = 3; }'),
      `{errorType:"REQUIRED_FIELD_ADDED", description:"A required field  at path '#/M/3' in the %s schema is missing in the %s schema"}`],
    ['a required field less', proto2('message M { required int32 a = 3; }'), proto2('message M {}'),
      `{errorType:"REQUIRED_FIELD_REMOVED", description:"The %s schema is missing a required field at path: '#/M/3' in the %s schema"}`],
    ['a field of a oneof less', 'message M { oneof o { int32 a = 1; int32 b = 2; } }', 'message M { oneof o { int32 a = 1; } }',
      `{errorType:"ONEOF_FIELD_REMOVED", description:"The %s schema is missing a oneof field at path '#/M/o/2' in the %s schema"}`],
    ['fields moved into a oneof', 'message M { int32 a = 1; int32 b = 2; }', 'message M { oneof o { int32 a = 1; int32 b = 2; } }',
      `{errorType:"MULTIPLE_FIELDS_MOVED_TO_ONEOF", description:"Multiple fields in the oneof at path '#/M/o' in the %s schema are outside a oneof in the %s schema"}`],
    ['a field moved into a oneof that was there', 'message M { int32 a = 1; oneof o { int32 b = 2; } }', 'message M { oneof o { int32 a = 1; int32 b = 2; } }',
      `{errorType:"FIELD_MOVED_TO_EXISTING_ONEOF", description:"A field in the oneof at path '#/M/o' in the %s schema is outside an existing oneof in the %s schema"}`],
    ['a type within a oneof', 'message M { oneof o { int32 a = 1; } }', 'message M { oneof o { float a = 1; } }',
      `{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path '#/M/o/1' in the %s schema does not match its kind in the %s schema"}`],
    ['an enum that a required field may be set outside of', proto2('message M { required E e = 1; } enum E { X = 0; Y = 1; }'), proto2('message M { required E e = 1; } enum E { X = 0; }'),
      `{errorType:"FIELD_SCALAR_KIND_CHANGED", description:"The kind of a SCALAR field at path '#/M/1' in the %s schema does not match its kind in the %s schema"}`],
    ['a group that became a message', proto2('message M { optional group G = 1 {} }'), proto2('message M { optional G g = 1; message G {} }'),
      `{errorType:"FIELD_KIND_CHANGED", description:"The type of a field at path '#/M/1' in the %s schema does not match the %s schema"}`],
  ])('%s', (_what, original, update, text) => {
    expect(differences(original, update)).toEqual([text])
  })

  test('all of them are listed, in the order of the schema', () => {
    const found = differences('message A { int32 a = 1; int32 b = 2; } message B {}', 'message A { string a = 1; float b = 2; }')
    expect(found.map(text => /errorType:"(\w+)".*path '([^']+)'/.exec(text)!.slice(1))).toEqual([
      ['MESSAGE_REMOVED', '#/B'], ['FIELD_SCALAR_KIND_CHANGED', '#/A/1'], ['FIELD_SCALAR_KIND_CHANGED', '#/A/2'],
    ])
  })
})

describe('compatible', () => {
  test.each([
    ['messages, fields and enums more', 'message A {}', 'message A { int32 a = 1; B b = 2; E e = 3; } message B {} enum E { X = 0; }'],
    ['messages in another order', 'message A {} message B {}', 'message B {} message A {}'],
    ['a field less', 'message A { int32 a = 1; }', 'message A {}'],
    ['a field renamed', 'message A { int32 a = 1; }', 'message A { int32 b = 1; }'],
    ['integers of another size', 'message A { int64 a = 1; uint32 b = 2; bool c = 3; E e = 4; } enum E { X = 0; }', 'message A { int32 a = 1; bool b = 2; E c = 3; int32 e = 4; } enum E { X = 0; }'],
    ['zig-zag integers of another size', 'message A { sint64 a = 1; }', 'message A { sint32 a = 1; }'],
    ['text as bytes', 'message A { string a = 1; }', 'message A { bytes a = 1; }'],
    ['texts instead of one', 'message A { string a = 1; }', 'message A { repeated string a = 1; }'],
    ['a oneof that went with all its fields', 'message A { oneof o { int32 a = 1; int32 b = 2; } }', 'message A {}'],
    ['a oneof more', 'message A { int32 a = 1; }', 'message A { int32 a = 1; oneof o { int32 b = 2; } }'],
    ['one field moved into a new oneof', 'message A { int32 a = 1; }', 'message A { oneof o { int32 a = 1; int32 b = 2; } }'],
    ['fields moved out of a oneof', 'message A { oneof o { int32 a = 1; int32 b = 2; } }', 'message A { int32 a = 1; int32 b = 2; }'],
    ['a oneof renamed', 'message A { oneof o { int32 a = 1; int32 b = 2; } }', 'message A { oneof p { int32 a = 1; int32 b = 2; } }'],
    ['an enum value less', 'message A { E e = 1; } enum E { X = 0; Y = 1; }', 'message A { E e = 1; } enum E { X = 0; }'],
    ['a map written out', 'message A { map<string, int32> a = 1; }', 'message A { repeated AEntry a = 1; message AEntry { option map_entry = true; string key = 1; int32 value = 2; } }'],
    ['a recursive type', 'message A { A a = 1; B b = 2; } message B { A a = 1; }', 'message A { A a = 1; B b = 2; } message B { A a = 1; int32 c = 2; }'],
    ['a required field that became optional', proto2('message A { required int32 a = 1; }'), proto2('message A { optional int32 a = 1; }')],
  ])('%s', (_what, original, update) => {
    expect(differences(original, update)).toEqual([])
  })
})

describe('imports', () => {
  const address = (field: string): ProtobufDocument => parse(`package geo; message Address { ${field} Zone zone = 9; message Zone { Address around = 1; } }`)
  const customer = (known: ProtobufDocument): ProtobufDocument => parse('import "address.proto"; message Customer { geo.Address home = 1; }', { 'address.proto': known })

  test('are followed', () => {
    expect(protobufDifferences(customer(address('string city = 1;')), customer(address('string city = 1; int32 zip = 2;')))).toEqual([])
    const found = protobufDifferences(customer(address('string city = 1;')), customer(address('int32 city = 1;')))
    expect(found.map(text => /errorType:"(\w+)".*path '([^']+)'/.exec(text)!.slice(1))).toEqual([
      ['FIELD_NAMED_TYPE_CHANGED', '#/Customer/1'], ['FIELD_SCALAR_KIND_CHANGED', '#/Address/1'],
      // What leads back to it is no better.
      ['FIELD_NAMED_TYPE_CHANGED', '#/Address/9'], ['FIELD_NAMED_TYPE_CHANGED', '#/Address/Zone/1'],
    ])
  })

  test('a type may move between its file and an imported one', () => {
    const own = parse('package geo; message Customer { Address home = 1; } message Address { string city = 1; }')
    const imported = parse('package geo; import "address.proto"; message Customer { Address home = 1; }', { 'address.proto': parse('package geo; message Address { string city = 1; }') })
    expect(protobufDifferences(imported, own)).toEqual([])
    expect(protobufDifferences(own, imported)).toHaveLength(1)
  })
})

test('an exponential pair, and a long chain of types, are compared in linear time', () => {
  const web = (leaf: string): ProtobufDocument => parse(`import "w.proto"; message M { w.N0 n = 1; }`, {
    'w.proto': parse(`package w; ${Array.from({ length: 2_000 }, (_, index) => `message N${index} { N${(index + 1) % 2_000} a = 1; N${(index * 7 + 1) % 2_000} b = 2; ${leaf} c = 3; }`).join('\n')}`),
  })
  const [original, update] = [web('int32'), web('string')]
  const start = performance.now()
  expect(protobufDifferences(original, update)).toHaveLength(1_000)
  expect(performance.now() - start).toBeLessThan(5_000)
})

test('what it calls compatible reads what was written, on random pairs', () => {
  const random = new Prng(seed)
  const pairsWanted = Number(process.env['TEST_PAIRS'] ?? 1_000)
  let compatible = 0
  let read = 0
  let changed = 0
  for (let pair = 0; pair < pairsWanted; pair++) {
    const model = randomProto(random)
    const next = random.chance(0.1) ? randomProto(random) : mutatedProto(random, model)
    const [writerText, readerText] = [protoText(model), protoText(next)]
    const [writer, reader] = [parse(writerText), parse(readerText)]
    if (writer.text !== reader.text) changed++
    if (protobufDifferences(writer, reader).length > 0) continue
    compatible++
    const [from, to] = [compileProtobuf(writer), compileProtobuf(reader)]
    for (let count = 0; count < 5; count++) {
      const value = randomMessage(random, writer.file.messages[0]!)
      const bytes = from.encode(value, Buffer.from(JSON.stringify(value)))
      if (!Buffer.isBuffer(bytes)) expect.fail(`${bytes.pointer} ${bytes.reason}\n${writerText}\n${JSON.stringify(value)}`)
      expect(from.check(bytes, 0)).toBeNull()
      const name = writer.file.messages[0]!.name
      // The message is found by its name: the indexes are those of the writer's schema.
      const type = reader.file.messages.find(message => message.name === name)!
      const at = Buffer.concat([Buffer.from([2, 2 * reader.file.messages.indexOf(type)]), bytes.subarray(1)])
      const fault = to.check(at, 0)
      if (fault !== null) expect.fail(`seed ${seed}: ${fault.pointer} ${fault.reason}\n${writerText}\n${readerText}\n${JSON.stringify(value)}`)
      expect(JSON.parse(to.decode(at, 0) as string)).toBeTypeOf('object')
      read++
    }
  }
  console.log(`Protobuf: ${pairsWanted} random pairs, ${changed} different, ${compatible} compatible, ${read} values read, seed ${seed}`)
  expect(compatible).toBeGreaterThan(pairsWanted / 10)
  expect(changed).toBeGreaterThan(pairsWanted / 2)
}, 600_000)
