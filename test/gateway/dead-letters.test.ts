// Dead letters over HTTP, from a REST request that brings some to their redriving: what is answered, who may, and what is shown of contents.
import { describe, expect, it } from 'vitest'
import { framePrefix } from '../../src/registry/framing.ts'
import { deadLetterGateway, keepsDeadLetters, type DeadLetterGateway } from '../support/dead-letter-gateway.ts'
import { admin } from '../support/gateway.ts'

const json = 'application/vnd.kafka.jsonschema.v2+json'
const binary = 'application/vnd.kafka.binary.v2+json'
const schema = { type: 'object', properties: { n: { type: 'number' }, s: { type: 'string' } }, required: ['n'] }

interface Letters {
  readonly letters: readonly { readonly offset: number; readonly [name: string]: unknown }[]
  readonly next: unknown
}

async function withLetters(): Promise<DeadLetterGateway & { readonly id: number }> {
  const setUp = await deadLetterGateway()
  const id = await setUp.register('orders-value', schema)
  await setUp.gateway.createTopic('orders', { configs: keepsDeadLetters })
  const framed = (text: string, of = id): string => Buffer.concat([framePrefix(of), Buffer.from(text)]).toString('base64')
  await setUp.gateway.as(admin).post('/topics/orders').type(binary).send({
    records: [{ value: framed('{"n":1}') }, { value: framed('{"n":"one","s":"secret"}'), key: 'aw==' }, { value: framed('{"n":2}') }, { value: framed('{"n":3}', 99) }, { value: 'AAE=' }],
  })
  return { ...setUp, id }
}

describe('a REST request with records that do not fit', () => {
  it('stores the others, and names for each of these the reason and where it lies', async () => {
    const { gateway, register } = await deadLetterGateway()
    await register('orders-value', schema)
    await gateway.createTopic('orders', { configs: keepsDeadLetters })
    const { status, body } = await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: { n: 1 } }, { value: { n: 'x' } }, { value: { n: 2 } }] })
    expect(status).toBe(200)
    expect((body as { offsets: unknown }).offsets).toEqual([
      { partition: 0, offset: 0, error_code: null, error: null },
      { partition: null, offset: null, error_code: 42206, error: 'value at /n: must be number; the record lies in dead-letter topic \'orders.dlq\', partition 0, offset 0' },
      { partition: 0, offset: 1, error_code: null, error: null },
    ])
    expect(await gateway.values('orders.dlq')).toEqual(['{"n":"x"}'])
  })

  it('is 422 where none fits, with every record\'s entry', async () => {
    const { gateway, register } = await deadLetterGateway()
    await register('orders-value', schema)
    await gateway.createTopic('orders', { configs: keepsDeadLetters })
    const { status, body } = await gateway.as(admin).post('/topics/orders').type(json).send({ records: [{ value: { n: 'x' } }, { value: {} }] })
    expect([status, body]).toMatchObject([422, { error_code: 42206, offsets: [{ error_code: 42206 }, { error_code: 42206 }] }])
    expect(await gateway.values('orders.dlq')).toHaveLength(2)
    expect(await gateway.values('orders')).toEqual([])
  })

  it('is refused whole where the topic keeps none', async () => {
    const { gateway, register, validation } = await deadLetterGateway()
    const id = await register('orders-value', schema)
    await gateway.createTopic('orders', { configs: { ...keepsDeadLetters, 'sluice.validation.on.invalid': 'reject' } })
    const value = (text: string): string => Buffer.concat([framePrefix(id), Buffer.from(text)]).toString('base64')
    const { status, body } = await gateway.as(admin).post('/topics/orders').type(binary).send({ records: [{ value: value('{"n":1}') }, { value: value('{"n":"x","s":1}') }, { value: value('{}') }] })
    expect([status, body]).toMatchObject([422, { error_code: 42206, fault_count: 3, faults: [{ index: 1, pointer: '/n' }, { index: 1, pointer: '/s' }, { index: 2 }] }])
    expect(await gateway.values('orders')).toEqual([])
    expect(Object.fromEntries(validation.counts)).toEqual({ 'orders rest rejected': 2 })
  })
})

