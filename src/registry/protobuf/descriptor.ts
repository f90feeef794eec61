// A FileDescriptorProto as clients hand it in, turned into what its author would have written: options as options, json_name only where it says something.
import { clearField, clone, create, type Registry } from '@bufbuild/protobuf'
import { reflect } from '@bufbuild/protobuf/reflect'
import {
  type DescriptorProto, type FieldDescriptorProto, FieldDescriptorProtoSchema, type FileDescriptorProto, FileDescriptorProtoSchema, UninterpretedOptionSchema,
  type UninterpretedOption,
} from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { customOptionsOf } from './custom-options.ts'
import { jsonName } from './linker.ts'
import { nestingMax } from './options.ts'
import type { WrittenFile } from './parser.ts'
import { visitOptions } from './standard-options.ts'

/**
 * Throws InvalidSchema. The names in it are as unchecked as before: what is printed from it is to be parsed. Custom options are those that `registry` has.
 */
export function writtenFrom(descriptor: FileDescriptorProto, registry?: Registry): WrittenFile {
  const proto = clone(FileDescriptorProtoSchema, descriptor)
  clearField(proto, FileDescriptorProtoSchema.field.sourceCodeInfo)
  const plain = (fields: readonly FieldDescriptorProto[]): void => {
    for (const field of fields) if (field.jsonName === jsonName(field.name)) clearField(field, FieldDescriptorProtoSchema.field.jsonName)
  }
  const visit = (message: DescriptorProto, depth: number): void => {
    if (depth > nestingMax) throw new InvalidSchema(`messages are nested more than ${nestingMax} deep`)
    plain(message.field)
    // An extension's is always the default.
    for (const field of message.extension) clearField(field, FieldDescriptorProtoSchema.field.jsonName)
    message.nestedType.forEach(nested => visit(nested, depth + 1))
  }
  proto.messageType.forEach(message => visit(message, 1))
  for (const field of proto.extension) clearField(field, FieldDescriptorProtoSchema.field.jsonName)
  visitOptions(proto, (options, desc) => {
    const reflected = reflect(desc, options)
    const written: UninterpretedOption[] = []
    for (const field of desc.fields) {
      if (field.name === 'uninterpreted_option' || !reflected.isSet(field)) continue
      const name = [{ namePart: field.name, isExtension: false }]
      if (field.fieldKind === 'enum') {
        const identifierValue = field.enum.value[reflected.get(field)]?.name
        if (identifierValue !== undefined) written.push(create(UninterpretedOptionSchema, { name, identifierValue }))
      } else if (field.fieldKind === 'scalar') {
        const value = reflected.get(field)
        if (typeof value === 'boolean') written.push(create(UninterpretedOptionSchema, { name, identifierValue: String(value) }))
        else if (typeof value === 'string') written.push(create(UninterpretedOptionSchema, { name, stringValue: Buffer.from(value) }))
      }
    }
    if (registry !== undefined) written.push(...customOptionsOf(options, desc, registry))
    options.uninterpretedOption.unshift(...written)
  })
  return { proto, statements: new Map() }
}

