// KCL-style consumers and Kafka groups on the same records while shards are split, merged and scaled under load: nothing is missed, and nothing is read twice beyond what a killed
// worker had not checkpointed yet; a group hands over to a KCL application, which hands back, with no gap and no record twice.
import { CreateStreamCommand, KinesisClient, type _Record as KinesisRecord } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectHandOver, expectOrder, keys, Load, reshardAll } from '../support/hand-over.ts'
import { LeaseTable, Worker } from '../support/lease-taker.ts'
import { startSluice, type RunningSluice } from '../support/sluice.ts'

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

async function create(stream: string, shards: number): Promise<void> {
  await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shards }))
}

function values(records: readonly KinesisRecord[]): string[] {
  return records.map(({ Data }) => Buffer.from(Data!).toString())
}

describe('KCL-style workers', () => {
  it('read every record of a stream that is resharded under load, in the order of its key, and none twice but what a killed worker had not checkpointed', async () => {
    const stream = 'leased'
    await create(stream, 2)
    await using table = await LeaseTable.open()
    const read: string[] = []
    const start = (id: string): Worker => new Worker({ id, kinesis, table, stream, process: (_shard, records) => void read.push(...values(records)) })
    const one = start('one')
    await using load = new Load(kinesis, stream)
    const more = async (): Promise<void> => {
      const count = read.length
      await expect.poll(() => read.length).toBeGreaterThan(count + 5 * keys)
    }
    await more()
    const two = start('two')
    await reshardAll(kinesis, stream, more)
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
    await expectHandOver({
      sluice, kinesis, stream,
      work: async (table, read) => {
        const worker = new Worker({ id: 'worker', kinesis, table, stream, process: (_shard, records) => void read.push(...values(records)) })
        return () => worker.stop()
      },
    })
  })
})
