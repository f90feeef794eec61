// From .proto text (proto2, proto3, edition 2023) to a FileDescriptorProto that says what was written: type names as they stand (`map<…>` among them),
// options uninterpreted, nothing added. What the names stand for is for linker.ts to find out.
import { create } from '@bufbuild/protobuf'
import {
  type DescriptorProto, DescriptorProto_ExtensionRangeSchema, DescriptorProto_ReservedRangeSchema, DescriptorProtoSchema, Edition,
  EnumDescriptorProto_EnumReservedRangeSchema, type EnumDescriptorProto, EnumDescriptorProtoSchema, EnumOptionsSchema, EnumValueDescriptorProtoSchema,
  EnumValueOptionsSchema, ExtensionRangeOptionsSchema, type FieldDescriptorProto, FieldDescriptorProto_Label, FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema, FieldOptionsSchema, type FileDescriptorProto, FileDescriptorProtoSchema, FileOptionsSchema, MessageOptionsSchema,
  type MethodDescriptorProto, MethodDescriptorProtoSchema, MethodOptionsSchema, OneofDescriptorProtoSchema, OneofOptionsSchema,
  ServiceDescriptorProtoSchema, type ServiceDescriptorProto, ServiceOptionsSchema, type UninterpretedOption,
} from '@bufbuild/protobuf/wkt'
import {
  escapedBytes, floatText, nestingMax, optionName, printOption, printOptionList, quoted, readFullName, readInteger, readName, readOption, readOptionList,
  readStrings,
} from './options.ts'
import { Tokens } from './tokens.ts'

const Type = FieldDescriptorProto_Type
const Label = FieldDescriptorProto_Label

export const scalarTypes: ReadonlyMap<string, FieldDescriptorProto_Type> = new Map([
  ['double', Type.DOUBLE], ['float', Type.FLOAT], ['int64', Type.INT64], ['uint64', Type.UINT64], ['int32', Type.INT32], ['fixed64', Type.FIXED64],
  ['fixed32', Type.FIXED32], ['bool', Type.BOOL], ['string', Type.STRING], ['bytes', Type.BYTES], ['uint32', Type.UINT32], ['sfixed32', Type.SFIXED32],
  ['sfixed64', Type.SFIXED64], ['sint32', Type.SINT32], ['sint64', Type.SINT64],
])

/** The greatest number that a field can have. */
export const fieldNumberMax = 2 ** 29 - 1
const int32Max = 2 ** 31 - 1
const int32Min = -(2 ** 31)

export interface WrittenFile {
  readonly proto: FileDescriptorProto
  /** How the reserved and extension ranges of messages and enums were put into statements, which canonical text keeps. None for what came as a descriptor. */
  readonly statements: ReadonlyMap<DescriptorProto | EnumDescriptorProto, Statements>
  /** In normalized text, `default` and `json_name` stand among a field's options by their names, and not behind them. */
  readonly sortsFieldOptions?: boolean
}

/** What stands behind the word of each statement. */
export interface Statements {
  readonly reserved: string[]
  readonly extensions: string[]
}

/** Throws InvalidSchema with line and column. */
export function parseProto(text: string): WrittenFile {
  const parser = new Parser(text)
  return { proto: parser.file(), statements: parser.statements }
}

export function rangeText(from: number, to: number): string {
  return from === to ? String(from) : `${from} to ${to === fieldNumberMax ? 'max' : to}`
}

export function reservedNameText(name: string): string {
  return quoted(Buffer.from(name))
}

class Parser {
  readonly statements = new Map<DescriptorProto | EnumDescriptorProto, Statements>()
  readonly #tokens: Tokens
  readonly #file = create(FileDescriptorProtoSchema)

  constructor(text: string) {
    this.#tokens = new Tokens(text)
  }

