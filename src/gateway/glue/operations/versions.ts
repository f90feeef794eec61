// Versions of a schema: registered, found by number, id or definition, listed, deleted. A definition that does not fit its schema is answered as a version whose
// status is FAILURE, as Glue does; the ten last ones of each schema can be asked for by their id.
import { RegistryRefusal } from '../../../registry/errors.ts'
import type { GlueChange, RefusedVersion } from '../../../registry/glue/notes.ts'
import { refusedVersionId } from '../../../registry/glue/version-ids.ts'
import type { SchemaVersion } from '../../../registry/store.ts'
import { integer, list, long, operation, structure, text } from '../../../wire/operation.ts'
import { type Context, judge, serve } from '../context.ts'
import { errors, GlueError, toGlueError } from '../errors.ts'
import { readSchemaId, schemaArn, schemaIdShape, schemaOfSubject, subjectOfSchema } from '../names.ts'
import { numberKey, pageOf } from '../pages.ts'
import {
  checkpointOf, compatibilityOf, expectSchema, faultOfDefinition, faultOfVersionId, readVersionNumber, timeOf, versionIdOf, versionIdShape, versionNumberShape, versionOf,
} from '../schemas.ts'
import { dataFormatOf, invalidDefinition, reasonOf } from './schemas.ts'

const refusedMax = 10
const versionMax = 100_000

export const registerSchemaVersion = serve(operation({
  name: 'RegisterSchemaVersion',
  input: { SchemaId: schemaIdShape.required, SchemaDefinition: text().required },
  output: { SchemaVersionId: text(), VersionNumber: long(), Status: text() },
}), async (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const definition = input.SchemaDefinition
  const subject = subjectOfSchema(name)
  const fault = faultOfDefinition(definition) ?? judge(context, 'write', subject, schemaArn(name, context))
  if (fault) return fault
  const { registry, notes } = context
  const registered = await notes.exclusively<GlueError | RegistryRefusal | SchemaVersion | RefusedVersion>(async write => {
    const found = expectSchema(name, input.SchemaId, context)
    if (found instanceof GlueError) return found
    const schemaType = dataFormatOf(found.schemaType)
    if (schemaType === undefined) return errors.wrongDataFormat()
    const unreadable = await invalidDefinition(definition, schemaType, context)
    if (unreadable !== undefined) return unreadable
    const request = { schema: definition, schemaType }
    const same = registry.lookup(subject, request, { normalize: undefined, deleted: false })
    if (!(same instanceof RegistryRefusal)) return same
    const isDisabled = compatibilityOf(subject, context) === 'DISABLED'
    // DISABLED lets the first version in, and none after it.
    const isFirst = found.versions.length === 0 && registry.store.mode(subject) === 'READONLY'
    if (isDisabled && !isFirst) return errors.disabled(input.SchemaId)
    const checkpoint = found.note?.checkpoint
    const made = await registry.register(subject, request, { normalize: undefined, pastOwnMode: isFirst, ...checkpoint !== undefined && { comparedFrom: checkpoint } })
    if (made instanceof RegistryRefusal && made.code !== incompatibleCode) return made
    if (!(made instanceof RegistryRefusal)) {
      const { note } = found
      return (note?.isEmpty === true ? await write([{ type: 'schema', subject, value: { ...note, isEmpty: false, updatedMs: context.now() } }]) : null) ?? made
    }
    const versionId = refusedVersionId(subject, schemaType, definition)
    const version = (registry.store.versions(subject, 'all').at(-1)?.version ?? 0) + 1
    const refused: RefusedVersion = { versionId, subject, version, schemaType, schema: definition, createdMs: context.now() }
    const older = notes.refusedOf(subject).filter(each => each.versionId !== versionId)
    const forgotten = older.slice(0, Math.max(0, older.length - refusedMax + 1)).map((each): GlueChange => ({ type: 'refused', versionId: each.versionId, value: null }))
    return await write([...forgotten, { type: 'refused', versionId, value: refused }]) ?? refused
  })
  if (registered instanceof GlueError) return registered
  if (registered instanceof RegistryRefusal) return toGlueError(registered)
  if ('versionId' in registered) return { SchemaVersionId: registered.versionId, VersionNumber: registered.version, Status: 'FAILURE' }
  return { SchemaVersionId: versionIdOf(registered), VersionNumber: registered.version, Status: 'AVAILABLE' }
})

