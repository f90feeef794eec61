// The REST API v3 without its records: every operation against a real engine, each answer held against Confluent's description of the API where that lies beside the tree;
// and that each asks for the rights that Kafka's own APIs ask for the same.
import { describe, expect, it } from 'vitest'
import { Refusal, type AclBinding, type Groups } from '../../../../src/ports.ts'
import { Writer } from '../../../../src/wire/bytes.ts'
import { append } from '../../../support/engine-world.ts'
import { admin, testGateway } from '../../../support/gateway.ts'
import { v3Description, v3Gateway, type V3Gateway } from '../../../support/rest-v3.ts'

const description = v3Description()
type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Record<string, string>
}

/** Asks, and holds the answer against the description of `operation`: the template of `path`. */
async function ask(v3: V3Gateway, operation: string, path: string, body?: object, as = admin): Promise<Answer> {
  const answer = await send(v3, operation.split(' ')[0]!.toLowerCase() as Method, path, body, as)
  expect(description?.operationOf(operation.split(' ')[0]!, path) ?? operation).toBe(operation)
  return answer
}

/** Asks, and holds the answer against the description of whatever operation the path is of. */
async function send(v3: V3Gateway, method: Method, path: string, body?: object, as = admin): Promise<Answer> {
  const answer = await v3.gateway.as(as)[method](path).send(body)
  description?.expectAnswer(description.operationOf(method, path), answer.status, answer.body)
  return answer
}

const cluster = '/clusters/{cluster_id}'
const data = (answer: { body: Record<string, unknown> }): Record<string, unknown>[] => answer.body['data'] as Record<string, unknown>[]

async function withTopic(): Promise<V3Gateway> {
  const v3 = await v3Gateway()
  await v3.gateway.as(admin).post(`${v3.base}/topics`).send({ topic_name: 'orders', partitions_count: 2, configs: [{ name: 'retention.ms', value: '60000' }] }).expect(201)
  return v3
}

/** A member that has what its ConsumerProtocol assignment says, and offsets that the group has committed. */
async function withGroup(): Promise<V3Gateway & { consumer: string }> {
  const v3 = await withTopic()
  const { backend, world } = v3.engine
  await append(backend, { topic: 'orders', partition: 0 }, ['a', 'b', 'c'])
  await append(backend, { topic: 'orders', partition: 1 }, ['d'])
  const request = {
    groupId: 'billing', memberId: '', instanceId: null, clientId: 'client-1', clientHost: '/127.0.0.1', protocolType: 'consumer', protocols: [{ name: 'range', metadata: Buffer.alloc(10) }],
    sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, requiresKnownMemberId: false, supportsSkippingAssignment: true, reason: null,
  }
  const joined = await world.run(() => backend.groups.join(request, new AbortController().signal)) as Exclude<Awaited<ReturnType<Groups['join']>>, Refusal | { refusal: Refusal }>
  const { memberId, generationId } = joined
  const assignment = assignmentBytes([['orders', [1, 0]]])
  const synced = await world.run(() => backend.groups.sync({
    groupId: 'billing', memberId, instanceId: null, generationId, protocolType: 'consumer', protocolName: 'range', assignments: [{ memberId, assignment }],
  }, new AbortController().signal))
  if (synced instanceof Refusal) throw new Error(synced.message)
  const offset = (partition: number, at: number) => ({ topic: 'orders', partition, offset: at, leaderEpoch: -1, metadata: '' })
  const committed = await world.run(() => backend.groups.commit({ groupId: 'billing', memberId, instanceId: null, generationId, offsets: [offset(0, 1), offset(1, 1)] }))
  if (committed instanceof Refusal) throw new Error(committed.message)
  return Object.assign(v3, { consumer: memberId })
}

function assignmentBytes(topics: readonly (readonly [string, readonly number[]])[]): Buffer {
  const writer = new Writer()
  writer.int16(0)
  writer.int32(topics.length)
  for (const [topic, partitions] of topics) {
    writer.string(topic)
    writer.int32(partitions.length)
    for (const partition of partitions) writer.int32(partition)
  }
  writer.int32(-1)
  return Buffer.concat(writer.finish())
}

describe('the API', () => {
  it.skipIf(description === undefined)('has every operation of the description', async () => {
    await using v3 = await withGroup()
    const { operations } = description!
    expect(operations).toHaveLength(50)
    const names: Record<string, string> = {
      broker_id: '1', topic_name: 'orders', partition_id: '0', name: 'retention.ms', consumer_group_id: 'billing', consumer_id: v3.consumer, cluster_id: v3.base.split('/').at(-1)!,
    }
    for (const operation of operations) {
      const [method, template] = operation.split(' ') as [string, string]
      const path = `/v3${template.replaceAll(/\{(\w+)\}/g, (_, name: string) => names[name]!)}`
      // Without a body and without rights: a path or a method that is not there would say so to anybody.
      const answer = await v3.gateway.as('alice')[method.toLowerCase() as Method](path)
      expect(answer.status, operation).not.toBe(405)
      expect(answer.body.message, operation).not.toBe('HTTP 404 Not Found')
    }
    const unknown = await v3.gateway.as(admin).get(`${v3.base}/links`)
    expect([unknown.status, unknown.body]).toEqual([404, { error_code: 404, message: 'HTTP 404 Not Found' }])
  })
})

