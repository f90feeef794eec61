// The built-in broker: opens a data directory, replays its catalog, and holds what the local backend serves from. Everything outside comes
// through the world it is given, so that a whole broker runs in a test from one seed.
//
//   <directory>/lock              held by the one process that may write here
//   <directory>/identity.N        which cluster and broker this directory belongs to
//   <directory>/keyring.N         the topics' data keys, wrapped
//   <directory>/clean-shutdown    there while nobody writes and the last one stopped in order
//   <directory>/metadata/         the log of __cluster_metadata
//   <directory>/topics/<id>/<n>/  the log of partition n of a topic
import { type NewTopic, Refusal, type Topic } from '../ports.ts'
import type { Timer, World } from '../world/world.ts'
import { Catalog, producerIdsPerBlock } from './catalog/catalog.ts'
import type { CatalogCommand, CatalogReplies } from './catalog/commands.ts'
import { claimDirectory, type DirectoryClaim, EngineError, openIdentity } from './directory.ts'
import { DiskFailure } from './disk-failure.ts'
import { GroupCoordinator, offsetsTopic } from './groups/coordinator.ts'
import { TailCache } from './log/tail-cache.ts'
import { internalTopicConfigs } from './log-configs.ts'
import type { MachineLog } from './machine.ts'
import { type CatalogRuntime, machineLog, openKeyring, openMetadata, type OpeningOptions, refuseStrays, replayCatalog } from './opening.ts'
import { Partitions } from './partitions.ts'

export interface EngineOptions extends OpeningOptions {
  /** For a new directory; a directory of another cluster is refused. Left out: a new one is made up. */
  readonly clusterId?: string
  /** Broker configs by Kafka's names; an unknown name or a bad value is refused. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Memory for recent batches over all partitions. */
  readonly cacheBytes?: number
  /** One line about each step that may take long. */
  readonly onProgress?: (line: string) => void
}

const cacheBytesDefault = 64 * 1024 * 1024
const minuteMs = 60_000

/** Opens the directory, or a new one; rejects with an EngineError of one line where it cannot be. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { world, directory, broker, settings = {} } = options
  const catalog = new Catalog({ brokerId: broker.id, settings })
  const claim = await claimDirectory(world, directory)
  try {
    return await openClaimed(options, catalog, claim)
  } catch (error) {
    await claim.release({ isClean: claim.wasClean })
    throw error
  }
}

async function openClaimed(options: EngineOptions, catalog: Catalog, claim: DirectoryClaim): Promise<Engine> {
  const { world, directory, broker, logger, onProgress = () => {} } = options
  if (!claim.wasClean) onProgress(`${directory} was not left in order: its logs are recovered`)
  const clusterId = await openIdentity(world, { directory, clusterId: options.clusterId, brokerId: broker.id })
  const keyring = await openKeyring(options)
  const cache = new TailCache(options.cacheBytes ?? cacheBytesDefault)
  await using opened = new AsyncDisposableStack()
  const failure = new DiskFailure(directory, logger)
  const metadata = opened.use(await openMetadata(options, { catalog, clusterId, keyring, cache, failure }))
  const isNew = metadata.endOffset === 0
  const runtime = opened.use(await replayCatalog(options, catalog, machineLog(metadata)))
  const registered = await runtime.submit({ type: 'register', clusterId, broker })
  if (registered instanceof Refusal) throw new EngineError('damaged', `${directory}: ${registered.message}`)
  const partitions = new Partitions({
    world, directory, clusterId, brokerId: broker.id, keyring, cache, logger, catalog,
    settled: () => runtime.ask(() => null), failure,
  })
  await refuseStrays(partitions, catalog, { directory, isNew, logger })
  const engine = new Engine({ options, catalog, runtime, partitions, failure, claim, opened: opened.move() })
  engine.resumeDeletions()
  return engine
}

interface Parts {
  readonly options: EngineOptions
  readonly catalog: Catalog
  readonly runtime: CatalogRuntime
  readonly partitions: Partitions
  readonly failure: DiskFailure
  readonly claim: DirectoryClaim
  /** The catalog and its log. */
  readonly opened: AsyncDisposableStack
}

