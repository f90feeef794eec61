// Associations: which subject has the schemas of a resource's keys or values (the resource is a topic), said once for all clients instead of made of names by each.
// A STRONG one ties the subject to its resource alone; a WEAK one only points to it, and several may point to the same.
import { besideSubject, isValidSubject } from './contexts.ts'
import { refusals, RegistryRefusal } from './errors.ts'
import type { SchemaRequest } from './candidates.ts'
import type { Store } from './store.ts'

export type Lifecycle = 'STRONG' | 'WEAK'
export type AssociationType = 'key' | 'value'

export interface Association {
  readonly subject: string
  readonly guid: string
  readonly resourceName: string
  readonly resourceNamespace: string
  readonly resourceId: string
  readonly resourceType: string
  readonly associationType: string
  readonly lifecycle: Lifecycle
  /** Neither changed nor deleted any more, but with its resource. */
  readonly frozen: boolean
  /** Milliseconds since the epoch. */
  readonly createdMs: number
  readonly updatedMs: number
}

/** What makes an association the one it is. */
export type AssociationKey = Pick<Association, 'resourceName' | 'resourceNamespace' | 'resourceType' | 'associationType' | 'subject'>

export interface Resource {
  readonly resourceName: string
  readonly resourceNamespace: string
  /** '' where a dry run leaves it out. */
  readonly resourceId: string
}

/** One association that is asked for. */
export interface WantedAssociation {
  readonly subject: string | undefined
  readonly associationType: AssociationType
  readonly lifecycle: Lifecycle | undefined
  readonly frozen: boolean | undefined
  /** To be registered in the subject first. */
  readonly schema: SchemaRequest | undefined
  readonly normalize: boolean | undefined
}

export interface AssociationFilter {
  readonly resourceType: string
  /** All where none is named. */
  readonly associationTypes: readonly string[]
  readonly lifecycle: Lifecycle | undefined
}

export const topicResource = 'topic'
/** In place of a namespace: any. */
export const anyNamespace = '-'
/** Of all resources together. */
export const associationsMax = 100_000

export class Associations {
  readonly #byKey = new Map<string, Association>()
  readonly #bySubject = new Map<string, Set<Association>>()
  readonly #byName = new Map<string, Set<Association>>()
  readonly #byId = new Map<string, Set<Association>>()

  get count(): number {
    return this.#byKey.size
  }

  apply(key: AssociationKey, value: Association | null): void {
    const id = keyOf(key)
    const old = this.#byKey.get(id)
    if (old !== undefined) {
      this.#byKey.delete(id)
      for (const [index, name] of this.#places(old)) {
        const rest = index.get(name)
        rest?.delete(old)
        if (rest?.size === 0) index.delete(name)
      }
    }
    if (value === null) return
    this.#byKey.set(id, value)
    for (const [index, name] of this.#places(value)) {
      const others = index.get(name)
      if (others === undefined) index.set(name, new Set([value]))
      else others.add(value)
    }
  }

