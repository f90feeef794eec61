// The registry's HTTP API against Confluent's words and codes: what a client sends and what it gets back.
import type { Express } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { accessBy, registryApp } from '../../support/registry-app.ts'

const v1 = 'application/vnd.schemaregistry.v1+json'
const order = (fields: object[] = [{ name: 'id', type: 'string' }]): string => JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields })
const withTotal = order([{ name: 'id', type: 'string' }, { name: 'total', type: 'long' }])
const withDefault = order([{ name: 'id', type: 'string' }, { name: 'total', type: 'long', default: 0 }])

describe('registering', () => {
  test('gives the first schema id 1 and version 1, and the same again for the same content', async () => {
    const { app } = await registryApp()
    const first = await request(app).post('/subjects/orders-value/versions').set('content-type', v1).send({ schema: order() })
    expect(first.status).toBe(200)
    expect(first.headers['content-type']).toMatch(v1)
    expect(first.body).toEqual({ version: 1, id: 1, schema: order() })
    const spaced = JSON.stringify(JSON.parse(order()), null, 2)
    const again = await request(app).post('/subjects/orders-value/versions').send({ schema: spaced })
    expect(again.body).toMatchObject({ version: 1, id: 1 })
    const elsewhere = await request(app).post('/subjects/returns-value/versions').send({ schema: order() })
    expect(elsewhere.body).toMatchObject({ version: 1, id: 1 })
  })

  test('refuses an incompatible next version with 409, 40901 and every difference', async () => {
    const { app } = await registryApp()
    await request(app).post('/subjects/orders-value/versions').send({ schema: order() }).expect(200)
    const refused = await request(app).post('/subjects/orders-value/versions').send({ schema: withTotal })
    expect(refused.status).toBe(409)
    expect(refused.body).toEqual({
      error_code: 40901,
      message: 'Schema being registered is incompatible with an earlier schema for subject "orders-value", details: '
        + `[{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'total' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'total'}, `
        + `{oldSchemaVersion: 1}, {oldSchema: '${order()}'}, {validateFields: 'false', compatibility: 'BACKWARD'}]`,
    })
    const next = await request(app).post('/subjects/orders-value/versions').send({ schema: withDefault }).expect(200)
    expect(next.body).toMatchObject({ version: 2, id: 2 })
  })

  test.each([
    ['text that is not JSON', { schema: '{' }],
    ['an undefined name', { schema: '"Nobody"' }],
    ['a default that does not fit', { schema: order([{ name: 'id', type: 'int', default: 'x' }]) }],
    ['a JSON Schema with a bad type', { schema: '{"type":"nothing"}', schemaType: 'JSON' }],
    ['a language that there is not', { schema: 'struct A {}', schemaType: 'THRIFT' }],
  ])('refuses %s with 42201', async (_what, body) => {
    const { app } = await registryApp()
    const refused = await request(app).post('/subjects/s/versions').send(body)
    expect([refused.status, refused.body.error_code]).toEqual([422, 42201])
  })
})

describe('access', () => {
  test('is refused with 403 and 40301 whether or not the subject exists, and lists leave out what may not be described', async () => {
    const { app } = await registryApp({ access: accessBy((_operation, _type, name) => name.startsWith('mine')) })
    await request(app).post('/subjects/mine-value/versions').send({ schema: order() }).expect(200)
    for (const [method, path] of [['get', '/subjects/theirs/versions'], ['post', '/subjects/theirs/versions'], ['delete', '/subjects/theirs'], ['get', '/config/theirs'], ['put', '/config']] as const) {
      const refused = await request(app)[method](path).send(method === 'get' ? undefined : { schema: order() })
      expect([path, refused.status, refused.body.error_code]).toEqual([path, 403, 40301])
    }
    expect((await request(app).get('/subjects')).body).toEqual(['mine-value'])
  })
})

const post = (app: Express, path: string, body: object): request.Test => request(app).post(path).set('content-type', v1).send(body)
const answer = async (test: request.Test): Promise<[number, unknown]> => {
  const { status, body } = await test
  return [status, body]
}

