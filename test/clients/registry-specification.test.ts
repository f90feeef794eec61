// Every operation of Confluent's OpenAPI document is called: an answer and a refusal of each are held against the document's schemas, closed, so that a member of
// another name or type is found, and an operation that nobody calls is, too.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { registryApp } from '../support/registry-app.ts'

const file = join(import.meta.dirname, '../../../shared/reference/registry/confluent-schema-registry-api-spec.yaml')
const isThere = existsSync(file)
if (!isThere) console.log(`skipped: ${file}, the document to hold answers against, is not there`)

type Method = 'get' | 'put' | 'post' | 'delete'
type JsonSchema = { [name: string]: unknown }
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<Method, { readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: JsonSchema }>> }>> }>>>>
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> }
}
const document = isThere ? parse(readFileSync(file, 'utf8')) as Document : { paths: {}, components: { schemas: {} } }
for (const schema of Object.values(document.components.schemas)) if (schema['properties'] !== undefined) schema['additionalProperties'] = false
const ajv = new Ajv({ strict: false, logger: false, validateFormats: false })

function judge(value: unknown, schema: JsonSchema, what: string): void {
  const validate = ajv.compile({ ...schema, components: document.components })
  expect(validate(value), `${what}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`).toBe(true)
}

const record = (name: string, more: object = {}): string => JSON.stringify({ type: 'record', name, fields: [{ name: 'id', type: 'string' }], ...more })
const metadata = { properties: { owner: 'sales' }, tags: { id: ['PII'] }, sensitive: ['owner'] }
const ruleSet = { domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] }
const resource = { resourceName: 'orders', resourceNamespace: 'lkc-1', resourceId: 'r', resourceType: 'topic' }
const component = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

interface Call {
  readonly url: string
  readonly body?: unknown
}
interface Operation {
  readonly ok: Call
  readonly status?: number
  /** Where the document says nothing of an answer, or other than the server does. */
  readonly schema?: JsonSchema
  /** Undefined where nothing that a client sends is refused but the media type it wants. */
  readonly refused?: Call & { readonly status: number; readonly code: number }
}

