// Data contracts over REST: rules that are carried out here on producing and on reading, and fields with tags shown to those who may see them.
import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { glueVersionId } from '../../../src/registry/glue/version-ids.ts'
import { admin, testGateway, type TestGateway } from '../../support/gateway.ts'
import { schemaValidation } from '../../support/validation.ts'

const avro = 'application/vnd.kafka.avro.v2+json'
const jsonschema = 'application/vnd.kafka.jsonschema.v2+json'
const binary = 'application/vnd.kafka.binary.v2+json'
const records = '/topics/people/partitions/0/records'

const personAvro = JSON.stringify({
  type: 'record', name: 'Person', namespace: 'hr',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'ssn', type: ['null', 'string'], default: null, 'confluent:tags': ['PII'] },
    { name: 'age', type: 'int' },
    { name: 'salary', type: ['null', 'long'], default: null },
    { name: 'home', type: ['null', { type: 'record', name: 'Address', fields: [{ name: 'street', type: 'string' }, { name: 'city', type: 'string' }] }], default: null },
  ],
})
const personJson = JSON.stringify({
  type: 'object',
  properties: { name: { type: 'string' }, ssn: { $ref: '#/definitions/ssn' }, age: { type: 'integer' }, phones: { type: 'array', items: { type: 'string', 'confluent:tags': ['PII'] } } },
  definitions: { ssn: { type: 'string', 'confluent:tags': ['PII'] } },
})

interface Registration { schema: string; schemaType: 'AVRO' | 'JSON'; metadata?: object; ruleSet?: object }

async function withContract(registration: Registration, configs: Record<string, string> = {}): Promise<TestGateway> {
  const gateway = await testGateway()
  await gateway.createTopic('people', { configs })
  const { status, body } = await gateway.as(admin).post('/subjects/people-value/versions').send(registration)
  expect([status, body]).toEqual([200, expect.objectContaining({ id: 1 })])
  await gateway.allow('bob', 'read', 'topic', 'people')
  return gateway
}

async function produce(gateway: TestGateway, ...values: object[]): Promise<{ status: number; body: Record<string, unknown> }> {
  return await gateway.as(admin).post('/topics/people').type('application/json').send({ records: values.map(value => ({ value })) })
}

async function read(gateway: TestGateway, name: string, accept = 'application/json'): Promise<Record<string, unknown>[]> {
  const { status, body } = await gateway.as(name).get(records).set('accept', accept)
  expect([status, body]).toEqual([200, expect.any(Array)])
  return body as Record<string, unknown>[]
}

function rule(expr: string, more: object = {}): object {
  return { name: 'checked', kind: 'CONDITION', mode: 'WRITE', type: 'CEL', expr, ...more }
}

