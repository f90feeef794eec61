// PutRecords over loopback: 500 records of 1 KB a request, 16 requests in flight, signed beforehand in a process of their own, against a whole Sluice of one broker without
// throughput limits. Beside it, taking turns in the same run, a bare Node server that reads, hashes and parses the same requests and forgets them.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis'
import { startSluice } from '../test/support/sluice.ts'
import { type BenchRow, percentile, printRows } from './row.ts'
import { cacheDirectory, residentMiB } from './served.ts'

const root = join(import.meta.dirname, '..')
const directory = join(cacheDirectory, 'sluice-bench-kinesis')
const stream = 'bench'
const shardCount = 4
const rounds = 5
const secondsPerRound = 4

interface Measured {
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory, settings: { 'brokers': 1, 'kinesis.limits': 'off' } })
  const bare = spawn(process.execPath, [join(root, 'bench/load/bare-kinesis.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [text] = await once(bare.stdout, 'data') as [Buffer]
    await createStream(sluice.ports.kinesis)
    const ours: Measured[] = []
    const theirs: Measured[] = []
    const memoryMiB: number[] = []
    for (let round = 0; round <= rounds; round++) {
      const pair = [await load(Number(text)), await load(sluice.ports.kinesis)] as const
      memoryMiB.push(residentMiB(sluice.process))
      // The first round warms both up.
      if (round === 0) continue
      theirs.push(pair[0])
      ours.push(pair[1])
    }
    const median = (measured: readonly Measured[], what: keyof Measured): number => percentile(measured.map(one => one[what]), 0.5)
    const [ourRate, theirRate] = [median(ours, 'recordsPerSecond'), median(theirs, 'recordsPerSecond')]
    return [
      {
        name: 'one broker, Kinesis PutRecords, 500 x 1 KB, 16 in flight, durable', value: `${ourRate.toFixed(0)} records/s`,
        against: `read, hash, parse and forget: ${theirRate.toFixed(0)} records/s`, ratio: ourRate / theirRate, goal: '>= 50000 records/s',
      },
      { name: 'the same, time of one request', value: `p50 ${median(ours, 'p50Ms').toFixed(0)} ms, p99 ${median(ours, 'p99Ms').toFixed(0)} ms`,
        against: `p50 ${median(theirs, 'p50Ms').toFixed(0)} ms, p99 ${median(theirs, 'p99Ms').toFixed(0)} ms` },
      { name: 'the same, resident memory', value: `${memoryMiB.at(-1)} MiB`, against: `after the first round: ${memoryMiB[0]} MiB`,
        ratio: memoryMiB.at(-1)! / memoryMiB[0]!, goal: '<= 400 MiB, flat' },
    ]
  } finally {
    bare.kill()
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function createStream(port: number): Promise<void> {
  const client = new KinesisClient({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  await client.send(new CreateStreamCommand({ StreamName: stream, ShardCount: shardCount }))
  client.destroy()
}

async function load(port: number): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bench/load/kinesis.ts'), 'put-records', String(port), stream, '--seconds', String(secondsPerRound)])
  return JSON.parse(stdout) as Measured
}

if (import.meta.main) printRows(await run())
