// Brokers that cannot start, cannot be added, or have to end while nothing can be written: the others are none the worse for it.
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/ports.ts'
import { SimDisk } from '../sim/disk.ts'
import { append, openEngineWorld, valuesOf } from '../support/engine-world.ts'
import { openCluster, openOrders } from './replication/several-disks.ts'

const second = 1000

describe('full disks', () => {
  it('do not keep a cluster from ending whose brokers have something to tell the controller', async () => {
    const disk = new SimDisk()
    const cluster = await openOrders({ brokers: 3, shared: disk })
    await cluster.append('kept')
    disk.limitBytes = disk.usedBytes + 1000
    const refused = cluster.append('x'.repeat(100_000))
    await cluster.world.clock.advance(31 * second)
    expect(await refused).toBeInstanceOf(Refusal)
    let isClosed = false
    const closing = cluster.engine.close().then(() => { isClosed = true })
    await cluster.world.clock.advance(60 * second)
    expect(isClosed).toBe(true)
    await closing
  })

  it('do not keep a broker from stopping or failing', async () => {
    const disk = new SimDisk()
    await using cluster = await openOrders({ brokers: 3, shared: disk })
    await cluster.append('kept')
    disk.limitBytes = disk.usedBytes
    const ended: string[] = []
    void cluster.engine.stop(1).then(() => ended.push('stopped'))
    void cluster.engine.fail(2).then(() => ended.push('failed'))
    await cluster.world.clock.advance(60 * second)
    expect(ended.toSorted()).toEqual(['failed', 'stopped'])
    disk.limitBytes = Infinity
  })

  it('leave a directory free that a broker was to be added in', async () => {
    await using cluster = await openOrders({ brokers: 3 })
    const disk = new SimDisk()
    disk.limitBytes = 3_000
    const { clock, network, random } = cluster.world
    const spec = { id: 4, rack: 'a', directories: ['/data'], world: { clock, network, random, disk } }
    expect(await cluster.run(() => cluster.engine.add(spec))).toMatchObject({ code: 'storage-error' })
    disk.limitBytes = Infinity
    expect(await cluster.run(() => cluster.engine.add(spec))).toBeNull()
  })
})

describe('a broker that cannot read its disk when it starts', () => {
  it('is down, and says why; the others serve', async () => {
    const disks = [new SimDisk(), new SimDisk(), new SimDisk()]
    {
      await using cluster = await openOrders({ disks })
      for (const value of ['one', 'two']) await cluster.append(value)
    }
    const [, broken] = disks
    const list = broken!.list.bind(broken)
    broken!.list = path => (path.endsWith('/topics') ? Promise.reject(new Error(`EIO: ${path}`)) : list(path))
    await using cluster = await openCluster({ disks })
    broken!.list = list
    expect(cluster.engine.members.map(({ broker }) => broker !== undefined)).toEqual([true, false, true])
    expect(cluster.engine.members[1]!.fault).toContain('EIO')
    expect(await cluster.append('three')).toMatchObject({ baseOffset: 2 })
    expect(await cluster.run(() => cluster.engine.start(2))).toBeNull()
    await cluster.until('all in sync', () => cluster.topic().partitions[0]!.inSyncReplicas.length === 3)
    expect(await cluster.values()).toEqual(['one', 'two', 'three'])
  })
})

describe('a follower whose log cannot be opened for a while', () => {
  it('is opened again, and in sync again, without anything having changed', async () => {
    const disks = [new SimDisk(), new SimDisk(), new SimDisk()]
    await using cluster = await openOrders({ disks })
    for (const value of ['one', 'two']) await cluster.append(value)
    const { leader, replicas } = cluster.topic().partitions[0]!
    const follower = replicas.find(id => id !== leader)!
    const disk = disks[follower - 1]!
    await cluster.run(() => cluster.engine.stop(follower))
    const { open } = disk
    const { id } = cluster.topic()
    disk.open = (path, how) => (path.includes(`${id}/0/state`) ? Promise.reject(new Error(`EMFILE: ${path}`)) : open.call(disk, path, how))
    expect(await cluster.run(() => cluster.engine.start(follower))).toBeNull()
    await cluster.world.clock.advance(5 * second)
    expect(cluster.topic().partitions[0]!.inSyncReplicas).not.toContain(follower)
    disk.open = open
    await cluster.until('all in sync', () => cluster.topic().partitions[0]!.inSyncReplicas.length === 3)
    expect(await cluster.values()).toEqual(['one', 'two'])
  })
})

describe('a broker that fails and is started at the same moment', () => {
  it('opens its files only once its earlier life has let go of them', async () => {
    await using opened = await openEngineWorld({ brokers: 1, disksTakeTime: true })
    const { backend, world, engine } = opened
    const at = { topic: 'orders', partition: 0 }
    await world.run(() => backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false }))
    const kept: string[] = []
    for (let turn = 0; turn < 20; turn++) {
      const [answer, , started] = await world.run(() => Promise.all([append(backend, at, [`${turn}`]), engine.fail(1), engine.start(1)]))
      expect(started).toBeNull()
      await world.run(() => engine.ready())
      if (!(answer instanceof Refusal)) kept.push(`${turn}`)
      expect(await world.run(() => valuesOf(backend, at))).toEqual(expect.arrayContaining(kept))
    }
  })
})
