// The stored schemas as parsed trees and compiled payload codecs, each made when it is first asked for and kept while it is in use.
import { createHash } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { Lru } from '../base/lru.ts'
import { WeighedLru } from '../base/weighed-lru.ts'
import { besideSubject, contextOf, defaultContext } from './contexts.ts'
import { InvalidSchema } from './errors.ts'
import type { SchemaFault } from './fault.ts'
import { compilePayload, jsonPayloadBeside } from './payload.ts'
import { type ContractCodec, contractCodec } from './rules/contract.ts'
import { parseSchema, type Reference, type ResolvedReference, type Schema, type SchemaType, schemaTypes } from './schema.ts'
import type { CompatibilityOptions, EarlierVersion } from './compatibility.ts'
import type { SchemaVersion, Store } from './store.ts'
import { lengthOf, type SchemaSource, sourceOf } from './workshop/source.ts'
import { PayloadChecks } from './workshop/payload-checks.ts'
import { TooMuch, Workshop } from './workshop/workshop.ts'

/** Schemas parsed lately, by guid: parsing costs milliseconds and a transitive check asks for the whole history. Weights are characters, of which each takes many bytes. */
const parsedSchemasMax = { countMax: 1_000, weightMax: 16 * 1024 * 1024 }
/** Texts parsed lately: REST producers send theirs with each request, and a registration looks at its own several times. Ones with references are parsed each time. */
const textsMax = { countMax: 200, weightMax: 4 * 1024 * 1024 }
/** Compiled encoders and checks, by context and schema id; with the guid, because what had an id may be deleted and another schema imported with it. */
const codecsMax = { countMax: 1_000, weightMax: 16 * 1024 * 1024 }
const referencesDepthMax = 32
/** Characters of a schema and all that it refers to up to which it is dealt with on the event loop; larger ones go to the workshop first. */
const charactersOnLoopMax: { readonly [type in SchemaType]?: number } = { JSON: 8 * 1024, PROTOBUF: 32 * 1024 }
const charactersOnLoopMaxOfOthers = 64 * 1024
/** Large texts that were found good. */
const examinedMax = 1_000

export class Schemas {
  readonly #store: Store
  readonly #parsed = new WeighedLru<string, Schema | InvalidSchema>(parsedSchemasMax)
  readonly #texts = new WeighedLru<string, Schema>(textsMax)
  readonly #codecs = new WeighedLru<string, ContractCodec | InvalidSchema>(codecsMax)

  readonly #examined = new Lru<string, true>(examinedMax)
  readonly #workshop = new Workshop()
  readonly #payloadChecks = new PayloadChecks(this.#workshop)

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Has a new schema that is large looked at beside the event loop: null where it is good, which `parse` then knows and leaves out what takes long; else why
   * it is refused. Nothing is done of a small one, or where a reference leads nowhere: `parse` will say what is wrong with it.
   */
  async examine(type: SchemaType, text: string, references: readonly Reference[], parent: string): Promise<InvalidSchema | null> {
    let resolved: ResolvedReference[]
    try {
      resolved = this.resolve(references, parent)
    } catch (error) {
      if (error instanceof InvalidSchema) return null
      throw error
    }
    const source = newSource(type, text, resolved)
    if (isSmall(source)) return null
    const key = textKey(type, text, resolved)
    if (this.#examined.get(key) === true) return null
    const outcome = await this.#workshop.run('parse', { source, strict: true, normalize: false })
    if (outcome instanceof TooMuch) return new InvalidSchema(`the schema cannot be examined: it ${outcome.reason}`)
    if (outcome !== null) return new InvalidSchema(outcome.invalid)
    this.#examined.set(key, true)
    return null
  }

  /**
   * What the workshop says of a payload that a validation on the event loop gave up on (`isUndecided`): null where it fits. What takes too long there too, does
   * not fit. Of the schema alone: who has rules on top asks those himself.
   */
  async checkBeside(schema: Schema, payload: Buffer): Promise<SchemaFault | null> {
    return await this.#payloadChecks.check(schema, payload)
  }

  /** The reasons why a large schema does not go with its history, found beside the event loop; undefined where the schemas are small, and the loop finds them soon. */
  async compareBeside(candidate: Schema, history: readonly EarlierVersion[], options: CompatibilityOptions): Promise<readonly string[] | TooMuch | undefined> {
    const sources = history.map(({ version, schema }) => ({ version, schema: sourceOf(schema) }))
    const source = sourceOf(candidate)
    if (options.level === 'NONE' || [source, ...sources.map(({ schema }) => schema)].every(isSmall)) return undefined
    const outcome = await this.#workshop.run('compare', { candidate: source, history: sources, options })
    return 'invalid' in outcome ? [outcome.invalid] : outcome
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
    this.#parsed.set(key, schema, version.schema.length)
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
    let codec: ContractCodec | InvalidSchema
    try {
      codec = schema instanceof InvalidSchema ? schema : contractCodec(isSlowToCompile(schema) ? jsonPayloadBeside : compilePayload(schema), { schema, metadata, ruleSet })
    } catch (error) {
      if (!(error instanceof InvalidSchema)) throw error
      codec = error
    }
    this.#codecs.set(key, codec, version.schema.length)
    return codec
  }

  /** A schema that a client sends; `strict` holds it to every rule. Throws InvalidSchema. */
  parse(type: SchemaType, text: string, references: readonly ResolvedReference[], how: { normalize: boolean; strict: boolean }): Schema {
    const isKept = references.length === 0
    const key = `${type} ${how.normalize} ${how.strict} ${text}`
    const known = isKept ? this.#texts.get(key) : undefined
    if (known !== undefined) return known
    const schema = parseSchema(type, text, references, { ...how, isExamined: this.#examined.get(textKey(type, text, references)) === true })
    if (isKept) this.#texts.set(key, schema, text.length)
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

function newSource(type: SchemaType, text: string, references: readonly ResolvedReference[]): SchemaSource {
  return { type, text, references: references.map(({ name, subject, version, schema }) => ({ name, subject, version, source: sourceOf(schema) })) }
}

function isSmall(source: SchemaSource): boolean {
  return lengthOf(source) <= (charactersOnLoopMax[source.type] ?? charactersOnLoopMaxOfOthers)
}

/** Of these, payloads are decided in the workshop: compiling one takes a tenth of a second for each ten thousand characters, and nothing can interrupt it. */
function isSlowToCompile(schema: Schema): boolean {
  return schema.type === 'JSON' && !isSmall(sourceOf(schema))
}

/** What a text means depends on what it refers to. */
function textKey(type: SchemaType, text: string, references: readonly ResolvedReference[]): string {
  const parts = [type, text, ...references.flatMap(({ name, schema }) => [name, schema.text])]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64')
}
