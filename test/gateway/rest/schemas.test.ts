// REST produce and read with schemas: JSON comes in, Avro or JSON Schema in Confluent's wire format is stored, and what does not fit is refused whole.
import { describe, expect, it } from 'vitest'
import { admin, testGateway, type TestGateway } from '../../support/gateway.ts'

const avro = 'application/vnd.kafka.avro.v2+json'
const jsonschema = 'application/vnd.kafka.jsonschema.v2+json'
const orderAvro = JSON.stringify({
  type: 'record', name: 'Order', namespace: 'shop',
  fields: [{ name: 'id', type: 'long' }, { name: 'customer', type: { type: 'record', name: 'Customer', fields: [{ name: 'name', type: 'string' }] } }, { name: 'note', type: ['null', 'string'], default: null }],
})
const paymentJson = JSON.stringify({
  type: 'object', required: ['amount'], additionalProperties: false,
  properties: { amount: { type: 'number', exclusiveMinimum: 0 }, lines: { type: 'array', items: { type: 'object', required: ['sku'], properties: { sku: { type: 'string' } } } } },
})

async function withSubject(subject: string, schema: string, schemaType: 'AVRO' | 'JSON'): Promise<{ gateway: TestGateway; id: number }> {
  const gateway = await testGateway()
  await gateway.createTopic('orders')
  const { body } = await gateway.as(admin).post(`/subjects/${subject}/versions`).send({ schema, schemaType })
  return { gateway, id: (body as { id: number }).id }
}

async function stored(gateway: TestGateway): Promise<Buffer[]> {
  const slice = await gateway.backend.logs.read({ topic: 'orders', partition: 0 }, 0, { bytesMax: 2 ** 30, atLeastOne: true, committedOnly: false })
  if (!('batches' in slice)) throw new Error(slice.message)
  return slice.batches.flatMap(batch => batch.records().map(record => record.value!))
}

describe('a topic with an Avro subject', () => {
  it('takes plain JSON, and stores Avro in Confluent\'s wire format', async () => {
    const { gateway, id } = await withSubject('orders-value', orderAvro, 'AVRO')
    const response = await gateway.as(admin).post('/topics/orders').type('application/json')
      .send({ records: [{ key: 'k1', value: { id: 1, customer: { name: 'Ann' } } }, { value: { id: 2, customer: { name: 'Bo' }, note: 'gift' } }] })
    expect([response.status, response.body]).toEqual([200, {
      offsets: [{ partition: 0, offset: 0, error_code: null, error: null }, { partition: 0, offset: 1, error_code: null, error: null }],
      key_schema_id: null, value_schema_id: id,
    }])
    // id 1 → zig-zag 02, name length 3 → 06, union branch null → 00; id 2 → 04, branch string → 02, "gift" → 08 …
    expect((await stored(gateway)).map(bytes => bytes.toString('hex'))).toEqual([
      `00${id.toString(16).padStart(8, '0')}0206416e6e00`,
      `00${id.toString(16).padStart(8, '0')}0404426f020867696674`,
    ])
    const read = await gateway.as(admin).get('/topics/orders/partitions/0/records')
    expect(read.body).toMatchObject([{ key: 'k1', value: { id: 1, customer: { name: 'Ann' }, note: null } }, { key: null, value: { id: 2, note: 'gift' } }])
    const tagged = await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', avro)
    expect(tagged.body).toMatchObject([{ value: { note: null } }, { value: { note: { string: 'gift' } } }])
  })

  it('refuses a request with one record that does not fit: 422, the pointer and the reason, and nothing stored', async () => {
    const { gateway } = await withSubject('orders-value', orderAvro, 'AVRO')
    const response = await gateway.as(admin).post('/topics/orders').type('application/json').send({ records: [
      { value: { id: 1, customer: { name: 'Ann' } } }, { value: { id: 'one', customer: { name: 'Ann' } } }, { value: { id: 3, customer: { name: 7 } } },
    ] })
    expect(response.status).toBe(422)
    expect(response.body).toMatchObject({
      error_code: 42206, fault_count: 2,
      message: expect.stringMatching(/^records\[1\]\.value at \/id: .+ \(and 1 more\); nothing was stored$/),
      faults: [{ index: 1, part: 'value', pointer: '/id' }, { index: 2, part: 'value', pointer: '/customer/name' }],
    })
    expect(await stored(gateway)).toEqual([])
  })

  it('takes tagged unions as Confluent\'s proxy wants them, and whole numbers in full precision', async () => {
    const { gateway } = await withSubject('orders-value', orderAvro, 'AVRO')
    const body = '{"records":[{"value":{"id":9007199254740993,"customer":{"name":"Ann"},"note":{"string":"tagged"}}}]}'
    expect((await gateway.as(admin).post('/topics/orders').type(avro).send(body)).status).toBe(200)
    expect((await gateway.as(admin).get('/topics/orders/partitions/0/records')).text).toContain('"id":9007199254740993')
  })

  it('takes null as a tombstone', async () => {
    const { gateway } = await withSubject('orders-value', orderAvro, 'AVRO')
    expect((await gateway.as(admin).post('/topics/orders').type(avro).send({ records: [{ value: null }] })).status).toBe(200)
    expect(await gateway.values('orders')).toEqual([null])
  })
})

