// Closing partitions, making those that take their place, and writing down where the closed ones end: what is decided, what is kept, and who may say it.
import { describe, expect, it } from 'vitest'
import { openAncestor } from '../../../src/engine/catalog/lineage.ts'
import { decodeRecord, encodeRecord } from '../../../src/engine/catalog/records.ts'
import type { Partition, Refusal, Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { Message, array, boolean, int32, int64, string } from '../../../src/wire/schema.ts'
import { evenHashKeys, halves, mergePlan, splitPlan } from '../../support/shards.ts'
import { code, open, replayed } from './open-catalog.ts'

async function withOrders(partitions = 2) {
  const opened = await open({ brokers: 3, settings: { 'default.replication.factor': 3 } })
  await opened.create('orders', { partitions })
  const { catalog, submit, epochOf } = opened
  const orders = (): Topic => catalog.topic('orders')!
  const partition = (index: number): Partition => orders().partitions[index]!
  const split = (index: number) => submit({ type: 'reshard', name: 'orders', plan: splitPlan(orders(), index) })
  const seal = (index: number, endOffset: number, by: { brokerId?: number; leaderEpoch?: number; brokerEpoch?: number } = {}): Promise<null | Refusal> => {
    const { leader, leaderEpoch } = partition(index)
    const brokerId = by.brokerId ?? leader
    return submit({
      type: 'seal-partition', topicId: orders().id, partition: index, endOffset, brokerId, brokerEpoch: by.brokerEpoch ?? epochOf(brokerId), leaderEpoch: by.leaderEpoch ?? leaderEpoch,
    })
  }
  return { ...opened, orders, partition, split, seal }
}

describe('resharding', () => {
  it('closes some partitions and makes others by one record, with an end that nobody knows yet', async () => {
    const { split, orders, log, clock } = await withOrders()
    const [before, records] = [orders(), log.records.length]
    expect(await split(1)).toEqual(orders())
    expect(log.records.length - records).toBe(1)
    expect(orders()).not.toBe(before)
    expect(orders().partitions.map(({ seal }) => seal)).toEqual([undefined, { endOffset: -1, atMs: clock.now() }, undefined, undefined])
    // Spread like other partitions, with as many replicas.
    for (const { replicas, leader } of orders().partitions.slice(2)) expect([replicas.length, replicas[0]]).toEqual([3, leader])
  })

  it('changes the partition epochs of what was there, and leads it on as it was', async () => {
    const { split, show } = await withOrders()
    const leaders = [show('orders', 0), show('orders', 1)]
    await split(0)
    expect([show('orders', 0), show('orders', 1)]).toEqual(leaders.map(text => text.replace('.0', '.1')))
    await split(1)
    expect(show('orders', 0)).toBe(leaders[0]!.replace('.0', '.1'))
  })

  it('is refused with more new partitions than one request may make', async () => {
    const { submit, orders } = await withOrders(1)
    const [whole] = evenHashKeys(1)
    const opens = Array.from({ length: 10_001 }, (_, nth) => ({ hashKeys: whole!, parents: [nth], isClosed: nth < 10_000 }))
    expect(await submit({ type: 'reshard', name: 'orders', plan: { partitions: 1, hashKeys: [whole!], closes: [0], opens } })).toEqual(code('policy-violation', /10001/))
    expect(orders().partitions.length).toBe(1)
  })

  it('is refused for internal topics', async () => {
    const { submit } = await withOrders()
    await submit({ type: 'create-topic', topicId: '00000000-0000-4000-8000-000000000090', internal: true, validateOnly: false, topic: { name: '__consumer_offsets', partitions: 2, replicationFactor: -1, configs: new Map() } })
    expect(await submit({ type: 'reshard', name: '__consumer_offsets', plan: { partitions: 2, hashKeys: evenHashKeys(2), closes: [0], opens: [] } })).toEqual(code('invalid-request', /__consumer_offsets/))
  })
})

describe('the end of a closed partition', () => {
  it('is what its leader says in its present epoch, and comes with another topic object', async () => {
    const { split, seal, orders, partition, catalog } = await withOrders()
    await split(0)
    const [before, version] = [orders(), catalog.version]
    expect(await seal(0, 7)).toBeNull()
    expect(partition(0).seal?.endOffset).toBe(7)
    expect(orders()).not.toBe(before)
    expect(catalog.version).toBeGreaterThan(version)
    expect(catalog.topics).toContain(orders())
  })

  it('heard again changes nothing', async () => {
    const { split, seal, orders, log } = await withOrders()
    await split(0)
    await seal(0, 7)
    const [before, records] = [orders(), log.records.length]
    expect(await seal(0, 7)).toBeNull()
    expect([orders(), log.records.length]).toEqual([before, records])
    expect(orders()).toBe(before)
  })

  it('is not what another broker says, or the leader of another epoch or life, or of an open partition', async () => {
    const { split, seal, partition, fence } = await withOrders()
    await split(0)
    const { leader } = partition(0)
    const other = [1, 2, 3].find(id => id !== leader)!
    expect(await seal(0, 7, { brokerId: other })).toEqual(code('not-leader'))
    expect(await seal(0, 7, { leaderEpoch: 1 })).toEqual(code('unknown-leader-epoch'))
    expect(await seal(0, 7, { brokerEpoch: 99 })).toBeInstanceOf(Object)
    expect(await seal(0, -1)).toEqual(code('invalid-request', /orders-0 cannot end at -1/))
    expect(await seal(1, 7)).toEqual(code('invalid-request', /orders-1 cannot end at 7: it is open/))
    await fence(leader)
    expect(await seal(0, 7, { leaderEpoch: 0 })).toEqual(code('fenced-leader-epoch'))
    expect(partition(0).seal?.endOffset).toBe(-1)
    expect(await seal(0, 7)).toBeNull()
  })

  it('stays through elections and reassignments', async () => {
    const { split, seal, partition, fence, register, unfence, submit } = await withOrders()
    await split(0)
    await seal(0, 7)
    const { shard } = partition(0)
    const { leader } = partition(0)
    await fence(leader)
    await register(leader)
    await unfence(leader)
    await submit({ type: 'reassign', wishes: [{ topic: 'orders', partition: 0, replicas: partition(0).replicas.slice(0, 2) }] })
    expect(partition(0)).toMatchObject({ shard, seal: { endOffset: 7 } })
  })
})

describe('shards', () => {
  it('are there after a restart, and in a snapshot', async () => {
    const { split, seal, orders, log, runtime, submit, catalog } = await withOrders()
    await split(0)
    await seal(0, 7)
    await submit({ type: 'reshard', name: 'orders', plan: mergePlan(orders(), 2, 3) })
    expect((await replayed(log)).topics).toEqual(catalog.topics)
    const image = await replayed(log)
    const snapshot = [...image.snapshot()].map(record => decodeRecord([...buildBatch([encodeRecord(record)], { timestampMs: 0 }).records()][0]!))
    expect(snapshot.find(record => record?.type === 'topic')).toEqual({ type: 'topic', topic: orders() })
    await runtime.close()
    const again = await open({ log, brokers: 0 })
    expect(again.catalog.topic('orders')!.partitions.map(({ shard, seal: end }) => [shard, end])).toEqual(orders().partitions.map(({ shard, seal: end }) => [shard, end]))
  })

  it('leave records of before them as they are', () => {
    const state = { leader: int32, leaderEpoch: int32, replicas: array(int32), inSyncReplicas: array(int32), createdAtMs: int64 }
    const old = new Message({ name: string, internal: boolean, createdAtMs: int64, partitions: array(state), configs: array({ name: string, value: string }) }, { versions: '0', flexible: '0+' })
    const partition = { leader: 1, leaderEpoch: 2, replicas: [1], inSyncReplicas: [1], createdAtMs: 5 }
    const topicId = '00000000-0000-4000-8000-000000000001'
    const present = encodeRecord({ type: 'topic', topic: { id: topicId, name: 'a', internal: false, createdAtMs: 5, configs: new Map(), partitions: [{ index: 0, ...partition, partitionEpoch: 0, addingReplicas: [], removingReplicas: [] }] } })
    const version = present.value!.subarray(0, 2)
    const value = Buffer.concat([version, old.encode({ name: 'a', internal: false, createdAtMs: 5, partitions: [partition], configs: [] }, 0)])
    expect(value.equals(present.value!)).toBe(true)
    const view = [...buildBatch([{ ...present, value }], { timestampMs: 0 }).records()][0]!
    expect(decodeRecord(view)).toEqual({
      type: 'topic', topic: { id: topicId, name: 'a', internal: false, createdAtMs: 5, configs: new Map(), partitions: [{ index: 0, ...partition, partitionEpoch: 0, addingReplicas: [], removingReplicas: [] }] },
    })
  })

  it('wait for everything that came before them, also over steps that were closed from the start', async () => {
    const { submit, seal, orders } = await withOrders(1)
    const [low, high] = halves(evenHashKeys(1)[0]!)
    const [first, second] = halves(low)
    await submit({
      type: 'reshard', name: 'orders',
      plan: {
        partitions: 1, hashKeys: evenHashKeys(1), closes: [0],
        opens: [{ hashKeys: low, parents: [0], isClosed: true }, { hashKeys: high, parents: [0], isClosed: false }, ...[first, second].map(hashKeys => ({ hashKeys, parents: [1], isClosed: false }))],
      },
    })
    expect([1, 2, 3, 4].map(index => openAncestor(orders(), index))).toEqual([0, 0, 0, 0])
    await seal(0, 3)
    expect([1, 2, 3, 4].map(index => openAncestor(orders(), index))).toEqual([undefined, undefined, undefined, undefined])
  })
})
