// Bits that rot, and disks that are lost: a replica that has fellows in sync is put aside and filled again from its leader, and leads nothing meanwhile; one that
// has none stays as it is.
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../../src/ports.ts'
import { SimDisk } from '../../sim/disk.ts'
import { type Cluster, openCluster, openOrders, orders } from './several-disks.ts'

const second = 1000
const text = (count: number): string[] => Array.from({ length: count }, (_, index) => `record ${index} ${'x'.repeat(1000)}`)

function partition(cluster: Cluster) {
  return cluster.topic().partitions[0]!
}

function segmentOf(cluster: Cluster, brokerId: number): { disk: SimDisk; path: string } {
  const disk = cluster.disks[brokerId - 1]!
  const path = disk.files.find(file => file.startsWith(`/data/topics/${cluster.topic().id}/0/`) && file.endsWith('.segment'))
  if (path === undefined) throw new Error(`broker ${brokerId} has no segment`)
  return { disk, path }
}

/** Flips a bit in the middle of what the broker's replica holds. */
function rot(cluster: Cluster, brokerId: number): string {
  const { disk, path } = segmentOf(cluster, brokerId)
  disk.rot(path, Math.floor(disk.contentOf(path).length / 2))
  return path
}

function quarantined(cluster: Cluster, brokerId: number): string[] {
  return cluster.disks[brokerId - 1]!.files.filter(path => path.includes('/quarantine/'))
}

/** What the broker's own log holds, read from its disk. */
async function held(cluster: Cluster, brokerId: number): Promise<string[]> {
  return cluster.run(async () => {
    const { log } = cluster.engine.broker(brokerId)!.replicas.get(cluster.topic().id, 0)!
    const batches = await log!.read(log!.startOffset, { bytesMax: 1e9, atLeastOne: true, upTo: log!.endOffset })
    if (batches instanceof Refusal) throw new Error(batches.message)
    return batches.flatMap(batch => [...batch.records()].map(record => record.value!.toString()))
  })
}

/** Watches who leads until it is disposed of: an id that led and must not have is an error at its end. */
function forbidLeading(cluster: Cluster, id: number, isInSync: () => boolean): Disposable {
  let hasLed = false
  let isOver = false
  const look = (): void => {
    if (isOver) return
    if (partition(cluster).leader === id && !isInSync()) hasLed = true
    cluster.world.clock.after(1, look)
  }
  look()
  return { [Symbol.dispose]() { isOver = true; expect(hasLed).toBe(false) } }
}

describe('a flipped bit', () => {
  it('in a follower that is found when its log is opened', async () => {
    await using cluster = await openOrders({ brokers: 3, cacheBytes: 0 })
    const values = text(20)
    for (const value of values) await cluster.append(value)
    const { leader, replicas } = partition(cluster)
    const victim = replicas.find(id => id !== leader)!
    expect(await cluster.run(() => cluster.engine.fail(victim))).toBeNull()
    rot(cluster, victim)
    values.push('while it was away')
    expect(await cluster.append('while it was away')).toMatchObject({ baseOffset: 20 })
    using _watch = forbidLeading(cluster, victim, () => partition(cluster).inSyncReplicas.includes(victim))
    expect(await cluster.run(() => cluster.engine.start(victim))).toBeNull()
    await cluster.until('the follower in sync again', () => partition(cluster).inSyncReplicas.includes(victim))
    expect(await held(cluster, victim)).toEqual(values)
    expect(quarantined(cluster, victim)).not.toEqual([])
    expect(partition(cluster).leader).toBe(leader)
  })

  it('in a follower that has no room to be filled again at first is made good once there is some', async () => {
    await using cluster = await openOrders({ brokers: 3, cacheBytes: 0 })
    const values = text(20)
    for (const value of values) await cluster.append(value)
    const { leader, replicas } = partition(cluster)
    const victim = replicas.find(id => id !== leader)!
    expect(await cluster.run(() => cluster.engine.fail(victim))).toBeNull()
    rot(cluster, victim)
    cluster.disks[victim - 1]!.fail('write', 'ENOSPC', { path: '/state.' })
    expect(await cluster.run(() => cluster.engine.start(victim))).toBeNull()
    await cluster.until('the follower in sync again', () => partition(cluster).inSyncReplicas.includes(victim))
    expect(await held(cluster, victim)).toEqual(values)
  })

  it('in the leader that a reader finds moves the leadership, and every record is read', async () => {
    await using cluster = await openOrders({ brokers: 3, cacheBytes: 0 })
    const values = text(20)
    for (const value of values) await cluster.append(value)
    const { leader } = partition(cluster)
    rot(cluster, leader)
    // The read that finds it may be refused; the next is another broker's to answer.
    await cluster.values().catch(() => {})
    await cluster.until('another leader', () => partition(cluster).leader !== leader && partition(cluster).leader >= 0)
    expect(await cluster.values()).toEqual(values)
    await cluster.until('the damaged one in sync again', () => partition(cluster).inSyncReplicas.includes(leader))
    expect(await held(cluster, leader)).toEqual(values)
    expect(await cluster.append('more')).toMatchObject({ baseOffset: 20 })
  })

  it('in the leader that a follower finds which is filled from it', async () => {
    await using cluster = await openOrders({ brokers: 3, cacheBytes: 0 })
    const { leader, replicas } = partition(cluster)
    const late = replicas.find(id => id !== leader)!
    await cluster.append('first')
    expect(await cluster.run(() => cluster.engine.stop(late))).toBeNull()
    const values = ['first', ...text(20)]
    for (const value of values.slice(1)) expect(await cluster.append(value)).not.toBeInstanceOf(Refusal)
    rot(cluster, leader)
    expect(await cluster.run(() => cluster.engine.start(late))).toBeNull()
    await cluster.until('all in sync', () => partition(cluster).inSyncReplicas.length === 3)
    for (const id of replicas) expect(await held(cluster, id)).toEqual(values)
    expect(partition(cluster).leader).not.toBe(leader)
  })

  it('in the only replica is a storage error; nothing is deleted', async () => {
    const disks = [new SimDisk()]
    let path = ''
    {
      await using cluster = await openOrders({ disks, cacheBytes: 0 })
      for (const value of text(20)) await cluster.append(value)
      await cluster.run(() => cluster.engine.fail(1))
      path = rot(cluster, 1)
    }
    const before = Buffer.from(disks[0]!.contentOf(path))
    await using again = await openCluster({ disks })
    await again.world.clock.advance(20 * second)
    expect(await again.run(() => again.backend.logs.ends(orders))).toMatchObject({ code: 'storage-error' })
    expect(await again.append('no')).toMatchObject({ code: 'storage-error' })
    expect(disks[0]!.contentOf(path).equals(before)).toBe(true)
    expect(quarantined(again, 1)).toHaveLength(1)
  })

  it('in every replica but one leaves what that one has', async () => {
    await using cluster = await openOrders({ brokers: 3, cacheBytes: 0 })
    const values = text(20)
    for (const value of values) await cluster.append(value)
    const { leader, replicas } = partition(cluster)
    const followers = replicas.filter(id => id !== leader)
    for (const id of followers) {
      await cluster.run(() => cluster.engine.fail(id))
      rot(cluster, id)
    }
    for (const id of followers) expect(await cluster.run(() => cluster.engine.start(id))).toBeNull()
    await cluster.until('all in sync', () => partition(cluster).inSyncReplicas.length === 3)
    for (const id of replicas) expect(await held(cluster, id)).toEqual(values)
  })
})

