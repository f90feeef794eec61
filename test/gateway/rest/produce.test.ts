import { describe, expect, it } from 'vitest'
import { partitionOfKey } from '../../../src/gateway/rest/partitioner.ts'
import { admin, testGateway } from '../../support/gateway.ts'
import { splitPlan } from '../../support/shards.ts'
import { rejecting } from '../../support/validation.ts'

const json = 'application/vnd.kafka.json.v2+json'
const binary = 'application/vnd.kafka.binary.v2+json'

describe('POST /topics/{topic}', () => {
  it('stores JSON records as the bytes that came, and answers with their offsets', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const body = '{"records":[{"value":{"id":1,"amount":12345678901234567890.10}},{"key":"k","value":[1, 2]},{"value":null}]}'
    const response = await gateway.as(admin).post('/topics/orders').type(json).send(body)
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toMatch(/^application\/vnd\.kafka\.v2\+json/)
    expect(response.body).toEqual({
      offsets: [
        { partition: 0, offset: 0, error_code: null, error: null },
        { partition: 0, offset: 1, error_code: null, error: null },
        { partition: 0, offset: 2, error_code: null, error: null },
      ],
      key_schema_id: null,
      value_schema_id: null,
    })
    expect(await gateway.values('orders')).toEqual(['{"id":1,"amount":12345678901234567890.10}', '[1, 2]', null])
  })

  it('takes base64 in the binary format, and refuses what is none with 422 for each record', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const ok = await gateway.as(admin).post('/topics/orders').type(binary).send({ records: [{ value: Buffer.from('bytes').toString('base64') }] })
    expect(ok.status).toBe(200)
    expect(await gateway.values('orders')).toEqual(['bytes'])
    const bad = await gateway.as(admin).post('/topics/orders').type(binary).send({ records: [{ value: 'AAAA' }, { value: 'not base64!' }, { key: 7, value: 'AAAA' }] })
    expect(bad.status).toBe(422)
    expect(bad.body).toMatchObject({
      error_code: 42206, fault_count: 2,
      faults: [{ index: 1, part: 'value', pointer: '', reason: expect.stringContaining('base64') }, { index: 2, part: 'key' }],
    })
    expect(await gateway.values('orders')).toHaveLength(1)
  })

  it('puts a key where every Kafka client puts it, and a record into the partition it names', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 5 })
    const keys = ['a', 'b', 'customer-17', 'ü']
    const response = await gateway.as(admin).post('/topics/orders').type('application/json').send({ records: [...keys.map(key => ({ key, value: 1 })), { key: 'a', value: 2, partition: 3 }] })
    const partitions = (response.body as { offsets: { partition: number }[] }).offsets.map(one => one.partition)
    expect(partitions).toEqual([...keys.map(key => partitionOfKey(Buffer.from(key), 5)), 3])
    expect(await gateway.values('orders', 3)).toContain('2')
  })

  it('puts records into open shards only, unless they name a closed one, which takes nothing', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 2 })
    await gateway.backend.admin.reshard('orders', splitPlan((await gateway.backend.admin.topics(['orders']))[0]!, 0))
    const send = async (records: object[]) => (await gateway.as(admin).post('/topics/orders').type(json).send({ records })).body as { offsets: { partition: number; error: string | null }[] }
    const open = [1, 2, 3]
    const keys = ['a', 'b', 'customer-17', 'ü']
    expect((await send(keys.map(key => ({ key, value: 1 })))).offsets.map(one => one.partition)).toEqual(keys.map(key => open[partitionOfKey(Buffer.from(JSON.stringify(key)), 3)]))
    for (let request = 0; request < 4; request++) expect(open).toContain((await send([{ value: 1 }])).offsets[0]!.partition)
    expect((await send([{ value: 1, partition: 0 }])).offsets[0]!.error).toBe('Partition orders-0 is a closed shard and takes no more records; partitions 2 and 3 took its place.')
  })

  it('keeps records without a key together, and moves on with the next request', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 3 })
    const client = gateway.as(admin)
    const seen: number[] = []
    for (let request = 0; request < 3; request++) {
      const response = await client.post('/topics/orders').type(json).send({ records: [{ value: 1 }, { value: 2 }] })
      const partitions = new Set((response.body as { offsets: { partition: number }[] }).offsets.map(one => one.partition))
      expect(partitions.size).toBe(1)
      seen.push(...partitions)
    }
    expect(seen.toSorted()).toEqual([0, 1, 2])
  })

  it('stores headers and timestamps', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).post('/topics/orders').type(json)
      .send({ records: [{ value: 1, timestamp: 1234, headers: [{ name: 'trace', value: Buffer.from('x').toString('base64') }, { name: 'none', value: null }] }] })
    expect(response.status).toBe(200)
    const read = await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', json)
    expect(read.body).toEqual([{
      topic: 'orders', partition: 0, offset: 0, timestamp: 1234, key: null, value: 1, headers: [{ name: 'trace', value: 'eA==' }, { name: 'none', value: null }],
    }])
  })

  it('takes headers in the Strimzi bridge\'s shape too, and times in ISO 8601', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).post('/topics/orders').type(json).send({ records: [
      { value: 1, timestamp: '2026-01-31T12:00:00.250+01:00', headers: [{ key: 'trace', value: 'eA==' }] }, { value: 2, timestamp: null },
    ] })
    expect(response.status).toBe(200)
    const { body } = await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', json)
    expect(body).toMatchObject([{ timestamp: Date.UTC(2026, 0, 31, 11, 0, 0, 250), headers: [{ name: 'trace', value: 'eA==' }] }, { timestamp: gateway.time.now }])
  })

  it('takes texts in the string format, stores them as they are, and shows them as texts', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const string = 'application/vnd.kafka.string.v2+json'
    expect((await gateway.as(admin).post('/topics/orders').type(string).send({ records: [{ key: '17', value: 'grüße\n' }] })).status).toBe(200)
    expect(await gateway.values('orders')).toEqual(['grüße\n'])
    const bad = await gateway.as(admin).post('/topics/orders').type(string).send({ records: [{ value: 'fine' }, { value: { an: 'object' } }] })
    expect([bad.status, bad.body]).toMatchObject([422, { error_code: 42206, faults: [{ index: 1, part: 'value', reason: 'must be a JSON string in the string format' }] }])
    const read = await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', string)
    expect(read.headers['content-type']).toMatch(/^application\/vnd\.kafka\.string\.v2\+json/)
    expect(read.body).toMatchObject([{ key: '17', value: 'grüße\n' }])
  })

  it.each([
    ['no JSON', '{"records":[{"value":1}', 400, 400],
    ['JSON that is no object', '[]', 422, 422],
    ['no records', '{}', 422, 42208],
    ['empty records', '{"records":[]}', 422, 42208],
    ['records that are no list', '{"records":{}}', 422, 422],
    ['a record that is no object', '{"records":[1]}', 422, 422],
    ['an unknown member', '{"records":[{"valeu":1}]}', 422, 422],
    ['a member that comes twice', '{"records":[{"value":1,"value":2}]}', 422, 422],
    ['a member that comes twice, once escaped', '{"records":[{"value":1,"v\\u0061lue":2}]}', 422, 422],
    ['records that come twice', '{"records":[{"value":1}],"records":[{"value":2}]}', 422, 422],
    ['a member twice inside a value', '{"records":[{"value":{"a":{"b":1,"b":2}}}]}', 422, 42206],
    ['a partition that is no number', '{"records":[{"value":1,"partition":"0"}]}', 422, 422],
    ['a partition that does not exist', '{"records":[{"value":1,"partition":1}]}', 404, 40402],
    ['nesting without end', `{"records":[{"value":${'['.repeat(100_000)}`, 400, 400],
    ['a trailing value', '{"records":[{"value":1}]} {}', 400, 400],
    ['headers that are no list', '{"records":[{"value":1,"headers":{}}]}', 422, 422],
    ['a header with two names', '{"records":[{"value":1,"headers":[{"name":"a","key":"b","value":null}]}]}', 422, 422],
    ['a time without its zone', '{"records":[{"value":1,"timestamp":"2026-01-31T12:00:00"}]}', 422, 422],
    ['a time before 1970', '{"records":[{"value":1,"timestamp":-1}]}', 422, 422],
    ['a subject in a format without schemas', '{"records":[{"value":1}],"value_subject":"orders-value"}', 422, 422],
    ['a version that is none', '{"records":[{"value":1}],"value_version":"newest"}', 422, 422],
    ['a strategy that is none', '{"records":[{"value":1}],"value_subject_name_strategy":"MINE"}', 422, 422],
    ['a subject and a strategy', '{"records":[{"value":1}],"value_subject":"a","value_subject_name_strategy":"TOPIC_NAME"}', 422, 422],
    ['a version and an id', '{"records":[{"value":1}],"value_version":1,"value_schema_id":1}', 422, 422],
    ['a schema in a format without one', '{"records":[{"value":1}],"value_schema_id":1}', 422, 422],
  ])('refuses %s and stores nothing', async (_name, body, status, errorCode) => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).post('/topics/orders').type(json).send(body)
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([status, errorCode])
    expect(await gateway.values('orders')).toEqual([])
  })

  it('takes `__proto__` and `constructor` as the plain members they are', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const value = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
    expect((await gateway.as(admin).post('/topics/orders').type(json).send(`{"records":[{"value":${value}}]}`)).status).toBe(200)
    expect(await gateway.values('orders')).toEqual([value])
    expect((await gateway.as(admin).post('/topics/orders').type(json).send(`{"__proto__":{"records":[]},"records":[{"value":1}]}`)).status).toBe(422)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('refuses bodies that are too large or encoded, and types it does not know', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    expect((await client.post('/topics/orders').type(json).send(`{"records":[{"value":"${'x'.repeat(4 * 1024 * 1024)}"}]}`)).status).toBe(413)
    expect((await client.post('/topics/orders').type(json).set('content-encoding', 'gzip').send('x')).status).toBe(415)
    expect((await client.post('/topics/orders').type('application/vnd.kafka.text.v2+json').send('{}')).status).toBe(415)
    expect((await client.post('/topics/orders').type('text/plain').send('{}')).status).toBe(415)
    expect((await client.post('/topics/orders').type(json).set('accept', 'text/html').send('{}')).status).toBe(406)
    expect((await client.put('/topics/orders').send()).status).toBe(405)
    expect((await client.put('/topics/orders').send()).headers['allow']).toBe('GET, POST')
  })

  it('refuses a batch that is larger than the topic takes before it stores any other', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 2, configs: { 'max.message.bytes': '1000' } })
    const response = await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 1, partition: 0 }, { value: 'x'.repeat(2000), partition: 1 }] })
    expect(response.status).toBe(413)
    expect(await gateway.values('orders', 0)).toEqual([])
  })

  it('applies the topic\'s validation policy, and stores nothing where one record does not fit', async () => {
    const gateway = await testGateway({
      validation: rejecting(record => (record.value?.toString() === '"bad"' ? { part: 'value', pointer: '/id', reason: 'must be number' } : null), 'orders'),
    })
    await gateway.createTopic('orders', { partitions: 3 })
    const response = await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 'good', partition: 0 }, { value: 'bad', partition: 1 }] })
    expect(response.status).toBe(422)
    expect(response.body).toEqual({
      error_code: 42206,
      message: 'records[1].value at /id: must be number; nothing was stored',
      fault_count: 1,
      faults: [{ index: 1, part: 'value', pointer: '/id', reason: 'must be number' }],
    })
    expect(await gateway.values('orders', 0)).toEqual([])
  })

  it('says by its status when no record was stored, and by the record when some were', async () => {
    const { Refusal } = await import('../../../src/ports.ts')
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 2 })
    const { logs } = gateway.parts
    const failing = await testGateway({ ...gateway.parts, logs: { ...logs, append: async (at, batch, how) => (at.partition === 1 ? new Refusal('not-enough-replicas', 'too few replicas') : await logs.append(at, batch, how)) } })
    const some = await failing.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 1, partition: 0 }, { value: 2, partition: 1 }] })
    expect(some.status).toBe(200)
    expect(some.body).toMatchObject({ offsets: [{ partition: 0, offset: 0, error_code: null }, { partition: 1, offset: null, error_code: 50003, error: 'too few replicas' }] })
    const none = await failing.as(admin).post('/topics/orders').type(json).send({ records: [{ value: 2, partition: 1 }] })
    expect(none.status).toBe(503)
    expect(none.body).toMatchObject({ error_code: 50003, offsets: [{ partition: 1, offset: null, error_code: 50003 }] })
  })
})

