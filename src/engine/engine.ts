// The cluster of this process: the directories, the controller over the copies of the catalog in them, and the brokers that run. Brokers come and go while the
// controller stays. Everything outside comes through the world it is given, so that a whole cluster runs in a test from one seed.
import { type PartitionRef, Refusal, type Seen, type Topic } from '../ports.ts'
import type { Logger, World } from '../world/world.ts'
import { Broker } from './broker.ts'
import { type Catalog, unknownTopic } from './catalog/catalog.ts'
import { Configs } from './catalog/configs.ts'
import { Controller, type MetadataCopy } from './catalog/controller.ts'
import { EngineError } from './directory.ts'
import { type BrokerPeer, type ControllerPeer, type Links, Unreachable } from './links.ts'
import { TailCache } from './log/tail-cache.ts'
import { internalTopicConfigs, logConfigOf } from './log-configs.ts'
import { type BrokerSpec, clusterIdOf, type OpenBroker, openCopy, openDirectories, type OpeningOptions, refuseLostCatalog } from './opening.ts'
import type { Replica } from './replication/replica.ts'

export type { BrokerSpec } from './opening.ts'

export interface EngineOptions extends OpeningOptions {
  /** Broker configs by Kafka's names; an unknown name or a bad value is refused. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
  /** Memory for recent batches over all partitions. */
  readonly cacheBytes?: number
  /** One line about each step that may take long. */
  readonly onProgress?: (line: string) => void
  /** What stands between brokers: for simulations that delay and lose what they say to each other. */
  readonly links?: (direct: Links) => Links
  /** A broker went down by itself. */
  readonly onDown?: (id: number, error: Error) => void
}

const cacheBytesDefault = 64 * 1024 * 1024
/** How long a broker that lags behind is waited for before a caller is answered. */
const patienceMs = 5_000

/** How long somebody waits who has closed partitions, for where they end. */
const sealingMsMax = 15_000

/** A broker of the process, up or down. */
export interface Member {
  readonly spec: BrokerSpec
  readonly broker: Broker | undefined
  /** Why it went down by itself. */
  readonly fault: string | undefined
}

/** Opens the directories, or new ones, and starts every broker; rejects with an EngineError of one line where that cannot be. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { world, logger, settings = {}, onProgress = () => {} } = options
  const clusterId = await clusterIdOf(options)
  const cache = new TailCache(options.cacheBytes ?? cacheBytesDefault)
  const configs = new Configs({ brokerId: -1, settings, dynamic: () => new Map() })
  const metadataConfig = () => logConfigOf(configs, internalTopicConfigs)
  await using opened = new AsyncDisposableStack()
  const members = new Map<number, Running>()
  const copies: MetadataCopy[] = []
  for (const spec of options.brokers) {
    const open = await openDirectories(spec, options, clusterId)
    for (const directory of open.directories) {
      opened.use(directory)
      if (!directory.wasClean) onProgress(`${directory.path} was not left in order: its logs are recovered`)
    }
    members.set(spec.id, { spec, open, broker: undefined, fault: undefined, starting: undefined, ending: undefined })
  }
  for (const { open } of members.values()) copies.push(await openCopy(open, { clusterId, cache, logger, config: metadataConfig }))
  await refuseLostCatalog([...members.values()].map(({ open }) => open), copies)
  const controller = opened.use(await Controller.open({
    world, clusterId, settings, copies, logger, sessionTimeoutMs: configs.number('broker.session.timeout.ms'),
  }))
  const engine = new Engine({ options, clusterId, cache, controller, members, metadataConfig, opened: opened.move() })
  controller.unfenceTogether([...members.keys()])
  try {
    const refusals = await Promise.all([...members.keys()].map(id => engine.start(id)))
    // One that cannot start leaves the others be.
    if (engine.brokers.length === 0) throw new EngineError('unusable', refusals.find(refusal => refusal !== null)?.message ?? 'every broker went down while it started')
    await engine.ready()
  } catch (error) {
    await engine.close()
    throw error
  }
  return engine
}

interface Running {
  spec: BrokerSpec
  open: OpenBroker
  broker: Broker | undefined
  fault: string | undefined
  starting: Promise<null | Refusal> | undefined
  /** Settles once the broker that failed last has let go of its files. */
  ending: Promise<void> | undefined
}

interface Parts {
  readonly options: EngineOptions
  readonly clusterId: string
  readonly cache: TailCache
  readonly controller: Controller
  readonly members: Map<number, Running>
  readonly metadataConfig: () => ReturnType<typeof logConfigOf>
  /** The controller and the directories. */
  readonly opened: AsyncDisposableStack
}

