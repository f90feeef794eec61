// From starting the process to ready, the memory it then holds, and the processor time of doing nothing: with three brokers, as it comes, and with one; with certificates and
// an empty data directory, and with a directory that was used before. The other side is Node itself doing nothing.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { percentile, printRows, type BenchRow } from './row.ts'
import { processorMs, residentMiB } from './served.ts'

const command = join(import.meta.dirname, '..', 'src', 'cli', 'sluice.ts')
const rounds = 9
const settleMs = 2_000
const idleMs = 20_000

interface Start {
  /** Below the bench's directory. */
  readonly data: string
  readonly brokers: number
  /** Whether it is watched doing nothing before it is stopped. */
  readonly isWatched: boolean
}

export async function run(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  try {
    const rows: BenchRow[] = []
    for (const brokers of [3, 1]) rows.push(...await rowsOf(directory, brokers))
    return rows
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function rowsOf(directory: string, brokers: number): Promise<BenchRow[]> {
  const used = `${brokers}-used`
  await start(directory, { data: used, brokers, isWatched: false })
  const empty: number[] = []
  const again: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    empty.push((await start(directory, { data: `${brokers}-${round}`, brokers, isWatched: false })).readyMs)
    again.push((await start(directory, { data: used, brokers, isWatched: false })).readyMs)
    bare.push(bareNode())
  }
  const { memoryMiB, busyShare } = await start(directory, { data: used, brokers, isWatched: true })
  const node = percentile(bare, 0.5)
  const of = brokers === 1 ? 'one broker' : `${brokers} brokers`
  const row = (name: string, samples: number[]): BenchRow => {
    const median = percentile(samples, 0.5)
    return { name: `${of}, ${name}`, value: `${Math.round(median)} ms median of ${rounds}`, against: `node -e 0: ${Math.round(node)} ms`, ratio: median / node, goal: '<= 500 ms' }
  }
  return [
    row('start to ready, empty data directory', empty),
    row('start to ready, existing data directory', again),
    { name: `${of}, resident memory, idle`, value: `${memoryMiB} MiB`, against: 'goal only', goal: '<= 150 MB' },
    { name: `${of}, processor time, idle for ${idleMs / 1000} s`, value: `${(busyShare * 100).toFixed(2)} %`, against: 'goal only', goal: '< 1 %' },
  ]
}

async function start(directory: string, { data, brokers, isWatched }: Start): Promise<{ readyMs: number; memoryMiB: number; busyShare: number }> {
  const ports = ['kafka-tls', 'kinesis', 'gateway', 'management'].map(name => `--${name}-port=0`)
  const flags = ['--json', '--host=127.0.0.1', `--brokers=${brokers}`, `--data-dir=${join(directory, data)}`, `--certs-dir=${join(directory, 'certs')}`, ...ports]
  const startedAt = performance.now()
  const child = spawn(process.execPath, [command, 'start', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(([code]) => { throw new Error(`sluice ended with ${code} before it was ready`) })
  await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  const readyMs = performance.now() - startedAt
  if (isWatched) await pause(settleMs)
  const memoryMiB = residentMiB(child)
  const before = processorMs(child)
  if (isWatched) await pause(idleMs)
  const busyShare = (processorMs(child) - before) / idleMs
  child.kill('SIGTERM')
  await once(child, 'exit')
  return { readyMs, memoryMiB, busyShare }
}

function bareNode(): number {
  const startedAt = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - startedAt
}

if (import.meta.main) printRows(await run())
