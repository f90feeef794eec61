// kill -9 of the real process under load, over and over. What was acknowledged is there afterwards, once, at the offset or sequence number it was acknowledged
// at; what was not is there at most once; nothing else is there; committed offsets stay. (The page cache survives a kill: power cuts are test/sim's.)
import { CreateStreamCommand, GetRecordsCommand, GetShardIteratorCommand, KinesisClient, ListShardsCommand, PutRecordsCommand } from '@aws-sdk/client-kinesis'
import { Admin } from '@platformatic/kafka'
import kafkajs, { type Kafka, type Message } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { until } from '../support/kafka-clients.ts'
import { seed } from '../support/seed.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const cycles = 20
const partitions = 3
const recordsPerSend = 100
const topic = 'killed'
const stream = 'killed-stream'

/** What one producer sent, and where the server said that it is. */
class Ledger {
  readonly name: string
  readonly #acknowledged = new Map<string, string>()
  readonly #sent = new Set<string>()
  #next = 0

  constructor(name: string) {
    this.name = name
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  /** Values never used before; the padding makes a send a few KB. */
  draw(count: number): string[] {
    return Array.from({ length: count }, () => {
      const value = `${this.name} ${this.#next++} ${'.'.repeat(150)}`
      this.#sent.add(value)
      return value
    })
  }

  acknowledge(value: string, position: string): void {
    this.#acknowledged.set(value, position)
  }

  /** What is wrong with `found`, all records of this producer as value and position. */
  faults(found: readonly (readonly [value: string, position: string])[]): string[] {
    const faults: string[] = []
    const at = new Map<string, string>()
    for (const [value, position] of found) {
      if (!this.#sent.has(value)) faults.push(`never sent: ${value} at ${position}`)
      if (at.has(value)) faults.push(`twice: ${value} at ${at.get(value)} and ${position}`)
      at.set(value, position)
    }
    for (const [value, position] of this.#acknowledged) {
      if (at.get(value) !== position) faults.push(`acknowledged at ${position}, found at ${at.get(value) ?? 'no place'}: ${value}`)
    }
    return faults
  }
}

let sluice: RunningSluice
let isOver = false
afterAll(async () => {
  isOver = true
  await sluice?.[Symbol.asyncDispose]()
})

test(`a server that is killed ${cycles} times loses nothing it acknowledged (seed ${seed})`, { timeout: 600_000 }, async () => {
  const random = new Prng(seed)
  sluice = await startSluice({ settings: { 'kinesis.limits': 'off' } })
  const { directory, ports } = sluice
  const settings = { 'kinesis.limits': 'off', 'kafka.plaintext.port': ports.kafkaPlaintext!, 'kinesis.port': ports.kinesis }
  const address = `127.0.0.1:${ports.kafkaPlaintext}`
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 2_000, retry: { retries: 0 } })
  const patient = new kafkajs.Kafka({
    brokers: [address], logLevel: kafkajs.logLevel.NOTHING, connectionTimeout: 2_000, retry: { retries: 10_000, initialRetryTime: 20, maxRetryTime: 100 },
  })
  const kinesis = new KinesisClient({
    endpoint: `http://127.0.0.1:${ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1,
  })
  const positions = new Admin({ clientId: 'positions', bootstrapBrokers: [address], retries: 0 })
  await positions.createTopics({ topics: [topic], partitions, replicas: 1 })
  await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }))

  const once = new Ledger('once')
  const idempotent = new Ledger('idempotent')
  const aws = new Ledger('aws')
  const ledgers = [once, idempotent, aws]
  const load = Promise.all([produceOnce(kafka, once), produceIdempotently(patient, idempotent), putRecords(kinesis, aws), putRecords(kinesis, aws)])

  for (let cycle = 0; cycle < cycles; cycle++) {
    const before = ledgers.map(ledger => ledger.acknowledgedCount)
    const goesOn = until(`acknowledgements for every producer in cycle ${cycle}`, () => (
      ledgers.every((ledger, at) => ledger.acknowledgedCount >= before[at]! + 2 * recordsPerSend)
    ))
    // A producer that gives up has been told something wrong.
    await Promise.race([goesOn, load])
    await positions.alterConsumerGroupOffsets({ groupId: 'kept', topics: [{ name: topic, partitionOffsets: [{ partition: 0, offset: BigInt(cycle + 1) }] }] })
    await pause(random.below(150))
    await sluice.kill()
    sluice = await startSluice({ directory, settings })
    const [group] = await until('the committed offset', () => positions.listConsumerGroupOffsets({ groups: ['kept'] }).catch(() => undefined))
    expect(group?.topics[0]?.partitions[0]?.committedOffset, `after kill ${cycle}`).toBe(BigInt(cycle + 1))
  }
  isOver = true
  await load
  await positions.close()

  const records = await readTopic(kafka)
  const shards = await readStream(kinesis)
  kinesis.destroy()
  const of = (ledger: Ledger): (readonly [string, string])[] => records.filter(([value]) => value.startsWith(`${ledger.name} `))
  expect(records.filter(([value]) => !/^(once|idempotent) /.test(value)), 'records of nobody').toEqual([])
  expect(once.faults(of(once)).slice(0, 5)).toEqual([])
  expect(idempotent.faults(of(idempotent)).slice(0, 5)).toEqual([])
  expect(aws.faults(shards).slice(0, 5)).toEqual([])
})

/** Never sends anything twice, so that nothing may be there twice. */
async function produceOnce(kafka: Kafka, ledger: Ledger): Promise<void> {
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  for (let partition = 0; !isOver; partition = (partition + 1) % partitions) await send(producer, partition, ledger).catch(() => pause(20))
  await producer.disconnect().catch(() => {})
}

/** Sends again until it is answered: the server tells what it has already, also when it was killed in between. */
async function produceIdempotently(kafka: Kafka, ledger: Ledger): Promise<void> {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  for (let partition = 0; !isOver; partition = (partition + 1) % partitions) await send(producer, partition, ledger)
  await producer.disconnect()
}

async function send(producer: ReturnType<Kafka['producer']>, partition: number, ledger: Ledger): Promise<void> {
  await producer.connect()
  const values = ledger.draw(recordsPerSend)
  const messages: Message[] = values.map(value => ({ value, partition }))
  const [answer] = await producer.send({ topic, messages, acks: -1 })
  for (const [at, value] of values.entries()) ledger.acknowledge(value, `${partition}/${Number(answer!.baseOffset) + at}`)
}

async function putRecords(kinesis: KinesisClient, ledger: Ledger): Promise<void> {
  while (!isOver) {
    const values = ledger.draw(recordsPerSend)
    const Records = values.map(value => ({ PartitionKey: value, Data: Buffer.from(value) }))
    try {
      const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }))
      for (const [at, record] of answer.Records!.entries()) {
        if (record.SequenceNumber !== undefined) ledger.acknowledge(values[at]!, `${record.ShardId}/${record.SequenceNumber}`)
      }
    } catch {
      await pause(20)
    }
  }
}

/** All records of the topic as value and `partition/offset`. */
async function readTopic(kafka: Kafka): Promise<(readonly [string, string])[]> {
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  await admin.disconnect()
  const wanted = ends.reduce((sum, { high }) => sum + Number(high), 0)
  const records: (readonly [string, string])[] = []
  const consumer = kafka.consumer({ groupId: 'reader', maxWaitTimeInMs: 50 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    async eachBatch({ batch }) {
      for (const { value, offset } of batch.messages) records.push([String(value), `${batch.partition}/${offset}`])
    },
  })
  await until(`${wanted} records`, () => records.length >= wanted)
  await consumer.disconnect()
  return records
}

/** All records of the stream as value and `shard/sequence number`. */
async function readStream(kinesis: KinesisClient): Promise<(readonly [string, string])[]> {
  const { Shards } = await kinesis.send(new ListShardsCommand({ StreamName: stream }))
  const records: (readonly [string, string])[] = []
  for (const { ShardId } of Shards!) {
    let iterator = (await kinesis.send(new GetShardIteratorCommand({ StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' }))).ShardIterator
    for (;;) {
      const page = await kinesis.send(new GetRecordsCommand({ ShardIterator: iterator }))
      for (const { Data, SequenceNumber } of page.Records!) records.push([Buffer.from(Data!).toString(), `${ShardId}/${SequenceNumber}`])
      if (page.Records!.length === 0 && page.MillisBehindLatest === 0) break
      iterator = page.NextShardIterator
    }
  }
  return records
}
