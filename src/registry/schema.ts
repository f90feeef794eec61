// One schema, whatever its language: its canonical text, its identity, what it refers to, and the parsed form that the checks and encoders work on.
import { createHash } from 'node:crypto'
import { type AvroType, isNamed, type NamedTypes, parseAvro } from './avro/schema.ts'
import { avroText } from './avro/text.ts'
import { InvalidSchema } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { type JsonDocument, parseJsonSchema } from './json-schema/document.ts'

export type SchemaType = 'AVRO' | 'JSON'
/** In Confluent's order. */
export const schemaTypes: readonly SchemaType[] = ['JSON', 'AVRO']

export interface Reference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

export interface Metadata {
  readonly tags?: { readonly [path: string]: readonly string[] }
  readonly properties?: { readonly [name: string]: string }
  readonly sensitive?: readonly string[]
}

/** Kept as it came. Clients carry its rules out, and where it says so this server does: rules/rule-set.ts. */
export type RuleSet = { readonly [name: string]: unknown }

export interface ResolvedReference extends Reference {
  readonly schema: Schema
}

interface Common {
  /** Canonical: what is stored and compared. */
  readonly text: string
  readonly references: readonly ResolvedReference[]
  /** An Avro schema's full name, a JSON Schema's title; what the RecordName strategies use. */
  readonly recordName: string | undefined
}

export interface AvroSchema extends Common { readonly type: 'AVRO'; readonly root: AvroType }
export interface JsonSchema extends Common { readonly type: 'JSON'; readonly document: JsonDocument }
export type Schema = AvroSchema | JsonSchema

export interface ParseOptions {
  /** New schemas are held to every rule; stored ones must stay readable. */
  readonly strict: boolean
  readonly normalize: boolean
}

/** Throws InvalidSchema with the reason. */
export function parseSchema(type: SchemaType, text: string, references: readonly ResolvedReference[], options: ParseOptions): Schema {
  // Before anything else looks at it; Buffer.byteLength does not copy.
  if (Buffer.byteLength(text) > schemaBytesMax) throw new InvalidSchema(`the text is longer than ${schemaBytesMax} bytes`)
  return type === 'AVRO' ? parseAvroSchema(text, references, options) : parseJson(text, references, options)
}

/** The text in Confluent's format `resolved`: what an Avro schema refers to is spelt out in it. Of other languages the canonical text. */
export function resolvedText(schema: Schema): string {
  return schema.type === 'AVRO' ? avroText(schema.root, { normalize: false, known: new Set() }) : schema.text
}

/**
 * Confluent's identity: MD5 over the canonical text, references, metadata and rules, printed as a UUID. Not the type, not the context. Same content, same
 * guid, same id.
 */
export function guidOf(content: { text: string; references: readonly Reference[]; metadata: Metadata | undefined; ruleSet: RuleSet | undefined }): string {
  const hash = createHash('md5').update(content.text)
  const version = Buffer.alloc(4)
  for (const reference of content.references) {
    version.writeInt32BE(reference.version)
    hash.update(reference.name).update(reference.subject).update(version)
  }
  if (content.metadata !== undefined) {
    hash.update(present)
    const { tags = {}, properties = {}, sensitive = [] } = content.metadata
    for (const path of Object.keys(tags).toSorted()) {
      hash.update(path)
      for (const tag of tags[path]!.toSorted()) hash.update(tag)
    }
    for (const name of Object.keys(properties).toSorted()) hash.update(name).update(properties[name]!)
    for (const name of sensitive.toSorted()) hash.update(name)
  }
  if (content.ruleSet !== undefined) hash.update(present).update(JSON.stringify(content.ruleSet))
  return hash.digest('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

const present = Buffer.from([1])

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

function parseJson(text: string, references: readonly ResolvedReference[], { normalize }: ParseOptions): JsonSchema {
  const known = new Map<string, JsonDocument>()
  takeDocuments(references, known)
  const { document, canonical } = parseJsonSchema(text, known, { normalize })
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
