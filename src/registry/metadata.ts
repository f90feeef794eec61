// What a schema version says about itself beside its text: tags of its parts, properties, and which of those are secret. Part of its identity.
import { isObject } from './exact-json.ts'

export interface Metadata {
  readonly tags?: { readonly [path: string]: readonly string[] }
  readonly properties?: { readonly [name: string]: string }
  readonly sensitive?: readonly string[]
}

/** The property that repeats the version's number, once somebody has asked for a version by number. */
const versionProperty = 'confluent:version'
/** Comma-separated names that no field may have, checked where `validateFields` is on. */
const reservedProperty = 'confluent:reserved'

/** The value as metadata, its maps in the order of their names and its lists sorted and without repetition; or the member that is of the wrong type. */
export function readMetadata(value: unknown): Metadata | { readonly wrong: string; readonly wanted: string } {
  if (!isObject(value)) return { wrong: 'metadata', wanted: 'an object' }
  const { tags, properties, sensitive } = value
  if (tags != null && !(isObject(tags) && Object.values(tags).every(isTextList))) return { wrong: 'metadata.tags', wanted: 'an object of arrays of text' }
  if (properties != null && !(isObject(properties) && Object.values(properties).every(each => typeof each === 'string'))) {
    return { wrong: 'metadata.properties', wanted: 'an object of text' }
  }
  if (sensitive != null && !isTextList(sensitive)) return { wrong: 'metadata.sensitive', wanted: 'an array of text' }
  return inOrder({
    tags: (tags ?? {}) as { [path: string]: readonly string[] },
    properties: (properties ?? {}) as { [name: string]: string },
    sensitive: (sensitive ?? []) as string[],
  })
}

export function propertyOf(metadata: Metadata | undefined, name: string): string | undefined {
  const properties = metadata?.properties ?? {}
  return Object.hasOwn(properties, name) ? properties[name] : undefined
}

/** Both together; where both name a thing, `over` has it. */
export function mergedMetadata(under: Metadata | undefined, over: Metadata | undefined): Metadata | undefined {
  if (under === undefined || over === undefined) return over ?? under
  return inOrder({
    tags: { ...under.tags, ...over.tags }, properties: { ...under.properties, ...over.properties },
    sensitive: [...under.sensitive ?? [], ...over.sensitive ?? []],
  })
}

export function confluentVersion(metadata: Metadata | undefined): string | undefined {
  return propertyOf(metadata, versionProperty)
}

export function withConfluentVersion(metadata: Metadata | undefined, version: number): Metadata {
  return inOrder({ ...metadata, properties: { ...metadata?.properties, [versionProperty]: String(version) } })
}

/** Undefined where nothing else is left, so that it equals metadata that was never given. */
export function withoutConfluentVersion(metadata: Metadata | undefined): Metadata | undefined {
  if (confluentVersion(metadata) === undefined) return metadata
  const { [versionProperty]: _gone, ...properties } = metadata!.properties!
  const rest = inOrder({ ...metadata, properties })
  return Object.keys(rest).length === 0 ? undefined : rest
}

export function sameMetadata(a: Metadata | undefined, b: Metadata | undefined): boolean {
  return JSON.stringify(a && inOrder(a)) === JSON.stringify(b && inOrder(b))
}

export function reservedFields(metadata: Metadata | undefined): ReadonlySet<string> {
  return new Set((propertyOf(metadata, reservedProperty) ?? '').split(',').map(each => each.trim()).filter(each => each !== ''))
}

function inOrder({ tags = {}, properties = {}, sensitive = [] }: Metadata): Metadata {
  const byName = <T>(members: { readonly [name: string]: T }): { [name: string]: T } => (
    Object.fromEntries(Object.keys(members).toSorted().map(name => [name, members[name]!]))
  )
  const asSet = (list: readonly string[]): string[] => [...new Set(list)].toSorted()
  return {
    ...Object.keys(tags).length > 0 && { tags: byName(Object.fromEntries(Object.entries(tags).map(([path, list]) => [path, asSet(list)]))) },
    ...Object.keys(properties).length > 0 && { properties: byName(properties) },
    ...sensitive.length > 0 && { sensitive: asSet(sensitive) },
  }
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}
