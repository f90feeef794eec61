// What the benches with a whole Sluice in a process of its own share: the load from another process, what a topic's replicas say, and the server's memory and time.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const root = join(import.meta.dirname, '..')
/** Beside the sources, because a temporary directory is often no disk at all. */
export const cacheDirectory = join(root, 'node_modules', '.cache')

export interface Produced {
  readonly records: number
  readonly bytes: number
  readonly seconds: number
  readonly latencyMs: { readonly p50: number; readonly p99: number }
}

export interface Fetched {
  readonly bytes: number
  readonly seconds: number
}

export type KafkaTask = 'create' | 'leader' | 'produce' | 'fetch' | 'pace'
type Options = Readonly<Record<string, number | string>>

/** A task of bench/load/kafka.ts on the broker at that port, under way. */
export function startKafkaLoad(port: number, task: KafkaTask, topic: string, options: Options = {}): { readonly child: ChildProcess; readonly result: Promise<unknown> } {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const child = spawn(process.execPath, [join(root, 'bench/load/kafka.ts'), task, String(port), topic, ...flags], { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const result = once(child, 'close').then(() => {
    if (output === '') throw new Error(`${task} on port ${port} failed`)
    return JSON.parse(output) as unknown
  })
  return { child, result }
}

/** What that task printed at its end. */
export async function kafkaLoad<T>(port: number, task: KafkaTask, topic: string, options: Options = {}): Promise<T> {
  return await startKafkaLoad(port, task, topic, options).result as T
}

export function megabytesPerSecond({ bytes, seconds }: { readonly bytes: number; readonly seconds: number }): number {
  return bytes / seconds / 1e6
}

export interface ShownPartition {
  readonly leader: number
  readonly inSyncReplicas: readonly number[]
  readonly replicas: readonly { readonly broker: number; readonly isInSync: boolean; readonly logEndOffset: number | null }[]
}

/** The topic's first partition, as the gateway shows it. */
export async function shownPartition(gatewayPort: number, topic: string): Promise<ShownPartition> {
  const answer = await fetch(`http://127.0.0.1:${gatewayPort}/admin/topics/${topic}/replicas`)
  if (!answer.ok) throw new Error(`the replicas of ${topic}: HTTP ${answer.status}: ${await answer.text()}`)
  return (await answer.json() as { partitions: ShownPartition[] }).partitions[0]!
}

/** Until all replicas of the topic's first partition are in sync. */
export async function untilInSync(gatewayPort: number, topic: string, { count, msMax }: { readonly count: number; readonly msMax: number }): Promise<void> {
  const deadline = performance.now() + msMax
  for (;;) {
    const { inSyncReplicas } = await shownPartition(gatewayPort, topic)
    if (inSyncReplicas.length === count) return
    if (performance.now() > deadline) throw new Error(`after ${msMax} ms only brokers ${inSyncReplicas.join(', ')} are in sync for ${topic}`)
    await pause(50)
  }
}

export function residentMiB({ pid }: ChildProcess): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024)
}

/** What the process has used of processors so far, in milliseconds, in steps of ten. */
export function processorMs({ pid }: Pick<ChildProcess, 'pid'>): number {
  // proc_pid_stat(5): behind the name in brackets utime and stime are the 12th and 13th, in hundredths of a second.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
