// What callers who know of no leaders see while leaders change: nothing but a later answer.
import { describe, expect, it } from 'vitest'
import { Refusal } from '../../src/ports.ts'
import { append, openEngineWorld, valuesOf } from '../support/engine-world.ts'

const orders = { topic: 'orders', partition: 0 }

async function withOrders() {
  const opened = await openEngineWorld({ brokers: 3, disksTakeTime: true })
  const { backend, world, engine } = opened
  const made = await world.run(() => backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: 3, configs: new Map() }, { validateOnly: false }))
  if (made instanceof Refusal) throw new Error(made.message)
  const partition = () => engine.image.topic('orders')!.partitions[0]!
  /** Simulated time goes by until the condition holds. */
  const until = async (holds: () => boolean): Promise<void> => {
    for (let turn = 0; !holds(); turn++) {
      if (turn > 1000) throw new Error(`it never came to be: ${JSON.stringify(partition())}`)
      await world.run(() => new Promise<void>(resolve => void world.clock.after(20, resolve)))
    }
  }
  return { ...opened, partition, until, [Symbol.asyncDispose]: opened[Symbol.asyncDispose] }
}

describe('a write whose leader fails before it is answered', () => {
  it('is acknowledged by the next leader and stored once', async () => {
    await using opened = await withOrders()
    const { backend, world, engine, partition } = opened
    const values: string[] = []
    for (let turn = 0; turn < 12; turn++) {
      const { leader } = partition()
      const startedMs = world.clock.monotonic()
      // At different moments of the write: before its records are on a disk, on some, on all.
      let operations = 0
      const moment = Promise.withResolvers<void>()
      world.disk.onOperation = () => { if (operations++ === turn) moment.resolve() }
      const [answer] = await world.run(() => Promise.all([append(backend, orders, [`value-${turn}`]).finally(moment.resolve), moment.promise.then(() => engine.fail(leader))]))
      world.disk.onOperation = undefined
      expect(answer).toMatchObject({ baseOffset: turn })
      expect(world.clock.monotonic() - startedMs).toBeLessThan(10_000)
      values.push(`value-${turn}`)
      await world.run(() => engine.start(leader))
      await opened.until(() => partition().inSyncReplicas.length === 3)
    }
    expect(await world.run(() => valuesOf(backend, orders))).toEqual(values)
  })
})