describe('a broker whose disk was lost', () => {
  it.each(['a follower', 'the leader'])('comes back empty, is filled, and leads only then (%s)', async which => {
    const disks = [new SimDisk(), new SimDisk(), new SimDisk()]
    const values = text(30)
    let victim = 0
    {
      await using cluster = await openOrders({ disks })
      for (const value of values) await cluster.append(value)
      const { leader, replicas } = partition(cluster)
      victim = which === 'the leader' ? leader : replicas.find(id => id !== leader)!
    }
    disks[victim - 1] = new SimDisk()
    await using again = await openCluster({ disks })
    using _watch = forbidLeading(again, victim, () => partition(again).inSyncReplicas.includes(victim))
    await again.until('it in sync', () => partition(again).inSyncReplicas.includes(victim))
    expect(await held(again, victim)).toEqual(values)
    expect(await again.values()).toEqual(values)
    await again.run(() => again.backend.admin.electLeaders('preferred', [orders]))
    expect(await again.append('more')).toMatchObject({ baseOffset: 30 })
    const { voters } = await again.run(() => again.backend.admin.quorum())
    expect(new Set(voters.map(({ logEndOffset }) => logEndOffset)).size).toBe(1)
  })

  it('as the last one in sync leaves the partition without a leader, until the operator decides', async () => {
    const disks = [new SimDisk(), new SimDisk(), new SimDisk()]
    let victim = 0
    {
      await using cluster = await openOrders({ disks, configs: { 'min.insync.replicas': '1' } })
      await cluster.append('everywhere')
      const { leader, replicas } = partition(cluster)
      victim = leader
      for (const id of replicas) if (id !== leader) await cluster.run(() => cluster.engine.stop(id))
      expect(await cluster.append('only here')).toMatchObject({ baseOffset: 1 })
      expect(partition(cluster).inSyncReplicas).toEqual([victim])
    }
    disks[victim - 1] = new SimDisk()
    await using again = await openCluster({ disks })
    await again.world.clock.advance(20 * second)
    expect(partition(again)).toMatchObject({ leader: -1, inSyncReplicas: [] })
    expect(await again.append('no')).toMatchObject({ code: 'leader-not-available' })
    // As with Kafka, an unclean election takes the first that runs: whatever it holds is the partition from then on.
    expect(await again.run(() => again.backend.admin.electLeaders('unclean', [orders]))).not.toBeInstanceOf(Refusal)
    await again.until('all in sync', () => partition(again).inSyncReplicas.length === 3)
    const values = await again.values()
    expect(await again.append('again')).toMatchObject({ baseOffset: values.length })
    for (const id of [1, 2, 3]) expect(await held(again, id)).toEqual([...values, 'again'])
  })
})
