// Stored keys and values as JSON text, per embedded format, for whoever reads them: fields with tags are masked where the reader has no READ on each tag, and
// in a format that shows bytes as they are, what has masked fields or breaks a rule of reading is withheld.
import { isUtf8 } from 'node:buffer'
import type { Access, Caller } from '../../ports.ts'
import { contextOf } from '../../registry/contexts.ts'
import { InvalidSchema } from '../../registry/errors.ts'
import { isUndecided, type SchemaFault, Withheld } from '../../registry/fault.ts'
import { type Frame, readFrame, type SchemaName, schemaText } from '../../registry/framing.ts'
import { payloadOf } from '../../registry/named-schemas.ts'
import type { Registry } from '../../registry/registry.ts'
import { schemaTypes } from '../../registry/schema.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import type { Header } from '../../wire/batch.ts'
import { type AvroForm, type EmbeddedFormat, typeOfFormat } from './media-types.ts'

/** Stored bytes as JSON text, or why they cannot be shown; Withheld where they must not be shown in another form either. */
export type PartReader = (bytes: Buffer, headers: readonly Header[]) => ShownText | Promise<ShownText>

type ShownText = string | SchemaFault

/** Who reads, and in which form. */
export interface Shown {
  readonly format: EmbeddedFormat | 'auto'
  readonly avro: AvroForm
  readonly caller: Caller
}

export interface ReaderParts {
  readonly registry: Registry
  readonly access: Access
}

type MayRead = (tag: string) => boolean

/** `hasSubject`: whether plain JSON of this part goes by a schema of the topic's subject. */
export function partReader(parts: ReaderParts, of: { part: 'key' | 'value'; hasSubject: boolean }, { format, avro, caller }: Shown): PartReader {
  // Filling in what a caller may see leaves no trace in the audit log; asked anew for each record, since a reader may go on for hours.
  const mayRead: MayRead = tag => parts.access.wouldAllow(caller, 'read', 'tag', tag)
  const { part } = of
  const asItIs = (read: (bytes: Buffer) => string | SchemaFault): PartReader => (bytes, headers) => {
    const frame = readFrame(bytes, part, headers)
    return (typeof frame === 'string' ? null : withheldBytes(parts.registry, frame, mayRead)) ?? read(bytes)
  }
  const bySchema: PartReader = (bytes, headers) => {
    const frame = readFrame(bytes, part, headers)
    return typeof frame === 'string' ? { pointer: '', reason: frame } : decoded(parts.registry, frame, typeOfFormat[format], { tagged: avro === 'tagged', mayRead })
  }
  switch (format) {
    case 'binary': return asItIs(bytes => JSON.stringify(bytes.toString('base64')))
    case 'json': return asItIs(jsonText)
    case 'string': return asItIs(plainText)
    case 'auto': return of.hasSubject ? bySchema : asItIs(part === 'key' ? plainText : jsonText)
    default: return bySchema
  }
}

/** The value behind a frame. What cannot be decoded would be shown as bytes in its place. */
function decoded(registry: Registry, frame: Frame, wanted: string | undefined, how: { tagged: boolean; mayRead: MayRead }): ShownText | Promise<ShownText> {
  const name = schemaText(frame.schema)
  const versions = versionsOf(registry, frame.schema)
  const [known] = versions
  if (known === undefined) return { pointer: '', reason: `schema ${name} is not known` }
  const version = wanted === undefined ? known : versions.find(each => each.schemaType === wanted)
  if (version === undefined) return withheldBytes(registry, frame, how.mayRead) ?? { pointer: '', reason: `schema ${name} is of type ${known.schemaType}, not ${wanted}` }
  const codec = registry.payloadCodec(version.id, contextOf(version.subject))
  if (codec instanceof InvalidSchema) return withheldBytes(registry, frame, how.mayRead) ?? { pointer: '', reason: `schema ${name} cannot be used: ${codec.message}` }
  const schema = registry.parsed(version)
  const payload = payloadOf(frame, schema)
  if ('reason' in payload) return withheldBytes(registry, frame, how.mayRead) ?? payload
  const { bytes, from } = payload
  const text = codec.decode(bytes, from, how)
  if (typeof text === 'string' || !isUndecided(text) || schema instanceof InvalidSchema) return text
  return registry.checkBeside(schema, bytes.subarray(from))
    .then(fault => (fault === null ? codec.decode(bytes, from, { ...how, fits: true }) : new Withheld(fault.pointer, fault.reason)))
}

/** Why bytes may not be shown as they are to whom `mayRead` tells of: their schema has fields that are masked for him, or they break its rules of reading. */
export function withheldBytes(registry: Registry, frame: Frame, mayRead: MayRead): Withheld | null {
  for (const version of versionsOf(registry, frame.schema)) {
    const codec = registry.payloadCodec(version.id, contextOf(version.subject))
    if (codec instanceof InvalidSchema) {
      // Which fields its tags are on cannot be told.
      const hasTags = Object.keys(version.metadata?.tags ?? {}).length > 0 || mentionOfTags.test(version.schema)
      if (hasTags) return new Withheld('', `schema ${version.id} has tags and cannot be read: ${codec.message}`)
      continue
    }
    const payload = payloadOf(frame, registry.parsed(version))
    const reason = codec.withholds(...'reason' in payload ? [frame.bytes, frame.from] as const : [payload.bytes, payload.from] as const, mayRead)
    if (reason !== null) return reason
  }
  return null
}

const mentionOfTags = /confluent[:.]/

/** A GUID leaves the language out, so that it may stand for several. */
function versionsOf(registry: Registry, schema: SchemaName): readonly SchemaVersion[] {
  const { store } = registry
  const ofId = (id: number | undefined): readonly SchemaVersion[] => (id === undefined ? [] : store.withId(id).slice(0, 1))
  switch (schema.kind) {
    case 'id': return ofId(schema.id)
    case 'guid': return schemaTypes.flatMap(type => ofId(store.idOf(schema.guid, type)))
    case 'glue': {
      const version = registry.ofGlueVersion(schema.version)
      return version === undefined ? [] : [version]
    }
  }
}

/** The bytes themselves where they are JSON, numbers in full precision. */
function jsonText(bytes: Buffer): string | SchemaFault {
  const text = bytes.toString()
  try {
    JSON.parse(text)
    return text
  } catch {
    return { pointer: '', reason: 'is not JSON' }
  }
}

/** A key as the text it is; "17" stays a text. */
function plainText(bytes: Buffer): string | SchemaFault {
  return isUtf8(bytes) ? JSON.stringify(bytes.toString()) : { pointer: '', reason: 'is not UTF-8' }
}