export class Engine implements AsyncDisposable {
  readonly world: World
  readonly logger: Logger
  readonly clusterId: string
  readonly controller: Controller
  /** Resolves if ever nothing can be served any more: then nothing is acknowledged, and the process should end. */
  readonly failure: Promise<Error>
  readonly #parts: Parts
  readonly #links: Links
  readonly #fail: (error: Error) => void
  #failed: Refusal | undefined
  /** Nobody waits any longer for what the cluster may come to. */
  readonly #over = new AbortController()
  #closing: Promise<void> | undefined

  constructor(parts: Parts) {
    const { options, controller } = parts
    this.#parts = parts
    this.world = options.world
    this.logger = options.logger
    this.clusterId = parts.clusterId
    this.controller = controller
    const { promise, resolve } = Promise.withResolvers<Error>()
    this.failure = promise
    this.#fail = error => {
      this.#failed ??= new Refusal('storage-error', error.message)
      this.#over.abort()
      resolve(error)
    }
    void controller.failure.then(this.#fail)
    const direct: Links = {
      broker: (_from, to) => this.#peer(to),
      controller: () => this.#controllerPeer(),
    }
    this.#links = options.links?.(direct) ?? direct
    for (const { open } of parts.members.values()) this.#watch(open)
  }

  /** The catalog as committed. */
  get image(): Catalog {
    return this.controller.image
  }

  /** Why nothing is served any more; undefined while something is. */
  get failed(): Refusal | undefined {
    return this.#failed ?? (this.#closing === undefined ? undefined : new Refusal('broker-not-available', 'the cluster is shutting down'))
  }

