// Custom options, which are extensions of descriptor.proto's options messages: from `option (pkg.name).part = value` to the extension's value in a descriptor,
// and from a descriptor back to what its author would have written. An option whose extension is not known here, or that does not fit it, stays as it is.
import {
  create, type DescExtension, type DescMessage, getExtension, type Message, type MessageInitShape, type Registry, ScalarType, setExtension,
} from '@bufbuild/protobuf'
import { mergeFromText, toText } from '@bufbuild/protobuf/txtpb'
import { type FileDescriptorProto, type UninterpretedOption, UninterpretedOptionSchema } from '@bufbuild/protobuf/wkt'
import { InvalidSchema } from '../errors.ts'
import { canonicalAggregate, nestingMax, optionFields } from './options.ts'
import { enumNumber, type Options, scalarValue, visitOptions } from './standard-options.ts'

/** The extension that an option's name stands for within a scope: of the innermost scope that has one. */
export function findExtension(registry: Registry, written: string, scope: string): DescExtension | undefined {
  if (written.startsWith('.')) return registry.getExtension(written.slice(1))
  for (let space = scope; ; space = space.slice(0, Math.max(0, space.lastIndexOf('.')))) {
    const found = registry.getExtension(space === '' ? written : `${space}.${written}`)
    if (found !== undefined || space === '') return found
  }
}

/** Applies the options whose extensions the registry has, in place. */
export function applyCustomOptions(file: FileDescriptorProto, registry: Registry): void {
  visitOptions(file, (options, desc, scope) => {
    if (options.uninterpretedOption.length === 0) return
    const values = new Map<DescExtension, unknown>()
    options.uninterpretedOption = options.uninterpretedOption.filter(option => {
      const [first] = option.name
      const extension = first?.isExtension === true ? findExtension(registry, first.namePart, scope) : undefined
      if (extension === undefined || extension.extendee.typeName !== desc.typeName) return true
      const value = valueOf(extension, option, values.get(extension), registry)
      if (value === undefined) return true
      values.set(extension, value)
      return false
    })
    for (const [extension, value] of values) setExtension(options as unknown as Message, extension, value as never)
  })
}

/** The value with the option applied to what there is of it; undefined where it does not fit. */
function valueOf(extension: DescExtension, option: UninterpretedOption, known: unknown, registry: Registry): unknown {
  try {
    const item = itemOf(extension, option, extension.fieldKind === 'list' ? undefined : known, registry)
    if (item === undefined) return undefined
    if (extension.fieldKind !== 'list') return item
    const list = (known as unknown[] | undefined) ?? []
    list.push(item)
    return list
  } catch {
    return undefined
  }
}

function itemOf({ message, enum: type, scalar }: DescExtension, option: UninterpretedOption, known: unknown, registry: Registry): unknown {
  if (message !== undefined) return mergeFromText(message, (known as Message | undefined) ?? create(message), optionFields(option), { registry, recursionLimit: nestingMax })
  if (option.name.length > 1) return undefined
  return type !== undefined ? enumNumber(type, option.identifierValue) : scalarValue(scalar!, option)
}

/** The custom options that a descriptor's options message has, as they would be written. */
export function customOptionsOf(options: Options, desc: DescMessage, registry: Registry): UninterpretedOption[] {
  const message = options as unknown as Message
  const found: UninterpretedOption[] = []
  for (const { no } of message.$unknown ?? []) {
    const extension = registry.getExtensionFor(desc, no)
    const name = [{ namePart: extension?.typeName ?? '', isExtension: true }]
    if (extension === undefined || found.some(each => each.name[0]!.namePart === extension.typeName)) continue
    const value = read(message, extension)
    for (const item of extension.fieldKind === 'list' ? value as readonly unknown[] : [value]) {
      found.push(create(UninterpretedOptionSchema, { ...writtenValue(extension, item, registry), name } as MessageInitShape<typeof UninterpretedOptionSchema>))
    }
  }
  return found
}

function read(message: Message, extension: DescExtension): unknown {
  try {
    return getExtension(message, extension)
  } catch {
    throw new InvalidSchema(`option (${extension.typeName}) has a value that is none of its type`)
  }
}

function writtenValue({ message, enum: type, scalar }: DescExtension, value: unknown, registry: Registry): MessageInitShape<typeof UninterpretedOptionSchema> {
  if (message !== undefined) return { aggregateValue: canonicalAggregate(toText(message, value as Message, { registry }), { sort: false }) }
  if (type !== undefined) return { identifierValue: type.value[value as number]?.name ?? String(value) }
  if (scalar === ScalarType.STRING) return { stringValue: Buffer.from(value as string) }
  if (scalar === ScalarType.BYTES) return { stringValue: value as Uint8Array }
  if (typeof value === 'boolean') return { identifierValue: String(value) }
  if (scalar === ScalarType.DOUBLE || scalar === ScalarType.FLOAT) return { doubleValue: value as number }
  const integer = BigInt(value as number | bigint)
  return integer < 0n ? { negativeIntValue: integer } : { positiveIntValue: integer }
}
