import { AssociatedNameStrategy, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry'
import supertest from 'supertest'
import { describe, expect, test } from 'vitest'
import type { AssociationKey } from '../../../src/registry/associations.ts'
import { accessBy, listening, registryApp, type RegistryApp } from '../../support/registry-app.ts'

const schema = JSON.stringify({ type: 'record', name: 'Order', fields: [{ name: 'id', type: 'long' }] })
const resource = { resourceName: 'orders', resourceNamespace: 'lkc-1', resourceId: 'topic-id-1', resourceType: 'topic' }

interface Answer {
  readonly status: number
  readonly body: unknown
}

function clientOf({ app }: RegistryApp): {
  post(path: string, body: object): Promise<Answer>
  put(path: string, body: object): Promise<Answer>
  get(path: string): Promise<Answer>
  delete(path: string): Promise<Answer>
} {
  const answer = ({ status, body }: { status: number; body: unknown }): Answer => ({ status, body })
  return {
    post: async (path, body) => answer(await supertest(app).post(path).send(body)),
    put: async (path, body) => answer(await supertest(app).put(path).send(body)),
    get: async path => answer(await supertest(app).get(path)),
    delete: async path => answer(await supertest(app).delete(path)),
  }
}

async function withSubject(...subjects: string[]): Promise<{ app: RegistryApp; client: ReturnType<typeof clientOf> }> {
  const app = await registryApp()
  const client = clientOf(app)
  for (const subject of subjects) await client.post(`/subjects/${encodeURIComponent(subject)}/versions`, { schema })
  return { app, client }
}

const refused = (status: number, code: number, message: string): Answer => ({ status, body: { error_code: code, message } })

describe('associations', () => {
  test('a resource without any has an empty list, and one that was associated is found by each of its names', async () => {
    const { client } = await withSubject('shared')
    expect(await client.get('/associations/resources/-/orders?resourceType=topic&associationType=value')).toEqual({ status: 200, body: [] })
    const wanted = { ...resource, associations: [{ subject: 'shared', associationType: 'value' }] }
    const info = { subject: 'shared', associationType: 'value', lifecycle: 'WEAK', frozen: false }
    expect(await client.post('/associations', wanted)).toEqual({ status: 200, body: { ...resource, associations: [info] } })
    expect(await client.post('/associations', wanted)).toMatchObject({ status: 200 })
    const found = { status: 200, body: [{ ...resource, ...info, guid: expect.stringMatching(/^[0-9a-f-]{36}$/), createTs: expect.any(Number), updateTs: expect.any(Number) }] }
    for (const path of ['resources/-/orders', 'resources/lkc-1/orders', 'resources/topic-id-1', 'subjects/shared']) expect(await client.get(`/associations/${path}`)).toEqual(found)
    for (const none of ['resources/lkc-2/orders', 'resources/-/orders?associationType=key', 'resources/-/orders?lifecycle=STRONG', 'resources/-/orders?resourceType=cluster', 'subjects/shared?offset=1']) {
      expect(await client.get(`/associations/${none}`)).toEqual({ status: 200, body: [] })
    }
  })

  test('the subject is made with its schema where one comes along, under a name of its own', async () => {
    const { client } = await withSubject()
    const made = await client.put('/associations/resources/topic-id-1', { ...resource, associations: [{ frozen: true, schema: { schema } }, { associationType: 'key', frozen: true, schema: { schema: '"string"' } }] })
    expect(made).toMatchObject({
      status: 200, body: {
        associations: [
          { subject: ':.lkc-1:orders-value', associationType: 'value', lifecycle: 'STRONG', frozen: true, schema: { version: 1 } },
          { subject: ':.lkc-1:orders-key', associationType: 'key', lifecycle: 'STRONG', frozen: true, schema: { version: 1 } },
        ],
      },
    })
    expect(await client.get('/subjects/:.lkc-1:orders-value/versions')).toEqual({ status: 200, body: [1] })
    expect(await client.put('/associations/resources/topic-id-1', { ...resource, associations: [{ lifecycle: 'WEAK', frozen: false }] })).toEqual(
      refused(409, 40908, 'The association of type  \'value\' is frozen for subject \':.lkc-1:orders-value\''),
    )
    expect(await client.delete('/associations/resources/topic-id-1')).toMatchObject({ status: 409, body: { error_code: 40908 } })
    expect(await client.delete('/associations/resources/topic-id-1?cascadeLifecycle=true&dryRun=true')).toMatchObject({ status: 204 })
    expect(await client.get('/subjects/:.lkc-1:orders-value/versions')).toEqual({ status: 200, body: [1] })
    expect(await client.delete('/associations/resources/topic-id-1?cascadeLifecycle=true')).toMatchObject({ status: 204 })
    expect(await client.get('/subjects/:.lkc-1:orders-value/versions')).toMatchObject({ status: 404 })
    expect(await client.get('/associations/resources/topic-id-1')).toEqual({ status: 200, body: [] })
  })

  test('a strong association has its subject for itself, and a subject with any is not deleted', async () => {
    const { client } = await withSubject('mine', 'ours')
    const associate = (name: string, subject: string, lifecycle: string, dryRun = false): Promise<Answer> => client.post(`/associations?dryRun=${dryRun}`, {
      resourceName: name, resourceNamespace: 'lkc-1', resourceId: `id-${name}`, associations: [{ subject, lifecycle }],
    })
    expect(await associate('a', 'mine', 'STRONG', true)).toMatchObject({ status: 200, body: { associations: [{ lifecycle: 'STRONG' }] } })
    expect(await client.get('/associations/subjects/mine')).toEqual({ status: 200, body: [] })
    expect(await associate('a', 'mine', 'STRONG')).toMatchObject({ status: 200 })
    expect(await associate('b', 'mine', 'WEAK')).toEqual(refused(409, 40905, 'A strong association already exists for subject \'mine\''))
    expect(await associate('a', 'ours', 'WEAK')).toEqual(refused(409, 40903, 'An association of type \'value\' already exists for resource \'a\''))
    expect(await associate('b', 'ours', 'WEAK')).toMatchObject({ status: 200 })
    expect(await associate('c', 'ours', 'STRONG')).toEqual(refused(409, 40904, 'An association already exists for subject \'ours\''))
    expect(await associate('d', 'none', 'WEAK')).toEqual(refused(409, 40907, 'No active (non-deleted) version exists for subject \'none\''))
    for (const subject of ['mine', 'ours']) {
      expect(await client.delete(`/subjects/${subject}`)).toEqual(refused(409, 40904, `An association already exists for subject '${subject}'`))
    }
    expect(await client.delete('/associations/resources/id-a')).toMatchObject({ status: 204 })
    expect(await client.delete('/associations/resources/id-a')).toEqual(refused(404, 40410, 'Association for \'id-a\' not found.'))
    expect(await client.delete('/subjects/mine')).toEqual({ status: 200, body: [1] })
  })

  test('what no association can have is refused by the property', async () => {
    const { client } = await withSubject('shared')
    const property = async (name: string, change: object): Promise<unknown> => {
      const { status, body } = await client.post('/associations', { ...resource, associations: [{ subject: 'shared' }], ...change })
      return [status, (body as { error_code: number }).error_code, (body as { message: string }).message.includes(`invalid value for property: '${name}'`)]
    }
    const refusal = [422, 42212, true]
    expect(await property('resourceName', { resourceName: 'a/b' })).toEqual(refusal)
    expect(await property('resourceNamespace', { resourceNamespace: '' })).toEqual(refusal)
    expect(await property('resourceId', { resourceId: '' })).toEqual(refusal)
    expect(await property('resourceType', { resourceType: 'cluster' })).toEqual(refusal)
    expect(await property('associations', { associations: [] })).toEqual(refusal)
    expect(await property('associationType', { associations: [{ associationType: 'header' }] })).toEqual(refusal)
    expect(await property('lifecycle', { associations: [{ lifecycle: 'WEAK', schema: { schema } }] })).toEqual(refusal)
    expect(await property('frozen', { associations: [{ lifecycle: 'WEAK', frozen: true }] })).toEqual(refusal)
    expect(await property('subject', { associations: [{ subject: 'shared', frozen: true }] })).toEqual(refusal)
    expect((await client.post('/associations', { ...resource, associations: [{ subject: 'shared', schema: { schema: '"string"' } }] })).status).toBe(409)
    expect((await client.get('/associations/subjects/shared')).body).toEqual([])
  })

  test('a batch answers for each of its requests', async () => {
    const { client } = await withSubject('shared')
    const of = (name: string, ...associations: object[]): object => ({ resourceName: name, resourceNamespace: 'lkc-1', resourceId: `id-${name}`, associations })
    const batch = await client.post('/associations:batch', {
      requests: [of('a', { opType: 'CREATE', subject: 'shared' }), of('b', { opType: 'CREATE', subject: 'none' }), of('c', { opType: 'UPSERT', subject: 'shared' }, { opType: 'DELETE', associationType: 'key' })],
    })
    expect(batch).toMatchObject({
      status: 207, body: { results: [{ result: { resourceName: 'a', associations: [{ subject: 'shared' }] } }, { error: { error_code: 40907 } }, { error: { error_code: 40410 } }] },
    })
    // The third request was refused as a whole.
    expect(((await client.get('/associations/subjects/shared')).body as { resourceName: string }[]).map(each => each.resourceName)).toEqual(['a'])
    expect(await client.post('/associations:batchMutate', { requests: [of('a', { opType: 'UPSERT', subject: 'shared', lifecycle: 'STRONG' })] })).toMatchObject({ status: 207, body: { results: [{ result: { associations: [{ lifecycle: 'STRONG' }] } }] } })
    expect(await client.post('/associations:batchGet', { requests: [{ resourceId: 'id-a' }, { resourceName: 'a', resourceNamespace: '-', lifecycle: 'WEAK' }] })).toMatchObject({
      status: 207, body: { results: [{ result: { associations: [{ subject: 'shared', lifecycle: 'STRONG' }] } }, { result: { associations: [] } }] },
    })
    expect(await client.post('/associations:batchMutate', { requests: [] })).toMatchObject({ status: 422, body: { error_code: 42212 } })
  })

  test('they are kept in Confluent\'s records, and are the same after a restart', async () => {
    const { app, client } = await withSubject('shared')
    await client.post('/associations', { ...resource, associations: [{ subject: 'shared' }] })
    const before = (await client.get('/associations/subjects/shared')).body
    const slice = await app.backend.logs.read({ topic: '_schemas', partition: 0 }, 0, { bytesMax: 1e6, atLeastOne: true, committedOnly: false })
    const records = ('batches' in slice ? slice.batches : []).flatMap(batch => batch.records()).map(record => [String(record.key), String(record.value)])
    const [key, value] = records.find(([each]) => each!.includes('ASSOC'))!
    expect(key).toBe('{"keytype":"ASSOC","tenant":"default","resourceName":"orders","resourceNamespace":"lkc-1","resourceType":"topic","associationType":"value","subject":"shared","magic":0}')
    expect(JSON.parse(value!)).toMatchObject({ subject: 'shared', tenant: 'default', ...resource, associationType: 'value', lifecycle: 'WEAK', frozen: false })
    const again = await registryApp({ backend: app.backend })
    expect((await clientOf(again).get('/associations/subjects/shared')).body).toEqual(before)
    expect(again.registry.subjectByAssociation('orders', 'value')).toBe('shared')
    expect(again.registry.subjectByAssociation('orders', 'key')).toBeUndefined()
    await clientOf(again).delete('/associations/resources/topic-id-1')
    expect((await registryApp({ backend: app.backend })).registry.subjectByAssociation('orders', 'value')).toBeUndefined()
  })

  test('who may not see a subject does not see that anything is associated with it', async () => {
    const { app } = await withSubject('shared', 'secret')
    await clientOf(app).post('/associations', { ...resource, associations: [{ subject: 'secret' }, { subject: 'shared', associationType: 'key' }] })
    const access = accessBy((operation, _type, name) => name === 'shared' && operation !== 'delete')
    const bob = clientOf(await registryApp({ backend: app.backend, access }))
    expect(((await bob.get('/associations/resources/-/orders')).body as object[])).toMatchObject([{ subject: 'shared' }])
    expect((await bob.get('/associations/subjects/secret')).status).toBe(403)
    expect((await bob.post('/associations', { ...resource, resourceName: 'x', resourceId: 'x', associations: [{ subject: 'secret' }] })).status).toBe(403)
    expect((await bob.delete('/associations/resources/topic-id-1?associationType=value')).body).toMatchObject({ error_code: 40410 })
    expect((await bob.delete('/associations/resources/topic-id-1?associationType=key')).status).toBe(403)
  })

  test('Confluent\'s client finds the subject by them', async () => {
    const { app, client } = await withSubject('shared')
    await client.post('/associations', { ...resource, associations: [{ subject: 'shared' }] })
    await using server = await listening(app.app)
    const registry = new SchemaRegistryClient({ baseURLs: [server.url] })
    const strategy = AssociatedNameStrategy(registry, {})
    expect(await strategy('orders', SerdeType.VALUE)).toBe('shared')
    expect(await strategy('orders', SerdeType.KEY)).toBe('orders-key')
  })
})

test('a batch of requests gets no more than a page altogether', async () => {
  const { registry, app } = await registryApp()
  for (let at = 0; at < 30; at++) {
    const key = { subject: `s${at}`, resourceName: 'a', resourceNamespace: `n${at}`, resourceType: 'topic', associationType: 'value' }
    registry.store.associations.apply(key, { ...key, guid: `${at}`, resourceId: `id${at}`, lifecycle: 'WEAK', frozen: false, createdMs: 0, updatedMs: 0 })
  }
  const ask = (count: number): supertest.Test => (
    supertest(app).post('/associations:batchGet').send({ requests: Array.from({ length: count }, () => ({ resourceName: 'a', resourceNamespace: '-' })) })
  )
  expect((await ask(100)).status).toBe(207)
  expect((await ask(700)).body.error_code).toBe(42213)
})

test('an association that comes while another is taken away, is not taken away with it unjudged', async () => {
  const key = (subject: string, associationType: string): AssociationKey => ({ subject, resourceName: 'a', resourceNamespace: 'n', resourceType: 'topic', associationType })
  const add = (which: AssociationKey): void => (
    registry.store.associations.apply(which, { ...which, guid: which.subject, resourceId: 'id', lifecycle: 'WEAK', frozen: false, createdMs: 0, updatedMs: 0 })
  )
  const access = accessBy((operation, _type, name) => {
    if (operation === 'delete') add(key('secret', 'key'))
    return name === 'mine'
  })
  const { registry, app } = await registryApp({ access })
  add(key('mine', 'value'))
  expect((await supertest(app).delete('/associations/resources/id')).status).toBe(204)
  expect(registry.store.associations.ofResourceId('id').map(each => each.subject)).toEqual(['secret'])
})