describe('looking up', () => {
  test('finds a version by subject, number, latest, id, guid and content', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    await post(app, '/subjects/o/versions', { schema: withDefault })
    const second = { subject: 'o', version: 2, id: 2, schema: withDefault }
    expect(await answer(request(app).get('/subjects'))).toEqual([200, ['o']])
    expect(await answer(request(app).get('/subjects/o/versions'))).toEqual([200, [1, 2]])
    for (const version of ['2', 'latest', '-1']) expect(await answer(request(app).get(`/subjects/o/versions/${version}`))).toEqual([200, second])
    expect(await answer(post(app, '/subjects/o', { schema: withDefault }))).toEqual([200, second])
    expect(await answer(request(app).get('/schemas/ids/2'))).toEqual([200, { schema: withDefault }])
    expect(await answer(request(app).get('/schemas/ids/1?fetchMaxId=true'))).toEqual([200, { schema: order(), maxId: 2 }])
    expect((await request(app).get('/schemas/ids/2/schema')).text).toBe(withDefault)
    expect((await request(app).get('/subjects/o/versions/1/schema')).text).toBe(order())
    expect(await answer(request(app).get('/schemas/ids/2/subjects'))).toEqual([200, ['o']])
    expect(await answer(request(app).get('/schemas/ids/2/versions'))).toEqual([200, [{ subject: 'o', version: 2 }]])
    expect(await answer(request(app).get('/schemas?latestOnly=true'))).toEqual([200, [second]])
    const { body } = await request(app).get('/subjects/o/versions/2').set('confluent-accept-unknown-properties', 'true')
    expect(body).toEqual({ ...second, schemaType: 'AVRO', guid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string, ts: expect.any(Number) as number })
    expect(await answer(request(app).get(`/schemas/guids/${body.guid}`))).toEqual([200, { schema: withDefault }])
    expect(await answer(request(app).get(`/schemas/guids/${body.guid}/ids`))).toEqual([200, [{ context: '.', id: 2 }]])
  })

  test.each([
    ['get', '/subjects/none/versions', 404, 40401, "Subject 'none' not found."],
    ['get', '/subjects/none/versions/1', 404, 40401, "Subject 'none' not found."],
    ['get', '/subjects/o/versions/9', 404, 40402, 'Version 9 not found.'],
    ['get', '/subjects/o/versions/0', 422, 42202, `The specified version '0' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`],
    ['get', '/subjects/o/versions/first', 422, 42202, `The specified version 'first' is not a valid version id. Allowed values are between [1, 2^31-1] and the string "latest"`],
    ['get', '/schemas/ids/9', 404, 40403, 'Schema 9 not found'],
    ['get', '/schemas/ids/x', 404, 40403, 'Schema x not found'],
    ['get', '/config/o', 404, 40408, "Subject 'o' does not have subject-level compatibility configured"],
    ['get', '/mode/o', 404, 40409, "Subject 'o' does not have subject-level mode configured"],
    ['delete', '/subjects/none', 404, 40401, "Subject 'none' not found."],
    ['delete', '/subjects/o?permanent=true', 404, 40405, "Subject 'o' was not deleted first before being permanently deleted"],
    ['delete', '/subjects/o/versions/1?permanent=true', 404, 40407, "Subject 'o' Version 1 was not deleted first before being permanently deleted"],
    ['delete', '/config/o', 404, 40401, "Subject 'o' not found."],
    ['get', '/subjects/o/nothing', 404, 404, 'HTTP 404 Not Found'],
    ['get', '/dek-registry/v1/keks', 404, 404, 'HTTP 404 Not Found'],
    ['get', '/exporters', 404, 404, 'HTTP 404 Not Found'],
  ] as const)('%s %s is %i with %i', async (method, path, status, code, message) => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    expect(await answer(request(app)[method](path))).toEqual([status, { error_code: code, message }])
  })

  test('a schema that the subject does not have is 40403, whoever else has it', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    await post(app, '/subjects/p/versions', { schema: withTotal })
    expect(await answer(post(app, '/subjects/o', { schema: withTotal }))).toEqual([404, { error_code: 40403, message: 'Schema not found' }])
  })
})