  /** Every broker of the process, by id. */
  get members(): readonly Member[] {
    return [...this.#parts.members.values()].toSorted((a, b) => a.spec.id - b.spec.id)
  }

  broker(id: number): Broker | undefined {
    return this.#parts.members.get(id)?.broker
  }

  /** The brokers that are up. */
  get brokers(): readonly Broker[] {
    return this.members.flatMap(({ broker }) => broker ?? [])
  }

  /** Resolves once every broker that is up has been let serve, and has heard so. */
  async ready(): Promise<void> {
    await Promise.all(this.brokers.map(broker => broker.running()))
  }

  /** The leader's replica, opened; a refusal where there is none that can be asked now. */
  find(at: PartitionRef): Replica | Promise<Replica | Refusal> | Refusal {
    if (this.#failed !== undefined) return this.#failed
    const leader = this.image.topic(at.topic)?.partitions[at.partition]?.leader
    const broker = leader === undefined ? this.brokers[0] : this.broker(leader)
    if (broker === undefined) return new Refusal('leader-not-available', `nobody leads ${at.topic}-${at.partition} at present`)
    return broker.replicas.find(at)
  }

  /** Resolves as soon as one of the partitions has moved past what was seen, is gone or led by another, or the signal aborts. */
  async changed(seen: readonly Seen[], signal: AbortSignal): Promise<void> {
    const byLeader = new Map<Broker, Seen[]>()
    for (const one of seen) {
      const broker = this.broker(this.image.topic(one.topic)?.partitions[one.partition]?.leader ?? -1)
      if (broker === undefined) return
      byLeader.set(broker, [...byLeader.get(broker) ?? [], one])
    }
    const enough = new AbortController()
    const stop = (): void => enough.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const aborted = new Promise<void>(resolve => enough.signal.aborted ? resolve() : enough.signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([aborted, ...[...byLeader].map(([broker, some]) => broker.replicas.changed(some, enough.signal))])
    signal.removeEventListener('abort', stop)
    stop()
  }

  /** Resolves once every broker that is up has heard of everything up to that position, or is too slow to be waited for. */
  async heard(upTo: number): Promise<void> {
    await this.#inTime(Promise.all(this.brokers.map(broker => broker.reached(upTo))))
  }

  /** Resolves once it is known where each of these closed partitions ends, and the brokers have heard so: then their children take records. */
  async sealed({ id, name }: Pick<Topic, 'id' | 'name'>, closed: readonly number[]): Promise<Topic | Refusal> {
    const late = new AbortController()
    using _timer = this.world.clock.after(sealingMsMax, () => late.abort())
    const signal = AbortSignal.any([late.signal, this.#over.signal])
    for (;;) {
      const { position } = this.controller
      const topic = this.image.topicById(id)
      if (topic === undefined) return unknownTopic(name)
      const left = closed.filter(index => (topic.partitions[index]?.seal?.endOffset ?? -1) < 0)
      if (left.length === 0) {
        await this.heard(position)
        return topic
      }
      if (this.failed !== undefined) return this.failed
      if (signal.aborted) {
        const reason = `the end of ${left.map(index => `${name}-${index}`).join(', ')} is not known yet, since not enough of the replicas are there; the shards that take their place wait for it`
        return new Refusal('request-timed-out', reason)
      }
      await this.controller.metadata({ after: position, signal })
    }
  }

  /** Has every broker that is up clear away what deleted topics of that name have left. A refusal where one could not. */
  async clearAway(name: string): Promise<null | Refusal> {
    const left = (): string[] => [...this.image.condemned].flatMap(([topicId, { name: of, brokers }]) =>
      (of === name && brokers.some(id => this.broker(id) !== undefined) ? [topicId] : []))
    if (left().length === 0) return null
    await this.heard(this.controller.position)
    await this.#inTime(Promise.all(left().flatMap(topicId => this.brokers.map(broker => broker.clearAway(topicId, name)))))
    return left().length === 0 ? null : new Refusal('storage-error', `what is left of the deleted topic '${name}' could not be cleared away`)
  }

  async #inTime(work: Promise<unknown>): Promise<void> {
    const late = Promise.withResolvers<void>()
    using _timer = this.world.clock.after(patienceMs, () => late.resolve())
    await Promise.race([work, late.promise])
  }

  // -------------------------------------------------------------------------------------------------------- operations

  /** Starts a broker that is down; resolves once it is up. It serves once it is `running`. */
  async start(id: number): Promise<null | Refusal> {
    const member = this.#parts.members.get(id)
    if (member === undefined) return this.#unknown(id)
    if (this.#closing !== undefined) return new Refusal('broker-not-available', 'the cluster is shutting down')
    if (member.broker !== undefined) return new Refusal('invalid-request', `broker ${id} is running already`)
    member.starting ??= this.#start(member).finally(() => { member.starting = undefined })
    return member.starting
  }

  async #start(member: Running): Promise<null | Refusal> {
    const { options, clusterId, cache } = this.#parts
    const { spec } = member
    await member.ending
    if (diskFault(member) !== undefined) {
      const reopened = await this.#reopen(member)
      if (reopened !== null) return reopened
    }
    try {
      const broker = await Broker.start({
        world: member.open.world, id: spec.id, rack: spec.rack, clusterId, directories: member.open.directories, settings: options.settings ?? {}, cache,
        links: this.#links, logger: options.logger,
      })
      const fault = diskFault(member)
      if (fault !== undefined) {
        await this.#crash(member, broker)
        return fault
      }
      member.broker = broker
      member.fault = undefined
      return null
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      member.fault ??= `it could not be started: ${why}`
      options.logger.error({ broker: spec.id, error: why }, 'a broker could not be started')
      return new Refusal('broker-not-available', `broker ${spec.id} could not be started: ${why}`)
    }
  }

  /** A disk that failed is trusted again only as a new one: what it holds is read anew, and its copy of the catalog is filled anew. */
  async #reopen(member: Running): Promise<null | Refusal> {
    const { options, clusterId, cache, metadataConfig } = this.#parts
    const { spec } = member
    try {
      for (const directory of member.open.directories) await directory[Symbol.asyncDispose]()
      await using opened = new AsyncDisposableStack()
      const open = await openDirectories(spec, options, clusterId)
      for (const directory of open.directories) opened.use(directory)
      const refusal = await this.controller.addCopy(await openCopy(open, { clusterId, cache, logger: options.logger, config: metadataConfig }))
      if (refusal !== null) return refusal
      opened.move()
      member.open = open
      this.#watch(open)
      return null
    } catch (error) {
      return new Refusal('storage-error', `the directories of broker ${spec.id} cannot be opened: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** Hands its partitions over, then stops serving and closes its files. */
  async stop(id: number): Promise<null | Refusal> {
    const member = this.#up(id)
    if (member instanceof Refusal) return member
    const { broker } = member
    await broker!.stop()
    await this.#inTime(this.controller.disconnected(id, broker!.epoch))
    if (member.broker === broker) member.broker = undefined
    return null
  }

  /** As a crash of the broker would: nothing is handed over, nothing more is written. */
  async fail(id: number): Promise<null | Refusal> {
    const member = this.#up(id)
    if (member instanceof Refusal) return member
    const broker = member.broker!
    member.broker = undefined
    await this.#crash(member, broker)
    return null
  }

  /** Whoever starts it again waits until the files are let go of. */
  async #crash(member: Running, broker: Broker): Promise<void> {
    const gone = broker.crash()
    member.ending = gone.catch(() => {})
    await this.#inTime(this.controller.disconnected(broker.id, broker.epoch))
    await gone
  }

  /** A new broker; resolves once it serves. */
  async add(spec: BrokerSpec): Promise<null | Refusal> {
    const { options, clusterId, cache, members, metadataConfig } = this.#parts
    if (members.has(spec.id)) return new Refusal('invalid-request', `broker ${spec.id} exists already`)
    let open: OpenBroker
    try {
      await using opened = new AsyncDisposableStack()
      open = await openDirectories(spec, options, clusterId)
      for (const directory of open.directories) opened.use(directory)
      const added = await this.controller.addCopy(await openCopy(open, { clusterId, cache, logger: options.logger, config: metadataConfig }))
      if (added !== null) return added
      opened.move()
    } catch (error) {
      return new Refusal('storage-error', `broker ${spec.id} cannot be added: ${error instanceof Error ? error.message : String(error)}`)
    }
    this.#watch(open)
    members.set(spec.id, { spec, open, broker: undefined, fault: undefined, starting: undefined, ending: undefined })
    const started = await this.start(spec.id)
    await this.broker(spec.id)?.running()
    return started
  }

  /** Stops a broker that holds no replicas any more, and forgets it. */
  async remove(id: number): Promise<null | Refusal> {
    const member = this.#parts.members.get(id)
    if (member === undefined) return this.#unknown(id)
    const held = this.image.topics.reduce((count, topic) => count + topic.partitions.filter(({ replicas }) => replicas.includes(id)).length, 0)
    if (held > 0) return new Refusal('invalid-request', `broker ${id} still has ${held} replica(s); move them to other brokers first`)
    if (member.broker !== undefined) await this.stop(id)
    const { reply } = await this.controller.submit({ type: 'unregister-broker', id })
    if (reply instanceof Refusal) return reply
    const removed = await this.controller.removeCopy(id)
    if (removed !== null) return removed
    this.#parts.members.delete(id)
    for (const directory of member.open.directories) await directory[Symbol.asyncDispose]()
    return null
  }

  /** Moves a replica to another directory of its broker; resolves once the move has begun. */
  async moveReplica(brokerId: number, at: PartitionRef, path: string): Promise<null | Refusal> {
    const broker = this.broker(brokerId)
    if (broker === undefined) return new Refusal('broker-not-available', `broker ${brokerId} is not running`)
    return broker.moveReplica(at, path)
  }

  // ------------------------------------------------------------------------------------------------------------ closing

  /** Stops serving, writes what was accepted, and marks the directories as left in order. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#over.abort()
    const { members, opened } = this.#parts
    await Promise.all([...members.values()].flatMap(({ starting, ending }) => [starting, ending]))
    await Promise.all(this.brokers.map(broker => broker.drain()))
    await Promise.all([...members.values()].map(async member => {
      await member.broker?.shutDown()
      member.broker = undefined
    }))
    await opened.disposeAsync()
    // Directories that came later, or were opened again.
    for (const { open } of members.values()) for (const directory of open.directories) await directory[Symbol.asyncDispose]()
  }

  // -------------------------------------------------------------------------------------------------------------- links

  #peer(to: number): BrokerPeer {
    const peer = (): BrokerPeer => {
      const broker = this.broker(to)
      if (broker === undefined) throw new Unreachable(`broker ${to} is not up`)
      return broker.peer
    }
    return {
      fetch: async request => peer().fetch(request),
      progress: async report => peer().progress(report),
    }
  }

  #controllerPeer(): ControllerPeer {
    const { controller } = this
    return {
      heartbeat: beat => controller.heartbeat(beat),
      metadata: request => controller.metadata(request),
      submit: command => controller.submit(command),
    }
  }

  /** A broker whose disk fails goes down; with the last one the cluster does. */
  #watch({ spec, directories }: OpenBroker): void {
    for (const [index, directory] of directories.entries()) {
      void directory.failure.happened.then(async error => {
        if (index === 0) this.controller.copyFailed(spec.id, error)
        const { members } = this.#parts
        const member = members.get(spec.id)
        if (member === undefined || this.#closing !== undefined) return
        member.fault = `${directory.path} failed: ${error.message}`
        this.#parts.options.onDown?.(spec.id, error)
        const others = [...members.values()].filter(one => one !== member)
        if (isUp(member) && !others.some(isUp)) this.#fail(new Error(`the data directory has failed: ${error.message}`, { cause: error }))
        await this.fail(spec.id)
      })
    }
  }

  #up(id: number): Running | Refusal {
    const member = this.#parts.members.get(id)
    if (member === undefined) return this.#unknown(id)
    return member.broker === undefined ? new Refusal('broker-not-available', `broker ${id} is not running`) : member
  }

  #unknown(id: number): Refusal {
    return new Refusal('broker-id-not-registered', `there is no broker ${id}; there are ${this.members.map(({ spec }) => spec.id).join(', ')}`)
  }
}

/** Or about to be. */
function isUp({ broker, starting }: Running): boolean {
  return broker !== undefined || starting !== undefined
}

function diskFault({ open }: Running): Refusal | undefined {
  return open.directories.find(directory => directory.failure.refusal !== undefined)?.failure.refusal
}