describe('clusters and brokers', () => {
  it('are shown with absolute links of the host that was asked', async () => {
    await using v3 = await v3Gateway()
    const list = await ask(v3, 'GET /clusters', '/v3/clusters')
    const one = await ask(v3, `GET ${cluster}`, v3.base)
    expect(data(list)).toEqual([{ ...one.body, ...rehosted(data(list)[0]!, one.body) }])
    expect(one.body['metadata']).toEqual({ self: expect.stringMatching(new RegExp(`^http://127\\.0\\.0\\.1:\\d+${v3.base}$`)), resource_name: `crn:///kafka=${one.body['cluster_id']}` })
    expect((one.body['partition_reassignments'] as { related: string }).related).toMatch(/\/topics\/-\/partitions\/-\/reassignment$/)
  })

  it('of another id are 404', async () => {
    await using v3 = await v3Gateway()
    const answer = await send(v3, 'get', '/v3/clusters/other/topics')
    expect([answer.status, answer.body]).toEqual([404, { error_code: 404, message: 'Cluster other cannot be found.' }])
  })

  it('tell the brokers with where each is reached', async () => {
    await using v3 = await withTopic()
    const list = await ask(v3, `GET ${cluster}/brokers`, `${v3.base}/brokers`)
    expect(data(list)).toMatchObject([{ kind: 'KafkaBroker', broker_id: 1, host: '127.0.0.1', port: 9094, rack: 'a' }])
    expect((await ask(v3, `GET ${cluster}/brokers/{broker_id}`, `${v3.base}/brokers/1`)).body).toMatchObject({ broker_id: 1, metadata: { resource_name: expect.stringMatching(/\/broker=1$/) } })
    const missing = await send(v3, 'get', `${v3.base}/brokers/9`)
    expect([missing.status, missing.body]).toEqual([404, { error_code: 404, message: 'Broker 9 cannot be found.' }])
    const operation = `GET ${cluster}/brokers/{broker_id}/partition-replicas`
    expect(data(await ask(v3, operation, `${v3.base}/brokers/1/partition-replicas`)).filter(one => one['topic_name'] === 'orders')).toMatchObject([
      { partition_id: 0, broker_id: 1, is_leader: true, is_in_sync: true }, { partition_id: 1 },
    ])
    expect(data(await ask(v3, operation, `${v3.base}/brokers/1/partition-replicas`, undefined, 'alice'))).toEqual([])
  })
})

/** Every request of supertest comes by a port of its own. */
function rehosted(of: Record<string, unknown>, like: Record<string, unknown>): object {
  expect(JSON.stringify(of).replaceAll(/127\.0\.0\.1:\d+/g, 'host')).toBe(JSON.stringify(like).replaceAll(/127\.0\.0\.1:\d+/g, 'host'))
  return of
}

