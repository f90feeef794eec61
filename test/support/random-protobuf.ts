// Random Protobuf schemas, schemas that are nearly another one, and ProtoJSON values of a message. From a seeded generator, so that a failure can be replayed.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import type { Prng } from '../../src/base/prng.ts'

export interface FieldModel { name: string; number: number; type: string; label: string; oneof: string | undefined }
export interface MessageModel { name: string; fields: FieldModel[]; nested: MessageModel[] }
export interface ProtoModel { syntax: 'proto2' | 'proto3'; messages: MessageModel[]; enums: { name: string; values: string[] }[] }

const scalars = [
  'double', 'float', 'int32', 'int64', 'uint32', 'uint64', 'sint32', 'sint64', 'fixed32', 'fixed64', 'sfixed32', 'sfixed64', 'bool', 'string', 'bytes',
]

export function randomProto(random: Prng): ProtoModel {
  const model: ProtoModel = { syntax: random.pick(['proto2', 'proto3']), messages: [], enums: [] }
  for (let count = 1 + random.below(2); count > 0; count--) model.enums.push({ name: `E${count}`, values: ['A', 'B', 'C'].slice(0, 1 + random.below(3)) })
  const message = (name: string, depth: number): MessageModel => ({
    name, fields: [], nested: depth > 1 || random.chance(0.6) ? [] : Array.from({ length: 1 + random.below(2) }, (_, index) => message(`${name}N${index}`, depth + 1)),
  })
  for (let index = 0; index < 1 + random.below(3); index++) model.messages.push(message(`M${index}`, 0))
  for (const each of allMessages(model)) for (let count = random.below(5); count > 0; count--) addField(random, model, each)
  return model
}

/** A copy with up to three changes, as a next version might have them. */
export function mutatedProto(random: Prng, model: ProtoModel): ProtoModel {
  const copy = structuredClone(model)
  for (let count = 1 + random.below(3); count > 0; count--) {
    const message = random.pick(allMessages(copy))
    const field = message.fields.length === 0 ? undefined : random.pick(message.fields)
    const change = random.below(10)
    if (change < 2 || field === undefined) addField(random, copy, message)
    else if (change === 2) message.fields.splice(message.fields.indexOf(field), 1)
    else if (change === 3) field.name = `renamed${random.below(1_000_000)}`
    else if (change === 4) field.type = field.oneof === undefined ? randomType(random, copy) : random.pick(scalars)
    else if (change === 5) field.type = random.pick(scalars)
    else if (change === 6) setLabel(random, copy, field)
    else if (change === 7) moveInOrOut(random, message, field)
    else if (change === 8) message.fields.reverse()
    else random.pick(copy.enums).values = ['A', 'B', 'C', 'D'].slice(0, 1 + random.below(4))
  }
  return copy
}

export function protoText(model: ProtoModel): string {
  const field = ({ name, number, type, label }: FieldModel, isInOneof: boolean): string => `${isInOneof || type.startsWith('map<') || label === '' ? '' : `${label} `}${type} ${name} = ${number};`
  const message = ({ name, fields, nested }: MessageModel): string => {
    const oneofs = [...new Set(fields.flatMap(({ oneof }) => oneof ?? []))]
    return `message ${name} {\n${fields.filter(({ oneof }) => oneof === undefined).map(each => field(each, false)).join('\n')}\n${
      oneofs.map(oneof => `oneof ${oneof} {\n${fields.filter(each => each.oneof === oneof).map(each => field(each, true)).join('\n')}\n}`).join('\n')
    }\n${nested.map(message).join('\n')}}`
  }
  return `syntax = "${model.syntax}";\n${model.messages.map(message).join('\n')}\n${
    model.enums.map(({ name, values }) => `enum ${name} {\n${values.map((value, index) => `${name}_${value} = ${index};`).join('\n')}\n}`).join('\n')}`
}

function allMessages(model: ProtoModel): MessageModel[] {
  const below = (message: MessageModel): MessageModel[] => [message, ...message.nested.flatMap(below)]
  return model.messages.flatMap(below)
}

