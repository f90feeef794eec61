import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/ports.ts'
import { GroupWorld, joinedOf } from './group-world.ts'

const code = (expected: Refusal['code']) => expect.objectContaining({ code: expected })
const dayMs = 86_400_000
const subscription = (...topics: string[]): string => {
  const parts = topics.map(topic => Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(topic)]))
  return Buffer.concat([Buffer.from([0, 1, 0, 0, 0, topics.length]), ...parts, Buffer.from([255, 255, 255, 255, 0, 0, 0, 0])]).toString('latin1')
}

describe('who may commit', () => {
  it('anybody, without a group: the offsets make one that is empty', async () => {
    const world = await GroupWorld.open()
    expect(await world.commit({ 'orders/0': 5, 'orders/1': 7 })).toEqual([null, null])
    expect(world.committed()).toEqual({ 'orders/0': 5, 'orders/1': 7 })
    expect(world.describe()).toEqual({ groupId: 'g', protocolType: '', state: 'Empty', generationId: 0, protocolName: '', members: [] })
  })

  it('nobody with a generation of a group that does not exist', async () => {
    const world = await GroupWorld.open()
    expect(await world.commit({ 'orders/0': 5 }, { memberId: 'm', generationId: 3 })).toEqual(code('illegal-generation'))
    expect(world.groups.list()).toEqual([])
  })

  it('a member with its generation; not with another, not a stranger, not an administrator', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    expect(await world.commit({ 'orders/0': 5 }, a!)).toEqual([null])
    expect(await world.commit({ 'orders/0': 6 }, { memberId: a!.memberId, generationId: 0 })).toEqual(code('illegal-generation'))
    expect(await world.commit({ 'orders/0': 6 }, { memberId: a!.memberId, generationId: -1 })).toEqual(code('illegal-generation'))
    expect(await world.commit({ 'orders/0': 6 }, { memberId: 'stranger', generationId: 1 })).toEqual(code('unknown-member-id'))
    expect(await world.commit({ 'orders/0': 6 })).toEqual(code('unknown-member-id'))
    expect(world.committed()).toEqual({ 'orders/0': 5 })
  })

  it('a member while others rejoin, but not between the join and its assignment', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    void world.join('')
    expect(world.state).toBe('PreparingRebalance')
    expect(await world.commit({ 'orders/0': 5 }, a!)).toEqual([null])
    const again = joinedOf(await world.join(a!.memberId))
    expect(world.state).toBe('CompletingRebalance')
    expect(await world.commit({ 'orders/0': 6 }, again)).toEqual(code('rebalance-in-progress'))
  })

  it('an administrator, once everybody has left', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    await world.leave(a!.memberId)
    expect(await world.commit({ 'orders/0': 1 })).toEqual([null])
  })
})

describe('a commit', () => {
  it('with too much metadata is refused for that partition alone', async () => {
    const world = await GroupWorld.open()
    expect(await world.commit({ 'orders/0': 1 }, { metadata: 'x'.repeat(4096) })).toEqual([null])
    expect(await world.commit({ 'orders/1': 1 }, { metadata: 'x'.repeat(4097) })).toEqual([code('offset-metadata-too-large')])
    expect(world.committed()).toEqual({ 'orders/0': 1 })
  })

  it('is told with its metadata, leader epoch and time, for the partitions asked for', async () => {
    const world = await GroupWorld.open()
    await world.commit({ 'orders/0': 1, 'orders/1': 2 }, { metadata: 'note' })
    expect(world.groups.committed('g', [{ topic: 'orders', partition: 1 }, { topic: 'orders', partition: 9 }]))
      .toEqual([{ topic: 'orders', partition: 1, offset: 2, leaderEpoch: -1, metadata: 'note', commitTimestampMs: world.clock.now() }])
    expect(world.groups.committed('other')).toEqual([])
  })

  it('is there after a restart, the last one of each partition', async () => {
    const world = await GroupWorld.open()
    for (let offset = 0; offset < 10; offset++) await world.commit({ 'orders/0': offset, 'payments/3': 2 * offset })
    const again = await GroupWorld.open({ log: world.log })
    expect(again.committed()).toEqual({ 'orders/0': 9, 'payments/3': 18 })
  })
})

describe('deleting a group', () => {
  it('takes its offsets, now and after a restart', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1)
    await world.commit({ 'orders/0': 5 }, a!)
    expect(await world.submit({ type: 'delete', groupId: 'g' })).toEqual(code('non-empty-group'))
    await world.leave(a!.memberId)
    expect(await world.submit({ type: 'delete', groupId: 'g' })).toBeNull()
    expect(await world.submit({ type: 'delete', groupId: 'g' })).toEqual(code('group-id-not-found'))
    for (const one of [world, await GroupWorld.open({ log: world.log })]) {
      expect(one.groups.list()).toEqual([])
      expect(one.committed()).toEqual({})
      expect(one.groups.size).toBe(0)
    }
  })

  it('is refused while somebody waits in its first rebalance', async () => {
    const world = await GroupWorld.open()
    void world.join('')
    expect(await world.submit({ type: 'delete', groupId: 'g' })).toEqual(code('non-empty-group'))
  })
})

