import { describe, expect, it } from 'vitest'
import { admin, testGateway } from '../../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'

describe('REST proxy v2 metadata', () => {
  it('lists topics, describes one, its partitions and their offsets, and the brokers', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 2, configs: { 'retention.ms': '1000' } })
    await gateway.createTopic('audit')
    const client = gateway.as(admin)
    await client.post('/topics/orders').type(json).send({ records: [{ value: 1, partition: 1 }] })
    const list = await client.get('/topics')
    expect([list.headers['content-type'], list.body]).toEqual(['application/vnd.kafka.v2+json; charset=utf-8', ['audit', 'orders']])
    const partitions = [0, 1].map(partition => ({ partition, leader: 1, replicas: [{ broker: 1, leader: true, in_sync: true }] }))
    const topic = await client.get('/topics/orders')
    expect(topic.body).toMatchObject({ name: 'orders', configs: { 'retention.ms': '1000', 'cleanup.policy': 'delete' }, partitions })
    expect((await client.get('/topics/orders/partitions')).body).toEqual(partitions)
    expect((await client.get('/topics/orders/partitions/1')).body).toEqual(partitions[1])
    expect((await client.get('/topics/orders/partitions/1/offsets')).body).toEqual({ beginning_offset: 0, end_offset: 1 })
    expect((await client.get('/brokers')).body).toEqual({ brokers: [1] })
  })

  it('answers in the type that was asked for, and 406 where it has none', async () => {
    const gateway = await testGateway()
    const ask = async (accept: string): Promise<(string | number | undefined)[]> => {
      const { status, headers } = await gateway.as(admin).get('/topics').set('accept', accept)
      return [status, headers['content-type']]
    }
    expect(await ask('application/json')).toEqual([200, 'application/json; charset=utf-8'])
    expect(await ask('application/vnd.kafka.v2+json, application/json;q=0.5')).toEqual([200, 'application/vnd.kafka.v2+json; charset=utf-8'])
    expect((await ask('text/html'))[0]).toBe(406)
  })

  it.each([
    ['/topics/nothing', 404, 40401],
    ['/topics/nothing/partitions/0/offsets', 404, 40401],
    ['/topics/orders/partitions/7', 404, 40402],
    ['/topics/orders/partitions/-1', 404, 40402],
    ['/topics/orders/partitions/x/offsets', 404, 40402],
    ['/topics/orders/partitions/0/', 404, 404],
    ['/topics/%ff', 400, 400],
    ['/nowhere', 404, 404],
  ])('answers %s with %i and %i', async (path, status, errorCode) => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).get(path)
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([status, errorCode])
  })

  it('shows a caller only what it may describe, and does not tell what exists beyond', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    await gateway.createTopic('payments')
    await gateway.allow('bob', 'read', 'topic', 'orders')
    const bob = gateway.as('bob')
    expect((await bob.get('/topics')).body).toEqual(['orders'])
    expect((await bob.get('/topics/orders')).body).toMatchObject({ name: 'orders', configs: {} })
    const [exists, missing] = [await bob.get('/topics/payments'), await bob.get('/topics/phantoms')]
    expect([exists.status, missing.status]).toEqual([403, 403])
    expect((exists.body as { message: string }).message.replace('payments', 'phantoms')).toBe((missing.body as { message: string }).message)
  })
})

describe('reading records back', () => {
  it('starts where it is told, and ends where it is told', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    for (const value of [1, 2, 3]) await client.post('/topics/orders').type(json).send({ records: [{ key: 'k', value }] })
    const values = async (query: string): Promise<unknown> => ((await client.get(`/topics/orders/partitions/0/records?timeout=0${query}`).set('accept', json)).body as { value: unknown }[]).map(one => one.value)
    expect(await values('')).toEqual([1, 2, 3])
    expect(await values('&offset=earliest')).toEqual([1, 2, 3])
    expect(await values('&offset=1')).toEqual([2, 3])
    expect(await values('&offset=latest')).toEqual([])
    expect(await values('&offset=0&max_bytes=1')).toEqual([1])
  })

  it('starts at a time where it is told one, and at the end where every record is older', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    for (const hour of [1, 2, 3]) await client.post('/topics/orders').type(json).send({ records: [{ value: hour, timestamp: Date.UTC(2026, 0, 1, hour) }] })
    const values = async (timestamp: string | number): Promise<unknown> =>
      ((await client.get(`/topics/orders/partitions/0/records?timeout=0&timestamp=${timestamp}`).set('accept', json)).body as { value: unknown }[]).map(one => one.value)
    expect(await values('2026-01-01T02:00:00Z')).toEqual([2, 3])
    expect(await values(Date.UTC(2026, 0, 1, 2) + 1)).toEqual([3])
    expect(await values('2026-01-02T00:00:00Z')).toEqual([])
  })

  it('waits for the first record until its timeout', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    const waiting = client.get('/topics/orders/partitions/0/records?offset=0&timeout=20000').set('accept', json).then(response => response.body as { value: unknown }[])
    await client.post('/topics/orders').type(json).send({ records: [{ value: 'late' }] })
    expect((await waiting).map(one => one.value)).toEqual(['late'])
  })

  it('shows bytes in base64, JSON as it is stored, and what is no JSON with the reason', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const client = gateway.as(admin)
    await client.post('/topics/orders').type('application/vnd.kafka.binary.v2+json').send({ records: [{ key: 'aw==', value: Buffer.from('{"n": 1.50}').toString('base64') }, { value: 'gICA' }] })
    const read = async (accept: string): Promise<string> => (await client.get('/topics/orders/partitions/0/records').set('accept', accept)).text
    expect(JSON.parse(await read('application/vnd.kafka.binary.v2+json'))).toMatchObject([{ key: 'aw==', value: 'eyJuIjogMS41MH0=' }, { key: null, value: 'gICA' }])
    const text = await read(json)
    expect(text).toContain('"value":{"n": 1.50}')
    expect(JSON.parse(text)).toMatchObject([{ key_error: 'is not JSON' }, { value: 'gICA', value_error: 'is not JSON' }])
    // Plain JSON shows a text key as the text it is.
    expect(JSON.parse(await read('application/json'))).toMatchObject([{ key: 'k', value: { n: 1.5 } }, { value_error: 'is not JSON' }])
  })

  it.each([
    ['?offset=-1', 400, 40002],
    ['?offset=soon', 400, 40002],
    ['?offset=5', 404, 40403],
    ['?offset=0&offset=1', 400, 40002],
    ['?timestamp=yesterday', 400, 40002],
    ['?timestamp=1&offset=1', 400, 40002],
    ['?timeout=99999999', 400, 40002],
    ['?max_bytes=0', 400, 40002],
  ])('refuses %s', async (query, status, errorCode) => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const response = await gateway.as(admin).get(`/topics/orders/partitions/0/records${query}`)
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([status, errorCode])
  })

  it('needs READ, and a type that it can give', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    await gateway.allow('bob', 'write', 'topic', 'orders')
    expect((await gateway.as('bob').get('/topics/orders/partitions/0/records')).status).toBe(403)
    const response = await gateway.as(admin).get('/topics/orders/partitions/0/records').set('accept', 'text/plain')
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([406, 40601])
  })
})
