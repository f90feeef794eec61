// Settings: stored, merged, and in force. Each field of a config is shown by what it changes.
import type { Express } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { registryApp } from '../../support/registry-app.ts'

const answer = async (test: request.Test): Promise<[number, unknown]> => {
  const { status, body } = await test
  return [status, body]
}
const post = (app: Express, subject: string, body: object, query = ''): request.Test => request(app).post(`/subjects/${subject}/versions${query}`).send(body)
const configure = (app: Express, subject: string, body: object): request.Test => request(app).put(`/config/${subject}`).send(body).expect(200)
const record = (name: string, fields: readonly string[], more: object = {}): string => (
  JSON.stringify({ type: 'record', name, fields: fields.map(each => ({ name: each, type: 'int', default: 0 })), ...more })
)
const rule = (name: string): object => ({ name, kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true' })
const kept = (name: string): object => ({ ...rule(name), disabled: false })

describe('a PUT', () => {
  const whole = {
    alias: 'other', aliasForDeks: 'keys', normalize: true, validateFields: false, validateNewSchemas: true, validateRules: true, compatibility: 'FULL',
    compatibilityPolicy: 'LENIENT', compatibilityGroup: 'major', defaultMetadata: { properties: { owner: 'us' } }, overrideMetadata: { sensitive: ['owner'] },
    defaultRuleSet: { domainRules: [rule('a')] }, overrideRuleSet: { domainRules: [rule('b')], enableAt: 'CLIENT' },
  }

  test('keeps every field, echoes what it was given, and takes back what is null', async () => {
    const { app, backend } = await registryApp()
    const { body: echoed } = await configure(app, 's', whole)
    expect(echoed).toMatchObject(whole)
    const { compatibility, ...rest } = whole
    const stored = {
      ...rest, compatibilityLevel: compatibility, defaultRuleSet: { domainRules: [kept('a')] }, overrideRuleSet: { domainRules: [kept('b')], enableAt: 'CLIENT' },
    }
    expect((await request(app).get('/config/s')).body).toEqual(stored)
    const restarted = await registryApp({ backend })
    expect((await request(restarted.app).get('/config/s')).body).toEqual(stored)
    await configure(app, 's', Object.fromEntries(Object.keys(whole).filter(name => name !== 'alias').map(name => [name, null])))
    expect(await answer(request(app).get('/config/s'))).toEqual([200, { alias: 'other' }])
    expect(await answer(request(app).delete('/config/s'))).toEqual([200, { alias: 'other' }])
  })

  test.each([
    [{ compatibility: 'sideways' }, 422, 42203, 'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive'],
    [{ compatibilityPolicy: 'LOGICAL' }, 422, 42203, 'Invalid compatibility policy. Valid values are strict and lenient'],
    [{ normalize: 'yes' }, 400, 400, 'HTTP 400 Bad Request: normalize must be true or false'],
    [{ alias: 1 }, 400, 400, 'HTTP 400 Bad Request: alias must be a text'],
    [{ defaultMetadata: { tags: { x: 1 } } }, 400, 400, 'HTTP 400 Bad Request: metadata.tags must be an object of arrays of text'],
    [{ defaultRuleSet: { domainRules: [rule('a'), rule('a')] } }, 422, 42210, "Found rule with duplicate name 'a'"],
    [{ overrideRuleSet: { migrationRules: [rule('a')] } }, 422, 42210, 'Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN'],
  ])('of %j is refused', async (body, status, code, message) => {
    const { app } = await registryApp()
    expect(await answer(request(app).put('/config/s').send(body))).toEqual([status, { error_code: code, message }])
    expect((await request(app).get('/config/s')).status).toBe(404)
  })
})

describe('in force', () => {
  test('alias: paths of the subject mean another one, lists say so', async () => {
    const { app } = await registryApp()
    await post(app, 'real', { schema: '"int"' }).expect(200)
    await configure(app, 'short', { alias: 'real' })
    await post(app, 'short', { schema: '"int"' }).expect(200)
    expect((await request(app).get('/subjects/short/versions/1')).body).toMatchObject({ subject: 'real' })
    expect((await request(app).post('/subjects/short').send({ schema: '"int"' })).body).toMatchObject({ subject: 'real' })
    expect((await request(app).get('/schemas/ids/1?subject=short')).body).toEqual({ schema: '"int"' })
    expect((await request(app).post('/compatibility/subjects/short/versions/1').send({ schema: '"string"' })).body).toEqual({ is_compatible: false })
    expect((await request(app).get('/subjects')).body).toEqual(['real'])
    expect((await request(app).get('/schemas?subjectPrefix=short')).body).toEqual([])
    expect((await request(app).get('/schemas?subjectPrefix=short&aliases=true')).body).toEqual([{ subject: 'real', version: 1, id: 1, schema: '"int"', aliases: ['short'] }])
    await configure(app, ':.a:short', { alias: 'real' })
    await post(app, ':.a:short', { schema: '"long"' }).expect(200)
    expect((await request(app).get('/subjects')).body).toEqual([':.a:real', 'real'])
  })

  test('normalize: the order of members does not matter, whatever the request says', async () => {
    const { app } = await registryApp()
    const schemaType = 'JSON'
    await post(app, 's', { schema: '{"type":"string","title":"x"}', schemaType }).expect(200)
    await configure(app, 's', { normalize: true, compatibility: 'NONE' })
    const { body } = await post(app, 's', { schema: '{"type":"string","title":"x"}', schemaType }, '?normalize=false').expect(200)
    expect(body).toMatchObject({ version: 2, schema: '{"title":"x","type":"string"}' })
    expect((await post(app, 's', { schema: '{"title":"x","type":"string"}', schemaType })).body).toMatchObject({ version: 2 })
  })

  test('validateNewSchemas false: a default need not fit', async () => {
    const { app } = await registryApp()
    const schema = '{"type":"record","name":"R","fields":[{"name":"f","type":"int","default":"x"}]}'
    expect((await post(app, 's', { schema })).body.error_code).toBe(42201)
    await configure(app, 's', { validateNewSchemas: false })
    await post(app, 's', { schema }).expect(200)
  })

  test('validateRules false: rules may be what they are', async () => {
    const { app } = await registryApp()
    const body = { schema: '"int"', ruleSet: { domainRules: [rule('a'), rule('a')] } }
    expect(await answer(post(app, 's', body))).toEqual([422, { error_code: 42210, message: "Found rule with duplicate name 'a'" }])
    await configure(app, 's', { validateRules: false })
    await post(app, 's', body).expect(200)
  })

  test('validateFields: reserved names are no fields, and stay reserved', async () => {
    const { app } = await registryApp()
    await configure(app, 's', { validateFields: true })
    const metadata = { properties: { 'confluent:reserved': 'a,b' } }
    await post(app, 's', { schema: record('R', ['x']), metadata }).expect(200)
    const { body } = await request(app).post('/compatibility/subjects/s/versions?verbose=true').send({ schema: record('R', ['x', 'a']), metadata: { properties: { 'confluent:reserved': 'a' } } })
    expect(body).toEqual({ is_compatible: false, messages: [
      'The new schema has reserved field b removed from its metadata which is present in the old schema\'s metadata.',
      'The new schema has field that conflicts with the reserved field a.', "{validateFields: 'true', compatibility: 'BACKWARD'}",
    ] })
    expect((await post(app, 's', { schema: record('R', ['x', 'a']), metadata })).body.error_code).toBe(40901)
    await configure(app, 'j', { validateFields: true })
    expect((await post(app, 'j', { schema: '{"type":"object","properties":{"$$x":{}}}', schemaType: 'JSON' })).body.error_code).toBe(42201)
  })

  test('compatibilityGroup: only versions of the same group are compared', async () => {
    const { app } = await registryApp()
    await configure(app, 's', { compatibilityGroup: 'major' })
    const major = (value: string): object => ({ metadata: { properties: { major: value } } })
    await post(app, 's', { schema: '"int"', ...major('1') }).expect(200)
    await post(app, 's', { schema: '"string"', ...major('2') }).expect(200)
    await post(app, 's', { schema: '"boolean"', ...major('1') }).expect(409)
    await post(app, 's', { schema: '"long"', ...major('1') }).expect(200)
  })

  test('metadata and rules of settings stand below and above what a version brings', async () => {
    const { app } = await registryApp()
    await configure(app, 's', {
      defaultMetadata: { properties: { owner: 'default', stage: 'dev' } }, overrideMetadata: { properties: { stage: 'prod' } },
      defaultRuleSet: { domainRules: [rule('first'), rule('both')] }, overrideRuleSet: { domainRules: [{ ...rule('both'), doc: 'over' }, rule('last')] },
    })
    const { body } = await post(app, 's', { schema: '"int"', metadata: { properties: { owner: 'sales' } } }).expect(200)
    expect(body.metadata).toEqual({ properties: { owner: 'sales', stage: 'prod' } })
    expect(body.ruleSet.domainRules.map((each: { name: string; doc?: string }) => [each.name, each.doc])).toEqual([['first', undefined], ['both', 'over'], ['last', undefined]])
    expect((await post(app, 's', { schema: '"int"', metadata: { properties: { owner: 'sales' } } })).body).toMatchObject({ id: 1, version: 1 })
    expect((await request(app).post('/subjects/s').send({ schema: '"int"', metadata: { properties: { owner: 'sales' } } })).body).toMatchObject({ version: 1 })
  })
})
