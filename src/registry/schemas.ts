// The stored schemas as parsed trees and compiled payload codecs, each made when it is first asked for and kept while it is in use.
import { assert } from '../base/assert.ts'
import { Lru } from '../base/lru.ts'
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
/** Compiled encoders and checks, by schema id. */
const codecsMax = 1_000
const referencesDepthMax = 32

export class Schemas {
  readonly #store: Store
  readonly #parsed = new Lru<string, Schema | InvalidSchema>(parsedSchemasMax)
  readonly #texts = new Lru<string, Schema>(textsMax)
  readonly #codecs = new Lru<number, ContractCodec | InvalidSchema>(codecsMax)

  constructor(store: Store) {
    this.#store = store
  }

  /** The parsed form of a stored version, or why it has none here. */
  parsed(version: SchemaVersion, depth = 0): Schema | InvalidSchema {
    const key = `${version.schemaType} ${version.guid}`
    const known = this.#parsed.get(key)
    if (known !== undefined) return known
    let schema: Schema | InvalidSchema
    try {
      const type = schemaTypes.find(each => each === version.schemaType)
      if (type === undefined) throw new InvalidSchema(`schema type ${version.schemaType} is not supported`)
      schema = parseSchema(type, version.schema, this.resolve(version.references, depth), { strict: false, normalize: false })
    } catch (error) {
      if (!(error instanceof InvalidSchema)) throw error
      schema = error
    }
    this.#parsed.set(key, schema)
    return schema
  }

  /** What writes, reads and checks payloads of a schema id that exists by its data contract, or why nothing can. */
  payloadCodec(id: number): ContractCodec | InvalidSchema {
    const known = this.#codecs.get(id)
    if (known !== undefined) return known
    const [version] = this.#store.withId(id)
    assert(version !== undefined, `schema ${id} exists`)
    const schema = this.parsed(version)
    const { metadata, ruleSet } = version
    const codec = schema instanceof InvalidSchema ? schema : contractCodec(compilePayload(schema), { schema, metadata, ruleSet })
    this.#codecs.set(id, codec)
    return codec
  }

  /** A new schema, held to every rule. Throws InvalidSchema. */
  parse(type: SchemaType, text: string, references: readonly ResolvedReference[], { normalize }: { normalize: boolean }): Schema {
    const isKept = references.length === 0 && text.length <= textCharactersMax
    const key = `${type} ${normalize} ${text}`
    const known = isKept ? this.#texts.get(key) : undefined
    if (known !== undefined) return known
    const schema = parseSchema(type, text, references, { strict: true, normalize })
    if (isKept) this.#texts.set(key, schema)
    return schema
  }

  /** What the references stand for; -1 is the latest version. Throws InvalidSchema where one leads nowhere, or too far. */
  resolve(references: readonly Reference[], depth = 0): ResolvedReference[] {
    if (depth > referencesDepthMax) throw new InvalidSchema(`references lead more than ${referencesDepthMax} schemas deep`)
    return references.map(({ name, subject, version }) => {
      const found = version === -1 ? this.#store.latest(subject) : this.#store.version(subject, version)
      if (found === undefined) throw new InvalidSchema(`No schema reference found for subject "${subject}" and version ${version}`)
      const schema = this.parsed(found, depth + 1)
      if (schema instanceof InvalidSchema) throw schema
      return { name, subject, version: found.version, schema }
    })
  }
}
