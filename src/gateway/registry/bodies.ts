// Bodies of the registry's API, in and out. What a request has beyond what is known is passed over (clients are newer than servers); answers leave out what is
// null or empty, and what only new clients know unless they say that they take it.
import type { Request } from 'express'
import { refusals } from '../../registry/errors.ts'
import type { SchemaRequest } from '../../registry/registry.ts'
import { faultOfRuleSet } from '../../registry/rules/rule-set.ts'
import type { Metadata, Reference, RuleSet } from '../../registry/schema.ts'
import { compatibilityLevels, type Config, type Mode, type SchemaVersion } from '../../registry/store.ts'
import { Problem } from '../problem.ts'
import { problemOf } from './refusals.ts'

export type ConfigUpdate = { readonly [name in keyof Config]: Config[name] | null }

/** RegisterSchemaRequest. Throws 400 for a member of the wrong type. */
export function readSchemaRequest(body: unknown): SchemaRequest {
  const request = object(body, 'the body')
  const { schema = '', schemaType, references, metadata, ruleSet, version, id } = request
  if (typeof schema !== 'string') throw bad('schema', 'the text of a schema')
  if (schemaType != null && typeof schemaType !== 'string') throw bad('schemaType', 'the name of a schema type')
  if (version != null && !Number.isInteger(version)) throw bad('version', 'a whole number')
  if (id != null && !Number.isInteger(id)) throw bad('id', 'a whole number')
  return {
    schema,
    ...schemaType != null && { schemaType },
    ...references != null && { references: readReferences(references) },
    ...metadata != null && { metadata: readMetadata(metadata) },
    ...ruleSet != null && { ruleSet: readRuleSet(ruleSet) },
    ...version != null && { version: version as number },
    ...id != null && { id: id as number },
  }
}

/** ConfigUpdateRequest: null takes a setting back. */
export function readConfigUpdate(body: unknown): ConfigUpdate {
  const { compatibility, compatibilityPolicy: policy, compatibilityGroup: group, normalize } = object(body, 'the body')
  const level = typeof compatibility === 'string' ? compatibilityLevels.find(each => each === compatibility.toUpperCase()) : undefined
  if (compatibility != null && level === undefined) throw problemOf(refusals.invalidLevel())
  if (policy != null && policy !== 'STRICT' && policy !== 'LENIENT') throw bad('compatibilityPolicy', 'STRICT or LENIENT')
  if (group != null && typeof group !== 'string') throw bad('compatibilityGroup', 'the name of a metadata property')
  if (normalize != null && typeof normalize !== 'boolean') throw bad('normalize', 'true or false')
  return {
    ...compatibility !== undefined && { compatibilityLevel: level ?? null },
    ...policy !== undefined && { compatibilityPolicy: policy },
    ...group !== undefined && { compatibilityGroup: group },
    ...normalize !== undefined && { normalize },
  }
}

/** ModeUpdateRequest. */
export function readMode(body: unknown): Mode {
  const { mode } = object(body, 'the body')
  const name = typeof mode === 'string' ? mode.toUpperCase() : undefined
  if (name === 'READWRITE' || name === 'READONLY') return name
  throw problemOf(refusals.invalidMode(String(mode)))
}

/** RegisterSchemaResponse. */
export function registeredAnswer(version: SchemaVersion, request: Request): object {
  return { id: version.id, version: version.version, ...contentAnswer(version, request) }
}

/** Schema. */
export function versionAnswer(version: SchemaVersion, request: Request): object {
  return { subject: version.subject, version: version.version, id: version.id, ...contentAnswer(version, request) }
}

/** SchemaString. `maxId` where it was asked for. */
export function idAnswer(version: SchemaVersion, request: Request, maxId: number | undefined): object {
  return {
    ...takesAll(request) && { subject: version.subject, version: version.version },
    ...contentAnswer(version, request),
    ...maxId !== undefined && { maxId },
  }
}

/** Config. */
export function configAsAnswer(config: { readonly [name in keyof Config]?: Config[name] | undefined }): object {
  const { normalize, ...rest } = config
  return { ...normalize === true && { normalize }, ...rest }
}

function contentAnswer(version: SchemaVersion, request: Request): object {
  const all = takesAll(request)
  return {
    ...all && { guid: version.guid },
    // Old clients take the absence of a type for Avro, and some stumble over its name.
    ...(all || version.schemaType !== 'AVRO') && { schemaType: version.schemaType },
    ...version.references.length > 0 && { references: version.references },
    ...version.metadata !== undefined && { metadata: version.metadata },
    ...version.ruleSet !== undefined && { ruleSet: version.ruleSet },
    schema: version.schema,
    ...all && { ts: version.timestampMs },
    ...all && version.deleted && { deleted: true },
  }
}

function takesAll(request: Request): boolean {
  return request.get('confluent-accept-unknown-properties')?.toLowerCase() === 'true'
}

function readReferences(value: unknown): readonly Reference[] {
  if (!Array.isArray(value)) throw bad('references', 'an array')
  return value.map(each => {
    const { name, subject, version } = object(each, 'a reference')
    if (typeof name !== 'string' || typeof subject !== 'string' || !Number.isInteger(version)) throw bad('references', 'an array of {name, subject, version}')
    return { name, subject, version: version as number }
  })
}

function readMetadata(value: unknown): Metadata {
  const { tags, properties, sensitive } = object(value, 'metadata')
  if (tags != null && !Object.values(object(tags, 'tags')).every(isTextList)) throw bad('metadata.tags', 'an object of arrays of text')
  if (properties != null && !Object.values(object(properties, 'properties')).every(each => typeof each === 'string')) {
    throw bad('metadata.properties', 'an object of text')
  }
  if (sensitive != null && !isTextList(sensitive)) throw bad('metadata.sensitive', 'an array of text')
  return {
    ...tags != null && { tags: tags as { [path: string]: readonly string[] } },
    ...properties != null && { properties: properties as { [name: string]: string } },
    ...sensitive != null && { sensitive: sensitive as string[] },
  }
}

/** Kept as it came; a rule that cannot be carried out where it says is refused. */
function readRuleSet(value: unknown): RuleSet {
  const ruleSet = object(value, 'ruleSet')
  const fault = faultOfRuleSet(ruleSet)
  if (fault !== undefined) throw problemOf(refusals.invalidRuleSet(fault))
  return ruleSet
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
}

function object(value: unknown, what: string): { readonly [name: string]: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { [name: string]: unknown }
  throw new Problem(400, `HTTP 400 Bad Request: ${what} is not a JSON object`)
}

function bad(member: string, wanted: string): Problem {
  return new Problem(400, `HTTP 400 Bad Request: ${member} must be ${wanted}`)
}
