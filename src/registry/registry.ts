// The schema registry: what its API can be asked, over the state of store.ts and the log of log.ts. Reads answer from memory; changes go one at a time through
// the queue of write-queue.ts. Deletions are decided here, what else is written in registrations.ts, settings.ts and association-changes.ts.
import type { Admin, Logs } from '../ports.ts'
import type { Clock, Logger } from '../world/world.ts'
import { AssociationChanges } from './association-changes.ts'
import { anyNamespace, type Association, type AssociationFilter, filtered, type Resource, topicResource, type WantedAssociation } from './associations.ts'
import { Candidates, type SchemaRequest } from './candidates.ts'
import { Comparisons, type CompatibilityVerdict } from './comparisons.ts'
import type { Config, ConfigUpdate, EffectiveConfig } from './configs.ts'
import { besideSubject, contextOf, contextPrefix, defaultContext } from './contexts.ts'
import { InvalidSchema, refusals, RegistryRefusal } from './errors.ts'
import type { SchemaFault } from './fault.ts'
import { GlueVersionIds } from './glue/version-ids.ts'
import { ChangeLog } from './log.ts'
import { isReadOnly, type Mode } from './modes.ts'
import { schemaRecords } from './records.ts'
import { type RegisterOptions, Registrations, type TagRequest } from './registrations.ts'
import type { ContractCodec } from './rules/contract.ts'
import type { Schema, SchemaType } from './schema.ts'
import { Schemas } from './schemas.ts'
import { Settings } from './settings.ts'
import { type Change, type SchemaVersion, Store, type VersionSpec } from './store.ts'
import { subjectName, type SubjectNameStrategy } from './subjects.ts'
import { WriteQueue } from './write-queue.ts'

