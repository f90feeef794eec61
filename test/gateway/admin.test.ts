// Administration: ACLs, access keys, topics, the overview. Who may, what it does, what is left in the audit log.
import { describe, expect, it } from 'vitest'
import { admin, testGateway } from '../support/gateway.ts'

const json = 'application/vnd.kafka.json.v2+json'
const allowBob = { principal: 'User:CN=bob', operation: 'write', resourceType: 'topic', resourceName: 'orders' }

describe('/admin/acls', () => {
  it('adds, lists and removes bindings, which count at once', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders')
    const produce = async (): Promise<number> => (await gateway.as('bob').post('/topics/orders').type(json).send({ records: [{ value: 1 }] })).status
    expect(await produce()).toBe(403)
    const added = await gateway.as(admin).post('/admin/acls').send({ acls: [allowBob] })
    const binding = { ...allowBob, host: '*', permission: 'allow', patternType: 'literal' }
    expect([added.status, added.body]).toEqual([201, { acls: [{ ...binding, error: null }] }])
    expect(await produce()).toBe(200)
    expect((await gateway.as(admin).get('/admin/acls')).body).toEqual({ acls: [binding] })
    expect((await gateway.as(admin).get('/admin/acls?principal=User:CN%3Deve')).body).toEqual({ acls: [] })
    const removed = await gateway.as(admin).delete('/admin/acls?principal=User:CN%3Dbob&operation=write')
    expect([removed.status, removed.body]).toEqual([200, { deleted: [binding] }])
    expect(await produce()).toBe(403)
    const operations = gateway.audited.filter(event => event.kind === 'authority').map(event => [event.principal, event.operation])
    expect(operations).toEqual([['User:CN=admin', 'create-acl'], ['User:CN=admin', 'delete-acl']])
  })

  it.each([
    [{}, '\'acls\' must be a list of 1 to 1000 bindings'],
    [{ acls: [] }, '\'acls\' must be a list of 1 to 1000 bindings'],
    [{ acls: [{ ...allowBob, operation: 'fly' }] }, '\'acls[0].operation\' must be one of'],
    [{ acls: [{ ...allowBob, resourceType: 'shoe' }] }, '\'acls[0].resourceType\' must be one of'],
    [{ acls: [{ ...allowBob, principal: '' }] }, '\'acls[0].principal\' must be a text'],
    [{ acls: [7] }, '\'acls[0]\' must be an object'],
    [{ acls: [allowBob], more: 1 }, '\'more\' is not known'],
  ])('refuses %j with the path of what is wrong', async (body, message) => {
    const response = await (await testGateway()).as(admin).post('/admin/acls').send(body)
    expect(response.status).toBe(422)
    expect((response.body as { message: string }).message).toContain(message)
  })

  it('removes nothing without a filter, and takes only JSON', async () => {
    const gateway = await testGateway()
    expect((await gateway.as(admin).delete('/admin/acls')).status).toBe(422)
    expect((await gateway.as(admin).post('/admin/acls').type('text/plain').send('{}')).status).toBe(415)
    expect((await gateway.as(admin).post('/admin/acls').type('application/json').send('{')).status).toBe(400)
  })
})

describe('/admin/access-keys', () => {
  it('shows a secret once, to whoever made the key', async () => {
    const gateway = await testGateway()
    const made = await gateway.as(admin).post('/admin/access-keys').send({ principal: 'User:CN=alice' })
    expect(made.status).toBe(201)
    const { id, secret } = made.body as { id: string; secret: string }
    expect(id).toMatch(/^AKIA[A-Z2-7]{16}$/)
    expect(gateway.backend.accessKeys.find(id)).toMatchObject({ secret, principal: { type: 'User', name: 'CN=alice' } })
    const listed = await gateway.as(admin).get('/admin/access-keys')
    expect(listed.body).toEqual({ accessKeys: [{ id, principal: 'User:CN=alice', createdAt: new Date(gateway.time.now).toISOString() }] })
    expect(listed.text).not.toContain(secret)
    expect(JSON.stringify([gateway.audited, gateway.logged])).not.toContain(secret)
    expect((await gateway.as(admin).delete(`/admin/access-keys/${id}`)).status).toBe(204)
    expect((await gateway.as(admin).delete(`/admin/access-keys/${id}`)).status).toBe(404)
    expect(gateway.backend.accessKeys.find(id)).toBeUndefined()
    expect(gateway.audited.filter(event => event.kind === 'credential').map(event => event.operation)).toEqual(['create-access-key', 'delete-access-key'])
  })

  it('makes temporary keys with a token, shown as once as the secret', async () => {
    const gateway = await testGateway()
    const made = await gateway.as(admin).post('/admin/access-keys').send({ principal: 'User:CN=alice', durationSeconds: 900 })
    const { id, secret, sessionToken, expiresAt } = made.body as { id: string; secret: string; sessionToken: string; expiresAt: string }
    expect([made.status, id.slice(0, 4), Date.parse(expiresAt)]).toEqual([201, 'ASIA', gateway.time.now + 900_000])
    expect(gateway.backend.accessKeys.find(id)).toMatchObject({ secret, session: { token: sessionToken, expiresAtMs: gateway.time.now + 900_000 } })
    const listed = await gateway.as(admin).get('/admin/access-keys')
    expect(listed.body).toEqual({ accessKeys: [{ id, principal: 'User:CN=alice', createdAt: new Date(gateway.time.now).toISOString(), expiresAt }] })
    expect(listed.text + JSON.stringify([gateway.audited, gateway.logged])).not.toContain(sessionToken)
    expect(gateway.audited).toContainEqual(expect.objectContaining({ operation: 'create-access-key', reason: `signs as User:CN=alice until ${expiresAt}` }))
  })

  it.each([0, -1, 129_601, 1.5, '900', null, true])('refuses a duration of %j', async durationSeconds => {
    const gateway = await testGateway()
    const refused = await gateway.as(admin).post('/admin/access-keys').send({ principal: 'User:CN=alice', durationSeconds })
    expect(refused.body).toMatchObject({ error_code: 422, message: expect.stringContaining('durationSeconds') })
    expect(gateway.backend.accessKeys.all()).toEqual([])
  })

  it('refuses a principal that is none', async () => {
    const gateway = await testGateway()
    expect((await gateway.as(admin).post('/admin/access-keys').send({ principal: 'alice' })).body).toMatchObject({ error_code: 422, message: expect.stringContaining('User:CN=alice') })
  })
})

