// Administration of brokers: what is shown, what each operation does, what is said to one that cannot be, and what is left in the audit log.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { createGateway } from '../../src/gateway/app.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { allowAll } from '../../src/security/authorizer.ts'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'

const threeBrokers = (): Promise<TestGateway> => testGateway({}, { brokerIds: [1, 2, 3] })

function changes(gateway: TestGateway): unknown[] {
  return gateway.audited.filter(event => event.kind === 'change').map(({ operation, resource, reason }) => [operation, resource, reason])
}

describe('/admin/brokers', () => {
  it('shows each broker: where it is, how it is, what lies on it', async () => {
    const gateway = await threeBrokers()
    await gateway.createTopic('orders', { partitions: 2 })
    gateway.cluster.breakDown(3, 'its disk failed: EIO')
    const { body } = await gateway.as(admin).get('/admin/brokers') as { body: { brokers: object[] } }
    const broker = {
      id: 1, rack: 'a', state: 'running', isUp: true, fault: null, leaders: 1, replicas: 2, outOfSync: 0, storageBytes: 0, limitBytes: null,
      directories: ['/data/broker-1'], ports: { 'kafka-tls': 9094 },
    }
    expect(body).toMatchObject({ controllerId: 1, brokers: [broker, { id: 2 }, { id: 3, isUp: false, fault: 'its disk failed: EIO', storageBytes: null, ports: {} }] })
    expect((await gateway.as(admin).get('/admin/brokers/1')).body).toEqual(broker)
  })

  it('adds one with the lowest free id, or as it is told', async () => {
    const gateway = await threeBrokers()
    const made = await gateway.as(admin).post('/admin/brokers').send({})
    expect([made.status, made.body]).toMatchObject([201, { id: 4, isUp: true, directories: ['/data/broker-4'] }])
    expect((await gateway.as(admin).post('/admin/brokers').send({ id: 9, rack: 'z', directories: ['/x', '/y'] })).body).toMatchObject({ id: 9, rack: 'z', directories: ['/x', '/y'] })
    const again = await gateway.as(admin).post('/admin/brokers').send({ id: 9 })
    expect([again.status, again.body]).toEqual([409, { error_code: 409, message: 'Broker 9 exists already; give another id, or none to get the lowest that is free' }])
    expect(changes(gateway)).toEqual([['add-broker', 'broker:4', 'rack a, /data/broker-4'], ['add-broker', 'broker:9', 'rack z, /x, /y']])
  })

  it.each([
    [{ id: -1 }, '\'id\' must be a whole number from 0 to 2147483647, not -1'],
    [{ id: '4' }, '\'id\' must be a whole number from 0 to 2147483647, not "4"'],
    [{ rack: '' }, '\'rack\' must be a text'],
    [{ directories: [] }, '\'directories\' must be a list of 1 to 64'],
    [{ directories: ['/x', 7] }, '\'directories[1]\' must be a text'],
    [{ directories: ['data'] }, '\'directories[0]\' must be an absolute path, not \'data\''],
    [{ zone: 'a' }, '\'zone\' is not known; known are id, rack, directories'],
  ])('refuses to add %j', async (body, message) => {
    const gateway = await threeBrokers()
    const response = await gateway.as(admin).post('/admin/brokers').send(body)
    expect([response.status, (response.body as { message: string }).message]).toEqual([422, expect.stringContaining(message)])
    expect(await gateway.cluster.brokers.list()).toHaveLength(3)
  })

  it('stops, starts, restarts and fails one, and answers with it once that is done', async () => {
    const gateway = await threeBrokers()
    await gateway.createTopic('orders')
    const act = async (action: string): Promise<unknown> => (await gateway.as(admin).post(`/admin/brokers/1/${action}`)).body
    expect(await act('stop')).toMatchObject({ id: 1, isUp: false, leaders: 0, outOfSync: 1 })
    expect(await act('start')).toMatchObject({ id: 1, isUp: true, outOfSync: 0 })
    expect(await act('restart')).toMatchObject({ id: 1, isUp: true })
    expect(await act('fail')).toMatchObject({ id: 1, isUp: false })
    expect(changes(gateway)).toEqual(['stop', 'start', 'restart', 'fail'].map(action => [`${action}-broker`, 'broker:1', undefined]))
  })

  it.each([
    ['POST', '/admin/brokers/7/stop', 404, 'There is no broker 7; there are 1, 2, 3'],
    ['POST', '/admin/brokers/x/stop', 404, 'There is no broker x; there are 1, 2, 3'],
    ['GET', '/admin/brokers/7', 404, 'There is no broker 7; there are 1, 2, 3'],
    ['DELETE', '/admin/brokers/7', 404, 'There is no broker 7; there are 1, 2, 3'],
    ['POST', '/admin/brokers/1/explode', 404, 'Unknown action \'explode\'; there are stop, start, restart, fail'],
    ['POST', '/admin/brokers/1/start', 409, 'Broker 1 is running already; restart it with POST /admin/brokers/1/restart'],
    ['POST', '/admin/brokers/2/stop', 409, 'Broker 2 is not running, so that it cannot stop; start it with POST /admin/brokers/2/start'],
    ['POST', '/admin/brokers/2/restart', 409, 'Broker 2 is not running, so that it cannot restart; start it with POST /admin/brokers/2/start'],
    ['GET', '/admin/brokers/1/stop', 405, 'HTTP 405 Method Not Allowed: GET; this path takes POST'],
    ['GET', '/admin/brokers/2/log-dirs', 503, 'broker 2 is not running'],
  ] as const)('says to %s %s what is wrong', async (method, path, status, message) => {
    const gateway = await threeBrokers()
    await gateway.cluster.brokers.stop(2)
    const response = await gateway.as(admin)[method.toLowerCase() as 'get' | 'post' | 'delete'](path)
    expect([response.status, (response.body as { message: string }).message]).toEqual([status, message])
    expect(changes(gateway)).toEqual([])
  })

  it('limits what one may store, and takes the limit away', async () => {
    const gateway = await threeBrokers()
    const limit = (limitBytes: unknown): Promise<{ status: number; body: unknown }> => gateway.as(admin).put('/admin/brokers/2/storage').send({ limitBytes } as object)
    expect((await limit(1_000)).body).toMatchObject({ id: 2, limitBytes: 1_000 })
    expect((await limit(null)).body).toMatchObject({ id: 2, limitBytes: null })
    for (const wrong of [0, -1, 1.5, '10GiB', undefined]) expect((await limit(wrong)).status).toBe(422)
    expect(changes(gateway)).toEqual([['set-storage-limit', 'broker:2', '1000 bytes'], ['set-storage-limit', 'broker:2', 'no limit']])
  })
})