describe('a rule of writing', () => {
  it('refuses what it does not hold for, with its name, its words and the place', async () => {
    const ruleSet = { enableAt: 'GATEWAY', domainRules: [rule('message.age >= 18', { doc: 'people are grown up' })] }
    for (const [schema, schemaType] of [[personAvro, 'AVRO'], [personJson, 'JSON']] as const) {
      const gateway = await withContract({ schema, schemaType, ruleSet })
      const refused = await produce(gateway, { name: 'Ann', age: 30 }, { name: 'Bo', age: 17 })
      expect(refused).toMatchObject({
        status: 422,
        body: { fault_count: 1, faults: [{ index: 1, part: 'value', pointer: '/age', reason: 'rule \'checked\' failed: people are grown up' }] },
      })
      expect(await read(gateway, admin)).toEqual([])
      expect((await produce(gateway, { name: 'Ann', age: 30 })).status).toBe(200)
    }
  })

  it('is for the clients where its set does not say that it runs here', async () => {
    for (const enableAt of [undefined, 'CLIENT', 'NONE']) {
      const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO', ruleSet: { ...enableAt !== undefined && { enableAt }, domainRules: [rule('message.age >= 18')] } })
      expect((await produce(gateway, { name: 'Bo', age: 17 })).status).toBe(200)
    }
  })

  it('does not run where it is disabled, or its action lets everything pass', async () => {
    for (const more of [{ disabled: true }, { onFailure: 'NONE' }, { mode: 'READ', onFailure: 'NONE' }, { mode: 'WRITEREAD', onFailure: 'NONE,ERROR' }]) {
      const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO', ruleSet: { enableAt: 'ALL', domainRules: [rule('message.age >= 18', more)] } })
      expect((await produce(gateway, { name: 'Bo', age: 17 })).status).toBe(200)
    }
  })

  it('of a registered version is refused with 42210 where it does not parse, with the position', async () => {
    const gateway = await testGateway()
    const register = async (ruleSet: object): Promise<object> => (
      (await gateway.as(admin).post('/subjects/people-value/versions').send({ schema: personAvro, schemaType: 'AVRO', ruleSet })).body as object
    )
    expect(await register({ domainRules: [rule('message.age >')] })).toEqual({
      error_code: 42210, message: expect.stringMatching(/^rule 'checked': expr does not parse: line 1, column \d+: /),
    })
    expect(await register({ enableAt: 'SERVER', domainRules: [rule('mesage.age > 1')] })).toMatchObject({
      error_code: 42210, message: expect.stringContaining('undeclared reference to \'mesage\''),
    })
  })
})

describe('a rule of reading', () => {
  it('keeps a record from its reader, in every format, and lets the others through', async () => {
    const ruleSet = { enableAt: 'GATEWAY', domainRules: [rule('message.name != "secret"', { mode: 'READ' })] }
    const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO', ruleSet })
    expect((await produce(gateway, { name: 'secret', age: 1 }, { name: 'open', age: 2 })).status).toBe(200)
    for (const accept of ['application/json', avro, binary]) {
      const [withheld, shown] = await read(gateway, admin, accept)
      expect(withheld).toMatchObject({ value: null, value_error: expect.stringContaining('rule \'checked\' failed') })
      expect(shown).not.toHaveProperty('value_error')
      expect(shown!['value']).not.toBeNull()
    }
  })
})