  file(): FileDescriptorProto {
    const tokens = this.#tokens
    const file = this.#file
    if (tokens.isNext('syntax') || tokens.isNext('edition')) this.#syntax()
    while (tokens.next.kind !== 'end') {
      if (tokens.takeIf(';')) continue
      const token = tokens.next
      const word = token.kind === 'name' ? token.text : ''
      switch (word) {
        case 'import': this.#import(); break
        case 'package':
          if (file.package !== '') tokens.fail('there is a package already')
          tokens.take()
          file.package = readFullName(tokens)
          tokens.expect(';')
          break
        case 'option': (file.options ??= create(FileOptionsSchema)).uninterpretedOption.push(this.#option()); break
        case 'message': file.messageType.push(this.#message(1)); break
        case 'enum': file.enumType.push(this.#enum()); break
        case 'extend': this.#extend(file.extension, file.messageType, 1); break
        case 'service': file.service.push(this.#service()); break
        default: tokens.fail('expected a message, enum, service, extend, import, package or option')
      }
    }
    return file
  }

  get #isProto3(): boolean {
    return this.#file.syntax === 'proto3'
  }

  get #isEditions(): boolean {
    return this.#file.syntax === 'editions'
  }

  #syntax(): void {
    const tokens = this.#tokens
    const isEdition = tokens.isNext('edition')
    tokens.take()
    tokens.expect('=')
    const token = tokens.next
    const version = readStrings(tokens).toString()
    if (isEdition) {
      if (version !== '2023') tokens.fail('editions other than "2023" are not supported', token)
      this.#file.syntax = 'editions'
      this.#file.edition = Edition.EDITION_2023
    } else {
      if (version !== 'proto2' && version !== 'proto3') tokens.fail('the syntax is neither "proto2" nor "proto3"', token)
      this.#file.syntax = version
    }
    tokens.expect(';')
  }

  #import(): void {
    const tokens = this.#tokens
    tokens.take()
    const index = this.#file.dependency.length
    if (tokens.takeIf('public')) this.#file.publicDependency.push(index)
    else if (tokens.takeIf('weak')) this.#file.weakDependency.push(index)
    this.#file.dependency.push(readStrings(tokens).toString())
    tokens.expect(';')
  }

  #option(): UninterpretedOption {
    this.#tokens.expect('option')
    const option = readOption(this.#tokens)
    this.#tokens.expect(';')
    return option
  }

