// All replicas of one broker: made and given up as the catalog says, opened when something lies on disk or somebody needs them, each following its leader.
// Files lie under topics/<topic id>/<partition>, so that a topic made again under its old name never meets the old one's files.
import { type Partition, type PartitionRef, Refusal, type Seen, type Topic } from '../../ports.ts'
import type { Logger, Timer, World } from '../../world/world.ts'
import { type Catalog, unknownPartition, unknownTopic } from '../catalog/catalog.ts'
import type { PartitionId } from '../catalog/commands.ts'
import { earlyRefusal, sealedRefusal } from '../catalog/lineage.ts'
import { namedKeysOf } from '../catalog/named-keys.ts'
import type { DataDirectory } from '../data-directory.ts'
import { ensureDirectory } from '../directory.ts'
import type { FetchRequest, FetchResponse, Links, ProgressReport } from '../links.ts'
import type { LogConfig } from '../log/config.ts'
import type { LogOptions } from '../log/log.ts'
import type { TailCache } from '../log/tail-cache.ts'
import { logConfigOf } from '../log-configs.ts'
import type { NamedKeys } from '../sealed/envelope.ts'
import { type DirectoryMove, DirectoryMoves, finishMoves, pathIn } from './directory-move.ts'
import { FetchSessions } from './fetch-sessions.ts'
import { Fetcher } from './fetcher.ts'
import { listed, removeReplica, removeTopic, segmentBytes } from './replica-files.ts'
import { Replica } from './replica.ts'
import type { StorageLimit } from './storage-limit.ts'

export interface ReplicasOptions {
  readonly world: World
  readonly clusterId: string
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly directories: readonly DataDirectory[]
  readonly limit: StorageLimit
  readonly cache: TailCache
  readonly logger: Logger
  readonly links: Links
  /** The catalog as this broker has heard of it. */
  readonly image: () => Catalog
  /** Asks for another in-sync set; resolves once the image shows what became of it. */
  readonly alter: (at: PartitionId, inSyncReplicas: readonly number[], partition: Partition) => Promise<null | Refusal>
  /** Tells where a closed partition ends that this broker leads; resolves once the image shows what became of it. */
  readonly seal: (at: PartitionId, endOffset: number, leaderEpoch: number) => Promise<null | Refusal>
  /** The storage of these replicas cannot serve, or serves again. */
  readonly offline: (replicas: readonly Replica[], how: { readonly lost: boolean }) => void
  readonly online: (replicas: readonly Replica[]) => void
}

/** A topic's configs as they were in that version of that image. */
interface TopicConfig {
  readonly version: number
  readonly image: Catalog
  readonly log: LogConfig
  readonly minInSyncReplicas: number
  readonly flushesEachBatch: boolean
}

const lagCheckMs = 500
const retryMs = 1_000
const openingsMax = 16
const fetchPatienceMs = 5_000
const drainMsMax = 2_000

export class Replicas {
  readonly #options: ReplicasOptions
  readonly #replicas = new Map<string, Replica>()
  /** Where the files of each partition are that has some. */
  readonly #stored = new Map<string, DataDirectory>()
  /** Where each replica's files are, or will be once it has any. */
  readonly #places = new Map<Replica, DataDirectory>()
  /** Of logs that were there when the broker started. */
  readonly #bytesFound = new Map<string, number>()
  readonly #moves: DirectoryMoves
  readonly #sessions: FetchSessions
  readonly #fetchers = new Map<number, Fetcher>()
  /** The leader that each replica follows at present. */
  readonly #followed = new Map<Replica, number>()
  readonly #configs = new Map<string, TopicConfig>()
  readonly #namedKeys: NamedKeys
  readonly #timers = new Set<Timer>()
  /** Replicas that are being removed, by what they are of. */
  readonly #destructions = new Map<string, Promise<void>>()
  #isLoaded = false
  #isClosed = false