describe('configs of brokers', () => {
  const name = 'log.retention.ms'

  it('of all are set, shown, altered together and taken back', async () => {
    await using v3 = await v3Gateway()
    const path = `${v3.base}/broker-configs`
    expect(data(await ask(v3, `GET ${cluster}/broker-configs`, path))).toEqual([])
    expect((await ask(v3, `PUT ${cluster}/broker-configs/{name}`, `${path}/${name}`, { value: '1000' })).status).toBe(204)
    expect((await ask(v3, `GET ${cluster}/broker-configs/{name}`, `${path}/${name}`)).body).toMatchObject({
      kind: 'KafkaClusterConfig', config_type: 'BROKER', name, value: '1000', is_default: false, source: 'DYNAMIC_DEFAULT_BROKER_CONFIG',
      metadata: { resource_name: expect.stringMatching(/\/broker-config=log\.retention\.ms$/) },
    })
    expect(data(await ask(v3, `GET ${cluster}/broker-configs`, path)).map(one => one['name'])).toEqual([name])
    expect(data(await ask(v3, `GET ${cluster}/brokers/-/configs`, `${v3.base}/brokers/-/configs`))).toMatchObject([{ broker_id: 1, name, value: '1000' }])
    const alter = { data: [{ name, operation: 'DELETE' }, { name: 'log.segment.bytes', value: '2000000' }] }
    expect((await ask(v3, `POST ${cluster}/broker-configs:alter`, `${path}:alter`, alter)).status).toBe(204)
    expect(data(await ask(v3, `GET ${cluster}/broker-configs`, path)).map(one => [one['name'], one['value']])).toEqual([['log.segment.bytes', '2000000']])
    expect((await ask(v3, `DELETE ${cluster}/broker-configs/{name}`, `${path}/log.segment.bytes`)).status).toBe(204)
    expect(data(await ask(v3, `GET ${cluster}/broker-configs`, path))).toEqual([])
    expect(v3.gateway.audited.filter(event => event.kind === 'change').map(event => event.resource)).toEqual(['broker:*', 'broker:*', 'broker:*'])
  })

  it('of one are set, shown, altered together and taken back', async () => {
    await using v3 = await v3Gateway()
    const path = `${v3.base}/brokers/1/configs`
    const at = `${cluster}/brokers/{broker_id}/configs`
    expect((await ask(v3, `PUT ${at}/{name}`, `${path}/${name}`, { value: '5000' })).status).toBe(204)
    const all = data(await ask(v3, `GET ${at}`, path))
    expect(all.length).toBeGreaterThan(20)
    expect(all.find(one => one['name'] === name)).toMatchObject({ value: '5000', source: 'DYNAMIC_BROKER_CONFIG', broker_id: 1, is_read_only: false })
    expect((await ask(v3, `POST ${at}:alter`, `${path}:alter`, { data: [{ name, value: '6000' }] })).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/${name}`)).body).toMatchObject({ value: '6000' })
    expect((await ask(v3, `POST ${at}:alter`, `${path}:alter`, { data: [{ name, value: '7000' }], validate_only: true })).status).toBe(204)
    expect((await ask(v3, `DELETE ${at}/{name}`, `${path}/${name}`)).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/${name}`)).body).toMatchObject({ source: 'DEFAULT_CONFIG', is_default: true })
  })

  it.each([
    ['put', 'broker-configs/no.such.config', { value: '1' }, 404, 404, /^Config no\.such\.config cannot be found\.$/],
    ['get', 'broker-configs/no.such.config', undefined, 404, 404, /cannot be found/],
    ['put', 'broker-configs/log.retention.ms', { value: 'soon' }, 400, 40002, /log\.retention\.ms/],
    ['put', 'broker-configs/log.retention.ms', { value: 7 }, 400, 400, /^'value' must be a text/],
    ['put', 'broker-configs/log.retention.ms', { worth: '7' }, 400, 400, /^'worth' is not known/],
    ['post', 'broker-configs:alter', { data: [{ name: 'log.retention.ms', value: '1', operation: 'APPEND' }] }, 400, 400, /^'data\[0\]\.operation' must be one of SET, DELETE/],
    ['post', 'broker-configs:alter', { data: [{ name: 'log.retention.ms', value: '1' }, { name: 'no.such', value: '1' }] }, 404, 404, /^Config no\.such /],
    ['get', 'brokers/7/configs', undefined, 404, 404, /^Broker 7 /],
    ['put', 'brokers/7/configs/log.retention.ms', { value: '1' }, 404, 404, /^Broker 7 /],
  ] as const)('%s %s with %o is %i', async (method, path, body, status, errorCode, message) => {
    await using v3 = await v3Gateway()
    const answer = await send(v3, method, `${v3.base}/${path}`, body)
    expect([answer.status, answer.body]).toEqual([status, { error_code: errorCode, message: expect.stringMatching(message) }])
    expect(data(await ask(v3, `GET ${cluster}/broker-configs`, `${v3.base}/broker-configs`))).toEqual([])
  })
})

