// Dead letters: what is stored of a record that does not fit, where, and how often, whatever its producer does again.
import { describe, expect, test } from 'vitest'
import { Refusal, type Backend, type DeadLetter, type LetterOrigin, type LetterPosition, type Topic } from '../../src/ports.ts'
import { readLetter } from '../../src/registry/dead-letter-record.ts'
import { DeadLetters } from '../../src/registry/dead-letters.ts'
import type { RecordView } from '../../src/wire/batch.ts'
import { openEngineWorld } from '../support/engine-world.ts'
import { memoryBackend } from '../support/memory-backend.ts'
import { silent } from '../support/registry-app.ts'
import { splitPlan } from '../support/shards.ts'

const caller = { principal: { type: 'User', name: 'CN=alice' }, host: '10.0.0.1' }
const origin: LetterOrigin = { topic: 'orders', partition: 1, wayIn: 'kafka', caller, clientId: 'shop-1' }
const letter = (value: string, index = 0, more: Partial<DeadLetter> = {}): DeadLetter =>
  ({ key: Buffer.from('k'), value: Buffer.from(value), index, fault: { part: 'value', pointer: '/n', reason: 'must be number', schema: '7' }, timestampMs: 1234, ...more })

interface Place {
  readonly backend: Pick<Backend, 'logs' | 'admin'>
  readonly letters: DeadLetters
  readonly topic: Topic
}

async function place(backend: Pick<Backend, 'logs' | 'admin'>, configs: Record<string, string> = {}): Promise<Place> {
  const topic = await backend.admin.createTopic({ name: 'orders', partitions: 2, replicationFactor: -1, configs: new Map(Object.entries(configs)) }, { validateOnly: false })
  if (topic instanceof Refusal) throw new Error(topic.message)
  return { backend, topic, letters: new DeadLetters({ ...backend, clock: { now: () => 5_000 }, logger: silent }) }
}

async function stored({ logs }: Place['backend'], topic = 'orders.dlq', partition = 1): Promise<RecordView[]> {
  const slice = await logs.read({ topic, partition }, 0, { bytesMax: 2 ** 26, atLeastOne: true, committedOnly: true })
  if (slice instanceof Refusal) throw new Error(slice.message)
  return slice.batches.flatMap(batch => batch.records())
}

describe('a letter', () => {
  test('is the record byte by byte, with what is wrong and where it comes from behind its own headers', async () => {
    const { backend, letters, topic } = await place(memoryBackend())
    const headers = [{ key: 'trace', value: Buffer.from([0, 255]) }, { key: 'sluice.dlq.reason', value: Buffer.from('an old one') }, { key: 'none', value: null }]
    const producer = { id: 9, epoch: 2, baseSequence: 40 }
    expect(await letters.put(topic, { ...origin, producer }, [letter('bad', 3, { headers })])).toEqual([{ topic: 'orders.dlq', partition: 1, offset: 0 }])
    const [record] = await stored(backend)
    expect(record).toMatchObject({ key: Buffer.from('k'), value: Buffer.from('bad'), timestampMs: 5_000 })
    expect(record!.headers.slice(0, 3)).toEqual(headers)
    expect(record!.headers.slice(3).map(({ key, value }) => `${key}=${value!.toString()}`)).toEqual([
      'sluice.dlq.reason=must be number', 'sluice.dlq.part=value', 'sluice.dlq.pointer=/n', 'sluice.dlq.topic=orders', 'sluice.dlq.partition=1', 'sluice.dlq.index=3',
      'sluice.dlq.timestamp=1234', 'sluice.dlq.schema=7', 'sluice.dlq.principal=User:CN=alice', 'sluice.dlq.client.id=shop-1', 'sluice.dlq.way.in=kafka',
      'sluice.dlq.batch=9:2:40', 'sluice.dlq.time=5000',
    ])
    expect(readLetter(record!)).toEqual({
      note: {
        part: 'value', pointer: '/n', reason: 'must be number', topic: 'orders', partition: 1, index: 3, timestampMs: 1234, schema: '7', principal: 'User:CN=alice', clientId: 'shop-1',
        wayIn: 'kafka', batch: '9:2:40', timeMs: 5_000,
      },
      sent: { key: Buffer.from('k'), value: Buffer.from('bad'), headers },
    })
    expect(readLetter({ ...record!, headers })).toBeUndefined()
  })

  test('of a null key and a null value stays one', async () => {
    const { backend, letters, topic } = await place(memoryBackend())
    await letters.put(topic, { ...origin, clientId: null }, [letter('', 0, { key: null, value: null, timestampMs: undefined })])
    const [record] = await stored(backend)
    expect([record!.key, record!.value]).toEqual([null, null])
    expect(readLetter(record!)!.note).toMatchObject({ clientId: undefined, timestampMs: undefined })
  })
})