describe('settings', () => {
  test('PUT echoes compatibility, GET says compatibilityLevel, DELETE gives what went', async () => {
    const { app } = await registryApp()
    expect(await answer(request(app).get('/config'))).toEqual([200, { compatibilityLevel: 'BACKWARD' }])
    expect(await answer(request(app).put('/config').send({ compatibility: 'full', unknown: 1 }))).toEqual([200, { compatibility: 'FULL' }])
    expect((await request(app).get('/config')).body.compatibilityLevel).toBe('FULL')
    expect((await request(app).get('/config/o?defaultToGlobal=true')).body.compatibilityLevel).toBe('FULL')
    expect(await answer(request(app).put('/config/o').send({ compatibility: 'NONE' }))).toEqual([200, { compatibility: 'NONE' }])
    expect(await answer(request(app).put('/config/o').send({ normalize: true }))).toEqual([200, { normalize: true }])
    expect(await answer(request(app).get('/config/o'))).toEqual([200, { normalize: true, compatibilityLevel: 'NONE' }])
    expect(await answer(request(app).put('/config/o').send({ compatibility: null }))).toEqual([200, {}])
    expect(await answer(request(app).delete('/config/o'))).toEqual([200, { normalize: true }])
    expect(await answer(request(app).put('/config').send({ compatibility: 'sideways' }))).toEqual([422, {
      error_code: 42203, message: 'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive',
    }])
  })

  test('a subject that is read-only takes no schema and loses none', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    expect(await answer(request(app).put('/mode/o').send({ mode: 'READONLY' }))).toEqual([200, { mode: 'READONLY' }])
    expect((await post(app, '/subjects/o/versions', { schema: withDefault })).body.error_code).toBe(42205)
    expect((await post(app, '/subjects/o/versions', { schema: order() })).body).toMatchObject({ id: 1 })
    expect((await request(app).delete('/subjects/o')).body.error_code).toBe(42205)
    expect(await answer(request(app).delete('/mode/o'))).toEqual([200, { mode: 'READONLY' }])
    expect(await answer(request(app).get('/mode'))).toEqual([200, { mode: 'READWRITE' }])
    expect((await request(app).put('/mode').send({ mode: 'SIDEWAYS' })).body.error_code).toBe(42204)
    expect((await request(app).delete('/subjects/o')).status).toBe(200)
  })
})