describe('topics', () => {
  it('are made, shown, grown and deleted', async () => {
    await using v3 = await v3Gateway()
    const path = `${v3.base}/topics`
    const wanted = { topic_name: 'orders', partitions_count: 2, replication_factor: 1, configs: [{ name: 'retention.ms', value: '60000' }] }
    const made = await ask(v3, `POST ${cluster}/topics`, path, wanted)
    expect([made.status, made.body]).toMatchObject([201, { kind: 'KafkaTopic', topic_name: 'orders', is_internal: false, replication_factor: 1, partitions_count: 2 }])
    expect(made.headers['location']).toBe((made.body['metadata'] as { self: string }).self)
    const listed = data(await ask(v3, `GET ${cluster}/topics`, path))
    expect(listed.map(one => one['topic_name'])).toContain('orders')
    expect(listed.map(one => one['topic_name'])).toEqual(listed.map(one => one['topic_name'] as string).toSorted())
    const shown = await ask(v3, `GET ${cluster}/topics/{topic_name}`, `${path}/orders?include_authorized_operations=true`)
    expect(shown.body['authorized_operations']).toEqual(['READ', 'WRITE', 'CREATE', 'DELETE', 'ALTER', 'DESCRIBE', 'DESCRIBE_CONFIGS', 'ALTER_CONFIGS'])
    expect((await ask(v3, `GET ${cluster}/topics/{topic_name}`, `${path}/orders`)).body).not.toHaveProperty('authorized_operations')
    expect((await ask(v3, `PATCH ${cluster}/topics/{topic_name}`, `${path}/orders`, { partitions_count: 5 })).body).toMatchObject({ partitions_count: 5 })
    expect((await ask(v3, `DELETE ${cluster}/topics/{topic_name}`, `${path}/orders`)).status).toBe(204)
    const gone = await send(v3, 'get', `${path}/orders`)
    expect([gone.status, gone.body]).toEqual([404, { error_code: 40403, message: 'This server does not host this topic-partition.' }])
    expect(v3.gateway.audited.filter(event => event.kind === 'change').map(event => event.operation)).toEqual(['create-topic', 'alter-topic', 'delete-topic'])
  })

  it('are made with the brokers that a request assigns', async () => {
    await using v3 = await v3Gateway()
    const made = await ask(v3, `POST ${cluster}/topics`, `${v3.base}/topics`, { topic_name: 'placed', replicas_assignments: { 1: [1], 0: [1] } })
    expect([made.status, made.body['partitions_count']]).toEqual([201, 2])
  })

  it('are only tried with validate_only', async () => {
    await using v3 = await v3Gateway()
    const tried = await ask(v3, `POST ${cluster}/topics`, `${v3.base}/topics`, { topic_name: 'orders', partitions_count: 3, validate_only: true })
    expect([tried.status, tried.body['partitions_count'], tried.headers['location']]).toEqual([201, 3, undefined])
    expect((await send(v3, 'get', `${v3.base}/topics/orders`)).status).toBe(404)
  })

  it.each([
    [{ topic_name: 'orders' }, 400, 40002, /already exists/],
    [{ topic_name: 'a b' }, 400, 40002, /a b/],
    [{ topic_name: 'new', replication_factor: 2 }, 400, 40002, /./],
    [{ topic_name: 'new', partitions_count: 0 }, 400, 400, /^'partitions_count' must be a whole number/],
    [{ topic_name: 'new', partitions_count: 1, replicas_assignments: { 0: [1] } }, 400, 40002, /excludes/],
    [{ topic_name: 'new', replicas_assignments: { 0: [1], 2: [1] } }, 400, 400, /1 is missing/],
    [{ topic_name: 'new', replicas_assignments: { 0: [9] } }, 400, 40002, /9/],
    [{ topic_name: 'new', configs: [{ name: 'no.such', value: '1' }] }, 400, 40002, /no\.such/],
    [{ topic_name: 'new', configs: [{ name: 'retention.ms', value: null }] }, 400, 400, /^'configs\[0\]\.value'/],
    [{ partitions_count: 1 }, 400, 400, /^'topic_name'/],
    [{ topic_name: 'new', topics: 1 }, 400, 400, /^'topics' is not known/],
    [{ topic_name: 'new', validate_only: 'yes' }, 400, 400, /^'validate_only'/],
  ] as const)('are not made of %o', async (wanted, status, errorCode, message) => {
    await using v3 = await withTopic()
    const answer = await ask(v3, `POST ${cluster}/topics`, `${v3.base}/topics`, wanted)
    expect([answer.status, answer.body]).toEqual([status, { error_code: errorCode, message: expect.stringMatching(message) }])
    expect((await send(v3, 'get', `${v3.base}/topics/new`)).status).toBe(404)
  })

  it('do not shrink', async () => {
    await using v3 = await withTopic()
    for (const partitions_count of [1, 2]) {
      const answer = await ask(v3, `PATCH ${cluster}/topics/{topic_name}`, `${v3.base}/topics/orders`, { partitions_count })
      expect([answer.status, answer.body['error_code']]).toEqual([400, 40002])
    }
  })
})

