// The partitions that are open: each is opened when somebody first needs it, kept open, swept for old records, and closed or destroyed once.
// Files lie under topics/<topic id>/<partition>, so that a topic made again under its old name never meets the old one's files.
import { type PartitionRef, Refusal, type Seen } from '../ports.ts'
import type { Disk, Logger, World } from '../world/world.ts'
import { type Catalog, unknownPartition, unknownTopic } from './catalog/catalog.ts'
import { ensureDirectory } from './directory.ts'
import type { DiskFailure } from './disk-failure.ts'
import type { LogConfig } from './log/config.ts'
import { Log } from './log/log.ts'
import type { TailCache } from './log/tail-cache.ts'
import { logConfigOf } from './log-configs.ts'
import { OpenPartition, storageError } from './partition.ts'
import { Damaged, WrongKey } from './sealed/errors.ts'
import type { Keyring } from './sealed/keyring.ts'

export interface PartitionsOptions {
  readonly world: World
  /** The broker's data directory. */
  readonly directory: string
  readonly clusterId: string
  readonly brokerId: number
  readonly keyring: Keyring
  readonly cache: TailCache
  readonly logger: Logger
  readonly catalog: Catalog
  /** Resolves once everything the catalog says is committed; with a refusal where it cannot be. */
  readonly settled: () => Promise<null | Refusal>
  readonly failure: DiskFailure
}

type Opening = OpenPartition | Promise<OpenPartition | Refusal>

export class Partitions {
  readonly #options: PartitionsOptions
  readonly #open = new Map<string, Opening>()
  readonly #configs = new Map<string, { readonly version: number; readonly config: LogConfig }>()
  #closed = false

  constructor(options: PartitionsOptions) {
    this.#options = options
  }

