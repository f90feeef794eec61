// Protobuf payloads as trees. For data that the codec has found good. Fields go by their names in the schema for rules, and by their JSON names for who reads
// them; messages that ProtoJSON writes in a form of their own (times, wrappers, structs) are one value, and so is what an Any holds, which has every tag.
import { type DescField, type DescMessage, fromBinary, type JsonObject, type JsonValue, type Message, toJson } from '@bufbuild/protobuf'
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import { FieldDescriptorProto_Type as FieldType } from '@bufbuild/protobuf/wkt'
import { confluentTags } from '../protobuf/confluent-tags.ts'
import type { ProtobufDocument } from '../protobuf/document.ts'
import { messageAt, readMessageIndexes } from '../protobuf/message-indexes.ts'
import type { TaggedPaths } from './tagged-paths.ts'
import { type Field, type Leaf, type Member, NoTree, type Tree, type TreeReader, tooManyValues, treeValuesMax, type TypeName } from './tree.ts'

export function compileProtobufTree(document: ProtobufDocument, paths: TaggedPaths, allTags: readonly string[]): TreeReader {
  const builder = new ProtobufTrees(document, paths, allTags)
  return (bytes, from) => builder.read(bytes, from)
}

/** Every tag that stands in the schema or one it imports, as an option of a field or message. */
export function tagsInProtobuf({ registry }: ProtobufDocument): readonly string[] {
  const tags = new Set<string>()
  for (const type of registry) {
    if (type.kind !== 'message') continue
    for (const tag of confluentTags(type.proto.options, 'message_meta')) tags.add(tag)
    for (const field of type.fields) for (const tag of confluentTags(field.proto.options, 'field_meta')) tags.add(tag)
  }
  return [...tags]
}

/** What ProtoJSON does not write as an object of its fields. */
const ownForms: ReadonlySet<string> = new Set([
  'Any', 'Timestamp', 'Duration', 'FieldMask', 'Struct', 'Value', 'ListValue', 'BoolValue', 'StringValue', 'BytesValue', 'Int32Value', 'Int64Value', 'UInt32Value',
  'UInt64Value', 'FloatValue', 'DoubleValue',
].map(name => `google.protobuf.${name}`))

const typeNames: { readonly [type in FieldType]?: TypeName } = {
  [FieldType.STRING]: 'STRING', [FieldType.BYTES]: 'BYTES', [FieldType.BOOL]: 'BOOLEAN', [FieldType.FLOAT]: 'FLOAT', [FieldType.DOUBLE]: 'DOUBLE',
  [FieldType.INT32]: 'INT', [FieldType.SINT32]: 'INT', [FieldType.UINT32]: 'INT', [FieldType.FIXED32]: 'INT', [FieldType.SFIXED32]: 'INT',
  [FieldType.INT64]: 'LONG', [FieldType.SINT64]: 'LONG', [FieldType.UINT64]: 'LONG', [FieldType.FIXED64]: 'LONG', [FieldType.SFIXED64]: 'LONG',
}

class ProtobufTrees {
  readonly #document: ProtobufDocument
  readonly #paths: TaggedPaths
  readonly #allTags: readonly string[]
  readonly #fields = new Map<DescField, Field>()
  readonly #typeTags = new Map<DescMessage, readonly string[]>()
  #valuesLeft = 0

  constructor(document: ProtobufDocument, paths: TaggedPaths, allTags: readonly string[]) {
    this.#document = document
    this.#paths = paths
    this.#allTags = allTags
  }

  read(bytes: Buffer, from: number): Tree {
    const { registry, file } = this.#document
    const found = readMessageIndexes(bytes, from)
    const type = 'reason' in found ? undefined : messageAt(file, found.indexes)
    if ('reason' in found || type === undefined) throw new Error('the payload was not checked')
    const message: Message = fromBinary(type, bytes.subarray(found.end))
    this.#valuesLeft = treeValuesMax
    let json: JsonValue
    try {
      json = toJson(type, message, { registry })
    } catch {
      throw new NoTree(`is a message ${type.typeName} that has no JSON form`)
    }
    return this.#message(reflect(type, message), json)
  }