const incompatibleCode = 40901

export const getSchemaVersion = serve(operation({
  name: 'GetSchemaVersion',
  input: { SchemaId: schemaIdShape, SchemaVersionId: versionIdShape, SchemaVersionNumber: versionNumberShape },
  output: {
    SchemaVersionId: text(), SchemaDefinition: text(), DataFormat: text(), SchemaArn: text(), VersionNumber: long(), Status: text(), CreatedTime: text(),
  },
}), (input, context) => {
  const version = findVersion(input, 'read', context)
  if (version instanceof GlueError) return version
  if ('versionId' in version) return {
    SchemaVersionId: version.versionId, SchemaDefinition: version.schema, DataFormat: version.schemaType, SchemaArn: schemaArn(schemaOfSubject(version.subject)!, context),
    VersionNumber: version.version, Status: 'FAILURE', CreatedTime: timeOf(version.createdMs),
  }
  return {
    SchemaVersionId: input.SchemaVersionId ?? versionIdOf(version), SchemaDefinition: version.schema, DataFormat: version.schemaType,
    SchemaArn: schemaArn(schemaOfSubject(version.subject)!, context), VersionNumber: version.version, Status: statusOf(version), CreatedTime: timeOf(version.timestampMs),
  }
})

export const getSchemaByDefinition = serve(operation({
  name: 'GetSchemaByDefinition',
  input: { SchemaId: schemaIdShape.required, SchemaDefinition: text().required },
  output: { SchemaVersionId: text(), SchemaArn: text(), DataFormat: text(), Status: text(), CreatedTime: text() },
}), async (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const subject = subjectOfSchema(name)
  const arn = schemaArn(name, context)
  const found = faultOfDefinition(input.SchemaDefinition) ?? judge(context, 'read', subject, arn) ?? expectSchema(name, input.SchemaId, context)
  if (found instanceof GlueError) return found
  const schemaType = dataFormatOf(found.schemaType)
  if (schemaType === undefined || found.versions.length === 0) return errors.definitionNotFound(input.SchemaId)
  const unreadable = await invalidDefinition(input.SchemaDefinition, schemaType, context)
  if (unreadable !== undefined) return unreadable
  const version = context.registry.lookup(subject, { schema: input.SchemaDefinition, schemaType }, { normalize: undefined, deleted: false })
  if (!(version instanceof RegistryRefusal)) {
    return { SchemaVersionId: versionIdOf(version), SchemaArn: arn, DataFormat: version.schemaType, Status: 'AVAILABLE', CreatedTime: timeOf(version.timestampMs) }
  }
  return version.status === 404 ? errors.definitionNotFound(input.SchemaId) : errors.wrongDefinition(schemaType, reasonOf(version))
})

export const listSchemaVersions = serve(operation({
  name: 'ListSchemaVersions',
  input: { SchemaId: schemaIdShape.required, MaxResults: integer().min(1).max(100), NextToken: text() },
  output: {
    Schemas: list(structure({ SchemaArn: text(), SchemaVersionId: text(), VersionNumber: long(), Status: text(), CreatedTime: text() })), NextToken: text(),
  },
}), (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const SchemaArn = schemaArn(name, context)
  const found = judge(context, 'read', subjectOfSchema(name), SchemaArn) ?? expectSchema(name, input.SchemaId, context)
  if (found instanceof GlueError) return found
  const page = pageOf(found.versions, each => numberKey(each.version), input)
  if (page instanceof GlueError) return page
  const Schemas = page.shown.map(each => (
    { SchemaArn, SchemaVersionId: versionIdOf(each), VersionNumber: each.version, Status: 'AVAILABLE', CreatedTime: timeOf(each.timestampMs) }
  ))
  return { Schemas, NextToken: page.NextToken }
})

