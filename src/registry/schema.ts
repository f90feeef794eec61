// One schema, whatever its language: its canonical text, what it refers to, and the parsed form that the checks and encoders work on.
import { type AvroType, isNamed, type NamedTypes, parseAvro } from './avro/schema.ts'
import { avroText } from './avro/text.ts'
import { InvalidSchema } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { type JsonDocument, parseJsonSchema } from './json-schema/document.ts'
import { parseProtobuf, type ProtobufDocument } from './protobuf/document.ts'

export type { Metadata } from './metadata.ts'
export type { RuleSet } from './rule-set.ts'

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'
/** In Confluent's order. */
export const schemaTypes: readonly SchemaType[] = ['JSON', 'PROTOBUF', 'AVRO']

export interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

export interface ResolvedReference extends Reference {
  readonly schema: Schema
}

interface Common {
  /** Canonical: what is stored and compared. */
  readonly text: string
  readonly references: readonly ResolvedReference[]
  /** An Avro schema's full name, a JSON Schema's title, the full name of a Protobuf schema's first message; what the RecordName strategies use. */
  readonly recordName: string | undefined
}

export interface AvroSchema extends Common { readonly type: 'AVRO'; readonly root: AvroType }
export interface JsonSchema extends Common { readonly type: 'JSON'; readonly document: JsonDocument }
export interface ProtobufSchema extends Common { readonly type: 'PROTOBUF'; readonly document: ProtobufDocument }
export type Schema = AvroSchema | JsonSchema | ProtobufSchema

export interface ParseOptions {
  /** New schemas are held to every rule; stored ones must stay readable. */
  readonly strict: boolean
  readonly normalize: boolean
  /** It was held to every rule elsewhere: what takes long of that is left out here. */
  readonly isExamined?: boolean
}

/** Throws InvalidSchema with the reason. */
export function parseSchema(type: SchemaType, text: string, references: readonly ResolvedReference[], options: ParseOptions): Schema {
  // Before anything else looks at it; Buffer.byteLength does not copy.
  if (Buffer.byteLength(text) > schemaBytesMax) throw new InvalidSchema(`the text is longer than ${schemaBytesMax} bytes`)
  switch (type) {
    case 'AVRO': return parseAvroSchema(text, references, options)
    case 'JSON': return parseJson(text, references, options)
    case 'PROTOBUF': return parseProtobufSchema(text, references, options)
  }
}

/** The text in Confluent's format `resolved`: what an Avro schema refers to is spelt out in it. Of other languages the canonical text. */
export function resolvedText(schema: Schema): string {
  return schema.type === 'AVRO' ? avroText(schema.root, { normalize: false, known: new Set() }) : schema.text
}

function parseAvroSchema(text: string, references: readonly ResolvedReference[], { strict, normalize }: ParseOptions): AvroSchema {
  const named: NamedTypes = new Map()
  takeNames(references, named, new Set())
  const known = new Set(named.keys())
  const root = parseAvro(text, named, { strict })
  return { type: 'AVRO', text: avroText(root, { normalize, known }), references, recordName: isNamed(root) ? root.name.full : undefined, root }
}

/** The named types of all that is referred to, each subject version once however many ways lead to it. */
function takeNames(references: readonly ResolvedReference[], named: NamedTypes, taken: Set<string>): void {
  for (const { subject, version, schema } of references) {
    const key = `${version} ${subject}`
    if (taken.has(key)) continue
    taken.add(key)
    takeNames(schema.references, named, taken)
    if (schema.type !== 'AVRO') throw new InvalidSchema(`reference to ${subject} version ${version}, which is not an Avro schema`)
    parseAvro(schema.text, named, { strict: false })
  }
}

function parseJson(text: string, references: readonly ResolvedReference[], { strict, normalize, isExamined = false }: ParseOptions): JsonSchema {
  const known = new Map<string, JsonDocument>()
  takeDocuments(references, known)
  const { document, canonical } = parseJsonSchema(text, known, { strict: strict && !isExamined, normalize })
  return { type: 'JSON', text: canonical, references, recordName: document.title, document }
}

function takeDocuments(references: readonly ResolvedReference[], known: Map<string, JsonDocument>): void {
  for (const { name, subject, version, schema } of references) {
    if (schema.type !== 'JSON') throw new InvalidSchema(`reference to ${subject} version ${version}, which is not a JSON Schema`)
    if (known.has(name)) continue
    known.set(name, schema.document)
    takeDocuments(schema.references, known)
  }
}

function parseProtobufSchema(text: string, references: readonly ResolvedReference[], options: ParseOptions): ProtobufSchema {
  const known = new Map<string, ProtobufDocument>()
  takeFiles(references, known)
  const document = parseProtobuf(text, known, options)
  return { type: 'PROTOBUF', text: document.text, references, recordName: document.recordName, document }
}

/** By the path that imports name them by; where two schemas have one path, the one that is referred to more directly counts. */
function takeFiles(references: readonly ResolvedReference[], known: Map<string, ProtobufDocument>): void {
  const taken: Schema[] = []
  for (const { name, subject, version, schema } of references) {
    if (schema.type !== 'PROTOBUF') throw new InvalidSchema(`reference to ${subject} version ${version}, which is not a Protobuf schema`)
    if (known.has(name)) continue
    known.set(name, schema.document)
    taken.push(schema)
  }
  for (const schema of taken) takeFiles(schema.references, known)
}
