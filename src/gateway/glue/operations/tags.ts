// Tags of registries and schemas by their ARN.
import { RegistryRefusal } from '../../../registry/errors.ts'
import type { GlueChange } from '../../../registry/glue/notes.ts'
import { list, operation, text, textMap } from '../../../wire/operation.ts'
import { type Context, judge, serve } from '../context.ts'
import { errors, GlueError, toGlueError } from '../errors.ts'
import { readArn, scopeOfRegistry, subjectOfSchema } from '../names.ts'
import { findSchema, hasRegistry, noteOf } from '../schemas.ts'
import { faultOfTags, mapOfTags, type Tags, tagsMax } from '../tags.ts'
import { registryNote } from './registries.ts'

export const getTags = serve(operation({
  name: 'GetTags', input: { ResourceArn: text().required }, output: { Tags: textMap() },
}), (input, context) => {
  const resource = readArn(input.ResourceArn, 'resourceArn')
  if (resource instanceof GlueError) return resource
  const tagged = judge(context, 'describe', nameOf(resource), input.ResourceArn) ?? taggedBy(resource, context) ?? errors.resourceNotFound(input.ResourceArn)
  return tagged instanceof GlueError ? tagged : { Tags: mapOfTags(tagged.tags) }
})

export const tagResource = serve(operation({
  name: 'TagResource', input: { ResourceArn: text().required, TagsToAdd: textMap().required }, output: {},
}), async (input, context) => faultOfTags(input.TagsToAdd) ?? changeTags(input.ResourceArn, context, tags => Object.fromEntries([...Object.entries(tags), ...input.TagsToAdd])))

export const untagResource = serve(operation({
  name: 'UntagResource', input: { ResourceArn: text().required, TagsToRemove: list(text()).required }, output: {},
}), async (input, context) => changeTags(input.ResourceArn, context, tags => (
  Object.fromEntries(Object.entries(tags).filter(([key]) => !input.TagsToRemove.includes(key)))
)))

type Resource = { readonly registry: string; readonly schema?: string }

async function changeTags(arn: string, context: Context, edit: (tags: Tags) => Tags): Promise<GlueError | object> {
  const resource = readArn(arn, 'resourceArn')
  if (resource instanceof GlueError) return resource
  const denied = judge(context, 'alter-configs', nameOf(resource), arn)
  if (denied !== null) return denied
  const changed = await context.notes.exclusively<GlueError | RegistryRefusal | null>(async write => {
    const tagged = taggedBy(resource, context)
    if (tagged === undefined) return errors.resourceNotFound(arn)
    const tags = edit(tagged.tags)
    return Object.keys(tags).length > tagsMax ? errors.wrongTags() : write([tagged.with(tags)])
  })
  if (changed === null) return {}
  return changed instanceof RegistryRefusal ? toGlueError(changed) : changed
}

function nameOf(resource: Resource): string {
  return resource.schema === undefined ? scopeOfRegistry(resource.registry) : subjectOfSchema({ registry: resource.registry, schema: resource.schema })
}

/** The tags of what exists, and the change that gives it others. */
function taggedBy({ registry, schema }: Resource, context: Context): { readonly tags: Tags; with(tags: Tags): GlueChange } | undefined {
  if (schema === undefined) {
    if (!hasRegistry(registry, context)) return undefined
    const note = registryNote(registry, context)
    return { tags: note.tags, with: tags => ({ type: 'registry', name: registry, value: { ...note, tags } }) }
  }
  const found = findSchema({ registry, schema }, context)
  const note = found && noteOf(found)
  return note && { tags: note.tags, with: tags => ({ type: 'schema', subject: found.subject, value: { ...note, tags } }) }
}
