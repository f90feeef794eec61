// Registries: made, described, listed, deleted with all that is in them.
import { RegistryRefusal } from '../../../registry/errors.ts'
import type { Note } from '../../../registry/glue/notes.ts'
import { integer, list, operation, structure, text, textMap } from '../../../wire/operation.ts'
import { type Context, judge, serve } from '../context.ts'
import { errors, GlueError, toGlueError } from '../errors.ts'
import { contextOfRegistry, defaultRegistry, faultOfDescription, faultOfName, readRegistryId, registryArn, registryIdShape, scopeOfRegistry, subjectOfSchema } from '../names.ts'
import { pageOf } from '../pages.ts'
import { allRegistries, allSchemas, hasRegistry, timesOf } from '../schemas.ts'
import { faultOfTags, tagsOf } from '../tags.ts'
import { removeSchema } from './schemas.ts'

const registriesMax = 1_000

const described = {
  RegistryName: text(), RegistryArn: text(), Description: text(), Status: text(), CreatedTime: text(), UpdatedTime: text(),
}

export const createRegistry = serve(operation({
  name: 'CreateRegistry',
  input: { RegistryName: text().required, Description: text(), Tags: textMap() },
  output: { RegistryArn: text(), RegistryName: text(), Description: text(), Tags: textMap() },
}), async (input, context) => {
  const { RegistryName: name, Description: description, Tags } = input
  const fault = faultOfName(name, 'registryName') ?? faultOfDescription(description) ?? faultOfTags(Tags)
    ?? judge(context, 'alter-configs', scopeOfRegistry(name), registryArn(name, context))
  if (fault) return fault
  const made = await context.notes.exclusively<GlueError | null | RegistryRefusal>(async write => {
    if (hasRegistry(name, context)) return errors.registryExists(name)
    if (context.notes.registries().size >= registriesMax) return errors.tooMany('registries')
    const now = context.now()
    return write([{ type: 'registry', name, value: { ...description !== undefined && { description }, tags: tagsOf(Tags), createdMs: now, updatedMs: now } }])
  })
  if (made !== null) return made instanceof RegistryRefusal ? toGlueError(made) : made
  return { RegistryArn: registryArn(name, context), RegistryName: name, Description: description, Tags }
})

export const getRegistry = serve(operation({
  name: 'GetRegistry', input: { RegistryId: registryIdShape.required }, output: described,
}), (input, context) => {
  const name = readRegistryId(input.RegistryId)
  if (name instanceof GlueError) return name
  const denied = judge(context, 'describe', scopeOfRegistry(name), registryArn(name, context))
  if (denied !== null) return denied
  return hasRegistry(name, context) ? describe(name, context) : missing(input.RegistryId, name)
})

export const listRegistries = serve(operation({
  name: 'ListRegistries',
  input: { MaxResults: integer().min(1).max(100), NextToken: text() },
  output: { Registries: list(structure(described)), NextToken: text() },
}), (input, context) => {
  const visible = allRegistries(context).filter(name => context.access.wouldAllow(context.caller, 'describe', 'subject', scopeOfRegistry(name)))
  const page = pageOf(visible, name => name, input)
  return page instanceof GlueError ? page : { Registries: page.shown.map(name => describe(name, context)), NextToken: page.NextToken }
})

export const updateRegistry = serve(operation({
  name: 'UpdateRegistry',
  input: { RegistryId: registryIdShape.required, Description: text().required },
  output: { RegistryName: text(), RegistryArn: text() },
}), async (input, context) => {
  const name = readRegistryId(input.RegistryId)
  if (name instanceof GlueError) return name
  const fault = faultOfDescription(input.Description) ?? judge(context, 'alter-configs', scopeOfRegistry(name), registryArn(name, context))
  if (fault) return fault
  const changed = await context.notes.exclusively<GlueError | null | RegistryRefusal>(async write => {
    if (!hasRegistry(name, context)) return missing(input.RegistryId, name)
    return write([{ type: 'registry', name, value: { ...registryNote(name, context), description: input.Description, updatedMs: context.now() } }])
  })
  if (changed !== null) return changed instanceof RegistryRefusal ? toGlueError(changed) : changed
  return { RegistryName: name, RegistryArn: registryArn(name, context) }
})

export const deleteRegistry = serve(operation({
  name: 'DeleteRegistry', input: { RegistryId: registryIdShape.required }, output: { RegistryName: text(), RegistryArn: text(), Status: text() },
}), async (input, context) => {
  const name = readRegistryId(input.RegistryId)
  if (name instanceof GlueError) return name
  const arn = registryArn(name, context)
  const denied = judge(context, 'delete', scopeOfRegistry(name), arn)
  if (denied !== null) return denied
  if (name === defaultRegistry) return errors.invalid('The default registry cannot be deleted.')
  const gone = await context.notes.exclusively<GlueError | null | RegistryRefusal>(async write => {
    if (!hasRegistry(name, context)) return missing(input.RegistryId, name)
    const schemas = allSchemas(name, context)
    for (const schema of schemas) {
      const forbidden = judge(context, 'delete', subjectOfSchema(schema.name), arn)
      if (forbidden !== null) return forbidden
    }
    for (const schema of schemas) {
      const removed = await removeSchema(schema, write, context)
      if (removed !== null) return removed
    }
    if (context.registry.store.hasContext(contextOfRegistry(name))) {
      const removed = await context.registry.deleteContext(contextOfRegistry(name))
      if (removed !== null) return removed
    }
    return write([{ type: 'registry', name, value: null }])
  })
  if (gone !== null) return gone instanceof RegistryRefusal ? toGlueError(gone) : gone
  return { RegistryName: name, RegistryArn: arn, Status: 'DELETING' }
})

/** The note of a registry that exists; one of its own time where only contexts say that it does. */
export function registryNote(name: string, context: Context): Note {
  const note = context.notes.registries().get(name)
  if (note !== undefined) return note
  const times = allSchemas(name, context).flatMap(schema => schema.versions.map(each => each.timestampMs))
  const first = times.reduce((least, time) => Math.min(least, time), times.length === 0 ? 0 : Infinity)
  return { tags: {}, createdMs: first, updatedMs: first }
}

function describe(name: string, context: Context): {
  RegistryName: string; RegistryArn: string; Description: string | undefined; Status: string; CreatedTime: string; UpdatedTime: string
} {
  const note = registryNote(name, context)
  return { RegistryName: name, RegistryArn: registryArn(name, context), Description: note.description, Status: 'AVAILABLE', ...timesOf(note) }
}

function missing({ RegistryArn: arn }: { readonly RegistryArn?: string | undefined }, name: string): GlueError {
  return arn === undefined ? errors.registryNotFound('RegistryName', name) : errors.registryNotFound('RegistryArn', arn)
}