describe('/admin/dlq', () => {
  it('lists the topics with counts and reasons', async () => {
    const { gateway, validation } = await withLetters()
    const { body } = await gateway.as(admin).get('/admin/dlq')
    expect(body).toEqual({ topics: [{
      topic: 'orders.dlq', letters: 3, waiting: 3, redriven: 0, open: 0, origins: ['orders'],
      reasons: [
        { reason: 'value: must be number', count: 1 }, { reason: 'value: schema 99 is not known', count: 1 },
        { reason: 'value: 2 bytes are too short for a schema id (magic byte 0 and 4 bytes)', count: 1 },
      ],
    }] })
    expect(Object.fromEntries(validation.counts)).toEqual({ 'orders rest dead-lettered': 3 })
  })

  it('shows letters a page at a time, chosen by what is asked, without their contents', async () => {
    const { gateway } = await withLetters()
    const ask = async (query: string): Promise<Letters> => (await gateway.as(admin).get(`/admin/dlq/orders.dlq${query}`)).body as Letters
    const page = await ask('?limit=2')
    expect(page.letters[0]).toEqual({
      topic: 'orders.dlq', partition: 0, offset: 0, state: 'waiting', redrivenTo: null, reason: 'must be number', part: 'value', pointer: '/n', schema: '1',
      origin: { topic: 'orders', partition: 0, index: 1, timestamp: null, batch: null }, principal: 'User:CN=admin', clientId: null, wayIn: 'rest', time: '2023-11-14T22:13:20.000Z',
      keyBytes: 1, valueBytes: 29, headers: [],
    })
    expect(page.next).toEqual({ partition: 0, offset: 2 })
    expect((await ask('?from=2')).letters.map(({ offset }) => offset)).toEqual([2])
    expect((await ask('?reason=not%20known')).letters.map(({ offset }) => offset)).toEqual([1])
    expect((await ask('?origin=payments')).letters).toEqual([])
    expect((await ask('?since=2030-01-01')).letters).toEqual([])
    expect((await ask('?state=redriven')).letters).toEqual([])
    expect((await gateway.as(admin).get('/admin/dlq/orders.dlq?since=soon')).status).toBe(400)
  })

  it('shows contents where they are asked for: as text, or as base64', async () => {
    const { gateway } = await withLetters()
    const { body } = await gateway.as(admin).get('/admin/dlq/orders.dlq/0/0?contents=true')
    expect(body).toMatchObject({ key: { text: 'k' }, value: { text: '{"n":"one","s":"secret"}' } })
    expect((await gateway.as(admin).get('/admin/dlq/orders.dlq/0/2?contents=true')).body).toMatchObject({ value: { base64: 'AAE=' } })
    expect((await gateway.as(admin).get('/admin/dlq/orders.dlq/0/17')).body).toMatchObject({ error_code: 40403 })
    expect((await gateway.as(admin).get('/admin/dlq/orders.dlq/7/0')).body).toMatchObject({ error_code: 40402 })
  })

  it('withholds contents with tagged fields that the caller may not read', async () => {
    const { gateway, register } = await deadLetterGateway()
    const id = await register('orders-value', { ...schema, properties: { ...schema.properties, s: { type: 'string', 'confluent:tags': ['PII'] } } })
    await gateway.createTopic('orders', { configs: keepsDeadLetters })
    const value = Buffer.concat([framePrefix(id), Buffer.from('{"n":"one","s":"secret"}')]).toString('base64')
    await gateway.as(admin).post('/topics/orders').type(binary).send({ records: [{ value }] })
    await gateway.allow('bob', 'read', 'topic', 'orders.dlq')
    const shown = JSON.stringify((await gateway.as('bob').get('/admin/dlq/orders.dlq?contents=true')).body)
    expect(shown).toContain('"withheld"')
    expect(shown).not.toContain('secret')
    expect(shown).not.toContain(value)
  })

  it('needs READ on the dead-letter topic to see, and WRITE on the origin to redrive', async () => {
    const { gateway, register } = await withLetters()
    for (const path of ['/admin/dlq/orders.dlq', '/admin/dlq/orders.dlq/0/0', '/admin/dlq/nowhere.dlq']) expect((await gateway.as('bob').get(path)).status).toBe(403)
    expect((await gateway.as('bob').post('/admin/dlq/orders.dlq/redrive').send({})).status).toBe(403)
    expect((await gateway.as('bob').get('/admin/dlq')).body).toEqual({ topics: [] })
    await gateway.allow('bob', 'read', 'topic', 'orders.dlq')
    expect((await gateway.as('bob').get('/admin/dlq/orders.dlq')).status).toBe(200)
    await register('orders-value', { ...schema, properties: { n: {} } })
    expect((await gateway.as('bob').post('/admin/dlq/orders.dlq/redrive').send({})).body).toMatchObject({ redriven: 0, failed: 3 })
    expect(await gateway.values('orders')).toHaveLength(2)
  })

  it('redrives one with another value, as JSON for its schema or as bytes, and all that fit by now', async () => {
    const { gateway, registry, id } = await withLetters()
    const redrive = async (body: object): Promise<unknown> => (await gateway.as(admin).post('/admin/dlq/orders.dlq/redrive').send(body)).body
    const one = { partition: 0, offset: 0 }
    expect(await redrive({ ...one, value: { n: 'two' } })).toEqual({ redriven: 0, failed: 1, failures: [{ ...one, reason: 'value at /n: must be number' }] })
    expect(await redrive({ ...one, value: { n: 7 } })).toEqual({ redriven: 1, failed: 0, failures: [] })
    expect(await redrive({ partition: 0, offset: 2, valueBase64: Buffer.concat([framePrefix(id), Buffer.from('{"n":8}')]).toString('base64') })).toMatchObject({ redriven: 1 })
    expect((await gateway.values('orders')).map(value => value!.slice(5))).toEqual(['{"n":1}', '{"n":2}', '{"n":7}', '{"n":8}'])
    expect(await redrive({})).toMatchObject({ redriven: 0, failed: 1 })
    // The schema that was missing is registered: ids count up.
    for (let next = 2; next <= 99; next++) await registry.register(next === 99 ? 'orders-value' : `filler-${next}`, { schema: JSON.stringify({ ...schema, title: `${next}` }), schemaType: 'JSON' }, { normalize: undefined })
    expect(await redrive({ reason: 'not known', dryRun: true })).toMatchObject({ redriven: 1, failed: 0 })
    expect(await redrive({ reason: 'not known' })).toMatchObject({ redriven: 1, failed: 0 })
    const { body } = await gateway.as(admin).get('/admin/dlq')
    expect(body).toMatchObject({ topics: [{ letters: 3, waiting: 0, redriven: 3, reasons: [] }] })
    expect((await gateway.as(admin).get('/admin/dlq/orders.dlq/0/1')).body).toMatchObject({ state: 'redriven', redrivenTo: { topic: 'orders', partition: 0, offset: 4 } })
    expect(gateway.audited.filter(event => event.kind === 'change').map(event => event.reason)).toContain('reason not known')
  })

  it('writes letters anew by a version that was registered for them, each its own value, once', async () => {
    const { gateway, register, id } = await withLetters()
    const redrive = async (body: object): Promise<unknown> => (await gateway.as(admin).post('/admin/dlq/orders.dlq/redrive').send(body)).body
    const next = await register('orders-value', { ...schema, properties: { ...schema.properties, n: { type: ['number', 'string'] } } })
    // A letter names the version it was written by, and that has not changed.
    expect(await redrive({ reason: 'must be number' })).toMatchObject({ redriven: 0, failed: 1 })
    expect(await redrive({ partition: 0, offset: 0, value: { n: 'two' } })).toMatchObject({ redriven: 0, failed: 1 })
    expect(await redrive({ latestSchema: true, dryRun: true })).toMatchObject({ redriven: 2, failed: 1, failures: [{ offset: 2, reason: 'value: is not JSON: give another one' }] })
    expect(await redrive({ latestSchema: true })).toMatchObject({ redriven: 2, failed: 1 })
    expect(await redrive({ latestSchema: true, partition: 0, offset: 2, value: { n: 'three' } })).toMatchObject({ redriven: 1 })
    expect(await redrive({ latestSchema: true })).toMatchObject({ redriven: 0, failed: 0 })
    expect(next).not.toBe(id)
    expect((await gateway.values('orders')).map(value => [value!.charCodeAt(4), value!.slice(5)])).toEqual([
      [id, '{"n":1}'], [id, '{"n":2}'], [next, '{"n":"one","s":"secret"}'], [next, '{"n":3}'], [next, '{"n":"three"}'],
    ])
  })

  it.each([
    [{ latestSchema: 'yes' }, 422, /'latestSchema' must be true or false/],
    [{ latestSchema: true, value: 1 }, 422, /'offset' must be given with a value/],
    [{ latestSchema: true, partition: 0, offset: 0, valueBase64: 'AA==' }, 422, /cannot be given together with valueBase64/],
    [{ offset: 1 }, 422, /'partition' must be given with an offset/],
    [{ value: 1 }, 422, /'offset' must be given with a value/],
    [{ partition: 0, offset: 0, value: 1, valueBase64: 'AA==' }, 422, /cannot be given together with value/],
    [{ partition: 0, offset: 0, valueBase64: '!' }, 422, /must be base64/],
    [{ partition: 9 }, 404, /Partition '9'/],
    [{ since: 'soon' }, 422, /must be a time/],
    [{ everything: true }, 422, /is not known/],
  ])('refuses to redrive by %j', async (body, status, message) => {
    const { gateway } = await withLetters()
    const answer = await gateway.as(admin).post('/admin/dlq/orders.dlq/redrive').send(body)
    expect([answer.status, (answer.body as { message: string }).message]).toEqual([status, expect.stringMatching(message)])
  })

  it('tells how far it is to who asks for lines', async () => {
    const { gateway } = await withLetters()
    const answer = await gateway.as(admin).post('/admin/dlq/orders.dlq/redrive').set('accept', 'application/x-ndjson').send({}).buffer(true).parse((response, done) => {
      let text = ''
      response.on('data', (chunk: Buffer) => { text += chunk.toString() })
      response.on('end', () => done(null, text))
    })
    expect((answer.body as string).trimEnd().split('\n').map(line => JSON.parse(line) as unknown)).toMatchObject([{ redriven: 0, failed: 3 }, { redriven: 0, failed: 3, failures: [{}, {}, {}] }])
  })
})
