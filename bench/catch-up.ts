// A broker is stopped, 1 GB is produced without it, and it comes back while a producer goes on at a moderate rate: what that producer notices of the catch-up, how
// quick the catch-up is, and what memory it takes. The producer sends whenever a batch is due and counts from then, so that a pause is seen by all that were due in it.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { BrokersOverHttp } from '../test/cluster/brokers.ts'
import { startSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { cacheDirectory, kafkaLoad, residentMiB, shownPartition, startKafkaLoad, untilInSync, type Produced } from './served.ts'

const directory = join(cacheDirectory, 'sluice-bench-catch-up')
const topic = 'bench'
const missedBatches = 1_000
/** Ten records of 1 KB a batch, a hundred batches a second: 1 MB/s. */
const pacing = { 'batch-bytes': 10_360, 'record-bytes': 1024, 'rate': 100 }
const undisturbedMs = 10_000
const warmUpMs = 2_000

interface Window {
  readonly fromMs: number
  readonly toMs: number
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory })
  try {
    const { kafkaPlaintext, gateway } = sluice.ports
    const brokers = new BrokersOverHttp(`http://127.0.0.1:${gateway}`)
    await kafkaLoad(kafkaPlaintext!, 'create', topic, { replication: 3 })
    const { port } = await kafkaLoad<{ port: number }>(kafkaPlaintext!, 'leader', topic)
    await kafkaLoad(port, 'produce', topic, { 'batches': 100, 'in-flight': 5 })
    const { leader, inSyncReplicas } = await shownPartition(gateway, topic)
    const away = inSyncReplicas.find(id => id !== leader)!

    const paced = startKafkaLoad(port, 'pace', topic, pacing)
    await pause(warmUpMs)
    const allInSync = await windowOf(() => pause(undisturbedMs))
    await brokers.act(away, 'stop')
    const withTwo = await windowOf(() => pause(undisturbedMs))
    const missed = await kafkaLoad<Produced>(port, 'produce', topic, { 'batches': missedBatches, 'in-flight': 5 })
    await pause(warmUpMs)

    const memory = { beforeMiB: residentMiB(sluice.process), mostMiB: 0 }
    const watch = setInterval(() => { memory.mostMiB = Math.max(memory.mostMiB, residentMiB(sluice.process)) }, 100)
    const catchUp = await windowOf(async () => {
      await brokers.act(away, 'start')
      await untilInSync(gateway, topic, { count: 3, msMax: 600_000 })
    })
    clearInterval(watch)
    paced.child.stdin!.end()
    const sent = await paced.result as [number, number][]

    const p99 = ({ fromMs, toMs }: Window): number => percentile(sent.filter(([dueMs]) => dueMs >= fromMs && dueMs < toMs).map(([, ms]) => ms), 0.99)
    const seconds = (catchUp.toMs - catchUp.fromMs) / 1000
    const missedBytes = missed.bytes
    return [
      {
        name: 'produce at 1 MB/s, RF 3, acks=all, p99 while a replica catches up', value: `${p99(catchUp).toFixed(1)} ms`,
        against: `undisturbed: ${p99(allInSync).toFixed(1)} ms`, ratio: p99(catchUp) / p99(allInSync), goal: '<= 3.00',
      },
      {
        name: 'the same', value: `${p99(catchUp).toFixed(1)} ms`, against: `undisturbed, two replicas in sync: ${p99(withTwo).toFixed(1)} ms`, ratio: p99(catchUp) / p99(withTwo),
      },
      {
        name: `from starting the broker until it is in sync, ${(missedBytes / 1e9).toFixed(1)} GB behind`, value: `${seconds.toFixed(1)} s, ${(missedBytes / 1e6 / seconds).toFixed(0)} MB/s`,
        against: `produced with two replicas: ${(missedBytes / 1e6 / missed.seconds).toFixed(0)} MB/s`, ratio: missed.seconds / seconds,
      },
      { name: 'three brokers, most resident memory while it catches up', value: `${memory.mostMiB} MiB`, against: `before: ${memory.beforeMiB} MiB`, ratio: memory.mostMiB / memory.beforeMiB, goal: '<= 400 MiB' },
    ]
  } finally {
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function windowOf(work: () => Promise<unknown>): Promise<Window> {
  const fromMs = Date.now()
  await work()
  return { fromMs, toMs: Date.now() }
}

if (import.meta.main) printRows(await run())
