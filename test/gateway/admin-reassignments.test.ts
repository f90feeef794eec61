// Moving partitions between brokers, elections, and the replicas of a topic one by one.
import { describe, expect, it } from 'vitest'
import { admin, testGateway, type TestGateway } from '../support/gateway.ts'

async function fourBrokers(partitions = 3): Promise<TestGateway> {
  const gateway = await testGateway({}, { brokerIds: [1, 2, 3, 4] })
  await gateway.createTopic('orders', { partitions })
  return gateway
}

const replicasOf = async (gateway: TestGateway): Promise<unknown> => (await gateway.cluster.admin.topics(['orders']))[0]!.partitions.map(one => one.replicas)
const changes = (gateway: TestGateway): unknown[] => gateway.audited.filter(event => event.kind === 'change').map(({ operation, resource, reason }) => [operation, resource, reason])

describe('/admin/reassignments', () => {
  it('begins a move, shows it while it is under way, and gives it up again', async () => {
    const gateway = await fourBrokers()
    const client = gateway.as(admin)
    const wish = { topic: 'orders', partition: 0, replicas: [4, 2, 3] }
    const begun = await client.post('/admin/reassignments').send({ partitions: [wish] })
    expect([begun.status, begun.body]).toEqual([202, { partitions: [{ ...wish, error: null }] }])
    const underWay = { reassignments: [{ topic: 'orders', partition: 0, replicas: [4, 2, 3, 1], addingReplicas: [4], removingReplicas: [1] }] }
    expect((await client.get('/admin/reassignments')).body).toEqual(underWay)
    expect((await client.get('/admin/reassignments?topic=orders')).body).toEqual(underWay)
    expect((await client.get('/admin/reassignments?topic=others')).body).toEqual({ reassignments: [] })
    expect((await client.post('/admin/reassignments').send({ partitions: [{ ...wish, replicas: null }] })).status).toBe(202)
    expect((await client.get('/admin/reassignments')).body).toEqual({ reassignments: [] })
    expect(changes(gateway)).toEqual([['reassign-partitions', 'topic:orders', '0 → 4,2,3'], ['reassign-partitions', 'topic:orders', '0 → as before']])
  })

  it('answers each wish on its own, and a single one that is refused as a whole', async () => {
    const gateway = await fourBrokers()
    const [good, bad] = [{ topic: 'orders', partition: 0, replicas: [4] }, { topic: 'orders', partition: 1, replicas: [9] }]
    const both = await gateway.as(admin).post('/admin/reassignments').send({ partitions: [good, bad] })
    expect([both.status, both.body]).toEqual([207, {
      partitions: [{ ...good, error: null }, { ...bad, error: { error_code: 40002, message: 'broker 9 is not registered' } }],
    }])
    const one = await gateway.as(admin).post('/admin/reassignments').send({ partitions: [bad] })
    expect([one.status, one.body]).toEqual([400, { error_code: 40002, message: 'broker 9 is not registered' }])
    expect(changes(gateway)).toEqual([['reassign-partitions', 'topic:orders', '0 → 4']])
  })

  it('spreads topics over brokers, moving no more than that takes', async () => {
    const gateway = await fourBrokers()
    const client = gateway.as(admin)
    const begun = await client.post('/admin/reassignments').send({ topics: ['orders'], brokers: [1, 2, 4] })
    expect(begun.status).toBe(202)
    gateway.cluster.finishReassignments()
    expect(await replicasOf(gateway)).toEqual([[1, 2, 4], [4, 1, 2], [2, 4, 1]])
    const again = await client.post('/admin/reassignments').send({ topics: ['orders'], brokers: [1, 2, 4] })
    expect([again.status, again.body]).toEqual([200, { partitions: [] }])
  })

  it('does not spread more partitions than one request may move', async () => {
    const gateway = await fourBrokers(10_001)
    expect((await gateway.as(admin).post('/admin/reassignments').send({ topics: ['orders'], brokers: [1, 2, 3] })).body)
      .toEqual({ error_code: 422, message: '\'topics\' have 10001 partitions, which is more than 10000; name fewer at a time' })
  })

  it.each([
    [{}, 422, '\'partitions\' must be given, or topics and brokers in its place'],
    [{ partitions: [], topics: ['orders'] }, 422, '\'partitions\' must be given, or topics and brokers in its place'],
    [{ partitions: [] }, 422, '\'partitions\' must be a list of 1 to 10000'],
    [{ partitions: [7] }, 422, '\'partitions[0]\' must be an object'],
    [{ partitions: [{ topic: 'orders', partition: 0 }] }, 422, '\'partitions[0].replicas\' must be a list of 1 to 1000'],
    [{ partitions: [{ topic: 'orders', partition: 0, replicas: ['1'] }] }, 422, '\'partitions[0].replicas[0]\' must be a whole number'],
    [{ partitions: [{ topic: 'orders', partition: 0, replicas: [1], leader: 1 }] }, 422, '\'partitions[0].leader\' is not known'],
    [{ topics: ['orders'] }, 422, '\'brokers\' must be a list'],
    [{ topics: ['orders'], brokers: [1, 2, 9] }, 422, '\'brokers\' names broker 9, which is not registered; there are 1, 2, 3, 4'],
    [{ topics: ['orders'], brokers: [1, 2] }, 422, '\'brokers\' names 2, which is fewer than the 3 replicas of partition 0 of topic \'orders\''],
    [{ topics: ['orders'], brokers: [1, 2], replicationFactor: 3 }, 422, '\'replicationFactor\' is 3, and there are only 2 brokers to spread over'],
    [{ topics: ['nothing'], brokers: [1, 2, 3] }, 404, 'Topic \'nothing\' not found.'],
  ])('refuses %j', async (body, status, message) => {
    const gateway = await fourBrokers()
    const response = await gateway.as(admin).post('/admin/reassignments').send(body)
    expect([response.status, (response.body as { message: string }).message]).toEqual([status, expect.stringContaining(message)])
    expect(await gateway.cluster.admin.reassignments(null)).toEqual([])
  })
})