  #message(depth: number): DescriptorProto {
    this.#tokens.take()
    const message = create(DescriptorProtoSchema, { name: readName(this.#tokens) })
    this.#messageBody(message, depth)
    return message
  }

  #messageBody(message: DescriptorProto, depth: number): void {
    const tokens = this.#tokens
    if (depth > nestingMax) tokens.fail(`nested more than ${nestingMax} deep`)
    tokens.expect('{')
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue
      const token = tokens.next
      const word = token.kind === 'name' ? token.text : ''
      switch (word) {
        case 'message': message.nestedType.push(this.#message(depth + 1)); break
        case 'enum': message.enumType.push(this.#enum()); break
        case 'extend': this.#extend(message.extension, message.nestedType, depth); break
        case 'option': (message.options ??= create(MessageOptionsSchema)).uninterpretedOption.push(this.#option()); break
        case 'oneof': this.#oneof(message, depth); break
        case 'extensions': this.#extensions(message); break
        case 'reserved':
          this.#reserved(message, 1, fieldNumberMax, (start, to) => message.reservedRange.push(create(DescriptorProto_ReservedRangeSchema, { start, end: to + 1 })))
          break
        default: message.field.push(this.#field(message.nestedType, depth))
      }
    }
  }

  #oneof(message: DescriptorProto, depth: number): void {
    const tokens = this.#tokens
    tokens.take()
    const oneof = create(OneofDescriptorProtoSchema, { name: readName(tokens) })
    const oneofIndex = message.oneofDecl.push(oneof) - 1
    tokens.expect('{')
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue
      if (tokens.isNext('option')) (oneof.options ??= create(OneofOptionsSchema)).uninterpretedOption.push(this.#option())
      else {
        const field = this.#field(message.nestedType, depth, { isInOneof: true })
        field.oneofIndex = oneofIndex
        message.field.push(field)
      }
    }
  }

  /** `groups` takes the message that a group is besides being a field. */
  #field(groups: DescriptorProto[], depth: number, { isInOneof = false } = {}): FieldDescriptorProto {
    const tokens = this.#tokens
    const field = create(FieldDescriptorProtoSchema, { label: Label.OPTIONAL })
    const hasLabel = !isInOneof && this.#label(field)
    if (tokens.isNext('group')) return this.#group(field, groups, depth)
    const start = tokens.next
    const type = this.#type()
    const isMap = type.startsWith('map<')
    if (isMap && (isInOneof || hasLabel)) tokens.fail('a map has no label and stands in no oneof', start)
    if (!hasLabel && !isInOneof && !isMap && !this.#isProto3 && !this.#isEditions) tokens.fail('expected \'required\', \'optional\' or \'repeated\'', start)
    const scalar = scalarTypes.get(type)
    if (scalar === undefined) field.typeName = type
    else field.type = scalar
    field.name = readName(tokens)
    this.#numberAndOptions(field)
    tokens.expect(';')
    return field
  }

  #label(field: FieldDescriptorProto): boolean {
    const tokens = this.#tokens
    const notIn = this.#isProto3 ? 'proto3' : this.#isEditions ? 'editions' : undefined
    if (tokens.takeIf('repeated')) field.label = Label.REPEATED
    else if (tokens.isNext('required')) {
      if (notIn !== undefined) tokens.fail(`required fields are not allowed in ${notIn}`)
      tokens.take()
      field.label = Label.REQUIRED
    } else if (tokens.isNext('optional')) {
      if (this.#isEditions) tokens.fail('the label \'optional\' is not allowed in editions')
      tokens.take()
      if (this.#isProto3) field.proto3Optional = true
    } else return false
    return true
  }

  /** As written, but for the space in `map<key, value>`. */
  #type(): string {
    const tokens = this.#tokens
    if (tokens.takeIf('.')) return `.${readFullName(tokens)}`
    const name = readFullName(tokens)
    if (name !== 'map' || !tokens.takeIf('<')) return name
    const key = readName(tokens)
    tokens.expect(',')
    const value = this.#type()
    if (value.startsWith('map<')) tokens.fail('the values of a map are no maps')
    tokens.expect('>')
    return `map<${key}, ${value}>`
  }

  #group(field: FieldDescriptorProto, groups: DescriptorProto[], depth: number): FieldDescriptorProto {
    const tokens = this.#tokens
    if (this.#isProto3 || this.#isEditions) tokens.fail(`groups are not allowed in ${this.#isProto3 ? 'proto3' : 'editions'}`)
    tokens.take()
    const token = tokens.next
    const name = readName(tokens)
    if (!/^[A-Z]/.test(name)) tokens.fail('the name of a group begins with a capital letter', token)
    field.name = name.toLowerCase()
    field.type = Type.GROUP
    field.typeName = name
    this.#numberAndOptions(field)
    const group = create(DescriptorProtoSchema, { name })
    groups.push(group)
    this.#messageBody(group, depth + 1)
    return field
  }

  #numberAndOptions(field: FieldDescriptorProto): void {
    const tokens = this.#tokens
    tokens.expect('=')
    const token = tokens.next
    field.number = this.#integer(1, fieldNumberMax)
    if (field.number >= 19_000 && field.number <= 19_999) tokens.fail('the numbers 19000 to 19999 belong to Protobuf itself', token)
    const at = tokens.next
    for (const option of readOptionList(tokens)) {
      const name = optionName(option)
      if (name === 'default') field.defaultValue = this.#defaultOf(field, option, at)
      else if (name === 'json_name') field.jsonName = Buffer.from(option.stringValue).toString()
      else (field.options ??= create(FieldOptionsSchema)).uninterpretedOption.push(option)
    }
  }

  /** As descriptor.proto has it: text, bytes escaped, numbers in decimal. */
  #defaultOf(field: FieldDescriptorProto, option: UninterpretedOption, at: Tokens['next']): string {
    const { identifierValue, stringValue, positiveIntValue, negativeIntValue, doubleValue, aggregateValue } = option
    if (aggregateValue !== '' || field.label === Label.REPEATED) this.#tokens.fail('a default is a single value', at)
    if (field.typeName !== '') return identifierValue
    switch (field.type) {
      case Type.STRING: return Buffer.from(stringValue).toString()
      case Type.BYTES: return escapedBytes(Buffer.from(stringValue))
      case Type.BOOL: return identifierValue
      case Type.DOUBLE: case Type.FLOAT:
        return identifierValue !== '' ? identifierValue : floatText(doubleValue !== 0 ? doubleValue : Number(positiveIntValue + negativeIntValue))
      default: return String(positiveIntValue + negativeIntValue)
    }
  }

  #integer(min: number, max: number): number {
    const tokens = this.#tokens
    const isNegative = min < 0 && tokens.takeIf('-')
    const token = tokens.next
    const value = readInteger(token)
    if (value === undefined) tokens.fail('expected a whole number')
    tokens.take()
    const number = Number(value) * (isNegative ? -1 : 1)
    if (number < min || number > max) tokens.fail(`the number is not within ${min} to ${max}`, token)
    return number + 0
  }

