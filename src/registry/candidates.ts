// Schemas as clients hand them in, made into what would be stored: parsed and canonical, with the metadata and rules that settings and the version before add;
// and whether a version there is one that such a schema means.
import { type Config, type EffectiveConfig, effectiveConfig, inheritedConfig } from './configs.ts'
import { contextOf, contextPrefix, globalScope } from './contexts.ts'
import { InvalidSchema, refusals, RegistryRefusal } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { guidOf } from './identity.ts'
import { confluentVersion, mergedMetadata, type Metadata, sameMetadata, withConfluentVersion, withoutConfluentVersion } from './metadata.ts'
import { mergedRuleSets, type RuleSet } from './rule-set.ts'
import { faultOfRuleSet } from './rules/conditions.ts'
import { faultOfFields } from './reserved-fields.ts'
import { type Reference, resolvedText, type Schema, schemaTypes } from './schema.ts'
import type { Schemas } from './schemas.ts'
import type { SchemaVersion, Store } from './store.ts'
import { retagged, type SchemaTags, taggedEntities } from './tags.ts'

/** A schema as a client hands it in. */
export interface SchemaRequest {
  /** '' takes the text of the latest version, to change its metadata or rules. */
  readonly schema: string
  /** AVRO unless given. */
  readonly schemaType?: string
  readonly references?: readonly Reference[]
  readonly metadata?: Metadata
  readonly ruleSet?: RuleSet
  /** Only the next one is taken, but for imports; -1 is the latest. */
  readonly version?: number
  /** For imports only. */
  readonly id?: number
  /** Tags that stand in the text, put there and taken out before anything else is done with it. */
  readonly schemaTagsToAdd?: readonly SchemaTags[]
  readonly schemaTagsToRemove?: readonly SchemaTags[]
  /** Whether the tags in the text of the latest version are put into this one too. */
  readonly propagateSchemaTags?: boolean
}

/** What would be stored. */
export interface Candidate {
  readonly schema: Schema
  readonly references: readonly Reference[]
  readonly metadata: Metadata | undefined
  readonly ruleSet: RuleSet | undefined
  readonly guid: string
}

export interface ReadOptions {
  readonly normalize: boolean | undefined
  /** Whether it is new, and so held to every rule. */
  readonly strict: boolean
}

const referencesMax = 1_000

export class Candidates {
  readonly #store: Store
  readonly #schemas: Schemas

  constructor(store: Store, schemas: Schemas) {
    this.#store = store
    this.#schemas = schemas
  }

