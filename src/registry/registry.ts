// The schema registry: what its API can be asked, over the state of store.ts and the log of log.ts. Reads answer from memory; changes go one at a time through
// a queue, each decided on a settled state, written, and only then answered.
import type { Admin, Logs } from '../ports.ts'
import type { Clock, Logger } from '../world/world.ts'
import {
  anyNamespace, type Association, type AssociationFilter, decide, faultOfRequest, filtered, type Resource, topicResource, type WantedAssociation,
} from './associations.ts'
import { type Candidate, Candidates, type SchemaRequest, scopesAbove } from './candidates.ts'
import { type CompatibilityOptions, type EarlierVersion, incompatibilities } from './compatibility.ts'
import { type Config, type ConfigUpdate, defaultLevel, type EffectiveConfig, updatedConfig } from './configs.ts'
import { besideSubject, contextOf, contextPrefix, defaultContext, globalScope, isScopeOfContext, isValidSubject } from './contexts.ts'
import { InvalidSchema, refusals, RegistryRefusal } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { GlueVersionIds } from './glue/version-ids.ts'
import { ChangeLog } from './log.ts'
import { type Metadata, propertyOf, withConfluentVersion } from './metadata.ts'
import { isReadOnly, type Mode, takesIds } from './modes.ts'
import { schemaRecords } from './records.ts'
import { reservedDifferences } from './reserved-fields.ts'
import { mergedRuleSets, type RuleSet, withoutRules } from './rule-set.ts'
import type { ContractCodec } from './rules/contract.ts'
import { faultOfRuleSet } from './rules/conditions.ts'
import { type Schema, type SchemaType, schemaTypes } from './schema.ts'
import { Schemas } from './schemas.ts'
import { type Change, type SchemaVersion, Store } from './store.ts'
import { subjectName, type SubjectNameStrategy } from './subjects.ts'
import { retagged, type SchemaTags } from './tags.ts'
import { TooMuch } from './workshop/workshop.ts'

export type { SchemaRequest } from './candidates.ts'

export interface RegistryOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

/** A version as clients write it. */
export type VersionSpec = number | 'latest'

export interface RegisterOptions {
  /** Settings of the subject may say so too. */
  readonly normalize: boolean | undefined
  /** Whether it is taken even where it is not compatible. */
  readonly force?: boolean
  /** Versions below this one are not compared with it. */
  readonly comparedFrom?: number
}

/** What a version is to have beside what it has. */
export interface TagRequest {
  /** Only the next one is taken. */
  readonly newVersion?: number
  readonly tagsToAdd?: readonly SchemaTags[]
  readonly tagsToRemove?: readonly SchemaTags[]
  readonly metadata?: Metadata
  /** In place of the rules there are, unless there are rules to merge or to remove. */
  readonly ruleSet?: RuleSet
  readonly rulesToMerge?: RuleSet
  readonly rulesToRemove?: readonly string[]
}

export interface CompatibilityVerdict {
  readonly messages: readonly string[]
}

const writesWaitingMax = 1_000
const int32Max = 0x7fffffff

