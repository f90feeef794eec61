import { describe, expect, it } from 'vitest'
import { EngineError, type EngineFault } from '../../src/engine/directory.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { Refusal } from '../../src/ports.ts'
import type { Logger } from '../../src/world/world.ts'
import { Prng } from '../../src/base/prng.ts'
import { silent, SimWorld } from '../sim/world.ts'
import { append, brokerSpec, kek, openEngineWorld, type EngineWorldOptions, valuesOf } from '../support/engine-world.ts'

const orders = { topic: 'orders', partition: 0 }
const topic = (name: string, partitions = 2) => ({ name, partitions, replicationFactor: -1, configs: new Map() })

async function refused(options: EngineWorldOptions, fault: EngineFault, message: string | RegExp): Promise<void> {
  const error: unknown = await openEngineWorld(options).then(() => undefined, (reason: unknown) => reason)
  expect(error).toBeInstanceOf(EngineError)
  expect((error as EngineError).fault).toBe(fault)
  expect((error as EngineError).message).toMatch(message)
  expect((error as EngineError).message).not.toContain('\n')
}

async function closedEngine() {
  const opened = await openEngineWorld()
  await opened.backend.admin.createTopic(topic('orders'), { validateOnly: false })
  await append(opened.backend, orders, ['a', 'b'])
  await opened.engine.close()
  return opened.world.disk
}

function collector() {
  const warnings: string[] = []
  const logger: Logger = { ...silent, warn: (_, message) => { warnings.push(message) }, error: (_, message) => { warnings.push(message) } }
  return { warnings, logger }
}

describe('opening a data directory', () => {
  it('makes a new one with a cluster id of its own, and finds it again', async () => {
    const opened = await openEngineWorld()
    const { id } = await opened.backend.admin.cluster()
    expect(id).toMatch(/^[A-Za-z0-9_][\w-]{21}$/)
    expect(await opened.backend.admin.cluster()).toEqual({ id, controllerId: 1, brokers: [{ id: 1, rack: 'a', state: 'running' }] })
    await opened.engine.close()
    await using again = await openEngineWorld({ disk: opened.world.disk, clusterId: id })
    expect((await again.backend.admin.cluster()).id).toBe(id)
  })

  it('is refused while another process holds it, and possible once that has closed', async () => {
    const opened = await openEngineWorld()
    await refused({ disk: opened.world.disk }, 'locked', /^\/data is in use by another process; a second server needs a data directory of its own$/)
    await opened.engine.close()
    await using again = await openEngineWorld({ disk: opened.world.disk })
    expect(await again.backend.admin.topics()).toEqual([])
  })

  it('is refused with another key, and nothing is changed by the attempt', async () => {
    const disk = await closedEngine()
    const before = contents(disk)
    await refused({ disk, kek: { type: 'file', key: Buffer.alloc(32, 1) } }, 'wrong-key', /^\/data cannot be opened with this key: .*made under another key$/)
    await refused({ disk, kek: { type: 'passphrase', passphrase: 'guess' } }, 'wrong-key', /protected by a key file/)
    expect(contents(disk)).toEqual(before)
    await using again = await openEngineWorld({ disk })
    expect(await valuesOf(again.backend, orders)).toEqual(['a', 'b'])
  })

  it('is refused for another cluster or another broker', async () => {
    const disk = await closedEngine()
    await refused({ disk, clusterId: 'another' }, 'another-cluster', /belongs to cluster [\w-]{22}, not another$/)
    await refused({ disk, brokerId: 2 }, 'another-cluster', /belongs to broker 1, not 2$/)
  })

  it('is refused where the directory cannot be written', async () => {
    const opened = new SimWorld(1, { disksTakeTime: false })
    opened.disk.makeDirectory = () => Promise.reject(Object.assign(new Error("EACCES: permission denied, mkdir '/data'"), { code: 'EACCES' }))
    await refused({ disk: opened.disk }, 'unusable', /^\/data cannot be used: EACCES: permission denied/)
  })

  it('is refused for a setting that is unknown or bad', async () => {
    await expect(openEngineWorld({ settings: { 'num.partitions': 'x' } })).rejects.toThrow('Invalid value x for configuration num.partitions: Not a number of type INT')
    await expect(openEngineWorld({ settings: { nonsense: 1 } })).rejects.toThrow('Unknown broker config name: nonsense')
  })

  it('says what it does only where the last run did not stop in order', async () => {
    const lines: string[] = []
    const open = (disk: SimWorld['disk']) => openEngine({ world: new SimWorld(1, { disk, disksTakeTime: false }), kek, brokers: [brokerSpec(1)], logger: silent, onProgress: line => lines.push(line) })
    const disk = await closedEngine()
    const engine = await open(disk)
    expect(lines).toEqual([])
    const left = disk.kill()
    const recovered = await open(left)
    expect(lines).toEqual(['/data was not left in order: its logs are recovered'])
    await recovered.close()
    await engine.close()
    await (await open(disk)).close()
    expect(lines).toHaveLength(1)
  })
})