describe('a topic with a JSON Schema subject', () => {
  it('stores what fits as the client\'s own bytes behind the frame', async () => {
    const { gateway, id } = await withSubject('orders-value', paymentJson, 'JSON')
    const response = await gateway.as(admin).post('/topics/orders').type(jsonschema).send('{"records":[{"value":{"amount": 10.50}}]}')
    expect(response.body).toMatchObject({ value_schema_id: id })
    const [bytes] = await stored(gateway)
    expect([bytes!.readUInt8(0), bytes!.readInt32BE(1), bytes!.toString('utf8', 5)]).toEqual([0, id, '{"amount": 10.50}'])
    expect((await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', jsonschema)).body).toMatchObject([{ value: { amount: 10.5 } }])
  })

  it('refuses what does not fit with the pointer to it', async () => {
    const { gateway } = await withSubject('orders-value', paymentJson, 'JSON')
    const response = await gateway.as(admin).post('/topics/orders').type('application/json').send({ records: [{ value: { amount: 1 } }, { value: { amount: 1, lines: [{ sku: 'a' }, { sku: 1 }] } }] })
    expect(response.status).toBe(422)
    expect(response.body).toMatchObject({ error_code: 42206, faults: [{ index: 1, part: 'value', pointer: '/lines/1/sku', reason: 'must be string' }] })
    expect(await stored(gateway)).toEqual([])
  })
})

describe('a topic with a Protobuf subject', () => {
  const protobuf = 'application/vnd.kafka.protobuf.v2+json'
  const schema = 'syntax = "proto3"; package shop; message Order { int64 id = 1; string note = 2; }'

  it('takes ProtoJSON, stores Protobuf behind the frame and the index of its message, and shows ProtoJSON', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    const response = await client.post('/topics/orders').type(protobuf).send({ value_schema: schema, records: [{ value: { id: '7', note: 'gift' } }] })
    expect([response.status, response.body]).toMatchObject([200, { value_schema_id: 1 }])
    // The one message of the schema is index [0], which is written as a single 0; then field 1 = 7, field 2 = "gift".
    expect((await stored(gateway)).map(bytes => bytes.toString('hex'))).toEqual(['0000000001' + '00' + '0807' + '120467696674'])
    for (const accept of [protobuf, 'application/json']) {
      const { body } = await client.get('/topics/orders/partitions/0/records').set('accept', accept)
      expect(body).toMatchObject([{ value: { id: '7', note: 'gift' } }])
    }
    const bad = await client.post('/topics/orders').type(protobuf).send({ records: [{ value: { id: 'seven' } }] })
    expect([bad.status, bad.body]).toMatchObject([422, { error_code: 42206, faults: [{ index: 0, part: 'value', pointer: '/id' }] }])
    expect((await client.post('/topics/orders').type(avro).send({ records: [{ value: { id: 1 } }] })).body).toMatchObject({ error_code: 42205 })
  })
})

describe('a schema that the request names', () => {
  it('is looked up, or registered where the caller may', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    await gateway.allow('bob', 'write', 'topic', 'orders')
    const produce = async (name: string): Promise<{ status: number; body: Record<string, unknown> }> =>
      await gateway.as(name).post('/topics/orders').type(avro).send({ value_schema: '"long"', records: [{ value: 5 }] })
    expect(await produce('bob')).toMatchObject({ status: 403, body: { error_code: 40301 } })
    await gateway.allow('bob', 'read', 'subject', 'orders-value')
    expect(await produce('bob')).toMatchObject({ status: 403, body: { error_code: 40301 } })
    expect(await produce(admin)).toMatchObject({ status: 200, body: { value_schema_id: 1 } })
    expect(await produce('bob')).toMatchObject({ status: 200, body: { value_schema_id: 1 } })
    expect((await gateway.as(admin).get('/subjects')).body).toEqual(['orders-value'])
  })

  it('by id must be one of the topic\'s own subject', async () => {
    const { gateway, id } = await withSubject('payments-value', '"string"', 'AVRO')
    const foreign = await gateway.as(admin).post('/topics/orders').type(avro).send({ value_schema_id: id, records: [{ value: 'x' }] })
    expect(foreign).toMatchObject({ status: 422, body: { error_code: 42205, message: expect.stringContaining('does not belong to subject \'orders-value\'') } })
    await gateway.as(admin).post('/subjects/orders-value/versions').send({ schema: '"string"' })
    expect((await gateway.as(admin).post('/topics/orders').type(avro).send({ value_schema_id: id, records: [{ value: 'x' }] })).status).toBe(200)
  })

  it('may be an older version', async () => {
    const { gateway, id } = await withSubject('orders-value', '"int"', 'AVRO')
    await gateway.as(admin).post('/subjects/orders-value/versions').send({ schema: '"long"' })
    const produce = async (extra: object): Promise<unknown> => ((await gateway.as(admin).post('/topics/orders').type(avro).send({ ...extra, records: [{ value: 1 }] })).body as { value_schema_id: number }).value_schema_id
    expect(await produce({})).toBe(id + 1)
    expect(await produce({ value_schema_id: id })).toBe(id)
  })

  it('by subject and version is that version, or the latest', async () => {
    const { gateway, id } = await withSubject('shared', '"int"', 'AVRO')
    const { body } = await gateway.as(admin).post('/subjects/shared/versions').send({ schema: '"long"' })
    const latest = (body as { id: number }).id
    const produce = async (choice: object): Promise<unknown> => (await gateway.as(admin).post('/topics/orders').type(avro).send({ ...choice, records: [{ value: 1 }] })).body as unknown
    expect(await produce({ value_subject: 'shared' })).toMatchObject({ value_schema_id: latest })
    expect(await produce({ value_subject: 'shared', value_version: 'latest' })).toMatchObject({ value_schema_id: latest })
    expect(await produce({ value_subject: 'shared', value_version: 1 })).toMatchObject({ value_schema_id: id })
    expect(await produce({ value_subject: 'shared', value_schema_id: id })).toMatchObject({ value_schema_id: id })
    expect(await produce({ value_subject: 'shared', value_version: 9 })).toMatchObject({ error_code: 42205, message: 'Version 9 not found.' })
    expect(await produce({ value_subject: 'nowhere' })).toMatchObject({ error_code: 42205, message: 'Subject \'nowhere\' not found.' })
    expect(await produce({ value_version: 1 })).toMatchObject({ error_code: 42205, message: 'Subject \'orders-value\' not found.' })
  })

  it('by subject needs READ on it, and to register there WRITE', async () => {
    const { gateway } = await withSubject('shared', '"int"', 'AVRO')
    await gateway.allow('bob', 'write', 'topic', 'orders')
    const produce = async (choice: object): Promise<number> => (await gateway.as('bob').post('/topics/orders').type(avro).send({ ...choice, records: [{ value: 1 }] })).status
    expect([await produce({ value_subject: 'shared' }), await produce({ value_subject: 'phantom' }), await produce({ value_subject: 'shared', value_schema_id: 1 })]).toEqual([403, 403, 403])
    await gateway.allow('bob', 'read', 'subject', 'shared')
    expect(await produce({ value_subject: 'shared' })).toBe(200)
    expect(await produce({ value_subject: 'shared', value_schema: '"long"' })).toBe(403)
    await gateway.allow('bob', 'write', 'subject', 'shared')
    expect(await produce({ value_subject: 'shared', value_schema: '"long"' })).toBe(200)
  })

  it('is found and registered by the strategy that the request names', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const produce = async (choice: object): Promise<unknown> =>
      (await gateway.as(admin).post('/topics/orders').type(avro).send({ ...choice, records: [{ value: { id: 1, customer: { name: 'Ann' } } }] })).body as unknown
    expect(await produce({ value_schema: orderAvro, value_subject_name_strategy: 'RECORD_NAME' })).toMatchObject({ value_schema_id: 1 })
    expect(await produce({ value_schema: orderAvro, value_subject_name_strategy: 'TopicRecordNameStrategy' })).toMatchObject({ value_schema_id: 1 })
    expect((await gateway.as(admin).get('/subjects')).body).toEqual(['orders-shop.Order', 'shop.Order'])
    expect(await produce({ value_schema_id: 1, value_subject_name_strategy: 'RECORD_NAME' })).toMatchObject({ value_schema_id: 1 })
    expect(await produce({ value_schema_id: 1 })).toMatchObject({ error_code: 42205 })
    expect(await produce({ value_subject_name_strategy: 'RECORD_NAME' })).toMatchObject({ error_code: 42205, message: expect.stringContaining('give value_subject') })
  })

  it('is that of the subject with which the topic is associated, where the strategy goes by that', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { configs: { 'confluent.value.subject.name.strategy': 'AssociatedName' } })
    const produce = async (choice: object): Promise<unknown> => (await gateway.as(admin).post('/topics/orders').type(avro).send({ ...choice, records: [{ value: 1 }] })).body as unknown
    expect(await produce({ value_schema: '"int"' })).toMatchObject({ value_schema_id: 1 })
    await gateway.as(admin).post('/subjects/shared/versions').send({ schema: '"long"' }).expect(200)
    await gateway.as(admin).post('/associations').send({
      resourceName: 'orders', resourceNamespace: 'lkc-1', resourceId: 'id-1', associations: [{ subject: 'shared' }],
    }).expect(200)
    expect(await produce({})).toMatchObject({ value_schema_id: 2 })
    expect(await produce({ value_subject_name_strategy: 'TOPIC_NAME' })).toMatchObject({ value_schema_id: 1 })
    expect((await gateway.as(admin).get('/subjects')).body).toEqual(['orders-value', 'shared'])
  })

  it.each([
    ['none where the values need one', avro, { records: [{ value: 1 }] }, 42202],
    ['none where the keys need one', avro, { value_schema: '"int"', records: [{ key: 1, value: 1 }] }, 42201],
    ['text that is no schema', avro, { value_schema: '{', records: [{ value: 1 }] }, 42205],
    ['an id that nobody gave', avro, { value_schema_id: 99, records: [{ value: 1 }] }, 42205],
    ['both text and id', avro, { value_schema: '"int"', value_schema_id: 1, records: [{ value: 1 }] }, 422],
    ['text in plain JSON, which does not say the language', 'application/json', { value_schema: '"int"', records: [{ value: 1 }] }, 422],
  ])('is refused: %s', async (_name, type, body, errorCode) => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).post('/topics/orders').type(type).send(body)
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([422, errorCode])
    const { message } = response.body as { message: string }
    if (errorCode === 42201) expect(message).toMatch(/^Request includes keys but does not include key schema/)
    if (errorCode === 42202) expect(message).toMatch(/^Request includes values but does not include value schema/)
    expect(await gateway.values('orders')).toEqual([])
  })

  it('must be of the language of the Content-Type', async () => {
    const { gateway } = await withSubject('orders-value', paymentJson, 'JSON')
    expect((await gateway.as(admin).post('/topics/orders').type(avro).send({ records: [{ value: { amount: 1 } }] })).body).toMatchObject({ error_code: 42205 })
  })
})