  /** `2`, `5 to 9` or `100 to max`. */
  #range(min: number, max: number): [from: number, to: number] {
    const tokens = this.#tokens
    const token = tokens.next
    const from = this.#integer(min, max)
    if (!tokens.takeIf('to')) return [from, from]
    const to = tokens.takeIf('max') ? max : this.#integer(min, max)
    if (to < from) tokens.fail('the range ends before it begins', token)
    return [from, to]
  }

  #statementsOf(type: DescriptorProto | EnumDescriptorProto): Statements {
    let statements = this.statements.get(type)
    if (statements === undefined) this.statements.set(type, statements = { reserved: [], extensions: [] })
    return statements
  }

  #reserved(type: DescriptorProto | EnumDescriptorProto, min: number, max: number, add: (from: number, to: number) => void): void {
    const tokens = this.#tokens
    tokens.take()
    const texts: string[] = []
    do {
      if (tokens.next.kind === 'string' || tokens.next.kind === 'name') {
        const name = tokens.next.kind === 'name' ? readName(tokens) : readStrings(tokens).toString()
        type.reservedName.push(name)
        texts.push(reservedNameText(name))
      } else {
        const range = this.#range(min, max)
        add(...range)
        texts.push(rangeText(...range))
      }
    } while (tokens.takeIf(','))
    tokens.expect(';')
    this.#statementsOf(type).reserved.push(texts.join(', '))
  }

  #extensions(message: DescriptorProto): void {
    const tokens = this.#tokens
    tokens.take()
    const ranges: [number, number][] = []
    do ranges.push(this.#range(1, fieldNumberMax))
    while (tokens.takeIf(','))
    const uninterpretedOption = readOptionList(tokens)
    tokens.expect(';')
    const options = uninterpretedOption.length === 0 ? undefined : create(ExtensionRangeOptionsSchema, { uninterpretedOption })
    for (const [start, to] of ranges) {
      message.extensionRange.push(create(DescriptorProto_ExtensionRangeSchema, { start, end: to + 1, ...options !== undefined && { options } }))
    }
    const texts = ranges.map(range => rangeText(...range))
    this.#statementsOf(message).extensions.push(texts.join(', ') + printOptionList(uninterpretedOption.map(printOption)))
  }

  #extend(extensions: FieldDescriptorProto[], groups: DescriptorProto[], depth: number): void {
    const tokens = this.#tokens
    tokens.take()
    const extendee = this.#type()
    tokens.expect('{')
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue
      const token = tokens.next
      const field = this.#field(groups, depth)
      if (field.typeName.startsWith('map<')) tokens.fail('an extension is no map', token)
      field.extendee = extendee
      extensions.push(field)
    }
  }

  #enum(): EnumDescriptorProto {
    const tokens = this.#tokens
    tokens.take()
    const type = create(EnumDescriptorProtoSchema, { name: readName(tokens) })
    tokens.expect('{')
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue
      if (tokens.isNext('option')) (type.options ??= create(EnumOptionsSchema)).uninterpretedOption.push(this.#option())
      else if (tokens.isNext('reserved')) {
        this.#reserved(type, int32Min, int32Max, (start, end) => type.reservedRange.push(create(EnumDescriptorProto_EnumReservedRangeSchema, { start, end })))
      } else {
        const name = readName(tokens)
        tokens.expect('=')
        const number = this.#integer(int32Min, int32Max)
        const options = readOptionList(tokens)
        tokens.expect(';')
        type.value.push(create(EnumValueDescriptorProtoSchema, {
          name, number, ...options.length > 0 && { options: create(EnumValueOptionsSchema, { uninterpretedOption: options }) },
        }))
      }
    }
    return type
  }

  #service(): ServiceDescriptorProto {
    const tokens = this.#tokens
    tokens.take()
    const service = create(ServiceDescriptorProtoSchema, { name: readName(tokens) })
    tokens.expect('{')
    while (!tokens.takeIf('}')) {
      if (tokens.takeIf(';')) continue
      if (tokens.isNext('option')) (service.options ??= create(ServiceOptionsSchema)).uninterpretedOption.push(this.#option())
      else service.method.push(this.#method())
    }
    return service
  }

  #method(): MethodDescriptorProto {
    const tokens = this.#tokens
    tokens.expect('rpc')
    const method = create(MethodDescriptorProtoSchema, { name: readName(tokens) })
    const message = (): [isStream: boolean, type: string] => {
      tokens.expect('(')
      const isStream = tokens.takeIf('stream')
      const type = isStream && tokens.isNext(')') ? 'stream' : this.#type()
      tokens.expect(')')
      return [isStream && type !== 'stream', type]
    }
    ;[method.clientStreaming, method.inputType] = message()
    tokens.expect('returns')
    ;[method.serverStreaming, method.outputType] = message()
    if (!tokens.takeIf('{')) tokens.expect(';')
    else {
      while (!tokens.takeIf('}')) {
        if (!tokens.takeIf(';')) (method.options ??= create(MethodOptionsSchema)).uninterpretedOption.push(this.#option())
      }
    }
    return method
  }
}
