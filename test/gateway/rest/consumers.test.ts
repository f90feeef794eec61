// Consumer instances over the real group coordinator, in simulated time: what a client of Confluent's REST proxy does with them, and who may.
import type { Response as Answer, Test } from 'supertest'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { ConsumerInstances } from '../../../src/gateway/rest/consumers/consumer-instances.ts'
import { type Logs, Refusal } from '../../../src/ports.ts'
import { append, openEngineWorld } from '../../support/engine-world.ts'
import { seed } from '../../support/seed.ts'
import { admin, testGateway, type TestGateway } from '../../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const v2 = 'application/vnd.kafka.v2+json'

interface Desk extends AsyncDisposable {
  readonly gateway: TestGateway
  readonly consumers: ConsumerInstances
  /** One request, with time passing until it is answered. */
  ask(request: Test): Promise<Answer>
  post(path: string, body?: object, as?: string): Promise<Answer>
  get(path: string, as?: string, accept?: string): Promise<Answer>
  remove(path: string, as?: string): Promise<Answer>
  /** An instance by its name in the group `readers`: the path of it. */
  create(name: string, config?: object, as?: string): Promise<string>
  produce(topic: string, partition: number, ...values: string[]): Promise<void>
  /** Values as `partition/offset value`, from reads until there are so many. */
  values(path: string, count: number): Promise<string[]>
  pass(ms: number): Promise<void>
  createTopic(name: string, partitions: number): Promise<void>
  committed(group: string): Promise<string[]>
}

interface DeskOptions {
  readonly countMax?: number
  readonly countPerPrincipalMax?: number
  readonly logs?: (logs: Logs) => Logs
  readonly bodyBytesInFlightMax?: number
}

async function desk({ logs: change = logs => logs, bodyBytesInFlightMax = 2 ** 24, ...bounds }: DeskOptions = {}): Promise<Desk> {
  const { world, backend, engine } = await openEngineWorld()
  const { groups, logs, clock } = { ...backend, logs: change(backend.logs), clock: world.clock }
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const consumers = new ConsumerInstances({ logs, groups, admin: backend.admin, clock, random: world.random, logger, ...bounds })
  const gateway = await testGateway({ logs, groups, admin: backend.admin, clock, consumers, bodyBytesInFlightMax })
  const ask = async (request: Test): Promise<Answer> => {
    let isAnswered = false
    const answer = request.then(response => response, (error: unknown) => { throw error }).finally(() => { isAnswered = true })
    while (!isAnswered) await clock.advance(5)
    return await answer
  }
  const made: Desk = {
    gateway, consumers, ask,
    post: (path, body, as = admin) => ask(body === undefined ? gateway.as(as).post(path) : gateway.as(as).post(path).type(v2).send(body)),
    get: (path, as = admin, accept = '*/*') => ask(gateway.as(as).get(path).set('accept', accept)),
    remove: (path, as = admin) => ask(gateway.as(as).delete(path)),
    async create(name, config = {}, as = admin) {
      const { status, body } = await made.post('/consumers/readers', { name, format: 'json', 'auto.offset.reset': 'earliest', 'auto.commit.enable': false, ...config }, as)
      expect([status, body.instance_id]).toEqual([200, name])
      return `/consumers/readers/instances/${name}`
    },
    async produce(topic, partition, ...values) {
      const appended = await world.run(() => append(backend, { topic, partition }, values))
      if (appended instanceof Refusal) throw new Error(appended.message)
    },
    async values(path, count) {
      const values: string[] = []
      for (let reads = 0; values.length < count && reads < 30; reads++) {
        const { status, body } = await made.get(`${path}/records?timeout=1000`)
        expect([status, status === 200 ? '' : body.message]).toEqual([200, ''])
        for (const record of body) values.push(`${record.partition}/${record.offset} ${record.value}`)
      }
      return values.toSorted()
    },
    pass: ms => clock.advance(ms),
    async createTopic(name, partitions) {
      const topic = await world.run(() => backend.admin.createTopic({ name, partitions, replicationFactor: -1, configs: new Map() }, { validateOnly: false }))
      if (topic instanceof Refusal) throw new Error(topic.message)
    },
    async committed(group) {
      const offsets = await world.run(() => groups.committed(group))
      if (offsets instanceof Refusal) throw new Error(offsets.message)
      return offsets.map(one => `${one.topic}/${one.partition} ${one.offset}`).toSorted()
    },
    async [Symbol.asyncDispose]() {
      await world.run(() => consumers[Symbol.asyncDispose]())
      await world.run(() => engine.close())
    },
  }
  return made
}