  ofSubject(subject: string): Association[] {
    return [...this.#bySubject.get(subject) ?? []]
  }

  ofResourceId(resourceId: string): Association[] {
    return [...this.#byId.get(resourceId) ?? []]
  }

  ofResourceName(resourceName: string, resourceNamespace: string): Association[] {
    const named = [...this.#byName.get(resourceName) ?? []]
    return resourceNamespace === anyNamespace ? named : named.filter(each => each.resourceNamespace === resourceNamespace)
  }

  #places(association: Association): [Map<string, Set<Association>>, string][] {
    return [[this.#bySubject, association.subject], [this.#byName, association.resourceName], [this.#byId, association.resourceId]]
  }
}

export function filtered(associations: readonly Association[], { resourceType, associationTypes, lifecycle }: AssociationFilter): Association[] {
  return associations.filter(each => (
    each.resourceType === resourceType && (associationTypes.length === 0 || associationTypes.includes(each.associationType)) &&
    (lifecycle === undefined || each.lifecycle === lifecycle)
  )).toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

/** The subject that an association is for where none is named, and the only one that a frozen one may have. */
export function defaultSubject({ resourceName, resourceNamespace }: Resource, type: AssociationType): string {
  return `:.${resourceNamespace}:${resourceName}-${type}`
}

/** The subject that is meant, in full. */
export function wantedSubject(resource: Resource, wanted: WantedAssociation, contextPrefix: string): string {
  return wanted.subject === undefined ? defaultSubject(resource, wanted.associationType) : besideSubject(contextPrefix, wanted.subject)
}

/** What a request says that no association can have; null where there is nothing. It is judged before the state is. */
export function faultOfRequest(
  resource: Resource, wanted: readonly WantedAssociation[], { contextPrefix, dryRun }: { contextPrefix: string; dryRun: boolean },
): RegistryRefusal | null {
  const invalid = refusals.invalidAssociation
  for (const property of ['resourceName', 'resourceNamespace'] as const) {
    const name = resource[property]
    if (name === '') return invalid(property, 'cannot be null or empty')
    if (name.length > nameCharactersMax) return invalid(property, `exceeds max length of ${nameCharactersMax}`)
    const [illegal] = /[^\p{L}\p{Nd}_.-]/u.exec(name) ?? []
    if (illegal !== undefined) return invalid(property, `illegal character '${illegal}'`)
  }
  if (!dryRun && resource.resourceId === '') return invalid('resourceId', 'cannot be null or empty')
  if (wanted.length === 0) return invalid('associations', 'cannot be null or empty')
  const types = new Set<string>()
  const frozen = new Set<boolean>()
  for (const each of wanted) {
    if (types.has(each.associationType)) return invalid('associationType', `more than one association of type '${each.associationType}'`)
    types.add(each.associationType)
    const subject = wantedSubject(resource, each, contextPrefix)
    if (each.subject === '' || !isValidSubject(subject)) return invalid('subject', 'must not be empty')
    if (each.lifecycle === 'WEAK' && each.schema !== undefined) return invalid('lifecycle', 'cannot be WEAK when schema is provided')
    if (each.lifecycle === 'WEAK' && each.frozen === true) return invalid('frozen', 'association with lifecycle of WEAK cannot be frozen')
    const only = defaultSubject(resource, each.associationType)
    if (each.frozen === true && subject !== only) return invalid('subject', `frozen associations must use subject '${only}'`)
    if (each.frozen !== undefined) frozen.add(each.frozen)
  }
  return frozen.size > 1 ? invalid('frozen', 'all associations for a resource must be consistently frozen or non-frozen') : null
}

const nameCharactersMax = 256

/**
 * What becomes of one wanted association on the state as it is: the association as it will be, or why it cannot. `create` takes what is there already only where it
 * is the same; otherwise what the request leaves out stays as it is.
 */
export function decide(
  store: Store, resource: Resource, wanted: WantedAssociation, how: { create: boolean; contextPrefix: string; guid: string; nowMs: number },
): Association | RegistryRefusal {
  const { associations } = store
  const { associationType } = wanted
  const subject = wantedSubject(resource, wanted, how.contextPrefix)
  const named = associations.ofResourceName(resource.resourceName, resource.resourceNamespace)
  const ofResource = [...new Set([...named, ...resource.resourceId === '' ? [] : associations.ofResourceId(resource.resourceId)])]
  const stranger = ofResource.find(each => each.resourceName !== resource.resourceName || each.resourceNamespace !== resource.resourceNamespace)
  if (stranger !== undefined) return refusals.invalidAssociation('resourceId', `it belongs to resource '${stranger.resourceName}'`)
  const other = ofResource.find(each => resource.resourceId !== '' && each.resourceId !== resource.resourceId)
  if (other !== undefined) return refusals.invalidAssociation('resourceId', `resource '${resource.resourceName}' has another one`)

  const old = ofResource.find(each => each.associationType === associationType)
  const lifecycle = wanted.lifecycle ?? old?.lifecycle ?? (wanted.schema !== undefined || wanted.frozen === true ? 'STRONG' : 'WEAK')
  const frozen = wanted.frozen ?? old?.frozen ?? false
  if (lifecycle === 'WEAK' && frozen) return refusals.invalidAssociation('frozen', 'association with lifecycle of WEAK cannot be frozen')
  if (old !== undefined) {
    const isSame = old.subject === subject && old.lifecycle === lifecycle && old.frozen === frozen
    if (old.subject !== subject || (how.create && !isSame)) return refusals.associationForResourceExists(associationType, resource.resourceName)
    if (old.frozen && (!isSame || wanted.schema !== undefined)) return refusals.associationFrozen(associationType, subject)
    if (isSame) return old
  } else if (associations.count >= associationsMax) return refusals.tooManyAssociations(associationsMax)
  const beside = ofResource.filter(each => each !== old)
  if (beside.some(each => each.frozen !== frozen)) {
    return refusals.invalidAssociation('frozen', 'all associations for a resource must be consistently frozen or non-frozen')
  }
  const others = associations.ofSubject(subject).filter(each => each !== old)
  if (others.some(each => each.lifecycle === 'STRONG')) return refusals.strongAssociationForSubjectExists(subject)
  if (lifecycle === 'STRONG' && others.length > 0) return refusals.associationForSubjectExists(subject)
  return {
    subject, guid: old?.guid ?? how.guid, ...resource, resourceType: topicResource, associationType, lifecycle, frozen,
    createdMs: old?.createdMs ?? how.nowMs, updatedMs: how.nowMs,
  }
}

/** No text has a NUL in it that came through the API. */
function keyOf({ resourceName, resourceNamespace, resourceType, associationType, subject }: AssociationKey): string {
  return [resourceNamespace, resourceName, resourceType, associationType, subject].join('\0')
}
