// Contexts: registries within the registry, by qualified names and by the path `/contexts/{context}/`.
import type { Express } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { withoutContext } from '../../../src/gateway/registry/context-paths.ts'
import { accessBy, registryApp } from '../../support/registry-app.ts'

const answer = async (test: request.Test): Promise<[number, unknown]> => {
  const { status, body } = await test
  return [status, body]
}
const register = async (app: Express, subject: string, schema: string, more: object = {}): Promise<[number, number]> => {
  const { body } = await request(app).post(`/subjects/${encodeURIComponent(subject)}/versions`).send({ schema, ...more }).expect(200)
  return [body.id, body.version]
}

describe('a context', () => {
  test('has subjects and ids of its own, and lists have those of all', async () => {
    const { app } = await registryApp()
    expect(await register(app, 's', '"int"')).toEqual([1, 1])
    expect(await register(app, ':.b:s', '"long"')).toEqual([1, 1])
    expect(await register(app, ':.b:t', '"int"')).toEqual([2, 1])
    expect(await register(app, ':.a:s', '"int"')).toEqual([1, 1])
    expect((await request(app).get('/subjects')).body).toEqual([':.a:s', ':.b:s', ':.b:t', 's'])
    expect((await request(app).get('/subjects?subjectPrefix=:.b:')).body).toEqual([':.b:s', ':.b:t'])
    expect((await request(app).get('/subjects?subjectPrefix=:*:t')).body).toEqual([':.b:t'])
    expect((await request(app).get('/contexts')).body).toEqual(['.', '.a', '.b'])
    expect((await request(app).get('/contexts?contextPrefix=.b')).body).toEqual(['.b'])
    expect((await request(app).get('/contexts?offset=1&limit=1')).body).toEqual(['.a'])
    expect((await request(app).get('/schemas?subjectPrefix=:.b:')).body.map((each: { subject: string }) => each.subject)).toEqual([':.b:s', ':.b:t'])
  })

  test('is reached by path as if it were a registry alone', async () => {
    const { app } = await registryApp()
    const { body } = await request(app).post('/contexts/.c/subjects/s/versions').send({ schema: '"int"' }).expect(200)
    expect(body).toMatchObject({ id: 1, version: 1 })
    await register(app, 's', '"string"')
    expect((await request(app).get('/contexts/c/subjects')).body).toEqual([':.c:s'])
    expect((await request(app).get('/contexts/.c/subjects/s/versions/1')).body).toMatchObject({ subject: ':.c:s', schema: '"int"' })
    expect((await request(app).get('/contexts/:.c:/schemas/ids/1')).body).toEqual({ schema: '"int"' })
    expect((await request(app).get('/contexts/.c/schemas/ids/1/subjects')).body).toEqual([':.c:s'])
    expect((await request(app).get('/schemas/ids/1')).body).toEqual({ schema: '"string"' })
    expect((await request(app).get('/contexts/./schemas/ids/1')).body).toEqual({ schema: '"string"' })
    expect(await answer(request(app).put('/contexts/.c/config').send({ compatibility: 'NONE' }))).toEqual([200, { compatibility: 'NONE' }])
    expect(await answer(request(app).get('/config/:.c:'))).toEqual([200, { compatibilityLevel: 'NONE' }])
    expect((await request(app).get('/config')).body).toEqual({ compatibilityLevel: 'BACKWARD' })
    expect((await request(app).post('/contexts/.c/compatibility/subjects/s/versions/latest').send({ schema: '"string"' })).body).toEqual({ is_compatible: true })
    expect((await request(app).get('/contexts/.c/mode?defaultToGlobal=true')).body).toEqual({ mode: 'READWRITE' })
    expect((await request(app).get('/contexts/.c/v1/metadata/version')).status).toBe(200)
    expect(await answer(request(app).get('/contexts/.c/exporters'))).toEqual([404, { error_code: 404, message: 'HTTP 404 Not Found' }])
    expect(await answer(request(app).get('/contexts/a%3Ab/subjects'))).toEqual([400, { error_code: 400, message: 'Context name cannot contain a colon' }])
  })

  test.each([
    ['/contexts/.c/subjects/a%2Fb/versions?deleted=true', '/subjects/%3A.c%3Aa%2Fb/versions?deleted=true'],
    ['/contexts/.c/subjects/:.d:s', '/subjects/:.d:s'],
    ['/contexts/.c/subjects/subjects/versions/1', '/subjects/%3A.c%3Asubjects/versions/1'],
    ['/contexts/.c/subjects/config/versions', '/subjects/%3A.c%3Aconfig/versions'],
    ['/contexts/.c/config/subjects', '/config/%3A.c%3Asubjects'],
    ['/contexts/.c/compatibility/subjects/subjects/versions/latest', '/compatibility/subjects/%3A.c%3Asubjects/versions/latest'],
    ['/contexts/.c/associations/subjects/s', '/associations/subjects/%3A.c%3As?context=%3A.c%3A'],
    ['/contexts/.c/associations/resources/subjects/s', '/associations/resources/subjects/s?context=%3A.c%3A'],
    ['/contexts/.c/subjects/%3A.d%3As', '/subjects/%3A.d%3As'],
    ['/contexts/.c/subjects/%253A.d%253As', '/subjects/%3A.c%3A%253A.d%253As'],
    ['/contexts/%2Ec/subjects/s', '/subjects/%3A.c%3As'],
    ['/contexts//subjects/s', '/subjects/s'],
    ['/contexts/.c/subjects', '/subjects?subjectPrefix=%3A.c%3A'],
    ['/contexts/.c/subjects?subjectPrefix=x', '/subjects?subjectPrefix=%3A.c%3Ax'],
    ['/contexts/.c/schemas?subjectPrefix=:*:', '/schemas?subjectPrefix=%3A*%3A'],
    ['/contexts/.c/schemas/ids/1?subject=s', '/schemas/ids/1?subject=%3A.c%3As'],
    ['/contexts/.c/config', '/config/%3A.c%3A'],
    ['/contexts/./config', '/config'],
    ['/contexts/./mode/s', '/mode/s'],
    ['/contexts/.c/mode/s?force=true', '/mode/%3A.c%3As?force=true'],
    ['/contexts/.c', '/contexts/.c'],
    ['/contexts', '/contexts'],
    ['/subjects/s', '/subjects/s'],
  ])('%s is %s', (from, to) => {
    expect(withoutContext(from)).toBe(to)
  })

  test('that is empty goes, one that is not stays, and its ids do not come again', async () => {
    const { app } = await registryApp()
    await register(app, ':.c:s', '"int"')
    expect(await answer(request(app).delete('/contexts/.c'))).toEqual([422, { error_code: 42211, message: "The specified context ':.c:' is not empty." }])
    await request(app).delete('/subjects/:.c:s').expect(200)
    expect((await request(app).delete('/contexts/.c')).body.error_code).toBe(42211)
    await request(app).delete('/subjects/:.c:s?permanent=true').expect(200)
    expect((await request(app).delete('/contexts/.c')).status).toBe(204)
    expect((await request(app).get('/contexts')).body).toEqual(['.'])
    expect(await answer(request(app).delete('/contexts/.c'))).toEqual([404, { error_code: 40401, message: "Subject ':.c:' not found." }])
    expect((await request(app).delete('/contexts/.')).body.error_code).toBe(42211)
    expect(await register(app, ':.c:s', '"long"')).toEqual([2, 1])
  })
})