describe('compatibility', () => {
  // Each level: what a next version may be, after a first with `id` and a second with `id` and an optional `total`.
  test.each<[string, string, string, boolean]>([
    ['BACKWARD', withTotal, 'a required field that the latest has', true],
    ['BACKWARD_TRANSITIVE', withTotal, 'a required field that the first lacks', false],
    ['FORWARD', order(), 'without the optional field', true],
    ['FORWARD', order([]), 'without a required field', false],
    ['FORWARD_TRANSITIVE', order(), 'without the optional field', true],
    ['FULL', order(), 'without the optional field', true],
    ['FULL', withTotal, 'a field that is no longer optional', true],
    ['FULL_TRANSITIVE', withTotal, 'a required field that the first lacks', false],
    ['NONE', '"int"', 'something else', true],
    ['BACKWARD', '"int"', 'something else', false],
  ])('%s: %s%s', async (level, schema, _what, isCompatible) => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    await post(app, '/subjects/o/versions', { schema: withDefault })
    await request(app).put('/config/o').send({ compatibility: level })
    expect(await answer(post(app, '/compatibility/subjects/o/versions', { schema }))).toEqual([200, { is_compatible: isCompatible }])
    const verbose = await post(app, '/compatibility/subjects/o/versions?verbose=true', { schema })
    expect(verbose.body.messages.length > 0).toBe(!isCompatible)
    if (!isCompatible) expect(verbose.body.messages.at(-1)).toBe(`{validateFields: 'false', compatibility: '${level}'}`)
    expect((await post(app, '/subjects/o/versions', { schema })).status).toBe(isCompatible ? 200 : 409)
  })

  test('names the sides by the direction', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: withTotal })
    await request(app).put('/config/o').send({ compatibility: 'FORWARD' })
    const { body } = await post(app, '/compatibility/subjects/o/versions/latest?verbose=true', { schema: order() })
    expect(body.messages[0]).toBe(`{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'total' at path '/fields/1' in the old schema has no default value and is missing in the new schema', additionalInfo:'total'}`)
  })

  test('one version is held against that version only, and a missing one is 40402', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    await post(app, '/subjects/o/versions', { schema: withDefault })
    expect((await post(app, '/compatibility/subjects/o/versions/1', { schema: withTotal })).body).toEqual({ is_compatible: false })
    expect((await post(app, '/compatibility/subjects/o/versions/2', { schema: withTotal })).body).toEqual({ is_compatible: true })
    expect((await post(app, '/compatibility/subjects/none/versions/1', { schema: withTotal })).body).toEqual({ error_code: 40402, message: 'Version 1 not found.' })
    expect((await post(app, '/compatibility/subjects/none/versions/latest', { schema: withTotal })).body).toEqual({ is_compatible: true })
    const invalid = await post(app, '/compatibility/subjects/o/versions/latest?verbose=true', { schema: '{' })
    expect([invalid.status, invalid.body.is_compatible]).toEqual([200, false])
    expect((await post(app, '/compatibility/subjects/o/versions/latest', { schema: '{' })).body.error_code).toBe(42201)
  })

  test('another language is another schema', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    const { body } = await post(app, '/compatibility/subjects/o/versions?verbose=true', { schema: '{"type":"object"}', schemaType: 'JSON' })
    expect(body.messages[0]).toBe('Incompatible because of different schema type')
  })

  test('a lenient policy lets open content models grow, and a group is compared by itself', async () => {
    const { app } = await registryApp()
    const json = (properties: object): object => ({ schemaType: 'JSON', schema: JSON.stringify({ type: 'object', properties }) })
    await post(app, '/subjects/j/versions', json({}))
    expect((await post(app, '/subjects/j/versions', json({ a: { type: 'string' } }))).status).toBe(409)
    await request(app).put('/config/j').send({ compatibilityPolicy: 'LENIENT' })
    expect((await post(app, '/subjects/j/versions', json({ a: { type: 'string' } }))).status).toBe(200)
    await request(app).put('/config/g').send({ compatibilityGroup: 'major' })
    const major = (value: string): object => ({ metadata: { properties: { major: value } } })
    await post(app, '/subjects/g/versions', { schema: '"int"', ...major('1') })
    expect((await post(app, '/subjects/g/versions', { schema: '"string"', ...major('1') })).status).toBe(409)
    expect((await post(app, '/subjects/g/versions', { schema: '"string"', ...major('2') })).status).toBe(200)
  })
})

describe('identity', () => {
  test('normalising makes one schema of two spellings', async () => {
    const { app } = await registryApp()
    const spelt = JSON.stringify({ fields: [{ type: { type: 'string' }, name: 'id' }], name: 'shop.Order', type: 'record' })
    await post(app, '/subjects/o/versions?normalize=true', { schema: order() })
    expect((await post(app, '/subjects/o/versions?normalize=true', { schema: spelt })).body).toMatchObject({ version: 1 })
    const a = { schemaType: 'JSON', schema: '{"type":"string","maxLength":3}' }
    const b = { schemaType: 'JSON', schema: '{"maxLength": 3, "type": "string"}' }
    const first = await post(app, '/subjects/j/versions', a)
    expect((await post(app, '/subjects/j/versions', b)).body.id).not.toBe(first.body.id)
    expect((await post(app, '/subjects/k/versions?normalize=true', a)).body.id).toBe((await post(app, '/subjects/k/versions?normalize=true', b)).body.id)
  })

  test('a schema that was deleted comes back as a new version with its old id', async () => {
    const { app } = await registryApp()
    await post(app, '/subjects/o/versions', { schema: order() })
    await post(app, '/subjects/o/versions', { schema: withDefault })
    expect(await answer(request(app).delete('/subjects/o/versions/2'))).toEqual([200, 2])
    expect(await answer(request(app).delete('/subjects/o/versions/2'))).toEqual([404, { error_code: 40406, message: "Subject 'o' Version 2 was soft deleted.Set permanent=true to delete permanently" }])
    expect(await answer(request(app).get('/subjects/o/versions?deletedAsNegative=true'))).toEqual([200, [1, -2]])
    expect((await request(app).get('/schemas/ids/2')).status).toBe(200)
    expect((await post(app, '/subjects/o/versions', { schema: withDefault })).body).toMatchObject({ version: 3, id: 2 })
    expect(await answer(request(app).get('/subjects/o/versions?deleted=true'))).toEqual([200, [1, 3]])
  })
})

