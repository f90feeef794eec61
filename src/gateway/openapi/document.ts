// The OpenAPI 3.1 document of the whole gateway: every path of every family, and what they share. A test holds it against the routes that are mounted, and the other
// tests of the gateway hold each request and answer against it.
import { adminFamily } from './admin.ts'
import { associationFamily } from './associations.ts'
import { doorFamily } from './door.ts'
import { integer, list, object, ref, type Schema, text } from './json-schema.ts'
import { type Family, type Method, type Operation, operationObject } from './operation.ts'
import { registryFamily } from './registry.ts'
import { consumerFamily, restFamily } from './rest.ts'
import { restV3Family } from './rest-v3.ts'
import { viewsFamily } from './views.ts'

export const families: readonly Family[] = [restFamily, consumerFamily, restV3Family, registryFamily, associationFamily, viewsFamily, adminFamily, doorFamily]

/** What says no: the same for all APIs of ours, with more members where a request was refused for its records. */
const problem: Schema = object({ error_code: integer, message: text }, {
  fault_count: integer, faults: list(ref('Fault')), offsets: list(ref('ProduceOffset')), key_schema_id: { type: ['integer', 'null'] }, value_schema_id: { type: ['integer', 'null'] },
})

export interface OpenApiDocument {
  readonly openapi: string
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: { readonly [path: string]: { readonly [method: string]: object } }
  readonly components: { readonly schemas: { readonly [name: string]: Schema }; readonly securitySchemes: object }
  readonly [member: string]: unknown
}

/** `version` is that of Sluice. */
export function openApiDocument(version: string): OpenApiDocument {
  const paths = families.flatMap(family => Object.entries(family.paths).map(([path, operations]) => [path, {
    ...family.inContexts === true && { servers: contextServers },
    ...Object.fromEntries((Object.entries(operations) as [Method, Operation][]).map(([method, operation]) => [method, operationObject(operation, { method, path, family })])),
  }] as const))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice gateway', version,
      description: 'REST, schema registry, administration and both views of one durable log. Callers are known by client certificate or by a token bound to one; ACLs say what each may do.',
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: '/' }],
    security: [{ certificate: [] }, { token: [] }],
    tags: families.map(({ tag, description }) => ({ name: tag, description })),
    paths: Object.fromEntries(paths),
    components: {
      schemas: Object.assign({ Problem: problem }, ...families.map(({ schemas }) => schemas)) as { [name: string]: Schema },
      securitySchemes: {
        certificate: { type: 'mutualTLS', description: 'A client certificate of the private CA.' },
        token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'From `/oauth2/token`; works only over connections with the same certificate.' },
      },
    },
  }
}

/** A context as if it were a registry of its own. */
const contextServers = [{ url: '/' }, { url: '/contexts/{context}', variables: { context: { default: '.', description: 'Name of a context.' } } }]
