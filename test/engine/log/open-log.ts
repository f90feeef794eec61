// Opens logs on the simulated disk for the tests of this folder.
import { Batch, buildBatch } from '../../../src/wire/batch.ts'
import type { LogConfig } from '../../../src/engine/log/config.ts'
import { Log, type LogAppended, type LogOptions } from '../../../src/engine/log/log.ts'
import { TailCache } from '../../../src/engine/log/tail-cache.ts'
import { Keyring } from '../../../src/engine/sealed/keyring.ts'
import { type AppendOptions, Refusal } from '../../../src/ports.ts'
import { SimWorld, silent } from '../../sim/world.ts'
import type { SimDisk } from '../../sim/disk.ts'

export const identity = { clusterId: 'AAAAAAAAAAAAAAAAAAAAAA', topicId: '11111111-1111-4111-8111-111111111111', partition: 0, broker: 1 }
export const directory = '/data/topic/0'

export const defaults: LogConfig = {
  segmentBytes: 1_073_741_824, segmentMs: 604_800_000, retentionMs: -1, retentionBytes: -1, messageBytesMax: 1_048_588, timestampType: 'create',
  timestampBeforeMaxMs: Infinity, timestampAfterMaxMs: 3_600_000, compact: false, compressionType: 'producer',
}

export interface Opened extends AsyncDisposable {
  readonly log: Log
  readonly world: SimWorld
  readonly disk: SimDisk
}

export interface OpenOptions {
  readonly config?: Partial<LogConfig>
  /** Continue on this disk. */
  readonly disk?: SimDisk
  readonly key?: Buffer
  readonly cacheBytes?: number
  /** In place of one of its own. */
  readonly cache?: TailCache
  readonly identity?: typeof identity
  readonly eagerBytes?: number
  /** Of the world's chance: keys are never the same twice where it is another each time. */
  readonly seed?: number
  readonly onFailure?: (error: Error) => void
  readonly onFull?: (error: Error) => void
  /** Instead of Log.open. */
  readonly how?: (options: LogOptions) => Promise<Log>
}

/** A log on a disk that takes no time; a new one unless a disk is given. */
export async function openLog(options: OpenOptions = {}): Promise<Opened> {
  const world = new SimWorld(options.seed ?? 1, { disksTakeTime: false, ...(options.disk && { disk: options.disk }) })
  await world.disk.makeDirectory('/data')
  await world.disk.syncDirectory('')
  const keys = await Keyring.open({ world, directory: '/data', source: { type: 'file', key: options.key ?? Buffer.alloc(32, 1) } })
  const config = { ...defaults, ...options.config }
  const log = await (options.how ?? Log.open)({
    world, directory, identity: options.identity ?? identity, keys, config: () => config, cache: options.cache ?? new TailCache(options.cacheBytes ?? 10_000_000), logger: silent,
    ...(options.eagerBytes !== undefined && { eagerBytes: options.eagerBytes }),
    ...(options.onFailure && { onFailure: options.onFailure }), ...(options.onFull && { onFull: options.onFull }),
  })
  return { log, world, disk: world.disk, [Symbol.asyncDispose]: () => log.close() }
}

/** What the disk has been asked for from now on, and what of it has not ended. Reading aside. */
export function watch(disk: SimDisk): { readonly begun: string[]; readonly underWay: Set<string> } {
  const watched = { begun: [] as string[], underWay: new Set<string>() }
  disk.onOperation = (operation, path) => {
    const call = `${operation} ${path}`
    if (operation === 'read' || watched.underWay.delete(call)) return
    watched.begun.push(call)
    watched.underWay.add(call)
  }
  return watched
}

export function batchOf(values: readonly string[], timestampMs = Date.UTC(2026, 0, 1), options: Partial<Parameters<typeof buildBatch>[1]> = {}): Batch {
  return buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), { timestampMs, ...options })
}

/** Appends and waits until the batch is durable. */
export async function append(log: Log, batch: Batch, leaderEpoch = 0, gaps?: AppendOptions['gaps']): Promise<LogAppended> {
  const appended = log.append(batch, leaderEpoch, gaps)
  if (appended instanceof Refusal) throw new Error(`${appended.code}: ${appended.message}`)
  await appended.durable
  return appended
}

/** Every value from `from` to the end. */
export async function valuesOf(log: Log, from = log.startOffset): Promise<string[]> {
  const values: string[] = []
  for (let offset = from; offset < log.endOffset;) {
    const batches = await log.read(offset, { bytesMax: 1000, atLeastOne: true, upTo: log.durableEndOffset })
    if (batches instanceof Refusal) throw new Error(`${batches.code}: ${batches.message}`)
    if (batches.length === 0) break
    for (const record of batches.flatMap(batch => batch.records())) if (record.offset >= from) values.push(`${record.value}`)
    offset = batches.at(-1)!.nextOffset
  }
  return values
}
