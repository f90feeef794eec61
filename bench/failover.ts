// How long clients cannot write when a leader dies: the broker that leads a partition with three replicas fails, as kill -9 would have it, while a producer sends one
// record after the other with acks=all; the longest time without an acknowledgement from the kill on counts. Two Kafka clients, and PutRecord of the AWS SDK.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { CreateStreamCommand, KinesisClient, PutRecordCommand } from '@aws-sdk/client-kinesis'
import { Producer, stringSerializers } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { BrokersOverHttp } from '../test/cluster/brokers.ts'
import { startSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { cacheDirectory, kafkaLoad, shownPartition, untilInSync } from './served.ts'

const directory = join(cacheDirectory, 'sluice-bench-failover')
const kills = 30
/** What is watched of each kill: at least so long, and until so much after the first acknowledgement. */
const watchMs = 1_000
const watchMsMax = 30_000
/** So many writes are acknowledged before the next kill. */
const acknowledgedMin = 20
const value = Buffer.alloc(1024, 7).toString('latin1')

/** One who writes; `send` resolves with the acknowledgement and rejects where the client gave up. */
interface Writer {
  readonly name: string
  /** Its topic, or its stream. */
  readonly topic: string
  send(): Promise<unknown>
  close(): Promise<void>
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory, settings: { 'kinesis.limits': 'off' } })
  try {
    const { kafkaPlaintext, gateway, kinesis } = sluice.ports
    const brokers = new BrokersOverHttp(`http://127.0.0.1:${gateway}`)
    const bootstrap = (await brokers.list()).map(({ ports }) => `127.0.0.1:${ports['kafka-plaintext']}`)
    const rows: BenchRow[] = []
    for (const open of [kafkajsWriter, platformaticWriter]) {
      const writer = await open(bootstrap)
      await kafkaLoad(kafkaPlaintext!, 'create', writer.topic, { replication: 3 })
      rows.push(rowOf(writer, await outagesOf(writer, gateway, brokers)))
      await writer.close()
    }
    const writer = await kinesisWriter(kinesis)
    rows.push(rowOf(writer, await outagesOf(writer, gateway, brokers)))
    await writer.close()
    return rows
  } finally {
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function rowOf({ name }: Writer, outagesMs: number[]): BenchRow {
  const [p50, p99] = [percentile(outagesMs, 0.5), percentile(outagesMs, 0.99)]
  return {
    name: `${kills} leaders killed, ${name}: no write acknowledged for`, value: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms, max ${outagesMs.at(-1)!.toFixed(0)} ms`,
    against: 'goal only', goal: 'p99 <= 2,000 ms',
  }
}

/** Of each kill the longest time without an acknowledgement, in milliseconds. */
async function outagesOf(writer: Writer, gateway: number, brokers: BrokersOverHttp): Promise<number[]> {
  const acknowledgedMs: number[] = []
  let isOver = false
  const writing = (async () => {
    while (!isOver) {
      // A client that gives up is asked again: only acknowledgements count.
      await writer.send().then(() => acknowledgedMs.push(performance.now()), () => pause(1))
    }
  })()
  const outages: number[] = []
  for (let kill = 0; kill < kills; kill++) {
    await untilInSync(gateway, writer.topic, { count: 3, msMax: 60_000 })
    const { leader } = await shownPartition(gateway, writer.topic)
    acknowledgedMs.length = 0
    const aliveBeforeMs = performance.now() + watchMsMax
    while (acknowledgedMs.length < acknowledgedMin) {
      if (performance.now() > aliveBeforeMs) throw new Error(`${writer.name}: nothing is acknowledged though all replicas are in sync`)
      await pause(10)
    }
    const killedMs = performance.now()
    await brokers.act(leader, 'fail')
    const downMs = performance.now()
    // An answer that was under way when the leader died says nothing of the next one.
    const isServedAgain = (): boolean => acknowledgedMs.filter(ms => ms > downMs).length > 1 && performance.now() - downMs > watchMs
    while (!isServedAgain()) {
      if (performance.now() - killedMs > watchMsMax) throw new Error(`${writer.name}: nothing was acknowledged for ${watchMsMax} ms after broker ${leader} died`)
      await pause(10)
    }
    outages.push(longestGap(killedMs, acknowledgedMs.filter(ms => ms > killedMs)))
    await brokers.act(leader, 'start')
  }
  isOver = true
  await writing
  return outages
}

function longestGap(fromMs: number, times: readonly number[]): number {
  let [before, longest] = [fromMs, 0]
  for (const ms of times) {
    longest = Math.max(longest, ms - before)
    before = ms
  }
  return longest
}

async function kafkajsWriter(brokers: string[]): Promise<Writer> {
  const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 20 } })
  const producer = kafka.producer()
  await producer.connect()
  const topic = 'failover-kafkajs'
  return { name: 'kafkajs, first retry after 50 ms', topic, send: () => producer.send({ topic, acks: -1, messages: [{ value }] }), close: () => producer.disconnect() }
}

async function platformaticWriter(bootstrapBrokers: string[]): Promise<Writer> {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers, retries: 20, retryDelay: 50, serializers: stringSerializers })
  const topic = 'failover-platformatic'
  return {
    name: '@platformatic/kafka, retries after 50 ms', topic, send: () => producer.send({ acks: -1, messages: [{ topic, partition: 0, value }] }), close: () => producer.close(),
  }
}

async function kinesisWriter(port: number): Promise<Writer> {
  const client = new KinesisClient({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  const topic = 'failover-kinesis'
  await client.send(new CreateStreamCommand({ StreamName: topic, ShardCount: 1 }))
  const record = { StreamName: topic, PartitionKey: 'key', Data: Buffer.from(value, 'latin1') }
  return { name: 'Kinesis PutRecord, AWS SDK', topic, send: () => client.send(new PutRecordCommand(record)), close: async () => client.destroy() }
}

if (import.meta.main) printRows(await run())
