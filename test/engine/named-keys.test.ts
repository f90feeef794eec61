// Named keys on a whole cluster: what other brokers, files, restarts and clients of Kafka make of records that are encrypted under one.
import { describe, expect, it } from 'vitest'
import { brokerBackend } from '../../src/backends/local.ts'
import { type Backend, keyIdConfig, type NamedKeyDocument, Refusal } from '../../src/ports.ts'
import { append, openEngineWorld, valuesOf } from '../support/engine-world.ts'

const id = '0fc7a1c2-52a6-4b0a-8f5b-6f1f4cbbd0aa'
const orders = { topic: 'orders', partition: 0 }

async function putKey({ documents }: Backend, state: NamedKeyDocument['state']): Promise<void> {
  const value = JSON.stringify({ state, material: Buffer.alloc(32, 5).toString('base64') } satisfies NamedKeyDocument)
  const put = await documents.put({ kind: 'kms-key', key: id, value, topicId: null }, documents.find('kms-key', id)?.version ?? 0)
  if (put instanceof Refusal) throw new Error(put.message)
}

async function makeOrders(backend: Backend): Promise<void> {
  await putKey(backend, 'Enabled')
  const topic = await backend.admin.createTopic({ name: 'orders', partitions: 1, replicationFactor: -1, configs: new Map([[keyIdConfig, id]]) }, { validateOnly: false })
  if (topic instanceof Refusal) throw new Error(topic.message)
}

const read = (backend: Backend) => backend.logs.read(orders, 0, { bytesMax: 1_000_000, atLeastOne: true, committedOnly: false })

describe('records under a named key', () => {
  it('are replicated, and survive their leader, without anybody needing the key', async () => {
    await using world = await openEngineWorld({ brokers: 3, settings: { 'default.replication.factor': 3, 'min.insync.replicas': 2 } })
    const { backend, engine } = world
    await makeOrders(backend)
    await append(backend, orders, ['a'])
    await putKey(backend, 'Disabled')
    const { leader } = engine.image.topic('orders')!.partitions[0]!
    await world.world.run(() => engine.fail(leader))
    await world.world.run(() => engine.start(leader))
    expect(await world.world.run(() => append(backend, orders, ['b']))).toMatchObject({ code: 'key-disabled' })
    await putKey(backend, 'Enabled')
    expect(await world.world.run(() => append(backend, orders, ['c']))).toMatchObject({ baseOffset: 1 })
    expect(await valuesOf(backend, orders)).toEqual(['a', 'c'])
    // A client of Kafka asks the broker that leads.
    const now = engine.image.topic('orders')!.partitions[0]!.leader
    const slice = await read(brokerBackend(engine, engine.broker(now)!))
    expect(slice instanceof Refusal ? slice : slice.batches.map(batch => [batch.isEnveloped, batch.keyId])).toEqual([[false, id], [false, id]])
  })

  it('are there after a restart, which does not need the key either', async () => {
    const opened = await openEngineWorld()
    await makeOrders(opened.backend)
    await append(opened.backend, orders, ['a', 'b'])
    await putKey(opened.backend, 'Disabled')
    await opened.engine.close()
    await using again = await openEngineWorld({ disk: opened.world.disk })
    expect(await read(again.backend)).toMatchObject({ code: 'key-disabled' })
    await putKey(again.backend, 'Enabled')
    expect(await valuesOf(again.backend, orders)).toEqual(['a', 'b'])
    await append(again.backend, orders, ['c'])
    expect(await valuesOf(again.backend, orders)).toEqual(['a', 'b', 'c'])
  })

  it('go with their topic as all records do: nothing of them and of the key lies open on the disk', async () => {
    await using world = await openEngineWorld()
    const { backend } = world
    await makeOrders(backend)
    await append(backend, orders, ['the plans of the vault'])
    const files = (): string => world.world.disk.files.map(path => world.world.disk.contentOf(path).toString('latin1')).join('')
    expect(files()).not.toContain('the plans of the vault')
    expect(files()).not.toContain(Buffer.alloc(32, 5).toString('base64'))
    expect(await backend.admin.deleteTopic('orders')).toBeNull()
  })
})
