// What the registry knows: contexts, subjects, their versions, ids, settings. Pure: `apply` takes the records of the _schemas topic in their order and is the only
// thing that changes it; everything else answers questions, from indexes where a registry of many subjects would otherwise be walked through.
import { firstAtLeast } from './ordered.ts'
import { type Association, type AssociationKey, Associations } from './associations.ts'
import type { Config } from './configs.ts'
import { besideSubject, contextOf, defaultContext, everyContext, isScopeOfContext, splitSubject } from './contexts.ts'
import type { Mode } from './modes.ts'
import type { Metadata, Reference, RuleSet } from './schema.ts'

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

/** A version as clients write it. */
export type VersionSpec = number | 'latest'

/** A record of the topic, key and value read. A null value is a tombstone. */
export type Change =
  | { readonly type: 'schema'; readonly subject: string; readonly version: number; readonly value: SchemaVersion | null }
  | { readonly type: 'delete-subject'; readonly subject: string; readonly version: number }
  /** What is soft-deleted in the scope is gone: it is about to be imported. */
  | { readonly type: 'clear-subject'; readonly subject: string | null }
  | { readonly type: 'context'; readonly context: string; readonly isThere: boolean }
  /** The subject null is the whole registry. */
  | { readonly type: 'config'; readonly subject: string | null; readonly value: Config | null }
  | { readonly type: 'mode'; readonly subject: string | null; readonly value: Mode | null }
  | { readonly type: 'association'; readonly key: AssociationKey; readonly value: Association | null }
  | { readonly type: 'noop' }

export type Which = 'live' | 'deleted' | 'all'

/** The versions of a subject in ascending order. */
interface Versions {
  readonly all: readonly SchemaVersion[]
  readonly live: readonly SchemaVersion[]
  readonly deleted: readonly SchemaVersion[]
}

/** Ids belong to a context. */
class ContextIds {
  /** All versions of any of its subjects that have the id, deleted ones too. */
  readonly byId = new Map<number, VersionSet>()
  /** By guid and type: the guid leaves the type out, and a text may be a schema in two languages. Imported, the same content may have several ids, the latest last. */
  readonly byContent = new Map<string, readonly number[]>()
  /** Never falls, not even where what had the id is gone for good. */
  highest = 0
}

/** Versions of many subjects, each in the place where it first came; thousands may share an id, and are asked for more often than they change. */
class VersionSet {
  readonly #versions = new Map<string, SchemaVersion>()
  #list: readonly SchemaVersion[] | undefined

  get size(): number {
    return this.#versions.size
  }

  get list(): readonly SchemaVersion[] {
    this.#list ??= [...this.#versions.values()]
    return this.#list
  }

  put(version: SchemaVersion): void {
    this.#versions.set(versionKey(version.subject, version.version), version)
    this.#list = undefined
  }

  remove(version: SchemaVersion): void {
    this.#versions.delete(versionKey(version.subject, version.version))
    this.#list = undefined
  }
}

const noVersions: Versions = { all: [], live: [], deleted: [] }

export class Store {
  readonly associations = new Associations()
  readonly #subjects = new Map<string, Versions>()
  /** The names of #subjects in order. */
  readonly #names: string[] = []
  readonly #ids = new Map<string, ContextIds>()
  /** The versions that refer to a version of a subject, by `versionKey`. */
  readonly #referrers = new Map<string, VersionSet>()
  readonly #contexts = new Set<string>()
  readonly #configs = new Map<string | null, Config>()
  readonly #modes = new Map<string | null, Mode>()

  /** Of the default context. */
  get highestId(): number {
    return this.highestIdIn(defaultContext)
  }

  highestIdIn(context: string): number {
    return this.#ids.get(context)?.highest ?? 0
  }

