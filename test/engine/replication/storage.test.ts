// Brokers whose storage is full, by their own limit or because the disk says so: clients are refused, nothing that was acknowledged is lost, and all goes on when
// there is room again.
import { describe, expect, it } from 'vitest'
import { type Appended, Refusal } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { SimDisk } from '../../sim/disk.ts'
import { silent } from '../../sim/world.ts'
import { type Cluster, openCluster, openOrders, orders } from './several-disks.ts'

const second = 1000
const full = { code: 'storage-error' }

async function limit(cluster: Cluster, brokerId: number, bytes: number | null): Promise<void> {
  await cluster.run(async () => {
    const { reply, upTo } = await cluster.engine.controller.submit({ type: 'set-storage-limit', brokerId, bytes })
    expect(reply).toBeNull()
    await cluster.engine.heard(upTo)
  })
}

/** Appends values of that size until one is refused; the values that were acknowledged. */
async function fill(cluster: Cluster, bytes: number, countMax = 200): Promise<{ readonly acknowledged: string[]; readonly refusal: Refusal }> {
  const acknowledged: string[] = []
  for (let count = 0; count < countMax; count++) {
    const value = `${count}:${'x'.repeat(bytes)}`
    const reply = await cluster.append(value)
    if (reply instanceof Refusal) return { acknowledged, refusal: reply }
    acknowledged.push(value)
  }
  throw new Error(`${countMax} values of ${bytes} bytes found room`)
}

function partition(cluster: Cluster) {
  return cluster.topic().partitions[0]!
}

/** Every acknowledged value, in order and once; of what was refused, none or one. */
function expectKept(found: readonly string[], acknowledged: readonly string[]): void {
  expect(found.filter(value => acknowledged.includes(value)).map(value => value.split(':')[0])).toEqual(acknowledged.map(value => value.split(':')[0]))
}

async function held(cluster: Cluster, brokerId: number): Promise<number> {
  return cluster.run(async () => cluster.engine.broker(brokerId)!.replicas.get(cluster.topic().id, 0)?.log?.durableEndOffset ?? -1)
}

describe('a storage limit', () => {
  it('refuses clients at its end, not the broker itself, and lets them go on once it is raised', async () => {
    await using cluster = await openOrders({ brokers: 3 })
    const { leader } = partition(cluster)
    await limit(cluster, leader, 1_000_000)
    const { acknowledged, refusal } = await fill(cluster, 100_000)
    expect(refusal).toMatchObject({ ...full, message: expect.stringContaining(`broker ${leader} is full`) as string })
    expect(acknowledged.length).toBeGreaterThan(8)
    expect(acknowledged.length).toBeLessThan(12)
    // What the broker writes for itself, and what can be read, is not concerned.
    expect(await cluster.run(() => cluster.backend.groups.commit(
      { groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset: 1, leaderEpoch: -1, metadata: '' }] }))).toEqual([null])
    expect(await cluster.values()).toEqual(acknowledged)
    expect(partition(cluster)).toMatchObject({ leader, inSyncReplicas: expect.objectContaining({ length: 3 }) as number[] })
    await limit(cluster, leader, 3_000_000)
    expect(await cluster.append('more')).toMatchObject({ baseOffset: acknowledged.length })
    await limit(cluster, leader, null)
    expect(await cluster.append('even more')).toMatchObject({ baseOffset: acknowledged.length + 1 })
  })

  it('lets clients go on within a second of retention', async () => {
    await using cluster = await openOrders({
      brokers: 1, configs: { 'segment.bytes': '1048576', 'retention.ms': '60000' }, settings: { 'log.retention.check.interval.ms': 1000 },
    })
    await limit(cluster, 1, 2_000_000)
    const { acknowledged } = await fill(cluster, 500_000)
    await cluster.world.clock.advance(30 * second)
    expect(await cluster.append('early')).toMatchObject(full)
    await cluster.world.clock.advance(35 * second)
    expect(await cluster.append('late')).toMatchObject({ baseOffset: acknowledged.length })
  })

  it('counts logs that were not opened since the start', async () => {
    const disks = [new SimDisk()]
    let used = 0
    {
      await using cluster = await openOrders({ disks })
      for (let count = 0; count < 5; count++) await cluster.append('x'.repeat(100_000))
      await limit(cluster, 1, 400_000)
      await cluster.world.clock.advance(second + 1)
      used = cluster.engine.broker(1)!.limit.usedBytes
      expect(used).toBeGreaterThan(500_000)
    }
    await using again = await openCluster({ disks })
    const { limit: storage, replicas } = again.engine.broker(1)!
    expect(storage.usedBytes).toBe(used)
    expect(replicas.bytes).toBe(used)
    expect(await again.append('one more')).toMatchObject(full)
  })
})