/** The document's subject `s` has one version, with references to `base`; `gone` was soft-deleted; the context `.ctx` has a subject; `.empty` has none. */
const operations: Readonly<Record<string, Operation>> = {
  'get /': { ok: { url: '/' }, schema: { type: 'object' } },
  'post /': { ok: { url: '/', body: {} } },
  'get /subjects': { ok: { url: '/subjects' } },
  'post /subjects/{subject}': { ok: { url: '/subjects/s', body: { schema: record('S'), metadata, ruleSet } }, refused: { url: '/subjects/s', body: { schema: '"int"' }, status: 404, code: 40403 } },
  'delete /subjects/{subject}': { ok: { url: '/subjects/s' }, refused: { url: '/subjects/gone', status: 404, code: 40404 } },
  'get /subjects/{subject}/versions': { ok: { url: '/subjects/s/versions' }, refused: { url: '/subjects/none/versions', status: 404, code: 40401 } },
  'post /subjects/{subject}/versions': {
    ok: { url: '/subjects/new/versions', body: { schema: record('New'), metadata, ruleSet } }, refused: { url: '/subjects/s/versions', body: { schema: '"int"' }, status: 409, code: 40901 },
  },
  'get /subjects/{subject}/versions/{version}': {
    ok: { url: '/subjects/tagged/versions/latest?findTags=*' }, refused: { url: '/subjects/s/versions/first', status: 422, code: 42202 },
  },
  'delete /subjects/{subject}/versions/{version}': {
    ok: { url: '/subjects/s/versions/1' }, refused: { url: '/subjects/base/versions/1', status: 422, code: 42206 },
  },
  'get /subjects/{subject}/versions/{version}/schema': { ok: { url: '/subjects/s/versions/1/schema' }, refused: { url: '/subjects/s/versions/9/schema', status: 404, code: 40402 } },
  'get /subjects/{subject}/versions/{version}/referencedby': {
    ok: { url: '/subjects/base/versions/1/referencedby' }, refused: { url: '/subjects/none/versions/1/referencedby', status: 404, code: 40401 },
  },
  'post /subjects/{subject}/versions/{version}/tags': {
    ok: { url: '/subjects/s/versions/1/tags', body: { tagsToAdd: [{ schemaEntity: { entityPath: 'S.id', entityType: 'sr_field' }, tags: ['PII'] }] } },
    refused: { url: '/subjects/s/versions/1/tags', body: { newVersion: 7 }, status: 422, code: 42201 },
  },
  'get /subjects/{subject}/metadata': {
    ok: { url: '/subjects/s/metadata?key=owner&value=sales' }, refused: { url: '/subjects/s/metadata?key=owner&value=nobody', status: 404, code: 40403 },
  },
  'get /schemas': { ok: { url: '/schemas?resourceType=topic' }, schema: { type: 'array', minItems: 1, items: component('ExtendedSchema') } },
  'get /schemas/types': { ok: { url: '/schemas/types' } },
  'get /schemas/ids/{id}': { ok: { url: '/schemas/ids/1?fetchMaxId=true' }, refused: { url: '/schemas/ids/999', status: 404, code: 40403 } },
  'get /schemas/ids/{id}/schema': { ok: { url: '/schemas/ids/1/schema' }, refused: { url: '/schemas/ids/999/schema', status: 404, code: 40403 } },
  'get /schemas/ids/{id}/subjects': { ok: { url: '/schemas/ids/1/subjects' }, refused: { url: '/schemas/ids/999/subjects', status: 404, code: 40403 } },
  'get /schemas/ids/{id}/versions': { ok: { url: '/schemas/ids/1/versions' }, refused: { url: '/schemas/ids/999/versions', status: 404, code: 40403 } },
  'get /schemas/guids/{guid}': { ok: { url: '/schemas/guids/GUID' }, refused: { url: '/schemas/guids/none', status: 404, code: 40403 } },
  'get /schemas/guids/{guid}/ids': { ok: { url: '/schemas/guids/GUID/ids' }, refused: { url: '/schemas/guids/none/ids', status: 404, code: 40403 } },
  'get /config': { ok: { url: '/config' } },
  'put /config': { ok: { url: '/config', body: { compatibility: 'full', normalize: false } }, refused: { url: '/config', body: { compatibility: 'sideways' }, status: 422, code: 42203 } },
  // The document has the level here, the server the settings that went.
  'delete /config': { ok: { url: '/config' }, schema: component('Config') },
  'get /config/{subject}': { ok: { url: '/config/s?defaultToGlobal=true' }, refused: { url: '/config/s', status: 404, code: 40408 } },
  'put /config/{subject}': {
    ok: { url: '/config/s', body: { compatibility: 'NONE', alias: 'a', defaultMetadata: metadata, overrideRuleSet: ruleSet } },
    refused: { url: '/config/__GLOBAL', body: { compatibility: 'NONE' }, status: 422, code: 42208 },
  },
  'delete /config/{subject}': { ok: { url: '/config/configured' }, schema: component('Config'), refused: { url: '/config/s', status: 404, code: 40401 } },
  'get /mode': { ok: { url: '/mode' } },
  'put /mode': { ok: { url: '/mode', body: { mode: 'READONLY' } }, refused: { url: '/mode', body: { mode: 'IMPORT' }, status: 422, code: 42205 } },
  'delete /mode': { ok: { url: '/mode?recursive=true' } },
  'get /mode/{subject}': { ok: { url: '/mode/s?defaultToGlobal=true' }, refused: { url: '/mode/s', status: 404, code: 40409 } },
  'put /mode/{subject}': { ok: { url: '/mode/s', body: { mode: 'READONLY' } }, refused: { url: '/mode/s', body: { mode: 'SIDEWAYS' }, status: 422, code: 42204 } },
  'delete /mode/{subject}': { ok: { url: '/mode/moded' }, refused: { url: '/mode/s', status: 404, code: 40401 } },
  'post /compatibility/subjects/{subject}/versions': {
    ok: { url: '/compatibility/subjects/s/versions?verbose=true', body: { schema: '"int"' } }, refused: { url: '/compatibility/subjects/s/versions', body: { schema: '{' }, status: 422, code: 42201 },
  },
  'post /compatibility/subjects/{subject}/versions/{version}': {
    ok: { url: '/compatibility/subjects/s/versions/1?verbose=true', body: { schema: '"int"' } },
    refused: { url: '/compatibility/subjects/s/versions/9', body: { schema: '"int"' }, status: 404, code: 40402 },
  },
  'get /contexts': { ok: { url: '/contexts' } },
  'delete /contexts/{context}': { ok: { url: '/contexts/empty' }, status: 204, refused: { url: '/contexts/ctx', status: 422, code: 42211 } },
  'get /v1/metadata/id': {
    ok: { url: '/v1/metadata/id' },
    schema: { type: 'object', required: ['scope', 'id'], properties: { id: { type: 'string' }, scope: { type: 'object', required: ['path', 'clusters'] } }, additionalProperties: false },
  },
  'post /associations': {
    ok: { url: '/associations', body: { ...resource, resourceName: 'new', resourceId: 'new', associations: [{ subject: 's', associationType: 'value' }] } },
    refused: { url: '/associations', body: { ...resource, associations: [] }, status: 422, code: 42212 },
  },
  'put /associations/resources/{resourceId}': {
    ok: { url: '/associations/resources/r', body: { ...resource, associations: [{ subject: 's', associationType: 'key', lifecycle: 'WEAK' }] } },
    refused: { url: '/associations/resources/other', body: { ...resource, associations: [{ subject: 's' }] }, status: 422, code: 42212 },
  },
  'get /associations/resources/{resourceId}': { ok: { url: '/associations/resources/r' }, refused: { url: '/associations/resources/r?lifecycle=NONE', status: 422, code: 42212 } },
  // The document has an association here, the server nothing.
  'delete /associations/resources/{resourceId}': { ok: { url: '/associations/resources/r' }, status: 204, refused: { url: '/associations/resources/none', status: 404, code: 40410 } },
  'get /associations/resources/{resourceNamespace}/{resourceName}': {
    ok: { url: '/associations/resources/-/orders?resourceType=topic' }, refused: { url: '/associations/resources/-/orders?lifecycle=NONE', status: 422, code: 42212 },
  },
  'get /associations/subjects/{subject}': { ok: { url: '/associations/subjects/associated' }, refused: { url: '/associations/subjects/s?lifecycle=NONE', status: 422, code: 42212 } },
  'post /associations:batch': {
    ok: { url: '/associations:batch', body: { requests: [{ ...resource, associations: [{ opType: 'UPSERT', subject: 's', associationType: 'key' }] }, { ...resource, associations: [] }] } },
    status: 207, refused: { url: '/associations:batch', body: { requests: [] }, status: 422, code: 42212 },
  },
  'get /v1/metadata/version': { ok: { url: '/v1/metadata/version' }, schema: component('SchemaRegistryServerVersion') },
  'get /v1/metadata/deployment': { ok: { url: '/v1/metadata/deployment' }, schema: component('SchemaRegistryDeployment') },
}

