// Metadata of a version: at most ten pairs of key and value, of which several may have one key.
import { RegistryRefusal } from '../../../registry/errors.ts'
import type { MetadataPair } from '../../../registry/glue/notes.ts'
import type { SchemaVersion } from '../../../registry/store.ts'
import { flag, integer, list, long, operation, structure, structureMap, text } from '../../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { errors, GlueError, toGlueError } from '../errors.ts'
import { schemaArn, schemaIdShape, schemaOfSubject } from '../names.ts'
import { pageOf } from '../pages.ts'
import { timeOf, versionIdOf, versionIdShape, versionNumberShape } from '../schemas.ts'
import { findVersion } from './versions.ts'

const pairsMax = 10
const keyCharactersMax = 128
const valueCharactersMax = 256
const pattern = /^[a-zA-Z0-9+\-=._/@]+$/

const pairShape = structure({ MetadataKey: text(), MetadataValue: text() })
const selector = { SchemaId: schemaIdShape, SchemaVersionNumber: versionNumberShape, SchemaVersionId: versionIdShape }
const changed = {
  SchemaArn: text(), SchemaName: text(), RegistryName: text(), LatestVersion: flag(), VersionNumber: long(), SchemaVersionId: text(), MetadataKey: text(), MetadataValue: text(),
}

export const putSchemaVersionMetadata = serve(operation({
  name: 'PutSchemaVersionMetadata', input: { ...selector, MetadataKeyValue: pairShape.required }, output: changed,
}), async (input, context) => change(input, context, (pairs, { key, value }, versionId) => {
  if (pairs.some(each => each.key === key && each.value === value)) return errors.metadataExists(versionId, key, value)
  return pairs.length >= pairsMax ? errors.tooMuchMetadata() : [...pairs, { key, value, createdMs: context.now() }]
}))

export const removeSchemaVersionMetadata = serve(operation({
  name: 'RemoveSchemaVersionMetadata', input: { ...selector, MetadataKeyValue: pairShape.required }, output: changed,
}), async (input, context) => change(input, context, (pairs, { key, value }, versionId) => {
  const rest = pairs.filter(each => each.key !== key || each.value !== value)
  return rest.length === pairs.length ? errors.metadataNotFound(versionId, key, value) : rest
}))

/** The newest value of a key stands first, older ones beside it. */
export const querySchemaVersionMetadata = serve(operation({
  name: 'QuerySchemaVersionMetadata',
  input: { ...selector, MetadataList: list(pairShape), MaxResults: integer().min(1).max(50), NextToken: text() },
  output: {
    MetadataInfoMap: structureMap({
      MetadataValue: text(), CreatedTime: text(), OtherMetadataValueList: list(structure({ MetadataValue: text(), CreatedTime: text() })),
    }),
    SchemaVersionId: text(), NextToken: text(),
  },
}), (input, context) => {
  const version = findVersion(input, 'read', context)
  if (version instanceof GlueError) return version
  const versionId = 'versionId' in version ? version.versionId : versionIdOf(version)
  const wanted = input.MetadataList ?? []
  const pairs = context.notes.metadata(versionId).filter(pair => wanted.length === 0 || wanted.some(each => (
    (each.MetadataKey ?? pair.key) === pair.key && (each.MetadataValue ?? pair.value) === pair.value
  )))
  const page = pageOf([...new Set(pairs.map(pair => pair.key))].toSorted(), key => key, input)
  if (page instanceof GlueError) return page
  const MetadataInfoMap = new Map(page.shown.map(key => {
    const [newest, ...older] = pairs.filter(pair => pair.key === key).map(pair => ({ MetadataValue: pair.value, CreatedTime: timeOf(pair.createdMs) })).toReversed()
    return [key, { ...newest!, ...older.length > 0 && { OtherMetadataValueList: older } }]
  }))
  return { MetadataInfoMap, SchemaVersionId: versionId, NextToken: page.NextToken }
})

interface ChangeRequest {
  readonly SchemaId?: { readonly SchemaArn?: string | undefined; readonly SchemaName?: string | undefined; readonly RegistryName?: string | undefined } | undefined
  readonly SchemaVersionId?: string | undefined
  readonly SchemaVersionNumber?: { readonly LatestVersion?: boolean | undefined; readonly VersionNumber?: number | undefined } | undefined
  readonly MetadataKeyValue: { readonly MetadataKey?: string | undefined; readonly MetadataValue?: string | undefined }
}

async function change(
  input: ChangeRequest, context: Context,
  decide: (pairs: readonly MetadataPair[], pair: { key: string; value: string }, versionId: string) => readonly MetadataPair[] | GlueError,
): Promise<GlueError | {
  SchemaArn: string; SchemaName: string; RegistryName: string; LatestVersion: boolean; VersionNumber: number; SchemaVersionId: string; MetadataKey: string; MetadataValue: string
}> {
  const { MetadataKey: key = '', MetadataValue: value = '' } = input.MetadataKeyValue
  const fault = faultOf(key, 'key', keyCharactersMax) ?? faultOf(value, 'value', valueCharactersMax)
  if (fault !== undefined) return fault
  const done = await context.notes.exclusively<GlueError | RegistryRefusal | SchemaVersion>(async write => {
    const version = findVersion(input, 'write', context)
    if (version instanceof GlueError) return version
    if ('versionId' in version) return errors.versionIdNotFound(version.versionId)
    const versionId = versionIdOf(version)
    const pairs = decide(context.notes.metadata(versionId), { key, value }, versionId)
    if (pairs instanceof GlueError) return pairs
    return await write([{ type: 'metadata', versionId, value: pairs.length === 0 ? null : pairs }]) ?? version
  })
  if (done instanceof GlueError) return done
  if (done instanceof RegistryRefusal) return toGlueError(done)
  const name = schemaOfSubject(done.subject)!
  return {
    SchemaArn: schemaArn(name, context), SchemaName: name.schema, RegistryName: name.registry, LatestVersion: context.registry.store.latest(done.subject) === done,
    VersionNumber: done.version, SchemaVersionId: versionIdOf(done), MetadataKey: key, MetadataValue: value,
  }
}

function faultOf(textGiven: string, parameter: 'key' | 'value', charactersMax: number): GlueError | undefined {
  if (textGiven.length === 0 || textGiven.length > charactersMax) return errors.wrongLength(parameter)
  return pattern.test(textGiven) ? undefined : errors.wrongCharacters(parameter)
}
