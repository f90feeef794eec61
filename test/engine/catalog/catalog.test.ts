import { describe, expect, it } from 'vitest'
import { Catalog, producerIdsPerBlock } from '../../../src/engine/catalog/catalog.ts'
import type { CatalogCommand, CatalogReply } from '../../../src/engine/catalog/commands.ts'
import type { CatalogRecord } from '../../../src/engine/catalog/records.ts'
import { MachineRuntime } from '../../../src/engine/machine.ts'
import type { AclBinding, NewTopic, Refusal, Topic } from '../../../src/ports.ts'
import { SimClock } from '../../sim/clock.ts'
import { silent } from '../../sim/world.ts'
import { clusterId, code, open, replayed, topicId } from './open-catalog.ts'

describe('a topic', () => {
  it('is made with what was asked for, and one record says so', async () => {
    const { create, catalog, log, clock } = await open()
    const before = log.records.length
    const topic = await create('orders', { partitions: 3, configs: new Map([['retention.ms', '1000']]) })
    const partition = {
      leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], inSyncReplicas: [1], addingReplicas: [], removingReplicas: [], createdAtMs: clock.now(),
    }
    expect(topic).toEqual({
      name: 'orders', id: topicId(1), internal: false, createdAtMs: clock.now(), configs: new Map([['retention.ms', '1000']]),
      partitions: [{ index: 0, ...partition }, { index: 1, ...partition }, { index: 2, ...partition }],
    })
    expect(catalog.topic('orders')).toEqual(topic)
    expect(catalog.topicById(topicId(1))).toEqual(topic)
    expect(log.records.length - before).toBe(1)
  })

  it('takes its counts from the broker where it names none', async () => {
    const { create } = await open({ brokers: 3, settings: { 'num.partitions': 4, 'default.replication.factor': 2 } })
    const topic = await create('orders', { partitions: -1 }) as Topic
    expect(topic.partitions.map(one => [one.leader, ...one.replicas])).toEqual([[1, 1, 2], [2, 2, 3], [3, 3, 1], [1, 1, 3]])
  })

  it('never asks by default for more replicas than there are brokers', async () => {
    const { create } = await open({ settings: { 'default.replication.factor': 3 } })
    expect((await create('orders') as Topic).partitions[0]!.replicas).toEqual([1])
  })

  it.each<[string, string, Partial<NewTopic>, Refusal['code'], RegExp]>([
    ['more replicas than brokers', 'orders', { replicationFactor: 3 }, 'invalid-replication-factor', /^Unable to replicate the partition 3 time\(s\): The target replication factor of 3 cannot be reached because only 1 broker\(s\) are registered\.$/],
    ['no replicas', 'orders', { replicationFactor: 0 }, 'invalid-replication-factor', /larger than 0.*0/],
    ['no partitions', 'orders', { partitions: 0 }, 'invalid-partitions', /non-positive value: 0/],
    ['a negative count', 'orders', { partitions: -2 }, 'invalid-partitions', /-2/],
    ['partitions without number', 'orders', { partitions: 10_001 }, 'policy-violation', /^Excessively large number of partitions per request: 10001/],
    ['both counts and an assignment', 'orders', { assignment: [[1]] }, 'invalid-request', /numPartitions was not set to -1/],
    ['a replication factor and an assignment', 'orders', { partitions: -1, replicationFactor: 1, assignment: [[1]] }, 'invalid-request', /replication factor was not set to -1/],
    ['an assignment to a stranger', 'orders', { partitions: -1, assignment: [[1], [9]] }, 'invalid-replica-assignment', /broker 9, but no such broker/],
    ['an assignment to nobody', 'orders', { partitions: -1, assignment: [[]] }, 'invalid-replica-assignment', /empty replica list/],
    ['an assignment of nothing', 'orders', { partitions: -1, assignment: [] }, 'invalid-replica-assignment', /no partition/],
    ['an assignment twice to one', 'orders', { partitions: -1, assignment: [[1, 1]] }, 'invalid-replica-assignment', /broker 1 more than once/],
    ['an unknown config', 'orders', { configs: new Map([['retention.hours', '1']]) }, 'invalid-config', /^Unknown topic config name: retention.hours$/],
    ['a config that is not honoured', 'orders', { configs: new Map([['cleanup.policy', 'compact']]) }, 'invalid-config', /^Invalid value compact for configuration cleanup.policy: String must be one of: delete$/],
    ['a bad config value', 'orders', { configs: new Map([['retention.ms', 'soon']]) }, 'invalid-config', /^Invalid value soon for configuration retention.ms: Not a number of type LONG$/],
    ['an empty name', '', {}, 'invalid-topic', /^Topic name is invalid: the empty string is not allowed$/],
    ['a dot', '.', {}, 'invalid-topic', /^Topic name is invalid: '\.' is not allowed$/],
    ['two dots', '..', {}, 'invalid-topic', /'\.\.'/],
    ['a long name', 'x'.repeat(250), {}, 'invalid-topic', /longer than the max allowed length 249$/],
    ['a strange name', 'orders/new', {}, 'invalid-topic', /'orders\/new' contains one or more characters other than ASCII alphanumerics, '\.', '_' and '-'$/],
    ['an internal name', '__consumer_offsets', {}, 'invalid-request', /^Creation of internal topic __consumer_offsets is prohibited\.$/],
  ])('with %s is refused and leaves nothing', async (_, name, more, expected, message) => {
    const { create, catalog, log } = await open()
    const before = log.records.length
    expect(await create(name, more)).toEqual(code(expected, message))
    expect(catalog.topics).toEqual([])
    expect(log.records.length).toBe(before)
  })

  it('of a name that is there, or differs from one only by dot and underscore, is refused', async () => {
    const { create } = await open()
    await create('a.b')
    expect(await create('a.b')).toEqual(code('topic-exists', /^Topic 'a\.b' already exists\.$/))
    expect(await create('a_b')).toEqual(code('invalid-topic', /^Topic 'a_b' collides with existing topic: a\.b$/))
    expect(await create('a-b')).toMatchObject({ name: 'a-b' })
  })

  it('that is only checked is not made', async () => {
    const { create, catalog } = await open()
    expect(await create('orders', {}, true)).toMatchObject({ name: 'orders' })
    expect(catalog.topic('orders')).toBeUndefined()
  })

  it('comes under a new id when it is made again', async () => {
    const { create, submit, catalog } = await open()
    const first = await create('orders') as Topic
    await submit({ type: 'delete-topic', name: 'orders' })
    expect(catalog.topicById(first.id)).toBeUndefined()
    expect(catalog.condemned).toEqual(new Map([[first.id, { name: 'orders', brokers: [1] }]]))
    const second = await create('orders') as Topic
    expect(second.id).not.toBe(first.id)
    await submit({ type: 'clear-topic', topicId: first.id, brokerId: 1 })
    expect(catalog.condemned.size).toBe(0)
    expect(catalog.topic('orders')).toEqual(second)
  })

  it('cannot be deleted where it does not exist, is internal, or the broker forbids it', async () => {
    const { submit } = await open()
    expect(await submit({ type: 'delete-topic', name: 'orders' })).toEqual(code('unknown-topic', /'orders'/))
    await submit({ type: 'create-topic', topicId: topicId(90), internal: true, validateOnly: false, topic: { name: '__consumer_offsets', partitions: 2, replicationFactor: -1, configs: new Map() } })
    expect(await submit({ type: 'delete-topic', name: '__consumer_offsets' })).toEqual(code('invalid-topic'))
    expect(await submit({ type: 'create-partitions', name: '__consumer_offsets', count: 100, assignment: undefined, validateOnly: false })).toEqual(code('invalid-request'))
    expect(await submit({ type: 'alter-configs', resource: { type: 'topic', name: '__consumer_offsets' }, changes: [{ name: 'retention.ms', operation: 'set', value: '1' }], validateOnly: false })).toEqual(code('policy-violation'))
    const strict = await open({ settings: { 'delete.topic.enable': false } })
    await strict.create('orders')
    expect(await strict.submit({ type: 'delete-topic', name: 'orders' })).toEqual(code('topic-deletion-disabled'))
  })
})

