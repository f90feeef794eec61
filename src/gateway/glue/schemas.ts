// Schemas and registries as Glue sees them, over the registry's subjects and contexts and the notes beside them: what there is, and what of it operations answer.
import { glueVersionId } from '../../registry/glue/version-ids.ts'
import type { Note, SchemaNote } from '../../registry/glue/notes.ts'
import { isReadOnly } from '../../registry/modes.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import type { CompatibilityLevel } from '../../registry/configs.ts'
import { flag, long, structure, text } from '../../wire/operation.ts'
import type { Context } from './context.ts'
import { errors, GlueError } from './errors.ts'
import { contextOfRegistry, defaultRegistry, registryOfContext, type SchemaId, type SchemaName, schemaOfSubject, subjectOfSchema } from './names.ts'

const levels: ReadonlyMap<string, CompatibilityLevel> = new Map([
  ['NONE', 'NONE'], ['BACKWARD', 'BACKWARD'], ['BACKWARD_ALL', 'BACKWARD_TRANSITIVE'], ['FORWARD', 'FORWARD'], ['FORWARD_ALL', 'FORWARD_TRANSITIVE'],
  ['FULL', 'FULL'], ['FULL_ALL', 'FULL_TRANSITIVE'],
])

export const dataFormats = ['AVRO', 'JSON', 'PROTOBUF'] as const

/** A schema that exists. */
export interface FoundSchema {
  readonly name: SchemaName
  readonly subject: string
  /** What is not deleted, in ascending order; none where it was made without a definition. */
  readonly versions: readonly SchemaVersion[]
  readonly note: SchemaNote | undefined
  readonly schemaType: string
}

export function findSchema(name: SchemaName, { registry, notes }: Context): FoundSchema | undefined {
  const subject = subjectOfSchema(name)
  const versions = registry.store.versions(subject, 'live')
  const note = notes.schemas().get(subject)
  if (versions.length === 0 && note?.isEmpty !== true) return undefined
  return { name, subject, versions, note, schemaType: versions.at(-1)?.schemaType ?? note!.schemaType }
}

/** The schema, or that it is not there in the words of the request. */
export function expectSchema(name: SchemaName, id: SchemaId, context: Context): FoundSchema | GlueError {
  return findSchema(name, context) ?? errors.schemaNotFound(id)
}

/** Every schema of the registry, or of all registries, by the subject's name. */
export function allSchemas(registry: string | undefined, context: Context): FoundSchema[] {
  const empty = [...context.notes.schemas()].filter(([, note]) => note.isEmpty).map(([subject]) => subject)
  const found: FoundSchema[] = []
  for (const subject of new Set([...context.registry.store.subjects('live'), ...empty])) {
    const name = schemaOfSubject(subject)
    if (name === undefined || (registry !== undefined && name.registry !== registry)) continue
    const schema = findSchema(name, context)
    if (schema !== undefined) found.push(schema)
  }
  return found.toSorted((a, b) => (a.subject < b.subject ? -1 : 1))
}

export function hasRegistry(name: string, { registry, notes }: Context): boolean {
  return name === defaultRegistry || notes.registries().has(name) || registry.store.hasContext(contextOfRegistry(name))
}

/** Names, in order; the default registry is always there. */
export function allRegistries({ registry, notes }: Context): string[] {
  const ofContexts = registry.store.contexts().map(registryOfContext).filter(name => name !== undefined)
  return [...new Set([defaultRegistry, ...notes.registries().keys(), ...ofContexts])].toSorted()
}

/** Glue's name for what holds new versions of the subject to the old ones. A subject that takes no new versions is DISABLED. */
export function compatibilityOf(subject: string, { registry }: Context): string {
  if (isReadOnly(registry.mode(subject))) return 'DISABLED'
  const { compatibilityLevel } = registry.effectiveConfig(subject)
  return [...levels].find(([, level]) => level === compatibilityLevel)![0]
}

/** The level behind Glue's name, 'DISABLED', or undefined where there is no such name. */
export function compatibilityNamed(name: string): CompatibilityLevel | 'DISABLED' | undefined {
  return name === 'DISABLED' ? name : levels.get(name)
}

export function checkpointOf({ note, versions }: FoundSchema): number | undefined {
  return note?.checkpoint ?? versions[0]?.version
}

/** What a note says, and for what Confluent's clients made the versions. */
export function noteOf(schema: FoundSchema): SchemaNote {
  const { note, versions, schemaType } = schema
  if (note !== undefined) return note
  return { tags: {}, schemaType, isEmpty: false, createdMs: versions[0]?.timestampMs ?? 0, updatedMs: versions.at(-1)?.timestampMs ?? 0 }
}

export function timesOf(note: Note): { readonly CreatedTime: string; readonly UpdatedTime: string } {
  return { CreatedTime: timeOf(note.createdMs), UpdatedTime: timeOf(note.updatedMs) }
}

export function timeOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

export const versionNumberShape = structure({ LatestVersion: flag(), VersionNumber: long() })

export interface VersionNumber {
  readonly LatestVersion?: boolean | undefined
  readonly VersionNumber?: number | undefined
}

export function readVersionNumber(wanted: VersionNumber | undefined): number | 'latest' | GlueError {
  if (wanted?.LatestVersion === true) return wanted.VersionNumber === undefined ? 'latest' : errors.numberTwice()
  return wanted?.VersionNumber ?? errors.numberMissing()
}

/** The version of a schema that a request asks for by its number. */
export function versionOf(schema: FoundSchema, wanted: number | 'latest', id: SchemaId): SchemaVersion | GlueError {
  const found = wanted === 'latest' ? schema.versions.at(-1) : schema.versions.find(each => each.version === wanted)
  return found ?? errors.versionNotFound(id, wanted)
}

export const versionIdShape = text()
const versionIdPattern = /^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$/

export function faultOfVersionId(id: string): GlueError | undefined {
  if (id.length !== 36) return errors.wrongLength('schemaVersionId')
  return versionIdPattern.test(id) ? undefined : errors.wrongCharacters('schemaVersionId')
}

export { glueVersionId as versionIdOf }

const definitionCharactersMax = 170_000

export function faultOfDefinition(definition: string): GlueError | undefined {
  if (definition.length > definitionCharactersMax) return errors.wrongLength('schemaDefinition')
  return /\S/.test(definition) ? undefined : errors.wrongCharacters('schemaDefinition')
}
