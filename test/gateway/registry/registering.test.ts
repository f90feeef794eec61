// Registering in all its forms: what is taken over from the version before, what is the same and what is new, tags in texts, and the texts of refusals.
import type { Express } from 'express'
import request from 'supertest'
import { describe, expect, test } from 'vitest'
import { retagged, taggedEntities } from '../../../src/registry/tags.ts'
import { registryApp } from '../../support/registry-app.ts'

const answer = async (test: request.Test): Promise<[number, unknown]> => {
  const { status, body } = await test
  return [status, body]
}
const post = (app: Express, path: string, body: object): request.Test => request(app).post(path).send(body)
const register = async (app: Express, subject: string, body: object, query = ''): Promise<Record<string, unknown>> => (
  (await post(app, `/subjects/${subject}/versions${query}`, body).expect(200)).body as Record<string, unknown>
)
const owner = (name: string): object => ({ properties: { owner: name } })
const rule = (name: string, more: object = {}): object => ({ name, kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr: 'true', ...more })

describe('a version', () => {
  test('takes over the metadata and rules of the one before where it brings none, and its text where that is empty', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: '"int"', metadata: owner('us'), ruleSet: { domainRules: [rule('r')] } })
    expect(await register(app, 's', { schema: '"long"' })).toMatchObject({ id: 2, version: 2, metadata: owner('us'), ruleSet: { domainRules: [{ name: 'r' }] } })
    expect(await register(app, 's', { schema: '', metadata: owner('them') })).toMatchObject({ id: 3, version: 3, schema: '"long"', metadata: owner('them') })
    expect(await register(app, 's', { metadata: owner('them') })).toMatchObject({ id: 3, version: 3 })
    expect(await answer(post(app, '/subjects/none/versions', { schema: ' ' }))).toEqual([422, { error_code: 42201, message: 'Empty schema' }])
  })

  test('of a number that is asked for says it in its metadata, and so do those that follow', async () => {
    const { app } = await registryApp()
    const says = (version: string): object => ({ metadata: { properties: { 'confluent:version': version } } })
    expect(await register(app, 's', { schema: '"int"', version: 1 })).toMatchObject({ version: 1, ...says('1') })
    expect(await answer(post(app, '/subjects/s/versions', { schema: '"long"', version: 5 }))).toEqual([422, {
      error_code: 42201, message: 'Version is not one more than previous version',
    }])
    expect(await register(app, 's', { schema: '"long"', version: 2 })).toMatchObject({ version: 2, ...says('2') })
    expect(await register(app, 's', { schema: '"float"' })).toMatchObject({ version: 3, ...says('3') })
    // Who does not know of it finds what it says nothing of.
    expect(await register(app, 's', { schema: '"float"' })).toMatchObject({ version: 3 })
    expect((await post(app, '/subjects/s', { schema: '"int"' })).body).toMatchObject({ version: 1, id: 1 })
  })

  test('whose references are in its text is the one that has them as references', async () => {
    const { app } = await registryApp()
    await register(app, 'money', { schema: '{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"}]}' })
    const references = [{ name: 'Money', subject: 'money', version: -1 }]
    const split = await register(app, 'order', { schema: '{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}', references })
    expect(split['references']).toEqual([{ name: 'Money', subject: 'money', version: 1 }])
    const whole = '{"type":"record","name":"Order","fields":[{"name":"total","type":{"type":"record","name":"Money","fields":[{"name":"amount","type":"long"}]}}]}'
    expect(await register(app, 'order', { schema: whole })).toMatchObject({ id: 2, version: 1 })
    expect((await post(app, '/subjects/order', { schema: whole })).body).toMatchObject({ version: 1 })
    expect(await register(app, 'elsewhere', { schema: whole })).toMatchObject({ id: 3 })
  })

  test('with other metadata or rules is another, with another id', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: '"int"' })
    expect(await register(app, 's', { schema: '"int"', metadata: owner('us') })).toMatchObject({ id: 2, version: 2 })
    expect(await register(app, 't', { schema: '"int"', metadata: owner('us') })).toMatchObject({ id: 2, version: 1 })
    expect(await register(app, 's', { schema: '"int"', metadata: owner('us'), ruleSet: {} })).toMatchObject({ id: 3, version: 3, ruleSet: {} })
    expect((await post(app, '/subjects/s', { schema: '"int"' })).body).toMatchObject({ version: 1 })
    expect((await post(app, '/subjects/s', { schema: '"int"', metadata: owner('us') })).body).toMatchObject({ version: 2 })
  })

  test('that was soft-deleted comes again under its id and a new number', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: '"int"' })
    await register(app, 's', { schema: '"long"' })
    await request(app).delete('/subjects/s/versions/1').expect(200)
    await request(app).put('/config/s').send({ compatibility: 'NONE' }).expect(200)
    expect(await register(app, 's', { schema: '"int"' })).toMatchObject({ id: 1, version: 3 })
    expect((await request(app).get('/subjects/s/versions?deleted=true')).body).toEqual([2, 3])
  })

  test('that does not go with the others is taken by force', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: '"int"' })
    await post(app, '/subjects/s/versions', { schema: '"string"' }).expect(409)
    expect(await register(app, 's', { schema: '"string"' }, '?force=true')).toMatchObject({ version: 2 })
  })

  test.each([
    [{ domainRules: [{ type: 'CEL' }] }, 'Missing rule name'],
    [{ domainRules: [{ name: 'r' }] }, 'Missing rule type'],
    [{ domainRules: [rule('1r')] }, 'Illegal initial character in rule name: 1r'],
    [{ domainRules: [rule('r', { mode: 'UPGRADE' })] }, 'Domain rules can only be WRITE, READ, WRITEREAD'],
    [{ encodingRules: [rule('r', { mode: 'UPDOWN' })] }, 'Encoding rules can only be WRITE, READ, WRITEREAD'],
    [{ migrationRules: [rule('r')] }, 'Migration rules can only be UPGRADE, DOWNGRADE, UPDOWN'],
    [{ migrationRules: [rule('r', { mode: 'UPGRADE' })], domainRules: [rule('r')] }, "Found rule with duplicate name 'r'"],
    [{ enableAt: 'MOON' }, 'enableAt is one of ALL, CLIENT, GATEWAY, SERVER, NONE'],
  ])('with the rules %j is refused with 42210', async (ruleSet, message) => {
    const { app } = await registryApp()
    expect(await answer(post(app, '/subjects/s/versions', { schema: '"int"', ruleSet }))).toEqual([422, { error_code: 42210, message }])
  })
})