describe('the dead-letter topic', () => {
  test('takes letters in an open shard where the partition of that number is closed', async () => {
    const { backend, letters, topic } = await place(memoryBackend())
    const dlq = await backend.admin.createTopic({ name: 'orders.dlq', partitions: 2, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    await backend.admin.reshard('orders.dlq', splitPlan(dlq as Topic, 1))
    const [put] = await letters.put(topic, origin, [letter('bad')]) as LetterPosition[]
    expect([0, 2, 3]).toContain(put!.partition)
    expect(await stored(backend, 'orders.dlq', put!.partition)).toHaveLength(1)
  })

  test('is made when it is needed: partitions as the topic has, a month of retention, room for our headers, no validation', async () => {
    const { backend, letters, topic } = await place(memoryBackend(), { 'max.message.bytes': '2000', 'confluent.value.schema.validation': 'true' })
    expect(await backend.admin.topics(['orders.dlq'])).toEqual([])
    await letters.put(topic, origin, [letter('bad')])
    const [made] = await backend.admin.topics(['orders.dlq'])
    expect(made!.partitions).toHaveLength(2)
    expect(Object.fromEntries(made!.configs)).toEqual({ 'retention.ms': '2592000000', 'max.message.bytes': '67536', 'min.insync.replicas': '1' })
  })

  test('may have another name, and fewer partitions', async () => {
    const { backend, letters, topic } = await place(memoryBackend(), { 'sluice.validation.dead.letter.topic': 'rejects' })
    await backend.admin.createTopic({ name: 'rejects', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    expect(await letters.put(topic, origin, [letter('a'), letter('b', 1)])).toEqual([{ topic: 'rejects', partition: 0, offset: 0 }, { topic: 'rejects', partition: 0, offset: 1 }])
  })

  test.each([
    ['the topic itself', 'orders', 'dead-letter topic \'orders\': a topic cannot hold its own dead letters'],
    ['an internal one', '__mine', 'dead-letter topic \'__mine\': it is internal: only the server writes it'],
    ['an impossible name', 'a b', 'dead-letter topic \'a b\': topic name \'a b\' is illegal'],
  ])('cannot be %s', async (_what, name, message) => {
    const { backend, letters, topic } = await place(memoryBackend(), { 'sluice.validation.dead.letter.topic': name })
    await backend.admin.createTopic({ name: '__mine', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    expect(await letters.put(topic, origin, [letter('a')])).toMatchObject({ message })
  })

  test('takes letters that do not fit into one batch in several, in order; one that fits into none is refused', async () => {
    const { backend, letters, topic } = await place(memoryBackend(), { 'sluice.validation.dead.letter.topic': 'small' })
    await backend.admin.createTopic({ name: 'small', partitions: 2, replicationFactor: -1, configs: new Map([['max.message.bytes', '2000']]) }, { validateOnly: false })
    const put = await letters.put(topic, origin, Array.from({ length: 9 }, (_, index) => letter(`${index}`.repeat(500), index)))
    expect(put).toEqual(Array.from({ length: 9 }, (_, offset) => ({ topic: 'small', partition: 1, offset })))
    expect((await stored(backend, 'small')).map(record => record.value!.toString()[0]).join('')).toBe('012345678')
    expect(await letters.put(topic, origin, [letter('x'.repeat(3_000))])).toMatchObject({ code: 'message-too-large' })
  })
})

describe('sent again', () => {
  const producer = { id: 3, epoch: 0, baseSequence: 10 }

  test('a batch of an idempotent producer adds no letters, in whatever order batches come, also after a restart', async () => {
    const own = await openEngineWorld()
    const { letters, topic } = await place(own.backend)
    const [first, second] = [[letter('a', 0), letter('b', 2)], [letter('c', 1)]]
    const later = { ...origin, producer: { ...producer, baseSequence: 20 } }
    const positions = await letters.put(topic, { ...origin, producer }, first)
    await letters.put(topic, later, second)
    expect(await letters.put(topic, { ...origin, producer }, first)).toEqual(positions)
    expect(await letters.put(topic, later, second)).toEqual([{ topic: 'orders.dlq', partition: 1, offset: 2 }])
    // Whose letters come first is not whose batch comes first: another attempt may have been refused before.
    await letters.put(topic, { ...origin, producer: { ...producer, baseSequence: 0 } }, [letter('d')])
    expect((await stored(own.backend)).map(record => record.value!.toString())).toEqual(['a', 'b', 'c', 'd'])
    await own[Symbol.asyncDispose]()
    await using reopened = await openEngineWorld({ disk: own.world.disk })
    const again = new DeadLetters({ ...reopened.backend, clock: { now: () => 6_000 }, logger: silent })
    expect(await again.put(topic, { ...origin, producer }, first)).toEqual(positions)
    expect(await stored(reopened.backend)).toHaveLength(4)
  })

  test('producers, epochs, partitions and topics that share a dead-letter topic are kept apart', async () => {
    await using world = await openEngineWorld()
    const { letters, topic } = await place(world.backend, { 'sluice.validation.dead.letter.topic': 'all.dlq' })
    await world.backend.admin.createTopic({ name: 'all.dlq', partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    const other = { ...topic, id: '00000000-0000-4000-8000-000000000002', name: 'payments' }
    await letters.put(topic, { ...origin, producer }, [letter('a')])
    await letters.put(topic, { ...origin, producer: { ...producer, id: 4 } }, [letter('a')])
    await letters.put(topic, { ...origin, producer: { ...producer, epoch: 1 } }, [letter('a')])
    await letters.put(topic, { ...origin, partition: 0, producer }, [letter('a')])
    await letters.put(other, { ...origin, topic: 'payments', producer }, [letter('a')])
    expect(await stored(world.backend, 'all.dlq', 0)).toHaveLength(5)
  })

  test('a batch that is judged otherwise than the first time loses no letter', async () => {
    await using world = await openEngineWorld()
    const { letters, topic } = await place(world.backend)
    await letters.put(topic, { ...origin, producer }, [letter('a', 0)])
    expect(await letters.put(topic, { ...origin, producer }, [letter('b', 1)])).toEqual([{ topic: 'orders.dlq', partition: 1, offset: 1 }])
    expect(await letters.put(topic, { ...origin, producer }, [letter('a', 0), letter('b', 1)])).toMatchObject([{ offset: 2 }, { offset: 3 }])
    expect((await stored(world.backend)).map(record => record.value!.toString())).toEqual(['a', 'b', 'a', 'b'])
  })
})
