// A stream under load that is resharded meanwhile, and handed over between a Kafka group and whoever works by leases: what the minimal worker and the real library are held against.
import {
  DescribeStreamSummaryCommand, type KinesisClient, ListShardsCommand, MergeShardsCommand, PutRecordsCommand, type Shard, SplitShardCommand, UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis'
import { Kafka, logLevel } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { type Item, LeaseTable } from './lease-taker.ts'
import type { RunningSluice } from './sluice.ts'

/** Of each key, one record a round. */
export const keys = 24

/** As `expect.poll`, which belongs to one test, for tests that run at once. */
export async function eventually(check: () => unknown): Promise<void> {
  await vi.waitFor(check, { timeout: 90_000, interval: 50 })
}

/** Puts counted records, key by key in order, until it is stopped. */
export class Load implements AsyncDisposable {
  readonly put = new Set<string>()
  readonly #run: Promise<void>
  #isOver = false

  constructor(kinesis: KinesisClient, stream: string, pauseMs = 0) {
    this.#run = (async () => {
      for (let round = 0; !this.#isOver; round++) {
        const records = Array.from({ length: keys }, (_, key) => `${key}:${round}`)
        await putAll(kinesis, stream, records)
        for (const one of records) this.put.add(one)
        if (pauseMs > 0) await pause(pauseMs)
      }
    })()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#run
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function putAll(kinesis: KinesisClient, stream: string, values: readonly string[]): Promise<void> {
  const { FailedRecordCount, Records } = await kinesis.send(new PutRecordsCommand({
    StreamName: stream, Records: values.map(value => ({ PartitionKey: value.split(':')[0]!, Data: Buffer.from(value) })),
  }))
  if (FailedRecordCount !== 0) throw new Error(`puts failed: ${JSON.stringify(Records?.find(one => one.ErrorCode !== undefined))}`)
}

/** All of them, or those that are open; by where their hash keys start. */
export async function shardsOf(kinesis: KinesisClient, stream: string, type?: 'AT_LATEST'): Promise<readonly Shard[]> {
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: stream, ...type !== undefined && { ShardFilter: { Type: type } } }))
  return Shards.toSorted((a, b) => (BigInt(a.HashKeyRange!.StartingHashKey!) < BigInt(b.HashKeyRange!.StartingHashKey!) ? -1 : 1))
}

/** Splits the first open shard in the middle, merges two neighbours, doubles what there is: with `until` in between. */
export async function reshardAll(kinesis: KinesisClient, stream: string, until: () => Promise<void>): Promise<void> {
  const open = (): Promise<readonly Shard[]> => shardsOf(kinesis, stream, 'AT_LATEST')
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

/** Of each key, the order of its counts in what was read. */
export function expectOrder(read: readonly string[]): void {
  const last = new Map<string, number>()
  for (const value of read) {
    const [key, count] = value.split(':') as [string, string]
    expect(Number(count), `key ${key} after ${last.get(key)}`).toBeGreaterThan(last.get(key) ?? -1)
    last.set(key, Number(count))
  }
}

export interface HandOver {
  readonly sluice: RunningSluice
  readonly kinesis: KinesisClient
  readonly stream: string
  readonly pauseMs?: number
  /** Starts whoever takes the leases of the table and notes each value that it reads; what it gives back stops it in good order. */
  readonly work: (table: LeaseTable, read: string[]) => Promise<() => Promise<void>>
}

/** A group reads, hands over to who works by leases while the stream is resharded, and goes on from these: nothing is missed, nothing read twice. */
export async function expectHandOver({ sluice, kinesis, stream, pauseMs, work }: HandOver): Promise<void> {
  await using load = new Load(kinesis, stream, pauseMs)
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
    await eventually(() => expect(read.length).toBeGreaterThan(count + 5 * keys))
  }

  await asGroup(more)
  await using table = await LeaseTable.open(`${stream}-movers`)
  const handedOver = await fetch(`${url}&format=dynamodb`)
  expect(handedOver.status).toBe(200)
  for (const item of (await handedOver.json() as { Items: Item[] }).Items) await table.add(item)
  const stop = await work(table, read)
  await reshardAll(kinesis, stream, more)
  await stop()
  const handedBack = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ Items: await table.scan() }) })
  expect([handedBack.status, await handedBack.text()]).toEqual([200, expect.stringContaining('"offsets"')])
  await asGroup(async () => {
    await more()
    await load.stop()
    await eventually(() => expect(read.length).toBeGreaterThanOrEqual(load.put.size))
    // Whatever comes twice has its chance to show.
    await pause(500)
  })
  expect(new Set(read)).toEqual(load.put)
  expect(read.length - load.put.size).toBe(0)
}
