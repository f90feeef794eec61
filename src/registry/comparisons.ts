// New schemas against the versions of their subject, as its settings have it: which versions count, what is examined beside the event loop, and what is said of the
// differences.
import type { Candidate, Candidates, SchemaRequest } from './candidates.ts'
import { type CompatibilityOptions, type EarlierVersion, incompatibilities } from './compatibility.ts'
import { InvalidSchema, refusals, RegistryRefusal } from './errors.ts'
import { schemaBytesMax } from './exact-json.ts'
import { propertyOf } from './metadata.ts'
import { reservedDifferences } from './reserved-fields.ts'
import { schemaTypes } from './schema.ts'
import type { Schemas } from './schemas.ts'
import type { SchemaVersion, Store, VersionSpec } from './store.ts'
import { TooMuch } from './workshop/workshop.ts'

export interface CompatibilityVerdict {
  readonly messages: readonly string[]
}

export class Comparisons {
  readonly #store: Store
  readonly #schemas: Schemas
  readonly #candidates: Candidates

  constructor(store: Store, schemas: Schemas, candidates: Candidates) {
    this.#store = store
    this.#schemas = schemas
    this.#candidates = candidates
  }

  /** Whether a schema goes with one version of a subject, or by its level with all. An empty subject takes everything. */
  async check(
    subject: string, request: SchemaRequest, against: VersionSpec | 'all', { normalize }: { normalize: boolean | undefined },
  ): Promise<CompatibilityVerdict | RegistryRefusal> {
    const refused = await this.examine(subject, request)
    if (refused !== null) return refused
    let versions = this.#store.versions(subject, 'live')
    if (typeof against === 'number') {
      const found = this.#store.version(subject, against)
      // Confluent answers 40402 here even where the subject is missing.
      if (found === undefined || found.deleted) return refusals.versionNotFound(against)
      versions = [found]
    } else if (against === 'latest') versions = versions.slice(-1)
    const candidate = this.#candidates.read(subject, request, { normalize, strict: true })
    if (candidate instanceof RegistryRefusal) return candidate
    const { history, options } = this.#comparison(subject, candidate, versions)
    const messages = typeof history === 'string' ? [history] : await this.#schemas.compareBeside(candidate.schema, history, options)
    if (messages instanceof TooMuch) return { messages: [incomparable(messages)] }
    return { messages: messages === undefined ? this.compare(subject, candidate, versions) : this.#judged(subject, candidate, versions, messages) }
  }

  /** The reasons why a candidate does not go with versions of its subject, empty where it does. */
  compare(subject: string, candidate: Candidate, versions: readonly SchemaVersion[]): readonly string[] {
    const { history, options } = this.#comparison(subject, candidate, versions)
    return this.#judged(subject, candidate, versions, typeof history === 'string' ? [history] : incompatibilities(candidate.schema, history, options))
  }

  /**
   * Before anything else looks at a large new schema, the workshop examines it: what takes too long there is refused, and never reaches the event loop.
   * Null where nothing stands against it so far.
   */
  async examine(subject: string, request: SchemaRequest): Promise<RegistryRefusal | null> {
    const type = schemaTypes.find(each => each === (request.schemaType ?? 'AVRO'))
    const { schema, references = [] } = request
    if (type === undefined || Buffer.byteLength(schema) > schemaBytesMax) return null
    const invalid = await this.#schemas.examine(type, schema, references, subject)
    return invalid === null ? null : refusals.invalidSchema(schema, type, invalid.message, references)
  }

  /** A large schema that takes too long to be held against what the subject has, is refused before its turn comes. */
  async compareBeside(subject: string, request: SchemaRequest, how: { normalize: boolean | undefined; comparedFrom?: number }): Promise<RegistryRefusal | null> {
    const live = this.#store.versions(subject, 'live').filter(each => each.version >= (how.comparedFrom ?? 1))
    if (live.length === 0 || request.schema.trim() === '') return null
    const candidate = this.#candidates.read(subject, request, { normalize: how.normalize, strict: true })
    if (candidate instanceof RegistryRefusal) return candidate
    const { history, options } = this.#comparison(subject, candidate, live)
    const messages = typeof history === 'string' ? undefined : await this.#schemas.compareBeside(candidate.schema, history, options)
    return messages instanceof TooMuch ? refusals.incompatible(subject, [incomparable(messages)]) : null
  }

  /** The messages of a comparison with what the names of fields add to them, where the settings say that they count. */
  #judged(subject: string, candidate: Candidate, versions: readonly SchemaVersion[], messages: readonly string[]): readonly string[] {
    const { validateFields, compatibilityLevel } = this.#candidates.config(subject)
    if (validateFields !== true) return messages
    const reserved = reservedDifferences(candidate.schema, candidate.metadata, versions.at(-1)?.metadata)
    const all = [...reserved, ...messages.filter(each => !each.startsWith('{validateFields: '))]
    return all.length === 0 ? [] : [...all, `{validateFields: 'true', compatibility: '${compatibilityLevel}'}`]
  }

  /** What a candidate is held against by the subject's settings, newest first, or why it cannot be. */
  #comparison(
    subject: string, candidate: Candidate, versions: readonly SchemaVersion[],
  ): { readonly history: readonly EarlierVersion[] | string; readonly options: CompatibilityOptions } {
    const { compatibilityLevel, compatibilityPolicy, compatibilityGroup } = this.#candidates.config(subject)
    const options = { level: compatibilityLevel, policy: compatibilityPolicy }
    const group = (metadata: SchemaVersion['metadata']): string | undefined => (compatibilityGroup === undefined ? undefined : propertyOf(metadata, compatibilityGroup))
    const comparable = versions.filter(each => group(each.metadata) === group(candidate.metadata)).toReversed()
    const considered = compatibilityLevel === 'NONE' ? [] : compatibilityLevel.endsWith('_TRANSITIVE') ? comparable : comparable.slice(0, 1)
    const history: EarlierVersion[] = []
    for (const each of considered) {
      const schema = this.#schemas.parsed(each)
      if (schema instanceof InvalidSchema) return { history: `version ${each.version} cannot be read: ${schema.message}`, options }
      history.push({ version: each.version, schema })
    }
    return { history, options }
  }
}

function incomparable({ reason }: TooMuch): string {
  return `The schema cannot be compared with the earlier ones: that ${reason}`
}
