// Memory over five gigabytes of PutRecords: what a Sluice of one broker holds after each half gigabyte, beside what it held after the first.
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startSluice } from '../test/support/sluice.ts'
import { type BenchRow, printRows } from './row.ts'
import { cacheDirectory, residentMiB } from './served.ts'

const root = join(import.meta.dirname, '..')
const directory = join(cacheDirectory, 'sluice-bench-kinesis-memory')
const bytesInAll = 5e9
const recordBytes = 1_024

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory, settings: { 'brokers': 1, 'kinesis.limits': 'off' } })
  try {
    await load(sluice.ports.kinesis, ['create'])
    const samplesMiB: number[] = []
    let bytes = 0
    while (bytes < bytesInAll) {
      const { records } = JSON.parse(await load(sluice.ports.kinesis, ['put-records', '--seconds', '8'])) as { records: number }
      bytes += records * recordBytes
      samplesMiB.push(residentMiB(sluice.process))
    }
    const first = samplesMiB[0]!
    const most = Math.max(...samplesMiB)
    return [{
      name: `resident memory while ${(bytes / 1e9).toFixed(1)} GB are put, ${samplesMiB.length} samples`, value: `at most ${most} MiB, at the end ${samplesMiB.at(-1)} MiB`,
      against: `after the first ${(bytes / samplesMiB.length / 1e9).toFixed(1)} GB: ${first} MiB`, ratio: most / first, goal: 'flat',
    }]
  } finally {
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function load(port: number, args: readonly string[]): Promise<string> {
  const [task, ...options] = args
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bench/load/kinesis.ts'), task!, String(port), 'bench', ...options])
  return stdout
}

if (import.meta.main) printRows(await run())
