// Settings and modes of the registry, of contexts and of subjects: which hold, and how they change.
import { type Candidates, scopesAbove } from './candidates.ts'
import { type Config, type ConfigUpdate, defaultLevel, type EffectiveConfig, updatedConfig } from './configs.ts'
import { contextOf, globalScope, isScopeOfContext, isValidSubject } from './contexts.ts'
import { refusals, type RegistryRefusal } from './errors.ts'
import { isReadOnly, type Mode } from './modes.ts'
import { faultOfRuleSet } from './rules/conditions.ts'
import type { Change, Store } from './store.ts'
import type { WriteQueue } from './write-queue.ts'

export class Settings {
  readonly #store: Store
  readonly #candidates: Candidates
  readonly #queue: WriteQueue

  constructor(store: Store, candidates: Candidates, queue: WriteQueue) {
    this.#store = store
    this.#candidates = candidates
    this.#queue = queue
  }

  /** The settings in force: the nearest of subject, context and all contexts decides on each. */
  effective(subject: string | null): EffectiveConfig {
    return this.#candidates.config(subject)
  }

  /** The settings in force as far as somebody has made them, and the level. */
  inherited(subject: string | null): Config {
    return this.#candidates.inheritedConfig(subject)
  }

  /** Merges: what `update` leaves out stays, what it has as null goes. The settings afterwards. */
  async updateConfig(subject: string | null, update: ConfigUpdate): Promise<Config | RegistryRefusal> {
    if (subject !== null && !isValidSubject(subject, { forSettings: true })) return refusals.invalidSubject(subject)
    return this.#queue.exclusively(async () => {
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      const merged = updatedConfig(this.#store.config(subject), update)
      for (const ruleSet of [merged.defaultRuleSet, merged.overrideRuleSet]) {
        const fault = ruleSet === undefined || merged.validateRules === false ? undefined : faultOfRuleSet(ruleSet)
        if (fault !== undefined) return refusals.invalidRuleSet(fault)
      }
      return await this.#queue.write([{ type: 'config', subject, value: merged }]) ?? merged
    })
  }

  /** The settings that went. */
  async deleteConfig(subject: string | null): Promise<Config | RegistryRefusal> {
    return this.#queue.exclusively(async () => {
      const old = this.#store.config(subject)
      if (old === undefined && subject !== null) return refusals.subjectNotFound(subject)
      if (isReadOnly(this.mode(subject))) return refusals.readOnly(subject)
      return await this.#queue.write([{ type: 'config', subject, value: null }]) ?? old ?? { compatibilityLevel: defaultLevel }
    })
  }

  /**
   * The mode in force: that of the subject, its context or all contexts, the nearest first; but READONLY_OVERRIDE of the whole registry is above them. Without
   * `own`, what would hold if the subject had none.
   */
  mode(subject: string | null, { own = true }: { readonly own?: boolean } = {}): Mode {
    for (const scope of [null, globalScope]) if (this.#store.mode(scope) === 'READONLY_OVERRIDE') return 'READONLY_OVERRIDE'
    const scopes = scopesAbove(subject).slice(own ? 0 : 1)
    return scopes.map(scope => this.#store.mode(scope)).find(mode => mode !== undefined) ?? 'READWRITE'
  }

  /** IMPORT wants a scope without subjects, unless `force`; what was soft-deleted in it is then gone for good. */
  async updateMode(subject: string | null, mode: Mode, { force = false }: { force?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    if (subject !== null && !isValidSubject(subject, { forSettings: true })) return refusals.invalidSubject(subject)
    if (mode === 'FORWARD' && subject !== null && subject !== globalScope) return refusals.invalidMode()
    return this.#queue.exclusively(async () => {
      const cleared: Change[] = []
      if (mode === 'IMPORT' && this.mode(subject) !== 'IMPORT' && !force) {
        const scope = subject === globalScope ? null : subject
        if (this.#store.subjectsIn(scope, 'live').length > 0) return refusals.importNotEmpty()
        const going = this.#store.subjectsIn(scope, 'all').flatMap(name => this.#store.versions(name, 'all'))
        const referred = going.find(each => this.#store.referrers(each.subject, each.version, 'live').length > 0)
        if (referred !== undefined) return refusals.referenceExists(referred.subject, referred.version)
        for (const each of going) cleared.push({ type: 'schema', subject: each.subject, version: each.version, value: null })
        cleared.push({ type: 'clear-subject', subject: scope })
      }
      return await this.#queue.write([...cleared, { type: 'mode', subject, value: mode }]) ?? mode
    })
  }

  /** The mode that went. With `recursive`, those of a context's subjects go too; null is the default context. */
  async deleteMode(subject: string | null, { recursive = false }: { recursive?: boolean } = {}): Promise<Mode | RegistryRefusal> {
    return this.#queue.exclusively(async () => {
      const old = this.#store.mode(subject)
      if (old === undefined && subject !== null) return refusals.subjectNotFound(subject)
      const isContext = subject === null || isScopeOfContext(subject)
      const below = recursive && isContext
        ? [...this.#store.scopesWithMode()].filter(scope => scope !== null && !isScopeOfContext(scope) && contextOf(scope) === contextOf(subject ?? ''))
        : []
      const changes = [...old === undefined ? [] : [subject], ...below].map((scope): Change => ({ type: 'mode', subject: scope, value: null }))
      return (changes.length === 0 ? null : await this.#queue.write(changes)) ?? old ?? 'READWRITE'
    })
  }

  /** The changes that take away what a subject or context has of its own. */
  gone(subject: string): Change[] {
    const changes: Change[] = []
    if (this.#store.config(subject) !== undefined) changes.push({ type: 'config', subject, value: null })
    if (this.#store.mode(subject) !== undefined) changes.push({ type: 'mode', subject, value: null })
    return changes
  }
}
