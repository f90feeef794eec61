// The process as it is shipped, with its three brokers: a stream is split, merged and scaled over and over while producers put into it through real sockets, and readers
// follow its shards; with brokers that fail and come back, too. Each record comes out once, those of a key in the order in which they were put, and nobody sees an error.
import {
  CreateStreamCommand, KinesisClient, ListShardsCommand, MergeShardsCommand, PutRecordCommand, PutRecordsCommand, SplitShardCommand, UpdateShardCountCommand,
} from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { describe, expect, it } from 'vitest'
import { Prng } from '../../src/base/prng.ts'
import { BrokersOverHttp } from '../cluster/brokers.ts'
import { type Ask, LineageReader, byKey } from '../kinesis/support/lineage-reader.ts'
import { sdkClient } from '../kinesis/support/sdk-client.ts'
import { startSluice } from '../support/sluice.ts'

const StreamName = 'orders'
const producers = 4
const keysPerProducer = 25
const changesMin = 24
const recordsPerProducerMin = 2_000

interface Range { readonly id: string; readonly start: bigint; readonly end: bigint }

/** A client that tries nothing twice: whatever goes wrong is seen. */
function clientOf(port: number): KinesisClient {
  return new KinesisClient({
    endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1, requestHandler: new NodeHttpHandler(),
  })
}

function askOf(client: KinesisClient): Ask {
  const call = sdkClient(client)
  return async <T>(operation: string, input: object): Promise<T> => await call(operation, input as Record<string, unknown>) as T
}

/** Puts one request after the other, with its own keys, until it is told to stop and has put enough; the records of each key, in order. */
async function produce(client: KinesisClient, name: number, isOver: () => boolean): Promise<Map<string, string[]>> {
  const sent = new Map<string, string[]>()
  let count = 0
  const next = (): { PartitionKey: string; Data: Buffer } => {
    const PartitionKey = `p${name}-k${count % keysPerProducer}`
    const data = `${name} ${count++}`
    sent.set(PartitionKey, [...sent.get(PartitionKey) ?? [], data])
    return { PartitionKey, Data: Buffer.from(data) }
  }
  const last = new Map<string, string>()
  while (!isOver() || count < recordsPerProducerMin) {
    if (count % 3 === 0) {
      const record = next()
      const SequenceNumberForOrdering = last.get(record.PartitionKey)
      const { SequenceNumber } = await client.send(new PutRecordCommand({ StreamName, ...record, SequenceNumberForOrdering }))
      if (SequenceNumberForOrdering !== undefined) expect(BigInt(SequenceNumber!) > BigInt(SequenceNumberForOrdering)).toBe(true)
      last.set(record.PartitionKey, SequenceNumber!)
      continue
    }
    const Records = Array.from({ length: 50 }, next)
    const { FailedRecordCount, Records: answers } = await client.send(new PutRecordsCommand({ StreamName, Records }))
    expect([FailedRecordCount, answers!.find(answer => answer.ErrorCode !== undefined)]).toEqual([0, undefined])
    for (const [at, { PartitionKey }] of Records.entries()) last.set(PartitionKey, answers![at]!.SequenceNumber!)
  }
  return sent
}

async function openShards(client: KinesisClient): Promise<Range[]> {
  const { Shards } = await client.send(new ListShardsCommand({ StreamName, ShardFilter: { Type: 'AT_LATEST' } }))
  return Shards!.map(({ ShardId, HashKeyRange: range }) => ({ id: ShardId!, start: BigInt(range!.StartingHashKey!), end: BigInt(range!.EndingHashKey!) }))
    .toSorted((a, b) => (a.start < b.start ? -1 : 1))
}

async function change(client: KinesisClient, prng: Prng): Promise<void> {
  const open = await openShards(client)
  const kind = open.length < 3 ? 'scale' : prng.pick(['split', 'merge', 'scale'] as const)
  const at = prng.below(open.length - (kind === 'merge' ? 1 : 0))
  if (kind === 'split') {
    const { id, start, end } = open[at]!
    await client.send(new SplitShardCommand({ StreamName, ShardToSplit: id, NewStartingHashKey: String(start + (end - start) / 3n) }))
  } else if (kind === 'merge') {
    await client.send(new MergeShardsCommand({ StreamName, ShardToMerge: open[at]!.id, AdjacentShardToMerge: open[at + 1]!.id }))
  } else await client.send(new UpdateShardCountCommand({ StreamName, TargetShardCount: 2 + prng.below(7), ScalingType: 'UNIFORM_SCALING' }))
}

/** Where it takes long until a shard's end is known, since brokers are away, its stream takes no other change. */
function unlessUpdating(error: Error): void {
  if (error.name !== 'ResourceInUseException') throw error
}

/** One after the other crashes, and comes back into sync. */
async function failBrokers(gateway: number, ids: readonly number[]): Promise<void> {
  const brokers = new BrokersOverHttp(`http://127.0.0.1:${gateway}`)
  for (const id of ids) {
    await brokers.act(id, 'fail')
    await brokers.act(id, 'start')
    await brokers.untilRunning({ msMax: 60_000, inSync: true })
  }
}

describe('each record of a stream that is split and merged under load', () => {
  it.each([
    ['while all brokers run', []],
    ['while brokers fail and come back', [1, 2, 3]],
  ])('is read once, and those of a key in their order, %s', { timeout: 240_000 }, async (_what, failing) => {
    await using sluice = await startSluice({ settings: { 'kinesis.limits': 'off' } })
    const client = clientOf(sluice.ports.kinesis)
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 3 }))
    const reader = await new LineageReader(askOf(client), StreamName).start()
    let changes = 0
    let hasFailed = false
    let isProducing = true
    const producing = Promise.all(Array.from({ length: producers }, (_, name) => produce(client, name, () => hasFailed && changes >= changesMin))).finally(() => { isProducing = false })
    const prng = new Prng(5)
    const changing = (async () => {
      for (; changes < changesMin || !hasFailed; changes++) await change(client, prng).catch(unlessUpdating)
    })()
    const reading = (async () => {
      while (isProducing) await reader.turn()
    })()
    const [sent] = await Promise.all([producing, changing, reading, failBrokers(sluice.ports.gateway, failing).finally(() => { hasFailed = true })])
    const expected = new Map(sent.flatMap(one => [...one]))
    expect(byKey(await reader.readAll())).toEqual(expected)
    // Whoever comes late, and starts at the oldest, reads the same.
    const late = await new LineageReader(askOf(client), StreamName).start()
    expect(byKey(await late.readAll())).toEqual(expected)
    client.destroy()
  })
})