describe('partitions', () => {
  it('are added behind those that are there, which stay as they are', async () => {
    const { create, submit, clock } = await open()
    const before = await create('orders', { partitions: 2 }) as Topic
    await clock.advance(5000)
    const after = await submit({ type: 'create-partitions', name: 'orders', count: 4, assignment: undefined, validateOnly: false }) as Topic
    expect(after.id).toBe(before.id)
    expect(after.partitions.slice(0, 2)).toEqual(before.partitions)
    expect(after.partitions.slice(2).map(one => [one.index, one.createdAtMs - before.createdAtMs])).toEqual([[2, 5000], [3, 5000]])
  })

  it('are never taken away, and an assignment must cover what is added', async () => {
    const { create, submit } = await open()
    await create('orders', { partitions: 3 })
    const grow = (count: number, assignment?: number[][]) => submit({ type: 'create-partitions', name: 'orders', count, assignment, validateOnly: true })
    expect(await grow(2)).toEqual(code('invalid-partitions', /^The topic orders currently has 3 partition\(s\); 2 would not be an increase\.$/))
    expect(await grow(3)).toEqual(code('invalid-partitions', /^Topic already has 3 partition\(s\)\.$/))
    expect(await grow(20_000)).toEqual(code('policy-violation'))
    expect(await grow(5, [[1]])).toEqual(code('invalid-replica-assignment', /2 additional partition\(s\), but only 1 assignment/))
    expect(await grow(5, [[1], [9]])).toEqual(code('invalid-replica-assignment'))
    expect(await grow(5, [[1], [1]])).toMatchObject({ partitions: { length: 5 } })
    expect(await submit({ type: 'create-partitions', name: 'none', count: 5, assignment: undefined, validateOnly: false })).toEqual(code('unknown-topic'))
  })
})

