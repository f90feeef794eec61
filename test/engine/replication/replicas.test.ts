import { describe, expect, it } from 'vitest'
import { Prng } from '../../../src/base/prng.ts'
import { waitingMax } from '../../../src/engine/replication/waiting.ts'
import { type Appended, Refusal, type Seen } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import { append, openEngineWorld, valuesOf } from '../../support/engine-world.ts'

const orders = { topic: 'orders', partition: 0 }
const never = new AbortController().signal
const whole = { bytesMax: 1024 * 1024, atLeastOne: true, committedOnly: false } as const

async function withOrders(options: Parameters<typeof openEngineWorld>[0] = {}, configs: Record<string, string> = {}) {
  const opened = await openEngineWorld(options)
  const { backend, world } = opened
  const made = await world.run(() => backend.admin.createTopic({ name: 'orders', partitions: 3, replicationFactor: -1, configs: new Map(Object.entries(configs)) }, { validateOnly: false }))
  if (made instanceof Refusal) throw new Error(made.message)
  return { ...opened, [Symbol.asyncDispose]: opened[Symbol.asyncDispose] }
}

function one(value: string, timestampMs: number) {
  return buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs })
}

describe('an append', () => {
  it('is acknowledged with acks=all when it is durable, with acks=leader when it is written, with acks=none at once', async () => {
    await using opened = await withOrders({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(() => append(backend, orders, ['warm']))
    const order: string[] = []
    // A write is seen when it begins and when it has ended.
    let writes = 0
    world.disk.onOperation = operation => { if (operation === 'write') writes++ }
    await world.run(() => Promise.all((['all', 'leader', 'none'] as const).map(async acks => {
      const reply = await backend.logs.append(orders, one('a', world.clock.now()), { acks, timeoutMs: 1000 })
      order.push(`${acks} after ${Math.min(Math.floor(writes / 2), 1)} write(s)`)
      expect(reply).not.toBeInstanceOf(Refusal)
      // What acks=all acknowledged outlives a power cut at this very moment.
      if (acks !== 'all') return
      const after = await openEngineWorld({ disk: world.disk.crash(new Prng(1), 'nothing') })
      expect(await valuesOf(after.backend, orders)).toContain('a')
      await after.engine.close()
    })))
    expect(order[0]).toBe('none after 0 write(s)')
    expect(order.toSorted()).toEqual(['all after 1 write(s)', 'leader after 1 write(s)', 'none after 0 write(s)'])
  })

  it('with acks=leader waits for the disk, too, where flush.messages is 1', async () => {
    await using opened = await withOrders({ disksTakeTime: true }, { 'flush.messages': '1' })
    const { backend, world } = opened
    const reply = await world.run(() => backend.logs.append(orders, one('a', world.clock.now()), { acks: 'leader', timeoutMs: 1000 }))
    expect(reply).toMatchObject({ baseOffset: 0 })
    expect(await backend.logs.ends(orders)).toMatchObject({ highWatermark: 1 })
  })

  it('is invisible until it is durable', async () => {
    await using opened = await withOrders({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(async () => {
      await append(backend, orders, ['a'])
      const written = await backend.logs.append(orders, one('b', world.clock.now()), { acks: 'none', timeoutMs: 1000 })
      expect(written).toMatchObject({ baseOffset: 1 })
      expect(await backend.logs.read(orders, 1, whole)).toMatchObject({ highWatermark: 1, batches: [] })
      expect(await backend.logs.read(orders, 2, whole)).toMatchObject({ batches: [] })
      expect(await backend.logs.read(orders, 3, whole)).toMatchObject({ code: 'offset-out-of-range' })
      await backend.logs.changed([{ ...orders, highWatermark: 1 }], never)
      expect(await backend.logs.read(orders, 1, whole)).toMatchObject({ highWatermark: 2, batches: { length: 1 } })
    })
  })

  it('that the disk keeps waiting is refused after its timeout, and may be there all the same', async () => {
    await using opened = await withOrders({ disksTakeTime: true })
    const { backend, world } = opened
    await world.run(() => append(backend, orders, ['a']))
    const reply = await world.run(() => backend.logs.append(orders, one('b', world.clock.now()), { acks: 'all', timeoutMs: 0.001 }))
    expect(reply).toMatchObject({ code: 'request-timed-out' })
    await world.run(() => backend.logs.changed([{ ...orders, highWatermark: 1 }], never))
    expect(await world.run(() => valuesOf(backend, orders))).toEqual(['a', 'b'])
  })

  it('of many callers at once keeps the order in which they called', async () => {
    await using opened = await withOrders({ disksTakeTime: true })
    const { backend, world } = opened
    const replies = await world.run(() => Promise.all(Array.from({ length: 200 }, (_, index) => append(backend, orders, [String(index)]))))
    expect(replies.map(reply => (reply as Appended).baseOffset)).toEqual(Array.from({ length: 200 }, (_, index) => index))
    expect(await world.run(() => valuesOf(backend, orders))).toEqual(Array.from({ length: 200 }, (_, index) => String(index)))
  })

  it('needs no more in-sync replicas than the partition has', async () => {
    await using opened = await withOrders({}, { 'min.insync.replicas': '3' })
    expect(await append(opened.backend, orders, ['a'])).toMatchObject({ baseOffset: 0 })
  })
})

describe('a partition', () => {
  it('is opened once, however many ask for it first', async () => {
    await using opened = await withOrders({ disksTakeTime: true })
    const { backend, world } = opened
    let made = 0
    world.disk.onOperation = (operation, path) => { if (operation === 'make-directory' && path.endsWith('/2')) made++ }
    const at = { topic: 'orders', partition: 2 }
    await world.run(() => Promise.all([...Array.from({ length: 10 }, () => backend.logs.ends(at)), append(backend, at, ['a'])]))
    // Seen when it begins, when it ends, and when the log makes sure of a directory that is still empty.
    expect(made).toBe(3)
  })

  it('gives its files back to nobody else: none is made before somebody asks', async () => {
    await using opened = await withOrders()
    expect(opened.world.disk.files.filter(path => path.startsWith('/data/topics/'))).toEqual([])
    await opened.backend.logs.ends(orders)
    const { id } = opened.engine.image.topic('orders')!
    expect(opened.engine.broker(1)!.replicas.hasFiles(id, 0)).toBe(true)
    expect(opened.engine.broker(1)!.replicas.hasFiles(id, 1)).toBe(false)
  })
})

describe('waiting readers', () => {
  it('are woken once each, and leave nothing behind', async () => {
    await using opened = await withOrders()
    const { backend, engine } = opened
    const seen: Seen[] = [0, 1, 2].map(partition => ({ topic: 'orders', partition, highWatermark: 0 }))
    for (let round = 0; round < 1000; round++) {
      const abort = new AbortController()
      const waiting = backend.logs.changed(seen, abort.signal)
      await Promise.resolve()
      abort.abort()
      await waiting
    }
    const waiting = Array.from({ length: 50 }, () => backend.logs.changed(seen, never))
    await append(backend, { topic: 'orders', partition: 1 }, ['a'])
    await Promise.all(waiting)
    for (const { partition } of seen) {
      const open = await engine.find({ topic: 'orders', partition })
      expect(open instanceof Refusal ? open : open.waitingCount).toBe(0)
    }
  })

  it('are bounded: the one that waits longest looks again when there are too many', async () => {
    await using opened = await withOrders()
    const open = await opened.engine.find(orders)
    if (open instanceof Refusal) throw new Error(open.message)
    let woken = 0
    for (let reader = 0; reader < waitingMax + 5; reader++) open.wait(() => { woken++ })
    expect(woken).toBe(5)
    expect(open.waitingCount).toBe(waitingMax)
  })

  it('of a partition that is not open yet are served as well', async () => {
    const first = await withOrders()
    await append(first.backend, orders, ['a'])
    await first.engine.close()
    await using again = await openEngineWorld({ disk: first.world.disk })
    await again.backend.logs.changed([{ ...orders, highWatermark: 0 }], never)
    const waiting = again.backend.logs.changed([{ ...orders, highWatermark: 1 }], never)
    await append(again.backend, orders, ['b'])
    await waiting
  })

  it('are let go when the engine closes', async () => {
    const opened = await withOrders()
    const waiting = opened.backend.logs.changed([{ ...orders, highWatermark: 0 }], never)
    await opened.engine.close()
    await waiting
  })
})

describe('retention', () => {
  it('removes old records of partitions that nobody has asked for since the start', async () => {
    const configs = { 'retention.ms': '60000', 'segment.bytes': '1048576' }
    const first = await withOrders({}, configs)
    for (let count = 0; count < 3; count++) await append(first.backend, orders, ['x'.repeat(900_000)], first.world.clock.now())
    await first.engine.close()
    await using again = await openEngineWorld({ disk: first.world.disk })
    const { backend, world } = again
    await world.clock.advance(299_000)
    expect(await backend.logs.ends(orders)).toMatchObject({ logStartOffset: 0, highWatermark: 3 })
    await world.clock.advance(2000)
    expect(await backend.logs.ends(orders)).toMatchObject({ logStartOffset: 3, highWatermark: 3 })
    expect(await append(backend, orders, ['new'], world.clock.now())).toMatchObject({ baseOffset: 3, logStartOffset: 3 })
  })

  it('obeys a config as soon as it is altered', async () => {
    await using opened = await withOrders({ settings: { 'log.retention.check.interval.ms': 1000 } })
    const { backend, world } = opened
    await append(backend, orders, ['a'], world.clock.now())
    await world.clock.advance(100_000)
    expect(await valuesOf(backend, orders)).toEqual(['a'])
    await backend.admin.alterConfigs({ type: 'topic', name: 'orders' }, [{ name: 'retention.ms', operation: 'set', value: '50000' }], { validateOnly: false })
    await world.clock.advance(2000)
    expect(await valuesOf(backend, orders)).toEqual([])
  })

  it('takes nothing from the topics of coordinators', async () => {
    await using opened = await withOrders({ settings: { 'log.retention.ms': 1000 } })
    const { backend, world } = opened
    await backend.groups.commit({ groupId: 'g', memberId: '', instanceId: null, generationId: -1, offsets: [{ ...orders, offset: 7, leaderEpoch: -1, metadata: '' }] })
    await world.clock.advance(3_600_000)
    await opened.engine.close()
    await using again = await openEngineWorld({ disk: world.disk })
    expect(await again.backend.groups.committed('g')).toMatchObject([{ offset: 7 }])
  })
})
