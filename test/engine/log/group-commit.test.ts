import { expect, test } from 'vitest'
import { Log } from '../../../src/engine/log/log.ts'
import { TailCache } from '../../../src/engine/log/tail-cache.ts'
import { Keyring } from '../../../src/engine/sealed/keyring.ts'
import { Refusal } from '../../../src/ports.ts'
import type { DiskOperation } from '../../sim/disk.ts'
import { SimWorld, silent } from '../../sim/world.ts'
import { batchOf, defaults, directory, identity } from './open-log.ts'

/** A log on a disk that takes time, and what the disk was asked from then on. */
async function slowLog(eagerBytes?: number): Promise<{ log: Log; world: SimWorld; asked: DiskOperation[] }> {
  const world = new SimWorld(1)
  const log = await world.run(async () => {
    await world.disk.makeDirectory('/data')
    const keys = await Keyring.open({ world, directory: '/data', source: { type: 'file', key: Buffer.alloc(32, 1) } })
    const options = { world, directory, identity, keys, config: () => defaults, cache: new TailCache(1_000_000), logger: silent }
    const opened = await Log.open({ ...options, ...(eagerBytes !== undefined && { eagerBytes }) })
    await durable(opened, 'first')
    return opened
  })
  const asked: DiskOperation[] = []
  let isBegin = true
  world.disk.onOperation = operation => {
    if (isBegin) asked.push(operation)
    isBegin = !isBegin
  }
  return { log, world, asked }
}

function send(log: Log, value: string) {
  const appended = log.append(batchOf([value]), 0)
  if (appended instanceof Refusal) throw new Error(appended.message)
  return appended
}

const durable = (log: Log, value: string) => send(log, value).durable

test('what is appended in one turn is written together', async () => {
  const { log, world, asked } = await slowLog()
  await world.run(() => Promise.all(Array.from({ length: 50 }, (_, index) => durable(log, `value ${index}`))))
  expect(asked).toEqual(['write'])
})

test('what is appended while the disk is busy shares the next round', async () => {
  const { log, world, asked } = await slowLog()
  const first = durable(log, 'first')
  // The write is under way once the disk has been asked.
  await world.run(async () => { while (asked.length === 0) await Promise.resolve() })
  const others = Array.from({ length: 20 }, (_, index) => durable(log, `value ${index}`))
  await world.run(() => Promise.all([first, ...others]))
  expect(asked).toEqual(['write', 'write'])
  expect(log.durableEndOffset).toBe(22)
})

test('large rounds are written while the sync before them runs, and are durable in order', async () => {
  const { log, world } = await slowLog(0)
  const events: string[] = []
  world.disk.onOperation = operation => events.push(operation)
  const heard: number[] = []
  log.onDurable(end => heard.push(end))
  await world.run(async () => {
    const waits: Promise<void>[] = []
    for (let index = 0; index < 12; index++) {
      const { written, durable: synced } = send(log, 'x'.repeat(1000))
      waits.push(synced)
      await written
    }
    await Promise.all(waits)
  })
  expect(heard).toEqual(heard.toSorted((a, b) => a - b))
  expect(heard.at(-1)).toBe(13)
  // Fewer syncs than writes: some writes were done before the sync that they share.
  expect(heard.length).toBeLessThan(12)
})

test('a batch is written before it is durable, and never durable before its sync has ended', async () => {
  const { log, world } = await slowLog(0)
  const order: string[] = []
  world.disk.onOperation = operation => void (operation === 'sync' && order.push('sync'))
  await world.run(async () => {
    const { written, durable: synced } = send(log, 'x')
    await Promise.all([written.then(() => order.push('written')), synced.then(() => order.push('durable'))])
  })
  expect(order.at(-1)).toBe('durable')
  expect(order.filter(event => event === 'sync')).toHaveLength(2)
  expect(order.indexOf('written')).toBeLessThan(order.lastIndexOf('sync'))
})

test('closing waits for what was appended', async () => {
  const { log, world } = await slowLog()
  const all = Promise.all(Array.from({ length: 5 }, (_, index) => durable(log, `value ${index}`)))
  await world.run(() => log.close())
  await all
  expect(log.durableEndOffset).toBe(6)
})
