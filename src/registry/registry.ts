// The schema registry: what its API can be asked, over the state of store.ts and the log of log.ts. Reads answer from memory; changes go one at a time through
// a queue, each decided on a settled state, written, and only then answered.
import type { Admin, Logs, Validation } from '../ports.ts'
import type { Clock, Logger } from '../world/world.ts'
import { incompatibilities } from './compatibility.ts'
import { InvalidSchema, refusals, RegistryRefusal } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { GlueVersionIds } from './glue/version-ids.ts'
import { SchemaLog } from './log.ts'
import type { ContractCodec } from './rules/contract.ts'
import { guidOf, type Metadata, type Reference, type RuleSet, type Schema, type SchemaType, schemaTypes } from './schema.ts'
import { Schemas } from './schemas.ts'
import { type Change, type CompatibilityLevel, type CompatibilityPolicy, type Config, type Mode, type SchemaVersion, Store } from './store.ts'
import { subjectName, type SubjectNameStrategy } from './subjects.ts'
import { SchemaValidation } from './validation.ts'

export interface RegistryOptions {
  readonly logs: Logs
  readonly admin: Admin
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

/** A schema as a client hands it in. */
export interface SchemaRequest {
  /** '' takes the text of the latest version, to change its metadata or rules. */
  readonly schema: string
  /** AVRO unless given. */
  readonly schemaType?: string
  readonly references?: readonly Reference[]
  readonly metadata?: Metadata
  readonly ruleSet?: RuleSet
  /** Only the next one is taken. */
  readonly version?: number
  readonly id?: number
}

/** A version as clients write it. */
export type VersionSpec = number | 'latest'

export interface EffectiveConfig {
  readonly compatibilityLevel: CompatibilityLevel
  readonly compatibilityPolicy: CompatibilityPolicy
  readonly compatibilityGroup: string | undefined
  readonly normalize: boolean
}

export interface CompatibilityVerdict {
  readonly messages: readonly string[]
}

const writesWaitingMax = 1_000
const referencesMax = 1_000
const defaultLevel: CompatibilityLevel = 'BACKWARD'
const subjectCharactersMax = 255

/** Reads the _schemas topic to its end (making it where there is none) and serves what is in it. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const store = new Store()
  const glueVersions = new GlueVersionIds(store)
  const log = await SchemaLog.open(options, change => {
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
  readonly #log: SchemaLog
  readonly #clock: Pick<Clock, 'now'>
  readonly #glueVersions: GlueVersionIds
  readonly validation: Validation = new SchemaValidation(this)
  #writing: Promise<unknown> = Promise.resolve()
  #writesWaiting = 0

  constructor(
    store: Store, log: SchemaLog, { clock, clusterId, glueVersions }: { clock: Pick<Clock, 'now'>; clusterId: string; glueVersions: GlueVersionIds },
  ) {
    this.store = store
    this.#schemas = new Schemas(store)
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
  payloadCodec(id: number): ContractCodec | InvalidSchema {
    return this.#schemas.payloadCodec(id)
  }

  /**
   * The subject of a topic's part to which a schema id belongs by the strategy, or why it belongs to none. Deleted versions count: what was written with
   * them may come again.
   */
  subjectOf(id: number, of: { topic: string; part: 'key' | 'value'; strategy: SubjectNameStrategy }): string | { readonly reason: string } {
    const { topic, part, strategy } = of
    const versions = this.store.withId(id)
    if (versions.length === 0) return { reason: `schema ${id} is not known` }
    const schema = strategy === 'TopicName' ? undefined : this.parsed(versions[0]!)
    if (schema instanceof InvalidSchema) return { reason: `schema ${id} cannot be read: ${schema.message}` }
    const subject = subjectName(strategy, topic, part, schema?.recordName)
    if (subject === undefined) return { reason: `schema ${id} has no record name, which the strategy ${strategy} needs` }
    return versions.some(version => version.subject === subject) ? subject : { reason: `schema ${id} does not belong to subject '${subject}'` }
  }

  /** The name that a schema text gives its values, which some strategies make a subject of. */
  recordName(text: string, type: SchemaType): string | undefined | RegistryRefusal {
    try {
      return this.#schemas.parse(type, text, [], { normalize: false }).recordName
    } catch (error) {
      if (error instanceof InvalidSchema) return refusals.invalidSchema(text, type, error.message)
      throw error
    }
  }