describe('/admin/topics', () => {
  it('creates, changes, grows and deletes a topic', async () => {
    const gateway = await testGateway()
    const client = gateway.as(admin)
    const created = await client.post('/admin/topics').send({ name: 'orders', partitions: 2, configs: { 'retention.ms': 1000 } })
    expect([created.status, created.body]).toEqual([201, { name: 'orders', id: expect.any(String), partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '1000' } }])
    expect((await client.post('/admin/topics').send({ name: 'orders' })).status).toBe(409)
    const changed = await client.patch('/admin/topics/orders').send({ configs: { 'retention.ms': null, 'segment.ms': '5' }, partitions: 3 })
    expect([changed.status, changed.body]).toEqual([200, {
      name: 'orders', partitions: { from: 2, to: 3 }, configs: [{ name: 'retention.ms', from: '1000', to: null }, { name: 'segment.ms', from: null, to: '5' }],
    }])
    const [topic] = await gateway.backend.admin.topics(['orders'])
    expect([topic!.partitions.length, [...topic!.configs]]).toEqual([3, [['segment.ms', '5']]])
    const deleted = await client.delete('/admin/topics/orders')
    expect([deleted.status, deleted.body]).toEqual([200, { name: 'orders', id: topic!.id, partitions: 3 }])
    expect((await client.delete('/admin/topics/orders')).body).toMatchObject({ error_code: 40401 })
    const by = { kind: 'change', outcome: 'allowed', principal: 'User:CN=admin', resource: 'topic:orders' }
    expect(gateway.audited).toMatchObject([
      { ...by, operation: 'create-topic', reason: 'partitions 2, replication factor 1' },
      { ...by, operation: 'alter-topic', reason: 'partitions 2 → 3' },
      { ...by, operation: 'alter-topic', reason: 'retention.ms at its default, segment.ms = 5' },
      { ...by, operation: 'delete-topic', reason: `id ${topic!.id}, partitions 3` },
    ])
  })

  it('asks for the right to create on the cluster or on the topic, and audits only the lack of both', async () => {
    const gateway = await testGateway()
    await gateway.allow('bob', 'create', 'topic', 'orders')
    expect((await gateway.as('bob').post('/admin/topics').send({ name: 'orders' })).status).toBe(201)
    const denials = () => gateway.audited.filter(event => event.outcome === 'denied').map(event => event.resource)
    expect(denials()).toEqual([])
    expect((await gateway.as('bob').post('/admin/topics').send({ name: 'others' })).status).toBe(403)
    expect(denials()).toEqual(['topic:others'])
  })

  it('makes nothing where it only validates', async () => {
    const gateway = await testGateway()
    expect((await gateway.as(admin).post('/admin/topics').send({ name: 'orders', validateOnly: true })).status).toBe(200)
    expect(await gateway.backend.admin.topics()).toEqual([])
    expect(gateway.audited).toEqual([])
  })

  it('are listed with leaders and in-sync replicas, in pages', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3] })
    for (const name of ['a', 'b', '__internal']) await gateway.createTopic(name)
    const client = gateway.as(admin)
    expect((await client.post('/admin/brokers/1/stop')).status).toBe(200)
    const first = (await client.get('/admin/topics?limit=1')).body as { topics: { id: string }[]; next: string | null }
    expect(first).toEqual({
      topics: [{
        name: 'a', id: expect.any(String), internal: false, underReplicated: 1, offline: 0,
        partitions: [{ partition: 0, leader: 2, leaderEpoch: 1, replicas: [1, 2, 3], inSyncReplicas: [2, 3], eligibleReplicas: [], addingReplicas: [], removingReplicas: [], isUnderReplicated: true, shard: null, closed: null }],
      }],
      next: 'a',
    })
    expect((await client.get('/admin/topics?after=a')).body).toMatchObject({ topics: [{ name: 'b' }], next: null })
    expect((await client.get('/admin/topics?internal=true')).body).toMatchObject({ topics: [{ name: '__internal' }, {}, {}] })
    expect((await client.get('/admin/topics?limit=0')).status).toBe(400)
  })

  it.each([
    [{ name: 'bad name!' }, 400, 40002],
    [{ name: 'orders', configs: { 'no.such.config': '1' } }, 400, 40002],
    [{ name: 'orders', replicationFactor: 5 }, 400, 40002],
    [{ name: 'orders', partitions: 0 }, 422, 422],
    [{ partitions: 1 }, 422, 422],
    [{ name: 'orders', configs: { 'retention.ms': {} } }, 422, 422],
  ])('refuses %j', async (body, status, errorCode) => {
    const response = await (await testGateway()).as(admin).post('/admin/topics').send(body)
    expect([response.status, (response.body as { error_code: number }).error_code]).toEqual([status, errorCode])
  })

  it('changes nothing where one of the changes is refused', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 2 })
    expect((await gateway.as(admin).patch('/admin/topics/orders').send({ configs: { 'no.such.config': '1' }, partitions: 3 })).status).toBe(400)
    expect((await gateway.backend.admin.topics(['orders']))[0]!.partitions).toHaveLength(2)
  })
})