describe('POST /admin/elections', () => {
  it('gives partitions back to their preferred leaders', async () => {
    const gateway = await fourBrokers()
    const client = gateway.as(admin)
    await gateway.cluster.brokers.restart(1)
    const wanted = [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 1 }]
    const done = await client.post('/admin/elections').send({ kind: 'preferred', partitions: wanted })
    expect([done.status, done.body]).toEqual([200, { partitions: [{ ...wanted[0], elected: true, error: null }, { ...wanted[1], elected: false, error: null }] }])
    expect(changes(gateway)).toEqual([['elect-leaders', 'topic:orders', 'preferred, of partitions 0']])
    expect((await client.post('/admin/elections').send({ kind: 'preferred' })).body).toEqual({ partitions: [] })
  })

  it('says of each partition why it could not, and refuses a single one as a whole', async () => {
    const gateway = await fourBrokers()
    await gateway.cluster.brokers.stop(1)
    const partitions = [{ topic: 'orders', partition: 0 }, { topic: 'orders', partition: 1 }]
    const failed = await gateway.as(admin).post('/admin/elections').send({ kind: 'preferred', partitions })
    expect([failed.status, failed.body]).toMatchObject([207, { partitions: [{ elected: false, error: { message: 'the preferred leader 1 is not available' } }, { error: null }] }])
    const one = await gateway.as(admin).post('/admin/elections').send({ kind: 'preferred', partitions: partitions.slice(0, 1) })
    expect([one.status >= 400, one.body]).toMatchObject([true, { message: 'the preferred leader 1 is not available' }])
    expect((await gateway.as(admin).post('/admin/elections').send({ kind: 'preferred', partitions: partitions.slice(1) })).status).toBe(200)
  })

  it('refuses a kind that there is not', async () => {
    const response = await (await fourBrokers()).as(admin).post('/admin/elections').send({ kind: 'dirty' })
    expect(response.body).toEqual({ error_code: 422, message: '\'kind\' must be one of preferred, unclean, not "dirty"' })
  })
})

describe('GET /admin/topics/{t}/replicas', () => {
  it('shows each replica\'s offsets, and those of brokers that are down as unknown', async () => {
    const gateway = await fourBrokers(1)
    await gateway.as(admin).post('/topics/orders').type('application/vnd.kafka.json.v2+json').send({ records: [{ value: 1 }, { value: 2 }] })
    await gateway.cluster.brokers.stop(1)
    const offsets = { logStartOffset: 0, lastStableOffset: 2, highWatermark: 2, logEndOffset: 2, durableOffset: 2 }
    expect((await gateway.as(admin).get('/admin/topics/orders/replicas')).body).toEqual({
      topic: 'orders', id: expect.any(String),
      partitions: [{
        partition: 0, leader: 2, leaderEpoch: 1, partitionEpoch: 1, inSyncReplicas: [2, 3], addingReplicas: [], removingReplicas: [],
        replicas: [
          { broker: 1, role: 'offline', isInSync: false, logStartOffset: null, lastStableOffset: null, highWatermark: null, logEndOffset: null, durableOffset: null },
          { broker: 2, role: 'leader', isInSync: true, ...offsets },
          { broker: 3, role: 'follower', isInSync: true, ...offsets },
        ],
      }],
    })
    expect((await gateway.as(admin).get('/admin/topics/nothing/replicas')).body).toEqual({ error_code: 40401, message: 'Topic \'nothing\' not found.' })
  })
})
