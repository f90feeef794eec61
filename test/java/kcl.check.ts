// The Kinesis Client Library as it comes, by polling and by enhanced fan-out, on a stream that is resharded under load; its leases handed over from a Kafka group and back; and
// what the Kinesis Producer Library has put together.
import { CloudWatchClient, ListMetricsCommand } from '@aws-sdk/client-cloudwatch'
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { eventually, expectHandOver, expectOrder, keys, Load, reshardAll, shardsOf } from '../support/hand-over.ts'
import { LeaseTable } from '../support/lease-taker.ts'
import { type RunningSluice, startSluice } from '../support/sluice.ts'
import { type KclOptions, KclWorker, KplProducer, kplIsMissing, trustStore } from './kcl/programs.ts'

const classpath = inject('kclClasspath')
/** Enough to be in the middle of it at each reshard, without starving the JVM beside it. */
const pauseMs = 20

// At once, since KCL waits for up to half a minute, at random, before it makes an empty table's leases.
describe.runIf(classpath !== undefined).concurrent('the Kinesis Client Library', () => {
  let sluice: RunningSluice
  let kinesis: KinesisClient
  let cloudWatch: CloudWatchClient
  let trusted: string
  beforeAll(async () => {
    sluice = await startSluice({ settings: { 'kinesis.limits': 'off' } })
    trusted = await trustStore(sluice)
    const client = { endpoint: `http://127.0.0.1:${sluice.ports.kinesis}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
    kinesis = new KinesisClient({ ...client, requestHandler: new NodeHttpHandler() })
    cloudWatch = new CloudWatchClient(client)
  })
  afterAll(async () => {
    kinesis?.destroy()
    cloudWatch?.destroy()
    await sluice?.[Symbol.asyncDispose]()
  })

  function start(scheme: 'http' | 'https', options: Pick<KclOptions, 'table' | 'stream' | 'retrieval'>): KclWorker {
    return new KclWorker({ ...options, classpath: classpath!, endpoint: `${scheme}://127.0.0.1:${sluice.ports.kinesis}`, ...(scheme === 'https' && { trusted }) })
  }

  /** Those that the libraries have put there themselves. */
  async function metricsOf(namespace: string): Promise<readonly (string | undefined)[]> {
    const { Metrics = [] } = await cloudWatch.send(new ListMetricsCommand({ Namespace: namespace }))
    return Metrics.map(({ MetricName }) => MetricName)
  }

  it.each([['polling', 'HTTP/2 in the clear', 'http'], ['fanout', 'TLS', 'https']] as const)('reads by %s over %s, and misses and repeats nothing while shards are split, merged and scaled', async (retrieval, _over, scheme) => {
    const stream = `by-${retrieval}`
    await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }))
    await using table = await LeaseTable.open(`reader-${retrieval}`)
    await using worker = start(scheme, { table, stream, retrieval })
    await using load = new Load(kinesis, stream, pauseMs)
    await reshardAll(kinesis, stream, async () => {
      const count = worker.given().length
      await eventually(() => expect(worker.given().length, worker.errors()).toBeGreaterThan(count + 5 * keys))
    })
    await load.stop()
    await eventually(() => expect(worker.given().length).toBeGreaterThanOrEqual(load.put.size))
    const shards = await shardsOf(kinesis, stream)
    const closed = shards.filter(shard => shard.SequenceNumberRange!.EndingSequenceNumber !== undefined).map(shard => shard.ShardId!).toSorted()
    const finished = async (): Promise<string[]> => (await table.scan()).filter(item => item['checkpoint']?.S === 'SHARD_END').map(item => item['leaseKey']!.S!).toSorted()
    await eventually(async () => expect(await finished()).toEqual(closed))
    await worker.stop()
    await eventually(async () => expect(await metricsOf(table.name)).toContain('RecordsProcessed'))

    const read = worker.given().map(({ record }) => record)
    expect(new Set(read)).toEqual(load.put)
    expect(read.length).toBe(load.put.size)
    expectOrder(read)
    const at = (word: 'started' | 'ended', shard: string): number => worker.lines.findIndex(line => (line as Record<string, unknown>)[word] === shard)
    for (const { ShardId, ParentShardId, AdjacentParentShardId } of shards) {
      for (const parent of [ParentShardId, AdjacentParentShardId]) if (parent !== undefined) expect(at('started', ShardId!), `${ShardId} after ${parent}`).toBeGreaterThan(at('ended', parent))
    }
  })

  it('takes over the leases of a Kafka group, which goes on where it stopped: nothing is missed, nothing read twice', async () => {
    const stream = 'handed-to-kcl'
    await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 3 }))
    await expectHandOver({
      sluice, kinesis, stream, pauseMs,
      work: async (table, read) => {
        const worker = start('http', { table, stream, retrieval: 'polling' })
        const before = [...read]
        const noted = setInterval(() => read.splice(0, read.length, ...before, ...worker.given().map(({ record }) => record)), 50)
        return async () => {
          await worker.stop()
          clearInterval(noted)
          read.splice(0, read.length, ...before, ...worker.given().map(({ record }) => record))
        }
      },
    })
  })

  if (kplIsMissing !== undefined) console.log(kplIsMissing)
  it.runIf(kplIsMissing === undefined)('opens the aggregated records of the Kinesis Producer Library, which Sluice counts', async () => {
    const stream = 'aggregated'
    await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }))
    await using producer = new KplProducer({ classpath: classpath!, sluice, stream })
    // It aggregates what it puts once it knows the shards.
    producer.say(['0:first'])
    await eventually(() => expect(producer.lines.length, producer.errors()).toBe(1))
    const records = Array.from({ length: 2_000 }, (_, index) => `${index % keys}:${index}`)
    producer.say(records)
    await eventually(async () => expect(await metricsOf('KinesisProducerLibrary')).toContain('UserRecordsPut'))
    await producer.stop()
    expect(producer.lines.filter(line => 'failed' in line)).toEqual([])
    const put = producer.lines.flatMap(line => ('put' in line ? [line] : []))
    expect(put.map(line => line.put).toSorted()).toEqual(['0:first', ...records].toSorted())

    await using table = await LeaseTable.open('opener')
    await using worker = start('http', { table, stream, retrieval: 'polling' })
    await eventually(() => expect(worker.given().length, worker.errors()).toBeGreaterThanOrEqual(put.length))
    await worker.stop()
    const place = ({ shard, sequence }: { readonly shard: string; readonly sequence: string }): string => `${shard} ${sequence}`
    expect(worker.given().map(one => `${one.record} ${place(one)}`).toSorted()).toEqual(put.map(one => `${one.put} ${place(one)}`).toSorted())

    const figures = await (await fetch(`http://127.0.0.1:${sluice.ports.management}/metrics`)).text()
    const figure = (name: string): number => Number(new RegExp(`^sluice_kinesis_${name}_total\\{stream="aggregated"\\} (\\d+)`, 'm').exec(figures)?.[1])
    const together = new Map(Map.groupBy(worker.given(), place).entries().filter(([, users]) => users.length > 1))
    expect(together.size).toBeGreaterThan(0)
    expect(figure('aggregated_records')).toBeGreaterThanOrEqual(together.size)
    expect(figure('user_records')).toBeGreaterThanOrEqual([...together.values()].flat().length)
  })
})
