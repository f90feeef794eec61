// Registering: what is there already is found, what is new gets its version and its id.
import type { Clock } from '../world/world.ts'
import type { Candidates, SchemaRequest } from './candidates.ts'
import type { Comparisons } from './comparisons.ts'
import { contextOf, isValidSubject } from './contexts.ts'
import { refusals, RegistryRefusal } from './errors.ts'
import { type Metadata, withConfluentVersion } from './metadata.ts'
import { isReadOnly, type Mode, takesIds } from './modes.ts'
import { mergedRuleSets, type RuleSet, withoutRules } from './rule-set.ts'
import type { Settings } from './settings.ts'
import type { Change, SchemaVersion, Store } from './store.ts'
import { retagged, type SchemaTags } from './tags.ts'
import type { WriteQueue } from './write-queue.ts'

export interface RegisterOptions {
  /** Settings of the subject may say so too. */
  readonly normalize: boolean | undefined
  /** Whether it is taken even where it is not compatible. */
  readonly force?: boolean
  /** Versions below this one are not compared with it. */
  readonly comparedFrom?: number
  /** The subject's own mode does not count, only those above it: for an API in which that mode has exceptions. */
  readonly pastOwnMode?: boolean
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

interface RegistrationParts {
  readonly store: Store
  readonly candidates: Candidates
  readonly comparisons: Comparisons
  readonly settings: Settings
  readonly queue: WriteQueue
  readonly clock: Pick<Clock, 'now'>
}

const int32Max = 0x7fffffff

export class Registrations {
  readonly #store: Store
  readonly #candidates: Candidates
  readonly #comparisons: Comparisons
  readonly #settings: Settings
  readonly #queue: WriteQueue
  readonly #clock: Pick<Clock, 'now'>

  constructor({ store, candidates, comparisons, settings, queue, clock }: RegistrationParts) {
    this.#store = store
    this.#candidates = candidates
    this.#comparisons = comparisons
    this.#settings = settings
    this.#queue = queue
    this.#clock = clock
  }

  /** Registers a schema, or finds it: the same content in the same subject is one version, and in any subject of its context one id. */
  async register(subject: string, request: SchemaRequest, how: RegisterOptions): Promise<SchemaVersion | RegistryRefusal> {
    if (!isValidSubject(subject)) return refusals.invalidSubject(subject)
    // What is registered already needs neither the queue nor permission to write.
    const found = this.#registered(subject, request, how)
    if (found !== undefined) return found
    const forbidden = this.#forbidden(subject, request, how)
    if (forbidden !== null) return forbidden
    const tagged = this.#candidates.tagged(request)
    const whole = tagged instanceof RegistryRefusal ? tagged : this.#candidates.propagated(tagged, this.#store.latest(subject))
    const refused = whole instanceof RegistryRefusal ? whole : await this.#examined(subject, whole, how)
    if (refused !== null) return refused
    return this.#queue.exclusively(() => this.registerNow(subject, request, how))
  }

  /** Why a schema that is large is refused, found beside the event loop before its turn comes; null where nothing stands against it so far. */
  async #examined(subject: string, request: SchemaRequest, how: RegisterOptions): Promise<RegistryRefusal | null> {
    const isCompared = how.force !== true && !takesIds(this.#mode(subject, how))
    return await this.#comparisons.examine(subject, request) ?? (isCompared ? await this.#comparisons.compareBeside(subject, request, how) : null)
  }