export const deleteSchemaVersions = serve(operation({
  name: 'DeleteSchemaVersions',
  input: { SchemaId: schemaIdShape.required, Versions: text().required },
  output: { SchemaVersionErrors: list(structure({ VersionNumber: long(), ErrorDetails: structure({ ErrorCode: text(), ErrorMessage: text() }) })) },
}), async (input, context) => {
  const name = readSchemaId(input.SchemaId)
  if (name instanceof GlueError) return name
  const range = /^([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?$/.exec(input.Versions)
  const [first, last] = [Number(range?.[1]), Number(range?.[2] ?? range?.[1])]
  if (range === null || first > last || last > versionMax) return errors.wrongCharacters('versions')
  const subject = subjectOfSchema(name)
  const denied = judge(context, 'delete', subject, schemaArn(name, context))
  if (denied !== null) return denied
  const { registry, notes } = context
  const failed = await notes.exclusively<GlueError | RegistryRefusal | [number, GlueError][]>(async write => {
    const found = expectSchema(name, input.SchemaId, context)
    if (found instanceof GlueError) return found
    const meant = found.versions.filter(each => each.version >= first && each.version <= last)
    const checkpoint = checkpointOf(found)
    if (meant[0] !== undefined && meant[0] === found.versions[0]) return errors.invalid('The first version of a schema can only be deleted with its schema.')
    if (meant.some(each => each.version === checkpoint)) return errors.checkpointInRange(checkpoint!)
    const fails: [number, GlueError][] = meant.length === 0 ? [[first, errors.versionNotFound(input.SchemaId, first)]] : []
    const gone: GlueChange[] = []
    for (const version of meant) {
      for (const permanent of [false, true]) {
        const deleted = await registry.deleteVersion(subject, version.version, { permanent })
        if (!(deleted instanceof RegistryRefusal)) continue
        fails.push([version.version, toGlueError(deleted)])
        break
      }
      const versionId = versionIdOf(version)
      if (registry.store.version(subject, version.version) === undefined && notes.metadata(versionId).length > 0) gone.push({ type: 'metadata', versionId, value: null })
    }
    return await write(gone) ?? fails
  })
  if (failed instanceof GlueError) return failed
  if (failed instanceof RegistryRefusal) return toGlueError(failed)
  return { SchemaVersionErrors: failed.map(([VersionNumber, error]) => ({ VersionNumber, ErrorDetails: { ErrorCode: error.type, ErrorMessage: error.message } })) }
})

interface VersionSelector {
  readonly SchemaId?: { readonly SchemaArn?: string | undefined; readonly SchemaName?: string | undefined; readonly RegistryName?: string | undefined } | undefined
  readonly SchemaVersionId?: string | undefined
  readonly SchemaVersionNumber?: { readonly LatestVersion?: boolean | undefined; readonly VersionNumber?: number | undefined } | undefined
}

/** The version that a request means by its id, or by its schema and number. By its id: whoever may not see it is told that there is none. */
export function findVersion(input: VersionSelector, right: 'read' | 'write', context: Context): SchemaVersion | RefusedVersion | GlueError {
  const { SchemaId, SchemaVersionId, SchemaVersionNumber } = input
  if (SchemaVersionId !== undefined) {
    if (SchemaId !== undefined || SchemaVersionNumber !== undefined) return errors.idBesideOthers()
    const fault = faultOfVersionId(SchemaVersionId)
    if (fault !== undefined) return fault
    const found = context.registry.ofGlueVersion(SchemaVersionId) ?? context.notes.refused(SchemaVersionId)
    const name = found && schemaOfSubject(found.subject)
    if (name === undefined || judge(context, right, found!.subject, schemaArn(name, context)) !== null) return errors.versionIdNotFound(SchemaVersionId)
    return found!
  }
  if (SchemaId === undefined) return errors.schemaMissing()
  const name = readSchemaId(SchemaId)
  if (name instanceof GlueError) return name
  const wanted = readVersionNumber(SchemaVersionNumber)
  if (wanted instanceof GlueError) return wanted
  const found = judge(context, right, subjectOfSchema(name), schemaArn(name, context)) ?? expectSchema(name, SchemaId, context)
  return found instanceof GlueError ? found : versionOf(found, wanted, SchemaId)
}

/** What was soft-deleted through the registry's own API is not listed any more, but stays readable for those who hold records with its id. */
function statusOf(version: SchemaVersion): 'AVAILABLE' | 'DELETING' {
  return version.deleted ? 'DELETING' : 'AVAILABLE'
}
