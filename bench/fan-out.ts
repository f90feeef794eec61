// Enhanced fan-out of one shard on a whole Sluice of one broker, over loopback, its clients in a process of their own: how long it takes from a put to the push of its records at
// 1,000 records/s, and twenty consumers at AWS's 2 MiB/s each, live and catching up. Beside each rate, what it costs the server and the clients of a processor.
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startSluice } from '../test/support/sluice.ts'
import { type BenchRow, printRows } from './row.ts'
import { cacheDirectory, residentMiB } from './served.ts'

const root = join(import.meta.dirname, '..')
const directory = join(cacheDirectory, 'sluice-bench-fan-out')
const consumers = 20
const MiB = 1_048_576
const limit = 2 * MiB

interface Latency {
  readonly recordsPerSecond: number
  readonly pushedMs: { readonly p50: number; readonly p99: number }
  readonly answeredMs: { readonly p50: number; readonly p99: number }
  readonly behindAnswerMs: { readonly p50: number; readonly p99: number }
}

interface Rate {
  readonly seconds: number
  /** Bytes of data per second of the slowest consumer, the fastest, and all together. */
  readonly slowest: number
  readonly fastest: number
  readonly total: number
  /** Of one processor. */
  readonly serverCpuShare: number
  readonly clientCpuShare: number
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory, settings: { 'brokers': 1, 'kinesis.limits': 'off' } })
  try {
    const { kinesis } = sluice.ports
    const pid = sluice.process.pid!
    await load('kinesis', ['create', kinesis, 'warm-up', '--shards', 1])
    await load('fan-out', ['latency', kinesis, 'warm-up', '--seconds', 2])
    await load('kinesis', ['create', kinesis, 'latency', '--shards', 1])
    const latency = await load<Latency>('fan-out', ['latency', kinesis, 'latency', '--seconds', 10])

    await load('kinesis', ['create', kinesis, 'live', '--shards', 1])
    const live = await load<Rate>('fan-out', ['rate', kinesis, 'live', '--consumers', consumers, '--put-bytes-per-second', limit, '--seconds', 10, '--server-pid', pid])

    await load('kinesis', ['create', kinesis, 'stored', '--shards', 1])
    await load('kinesis', ['put-records', kinesis, 'stored', '--in-flight', 2, '--seconds', 3])
    const unlimited = await load<Rate>('fan-out', ['rate', kinesis, 'stored', '--consumers', 1, '--position', 'TRIM_HORIZON', '--warm-up', 0, '--seconds', 3, '--server-pid', pid])
    await load('kinesis', ['create', kinesis, 'limited', '--shards', 1])
    await load('kinesis', ['put-records', kinesis, 'limited', '--in-flight', 2, '--seconds', 3])
    await fetch(`http://127.0.0.1:${sluice.ports.gateway}/admin/kinesis/limits`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{"profile":"aws"}' })
    const limited = await load<Rate>('fan-out', ['rate', kinesis, 'limited', '--consumers', consumers, '--position', 'TRIM_HORIZON', '--seconds', 8, '--server-pid', pid])
    const ms = ({ p50, p99 }: { readonly p50: number; readonly p99: number }): string => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`
    return [
      { name: `put to push at ${latency.recordsPerSecond.toFixed(0)} records/s, ten to a put, durable`, value: ms(latency.pushedMs), against: `put to answer: ${ms(latency.answeredMs)}`,
        ratio: latency.pushedMs.p99 / latency.answeredMs.p99, goal: 'p99 <= 10 ms' },
      { name: 'answer to push', value: ms(latency.behindAnswerMs), against: 'push and answer leave at once' },
      rateRow(`${consumers} consumers of a shard that takes 2 MiB/s, the slowest`, live),
      rateRow(`${consumers} consumers that catch up under AWS's limit, the slowest`, limited),
      { name: 'one consumer that catches up without a limit', value: `${(unlimited.total / MiB).toFixed(0)} MiB/s`, against: costs(unlimited) },
      { name: 'resident memory after all of it', value: `${residentMiB(sluice.process)} MiB`, against: '', goal: '<= 400 MiB' },
    ]
  } finally {
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function rateRow(name: string, rate: Rate): BenchRow {
  return { name, value: `${(rate.slowest / MiB).toFixed(2)} MiB/s, together ${(rate.total / MiB).toFixed(1)}`, against: costs(rate), ratio: rate.slowest / limit, goal: '>= 1, of 2 MiB/s' }
}

function costs({ serverCpuShare, clientCpuShare }: Rate): string {
  return `of a processor: server ${(serverCpuShare * 100).toFixed(0)} %, clients ${(clientCpuShare * 100).toFixed(0)} %`
}

async function load<T>(script: 'fan-out' | 'kinesis', args: readonly (string | number)[]): Promise<T> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, `bench/load/${script}.ts`), ...args.map(String)], { maxBuffer: 10 * MiB })
  return (stdout === '' ? undefined : JSON.parse(stdout)) as T
}

if (import.meta.main) printRows(await run())
