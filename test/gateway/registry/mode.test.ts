// Modes: who may write what, imports with ids of their own, and that no id comes twice.
import type { Express } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { registryApp } from '../../support/registry-app.ts'

const answer = async (test: request.Test): Promise<[number, unknown]> => {
  const { status, body } = await test
  return [status, body]
}
const post = (app: Express, subject: string, body: object): request.Test => request(app).post(`/subjects/${subject}/versions`).send(body)
const put = (app: Express, path: string, mode: string): request.Test => request(app).put(path).send({ mode })

describe('a mode', () => {
  test.each([
    ['subject', '/mode/s', 'READONLY', 'Subject s in context  is in read-only mode'],
    ['registry', '/mode', 'READONLY', 'Subject s in context  is in read-only mode'],
    ['every context', '/mode/:.__GLOBAL:', 'READONLY', 'Subject s in context  is in read-only mode'],
    ['registry, above all', '/mode', 'READONLY_OVERRIDE', 'Subject s in context  is in read-only mode'],
    ['subject', '/mode/s', 'IMPORT', 'Subject s in context  is not in read-write mode'],
    ['registry', '/mode', 'FORWARD', 'Subject s in context  is not in read-write mode'],
  ])('of the %s (%s %s) refuses a registration', async (_what, path, mode, message) => {
    const { app } = await registryApp()
    expect(await answer(put(app, path, mode.toLowerCase()))).toEqual([200, { mode }])
    expect(await answer(post(app, 's', { schema: '"int"' }))).toEqual([422, { error_code: 42205, message }])
    expect((await request(app).get('/mode/s?defaultToGlobal=true')).body).toEqual({ mode })
  })

  test('of a context holds for its subjects only, and names it', async () => {
    const { app } = await registryApp()
    await put(app, '/mode/:.a:', 'READONLY').expect(200)
    expect(await answer(post(app, ':.a:s', { schema: '"int"' }))).toEqual([422, { error_code: 42205, message: 'Subject :.a:s in context :.a: is in read-only mode' }])
    await post(app, ':.b:s', { schema: '"int"' }).expect(200)
    await put(app, '/mode/:.a:s', 'READWRITE').expect(200)
    await post(app, ':.a:s', { schema: '"int"' }).expect(200)
    await put(app, '/mode', 'READONLY_OVERRIDE').expect(200)
    expect((await post(app, ':.a:s', { schema: '"long"' })).body.error_code).toBe(42205)
    expect((await request(app).get('/mode/:.a:s')).body).toEqual({ mode: 'READONLY_OVERRIDE' })
  })

  test('that is read-only keeps settings and versions as they are', async () => {
    const { app } = await registryApp()
    await post(app, 's', { schema: '"int"' }).expect(200)
    await put(app, '/mode/s', 'READONLY').expect(200)
    const refusal = { error_code: 42205, message: 'Subject s in context  is in read-only mode' }
    for (const test of [request(app).delete('/subjects/s'), request(app).delete('/subjects/s/versions/1'), request(app).put('/config/s').send({ normalize: true })]) {
      expect(await answer(test)).toEqual([422, refusal])
    }
    // What is there already is only looked up.
    await post(app, 's', { schema: '"int"' }).expect(200)
  })

  test.each([['SIDEWAYS', '/mode'], ['FORWARD', '/mode/s']])('%s is none for %s', async (mode, path) => {
    const { app } = await registryApp()
    expect(await answer(put(app, path, mode))).toEqual([422, { error_code: 42204, message: 'Invalid mode. Valid values are READWRITE, READONLY, and IMPORT.' }])
  })

  test('goes with DELETE, with those of all subjects of the context where that is wanted', async () => {
    const { app } = await registryApp()
    for (const path of ['/mode', '/mode/s', '/mode/:.a:', '/mode/:.a:s']) await put(app, path, 'READONLY').expect(200)
    expect(await answer(request(app).delete('/mode'))).toEqual([200, { mode: 'READONLY' }])
    expect((await request(app).get('/mode/s')).status).toBe(200)
    expect(await answer(request(app).delete('/mode?recursive=true'))).toEqual([200, { mode: 'READWRITE' }])
    expect(await answer(request(app).get('/mode/s'))).toEqual([404, { error_code: 40409, message: "Subject 's' does not have subject-level mode configured" }])
    expect((await request(app).get('/mode/:.a:s')).body).toEqual({ mode: 'READONLY' })
    expect(await answer(request(app).delete('/mode/:.a:?recursive=true'))).toEqual([200, { mode: 'READONLY' }])
    expect((await request(app).get('/mode/:.a:s')).status).toBe(404)
    expect(await answer(request(app).delete('/mode/s'))).toEqual([404, { error_code: 40401, message: "Subject 's' not found." }])
  })
})

