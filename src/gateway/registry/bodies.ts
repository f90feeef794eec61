// Bodies of requests to the registry's API. What they have beyond what is known is passed over: clients are newer than servers.
import type { SchemaRequest } from '../../registry/candidates.ts'
import { type ConfigUpdate, readConfig } from '../../registry/configs.ts'
import { refusals } from '../../registry/errors.ts'
import { type Metadata, readMetadata } from '../../registry/metadata.ts'
import { type Mode, modeNamed } from '../../registry/modes.ts'
import type { TagRequest } from '../../registry/registrations.ts'
import { readRuleSet, type RuleSet } from '../../registry/rule-set.ts'
import type { Reference } from '../../registry/schema.ts'
import type { SchemaTags } from '../../registry/tags.ts'
import { Problem } from '../problem.ts'
import { problemOf } from './refusals.ts'

/** RegisterSchemaRequest. Throws 400 for a member of the wrong type. */
export function readSchemaRequest(body: unknown): SchemaRequest {
  const request = object(body, 'the body')
  const { schema, schemaType, references, metadata, ruleSet, version, id, schemaTagsToAdd, schemaTagsToRemove, propagateSchemaTags } = request
  if (schema != null && typeof schema !== 'string') throw bad('schema', 'the text of a schema')
  if (schemaType != null && typeof schemaType !== 'string') throw bad('schemaType', 'the name of a schema type')
  if (version != null && !isInt32(version)) throw bad('version', 'a whole number of 32 bits')
  if (id != null && !isInt32(id)) throw bad('id', 'a whole number of 32 bits')
  if (propagateSchemaTags != null && typeof propagateSchemaTags !== 'boolean') throw bad('propagateSchemaTags', 'true or false')
  return {
    schema: schema ?? '',
    ...schemaType != null && { schemaType },
    ...references != null && { references: readReferences(references) },
    ...metadata != null && { metadata: metadataIn(metadata) },
    ...ruleSet != null && { ruleSet: ruleSetIn(ruleSet) },
    ...version != null && { version },
    ...id != null && { id },
    ...schemaTagsToAdd != null && { schemaTagsToAdd: readSchemaTags(schemaTagsToAdd, 'schemaTagsToAdd') },
    ...schemaTagsToRemove != null && { schemaTagsToRemove: readSchemaTags(schemaTagsToRemove, 'schemaTagsToRemove') },
    ...propagateSchemaTags != null && { propagateSchemaTags },
  }
}

/** TagSchemaRequest. Throws 400 for a member of the wrong type. */
export function readTagRequest(body: unknown): TagRequest {
  const { newVersion, tagsToAdd, tagsToRemove, metadata, ruleSet, rulesToMerge, rulesToRemove } = object(body, 'the body')
  if (newVersion != null && !isInt32(newVersion)) throw bad('newVersion', 'a whole number of 32 bits')
  if (rulesToRemove != null && !isTextList(rulesToRemove)) throw bad('rulesToRemove', 'an array of names of rules')
  return {
    ...newVersion != null && { newVersion },
    ...tagsToAdd != null && { tagsToAdd: readSchemaTags(tagsToAdd, 'tagsToAdd') },
    ...tagsToRemove != null && { tagsToRemove: readSchemaTags(tagsToRemove, 'tagsToRemove') },
    ...metadata != null && { metadata: metadataIn(metadata) },
    ...ruleSet != null && { ruleSet: ruleSetIn(ruleSet) },
    ...rulesToMerge != null && { rulesToMerge: ruleSetIn(rulesToMerge) },
    ...rulesToRemove != null && { rulesToRemove },
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

function readReferences(value: unknown): readonly Reference[] {
  if (!Array.isArray(value)) throw bad('references', 'an array')
  return value.map(each => {
    const { name, subject, version } = object(each, 'a reference')
    if (typeof name !== 'string' || typeof subject !== 'string' || !isInt32(version)) throw bad('references', 'an array of {name, subject, version}')
    return { name, subject, version }
  })
}

function readSchemaTags(value: unknown, member: string): readonly SchemaTags[] {
  if (!Array.isArray(value)) throw bad(member, 'an array')
  return value.map(each => {
    const { schemaEntity, tags } = object(each, member)
    const { entityPath, entityType } = object(schemaEntity, `${member}.schemaEntity`)
    if (typeof entityPath !== 'string' || (entityType !== 'sr_record' && entityType !== 'sr_field') || !isTextList(tags)) {
      throw bad(member, 'an array of {schemaEntity: {entityPath, entityType: sr_record or sr_field}, tags}')
    }
    return { schemaEntity: { entityPath, entityType }, tags }
  })
}

function isInt32(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= -0x80000000 && (value as number) <= 0x7fffffff
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(each => typeof each === 'string')
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
