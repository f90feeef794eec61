// The registry's HTTP API against Confluent's words and codes: what a client sends and what it gets back.
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { accessBy, registryApp } from '../support/registry-app.ts'

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
    expect(first.body).toEqual({ subject: 'orders-value', version: 1, id: 1, schema: order() })
    const spaced = JSON.stringify(JSON.parse(order()), null, 2)
    const again = await request(app).post('/subjects/orders-value/versions').send({ schema: spaced })
    expect(again.body).toMatchObject({ version: 1, id: 1 })
    const elsewhere = await request(app).post('/subjects/returns-value/versions').send({ schema: order() })
    expect(elsewhere.body).toMatchObject({ version: 1, id: 1, subject: 'returns-value' })
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
    ['a language that is not built', { schema: 'syntax = "proto3";', schemaType: 'PROTOBUF' }],
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