describe('a field with a tag', () => {
  it('is masked for who has no READ on the tag, and shown to who has, live', async () => {
    const gateway = await withContract({
      schema: personAvro, schemaType: 'AVRO', metadata: { tags: { '**.salary': ['MONEY'], 'hr.Person.home': ['PII', 'PLACE'] } },
    })
    const person = { name: 'Ann', ssn: '123-45', age: 30, salary: 5000, home: { street: 'High St', city: 'Ulm' } }
    expect((await produce(gateway, person)).status).toBe(200)
    expect((await read(gateway, 'bob'))[0]!['value']).toEqual({ name: 'Ann', ssn: '***', age: 30, salary: null, home: null })
    expect((await read(gateway, 'bob', avro))[0]!['value']).toEqual({ name: 'Ann', ssn: { string: '***' }, age: 30, salary: null, home: null })
    expect((await read(gateway, admin))[0]!['value']).toEqual(person)
    await gateway.allow('bob', 'read', 'tag', 'PII')
    expect((await read(gateway, 'bob'))[0]!['value']).toEqual({ ...person, salary: null, home: null })
    await gateway.allow('bob', 'read', 'tag', 'PLACE')
    expect((await read(gateway, 'bob', avro))[0]!['value']).toEqual({ ...person, ssn: { string: '123-45' }, salary: null, home: { 'hr.Address': person.home } })
    await gateway.allow('bob', 'read', 'tag', 'MONEY')
    expect((await read(gateway, 'bob'))[0]!['value']).toEqual(person)
  })

  it('is masked in JSON Schema payloads, behind references and in arrays', async () => {
    const gateway = await withContract({ schema: personJson, schemaType: 'JSON', metadata: { tags: { '$.*.inner': ['DEEP'] } } })
    const person = { name: 'Ann', ssn: '123-45', age: 30, phones: ['1', '2'], extra: { inner: { a: 1 }, outer: 12345678901234567890n.toString() } }
    expect((await produce(gateway, person)).status).toBe(200)
    const masked = { ...person, ssn: '***', phones: ['***', '***'], extra: { inner: null, outer: person.extra.outer } }
    expect((await read(gateway, 'bob'))[0]!['value']).toEqual(masked)
    expect((await read(gateway, 'bob', jsonschema))[0]!['value']).toEqual(masked)
    expect((await read(gateway, admin))[0]!['value']).toEqual(person)
  })

  it('is not shown by a format that shows bytes as they are, nor by asking for the wrong language', async () => {
    const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO' })
    expect((await produce(gateway, { name: 'Ann', ssn: '123-45', age: 30 })).status).toBe(200)
    for (const accept of [binary, 'application/vnd.kafka.json.v2+json', 'application/vnd.kafka.string.v2+json', jsonschema]) {
      const [record] = await read(gateway, 'bob', accept)
      expect(record, accept).toMatchObject({ value: null, value_error: expect.stringContaining('PII') })
    }
    await gateway.allow('bob', 'read', 'tag', 'PII')
    expect(Buffer.from(String((await read(gateway, 'bob', binary))[0]!['value']), 'base64').includes('123-45')).toBe(true)
  })

  it('is not shown by bytes that do not fit the schema', async () => {
    const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO' })
    const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from('\x06Ann\x02\x0c123-45')])
    expect((await gateway.as(admin).post('/topics/people').type(binary).send({ records: [{ value: bytes.toString('base64') }] })).status).toBe(200)
    expect((await read(gateway, 'bob'))[0]).toMatchObject({ value: null, value_error: expect.any(String) })
  })

  it('is masked behind every frame: a GUID in front or in a header, Glue\'s header, plain or compressed', async () => {
    const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO' })
    const { guid } = (await gateway.as(admin).get('/schemas/ids/1').set('confluent-accept-unknown-properties', 'true')).body as { guid: string }
    const [version] = gateway.parts.registry.store.withId(1)
    const uuid = (text: string): Buffer => Buffer.from(text.replaceAll('-', ''), 'hex')
    const payload = Buffer.concat([Buffer.from([6]), Buffer.from('Ann'), Buffer.from([2, 12]), Buffer.from('123-45'), Buffer.from([60, 0, 0])])
    const glue = (compression: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([3, compression]), uuid(glueVersionId(version!)), body])
    const framed = [
      { value: Buffer.concat([Buffer.from([1]), uuid(guid), payload]) },
      { value: payload, headers: [{ name: '__value_schema_id', value: Buffer.concat([Buffer.from([1]), uuid(guid)]).toString('base64') }] },
      { value: glue(0, payload) }, { value: glue(5, deflateSync(payload)) },
    ]
    const produced = await gateway.as(admin).post('/topics/people').type(binary).send({ records: framed.map(({ value, headers }) => ({ value: value.toString('base64'), headers })) })
    expect([produced.status, produced.body]).toEqual([200, expect.anything()])
    expect((await read(gateway, 'bob')).map(({ value }) => value)).toEqual(framed.map(() => ({ name: 'Ann', ssn: '***', age: 30, salary: null, home: null })))
    expect((await read(gateway, admin)).map(({ value }) => value)).toEqual(framed.map(() => ({ name: 'Ann', ssn: '123-45', age: 30, salary: null, home: null })))
    for (const record of await read(gateway, 'bob', binary)) expect(record).toMatchObject({ value: null, value_error: expect.stringContaining('PII') })
  })
})