  apply(change: Change): void {
    switch (change.type) {
      case 'schema': return change.value === null ? this.#remove(change.subject, change.version) : this.#put(change.value)
      case 'delete-subject':
        for (const version of this.versions(change.subject, 'live')) if (version.version <= change.version) this.#put({ ...version, deleted: true })
        return
      case 'clear-subject':
        for (const subject of this.subjectsIn(change.subject, 'all')) for (const { version } of this.versions(subject, 'deleted')) this.#remove(subject, version)
        return
      case 'context': return void (change.isThere ? this.#contexts.add(change.context) : this.#contexts.delete(change.context))
      case 'config': return void (change.value === null ? this.#configs.delete(change.subject) : this.#configs.set(change.subject, change.value))
      case 'mode': return void (change.value === null ? this.#modes.delete(change.subject) : this.#modes.set(change.subject, change.value))
      case 'association': return this.associations.apply(change.key, change.value)
      case 'noop':
    }
  }

  /** Names that begin with the prefix, in order; 'live' are those with a version that is not deleted, 'deleted' those with none. `:*:` is any context. */
  subjects(which: Which, prefix = everyContext): string[] {
    const isWanted = (name: string): boolean => {
      const { live } = this.#subjects.get(name)!
      return which === 'all' || (live.length > 0) === (which === 'live')
    }
    if (prefix.startsWith(everyContext)) {
      const rest = prefix.slice(everyContext.length)
      return this.#names.filter(name => (rest === '' || splitSubject(name).subject.startsWith(rest)) && isWanted(name))
    }
    const names: string[] = []
    for (let at = firstAtLeast(this.#names, prefix); at < this.#names.length && this.#names[at]!.startsWith(prefix); at++) {
      if (isWanted(this.#names[at]!)) names.push(this.#names[at]!)
    }
    return names
  }

  /** The subjects that settings of this scope reach: null is all, `:.name:` a context, else the one subject. */
  subjectsIn(scope: string | null, which: Which): string[] {
    if (scope === null) return this.subjects(which)
    if (!isScopeOfContext(scope)) return this.versions(scope, which).length > 0 ? [scope] : []
    return this.subjects(which).filter(name => contextOf(name) === contextOf(scope))
  }

  /** The versions of a subject in ascending order. */
  versions(subject: string, which: Which): readonly SchemaVersion[] {
    return (this.#subjects.get(subject) ?? noVersions)[which]
  }

  version(subject: string, version: number): SchemaVersion | undefined {
    const { all } = this.#subjects.get(subject) ?? noVersions
    // Versions begin at 1 and few are missing: it stands at its number or further to the front.
    for (let at = Math.min(version, all.length) - 1; at >= 0 && all[at]!.version >= version; at--) if (all[at]!.version === version) return all[at]
    return undefined
  }

  latest(subject: string): SchemaVersion | undefined {
    return this.versions(subject, 'live').at(-1)
  }

  /** Every version of any subject of the context with this id, deleted ones too: what was written with it must stay readable. */
  withId(id: number, context = defaultContext): readonly SchemaVersion[] {
    return this.#ids.get(context)?.byId.get(id)?.list ?? []
  }

  idOf(guid: string, schemaType: string, context = defaultContext): number | undefined {
    return this.idsOf(guid, schemaType, context).at(-1)
  }

  /** All ids of a content in a context; more than one only where they were imported. */
  idsOf(guid: string, schemaType: string, context = defaultContext): readonly number[] {
    return this.#ids.get(context)?.byContent.get(`${schemaType} ${guid}`) ?? []
  }

  /** Versions that refer to a version of a subject. */
  referrers(subject: string, version: number, which: 'live' | 'all'): readonly SchemaVersion[] {
    const found = this.#referrers.get(versionKey(subject, version))?.list ?? []
    return which === 'all' ? found : found.filter(each => !each.deleted)
  }

  /** Names, the default context first. */
  contexts(): string[] {
    return [defaultContext, ...[...this.#contexts].toSorted()]
  }

  hasContext(context: string): boolean {
    return context === defaultContext || this.#contexts.has(context)
  }

  config(subject: string | null): Config | undefined {
    return this.#configs.get(subject)
  }

  mode(subject: string | null): Mode | undefined {
    return this.#modes.get(subject)
  }

  /** Subjects and contexts with settings of their own. */
  configured(): Iterable<readonly [subject: string | null, Config]> {
    return this.#configs
  }

  /** The scopes that have a mode. */
  scopesWithMode(): Iterable<string | null> {
    return this.#modes.keys()
  }

  #put(version: SchemaVersion): void {
    const context = contextOf(version.subject)
    const old = this.version(version.subject, version.version)
    if (old !== undefined) this.#forget(old, version)
    this.#place(version.subject, [...this.versions(version.subject, 'all').filter(each => each !== old), version])
    if (context !== defaultContext) this.#contexts.add(context)
    let ids = this.#ids.get(context)
    if (ids === undefined) this.#ids.set(context, ids = new ContextIds())
    addTo(ids.byId, version.id, version)
    const content = `${version.schemaType} ${version.guid}`
    const known = ids.byContent.get(content) ?? []
    if (!known.includes(version.id)) ids.byContent.set(content, [...known, version.id])
    ids.highest = Math.max(ids.highest, version.id)
    for (const reference of version.references) addTo(this.#referrers, referredKey(version, reference), version)
  }

  #remove(subject: string, version: number): void {
    const gone = this.version(subject, version)
    if (gone === undefined) return
    this.#forget(gone, undefined)
    this.#place(subject, this.versions(subject, 'all').filter(each => each !== gone))
  }

  /** Takes a version out of the indexes; a `successor` keeps its place there. */
  #forget(gone: SchemaVersion, successor: SchemaVersion | undefined): void {
    for (const reference of gone.references) takeFrom(this.#referrers, referredKey(gone, reference), gone)
    if (successor?.id === gone.id && successor.guid === gone.guid && successor.schemaType === gone.schemaType) return
    const ids = this.#ids.get(contextOf(gone.subject))!
    const content = `${gone.schemaType} ${gone.guid}`
    if (!takeFrom(ids.byId, gone.id, gone)) return
    const others = (ids.byContent.get(content) ?? []).filter(id => id !== gone.id)
    if (others.length > 0) ids.byContent.set(content, others)
    else ids.byContent.delete(content)
  }

  #place(subject: string, versions: readonly SchemaVersion[]): void {
    const at = firstAtLeast(this.#names, subject)
    const isThere = this.#names[at] === subject
    if (versions.length === 0) {
      this.#subjects.delete(subject)
      if (isThere) this.#names.splice(at, 1)
      return
    }
    const all = versions.toSorted((a, b) => a.version - b.version)
    this.#subjects.set(subject, { all, live: all.filter(each => !each.deleted), deleted: all.filter(each => each.deleted) })
    if (!isThere) this.#names.splice(at, 0, subject)
  }
}

function versionKey(subject: string, version: number): string {
  return `${version} ${subject}`
}

function referredKey(from: SchemaVersion, reference: Reference): string {
  return versionKey(besideSubject(from.subject, reference.subject), reference.version)
}

function addTo<K>(index: Map<K, VersionSet>, key: K, version: SchemaVersion): void {
  let versions = index.get(key)
  if (versions === undefined) index.set(key, versions = new VersionSet())
  versions.put(version)
}

/** Whether nothing is left under the key. */
function takeFrom<K>(index: Map<K, VersionSet>, key: K, version: SchemaVersion): boolean {
  const versions = index.get(key)
  versions?.remove(version)
  if (versions?.size !== 0) return false
  index.delete(key)
  return true
}