describe('DELETE /admin/brokers/{id}', () => {
  it('answers once its partitions are moved and it is gone', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3, 4] })
    await gateway.createTopic('orders', { partitions: 4 })
    expect((await gateway.as(admin).delete('/admin/brokers/2')).status).toBe(204)
    const [orders] = await gateway.cluster.admin.topics(['orders'])
    expect(orders!.partitions.every(one => !one.replicas.includes(2) && one.replicas.length === 3)).toBe(true)
    expect((await gateway.cluster.brokers.list()).map(one => one.id)).toEqual([1, 3, 4])
    expect(changes(gateway)).toEqual([['remove-broker', 'broker:2', 'its partitions begin to move to the other brokers']])
  })

  it('tells line by line how many are left, where it is asked to', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3, 4] })
    await gateway.createTopic('orders', { partitions: 4 })
    const response = await gateway.as(admin).delete('/admin/brokers/2').set('accept', 'application/x-ndjson').buffer(true)
      .parse((answer, done) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => { text += chunk.toString() })
        answer.on('end', () => done(null, text))
      })
    expect([response.status, response.type]).toEqual([200, 'application/x-ndjson'])
    expect((response.body as string).trimEnd().split('\n').map(line => JSON.parse(line) as unknown)).toEqual([{ left: 3 }, { left: 2 }, { left: 1 }, { removed: 2 }])
  })

  it('repeats its last line while nothing moves, until it is done', async () => {
    const due: { task: () => void; isCancelled: boolean }[] = []
    const clock = {
      now: () => 0, monotonic: () => 0,
      after(_delayMs: number, task: () => void) {
        const timer = { task, isCancelled: false }
        due.push(timer)
        const cancel = (): void => { timer.isCancelled = true }
        return { cancel, [Symbol.dispose]: cancel }
      },
    }
    const gateway = await testGateway({ clock }, { brokerIds: [1, 2, 3, 4] })
    await gateway.createTopic('orders')
    const moved = Promise.withResolvers<void>()
    gateway.cluster.beforeMove = () => moved.promise
    let text = ''
    const response = gateway.as(admin).delete('/admin/brokers/2').set('accept', 'application/x-ndjson').buffer(true).parse((answer, done) => {
      answer.on('data', (chunk: Buffer) => { text += chunk.toString() })
      answer.on('end', () => done(null, text))
    }).then(answer => answer)
    await vi.waitFor(() => expect(text).toBe('{"left":1}\n'), { timeout: 30_000 })
    due.shift()!.task()
    await vi.waitFor(() => expect(text).toBe('{"left":1}\n{"left":1}\n'), { timeout: 30_000 })
    moved.resolve()
    expect((await response).body).toBe('{"left":1}\n{"left":1}\n{"removed":2}\n')
    expect(due.map(one => one.isCancelled)).toEqual([true])
  })

  it('may take longer than a connection may be idle', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3, 4] })
    await gateway.createTopic('orders')
    gateway.cluster.beforeMove = () => delay(1_500)
    const app = createGateway({ ...gateway.parts, access: allowAll(gateway.parts.audit) })
    await using server = await startGateway({ app, host: '127.0.0.1', port: 0, limits: { idleTimeoutMs: 300 } })
    expect((await fetch(`http://127.0.0.1:${server.port}/admin/brokers/2`, { method: 'DELETE' })).status).toBe(204)
  })

  it('says at the end what stood in its way', async () => {
    const gateway = await testGateway()
    expect((await gateway.as(admin).delete('/admin/brokers/1')).body).toEqual({ error_code: 40002, message: 'broker 1 is the only one: there is none to take its partitions' })
    const response = await gateway.as(admin).delete('/admin/brokers/1').set('accept', 'application/x-ndjson').buffer(true)
      .parse((answer, done) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => { text += chunk.toString() })
        answer.on('end', () => done(null, text))
      })
    expect(response.body).toBe('{"error_code":40002,"message":"broker 1 is the only one: there is none to take its partitions"}\n')
  })
})

