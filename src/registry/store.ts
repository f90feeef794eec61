// What the registry knows: subjects, their versions, ids, settings. Pure: `apply` takes the records of the _schemas topic in their order and is the only thing
// that changes it; everything else answers questions. The formats of keys and values are Confluent's.
import type { Metadata, Reference, RuleSet } from './schema.ts'

export const compatibilityLevels = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'] as const
export type CompatibilityLevel = (typeof compatibilityLevels)[number]
export type CompatibilityPolicy = 'STRICT' | 'LENIENT'
export type Mode = 'READWRITE' | 'READONLY'

export interface Config {
  readonly compatibilityLevel?: CompatibilityLevel
  /** Of JSON Schema: whether open content models stand in the way (STRICT) of new properties. */
  readonly compatibilityPolicy?: CompatibilityPolicy
  /** A metadata property: only versions with the same value for it are compared. */
  readonly compatibilityGroup?: string
  /** Whether schemas are normalised where the request does not say. */
  readonly normalize?: boolean
}

/** One version of a subject, as its record has it. Another registry may have written languages that this one does not read. */
export interface SchemaVersion {
  readonly subject: string
  readonly version: number
  readonly id: number
  readonly guid: string
  readonly schemaType: string
  readonly schema: string
  readonly references: readonly Reference[]
  readonly metadata: Metadata | undefined
  readonly ruleSet: RuleSet | undefined
  readonly deleted: boolean
  /** When it was written; milliseconds since the epoch. */
  readonly timestampMs: number
}

/** A record of the topic, key and value read. A null value is a tombstone. */
export type Change =
  | { readonly type: 'schema'; readonly subject: string; readonly version: number; readonly value: SchemaVersion | null }
  | { readonly type: 'delete-subject'; readonly subject: string; readonly version: number }
  /** The subject null is the whole registry. */
  | { readonly type: 'config'; readonly subject: string | null; readonly value: Config | null }
  | { readonly type: 'mode'; readonly subject: string | null; readonly value: Mode | null }
  | { readonly type: 'noop' }

export class Store {
  readonly #subjects = new Map<string, Map<number, SchemaVersion>>()
  /** All versions of any subject that have the id, deleted ones too. */
  readonly #byId = new Map<number, SchemaVersion[]>()
  /** By guid and type: the guid leaves the type out, and a text may be a schema in two languages. */
  readonly #idByContent = new Map<string, number>()
  readonly #configs = new Map<string | null, Config>()
  readonly #modes = new Map<string | null, Mode>()
  #highestId = 0

  /** Never falls, not even where what had the id is gone for good. */
  get highestId(): number {
    return this.#highestId
  }

  apply(change: Change): void {
    switch (change.type) {
      case 'schema': return change.value === null ? this.#remove(change.subject, change.version) : this.#put(change.value)
      case 'delete-subject':
        for (const version of this.versions(change.subject, 'all')) if (version.version <= change.version) this.#put({ ...version, deleted: true })
        return
      case 'config': return void (change.value === null ? this.#configs.delete(change.subject) : this.#configs.set(change.subject, change.value))
      case 'mode': return void (change.value === null ? this.#modes.delete(change.subject) : this.#modes.set(change.subject, change.value))
      case 'noop':
    }
  }

  /** Names, sorted; 'live' are those with a version that is not deleted. */
  subjects(which: 'live' | 'deleted' | 'all'): string[] {
    const names: string[] = []
    for (const subject of this.#subjects.keys()) if (this.versions(subject, which).length > 0) names.push(subject)
    return names.toSorted()
  }

  /** The versions of a subject in ascending order. */
  versions(subject: string, which: 'live' | 'deleted' | 'all'): SchemaVersion[] {
    const all = [...this.#subjects.get(subject)?.values() ?? []].toSorted((a, b) => a.version - b.version)
    return which === 'all' ? all : all.filter(version => version.deleted === (which === 'deleted'))
  }

  version(subject: string, version: number): SchemaVersion | undefined {
    return this.#subjects.get(subject)?.get(version)
  }

  latest(subject: string): SchemaVersion | undefined {
    return this.versions(subject, 'live').at(-1)
  }

  /** Every version of any subject with this id, deleted ones too: what was written with it must stay readable. */
  withId(id: number): readonly SchemaVersion[] {
    return this.#byId.get(id) ?? []
  }

  idOf(guid: string, schemaType: string): number | undefined {
    return this.#idByContent.get(`${schemaType} ${guid}`)
  }

  /** Versions that refer to a version of a subject. */
  referrers(subject: string, version: number, which: 'live' | 'all'): SchemaVersion[] {
    const found: SchemaVersion[] = []
    for (const versions of this.#subjects.values()) {
      for (const each of versions.values()) {
        if (which === 'live' && each.deleted) continue
        if (each.references.some(reference => reference.subject === subject && reference.version === version)) found.push(each)
      }
    }
    return found
  }

  config(subject: string | null): Config | undefined {
    return this.#configs.get(subject)
  }

  mode(subject: string | null): Mode | undefined {
    return this.#modes.get(subject)
  }

  #put(version: SchemaVersion): void {
    this.#remove(version.subject, version.version)
    let versions = this.#subjects.get(version.subject)
    if (versions === undefined) this.#subjects.set(version.subject, versions = new Map())
    versions.set(version.version, version)
    const sharing = this.#byId.get(version.id)
    if (sharing === undefined) this.#byId.set(version.id, [version])
    else sharing.push(version)
    this.#idByContent.set(`${version.schemaType} ${version.guid}`, version.id)
    this.#highestId = Math.max(this.#highestId, version.id)
  }

  #remove(subject: string, version: number): void {
    const versions = this.#subjects.get(subject)
    const gone = versions?.get(version)
    if (versions === undefined || gone === undefined) return
    versions.delete(version)
    if (versions.size === 0) this.#subjects.delete(subject)
    const rest = this.#byId.get(gone.id)!.filter(each => each !== gone)
    if (rest.length > 0) this.#byId.set(gone.id, rest)
    else {
      this.#byId.delete(gone.id)
      this.#idByContent.delete(`${gone.schemaType} ${gone.guid}`)
    }
  }
}