  #message(message: ReflectMessage, json: JsonValue): Tree {
    this.#count()
    const { desc } = message
    const tags = desc.typeName === 'google.protobuf.Any' ? this.#allTags : this.#tagsOf(desc)
    const tree: Tree = ownForms.has(desc.typeName)
      ? { kind: 'leaf', typeName: undefined, value: message, json: JSON.stringify(json) }
      : { kind: 'members', message, members: desc.fields.flatMap(field => this.#member(message, field, json as JsonObject)) }
    return tags.length === 0 ? tree : { kind: 'tagged', tags, tree }
  }

  /** A scalar that is not set has its default for rules, and is not shown. */
  #member(message: ReflectMessage, field: DescField, json: JsonObject): readonly Member[] {
    const shown = Object.hasOwn(json, field.jsonName) ? json[field.jsonName] : undefined
    const isShown = shown !== undefined
    if (!isShown && (field.fieldKind !== 'scalar' || field.oneof !== undefined)) return []
    return [{ name: field.jsonName, field: this.#field(field), isShown, tree: this.#value(message, field, shown ?? null) }]
  }

  #value(message: ReflectMessage, field: DescField, json: JsonValue): Tree {
    switch (field.fieldKind) {
      case 'scalar': return this.#scalar(field.proto.type, message.get(field), json)
      case 'enum': return this.#enum(message.get(field), json)
      case 'message': return this.#message(message.get(field), json)
      case 'list': {
        const values = json as JsonValue[]
        return {
          kind: 'list',
          items: [...message.get(field)].map((item, index) => {
            if (field.listKind === 'message') return this.#message(item as ReflectMessage, values[index]!)
            return field.listKind === 'enum' ? this.#enum(item as number, values[index]!) : this.#scalar(field.proto.type, item, values[index]!)
          }),
        }
      }
      case 'map': {
        const values = json as JsonObject
        const { mapKind } = field
        return {
          kind: 'members',
          members: [...message.get(field)].map(([key, value]): Member => {
            const each = values[String(key)]!
            const tree = mapKind === 'message' ? this.#message(value as ReflectMessage, each)
              : mapKind === 'enum' ? this.#enum(value as number, each)
                : this.#scalar(field.scalar as number as FieldType, value, each)
            return { name: String(key), field: undefined, tree }
          }),
        }
      }
    }
  }

  #scalar(type: FieldType, value: unknown, json: JsonValue): Leaf {
    this.#count()
    const typeName = typeNames[type]
    const isWhole = typeName === 'INT' || typeName === 'LONG'
    return { kind: 'leaf', typeName, value: isWhole ? BigInt(value as number | string | bigint) : value as string | boolean | number | Uint8Array, json: JSON.stringify(json) }
  }

  #enum(value: number, json: JsonValue): Leaf {
    this.#count()
    return { kind: 'leaf', typeName: 'ENUM', value: BigInt(value), json: JSON.stringify(json) }
  }

  #field(field: DescField): Field {
    let known = this.#fields.get(field)
    if (known === undefined) {
      const fullName = `${field.parent.typeName}.${field.name}`
      const inline = confluentTags(field.proto.options, 'field_meta')
      this.#fields.set(field, known = { name: field.name, fullName, tags: [...new Set([...inline, ...this.#paths.of(fullName)])] })
    }
    return known
  }

  #tagsOf(type: DescMessage): readonly string[] {
    let known = this.#typeTags.get(type)
    if (known === undefined) {
      this.#typeTags.set(type, known = [...new Set([...confluentTags(type.proto.options, 'message_meta'), ...this.#paths.of(type.typeName)])])
    }
    return known
  }

  #count(): void {
    if (--this.#valuesLeft < 0) throw tooManyValues()
  }
}
