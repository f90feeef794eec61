// Bodies of the registry's API, in and out. What a request has beyond what is known is passed over (clients are newer than servers); answers leave out what is
// null or empty, and what only new clients know unless they say that they take it.
import type { Request } from 'express'
import { type ConfigUpdate, readConfig } from '../../registry/configs.ts'
import { refusals } from '../../registry/errors.ts'
import { modeNamed } from '../../registry/modes.ts'
import type { SchemaRequest } from '../../registry/registry.ts'
import { type Metadata, readMetadata } from '../../registry/metadata.ts'
import { readRuleSet, type RuleSet } from '../../registry/rule-set.ts'
import type { Reference } from '../../registry/schema.ts'
import type { Config, Mode, SchemaVersion } from '../../registry/store.ts'
import { Problem } from '../problem.ts'
import { problemOf } from './refusals.ts'

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
    ...metadata != null && { metadata: metadataIn(metadata) },
    ...ruleSet != null && { ruleSet: ruleSetIn(ruleSet) },
    ...version != null && { version: version as number },
    ...id != null && { id: id as number },
  }
}

/** ConfigUpdateRequest: null takes a setting back. The level is called `compatibility` here and `compatibilityLevel` in answers. */
export function readConfigUpdate(body: unknown): ConfigUpdate {
  const { compatibility, compatibilityLevel = compatibility, ...rest } = object(body, 'the body')
  const { update, wrong } = readConfig({ ...rest, ...compatibilityLevel !== undefined && { compatibilityLevel } })
  const [first] = wrong
  if (first === 'compatibilityLevel') throw problemOf(refusals.invalidLevel())
  if (first === 'compatibilityPolicy') throw problemOf(refusals.invalidPolicy())
  if (first === 'defaultRuleSet' || first === 'overrideRuleSet') ruleSetIn(rest[first])
  if (first === 'defaultMetadata' || first === 'overrideMetadata') metadataIn(rest[first])
  if (first !== undefined) throw bad(first, first.startsWith('alias') || first === 'compatibilityGroup' ? 'a text' : 'true or false')
  return update
}

/** ModeUpdateRequest. */
export function readMode(body: unknown): Mode {
  const { mode } = object(body, 'the body')
  const known = typeof mode === 'string' ? modeNamed(mode) : undefined
  if (known === undefined) throw problemOf(refusals.invalidMode())
  return known
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

function metadataIn(value: unknown): Metadata {
  const metadata = readMetadata(value)
  if ('wrong' in metadata) throw bad(metadata.wrong, metadata.wanted)
  return metadata
}

function ruleSetIn(value: unknown): RuleSet {
  const ruleSet = readRuleSet(value)
  if ('fault' in ruleSet) throw problemOf(refusals.invalidRuleSet(ruleSet.fault))
  return ruleSet
}

function object(value: unknown, what: string): { readonly [name: string]: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { [name: string]: unknown }
  throw new Problem(400, `HTTP 400 Bad Request: ${what} is not a JSON object`)
}

function bad(member: string, wanted: string): Problem {
  return new Problem(400, `HTTP 400 Bad Request: ${member} must be ${wanted}`)
}
