// Options that descriptor.proto defines, from `option packed = true` to the field of FieldOptions. What is not defined there, custom options among it, stays
// uninterpreted.
import { type DescEnum, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import {
  type DescriptorProto, EnumOptionsSchema, EnumValueOptionsSchema, type EnumDescriptorProto, ExtensionRangeOptionsSchema, type FieldDescriptorProto,
  FieldOptionsSchema, type FileDescriptorProto, FileOptionsSchema, MessageOptionsSchema, MethodOptionsSchema, OneofOptionsSchema, ServiceOptionsSchema,
  type UninterpretedOption,
} from '@bufbuild/protobuf/wkt'

/** Any of the options messages; all have this field. */
export interface Options {
  readonly $typeName: string
  uninterpretedOption: UninterpretedOption[]
}

export type OptionsVisitor = (options: Options, desc: DescMessage, scope: string) => void

/** Calls `visit` for every options message of the file, with the full name of what the options are of. */
export function visitOptions(file: FileDescriptorProto, visit: OptionsVisitor): void {
  const see = (options: Options | undefined, desc: DescMessage, scope: string): void => {
    if (options !== undefined) visit(options, desc, scope)
  }
  const within = (scope: string, name: string): string => (scope === '' ? name : `${scope}.${name}`)
  const seeFields = (fields: readonly FieldDescriptorProto[], scope: string): void => fields.forEach(field => see(field.options, FieldOptionsSchema, scope))
  const seeEnum = (type: EnumDescriptorProto, scope: string): void => {
    see(type.options, EnumOptionsSchema, within(scope, type.name))
    for (const value of type.value) see(value.options, EnumValueOptionsSchema, within(scope, type.name))
  }
  const seeMessage = (message: DescriptorProto, scope: string): void => {
    const full = within(scope, message.name)
    see(message.options, MessageOptionsSchema, full)
    seeFields(message.field, full)
    seeFields(message.extension, full)
    for (const oneof of message.oneofDecl) see(oneof.options, OneofOptionsSchema, full)
    for (const range of message.extensionRange) see(range.options, ExtensionRangeOptionsSchema, full)
    for (const type of message.enumType) seeEnum(type, full)
    for (const nested of message.nestedType) seeMessage(nested, full)
  }
  see(file.options, FileOptionsSchema, file.package)
  seeFields(file.extension, file.package)
  for (const message of file.messageType) seeMessage(message, file.package)
  for (const type of file.enumType) seeEnum(type, file.package)
  for (const service of file.service) {
    see(service.options, ServiceOptionsSchema, within(file.package, service.name))
    for (const method of service.method) see(method.options, MethodOptionsSchema, within(file.package, service.name))
  }
}

/** Applies what descriptor.proto defines, in place. */
export function applyStandardOptions(file: FileDescriptorProto): void {
  visitOptions(file, (options, desc) => {
    const reflected = reflect(desc, options)
    options.uninterpretedOption = options.uninterpretedOption.filter(option => (
      option.name.some(part => part.isExtension) || !apply(reflected, option, 0)
    ))
  })
}

/** False where there is no such option, or none with such a value. */
function apply(options: ReflectMessage, option: UninterpretedOption, at: number): boolean {
  const field = options.desc.fields.find(each => each.name === option.name[at]!.namePart)
  if (field === undefined) return false
  if (at < option.name.length - 1) {
    if (field.fieldKind !== 'message') return false
    const inner = options.get(field)
    if (!apply(inner, option, at + 1)) return false
    options.set(field, inner)
    return true
  }
  if (field.fieldKind !== 'scalar' && field.fieldKind !== 'enum') return false
  const value = field.fieldKind === 'enum' ? enumNumber(field.enum, option.identifierValue) : scalarValue(field.scalar, option)
  if (value === undefined) return false
  options.set(field, value)
  return true
}

export function enumNumber(type: DescEnum, name: string): number | undefined {
  return type.values.find(value => value.name === name)?.number
}

/** What a scalar field makes of an option's value; undefined where it does not fit. */
export function scalarValue(scalar: ScalarType, option: UninterpretedOption): string | boolean | number | bigint | Uint8Array | undefined {
  const { identifierValue, stringValue, positiveIntValue, negativeIntValue, doubleValue } = option
  switch (scalar) {
    case ScalarType.BOOL: return identifierValue === 'true' ? true : identifierValue === 'false' ? false : undefined
    case ScalarType.STRING: return identifierValue === '' ? Buffer.from(stringValue).toString() : undefined
    case ScalarType.BYTES: return identifierValue === '' ? stringValue : undefined
    case ScalarType.DOUBLE: case ScalarType.FLOAT: {
      if (identifierValue === 'inf') return Infinity
      return identifierValue === 'nan' ? NaN : identifierValue === '' ? Number(positiveIntValue + negativeIntValue) + doubleValue : undefined
    }
    case ScalarType.INT64: case ScalarType.SINT64: case ScalarType.SFIXED64: case ScalarType.UINT64: case ScalarType.FIXED64:
      return identifierValue === '' ? positiveIntValue + negativeIntValue : undefined
    default: return identifierValue === '' ? Number(positiveIntValue + negativeIntValue) : undefined
  }
}