describe('damage', () => {
  it('of the catalog stops the start and deletes nothing', async () => {
    const disk = await closedEngine()
    const segment = disk.files.find(path => path.startsWith('/data/metadata/') && path.endsWith('.segment'))!
    disk.rot(segment, 4096 + 100)
    const topics = disk.files.filter(path => path.startsWith('/data/topics/'))
    await refused({ disk }, 'damaged', /^the catalog in \/data\/metadata cannot be (opened|replayed): /)
    expect(disk.files.filter(path => path.startsWith('/data/topics/'))).toEqual(topics)
  })

  it('that took the whole catalog away stops the start and deletes nothing', async () => {
    const disk = await closedEngine()
    for (const path of disk.files.filter(file => file.startsWith('/data/metadata/'))) await disk.remove(path)
    const before = disk.files
    await refused({ disk }, 'damaged', /metadata is empty, but \/data\/topics holds 1 topic\(s\), .*; nothing was changed$/)
    expect(disk.files.filter(path => path.startsWith('/data/topics/'))).toEqual(before.filter(path => path.startsWith('/data/topics/')))
  })

  it('of the identity stops the start', async () => {
    const disk = await closedEngine()
    for (const path of disk.files.filter(file => file.startsWith('/data/identity'))) disk.rot(path, 20)
    await refused({ disk }, 'damaged', /identity/)
  })

  it('of one partition leaves the others served', async () => {
    const opened = await openEngineWorld()
    await opened.backend.admin.createTopic(topic('orders', 2), { validateOnly: false })
    const other = { topic: 'orders', partition: 1 }
    for (const value of ['a', 'b', 'c']) for (const at of [orders, other]) await append(opened.backend, at, [value.repeat(2000)])
    await opened.engine.close()
    const { disk } = opened.world
    const segment = disk.files.find(path => /topics\/[^/]+\/0\/.*segment$/.test(path))!
    disk.rot(segment, 4096 + 500)
    await using again = await openEngineWorld({ disk })
    expect(await again.backend.logs.read(orders, 0, { bytesMax: 100_000, atLeastOne: true, committedOnly: false })).toMatchObject({ code: 'storage-error' })
    expect((await valuesOf(again.backend, other)).length).toBe(3)
    expect(await append(again.backend, other, ['d'])).toMatchObject({ baseOffset: 3 })
  })

  it('of one partition is looked for once, not at every request', async () => {
    const opened = await openEngineWorld()
    await opened.backend.admin.createTopic(topic('orders'), { validateOnly: false })
    for (const value of ['a', 'b', 'c']) await append(opened.backend, orders, [value.repeat(2000)])
    const disk = opened.world.disk.kill()
    await opened.engine.close()
    disk.rot(disk.files.find(path => /topics\/[^/]+\/0\/.*segment$/.test(path))!, 4096 + 500)
    await using again = await openEngineWorld({ disk })
    expect(await append(again.backend, orders, ['d'])).toMatchObject({ code: 'storage-error' })
    let operations = 0
    disk.onOperation = () => { operations++ }
    expect(await append(again.backend, orders, ['d'])).toMatchObject({ code: 'storage-error' })
    expect(operations).toBe(0)
    await again.backend.admin.deleteTopic('orders')
    expect(disk.files.filter(path => path.includes('/topics/'))).toEqual([])
  })

  it('that the catalog knows nothing of is left alone', async () => {
    const disk = await closedEngine()
    await disk.makeDirectory('/data/topics/00000000-0000-4000-8000-00000000abcd/0')
    const { warnings, logger } = collector()
    await using again = await openEngineWorld({ disk, logger })
    expect(warnings).toContain('files of topics that the catalog does not know are left alone')
    expect(await valuesOf(again.backend, orders)).toEqual(['a', 'b'])
    expect(await disk.exists('/data/topics/00000000-0000-4000-8000-00000000abcd/0')).toBe(true)
  })
})

