// The Kafka facade over loopback: a whole Sluice in one process, the load in another. Produce of 1 KB records in batches of 1 MB with acks=all, Fetch of the tail, and one
// record at a time. Beside it, taking turns in the same run, a bare Node server that speaks the same protocol over a plain file, without encryption or checks.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSluice } from '../test/support/sluice.ts'
import { percentile, printRows, type BenchRow } from './row.ts'
import { writeOneByOne } from './plain-disk.ts'

const root = join(import.meta.dirname, '..')
// Beside the sources, because a temporary directory is often no disk at all.
const directory = join(root, 'node_modules', '.cache', 'sluice-bench-kafka')
const rounds = 5
const batches = 200
const inFlight = 5
/** Batches that a fetch reads over and over: they fit in the memory both keep of the newest. */
const tailBatches = 30
const fetchRounds = 30
/** What a Java consumer asks of a partition unless told otherwise: here one batch an answer. */
const fetchBytes = 1024 * 1024
const singles = 1_000

interface Produced {
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

interface Fetched {
  readonly bytes: number
  readonly seconds: number
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  await using sluice = await startSluice({ directory })
  const bare = spawn(process.execPath, [join(root, 'bench/load/bare-broker.ts'), join(directory, 'plain')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const alone = openSync(join(directory, 'alone'), 'w')
  try {
    const [text] = await once(bare.stdout, 'data') as [Buffer]
    const [ours, theirs] = [sluice.ports.kafkaPlaintext!, Number(text)]
    await load(ours, 'create')
    const produced = { ours: [] as number[], theirs: [] as number[] }
    const fetched = { ours: [] as number[], theirs: [] as number[] }
    const single = { ours: [] as Produced['latencyMs'][], theirs: [] as Produced['latencyMs'][], disk: [] as number[] }
    const ends = { ours: 0, theirs: 0 }
    for (let round = 0; round <= rounds; round++) {
      for (const [who, port] of [['theirs', theirs], ['ours', ours]] as const) {
        const many = await load(port, 'produce', { batches, 'in-flight': inFlight }) as Produced
        ends[who] += many.records
        const tail = ends[who] - Math.floor(many.records / batches) * tailBatches
        const read = await load(port, 'fetch', { offset: tail, until: ends[who], rounds: fetchRounds, 'fetch-bytes': fetchBytes }) as Fetched
        const few = await load(port, 'produce', { batches: singles, 'batch-bytes': 1, 'record-bytes': 1024 }) as Produced
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
      rateRow('Kafka produce, 1 KB records, 1 MB batches, acks=all', produced, '>= 150 MB/s'),
      rateRow('Kafka fetch of the tail', fetched, '>= 400 MB/s'),
      {
        name: 'Kafka produce, one 1 KB record at a time, acks=all, p99', value: `${oursP99.toFixed(2)} ms`,
        against: `write + fdatasync alone, p99: ${diskP99.toFixed(2)} ms (bare server: ${p99(single.theirs).toFixed(2)} ms)`, ratio: oursP99 / diskP99, goal: '<= 3.00',
      },
      { name: 'resident memory after the loads above', value: `${await residentMiB(sluice.process.pid!)} MiB`, against: '', goal: '<= 400 MiB' },
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

function megabytesPerSecond({ bytes, seconds }: { readonly bytes: number; readonly seconds: number }): number {
  return bytes / seconds / 1e6
}

async function load(port: number, task: 'create' | 'produce' | 'fetch', options: Readonly<Record<string, number>> = {}): Promise<object> {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const child = spawn(process.execPath, [join(root, 'bench/load/kafka.ts'), task, String(port), 'bench', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  await once(child, 'close')
  if (output === '') throw new Error(`${task} on port ${port} failed`)
  return JSON.parse(output) as object
}

async function residentMiB(pid: number): Promise<number> {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

if (import.meta.main) printRows(await run())
