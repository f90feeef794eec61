// From what a file says to what it means: names of types become full names, `map<…>` and proto3's `optional` what stands behind them, standard options are
// applied, and what Protobuf's rules forbid is refused. The result is the FileDescriptorProto that protoc would make of the text, custom options aside.
import { clone, create, isFieldSet } from '@bufbuild/protobuf'
import {
  type DescriptorProto, DescriptorProtoSchema, type EnumDescriptorProto, type FieldDescriptorProto, FieldDescriptorProto_Label, FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema, type FileDescriptorProto, FileDescriptorProtoSchema, MessageOptionsSchema, OneofDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { scalarTypes } from './parser.ts'
import { applyStandardOptions } from './standard-options.ts'

const Type = FieldDescriptorProto_Type
const Label = FieldDescriptorProto_Label

export type SymbolKind = 'package' | 'message' | 'enum' | 'service' | 'other'
/** What each full name stands for. */
export type Names = Map<string, SymbolKind>

/** What another file may use of a linked one: its names, and those of what it imports publicly. */
export interface Linked {
  readonly proto: FileDescriptorProto
  readonly names: Names
}

/** Nested names add up; without a limit, a short text could ask for long ones many times over. */
const fullNameCharactersMax = 1_000

const mapKeys: ReadonlySet<string> = new Set([
  'int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64', 'fixed32', 'fixed64', 'sfixed32', 'sfixed64', 'bool', 'string',
])

/**
 * `imported` has the files that are imported, by path. `written` stays as it is. Numbers and names that get into each other's way are refused if `strict`, and
 * names that lead nowhere always. Throws InvalidSchema.
 */
export function link(written: FileDescriptorProto, imported: (path: string) => Linked | undefined, { strict }: { strict: boolean }): Linked {
  const proto = clone(FileDescriptorProtoSchema, written)
  const linker = new Linker(proto)
  linker.takeImports(imported)
  linker.link()
  if (strict) linker.check()
  return { proto, names: linker.own }
}

/** The names that a descriptor defines, for files that came linked. */
export function namesOf(proto: FileDescriptorProto): Names {
  const linker = new Linker(proto)
  linker.define()
  return linker.own
}

class Linker {
  readonly own: Names = new Map()
  readonly #file: FileDescriptorProto
  readonly #visible: Names = new Map()

  constructor(file: FileDescriptorProto) {
    this.#file = file
  }

  takeImports(imported: (path: string) => Linked | undefined): void {
    const { dependency, publicDependency } = this.#file
    const taken = new Set<string>()
    const take = (path: string, isPublic: boolean): void => {
      const file = imported(path)
      if (file === undefined) throw new InvalidSchema(`Could not resolve import "${path}": no reference has that name`)
      for (const [name, kind] of file.names) {
        this.#visible.set(name, kind)
        if (isPublic) this.own.set(name, kind)
      }
    }
    dependency.forEach((path, index) => {
      if (taken.has(path)) return
      taken.add(path)
      take(path, publicDependency.includes(index))
    })
  }

  link(): void {
    const file = this.#file
    const scope = file.package
    for (const message of file.messageType) this.#expandMessage(message)
    this.define()
    for (const message of file.messageType) this.#linkMessage(message, joined(scope, message.name))
    for (const extension of file.extension) this.#linkExtension(extension, scope)
    for (const service of file.service) {
      const full = joined(scope, service.name)
      refuseTwins(service.method.map(method => method.name), name => `"${full}.${name}" is defined twice`)
      for (const method of service.method) {
        method.inputType = this.#message(method.inputType, full, `rpc ${method.name} of "${full}"`)
        method.outputType = this.#message(method.outputType, full, `rpc ${method.name} of "${full}"`)
      }
    }
    applyStandardOptions(file)
  }

  check(): void {
    const { package: scope, messageType, enumType } = this.#file
    for (const message of messageType) this.#checkMessage(message, joined(scope, message.name))
    for (const type of enumType) this.#checkEnum(type, joined(scope, type.name))
  }

  define(): void {
    const { package: space } = this.#file
    const parts = space === '' ? [] : space.split('.')
    parts.forEach((_, index) => {
      const name = parts.slice(0, index + 1).join('.')
      if ((this.own.get(name) ?? 'package') !== 'package') throw new InvalidSchema(`"${name}" is a package and something else`)
      this.own.set(name, 'package')
    })
    for (const message of this.#file.messageType) this.#defineMessage(message, space)
    for (const type of this.#file.enumType) this.#defineEnum(type, space)
    for (const extension of this.#file.extension) this.#define(joined(space, extension.name), 'other')
    for (const service of this.#file.service) this.#define(joined(space, service.name), 'service')
  }

  #define(name: string, kind: SymbolKind): void {
    if (name.length > fullNameCharactersMax) throw new InvalidSchema(`a full name is longer than ${fullNameCharactersMax} characters`)
    if (this.own.has(name)) throw new InvalidSchema(`"${name}" is defined twice`)
    if (kind !== 'package' && this.#visible.has(name)) throw new InvalidSchema(`"${name}" is defined here and in an imported file`)
    this.own.set(name, kind)
  }

  #defineMessage(message: DescriptorProto, scope: string): void {
    const full = joined(scope, message.name)
    this.#define(full, 'message')
    for (const nested of message.nestedType) this.#defineMessage(nested, full)
    for (const type of message.enumType) this.#defineEnum(type, full)
    for (const field of message.field) this.#define(joined(full, field.name), 'other')
    for (const oneof of message.oneofDecl) this.#define(joined(full, oneof.name), 'other')
    for (const extension of message.extension) this.#define(joined(full, extension.name), 'other')
  }

  /** As in C++, whose rules these are, the values of an enum are siblings of it. */
  #defineEnum(type: EnumDescriptorProto, scope: string): void {
    const full = joined(scope, type.name)
    if (type.value.length === 0) throw new InvalidSchema(`enum "${full}" has no values`)
    this.#define(full, 'enum')
    for (const value of type.value) this.#define(joined(scope, value.name), 'other')
  }

  /** Adds the entry messages of maps and the oneofs of proto3's optional fields, behind what the text has, so that no message changes its index. */
  #expandMessage(message: DescriptorProto): void {
    for (const nested of message.nestedType) this.#expandMessage(nested)
    const names = new Set([...message.field, ...message.oneofDecl].map(each => each.name))
    for (const field of message.field) {
      if (field.typeName.startsWith('map<')) expandMap(message, field)
      if (!field.proto3Optional || isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)) continue
      let name = `_${field.name}`
      while (names.has(name)) name = `X${name}`
      names.add(name)
      field.oneofIndex = message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name })) - 1
    }
  }

  #linkMessage(message: DescriptorProto, full: string): void {
    for (const nested of message.nestedType) this.#linkMessage(nested, joined(full, nested.name))
    for (const field of message.field) this.#linkField(field, full)
    for (const extension of message.extension) this.#linkExtension(extension, full)
  }

  #linkField(field: FieldDescriptorProto, scope: string): void {
    if (field.jsonName === '') field.jsonName = jsonName(field.name)
    if (field.typeName === '') return
    const { name, kind } = this.#resolve(field.typeName, scope, `the type of field "${scope === '' ? '' : `${scope}.`}${field.name}"`)
    if (kind !== 'message' && kind !== 'enum') throw new InvalidSchema(`"${field.typeName}", the type of field "${joined(scope, field.name)}", is not a type`)
    field.typeName = `.${name}`
    if (kind === 'enum') field.type = Type.ENUM
    else if (field.type !== Type.GROUP) field.type = Type.MESSAGE
  }

  #linkExtension(extension: FieldDescriptorProto, scope: string): void {
    this.#linkField(extension, scope)
    if (extension.label === Label.REQUIRED) throw new InvalidSchema(`extension "${extension.name}" is required, which extensions cannot be`)
    extension.extendee = this.#message(extension.extendee, scope, `what "${extension.name}" extends`)
  }

  #message(written: string, scope: string, what: string): string {
    const { name, kind } = this.#resolve(written, scope, what)
    if (kind !== 'message') throw new InvalidSchema(`"${written}", ${what}, is not a message`)
    return `.${name}`
  }

  /** The innermost scope that has the first part of the name is where all of it must be. */
  #resolve(written: string, scope: string, what: string): { name: string; kind: SymbolKind } {
    const found = (name: string): SymbolKind | undefined => this.own.get(name) ?? this.#visible.get(name)
    const wanted = written.startsWith('.') ? written.slice(1) : written
    const first = wanted.split('.', 1)[0]!
    for (let space = written.startsWith('.') ? '' : scope; ; space = space.slice(0, Math.max(0, space.lastIndexOf('.')))) {
      const name = joined(space, wanted)
      const kind = found(name)
      if (kind === 'message' || kind === 'enum') return { name, kind }
      const outer = first === wanted ? undefined : found(joined(space, first))
      if (space === '' || (outer !== undefined && outer !== 'other' && outer !== 'package')) break
    }
    throw new InvalidSchema(`Could not resolve type: "${written}", ${what}, is not defined`)
  }

  #checkEnum(type: EnumDescriptorProto, full: string): void {
    if (this.#file.syntax === 'proto3' && type.value[0]!.number !== 0) throw new InvalidSchema(`the first value of enum "${full}" is not 0, which proto3 wants it to be`)
    if (type.options?.allowAlias !== true) {
      refuseTwins(type.value.map(value => value.number), number => `enum "${full}" has two values ${number} and no option allow_alias`)
    }
    const reservedNames = new Set(type.reservedName)
    const ranges = sortedRanges(type.reservedRange.map(({ start, end }) => ({ start, end: end + 1 })), `enum "${full}"`)
    for (const { name, number } of type.value) {
      if (reservedNames.has(name) || isWithin(ranges, number)) throw new InvalidSchema(`"${name} = ${number}" of enum "${full}" is reserved`)
    }
  }

  #checkMessage(message: DescriptorProto, full: string): void {
    refuseTwins(message.field.map(field => field.number), number => `message "${full}" has two fields with the number ${number}`)
    const reservedNames = new Set(message.reservedName)
    const ranges = sortedRanges([...message.reservedRange, ...message.extensionRange], `message "${full}"`)
    for (const { name, number } of message.field) {
      if (reservedNames.has(name)) throw new InvalidSchema(`the name of field "${full}.${name}" is reserved`)
      if (isWithin(ranges, number)) throw new InvalidSchema(`the number ${number} of field "${full}.${name}" is reserved or left to extensions`)
    }
    const members = new Set(message.field.filter(field => isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex)).map(field => field.oneofIndex))
    message.oneofDecl.forEach((oneof, index) => {
      if (!members.has(index)) throw new InvalidSchema(`oneof "${full}.${oneof.name}" has no fields`)
    })
    for (const nested of message.nestedType) this.#checkMessage(nested, joined(full, nested.name))
    for (const type of message.enumType) this.#checkEnum(type, joined(full, type.name))
  }
}