describe('HTTP', () => {
  test('answers in the type that was asked for, and in no other', async () => {
    const { app } = await registryApp()
    expect((await request(app).get('/subjects').set('accept', '*/*')).headers['content-type']).toMatch(v1)
    expect((await request(app).get('/subjects').set('accept', 'application/json')).headers['content-type']).toMatch(/^application\/json/)
    expect((await request(app).get('/subjects').set('accept', 'text/html')).body).toEqual({ error_code: 406, message: 'HTTP 406 Not Acceptable' })
    expect((await request(app).post('/subjects/o/versions').set('content-type', 'text/plain').send('{}')).body).toEqual({ error_code: 415, message: 'HTTP 415 Unsupported Media Type' })
    expect((await request(app).put('/subjects')).status).toBe(405)
    expect(await answer(request(app).get('/'))).toEqual([200, {}])
    expect(await answer(request(app).get('/schemas/types'))).toEqual([200, ['JSON', 'PROTOBUF', 'AVRO']])
    expect((await request(app).get('/v1/metadata/id')).body.scope.clusters['kafka-cluster']).toHaveLength(22)
  })

  test.each<[string, string, number]>([
    ['text that is not JSON', '{', 400],
    ['a list', '[]', 400],
    ['a schema that is no text', '{"schema":{}}', 400],
    ['references that are none', '{"schema":"","references":[{"name":"a"}]}', 400],
    ['metadata that is none', '{"schema":"","metadata":{"tags":{"a":1}}}', 400],
    ['rules without names', '{"schema":"","ruleSet":{"domainRules":[{}]}}', 422],
    ['100,000 brackets', '['.repeat(100_000), 400],
    ['more than 2 MiB', `{"schema":"${'x'.repeat(2 * 1024 * 1024)}"}`, 413],
    ['more than 1 MiB of schema', `{"schema":"${'x'.repeat(1024 * 1024 + 1)}"}`, 422],
    ['no schema', '{}', 422],
  ])('%s is refused', async (_what, body, status) => {
    const { app } = await registryApp()
    const refused = await request(app).post('/subjects/o/versions').set('content-type', v1).send(body)
    expect(refused.status).toBe(status)
    expect(refused.body.error_code).toBeGreaterThanOrEqual(400)
    expect(Buffer.byteLength(refused.text)).toBeLessThan(16 * 1024)
    expect((await request(app).get('/subjects')).body).toEqual([])
  })

  test.each([':.__GLOBAL:s', ':.ctx:', '__GLOBAL', 'a'.repeat(300), 'a\u0001b'])('a subject may not be %j', async subject => {
    const { app } = await registryApp()
    expect((await post(app, `/subjects/${encodeURIComponent(subject)}/versions`, { schema: '"int"' })).body.error_code).toBe(42208)
  })

  test('a subject may have any printable character', async () => {
    const { app } = await registryApp()
    for (const subject of ['a/b:c d"e', 'ä', '%2F', '__proto__', 'constructor']) {
      expect((await post(app, `/subjects/${encodeURIComponent(subject)}/versions`, { schema: '"int"' })).status).toBe(200)
      expect((await request(app).get(`/subjects/${encodeURIComponent(subject)}/versions`)).body).toEqual([1])
    }
  })
})
