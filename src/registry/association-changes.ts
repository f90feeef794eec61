// Changes of associations: what becomes of a request on the state as it is when its turn comes (associations.ts says), with the schemas and subjects that it takes along.
import type { Clock } from '../world/world.ts'
import {
  type Association, type AssociationFilter, decide, faultOfRequest, filtered, type Resource, type WantedAssociation,
} from './associations.ts'
import type { Comparisons } from './comparisons.ts'
import { refusals, RegistryRefusal } from './errors.ts'
import { isReadOnly } from './modes.ts'
import type { Registrations } from './registrations.ts'
import type { Settings } from './settings.ts'
import type { Change, Store } from './store.ts'
import type { WriteQueue } from './write-queue.ts'

interface AssociationParts {
  readonly store: Store
  readonly comparisons: Comparisons
  readonly registrations: Registrations
  readonly settings: Settings
  readonly queue: WriteQueue
  readonly clock: Pick<Clock, 'now'>
}

export class AssociationChanges {
  readonly #store: Store
  readonly #comparisons: Comparisons
  readonly #registrations: Registrations
  readonly #settings: Settings
  readonly #queue: WriteQueue
  readonly #clock: Pick<Clock, 'now'>

  constructor({ store, comparisons, registrations, settings, queue, clock }: AssociationParts) {
    this.#store = store
    this.#comparisons = comparisons
    this.#registrations = registrations
    this.#settings = settings
    this.#queue = queue
    this.#clock = clock
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
    return this.#queue.exclusively(async () => {
      const decided: Association[] = []
      for (const each of wanted) {
        const association = decide(this.#store, resource, each, { create, contextPrefix, guid: how.guid(), nowMs: this.#clock.now() })
        if (association instanceof RegistryRefusal) return association
        const { subject } = association
        const beside = decided.find(other => other.subject === subject)
        if (beside !== undefined && (beside.lifecycle === 'STRONG' || association.lifecycle === 'STRONG')) return refusals.associationForSubjectExists(subject)
        if (each.schema === undefined && this.#store.latest(subject) === undefined) return refusals.noActiveVersion(subject)
        const verdict = each.schema === undefined ? null : await this.#comparisons.check(subject, each.schema, 'all', { normalize: each.normalize })
        if (verdict instanceof RegistryRefusal) return verdict
        if (verdict !== null && verdict.messages.length > 0) return refusals.incompatible(subject, verdict.messages)
        decided.push(association)
      }
      if (dryRun) return decided
      for (const [at, { schema, normalize }] of wanted.entries()) {
        const registered = schema === undefined ? null : await this.#registrations.registerNow(decided[at]!.subject, schema, { normalize })
        if (registered instanceof RegistryRefusal) return registered
      }
      const changed = decided.filter(each => !this.#store.associations.ofSubject(each.subject).includes(each))
      return (changed.length === 0 ? null : await this.#queue.write(changed.map((value): Change => ({ type: 'association', key: value, value })))) ?? decided
    })
  }

  /**
   * Takes away associations of a resource that is gone, or no longer has them; a frozen one goes only with the resource (`cascade`), and the subject of a STRONG
   * one is then soft-deleted. Those with other subjects than `subjects` stay: they may have come since somebody looked whether these may go.
   */
  async dissociate(
    resourceId: string, filter: AssociationFilter, { cascade, dryRun, subjects }: { cascade: boolean; dryRun: boolean; subjects: ReadonlySet<string> },
  ): Promise<readonly Association[] | RegistryRefusal> {
    return this.#queue.exclusively(async () => {
      const going = filtered(this.#store.associations.ofResourceId(resourceId), filter).filter(each => subjects.has(each.subject))
      if (going.length === 0) return refusals.associationNotFound(resourceId)
      const changes: Change[] = going.map(key => ({ type: 'association', key, value: null }))
      for (const { subject, lifecycle, frozen, associationType } of going) {
        if (frozen && !cascade) return refusals.associationFrozen(associationType, subject)
        const live = cascade && lifecycle === 'STRONG' ? this.#store.versions(subject, 'live') : []
        if (live.length === 0) continue
        if (isReadOnly(this.#settings.mode(subject))) return refusals.readOnly(subject)
        const referred = live.find(each => this.#store.referrers(subject, each.version, 'live').some(other => other.subject !== subject))
        if (referred !== undefined) return refusals.referenceExists(subject, referred.version)
        changes.push({ type: 'delete-subject', subject, version: live.at(-1)!.version })
      }
      return (dryRun ? null : await this.#queue.write(changes)) ?? going
    })
  }
}