export interface RegistryOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}


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
  readonly #comparisons: Comparisons
  readonly #settings: Settings
  readonly #registrations: Registrations
  readonly #associations: AssociationChanges
  readonly #queue: WriteQueue
  readonly #glueVersions: GlueVersionIds

  constructor(
    store: Store, log: ChangeLog<Change>, { clock, clusterId, glueVersions }: { clock: Pick<Clock, 'now'>; clusterId: string; glueVersions: GlueVersionIds },
  ) {
    this.store = store
    this.#schemas = new Schemas(store)
    this.#candidates = new Candidates(store, this.#schemas)
    this.clusterId = clusterId
    this.#queue = new WriteQueue(log)
    this.#comparisons = new Comparisons(store, this.#schemas, this.#candidates)
    this.#settings = new Settings(store, this.#candidates, this.#queue)
    this.#registrations = new Registrations({
      store, candidates: this.#candidates, comparisons: this.#comparisons, settings: this.#settings, queue: this.#queue, clock,
    })
    this.#associations = new AssociationChanges({
      store, comparisons: this.#comparisons, registrations: this.#registrations, settings: this.#settings, queue: this.#queue, clock,
    })
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

  /** What becomes of a payload, without its frame, that a codec gave up on (`isUndecided`): decided beside the event loop, by the schema alone: its rules (`breaks`) are asked here. */
  async checkBeside(schema: Schema, payload: Buffer): Promise<SchemaFault | null> {
    return await this.#schemas.checkBeside(schema, payload)
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
    return this.store.versions(subject, 'all').some(version => version.id === id) ? subject : { reason: `schema ${id} does not belong to subject '${subject}'` }
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
    const examined = await this.#comparisons.examine('', { schema: text, schemaType: type })
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
    const exact = asSent && this.#candidates.meant(versions, asSent)
    if (exact !== undefined) return exact
    const filled = this.#candidates.read(subject, this.#candidates.filled(subject, request, latest, undefined), { normalize: how.normalize, strict: false })
    if (filled instanceof RegistryRefusal) return filled
    const found = this.#candidates.meant(versions, filled)
    if (found !== undefined) return found
    if (asSent === undefined || request.metadata !== undefined || request.ruleSet !== undefined) return refusals.schemaNotFound()
    return versions.findLast(each => this.#candidates.means({ ...asSent, metadata: each.metadata, ruleSet: each.ruleSet }, each)) ?? refusals.schemaNotFound()
  }

  /** Registers a schema, or finds it: the same content in the same subject is one version, and in any subject of its context one id. */
  async register(subject: string, request: SchemaRequest, how: RegisterOptions): Promise<SchemaVersion | RegistryRefusal> {
    return this.#registrations.register(subject, request, how)
  }

  /** A new version that has the tags, metadata and rules that are asked for, made of one there is. It says its number in its metadata. */
  async tag(subject: string, spec: VersionSpec, request: TagRequest): Promise<SchemaVersion | RegistryRefusal> {
    return this.#registrations.tag(() => this.find(subject, spec, { deleted: false }), request)
  }

  /** Whether a schema goes with one version of a subject, or by its level with all. An empty subject takes everything. */
  async check(
    subject: string, request: SchemaRequest, against: VersionSpec | 'all', how: { normalize: boolean | undefined },
  ): Promise<CompatibilityVerdict | RegistryRefusal> {
    return this.#comparisons.check(subject, request, against, how)
  }

  /** Soft: the versions stay readable by id. Permanent: they are gone, and so are the subject's settings. The version numbers that went. */
  async deleteSubject(subject: string, { permanent }: { permanent: boolean }): Promise<readonly number[] | RegistryRefusal> {
    return this.#queue.exclusively(async () => {
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
        ? [...all.map((each): Change => ({ type: 'schema', subject, version: each.version, value: null })), ...this.#settings.gone(subject)]
        : [{ type: 'delete-subject', subject, version: live.at(-1)!.version }]
      return await this.#queue.write(changes) ?? going.map(each => each.version)
    })
  }

  async deleteVersion(subject: string, spec: VersionSpec, { permanent }: { permanent: boolean }): Promise<number | RegistryRefusal> {
    return this.#queue.exclusively(async () => {
      const found = this.find(subject, spec, { deleted: permanent || spec !== 'latest' })
      if (found instanceof RegistryRefusal) return found
      const { version } = found
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      if (permanent && !found.deleted) return refusals.versionNotSoftDeleted(subject, version)
      if (!permanent && found.deleted) return refusals.versionSoftDeleted(subject, version)
      if (this.store.referrers(subject, version, permanent ? 'all' : 'live').length > 0) return refusals.referenceExists(subject, version)
      const isLast = permanent && this.store.versions(subject, 'all').length === 1
      const value = permanent ? null : { ...found, deleted: true }
      return await this.#queue.write([{ type: 'schema', subject, version, value }, ...isLast ? this.#settings.gone(subject) : []]) ?? version
    })
  }

  /**
   * Associations of one resource, all or none: what they are decided to be on the state as it then stands, with the schemas that come along registered first. A dry
   * run says what would become of them, and changes nothing.
   */
  async associate(
    resource: Resource, wanted: readonly WantedAssociation[], how: { create: boolean; contextPrefix: string; dryRun: boolean; guid: () => string },
  ): Promise<readonly Association[] | RegistryRefusal> {
    return this.#associations.associate(resource, wanted, how)
  }

  /**
   * Takes away associations of a resource that is gone, or no longer has them; a frozen one goes only with the resource (`cascade`), and the subject of a STRONG
   * one is then soft-deleted. Those with other subjects than `subjects` stay: they may have come since somebody looked whether these may go.
   */
  async dissociate(
    resourceId: string, filter: AssociationFilter, how: { cascade: boolean; dryRun: boolean; subjects: ReadonlySet<string> },
  ): Promise<readonly Association[] | RegistryRefusal> {
    return this.#associations.dissociate(resourceId, filter, how)
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
    return this.#queue.exclusively(async () => {
      const scope = contextPrefix(context)
      if (!this.store.hasContext(context)) return refusals.subjectNotFound(scope)
      if (context === defaultContext || this.store.subjectsIn(scope, 'all').length > 0) return refusals.contextNotEmpty(scope === '' ? defaultContext : scope)
      return await this.#queue.write([{ type: 'context', context, isThere: false }, ...this.#settings.gone(scope)])
    })
  }

  /** The settings in force: the nearest of subject, context and all contexts decides on each. */
  effectiveConfig(subject: string | null): EffectiveConfig {
    return this.#settings.effective(subject)
  }

  /** The settings in force as far as somebody has made them, and the level. */
  inheritedConfig(subject: string | null): Config {
    return this.#settings.inherited(subject)
  }

  /** Merges: what `update` leaves out stays, what it has as null goes. The settings afterwards. */
  async updateConfig(subject: string | null, update: ConfigUpdate): Promise<Config | RegistryRefusal> {
    return this.#settings.updateConfig(subject, update)
  }

  /** The settings that went. */
  async deleteConfig(subject: string | null): Promise<Config | RegistryRefusal> {
    return this.#settings.deleteConfig(subject)
  }

  /** The mode in force. */
  mode(subject: string | null): Mode {
    return this.#settings.mode(subject)
  }

  /** IMPORT wants a scope without subjects, unless `force`. */
  async updateMode(subject: string | null, mode: Mode, how: { force?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    return this.#settings.updateMode(subject, mode, how)
  }

  /** The mode that went; null is the default context. */
  async deleteMode(subject: string | null, how: { recursive?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    return this.#settings.deleteMode(subject, how)
  }
}
