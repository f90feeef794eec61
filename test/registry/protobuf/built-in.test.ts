// The files that need no reference have what the client of Confluent has in its copies of them.
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type DescFile, type DescMessage, toBinary } from '@bufbuild/protobuf'
import { EnumDescriptorProtoSchema, FieldDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'
import { parseProtobuf } from '../../../src/registry/protobuf/document.ts'

const require = createRequire(import.meta.url)
const dist = join(dirname(require.resolve('@confluentinc/schemaregistry')))
const modules = ['confluent', 'confluent/types', 'google/type'].flatMap(folder => (
  readdirSync(join(dist, folder)).filter(name => name.endsWith('_pb.js')).map(name => join(dist, folder, name))
))
const theirs = modules.flatMap(path => Object.values(require(path) as object).filter((each: { kind?: string }): each is DescFile => each.kind === 'file'))

test.each(theirs.map(file => [file.proto.name, file] as const))('%s', (path, expected) => {
  const { registry } = parseProtobuf(`syntax = "proto3"; import "${path}";`, new Map(), { normalize: false, strict: true })
  const file = registry.getFile(path)!
  expect(shape(file)).toEqual(shape(expected))
})

test('there are as many as expected', () => {
  expect(theirs.length).toBe(19)
})

/** Names, numbers, types and labels of everything in a file. */
function shape(file: DescFile): unknown {
  const field = (proto: DescMessage['fields'][number]['proto']): string => {
    const { options: _options, ...plain } = proto
    return Buffer.from(toBinary(FieldDescriptorProtoSchema, { ...plain, $typeName: proto.$typeName, jsonName: '' })).toString('base64')
  }
  const message = (each: DescMessage): unknown => ({
    name: each.typeName, fields: each.fields.map(({ proto }) => field(proto)), nested: each.nestedMessages.map(message), oneofs: each.oneofs.map(oneof => oneof.name),
  })
  return {
    package: file.proto.package, imports: file.proto.dependency, messages: file.messages.map(message),
    enums: file.enums.map(each => Buffer.from(toBinary(EnumDescriptorProtoSchema, each.proto)).toString('base64')),
    extensions: file.extensions.map(each => [each.typeName, each.extendee.typeName, each.number, each.message?.typeName]),
  }
}
