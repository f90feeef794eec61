// Compatibility levels: which versions a new schema is held against, in which direction, and what the answer says. The words are Confluent's.
import { avroDifferences } from './avro/compatibility.ts'
import { jsonDifferences } from './json-schema/compatibility.ts'
import { protobufDifferences } from './protobuf/compatibility.ts'
import type { Schema } from './schema.ts'
import type { CompatibilityLevel, CompatibilityPolicy } from './configs.ts'

export interface EarlierVersion {
  readonly version: number
  readonly schema: Schema
}

export interface CompatibilityOptions {
  readonly level: CompatibilityLevel
  readonly policy: CompatibilityPolicy
}

const oldSchemaCharactersMax = 10 * 1024

/**
 * The reasons why `candidate` does not go with `history` (newest first), empty where it does. Levels that are not transitive look at the newest only; the
 * others stop at the first version it does not go with.
 */
export function incompatibilities(candidate: Schema, history: readonly EarlierVersion[], options: CompatibilityOptions): readonly string[] {
  const { level } = options
  if (level === 'NONE') return []
  const versions = level.endsWith('_TRANSITIVE') ? history : history.slice(0, 1)
  for (const { version, schema } of versions) {
    const differences = differencesOf(candidate, schema, options)
    if (differences.length === 0) continue
    const text = schema.text.length <= oldSchemaCharactersMax ? `'${schema.text}'` : `<truncated> '${schema.text.slice(0, oldSchemaCharactersMax)}...'`
    return [...differences, ...hintFor(differences), `{oldSchemaVersion: ${version}}`, `{oldSchema: ${text}}`, `{validateFields: 'false', compatibility: '${level}'}`]
  }
  return []
}

/** Most who meet this difference do not know what an open content model is, nor that there is a way out. */
function hintFor(differences: readonly string[]): readonly string[] {
  const isOpen = differences.some(text => /^\{errorType:"(?:OPTIONAL_PROPERTY|REQUIRED_PROPERTY_WITH_DEFAULT)_ADDED_TO_OPEN_CONTENT_MODEL"/.test(text))
  return isOpen ? ['{hint: \'close the content model with "additionalProperties": false before properties are added, or set compatibilityPolicy to LENIENT\'}'] : []
}

function differencesOf(candidate: Schema, earlier: Schema, { level, policy }: CompatibilityOptions): readonly string[] {
  if (candidate.type !== earlier.type) return ['Incompatible because of different schema type']
  const backward = (): string[] => readable(candidate, earlier, policy).map(text => naming(text, 'new', 'old'))
  const forward = (): string[] => readable(earlier, candidate, policy).map(text => naming(text, 'old', 'new'))
  switch (level) {
    case 'NONE': return []
    case 'BACKWARD': case 'BACKWARD_TRANSITIVE': return backward()
    case 'FORWARD': case 'FORWARD_TRANSITIVE': return forward()
    case 'FULL': case 'FULL_TRANSITIVE': return [...forward(), ...backward()]
  }
}

/** What keeps `reader` from reading what `writer` wrote. */
function readable(reader: Schema, writer: Schema, policy: CompatibilityPolicy): readonly string[] {
  if (reader.type === 'AVRO' && writer.type === 'AVRO') return avroDifferences(reader.root, writer.root)
  if (reader.type === 'JSON' && writer.type === 'JSON') return jsonDifferences(writer.document, reader.document, policy)
  if (reader.type === 'PROTOBUF' && writer.type === 'PROTOBUF') return protobufDifferences(writer.document, reader.document)
  return []
}

/** The first %s of a difference stands for the reader's side, the second for the writer's. */
function naming(text: string, reader: 'new' | 'old', writer: 'new' | 'old'): string {
  let count = 0
  return text.replaceAll('%s', () => (count++ === 0 ? reader : writer))
}