function addField(random: Prng, model: ProtoModel, message: MessageModel): void {
  const number = 1 + random.below(12)
  if (message.fields.some(field => field.number === number)) return
  const oneof = random.chance(0.2) ? random.pick(['o', 'p']) : undefined
  const field: FieldModel = { name: `f${number}_${random.below(1_000_000)}`, number, type: oneof === undefined ? randomType(random, model) : random.pick(scalars), label: '', oneof }
  setLabel(random, model, field)
  message.fields.push(field)
}

function randomType(random: Prng, model: ProtoModel): string {
  const names = allMessages(model).map(message => `.${pathOf(model, message)}`)
  const value = (): string => (random.chance(0.3) ? random.pick(names) : random.chance(0.2) ? `.${random.pick(model.enums).name}` : random.pick(scalars))
  return random.chance(0.15) ? `map<${random.pick(['string', 'int32', 'bool', 'uint64'])}, ${value()}>` : value()
}

function pathOf(model: ProtoModel, wanted: MessageModel): string {
  const find = (messages: MessageModel[], prefix: string): string | undefined => {
    for (const message of messages) {
      const found = message === wanted ? prefix + message.name : find(message.nested, `${prefix}${message.name}.`)
      if (found !== undefined) return found
    }
    return undefined
  }
  return find(model.messages, '')!
}

function setLabel(random: Prng, model: ProtoModel, field: FieldModel): void {
  // Required messages could lead to no end.
  const isScalar = scalars.includes(field.type)
  field.label = model.syntax === 'proto3' ? random.pick(['', '', 'optional', 'repeated']) : random.pick(['optional', 'optional', 'repeated', isScalar ? 'required' : 'optional'])
}

function moveInOrOut(random: Prng, message: MessageModel, field: FieldModel): void {
  if (field.oneof !== undefined) {
    field.oneof = undefined
    if (field.label === 'required') field.label = 'optional'
  } else if (!field.type.startsWith('map<')) field.oneof = random.pick(['o', 'p'])
  void message
}

/** A value that the message takes as ProtoJSON. */
export function randomMessage(random: Prng, type: DescMessage, depth = 0): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  const oneofs = new Set<unknown>()
  for (const field of type.fields) {
    const isRequired = field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED
    if (!isRequired && (random.chance(0.4) || (depth > 3 && field.message !== undefined))) continue
    if (field.oneof !== undefined && oneofs.has(field.oneof)) continue
    oneofs.add(field.oneof)
    if (field.fieldKind === 'list') value[field.jsonName] = Array.from({ length: random.below(3) }, () => randomValue(random, field, depth))
    else if (field.fieldKind === 'map') {
      const key = field.mapKey === ScalarType.STRING ? `k${random.below(9)}` : field.mapKey === ScalarType.BOOL ? String(random.chance(0.5)) : String(random.below(1_000))
      value[field.jsonName] = { [key]: randomValue(random, field, depth) }
    } else value[field.jsonName] = randomValue(random, field, depth)
  }
  return value
}

function randomValue(random: Prng, field: DescField, depth: number): unknown {
  if (field.message !== undefined) return randomMessage(random, field.message, depth + 1)
  if (field.enum !== undefined) return random.pick(field.enum.values).name
  const whole = (): number => random.pick([0, 1, 127, 128, 65_535, 2 ** 31 - 1, random.below(2 ** 31)])
  switch (field.scalar) {
    case ScalarType.STRING: return random.pick(['', 'text', 'äöü€', '\u0000', '🙂', '__proto__'])
    // UTF-8: text and bytes are compatible, which holds for bytes that are text only.
    case ScalarType.BYTES: return Buffer.from(random.pick(['', 'bytes', 'ä'])).toString('base64')
    case ScalarType.BOOL: return random.chance(0.5)
    case ScalarType.DOUBLE: case ScalarType.FLOAT: return random.pick([0, 1.5, -2, 'NaN', 'Infinity'])
    case ScalarType.INT64: case ScalarType.SINT64: case ScalarType.SFIXED64: return random.pick(['0', '-1', '9223372036854775807', String(-whole())])
    case ScalarType.UINT64: case ScalarType.FIXED64: return random.pick(['0', '18446744073709551615', String(whole())])
    case ScalarType.UINT32: case ScalarType.FIXED32: return random.pick([0, 2 ** 32 - 1, whole()])
    default: return random.pick([whole(), -whole(), -(2 ** 31)])
  }
}
