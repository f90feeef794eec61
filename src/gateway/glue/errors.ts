// Every "no" of the Glue API: the exception's name and its text. What the AWS serializers look for in a text ("Schema is not found.", "Schema version is not
// found.") and what is known of the rest is as AWS words it.
import type { RegistryRefusal } from '../../registry/errors.ts'

export type GlueErrorType =
  | 'AccessDeniedException' | 'AlreadyExistsException' | 'ConcurrentModificationException' | 'EntityNotFoundException' | 'ExpiredTokenException' | 'IncompleteSignatureException'
  | 'InternalServiceException' | 'InvalidInputException' | 'InvalidSignatureException' | 'MissingAuthenticationTokenException'
  | 'ResourceNumberLimitExceededException' | 'SerializationException' | 'ThrottlingException' | 'UnknownOperationException' | 'UnrecognizedClientException' | 'ValidationException'

/** A value that operations return in place of their answer. */
export class GlueError {
  readonly type: GlueErrorType
  readonly message: string | undefined

  constructor(type: GlueErrorType, message?: string) {
    this.type = type
    this.message = message
  }

  get status(): 400 | 500 {
    return this.type === 'InternalServiceException' ? 500 : 400
  }
}

/** A schema as the request names it; what it leaves out is printed as null. */
export interface NamedSchema {
  readonly RegistryName?: string | undefined
  readonly SchemaName?: string | undefined
  readonly SchemaArn?: string | undefined
}

const notFound = (message: string): GlueError => new GlueError('EntityNotFoundException', message)
const invalid = (message: string): GlueError => new GlueError('InvalidInputException', message)
const named = ({ RegistryName, SchemaName, SchemaArn }: NamedSchema): string => {
  return `RegistryName: ${RegistryName ?? 'null'}, SchemaName: ${SchemaName ?? 'null'}, SchemaArn: ${SchemaArn ?? 'null'}`
}

export const errors = {
  invalid,
  registryNotFound: (by: 'RegistryName' | 'RegistryArn', value: string) => notFound(`Registry is not found. ${by}: ${value}`),
  schemaNotFound: (schema: NamedSchema) => notFound(`Schema is not found. ${named(schema)}`),
  definitionNotFound: (schema: NamedSchema) => notFound(`Schema version is not found. ${named(schema)}`),
  versionNotFound: (schema: NamedSchema, version: number | 'latest') =>
    notFound(`Schema version is not found. ${named(schema)}, VersionNumber: ${version === 'latest' ? 'null' : version}, isLatestVersion: ${version === 'latest'}`),
  versionIdNotFound: (id: string) => notFound(`Schema version is not found. SchemaVersionId: ${id}`),
  metadataNotFound: (id: string, key: string, value: string) =>
    notFound(`Resource not found for schema version id: ${id}, metadata key: ${key}, metadata value: ${value}`),
  resourceNotFound: (arn: string) => notFound(`Resource is not found. ResourceArn: ${arn}`),
  registryExists: (name: string) => new GlueError('AlreadyExistsException', `Registry already exists. RegistryName: ${name}`),
  schemaExists: (name: string) => new GlueError('AlreadyExistsException', `Schema already exists. SchemaName: ${name}`),
  metadataExists: (id: string, key: string, value: string) =>
    new GlueError('AlreadyExistsException', `Resource already exist for schema version id: ${id}, metadata key: ${key}, metadata value: ${value}`),
  tooMany: (what: 'registries') => new GlueError('ResourceNumberLimitExceededException', `More ${what} cannot be created. The maximum limit has been reached.`),
  tooMuchMetadata: () => new GlueError('ResourceNumberLimitExceededException', 'Your resource limits for Schema Version Metadata have been exceeded.'),
  checkpointInRange: (version: number) =>
    new GlueError('ConcurrentModificationException', `Schema version ${version} is the checkpoint of its schema: set another one before it is deleted.`),
  wrongLength: (name: string) => invalid(`The resource name contains too many or too few characters. Parameter Name: ${name}`),
  wrongCharacters: (name: string) => invalid(`The parameter value contains one or more characters that are not valid. Parameter Name: ${name}`),
  wrongTags: () => invalid('New Tags cannot be empty or more than 50'),
  wrongDataFormat: () => invalid('Data format is not valid.'),
  wrongCompatibility: () => invalid('Compatibility is not valid.'),
  wrongDefinition: (format: string, reason: string) => invalid(`Schema definition of ${format} data format is invalid: ${reason}`),
  wrongToken: () => invalid('NextToken is not valid.'),
  registryTwice: () => invalid('One of registryName or registryArn has to be provided, both cannot be provided.'),
  registryMissing: () => invalid('One of registryName or registryArn has to be provided.'),
  schemaTwice: () => invalid('One of (registryName and schemaName) or schemaArn has to be provided, both cannot be provided.'),
  schemaMissing: () => invalid('At least one of (registryName and schemaName) or schemaArn has to be provided.'),
  numberTwice: () => invalid('Only one of VersionNumber or LatestVersion is required.'),
  numberMissing: () => invalid('One of version number (or) latest version is required.'),
  idBesideOthers: () => invalid('No other input parameters can be specified when fetching by SchemaVersionId.'),
  disabled: ({ SchemaArn, SchemaName, RegistryName }: NamedSchema) =>
    invalid(`Compatibility DISABLED does not allow versioning. SchemaId: SchemaId(schemaArn=${SchemaArn ?? 'null'}, ` +
      `schemaName=${SchemaName ?? 'null'}, registryName=${RegistryName ?? 'null'})`),
} as const

/** What the registry refuses, for the operations that have no words of their own for it. */
export function toGlueError(refusal: RegistryRefusal): GlueError {
  if (refusal.status >= 500) return new GlueError('InternalServiceException', 'The schema registry cannot write its log now.')
  return new GlueError(refusal.status === 404 ? 'EntityNotFoundException' : 'InvalidInputException', refusal.message)
}
