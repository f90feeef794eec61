// Answers of the registry's API. They leave out what is null or empty, and what only new clients know unless they say that they take it.
import type { Request } from 'express'
import { besideSubject } from '../../registry/contexts.ts'
import { InvalidSchema, refusals } from '../../registry/errors.ts'
import { formattedText } from '../../registry/formats.ts'
import type { Registry } from '../../registry/registry.ts'
import type { SchemaVersion } from '../../registry/store.ts'
import { taggedEntities } from '../../registry/tags.ts'
import { text, texts } from './parameters.ts'
import { problemOf } from './refusals.ts'

/** RegisterSchemaResponse. */
export function registeredAnswer(registry: Registry, version: SchemaVersion, request: Request): object {
  return { id: version.id, version: version.version, ...contentAnswer(registry, version, request) }
}

/** Schema. */
export function versionAnswer(registry: Registry, version: SchemaVersion, request: Request): object {
  return { subject: version.subject, version: version.version, id: version.id, ...contentAnswer(registry, version, request) }
}

/** SchemaString. `maxId` where it was asked for; a guid stands for no subject. */
export function idAnswer(
  registry: Registry, version: SchemaVersion, request: Request, { maxId, isOfGuid = false }: { maxId?: number; isOfGuid?: boolean },
): object {
  return {
    ...takesAll(request) && !isOfGuid && { subject: version.subject, version: version.version },
    ...contentAnswer(registry, version, request),
    ...maxId !== undefined && { maxId },
  }
}

/** The text in the form that `format` asks for. 422 where the language has no such form. */
export function textOf(registry: Registry, version: SchemaVersion, request: Request): string {
  const format = text(request, 'format')?.trim() ?? ''
  if (format === '') return version.schema
  const schema = registry.parsed(version)
  if (schema instanceof InvalidSchema) throw problemOf(refusals.invalidSchema(version.schema, version.schemaType, schema.message))
  const formatted = formattedText(schema, format)
  if (formatted === undefined) throw problemOf(refusals.unsupportedFormat(format))
  return formatted
}

function contentAnswer(registry: Registry, version: SchemaVersion, request: Request): object {
  const all = takesAll(request)
  const isQualified = text(request, 'referenceFormat') === 'qualified'
  const references = isQualified ? version.references.map(each => ({ ...each, subject: besideSubject(version.subject, each.subject) })) : version.references
  const wanted = texts(request, 'findTags')
  const entities = wanted.length === 0 ? [] : taggedEntities(version.schemaType, version.schema)
  const schemaTags = entities.filter(({ tags }) => wanted.includes('*') || tags.some(tag => wanted.includes(tag)))
  return {
    ...all && { guid: version.guid },
    // Old clients take the absence of a type for Avro, and some stumble over its name.
    ...(all || version.schemaType !== 'AVRO') && { schemaType: version.schemaType },
    ...references.length > 0 && { references },
    ...version.metadata !== undefined && { metadata: version.metadata },
    ...version.ruleSet !== undefined && { ruleSet: version.ruleSet },
    schema: textOf(registry, version, request),
    ...schemaTags.length > 0 && { schemaTags },
    ...all && { ts: version.timestampMs },
    ...all && version.deleted && { deleted: true },
  }
}

function takesAll(request: Request): boolean {
  return request.get('confluent-accept-unknown-properties')?.toLowerCase() === 'true'
}
