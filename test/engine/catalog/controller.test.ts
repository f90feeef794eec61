import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { Controller, type ControllerOptions, type MetadataCopy } from '../../../src/engine/catalog/controller.ts'
import { Catalog } from '../../../src/engine/catalog/catalog.ts'
import type { CatalogCommand } from '../../../src/engine/catalog/commands.ts'
import { Log } from '../../../src/engine/log/log.ts'
import { TailCache } from '../../../src/engine/log/tail-cache.ts'
import { Keyring } from '../../../src/engine/sealed/keyring.ts'
import { Refusal } from '../../../src/ports.ts'
import { settle } from '../../sim/clock.ts'
import { SimDisk, type Survives } from '../../sim/disk.ts'
import { silent, SimWorld } from '../../sim/world.ts'
import { defaults } from '../log/open-log.ts'
import { clusterId, code, directoryOf, incarnationOf } from './open-catalog.ts'

const sessionTimeoutMs = 9000

/** A cluster's disks, each with a world of its own that shares time with the others; what is started over them may be closed, or just left. */
class Disks {
  readonly world: SimWorld
  readonly #worlds = new Map<number, SimWorld>()
  readonly #uuids = new Map<number, string>()

  constructor(ids: readonly number[], seed = 1) {
    this.world = new SimWorld(seed, { disksTakeTime: false })
    for (const id of ids) this.renew(id, 1)
  }

  disk(id: number): SimDisk {
    return this.#worlds.get(id)!.disk
  }

  /** A blank disk in place of the one that was there. */
  renew(id: number, disk: number): void {
    this.#plug(id, new SimDisk())
    this.#uuids.set(id, directoryOf(id, disk))
  }

  /** The power goes: what was under way goes on over the disks of before, which nobody sees any more. */
  cut(ids: readonly number[], random: Prng, survives: () => Survives): void {
    for (const id of ids) this.#plug(id, this.disk(id).crash(random, survives()))
  }

