import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../../../src/engine/catalog/records.ts'
import { Refusal, type Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { MemoryLog } from '../memory-log.ts'
import { clusterId, code, directoryOf, open, replayed, topicId } from './open-catalog.ts'

/** Partitions with their replicas in this order each. */
const on = (...assignment: number[][]) => ({ partitions: -1, replicationFactor: -1, assignment })

async function three(assignment: number[][] = [[1, 2, 3], [2, 3, 1], [3, 1, 2]]) {
  const cluster = await open({ brokers: 3 })
  await cluster.create('orders', on(...assignment))
  return cluster
}

describe('a broker', () => {
  it('registers under an epoch of its own each time, and serves once it is unfenced', async () => {
    const { register, unfence, catalog, epochOf } = await open({ brokers: 2 })
    expect([epochOf(1), epochOf(2)]).toEqual([1, 2])
    expect(await register(3)).toEqual({ epoch: 3 })
    expect(catalog.brokers).toEqual([{ id: 1, rack: 'a', state: 'running' }, { id: 2, rack: 'b', state: 'running' }, { id: 3, rack: 'c', state: 'fenced' }])
    await unfence(3)
    expect(catalog.broker(3)).toMatchObject({ state: 'running', epoch: 3, directories: [directoryOf(3)] })
    expect(await register(1)).toEqual({ epoch: 4 })
    expect(catalog.broker(1)!.state).toBe('fenced')
  })

  it('that registers anew leads nothing from its earlier life, and leads again once it is in sync', async () => {
    const { register, unfence, show, alter, submit } = await three()
    await register(1)
    expect([show('orders', 0), show('orders', 1), show('orders', 2)]).toEqual(['2@1.1 123/23', '2@0.1 231/23', '3@0.1 312/32'])
    await unfence(1)
    expect(show('orders', 0)).toBe('2@1.1 123/23')
    await alter('orders', 0, [1, 2, 3])
    await submit({ type: 'balance-leaders' })
    expect(show('orders', 0)).toBe('1@2.3 123/123')
  })

  it('that was fenced and registers anew changes nothing, because that was done already', async () => {
    const { register, fence, show, log } = await three()
    await fence(1)
    const before = [show('orders', 0), log.records.length]
    await register(1)
    expect([show('orders', 0), log.records.length]).toEqual([before[0], (before[1] as number) + 1])
  })

  it('whose disk was replaced is in sync with nothing, also not as the last', async () => {
    const { register, unfence, fence, show, catalog, submit, create } = await three([[1, 2]])
    await create('alone', on([1]))
    await fence(1)
    expect([show('orders'), show('alone')]).toEqual(['2@1.1 12/2', '-1@1.1 1/1'])
    await fence(2)
    expect(show('orders', 0)).toBe('-1@2.2 12/2')
    await register(2, 2)
    await register(1, 2)
    await unfence(1, 2)
    expect([show('orders'), show('alone')]).toEqual(['-1@2.4 12/', '-1@1.2 1/'])
    expect(catalog.broker(1)!.directories).toEqual([directoryOf(1, 2)])
    expect(await submit({ type: 'elect-leaders', kind: 'preferred', partitions: [{ topic: 'orders', partition: 0 }] }))
      .toEqual([{ topic: 'orders', partition: 0, refusal: code('preferred-leader-not-available', 'The preferred leader was not available.') }])
    await submit({ type: 'elect-leaders', kind: 'unclean', partitions: null })
    expect([show('orders'), show('alone')]).toEqual(['1@3.5 12/1', '1@2.3 1/1'])
  })

  it('that gets another directory besides loses nothing', async () => {
    const { submit, unfence, fence, show } = await three([[1]])
    await fence(1)
    await submit({ type: 'register-broker', broker: { id: 1, rack: 'a' }, incarnation: directoryOf(7), directories: [directoryOf(1), directoryOf(1, 2)] })
    await unfence(1)
    expect(show('orders')).toBe('1@2.2 1/1')
  })

  it.each(['fence-broker', 'stop-broker'] as const)('is not reached by a %s for an earlier life of it', async type => {
    const { submit, register, catalog, unfence } = await three()
    await register(1)
    await unfence(1)
    expect(await submit({ type, id: 1, epoch: 1 })).toEqual(code('broker-not-available', 'broker 1 has registered anew: its epoch is 4, not 1'))
    expect(await submit({ type, id: 9, epoch: 1 })).toEqual(code('broker-id-not-registered', 'Broker ID 9 is not currently registered'))
    expect(catalog.broker(1)!.state).toBe('running')
    await submit({ type: 'unfence-brokers', brokers: [{ id: 9, epoch: 1 }, { id: 1, epoch: 1 }] })
    expect(catalog.broker(9)).toBeUndefined()
  })

  it('hands over what it leads when it wants to go, and says what it cannot hand over', async () => {
    const { stop, fence, show, alter, catalog } = await three([[1, 2, 3], [1, 2, 3]])
    await alter('orders', 1, [1])
    expect(await stop(1)).toBe(1)
    expect([show('orders', 0), show('orders', 1), catalog.broker(1)!.state]).toEqual(['2@1.1 123/23', '1@0.1 123/1', 'stopping'])
    // A follower that catches up meanwhile takes over at once.
    expect(await alter('orders', 1, [1, 2])).toEqual([null])
    expect(show('orders', 1)).toBe('2@1.2 123/2')
    expect(await stop(1)).toBe(0)
    await fence(1)
    expect(catalog.broker(1)!.state).toBe('fenced')
    expect(await stop(1)).toBe(0)
  })

  it('is forgotten only when it is gone and nothing names it', async () => {
    const { submit, fence, catalog, register } = await three([[1, 2]])
    expect(await submit({ type: 'unregister-broker', id: 3 })).toEqual(code('invalid-request', /^broker 3 is running; stop it/))
    await fence(1)
    expect(await submit({ type: 'unregister-broker', id: 1 })).toEqual(code('invalid-request', /^broker 1 holds replicas, of orders-0 among others/))
    expect(await submit({ type: 'unregister-broker', id: 9 })).toEqual(code('broker-id-not-registered'))
    await submit({ type: 'delete-topic', name: 'orders' })
    await fence(3)
    expect(await submit({ type: 'unregister-broker', id: 3 })).toBeNull()
    expect(catalog.broker(3)).toBeUndefined()
    expect([...catalog.condemned.values()]).toEqual([{ name: 'orders', brokers: [1, 2] }])
    // Its epochs are not given to anybody else.
    expect(await register(4)).toEqual({ epoch: 4 })
  })

  it('has a storage limit that outlives its registrations', async () => {
    const { submit, register, catalog } = await open()
    expect(await submit({ type: 'set-storage-limit', brokerId: 1, bytes: 1000 })).toBeNull()
    await register(1)
    expect(catalog.broker(1)!.limitBytes).toBe(1000)
    expect(await submit({ type: 'set-storage-limit', brokerId: 1, bytes: null })).toBeNull()
    expect(catalog.broker(1)!.limitBytes).toBeUndefined()
    expect(await submit({ type: 'set-storage-limit', brokerId: 9, bytes: 1 })).toEqual(code('broker-id-not-registered'))
    expect(await submit({ type: 'set-storage-limit', brokerId: 1, bytes: 0.5 })).toEqual(code('invalid-request', /it is 0\.5$/))
  })
})

describe('a cluster that starts', () => {
  it('has every leader where it was, one epoch later', async () => {
    const { submit, register, unfence, show, catalog } = await three()
    await submit({ type: 'start-cluster', clusterId })
    expect(catalog.brokers.map(broker => broker.state)).toEqual(['fenced', 'fenced', 'fenced'])
    expect(show('orders', 0)).toBe('1@0.0 123/123')
    for (const id of [1, 2, 3]) await register(id)
    await unfence(1, 2, 3)
    expect([0, 1, 2].map(index => show('orders', index))).toEqual(['1@1.1 123/123', '2@1.1 231/231', '3@1.1 312/312'])
  })

  it('goes on without one that does not come, which is out of sync then', async () => {
    const { submit, register, unfence, show } = await three()
    await submit({ type: 'start-cluster', clusterId })
    await register(2)
    await register(3)
    await unfence(2, 3)
    expect([0, 1, 2].map(index => show('orders', index))).toEqual(['2@1.1 123/23', '2@1.1 231/23', '3@1.1 312/32'])
    await register(1)
    await unfence(1)
    expect(show('orders', 0)).toBe('2@1.1 123/23')
  })

  it('waits for those that were in sync', async () => {
    const { submit, register, unfence, fence, show } = await three([[1, 2, 3]])
    await fence(3)
    await submit({ type: 'start-cluster', clusterId })
    await register(3)
    await unfence(3)
    expect(show('orders')).toBe('-1@1.2 123/12')
    await register(2)
    await unfence(2)
    expect(show('orders')).toBe('2@2.3 123/2')
  })
})

describe('a leader', () => {
  it.each<[string, Parameters<Awaited<ReturnType<typeof open>>['alter']>[2], Parameters<Awaited<ReturnType<typeof open>>['alter']>[3], Refusal['code'], RegExp]>([
    ['of an earlier epoch', [1, 2], { leaderEpoch: 0 }, 'fenced-leader-epoch', /^orders-0: leader epoch 0 is over; the present one is 2$/],
    ['of an epoch to come', [1, 2], { leaderEpoch: 3 }, 'unknown-leader-epoch', /^orders-0: leader epoch 3 has not begun/],
    ['that saw another state', [1, 2], { partitionEpoch: 0 }, 'invalid-request', /^orders-0: partition epoch 0; the present one is 4$/],
    ['that leaves itself out', [2], {}, 'invalid-request', /lack the leader 1$/],
    ['that names a stranger', [1, 4], {}, 'invalid-request', /^orders-0: broker 4 is none of its replicas 1, 2, 3$/],
    ['that names one twice', [1, 2, 2], {}, 'invalid-request', /broker 2 is named twice$/],
    ['that names one that is fenced', [1, 3], {}, 'replica-not-available', /^orders-0: broker 3 cannot be in sync: it is fenced$/],
  ])('%s changes nothing', async (_, inSync, epochs, expected, message) => {
    const { alter, show, fence, register, unfence, submit } = await three()
    await register(4)
    await unfence(4)
    await fence(1)
    await register(1)
    await unfence(1)
    await alter('orders', 0, [2, 3, 1])
    await submit({ type: 'elect-leaders', kind: 'preferred', partitions: [{ topic: 'orders', partition: 0 }] })
    await fence(3)
    const before = show('orders')
    expect(before).toBe('1@2.4 123/21')
    expect(await alter('orders', 0, inSync, epochs)).toEqual([code(expected, message)])
    expect(show('orders')).toBe(before)
  })

  it('names its followers with the epochs that they fetch under', async () => {
    const { submit, catalog, register, unfence } = await three()
    await register(2)
    await unfence(2)
    const { id } = catalog.topic('orders')!
    const { leaderEpoch, partitionEpoch } = catalog.partition(id, 0)!
    const propose = (epoch: number) => submit({
      type: 'alter-partitions', brokerId: 1, brokerEpoch: 1, changes: [{ topicId: id, partition: 0, leaderEpoch, partitionEpoch, inSyncReplicas: [{ id: 1, epoch: 1 }, { id: 2, epoch }] }],
    })
    expect(await propose(2)).toEqual([code('replica-not-available', /broker 2 has registered anew: its epoch is 4, not 2$/)])
    expect(await propose(4)).toEqual([null])
  })

  it('is asked by life, topic and partition, each answered by itself', async () => {
    const { submit, catalog, alter, register } = await three()
    const { id } = catalog.topic('orders')!
    const change = (id: string, partition: number) => ({ topicId: id, partition, leaderEpoch: 0, partitionEpoch: 0, inSyncReplicas: [{ id: 1, epoch: 1 }] })
    expect(await submit({ type: 'alter-partitions', brokerId: 1, brokerEpoch: 1, changes: [change(topicId(99), 0), change(id, 9), change(id, 1), change(id, 0)] }))
      .toEqual([code('unknown-topic-id'), code('unknown-partition'), code('not-leader', /broker 2, not 1, leads it$/), null])
    await register(1)
    expect(await alter('orders', 1, [2], { brokerEpoch: 77 })).toEqual(code('broker-not-available'))
  })
})

describe('storage that cannot serve', () => {
  const partitionsOf = (topic: Topic) => topic.partitions.map(({ index }) => ({ topicId: topic.id, partition: index }))

  it('moves leadership away, and keeps who was the last in sync', async () => {
    const { submit, catalog, show, epochOf, alter, fence, register, unfence } = await three([[1, 2, 3], [1, 2, 3]])
    await alter('orders', 1, [1])
    const partitions = partitionsOf(catalog.topic('orders')!)
    await submit({ type: 'replicas-offline', brokerId: 1, brokerEpoch: epochOf(1), partitions, lost: false })
    expect([show('orders', 0), show('orders', 1)]).toEqual(['2@1.1 123/23', '-1@1.2 123/1'])
    // Neither time nor another broker makes it lead again; its storage does.
    await submit({ type: 'balance-leaders' })
    await fence(3)
    await register(3)
    await unfence(3)
    expect(show('orders', 1)).toBe('-1@1.2 123/1')
    await submit({ type: 'replicas-online', brokerId: 1, brokerEpoch: epochOf(1), partitions: [...partitions, { topicId: topicId(99), partition: 0 }] })
    expect([show('orders', 0), show('orders', 1)]).toEqual(['2@1.2 123/2', '1@2.3 123/1'])
  })

  it('that lost everything leaves nobody in sync', async () => {
    const { submit, catalog, show, epochOf, alter } = await three([[1, 2, 3]])
    await alter('orders', 0, [1])
    await submit({ type: 'replicas-offline', brokerId: 1, brokerEpoch: epochOf(1), partitions: partitionsOf(catalog.topic('orders')!), lost: true })
    expect(show('orders')).toBe('-1@1.2 123/')
    expect(await submit({ type: 'replicas-offline', brokerId: 1, brokerEpoch: 99, partitions: [], lost: true })).toEqual(code('broker-not-available'))
    expect(await submit({ type: 'replicas-online', brokerId: 1, brokerEpoch: 99, partitions: [] })).toEqual(code('broker-not-available'))
  })

  it('is made good by whoever runs where the topic says so, at once when it comes to say so', async () => {
    const { submit, catalog, show, epochOf, alter } = await three([[1, 2, 3]])
    await alter('orders', 0, [1])
    await submit({ type: 'replicas-offline', brokerId: 1, brokerEpoch: epochOf(1), partitions: partitionsOf(catalog.topic('orders')!), lost: false })
    await submit({ type: 'alter-configs', resource: { type: 'topic', name: 'orders' }, changes: [{ name: 'unclean.leader.election.enable', operation: 'set', value: 'true' }], validateOnly: false })
    expect(show('orders')).toBe('2@2.3 123/2')
  })

  it('is made good in time where all topics come to say so', async () => {
    const { submit, catalog, show, epochOf, alter } = await three([[1, 2, 3]])
    await alter('orders', 0, [1])
    await submit({ type: 'replicas-offline', brokerId: 1, brokerEpoch: epochOf(1), partitions: partitionsOf(catalog.topic('orders')!), lost: false })
    await submit({ type: 'alter-configs', resource: { type: 'broker', name: '' }, changes: [{ name: 'unclean.leader.election.enable', operation: 'set', value: 'true' }], validateOnly: false })
    expect(show('orders')).toBe('-1@1.2 123/1')
    await submit({ type: 'balance-leaders' })
    expect(show('orders')).toBe('2@2.3 123/2')
  })
})

describe('an election that is asked for', () => {
  it('answers each partition in Kafka\'s words', async () => {
    const { submit, register, unfence, alter, fence } = await three()
    await register(1)
    await unfence(1)
    await alter('orders', 0, [1, 2, 3])
    await fence(3)
    const partitions = [0, 1, 2, 9].map(partition => ({ topic: 'orders', partition }))
    expect(await submit({ type: 'elect-leaders', kind: 'preferred', partitions: [...partitions, { topic: 'none', partition: 0 }] })).toEqual([
      { topic: 'orders', partition: 0, refusal: null },
      { topic: 'orders', partition: 1, refusal: code('election-not-needed', /^Leader election not needed for topic partition\.$/) },
      { topic: 'orders', partition: 2, refusal: code('preferred-leader-not-available', /^The preferred leader was not available\.$/) },
      { topic: 'orders', partition: 9, refusal: code('unknown-partition', /^No such partition as orders-9$/) },
      { topic: 'none', partition: 0, refusal: code('unknown-topic', /^No such topic as none$/) },
    ])
    expect(await submit({ type: 'elect-leaders', kind: 'preferred', partitions: null })).toEqual([{ topic: 'orders', partition: 2, refusal: code('preferred-leader-not-available') }])
  })

  it('that may lose records needs somebody who runs', async () => {
    const { submit, fence, show } = await three([[1, 2]])
    await fence(2)
    await fence(1)
    const elect = () => submit({ type: 'elect-leaders', kind: 'unclean', partitions: [{ topic: 'orders', partition: 0 }] })
    expect(await elect()).toEqual([{ topic: 'orders', partition: 0, refusal: code('eligible-leaders-not-available', /^Eligible topic partition leaders are not available\.$/) }])
    expect(show('orders')).toBe('-1@1.2 12/1')
  })
})

describe('a reassignment', () => {
  it('goes from the old replicas to the new ones when these are in sync', async () => {
    const { submit, alter, show, register, unfence, catalog } = await three([[1, 2]])
    await register(4)
    await unfence(4)
    expect(await submit({ type: 'reassign', wishes: [{ topic: 'orders', partition: 0, replicas: [3, 4] }] })).toEqual([null])
    expect(show('orders')).toBe('1@0.1 3412/12 +34-12')
    expect(await submit({ type: 'create-partitions', name: 'orders', count: 2, assignment: undefined, validateOnly: true })).toMatchObject({ partitions: [{}, { replicas: { length: 2 } }] })
    await alter('orders', 0, [1, 2, 3])
    expect(show('orders')).toBe('1@0.2 3412/123 +34-12')
    await alter('orders', 0, [1, 2, 3, 4])
    expect(show('orders')).toBe('3@1.3 34/34')
    expect(catalog.topic('orders')!.partitions[0]).toMatchObject({ addingReplicas: [], removingReplicas: [] })
  })

  it('can be given up', async () => {
    const { submit, alter, show } = await three([[1, 2]])
    const wish = (replicas: number[] | null) => submit({ type: 'reassign', wishes: [{ topic: 'orders', partition: 0, replicas }] })
    expect(await wish(null)).toEqual([code('no-reassignment-in-progress', /^No partition reassignment is in progress\.$/)])
    await wish([3])
    expect(await wish(null)).toEqual([null])
    expect(show('orders')).toBe('1@1.2 12/12')
    await wish([3, 2])
    await alter('orders', 0, [1])
    expect(show('orders')).toBe('1@1.4 321/1 +3-1')
  })

  it('can not be given up where only new replicas are in sync', async () => {
    const { submit, alter, show, fence } = await three([[1, 2]])
    const wish = (replicas: number[] | null) => submit({ type: 'reassign', wishes: [{ topic: 'orders', partition: 0, replicas }] })
    await wish([3, 2])
    await alter('orders', 0, [1, 3])
    await fence(1)
    expect(show('orders')).toBe('3@1.3 321/3 +3-1')
    expect(await wish(null)).toEqual([code('invalid-replica-assignment', /^Unable to revert partition assignment for orders:0 because it would require an unclean leader election\.$/)])
  })

  it.each<[string, { topic?: string; partition?: number; replicas: number[] }, Refusal['code'], RegExp]>([
    ['of no topic', { topic: 'none', replicas: [1] }, 'unknown-topic', /^Unable to find a topic named none\.$/],
    ['of no partition', { partition: 5, replicas: [1] }, 'unknown-partition', /^Unable to find partition orders:5\.$/],
    ['to nobody', { replicas: [] }, 'invalid-replica-assignment', /^The manual partition assignment includes an empty replica list\.$/],
    ['to a stranger', { replicas: [9] }, 'invalid-replica-assignment', /^The manual partition assignment includes broker 9, but no such broker is registered\.$/],
    ['twice to one', { replicas: [2, 2] }, 'invalid-replica-assignment', /^The manual partition assignment includes the broker 2 more than once\.$/],
  ])('%s is refused', async (_, wish, expected, message) => {
    const { submit, show } = await three()
    expect(await submit({ type: 'reassign', wishes: [{ topic: 'orders', partition: 0, ...wish }] })).toEqual([code(expected, message)])
    expect(show('orders')).toBe('1@0.0 123/123')
  })
})

describe('new partitions', () => {
  it('have their replicas in different racks, and their leaders and followers spread', async () => {
    const { create } = await open({ brokers: 6 })
    const topic = await create('wide', { partitions: 36, replicationFactor: 3 }) as Topic
    const rackOf = (id: number): number => (id - 1) % 3
    for (const { replicas } of topic.partitions) expect(new Set(replicas.map(rackOf)).size).toBe(3)
    const count = (of: (partition: Topic['partitions'][number]) => boolean): number => topic.partitions.filter(of).length
    for (let id = 1; id <= 6; id++) expect(count(one => one.leader === id)).toBe(6)
    // Who takes over from the first broker is not always the same one.
    expect(new Set(topic.partitions.filter(one => one.leader === 1).map(one => one.replicas[1])).size).toBeGreaterThan(1)
  })

  it('begin somewhere else with each topic, and go on there', async () => {
    const { submit } = await open({ brokers: 3 })
    const make = (name: string, start: string) => submit({
      type: 'create-topic', topicId: `${start}-0000-4000-8000-000000000000`, internal: false, validateOnly: false,
      topic: { name, partitions: 1, replicationFactor: 1, configs: new Map() },
    }) as Promise<Topic>
    const leaders = [await make('a', '00000000'), await make('b', '00000001'), await make('c', '00000002')].map(topic => topic.partitions[0]!.leader)
    expect(leaders).toEqual([1, 2, 3])
    const grown = await submit({ type: 'create-partitions', name: 'c', count: 3, assignment: undefined, validateOnly: true }) as Topic
    expect(grown.partitions.map(one => one.leader)).toEqual([3, 1, 2])
  })

  it('are led by brokers that run, and take others only where there are not enough', async () => {
    const { create, fence } = await open({ brokers: 4 })
    await fence(2)
    const few = await create('few', { partitions: 4, replicationFactor: 3 }) as Topic
    for (const one of few.partitions) expect([one.replicas.includes(2), one.inSyncReplicas.length]).toEqual([false, 3])
    const all = await create('all', { partitions: 4, replicationFactor: 4 }) as Topic
    for (const one of all.partitions) expect([one.replicas.includes(2), one.inSyncReplicas.includes(2), one.leader === 2]).toEqual([true, false, false])
    const own = await create('own', on([2, 1], [1, 2])) as Topic
    expect(own.partitions.map(one => [one.leader, one.inSyncReplicas])).toEqual([[1, [1]], [1, [1]]])
    expect(await create('none', on([1], [2]))).toEqual(code('invalid-replica-assignment', /^All brokers specified in the manual partition assignment for partition 1 are fenced or in controlled shutdown\.$/))
    for (const id of [1, 3, 4]) await fence(id)
    expect(await create('none', { partitions: 1, replicationFactor: 2 })).toEqual(code('invalid-replication-factor', /^Unable to replicate the partition 2 time\(s\): All brokers are currently fenced\.$/))
  })
})

describe('a deleted topic', () => {
  it('is remembered until every broker that was registered has cleared it away', async () => {
    const { submit, catalog, register } = await three([[1]])
    const topic = await submit({ type: 'delete-topic', name: 'orders' }) as Topic
    await register(4)
    for (const brokerId of [1, 4, 2, 2]) await submit({ type: 'clear-topic', topicId: topic.id, brokerId })
    expect(catalog.condemned.get(topic.id)).toEqual({ name: 'orders', brokers: [3] })
    await submit({ type: 'clear-topic', topicId: topic.id, brokerId: 3 })
    expect(catalog.condemned.size).toBe(0)
  })
})

describe('a change of one partition', () => {
  it('costs one small record, and leaves topics and versions as they are', async () => {
    const { create, alter, catalog, log } = await open({ brokers: 3 })
    await create('wide', { partitions: 1000, replicationFactor: 3 })
    const [topic, version, count] = [catalog.topic('wide')!, catalog.version, log.records.length]
    const { leader } = topic.partitions[500]!
    await alter('wide', 500, [leader])
    expect(log.records.length - count).toBe(1)
    expect(log.records.at(-1)!.value!.length).toBeLessThan(60)
    expect([catalog.topic('wide') === topic, catalog.version === version, catalog.partition(topic.id, 500)!.inSyncReplicas]).toEqual([true, true, [leader]])
    expect((await replayed(log)).topics).toEqual(catalog.topics)
  })
})

describe('the voters', () => {
  it('are kept, and are never none', async () => {
    const { submit, catalog, log } = await open()
    const voters = [{ id: 1, directory: directoryOf(1) }, { id: 2, directory: directoryOf(2) }]
    expect(await submit({ type: 'set-voters', voters })).toBeNull()
    const count = log.records.length
    await submit({ type: 'set-voters', voters })
    expect([catalog.voters, log.records.length - count, (await replayed(log)).voters]).toEqual([voters, 0, voters])
    expect(await submit({ type: 'set-voters', voters: [] })).toEqual(code('invalid-request'))
  })
})

describe('a catalog of one broker, as it was kept before there were several', () => {
  it('is read, and its broker goes on with what it has', async () => {
    const log = new MemoryLog()
    const id = topicId(5)
    // Bytes of that version: tagged fields that equal their defaults are not written, so these records are what it wrote.
    const partition = { index: 0, leader: 1, leaderEpoch: 0, partitionEpoch: 0, replicas: [1], inSyncReplicas: [1], addingReplicas: [], removingReplicas: [], createdAtMs: 3 }
    const records = [
      encodeRecord({ type: 'cluster', clusterId, brokerEpoch: 0 }),
      encodeRecord({ type: 'broker', broker: { id: 1, rack: 'a', state: 'fenced', epoch: -1, incarnation: '00000000-0000-0000-0000-000000000000', directories: [] } }),
      encodeRecord({ type: 'topic', topic: { name: 'old', id, internal: false, createdAtMs: 3, partitions: [partition], configs: new Map() } }),
      encodeRecord({ type: 'condemned', topicId: topicId(6), name: 'gone', brokers: [] }),
    ]
    expect(records.map(record => record.value!.toString('hex'))).toEqual([
      `000017${Buffer.from(clusterId).toString('hex')}00`,
      '0000026100',
      '0000046f6c64000000000000000003020000000100000000020000000102000000010000000000000003000100',
      '000005676f6e6500',
    ])
    log.append(buildBatch(records, { timestampMs: 1 }))
    const { show, catalog } = await open({ log })
    expect(show('old')).toBe('1@1.1 1/1')
    expect(catalog.broker(1)).toMatchObject({ epoch: 1, state: 'running' })
    expect([...catalog.condemned.values()]).toEqual([{ name: 'gone', brokers: [1] }])
  })
})
