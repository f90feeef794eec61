// Answers of the registry against the schemas of Confluent's OpenAPI document, closed, so that a member of another name or type is found.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { openApiComponents } from '../support/openapi-schemas.ts'
import { registryApp } from '../support/registry-app.ts'

const file = join(import.meta.dirname, '../../../shared/reference/registry/confluent-schema-registry-api-spec.yaml')
const isThere = existsSync(file)
if (!isThere) console.log(`skipped: ${file}, the document to hold answers against, is not there`)

describe.skipIf(!isThere)('an answer is what the specification says', () => {
  const ajv = new Ajv({ strict: false, logger: false, validateFormats: false })
  const judge = (name: string): ((value: unknown) => void) => {
    const { components } = openApiComponents(readFileSync(file, 'utf8'))
    for (const schema of Object.values(components.schemas)) if (schema['properties'] !== undefined) schema['additionalProperties'] = false
    const validate = ajv.compile({ $ref: `#/components/schemas/${name}`, components })
    return value => { expect(validate(value), `${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`).toBe(true) }
  }
  const record = (name: string): string => JSON.stringify({ type: 'record', name, fields: [{ name: 'id', type: 'string' }] })
  const metadata = { properties: { owner: 'sales' }, tags: { id: ['PII'] }, sensitive: ['owner'] }
  const ruleSet = { domainRules: [{ name: 'r', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' }] }

  test.each<[string, string, 'get' | 'put' | 'post' | 'delete', string, object?]>([
    ['RegisterSchemaResponse', 'object', 'post', '/subjects/new/versions', { schema: record('New'), metadata, ruleSet }],
    ['Schema', 'object', 'post', '/subjects/s', { schema: record('S') }],
    ['Schema', 'object', 'get', '/subjects/s/versions/latest'],
    ['Schema', 'object', 'get', '/subjects/s/metadata?key=owner&value=sales'],
    ['ExtendedSchema', 'array', 'get', '/schemas'],
    ['SchemaString', 'object', 'get', '/schemas/ids/1?fetchMaxId=true'],
    ['SubjectVersion', 'array', 'get', '/schemas/ids/1/versions'],
    ['Config', 'object', 'get', '/config'],
    ['ConfigUpdateRequest', 'object', 'put', '/config', { compatibility: 'full', normalize: false }],
    ['Config', 'object', 'delete', '/config'],
    ['Mode', 'object', 'get', '/mode'],
    ['ModeUpdateRequest', 'object', 'put', '/mode/s', { mode: 'READONLY' }],
    ['CompatibilityCheckResponse', 'object', 'post', '/compatibility/subjects/s/versions/1?verbose=true', { schema: '"int"' }],
    ['SchemaRegistryServerVersion', 'object', 'get', '/v1/metadata/version'],
    ['ErrorMessage', 'object', 'get', '/subjects/none/versions/1'],
    ['ErrorMessage', 'object', 'post', '/subjects/s/versions', { schema: '"int"' }],
  ])('%s (%s) of %s %s', async (name, shape, method, path, body) => {
    const { app } = await registryApp()
    await request(app).post('/subjects/s/versions').send({ schema: record('S'), metadata, ruleSet }).expect(200)
    const { body: answer } = await request(app)[method](path).set('confluent-accept-unknown-properties', 'true').send(body)
    const check = judge(name)
    if (shape === 'object') check(answer)
    else {
      expect(answer).toHaveLength(1)
      check(answer[0])
    }
  })
})