  #plug(id: number, disk: SimDisk): void {
    this.#worlds.set(id, Object.assign(new SimWorld(id, { disk }), { clock: this.world.clock }))
  }

  async copy(id: number): Promise<MetadataCopy> {
    const world = this.#worlds.get(id)!
    const directory = `/broker-${id}`
    await world.disk.makeDirectory(`${directory}/metadata`)
    await world.disk.syncDirectory('')
    await world.disk.syncDirectory(directory)
    const keys = await Keyring.open({ world, directory, source: { type: 'file', key: Buffer.alloc(32, id) } })
    const options = {
      world, directory: `${directory}/metadata`, identity: { clusterId, topicId: '00000000-0000-0000-0000-000000000001', partition: 0, broker: id }, keys,
      config: () => ({ ...defaults, messageBytesMax: 32 * 1024 * 1024 }), cache: new TailCache(1_000_000), logger: silent,
    }
    return { id, directory: this.#uuids.get(id)!, log: await Log.open(options), options }
  }

  async open(ids: readonly number[], more: Partial<ControllerOptions> = {}): Promise<Controller> {
    const copies: MetadataCopy[] = []
    for (const id of ids) copies.push(await this.copy(id))
    return Controller.open({ world: this.world, clusterId, settings: {}, copies, logger: silent, sessionTimeoutMs, ...more })
  }

  /** No time passes meanwhile. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return work()
  }
}

let lives = 0
async function register(controller: Controller, id: number): Promise<{ epoch: number; upTo: number }> {
  const { reply, upTo } = await controller.submit({ type: 'register-broker', broker: { id, rack: null }, incarnation: incarnationOf(++lives), directories: [directoryOf(id)] })
  if (reply instanceof Refusal) throw new Error(reply.message)
  return { epoch: reply.epoch, upTo }
}

/** Registers the brokers, and has them unfenced at once. */
async function serve(controller: Controller, ids: readonly number[]): Promise<Map<number, number>> {
  const epochs = new Map<number, number>()
  controller.unfenceTogether(ids)
  for (const id of ids) {
    const { epoch, upTo } = await register(controller, id)
    epochs.set(id, epoch)
    await controller.heartbeat({ id, epoch, seen: upTo })
  }
  return epochs
}

const topic = (name: string, number: number, partitions = 1): CatalogCommand & { type: 'create-topic' } => ({
  type: 'create-topic', topicId: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`, internal: false, validateOnly: false,
  topic: { name, partitions, replicationFactor: -1, configs: new Map() },
})
const names = (controller: Controller): string[] => controller.image.topics.map(one => one.name)
const settings = { 'default.replication.factor': 3 }

describe('a controller', () => {
  it('keeps its catalog in every directory, and finds it again', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const first = await disks.open([1, 2, 3])
      await serve(first, [1, 2, 3])
      await first.submit(topic('orders', 1))
      expect(first.image.voters).toEqual([1, 2, 3].map(id => ({ id, directory: directoryOf(id) })))
      expect(first.quorum()).toMatchObject({ leaderId: 1, leaderEpoch: 0, voters: [{ id: 1 }, { id: 2 }, { id: 3 }] })
      await first.close()
      const again = await disks.open([1, 2, 3])
      expect(names(again)).toEqual(['orders'])
      expect(again.quorum().leaderEpoch).toBe(1)
      expect(again.image.brokers.map(broker => broker.state)).toEqual(['fenced', 'fenced', 'fenced'])
      await again.close()
      for (const id of [1, 2, 3]) {
        const { log } = await disks.copy(id)
        expect([id, log.endOffset]).toEqual([id, again.quorum().highWatermark])
        await log.close()
      }
    })
  })

  it('is refused to another cluster', async () => {
    const disks = new Disks([1])
    await disks.run(async () => {
      await (await disks.open([1])).close()
      await expect(disks.open([1], { clusterId: 'c2x1aWNlLXRlc3QtMDAwMg' })).rejects.toMatchObject({ name: 'EngineError', message: expect.stringMatching(/of cluster/) })
    })
  })

  it.each([[[1, 2]], [[1, 3]], [[2, 3]]])('comes back with everything from any majority: %j', async ids => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const first = await disks.open([1, 2, 3])
      await serve(first, [1, 2, 3])
      await first.submit(topic('orders', 1))
      await first.close()
      const again = await disks.open(ids)
      expect(names(again)).toEqual(['orders'])
      await serve(again, ids)
      await again.submit(topic('more', 2))
      expect(again.image.voters.map(voter => voter.id)).toEqual([1, 2, 3])
      await again.close()
      // The third one comes back and is filled.
      const all = await disks.open([1, 2, 3])
      expect(names(all)).toEqual(['more', 'orders'])
      await all.close()
    })
  })

  it.each([[[1]], [[2]], [[3]]])('does not come back from a minority: %j', async ids => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      await (await disks.open([1, 2, 3])).close()
      await expect(disks.open(ids)).rejects.toThrow(/held by brokers 1, 2, 3, and 2 of their directories are needed/)
    })
  })

  it('does not take blank directories for those that were lost', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const first = await disks.open([1, 2, 3])
      await first.close()
      disks.renew(2, 2)
      disks.renew(3, 2)
      await expect(disks.open([1, 2, 3])).rejects.toThrow(/those of broker\(s\) (2, )?3? ?are missing|missing, blank or unreadable/)
      // One that was lost is filled, and counts from then on.
      const disks2 = new Disks([1, 2, 3])
      const before = await disks2.open([1, 2, 3])
      await serve(before, [1, 2, 3])
      await before.submit(topic('orders', 1))
      await before.close()
      disks2.renew(3, 2)
      const again = await disks2.open([1, 2, 3])
      expect(again.image.voters[2]).toEqual({ id: 3, directory: directoryOf(3, 2) })
      await again.close()
      const last = await disks2.open([2, 3])
      expect(names(last)).toEqual(['orders'])
      await last.close()
    })
  })

  it('cuts off what was never committed', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const first = await disks.open([1, 2, 3])
      await serve(first, [1, 2, 3])
      await first.submit(topic('orders', 1))
      // Two disks fail: what is decided now gets onto one alone.
      for (const id of [2, 3]) disks.disk(id).fail('write', 'EIO')
      expect((await first.submit(topic('ghost', 2))).reply).toEqual(code('storage-error'))
      expect((await first.failure).message).toMatch(/too few/)
      expect(names(first)).toEqual(['orders'])
      disks.cut([1], new Prng(1), () => 'everything')
      disks.cut([2, 3], new Prng(1), () => 'nothing')
      await first.close()
      // Without the disk that has it, the others go on, and write something else in its place.
      const second = await disks.open([2, 3])
      expect(names(second)).toEqual(['orders'])
      await serve(second, [2, 3])
      await second.submit(topic('real', 3))
      await second.close()
      const third = await disks.open([1, 2, 3])
      expect(names(third)).toEqual(['orders', 'real'])
      await third.close()
      const only = await disks.open([1, 2])
      expect(names(only)).toEqual(['orders', 'real'])
      await only.close()
    })
  })

  it('never uses an epoch again of which something may lie on a disk that is not there', async () => {
    const disks = new Disks([1, 2, 3])
    await (await disks.open([1, 2, 3])).close()
    // The next start gets its first records onto one disk alone, and fails.
    for (const id of [2, 3]) disks.disk(id).fail('write', 'EIO', { path: 'segment' })
    await expect(disks.open([1, 2, 3]).then(controller => serve(controller, [1]))).rejects.toThrow(/could not be written/)
    disks.cut([1], new Prng(1), () => 'everything')
    disks.cut([2, 3], new Prng(1), () => 'nothing')
    const ends = await Promise.all([1, 2, 3].map(async id => {
      const { log } = await disks.copy(id)
      await log.close()
      return log.latestEpoch
    }))
    expect(ends).toEqual([1, 0, 0])
    const without = await disks.open([2, 3])
    expect(without.quorum().leaderEpoch).toBe(2)
    await serve(without, [2, 3])
    await without.submit(topic('orders', 1))
    await without.close()
    const all = await disks.open([1, 2, 3])
    expect(names(all)).toEqual(['orders'])
    await all.close()
  })

  it('goes on without a copy whose disk failed, and takes it back when it is replaced', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const controller = await disks.open([1, 2, 3], { snapshotRecordsMin: 100 })
      await serve(controller, [1, 2, 3])
      disks.disk(1).fail('write', 'EIO')
      for (let number = 1; number <= 20; number++) expect((await controller.submit(topic(`t${number}`, number))).reply).not.toBeInstanceOf(Refusal)
      expect(controller.quorum().voters.map(voter => voter.logEndOffset > 0)).toEqual([false, true, true])
      expect(controller.quorum().leaderId).toBe(2)
      disks.renew(1, 2)
      const adding = controller.addCopy(await disks.copy(1))
      for (let number = 21; number <= 40; number++) await controller.submit(topic(`t${number}`, number))
      expect(await adding).toBeNull()
      expect(controller.image.voters[0]).toEqual({ id: 1, directory: directoryOf(1, 2) })
      // Now another one may fail.
      controller.copyFailed(2, new Error('pulled out'))
      await controller.submit(topic('last', 99))
      await controller.close()
      const again = await disks.open([1, 3])
      expect(again.image.topics.length).toBe(41)
      await again.close()
    })
  })

  it('moves its catalog to other brokers, one copy at a time', async () => {
    const disks = new Disks([1, 2])
    await disks.run(async () => {
      const controller = await disks.open([1])
      await serve(controller, [1])
      await controller.submit(topic('orders', 1))
      expect(await controller.addCopy(await disks.copy(2))).toBeNull()
      expect(controller.image.voters.map(voter => voter.id)).toEqual([1, 2])
      expect(await controller.removeCopy(1)).toBeNull()
      await controller.submit(topic('more', 2))
      expect(await controller.removeCopy(2)).toEqual(code('invalid-request', /last copy/))
      expect(await controller.removeCopy(7)).toBeNull()
      await controller.close()
      const again = await disks.open([2])
      expect(names(again)).toEqual(['more', 'orders'])
      await again.close()
    })
  })

  it('refuses a copy that cannot be filled, and is none the worse', async () => {
    const disks = new Disks([1, 2])
    await disks.run(async () => {
      const controller = await disks.open([1])
      const copy = await disks.copy(2)
      disks.disk(2).fail('sync', 'EIO')
      expect(await controller.addCopy(copy)).toEqual(code('storage-error', /\/broker-2\/metadata cannot be filled/))
      await serve(controller, [1])
      expect((await controller.submit(topic('orders', 1))).reply).not.toBeInstanceOf(Refusal)
      expect(controller.image.voters.map(voter => voter.id)).toEqual([1])
      await controller.close()
    })
  })

  it('fills a copy of which the rest has forgotten the beginning', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const first = await disks.open([1, 2, 3])
      await first.close()
      const second = await disks.open([1, 2], { snapshotRecordsMin: 20 })
      await serve(second, [1, 2])
      for (let number = 1; number <= 100; number++) {
        await second.submit(topic('churn', number))
        const { reply } = await second.submit({ type: 'delete-topic', name: 'churn' })
        for (const brokerId of [1, 2]) if (!(reply instanceof Refusal) && reply !== null) await second.submit({ type: 'clear-topic', topicId: reply.id, brokerId })
      }
      await second.submit(topic('orders', 999))
      await second.close()
      const third = await disks.open([1, 2, 3])
      expect(names(third)).toEqual(['orders'])
      await third.close()
      const last = await disks.open([2, 3])
      expect(names(last)).toEqual(['orders'])
      expect(last.image.condemned.size).toBe(0)
      await last.close()
    })
  })

  it('leaves no two logs that tell different stories, wherever the power goes', async () => {
    for (let seed = 1; seed <= Number(process.env['TEST_SEEDS'] ?? 15); seed++) {
      const disks = new Disks([1, 2, 3], seed)
      const prng = new Prng(seed)
      await disks.run(async () => {
        const committed = new Set<string>()
        for (let round = 1; round <= 4; round++) {
          // Each start has two or three of the disks.
          // All of them the first time: whoever is there then is a voter.
          const missing = round === 1 ? 0 : prng.below(4)
          const ids = [1, 2, 3].filter(id => id !== missing)
          const controller = await disks.open(ids)
          for (const name of committed) expect(names(controller), `seed ${seed}, round ${round}`).toContain(name)
          await serve(controller, ids)
          const working = Array.from({ length: 6 }, async (_, index) => {
            const name = `t-${round}-${index}`
            const { reply } = await controller.submit(topic(name, round * 100 + index))
            if (!(reply instanceof Refusal)) committed.add(name)
          })
          await Promise.all(working.slice(0, prng.below(3)))
          for (let turns = prng.below(6); turns > 0; turns--) await settle()
          // What is under way is on some disks and not on others; what was answered by now is kept.
          const answered = [...committed]
          disks.cut(ids, prng, () => prng.pick(['nothing', 'some', 'everything']))
          await Promise.all(working)
          await controller.close()
          committed.clear()
          for (const name of answered) committed.add(name)
        }
        const last = await disks.open([1, 2, 3])
        for (const name of committed) expect(names(last), `seed ${seed}`).toContain(name)
        const stories = new Set<string>()
        await last.close()
        for (const id of [1, 2, 3]) {
          const { log } = await disks.copy(id)
          const batches = await log.read(log.startOffset, { bytesMax: 10_000_000, atLeastOne: true, upTo: log.endOffset })
          stories.add(JSON.stringify((batches as Exclude<typeof batches, Refusal>).map(batch => [batch.baseOffset, batch.leaderEpoch, batch.bytes.toString('base64')])))
          await log.close()
        }
        expect(stories.size, `seed ${seed}`).toBe(1)
      })
    }
  })
})

describe('the stream of what is committed', () => {
  it('begins with everything, and goes on with what comes', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const controller = await disks.open([1, 2, 3], { historyRecords: 12, settings })
      const { signal } = new AbortController()
      await serve(controller, [1, 2, 3])
      const { upTo } = await controller.submit(topic('orders', 1, 3))
      const image = new Catalog({ brokerId: 1, settings: {} })
      const first = await controller.metadata({ after: -1, signal })
      expect([first.isSnapshot, first.upTo]).toEqual([true, upTo])
      for (const record of first.records) image.apply(record)
      expect([image.topics, image.brokers, image.voters]).toEqual([controller.image.topics, controller.image.brokers, controller.image.voters])
      const next = controller.metadata({ after: upTo, signal })
      const { upTo: later } = await controller.submit({ type: 'allocate-producer-ids' })
      expect(await next).toMatchObject({ isSnapshot: false, upTo: later, records: [{ type: 'producer-ids' }] })
      for (let number = 2; number < 6; number++) await controller.submit(topic(`t${number}`, number))
      const several = await controller.metadata({ after: later, signal })
      expect([several.isSnapshot, several.records.length]).toEqual([false, 4])
      // Whoever is further behind than the history reaches gets everything.
      for (let number = 6; number < 30; number++) await controller.submit(topic(`t${number}`, number))
      expect(await controller.metadata({ after: upTo, signal })).toMatchObject({ isSnapshot: true })
      // An image of its own: changes of one partition do not show through.
      const before = image.topic('orders')!.partitions.map(one => one.leaderEpoch)
      const { epoch } = controller.image.broker(1)!
      await controller.disconnected(1, epoch)
      expect(controller.image.topic('orders')!.partitions.map(one => one.leaderEpoch)).not.toEqual(before)
      expect(image.topic('orders')!.partitions.map(one => one.leaderEpoch)).toEqual(before)
      await controller.close()
    })
  })

  it('tells nothing before it is committed, and ends with its reader', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const controller = await disks.open([1, 2, 3])
      const abort = new AbortController()
      const { upTo } = await controller.submit({ type: 'allocate-producer-ids' })
      let told = false
      const waiting = controller.metadata({ after: upTo, signal: abort.signal }).then(slice => { told = true; return slice })
      for (const id of [1, 2]) {
        disks.disk(id).fail('write', 'EIO')
      }
      expect((await controller.submit({ type: 'allocate-producer-ids' })).reply).toBeInstanceOf(Refusal)
      expect(told).toBe(false)
      abort.abort()
      expect(await waiting).toEqual({ records: [], upTo, isSnapshot: false })
      await controller.close()
    })
  })
})

describe('the session of a broker', () => {
  const beat = (controller: Controller, id: number, epoch: number, seen = Number.MAX_SAFE_INTEGER) => controller.heartbeat({ id, epoch, seen })

  it('has it serve once it has seen its registration', async () => {
    const disks = new Disks([1])
    await disks.run(async () => {
      const controller = await disks.open([1])
      const { epoch, upTo } = await register(controller, 1)
      expect(await beat(controller, 1, epoch, upTo - 1)).toEqual({ isFenced: true })
      expect(await beat(controller, 1, epoch, upTo)).toEqual({ isFenced: false })
      expect(controller.image.broker(1)!.state).toBe('running')
      expect(await beat(controller, 1, epoch - 1)).toEqual(code('broker-not-available'))
      expect(await beat(controller, 2, 1)).toEqual(code('broker-id-not-registered'))
      await controller.close()
    })
  })

  it('of brokers that start together waits for all of them, but not for ever', async () => {
    const disks = new Disks([1, 2, 3])
    await disks.run(async () => {
      const controller = await disks.open([1, 2, 3], { settings })
      await serve(controller, [1, 2, 3])
      await controller.submit(topic('orders', 1, 3))
      const leaders = (of: Controller): string => of.image.topic('orders')!.partitions.map(one => `${one.leader}@${one.leaderEpoch}/${one.inSyncReplicas.length}`).join(' ')
      const before = leaders(controller)
      await controller.close()
      const again = await disks.open([1, 2, 3], { settings })
      again.unfenceTogether([3, 2, 1])
      const epochs: number[] = []
      for (const id of [3, 2, 1]) epochs[id] = (await register(again, id)).epoch
      expect(await beat(again, 3, epochs[3]!)).toMatchObject({ isFenced: true })
      expect(await beat(again, 2, epochs[2]!)).toMatchObject({ isFenced: true })
      expect(await beat(again, 1, epochs[1]!)).toMatchObject({ isFenced: false })
      expect(leaders(again)).toBe(before.replaceAll('@0', '@1'))
      await again.close()
      const without = await disks.open([1, 2, 3], { settings })
      without.unfenceTogether([1, 2, 3])
      const { epoch } = await register(without, 2)
      for (let waitedMs = 0; waitedMs < sessionTimeoutMs; waitedMs += 1000) {
        expect(await beat(without, 2, epoch)).toMatchObject({ isFenced: true })
        await disks.world.clock.advance(1000)
      }
      expect(await beat(without, 2, epoch)).toMatchObject({ isFenced: false })
      await without.close()
    })
  })

  it('ends with its silence, and goes on where it is heard of again', async () => {
    const disks = new Disks([1, 2])
    const controller = await disks.run(() => disks.open([1, 2], { settings: { 'default.replication.factor': 2 } }))
    const epochs = await disks.run(() => serve(controller, [1, 2]))
    await disks.run(() => controller.submit(topic('orders', 0)))
    const { clock } = disks.world
    for (let second = 0; second < 12; second++) {
      await clock.advance(1000)
      await disks.run(() => beat(controller, 2, epochs.get(2)!))
      if (second < 8) expect(controller.image.broker(1)!.state, `after ${second} s`).toBe('running')
    }
    expect(controller.image.broker(1)!.state).toBe('fenced')
    expect(controller.image.broker(2)!.state).toBe('running')
    expect(controller.image.topic('orders')!.partitions[0]).toMatchObject({ leader: 2, inSyncReplicas: [2] })
    const { upTo } = await disks.run(() => controller.metadata({ after: -1, signal: new AbortController().signal }))
    expect(await disks.run(() => beat(controller, 1, epochs.get(1)!, 0))).toEqual({ isFenced: true })
    expect(await disks.run(() => beat(controller, 1, epochs.get(1)!, upTo))).toEqual({ isFenced: false })
    await disks.run(() => controller.close())
  })

  it('ends with its link, and then takes a new registration', async () => {
    const disks = new Disks([1])
    await disks.run(async () => {
      const controller = await disks.open([1])
      const epoch = (await serve(controller, [1])).get(1)!
      expect(await controller.disconnected(1, epoch)).toBeNull()
      expect(controller.image.broker(1)!.state).toBe('fenced')
      expect(await beat(controller, 1, epoch)).toEqual(code('broker-not-available', /must register anew/))
      await serve(controller, [1])
      expect(await controller.disconnected(1, epoch)).toEqual(code('broker-not-available'))
      expect(controller.image.broker(1)!.state).toBe('running')
      await controller.close()
    })
  })

  it('lets it stop when it has handed over what it can', async () => {
    const disks = new Disks([1, 2])
    await disks.run(async () => {
      const controller = await disks.open([1, 2], { settings: { 'default.replication.factor': 2 } })
      const epochs = await serve(controller, [1, 2])
      await controller.submit(topic('orders', 0))
      const { id } = controller.image.topic('orders')!
      const alter = (inSync: number[], partitionEpoch: number) => controller.submit({
        type: 'alter-partitions', brokerId: 1, brokerEpoch: epochs.get(1)!,
        changes: [{ topicId: id, partition: 0, leaderEpoch: 0, partitionEpoch, inSyncReplicas: inSync.map(one => ({ id: one, epoch: epochs.get(one)! })) }],
      })
      await alter([1], 0)
      expect((await controller.submit({ type: 'stop-broker', id: 1, epoch: epochs.get(1)! })).reply).toBe(1)
      await alter([1, 2], 1)
      expect((await controller.submit({ type: 'stop-broker', id: 1, epoch: epochs.get(1)! })).reply).toBe(0)
      expect(controller.image.partition(id, 0)).toMatchObject({ leader: 2, inSyncReplicas: [2] })
      await controller.close()
    })
  })

  it('is not ended by a process that stood still', async () => {
    const disks = new Disks([1, 2])
    const controller = await disks.run(() => disks.open([1, 2]))
    const epochs = await disks.run(() => serve(controller, [1, 2]))
    const { clock } = disks.world
    // Nothing ran for a minute: the check finds everybody silent.
    Object.defineProperty(clock, 'monotonic', { value: () => clock.now() - Date.UTC(2026, 0, 1) + 60_000 })
    await clock.advance(sessionTimeoutMs / 3 + 10)
    expect(controller.image.brokers.map(broker => broker.state)).toEqual(['running', 'running'])
    for (const id of [1, 2]) expect(await disks.run(() => beat(controller, id, epochs.get(id)!))).toMatchObject({ isFenced: false })
    await clock.advance(sessionTimeoutMs * 2)
    expect(controller.image.brokers.map(broker => broker.state)).toEqual(['fenced', 'fenced'])
    await disks.run(() => controller.close())
  })
})

describe('preferred leaders', () => {
  it.each<[string, Record<string, string | number | boolean>, number]>([
    ['lead again after a while', {}, 1],
    ['do not where that is turned off', { 'auto.leader.rebalance.enable': false }, 2],
  ])('%s', async (_, more, leader) => {
    const disks = new Disks([1, 2])
    const controller = await disks.run(() => disks.open([1, 2], { settings: { 'default.replication.factor': 2, ...more } }))
    await disks.run(async () => {
      const epochs = await serve(controller, [1, 2])
      await controller.submit(topic('orders', 0))
      await controller.disconnected(1, epochs.get(1)!)
      await serve(controller, [1])
      const { id } = controller.image.topic('orders')!
      const { leaderEpoch, partitionEpoch } = controller.image.partition(id, 0)!
      await controller.submit({
        type: 'alter-partitions', brokerId: 2, brokerEpoch: epochs.get(2)!,
        changes: [{ topicId: id, partition: 0, leaderEpoch, partitionEpoch, inSyncReplicas: controller.image.registrations.all }],
      })
      expect(controller.image.partition(id, 0)).toMatchObject({ leader: 2, inSyncReplicas: [1, 2] })
    })
    for (let second = 0; second < 301; second++) {
      for (const broker of controller.image.registrations) await disks.run(() => controller.heartbeat({ ...broker, seen: 1e9 }))
      await disks.world.clock.advance(1000)
    }
    expect(controller.image.topics[0]!.partitions[0]!.leader).toBe(leader)
    await disks.run(() => controller.close())
  })
})

describe('full disks at the end', () => {
  it('keep nobody waiting, also where the last copies that are needed find theirs full only then', async () => {
    const disks = new Disks([1, 2, 3])
    const controller = await disks.open([1, 2, 3])
    const create = (name: string) => controller.submit({ type: 'set-storage-limit', brokerId: 1, bytes: name.length })
    await register(controller, 1)
    disks.disk(2).limitBytes = disks.disk(2).usedBytes
    expect(await create('a')).toMatchObject({ reply: null })
    // Broker 2's copy waits for room by now; broker 3's is about to find that there is none.
    disks.disk(3).limitBytes = disks.disk(3).usedBytes
    const pending = create('ab')
    const closing = controller.close()
    expect(await Promise.race([closing.then(() => 'closed'), disks.world.clock.advance(60_000).then(() => 'late')])).toBe('closed')
    expect((await pending).reply).toBeInstanceOf(Refusal)
  })
})
