// Tags in .proto text by Confluent's entity paths: the names of a message and those around it, without the package; of a field, its message's path, its oneof's name if
// it stands in one, and its own. Tags that are put there stand in one `(confluent.field_meta) = { tags: […] }`, as Confluent's server writes them: it adds no import.
import { create, isFieldSet } from '@bufbuild/protobuf'
import {
  type DescriptorProto, type FieldDescriptorProto, FieldDescriptorProtoSchema, FieldOptionsSchema, MessageOptionsSchema, type UninterpretedOption,
  UninterpretedOptionSchema,
} from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { tagsInFields } from './confluent-tags.ts'
import { aggregateWithList, optionFields } from './options.ts'
import { parseProto, type WrittenFile } from './parser.ts'
import { printProto } from './printer.ts'

/** A message or field of a text. */
export interface ProtobufPart {
  readonly entityPath: string
  readonly entityType: 'sr_record' | 'sr_field'
  tags: readonly string[]
}

export interface ProtobufParts {
  /** In the order of the text. */
  readonly parts: readonly ProtobufPart[]
  /** The text with the tags as they now are. */
  print(): string
}

/** The messages and fields of a .proto text; undefined where it is none. */
export function protobufParts(text: string): ProtobufParts | undefined {
  let written: WrittenFile
  try {
    written = parseProto(text)
  } catch (error) {
    if (error instanceof InvalidSchema) return undefined
    throw error
  }
  const parts: ProtobufPart[] = []
  const visit = (message: DescriptorProto, around: string): void => {
    const path = `${around}${message.name}`
    parts.push(new Part(path, message))
    for (const field of message.field) {
      const oneof = isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) ? `${message.oneofDecl[field.oneofIndex]!.name}.` : ''
      parts.push(new Part(`${path}.${oneof}${field.name}`, field))
    }
    for (const nested of message.nestedType) visit(nested, `${path}.`)
  }
  for (const message of written.proto.messageType) visit(message, '')
  return { parts, print: () => printProto(written) }
}

class Part implements ProtobufPart {
  readonly entityPath: string
  readonly entityType: 'sr_record' | 'sr_field'
  readonly #owner: DescriptorProto | FieldDescriptorProto
  readonly #extension: string

  constructor(entityPath: string, owner: DescriptorProto | FieldDescriptorProto) {
    const isField = owner.$typeName === 'google.protobuf.FieldDescriptorProto'
    this.entityPath = entityPath
    this.entityType = isField ? 'sr_field' : 'sr_record'
    this.#owner = owner
    this.#extension = isField ? 'confluent.field_meta' : 'confluent.message_meta'
  }

  get tags(): readonly string[] {
    return [...new Set(this.#meta.flatMap(option => tagsInFields(optionFields(option))))]
  }

  /** All that is said of the part by the option is then said in one place, that of the first. */
  set tags(tags: readonly string[]) {
    const meta = this.#meta
    const aggregateValue = aggregateWithList(meta.map(optionFields).join(' '), 'tags', tags)
    const name = [{ namePart: this.#extension, isExtension: true }]
    const whole = aggregateValue === '' ? [] : [create(UninterpretedOptionSchema, { name, aggregateValue })]
    const [first] = meta
    const options = this.#options
    const left = options.flatMap(option => (option === first ? whole : meta.includes(option) ? [] : [option]))
    const uninterpretedOption = first === undefined ? [...left, ...whole] : left
    if (this.#owner.options !== undefined) this.#owner.options.uninterpretedOption = uninterpretedOption
    else if (this.#owner.$typeName === 'google.protobuf.FieldDescriptorProto') this.#owner.options = create(FieldOptionsSchema, { uninterpretedOption })
    else this.#owner.options = create(MessageOptionsSchema, { uninterpretedOption })
  }

  get #options(): readonly UninterpretedOption[] {
    return this.#owner.options?.uninterpretedOption ?? []
  }

  get #meta(): readonly UninterpretedOption[] {
    return this.#options.filter(({ name: [first] }) => first?.isExtension === true && first.namePart.replace(/^\./, '') === this.#extension)
  }
}