  /** A version of a subject. 'latest' is the newest that is not deleted. */
  find(subject: string, spec: VersionSpec, { deleted }: { deleted: boolean }): SchemaVersion | RegistryRefusal {
    const versions = this.store.versions(subject, deleted ? 'all' : 'live')
    if (versions.length === 0) return refusals.subjectNotFound(subject)
    if (spec === 'latest') return versions.at(-1)!
    return versions.find(each => each.version === spec) ?? refusals.versionNotFound(spec)
  }

  /** The version of the subject that has this content. */
  lookup(subject: string, request: SchemaRequest, how: { normalize: boolean | undefined; deleted: boolean }): SchemaVersion | RegistryRefusal {
    const versions = this.store.versions(subject, how.deleted ? 'all' : 'live')
    if (versions.length === 0) return refusals.subjectNotFound(subject)
    const read = this.#read(subject, request, how.normalize)
    if (read instanceof RegistryRefusal) return read
    return versions.findLast(each => each.guid === read.guid)
      // Clients look up what they registered without the metadata that the version has since been given.
      ?? versions.findLast(each => (
        request.metadata === undefined && request.ruleSet === undefined && each.schema === read.schema.text && sameReferences(each.references, read.references)
      ))
      ?? refusals.schemaNotFound()
  }

