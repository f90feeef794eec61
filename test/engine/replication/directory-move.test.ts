// Replicas go from one directory of their broker to another while they are written to and read, and whatever happens meanwhile exactly one whole copy of each stays.
import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { type LogDirectory, Refusal } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import type { SimDisk } from '../../sim/disk.ts'
import { type Cluster, openCluster, openOrders, orders } from './several-disks.ts'

const directories = ['/a', '/b']
const seeds = Number(process.env['TEST_SEEDS'] ?? 1)

async function shown(cluster: Cluster, brokerId = 1): Promise<readonly LogDirectory[]> {
  const found = await cluster.run(() => cluster.backend.admin.logDirectories(brokerId, [orders]))
  if (found instanceof Refusal) throw new Error(found.message)
  return found
}

/** The directory that holds the replica, and the one that it is on its way to. */
async function whereIs(cluster: Cluster, brokerId = 1): Promise<{ here: string; future: string | undefined }> {
  const all = await shown(cluster, brokerId)
  const holding = all.filter(one => one.replicas.some(replica => !replica.isFuture))
  expect(holding).toHaveLength(1)
  return { here: holding[0]!.path, future: all.find(one => one.replicas.some(replica => replica.isFuture))?.path }
}

async function otherPath(cluster: Cluster, brokerId = 1): Promise<string> {
  const { here } = await whereIs(cluster, brokerId)
  return directories.find(path => path !== here)!
}

async function moved(cluster: Cluster, path: string, brokerId = 1): Promise<void> {
  expect(await cluster.run(() => cluster.backend.admin.moveReplica(brokerId, orders, path))).toBeNull()
  await cluster.until(`the replica at ${path}`, async () => {
    const { here, future } = await whereIs(cluster, brokerId)
    return here === path && future === undefined
  })
}

function filesBelow(disk: SimDisk, ...parents: string[]): string[] {
  return disk.files.filter(path => parents.some(parent => path.startsWith(`${parent}/`)))
}

/** What the replica of one broker holds, whoever leads. */
async function held(cluster: Cluster, brokerId: number): Promise<string[]> {
  return cluster.run(async () => {
    const replica = cluster.engine.broker(brokerId)!.replicas.get(cluster.topic().id, 0)!
    await replica.open()
    const log = replica.log!
    const batches = await log.read(log.startOffset, { bytesMax: 1e9, atLeastOne: true, upTo: log.endOffset })
    if (batches instanceof Refusal) throw new Error(batches.message)
    return batches.flatMap(batch => [...batch.records()].map(record => record.value!.toString()))
  })
}

const text = (count: number): string[] => Array.from({ length: count }, (_, index) => `record ${index}`)

