// A schema with all that it refers to, as text: the form in which it goes from the event loop to a worker, where it is parsed again.
import { InvalidSchema } from '../errors.ts'
import { parseSchema, type Schema, type SchemaType } from '../schema.ts'

export interface SchemaSource {
  readonly type: SchemaType
  readonly text: string
  readonly references: readonly ReferenceSource[]
}

export interface ReferenceSource {
  readonly name: string
  readonly subject: string
  readonly version: number
  readonly source: SchemaSource
}

const sources = new WeakMap<Schema, SchemaSource>()

/** Shared parts stay shared: what many ways lead to is one object, and is copied to a worker once. */
export function sourceOf(schema: Schema): SchemaSource {
  let source = sources.get(schema)
  if (source === undefined) {
    source = {
      type: schema.type, text: schema.text,
      references: schema.references.map(({ name, subject, version, schema: to }) => ({ name, subject, version, source: sourceOf(to) })),
    }
    sources.set(schema, source)
  }
  return source
}

/** Characters of the schema and of all that it refers to, each counted once. */
export function lengthOf(source: SchemaSource): number {
  const reached = new Set([source])
  let length = 0
  // A set may grow while it is gone through.
  for (const each of reached) {
    length += each.text.length
    for (const reference of each.references) reached.add(reference.source)
  }
  return length
}

/** The schema itself is held to every rule where `strict`; what it refers to is stored already. Throws InvalidSchema. */
export function parseSource(source: SchemaSource, how: { strict: boolean; normalize: boolean }): Schema {
  const parsed = new Map<SchemaSource, Schema>()
  const parse = (each: SchemaSource, options: { strict: boolean; normalize: boolean }, depth: number): Schema => {
    if (depth > referencesDepthMax) throw new InvalidSchema(`references lead more than ${referencesDepthMax} schemas deep`)
    const known = parsed.get(each)
    if (known !== undefined) return known
    const references = each.references.map(({ name, subject, version, source: to }) => ({ name, subject, version, schema: parse(to, stored, depth + 1) }))
    const schema = parseSchema(each.type, each.text, references, options)
    parsed.set(each, schema)
    return schema
  }
  return parse(source, how, 0)
}

const stored = { strict: false, normalize: false }
const referencesDepthMax = 32
