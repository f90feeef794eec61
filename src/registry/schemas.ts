// The stored schemas as parsed trees and compiled payload codecs, each made when it is first asked for and kept while it is in use.
import { assert } from '../base/assert.ts'
import { Lru } from '../base/lru.ts'
import { besideSubject, contextOf, defaultContext } from './contexts.ts'
import { InvalidSchema } from './errors.ts'
import { compilePayload } from './payload.ts'
import { type ContractCodec, contractCodec } from './rules/contract.ts'
import { parseSchema, type Reference, type ResolvedReference, type Schema, type SchemaType, schemaTypes } from './schema.ts'
import type { SchemaVersion, Store } from './store.ts'

/** Schemas parsed lately, by guid: parsing costs milliseconds and a transitive check asks for the whole history. */
const parsedSchemasMax = 1_000
/** Texts parsed lately: REST producers send theirs with each request. Longer ones and ones with references are parsed each time. */
const textsMax = 200
const textCharactersMax = 64 * 1024
/** Compiled encoders and checks, by context and schema id; with the guid, because what had an id may be deleted and another schema imported with it. */
const codecsMax = 1_000
const referencesDepthMax = 32

export class Schemas {
  readonly #store: Store
  readonly #parsed = new Lru<string, Schema | InvalidSchema>(parsedSchemasMax)
  readonly #texts = new Lru<string, Schema>(textsMax)
  readonly #codecs = new Lru<string, ContractCodec | InvalidSchema>(codecsMax)

  constructor(store: Store) {
    this.#store = store
  }

  /** The parsed form of a stored version, or why it has none here. */
  parsed(version: SchemaVersion, depth = 0): Schema | InvalidSchema {
    // What references mean depends on the context, which the guid leaves out.
    const context = version.references.length === 0 ? '' : contextOf(version.subject)
    const key = `${version.schemaType} ${version.guid} ${context}`
    const known = this.#parsed.get(key)
    if (known !== undefined) return known
    let schema: Schema | InvalidSchema
    try {
      const type = schemaTypes.find(each => each === version.schemaType)
      if (type === undefined) throw new InvalidSchema(`schema type ${version.schemaType} is not supported`)
      schema = parseSchema(type, version.schema, this.resolve(version.references, version.subject, depth), { strict: false, normalize: false })
    } catch (error) {
      if (!(error instanceof InvalidSchema)) throw error
      schema = error
    }
    this.#parsed.set(key, schema)
    return schema
  }

  /** What writes, reads and checks payloads of a schema id that exists by its data contract, or why nothing can. */
  payloadCodec(id: number, context = defaultContext): ContractCodec | InvalidSchema {
    const [version] = this.#store.withId(id, context)
    assert(version !== undefined, `schema ${id} exists in ${context}`)
    const key = `${id} ${version.guid} ${context}`
    const known = this.#codecs.get(key)
    if (known !== undefined) return known
    const schema = this.parsed(version)
    const { metadata, ruleSet } = version
    const codec = schema instanceof InvalidSchema ? schema : contractCodec(compilePayload(schema), { schema, metadata, ruleSet })
    this.#codecs.set(key, codec)
    return codec
  }

  /** A schema that a client sends; `strict` holds it to every rule. Throws InvalidSchema. */
  parse(type: SchemaType, text: string, references: readonly ResolvedReference[], how: { normalize: boolean; strict: boolean }): Schema {
    const isKept = references.length === 0 && text.length <= textCharactersMax
    const key = `${type} ${how.normalize} ${how.strict} ${text}`
    const known = isKept ? this.#texts.get(key) : undefined
    if (known !== undefined) return known
    const schema = parseSchema(type, text, references, how)
    if (isKept) this.#texts.set(key, schema)
    return schema
  }

  /**
   * What the references of a schema of `parent` stand for; -1 is the latest version. Subjects are in the parent's context unless they say otherwise. Throws
   * InvalidSchema where one leads nowhere, or too far.
   */
  resolve(references: readonly Reference[], parent = '', depth = 0): ResolvedReference[] {
    if (depth > referencesDepthMax) throw new InvalidSchema(`references lead more than ${referencesDepthMax} schemas deep`)
    return references.map(({ name, subject, version }) => {
      const qualified = besideSubject(parent, subject)
      const found = version === -1 ? this.#store.latest(qualified) : this.#store.version(qualified, version)
      if (found === undefined) throw new InvalidSchema(`No schema reference found for subject "${subject}" and version ${version}`)
      const schema = this.parsed(found, depth + 1)
      if (schema instanceof InvalidSchema) throw schema
      return { name, subject, version: found.version, schema }
    })
  }
}