describe('a consumer instance', () => {
  it('is made, subscribes, reads, commits and goes', async () => {
    await using d = await desk()
    await d.createTopic('orders', 2)
    await d.produce('orders', 0, '1', '2')
    await d.produce('orders', 1, '3')
    const { status, body, headers } = await d.post('/consumers/readers', { format: 'json', 'auto.offset.reset': 'earliest', 'auto.commit.enable': 'false' })
    expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^application\/vnd\.kafka\.v2\+json/)])
    expect(body.base_uri).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:\\d+/consumers/readers/instances/${body.instance_id}$`))
    const path = new URL(body.base_uri).pathname
    expect((await d.post(`${path}/subscription`, { topics: ['orders'] })).status).toBe(204)
    expect((await d.get(`${path}/subscription`)).body).toEqual({ topics: ['orders'] })
    expect(await d.values(path, 3)).toEqual(['0/0 1', '0/1 2', '1/0 3'])
    expect((await d.get(`${path}/assignments`)).body).toEqual({ partitions: [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 1 }] })
    expect((await d.post(`${path}/offsets`)).status).toBe(204)
    expect(await d.committed('readers')).toEqual(['orders/0 2', 'orders/1 1'])
    const offsets = await d.ask(d.gateway.as(admin).get(`${path}/offsets`).type(v2).send({ partitions: [{ topic: 'orders', partition: 0 }] }))
    expect(offsets.body).toEqual({ offsets: [{ topic: 'orders', partition: 0, offset: 2, metadata: '' }] })
    expect((await d.get(`${path}/offsets`)).body.offsets.map((one: { offset: number }) => one.offset).toSorted()).toEqual([1, 2])
    expect((await d.remove(path)).status).toBe(204)
    expect([(await d.remove(path)).status, (await d.get(`${path}/records`)).body]).toEqual([404, { error_code: 40403, message: 'Consumer instance not found.' }])
  })

  it('shows records in its format, with time and headers, and nothing to who asks for another', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '{"id": 1.50}')
    const path = await d.create('c1')
    await d.post(`${path}/subscription`, { topics: ['orders'] })
    const mismatch = await d.get(`${path}/records`, admin, 'application/vnd.kafka.avro.v2+json')
    expect([mismatch.status, mismatch.body]).toEqual([406, {
      error_code: 40601, message: 'The requested embedded data format does not match the deserializer for this consumer instance',
    }])
    const { body, headers } = await d.get(`${path}/records`, admin, json)
    expect(headers['content-type']).toMatch(/^application\/vnd\.kafka\.json\.v2\+json/)
    expect(body).toEqual([{ topic: 'orders', key: null, value: { id: 1.5 }, partition: 0, offset: 0, timestamp: Date.UTC(2026, 0, 1), headers: [] }])
  })

  it('of the format auto shows records as reads in plain JSON do', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '{"id": 1}', 'text')
    const path = await d.create('c1', { format: 'auto' })
    await d.post(`${path}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] })
    expect((await d.get(`${path}/records`, admin, json)).status).toBe(406)
    const { body, headers } = await d.get(`${path}/records`)
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(body).toMatchObject([{ value: { id: 1 } }, { value: Buffer.from('text').toString('base64'), value_error: 'is not JSON' }])
  })

  it('commits what the read before returned where that is automatic, and the rest when it is deleted', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '1')
    const path = await d.create('c1', { 'auto.commit.enable': true })
    await d.post(`${path}/subscription`, { topics: ['orders'] })
    expect(await d.values(path, 1)).toEqual(['0/0 1'])
    expect(await d.committed('readers')).toEqual([])
    await d.produce('orders', 0, '2')
    expect(await d.values(path, 1)).toEqual(['0/1 2'])
    expect(await d.committed('readers')).toEqual(['orders/0 1'])
    await d.remove(path)
    expect(await d.committed('readers')).toEqual(['orders/0 2'])
  })

  it('commits the record that a client names, as Confluent\'s proxy does: the group goes on behind it', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '1', '2', '3')
    const first = await d.create('c1')
    await d.post(`${first}/subscription`, { topics: ['orders'] })
    await d.values(first, 3)
    expect((await d.post(`${first}/offsets?async=false`, { offsets: [{ topic: 'orders', partition: 0, offset: 0, metadata: 'note' }] })).status).toBe(204)
    expect(await d.committed('readers')).toEqual(['orders/0 1'])
    await d.remove(first)
    const second = await d.create('c2')
    await d.post(`${second}/subscription`, { topics: ['orders'] })
    expect(await d.values(second, 2)).toEqual(['0/1 2', '0/2 3'])
  })

  it('begins where auto.offset.reset says: at the start, at the end of when it was given the partition, or nowhere', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, 'before')
    const at = { partitions: [{ topic: 'orders', partition: 0 }] }
    const latest = await d.create('latest', { 'auto.offset.reset': 'latest', format: 'string' })
    await d.post(`${latest}/assignments`, at)
    await d.produce('orders', 0, 'after')
    expect(await d.values(latest, 1)).toEqual(['0/1 after'])
    const none = await d.create('none', { 'auto.offset.reset': 'none' })
    await d.post(`${none}/assignments`, at)
    expect((await d.get(`${none}/records`)).body).toEqual({ error_code: 40903, message: 'Illegal state: Undefined offset with no reset policy for partitions: [orders-0]' })
  })

  it('begins anew where its offset is gone, at once', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    for (const value of ['1', '2', '3']) await d.produce('orders', 0, value)
    const at = { topic: 'orders', partition: 0 }
    const path = await d.create('c1')
    await d.post(`${path}/assignments`, { partitions: [at] })
    await d.post(`${path}/positions`, { offsets: [{ ...at, offset: 1 }] })
    const deleting = d.gateway.parts.admin.deleteRecords(at, 2)
    await d.pass(100)
    expect(await deleting).toEqual({ lowWatermark: 2 })
    expect((await d.get(`${path}/records?timeout=0`)).body).toMatchObject([{ offset: 2, value: 3 }])
    await d.post(`${path}/positions`, { offsets: [{ ...at, offset: 99 }] })
    expect((await d.get(`${path}/records?timeout=0`)).body).toMatchObject([{ offset: 2 }])
  })

  it('reads on where it can while a partition has no leader, and says so only where there is nothing else', async () => {
    await using d = await desk({ logs: logs => ({
      ...logs, read: async (at, from, how) => (at.partition === 0 ? new Refusal('leader-not-available', 'orders-0 has no leader') : await logs.read(at, from, how)),
    }) })
    await d.createTopic('orders', 2)
    await d.produce('orders', 0, '1')
    await d.produce('orders', 1, '2')
    const path = await d.create('c1')
    await d.post(`${path}/assignments`, { partitions: [0, 1].map(partition => ({ topic: 'orders', partition })) })
    expect(await d.values(path, 1)).toEqual(['1/0 2'])
    const nothing = await d.get(`${path}/records?timeout=100`)
    expect([nothing.status, nothing.body]).toEqual([503, { error_code: 50003, message: 'orders-0 has no leader' }])
  })

  it('reads partitions of its own choice, from where it is told', async () => {
    await using d = await desk()
    await d.createTopic('orders', 2)
    await d.produce('orders', 0, '1', '2', '3')
    await d.produce('orders', 1, '4')
    const path = await d.create('c1')
    const at = { topic: 'orders', partition: 0 }
    expect((await d.post(`${path}/assignments`, { partitions: [at] })).status).toBe(204)
    expect((await d.post(`${path}/positions`, { offsets: [{ ...at, offset: 2 }] })).status).toBe(204)
    expect(await d.values(path, 1)).toEqual(['0/2 3'])
    expect((await d.post(`${path}/positions/beginning`, { partitions: [at] })).status).toBe(204)
    expect(await d.values(path, 3)).toEqual(['0/0 1', '0/1 2', '0/2 3'])
    await d.post(`${path}/positions/beginning`, { partitions: [at] })
    expect((await d.post(`${path}/positions/end`, { partitions: [at] })).status).toBe(204)
    expect((await d.get(`${path}/records?timeout=10`)).body).toEqual([])
    const elsewhere = await d.post(`${path}/positions`, { offsets: [{ topic: 'orders', partition: 1, offset: 0 }] })
    expect([elsewhere.status, elsewhere.body]).toEqual([409, { error_code: 40903, message: 'Illegal state: No current assignment for partition orders-1' }])
    const both = await d.post(`${path}/subscription`, { topics: ['orders'] })
    expect([both.status, both.body.error_code]).toEqual([409, 40903])
    expect((await d.remove(`${path}/subscription`)).status).toBe(204)
    expect((await d.post(`${path}/subscription`, { topics: ['orders'] })).status).toBe(204)
    expect((await d.post(`${path}/assignments`, { partitions: [at] })).body).toMatchObject({ error_code: 40903 })
  })

  it('goes where its client sought while a read was under way, and reads nothing by a HEAD', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '1', '2')
    const path = await d.create('c1')
    const at = { topic: 'orders', partition: 0 }
    await d.post(`${path}/assignments`, { partitions: [at] })
    await d.post(`${path}/positions/end`, { partitions: [at] })
    const waiting = d.get(`${path}/records?timeout=20000`)
    await d.pass(100)
    await d.post(`${path}/positions`, { offsets: [{ ...at, offset: 1 }] })
    await d.produce('orders', 0, '3')
    expect((await waiting).body).toMatchObject([{ value: 2 }, { value: 3 }])
    await d.post(`${path}/positions/beginning`, { partitions: [at] })
    expect((await d.ask(d.gateway.as(admin).head(`${path}/records`))).status).toBe(405)
    expect(await d.values(path, 3)).toEqual(['0/0 1', '0/1 2', '0/2 3'])
  })

  it('subscribes to a pattern, and to topics that match it later', async () => {
    await using d = await desk()
    await d.createTopic('orders-eu', 1)
    await d.createTopic('payments', 1)
    await d.gateway.allow('bob', 'read', 'group', 'readers')
    await d.gateway.allow('bob', 'read', 'topic', 'orders-eu')
    await d.gateway.allow('bob', 'read', 'topic', 'orders-us')
    const path = await d.create('c1', {}, 'bob')
    expect((await d.post(`${path}/subscription`, { topic_pattern: 'orders-.*' }, 'bob')).status).toBe(204)
    await d.createTopic('orders-us', 1)
    await d.createTopic('orders-secret', 1)
    await d.pass(40_000)
    const { body } = await d.get(`${path}/assignments`, 'bob')
    expect(body).toEqual({ partitions: [{ topic: 'orders-eu', partition: 0 }, { topic: 'orders-us', partition: 0 }] })
    expect((await d.post(`${path}/subscription`, { topic_pattern: '(' }, 'bob')).status).toBe(422)
  })

  it('shares the topic with others of its group, and takes over when one goes', async () => {
    await using d = await desk()
    await d.createTopic('orders', 4)
    const [a, b] = [await d.create('a'), await d.create('b')]
    await d.post(`${a}/subscription`, { topics: ['orders'] })
    await d.pass(1_000)
    expect((await d.get(`${a}/assignments`)).body.partitions).toHaveLength(4)
    await d.post(`${b}/subscription`, { topics: ['orders'] })
    await d.pass(10_000)
    const of = async (path: string): Promise<number[]> => ((await d.get(`${path}/assignments`)).body.partitions as { partition: number }[]).map(one => one.partition)
    const both = [await of(a), await of(b)]
    expect(both.map(one => one.length)).toEqual([2, 2])
    expect(both.flat().toSorted()).toEqual([0, 1, 2, 3])
    await d.remove(b)
    await d.pass(10_000)
    expect(await of(a)).toEqual([0, 1, 2, 3])
  })

  it('is gone from its group also when it goes in the middle of a rebalance, or changes its mind', async () => {
    await using d = await desk()
    await d.createTopic('orders', 2)
    await d.createTopic('payments', 1)
    const [a, b] = [await d.create('a'), await d.create('b')]
    await d.post(`${a}/subscription`, { topics: ['orders'] })
    await d.pass(1_000)
    await d.post(`${b}/subscription`, { topics: ['orders'] })
    expect((await d.remove(b)).status).toBe(204)
    const changes = [['orders'], ['payments'], ['orders', 'payments']].map(topics => d.post(`${a}/subscription`, { topics }))
    expect((await Promise.all(changes)).map(({ status }) => status)).toEqual([204, 204, 204])
    await d.pass(5_000)
    const subscription = (await d.get(`${a}/subscription`)).body.topics as string[]
    const assigned = (await d.get(`${a}/assignments`)).body.partitions as { topic: string }[]
    expect([...new Set(assigned.map(at => at.topic))]).toEqual(subscription)
    const group = await d.gateway.parts.groups.describe('readers')
    expect(group instanceof Refusal ? group.message : group.members.map(({ clientId }) => clientId)).toEqual(['a'])
  })

  it('goes on behind what it returned, in partitions that it keeps through a rebalance', async () => {
    await using d = await desk()
    await d.createTopic('orders', 2)
    await d.produce('orders', 0, '1')
    await d.produce('orders', 1, '2')
    const a = await d.create('a')
    await d.post(`${a}/subscription`, { topics: ['orders'] })
    expect(await d.values(a, 2)).toEqual(['0/0 1', '1/0 2'])
    const b = await d.create('b')
    await d.post(`${b}/subscription`, { topics: ['orders'] })
    await d.pass(10_000)
    const [mine] = (await d.get(`${a}/assignments`)).body.partitions as { partition: number }[]
    await d.produce('orders', mine!.partition, '3')
    expect(await d.values(a, 1)).toEqual([`${mine!.partition}/1 3`])
    // What it gave up without a commit comes again, to the other.
    expect(await d.values(b, 1)).toEqual([`${1 - mine!.partition}/0 ${2 - mine!.partition}`])
  })

  it('leaves its group when nobody uses it for five minutes, and not before', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    const path = await d.create('c1')
    await d.post(`${path}/subscription`, { topics: ['orders'] })
    await d.pass(250_000)
    expect((await d.get(`${path}/assignments`)).body.partitions).toHaveLength(1)
    await d.pass(250_000)
    expect((await d.get(`${path}/assignments`)).status).toBe(200)
    await d.pass(301_000)
    expect((await d.get(`${path}/assignments`)).status).toBe(404)
    const group = await d.gateway.parts.groups.describe('readers')
    expect(group instanceof Refusal ? group.message : [group.state, group.members]).toEqual(['Empty', []])
  })

  it('comes back into its group when it was put out of it', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    const path = await d.create('c1')
    await d.post(`${path}/subscription`, { topics: ['orders'] })
    await d.pass(1_000)
    const { groups } = d.gateway.parts
    const members = async (): Promise<string[]> => {
      const group = await groups.describe('readers')
      return group instanceof Refusal ? [] : group.members.map(({ memberId }) => memberId)
    }
    const [before] = await members()
    const leaving = groups.leave('readers', [{ memberId: before!, instanceId: null, reason: 'an administrator' }])
    await d.pass(5_000)
    expect(await leaving).toEqual([null])
    const after = await members()
    expect(after).toHaveLength(1)
    expect(after).not.toContain(before)
    await d.produce('orders', 0, '1')
    expect(await d.values(path, 1)).toEqual(['0/0 1'])
    expect((await d.post(`${path}/offsets`)).status).toBe(204)
    expect(await d.committed('readers')).toEqual(['orders/0 1'])
  })

  it('takes bodies of its own types only', async () => {
    await using d = await desk()
    const send = async (type: string, body: string): Promise<number> => (await d.ask(d.gateway.as(admin).post('/consumers/readers').type(type).send(body))).status
    expect([await send('text/plain', '{}'), await send(json, '{}'), await send(v2, '{'), await send(v2, '{}'), await send('application/json', '{}')]).toEqual([415, 415, 400, 200, 200])
    expect((await d.ask(d.gateway.as(admin).post('/consumers/readers'))).status).toBe(415)
    expect((await d.ask(d.gateway.as(admin).post('/consumers/readers').set('content-type', v2))).status).toBe(200)
    expect((await d.ask(d.gateway.as(admin).post('/consumers/readers').set('accept', 'text/html'))).status).toBe(406)
    expect((await d.ask(d.gateway.as(admin).put('/consumers/readers'))).headers['allow']).toBe('POST')
  })

  it('leaves its group when the server stops', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    const path = await d.create('c1')
    await d.post(`${path}/subscription`, { topics: ['orders'] })
    await d.pass(1_000)
    const closing = d.consumers[Symbol.asyncDispose]()
    await d.pass(1_000)
    await closing
    const group = await d.gateway.parts.groups.describe('readers')
    expect(group instanceof Refusal ? group.message : group.members).toEqual([])
    expect((await d.post('/consumers/readers', {})).status).toBe(503)
  })

  it('waits for records without holding anything up, and gives the answer when they come', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    const path = await d.create('c1')
    await d.post(`${path}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] })
    const waiting = d.get(`${path}/records?timeout=30000`)
    await d.pass(100)
    const second = await d.get(`${path}/records`)
    expect([second.status, second.body.error_code]).toEqual([409, 40903])
    await d.produce('orders', 0, '7')
    expect((await waiting).body).toMatchObject([{ value: 7 }])
  })

  it('returns as much as it may, whole batches, and goes on from there', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    for (const value of ['1', '2', '3']) await d.produce('orders', 0, value)
    const path = await d.create('c1')
    await d.post(`${path}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] })
    expect((await d.get(`${path}/records?max_bytes=1`)).body).toMatchObject([{ value: 1 }])
    expect((await d.get(`${path}/records?max_bytes=67108864`)).body).toMatchObject([{ value: 2 }, { value: 3 }])
  })

  it('waits for fetch.min.bytes, but not longer than it may', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.produce('orders', 0, '1')
    const path = await d.create('c1', { 'fetch.min.bytes': 100_000, 'consumer.request.timeout.ms': '500' })
    await d.post(`${path}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] })
    const before = d.gateway.parts.clock.monotonic()
    expect((await d.get(`${path}/records`)).body).toMatchObject([{ value: 1 }])
    expect(d.gateway.parts.clock.monotonic() - before).toBeGreaterThanOrEqual(500)
  })

  it.each([
    ['a format that is none', { format: 'xml' }, 422, 42204],
    ['a reset that is none', { 'auto.offset.reset': 'middle' }, 422, 42204],
    ['a timeout that is no number', { 'consumer.request.timeout.ms': 'soon' }, 422, 42204],
    ['a name with a slash', { name: 'a/b' }, 422, 42204],
    ['a member that is unknown', { formta: 'json' }, 422, 422],
    ['no object', [], 422, 422],
  ])('is not made with %s', async (_name, config, status, errorCode) => {
    await using d = await desk()
    const answer = await d.post('/consumers/readers', config)
    expect([answer.status, answer.body.error_code]).toEqual([status, errorCode])
    expect(d.consumers.count).toBe(0)
  })

  it('has a name of its own in its group, and a place among those there may be', async () => {
    await using d = await desk({ countMax: 3, countPerPrincipalMax: 2 })
    await d.create('c1')
    const twice = await d.post('/consumers/readers', { name: 'c1' })
    expect([twice.status, twice.body]).toEqual([409, { error_code: 40902, message: 'Consumer with specified consumer ID already exists in the specified consumer group.' }])
    expect((await d.post('/consumers/others', { name: 'c1' })).status).toBe(200)
    expect((await d.post('/consumers/readers', { name: 'c3' })).status).toBe(429)
    for (const name of ['bob', 'carol']) await d.gateway.allow(name, 'read', 'group', 'readers')
    await d.create('b1', {}, 'bob')
    expect((await d.post('/consumers/readers', {}, 'carol')).status).toBe(429)
  })
})

describe('a group of consumer instances', () => {
  it('misses no record while members come and go, and has committed all in the end', async () => {
    await using d = await desk()
    const random = new Prng(seed)
    const partitions = 4
    await d.createTopic('orders', partitions)
    const produced: string[] = []
    const read = new Set<string>()
    const members: string[] = []
    for (let step = 0, made = 0; step < 40; step++) {
      const choice = random.below(10)
      if (members.length === 0 || (choice === 0 && members.length < 4)) {
        const path = await d.create(`m${made++}`, { 'auto.commit.enable': true, format: 'string' })
        await d.post(`${path}/subscription`, { topics: ['orders'] })
        members.push(path)
      } else if (choice === 1) {
        // Deleted, it has done with what it read.
        const [gone] = members.splice(random.below(members.length), 1)
        expect((await d.remove(gone!)).status).toBe(204)
      } else if (choice < 6) {
        const partition = random.below(partitions)
        const value = `v${produced.length}`
        produced.push(value)
        await d.produce('orders', partition, value)
      } else {
        const { status, body } = await d.get(`${members[random.below(members.length)]}/records?timeout=200`)
        expect(status).toBe(200)
        for (const { value } of body as { value: string }[]) read.add(value)
      }
      await d.pass(random.below(3) * 700)
    }
    for (const path of members) expect((await d.remove(path)).status).toBe(204)
    // What nobody had read, and what was read before a rebalance without a commit, comes to the next.
    const last = await d.create('last', { 'auto.commit.enable': true, format: 'string' })
    await d.post(`${last}/subscription`, { topics: ['orders'] })
    for (let reads = 0; reads < 30 && read.size < produced.length; reads++) for (const { value } of (await d.get(`${last}/records?timeout=500`)).body as { value: string }[]) read.add(value)
    expect([...read].toSorted()).toEqual(produced.toSorted())
    await d.remove(last)
    expect((await d.committed('readers')).reduce((sum, one) => sum + Number(one.split(' ')[1]), 0)).toBe(produced.length)
  })
})

describe('who may use a consumer instance', () => {
  const requests: readonly [method: 'get' | 'post' | 'delete', path: string, body?: object][] = [
    ['delete', ''], ['get', '/subscription'], ['post', '/subscription', { topics: ['orders'] }], ['delete', '/subscription'], ['get', '/assignments'],
    ['post', '/assignments', { partitions: [{ topic: 'orders', partition: 0 }] }], ['post', '/positions', { offsets: [{ topic: 'orders', partition: 0, offset: 0 }] }],
    ['post', '/positions/beginning', { partitions: [{ topic: 'orders', partition: 0 }] }], ['post', '/positions/end', { partitions: [{ topic: 'orders', partition: 0 }] }],
    ['get', '/records'], ['post', '/offsets'], ['get', '/offsets', { partitions: [{ topic: 'orders', partition: 0 }] }],
  ]

  it('is who made it: to others who may read the group it is not there', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    for (const name of ['alice', 'bob']) for (const [type, of] of [['group', 'readers'], ['topic', 'orders']] as const) await d.gateway.allow(name, 'read', type, of)
    const path = await d.create('hers', {}, 'alice')
    for (const [method, below, body] of requests) {
      const answers = await Promise.all([path, '/consumers/readers/instances/nobodys'].map(one => {
        const request = d.gateway.as('bob')[method](`${one}${below}`)
        return d.ask(body === undefined ? request : request.type(v2).send(body))
      }))
      for (const { status, body: answer } of answers) expect([method, below, status, answer]).toEqual([method, below, 404, { error_code: 40403, message: 'Consumer instance not found.' }])
    }
    expect((await d.get(`${path}/subscription`, 'alice')).status).toBe(200)
  })

  it('must be allowed to read the group, at every request', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    expect(await d.post('/consumers/readers', {}, 'bob')).toMatchObject({ status: 403, body: { error_code: 40301, message: 'Not authorized to access group: readers' } })
    for (const [method, below, body] of requests) {
      const request = d.gateway.as('bob')[method](`/consumers/readers/instances/any${below}`)
      const { status } = await d.ask(body === undefined ? request : request.type(v2).send(body))
      expect([method, below, status]).toEqual([method, below, 403])
    }
  })

  it('must be allowed to read the topics, at every request', async () => {
    await using d = await desk()
    await d.createTopic('orders', 1)
    await d.gateway.allow('bob', 'read', 'group', 'readers')
    const path = await d.create('his', {}, 'bob')
    const needTopic = requests.filter(([, , body]) => body !== undefined)
    for (const [method, below, body] of needTopic) {
      const { status, body: answer } = await d.ask(d.gateway.as('bob')[method](`${path}${below}`).type(v2).send(body!))
      expect([method, below, status, answer]).toEqual([method, below, 403, { error_code: 40301, message: 'Not authorized to access topics: [orders]' }])
    }
    await d.gateway.allow('bob', 'read', 'topic', 'orders')
    expect((await d.post(`${path}/subscription`, { topics: ['orders'] }, 'bob')).status).toBe(204)
    await d.produce('orders', 0, '1')
    await d.pass(1_000)
    const bindings = d.gateway.parts.access.list({ resourceType: 'topic' })
    await d.gateway.parts.access.delete([{ resourceType: 'topic' }], { principal: { type: 'User', name: 'CN=admin' }, host: '127.0.0.1' })
    expect(bindings).toHaveLength(1)
    expect((await d.get(`${path}/records`, 'bob')).body).toEqual({ error_code: 40301, message: 'Not authorized to access topics: [orders]' })
  })
})

describe('an answer', () => {
  it('ends where there is no room for more of all answers, and the next one goes on there', async () => {
    await using d = await desk({ bodyBytesInFlightMax: 20_000 })
    await d.createTopic('orders', 2)
    const value = (name: string): string => JSON.stringify(name.repeat(8_000))
    await d.produce('orders', 0, value('a'), value('b'), value('c'))
    await d.produce('orders', 1, value('d'))
    const path = await d.create('one')
    await d.post(`${path}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 1 }] })
    const names = async (): Promise<string[]> => (await d.get(`${path}/records`)).body.map((record: { value: string }) => record.value[0])
    const [first, second] = [await names(), await names()]
    expect([first.length, second.length, [...first, ...second].toSorted()]).toEqual([2, 2, ['a', 'b', 'c', 'd']])
    await d.produce('orders', 0, value('efg'), value('h'))
    expect((await d.get(`${path}/records`))).toMatchObject({ status: 503, headers: { 'retry-after': '1' }, body: { message: 'HTTP 503 Service Unavailable: too many answer bytes in flight' } })
  })
})