  /** Registers a schema, or finds it: the same content in the same subject is one version, and in any subject one id. */
  async register(subject: string, request: SchemaRequest, { normalize }: { normalize: boolean | undefined }): Promise<SchemaVersion | RegistryRefusal> {
    const reason = faultOfSubject(subject)
    if (reason !== undefined) return refusals.invalidSubject(subject, reason)
    // What is registered already needs neither the queue nor permission to write.
    const found = this.#registered(subject, request, normalize)
    if (found !== undefined) return found
    return this.#exclusively(async () => {
      if (this.mode(subject) === 'READONLY') return refusals.readOnly(subject)
      if (request.id !== undefined && request.id > 0) return refusals.notInImportMode(subject)
      const raced = this.#registered(subject, request, normalize)
      if (raced !== undefined) return raced
      const read = this.#read(subject, request, normalize)
      if (read instanceof RegistryRefusal) return read
      const all = this.store.versions(subject, 'all')
      const version = (all.at(-1)?.version ?? 0) + 1
      if (request.version !== undefined && request.version > 0 && request.version !== version) {
        return refusals.invalidSchema(request.schema, read.schema.type, `Version is not one more than previous version: ${request.version} is not ${version}`)
      }
      const messages = this.#compare(subject, read, this.store.versions(subject, 'live'))
      if (messages.length > 0) return refusals.incompatible(subject, messages)
      const id = this.store.idOf(read.guid, read.schema.type) ?? this.store.highestId + 1
      const value: SchemaVersion = {
        subject, version, id, guid: read.guid, schemaType: read.schema.type, schema: read.schema.text, references: read.references,
        metadata: read.metadata, ruleSet: read.ruleSet, deleted: false, timestampMs: this.#clock.now(),
      }
      // An older version with the same content was soft-deleted: it makes way for the new one, unless something refers to it.
      const replaced = all.filter(each => each.deleted && each.guid === read.guid && this.store.referrers(subject, each.version, 'all').length === 0)
      const written = await this.#log.write([
        { type: 'schema', subject, version, value },
        ...replaced.map((each): Change => ({ type: 'schema', subject, version: each.version, value: null })),
      ])
      return written ?? this.store.version(subject, version)!
    })
  }

  /** Whether a schema goes with one version of a subject, or by its level with all. An empty subject takes everything. */
  check(
    subject: string, request: SchemaRequest, against: VersionSpec | 'all', { normalize }: { normalize: boolean | undefined },
  ): CompatibilityVerdict | RegistryRefusal {
    let versions = this.store.versions(subject, 'live')
    if (typeof against === 'number') {
      const found = this.find(subject, against, { deleted: false })
      // Confluent answers 40402 here even where the subject is missing.
      if (found instanceof RegistryRefusal) return refusals.versionNotFound(against)
      versions = [found]
    } else if (against === 'latest') versions = versions.slice(-1)
    const read = this.#read(subject, request, normalize)
    if (read instanceof RegistryRefusal) return read
    return { messages: this.#compare(subject, read, versions) }
  }

  /** Soft: the versions stay readable by id. Permanent: they are gone, and so are the subject's settings. The version numbers that went. */
  async deleteSubject(subject: string, { permanent }: { permanent: boolean }): Promise<readonly number[] | RegistryRefusal> {
    return this.#exclusively(async () => {
      const all = this.store.versions(subject, 'all')
      const live = all.filter(each => !each.deleted)
      if (all.length === 0) return refusals.subjectNotFound(subject)
      if (this.mode(subject) === 'READONLY') return refusals.readOnly(subject)
      if (permanent && live.length > 0) return refusals.subjectNotSoftDeleted(subject)
      if (!permanent && live.length === 0) return refusals.subjectSoftDeleted(subject)
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
      if (this.mode(subject) === 'READONLY') return refusals.readOnly(subject)
      if (permanent && !found.deleted) return refusals.versionNotSoftDeleted(subject, version)
      if (!permanent && found.deleted) return refusals.versionSoftDeleted(subject, version)
      if (this.store.referrers(subject, version, permanent ? 'all' : 'live').length > 0) return refusals.referenceExists(subject, version)
      const isLast = permanent && this.store.versions(subject, 'all').length === 1
      const value = permanent ? null : { ...found, deleted: true }
      return await this.#log.write([{ type: 'schema', subject, version, value }, ...isLast ? this.#settingsGone(subject) : []]) ?? version
    })
  }

  /** The settings in force: the subject's own where it has them, else the registry's. */
  effectiveConfig(subject: string | null): EffectiveConfig {
    const own = subject === null ? undefined : this.store.config(subject)
    const all = this.store.config(null)
    return {
      compatibilityLevel: own?.compatibilityLevel ?? all?.compatibilityLevel ?? defaultLevel,
      compatibilityPolicy: own?.compatibilityPolicy ?? all?.compatibilityPolicy ?? 'STRICT',
      compatibilityGroup: own?.compatibilityGroup ?? all?.compatibilityGroup,
      normalize: own?.normalize ?? all?.normalize ?? false,
    }
  }

  /** Merges: what `update` leaves out stays, what it has as null goes. The settings afterwards. */
  async updateConfig(subject: string | null, update: { readonly [name in keyof Config]: Config[name] | null }): Promise<Config | RegistryRefusal> {
    const reason = subject === null ? undefined : faultOfSubject(subject)
    if (reason !== undefined) return refusals.invalidSubject(subject!, reason)
    return this.#exclusively(async () => {
      if (this.mode(subject) === 'READONLY') return refusals.readOnly(subject ?? 'null')
      const merged = Object.fromEntries(Object.entries({ ...this.store.config(subject), ...update }).filter(([, value]) => value !== null)) as Config
      return await this.#log.write([{ type: 'config', subject, value: merged }]) ?? merged
    })
  }

  /** The settings that went. */
  async deleteConfig(subject: string | null): Promise<Config | RegistryRefusal> {
    return this.#exclusively(async () => {
      const old = this.store.config(subject)
      if (old === undefined && subject !== null) return refusals.subjectNotFound(subject)
      if (this.mode(subject) === 'READONLY') return refusals.readOnly(subject ?? 'null')
      return await this.#log.write([{ type: 'config', subject, value: null }]) ?? old ?? { compatibilityLevel: defaultLevel }
    })
  }

  mode(subject: string | null): Mode {
    return (subject === null ? undefined : this.store.mode(subject)) ?? this.store.mode(null) ?? 'READWRITE'
  }

  async updateMode(subject: string | null, mode: Mode): Promise<Mode | RegistryRefusal> {
    const reason = subject === null ? undefined : faultOfSubject(subject)
    if (reason !== undefined) return refusals.invalidSubject(subject!, reason)
    return this.#exclusively(async () => await this.#log.write([{ type: 'mode', subject, value: mode }]) ?? mode)
  }

  async deleteMode(subject: string): Promise<Mode | RegistryRefusal> {
    return this.#exclusively(async () => {
      const old = this.store.mode(subject)
      if (old === undefined) return refusals.subjectNotFound(subject)
      return await this.#log.write([{ type: 'mode', subject, value: null }]) ?? old
    })
  }

  #registered(subject: string, request: SchemaRequest, normalize: boolean | undefined): SchemaVersion | RegistryRefusal | undefined {
    const read = this.#read(subject, request, normalize)
    if (read instanceof RegistryRefusal) return read
    return this.store.versions(subject, 'live').findLast(each => each.guid === read.guid)
  }

  /** A request as it would be stored: parsed, canonical, with what it takes over from the latest version. */
  #read(subject: string, request: SchemaRequest, normalize: boolean | undefined): Content | RegistryRefusal {
    const latest = this.store.latest(subject)
    const copied = request.schema === '' ? latest : undefined
    const typeName = request.schemaType ?? copied?.schemaType ?? 'AVRO'
    const type = schemaTypes.find(each => each === typeName)
    if (type === undefined) return refusals.invalidSchemaType(typeName, schemaTypes)
    const text = copied?.schema ?? request.schema
    const bytes = Buffer.byteLength(text)
    if (bytes > schemaBytesMax) return refusals.schemaTooLarge(bytes, schemaBytesMax)
    try {
      const requested = request.references ?? copied?.references ?? []
      if (requested.length > referencesMax) throw new InvalidSchema(`${requested.length} references, where at most ${referencesMax} are allowed`)
      const resolved = this.#schemas.resolve(requested)
      const schema = this.#schemas.parse(type, text, resolved, { normalize: normalize ?? this.effectiveConfig(subject).normalize })
      const references = resolved.map(({ name, subject: of, version }) => ({ name, subject: of, version }))
      const metadata = request.metadata ?? latest?.metadata
      const ruleSet = request.ruleSet ?? latest?.ruleSet
      return { schema, references, metadata, ruleSet, guid: guidOf({ text: schema.text, references, metadata, ruleSet }) }
    } catch (error) {
      if (error instanceof InvalidSchema) return refusals.invalidSchema(text, type, error.message, request.references)
      throw error
    }
  }

  #compare(subject: string, candidate: Content, versions: readonly SchemaVersion[]): readonly string[] {
    const { compatibilityLevel, compatibilityPolicy, compatibilityGroup } = this.effectiveConfig(subject)
    const groupName = compatibilityGroup
    const group = (metadata: Metadata | undefined): string | undefined => (groupName === undefined ? undefined : metadata?.properties?.[groupName])
    const comparable = versions.filter(each => group(each.metadata) === group(candidate.metadata)).toReversed()
    const considered = compatibilityLevel.endsWith('_TRANSITIVE') ? comparable : comparable.slice(0, 1)
    const history = considered.map(each => ({ version: each.version, schema: this.parsed(each), type: each.schemaType }))
    const unreadable = history.find(each => each.schema instanceof InvalidSchema)
    if (compatibilityLevel !== 'NONE' && unreadable !== undefined) {
      return [`version ${unreadable.version} cannot be read: ${(unreadable.schema as InvalidSchema).message}`]
    }
    return incompatibilities(candidate.schema, history as { version: number; schema: Schema }[], { level: compatibilityLevel, policy: compatibilityPolicy })
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

interface Content {
  readonly schema: Schema
  readonly references: readonly Reference[]
  readonly metadata: Metadata | undefined
  readonly ruleSet: RuleSet | undefined
  readonly guid: string
}

function sameReferences(a: readonly Reference[], b: readonly Reference[]): boolean {
  return a.length === b.length && a.every(({ name, subject, version }, index) => {
    const other = b[index]!
    return name === other.name && subject === other.subject && version === other.version
  })
}

/** Undefined for a subject that may be made. Qualified names (`:.context:subject`) belong to contexts, each with ids of its own, and there is only one here. */
function faultOfSubject(subject: string): string | undefined {
  if (subject === '') return 'it is empty'
  if (subject.length > subjectCharactersMax) return `it is longer than ${subjectCharactersMax} characters`
  if (/[\u0000-\u001f\u007f]/.test(subject)) return 'it has control characters'
  if (subject === '__GLOBAL' || subject === '__EMPTY') return 'it is reserved'
  if (subject.startsWith(':.') || subject === ':*:') return 'contexts other than the default one are not available'
  return undefined
}