describe('moving a replica to another directory', () => {
  it('is refused for a partition that is not there, a directory that is not, and is nothing where it is already', async () => {
    await using cluster = await openOrders({ brokers: 2, directories, replicationFactor: 1 })
    const { admin } = cluster.backend
    const [holder] = cluster.topic().partitions[0]!.replicas
    const [other] = [1, 2].filter(id => id !== holder)
    expect(await admin.moveReplica(other!, orders, '/b')).toMatchObject({ code: 'replica-not-available' })
    expect(await admin.moveReplica(holder!, { topic: 'orders', partition: 9 }, '/b')).toMatchObject({ code: 'replica-not-available' })
    expect(await admin.moveReplica(holder!, { topic: 'nothing', partition: 0 }, '/b')).toMatchObject({ code: 'unknown-topic' })
    expect(await admin.moveReplica(holder!, orders, '/c')).toMatchObject({ code: 'log-dir-not-found', message: expect.stringContaining('/a, /b') as string })
    const { here } = await whereIs(cluster, holder)
    expect(await admin.moveReplica(holder!, orders, here)).toBeNull()
    expect(await whereIs(cluster, holder)).toEqual({ here, future: undefined })
  })

  it('that was never written to makes no files', async () => {
    await using cluster = await openOrders({ brokers: 1, directories })
    const target = await otherPath(cluster)
    await moved(cluster, target)
    expect(filesBelow(cluster.disks[0]!, '/a/topics', '/b/topics')).toEqual([])
    await cluster.append('first')
    expect(filesBelow(cluster.disks[0]!, '/a/topics', '/b/topics').every(path => path.startsWith(`${target}/`))).toBe(true)
    expect(await cluster.values()).toEqual(['first'])
  })

  it('keeps every record, the producers, the epochs and the beginning of the log, and leaves nothing behind', async () => {
    await using cluster = await openOrders({ brokers: 1, directories, configs: { 'segment.bytes': '1048576' } })
    const { backend } = cluster
    const send = (sequence: number) => cluster.run(() => backend.logs.append(orders, buildBatch(
      [{ key: null, value: Buffer.from(`${sequence}${'x'.repeat(300_000)}`) }], { timestampMs: 1, producer: { id: 7, epoch: 0, baseSequence: sequence } },
    ), { acks: 'all', timeoutMs: 1000 }))
    for (let sequence = 0; sequence < 12; sequence++) expect(await send(sequence)).toMatchObject({ baseOffset: sequence })
    expect(await cluster.run(() => backend.admin.deleteRecords(orders, 4))).toMatchObject({ lowWatermark: 4 })
    const epoch = cluster.topic().partitions[0]!.leaderEpoch
    for (const path of [await otherPath(cluster), (await whereIs(cluster)).here]) {
      await moved(cluster, path)
      expect((await cluster.values()).map(value => Number.parseInt(value, 10))).toEqual([4, 5, 6, 7, 8, 9, 10, 11])
      expect(await cluster.run(() => backend.logs.ends(orders))).toMatchObject({ logStartOffset: 4, highWatermark: 12 })
      expect(await cluster.run(() => backend.logs.endOfEpoch(orders, epoch, {}))).toMatchObject({ leaderEpoch: epoch, endOffset: 12 })
      // Sent again, it is the one that is there.
      expect(await send(11)).toMatchObject({ baseOffset: 11 })
      const [emptied] = directories.filter(one => one !== path)
      expect(filesBelow(cluster.disks[0]!, `${emptied}/topics`, '/a/future', '/b/future', '/a/moved', '/b/moved')).toEqual([])
    }
    expect(await send(12)).toMatchObject({ baseOffset: 12 })
  })

  it('goes on while a producer and a reader are at it, on the leader and on a follower', async () => {
    await using cluster = await openOrders({ brokers: 3, directories })
    const { backend } = cluster
    for (const value of text(50)) await cluster.append(value)
    const { leader, replicas } = cluster.topic().partitions[0]!
    for (const id of [leader, replicas.find(one => one !== leader)!]) {
      const already = await cluster.values()
      const target = await otherPath(cluster, id)
      const sent: string[] = []
      await cluster.run(async () => {
        expect(await backend.admin.moveReplica(id, orders, target)).toBeNull()
        for (let count = 0; count < 100; count++) {
          const value = `${id}: ${count}`
          const reply = await backend.logs.append(orders, buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs: 1 }), { acks: 'all', timeoutMs: 30_000 })
          expect(reply).toMatchObject({ baseOffset: already.length + count })
          sent.push(value)
        }
      })
      await cluster.until('the end of the move', async () => (await whereIs(cluster, id)).here === target)
      expect(await cluster.values()).toEqual([...already, ...sent])
      await cluster.until('three replicas in sync', () => cluster.topic().partitions[0]!.inSyncReplicas.length === 3)
      expect(cluster.topic().partitions[0]).toMatchObject({ leader })
      await cluster.until('what was sent on the one that moved', async () => (await held(cluster, id)).length === already.length + sent.length)
      expect(await held(cluster, id)).toEqual([...already, ...sent])
    }
  })

  it('is shown as a future replica with its lag, and is given up for another wish', async () => {
    await using cluster = await openOrders({ brokers: 1, directories: ['/a', '/b', '/c'] })
    for (const value of text(20)) await cluster.append(value)
    const { here } = await whereIs(cluster)
    const [first, second] = ['/a', '/b', '/c'].filter(path => path !== here)
    const hold = Promise.withResolvers<void>()
    const [disk] = cluster.disks
    let isHeld = false
    const sync = disk!.syncDirectory.bind(disk)
    disk!.syncDirectory = async path => {
      if (path.startsWith(`${first!}/future/`)) {
        isHeld = true
        await hold.promise
      }
      return sync(path)
    }
    expect(await cluster.run(() => cluster.backend.admin.moveReplica(1, orders, first!))).toBeNull()
    await cluster.until('a move that is held up', () => isHeld)
    expect((await shown(cluster)).flatMap(({ path, replicas }) => replicas.map(one => ({ path, isFuture: one.isFuture, lag: one.lag })))).toEqual(
      expect.arrayContaining([{ path: here, isFuture: false, lag: 0 }, { path: first, isFuture: true, lag: 20 }]))
    const second_ = cluster.backend.admin.moveReplica(1, orders, second!)
    hold.resolve()
    expect(await cluster.run(() => second_)).toBeNull()
    await cluster.until('the second move', async () => (await whereIs(cluster)).here === second)
    await cluster.until('no left-overs', () => filesBelow(disk!, `${first!}/future`, `${first!}/topics`, `${here}/moved`).length === 0)
    expect(await cluster.values()).toEqual(text(20))
  })

  it('takes a topic away that is deleted meanwhile, and lets retention work', async () => {
    await using cluster = await openOrders({ brokers: 1, directories, configs: { 'retention.ms': '60000', 'segment.bytes': '1048576' }, settings: { 'log.retention.check.interval.ms': 1000 } })
    for (let count = 0; count < 5; count++) await cluster.append('x'.repeat(900_000))
    const target = await otherPath(cluster)
    expect(await cluster.run(() => cluster.backend.admin.moveReplica(1, orders, target))).toBeNull()
    await cluster.world.clock.advance(100_000)
    await cluster.until('retention', async () => (await cluster.values()).length === 0)
    expect((await whereIs(cluster)).here).toBe(target)
    expect(await cluster.append('later')).toMatchObject({ baseOffset: 5 })
    expect(await cluster.run(() => cluster.backend.admin.moveReplica(1, orders, directories.find(path => path !== target)!))).toBeNull()
    expect(await cluster.run(() => cluster.backend.admin.deleteTopic('orders'))).toBeNull()
    expect(filesBelow(cluster.disks[0]!, ...directories.flatMap(path => ['topics', 'future', 'moved'].map(parent => `${path}/${parent}`)))).toEqual([])
  })

  it('takes the groups of a coordinator along', async () => {
    await using cluster = await openOrders({ brokers: 1, directories })
    const { groups, admin } = cluster.backend
    const commit = (offset: number) => cluster.run(() => groups.commit(
      { groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset, leaderEpoch: -1, metadata: '' }] }))
    expect(await commit(1)).toEqual([null])
    const topic = cluster.topic('__consumer_offsets')
    const partition = topic.partitions.find(({ index }) => cluster.engine.broker(1)!.replicas.hasFiles(topic.id, index))!.index
    const at = { topic: topic.name, partition }
    const place = () => cluster.engine.broker(1)!.replicas.directoryOf(cluster.engine.broker(1)!.replicas.get(topic.id, partition)!)!.path
    const target = directories.find(path => path !== place())!
    expect(await cluster.run(() => admin.moveReplica(1, at, target))).toBeNull()
    await cluster.until('the move', () => place() === target)
    expect(await commit(2)).toEqual([null])
    expect(await cluster.run(() => groups.committed('g'))).toMatchObject([{ offset: 2 }])
  })

  it('gives up where the other directory has no room, and the replica serves on', async () => {
    await using cluster = await openOrders({ brokers: 1, directories })
    for (let count = 0; count < 5; count++) await cluster.append('x'.repeat(300_000))
    const { here } = await whereIs(cluster)
    const target = await otherPath(cluster)
    const [disk] = cluster.disks
    disk!.limitBytes = disk!.usedBytes + 200_000
    expect(await cluster.run(() => cluster.backend.admin.moveReplica(1, orders, target))).toBeNull()
    await cluster.until('the end of the move', async () => (await whereIs(cluster)).future === undefined)
    expect((await whereIs(cluster)).here).toBe(here)
    disk!.limitBytes = Infinity
    expect(filesBelow(disk!, `${target}/future`, `${target}/topics`)).toEqual([])
    expect(await cluster.values()).toHaveLength(5)
    await cluster.until('room', async () => !((await cluster.append('more')) instanceof Refusal))
  })
})

