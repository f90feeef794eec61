// The required fields of proto2 in messages as they were read: the decoder of the library takes messages without them.
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import { pointerToken, type SchemaFault } from '../fault.ts'

export class RequiredFields {
  /** Whether a message of the type can lack something, itself or deep within. */
  readonly #mayLack = new Map<DescMessage, boolean>()

  /** The first one that is missing, or null. */
  missingIn(type: DescMessage, message: Message): SchemaFault | null {
    return this.#isConcerned(type) ? this.#missing(reflect(type, message), '') : null
  }

  #missing(message: ReflectMessage, pointer: string): SchemaFault | null {
    for (const field of message.desc.fields) {
      const at = pointer + pointerToken(field.jsonName)
      if (!message.isSet(field)) {
        if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) return { pointer: at, reason: 'is required and missing' }
        continue
      }
      if (field.message === undefined || !this.#isConcerned(field.message)) continue
      for (const [name, inner] of messagesIn(message, field)) {
        const missing = this.#missing(inner, name === undefined ? at : at + pointerToken(name))
        if (missing !== null) return missing
      }
    }
    return null
  }

  #isConcerned(type: DescMessage): boolean {
    const known = this.#mayLack.get(type)
    if (known !== undefined) return known
    // All that can be reached, then back from those that have required fields.
    const users = new Map<DescMessage, DescMessage[]>([[type, []]])
    const waiting = [type]
    const lacking: DescMessage[] = []
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
      if (each.fields.some(field => field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED)) lacking.push(each)
      for (const { message } of each.fields) {
        if (message === undefined) continue
        if (!users.has(message)) waiting.push(message)
        const list = users.get(message) ?? []
        list.push(each)
        users.set(message, list)
      }
    }
    const found = new Set(lacking)
    for (let each = lacking.pop(); each !== undefined; each = lacking.pop()) {
      for (const user of users.get(each)!) {
        if (!found.has(user)) lacking.push(user)
        found.add(user)
      }
    }
    for (const each of users.keys()) this.#mayLack.set(each, found.has(each))
    return found.has(type)
  }
}

function* messagesIn(message: ReflectMessage, field: DescField): Iterable<[name: string | number | undefined, inner: ReflectMessage]> {
  if (field.fieldKind === 'message') yield [undefined, message.get(field)]
  else if (field.fieldKind === 'list' && field.listKind === 'message') {
    let index = 0
    for (const inner of message.get(field)) yield [index++, inner as ReflectMessage]
  } else if (field.fieldKind === 'map' && field.mapKind === 'message') {
    for (const [key, inner] of message.get(field)) yield [String(key), inner as ReflectMessage]
  }
}

