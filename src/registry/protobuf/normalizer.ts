// The normalized form of a schema, in which what means the same says the same: names of types in full, fields by number, options and imports by name. Messages,
// enums and services keep their order, because records name messages by their position.
import { clone, create, type DescExtension, isFieldSet, type Registry } from '@bufbuild/protobuf'
import {
  type DescriptorProto, type EnumDescriptorProto, type FieldDescriptorProto, FieldDescriptorProto_Label, FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema, type FileDescriptorProto, FileDescriptorProtoSchema, type UninterpretedOption,
  UninterpretedOptionSchema,
} from '@bufbuild/protobuf/wkt'
import { findExtension } from './custom-options.ts'
import { canonicalAggregate, optionFields, optionName } from './options.ts'
import { scalarTypes, type Statements, type WrittenFile } from './parser.ts'
import { visitOptions } from './standard-options.ts'

const Type = FieldDescriptorProto_Type
const scalarNames: ReadonlyMap<FieldDescriptorProto_Type, string> = new Map([...scalarTypes].map(([name, type]) => [type, name]))

/** `linked` is what the linker made of `written`: the same messages and fields in the same order, and more behind them. */
export function normalized(written: FileDescriptorProto, linked: FileDescriptorProto, registry: Registry): WrittenFile {
  const proto = clone(FileDescriptorProtoSchema, written)
  // What is meant without it.
  if (proto.syntax === 'proto2') proto.syntax = ''
  sortImports(proto)
  proto.messageType.forEach((message, index) => normalizeMessage(message, linked.messageType[index]!))
  proto.messageType = proto.messageType.filter((_, index) => linked.messageType[index]!.options?.mapEntry !== true)
  proto.enumType.forEach(normalizeEnum)
  proto.extension.forEach((field, index) => resolve(field, linked.extension[index]!, new Map()))
  proto.extension = sortedExtensions(proto.extension)
  proto.service.forEach((service, index) => service.method.forEach((method, at) => {
    const { inputType, outputType } = linked.service[index]!.method[at]!
    method.inputType = inputType
    method.outputType = outputType
  }))
  visitOptions(proto, (options, _desc, scope) => {
    options.uninterpretedOption = normalizedOptions(options.uninterpretedOption, name => findExtension(registry, name, scope))
  })
  // No statements: each reserved number and name gets one of its own.
  return { proto, statements: new Map(), sortsFieldOptions: true }
}

/** By name, custom ones by their full name; `(a).b = 1` and `(a).c = 2` are one value, `(a) = { b: 1, c: 2 }`. */
function normalizedOptions(options: readonly UninterpretedOption[], find: (name: string) => DescExtension | undefined): UninterpretedOption[] {
  const merged: UninterpretedOption[] = []
  const values = new Map<DescExtension, UninterpretedOption>()
  for (const option of options) {
    const [first] = option.name
    const extension = first?.isExtension === true ? find(first.namePart) : undefined
    if (extension !== undefined) option.name[0]!.namePart = extension.typeName
    if (extension?.message !== undefined) {
      const fields = optionFields(option)
      const known = extension.fieldKind === 'list' ? undefined : values.get(extension)
      if (known !== undefined) known.aggregateValue += `\n${fields}`
      else {
        const whole = create(UninterpretedOptionSchema, { name: option.name.slice(0, 1), aggregateValue: fields })
        values.set(extension, whole)
        merged.push(whole)
      }
    } else merged.push(option)
  }
  for (const option of merged) if (option.aggregateValue !== '') option.aggregateValue = canonicalAggregate(option.aggregateValue, { sort: true })
  return merged.toSorted((a, b) => compare(optionName(a).replace('(', ''), optionName(b).replace('(', '')))
}

/** Those of one message side by side, by number. */
function sortedExtensions(extensions: readonly FieldDescriptorProto[]): FieldDescriptorProto[] {
  return [...Map.groupBy(extensions, field => field.extendee).values()].flatMap(group => group.toSorted((a, b) => a.number - b.number))
}

