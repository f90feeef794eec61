// From what a frame names to schemas and payloads: the ids of the schema, and the payload in the form that its codec reads.
import { readUvarint, type Cursor } from '../base/varint.ts'
import { contextOf, defaultContext } from './contexts.ts'
import type { InvalidSchema } from './errors.ts'
import type { SchemaFault } from './fault.ts'
import type { Frame, SchemaName } from './framing.ts'
import type { ProtobufDocument } from './protobuf/document.ts'
import { writeMessageIndexes } from './protobuf/message-indexes.ts'
import type { Registry } from './registry.ts'
import { type Schema, schemaTypes } from './schema.ts'

/** The ids of the schema in the default context, at least one (a GUID leaves the language out, so that a text may be a schema in two), or why there is none. */
export function idsOf(registry: Registry, schema: SchemaName): readonly number[] | string {
  switch (schema.kind) {
    case 'id': return registry.store.withId(schema.id).length > 0 ? [schema.id] : `schema ${schema.id} is not known`
    case 'guid': {
      const ids = schemaTypes.map(type => registry.store.idOf(schema.guid, type)).filter(id => id !== undefined)
      return ids.length > 0 ? ids : `schema ${schema.guid} is not known`
    }
    case 'glue': {
      const version = registry.ofGlueVersion(schema.version)
      // Other registries of Glue's are other contexts, whose ids are others.
      return version === undefined || contextOf(version.subject) !== defaultContext ? `schema version ${schema.version} is not known` : [version.id]
    }
  }
}

/**
 * The frame's payload as codecs read it. They expect Confluent's message indexes before a Protobuf message: those of a header are put there, and Glue's one index,
 * an unsigned varint, becomes such ones. It counts all message types of the file, nested ones too, in the order of their full names.
 */
export function payloadOf(frame: Frame, schema: Schema | InvalidSchema): { readonly bytes: Buffer; readonly from: number } | SchemaFault {
  if (!('type' in schema) || schema.type !== 'PROTOBUF') return frame
  const { bytes, from, indexes } = frame
  if (indexes !== undefined) return { bytes: Buffer.concat([indexes, bytes.subarray(from)]), from: 0 }
  if (frame.schema.kind !== 'glue') return frame
  const cursor: Cursor = { at: from }
  const index = readUvarint(bytes, cursor)
  const path = Number.isNaN(index) ? undefined : messagePaths(schema.document)[index]
  if (path === undefined) return { pointer: '', reason: `names a message that the schema does not have, with the index ${index}` }
  return { bytes: Buffer.concat([writeMessageIndexes(path), bytes.subarray(cursor.at)]), from: 0 }
}

/** Indexes of every message type, in the order of the types' full names. */
function messagePaths(document: ProtobufDocument): readonly (readonly number[])[] {
  const known = pathsOf.get(document)
  if (known !== undefined) return known
  const { file } = document
  const named: { readonly name: string; readonly path: readonly number[] }[] = []
  type Nested = (typeof file.proto.messageType)[number]
  const visit = (types: readonly Nested[], prefix: string, path: readonly number[]): void => {
    for (const [index, type] of types.entries()) {
      named.push({ name: `${prefix}${type.name}`, path: [...path, index] })
      visit(type.nestedType, `${prefix}${type.name}.`, [...path, index])
    }
  }
  visit(file.proto.messageType, '', [])
  const paths = named.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ path }) => path)
  pathsOf.set(document, paths)
  return paths
}

const pathsOf = new WeakMap<ProtobufDocument, readonly (readonly number[])[]>()
