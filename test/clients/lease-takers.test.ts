// KCL-style consumers and Kafka groups on the same records while shards are split, merged and scaled under load: nothing is missed, and nothing is read twice beyond what a killed
// worker had not checkpointed yet; a group hands over to a KCL application, which hands back, with no gap and no record twice.
import { CreateStreamCommand, DescribeStreamSummaryCommand, KinesisClient, ListShardsCommand, MergeShardsCommand, PutRecordsCommand, SplitShardCommand, UpdateShardCountCommand, type _Record as KinesisRecord } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { Kafka, logLevel } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LeaseTable, Worker } from '../support/lease-taker.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

const keys = 24
let sluice: RunningSluice
let kinesis: KinesisClient

beforeAll(async () => {
  sluice = await startSluice({ settings: { 'kinesis.limits': 'off' } })
  kinesis = new KinesisClient({
    endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, requestHandler: new NodeHttpHandler(),
  })
})
afterAll(async () => {
  kinesis?.destroy()
  await sluice?.[Symbol.asyncDispose]()
})

/** Puts counted records, key by key in order, until it is stopped. */
class Load {
  readonly put = new Set<string>()
  readonly #run: Promise<void>
  #isOver = false

  constructor(stream: string) {
    this.#run = (async () => {
      for (let round = 0; !this.#isOver; round++) {
        const records = Array.from({ length: keys }, (_, key) => `${key}:${round}`)
        await putAll(stream, records)
        for (const one of records) this.put.add(one)
      }
    })()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#run
  }
}

async function putAll(stream: string, values: readonly string[]): Promise<void> {
  const { FailedRecordCount, Records } = await kinesis.send(new PutRecordsCommand({
    StreamName: stream, Records: values.map(value => ({ PartitionKey: value.split(':')[0]!, Data: Buffer.from(value) })),
  }))
  if (FailedRecordCount !== 0) throw new Error(`puts failed: ${JSON.stringify(Records?.find(one => one.ErrorCode !== undefined))}`)
}

async function create(stream: string, shards: number): Promise<void> {
  await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }))
}

/** Splits the first open shard in the middle, merges two neighbours, doubles what there is: with `until` in between. */
async function reshardAll(stream: string, until: () => Promise<void>): Promise<void> {
  const open = async () => {
    const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: stream, ShardFilter: { Type: 'AT_LATEST' } }))
    return Shards.toSorted((a, b) => (BigInt(a.HashKeyRange!.StartingHashKey!) < BigInt(b.HashKeyRange!.StartingHashKey!) ? -1 : 1))
  }
  await until()
  const [first] = await open()
  const middle = (BigInt(first!.HashKeyRange!.StartingHashKey!) + BigInt(first!.HashKeyRange!.EndingHashKey!)) / 2n
  await kinesis.send(new SplitShardCommand({ StreamName: stream, ShardToSplit: first!.ShardId!, NewStartingHashKey: String(middle) }))
  await until()
  const [, second, third] = await open()
  await kinesis.send(new MergeShardsCommand({ StreamName: stream, ShardToMerge: second!.ShardId!, AdjacentShardToMerge: third!.ShardId! }))
  await until()
  const { StreamDescriptionSummary } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream }))
  await kinesis.send(new UpdateShardCountCommand({ StreamName: stream, TargetShardCount: StreamDescriptionSummary!.OpenShardCount! * 2, ScalingType: 'UNIFORM_SCALING' }))
  await until()
}

function values(records: readonly KinesisRecord[]): string[] {
  return records.map(({ Data }) => Buffer.from(Data!).toString())
}

/** Of each key, the order of its counts in what was read. */
function expectOrder(read: readonly string[]): void {
  const last = new Map<string, number>()
  for (const value of read) {
    const [key, count] = value.split(':') as [string, string]
    expect(Number(count), `key ${key} after ${last.get(key)}`).toBeGreaterThan(last.get(key) ?? -1)
    last.set(key, Number(count))
  }
}

describe('KCL-style workers', () => {
  it('read every record of a stream that is resharded under load, in the order of its key, and none twice but what a killed worker had not checkpointed', async () => {
    const stream = 'leased'
    await create(stream, 2)
    await using table = await LeaseTable.open()
    const read: string[] = []
    const start = (id: string): Worker => new Worker({ id, kinesis, table, stream, process: (_shard, records) => void read.push(...values(records)) })
    const one = start('one')
    const load = new Load(stream)
    const more = async (): Promise<void> => {
      const count = read.length
      await expect.poll(() => read.length).toBeGreaterThan(count + 5 * keys)
    }
    await more()
    const two = start('two')
    await reshardAll(stream, more)
    await one.kill()
    await more()
    await load.stop()
    await expect.poll(() => new Set(read).size).toBe(load.put.size)
    await two.stop()
    expect(new Set(read)).toEqual(load.put)
    const twice = read.filter((value, at) => read.indexOf(value) !== at)
    expect(twice.toSorted()).toEqual(values(one.inHand).toSorted())
    expectOrder([...new Set(read)])
  })
})

describe('a hand-over under load', () => {
  it('from a Kafka group to a KCL application and back goes on at the next record, across split and merged shards', async () => {
    const stream = 'handed'
    await create(stream, 3)
    const load = new Load(stream)
    const read: string[] = []
    const url = `http://127.0.0.1:${sluice.ports.gateway}/bridge/checkpoints?group=movers&stream=${stream}`

    const asGroup = async (until: () => Promise<void>): Promise<void> => {
      const kafka = new Kafka({ clientId: 'mover', brokers: sluice.brokers.map(({ kafkaPlaintext }) => `127.0.0.1:${kafkaPlaintext}`), logLevel: logLevel.NOTHING })
      const consumer = kafka.consumer({ groupId: 'movers', maxWaitTimeInMs: 50 })
      await consumer.connect()
      await consumer.subscribe({ topic: stream, fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        async eachBatch({ batch: { partition, messages } }) {
          read.push(...messages.map(({ value }) => value!.toString()))
          await consumer.commitOffsets([{ topic: stream, partition, offset: String(BigInt(messages.at(-1)!.offset) + 1n) }])
        },
      })
      await until()
      await consumer.disconnect()
    }
    const more = async (): Promise<void> => {
      const count = read.length
      await expect.poll(() => read.length).toBeGreaterThan(count + 5 * keys)
    }

    await asGroup(more)
    await using table = await LeaseTable.open()
    const handedOver = await fetch(`${url}&format=dynamodb`)
    expect(handedOver.status).toBe(200)
    for (const item of (await handedOver.json() as { Items: Parameters<LeaseTable['add']>[0][] }).Items) await table.add(item)
    const worker = new Worker({ id: 'worker', kinesis, table, stream, process: (_shard, records) => void read.push(...values(records)) })
    await reshardAll(stream, more)
    await worker.stop()
    const handedBack = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ Items: await table.scan() }) })
    expect([handedBack.status, await handedBack.text()]).toEqual([200, expect.stringContaining('"offsets"')])
    await asGroup(async () => {
      await more()
      await load.stop()
      await expect.poll(() => read.length).toBeGreaterThanOrEqual(load.put.size)
      // Whatever comes twice has its chance to show.
      await pause(500)
    })
    expect(new Set(read)).toEqual(load.put)
    expect(read.length - load.put.size).toBe(0)
  })
})
