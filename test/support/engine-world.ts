// A whole engine in a simulated world, for tests: one line to open, to restart after a power cut, to append and to read back.
import { localBackend } from '../../src/backends/local.ts'
import { type BrokerSpec, type Engine, type EngineOptions, openEngine } from '../../src/engine/engine.ts'
import { type Appended, type Backend, type PartitionRef, Refusal } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import type { Logger } from '../../src/world/world.ts'
import type { SimDisk } from '../sim/disk.ts'
import { silent, SimWorld } from '../sim/world.ts'

export interface EngineWorldOptions {
  readonly seed?: number
  /** Goes on with what this disk holds. */
  readonly disk?: SimDisk
  /** Disk operations take simulated time; whoever awaits must then drive the clock (`world.run`). Default false. */
  readonly disksTakeTime?: boolean
  readonly settings?: EngineOptions['settings']
  readonly clusterId?: string
  /** The id of the first broker. */
  readonly brokerId?: number
  /** How many there are; default 1. */
  readonly brokers?: number
  readonly kek?: EngineOptions['kek']
  readonly logger?: Logger
  readonly cacheBytes?: number
}

export interface EngineWorld extends AsyncDisposable {
  readonly world: SimWorld
  readonly engine: Engine
  readonly backend: Backend
}

export const directory = '/data'

/** The first broker lies in `directory` itself, its fellows beside it, in other zones. */
export function brokerSpec(id: number, isFirst = id === 1): BrokerSpec {
  return { id, rack: 'abc'[(id - 1) % 3]!, directories: [isFirst ? directory : `${directory}-${id}`] }
}

export const kek = { type: 'file' as const, key: Buffer.alloc(32, 9) }

export async function openEngineWorld(options: EngineWorldOptions = {}): Promise<EngineWorld> {
  const world = new SimWorld(options.seed ?? 1, { disksTakeTime: options.disksTakeTime ?? false, ...(options.disk === undefined ? {} : { disk: options.disk }) })
  const opening = openEngine({
    world, kek: options.kek ?? kek, logger: options.logger ?? silent,
    brokers: Array.from({ length: options.brokers ?? 1 }, (_, at) => brokerSpec((options.brokerId ?? 1) + at, at === 0)),
    settings: { 'group.initial.rebalance.delay.ms': 0, ...options.settings },
    ...(options.clusterId === undefined ? {} : { clusterId: options.clusterId }),
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
  })
  const engine = await (options.disksTakeTime === true ? world.run(() => opening) : opening)
  const backend = localBackend(engine)
  return { world, engine, backend, [Symbol.asyncDispose]: () => world.run(() => engine.close()) }
}

/** Appends the values as one batch, acks=all. */
export function append({ logs }: Backend, at: PartitionRef, values: readonly string[], timestampMs = Date.UTC(2026, 0, 1)): Promise<Appended | Refusal> {
  const records = values.map(value => ({ key: null, value: Buffer.from(value) }))
  return logs.append(at, buildBatch(records, { timestampMs }), { acks: 'all', timeoutMs: 30_000 })
}

/** Every value of the partition, in order. */
export async function valuesOf({ logs }: Backend, at: PartitionRef): Promise<string[]> {
  const values: string[] = []
  const ends = await logs.ends(at)
  if (ends instanceof Refusal) throw new Error(ends.message)
  for (let offset = ends.logStartOffset; offset < ends.highWatermark;) {
    const slice = await logs.read(at, offset, { bytesMax: 1024 * 1024, atLeastOne: true, committedOnly: false })
    if (slice instanceof Refusal) throw new Error(slice.message)
    for (const batch of slice.batches) {
      for (const record of batch.records()) if (record.offset >= offset) values.push(record.value!.toString())
      offset = batch.nextOffset
    }
  }
  return values
}