describe('a deleted topic', () => {
  it('leaves no file and no key behind', async () => {
    await using opened = await openEngineWorld()
    const made = await opened.backend.admin.createTopic(topic('orders'), { validateOnly: false })
    if (made instanceof Refusal) throw new Error(made.message)
    await append(opened.backend, orders, ['secret'])
    const { disk } = opened.world
    expect(disk.files.some(path => path.includes(made.id))).toBe(true)
    const keyring = () => disk.files.filter(path => path.startsWith('/data/keyring')).map(path => disk.contentOf(path).toString('latin1'))
    expect(keyring().some(text => text.includes(made.id))).toBe(true)
    await opened.backend.admin.deleteTopic('orders')
    expect(disk.files.filter(path => path.includes(made.id))).toEqual([])
    expect(keyring().every(text => !text.includes(made.id))).toBe(true)
  })

  it('takes its files and offsets away at the next start, where a crash was in between', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const world = await openEngineWorld({ seed, disksTakeTime: true })
      const prng = new Prng(seed)
      const { backend } = world
      const images: SimWorld['disk'][] = []
      await world.world.run(async () => {
        await backend.admin.createTopic(topic('orders'), { validateOnly: false })
        await append(backend, orders, ['a'])
        await backend.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset: 1, leaderEpoch: -1, metadata: '' }] })
        let operations = 0
        const cutAt = prng.below(40)
        world.world.disk.onOperation = () => { if (operations++ === cutAt) images.push(world.world.disk.crash(prng, prng.pick(['nothing', 'some', 'everything']))) }
        await backend.admin.deleteTopic('orders')
        world.world.disk.onOperation = undefined
      })
      await world.world.run(() => world.engine.close())
      for (const disk of images) {
        await using again = await openEngineWorld({ seed, disk })
        const isThere = (await again.backend.admin.topics(['orders'])).length > 0
        if (isThere) {
          expect(await valuesOf(again.backend, orders), `seed ${seed}`).toEqual(['a'])
          expect(await again.backend.groups.committed('g'), `seed ${seed}`).toMatchObject([{ offset: 1 }])
          continue
        }
        // Made again, it is empty, whatever was left.
        expect(await again.backend.admin.createTopic(topic('orders'), { validateOnly: false }), `seed ${seed}`).toMatchObject({ name: 'orders' })
        expect(await valuesOf(again.backend, orders), `seed ${seed}`).toEqual([])
        expect(await again.backend.groups.committed('g'), `seed ${seed}`).toEqual([])
        const ids = new Set((await again.backend.admin.topics()).map(one => one.id))
        const stored = new Set(disk.files.filter(path => path.startsWith('/data/topics/')).map(path => path.split('/')[3]!))
        expect([...stored].filter(id => !ids.has(id)), `seed ${seed}: files of no topic`).toEqual([])
      }
    }
  })

  it('that could not be cleared away at once is, before its name is used again', async () => {
    const opened = await openEngineWorld()
    const { backend, world } = opened
    const commit = (to: typeof backend, offset: number) =>
      to.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset, leaderEpoch: -1, metadata: '' }] })
    const made = await backend.admin.createTopic(topic('orders'), { validateOnly: false })
    if (made instanceof Refusal) throw new Error(made.message)
    await append(backend, orders, ['a'])
    await commit(backend, 1)
    world.disk.fail('sync', 'EIO', { path: '/keyring' })
    await backend.admin.deleteTopic('orders')
    expect(await backend.admin.createTopic(topic('orders'), { validateOnly: false })).toMatchObject({ name: 'orders' })
    expect(world.disk.files.filter(path => path.includes(made.id))).toEqual([])
    const keyrings = world.disk.files.filter(path => path.startsWith('/data/keyring')).map(path => world.disk.contentOf(path).toString('latin1'))
    expect(keyrings.some(text => text.includes(made.id))).toBe(false)
    expect(await backend.groups.committed('g')).toEqual([])
    await commit(backend, 5)
    await opened.engine.close()
    // Nothing is left to be cleared away that would take the new topic's offsets with it.
    await using again = await openEngineWorld({ disk: world.disk })
    await again.world.run(async () => { await again.backend.admin.deleteTopic('none') })
    expect(await again.backend.groups.committed('g')).toMatchObject([{ offset: 5 }])
  })

  it('refuses who still writes to it, and wakes who still reads', async () => {
    await using opened = await openEngineWorld({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(async () => {
      await backend.admin.createTopic(topic('orders'), { validateOnly: false })
      await append(backend, orders, ['a'])
      const reading = backend.logs.changed([{ ...orders, highWatermark: 1 }], new AbortController().signal)
      const writing = Array.from({ length: 20 }, (_, index) => append(backend, orders, [`v${index}`]))
      const [deleted, ...written] = await Promise.all([backend.admin.deleteTopic('orders'), ...writing])
      await reading
      expect(deleted).toBeNull()
      for (const one of written) expect(one instanceof Refusal ? one.code : 'appended').toMatch(/^(appended|unknown-topic|not-leader|storage-error)$/)
      expect(await append(backend, orders, ['late'])).toMatchObject({ code: 'unknown-topic' })
    })
  })
})