describe('across contexts', () => {
  test('a guid is the same, and stands for an id in each', async () => {
    const { app } = await registryApp()
    await register(app, ':.a:first', '"string"')
    await register(app, ':.a:s', '"int"')
    await register(app, 's', '"int"')
    const { body } = await request(app).get('/subjects/s/versions/1').set('confluent-accept-unknown-properties', 'true')
    expect(await answer(request(app).get(`/schemas/guids/${body.guid}/ids`))).toEqual([200, [{ context: '.', id: 1 }, { context: '.a', id: 2 }]])
    expect((await request(app).get(`/schemas/guids/${body.guid}`).set('confluent-accept-unknown-properties', 'true')).body).not.toHaveProperty('subject')
  })

  test('?subject= says in which context an id is meant', async () => {
    const { app } = await registryApp()
    await register(app, 's', '"int"')
    await register(app, ':.a:t', '"long"')
    expect((await request(app).get('/schemas/ids/1?subject=:.a:')).body).toEqual({ schema: '"long"' })
    expect((await request(app).get('/schemas/ids/1?subject=:.a:t')).body).toEqual({ schema: '"long"' })
    expect((await request(app).get('/schemas/ids/1/versions?subject=:.a:t')).body).toEqual([{ subject: ':.a:t', version: 1 }])
    expect(await answer(request(app).get('/schemas/ids/1?subject=:.a:none'))).toEqual([404, { error_code: 40403, message: 'Schema 1 not found' }])
    // A name of no context is sought in all of them, and passed over where nobody has it.
    expect((await request(app).get('/schemas/ids/1?subject=t')).body).toEqual({ schema: '"long"' })
    expect((await request(app).get('/schemas/ids/1?subject=none')).body).toEqual({ schema: '"int"' })
  })

  test('who names no context finds what is only in one', async () => {
    const { app } = await registryApp()
    await register(app, ':.a:s', '"int"')
    expect((await request(app).get('/subjects/s/versions/1')).body).toMatchObject({ subject: ':.a:s' })
    expect((await request(app).get('/subjects/s/versions/latest/schema')).text).toBe('"int"')
    expect((await request(app).post('/subjects/s').send({ schema: '"int"' })).body).toMatchObject({ subject: ':.a:s', version: 1 })
    expect((await request(app).get('/subjects/:.b:s/versions/1')).body.error_code).toBe(40401)
  })

  test('references are of the same context unless they name another', async () => {
    const { app } = await registryApp()
    const money = (of: string): string => JSON.stringify({ type: 'record', name: 'Money', fields: [{ name: 'amount', type: of }] })
    await register(app, 'money', money('int'))
    await register(app, ':.a:money', money('long'))
    const order = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'total', type: 'Money' }] })
    await register(app, ':.a:order', order, { references: [{ name: 'Money', subject: 'money', version: 1 }] })
    await register(app, ':.b:order', order, { references: [{ name: 'Money', subject: ':.a:money', version: 1 }] })
    await register(app, 'order', order, { references: [{ name: 'Money', subject: 'money', version: 1 }] })
    const resolved = async (subject: string): Promise<string> => (await request(app).get(`/subjects/${subject}/versions/1?format=resolved`)).body.schema as string
    expect(await resolved(':.a:order')).toContain('"amount","type":"long"')
    expect(await resolved(':.b:order')).toContain('"amount","type":"long"')
    expect(await resolved('order')).toContain('"amount","type":"int"')
    expect((await request(app).get('/subjects/:.a:money/versions/1/referencedby')).body).toEqual([1, 2])
    const { body } = await request(app).get('/subjects/:.a:order/versions/1?referenceFormat=qualified')
    expect(body.references).toEqual([{ name: 'Money', subject: ':.a:money', version: 1 }])
    expect(await answer(request(app).delete('/subjects/:.a:money'))).toEqual([422, {
      error_code: 42206, message: 'One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=:.a:money,version=1}.',
    }])
  })

  test('settings are those of the subject, else of its context, else of .__GLOBAL; those of the default context are not inherited', async () => {
    const { app } = await registryApp()
    const level = async (scope: string): Promise<string> => (await request(app).get(`/config/${scope}?defaultToGlobal=true`)).body.compatibilityLevel as string
    await request(app).put('/config').send({ compatibility: 'NONE' }).expect(200)
    expect([await level('s'), await level(':.a:s')]).toEqual(['NONE', 'BACKWARD'])
    await request(app).put('/config/:.__GLOBAL:').send({ compatibility: 'FULL' }).expect(200)
    expect([await level('s'), await level(':.a:s')]).toEqual(['NONE', 'FULL'])
    await request(app).put('/config/:.a:').send({ compatibility: 'FORWARD' }).expect(200)
    await request(app).put('/config/:.a:s').send({ normalize: true }).expect(200)
    expect((await request(app).get('/config/:.a:s?defaultToGlobal=true')).body).toEqual({ normalize: true, compatibilityLevel: 'FORWARD' })
    expect(await answer(request(app).get('/config/:.b:s'))).toEqual([404, { error_code: 40408, message: "Subject ':.b:s' does not have subject-level compatibility configured" }])
    expect((await request(app).post('/subjects/:.__GLOBAL:s/versions').send({ schema: '"int"' })).body).toEqual({
      error_code: 42208, message: "The specified subject ':.__GLOBAL:s' is not a valid.",
    })
  })
})

