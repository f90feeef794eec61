// The tags that a schema gives its fields and messages by Confluent's options: `[(confluent.field_meta).tags = "PII"]`, or within a value in braces.
import { create, createFileRegistry, getExtension, type Message, type Registry } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { builtInFile } from './built-in.ts'
import { optionFields } from './options.ts'
import type { Options } from './standard-options.ts'
import { Tokens } from './tokens.ts'

let registry: Registry | undefined

/**
 * The tags of a linked field's or message's options. Options of a schema that does not import confluent/meta.proto count too: who wrote them meant them, and a
 * field shown by mistake cannot be taken back.
 */
export function confluentTags(options: Options | undefined, extension: 'field_meta' | 'message_meta'): readonly string[] {
  if (options === undefined) return []
  registry ??= createFileRegistry(create(FileDescriptorSetSchema, {
    file: ['google/protobuf/descriptor.proto', 'confluent/meta.proto'].map(path => builtInFile(path)!.proto),
  }))
  const applied = getExtension(options as unknown as Message, registry.getExtension(`confluent.${extension}`)!) as { readonly tags?: readonly string[] }
  const unknown = options.uninterpretedOption.filter(({ name: [meta] }) => meta?.isExtension === true && meta.namePart.split('.').at(-1) === extension)
  return [...new Set([...applied.tags ?? [], ...unknown.flatMap(option => tagsInFields(optionFields(option)))])]
}

/** The tags in the value of a field_meta or message_meta, given as text-format text. */
export function tagsInFields(text: string): readonly string[] {
  const tokens = new Tokens(text)
  const tags: string[] = []
  let depth = 0
  let isTags = false
  for (let token = tokens.take(); token.kind !== 'end'; token = tokens.take()) {
    if (token.kind === 'string') {
      if (isTags) tags.push(token.bytes.toString())
    } else if (token.text === '{') depth++
    else if (token.text === '}') depth--
    else if (token.kind === 'name' && depth === 0) isTags = token.text === 'tags'
  }
  return tags
}
