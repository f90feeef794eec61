// Names that fields may not have: those that a schema's own metadata reserves (confluent:reserved), and in JSON Schema those that begin with `$$`. Held to where the
// setting validateFields is on.
import { isObject } from './exact-json.ts'
import { type Metadata, reservedFields } from './metadata.ts'
import type { Schema } from './schema.ts'

/** Why the schema is none that may be registered; undefined where it may. */
export function faultOfFields(schema: Schema): string | undefined {
  const [reserved] = schema.type === 'JSON' ? topLevelFields(schema).filter(name => name.startsWith('$$')) : []
  return reserved === undefined ? undefined : `field ${reserved.slice(0, 255)}: names that begin with $$ are reserved`
}

/** What stands between a schema and the one before it, in Confluent's words. */
export function reservedDifferences(schema: Schema, metadata: Metadata | undefined, before: Metadata | undefined): readonly string[] {
  const reserved = reservedFields(metadata)
  const fields = new Set(topLevelFields(schema))
  return [
    ...[...reservedFields(before)].filter(name => !reserved.has(name))
      .map(name => `The new schema has reserved field ${name} removed from its metadata which is present in the old schema's metadata.`),
    ...[...reserved].filter(name => fields.has(name)).map(name => `The new schema has field that conflicts with the reserved field ${name}.`),
  ]
}

function topLevelFields(schema: Schema): string[] {
  switch (schema.type) {
    case 'AVRO': return schema.root.kind === 'record' ? schema.root.fields.map(field => field.name) : []
    case 'JSON': {
      const { root } = schema.document
      return isObject(root) && isObject(root['properties']) ? Object.keys(root['properties']) : []
    }
    case 'PROTOBUF': return schema.document.proto.messageType[0]?.field.map(field => field.name) ?? []
  }
}