describe('a disk that fails', () => {
  it('ends all service of its directory: nothing is acknowledged any more', async () => {
    await using opened = await openEngineWorld()
    const { backend, world, engine } = opened
    await backend.admin.createTopic(topic('orders'), { validateOnly: false })
    await append(backend, orders, ['a'])
    await append(backend, { topic: 'orders', partition: 1 }, ['a'])
    world.disk.fail('sync', 'EIO', { path: '/0/' })
    expect(await append(backend, orders, ['b'])).toMatchObject({ code: 'storage-error' })
    expect((await engine.failure).message).toContain('EIO')
    expect(await append(backend, { topic: 'orders', partition: 1 }, ['b'])).toMatchObject({ code: 'storage-error' })
    expect(await backend.logs.read(orders, 0, { bytesMax: 1000, atLeastOne: true, committedOnly: false })).toMatchObject({ code: 'storage-error' })
    await engine.close()
    // What was acknowledged before is there at the next start.
    await using again = await openEngineWorld({ disk: world.disk.crash(new Prng(1), 'nothing') })
    expect((await valuesOf(again.backend, orders))[0]).toBe('a')
    expect(await valuesOf(again.backend, { topic: 'orders', partition: 1 })).toEqual(['a'])
  })

  it('under a topic that is being made lets nothing be acknowledged in it', async () => {
    await using opened = await openEngineWorld()
    const { backend, world } = opened
    world.disk.fail('sync', 'EIO', { path: '/metadata/' })
    const creating = backend.admin.createTopic(topic('orders'), { validateOnly: false })
    const appending = append(backend, orders, ['a'])
    expect(await creating).toMatchObject({ code: 'storage-error' })
    expect(await appending).toMatchObject({ code: 'unknown-topic' })
    expect(world.disk.files.filter(path => path.startsWith('/data/topics/'))).toEqual([])
  })

  it('while old records are deleted ends all service as well', async () => {
    await using opened = await openEngineWorld()
    const { backend, world, engine } = opened
    await backend.admin.createTopic(topic('orders'), { validateOnly: false })
    await append(backend, orders, ['a', 'b'])
    world.disk.fail('sync', 'EIO', { path: '/0/state' })
    expect(await backend.admin.deleteRecords(orders, 1)).toMatchObject({ code: 'storage-error' })
    expect((await engine.failure).message).toContain('EIO')
    expect(await append(backend, { topic: 'orders', partition: 1 }, ['b'])).toMatchObject({ code: 'storage-error' })
  })

  it('under the catalog refuses every change of it', async () => {
    await using opened = await openEngineWorld()
    const { backend, world } = opened
    world.disk.fail('sync', 'EIO', { path: '/metadata/' })
    expect(await backend.admin.createTopic(topic('orders'), { validateOnly: false })).toMatchObject({ code: 'storage-error' })
    expect(await backend.accessKeys.add({ id: 'k', secret: 's', principal: { type: 'User', name: 'a' }, createdAtMs: 0 })).toMatchObject({ code: 'storage-error' })
    await expect(backend.acls.add([{ principal: 'User:a', host: '*', operation: 'read', permission: 'allow', resourceType: 'topic', resourceName: 'x', patternType: 'literal' }])).rejects.toThrow('EIO')
    expect(await backend.logs.allocateProducerId()).toMatchObject({ code: 'storage-error' })
    expect((await opened.engine.failure).message).toContain('EIO')
  })
})