describe('tags in the text', () => {
  const avro = '{"type":"record","name":"R","namespace":"n","fields":[{"name":"f","type":"int"},{"name":"g","type":{"type":"record","name":"Inner","fields":[{"name":"h","type":"int"}]}}]}'
  const json = '{"type":"object","properties":{"p":{"type":"string"},"q":{"type":"object","properties":{"r":{"type":"string"}}},"list":{"type":"array","items":{"type":"object","properties":{"s":{}}}}}}'
  const tagged = (entityPath: string, entityType: string, ...tags: string[]): object => ({ schemaEntity: { entityPath, entityType }, tags })

  test.each([
    ['AVRO', avro, [tagged('n.R', 'sr_record', 'A'), tagged('n.R.f', 'sr_field', 'B', 'C'), tagged('n.Inner.h', 'sr_field', 'D')]],
    ['JSON', json, [tagged('object', 'sr_record', 'A'), tagged('object.p', 'sr_field', 'B'), tagged('object.q.object.r', 'sr_field', 'C'), tagged('object.list.array.object.s', 'sr_field', 'D')]],
  ])('%s: are put, found, and taken away', async (schemaType, schema, tags) => {
    const { app } = await registryApp()
    await register(app, 's', { schema, schemaType })
    const { body } = await post(app, '/subjects/s/versions/1/tags', { tagsToAdd: tags }).expect(200)
    expect(body).toMatchObject({ version: 2, metadata: { properties: { 'confluent:version': '2' } } })
    expect((await request(app).get('/subjects/s/versions/2?findTags=*')).body.schemaTags).toEqual(tags)
    expect((await request(app).get('/schemas/ids/2?findTags=A&findTags=D')).body.schemaTags).toEqual([tags[0], tags.at(-1)])
    expect((await request(app).get('/subjects/s/versions/1?findTags=*')).body).not.toHaveProperty('schemaTags')
    const third = await post(app, '/subjects/s/versions/latest/tags', { tagsToRemove: tags, newVersion: 3 }).expect(200)
    expect(third.body).toMatchObject({ version: 3, metadata: { properties: { 'confluent:version': '3' } }, schema })
  })

  test('Protobuf: stand in one option, with what else it says', async () => {
    const { app } = await registryApp()
    const schemaType = 'PROTOBUF'
    const plain = 'syntax = "proto3";\npackage shop.v1;\n\nmessage Order {\n  int32 id = 1;\n  map<string, string> notes = 2;\n\n  oneof payment {\n    string card = 3;\n    string iban = 4;\n  }\n\n  message Line {\n    string sku = 1;\n  }\n}\n'
    await register(app, 's', { schema: plain, schemaType })
    const tags = [
      tagged('Order', 'sr_record', 'A'), tagged('Order.id', 'sr_field', 'B', 'C"'), tagged('Order.notes', 'sr_field', 'N'), tagged('Order.payment.card', 'sr_field', 'PII'),
      tagged('Order.Line', 'sr_record', 'L'), tagged('Order.Line.sku', 'sr_field', 'D'),
    ]
    const { body } = await post(app, '/subjects/s/versions/1/tags', { tagsToAdd: tags }).expect(200)
    expect(body).toMatchObject({ version: 2, metadata: { properties: { 'confluent:version': '2' } } })
    expect(body.schema).toContain('int32 id = 1 [(confluent.field_meta) = {\n    tags: [\n      "B",\n      "C\\""\n    ]\n  }];')
    expect((await request(app).get('/subjects/s/versions/2?findTags=*')).body.schemaTags).toEqual(tags)
    expect((await request(app).get('/schemas/ids/2?findTags=PII')).body.schemaTags).toEqual([tags[3]])
    const { body: bare } = await post(app, '/subjects/s/versions/latest/tags', { tagsToRemove: tags, newVersion: 3 }).expect(200)
    expect(bare).toMatchObject({ version: 3, schema: plain })

    const spelt = `syntax = "proto3";
      message R {
        option (confluent.message_meta).tags = "OLD";
        option deprecated = true;
        string a = 1 [(.confluent.field_meta).doc = "it's", json_name = "x", (confluent.field_meta).tags = "P", (confluent.field_meta).tags = "Q"];
        string b = 2 [(confluent.field_meta) = { doc: "d" tags: ["P"] params: [{ key: "k", value: "v" }] }, (other.field_meta).tags = "P"];
      }`
    const { body: changed } = await post(app, '/subjects/t/versions', {
      schema: spelt, schemaType, schemaTagsToAdd: [tagged('.R', 'sr_record', 'NEW'), tagged('R.a', 'sr_field', 'Z')], schemaTagsToRemove: [tagged('R.b', 'sr_field', 'P')],
    }).expect(200)
    expect(changed.schema.replaceAll(/\s+/g, ' ')).toBe([
      'syntax = "proto3"; message R { option (confluent.message_meta) = { tags: [ "OLD", "NEW" ] }; option deprecated = true; string a = 1 [',
      '(confluent.field_meta) = { doc: "it\\\'s", tags: [ "P", "Q", "Z" ] }, json_name = "x" ]; string b = 2 [',
      '(confluent.field_meta) = { doc: "d", params: [ { key: "k", value: "v" } ] }, (other.field_meta).tags = "P" ]; } ',
    ].join(' '))
    await post(app, '/subjects/t/versions', { schema: 'syntax = "proto3"; message R { string a = 1; string b = 2; }', schemaType, propagateSchemaTags: true }).expect(200)
    expect((await request(app).get('/subjects/t/versions/latest?findTags=*')).body.schemaTags).toEqual([tagged('R', 'sr_record', 'OLD', 'NEW'), tagged('R.a', 'sr_field', 'P', 'Q', 'Z')])
    expect(await answer(post(app, '/subjects/t/versions/latest/tags', { tagsToAdd: [tagged('R.none', 'sr_field', 'X')] }))).toEqual([
      422, { error_code: 42201, message: "No matching path 'R.none' found in the schema" },
    ])
  })

  test('come with a registration, or from the version before', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: avro, schemaTagsToAdd: [tagged('n.R.f', 'sr_field', 'PII')] })
    expect((await request(app).get('/subjects/s/versions/1?findTags=*')).body).toMatchObject({
      schemaTags: [tagged('n.R.f', 'sr_field', 'PII')], metadata: { properties: { 'confluent:version': '1' } },
    })
    const more = avro.replace('{"name":"f","type":"int"}', '{"name":"f","type":"int"},{"name":"new","type":"int","default":0}')
    await register(app, 's', { schema: more, propagateSchemaTags: true })
    expect((await request(app).get('/subjects/s/versions/2?findTags=PII')).body.schemaTags).toEqual([tagged('n.R.f', 'sr_field', 'PII')])
    await register(app, 's', { schema: more, schemaTagsToRemove: [tagged('n.R.f', 'sr_field', 'PII')] })
    expect((await request(app).get('/subjects/s/versions/latest?findTags=*')).body).not.toHaveProperty('schemaTags')
  })

  test.each([
    ['AVRO', avro, 'n.R'], ['PROTOBUF', 'syntax = "proto3"; message R {}', 'R'],
  ])('%s: very many for one part take linear time', (schemaType, schema, path) => {
    const add = Array.from({ length: 27_000 }, (_, index) => ({ schemaEntity: { entityPath: path, entityType: 'sr_record' as const }, tags: [`t${index}`] }))
    const started = performance.now()
    const text = retagged(schemaType, schema, { add, remove: add.slice(1) })
    expect(performance.now() - started).toBeLessThan(5_000)
    expect(taggedEntities(schemaType, String(text))).toEqual([{ schemaEntity: add[0]!.schemaEntity, tags: ['t0'] }])
  })

  test('of no part of the schema are refused', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: avro })
    const refusal = [422, { error_code: 42201, message: "No matching path 'n.R.none' found in the schema" }]
    expect(await answer(post(app, '/subjects/s/versions/1/tags', { tagsToAdd: [tagged('n.R.none', 'sr_field', 'X')] }))).toEqual(refusal)
    expect(await answer(post(app, '/subjects/s/versions', { schema: avro, schemaTagsToAdd: [tagged('n.R.none', 'sr_field', 'X')] }))).toEqual(refusal)
    expect(await answer(post(app, '/subjects/s/versions/9/tags', {}))).toEqual([404, { error_code: 40402, message: 'Version 9 not found.' }])
    expect((await post(app, '/subjects/s/versions/1/tags', { tagsToAdd: [{}] })).status).toBe(400)
  })

  test('come with metadata and with rules that are merged or taken out', async () => {
    const { app } = await registryApp()
    await register(app, 's', { schema: avro, ruleSet: { domainRules: [rule('a'), rule('b')] } })
    const names = (body: { ruleSet?: { domainRules?: { name: string; doc?: string }[] } }): unknown => body.ruleSet?.domainRules?.map(each => [each.name, each.doc])
    const { body: merged } = await post(app, '/subjects/s/versions/1/tags', { rulesToMerge: { domainRules: [rule('b', { doc: 'new' }), rule('c')] }, rulesToRemove: ['a'], metadata: owner('us') }).expect(200)
    expect(names(merged)).toEqual([['b', 'new'], ['c', undefined]])
    expect(merged.metadata).toEqual({ properties: { 'confluent:version': '2', owner: 'us' } })
    const { body: kept } = await post(app, '/subjects/s/versions/1/tags', {}).expect(200)
    expect(names(kept)).toEqual([['b', 'new'], ['c', undefined]])
    const { body: replaced } = await post(app, '/subjects/s/versions/3/tags', { ruleSet: { domainRules: [rule('z')] } }).expect(200)
    expect(names(replaced)).toEqual([['z', undefined]])
  })
})