describe('configs of topics', () => {
  const at = `${cluster}/topics/{topic_name}/configs`

  it('are shown, set, altered together and taken back', async () => {
    await using v3 = await withTopic()
    const path = `${v3.base}/topics/orders/configs`
    expect(data(await ask(v3, `GET ${at}`, path)).find(one => one['name'] === 'retention.ms')).toMatchObject({
      kind: 'KafkaTopicConfig', topic_name: 'orders', value: '60000', source: 'DYNAMIC_TOPIC_CONFIG', is_default: false, is_sensitive: false,
      metadata: { self: expect.stringMatching(/\/topics\/orders\/configs\/retention\.ms$/), resource_name: expect.stringMatching(/\/topic=orders\/config=retention\.ms$/) },
    })
    expect((await ask(v3, `PUT ${at}/{name}`, `${path}/max.message.bytes`, { value: '2000' })).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/max.message.bytes`)).body).toMatchObject({
      value: '2000', synonyms: [{ name: 'max.message.bytes', value: '2000', source: 'DYNAMIC_TOPIC_CONFIG' }, { name: 'message.max.bytes', source: 'DEFAULT_CONFIG' }],
    })
    const alter = { data: [{ name: 'max.message.bytes', operation: 'DELETE' }, { name: 'retention.ms', value: '7000' }] }
    expect((await ask(v3, `POST ${at}:alter`, `${path}:alter`, { ...alter, validate_only: true })).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/retention.ms`)).body['value']).toBe('60000')
    expect((await ask(v3, `POST ${at}:alter`, `${path}:alter`, alter)).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/retention.ms`)).body['value']).toBe('7000')
    expect((await ask(v3, `DELETE ${at}/{name}`, `${path}/retention.ms`)).status).toBe(204)
    expect((await ask(v3, `GET ${at}/{name}`, `${path}/retention.ms`)).body['is_default']).toBe(true)
    const ofAll = data(await ask(v3, `GET ${cluster}/topics/-/configs`, `${v3.base}/topics/-/configs`))
    expect(new Set(ofAll.map(one => one['topic_name']))).toContain('orders')
  })

  it.each([
    ['get', 'orders/configs/no.such', undefined, 404, 404],
    ['put', 'orders/configs/no.such', { value: '1' }, 404, 404],
    ['put', 'orders/configs/retention.ms', { value: 'soon' }, 400, 40002],
    ['get', 'none/configs', undefined, 404, 40403],
    ['post', 'orders/configs:alter', { data: [] }, 400, 400],
    ['post', 'orders/configs:alter', { data: [{ name: 'retention.ms', value: '1' }, { name: 'retention.ms', value: '2' }] }, 400, 400],
  ] as const)('%s %s with %o is %i', async (method, path, body, status, errorCode) => {
    await using v3 = await withTopic()
    const answer = await send(v3, method, `${v3.base}/topics/${path}`, body)
    expect([answer.status, answer.body['error_code']]).toEqual([status, errorCode])
  })
})

describe('partitions', () => {
  const at = `${cluster}/topics/{topic_name}/partitions`

  it('are shown with their replicas and the ends of their logs', async () => {
    await using v3 = await withTopic()
    await append(v3.engine.backend, { topic: 'orders', partition: 1 }, ['a', 'b'])
    const path = `${v3.base}/topics/orders/partitions`
    expect(data(await ask(v3, `GET ${at}`, path)).map(one => one['partition_id'])).toEqual([0, 1])
    expect((await ask(v3, `GET ${at}/{partition_id}`, `${path}/1`)).body).toMatchObject({
      kind: 'KafkaPartition', leader: { related: expect.stringMatching(/\/partitions\/1\/replicas\/1$/) },
    })
    expect((await ask(v3, `GET ${at}/{partition_id}/offset`, `${path}/1/offset`)).body).toMatchObject({ kind: 'KafkaPartitionWithOffsets', earliest_offset: 0, latest_offset: 2 })
    expect((await ask(v3, `GET ${at}/{partition_id}/offset`, `${path}/1/offset?offset_type=latest`)).body).toMatchObject({ earliest_offset: -1, latest_offset: 2 })
    expect((await ask(v3, `GET ${at}/{partition_id}/offset`, `${path}/1/offset?offset_type=first`)).status).toBe(400)
    expect(data(await ask(v3, `GET ${at}/{partition_id}/replicas`, `${path}/0/replicas`))).toMatchObject([{ kind: 'KafkaReplica', broker_id: 1, is_leader: true, is_in_sync: true }])
    expect((await ask(v3, `GET ${at}/{partition_id}/replicas/{broker_id}`, `${path}/0/replicas/1`)).body).toMatchObject({
      metadata: { resource_name: expect.stringMatching(/\/topic=orders\/partition=0\/replica=1$/) }, broker: { related: expect.stringMatching(/\/brokers\/1$/) },
    })
    expect((await ask(v3, `GET ${at}/{partition_id}/replicas/{broker_id}`, `${path}/0/replicas/2`)).body).toMatchObject({ error_code: 404 })
    expect((await ask(v3, `GET ${at}/{partition_id}`, `${path}/7`)).body).toEqual({ error_code: 40403, message: 'This server does not host this topic-partition.' })
  })

  it('under reassignment are listed for the cluster, the topic and one by one', async () => {
    const gateway = await testGateway({}, { brokerIds: [1, 2, 3, 4] })
    await gateway.createTopic('orders', { partitions: 2 })
    await gateway.createTopic('other')
    await gateway.cluster.admin.reassign([{ topic: 'orders', partition: 1, replicas: [1, 2, 3] }, { topic: 'other', partition: 0, replicas: [4, 2, 3] }])
    const { id } = await gateway.cluster.admin.cluster()
    const base = `/v3/clusters/${id}/topics`
    const get = async (path: string, operation: string): Promise<Record<string, unknown>> => {
      const answer = await gateway.as(admin).get(`${base}/${path}`)
      description?.expectAnswer(`GET ${cluster}/topics/${operation}/reassignment`, answer.status, answer.body)
      return answer.body
    }
    const one = await get('orders/partitions/1/reassignment', '{topic_name}/partitions/{partition_id}')
    expect(one).toMatchObject({ kind: 'KafkaReassignment', topic_name: 'orders', partition_id: 1, adding_replicas: [1], removing_replicas: [4] })
    expect((await get('-/partitions/-/reassignment', '-/partitions/-'))['data']).toMatchObject([{ topic_name: 'orders', partition_id: 1 }, { topic_name: 'other', partition_id: 0 }])
    expect((await get('orders/partitions/-/reassignment', '{topic_name}/partitions/-'))['data']).toMatchObject([{ topic_name: 'orders', partition_id: 1 }])
    expect(await get('orders/partitions/0/reassignment', '{topic_name}/partitions/{partition_id}')).toMatchObject({ error_code: 404 })
    expect(await get('none/partitions/0/reassignment', '{topic_name}/partitions/{partition_id}')).toMatchObject({ error_code: 40403 })
  })
})

describe('consumer groups', () => {
  const at = `${cluster}/consumer-groups`

  it('are shown with their consumers and what these were assigned', async () => {
    await using v3 = await withGroup()
    const path = `${v3.base}/consumer-groups`
    expect(data(await ask(v3, `GET ${at}`, path)).map(one => one['consumer_group_id'])).toEqual(['billing'])
    expect((await ask(v3, `GET ${at}/{consumer_group_id}`, `${path}/billing`)).body).toMatchObject({
      kind: 'KafkaConsumerGroup', state: 'STABLE', is_simple: false, partition_assignor: 'range', type: 'CLASSIC', coordinator: { related: expect.stringMatching(/\/brokers\/1$/) },
    })
    const consumers = data(await ask(v3, `GET ${at}/{consumer_group_id}/consumers`, `${path}/billing/consumers`))
    expect(consumers).toMatchObject([{ kind: 'KafkaConsumer', consumer_id: v3.consumer, client_id: 'client-1', instance_id: null }])
    const consumer = `${path}/billing/consumers/${v3.consumer}`
    expect((await ask(v3, `GET ${at}/{consumer_group_id}/consumers/{consumer_id}`, consumer)).body).toMatchObject({ consumer_id: v3.consumer })
    const assignments = `${at}/{consumer_group_id}/consumers/{consumer_id}/assignments`
    expect(data(await ask(v3, `GET ${assignments}`, `${consumer}/assignments`)).map(one => [one['topic_name'], one['partition_id']])).toEqual([['orders', 0], ['orders', 1]])
    const one = await ask(v3, `GET ${assignments}/{topic_name}/partitions/{partition_id}`, `${consumer}/assignments/orders/partitions/1`)
    expect(one.body).toMatchObject({ partition_id: 1, lag: { related: expect.stringMatching(/\/consumer-groups\/billing\/lags\/orders\/partitions\/1$/) } })
    for (const missing of [`${path}/none`, `${path}/billing/consumers/none`, `${consumer}/assignments/orders/partitions/7`]) {
      expect((await send(v3, 'get', missing)).body).toMatchObject({ error_code: 404, message: expect.stringMatching(/cannot be found\.$/) })
    }
  })

  it('are shown with how far they are behind', async () => {
    await using v3 = await withGroup()
    const path = `${v3.base}/consumer-groups/billing`
    const lags = data(await ask(v3, `GET ${at}/{consumer_group_id}/lags`, `${path}/lags`))
    expect(lags.map(one => [one['partition_id'], one['current_offset'], one['log_end_offset'], one['lag'], one['consumer_id']])).toEqual([[0, 1, 3, 2, v3.consumer], [1, 1, 1, 0, v3.consumer]])
    expect((await ask(v3, `GET ${at}/{consumer_group_id}/lags/{topic_name}/partitions/{partition_id}`, `${path}/lags/orders/partitions/0`)).body).toMatchObject({ lag: 2, client_id: 'client-1' })
    expect((await ask(v3, `GET ${at}/{consumer_group_id}/lag-summary`, `${path}/lag-summary`)).body).toMatchObject({
      kind: 'KafkaConsumerGroupLagSummary', max_lag: 2, total_lag: 2, max_lag_topic_name: 'orders', max_lag_partition_id: 0, max_lag_consumer_id: v3.consumer,
      max_lag_consumer: { related: expect.stringMatching(new RegExp(`/consumers/${v3.consumer}$`)) },
    })
    expect((await send(v3, 'get', `${path}/lags/orders/partitions/9`)).body).toMatchObject({ error_code: 404 })
    // Whoever may not describe the topic sees none of its partitions.
    await v3.gateway.allow('alice', 'describe', 'group', 'billing')
    expect(data(await ask(v3, `GET ${at}/{consumer_group_id}/lags`, `${path}/lags`, undefined, 'alice'))).toEqual([])
    expect((await send(v3, 'get', `${path}/lag-summary`, undefined, 'alice')).body).toMatchObject({ error_code: 404 })
  })
})

describe('ACLs', () => {
  const at = `${cluster}/acls`
  const read = { resource_type: 'TOPIC', resource_name: 'orders', pattern_type: 'LITERAL', principal: 'User:CN=bob', host: '*', operation: 'READ', permission: 'ALLOW' }
  const group = { ...read, resource_type: 'GROUP', resource_name: 'billing-', pattern_type: 'PREFIXED' }

  it('are made, found and deleted', async () => {
    await using v3 = await v3Gateway()
    const path = `${v3.base}/acls`
    expect((await ask(v3, `POST ${at}`, path, read)).status).toBe(201)
    expect((await ask(v3, `POST ${cluster}/acls:batch`, `${path}:batch`, { data: [group, { ...read, operation: 'DESCRIBE_CONFIGS' }] })).status).toBe(201)
    const all = await ask(v3, `GET ${at}`, path)
    expect(data(all)).toHaveLength(3)
    const found = await ask(v3, `GET ${at}`, `${path}?resource_type=topic&operation=READ&principal=User:CN%3Dbob`)
    expect(data(found)).toMatchObject([{ kind: 'KafkaAcl', ...read }])
    expect((data(found)[0]!['metadata'] as { self: string }).self).toMatch(/\/acls\?resource_type=TOPIC&resource_name=orders&pattern_type=LITERAL&principal=User%3ACN%3Dbob&host=\*&operation=READ&permission=ALLOW$/)
    expect(data(await ask(v3, `GET ${at}`, `${path}?resource_type=GROUP&resource_name=billing-1&pattern_type=MATCH`))).toMatchObject([group])
    expect(data(await ask(v3, `GET ${at}`, `${path}?resource_type=DELEGATION_TOKEN`))).toEqual([])
    const deleted = await ask(v3, `DELETE ${at}`, `${path}?resource_type=TOPIC&pattern_type=ANY&operation=ANY&permission=ANY`)
    expect(data(deleted).map(one => one['operation'])).toEqual(['READ', 'DESCRIBE_CONFIGS'])
    expect(data(await ask(v3, `GET ${at}`, path))).toMatchObject([group])
  })

  it('of the registry\'s subjects are not Kafka\'s, and neither shown nor deleted here', async () => {
    await using v3 = await v3Gateway()
    await v3.gateway.allow('alice', 'read', 'subject', 'orders-value')
    const path = `${v3.base}/acls`
    expect(data(await ask(v3, `GET ${at}`, path))).toEqual([])
    expect(data(await ask(v3, `DELETE ${at}`, `${path}?resource_type=ANY&pattern_type=ANY&operation=ANY&permission=ANY`))).toEqual([])
    expect(v3.gateway.parts.access.list({})).toHaveLength(1)
  })

  it.each([
    ['post', 'acls', { ...read, resource_type: 'CLUSTER', resource_name: 'other' }, 400, 40002, /kafka-cluster/],
    ['post', 'acls', { ...read, operation: 'ANY' }, 400, 400, /^'operation' must be one of/],
    ['post', 'acls', { ...read, principal: undefined }, 400, 400, /^'principal'/],
    ['post', 'acls:batch', { data: [read, { ...read, resource_type: 'CLUSTER' }] }, 400, 40002, /kafka-cluster/],
    ['post', 'acls:batch', { data: [read, { ...read, host: 1 }] }, 400, 400, /^'data\[1\]\.host'/],
    ['get', 'acls?operation=FLY', undefined, 400, 400, /^operation must be one of/],
    ['delete', 'acls?pattern_type=ANY&operation=ANY&permission=ANY', undefined, 400, 400, /^resource_type cannot be unspecified or UNKNOWN$/],
    ['delete', 'acls?resource_type=TOPIC&pattern_type=UNKNOWN&operation=ANY&permission=ANY', undefined, 400, 400, /^pattern_type cannot be unspecified or UNKNOWN$/],
  ] as const)('%s %s with %o is %i', async (method, path, body, status, errorCode, message) => {
    await using v3 = await v3Gateway()
    const answer = await send(v3, method, `${v3.base}/${path}`, body)
    expect([answer.status, answer.body]).toEqual([status, { error_code: errorCode, message: expect.stringMatching(message) }])
    expect(v3.gateway.parts.access.list({})).toEqual([])
  })
})

describe('rights', () => {
  type Right = readonly [AclBinding['operation'], AclBinding['resourceType'], string]
  const onCluster = (operation: AclBinding['operation']): Right => [operation, 'cluster', 'kafka-cluster']
  const onTopic = (operation: AclBinding['operation']): Right => [operation, 'topic', 'orders']
  const acl = { resource_type: 'TOPIC', resource_name: 'x', pattern_type: 'LITERAL', principal: 'User:x', host: '*', operation: 'READ', permission: 'ALLOW' }

  it.each<[Method, string, Right, object?]>([
    ['get', 'acls', onCluster('describe')],
    ['post', 'acls', onCluster('alter'), acl],
    ['post', 'acls:batch', onCluster('alter'), { data: [acl] }],
    ['delete', 'acls?resource_type=TOPIC&pattern_type=ANY&operation=ANY&permission=ANY', onCluster('alter')],
    ['get', 'broker-configs', onCluster('describe-configs')],
    ['put', 'broker-configs/log.retention.ms', onCluster('alter-configs'), { value: '1000' }],
    ['delete', 'broker-configs/log.retention.ms', onCluster('alter-configs')],
    ['post', 'broker-configs:alter', onCluster('alter-configs'), { data: [{ name: 'log.retention.ms', value: '1000' }] }],
    ['get', 'brokers/1/configs', onCluster('describe-configs')],
    ['get', 'brokers/-/configs', onCluster('describe-configs')],
    ['get', 'brokers/1/configs/log.retention.ms', onCluster('describe-configs')],
    ['put', 'brokers/1/configs/log.retention.ms', onCluster('alter-configs'), { value: '1000' }],
    ['delete', 'brokers/1/configs/log.retention.ms', onCluster('alter-configs')],
    ['post', 'brokers/1/configs:alter', onCluster('alter-configs'), { data: [{ name: 'log.retention.ms', value: '1000' }] }],
    ['post', 'topics', onCluster('create'), { topic_name: 'new' }],
    ['post', 'topics', ['create', 'topic', 'new'], { topic_name: 'new' }],
    ['get', 'topics/orders', onTopic('describe')],
    ['patch', 'topics/orders', onTopic('alter'), { partitions_count: 3 }],
    ['delete', 'topics/orders', onTopic('delete')],
    ['get', 'topics/orders/configs', onTopic('describe-configs')],
    ['get', 'topics/orders/configs/retention.ms', onTopic('describe-configs')],
    ['put', 'topics/orders/configs/retention.ms', onTopic('alter-configs'), { value: '1' }],
    ['delete', 'topics/orders/configs/retention.ms', onTopic('alter-configs')],
    ['post', 'topics/orders/configs:alter', onTopic('alter-configs'), { data: [{ name: 'retention.ms', value: '1' }] }],
    ['get', 'topics/orders/partitions', onTopic('describe')],
    ['get', 'topics/orders/partitions/0', onTopic('describe')],
    ['get', 'topics/orders/partitions/0/offset', onTopic('describe')],
    ['get', 'topics/orders/partitions/0/replicas', onTopic('describe')],
    ['get', 'topics/orders/partitions/0/replicas/1', onTopic('describe')],
    ['get', 'topics/-/partitions/-/reassignment', onCluster('describe')],
    ['get', 'topics/orders/partitions/-/reassignment', onCluster('describe')],
    ['get', 'consumer-groups/billing', ['describe', 'group', 'billing']],
    ['get', 'consumer-groups/billing/consumers', ['describe', 'group', 'billing']],
    ['get', 'consumer-groups/billing/lags', ['describe', 'group', 'billing']],
  ])('%s %s needs %j', async (method, path, [operation, type, name], body) => {
    await using v3 = await withGroup()
    const again = async () => await send(v3, method, `${v3.base}/${path}`, body, 'alice')
    const before = await again()
    expect([before.status, before.body]).toEqual([403, { error_code: 40301, message: expect.stringMatching(/^Not authorized/) }])
    // What is not there is refused in the same words.
    const absent = path.replace('orders', 'absent').replace('billing', 'absent')
    if (absent !== path) {
      const denied = await send(v3, method, `${v3.base}/${absent}`, body, 'alice')
      expect([denied.status, String(denied.body['message']).replaceAll('absent', '_')]).toEqual([403, String(before.body['message']).replaceAll(/orders|billing/g, '_')])
    }
    await v3.gateway.allow('alice', operation, type, name)
    expect((await again()).status).toBeLessThan(300)
  })

  it('leave out of lists what the caller may not describe', async () => {
    await using v3 = await withGroup()
    for (const path of ['topics', 'topics/-/configs', 'consumer-groups']) expect((await v3.gateway.as('alice').get(`${v3.base}/${path}`).expect(200)).body.data).toEqual([])
    await v3.gateway.allow('alice', 'describe', 'topic', 'orders')
    expect((await send(v3, 'get', `${v3.base}/topics`, undefined, 'alice')).body['data']).toMatchObject([{ topic_name: 'orders' }])
  })
})