/** Reads the _schemas topic to its end (making it where there is none) and serves what is in it. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const store = new Store()
  const glueVersions = new GlueVersionIds(store)
  const log = await ChangeLog.open(options, schemaRecords, change => {
    glueVersions.apply(change)
    store.apply(change)
  })
  const { id } = await options.admin.cluster()
  return new Registry(store, log, { clock: options.clock, clusterId: id, glueVersions })
}

export class Registry {
  readonly store: Store
  /** Of the cluster whose topic holds the schemas. */
  readonly clusterId: string
  readonly #schemas: Schemas
  readonly #candidates: Candidates
  readonly #log: ChangeLog<Change>
  readonly #clock: Pick<Clock, 'now'>
  readonly #glueVersions: GlueVersionIds
  #writing: Promise<unknown> = Promise.resolve()
  #writesWaiting = 0

  constructor(
    store: Store, log: ChangeLog<Change>, { clock, clusterId, glueVersions }: { clock: Pick<Clock, 'now'>; clusterId: string; glueVersions: GlueVersionIds },
  ) {
    this.store = store
    this.#schemas = new Schemas(store)
    this.#candidates = new Candidates(store, this.#schemas)
    this.clusterId = clusterId
    this.#log = log
    this.#clock = clock
    this.#glueVersions = glueVersions
  }

  /**
   * The version that a SchemaVersionId of AWS Glue stands for (as text: `glueVersionIdOf` makes it from a record's 16 bytes), or undefined where it stands for
   * none. Soft-deleted versions count: what was written with them may come again. Its `id` leads to the rest: `payloadCodec(id)`, `subjectOf(id, …)`.
   */
  ofGlueVersion(versionId: string): SchemaVersion | undefined {
    return this.#glueVersions.find(versionId)
  }

  /** The parsed form of a stored version, or why it has none here. */
  parsed(version: SchemaVersion): Schema | InvalidSchema {
    return this.#schemas.parsed(version)
  }

  /** What writes, reads and checks payloads of a schema id that exists, or why nothing can. */
  payloadCodec(id: number, context = defaultContext): ContractCodec | InvalidSchema {
    return this.#schemas.payloadCodec(id, context)
  }

  /**
   * The subject of a topic's part to which a schema id belongs by the strategy, or why it belongs to none. Deleted versions count: what was written with
   * them may come again.
   */
  subjectOf(
    id: number, of: { topic: string; part: 'key' | 'value'; strategy: SubjectNameStrategy }, context = defaultContext,
  ): string | { readonly reason: string } {
    const { topic, part, strategy } = of
    const versions = this.store.withId(id, context)
    if (versions.length === 0) return { reason: `schema ${id} is not known` }
    const schema = strategy === 'TopicName' || strategy === 'AssociatedName' ? undefined : this.parsed(versions[0]!)
    if (schema instanceof InvalidSchema) return { reason: `schema ${id} cannot be read: ${schema.message}` }
    const subject = this.subjectBy(strategy, topic, part, schema?.recordName, context)
    if (subject === undefined) return { reason: `schema ${id} has no record name, which the strategy ${strategy} needs` }
    if (typeof subject !== 'string') return subject
    return versions.some(version => version.subject === subject) ? subject : { reason: `schema ${id} does not belong to subject '${subject}'` }
  }

  /** The name that a schema text gives its values, which some strategies make a subject of. */
  recordName(text: string, type: SchemaType): string | undefined | RegistryRefusal {
    try {
      return this.#schemas.parse(type, text, [], { normalize: false, strict: false }).recordName
    } catch (error) {
      if (error instanceof InvalidSchema) return refusals.invalidSchema(text, type, error.message)
      throw error
    }
  }

  /** Whether a text is a schema of its language, wherever it might be registered: null, or the refusal (42201) that says why not. */
  async faultOfSchema(text: string, type: SchemaType): Promise<RegistryRefusal | null> {
    const examined = await this.#examine('', { schema: text, schemaType: type })
    if (examined !== null) return examined
    const candidate = this.#candidates.read('', { schema: text, schemaType: type }, { normalize: undefined, strict: true })
    return candidate instanceof RegistryRefusal ? candidate : null
  }

  /** The subject that a name in a path means: its alias where its own settings have one. */
  aliased(subject: string): string {
    const alias = this.store.config(subject)?.alias
    return alias === undefined || alias === '' ? subject : besideSubject(subject, alias)
  }

  /** A version of a subject. 'latest' is the newest that is not deleted. */
  find(subject: string, spec: VersionSpec, { deleted }: { deleted: boolean }): SchemaVersion | RegistryRefusal {
    if (this.store.versions(subject, deleted ? 'all' : 'live').length === 0) return refusals.subjectNotFound(subject)
    const found = spec === 'latest' ? this.store.latest(subject) : this.store.version(subject, spec)
    return found === undefined || (found.deleted && !deleted) ? refusals.versionNotFound(spec === 'latest' ? -1 : spec) : found
  }

  /** The version of the subject that has this content. */
  lookup(subject: string, request: SchemaRequest, how: { normalize: boolean | undefined; deleted: boolean }): SchemaVersion | RegistryRefusal {
    const versions = this.store.versions(subject, how.deleted ? 'all' : 'live')
    if (versions.length === 0) return refusals.subjectNotFound(subject)
    const latest = this.store.latest(subject)
    // What was sent as it is first; then with what a registration would add to it; then as clients do that know nothing of the metadata it has since been given.
    const asSent = request.schema.trim() === '' ? undefined : this.#candidates.read(subject, request, { normalize: how.normalize, strict: false })
    if (asSent instanceof RegistryRefusal) return asSent
    const exact = asSent && this.#meant(versions, asSent)
    if (exact !== undefined) return exact
    const filled = this.#candidates.read(subject, this.#candidates.filled(subject, request, latest, undefined), { normalize: how.normalize, strict: false })
    if (filled instanceof RegistryRefusal) return filled
    const found = this.#meant(versions, filled)
    if (found !== undefined) return found
    if (asSent === undefined || request.metadata !== undefined || request.ruleSet !== undefined) return refusals.schemaNotFound()
    return versions.findLast(each => this.#candidates.means({ ...asSent, metadata: each.metadata, ruleSet: each.ruleSet }, each)) ?? refusals.schemaNotFound()
  }

  /** Registers a schema, or finds it: the same content in the same subject is one version, and in any subject of its context one id. */
  async register(subject: string, request: SchemaRequest, how: RegisterOptions): Promise<SchemaVersion | RegistryRefusal> {
    if (!isValidSubject(subject)) return refusals.invalidSubject(subject)
    // What is registered already needs neither the queue nor permission to write.
    const found = this.#registered(subject, request, how)
    if (found !== undefined) return found
    const forbidden = this.#forbidden(subject, request)
    if (forbidden !== null) return forbidden
    const refused = await this.#examine(subject, request) ?? (how.force === true ? null : await this.#compareBeside(subject, request, how))
    if (refused !== null) return refused
    return this.#exclusively(() => this.#register(subject, request, how))
  }

  /** A new version that has the tags, metadata and rules that are asked for, made of one there is. It says its number in its metadata. */
  async tag(subject: string, spec: VersionSpec, request: TagRequest): Promise<SchemaVersion | RegistryRefusal> {
    return this.#exclusively(async () => {
      const found = this.find(subject, spec, { deleted: false })
      if (found instanceof RegistryRefusal) return found
      const { newVersion = 0, metadata = found.metadata, rulesToMerge, rulesToRemove } = request
      const schema = retagged(found.schemaType, found.schema, { add: request.tagsToAdd ?? [], remove: request.tagsToRemove ?? [] })
      if (typeof schema !== 'string') return refusals.noSuchEntity(schema.missing)
      let { ruleSet } = request
      if (rulesToMerge !== undefined || rulesToRemove !== undefined) {
        const before = newVersion > 0 ? this.store.version(subject, newVersion - 1) : this.store.latest(subject)
        const merged = mergedRuleSets(before?.ruleSet, rulesToMerge)
        ruleSet = merged && withoutRules(merged, new Set(rulesToRemove))
      }
      const whole: SchemaRequest = {
        schema, schemaType: found.schemaType, references: found.references, version: newVersion, metadata: withConfluentVersion(metadata, newVersion),
        ...ruleSet !== undefined && { ruleSet },
      }
      return await this.#register(subject, whole, { normalize: false })
    })
  }

  async #register(subject: string, asSent: SchemaRequest, how: RegisterOptions): Promise<SchemaVersion | RegistryRefusal> {
    const request = this.#candidates.tagged(asSent)
    if (request instanceof RegistryRefusal) return request
    const forbidden = this.#forbidden(subject, request)
    if (forbidden !== null) return forbidden
    const mode = this.mode(subject)
    const asked = request.id !== undefined && request.id >= 0 ? request.id : undefined
    const raced = this.#registered(subject, request, how)
    if (raced !== undefined) return raced

    const all = this.store.versions(subject, 'all')
    const live = this.store.versions(subject, 'live')
    const next = (all.at(-1)?.version ?? 0) + 1
    const wanted = request.version ?? 0
    const whole = takesIds(mode) ? request : this.#candidates.propagated(this.#candidates.filled(subject, request, live.at(-1), next), live.at(-1))
    if (whole instanceof RegistryRefusal) return whole
    const candidate = this.#candidates.read(subject, whole, { normalize: how.normalize, strict: !takesIds(mode) })
    if (candidate instanceof RegistryRefusal) return candidate
    if (wanted === 0) {
      const same = this.#meant(live, candidate)
      if (same !== undefined && (asked === undefined || asked === same.id)) return same
    }
    if (!takesIds(mode)) {
      if (wanted > 0 && wanted !== next) return refusals.versionNotNext()
      const compared = live.filter(each => each.version >= (how.comparedFrom ?? 1))
      const messages = how.force === true ? [] : this.#judged(subject, candidate, compared, this.#compare(subject, candidate, compared))
      if (messages.length > 0) return refusals.incompatible(subject, messages)
    }
    const context = contextOf(subject)
    const version = wanted > 0 ? wanted : next
    const id = asked ?? this.store.idOf(candidate.guid, candidate.schema.type, context) ?? this.store.highestIdIn(context) + 1
    if (id > int32Max || version > int32Max) return refusals.storeFailed('there are no more numbers')
    const holder = asked === undefined ? undefined : this.store.withId(id, context)[0]
    if (holder !== undefined && (holder.guid !== candidate.guid || holder.schemaType !== candidate.schema.type)) return refusals.idTaken(id, subject)
    const value: SchemaVersion = {
      subject, version, id, guid: candidate.guid, schemaType: candidate.schema.type, schema: candidate.schema.text, references: candidate.references,
      metadata: candidate.metadata, ruleSet: candidate.ruleSet, deleted: false, timestampMs: this.#clock.now(),
    }
    // An older version with the same content was soft-deleted: it makes way for the new one, unless something refers to it.
    const replaced = all.filter(each => each.deleted && each.id === id && each.version < version && this.store.referrers(subject, each.version, 'all').length === 0)
    const written = await this.#log.write([
      ...this.store.hasContext(context) ? [] : [{ type: 'context', context, isThere: true } as const],
      ...replaced.map((each): Change => ({ type: 'schema', subject, version: each.version, value: null })),
      { type: 'schema', subject, version, value },
    ])
    return written ?? this.store.version(subject, version)!
  }

  /** Whether a schema goes with one version of a subject, or by its level with all. An empty subject takes everything. */
  async check(
    subject: string, request: SchemaRequest, against: VersionSpec | 'all', { normalize }: { normalize: boolean | undefined },
  ): Promise<CompatibilityVerdict | RegistryRefusal> {
    const refused = await this.#examine(subject, request)
    if (refused !== null) return refused
    let versions = this.store.versions(subject, 'live')
    if (typeof against === 'number') {
      const found = this.find(subject, against, { deleted: false })
      // Confluent answers 40402 here even where the subject is missing.
      if (found instanceof RegistryRefusal) return refusals.versionNotFound(against)
      versions = [found]
    } else if (against === 'latest') versions = versions.slice(-1)
    const candidate = this.#candidates.read(subject, request, { normalize, strict: true })
    if (candidate instanceof RegistryRefusal) return candidate
    const { history, options } = this.#comparison(subject, candidate, versions)
    const messages = typeof history === 'string' ? [history] : await this.#schemas.compareBeside(candidate.schema, history, options)
    if (messages instanceof TooMuch) return { messages: [incomparable(messages)] }
    return { messages: this.#judged(subject, candidate, versions, messages ?? this.#compare(subject, candidate, versions)) }
  }

  /** Soft: the versions stay readable by id. Permanent: they are gone, and so are the subject's settings. The version numbers that went. */
  async deleteSubject(subject: string, { permanent }: { permanent: boolean }): Promise<readonly number[] | RegistryRefusal> {
    return this.#exclusively(async () => {
      const all = this.store.versions(subject, 'all')
      const live = this.store.versions(subject, 'live')
      if (all.length === 0) return refusals.subjectNotFound(subject)
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      if (permanent && live.length > 0) return refusals.subjectNotSoftDeleted(subject)
      if (!permanent && live.length === 0) return refusals.subjectSoftDeleted(subject)
      if (this.store.associations.ofSubject(subject).length > 0) return refusals.associationForSubjectExists(subject)
      const going = permanent ? all : live
      const referred = going.find(each => this.store.referrers(subject, each.version, permanent ? 'all' : 'live').some(other => other.subject !== subject))
      if (referred !== undefined) return refusals.referenceExists(subject, referred.version)
      const changes: Change[] = permanent
        ? [...all.map((each): Change => ({ type: 'schema', subject, version: each.version, value: null })), ...this.#settingsGone(subject)]
        : [{ type: 'delete-subject', subject, version: live.at(-1)!.version }]
      return await this.#log.write(changes) ?? going.map(each => each.version)
    })
  }

  async deleteVersion(subject: string, spec: VersionSpec, { permanent }: { permanent: boolean }): Promise<number | RegistryRefusal> {
    return this.#exclusively(async () => {
      const found = this.find(subject, spec, { deleted: permanent || spec !== 'latest' })
      if (found instanceof RegistryRefusal) return found
      const { version } = found
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      if (permanent && !found.deleted) return refusals.versionNotSoftDeleted(subject, version)
      if (!permanent && found.deleted) return refusals.versionSoftDeleted(subject, version)
      if (this.store.referrers(subject, version, permanent ? 'all' : 'live').length > 0) return refusals.referenceExists(subject, version)
      const isLast = permanent && this.store.versions(subject, 'all').length === 1
      const value = permanent ? null : { ...found, deleted: true }
      return await this.#log.write([{ type: 'schema', subject, version, value }, ...isLast ? this.#settingsGone(subject) : []]) ?? version
    })
  }

  /**
   * Associations of one resource, all or none: what they are decided to be on the state as it then stands, with the schemas that come along registered first. A dry
   * run says what would become of them, and changes nothing.
   */
  async associate(
    resource: Resource, wanted: readonly WantedAssociation[], how: { create: boolean; contextPrefix: string; dryRun: boolean; guid: () => string },
  ): Promise<readonly Association[] | RegistryRefusal> {
    const { create, contextPrefix, dryRun } = how
    const fault = faultOfRequest(resource, wanted, { contextPrefix, dryRun })
    if (fault !== null) return fault
    return this.#exclusively(async () => {
      const decided: Association[] = []
      for (const each of wanted) {
        const association = decide(this.store, resource, each, { create, contextPrefix, guid: how.guid(), nowMs: this.#clock.now() })
        if (association instanceof RegistryRefusal) return association
        const { subject } = association
        const beside = decided.find(other => other.subject === subject)
        if (beside !== undefined && (beside.lifecycle === 'STRONG' || association.lifecycle === 'STRONG')) return refusals.associationForSubjectExists(subject)
        if (each.schema === undefined && this.store.latest(subject) === undefined) return refusals.noActiveVersion(subject)
        const verdict = each.schema === undefined ? null : await this.check(subject, each.schema, 'all', { normalize: each.normalize })
        if (verdict instanceof RegistryRefusal) return verdict
        if (verdict !== null && verdict.messages.length > 0) return refusals.incompatible(subject, verdict.messages)
        decided.push(association)
      }
      if (dryRun) return decided
      for (const [at, { schema, normalize }] of wanted.entries()) {
        const registered = schema === undefined ? null : await this.#register(decided[at]!.subject, schema, { normalize })
        if (registered instanceof RegistryRefusal) return registered
      }
      const changed = decided.filter(each => !this.store.associations.ofSubject(each.subject).includes(each))
      return (changed.length === 0 ? null : await this.#log.write(changed.map((value): Change => ({ type: 'association', key: value, value })))) ?? decided
    })
  }

  /**
   * Takes away associations of a resource that is gone, or no longer has them; a frozen one goes only with the resource (`cascade`), and the subject of a STRONG
   * one is then soft-deleted.
   */
  async dissociate(resourceId: string, filter: AssociationFilter, { cascade, dryRun }: { cascade: boolean; dryRun: boolean }): Promise<readonly Association[] | RegistryRefusal> {
    return this.#exclusively(async () => {
      const going = filtered(this.store.associations.ofResourceId(resourceId), filter)
      if (going.length === 0) return refusals.associationNotFound(resourceId)
      const changes: Change[] = going.map(key => ({ type: 'association', key, value: null }))
      for (const { subject, lifecycle, frozen, associationType } of going) {
        if (frozen && !cascade) return refusals.associationFrozen(associationType, subject)
        const live = cascade && lifecycle === 'STRONG' ? this.store.versions(subject, 'live') : []
        if (live.length === 0) continue
        if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
        const referred = live.find(each => this.store.referrers(subject, each.version, 'live').some(other => other.subject !== subject))
        if (referred !== undefined) return refusals.referenceExists(subject, referred.version)
        changes.push({ type: 'delete-subject', subject, version: live.at(-1)!.version })
      }
      return (dryRun ? null : await this.#log.write(changes)) ?? going
    })
  }

  /**
   * The subject that a strategy gives a topic's part, in full; undefined where it needs a record name and there is none. A record names a schema of the default
   * context: an association with a subject of another one cannot be followed here, and the reason says so.
   */
  subjectBy(
    strategy: SubjectNameStrategy, topic: string, part: 'key' | 'value', recordName: string | undefined, context = defaultContext,
  ): string | undefined | { readonly reason: string } {
    const associated = strategy === 'AssociatedName' ? this.subjectByAssociation(topic, part) : undefined
    if (associated !== undefined && contextOf(associated) !== context) return { reason: `subject '${associated}' is of another context than the ids of records` }
    const name = subjectName(strategy, topic, part, recordName)
    return associated ?? (name === undefined ? undefined : contextPrefix(context) + name)
  }

  /**
   * The subject that an association says for a topic's keys or values: of this cluster's namespace if there is one, else of the only namespace that has one.
   * Undefined where there is none, and the name is made by another strategy (TopicName).
   */
  subjectByAssociation(topic: string, part: 'key' | 'value'): string | undefined {
    const found = filtered(this.store.associations.ofResourceName(topic, anyNamespace), { resourceType: topicResource, associationTypes: [part], lifecycle: undefined })
    return (found.find(each => each.resourceNamespace === this.clusterId) ?? (found.length === 1 ? found[0] : undefined))?.subject
  }

  /** Takes a context that has no subjects, not even deleted ones, out of the list; its ids stay used. */
  async deleteContext(context: string): Promise<null | RegistryRefusal> {
    return this.#exclusively(async () => {
      const scope = contextPrefix(context)
      if (!this.store.hasContext(context)) return refusals.subjectNotFound(scope)
      if (context === defaultContext || this.store.subjectsIn(scope, 'all').length > 0) return refusals.contextNotEmpty(scope === '' ? defaultContext : scope)
      return await this.#log.write([{ type: 'context', context, isThere: false }, ...this.#settingsGone(scope)])
    })
  }

  /** The settings in force: the nearest of subject, context and all contexts decides on each. */
  effectiveConfig(subject: string | null): EffectiveConfig {
    return this.#candidates.config(subject)
  }

  /** The settings in force as far as somebody has made them, and the level. */
  inheritedConfig(subject: string | null): Config {
    return this.#candidates.inheritedConfig(subject)
  }

  /** Merges: what `update` leaves out stays, what it has as null goes. The settings afterwards. */
  async updateConfig(subject: string | null, update: ConfigUpdate): Promise<Config | RegistryRefusal> {
    if (subject !== null && !isValidSubject(subject, { forSettings: true })) return refusals.invalidSubject(subject)
    return this.#exclusively(async () => {
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      const merged = updatedConfig(this.store.config(subject), update)
      for (const ruleSet of [merged.defaultRuleSet, merged.overrideRuleSet]) {
        const fault = ruleSet === undefined || merged.validateRules === false ? undefined : faultOfRuleSet(ruleSet)
        if (fault !== undefined) return refusals.invalidRuleSet(fault)
      }
      return await this.#log.write([{ type: 'config', subject, value: merged }]) ?? merged
    })
  }

  /** The settings that went. */
  async deleteConfig(subject: string | null): Promise<Config | RegistryRefusal> {
    return this.#exclusively(async () => {
      const old = this.store.config(subject)
      if (old === undefined && subject !== null) return refusals.subjectNotFound(subject)
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      return await this.#log.write([{ type: 'config', subject, value: null }]) ?? old ?? { compatibilityLevel: defaultLevel }
    })
  }

  /** The mode in force: that of the subject, its context or all contexts, the nearest first; but READONLY_OVERRIDE of the whole registry is above them. */
  mode(subject: string | null): Mode {
    for (const scope of [null, globalScope]) if (this.store.mode(scope) === 'READONLY_OVERRIDE') return 'READONLY_OVERRIDE'
    return scopesAbove(subject).map(scope => this.store.mode(scope)).find(mode => mode !== undefined) ?? 'READWRITE'
  }

  /** IMPORT wants a scope without subjects, unless `force`; what was soft-deleted in it is then gone for good. */
  async updateMode(subject: string | null, mode: Mode, { force = false }: { force?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    if (subject !== null && !isValidSubject(subject, { forSettings: true })) return refusals.invalidSubject(subject)
    if (mode === 'FORWARD' && subject !== null && subject !== globalScope) return refusals.invalidMode()
    return this.#exclusively(async () => {
      const cleared: Change[] = []
      if (mode === 'IMPORT' && this.mode(subject) !== 'IMPORT' && !force) {
        const scope = subject === globalScope ? null : subject
        if (this.store.subjectsIn(scope, 'live').length > 0) return refusals.importNotEmpty()
        const going = this.store.subjectsIn(scope, 'all').flatMap(name => this.store.versions(name, 'all'))
        const referred = going.find(each => this.store.referrers(each.subject, each.version, 'live').length > 0)
        if (referred !== undefined) return refusals.referenceExists(referred.subject, referred.version)
        for (const each of going) cleared.push({ type: 'schema', subject: each.subject, version: each.version, value: null })
        cleared.push({ type: 'clear-subject', subject: scope })
      }
      return await this.#log.write([...cleared, { type: 'mode', subject, value: mode }]) ?? mode
    })
  }

  /** The mode that went. With `recursive`, those of a context's subjects go too; null is the default context. */
  async deleteMode(subject: string | null, { recursive = false }: { recursive?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    return this.#exclusively(async () => {
      const old = this.store.mode(subject)
      if (old === undefined && subject !== null) return refusals.subjectNotFound(subject)
      const isContext = subject === null || isScopeOfContext(subject)
      const below = recursive && isContext
        ? [...this.store.scopesWithMode()].filter(scope => scope !== null && !isScopeOfContext(scope) && contextOf(scope) === contextOf(subject ?? ''))
        : []
      const changes = [...old === undefined ? [] : [subject], ...below].map((scope): Change => ({ type: 'mode', subject: scope, value: null }))
      return (changes.length === 0 ? null : await this.#log.write(changes)) ?? old ?? 'READWRITE'
    })
  }

  /** The live version that a request means, without anything that a registration would add; undefined where it has to be registered. */
  #registered(subject: string, request: SchemaRequest, { normalize }: RegisterOptions): SchemaVersion | RegistryRefusal | undefined {
    const { defaultMetadata, overrideMetadata, defaultRuleSet, overrideRuleSet } = this.#candidates.config(subject)
    if ((defaultMetadata ?? overrideMetadata ?? defaultRuleSet ?? overrideRuleSet) !== undefined || request.schema.trim() === '') return undefined
    const { id = -1, version = 0, schemaTagsToAdd = [], schemaTagsToRemove = [], propagateSchemaTags } = request
    if ((version > 0 && id < 0) || schemaTagsToAdd.length > 0 || schemaTagsToRemove.length > 0 || propagateSchemaTags === true) return undefined
    const candidate = this.#candidates.read(subject, request, { normalize, strict: false })
    // Whether it may be refused for what it is, is decided in its turn.
    if (candidate instanceof RegistryRefusal) return undefined
    const live = this.store.versions(subject, 'live')
    const found = version > 0 ? live.filter(each => each.version === version) : version === -1 ? live.slice(-1) : live
    const meant = this.#meant(found, candidate)
    return meant !== undefined && (id < 0 || id === meant.id) ? meant : undefined
  }

  /** Why the subject's mode does not let it be registered. */
  #forbidden(subject: string, { id = -1 }: SchemaRequest): RegistryRefusal | null {
    const mode = this.mode(subject)
    if (isReadOnly(mode)) return refusals.readOnly(subject)
    if (id >= 0) return takesIds(mode) ? null : refusals.notInImportMode(subject)
    return mode === 'READWRITE' ? null : refusals.notInReadWriteMode(subject)
  }

  #meant(versions: readonly SchemaVersion[], candidate: Candidate): SchemaVersion | undefined {
    return versions.findLast(each => each.guid === candidate.guid && each.schemaType === candidate.schema.type)
      ?? versions.findLast(each => this.#candidates.means(candidate, each))
  }

  #compare(subject: string, candidate: Candidate, versions: readonly SchemaVersion[]): readonly string[] {
    const { history, options } = this.#comparison(subject, candidate, versions)
    return typeof history === 'string' ? [history] : incompatibilities(candidate.schema, history, options)
  }

  /** The messages of a comparison with what the names of fields add to them, where the settings say that they count. */
  #judged(subject: string, candidate: Candidate, versions: readonly SchemaVersion[], messages: readonly string[]): readonly string[] {
    const { validateFields, compatibilityLevel } = this.effectiveConfig(subject)
    if (validateFields !== true) return messages
    const all = [...reservedDifferences(candidate.schema, candidate.metadata, versions.at(-1)?.metadata), ...messages.filter(each => !each.startsWith('{validateFields: '))]
    return all.length === 0 ? [] : [...all, `{validateFields: 'true', compatibility: '${compatibilityLevel}'}`]
  }

  /** What a candidate is held against by the subject's settings, newest first, or why it cannot be. */
  #comparison(
    subject: string, candidate: Candidate, versions: readonly SchemaVersion[],
  ): { readonly history: readonly EarlierVersion[] | string; readonly options: CompatibilityOptions } {
    const { compatibilityLevel, compatibilityPolicy, compatibilityGroup } = this.effectiveConfig(subject)
    const options = { level: compatibilityLevel, policy: compatibilityPolicy }
    const group = (metadata: SchemaVersion['metadata']): string | undefined => (compatibilityGroup === undefined ? undefined : propertyOf(metadata, compatibilityGroup))
    const comparable = versions.filter(each => group(each.metadata) === group(candidate.metadata)).toReversed()
    const considered = compatibilityLevel === 'NONE' ? [] : compatibilityLevel.endsWith('_TRANSITIVE') ? comparable : comparable.slice(0, 1)
    const history: EarlierVersion[] = []
    for (const each of considered) {
      const schema = this.parsed(each)
      if (schema instanceof InvalidSchema) return { history: `version ${each.version} cannot be read: ${schema.message}`, options }
      history.push({ version: each.version, schema })
    }
    return { history, options }
  }

  /**
   * Before anything else looks at a large new schema, the workshop examines it: what takes too long there is refused, and never reaches the event loop.
   * Null where nothing stands against it so far.
   */
  async #examine(subject: string, request: SchemaRequest): Promise<RegistryRefusal | null> {
    const type = schemaTypes.find(each => each === (request.schemaType ?? 'AVRO'))
    const { schema, references = [] } = request
    if (type === undefined || Buffer.byteLength(schema) > schemaBytesMax) return null
    const invalid = await this.#schemas.examine(type, schema, references, subject)
    return invalid === null ? null : refusals.invalidSchema(schema, type, invalid.message, references)
  }

  /** A large schema that takes too long to be held against what the subject has, is refused before its turn comes. */
  async #compareBeside(subject: string, request: SchemaRequest, how: RegisterOptions): Promise<RegistryRefusal | null> {
    const live = this.store.versions(subject, 'live').filter(each => each.version >= (how.comparedFrom ?? 1))
    if (live.length === 0 || request.schema.trim() === '' || this.mode(subject) !== 'READWRITE') return null
    const candidate = this.#candidates.read(subject, request, { normalize: how.normalize, strict: true })
    if (candidate instanceof RegistryRefusal) return candidate
    const { history, options } = this.#comparison(subject, candidate, live)
    const messages = typeof history === 'string' ? undefined : await this.#schemas.compareBeside(candidate.schema, history, options)
    return messages instanceof TooMuch ? refusals.incompatible(subject, [incomparable(messages)]) : null
  }

  #settingsGone(subject: string): Change[] {
    const changes: Change[] = []
    if (this.store.config(subject) !== undefined) changes.push({ type: 'config', subject, value: null })
    if (this.store.mode(subject) !== undefined) changes.push({ type: 'mode', subject, value: null })
    return changes
  }

  /** One change at a time, each on a state that no earlier write can still alter. */
  async #exclusively<T>(change: () => Promise<T | RegistryRefusal>): Promise<T | RegistryRefusal> {
    if (this.#writesWaiting >= writesWaitingMax) return refusals.tooManyWrites(this.#writesWaiting)
    this.#writesWaiting++
    const turn = this.#writing.then(async () => await this.#log.settle() ?? await change())
    this.#writing = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#writesWaiting--
    }
  }
}

function incomparable({ reason }: TooMuch): string {
  return `The schema cannot be compared with the earlier ones: that ${reason}`
}