describe('texts', () => {
  test('are given in the form that is asked for, where the language has it', async () => {
    const { app } = await registryApp()
    await register(app, 'base', { schema: '{"type":"record","name":"B","fields":[]}' })
    const body = { schema: '{"type":"record","name":"R","fields":[{"name":"b","type":"B"}]}', references: [{ name: 'B', subject: 'base', version: 1 }] }
    await register(app, 's', body)
    const resolved = '{"type":"record","name":"R","fields":[{"name":"b","type":{"type":"record","name":"B","fields":[]}}]}'
    for (const path of ['/subjects/s/versions/1', '/schemas/ids/2']) {
      expect((await request(app).get(`${path}?format=resolved`)).body.schema).toBe(resolved)
      expect((await request(app).get(`${path}/schema?format=resolved`)).text).toBe(resolved)
    }
    expect((await post(app, '/subjects/s?format=resolved', body)).body.schema).toBe(resolved)
    expect(await register(app, 's', body, '?format=resolved')).toMatchObject({ schema: resolved })
    expect(await answer(request(app).get('/subjects/s/versions/1?format=shiny'))).toEqual([422, { error_code: 42201, message: 'Unsupported format shiny' }])
    await register(app, 'p', { schema: 'syntax = "proto3";\nmessage M {\n  int32 a = 1;\n}\n', schemaType: 'PROTOBUF' })
    const { body: serialized } = await request(app).get('/subjects/p/versions/1?format=serialized')
    expect(Buffer.from(serialized.schema, 'base64').includes('proto3')).toBe(true)
    expect((await request(app).get('/subjects/p/versions/1?format=ignore_extensions')).body.schema).toContain('message M')
  })
})

