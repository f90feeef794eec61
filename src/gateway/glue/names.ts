// How Glue's names stand for the registry's: default-registry is the default context, another registry the context of its name, a schema the subject of its name
// there. Names are held to AWS's limits, in AWS's words.
import { contextPrefix, defaultContext, splitSubject } from '../../registry/contexts.ts'
import { structure, text } from '../../wire/operation.ts'
import { errors, GlueError } from './errors.ts'

export const defaultRegistry = 'default-registry'

const nameCharactersMax = 255
const arnCharactersMax = 10_240
const descriptionCharactersMax = 2_048
const namePattern = /^[a-zA-Z0-9\-_$#.]+$/
const arnPattern = /^arn:aws(?:-(?:cn|us-gov|iso(?:-[bef])?))?:glue:[^:]*:[^:]*:(registry|schema)\/(.+)$/s
const descriptionPattern = /^[\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}\r\n\t]*$/u

export interface Place {
  readonly account: string
  readonly region: string
}

export const registryIdShape = structure({ RegistryName: text(), RegistryArn: text() })
export const schemaIdShape = structure({ SchemaArn: text(), SchemaName: text(), RegistryName: text() })

export interface RegistryId {
  readonly RegistryName?: string | undefined
  readonly RegistryArn?: string | undefined
}

export interface SchemaId {
  readonly SchemaArn?: string | undefined
  readonly SchemaName?: string | undefined
  readonly RegistryName?: string | undefined
}

export interface SchemaName {
  readonly registry: string
  readonly schema: string
}

export function registryArn(name: string, { region, account }: Place): string {
  return `arn:aws:glue:${region}:${account}:registry/${name}`
}

export function schemaArn({ registry, schema }: SchemaName, { region, account }: Place): string {
  return `arn:aws:glue:${region}:${account}:schema/${registry}/${schema}`
}

/** The context of a registry, with its leading dot. */
export function contextOfRegistry(name: string): string {
  return name === defaultRegistry ? defaultContext : `.${name}`
}

/** What ACLs name a registry by: `:.name:`, and the default one `:.:`. */
export function scopeOfRegistry(name: string): string {
  return `:${contextOfRegistry(name)}:`
}

export function subjectOfSchema({ registry, schema }: SchemaName): string {
  return contextPrefix(contextOfRegistry(registry)) + schema
}

/** The registry and schema that a subject is; undefined where Glue has no such names. */
export function schemaOfSubject(name: string): SchemaName | undefined {
  const { context, subject } = splitSubject(name)
  const registry = registryOfContext(context)
  return registry !== undefined && isName(subject) ? { registry, schema: subject } : undefined
}

export function registryOfContext(context: string): string | undefined {
  if (context === defaultContext) return defaultRegistry
  const name = context.slice(1)
  return isName(name) && name !== defaultRegistry ? name : undefined
}

/** The name of the registry that is meant. */
export function readRegistryId({ RegistryName: name, RegistryArn: arn }: RegistryId): string | GlueError {
  if (name !== undefined && arn !== undefined) return errors.registryTwice()
  if (arn !== undefined) return registryOfArn(arn)
  if (name === undefined) return errors.registryMissing()
  return faultOfName(name, 'registryName') ?? name
}

/** The schema that is meant, whether there is one or not. */
export function readSchemaId({ SchemaArn: arn, SchemaName: schema, RegistryName: registry }: SchemaId): SchemaName | GlueError {
  if (arn !== undefined) {
    if (schema !== undefined || registry !== undefined) return errors.schemaTwice()
    const parsed = readArn(arn, 'schemaArn')
    if (parsed instanceof GlueError) return parsed
    return 'schema' in parsed ? parsed : errors.wrongCharacters('schemaArn')
  }
  if (schema === undefined || registry === undefined) return errors.schemaMissing()
  return faultOfName(registry, 'registryName') ?? faultOfName(schema, 'schemaName') ?? { registry, schema }
}

/** The registry or schema that an ARN names, of whatever region and account: there is one of each here. */
export function readArn(arn: string, parameter: string): SchemaName | { readonly registry: string } | GlueError {
  if (arn.length === 0 || arn.length > arnCharactersMax) return errors.wrongLength(parameter)
  const [, kind, path = ''] = arnPattern.exec(arn) ?? []
  const [registry = '', schema, ...rest] = path.split('/')
  if (kind === undefined || rest.length > 0 || (kind === 'schema') !== (schema !== undefined)) return errors.wrongCharacters(parameter)
  if (!isName(registry) || !(schema === undefined || isName(schema))) return errors.wrongCharacters(parameter)
  return schema === undefined ? { registry } : { registry, schema }
}

function registryOfArn(arn: string): string | GlueError {
  const parsed = readArn(arn, 'registryArn')
  if (parsed instanceof GlueError) return parsed
  return 'schema' in parsed ? errors.wrongCharacters('registryArn') : parsed.registry
}

export function faultOfName(name: string, parameter: 'registryName' | 'schemaName'): GlueError | undefined {
  if (name.length === 0 || name.length > nameCharactersMax) return errors.wrongLength(parameter)
  return namePattern.test(name) ? undefined : errors.wrongCharacters(parameter)
}

export function faultOfDescription(description: string | undefined): GlueError | undefined {
  if (description === undefined) return undefined
  if (description.length > descriptionCharactersMax) return errors.wrongLength('description')
  return descriptionPattern.test(description) ? undefined : errors.wrongCharacters('description')
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= nameCharactersMax && namePattern.test(name)
}