describe('deleting a topic', () => {
  it('takes its offsets in every group, however many, and no others', async () => {
    const world = await GroupWorld.open()
    for (let group = 0; group < 30; group++) {
      const partitions = Array.from({ length: 400 }, (_, partition) => [`orders/${partition}`, 1] as const)
      await world.commit({ ...Object.fromEntries(partitions), 'payments/0': 3 }, { groupId: `g${group}` })
    }
    let rounds = 0
    while ((await world.submit({ type: 'forget-topic', topic: 'orders' }) as number) > 0) rounds++
    expect(rounds).toBeGreaterThan(1)
    expect(world.committed('g7')).toEqual({ 'payments/0': 3 })
    expect(world.groups.size).toBe(60)
    expect((await GroupWorld.open({ log: world.log })).groups.size).toBe(60)
  })
})

describe('offsets.retention.minutes', () => {
  it('ends the offsets of an empty group, counted from when it became empty, and the group with them', async () => {
    const world = await GroupWorld.open({ settings: { sessionTimeoutMsMax: 20 * dayMs } })
    const [a] = await world.stable(1, () => ({ protocols: { range: subscription('orders', 'payments') }, sessionTimeoutMs: 20 * dayMs }))
    await world.commit({ 'orders/0': 5 }, a!)
    // As long as it has members, nothing of a subscribed topic ends.
    for (let days = 0; days < 10; days++) {
      await world.clock.advance(dayMs)
      expect(await world.commit({ 'payments/0': 5 }, a!)).toEqual([null])
    }
    await world.leave(a!.memberId)
    await world.clock.advance(7 * dayMs - 1)
    expect(world.committed()).toEqual({ 'orders/0': 5, 'payments/0': 5 })
    await world.clock.advance(600_000)
    expect(world.committed()).toEqual({})
    expect(world.groups.list()).toEqual([])
    expect((await GroupWorld.open({ log: world.log, clock: world.clock })).groups.size).toBe(0)
  })

  it('ends offsets without a group protocol by the time of their commit', async () => {
    const world = await GroupWorld.open()
    await world.commit({ 'orders/0': 5 })
    await world.clock.advance(4 * dayMs)
    await world.commit({ 'orders/1': 5 })
    await world.clock.advance(3 * dayMs + 600_000)
    expect(world.committed()).toEqual({ 'orders/1': 5 })
    await world.clock.advance(4 * dayMs)
    expect(world.groups.list()).toEqual([])
  })

  it('ends those offsets of a stable group that are of topics nobody subscribes any more', async () => {
    const world = await GroupWorld.open({ settings: { sessionTimeoutMsMax: 20 * dayMs } })
    const [a] = await world.stable(1, () => ({ protocols: { range: subscription('orders') }, sessionTimeoutMs: 20 * dayMs }))
    await world.commit({ 'orders/0': 5, 'payments/0': 5 }, a!)
    await world.clock.advance(8 * dayMs)
    expect(world.state).toBe('Stable')
    expect(world.committed()).toEqual({ 'orders/0': 5 })
  })

  it('ends nothing of a stable group whose subscriptions cannot be read', async () => {
    const world = await GroupWorld.open({ settings: { sessionTimeoutMsMax: 20 * dayMs } })
    const [a] = await world.stable(1, () => ({ protocols: { range: 'garbage' }, sessionTimeoutMs: 20 * dayMs }))
    await world.commit({ 'orders/0': 5 }, a!)
    await world.clock.advance(8 * dayMs)
    expect(world.committed()).toEqual({ 'orders/0': 5 })
  })
})

describe('the log of the groups', () => {
  it('is shortened while consumers commit, and loses nothing by it', async () => {
    const world = await GroupWorld.open()
    const [a] = await world.stable(1, () => ({ sessionTimeoutMs: 1_000_000 }))
    for (let offset = 0; offset < 11_000; offset++) void world.commit({ [`orders/${offset % 3}`]: offset }, a!)
    await world.runtime.close()
    expect(world.log.records.length).toBeLessThan(1100)
    const again = await GroupWorld.open({ log: world.log })
    expect(again.committed()).toEqual({ 'orders/0': 10_998, 'orders/1': 10_999, 'orders/2': 10_997 })
    expect(again.describe()).toMatchObject({ state: 'Stable', members: [{ memberId: a!.memberId }] })
  })
})