test('ACLs judge the qualified name, and contexts of which nothing may be described are not shown', async () => {
  const { app } = await registryApp({ access: accessBy((_operation, _type, name) => name.startsWith(':.mine:')) })
  await request(app).post('/contexts/.mine/subjects/s/versions').send({ schema: '"int"' }).expect(200)
  for (const path of ['/subjects/s/versions', '/contexts/.theirs/subjects/s/versions', '/subjects/s/versions/1']) {
    expect([path, (await request(app).get(path)).status]).toEqual([path, 403])
  }
  expect((await request(app).get('/contexts')).body).toEqual(['.', '.mine'])
  expect((await request(app).delete('/contexts/.theirs')).status).toBe(403)
  expect((await request(app).put('/config/:.__GLOBAL:').send({ compatibility: 'NONE' })).status).toBe(403)
})

test('an alias is judged by the subject it means, and the refusal does not say which that is', async () => {
  const { app, registry } = await registryApp({ access: accessBy((_operation, _type, name) => name === 'short') })
  await registry.register('secret', { schema: '"int"' }, { normalize: undefined })
  await registry.updateConfig('short', { alias: 'secret' })
  const refused = await request(app).get('/subjects/short/versions')
  expect([refused.status, refused.body.message]).toEqual([403, 'User is denied operation read on Subject: short'])
})