describe('/admin/brokers/{id}/log-dirs', () => {
  it('shows the replicas in each directory, and moves one to another', async () => {
    const gateway = await threeBrokers()
    await gateway.createTopic('orders', { partitions: 2 })
    await gateway.as(admin).post('/admin/brokers').send({ id: 4, directories: ['/x', '/y'] })
    await gateway.as(admin).post('/admin/reassignments').send({ partitions: [{ topic: 'orders', partition: 0, replicas: [4, 1] }] })
    gateway.cluster.finishReassignments()
    const moved = await gateway.as(admin).post('/admin/brokers/4/log-dirs/move').send({ topic: 'orders', partition: 0, path: '/y' })
    expect([moved.status, moved.body]).toEqual([202, { broker: 4, topic: 'orders', partition: 0, path: '/y' }])
    const disk = { failed: null, totalBytes: 1024 ** 3, usableBytes: 1024 ** 3 / 2, limitBytes: null }
    expect((await gateway.as(admin).get('/admin/brokers/4/log-dirs')).body).toEqual({ directories: [
      { path: '/x', ...disk, replicas: [] },
      { path: '/y', ...disk, replicas: [{ topic: 'orders', partition: 0, bytes: 0, lag: 0, isFuture: false }] },
    ] })
    expect(changes(gateway).at(-1)).toEqual(['move-replica', 'topic:orders', 'partition 0 of broker 4 → /y'])
  })

  it.each([
    [{ topic: 'orders', partition: 0, path: '/nowhere' }, 404, 'Broker 1 has no data directory \'/nowhere\'; it has /data/broker-1'],
    [{ topic: 'orders', path: '/data/broker-1' }, 422, '\'partition\' must be given'],
    [{ topic: 'orders', partition: 0.5, path: '/data/broker-1' }, 422, '\'partition\' must be a whole number'],
    [{ partition: 0, path: '/data/broker-1' }, 422, '\'topic\' must be a text'],
  ])('refuses to move %j', async (body, status, message) => {
    const gateway = await threeBrokers()
    const response = await gateway.as(admin).post('/admin/brokers/1/log-dirs/move').send(body)
    expect([response.status, (response.body as { message: string }).message]).toEqual([status, expect.stringContaining(message)])
  })
})

describe('GET /admin/quorum', () => {
  it('shows who holds the metadata and how far each copy is', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2] })
    await gateway.cluster.brokers.stop(2)
    const at = '2023-11-14T22:13:20.000Z'
    expect((await gateway.as(admin).get('/admin/quorum')).body).toEqual({
      leaderId: 1, leaderEpoch: 3, highWatermark: 12,
      voters: [{ id: 1, logEndOffset: 12, lag: 0, lastFetchAt: at, lastCaughtUpAt: at }, { id: 2, logEndOffset: 7, lag: 5, lastFetchAt: null, lastCaughtUpAt: null }],
    })
  })
})