/** Without extensions, ranges for them and custom options, Confluent's own options aside. */
export function withoutExtensions({ proto: written, statements }: WrittenFile): WrittenFile {
  const proto = clone(FileDescriptorProtoSchema, written)
  const kept = new Map<DescriptorProto | EnumDescriptorProto, Statements>()
  const visitEnums = (types: readonly EnumDescriptorProto[], originals: readonly EnumDescriptorProto[]): void => types.forEach((type, index) => {
    const known = statements.get(originals[index]!)
    if (known !== undefined) kept.set(type, known)
  })
  const visit = (message: DescriptorProto, original: DescriptorProto): void => {
    const known = statements.get(original)
    if (known !== undefined) kept.set(message, { reserved: known.reserved, extensions: [] })
    message.extension = []
    message.extensionRange = []
    visitEnums(message.enumType, original.enumType)
    message.nestedType.forEach((nested, index) => visit(nested, original.nestedType[index]!))
  }
  proto.messageType.forEach((message, index) => visit(message, written.messageType[index]!))
  visitEnums(proto.enumType, written.enumType)
  proto.extension = []
  visitOptions(proto, options => {
    options.uninterpretedOption = options.uninterpretedOption.filter(({ name: [first] }) => first?.isExtension !== true || first.namePart.startsWith('confluent.'))
  })
  return { proto, statements: kept }
}

function sortImports(proto: FileDescriptorProto): void {
  const publics = new Set(proto.publicDependency.map(index => proto.dependency[index]!))
  const weak = new Set(proto.weakDependency.map(index => proto.dependency[index]!))
  proto.dependency = proto.dependency.toSorted(compare)
  const indexes = (paths: ReadonlySet<string>): number[] => proto.dependency.flatMap((path, index) => (paths.has(path) ? [index] : []))
  proto.publicDependency = indexes(publics)
  proto.weakDependency = indexes(weak)
}

function normalizeMessage(message: DescriptorProto, linked: DescriptorProto): void {
  // By their last name: entries stand where their fields do.
  const entries = new Map(linked.nestedType.filter(each => each.options?.mapEntry === true).map(each => [each.name, each]))
  message.field.forEach((field, index) => resolve(field, linked.field[index]!, entries))
  message.extension.forEach((field, index) => resolve(field, linked.extension[index]!, entries))
  message.extension = sortedExtensions(message.extension)
  message.nestedType.forEach((nested, index) => normalizeMessage(nested, linked.nestedType[index]!))
  message.nestedType = message.nestedType.filter(nested => !entries.has(nested.name))
  message.enumType.forEach(normalizeEnum)
  message.field = message.field.toSorted((a, b) => a.number - b.number)
  sortOneofs(message)
  message.reservedRange = message.reservedRange.toSorted((a, b) => a.start - b.start)
  message.extensionRange = message.extensionRange.toSorted((a, b) => a.start - b.start)
  message.reservedName = message.reservedName.toSorted(compare)
}

function resolve(field: FieldDescriptorProto, linked: FieldDescriptorProto, entries: ReadonlyMap<string, DescriptorProto>): void {
  if (field.extendee !== '') field.extendee = linked.extendee
  if (field.typeName === '' || field.type === Type.GROUP) return
  const entry = linked.label === FieldDescriptorProto_Label.REPEATED ? entries.get(linked.typeName.slice(linked.typeName.lastIndexOf('.') + 1)) : undefined
  field.typeName = entry === undefined ? linked.typeName : `map<${typeText(entry.field[0]!)}, ${typeText(entry.field[1]!)}>`
}

function typeText(field: FieldDescriptorProto): string {
  return field.typeName === '' ? scalarNames.get(field.type)! : field.typeName
}

/** In the order of their first fields. */
function sortOneofs(message: DescriptorProto): void {
  const sorted = new Map<number, number>()
  for (const field of message.field) {
    if (!isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)) continue
    if (!sorted.has(field.oneofIndex)) sorted.set(field.oneofIndex, sorted.size)
    field.oneofIndex = sorted.get(field.oneofIndex)!
  }
  message.oneofDecl = [...sorted.keys()].map(index => message.oneofDecl[index]!)
}

function normalizeEnum(type: EnumDescriptorProto): void {
  type.value = type.value.toSorted((a, b) => a.number - b.number || compare(a.name, b.name))
  type.reservedRange = type.reservedRange.toSorted((a, b) => a.start - b.start)
  type.reservedName = type.reservedName.toSorted(compare)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
