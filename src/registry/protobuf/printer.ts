// .proto text as Confluent's server prints it, without comments: the form in which a schema is stored and compared. Messages stand before enums, fields
// before oneofs, oneofs before groups, ranges and nested types; a line break stands between such parts, indented as deep as what is around it.
import {
  type DescriptorProto, type EnumDescriptorProto, type FieldDescriptorProto, FieldDescriptorProto_Label, FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema, type FileDescriptorProto, type MethodDescriptorProto, type OneofDescriptorProto, type ServiceDescriptorProto,
  type UninterpretedOption, Edition,
} from '@bufbuild/protobuf/wkt'
import { isFieldSet } from '@bufbuild/protobuf'
import { indented, printOption, printOptionList, quoted } from './options.ts'
import { rangeText, reservedNameText, scalarTypes, type WrittenFile } from './parser.ts'

const Type = FieldDescriptorProto_Type
const Label = FieldDescriptorProto_Label
const scalarNames: ReadonlyMap<FieldDescriptorProto_Type, string> = new Map([...scalarTypes].map(([name, type]) => [type, name]))

interface Optioned {
  readonly uninterpretedOption: readonly UninterpretedOption[]
}

export function printProto(file: WrittenFile): string {
  return new Printer(file).file()
}

/** The oneof a field stands in. The oneofs that descriptors have for `optional` fields of proto3 do not count. */
function oneofOf(field: FieldDescriptorProto): number | undefined {
  return isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !field.proto3Optional ? field.oneofIndex : undefined
}

function isGroup(field: FieldDescriptorProto): boolean {
  return field.type === Type.GROUP && field.typeName !== ''
}

class Printer {
  readonly #file: FileDescriptorProto
  readonly #statements: WrittenFile['statements']
  readonly #hasLabels: boolean
  readonly #sortsFieldOptions: boolean

  constructor({ proto, statements, sortsFieldOptions = false }: WrittenFile) {
    this.#sortsFieldOptions = sortsFieldOptions
    this.#file = proto
    this.#statements = statements
    this.#hasLabels = proto.syntax === 'proto2' || proto.syntax === ''
  }

  file(): string {
    const file = this.#file
    const head = file.syntax === 'editions' ? `edition = "${Edition[file.edition]!.replace('EDITION_', '')}";\n` : file.syntax === '' ? '' : `syntax = "${file.syntax}";\n`
    const publics = new Set(file.publicDependency)
    const weak = new Set(file.weakDependency)
    const imports = (kind: string, isKind: (index: number) => boolean): string =>
      file.dependency.flatMap((name, index) => (isKind(index) ? [`import ${kind}${quoted(Buffer.from(name))};\n`] : [])).join('')
    const parts = [
      imports('', index => !publics.has(index) && !weak.has(index))
        + imports('weak ', index => weak.has(index))
        + imports('public ', index => publics.has(index)),
      optionStatements(file.options),
      this.#types(file.messageType, file.enumType, groupsOf(file.extension)),
      this.#extends(file.extension, file.messageType),
      file.service.map(service => this.#service(service)).join(''),
    ]
    return head + (file.package === '' ? '' : `package ${file.package};\n`) + parts.filter(part => part !== '').map(part => `\n${part}`).join('')
  }

  #types(messages: readonly DescriptorProto[], enums: readonly EnumDescriptorProto[], groups: ReadonlySet<string>): string {
    return messages.filter(message => !groups.has(message.name)).map(message => `message ${message.name} ${this.#messageBody(message)}`).join('')
      + enums.map(type => this.#enum(type)).join('')
  }

  #messageBody(message: DescriptorProto): string {
    const written = this.#statements.get(message)
    const members = Map.groupBy(message.field, oneofOf)
    const outside = members.get(undefined) ?? []
    const nested = new Map(message.nestedType.map(each => [each.name, each]))
    const parts = [
      (written?.reserved ?? [
        ...message.reservedRange.map(({ start, end }) => rangeText(start, end - 1)), ...message.reservedName.map(reservedNameText),
      ]).map(statement => `reserved ${statement};\n`).join(''),
      optionStatements(message.options),
      outside.filter(field => !isGroup(field)).map(field => this.#field(field)).join(''),
      message.oneofDecl.map((oneof, index) => (members.has(index) ? this.#oneof(oneof, members.get(index)!, nested) : '')).join(''),
      outside.filter(isGroup).map(field => this.#group(field, nested)).join(''),
      (written?.extensions ?? message.extensionRange.map(({ start, end, options }) => (
        rangeText(start, end - 1) + printOptionList((options?.uninterpretedOption ?? []).map(printOption))
      ))).map(statement => `extensions ${statement};\n`).join(''),
      this.#extends(message.extension, message.nestedType),
      this.#types(message.nestedType, message.enumType, new Set([...groupsOf(message.field), ...groupsOf(message.extension)])),
    ]
    return body(parts)
  }

  #oneof(oneof: OneofDescriptorProto, members: readonly FieldDescriptorProto[], nested: ReadonlyMap<string, DescriptorProto>): string {
    return `oneof ${oneof.name} ${body([
      optionStatements(oneof.options),
      members.filter(field => !isGroup(field)).map(field => this.#field(field, { isInOneof: true })).join(''),
      members.filter(isGroup).map(field => this.#group(field, nested, { isInOneof: true })).join(''),
    ])}`
  }

  #field(field: FieldDescriptorProto, { isInOneof = false } = {}): string {
    const type = field.typeName === '' ? scalarNames.get(field.type)! : field.typeName
    return `${this.#label(field, isInOneof)}${type} ${field.name} = ${field.number}${this.#fieldOptions(field)};\n`
  }

  #group(field: FieldDescriptorProto, nested: ReadonlyMap<string, DescriptorProto>, { isInOneof = false } = {}): string {
    const name = lastPart(field.typeName)
    const message = nested.get(name)
    const text = message === undefined ? '{}\n' : this.#messageBody(message)
    return `${this.#label(field, isInOneof)}group ${name} = ${field.number}${this.#fieldOptions(field)} ${text}`
  }

  #fieldOptions(field: FieldDescriptorProto): string {
    const options = (field.options?.uninterpretedOption ?? []).map(printOption)
    if (isFieldSet(field, FieldDescriptorProtoSchema.field.defaultValue)) options.push(`default = ${defaultText(field)}`)
    if (isFieldSet(field, FieldDescriptorProtoSchema.field.jsonName)) options.push(`json_name = ${quoted(Buffer.from(field.jsonName))}`)
    if (!this.#sortsFieldOptions) return printOptionList(options)
    const name = (option: string): string => option.slice(0, option.indexOf(' ')).replace('(', '')
    return printOptionList(options.toSorted((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0)))
  }

  #label(field: FieldDescriptorProto, isInOneof: boolean): string {
    if (isInOneof || field.typeName.startsWith('map<')) return ''
    if (field.label === Label.REPEATED) return 'repeated '
    if (field.proto3Optional) return 'optional '
    if (!this.#hasLabels) return ''
    return field.label === Label.REQUIRED ? 'required ' : 'optional '
  }

  /** Neighbours that extend the same message share a block. */
  #extends(extensions: readonly FieldDescriptorProto[], messages: readonly DescriptorProto[]): string {
    const groups = new Map(messages.map(each => [each.name, each]))
    const blocks: { extendee: string; text: string }[] = []
    for (const field of extensions) {
      const text = isGroup(field) ? this.#group(field, groups) : this.#field(field)
      const block = blocks.at(-1)
      if (block?.extendee === field.extendee) block.text += text
      else blocks.push({ extendee: field.extendee, text })
    }
    return blocks.map(({ extendee, text }) => `extend ${extendee} {\n${indented(text)}}\n`).join('')
  }

