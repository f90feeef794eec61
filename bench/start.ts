// From starting the process to ready, and the memory it then holds: with certificates and an empty data directory, and with a directory that holds topics.
// The other side is Node itself doing nothing.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { percentile, printRows, type BenchRow } from './row.ts'

const command = join(import.meta.dirname, '..', 'src', 'cli', 'sluice.ts')
const rounds = 9
const settleMs = 2_000

export async function run(): Promise<BenchRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  try {
    await start(directory, 'first', 0)
    const empty: number[] = []
    const again: number[] = []
    const bare: number[] = []
    for (let round = 0; round < rounds; round++) {
      empty.push((await start(directory, `data-${round}`, 0)).readyMs)
      again.push((await start(directory, 'first', 0)).readyMs)
      bare.push(bareNode())
    }
    const { residentMb } = await start(directory, 'first', settleMs)
    const node = percentile(bare, 0.5)
    const row = (name: string, samples: number[]): BenchRow => {
      const median = percentile(samples, 0.5)
      return { name, value: `${Math.round(median)} ms median of ${rounds}`, against: `node -e 0: ${Math.round(node)} ms`, ratio: median / node, goal: '<= 500 ms' }
    }
    return [
      row('start to ready, empty data directory', empty),
      row('start to ready, existing data directory', again),
      { name: 'resident memory, idle', value: `${Math.round(residentMb)} MB`, against: 'goal only', goal: '<= 150 MB' },
    ]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function start(directory: string, data: string, holdMs: number): Promise<{ readyMs: number; residentMb: number }> {
  const ports = ['kafka-tls', 'kinesis', 'gateway', 'management'].map(name => `--${name}-port=0`)
  const flags = ['--json', '--host=127.0.0.1', `--data-dir=${join(directory, data)}`, `--certs-dir=${join(directory, 'certs')}`, ...ports]
  const startedAt = performance.now()
  const child = spawn(process.execPath, [command, 'start', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit').then(([code]) => { throw new Error(`sluice ended with ${code} before it was ready`) })
  await Promise.race([once(child.stdout, 'data'), ended])
  ended.catch(() => {})
  const readyMs = performance.now() - startedAt
  await new Promise(resolve => setTimeout(resolve, holdMs))
  const residentMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024
  child.kill('SIGTERM')
  await once(child, 'exit')
  return { readyMs, residentMb }
}

function bareNode(): number {
  const startedAt = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - startedAt
}

if (import.meta.main) printRows(await run())