  /** The partition, opened if need be; at once where it is open already. */
  find({ topic: name, partition: index }: PartitionRef): Opening | Refusal {
    const { catalog, brokerId, failure } = this.#options
    if (failure.refusal !== undefined) return failure.refusal
    const topic = catalog.topic(name)
    if (topic === undefined) return unknownTopic(name)
    const partition = topic.partitions[index]
    if (partition === undefined) return unknownPartition(name, index)
    if (partition.leader !== brokerId) return new Refusal('not-leader', `broker ${partition.leader}, not ${brokerId}, leads ${name}-${index}`)
    const key = keyOf(topic.id, index)
    const known = this.#open.get(key)
    if (known !== undefined) return known
    if (this.#closed) return closing()
    const opening = this.#openOne(topic.id, index, `${name}-${index}`)
    this.#open.set(key, opening)
    return opening
  }

  /** As the port has it: resolves as soon as one of the partitions has moved past what was seen, is gone, or the signal aborts. */
  async changed(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const watched: { readonly partition: OpenPartition; readonly highWatermark: number }[] = []
    for (const one of seen) {
      const found = this.find(one)
      const partition = found instanceof Promise ? await found : found
      if (partition instanceof Refusal) return
      watched.push({ partition, highWatermark: one.highWatermark })
    }
    const hasMoved = watched.some(({ partition, highWatermark }) => partition.ends() instanceof Refusal || partition.highWatermark > highWatermark)
    if (hasMoved || signal.aborted || this.#closed) return
    await new Promise<void>(resolve => {
      const wake = (): void => {
        for (const { partition } of watched) partition.forget(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      for (const { partition } of watched) partition.wait(wake)
    })
  }

  /** Removes what has outlived its retention, of every partition that has files. */
  async applyRetention(): Promise<void> {
    const { catalog, world, logger } = this.#options
    for (const topic of catalog.topics) {
      if (!(await world.disk.exists(this.#topicDirectory(topic.id)))) continue
      for (const { index } of topic.partitions) {
        if (this.#closed) return
        if (!(await world.disk.exists(this.#partitionDirectory(topic.id, index)))) continue
        const partition = await this.find({ topic: topic.name, partition: index })
        if (partition instanceof Refusal) continue
        try {
          await partition.log.applyRetention()
          await partition.log.checkpoint()
        } catch (error) {
          logger.error({ partition: partition.name, error: String(error) }, 'old records could not be removed')
        }
      }
    }
  }

  /**
   * The topic is no longer in the catalog: its partitions stop serving, its key is shredded, its files go. In this order, so that a crash leaves
   * nothing readable.
   */
  async destroy(topicId: string, name: string): Promise<void> {
    const open = await this.#takeOut(topicId, unknownTopic(name))
    await this.#options.keyring.shred(topicId)
    for (const partition of open) await partition.log.destroy()
    await this.#removeFiles(topicId)
  }

  /** Whether the partition has files: one that nobody has asked for yet has none. */
  async hasFiles({ topic: name, partition }: PartitionRef): Promise<boolean> {
    const topic = this.#options.catalog.topic(name)
    return topic !== undefined && this.#options.world.disk.exists(this.#partitionDirectory(topic.id, partition))
  }

  /** Topic ids that have files. */
  async stored(): Promise<string[]> {
    const { world, directory } = this.#options
    const root = `${directory}/topics`
    return (await world.disk.exists(root)) ? world.disk.list(root) : []
  }

  async close(): Promise<void> {
    this.#closed = true
    const open = await Promise.all(this.#open.values())
    this.#open.clear()
    for (const partition of open) if (!(partition instanceof Refusal)) partition.retire(closing())
    await Promise.all(open.map(partition => (partition instanceof Refusal ? undefined : partition.log.close())))
  }

  async #openOne(topicId: string, index: number, name: string): Promise<OpenPartition | Refusal> {
    const { world, clusterId, brokerId, keyring, cache, catalog, logger, failure } = this.#options
    const key = keyOf(topicId, index)
    try {
      // A topic whose record a crash could still take away must not get files, let alone acknowledge records.
      const unsettled = await this.#options.settled()
      if (unsettled !== null) {
        this.#open.delete(key)
        return unsettled
      }
      const directory = this.#partitionDirectory(topicId, index)
      await ensureDirectory(world.disk, directory)
      const identity = { clusterId, topicId, partition: index, broker: brokerId }
      const log = await Log.open({
        world, directory, identity, keys: keyring, config: () => this.#configOf(topicId), cache, logger, onFailure: failure.report,
      })
      const gone = { index, leader: -1, leaderEpoch: 0, replicas: [], inSyncReplicas: [], createdAtMs: 0 }
      const state = () => catalog.topicById(topicId)?.partitions[index] ?? gone
      const config = (config: string): string => catalog.configs.topic(catalog.topicById(topicId)?.configs ?? new Map(), config)
      const partition = new OpenPartition({
        name, log, clock: world.clock, state,
        minInSyncReplicas: () => Number(config('min.insync.replicas')),
        flushesEachBatch: () => config('flush.messages') === '1',
      })
      if (this.#closed || catalog.topicById(topicId) === undefined) {
        this.#open.delete(key)
        await log.close()
        return this.#closed ? closing() : unknownTopic(name)
      }
      this.#open.set(key, partition)
      return partition
    } catch (error) {
      // What is damaged or sealed with another key stays so, and is long to read; anything else, such as a lack of file handles, may pass.
      if (!(error instanceof Damaged || error instanceof WrongKey)) this.#open.delete(key)
      logger.error({ partition: name, error: String(error) }, 'a partition cannot be opened')
      if (isDiskFailure(error)) failure.report(error)
      return storageError(name, error)
    }
  }

  /** Read on every append, so it is kept until the catalog changes. */
  #configOf(topicId: string): LogConfig {
    const { catalog } = this.#options
    const known = this.#configs.get(topicId)
    if (known?.version === catalog.version) return known.config
    const config = logConfigOf(catalog.configs, catalog.topicById(topicId)?.configs ?? new Map())
    this.#configs.set(topicId, { version: catalog.version, config })
    return config
  }

  async #takeOut(topicId: string, reason: Refusal): Promise<OpenPartition[]> {
    const taken: OpenPartition[] = []
    for (const [key, opening] of this.#open) {
      if (!key.startsWith(`${topicId}/`)) continue
      const partition = await opening
      this.#open.delete(key)
      if (partition instanceof Refusal) continue
      partition.retire(reason)
      taken.push(partition)
    }
    this.#configs.delete(topicId)
    return taken
  }

  async #removeFiles(topicId: string): Promise<void> {
    const { disk } = this.#options.world
    const topicDirectory = this.#topicDirectory(topicId)
    if (!(await disk.exists(topicDirectory))) return
    for (const name of await disk.list(topicDirectory)) await removePartition(disk, `${topicDirectory}/${name}`)
    await disk.removeDirectory(topicDirectory)
    await disk.syncDirectory(`${this.#options.directory}/topics`)
  }

  #topicDirectory(topicId: string): string {
    return `${this.#options.directory}/topics/${topicId}`
  }

  #partitionDirectory(topicId: string, index: number): string {
    return `${this.#topicDirectory(topicId)}/${index}`
  }
}

async function removePartition(disk: Disk, directory: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (name === 'quarantine') await removePartition(disk, `${directory}/${name}`)
    else await disk.remove(`${directory}/${name}`)
  }
  await disk.removeDirectory(directory)
}

function keyOf(topicId: string, index: number): string {
  return `${topicId}/${index}`
}

function closing(): Refusal {
  return new Refusal('not-leader', 'the broker is shutting down')
}

function isDiskFailure(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === 'EIO'
}
