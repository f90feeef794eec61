// A cluster whose brokers have disks of their own, and directories of their own choice: for tests of what becomes of replicas when a disk fills up, rots or is lost.
import { localBackend } from '../../../src/backends/local.ts'
import { type BrokerSpec, type Engine, type EngineOptions, openEngine } from '../../../src/engine/engine.ts'
import { type Appended, type Backend, type PartitionRef, Refusal, type Topic } from '../../../src/ports.ts'
import { buildBatch } from '../../../src/wire/batch.ts'
import type { Logger, World } from '../../../src/world/world.ts'
import { SimDisk } from '../../sim/disk.ts'
import { silent, SimWorld } from '../../sim/world.ts'

export const orders: PartitionRef = { topic: 'orders', partition: 0 }

export interface ClusterOptions {
  /** One for each broker, in order of their ids from 1; default: as many blank ones as `brokers`. */
  readonly disks?: readonly SimDisk[]
  readonly brokers?: number
  /** Of each broker; default /data. */
  readonly directories?: readonly string[]
  /** All brokers lie on this one disk, in directories beside each other. */
  readonly shared?: SimDisk
  readonly settings?: EngineOptions['settings']
  readonly links?: EngineOptions['links']
  readonly logger?: Logger
  readonly seed?: number
  /** 0 reads everything from the disk. */
  readonly cacheBytes?: number
}

export interface Cluster extends AsyncDisposable {
  readonly world: SimWorld
  readonly engine: Engine
  readonly backend: Backend
  readonly disks: readonly SimDisk[]
  readonly specs: readonly BrokerSpec[]
  run<T>(work: () => Promise<T>): Promise<T>
  /** Lets time pass, a little at a time, until it is so; throws after a minute of it. */
  until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void>
  append(value: string, at?: PartitionRef): Promise<Appended | Refusal>
  values(at?: PartitionRef): Promise<string[]>
  topic(name?: string): Topic
}

export async function openCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const world = new SimWorld(options.seed ?? 1, { disksTakeTime: false })
  const disks = options.disks ?? Array.from({ length: options.brokers ?? 3 }, () => options.shared ?? new SimDisk())
  const specs = disks.map((disk, at): BrokerSpec => {
    const own: World = { clock: world.clock, network: world.network, random: world.random, disk }
    return { id: at + 1, rack: 'abc'[at % 3]!, directories: options.directories ?? [options.shared === undefined ? '/data' : `/data-${at + 1}`], world: own }
  })
  const engine = await world.run(() => openEngine({
    world, kek: { type: 'file', key: Buffer.alloc(32, 9) }, logger: options.logger ?? silent, brokers: specs,
    ...(options.links === undefined ? {} : { links: options.links }),
    ...(options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes }),
    settings: { 'group.initial.rebalance.delay.ms': 0, 'default.replication.factor': Math.min(disks.length, 3), 'min.insync.replicas': Math.min(disks.length, 2), ...options.settings },
  }))
  const backend = localBackend(engine)
  const run = <T>(work: () => Promise<T>): Promise<T> => world.run(work)
  return {
    world, engine, backend, disks, specs, run,
    async until(what, isSo) {
      for (let waitedMs = 0; !(await run(async () => isSo())); waitedMs += 50) {
        if (waitedMs > 60_000) throw new Error(`a minute went by without ${what}`)
        await world.clock.advance(50)
      }
    },
    append: (value, at = orders) => run(() => {
      const batch = buildBatch([{ key: null, value: Buffer.from(value) }], { timestampMs: world.clock.now() })
      return backend.logs.append(at, batch, { acks: 'all', timeoutMs: 30_000 })
    }),
    values: (at = orders) => run(async () => {
      const values: string[] = []
      const ends = await backend.logs.ends(at)
      if (ends instanceof Refusal) throw new Error(ends.message)
      for (let offset = ends.logStartOffset; offset < ends.highWatermark;) {
        const slice = await backend.logs.read(at, offset, { bytesMax: 1024 * 1024, atLeastOne: true, committedOnly: false })
        if (slice instanceof Refusal) throw new Error(slice.message)
        for (const batch of slice.batches) {
          for (const record of batch.records()) if (record.offset >= offset) values.push(record.value!.toString())
          offset = batch.nextOffset
        }
      }
      return values
    }),
    topic(name = orders.topic) {
      const topic = engine.image.topic(name)
      if (topic === undefined) throw new Error(`there is no topic ${name}`)
      return topic
    },
    [Symbol.asyncDispose]: () => run(() => engine.close()),
  }
}

/** With the topic `orders`, of one partition. */
export async function openOrders(options: ClusterOptions & { readonly configs?: Readonly<Record<string, string>>; readonly replicationFactor?: number } = {}): Promise<Cluster> {
  const cluster = await openCluster(options)
  const configs = new Map(Object.entries(options.configs ?? {}))
  const made = await cluster.run(() => cluster.backend.admin.createTopic(
    { name: orders.topic, partitions: 1, replicationFactor: options.replicationFactor ?? -1, configs }, { validateOnly: false }))
  if (made instanceof Refusal) throw new Error(made.message)
  return cluster
}
