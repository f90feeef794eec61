// The Kafka facade over loopback: a whole Sluice of one broker in one process, the load in another (three replicas: replication.ts). Produce of 1 KB records in batches of 1 MB with acks=all, Fetch of the tail, and one
// record at a time. Beside it, taking turns in the same run, a bare Node server that speaks the same protocol over a plain file, without encryption or checks.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { writeOneByOne } from './plain-disk.ts'
import { cacheDirectory, kafkaLoad, megabytesPerSecond, residentMiB, type Fetched, type Produced } from './served.ts'

const root = join(import.meta.dirname, '..')
const directory = join(cacheDirectory, 'sluice-bench-kafka')
const topic = 'bench'
const rounds = 5
const batches = 200
const inFlight = 5
/** Batches that a fetch reads over and over: they fit in the memory both keep of the newest. */
const tailBatches = 30
const fetchRounds = 30
/** What a Java consumer asks of a partition unless told otherwise: here one batch an answer. */
const fetchBytes = 1024 * 1024
const singles = 1_000

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await using sluice = await startSluice({ directory, settings: { brokers: 1 } })
  const bare = spawn(process.execPath, [join(root, 'bench/load/bare-broker.ts'), join(directory, 'plain')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const alone = openSync(join(directory, 'alone'), 'w')
  try {
    const [text] = await once(bare.stdout, 'data') as [Buffer]
    const [ours, theirs] = [sluice.ports.kafkaPlaintext!, Number(text)]
    await kafkaLoad(ours, 'create', topic)
    const produced = { ours: [] as number[], theirs: [] as number[] }
    const fetched = { ours: [] as number[], theirs: [] as number[] }
    const single = { ours: [] as Produced['latencyMs'][], theirs: [] as Produced['latencyMs'][], disk: [] as number[] }
    const ends = { ours: 0, theirs: 0 }
    for (let round = 0; round <= rounds; round++) {
      for (const [who, port] of [['theirs', theirs], ['ours', ours]] as const) {
        const many = await kafkaLoad<Produced>(port, 'produce', topic, { batches, 'in-flight': inFlight })
        ends[who] += many.records
        const tail = ends[who] - Math.floor(many.records / batches) * tailBatches
        const read = await kafkaLoad<Fetched>(port, 'fetch', topic, { offset: tail, until: ends[who], rounds: fetchRounds, 'fetch-bytes': fetchBytes })
        const few = await kafkaLoad<Produced>(port, 'produce', topic, { batches: singles, 'batch-bytes': 1, 'record-bytes': 1024 })
        ends[who] += few.records
        // The first round warms both up.
        if (round === 0) continue
        produced[who].push(megabytesPerSecond(many))
        fetched[who].push(megabytesPerSecond(read))
        single[who].push(few.latencyMs)
      }
      single.disk.push(percentile(writeOneByOne(alone, singles), 0.99))
    }
    const p99 = (latencies: readonly Produced['latencyMs'][]): number => percentile(latencies.map(one => one.p99), 0.5)
    const [oursP99, diskP99] = [p99(single.ours), percentile(single.disk, 0.5)]
    return [
      rateRow('one broker, Kafka produce, 1 KB records, 1 MB batches, acks=all', produced, '>= 150 MB/s'),
      rateRow('one broker, Kafka fetch of the tail', fetched, '>= 400 MB/s'),
      {
        name: 'one broker, Kafka produce, one 1 KB record at a time, acks=all, p99', value: `${oursP99.toFixed(2)} ms`,
        against: `write + fdatasync alone, p99: ${diskP99.toFixed(2)} ms (bare server: ${p99(single.theirs).toFixed(2)} ms)`, ratio: oursP99 / diskP99, goal: '<= 3.00',
      },
      { name: 'one broker, resident memory after the loads above', value: `${residentMiB(sluice.process)} MiB`, against: '', goal: '<= 400 MiB' },
    ]
  } finally {
    bare.kill()
    closeSync(alone)
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function rateRow(name: string, rates: { readonly ours: number[]; readonly theirs: number[] }, goal: string): BenchRow {
  const [our, their] = [percentile(rates.ours, 0.5), percentile(rates.theirs, 0.5)]
  return { name, value: `${our.toFixed(0)} MB/s`, against: `bare server and plain file: ${their.toFixed(0)} MB/s`, ratio: our / their, goal }
}

if (import.meta.main) printRows(await run())