test('who may not read a schema by its id is not told whose it is, nor what an alias means', async () => {
  const { app, registry } = await registryApp({ access: accessBy((_operation, _type, name) => name === 'short') })
  await registry.register('secret', { schema: '"int"' }, { normalize: undefined })
  await registry.updateConfig('short', { alias: 'secret' })
  for (const [query, name] of [['', 'of schema 1'], ['?subject=short', 'short'], ['?subject=none', 'of schema 1'], ['?subject=secret', 'secret']]) {
    const refused = await request(app).get(`/schemas/ids/1${query}`)
    expect([query, refused.status, refused.body]).toEqual([query, 403, { error_code: 40301, message: `User is denied operation read on Subject: ${name}` }])
  }
})

test('subjects of a context may be called like parts of paths', async () => {
  const { app } = await registryApp()
  for (const subject of ['subjects', 'versions', 'config', 'latest']) {
    await request(app).post(`/contexts/.c/subjects/${subject}/versions`).send({ schema: '"int"' }).expect(200)
    expect((await request(app).get(`/contexts/.c/subjects/${subject}/versions/latest`)).body).toMatchObject({ subject: `:.c:${subject}` })
  }
})

test('who may only write to a subject does not get the text of what is in it', async () => {
  const { app, registry } = await registryApp({ access: accessBy(operation => operation === 'write') })
  await registry.register('s', { schema: '"int"' }, { normalize: undefined })
  const denied = [403, { error_code: 40301, message: 'User is denied operation read on Subject: s' }]
  expect(await answer(request(app).post('/subjects/s/versions').send({ schema: '', metadata: { properties: { a: 'b' } } }))).toEqual(denied)
  expect(await answer(request(app).post('/subjects/s/versions/1/tags').send({}))).toEqual(denied)
  await request(app).post('/subjects/s/versions').send({ schema: '"int"' }).expect(200)
})