describe('reading', () => {
  it('shows Avro tagged or plain, as it is asked to', async () => {
    const { gateway } = await withSubject('orders-value', orderAvro, 'AVRO')
    await gateway.as(admin).post('/topics/orders').type(avro).send({ records: [{ value: { id: 1, customer: { name: 'Ann' }, note: 'gift' } }] })
    const note = async (query: string, accept: string): Promise<unknown> => {
      const { body } = await gateway.as(admin).get(`/topics/orders/partitions/0/records${query}`).set('accept', accept)
      return (body as { value: { note: unknown } }[])[0]!.value.note
    }
    expect(await note('', avro)).toEqual({ string: 'gift' })
    expect(await note('?avro=plain', avro)).toBe('gift')
    expect(await note('', 'application/json')).toBe('gift')
    expect(await note('?avro=tagged', 'application/json')).toEqual({ string: 'gift' })
    expect(await note('?format=avro', 'application/json')).toEqual({ string: 'gift' })
    const other = await gateway.as(admin).get('/topics/orders/partitions/0/records?format=binary').set('accept', avro)
    expect([other.type, (other.body as { value: string }[])[0]!.value]).toEqual(['application/json', (await stored(gateway))[0]!.toString('base64')])
    expect((await gateway.as(admin).get('/topics/orders/partitions/0/records?format=xml')).body).toMatchObject({ error_code: 40002, message: expect.stringContaining('not \'xml\'') })
    expect((await gateway.as(admin).get('/topics/orders/partitions/0/records?avro=best')).body).toMatchObject({ error_code: 40002 })
  })

  it('says of each record why it cannot be shown', async () => {
    const { gateway } = await withSubject('orders-value', orderAvro, 'AVRO')
    const values = [Buffer.from('plain'), Buffer.from('000000006300', 'hex'), Buffer.from('000000000102', 'hex')]
    await gateway.as(admin).post('/topics/orders').type('application/vnd.kafka.binary.v2+json').send({ records: values.map(value => ({ value: value.toString('base64') })) })
    const { body } = await gateway.as(admin).get('/topics/orders/partitions/0/records')
    expect(body).toMatchObject([
      { value: values[0]!.toString('base64'), value_error: expect.stringContaining('missing magic byte') },
      { value: values[1]!.toString('base64'), value_error: 'schema 99 is not known' },
      { value: values[2]!.toString('base64'), value_error: expect.any(String) },
    ])
  })
})