  /** A new version that has the tags, metadata and rules that are asked for, made of the one that is found. It says its number in its metadata. */
  async tag(find: () => SchemaVersion | RegistryRefusal, request: TagRequest): Promise<SchemaVersion | RegistryRefusal> {
    const how = { normalize: false }
    const now = find()
    if (now instanceof RegistryRefusal) return now
    const first = this.#tagged(now, request)
    const refused = first instanceof RegistryRefusal ? first : this.#forbidden(now.subject, first, how) ?? await this.#examined(now.subject, first, how)
    if (refused !== null) return refused
    return this.#queue.exclusively(async () => {
      const found = find()
      if (found instanceof RegistryRefusal) return found
      const whole = this.#tagged(found, request)
      return whole instanceof RegistryRefusal ? whole : await this.registerNow(found.subject, whole, how)
    })
  }

  #tagged(found: SchemaVersion, request: TagRequest): SchemaRequest | RegistryRefusal {
    const { newVersion = 0, metadata = found.metadata, rulesToMerge, rulesToRemove } = request
    const schema = retagged(found.schemaType, found.schema, { add: request.tagsToAdd ?? [], remove: request.tagsToRemove ?? [] })
    if (typeof schema !== 'string') return refusals.noSuchEntity(schema.missing)
    let { ruleSet } = request
    if (rulesToMerge !== undefined || rulesToRemove !== undefined) {
      const before = newVersion > 0 ? this.#store.version(found.subject, newVersion - 1) : this.#store.latest(found.subject)
      const merged = mergedRuleSets(before?.ruleSet, rulesToMerge)
      ruleSet = merged && withoutRules(merged, new Set(rulesToRemove))
    }
    return {
      schema, schemaType: found.schemaType, references: found.references, version: newVersion, metadata: withConfluentVersion(metadata, newVersion),
      ...ruleSet !== undefined && { ruleSet },
    }
  }

  /** The same, for the one whose turn in the queue it is. */
  async registerNow(subject: string, asSent: SchemaRequest, how: RegisterOptions): Promise<SchemaVersion | RegistryRefusal> {
    const request = this.#candidates.tagged(asSent)
    if (request instanceof RegistryRefusal) return request
    const forbidden = this.#forbidden(subject, request, how)
    if (forbidden !== null) return forbidden
    const mode = this.#mode(subject, how)
    const asked = request.id !== undefined && request.id >= 0 ? request.id : undefined
    const raced = this.#registered(subject, request, how)
    if (raced !== undefined) return raced

    const all = this.#store.versions(subject, 'all')
    const live = this.#store.versions(subject, 'live')
    const next = (all.at(-1)?.version ?? 0) + 1
    const wanted = request.version ?? 0
    const whole = takesIds(mode) ? request : this.#candidates.propagated(this.#candidates.filled(subject, request, live.at(-1), next), live.at(-1))
    if (whole instanceof RegistryRefusal) return whole
    const candidate = this.#candidates.read(subject, whole, { normalize: how.normalize, strict: !takesIds(mode) })
    if (candidate instanceof RegistryRefusal) return candidate
    if (wanted === 0) {
      const same = this.#candidates.meant(live, candidate)
      if (same !== undefined && (asked === undefined || asked === same.id)) return same
    }
    if (!takesIds(mode)) {
      if (wanted > 0 && wanted !== next) return refusals.versionNotNext()
      const compared = live.filter(each => each.version >= (how.comparedFrom ?? 1))
      const messages = how.force === true ? [] : this.#comparisons.compare(subject, candidate, compared)
      if (messages.length > 0) return refusals.incompatible(subject, messages)
    }
    const context = contextOf(subject)
    const version = wanted > 0 ? wanted : next
    const id = asked ?? this.#store.idOf(candidate.guid, candidate.schema.type, context) ?? this.#store.highestIdIn(context) + 1
    if (id > int32Max || version > int32Max) return refusals.storeFailed('there are no more numbers')
    const holder = asked === undefined ? undefined : this.#store.withId(id, context)[0]
    if (holder !== undefined && (holder.guid !== candidate.guid || holder.schemaType !== candidate.schema.type)) return refusals.idTaken(id, subject)
    const value: SchemaVersion = {
      subject, version, id, guid: candidate.guid, schemaType: candidate.schema.type, schema: candidate.schema.text, references: candidate.references,
      metadata: candidate.metadata, ruleSet: candidate.ruleSet, deleted: false, timestampMs: this.#clock.now(),
    }
    // An older version with the same content was soft-deleted: it makes way for the new one, unless something refers to it.
    const replaced = all.filter(each => each.deleted && each.id === id && each.version < version && this.#store.referrers(subject, each.version, 'all').length === 0)
    const written = await this.#queue.write([
      ...this.#store.hasContext(context) ? [] : [{ type: 'context', context, isThere: true } as const],
      ...replaced.map((each): Change => ({ type: 'schema', subject, version: each.version, value: null })),
      { type: 'schema', subject, version, value },
    ])
    return written ?? this.#store.version(subject, version)!
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
    const live = this.#store.versions(subject, 'live')
    const found = version > 0 ? live.filter(each => each.version === version) : version === -1 ? live.slice(-1) : live
    const meant = this.#candidates.meant(found, candidate)
    return meant !== undefined && (id < 0 || id === meant.id) ? meant : undefined
  }

  #mode(subject: string, { pastOwnMode = false }: RegisterOptions): Mode {
    return this.#settings.mode(subject, { own: !pastOwnMode })
  }

  /** Why the subject's mode does not let it be registered. */
  #forbidden(subject: string, { id = -1 }: SchemaRequest, how: RegisterOptions): RegistryRefusal | null {
    const mode = this.#mode(subject, how)
    if (isReadOnly(mode)) return refusals.readOnly(subject)
    if (id >= 0) return takesIds(mode) ? null : refusals.notInImportMode(subject)
    return mode === 'READWRITE' ? null : refusals.notInReadWriteMode(subject)
  }
}
