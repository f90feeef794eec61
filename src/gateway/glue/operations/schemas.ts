// Schemas: made, described, listed, changed and deleted. A schema is a subject, its compatibility the subject's level; DISABLED is a subject that is read-only.
import { RegistryRefusal } from '../../../registry/errors.ts'
import type { GlueChange, WriteNotes } from '../../../registry/glue/notes.ts'
import { type SchemaType, schemaTypes } from '../../../registry/schema.ts'
import type { SchemaVersion } from '../../../registry/store.ts'
import { integer, list, long, operation, structure, text, textMap } from '../../../wire/operation.ts'
import { type Context, judge, serve } from '../context.ts'
import { errors, GlueError, toGlueError } from '../errors.ts'
import {
  defaultRegistry, faultOfDescription, faultOfName, readRegistryId, readSchemaId, registryArn, registryIdShape, schemaArn, schemaIdShape, type SchemaName, scopeOfRegistry,
  subjectOfSchema,
} from '../names.ts'
import { pageOf } from '../pages.ts'
import {
  allSchemas, checkpointOf, compatibilityNamed, compatibilityOf, expectSchema, faultOfDefinition, findSchema, type FoundSchema, hasRegistry, noteOf, readVersionNumber, timesOf,
  versionIdOf, versionNumberShape, versionOf,
} from '../schemas.ts'
import { faultOfTags, tagsOf } from '../tags.ts'

const described = {
  RegistryName: text(), RegistryArn: text(), SchemaName: text(), SchemaArn: text(), Description: text(), DataFormat: text(), Compatibility: text(),
  SchemaCheckpoint: long(), LatestSchemaVersion: long(), NextSchemaVersion: long(), SchemaStatus: text(),
}

export const createSchema = serve(operation({
  name: 'CreateSchema',
  input: {
    RegistryId: registryIdShape, SchemaName: text().required, DataFormat: text().required, Compatibility: text(), Description: text(), Tags: textMap(),
    SchemaDefinition: text(),
  },
  output: { ...described, Tags: textMap(), SchemaVersionId: text(), SchemaVersionStatus: text() },
}), async (input, context) => {
  const { SchemaName: schema, Compatibility: wanted, SchemaDefinition: definition, Tags } = input
  const registry = input.RegistryId === undefined ? defaultRegistry : readRegistryId(input.RegistryId)
  if (registry instanceof GlueError) return registry
  const fault = faultOfName(schema, 'schemaName') ?? faultOfDescription(input.Description) ?? faultOfTags(Tags)
  if (fault !== undefined) return fault
  const schemaType = dataFormatOf(input.DataFormat)
  if (schemaType === undefined) return errors.wrongDataFormat()
  const compatibility = wanted === undefined ? undefined : compatibilityNamed(wanted)
  if (wanted !== undefined && compatibility === undefined) return errors.wrongCompatibility()
  const name: SchemaName = { registry, schema }
  const subject = subjectOfSchema(name)
  const arn = schemaArn(name, context)
  const denied = judge(context, 'write', subject, arn)
    // Other rules than those in force are the business of who may set rules.
    ?? (wanted === undefined || wanted === compatibilityOf(subject, context) ? null : judge(context, 'alter-configs', subject, arn))
  if (denied !== null) return denied
  const unreadable = definition === undefined ? undefined : faultOfDefinition(definition) ?? await invalidDefinition(definition, schemaType, context)
  if (unreadable !== undefined) return unreadable

  const made = await context.notes.exclusively<GlueError | RegistryRefusal | { version: SchemaVersion | undefined }>(async write => {
    if (!hasRegistry(registry, context)) return errors.registryNotFound('RegistryName', registry)
    if (findSchema(name, context) !== undefined) return errors.schemaExists(schema)
    if (compatibility !== undefined && compatibility !== 'DISABLED' && wanted !== compatibilityOf(subject, context)) {
      const set = await context.registry.updateConfig(subject, { compatibilityLevel: compatibility })
      if (set instanceof RegistryRefusal) return set
    }
    const version = definition === undefined ? undefined : await context.registry.register(subject, { schema: definition, schemaType }, { normalize: undefined })
    if (version instanceof RegistryRefusal) return version
    if (compatibility === 'DISABLED') {
      const set = await context.registry.updateMode(subject, 'READONLY')
      if (set instanceof RegistryRefusal) return set
    }
    const now = context.now()
    const { Description: description } = input
    const value = { ...description !== undefined && { description }, tags: tagsOf(Tags), schemaType, isEmpty: version === undefined, createdMs: now, updatedMs: now }
    return await write([{ type: 'schema', subject, value }]) ?? { version }
  })
  if (made instanceof GlueError) return made
  if (made instanceof RegistryRefusal) return toGlueError(made)
  const { CreatedTime: _created, UpdatedTime: _updated, ...shown } = describe(findSchema(name, context)!, context)
  return { ...shown, Tags, ...made.version !== undefined && { SchemaVersionId: versionIdOf(made.version), SchemaVersionStatus: 'AVAILABLE' } }
})

