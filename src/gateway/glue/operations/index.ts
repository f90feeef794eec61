// All operations of AWS Glue's schema registry.
import type { Served } from '../context.ts'
import { checkSchemaVersionValidity, getSchemaVersionsDiff } from './definitions.ts'
import { putSchemaVersionMetadata, querySchemaVersionMetadata, removeSchemaVersionMetadata } from './metadata.ts'
import { createRegistry, deleteRegistry, getRegistry, listRegistries, updateRegistry } from './registries.ts'
import { createSchema, deleteSchema, getSchema, listSchemas, updateSchema } from './schemas.ts'
import { getTags, tagResource, untagResource } from './tags.ts'
import { deleteSchemaVersions, getSchemaByDefinition, getSchemaVersion, listSchemaVersions, registerSchemaVersion } from './versions.ts'

export const operations: readonly Served[] = [
  createRegistry, getRegistry, listRegistries, updateRegistry, deleteRegistry,
  createSchema, getSchema, listSchemas, updateSchema, deleteSchema,
  registerSchemaVersion, getSchemaVersion, getSchemaByDefinition, listSchemaVersions, deleteSchemaVersions,
  checkSchemaVersionValidity, getSchemaVersionsDiff,
  putSchemaVersionMetadata, querySchemaVersionMetadata, removeSchemaVersionMetadata,
  getTags, tagResource, untagResource,
]