describe('a full disk', () => {
  it('under the leader of three moves the leadership; with room the broker catches up and is in sync again', async () => {
    await using cluster = await openOrders({ brokers: 3 })
    const acknowledged: string[] = []
    const send = async (value: string): Promise<void> => {
      expect(await cluster.append(value)).toMatchObject({ baseOffset: acknowledged.length })
      acknowledged.push(value)
    }
    for (let count = 0; count < 5; count++) await send(`${count}:before`)
    const { leader } = partition(cluster)
    const disk = cluster.disks[leader - 1]!
    disk.limitBytes = disk.usedBytes + 50_000
    // Each is acknowledged all the same: by whoever leads then.
    for (let count = 5; count < 15; count++) await send(`${count}:${'x'.repeat(100_000)}`)
    expect(partition(cluster).leader).not.toBe(leader)
    await cluster.until('a smaller in-sync set', () => !partition(cluster).inSyncReplicas.includes(leader))
    await cluster.world.clock.advance(10 * second)
    expect(cluster.engine.broker(leader)).toBeDefined()
    disk.limitBytes = Infinity
    await cluster.until('the broker in sync again', () => partition(cluster).inSyncReplicas.includes(leader))
    expect(await held(cluster, leader)).toBe(15)
    await cluster.run(() => cluster.backend.admin.electLeaders('preferred', [orders]))
    await cluster.until('the leadership back', () => partition(cluster).leader === leader)
    expect(await cluster.values()).toEqual(acknowledged)
  })

  it('under a follower takes it out of the in-sync set, and back in when there is room', async () => {
    await using cluster = await openOrders({ brokers: 3 })
    await cluster.append('first')
    const { leader, replicas } = partition(cluster)
    const follower = replicas.find(id => id !== leader)!
    const disk = cluster.disks[follower - 1]!
    disk.limitBytes = disk.usedBytes + 10_000
    for (let count = 0; count < 5; count++) expect(await cluster.append('x'.repeat(100_000))).not.toBeInstanceOf(Refusal)
    expect(partition(cluster).leader).toBe(leader)
    expect(partition(cluster).inSyncReplicas).not.toContain(follower)
    disk.limitBytes = Infinity
    await cluster.until('the follower in sync', () => partition(cluster).inSyncReplicas.includes(follower))
    expect(await held(cluster, follower)).toBe(6)
  })

  it('that has room again before the controller has heard of it: nobody leads in the epoch in which records were lost', async () => {
    const heard = Promise.withResolvers<void>()
    await using cluster = await openOrders({
      brokers: 3,
      links: direct => ({
        broker: direct.broker,
        controller(from) {
          const peer = direct.controller(from)
          const submit = async (command: Parameters<typeof peer.submit>[0]) => {
            if (command.type === 'replicas-offline') await heard.promise
            return peer.submit(command)
          }
          return { ...peer, submit: submit as typeof peer.submit }
        },
      }),
    })
    await cluster.append('one')
    const { leader, leaderEpoch } = partition(cluster)
    cluster.disks[leader - 1]!.fail('write', 'ENOSPC', { path: '/topics' })
    const sent = cluster.append('two')
    await cluster.world.clock.advance(3 * second)
    const replica = cluster.engine.broker(leader)!.replicas.get(cluster.topic().id, 0)!
    expect({ isOpen: replica.isOpen, fault: replica.fault, leadership: replica.leadership }).toEqual({ isOpen: true, fault: undefined, leadership: undefined })
    expect(partition(cluster)).toMatchObject({ leader, leaderEpoch })
    heard.resolve()
    expect(await sent).toMatchObject({ baseOffset: 1 })
    expect(await cluster.append('three')).toMatchObject({ baseOffset: 2 })
    await cluster.until('all in sync', () => partition(cluster).inSyncReplicas.length === 3)
    expect(await cluster.values()).toEqual(['one', 'two', 'three'])
    for (const id of [1, 2, 3]) expect(await held(cluster, id)).toBe(3)
  })

  it('of a follower that cannot even be given a directory does not make it ask again and again', async () => {
    let count = 0
    await using cluster = await openCluster({ brokers: 3, logger: { ...silent, error: () => { count++ } } })
    for (const disk of cluster.disks.slice(1)) {
      const { makeDirectory } = disk
      disk.makeDirectory = path => (path.includes('/topics') ? Promise.reject(new Error(`ENOSPC: ${path}`)) : makeDirectory.call(disk, path))
    }
    const made = await cluster.run(() => cluster.backend.admin.createTopic(
      { name: orders.topic, partitions: -1, replicationFactor: -1, assignment: [[1, 2, 3]], configs: new Map() }, { validateOnly: false }))
    expect(made).not.toBeInstanceOf(Refusal)
    const refused = cluster.append('one')
    await cluster.world.clock.advance(20 * second)
    expect(count).toBeGreaterThan(2)
    expect(count).toBeLessThan(1000)
    await cluster.world.clock.advance(20 * second)
    expect(await refused).toBeInstanceOf(Refusal)
  })

  it.each(['one broker', 'three brokers on one disk'])('under everything (%s) refuses clients and loses nothing; with room all goes on', async kind => {
    const disk = new SimDisk()
    await using cluster = await openOrders(kind === 'one broker' ? { disks: [disk] } : { brokers: 3, shared: disk })
    for (let count = 0; count < 3; count++) await cluster.append(`early ${count}`)
    const before = await cluster.values()
    // Less than a batch takes: the write is cut short in the middle.
    disk.limitBytes = disk.usedBytes + 1_000_000
    const { acknowledged } = await fill(cluster, 150_000)
    // Nor is there room for anything else.
    disk.limitBytes = disk.usedBytes
    const made = cluster.backend.admin.createTopic({ name: 'later', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    await cluster.world.clock.advance(20 * second)
    expect(await cluster.run(() => cluster.backend.logs.append(orders, buildBatch([{ key: null, value: Buffer.from('no') }], { timestampMs: 1 }), { acks: 'all', timeoutMs: second })))
      .toMatchObject({ code: expect.stringMatching(/^(storage-error|leader-not-available|not-leader|request-timed-out)$/) as string })
    expect(cluster.engine.failed).toBeUndefined()
    disk.limitBytes = Infinity
    await cluster.until('a leader', async () => !((await cluster.run(() => cluster.backend.logs.ends(orders))) instanceof Refusal))
    await cluster.until('all in sync', () => partition(cluster).inSyncReplicas.length === cluster.engine.members.length)
    expect(await cluster.run(() => made)).not.toBeInstanceOf(Refusal)
    expect(await cluster.append('last')).not.toBeInstanceOf(Refusal)
    const found = await cluster.values()
    expectKept(found, [...before, ...acknowledged, 'last'])
    expect(found.length).toBeLessThanOrEqual(before.length + acknowledged.length + 3)
    const { voters } = await cluster.run(() => cluster.backend.admin.quorum())
    expect(new Set(voters.map(({ logEndOffset }) => logEndOffset)).size).toBe(1)
  })

  it('lets topics be deleted, which makes room', async () => {
    const disk = new SimDisk()
    await using cluster = await openOrders({ disks: [disk] })
    await cluster.run(() => cluster.backend.admin.createTopic({ name: 'other', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false }))
    await cluster.append('x'.repeat(500_000), { topic: 'other', partition: 0 })
    await cluster.append('kept')
    disk.limitBytes = disk.usedBytes + 20_000
    expect(await cluster.append('x'.repeat(100_000))).toMatchObject(full)
    expect(await cluster.run(() => cluster.backend.admin.deleteTopic('other'))).toBeNull()
    await cluster.until('room', async () => !((await cluster.append('again')) instanceof Refusal))
    expect((await cluster.values())[0]).toBe('kept')
  })

  it('ends when the cluster is closed: nobody waits for room any more', async () => {
    const disk = new SimDisk()
    const cluster = await openOrders({ disks: [disk] })
    await cluster.append('kept')
    const room = disk.usedBytes
    disk.limitBytes = room
    const made = cluster.backend.admin.createTopic({ name: 'later', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    await cluster.world.clock.advance(2 * second)
    await cluster.run(() => cluster.engine.close())
    expect(await made).toMatchObject(full)
    disk.limitBytes = Infinity
    await using again = await openCluster({ disks: [disk] })
    expect(await again.values()).toEqual(['kept'])
    expect(again.engine.image.topic('later')).toBeUndefined()
  })
})

describe('a full disk under one copy of the catalog', () => {
  it('makes that copy wait; the others go on, and it catches up without a restart', async () => {
    await using cluster = await openOrders({ brokers: 3 })
    const ends = async (): Promise<number[]> => (await cluster.run(() => cluster.backend.admin.quorum())).voters.map(({ logEndOffset }) => logEndOffset)
    const disk = cluster.disks[2]!
    disk.limitBytes = disk.usedBytes + 100
    for (let count = 0; count < 20; count++) {
      const made = await cluster.run(() => cluster.backend.admin.createTopic({ name: `t${count}`, partitions: 3, replicationFactor: 1, configs: new Map() }, { validateOnly: false }))
      expect(made).not.toBeInstanceOf(Refusal)
    }
    await cluster.world.clock.advance(5 * second)
    const [first, , third] = await ends()
    expect(third).toBeLessThan(first!)
    disk.limitBytes = Infinity
    await cluster.until('the same end everywhere', async () => new Set(await ends()).size === 1)
    // It counts again: with another copy gone, two of three are enough.
    await cluster.run(() => cluster.engine.fail(1))
    cluster.engine.controller.copyFailed(1, new Error('gone'))
    expect(await cluster.run(() => cluster.backend.admin.createTopic({ name: 'after', partitions: 1, replicationFactor: 1, configs: new Map() }, { validateOnly: false }))).not.toBeInstanceOf(Refusal)
    expect(cluster.engine.failed).toBeUndefined()
  })
})

describe('many senders on a disk that fills up and empties, again and again', () => {
  it('lose nothing that was acknowledged, and every log is the same in the end', async () => {
    await using cluster = await openOrders({ brokers: 3, configs: { 'segment.bytes': '1048576' } })
    const acknowledged: { readonly value: string; readonly offset: number }[] = []
    for (let round = 0; round < 6; round++) {
      const victim = (round % 3) + 1
      const disk = cluster.disks[victim - 1]!
      disk.limitBytes = disk.usedBytes + 120_000
      const replies = await cluster.run(() => Promise.all(Array.from({ length: 20 }, async (_, sender) => {
        const value = `${round}/${sender}:${'x'.repeat(20_000)}`
        const reply = await cluster.backend.logs.append(orders, buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs: cluster.world.clock.now() }), { acks: 'all', timeoutMs: 60_000 })
        return { value, reply }
      })))
      for (const { value, reply } of replies) if (!(reply instanceof Refusal)) acknowledged.push({ value, offset: (reply as Appended).baseOffset })
      disk.limitBytes = Infinity
      await cluster.until('all in sync', () => partition(cluster).inSyncReplicas.length === 3)
    }
    const found = await cluster.values()
    for (const { value, offset } of acknowledged) expect(found[offset]?.slice(0, 10)).toBe(value.slice(0, 10))
    expect(new Set(found).size).toBe(found.length)
    expect(acknowledged.length).toBeGreaterThan(100)
    const ends = await Promise.all([1, 2, 3].map(id => held(cluster, id)))
    expect(new Set(ends).size).toBe(1)
  })
})