describe('GET /admin/overview', () => {
  it('counts what there is', async () => {
    const gateway = await testGateway()
    await gateway.createTopic('orders', { partitions: 3 })
    await gateway.createTopic('__internal')
    expect((await gateway.as(admin).get('/admin/overview')).body).toMatchObject({
      topics: 1, partitions: 3, internalTopics: 1, offlinePartitions: [], underReplicatedPartitions: [], groups: [], acls: 0, accessKeys: 0,
    })
  })
})

describe('who may administer', () => {
  const requests = [
    ['GET', '/admin/acls', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/acls', { acls: [allowBob] }, [['alter', 'cluster', 'kafka-cluster']]],
    ['DELETE', '/admin/acls?host=10.0.0.1', undefined, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/access-keys', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/access-keys', { principal: 'User:CN=x' }, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/overview', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/topics', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/topics/orders/replicas', undefined, [['describe', 'cluster', 'kafka-cluster'], ['describe', 'topic', 'orders']]],
    ['GET', '/admin/brokers', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/brokers', {}, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/brokers/1', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['DELETE', '/admin/brokers/2', undefined, [['alter', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/brokers/2/stop', undefined, [['alter', 'cluster', 'kafka-cluster']]],
    ['PUT', '/admin/brokers/1/storage', { limitBytes: 1 }, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/brokers/1/log-dirs', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/brokers/1/log-dirs/move', { topic: 'orders', partition: 0, path: '/data/broker-1' }, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/reassignments', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/reassignments', { partitions: [{ topic: 'orders', partition: 0, replicas: [2] }] }, [['alter', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/elections', { kind: 'preferred' }, [['alter', 'cluster', 'kafka-cluster']]],
    ['GET', '/admin/quorum', undefined, [['describe', 'cluster', 'kafka-cluster']]],
    ['POST', '/admin/topics', { name: 'new' }, [['create', 'cluster', 'kafka-cluster'], ['create', 'topic', 'new']]],
    ['PATCH', '/admin/topics/orders', { configs: { 'retention.ms': 1 } }, [['alter-configs', 'topic', 'orders']]],
    ['PATCH', '/admin/topics/orders', { partitions: 2 }, [['alter', 'topic', 'orders']]],
    ['DELETE', '/admin/topics/orders', undefined, [['delete', 'topic', 'orders']]],
  ] as const

  it.each(requests)('%s %s is for whom an ACL allows it, and for nobody else', async (method, path, body, permissions) => {
    for (const [operation, resourceType, resourceName] of permissions) {
      const gateway = await testGateway({}, { brokerIds: [1, 2] })
      await gateway.createTopic('orders')
      const ask = async (name?: string): Promise<number> => {
        const request = gateway.as(name)[method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'](path)
        return (await (body === undefined ? request : request.send(body))).status
      }
      const state = async (): Promise<string> => JSON.stringify([
        await gateway.cluster.admin.topics(), await gateway.cluster.brokers.list(), gateway.backend.acls.all(), gateway.backend.accessKeys.all(),
      ])
      const before = await state()
      expect(await ask()).toBe(401)
      expect(await ask('bob')).toBe(403)
      expect(await state()).toBe(before)
      expect(gateway.audited).toContainEqual(expect.objectContaining({ kind: 'access', outcome: 'denied', principal: 'User:CN=bob' }))
      await gateway.allow('bob', operation, resourceType, resourceName)
      expect(await ask('bob')).toBeLessThan(300)
    }
  })
})