export const getSchema = serve(operation({
  name: 'GetSchema', input: { SchemaId: schemaIdShape.required }, output: { ...described, CreatedTime: text(), UpdatedTime: text() },
}), (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const found = judge(context, 'describe', subjectOfSchema(name), schemaArn(name, context)) ?? expectSchema(name, input.SchemaId, context)
  return found instanceof GlueError ? found : describe(found, context)
})

export const listSchemas = serve(operation({
  name: 'ListSchemas',
  input: { RegistryId: registryIdShape, MaxResults: integer().min(1).max(100), NextToken: text() },
  output: {
    Schemas: list(structure({
      RegistryName: text(), SchemaName: text(), SchemaArn: text(), Description: text(), SchemaStatus: text(), CreatedTime: text(), UpdatedTime: text(),
    })),
    NextToken: text(),
  },
}), (input, context) => {
  const registry = input.RegistryId === undefined ? undefined : readRegistryId(input.RegistryId)
  if (registry instanceof GlueError) return registry
  // Who may not describe the registry is not told whether there is one: it looks empty.
  const mayKnow = registry !== undefined && context.access.wouldAllow(context.caller, 'describe', 'subject', scopeOfRegistry(registry))
  if (mayKnow && !hasRegistry(registry, context)) return errors.registryNotFound('RegistryName', registry)
  const visible = allSchemas(registry, context).filter(each => context.access.wouldAllow(context.caller, 'describe', 'subject', each.subject))
  const page = pageOf(visible, each => each.subject, input)
  if (page instanceof GlueError) return page
  const Schemas = page.shown.map(each => {
    const note = noteOf(each)
    return {
      RegistryName: each.name.registry, SchemaName: each.name.schema, SchemaArn: schemaArn(each.name, context), Description: note.description, SchemaStatus: 'AVAILABLE',
      ...timesOf(note),
    }
  })
  return { Schemas, NextToken: page.NextToken }
})

export const updateSchema = serve(operation({
  name: 'UpdateSchema',
  input: { SchemaId: schemaIdShape.required, SchemaVersionNumber: versionNumberShape, Compatibility: text(), Description: text() },
  output: { SchemaArn: text(), SchemaName: text(), RegistryName: text() },
}), async (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const fault = faultOfDescription(input.Description)
  if (fault !== undefined) return fault
  const compatibility = input.Compatibility === undefined ? undefined : compatibilityNamed(input.Compatibility)
  if (input.Compatibility !== undefined && compatibility === undefined) return errors.wrongCompatibility()
  const wanted = input.SchemaVersionNumber === undefined && compatibility === undefined ? undefined : readVersionNumber(input.SchemaVersionNumber)
  if (wanted instanceof GlueError) return wanted
  if (wanted === undefined && input.Description === undefined) return errors.invalid('One of SchemaVersionNumber, Compatibility or Description has to be provided.')
  const subject = subjectOfSchema(name)
  const denied = judge(context, 'alter-configs', subject, schemaArn(name, context))
  if (denied !== null) return denied

  const changed = await context.notes.exclusively<GlueError | RegistryRefusal | null>(async write => {
    const found = expectSchema(name, input.SchemaId, context)
    if (found instanceof GlueError) return found
    const checkpoint = wanted === undefined ? undefined : versionOf(found, wanted, input.SchemaId)
    if (checkpoint instanceof GlueError) return checkpoint
    if (compatibility !== undefined && input.Compatibility !== compatibilityOf(subject, context)) {
      const own = context.registry.store.mode(subject)
      const set = compatibility === 'DISABLED'
        ? await context.registry.updateMode(subject, 'READONLY')
        : (own === undefined ? null : refusalOf(await context.registry.deleteMode(subject))) ?? await context.registry.updateConfig(subject, { compatibilityLevel: compatibility })
      if (set instanceof RegistryRefusal) return set
    }
    const { Description: description } = input
    const value = {
      ...noteOf(found), ...description !== undefined && { description }, ...checkpoint !== undefined && { checkpoint: checkpoint.version }, updatedMs: context.now(),
    }
    return write([{ type: 'schema', subject, value }])
  })
  if (changed !== null) return changed instanceof RegistryRefusal ? toGlueError(changed) : changed
  return { SchemaArn: schemaArn(name, context), SchemaName: name.schema, RegistryName: name.registry }
})

