// Dead letters with real clients in front of a whole server: producers that are none the wiser, consumers that step over what is gone, and redriving across a kill -9.
import kafkajs, { type Kafka } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { framePrefix } from '../../src/registry/framing.ts'
import { confluentKafka, kcat, python, runKcat, until } from '../support/kafka-clients.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'
import { spawnSync } from 'node:child_process'

const { logLevel, Partitioners } = kafkajs
const schema = { schemaType: 'JSON', schema: JSON.stringify({ type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }) }
const configs = { 'confluent.value.schema.validation': 'true', 'sluice.validation.mode': 'payload', 'sluice.validation.on.invalid': 'dead-letter' }
const settings = { 'brokers': 1, 'group.initial.rebalance.delay.ms': 0 }

let sluice: RunningSluice
let kafka: Kafka

async function ask(method: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${sluice.ports.gateway}${path}`, {
    method, headers: { 'content-type': 'application/json', 'accept': 'application/json' }, ...body && { body: JSON.stringify(body) },
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return JSON.parse(text)
}

async function topicWith(name: string): Promise<(payload: string) => Buffer> {
  await ask('POST', '/admin/topics', { name, partitions: 1, configs })
  const { id } = await ask('POST', `/subjects/${name}-value/versions`, schema) as { id: number }
  return payload => Buffer.concat([framePrefix(id), Buffer.from(payload)])
}

function connect(): void {
  kafka = new kafkajs.Kafka({ clientId: 'shop', brokers: [`127.0.0.1:${sluice.ports.kafkaPlaintext}`], logLevel: logLevel.NOTHING })
}

async function readAll(topic: string, done: (read: readonly string[]) => boolean): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `${topic}-readers`, sessionTimeout: 10_000, heartbeatInterval: 100, maxWaitTimeInMs: 50 })
  const read: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => { read.push(`${message.offset} ${message.value!.subarray(5).toString()}`) } })
  await until(`records of ${topic}`, () => done(read))
  await consumer.disconnect()
  return read
}

beforeAll(async () => {
  sluice = await startSluice({ settings })
  connect()
})
afterAll(() => sluice?.[Symbol.asyncDispose]())

describe('kafkajs', () => {
  test('produces on, idempotently, and reads on over batches that are gone in part or whole', async () => {
    const framed = await topicWith('orders')
    const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner, maxInFlightRequests: 1 })
    await producer.connect()
    const offsets: (string | undefined)[] = []
    for (const values of [['{"n":0}', '{"n":"1"}', '{"n":2}'], ['{}', '{}'], ['{"n":5}'], ['{}'], ['{"n":7}', '{}']]) {
      const [answer] = await producer.send({ topic: 'orders', messages: values.map(value => ({ value: framed(value) })) })
      offsets.push(answer!.baseOffset)
    }
    await producer.disconnect()
    expect(offsets).toEqual(['0', '3', '5', '6', '7'])
    expect(await readAll('orders', read => read.length >= 4)).toEqual(['0 {"n":0}', '2 {"n":2}', '5 {"n":5}', '7 {"n":7}'])
    expect(await ask('GET', '/admin/dlq')).toMatchObject({ topics: [{ topic: 'orders.dlq', letters: 5, waiting: 5, origins: ['orders'] }] })
    expect((await ask('GET', '/admin/dlq/orders.dlq/0/0') as { clientId: string }).clientId).toBe('shop')
  })

  test('is past a last batch of which nothing is left, and not asking for it again and again', async () => {
    const framed = await topicWith('last')
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const send = (value: string): Promise<unknown> => producer.send({ topic: 'last', messages: [{ value: framed(value) }] })
    await send('{"n":0}')
    await send('{}')
    const consumer = kafka.consumer({ groupId: 'past', sessionTimeout: 10_000, heartbeatInterval: 100, maxWaitTimeInMs: 100 })
    const read: string[] = []
    let fetches = 0
    consumer.on('consumer.fetch', () => { fetches++ })
    await consumer.connect()
    await consumer.subscribe({ topic: 'last', fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => { read.push(message.offset) } })
    await until('the first record', () => read.length === 1)
    const [before, startedAt] = [fetches, performance.now()]
    await until('ten fetches', () => fetches >= before + 10)
    // Those behind the control batch wait for something new; one that asked for it again would be answered at once.
    expect(performance.now() - startedAt).toBeGreaterThan(300)
    await send('{"n":2}')
    await until('the next record', () => read.length === 2)
    expect(read).toEqual(['0', '2'])
    await consumer.disconnect()
    await producer.disconnect()
  })
})

describe.skipIf(kcat.missing)(`kcat${kcat.note}`, () => {
  test('reads on over what is gone, and over the marks of redriving', async () => {
    const framed = await topicWith('coded')
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    for (const values of [['{}', '{"n":1}'], ['{}'], ['{"n":3}'], ['{}']]) await producer.send({ topic: 'coded', messages: values.map(value => ({ value: framed(value) })) })
    await producer.disconnect()
    const read = (topic: string): Promise<string> => runKcat(`127.0.0.1:${sluice.ports.kafkaPlaintext}`, ['-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-f', '%o '])
    expect(await read('coded')).toBe('1 3 ')
    await ask('PATCH', '/admin/topics/coded', { configs: { 'sluice.validation.mode': 'id' } })
    expect(await ask('POST', '/admin/dlq/coded.dlq/redrive', {})).toMatchObject({ redriven: 3, failed: 0 })
    expect(await read('coded.dlq')).toBe('0 1 2 ')
    expect(await read('coded')).toBe('1 3 5 6 7 ')
  })
})

describe.skipIf(confluentKafka.missing)(`confluent-kafka${confluentKafka.note}`, () => {
  test('an idempotent producer is acknowledged record by record, with the offsets it counts', async () => {
    const framed = await topicWith('counted')
    const values = ['{"n":0}', '{}', '{"n":2}', '{}', '{}', '{"n":5}'].map(value => framed(value).toString('base64'))
    const script = `
import base64, json, sys
from confluent_kafka import Producer
task = json.loads(sys.argv[1])
seen = []
producer = Producer({"bootstrap.servers": task["bootstrap"], "enable.idempotence": True, "linger.ms": 200})
for value in task["values"]:
    producer.produce("counted", base64.b64decode(value), partition=0, on_delivery=lambda error, message: seen.append([error and error.name(), message.offset()]))
producer.flush(30)
print(json.dumps(seen))`
    const run = spawnSync(python, ['-c', script, JSON.stringify({ bootstrap: `127.0.0.1:${sluice.ports.kafkaPlaintext}`, values })], { encoding: 'utf8', timeout: 60_000 })
    expect(JSON.parse(run.stdout)).toEqual([0, 1, 2, 3, 4, 5].map(offset => [null, offset]))
    expect(await readAll('counted', read => read.length >= 3)).toEqual(['0 {"n":0}', '2 {"n":2}', '5 {"n":5}'])
  })
})

test('a kill -9 while letters are redriven loses none and doubles none', async () => {
  const framed = await topicWith('killed')
  const count = 6_000
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let from = 0; from < count; from += 500) {
    await producer.send({ topic: 'killed', messages: Array.from({ length: 500 }, (_, at) => ({ value: framed(JSON.stringify({ n: `${from + at}` })) })) })
  }
  await producer.disconnect()
  await ask('PATCH', '/admin/topics/killed', { configs: { 'sluice.validation.mode': 'id' } })
  // Killed as soon as some letters are done: in the middle of the rest.
  const cut = ask('POST', '/admin/dlq/killed.dlq/redrive', {}).catch((error: unknown) => error)
  await until('the first letters', async () => ((await ask('GET', '/topics/killed/partitions/0/offsets') as { end_offset: number }).end_offset) > count)
  await sluice.kill()
  await cut
  sluice = await startSluice({ directory: sluice.directory, settings })
  connect()
  const { redriven } = await ask('POST', '/admin/dlq/killed.dlq/redrive', {}) as { redriven: number }
  expect(redriven).toBeLessThan(count)
  expect(await ask('POST', '/admin/dlq/killed.dlq/redrive', {})).toEqual({ redriven: 0, failed: 0, failures: [] })
  const read = (await readAll('killed', seen => seen.length >= count)).map(line => Number((JSON.parse(line.split(' ')[1]!) as { n: string }).n))
  expect(read.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, at) => at))
})