describe('what the catalog keeps', () => {
  const binding: AclBinding = { principal: 'User:CN=alice', host: '*', operation: 'write', permission: 'allow', resourceType: 'topic', resourceName: 'orders', patternType: 'prefixed' }
  const key = { id: 'AKIASLUICE', secret: 'secret', principal: { type: 'User', name: 'CN=alice' }, createdAtMs: 12 }
  const temporary = { ...key, id: 'ASIASLUICE', session: { token: 'token', expiresAtMs: 99 } }

  it('is all there after a restart', async () => {
    const { log, create, submit, catalog } = await open()
    await create('orders', { partitions: 2, configs: new Map([['retention.ms', '-1']]) })
    await create('gone')
    await submit({ type: 'delete-topic', name: 'gone' })
    await submit({ type: 'add-acls', bindings: [binding, { ...binding, permission: 'deny' }] })
    await submit({ type: 'remove-acls', bindings: [{ ...binding, permission: 'deny' }] })
    await submit({ type: 'add-access-key', key })
    await submit({ type: 'add-access-key', key: temporary })
    await submit({ type: 'alter-configs', resource: { type: 'broker', name: '' }, changes: [{ name: 'log.retention.ms', operation: 'set', value: '77' }], validateOnly: false })
    await submit({ type: 'alter-configs', resource: { type: 'broker', name: '1' }, changes: [{ name: 'message.max.bytes', operation: 'set', value: '99' }], validateOnly: false })
    const before = await replayed(log)
    const again = await open({ log })
    expect(again.catalog.clusterId).toBe(clusterId)
    expect(again.catalog.brokers).toEqual([{ id: 1, rack: 'a', state: 'running' }])
    expect(before.topics).toEqual(catalog.topics)
    expect([...again.catalog.condemned.values()]).toEqual([{ name: 'gone', brokers: [1] }])
    expect(again.catalog.acls).toEqual([binding])
    expect(again.catalog.accessKeys).toEqual([key, temporary])
    expect(again.catalog.configs.topic(new Map(), 'retention.ms')).toBe('77')
    expect(before.configs.topic(new Map(), 'max.message.bytes')).toBe('99')
    // What was set for one broker alone does not count for the controller.
    expect(again.catalog.configs.topic(new Map(), 'max.message.bytes')).toBe('1048588')
  })

  it('is all in a snapshot', async () => {
    const { log, create, submit, runtime, catalog } = await open({ snapshotRecordsMin: 20 })
    await submit({ type: 'add-acls', bindings: [binding] })
    await submit({ type: 'add-access-key', key })
    await submit({ type: 'alter-configs', resource: { type: 'broker', name: '' }, changes: [{ name: 'log.retention.ms', operation: 'set', value: '77' }], validateOnly: false })
    await create('orders')
    await create('gone')
    await submit({ type: 'delete-topic', name: 'gone' })
    const ids = []
    for (let round = 0; round < 40; round++) ids.push(await submit({ type: 'allocate-producer-ids' }))
    await runtime.close()
    expect(log.startOffset).toBeGreaterThan(0)
    expect((await replayed(log)).topics).toEqual(catalog.topics)
    const again = await open({ log })
    expect([...again.catalog.condemned.values()]).toEqual([{ name: 'gone', brokers: [1] }])
    expect(again.catalog.acls).toEqual([binding])
    expect(again.catalog.accessKeys).toEqual([key])
    expect(again.catalog.configs.topic(new Map(), 'retention.ms')).toBe('77')
    expect(await again.submit({ type: 'allocate-producer-ids' })).toBe(40 * producerIdsPerBlock)
    expect(new Set(ids).size).toBe(40)
  })

  it('gives no producer id twice, however often it restarts', async () => {
    const given: (number | Refusal)[] = []
    const { log } = await open()
    for (let restart = 0; restart < 5; restart++) given.push(await (await open({ log })).submit({ type: 'allocate-producer-ids' }))
    expect(given).toEqual([0, 1000, 2000, 3000, 4000])
  })

  it('refuses a second access key of one id, and the removal of none', async () => {
    const { submit } = await open()
    expect(await submit({ type: 'add-access-key', key })).toBeNull()
    expect(await submit({ type: 'add-access-key', key })).toEqual(code('duplicate-resource'))
    expect(await submit({ type: 'remove-access-key', id: 'AKIASLUICE' })).toBeNull()
    expect(await submit({ type: 'remove-access-key', id: 'AKIASLUICE' })).toEqual(code('resource-not-found'))
  })

  it('keeps ten thousand access keys and no more', async () => {
    const { submit } = await open()
    await Promise.all(Array.from({ length: 10_000 }, (_, nth) => submit({ type: 'add-access-key', key: { ...key, id: `AKIA${nth}` } })))
    expect(await submit({ type: 'add-access-key', key })).toEqual(code('policy-violation', /there are 10000 access keys/))
    await submit({ type: 'remove-access-key', id: 'AKIA0' })
    expect(await submit({ type: 'add-access-key', key })).toBeNull()
  })

  it('writes an ACL once, and gives a new array only when something changed', async () => {
    const { submit, catalog, log } = await open()
    await submit({ type: 'add-acls', bindings: [binding] })
    const before = [catalog.acls, log.records.length] as const
    await submit({ type: 'add-acls', bindings: [binding] })
    await submit({ type: 'remove-acls', bindings: [{ ...binding, host: '10.0.0.1' }] })
    expect(catalog.acls).toBe(before[0])
    expect(log.records.length).toBe(before[1])
    await submit({ type: 'remove-acls', bindings: [binding] })
    expect(catalog.acls).not.toBe(before[0])
  })

  it('refuses a catalog of another cluster', async () => {
    const { log } = await open()
    const catalog = new Catalog({ brokerId: 1, settings: {} })
    const runtime = await MachineRuntime.open<CatalogCommand, CatalogRecord, CatalogReply>({ name: 'catalog', machine: catalog, log, clock: new SimClock(), logger: silent })
    expect(await runtime.submit({ type: 'start-cluster', clusterId: 'another' })).toEqual(code('storage-error', new RegExp(`of cluster ${clusterId}, not another`)))
  })
})
