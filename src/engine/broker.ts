// One logical broker: what it has heard of the catalog, its replicas, the groups it coordinates, and its session with the controller. It knows its fellows only
// through the links, so that whatever happens to them and to the links it finds out as a broker on another machine would.
import { type NewTopic, type PartitionRef, Refusal, type Topic } from '../ports.ts'
import type { Logger, Timer, World } from '../world/world.ts'
import { Catalog, producerIdsPerBlock, unknownTopic } from './catalog/catalog.ts'
import type { CatalogCommand, CatalogReplies } from './catalog/commands.ts'
import type { MetadataSlice, Submitted } from './catalog/controller.ts'
import type { DataDirectory } from './data-directory.ts'
import { GroupCoordinator, offsetsTopic } from './groups/coordinator.ts'
import { type BrokerPeer, type ControllerPeer, type Links, Unreachable } from './links.ts'
import type { TailCache } from './log/tail-cache.ts'
import { internalTopicConfigs } from './log-configs.ts'
import type { MachineLog } from './machine.ts'
import { replicaLog } from './replication/replica-log.ts'
import type { Replica } from './replication/replica.ts'
import { Replicas } from './replication/replicas.ts'
import { StorageLimit } from './replication/storage-limit.ts'

export interface BrokerOptions {
  readonly world: World
  readonly id: number
  readonly rack: string | null
  readonly clusterId: string
  readonly directories: readonly DataDirectory[]
  /** Broker configs by Kafka's names. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly cache: TailCache
  readonly links: Links
  readonly logger: Logger
}

const minuteMs = 60_000
const controllerRetryMs = 100
/** A handover that takes longer leaves the rest to the controller. */
const handoverMsMax = 10_000
const coordinatorLoadMsMax = 10_000

export class Broker {
  readonly id: number
  readonly epoch: number
  readonly limit: StorageLimit
  readonly groups: GroupCoordinator
  /** What its fellows may ask of it. */
  readonly peer: BrokerPeer
  readonly #options: BrokerOptions
  readonly #controller: ControllerPeer
  readonly #stopped = new AbortController()
  readonly #background = new Set<Promise<void>>()
  readonly #timers = new Set<Timer>()
  #watchers: { readonly upTo: number; readonly resolve: () => void }[] = []
  #replicas!: Replicas
  #image: Catalog
  #seen = -1
  #producerIds = { next: 0, end: 0 }
  #refill: Promise<null | Refusal> | undefined
  /** Settles with the last report of replicas; never rejects. */
  #reported: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(options: BrokerOptions, epoch: number) {
    const { id, links, directories, settings } = options
    this.id = id
    this.epoch = epoch
    this.#options = options
    this.#controller = links.controller(id)
    this.#image = new Catalog({ brokerId: id, settings })
    this.limit = new StorageLimit({ brokerId: id, directories, stored: () => this.#replicas.bytes, limitBytes: () => this.#image.broker(id)?.limitBytes })
    this.groups = this.#coordinator()
    this.peer = {
      fetch: request => this.#replicas.fetch(request),
      progress: async report => this.#replicas.progress(report),
    }
  }

  /**
   * Registers, hears the whole catalog, and takes up its replicas. It serves once the controller has unfenced it, which its heartbeats ask for. Rejects
   * where the controller refuses it.
   */
  static async start(options: BrokerOptions): Promise<Broker> {
    const { id, rack, world, links, directories } = options
    const controller = links.controller(id)
    const registered = await patiently(world, () => controller.submit({
      type: 'register-broker', broker: { id, rack }, incarnation: world.random.uuid(), directories: directories.map(directory => directory.id),
    }))
    if (registered.reply instanceof Refusal) throw new Error(`broker ${id} was refused: ${registered.reply.message}`)
    const broker = new Broker(options, registered.reply.epoch)
    await broker.#open(registered.upTo)
    return broker
  }

  get image(): Catalog { return this.#image }
  get replicas(): Replicas { return this.#replicas }
  get directories(): readonly DataDirectory[] { return this.#options.directories }
  /** Whether the controller lets it serve, as far as it has heard. */
  get isRunning(): boolean {
    const own = this.#image.broker(this.id)
    return own?.epoch === this.epoch && own.state === 'running'
  }

  // ------------------------------------------------------------------------------------------------------- the catalog

  /** Resolves once this broker has heard everything up to that position of the stream, or is stopped. */
  reached(upTo: number): Promise<void> {
    if (this.#seen >= upTo || this.#stopped.signal.aborted) return Promise.resolve()
    return new Promise(resolve => this.#watchers.push({ upTo, resolve }))
  }

  /** Has the controller decide; what it decided is known here when it resolves. Where no answer came, it is not known what was decided. */
  async submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<CatalogReplies[T] | Refusal> {
    try {
      return await this.#submit<T>(command)
    } catch (error) {
      if (error instanceof Unreachable) return new Refusal('request-timed-out', `the controller did not answer broker ${this.id}`)
      throw error
    }
  }

  /** Rejects with Unreachable. */
  async #submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<CatalogReplies[T] | Refusal> {
    const { reply, upTo } = await this.#controller.submit<T>(command)
    await this.reached(upTo)
    return reply
  }

  createTopic(topic: NewTopic, how: { readonly internal: boolean; readonly validateOnly: boolean }): Promise<Topic | Refusal> {
    return this.submit({ type: 'create-topic', topic, topicId: this.#options.world.random.uuid(), ...how })
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

  async #takeProducerIds(): Promise<null | Refusal> {
    const first = await this.submit({ type: 'allocate-producer-ids' })
    if (first instanceof Refusal) return first
    this.#producerIds = { next: first, end: first + producerIdsPerBlock }
    return null
  }

  /** Resolves once the controller lets it serve and it has heard so, or it is stopped. */
  async running(): Promise<void> {
    while (!this.isRunning && !this.#stopped.signal.aborted) await this.reached(this.#seen + 1)
  }

  // --------------------------------------------------------------------------------------------------------- the start

  async #open(registeredAt: number): Promise<void> {
    const { world, clusterId, directories, cache, links, logger } = this.#options
    const first = await patiently(world, () => this.#controller.metadata({ after: -1, signal: this.#stopped.signal }))
    this.#take(first)
    this.#replicas = await Replicas.open({
      world, clusterId, brokerId: this.id, brokerEpoch: this.epoch, directories, limit: this.limit, cache, logger, links,
      image: () => this.#image,
      alter: async ({ topicId, partition }, inSyncReplicas, { leaderEpoch, partitionEpoch }) => {
        const members = inSyncReplicas.map(id => ({ id, epoch: this.#image.broker(id)?.epoch ?? -1 }))
        const change = { topicId, partition, leaderEpoch, partitionEpoch, inSyncReplicas: members }
        const reply = await this.#submit({ type: 'alter-partitions', brokerId: this.id, brokerEpoch: this.epoch, changes: [change] })
        return reply instanceof Refusal ? reply : reply[0]!
      },
      seal: ({ topicId, partition }, endOffset, leaderEpoch) =>
        this.#submit({ type: 'seal-partition', brokerId: this.id, brokerEpoch: this.epoch, topicId, partition, leaderEpoch, endOffset }),
      offline: (replicas, { lost }) => this.#report('replicas-offline', replicas, lost),
      online: replicas => this.#report('replicas-online', replicas, false),
    })
    await this.limit.measure()
    for (const topic of this.#image.topics) this.#applyTopic(topic)
    this.#clearCondemned()
    this.#warnOfStrays()
    this.#inBackground(() => this.#follow())
    this.#inBackground(() => this.#beat())
    this.#inBackground(() => this.#replicas.load())
    this.#inBackground(() => this.groups.apply())
    this.#scheduleSweep()
    await this.reached(registeredAt)
  }

  /** Hears what is committed, for as long as the broker lives. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      const slice = await patiently(this.#options.world, () => this.#controller.metadata({ after: this.#seen, signal }), signal)
      if (slice === undefined || signal.aborted) return
      this.#apply(slice)
    }
  }

  #take({ records, upTo, isSnapshot }: MetadataSlice): void {
    if (isSnapshot) this.#image = new Catalog({ brokerId: this.id, settings: this.#options.settings })
    for (const record of records) this.#image.apply(record)
    this.#seen = upTo
  }

  #apply(slice: MetadataSlice): void {
    const before = slice.isSnapshot ? this.#image.topics : []
    // An answer that came late says what is known already.
    if (slice.upTo <= this.#seen && !slice.isSnapshot) return
    this.#take(slice)
    const touched = new Map<string, Set<number> | 'all'>()
    for (const record of slice.records) {
      if (record.type === 'topic') touched.set(record.topic.id, 'all')
      if (record.type === 'partition' && touched.get(record.topicId) !== 'all') {
        const indexes = touched.get(record.topicId) as Set<number> | undefined ?? new Set<number>()
        touched.set(record.topicId, indexes.add(record.partition.index))
      }
    }
    for (const [topicId, indexes] of touched) {
      const topic = this.#image.topicById(topicId)
      if (topic !== undefined) this.#applyTopic(topic, indexes === 'all' ? undefined : indexes)
    }
    for (const topic of before) if (this.#image.topicById(topic.id) === undefined) void this.clearAway(topic.id, topic.name)
    this.#clearCondemned()
    this.groups.apply()
    const due = this.#watchers.filter(({ upTo }) => upTo <= this.#seen)
    this.#watchers = this.#watchers.filter(({ upTo }) => upTo > this.#seen)
    for (const { resolve } of due) resolve()
  }

  #applyTopic(topic: Topic, indexes: Iterable<number> = topic.partitions.keys()): void {
    for (const index of indexes) this.#replicas.apply(topic, index)
  }

  // --------------------------------------------------------------------------------------------------- deleted topics

  readonly #clearing = new Map<string, Promise<void>>()

  /** What was deleted while this broker was away, too. */
  #clearCondemned(): void {
    for (const [topicId, { name, brokers }] of this.#image.condemned) if (brokers.includes(this.id)) void this.clearAway(topicId, name)
  }

  /** Removes what a deleted topic has left here: files, keys, committed offsets. Resolves once that is done and known, or has failed; it can be asked for again. */
  clearAway(topicId: string, name: string): Promise<void> {
    const clearing = this.#clearing.get(topicId) ?? this.#clearAway(topicId, name).finally(() => this.#clearing.delete(topicId))
    this.#clearing.set(topicId, clearing)
    return clearing
  }

  async #clearAway(topicId: string, name: string): Promise<void> {
    try {
      await this.#replicas.destroyTopic(topicId, name)
      await this.groups.apply()
      await this.groups.forgetDeleted()
      const cleared = await patiently(this.#options.world, () => this.#controller.submit({ type: 'clear-topic', topicId, brokerId: this.id }), this.#stopped.signal)
      if (cleared !== undefined) await this.reached(cleared.upTo)
    } catch (error) {
      this.#options.logger.error({ topicId, error: String(error) }, 'a deleted topic could not be cleared away; the next start of the broker tries again, or whoever makes it anew')
    }
  }

  /** Files that the catalog knows nothing of are never deleted: a damaged catalog must not take data with it. */
  #warnOfStrays(): void {
    const strays = [...this.#replicas.storedTopics].filter(id => this.#image.topicById(id) === undefined && !this.#image.condemned.has(id))
    if (strays.length === 0) return
    this.#options.logger.warn({ broker: this.id, topicIds: strays.slice(0, 10), count: strays.length }, 'files of topics that the catalog does not know are left alone')
  }

  // ------------------------------------------------------------------------------------------------------- the session

  async #beat(): Promise<void> {
    const { clock } = this.#options.world
    while (!this.#stopped.signal.aborted) {
      try {
        await unlessAborted(this.#stopped.signal, this.#controller.heartbeat({ id: this.id, epoch: this.epoch, seen: this.#seen }))
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error
      }
      // While it waits to serve, it says at once how far it is.
      await this.#pause(this.isRunning ? this.#image.configs.number('broker.heartbeat.interval.ms') : controllerRetryMs, clock)
    }
  }

  /** One after the other: a replica that serves again must not be heard of before it is heard that it did not. */
  #report(type: 'replicas-offline' | 'replicas-online', replicas: readonly Replica[], lost: boolean): void {
    const before = this.#reported
    const reporting = (async (): Promise<void> => {
      await before
      await this.#reportNow(type, replicas, lost)
    })()
    this.#reported = reporting.catch(() => {})
    this.#inBackground(() => reporting)
  }

  async #reportNow(type: 'replicas-offline' | 'replicas-online', replicas: readonly Replica[], lost: boolean): Promise<void> {
    const partitions = replicas.map(replica => ({ topicId: replica.topicId, partition: replica.index }))
    const of = { brokerId: this.id, brokerEpoch: this.epoch, partitions }
    const command = type === 'replicas-offline' ? { type, ...of, lost } as const : { type, ...of } as const
    const answer = await patiently(this.#options.world, () => this.#controller.submit(command) as Promise<Submitted<null>>, this.#stopped.signal)
    if (answer?.reply instanceof Refusal) this.#options.logger.warn({ broker: this.id, reason: answer.reply.message }, 'the controller refused a report of replicas')
  }

  // ------------------------------------------------------------------------------------------------------------ groups

  #coordinator(): GroupCoordinator {
    const { world, logger } = this.#options
    const config = (name: string): number => this.#image.configs.number(name)
    return new GroupCoordinator({
      clock: world.clock,
      logger,
      brokerId: this.id,
      settings: {
        initialRebalanceDelayMs: config('group.initial.rebalance.delay.ms'),
        sessionTimeoutMsMin: config('group.min.session.timeout.ms'),
        sessionTimeoutMsMax: config('group.max.session.timeout.ms'),
        membersMax: config('group.max.size'),
        offsetsRetentionMs: config('offsets.retention.minutes') * minuteMs,
        offsetsRetentionCheckMs: config('offsets.retention.check.interval.ms'),
        offsetMetadataMax: config('offset.metadata.max.bytes'),
      },
      topics: () => this.#image,
      createTopic: topic => this.createTopic({ ...topic, replicationFactor: -1, configs: internalTopicConfigs }, { internal: true, validateOnly: false }),
      openLog: (partition, lost) => this.#openGroupLog(partition, lost),
      hasLog: partition => this.#replicas.hasFiles(this.#image.topic(offsetsTopic)?.id ?? '', partition),
    })
  }

  /** The partition as a machine writes it, once everything in it is committed: nothing that could still be taken back is told to anybody. */
  async #openGroupLog(partition: number, lost: () => void): Promise<MachineLog | Refusal> {
    const found = this.#replicas.find({ topic: offsetsTopic, partition })
    const replica = found instanceof Promise ? await found : found
    if (replica instanceof Refusal) return replica.code === 'not-leader' ? notCoordinator(partition) : replica
    const { leadership, log } = replica
    if (leadership === undefined || log === undefined) return notCoordinator(partition)
    const late = Promise.withResolvers<Refusal>()
    using _timer = this.#options.world.clock.after(coordinatorLoadMsMax, () => late.resolve(
      new Refusal('coordinator-load-in-progress', `${offsetsTopic}-${partition} is not on enough replicas to be read`)))
    const refusal = await Promise.race([leadership.committed(log.endOffset), late.promise])
    if (refusal !== null) return refusal.code === 'coordinator-load-in-progress' ? refusal : notCoordinator(partition)
    return replicaLog(replica, leadership, log, lost)
  }

  /** Moves a replica to another directory of this broker; resolves once the move has begun. */
  async moveReplica({ topic: name, partition }: PartitionRef, path: string): Promise<null | Refusal> {
    const topic = this.#image.topic(name)
    if (topic === undefined) return unknownTopic(name)
    return this.#replicas.move(topic.id, partition, path)
  }

  // ----------------------------------------------------------------------------------------------------------- the end

  /** Hands its partitions over, then stops serving and closes its files. */
  stop(): Promise<void> {
    this.#closing ??= this.#stop()
    return this.#closing
  }

  async #stop(): Promise<void> {
    const late = Promise.withResolvers<void>()
    using _timer = this.#options.world.clock.after(handoverMsMax, () => late.resolve())
    await Promise.race([this.#handOver(), late.promise])
    await this.#end('close')
  }

  /** What nobody else can lead goes down with it; the rest has moved once this broker has heard so. */
  async #handOver(): Promise<void> {
    try {
      const { upTo } = await this.#controller.submit({ type: 'stop-broker', id: this.id, epoch: this.epoch })
      await this.reached(upTo)
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
    }
  }

  /** Takes no more from clients; resolves once what was taken is committed, or it takes too long. */
  drain(): Promise<void> {
    return this.#replicas.drain(new Refusal('not-leader', `broker ${this.id} is shutting down`))
  }

  /** The whole process goes: there is nobody to hand over to. */
  shutDown(): Promise<void> {
    this.#closing ??= this.#end('close')
    return this.#closing
  }

  /** As after a crash: nothing is handed over, nothing more is written. */
  crash(): Promise<void> {
    this.#closing ??= this.#end('abandon')
    return this.#closing
  }

  async #end(how: 'close' | 'abandon'): Promise<void> {
    this.#stopped.abort()
    for (const timer of this.#timers) timer.cancel()
    for (const { resolve } of this.#watchers.splice(0)) resolve()
    const reason = new Refusal('not-leader', `broker ${this.id} is ${how === 'close' ? 'shutting down' : 'gone'}`)
    // Together: what the groups still wait for is settled by the end of the leaderships.
    await Promise.all([this.groups.close(new Refusal('not-coordinator', reason.message)), this.#replicas.close(reason, how)])
    await Promise.allSettled([...this.#background, ...this.#clearing.values()])
  }

  #scheduleSweep(): void {
    this.#after(this.#image.configs.number('log.retention.check.interval.ms'), () => {
      this.#inBackground(() => this.#replicas.applyRetention().finally(() => {
        if (!this.#stopped.signal.aborted) this.#scheduleSweep()
      }))
    })
  }

  #after(ms: number, task: () => void): void {
    const timer = this.#options.world.clock.after(ms, () => {
      this.#timers.delete(timer)
      task()
    })
    this.#timers.add(timer)
  }

  #pause(ms: number, clock: World['clock']): Promise<void> {
    const { signal } = this.#stopped
    return new Promise(resolve => {
      const timer = clock.after(ms, done)
      function done(): void {
        timer.cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
    })
  }

  #inBackground(work: () => Promise<void>): void {
    const kept = work().catch((error: unknown) => {
      this.#options.logger.error({ broker: this.id, error: error instanceof Error ? error.stack : String(error) }, 'background work of a broker failed')
    }).finally(() => this.#background.delete(kept))
    this.#background.add(kept)
  }
}

function notCoordinator(partition: number): Refusal {
  return new Refusal('not-coordinator', `this broker does not lead ${offsetsTopic}-${partition}`)
}

/** Asks until there is an answer; undefined where the signal ended that. */
async function patiently<T>(world: World, ask: () => Promise<T>): Promise<T>
async function patiently<T>(world: World, ask: () => Promise<T>, signal: AbortSignal): Promise<T | undefined>
async function patiently<T>({ clock }: World, ask: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  for (;;) {
    if (signal?.aborted === true) return undefined
    try {
      return await (signal === undefined ? ask() : unlessAborted(signal, ask()))
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      await new Promise<void>(resolve => void clock.after(controllerRetryMs, resolve))
    }
  }
}

/** What the work comes to, or undefined where the signal aborts first: what the controller is to commit may wait for room on its disks. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  const aborted = Promise.withResolvers<undefined>()
  const abort = (): void => aborted.resolve(undefined)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