  /** The settings that hold for a subject: its own, those of its context, those of all contexts, the defaults; null is the default context. */
  config(subject: string | null): EffectiveConfig {
    return effectiveConfig(scopesAbove(subject).map(scope => this.#store.config(scope)))
  }

  /** The same, without the defaults of what nobody has set. */
  inheritedConfig(subject: string | null): Config {
    return inheritedConfig(scopesAbove(subject).map(scope => this.#store.config(scope)))
  }

  /** As it is, without anything added. */
  read(subject: string, request: SchemaRequest, { normalize, strict }: ReadOptions): Candidate | RegistryRefusal {
    if (request.schema.trim() === '') return refusals.emptySchema()
    const typeName = request.schemaType ?? 'AVRO'
    const type = schemaTypes.find(each => each === typeName)
    if (type === undefined) return refusals.invalidSchemaType(typeName, schemaTypes)
    const bytes = Buffer.byteLength(request.schema)
    if (bytes > schemaBytesMax) return refusals.schemaTooLarge(bytes, schemaBytesMax)
    const config = this.config(subject)
    const { metadata, ruleSet } = request
    if (strict && ruleSet !== undefined && config.validateRules !== false) {
      const fault = faultOfRuleSet(ruleSet)
      if (fault !== undefined) return refusals.invalidRuleSet(fault)
    }
    try {
      const requested = request.references ?? []
      if (requested.length > referencesMax) throw new InvalidSchema(`${requested.length} references, where at most ${referencesMax} are allowed`)
      const resolved = this.#schemas.resolve(requested, subject)
      const isStrict = strict && config.validateNewSchemas !== false
      const schema = this.#schemas.parse(type, request.schema, resolved, { normalize: normalize === true || config.normalize, strict: isStrict })
      const fault = strict && config.validateFields === true ? faultOfFields(schema) : undefined
      if (fault !== undefined) throw new InvalidSchema(fault)
      const references = resolved.map(({ name, subject: of, version }) => ({ name, subject: of, version }))
      return { schema, references, metadata, ruleSet, guid: guidOf({ text: schema.text, references, metadata, ruleSet }) }
    } catch (error) {
      if (error instanceof InvalidSchema) return refusals.invalidSchema(request.schema, type, error.message, request.references)
      throw error
    }
  }

  /**
   * The request with what it leaves out: text, type and references of the previous version where the text is empty; its metadata and rules where none are given,
   * between the defaults and what overrides them. With `newVersion`, confluent:version says so where it is there already or a version was asked for.
   */
  filled(subject: string, request: SchemaRequest, previous: SchemaVersion | undefined, newVersion: number | undefined): SchemaRequest {
    const { defaultMetadata, overrideMetadata, defaultRuleSet, overrideRuleSet } = this.config(subject)
    const content = request.schema.trim() === '' && previous !== undefined
      ? { schema: previous.schema, schemaType: previous.schemaType, references: previous.references }
      : {}
    let metadata = mergedMetadata(mergedMetadata(defaultMetadata, request.metadata ?? previous?.metadata), overrideMetadata)
    if (newVersion !== undefined && ((request.version ?? 0) !== 0 || confluentVersion(metadata) !== undefined)) metadata = withConfluentVersion(metadata, newVersion)
    const ruleSet = mergedRuleSets(mergedRuleSets(defaultRuleSet, request.ruleSet ?? previous?.ruleSet), overrideRuleSet)
    return { ...request, ...content, ...metadata !== undefined && { metadata }, ...ruleSet !== undefined && { ruleSet } }
  }

  /** The request with its text changed as it says. As new tags make a new version, the latest is asked for, so that confluent:version is kept. */
  tagged(request: SchemaRequest): SchemaRequest | RegistryRefusal {
    const { schemaTagsToAdd: add = [], schemaTagsToRemove: remove = [], ...rest } = request
    if (add.length === 0 && remove.length === 0) return request
    const schema = retagged(request.schemaType ?? 'AVRO', request.schema, { add, remove })
    return typeof schema === 'string' ? { ...rest, schema, version: request.version ?? -1 } : refusals.noSuchEntity(schema.missing)
  }

  /** The request with the tags of the text before it. */
  propagated(request: SchemaRequest, previous: SchemaVersion | undefined): SchemaRequest | RegistryRefusal {
    const { propagateSchemaTags, ...rest } = request
    if (propagateSchemaTags !== true || previous === undefined) return rest
    const schema = retagged(request.schemaType ?? 'AVRO', request.schema, { add: taggedEntities(previous.schemaType, previous.schema), remove: [] })
    return typeof schema === 'string' ? { ...rest, schema } : refusals.noSuchEntity(schema.missing)
  }

  /** Of versions in ascending order, the newest that a client means who sends `candidate`. */
  meant(versions: readonly SchemaVersion[], candidate: Candidate): SchemaVersion | undefined {
    return versions.findLast(each => each.guid === candidate.guid && each.schemaType === candidate.schema.type) ?? versions.findLast(each => this.means(candidate, each))
  }

  /**
   * Whether a client that sends `candidate` means `stored`: the same, but that it need not know of confluent:version, and may have put what is referred to into
   * the text.
   */
  means(candidate: Candidate, stored: SchemaVersion): boolean {
    if (candidate.schema.type !== stored.schemaType) return false
    if (JSON.stringify(candidate.ruleSet) !== JSON.stringify(stored.ruleSet)) return false
    const metadata = confluentVersion(candidate.metadata) === undefined ? withoutConfluentVersion(stored.metadata) : stored.metadata
    if (!sameMetadata(candidate.metadata, metadata)) return false
    if (candidate.schema.text === stored.schema && sameReferences(candidate.references, stored.references)) return true
    if (candidate.references.length > 0 || stored.references.length === 0 || candidate.schema.type !== 'AVRO') return false
    const schema = this.#schemas.parsed(stored)
    return !(schema instanceof InvalidSchema) && resolvedText(schema) === resolvedText(candidate.schema)
  }
}

/** Where settings of a subject are looked for, nearest first; null is the default context. */
export function scopesAbove(subject: string | null): (string | null)[] {
  if (subject === globalScope) return [globalScope]
  const context = subject === null ? '' : contextPrefix(contextOf(subject))
  const scopes = [subject, context === '' ? null : context, globalScope]
  return [...new Set(scopes)]
}

export function sameReferences(a: readonly Reference[], b: readonly Reference[]): boolean {
  return a.length === b.length && a.every(({ name, subject, version }, index) => {
    const other = b[index]!
    return name === other.name && subject === other.subject && version === other.version
  })
}