describe('a rule of the server', () => {
  it('holds at every way in that validates payloads', async () => {
    const ruleSet = { enableAt: 'SERVER', domainRules: [rule('message.age >= 18')] }
    const configs = { 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload' }
    const gateway = await withContract({ schema: personAvro, schemaType: 'AVRO', ruleSet }, configs)
    const [topic] = await gateway.backend.admin.topics(['people'])
    const value = Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 6]), Buffer.from('Ann'), Buffer.from([0, 34, 0, 0])])
    const verdicts = await schemaValidation(gateway.parts.registry, gateway.backend).check(topic!, [{ key: null, value }], 'kafka')
    expect(verdicts).toMatchObject([{ part: 'value', pointer: '/age', reason: 'rule \'checked\' failed: Expr failed: \'message.age >= 18\'' }])
  })
})

describe('a payload that the event loop gives up on', () => {
  it('is decided all the same, by its schema and by the rules: over both REST APIs and at the other ways in', async () => {
    const schema = JSON.stringify({ type: 'object', properties: { age: { type: 'integer' }, code: { type: 'string', pattern: '^[a-z]{1,1000}$' } } })
    const ruleSet = { enableAt: 'ALL', domainRules: [rule('message.age >= 18')] }
    const gateway = await withContract({ schema, schemaType: 'JSON', ruleSet }, { 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload' })
    const [fits, young, wrong] = [{ age: 30, code: 'a'.repeat(1_000) }, { age: 17, code: 'a'.repeat(1_000) }, { age: 30, code: 'A'.repeat(1_000) }]
    const broken = { pointer: '/age', reason: 'rule \'checked\' failed: Expr failed: \'message.age >= 18\'' }
    const unfit = { pointer: '/code', reason: expect.stringContaining('must match pattern') as string }

    expect(await produce(gateway, fits, young, wrong)).toMatchObject({ status: 422, body: { fault_count: 2, faults: [{ index: 1, ...broken }, { index: 2, ...unfit }] } })
    expect((await produce(gateway, fits)).status).toBe(200)

    const { id } = await gateway.parts.admin.cluster()
    const entries = [fits, young, wrong].map((data, at) => ({ id: String(at), value: { schema_version: 1, data } }))
    const batch = await gateway.as(admin).post(`/v3/clusters/${id}/topics/people/records:batch`).send({ entries })
    expect(batch.body).toMatchObject({ successes: [{ id: '0' }], failures: [{ id: '1', faults: [broken] }, { id: '2', faults: [unfit] }] })
    expect((await read(gateway, admin)).map(({ value }) => value)).toEqual([fits, fits])

    const [topic] = await gateway.backend.admin.topics(['people'])
    const framed = [fits, young, wrong].map(value => ({ key: null, value: Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from(JSON.stringify(value))]) }))
    expect(await schemaValidation(gateway.parts.registry, gateway.backend).check(topic!, framed, 'kafka')).toMatchObject([null, broken, unfit])
  })

  it('is masked for its readers all the same, and withheld where it turns out not to fit', async () => {
    const properties = { ssn: { type: 'string', 'confluent:tags': ['PII'] }, ...Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`p${at}`, { type: 'string', maxLength: 5 }])) }
    const gateway = await withContract({ schema: JSON.stringify({ type: 'object', properties }), schemaType: 'JSON' })
    expect((await produce(gateway, { ssn: '123-45', p1: 'x' })).status).toBe(200)
    expect(await produce(gateway, { ssn: '123-45', p1: 'too long' })).toMatchObject({ status: 422, body: { faults: [{ pointer: '/p1', reason: 'must NOT have more than 5 characters' }] } })
    const misfit = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), Buffer.from('{"ssn":"123-45","p1":1}')]).toString('base64')
    expect((await gateway.as(admin).post('/topics/people').type(binary).send({ records: [{ value: misfit }] })).status).toBe(200)
    expect(await read(gateway, 'bob')).toMatchObject([{ value: { ssn: '***', p1: 'x' } }, { value: null, value_error: 'must be string' }])
    expect((await read(gateway, admin))[0]).toMatchObject({ value: { ssn: '123-45', p1: 'x' } })
  })
})