describe.skipIf(!isThere)('Confluent\'s API document', () => {
  test('has no operation that is not called', () => {
    const inDocument = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method} ${path}`))
    expect(inDocument).toHaveLength(47)
    expect(Object.keys(operations).toSorted()).toEqual(inDocument.toSorted())
  })

  test.each(Object.keys(operations))('%s', async name => {
    const { ok, status = 200, schema, refused } = operations[name]!
    const [method, path] = name.split(' ') as [Method, string]
    const { app, guid } = await filledApp()
    const call = async ({ url, body }: Call): Promise<request.Response> => (
      await request(app)[method](url.replace('GUID', guid)).set('confluent-accept-unknown-properties', 'true').send(body as object | undefined)
    )
    const refusal = refused === undefined ? await request(app)[method](ok.url).set('accept', 'text/plain') : await call(refused)
    expect([refusal.status, refusal.body.error_code]).toEqual(refused === undefined ? [406, 406] : [refused.status, refused.code])
    judge(refusal.body, component('ErrorMessage'), `refusal of ${name}`)
    const answer = await call(ok)
    expect([answer.status, answer.status === status ? '' : answer.text]).toEqual([status, ''])
    if (status === 204) return
    const { responses } = document.paths[path]![method]
    const described = schema ?? Object.values((responses[status] ?? responses['default'])!.content!)[0]!.schema
    if (Array.isArray(answer.body)) expect(answer.body).not.toEqual([])
    judge(path.endsWith('/schema') ? answer.text : answer.body, described, name)
  })
})

async function filledApp(): Promise<{ app: Awaited<ReturnType<typeof registryApp>>['app']; guid: string }> {
  const { app } = await registryApp()
  const register = (subject: string, body: object): request.Test => (
    request(app).post(`/subjects/${subject}/versions`).set('confluent-accept-unknown-properties', 'true').send(body).expect(200)
  )
  const { body } = await register('s', { schema: record('S'), metadata, ruleSet })
  await register('base', { schema: record('Base') })
  const references = [{ name: 'Base', subject: 'base', version: 1 }]
  await register('referring', { schema: JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'b', type: 'Base' }] }), references })
  await register('tagged', { schema: record('T', { 'confluent:tags': ['PII'] }) })
  await register('gone', { schema: record('Gone') })
  await request(app).delete('/subjects/gone').expect(200)
  await register(':.ctx:s', { schema: record('S') })
  await register(':.empty:s', { schema: record('S') })
  for (const permanent of [false, true]) await request(app).delete(`/subjects/:.empty:s?permanent=${permanent}`).expect(200)
  await register('associated', { schema: record('A') })
  await request(app).post('/associations').send({ ...resource, associations: [{ subject: 'associated', associationType: 'value' }] }).expect(200)
  await request(app).put('/config/configured').send({ compatibility: 'FULL' }).expect(200)
  await request(app).put('/mode/moded').send({ mode: 'READONLY' }).expect(200)
  return { app, guid: body.guid as string }
}
