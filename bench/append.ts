// Durable encrypted append through a Log on the real disk, against what the same disk does with a plain file: 1 MiB batches for throughput, one
// 1 KB record at a time for latency. Ours and theirs take turns, so that both see the same disk and the same neighbours.
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { Log } from '../src/engine/log/log.ts'
import { TailCache } from '../src/engine/log/tail-cache.ts'
import { Keyring } from '../src/engine/sealed/keyring.ts'
import { Refusal } from '../src/ports.ts'
import { type Batch, buildBatch } from '../src/wire/batch.ts'
import { nodeWorld } from '../src/world/node.ts'
import { type BenchRow, percentile, printRows } from './row.ts'
import { writeOneByOne } from './plain-disk.ts'

// Beside the sources, because a temporary directory is often no disk at all.
const directory = `${import.meta.dirname}/../node_modules/.cache/sluice-bench`
const mebibyte = 1024 * 1024
const rounds = 5
const largeCount = 96
const smallCount = 1000
/** As many batches as a producer has in flight. */
const inFlight = 5

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const log = await openLog()
  const plain = openSync(`${directory}/plain`, 'w')
  try {
    const ours: number[] = []
    const theirs: number[] = []
    const ourSmall: number[] = []
    const theirSmall: number[] = []
    await appendMany(log, batches(8, mebibyte))
    for (let round = 0; round < rounds; round++) {
      theirs.push(writeMany(plain, largeCount))
      ours.push(await appendMany(log, batches(largeCount, mebibyte)))
      theirSmall.push(...writeOneByOne(plain, smallCount))
      ourSmall.push(...await appendOneByOne(log, batches(smallCount, 1024)))
    }
    const [ourRate, theirRate] = [percentile(ours, 0.5), percentile(theirs, 0.5)]
    return [
      {
        name: 'durable encrypted append, 1 MiB batches',
        value: `${ourRate.toFixed(0)} MiB/s`,
        against: `write + fdatasync of 1 MiB: ${theirRate.toFixed(0)} MiB/s`,
        ratio: ourRate / theirRate,
        goal: '>= 0.60',
      },
      ...([0.5, 0.99] as const).map(share => latencyRow(share, percentile(ourSmall, share), percentile(theirSmall, share))),
    ]
  } finally {
    closeSync(plain)
    await log.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function latencyRow(share: number, ours: number, theirs: number): BenchRow {
  const name = `p${share * 100}`
  return {
    name: `one 1 KB record, durable, ${name}`, value: `${ours.toFixed(2)} ms`, against: `write + fdatasync of 1 KB, ${name}: ${theirs.toFixed(2)} ms`,
    ratio: ours / theirs, ...(share === 0.99 && { goal: '<= 3.00' }),
  }
}

async function openLog(): Promise<Log> {
  const world = nodeWorld()
  const keys = await Keyring.open({ world, directory, source: { type: 'file', key: world.random.bytes(32) } })
  return Log.open({
    world, keys, directory: `${directory}/log`, cache: new TailCache(64 * mebibyte),
    identity: { clusterId: 'bench', topicId: world.random.uuid(), partition: 0, broker: 1 },
    config: () => ({
      segmentBytes: 1024 * mebibyte, segmentMs: Infinity, retentionMs: -1, retentionBytes: -1, messageBytesMax: 2 * mebibyte, timestampType: 'create',
      timestampBeforeMaxMs: Infinity, timestampAfterMaxMs: Infinity, compact: false, compressionType: 'producer',
    }),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
}

/** Random bytes, so that nothing on the way gains by compressing them. */
function batches(count: number, bytes: number): Batch[] {
  const value = nodeWorld().random.bytes(bytes - 80)
  return Array.from({ length: count }, () => buildBatch([{ key: null, value }], { timestampMs: Date.now() }))
}

/** MiB a second. */
async function appendMany(log: Log, all: readonly Batch[]): Promise<number> {
  const startedMs = performance.now()
  const waiting: Promise<void>[] = []
  for (const batch of all) {
    if (waiting.length >= inFlight) await waiting.shift()
    waiting.push(append(log, batch))
  }
  await Promise.all(waiting)
  return all.length / ((performance.now() - startedMs) / 1000)
}

async function appendOneByOne(log: Log, all: readonly Batch[]): Promise<number[]> {
  const samples: number[] = []
  for (const batch of all) {
    const startedMs = performance.now()
    await append(log, batch)
    samples.push(performance.now() - startedMs)
  }
  return samples
}

function append(log: Log, batch: Batch): Promise<void> {
  const appended = log.append(batch, 0)
  if (appended instanceof Refusal) throw new Error(appended.message)
  return appended.durable
}

function writeMany(file: number, count: number): number {
  const bytes = nodeWorld().random.bytes(mebibyte)
  const startedMs = performance.now()
  for (let index = 0; index < count; index++) {
    writeSync(file, bytes)
    fdatasyncSync(file)
  }
  return count / ((performance.now() - startedMs) / 1000)
}

if (import.meta.main) printRows(await run())