function expandMap(message: DescriptorProto, field: FieldDescriptorProto): void {
  const [, key, value] = /^map<(\w+), (.+)>$/.exec(field.typeName)!
  if (!mapKeys.has(key!)) throw new InvalidSchema(`${key} cannot be the key of a map, as in field "${field.name}"`)
  const name = `${camelCase(`_${field.name}`)}Entry`
  const part = (partName: string, number: number, type: string): FieldDescriptorProto => {
    const scalar = scalarTypes.get(type)
    return create(FieldDescriptorProtoSchema, {
      name: partName, number, label: Label.OPTIONAL, jsonName: partName, ...scalar === undefined ? { typeName: type } : { type: scalar },
    })
  }
  message.nestedType.push(create(DescriptorProtoSchema, {
    name, field: [part('key', 1, key!), part('value', 2, value!)], options: create(MessageOptionsSchema, { mapEntry: true }),
  }))
  field.label = Label.REPEATED
  field.typeName = name
}

/** Without underscores, what follows one in upper case. */
function camelCase(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase())
}

/** The name of a field in JSON, where no json_name says otherwise. */
export function jsonName(name: string): string {
  return camelCase(name)
}

export function joined(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`
}

function refuseTwins<T>(values: readonly T[], text: (value: T) => string): void {
  const seen = new Set<T>()
  for (const value of values) {
    if (seen.has(value)) throw new InvalidSchema(text(value))
    seen.add(value)
  }
}

interface NumberRange { readonly start: number; readonly end: number }

function sortedRanges(ranges: readonly NumberRange[], what: string): readonly NumberRange[] {
  const sorted = ranges.toSorted((a, b) => a.start - b.start)
  sorted.forEach((range, index) => {
    const before = sorted[index - 1]
    if (before !== undefined && before.end > range.start) throw new InvalidSchema(`reserved and extension ranges of ${what} overlap at ${range.start}`)
  })
  return sorted
}

/** `ranges` are in order and apart; their ends are exclusive. */
function isWithin(ranges: readonly NumberRange[], number: number): boolean {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ranges[middle]!.end <= number) low = middle + 1
    else high = middle
  }
  return low < ranges.length && ranges[low]!.start <= number
}