export class Engine implements AsyncDisposable {
  readonly world: World
  readonly brokerId: number
  readonly catalog: Catalog
  readonly partitions: Partitions
  readonly groups: GroupCoordinator
  /** Resolves if ever the disk fails: then nothing is acknowledged any more, and the process should end. */
  readonly failure: Promise<Error>
  readonly #parts: Parts
  readonly #deletions = new Map<string, Promise<void>>()
  readonly #background = new Set<Promise<void>>()
  #sweep: Timer | undefined
  #producerIds = { next: 0, end: 0 }
  #refill: Promise<null | Refusal> | undefined
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    const { options, catalog, partitions } = parts
    const { clock } = options.world
    this.#parts = parts
    this.world = options.world
    this.brokerId = options.broker.id
    this.catalog = catalog
    this.partitions = partitions
    this.failure = parts.failure.happened
    const config = (name: string): number => catalog.configs.number(name)
    this.groups = new GroupCoordinator({
      clock,
      logger: options.logger,
      settings: {
        initialRebalanceDelayMs: config('group.initial.rebalance.delay.ms'),
        sessionTimeoutMsMin: config('group.min.session.timeout.ms'),
        sessionTimeoutMsMax: config('group.max.session.timeout.ms'),
        membersMax: config('group.max.size'),
        offsetsRetentionMs: config('offsets.retention.minutes') * minuteMs,
        offsetsRetentionCheckMs: config('offsets.retention.check.interval.ms'),
        offsetMetadataMax: config('offset.metadata.max.bytes'),
      },
      topic: () => catalog.topic(offsetsTopic),
      createTopic: topic => this.createTopic({ ...topic, replicationFactor: -1, configs: internalTopicConfigs }, { internal: true, validateOnly: false }),
      openLog: partition => this.#openGroupLog(partition),
      hasLog: partition => partitions.hasFiles({ topic: offsetsTopic, partition }),
    })
    this.#scheduleSweep()
    this.#inBackground(this.groups.load())
  }

  // ------------------------------------------------------------------------------------------------------------ catalog

  /** Submits to the catalog; durable when it resolves. */
  async submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<CatalogReplies[T] | Refusal> {
    // decide() answers each command with the reply of its own type.
    return (await this.#parts.runtime.submit(command)) as CatalogReplies[T] | Refusal
  }

  /** Asks the catalog; the answer is given once what it says is durable. */
  async ask<T>(question: (catalog: Catalog) => T): Promise<T | Refusal> {
    return this.#parts.runtime.ask(() => question(this.catalog))
  }

  async createTopic(topic: NewTopic, how: { readonly internal: boolean; readonly validateOnly: boolean }): Promise<Topic | Refusal> {
    // What was committed to a topic of the same name must be gone before it can be committed to this one.
    while (this.#deletions.has(topic.name)) await this.#deletions.get(topic.name)
    for (const [topicId, name] of this.catalog.condemned) {
      if (name !== topic.name) continue
      await this.#deletion(name, () => this.#clearAway(topicId, name))
      if (this.catalog.condemned.has(topicId)) return new Refusal('storage-error', `what is left of the deleted topic '${name}' could not be cleared away`)
    }
    return this.submit({ type: 'create-topic', topic, topicId: this.world.random.uuid(), ...how })
  }

  /**
   * First the catalog forgets the topic, then its key is shredded, its files and its committed offsets go. A crash in between is made good at the
   * next start.
   */
  deleteTopic(name: string): Promise<null | Refusal> {
    return this.#deletion(name, async () => {
      const topic = await this.submit({ type: 'delete-topic', name })
      if (topic instanceof Refusal) return topic
      await this.#clearAway(topic.id, name)
      return null
    })
  }

  /** Goes on where a crash interrupted the deletion of topics. */
  resumeDeletions(): void {
    for (const [topicId, name] of this.catalog.condemned) this.#inBackground(this.#deletion(name, () => this.#clearAway(topicId, name)))
  }

  /** Never given before. Ids come in blocks, so that most take no write. */
  async allocateProducerId(): Promise<number | Refusal> {
    while (this.#producerIds.next === this.#producerIds.end) {
      this.#refill ??= this.#takeProducerIds().finally(() => { this.#refill = undefined })
      const refusal = await this.#refill
      if (refusal !== null) return refusal
    }
    return this.#producerIds.next++
  }

  // ------------------------------------------------------------------------------------------------------------ closing

  /** Stops serving, writes what was accepted, and marks the directory as left in order. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#sweep?.cancel()
    await this.groups.close()
    await Promise.allSettled([...this.#background, ...this.#deletions.values()])
    await this.partitions.close()
    await this.#parts.opened.disposeAsync()
    await this.#parts.claim.release({ isClean: this.#parts.failure.refusal === undefined })
  }

  async #takeProducerIds(): Promise<null | Refusal> {
    const first = await this.submit({ type: 'allocate-producer-ids' })
    if (first instanceof Refusal) return first
    this.#producerIds = { next: first, end: first + producerIdsPerBlock }
    return null
  }

  /** One at a time for each name, and none of that name is made meanwhile. */
  async #deletion<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#deletions.get(name)
    const done = Promise.withResolvers<void>()
    this.#deletions.set(name, done.promise)
    try {
      await before
      return await work()
    } finally {
      if (this.#deletions.get(name) === done.promise) this.#deletions.delete(name)
      done.resolve()
    }
  }

  async #clearAway(topicId: string, name: string): Promise<void> {
    try {
      await this.partitions.destroy(topicId, name)
      const forgotten = await this.groups.forgetTopic(name)
      if (forgotten === null) await this.submit({ type: 'forget-topic', topicId })
    } catch (error) {
      const { logger } = this.#parts.options
      logger.error({ topicId, error: String(error) }, 'a deleted topic could not be cleared away; the next start tries again, or whoever makes it anew')
    }
  }

  #scheduleSweep(): void {
    const everyMs = this.catalog.configs.number('log.retention.check.interval.ms')
    this.#sweep = this.world.clock.after(everyMs, () => {
      this.#inBackground(this.partitions.applyRetention().finally(() => {
        if (this.#closing === undefined) this.#scheduleSweep()
      }))
    })
  }

  #inBackground(work: Promise<void>): void {
    const kept = work.catch((error: unknown) => {
      this.#parts.options.logger.error({ error: String(error) }, 'background work failed')
    }).finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }

  async #openGroupLog(partition: number): Promise<MachineLog | Refusal> {
    const opened = await this.partitions.find({ topic: offsetsTopic, partition })
    return opened instanceof Refusal ? opened : machineLog(opened.log)
  }
}