  #enum(type: EnumDescriptorProto): string {
    const reserved = this.#statements.get(type)?.reserved ?? [
      ...type.reservedRange.map(({ start, end }) => rangeText(start, end)), ...type.reservedName.map(reservedNameText),
    ]
    const values = type.value.map(({ name, number, options }) => `${name} = ${number}${printOptionList((options?.uninterpretedOption ?? []).map(printOption))};\n`)
    const text = reserved.map(statement => `reserved ${statement};\n`).join('') + optionStatements(type.options) + values.join('')
    return `enum ${type.name} {${text === '' ? '' : `\n${indented(text)}`}}\n`
  }

  #service(service: ServiceDescriptorProto): string {
    return `service ${service.name} ${body([optionStatements(service.options), service.method.map(method => rpc(method)).join('')])}`
  }
}

function rpc({ name, inputType, outputType, clientStreaming, serverStreaming, options }: MethodDescriptorProto): string {
  const text = optionStatements(options)
  const stream = (isStream: boolean): string => (isStream ? 'stream ' : '')
  return `rpc ${name} (${stream(clientStreaming)}${inputType}) returns (${stream(serverStreaming)}${outputType})${text === '' ? '' : ` {\n${indented(text)}}`};\n`
}

/** Parts within braces; the space between two of them is a line of its own, which the indentation of what is around fills with blanks. */
function body(parts: readonly string[]): string {
  return `{${parts.filter(part => part !== '').map(part => `\n${indented(part)}`).join('')}}\n`
}

function optionStatements(options: Optioned | undefined): string {
  return (options?.uninterpretedOption ?? []).map(option => `option ${printOption(option)};\n`).join('')
}

function defaultText(field: FieldDescriptorProto): string {
  if (field.typeName !== '') return field.defaultValue
  // A bytes field's is escaped already.
  return field.type === Type.STRING ? quoted(Buffer.from(field.defaultValue)) : field.type === Type.BYTES ? `"${field.defaultValue}"` : field.defaultValue
}

function groupsOf(fields: readonly FieldDescriptorProto[]): Set<string> {
  return new Set(fields.filter(isGroup).map(field => lastPart(field.typeName)))
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
