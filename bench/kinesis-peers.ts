// The Kinesis API beside the emulators of the npm registry, in one run and taking turns: kinesalite (in memory) and kinesis-mock (npm kinesis-local), both without any
// durability, against a whole Sluice of one broker that syncs every put. The same requests from the same client, over plain HTTP/1.1.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startSluice } from '../test/support/sluice.ts'
import { type BenchRow, percentile, printRows } from './row.ts'
import { cacheDirectory, residentMiB } from './served.ts'

const root = join(import.meta.dirname, '..')
const directory = join(cacheDirectory, 'sluice-bench-kinesis-peers')
const rounds = 3
const secondsPerRound = 4

interface Measured {
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Contender {
  readonly name: string
  readonly port: number
  readonly process: ChildProcess
  readonly results: Map<Task, Measured[]>
  memoryMiB: number
}

type Task = 'put-records' | 'put-record' | 'put-record-16' | 'get-records'
const tasks: Readonly<Record<Task, readonly string[]>> = {
  'put-records': ['put-records'], 'put-record': ['put-record', '--in-flight', '1'], 'put-record-16': ['put-record', '--in-flight', '16'], 'get-records': ['get-records'],
}

export async function run(): Promise<BenchRow[]> {
  rmSync(directory, { recursive: true, force: true })
  await using sluice = await startSluice({ directory, settings: { 'brokers': 1, 'kinesis.limits': 'off' } })
  const kinesalite = await startPeer('kinesalite', port => [join(root, 'node_modules/kinesalite/cli.js'), '--port', String(port), '--createStreamMs', '0', '--shardLimit', '100'])
  const mock = await startPeer('kinesis-local', () => [join(root, 'node_modules/kinesis-local/main.js')])
  try {
    const us: Contender = { name: 'sluice', port: sluice.ports.kinesis, process: sluice.process, results: new Map(), memoryMiB: 0 }
    const contenders = [us, kinesalite, mock]
    // Each task has a stream of its own: what an emulator keeps of one must not weigh on the next.
    for (const task of Object.keys(tasks) as Task[]) {
      const stream = `bench-${task}`
      for (const one of contenders) await load(one, ['create'], stream)
      if (task === 'get-records') for (const one of contenders) await load(one, ['put-records', '--in-flight', '1', '--seconds', '2'], stream)
      for (let round = 0; round <= rounds; round++) {
        for (const one of contenders) {
          const measured = JSON.parse(await load(one, [...tasks[task], '--seconds', String(secondsPerRound)], stream)) as Measured
          // The first round warms all of them up.
          if (round > 0) one.results.set(task, [...one.results.get(task) ?? [], measured])
          one.memoryMiB = Math.max(one.memoryMiB, residentMiB(one.process))
        }
      }
    }
    return rowsOf(us, kinesalite, mock)
  } finally {
    kinesalite.process.kill()
    mock.process.kill()
    await sluice.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function rowsOf(us: Contender, kinesalite: Contender, mock: Contender): BenchRow[] {
  const median = ({ results }: Contender, task: Task, what: keyof Measured): number => percentile(results.get(task)!.map(one => one[what]), 0.5)
  const rate = (what: string, task: Task, peer: Contender, goal: string): BenchRow => {
    const [ours, theirs] = [median(us, task, 'recordsPerSecond'), median(peer, task, 'recordsPerSecond')]
    return { name: `${what}, durable`, value: `${ours.toFixed(0)} records/s`, against: `${peer.name}: ${theirs.toFixed(0)} records/s`, ratio: ours / theirs, goal }
  }
  const slowest = (what: string, task: Task, peer: Contender, goal: string): BenchRow => {
    const [ours, theirs] = [median(us, task, 'p99Ms'), median(peer, task, 'p99Ms')]
    const shown = (one: Contender): string => `p50 ${median(one, task, 'p50Ms').toFixed(2)} ms, p99 ${median(one, task, 'p99Ms').toFixed(2)} ms`
    return { name: what, value: shown(us), against: `${peer.name}: ${shown(peer)}`, ratio: ours / theirs, goal }
  }
  const putRecords = 'PutRecords 500 x 1 KB, 16 in flight, 4 shards'
  return [
    rate(putRecords, 'put-records', kinesalite, '>= 3'),
    rate(putRecords, 'put-records', mock, '>= 30'),
    ...[kinesalite, mock].map(peer => slowest('PutRecord 1 KB, one in flight', 'put-record', peer, '< 1')),
    ...[kinesalite, mock].map(peer => slowest('PutRecord 1 KB, 16 in flight', 'put-record-16', peer, '< 1')),
    rate('GetRecords of 1,000 x 1 KB, 4 shards side by side', 'get-records', kinesalite, '>= 5'),
    rate('GetRecords of 1,000 x 1 KB, 4 shards side by side', 'get-records', mock, ''),
    ...[kinesalite, mock].map((peer): BenchRow => (
      { name: 'largest resident memory', value: `${us.memoryMiB} MiB`, against: `${peer.name}: ${peer.memoryMiB} MiB`, ratio: us.memoryMiB / peer.memoryMiB }
    )),
  ]
}

async function load(at: Contender, args: readonly string[], stream: string): Promise<string> {
  const [task, ...options] = args
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bench/load/kinesis.ts'), task!, String(at.port), stream, ...options])
  return stdout
}

/** An emulator in a process of its own, listening. kinesis-local takes its ports from the environment and its certificate from where it is started. */
async function startPeer(name: string, args: (port: number) => readonly string[]): Promise<Contender> {
  const [plain, tls] = [await freePort(), await freePort()]
  const child = spawn(process.execPath, [...args(plain)], {
    stdio: 'ignore', cwd: join(root, 'node_modules', name), env: { ...process.env, KINESIS_MOCK_PLAIN_PORT: String(plain), KINESIS_MOCK_TLS_PORT: String(tls), LOG_LEVEL: 'ERROR', SHARD_LIMIT: '100' },
  })
  const deadline = performance.now() + 30_000
  while (performance.now() < deadline) {
    try {
      await fetch(`http://127.0.0.1:${plain}/`)
      return { name, port: plain, process: child, results: new Map(), memoryMiB: 0 }
    } catch {
      await pause(50)
    }
  }
  child.kill()
  throw new Error(`${name} does not listen on port ${plain}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

if (import.meta.main) printRows(await run())