describe('lists', () => {
  test('are filtered, and given in pages', async () => {
    const { app } = await registryApp()
    for (const subject of ['a', 'b', 'c', 'd']) for (const schema of ['"int"', '"long"']) await register(app, subject, { schema })
    await request(app).delete('/subjects/b').expect(200)
    await request(app).delete('/subjects/c/versions/1').expect(200)
    const get = async (path: string): Promise<unknown> => (await request(app).get(path).expect(200)).body as unknown
    expect(await get('/subjects')).toEqual(['a', 'c', 'd'])
    expect(await get('/subjects?deleted=true')).toEqual(['a', 'b', 'c', 'd'])
    expect(await get('/subjects?deletedOnly=true')).toEqual(['b'])
    expect(await get('/subjects?offset=1&limit=1')).toEqual(['c'])
    expect(await get('/subjects?limit=-1&offset=2')).toEqual(['d'])
    expect(await get('/subjects/c/versions?deleted=true')).toEqual([1, 2])
    expect(await get('/subjects/c/versions?deletedOnly=true')).toEqual([1])
    expect(await get('/subjects/c/versions?deletedAsNegative=true')).toEqual([-1, 2])
    expect(await get('/subjects/a/versions?offset=1')).toEqual([2])
    expect(await get('/schemas/ids/1/subjects')).toEqual(['a', 'd'])
    expect(await get('/schemas/ids/1/subjects?deleted=true&limit=2')).toEqual(['a', 'b'])
    expect(await get('/schemas/ids/1/subjects?subject=d')).toEqual(['d'])
    expect(await get('/schemas/ids/1/versions?offset=1')).toEqual([{ subject: 'd', version: 1 }])
    const listed = async (query: string): Promise<string[]> => (await get(`/schemas?${query}`) as { subject: string; version: number }[]).map(each => `${each.subject}${each.version}`)
    expect(await listed('')).toEqual(['a1', 'a2', 'c2', 'd1', 'd2'])
    expect(await listed('latestOnly=true')).toEqual(['a2', 'c2', 'd2'])
    expect(await listed('subjectPrefix=d')).toEqual(['d1', 'd2'])
    expect(await listed('deleted=true&offset=2&limit=3')).toEqual(['b1', 'b2', 'c1'])
  })

  test('of schemas can be had by the type of their rules', async () => {
    const { app } = await registryApp()
    await register(app, 'a', { schema: '"int"', ruleSet: { domainRules: [rule('r')] } })
    await register(app, 'b', { schema: '"int"', ruleSet: { encodingRules: [{ name: 'e', type: 'ENCRYPT' }] } })
    expect((await request(app).get('/schemas?ruleType=ENCRYPT')).body.map((each: { subject: string }) => each.subject)).toEqual(['b'])
  })

  test('of schemas can be had by what they are associated with', async () => {
    const { app } = await registryApp()
    await register(app, 'a', { schema: '"int"' })
    await register(app, 'b', { schema: '"int"' })
    const resource = { resourceName: 'orders', resourceNamespace: 'lkc-1', resourceId: 'r', resourceType: 'topic' }
    await post(app, '/associations', { ...resource, associations: [{ subject: 'b', associationType: 'key' }] }).expect(200)
    const { body } = await request(app).get('/schemas?resourceType=topic&associationType=key&associationType=value&lifecycle=WEAK')
    expect(body).toMatchObject([{ subject: 'b', associations: [{ ...resource, associationType: 'key', lifecycle: 'WEAK' }] }])
    expect((await request(app).get('/schemas?associationType=value')).body).toEqual([])
    expect((await request(app).get('/schemas')).body).toHaveLength(2)
  })
})