describe.each(Array.from({ length: seeds }, (_, index) => index + 1))('a power cut while a replica moves (seed %i)', seed => {
  it('leaves exactly one whole copy, at every step', async () => {
    const values = text(30)
    const random = new Prng(seed)
    // What the disk would be left with at each operation of the move.
    const images: { readonly at: string; readonly disk: SimDisk; readonly count: number }[] = []
    let acknowledged = 0
    {
      await using cluster = await openOrders({ brokers: 1, directories, seed })
      for (const value of values.slice(0, 20)) await cluster.append(value)
      acknowledged = 20
      const target = await otherPath(cluster)
      const [disk] = cluster.disks
      disk!.onOperation = (operation, path) => {
        if (operation === 'read') return
        for (const survives of ['nothing', 'some', 'everything'] as const) images.push({ at: `${operation} ${path}, ${survives}`, disk: disk!.crash(random, survives), count: acknowledged })
        images.push({ at: `${operation} ${path}, killed`, disk: disk!.kill(), count: acknowledged })
      }
      expect(await cluster.run(() => cluster.backend.admin.moveReplica(1, orders, target))).toBeNull()
      for (const value of values.slice(20)) {
        await cluster.append(value)
        acknowledged++
      }
      await cluster.until('the end of the move', async () => (await whereIs(cluster)).here === target && cluster.engine.broker(1)!.replicas.moves.length === 0)
      disk!.onOperation = undefined
      expect(await cluster.values()).toEqual(values)
    }
    const every = Math.max(1, Math.floor(images.length / 250))
    const renames = images.findIndex(({ at }) => /^rename \/[ab]\/moved\//.test(at))
    expect(renames).toBeGreaterThan(0)
    for (const [index, { at, disk, count }] of images.entries()) {
      // All around the switch, and some of the rest.
      if (index % every !== 0 && Math.abs(index - renames) > 120) continue
      await using again = await openCluster({ disks: [disk], directories, seed })
      const found = await again.values()
      expect(found.length, at).toBeGreaterThanOrEqual(count)
      expect(found, at).toEqual(values.slice(0, found.length))
      expect(filesBelow(disk, '/a/future', '/b/future', '/a/moved', '/b/moved'), at).toEqual([])
      const holders = directories.filter(path => filesBelow(disk, `${path}/topics/${again.topic().id}`).length > 0)
      expect(holders, at).toHaveLength(1)
      expect(await again.append('after'), at).toMatchObject({ baseOffset: found.length })
    }
  }, 120_000)
})

describe('a broker that ended between the two renames of a move', () => {
  it.each(['finishes it', 'goes back where the copy is gone'] as const)('%s', async outcome => {
    let image: SimDisk | undefined
    let paths = { here: '', target: '' }
    {
      await using cluster = await openOrders({ brokers: 1, directories })
      for (const value of text(5)) await cluster.append(value)
      paths = { here: (await whereIs(cluster)).here, target: await otherPath(cluster) }
      const [disk] = cluster.disks
      // Seen when it begins.
      disk!.onOperation = (operation, path) => {
        if (operation === 'rename' && path.startsWith(`${paths.target}/topics/`)) image ??= disk!.kill()
      }
      await moved(cluster, paths.target)
      disk!.onOperation = undefined
    }
    const disk = image!
    expect(filesBelow(disk, `${paths.here}/moved`, `${paths.target}/future`)).not.toEqual([])
    expect(filesBelow(disk, '/a/topics', '/b/topics')).toEqual([])
    if (outcome !== 'finishes it') {
      const below = `${paths.target}/future`
      for (const path of filesBelow(disk, below)) await disk.remove(path)
      for (const topicId of await disk.list(below)) await disk.removeDirectory(`${below}/${topicId}/0`)
    }
    await using again = await openCluster({ disks: [disk], directories })
    expect(await again.values()).toEqual(text(5))
    expect((await whereIs(again)).here).toBe(outcome === 'finishes it' ? paths.target : paths.here)
    expect(filesBelow(disk, '/a/future', '/b/future', '/a/moved', '/b/moved')).toEqual([])
  })
})