export const deleteSchema = serve(operation({
  name: 'DeleteSchema', input: { SchemaId: schemaIdShape.required }, output: { SchemaArn: text(), SchemaName: text(), Status: text() },
}), async (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const denied = judge(context, 'delete', subjectOfSchema(name), schemaArn(name, context))
  if (denied !== null) return denied
  const gone = await context.notes.exclusively<GlueError | RegistryRefusal | null>(async write => {
    const found = expectSchema(name, input.SchemaId, context)
    return found instanceof GlueError ? found : await removeSchema(found, write, context)
  })
  if (gone !== null) return gone instanceof RegistryRefusal ? toGlueError(gone) : gone
  return { SchemaArn: schemaArn(name, context), SchemaName: name.schema, Status: 'DELETING' }
})

/** For good, as Glue deletes: the versions, the subject's settings, and what was noted of them. */
export async function removeSchema(schema: FoundSchema, write: WriteNotes, context: Context): Promise<RegistryRefusal | null> {
  const { registry, notes } = context
  const { subject } = schema
  const mode = registry.store.mode(subject)
  const all = registry.store.versions(subject, 'all')
  if (mode !== undefined) {
    const lifted = await registry.deleteMode(subject)
    if (lifted instanceof RegistryRefusal) return lifted
  }
  for (const permanent of all.length === 0 ? [] : schema.versions.length === 0 ? [true] : [false, true]) {
    const deleted = await registry.deleteSubject(subject, { permanent })
    if (!(deleted instanceof RegistryRefusal)) continue
    if (mode !== undefined) await registry.updateMode(subject, mode, { force: true })
    return deleted
  }
  // With its last version a subject's settings go; one that never had any keeps them.
  const unset = registry.store.config(subject) === undefined ? null : await registry.deleteConfig(subject)
  if (unset instanceof RegistryRefusal) return unset
  const metadata = all.map(versionIdOf).filter(id => notes.metadata(id).length > 0)
  const changes: GlueChange[] = [
    { type: 'schema', subject, value: null },
    ...metadata.map((versionId): GlueChange => ({ type: 'metadata', versionId, value: null })),
    ...notes.refusedOf(subject).map(({ versionId }): GlueChange => ({ type: 'refused', versionId, value: null })),
  ]
  return write(changes)
}

/** Why a definition is none of its language; undefined where it is one. */
export async function invalidDefinition(definition: string, type: SchemaType, { registry }: Context): Promise<GlueError | undefined> {
  const fault = await registry.faultOfSchema(definition, type)
  return fault === null ? undefined : errors.wrongDefinition(type, reasonOf(fault))
}

/** The registry quotes the whole schema before it says what is wrong; Glue's clients sent it, and are told the reason. */
export function reasonOf(refusal: RegistryRefusal): string {
  const [, reason] = /, details: (.*)$/s.exec(refusal.message) ?? []
  return reason ?? refusal.message
}

export function dataFormatOf(name: string): SchemaType | undefined {
  return schemaTypes.find(each => each === name)
}

function refusalOf<T>(answer: T | RegistryRefusal): RegistryRefusal | null {
  return answer instanceof RegistryRefusal ? answer : null
}

function describe(schema: FoundSchema, context: Context): {
  RegistryName: string; RegistryArn: string; SchemaName: string; SchemaArn: string; Description: string | undefined; DataFormat: string; Compatibility: string
  SchemaCheckpoint: number | undefined; LatestSchemaVersion: number | undefined; NextSchemaVersion: number; SchemaStatus: string; CreatedTime: string; UpdatedTime: string
} {
  const { name, subject, versions } = schema
  const note = noteOf(schema)
  const highest = context.registry.store.versions(subject, 'all').at(-1)?.version ?? 0
  return {
    RegistryName: name.registry, RegistryArn: registryArn(name.registry, context), SchemaName: name.schema, SchemaArn: schemaArn(name, context),
    Description: note.description, DataFormat: schema.schemaType, Compatibility: compatibilityOf(subject, context), SchemaCheckpoint: checkpointOf(schema),
    LatestSchemaVersion: versions.at(-1)?.version, NextSchemaVersion: highest + 1, SchemaStatus: 'AVAILABLE', ...timesOf(note),
  }
}