describe('an import', () => {
  test('takes the id and version that the client says, of any content, and the next id comes behind', async () => {
    const { app } = await registryApp()
    await put(app, '/mode/s', 'IMPORT').expect(200)
    expect((await post(app, 's', { schema: '"int"', id: 40, version: 7 })).body).toMatchObject({ id: 40, version: 7 })
    expect((await post(app, 's', { schema: '{"type":"record","name":"R","fields":[]}', id: 20, version: 3 })).body).toMatchObject({ id: 20, version: 3 })
    expect((await request(app).get('/subjects/s/versions')).body).toEqual([3, 7])
    expect((await post(app, 'other', { schema: '"long"' })).body).toMatchObject({ id: 41, version: 1 })
    await put(app, '/mode/s', 'READWRITE').expect(200)
    expect((await post(app, 's', { schema: '"long"' })).body).toMatchObject({ id: 41, version: 8 })
    expect(await answer(post(app, 's', { schema: '"double"', id: 50 }))).toEqual([422, { error_code: 42205, message: 'Subject s in context  is not in import mode' }])
  })

  test('does not give an id to another schema', async () => {
    const { app } = await registryApp()
    await post(app, 'first', { schema: '"int"' }).expect(200)
    await put(app, '/mode/s', 'IMPORT').expect(200)
    expect(await answer(post(app, 's', { schema: '"long"', id: 1 }))).toEqual([422, {
      error_code: 42205, message: 'Overwrite new schema with id 1 in context  is not permitted.',
    }])
    expect((await post(app, 's', { schema: '"int"', id: 1 })).body).toMatchObject({ id: 1, version: 1 })
    expect((await post(app, 's', { schema: '"int"', id: 1 })).body).toMatchObject({ id: 1, version: 1 })
  })

  test('may give one content several ids: each leads to it until it goes, and the guid to those that are left', async () => {
    const { app } = await registryApp()
    await post(app, 'first', { schema: '"int"' }).expect(200)
    await put(app, '/mode/s', 'IMPORT').expect(200)
    await post(app, 's', { schema: '"int"', id: 9 }).expect(200)
    await put(app, '/mode/s', 'READWRITE').expect(200)
    const { body: { guid } } = await request(app).get('/schemas/ids/1').set('confluent-accept-unknown-properties', 'true')
    expect((await request(app).get(`/schemas/guids/${guid}/ids`)).body).toEqual([{ context: '.', id: 1 }, { context: '.', id: 9 }])
    await request(app).delete('/subjects/s').expect(200)
    await request(app).delete('/subjects/s?permanent=true').expect(200)
    expect((await request(app).get(`/schemas/guids/${guid}/ids`)).body).toEqual([{ context: '.', id: 1 }])
    expect((await post(app, 'other', { schema: '"int"' })).body).toMatchObject({ id: 1 })
    expect((await post(app, 'another', { schema: '"long"' })).body).toMatchObject({ id: 10 })
  })

  test('may take the last number there is, behind which nothing more is registered', async () => {
    const { app } = await registryApp()
    await put(app, '/mode/s', 'IMPORT').expect(200)
    expect((await post(app, 's', { schema: '"int"', id: 2 ** 31 })).status).toBe(400)
    await post(app, 's', { schema: '"int"', id: 2 ** 31 - 1, version: 2 ** 31 - 1 }).expect(200)
    expect(await answer(post(app, 'other', { schema: '"long"' }))).toEqual([500, { error_code: 50001, message: 'Error in the backend data store: there are no more numbers' }])
    expect((await post(app, 'other', { schema: '"int"' })).body).toMatchObject({ id: 2 ** 31 - 1, version: 1 })
  })

  test('wants a scope without subjects unless it is forced; what was soft-deleted is then gone', async () => {
    const { app } = await registryApp()
    await post(app, 's', { schema: '"int"' }).expect(200)
    expect(await answer(put(app, '/mode', 'IMPORT'))).toEqual([422, { error_code: 42205, message: 'Cannot import since found existing subjects' }])
    expect((await put(app, '/mode/s', 'IMPORT')).body.error_code).toBe(42205)
    await put(app, '/mode/:.a:', 'IMPORT').expect(200)
    await put(app, '/mode/s?force=true', 'IMPORT').expect(200)
    await put(app, '/mode/s', 'READWRITE').expect(200)
    await request(app).delete('/subjects/s').expect(200)
    await put(app, '/mode', 'IMPORT').expect(200)
    expect((await request(app).get('/subjects?deleted=true')).body).toEqual([])
    expect((await request(app).get('/schemas/ids/1')).status).toBe(404)
  })

  test('is refused where what was soft-deleted is still referred to', async () => {
    const { app } = await registryApp()
    await post(app, 'base', { schema: '{"type":"record","name":"B","fields":[]}' }).expect(200)
    await post(app, ':.a:s', { schema: '{"type":"record","name":"R","fields":[{"name":"b","type":"B"}]}', references: [{ name: 'B', subject: ':.:base', version: 1 }] }).expect(200)
    expect((await request(app).delete('/subjects/base')).body.error_code).toBe(42206)
    await request(app).delete('/subjects/:.a:s').expect(200)
    await request(app).delete('/subjects/base').expect(200)
    await post(app, ':.a:s', { schema: '"int"' }).expect(200)
    await put(app, '/mode/base', 'IMPORT').expect(200)
  })

  test('of content that has an id already may give it a second one; deleting and restarting give none twice', async () => {
    const { app, backend } = await registryApp()
    await put(app, '/mode/s', 'IMPORT').expect(200)
    await post(app, 's', { schema: '"int"', id: 9 }).expect(200)
    await post(app, 's', { schema: '"int"', id: 12, version: 2 }).expect(200)
    await put(app, '/mode/s', 'READWRITE').expect(200)
    for (const permanent of [false, true]) await request(app).delete(`/subjects/s?permanent=${permanent}`).expect(200)
    const second = await registryApp({ backend })
    expect((await post(second.app, 's', { schema: '"int"' })).body).toMatchObject({ id: 13, version: 1 })
  })
})