  private constructor(options: ReplicasOptions) {
    this.#options = options
    this.#namedKeys = namedKeysOf(options.image)
    this.#moves = new DirectoryMoves({
      logger: options.logger,
      logOptions: (replica, directory, parent) => this.#logOptions(replica, directory, parent),
      moved: (replica, directory) => {
        this.#places.set(replica, directory)
        this.#stored.set(keyOf(replica.topicId, replica.index), directory)
      },
    })
    this.#sessions = new FetchSessions({ clock: options.world.clock, find: (topicId, partition) => this.get(topicId, partition) })
  }

  /** Looks at what the directories hold, and finishes what was being moved between them; opens nothing yet. */
  static async open(options: ReplicasOptions): Promise<Replicas> {
    const replicas = new Replicas(options)
    await finishMoves(options.directories, options.logger)
    for (const directory of options.directories) {
      const { disk } = directory.world
      for (const topicId of await listed(disk, `${directory.path}/topics`)) {
        for (const index of await listed(disk, `${directory.path}/topics/${topicId}`)) {
          replicas.#stored.set(`${topicId}/${index}`, directory)
          replicas.#bytesFound.set(`${topicId}/${index}`, await segmentBytes(disk, `${directory.path}/topics/${topicId}/${index}`))
        }
      }
    }
    replicas.#every(lagCheckMs, async () => replicas.#checkLag())
    replicas.#every(retryMs, () => replicas.#retryFull())
    return replicas
  }

  get all(): Iterable<Replica> {
    return this.#replicas.values()
  }

  get(topicId: string, partition: number): Replica | undefined {
    return this.#replicas.get(keyOf(topicId, partition))
  }

  /** Topic ids that have files. */
  get storedTopics(): ReadonlySet<string> {
    return new Set([...this.#stored.keys()].map(key => key.slice(0, key.indexOf('/'))))
  }

  hasFiles(topicId: string, partition: number): boolean {
    return this.#stored.has(keyOf(topicId, partition))
  }

  directoryOf(replica: Replica): DataDirectory | undefined {
    return this.#places.get(replica)
  }

  /** Of its segments, its log open or not. */
  bytesOf(replica: Replica): number {
    return replica.isOpen ? replica.bytes : this.#bytesFound.get(keyOf(replica.topicId, replica.index)) ?? 0
  }

  /** Of all that is stored, also where the catalog does not know the topic. What is on its way to another directory counts once. */
  get bytes(): number {
    let bytes = 0
    for (const replica of this.#replicas.values()) bytes += this.bytesOf(replica)
    for (const [key, found] of this.#bytesFound) if (!this.#replicas.has(key)) bytes += found
    return bytes
  }

  /** What is on its way to another directory. */
  get moves(): readonly DirectoryMove[] {
    return this.#moves.all
  }

  /** Moves a replica to another of the broker's directories, in place of another move of it; resolves once the move has begun. */
  async move(topicId: string, partition: number, path: string): Promise<null | Refusal> {
    const { brokerId, directories } = this.#options
    const key = keyOf(topicId, partition)
    const replica = this.#replicas.get(key)
    if (replica === undefined) return new Refusal('replica-not-available', `broker ${brokerId} has no replica of partition ${partition} of topic ${topicId}`)
    const target = directories.find(directory => directory.path === path)
    if (target === undefined) {
      return new Refusal('log-dir-not-found', `broker ${brokerId} has no directory ${path}; it has ${directories.map(directory => directory.path).join(', ')}`)
    }
    if (target.failure.refusal !== undefined) return target.failure.refusal
    if (this.#moves.get(replica)?.to === target) return null
    await this.#moves.cancel(replica)
    const present = this.#places.get(replica)
    if (present === target || present === undefined || this.#isClosed) return null
    // What has files moves as a whole log; for the rest it is enough to know.
    const refusal = this.#stored.has(key) ? await replica.open() : null
    if (refusal !== null) return refusal
    if (replica.isOpen) {
      this.#moves.begin(replica, present, target)
      return null
    }
    this.#places.set(replica, target)
    return replica.relocate(this.#logOptions(replica, target, 'topics'), () => Promise.resolve(false))
  }

  // ----------------------------------------------------------------------------------------------------------- clients

  /** The replica that a client of this broker may ask, its log open; at once where it is open already. */
  find({ topic: name, partition: index }: PartitionRef): Replica | Promise<Replica | Refusal> | Refusal {
    const topic = this.#options.image().topic(name)
    if (topic === undefined) return unknownTopic(name)
    const partition = topic.partitions[index]
    if (partition === undefined) return unknownPartition(name, index)
    const replica = this.get(topic.id, index)
    // What would lead if it could says why it cannot.
    if (partition.leader < 0 && replica?.fault !== undefined) return replica.fault.refusal
    if (replica === undefined || !replica.leads) {
      return new Refusal('not-leader', `broker ${this.#options.brokerId} does not lead ${name}-${index}; ${partition.leader < 0 ? 'nobody does' : `broker ${partition.leader} does`}`)
    }
    // What is wrong with it, and who is to lead in its place, it says itself.
    if (replica.isOpen || replica.fault?.kind === 'full') return replica
    return replica.open().then(refusal => refusal ?? replica)
  }

  /** As the port has it: resolves as soon as one of the partitions has moved past what was seen, is gone or led elsewhere, or the signal aborts. */
  async changed(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const watched: { readonly replica: Replica; readonly highWatermark: number }[] = []
    for (const one of seen) {
      const found = this.find(one)
      const replica = found instanceof Promise ? await found : found
      if (replica instanceof Refusal) return
      watched.push({ replica, highWatermark: one.highWatermark })
    }
    const hasMoved = watched.some(({ replica, highWatermark }) => replica.leadership === undefined || replica.highWatermark > highWatermark)
    if (hasMoved || signal.aborted || this.#isClosed) return
    await new Promise<void>(resolve => {
      const wake = (): void => {
        for (const { replica } of watched) replica.forget(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      for (const { replica } of watched) replica.wait(wake)
    })
  }

  // ----------------------------------------------------------------------------------------------------------- brokers

  fetch(request: FetchRequest): Promise<FetchResponse> {
    return this.#sessions.fetch(request)
  }

  progress({ brokerId, brokerEpoch, marks }: ProgressReport): void {
    for (const mark of marks) this.get(mark.topicId, mark.partition)?.heard(mark, { id: brokerId, epoch: brokerEpoch })
  }

  // ------------------------------------------------------------------------------------------------------- the catalog

  /** The partition is there, or has changed. */
  apply(topic: Topic, index: number): void {
    const partition = topic.partitions[index]!
    const key = keyOf(topic.id, index)
    const isMine = partition.replicas.includes(this.#options.brokerId)
    let replica = this.#replicas.get(key)
    if (!isMine) {
      if (replica !== undefined || this.#stored.has(key)) this.#giveUp(topic.id, index, new Refusal('not-leader', `${topic.name}-${index} has no replica on broker ${this.#options.brokerId} any more`))
      return
    }
    if (replica === undefined) {
      replica = this.#make(topic, partition)
      this.#replicas.set(key, replica)
    }
    replica.apply(partition)
    this.#reconcile(replica)
    if (replica.leads) this.#sessions.appended(replica)
    if (replica.owesEnd) void replica.open()
  }

  /** The topic is gone: its partitions serve no more, its key is shredded, its files go. In this order, so that a crash leaves nothing readable. */
  async destroyTopic(topicId: string, name: string): Promise<void> {
    const keys = [...new Set([...this.#replicas.keys(), ...this.#stored.keys()])].filter(key => key.startsWith(`${topicId}/`))
    const taken = keys.flatMap(key => this.#replicas.get(key) ?? [])
    // What is being removed already must not be removed twice.
    const removals = keys.map(key => this.#destructions.get(key))
    for (const replica of taken) this.#leave(replica)
    for (const key of keys) this.#replicas.delete(key)
    for (const replica of taken) {
      await this.#moves.cancel(replica)
      await replica.close(unknownTopic(name), 'close')
      this.#places.delete(replica)
    }
    await Promise.all(removals)
    this.#configs.delete(topicId)
    for (const { keyring, path, world: { disk } } of this.#options.directories) {
      const remove = async (): Promise<void> => {
        for (const parent of ['topics', 'future', 'moved']) await removeTopic(disk, `${path}/${parent}`, topicId)
      }
      await keyring.shred(topicId).catch(async (error: unknown) => {
        if ((error as { code?: unknown }).code !== 'ENOSPC') throw error
        // Deleting is what makes room for the shorter keyring.
        await remove()
        await keyring.shred(topicId)
      })
      await remove()
    }
    for (const key of keys) this.#forget(key)
  }

  /** Opens what lies on disk, some at a time, so that followers and leaders find each other without anybody asking. */
  async load(): Promise<void> {
    const waiting = [...this.#replicas.values()].filter(replica => !replica.isOpen && this.hasFiles(replica.topicId, replica.index))
    const openNext = async (): Promise<void> => {
      for (let replica = waiting.shift(); replica !== undefined && !this.#isClosed; replica = waiting.shift()) {
        await replica.open()
        this.#reconcile(replica)
      }
    }
    await Promise.all(Array.from({ length: openingsMax }, openNext))
    this.#isLoaded = true
    for (const replica of this.#replicas.values()) this.#reconcile(replica)
  }

  /** Removes what has outlived its retention. */
  async applyRetention(): Promise<void> {
    for (const replica of this.#replicas.values()) {
      if (this.#isClosed) return
      try {
        await replica.applyRetention()
      } catch (error) {
        this.#options.logger.error({ partition: replica.name, error: String(error) }, 'old records could not be removed')
      }
    }
  }

  /** Clients' records are no longer taken; resolves once what was taken is committed, or it takes too long. */
  async drain(reason: Refusal): Promise<void> {
    const late = Promise.withResolvers<void>()
    using _timer = this.#options.world.clock.after(drainMsMax, () => late.resolve())
    await Promise.race([Promise.all([...this.#replicas.values()].map(replica => replica.drain(reason))), late.promise])
  }

  async close(reason: Refusal, how: 'close' | 'abandon'): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    this.#sessions.close()
    for (const fetcher of this.#fetchers.values()) fetcher.close()
    const replicas = [...this.#replicas.values()]
    this.#replicas.clear()
    await Promise.allSettled([...this.#destructions.values(), this.#moves.close(), ...replicas.map(replica => replica.close(reason, how))])
  }

  #make(topic: Topic, partition: Partition): Replica {
    const { world, brokerId, logger, limit, image } = this.#options
    const { id: topicId } = topic
    const key = keyOf(topicId, partition.index)
    const directory = this.#stored.get(key) ?? this.#roomiest()
    const replica: Replica = new Replica({
      topicId, name: `${topic.name}-${partition.index}`, brokerId, clock: world.clock, logger,
      log: this.#logOptions({ topicId, index: partition.index }, directory, 'topics'),
      prepare: async () => {
        // A replica of the same partition that was given up before.
        await this.#destructions.get(key)
        const present = this.#places.get(replica) ?? directory
        if (present.failure.refusal !== undefined) return present.failure.refusal
        if (image().topicById(topicId) === undefined) return unknownTopic(topic.name)
        await ensureDirectory(present.world.disk, pathIn(present, 'topics', replica))
        this.#stored.set(key, present)
        return null
      },
      mayGrow: bytes => {
        const full = limit.refusal(this.#places.get(replica) ?? directory)
        if (full === null) limit.took(bytes)
        return full
      },
      minInSyncReplicas: () => this.#configOf(topicId).minInSyncReplicas,
      flushesEachBatch: () => this.#configOf(topicId).flushesEachBatch,
      lagMsMax: () => image().configs.number('replica.lag.time.max.ms'),
      brokerEpoch: id => {
        const broker = image().broker(id)
        return broker?.state === 'running' ? broker.epoch : undefined
      },
      alter: this.#options.alter,
      seal: this.#options.seal,
      sealed: () => {
        const present = image().topicById(topicId)
        return present === undefined ? unknownTopic(topic.name) : sealedRefusal(present, partition.index)
      },
      early: () => {
        const present = image().topicById(topicId)
        return present === undefined ? unknownTopic(topic.name) : earlyRefusal(present, partition.index)
      },
      appended: replica => this.#sessions.appended(replica),
      advanced: replica => this.#sessions.moved(replica),
      opened: replica => this.#reconcile(replica),
      progressed: replica => this.#fetcherOf(replica)?.progressed(replica),
      offline: (replica, how) => {
        this.#reconcile(replica)
        this.#options.offline([replica], how)
      },
    }, partition)
    this.#places.set(replica, directory)
    return replica
  }

  #logOptions(replica: Pick<Replica, 'topicId' | 'index'>, directory: DataDirectory, parent: 'topics' | 'future'): LogOptions {
    const { clusterId, brokerId, cache, logger } = this.#options
    const { topicId, index } = replica
    return {
      world: directory.world, directory: pathIn(directory, parent, replica), identity: { clusterId, topicId, partition: index, broker: brokerId }, keys: directory.keyring,
      namedKeys: this.#namedKeys, config: () => this.#configOf(topicId).log, cache, logger, onFailure: directory.failure.report,
    }
  }

  #forget(key: string): void {
    this.#stored.delete(key)
    this.#bytesFound.delete(key)
  }

  /** Follows whom the catalog names, where there is anything to follow. */
  #reconcile(replica: Replica): void {
    if (this.#isClosed || this.#replicas.get(keyOf(replica.topicId, replica.index)) !== replica) return
    const source = replica.source
    const known = this.#followed.get(replica)
    if (known !== undefined && known !== source?.leader) this.#leave(replica)
    if (source === undefined) return
    // What lies on disk says where to go on. At the start `load` opens it.
    if (!replica.isOpen && this.hasFiles(replica.topicId, replica.index)) {
      if (this.#isLoaded) void replica.open()
      return
    }
    this.#followed.set(replica, source.leader)
    this.#fetcher(source.leader).follow(replica)
  }

  #leave(replica: Replica): void {
    this.#fetcherOf(replica)?.leave(replica)
    this.#followed.delete(replica)
  }

  #fetcherOf(replica: Replica): Fetcher | undefined {
    const leader = this.#followed.get(replica)
    return leader === undefined ? undefined : this.#fetchers.get(leader)
  }

  #fetcher(leader: number): Fetcher {
    const known = this.#fetchers.get(leader)
    if (known !== undefined) return known
    const { brokerId, brokerEpoch, links, world, logger, image } = this.#options
    const number = (name: string): number => image().configs.number(name)
    const fetcher = new Fetcher({
      brokerId, brokerEpoch, leader, peer: links.broker(brokerId, leader), clock: world.clock, logger,
      bytesMax: number('replica.fetch.response.max.bytes'), partitionBytesMax: number('replica.fetch.max.bytes'), waitMs: number('replica.fetch.wait.max.ms'),
      patienceMs: fetchPatienceMs, backoffMs: number('replica.fetch.backoff.ms'),
    })
    this.#fetchers.set(leader, fetcher)
    return fetcher
  }

  #giveUp(topicId: string, index: number, reason: Refusal): void {
    const key = keyOf(topicId, index)
    const replica = this.#replicas.get(key)
    if (replica !== undefined) this.#leave(replica)
    this.#replicas.delete(key)
    const before = this.#destructions.get(key)
    const work = (async (): Promise<void> => {
      await before
      if (replica !== undefined) {
        await this.#moves.cancel(replica)
        await replica.close(reason, 'close')
        this.#places.delete(replica)
      }
      const directory = this.#stored.get(key)
      if (directory === undefined || this.#replicas.has(key)) return
      this.#forget(key)
      await removeReplica(directory.world.disk, pathIn(directory, 'topics', { topicId, index }))
    })().catch((error: unknown) => {
      this.#options.logger.error({ topicId, partition: index, error: String(error) }, 'a replica that moved away could not be removed')
    }).finally(() => {
      if (this.#destructions.get(key) === work) this.#destructions.delete(key)
    })
    this.#destructions.set(key, work)
  }

  /** New replicas go where the fewest are. */
  #roomiest(): DataDirectory {
    const { directories } = this.#options
    if (directories.length === 1) return directories[0]!
    const counts = new Map(directories.map(directory => [directory, 0]))
    for (const directory of this.#stored.values()) counts.set(directory, (counts.get(directory) ?? 0) + 1)
    const sound = directories.filter(directory => directory.failure.refusal === undefined)
    return (sound.length > 0 ? sound : directories).toSorted((a, b) => counts.get(a)! - counts.get(b)!)[0]!
  }

  /** Read on every append and with every step of a follower, so it is kept until the catalog changes. */
  #configOf(topicId: string): TopicConfig {
    const image = this.#options.image()
    const known = this.#configs.get(topicId)
    if (known?.version === image.version && known.image === image) return known
    const own = image.topicById(topicId)?.configs ?? new Map<string, string>()
    const config: TopicConfig = {
      version: image.version, image,
      log: logConfigOf(image.configs, own),
      minInSyncReplicas: Number(image.configs.topic(own, 'min.insync.replicas')),
      flushesEachBatch: image.configs.topic(own, 'flush.messages') === '1',
    }
    this.#configs.set(topicId, config)
    return config
  }

  #checkLag(): void {
    for (const replica of this.#replicas.values()) {
      replica.leadership?.checkLag()
      if (replica.owesEnd && !replica.isOpen) void replica.open()
    }
  }

  async #retryFull(): Promise<void> {
    await this.#options.limit.measure()
    const back: Replica[] = []
    for (const replica of this.#replicas.values()) {
      // What could not be opened, such as for want of file handles, may be by now; what is damaged may be filled again, if there was no room for that before.
      if (replica.fault?.kind !== 'full' && !replica.isOpen && this.#isLoaded && this.hasFiles(replica.topicId, replica.index)) this.#reconcile(replica)
      if (replica.fault?.kind !== 'full') continue
      const directory = this.directoryOf(replica)
      if (directory === undefined || this.#options.limit.refusal(directory) !== null || this.#isClosed) continue
      if (await replica.retry()) back.push(replica)
    }
    if (back.length > 0) this.#options.online(back)
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = this.#options.world.clock.after(ms, () => {
      this.#timers.delete(timer)
      void work().catch((error: unknown) => {
        this.#options.logger.error({ error: String(error) }, 'the upkeep of replicas failed')
      }).finally(() => {
        if (!this.#isClosed) this.#every(ms, work)
      })
    })
    this.#timers.add(timer)
  }
}

function keyOf(topicId: string, index: number): string {
  return `${topicId}/${index}`
}