describe('POST /topics/{topic}/partitions/{partition}', () => {
  it('pins every record to the partition of the path', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 3 })
    const response = await gateway.as(admin).post('/topics/orders/partitions/2').type(json).send({ records: [{ key: 'a', value: 1 }, { key: 'b', value: 2 }] })
    expect(response.status).toBe(200)
    expect(await gateway.values('orders', 2)).toEqual(['1', '2'])
    expect((await gateway.as(admin).post('/topics/orders/partitions/2').type(json).send({ records: [{ value: 1, partition: 1 }] })).status).toBe(422)
    expect((await gateway.as(admin).post('/topics/orders/partitions/3').type(json).send({ records: [{ value: 1 }] })).body).toMatchObject({ error_code: 40402 })
  })
})

describe('who may produce', () => {
  it('is who may write the topic; a refusal does not tell whether it exists', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const body = { records: [{ value: 1 }] }
    const refused = await gateway.as('bob').post('/topics/orders').type(json).send(body)
    const missing = await gateway.as('bob').post('/topics/nothing').type(json).send(body)
    expect([refused.status, refused.body]).toEqual([403, { error_code: 40301, message: 'Not authorized to access topics: [orders]' }])
    expect([missing.status, missing.body]).toEqual([403, { error_code: 40301, message: 'Not authorized to access topics: [nothing]' }])
    expect(gateway.audited).toContainEqual(expect.objectContaining({ outcome: 'denied', principal: 'User:CN=bob', operation: 'write', resource: 'topic:orders' }))
    await gateway.allow('bob', 'write', 'topic', 'orders')
    expect((await gateway.as('bob').post('/topics/orders').type(json).send(body)).status).toBe(200)
    expect((await gateway.as(admin).post('/topics/nothing').type(json).send(body)).body).toMatchObject({ error_code: 40401 })
  })

  it('is nobody without a certificate', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as().post('/topics/orders').type(json).send({ records: [{ value: 1 }] })
    expect(response.status).toBe(401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="sluice"')
    expect(response.body).toMatchObject({ error_code: 40101 })
  })

  it('is nobody, where the topic is internal', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('__consumer_offsets')
    expect((await gateway.as(admin).post('/topics/__consumer_offsets').type(json).send({ records: [{ value: 1 }] })).status).toBe(403)
  })
})