describe('a directory whose disk failed', () => {
  it('under the groups alone, serves nothing more either, and is not taken for left in order', async () => {
    const opened = await openEngineWorld()
    const { backend, world, engine } = opened
    await backend.admin.createTopic(topic('orders'), { validateOnly: false })
    await append(backend, orders, ['a'])
    const commit = (offset: number) => backend.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset, leaderEpoch: -1, metadata: '' }] })
    expect(await commit(1)).toEqual([null])
    world.disk.fail('sync', 'EIO', { path: '.segment' })
    expect(await commit(2)).toMatchObject({ code: 'storage-error' })
    expect(await backend.groups.committed('g')).toMatchObject({ code: 'storage-error' })
    expect(await append(backend, orders, ['b'])).toMatchObject({ code: 'storage-error' })
    await engine.close()
    expect(await world.disk.exists('/data/clean-shutdown')).toBe(false)
    await using again = await openEngineWorld({ disk: world.disk.crash(new Prng(1), 'nothing') })
    expect(await again.backend.groups.committed('g')).toMatchObject([{ offset: 1 }])
  })
})

describe('closing', () => {
  it('keeps everything that was accepted, and refuses what comes later', async () => {
    const { backend, engine, world } = await openEngineWorld({ disksTakeTime: true })
    await world.run(async () => {
      await backend.admin.createTopic(topic('orders'), { validateOnly: false })
      const written = [append(backend, orders, ['a']), append(backend, orders, ['b'])]
      await Promise.all(written)
      const last = append(backend, orders, ['c'])
      await engine.close()
      expect(await last).toMatchObject({ baseOffset: 2 })
    })
    expect(await append(backend, orders, ['d'])).toBeInstanceOf(Refusal)
    expect(await backend.admin.createTopic(topic('late'), { validateOnly: false })).toBeInstanceOf(Refusal)
    expect(await backend.groups.heartbeat({ groupId: 'g', memberId: 'm', instanceId: null, generationId: 1 })).toBeInstanceOf(Refusal)
    await using again = await openEngineWorld({ disk: world.disk.crash(new Prng(3), 'nothing') })
    expect(await valuesOf(again.backend, orders)).toEqual(['a', 'b', 'c'])
  })

  it('can be asked for twice', async () => {
    const { engine } = await openEngineWorld()
    await Promise.all([engine.close(), engine.close()])
  })
})

function contents(disk: SimWorld['disk']): Record<string, string> {
  return Object.fromEntries(disk.files.map(path => [path, disk.contentOf(path).toString('base64')]))
}
