// One run of the whole cluster from one seed: it starts, clients write and read while faults befall it, the faults stop, and then it must come back to order within
// a bounded time: every partition led and in sync, every replica the same, everything acknowledged read.
import { Prng } from '../../../src/base/prng.ts'
import { offsetsTopic } from '../../../src/engine/groups/coordinator.ts'
import { internalTopicConfigs } from '../../../src/engine/log-configs.ts'
import { type NamedKeyDocument, type PartitionRef, Refusal } from '../../../src/ports.ts'
import { checkHistory } from '../../history/checker.ts'
import type { HistoryEvent } from '../../history/history.ts'
import { Recorder } from '../../history/recorder.ts'
import { settle } from '../clock.ts'
import { Audit } from './audit.ts'
import { SimClient } from './client.ts'
import { type Sabotage, SimCluster } from './cluster.ts'
import { SimConsumer } from './consumers.ts'
import { Invariants } from './invariants.ts'
import { type FaultKind, faultKinds, namedKeyId, Nemesis } from './nemesis.ts'
import { IdempotentProducer, runPlainProducer, runWideProducer } from './producers.ts'
import { keyOf, type Stage } from './stage.ts'
import { SimStream } from './stream.ts'

export interface SimulationOptions {
  readonly seed: number
  /** For how long faults happen; simulated. */
  readonly faultMs?: number
  /** For how long after it there are no clients, only brokers. */
  readonly quietMs?: number
  /** Left out: a random part of all. */
  readonly kinds?: readonly FaultKind[]
  /** The mean time between two faults; left out: from the seed. */
  readonly everyMs?: number
  /** Breaks a rule on purpose, to see that it is noticed. */
  readonly sabotage?: Sabotage
  /** Topic configs besides those of the seed. */
  readonly topicConfigs?: ReadonlyMap<string, string>
  /** In the end more disks are lost at once than there are copies for: what is left must be whole or out of reach, never less than was acknowledged. */
  readonly isBeyondBudget?: boolean
  /** Stops at the first violation. */
  readonly stopsEarly?: boolean
  readonly onLine?: (line: string) => void
}

export interface SimulationResult {
  readonly seed: number
  readonly hash: string
  readonly violations: readonly string[]
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>
  /** Simulated. */
  readonly milliseconds: number
  readonly busyMilliseconds: number
  readonly events: number
  readonly messages: number
  readonly operations: number
  readonly acknowledged: number
  readonly read: number
  readonly processStarts: number
  /** Beyond the budget: partitions that nobody leads any more; 'all' where the process refuses to start. */
  readonly outOfReach: number | 'all'
}

const topicNames = { once: 'once', least: 'least', wide: 'wide', loose: 'loose' } as const
const streamName = 'stream'
const shardsSalt = 1_000_003
const offsetsTopicId = '00000000-0000-4000-8000-00000000000a'
const recoveryMsMax = 10 * 60_000
/** Whoever still sends has given up by then. */
const beyondMs = 150_000
const auditEveryMs = 20_000
const violationsMax = 20
const runawayEvents = 30_000_000

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const run = new Run(options)
  return run.result()
}

class Run {
  readonly #options: SimulationOptions
  readonly #random: Prng
  readonly #violations: string[] = []
  readonly #cluster: SimCluster
  readonly #invariants: Invariants
  readonly #audit: Audit
  readonly #recorder: Recorder
  readonly #stage: Stage & { isSending: boolean; isReading: boolean }
  readonly #kinds: readonly FaultKind[]
  readonly #nemesis: Nemesis
  #stream: SimStream | undefined
  #value = 0
  #clients = 0
  #busyMs = 0
  #outOfReach: number | 'all' = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    const random = this.#random = new Prng(options.seed)
    const brokers = options.isBeyondBudget === true ? random.pick([3, 5]) : random.pick([3, 3, 4, 5])
    const kinds = faultKinds.filter(kind => kind !== 'reshard' && random.chance(0.4))
    // Drawn apart from everything else, so that seeds of before there were shards are what they were.
    if (new Prng(options.seed + shardsSalt).chance(0.4)) kinds.push('reshard')
    this.#kinds = options.kinds ?? kinds
    const violation = (text: string): void => {
      this.#cluster.trace.add(`VIOLATION ${text}`)
      if (this.#violations.length < violationsMax) this.#violations.push(text)
    }
    const mayLose = (): boolean => false
    this.#cluster = new SimCluster({
      random: random.fork(), brokers,
      settings: {
        'group.initial.rebalance.delay.ms': 0, 'default.replication.factor': 3, 'min.insync.replicas': 2,
        'leader.imbalance.check.interval.seconds': random.pick([30, 300]), 'replica.lag.time.max.ms': random.pick([5_000, 10_000, 30_000]),
        'broker.session.timeout.ms': random.pick([6_000, 9_000]),
      },
      onLog: (level, fields, message) => {
        this.#cluster.trace.add(`${level}: ${message} ${JSON.stringify(fields)}`)
        if (message.startsWith('records below the high watermark are cut off') && !isLoose(fields)) violation(`I6 ${JSON.stringify(fields)}: ${message}`)
        if (message.startsWith('background work of a broker failed') && !JSON.stringify(fields).includes('EIO')) violation(`${message}: ${JSON.stringify(fields)}`)
      },
      ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
    })
    if (options.onLine !== undefined) this.#cluster.trace.onLine = options.onLine
    this.#invariants = new Invariants({ violation, mayLose: topic => isLooseName(topic) || mayLose(), note: text => this.#cluster.trace.add(text), minInSync: () => 2 })
    this.#audit = new Audit(violation, isLooseName)
    this.#recorder = new Recorder({ now: () => this.#cluster.time.monotonic() })
    this.#nemesis = new Nemesis({
      cluster: this.#cluster, random: random.fork(), kinds: this.#kinds, violation, topics: ['once', 'least', 'wide', '__consumer_offsets', ...this.#kinds.includes('reshard') ? [streamName] : []],
      reshard: chance => this.#stream?.reshard(chance) ?? false,
      everyMs: options.everyMs ?? random.pick([1_500, 4_000, 8_000]), brokersMax: brokers + 1,
    })
    this.#stage = {
      cluster: this.#cluster, recorder: this.#recorder, counts: { acknowledged: 0, read: 0, commits: 0 }, pauseMs: random.pick([200, 600, 2_000]),
      isSending: true, isReading: true, nextValue: () => this.#value++, violation, mayLose: isLooseName,
      acknowledged: (at, end) => this.#invariants.acknowledged(at, end),
      served: (at, end, highWatermark) => this.#invariants.served(at, end, highWatermark),
      producerId: id => this.#invariants.producerId(id),
    }
  }

  async result(): Promise<SimulationResult> {
    const { time, trace } = this.#cluster
    trace.add(`seed ${this.#options.seed}: faults ${this.#kinds.join(' ')}`)
    const played = this.#play()
    await this.#drive(played)
    const { hash } = this.#cluster
    this.#cluster.die('kill')
    const { counts } = this.#stage
    return {
      seed: this.#options.seed, hash, violations: this.#violations, faults: Object.fromEntries(this.#nemesis.counts),
      milliseconds: time.monotonic(), busyMilliseconds: this.#busyMs, events: this.#invariants.events, messages: this.#cluster.network.messages,
      operations: this.#recorder.events.length / 2, acknowledged: counts.acknowledged, read: counts.read, processStarts: this.#cluster.life, outOfReach: this.#outOfReach,
    }
  }

  /** Lets one thing happen after the other, and looks at the rules after each. */
  async #drive(played: Promise<void>): Promise<void> {
    let isOver = false
    let failure: unknown
    played.then(() => { isOver = true }, (error: unknown) => {
      failure = error
      isOver = true
    })
    for (;;) {
      await settle()
      this.#invariants.check(this.#cluster.engine)
      if (isOver) break
      if (this.#options.stopsEarly === true && this.#violations.length > 0) return
      if (this.#violations.length >= violationsMax) return
      if (this.#invariants.events > runawayEvents) {
        this.#violations.push(`${runawayEvents} events have happened, and there is no end`)
        return
      }
      if (!this.#cluster.time.step()) {
        this.#violations.push('nothing is left to happen, and the run is not over')
        return
      }
    }
    if (failure !== undefined) this.#violations.push(`the simulation failed: ${failure instanceof Error ? failure.stack : String(failure)}`)
  }

  async #play(): Promise<void> {
    const { time, trace } = this.#cluster
    const { faultMs = 90_000, quietMs = 0 } = this.#options
    await this.#cluster.open()
    const partitions = await this.#createTopics()
    const producer = new IdempotentProducer(this.#stage, this.#client(), partitions.once)
    const keeper = new SimConsumer(this.#stage, this.#client(), this.#durable(partitions), { group: 'keeper' })
    const sending = [
      producer.run(), runPlainProducer(this.#stage, this.#client(), partitions.least, 'all'), runPlainProducer(this.#stage, this.#client(), partitions.loose, 'leader'),
      runPlainProducer(this.#stage, this.#client(), partitions.loose, 'none'), runWideProducer(this.#stage, this.#client(), partitions.wide),
    ]
    const reading = [keeper.run(), new SimConsumer(this.#stage, this.#client(), this.#durable(partitions)).run()]
    if (this.#kinds.includes('reshard')) {
      const stream = this.#stream = await this.#createStream()
      sending.push(stream.write())
      reading.push(stream.read())
    }
    void this.#auditNowAndThen()
    const deleting = this.#deleteRecords(keeper, this.#durable(partitions))
    await this.#nemesis.run(time.monotonic() + faultMs)

    trace.add('the faults are over')
    await this.#nemesis.end()
    this.#busyMs = time.monotonic()
    if (this.#options.isBeyondBudget === true) return this.#loseDisks(partitions)
    await this.#recovered()
    this.#stage.isSending = false
    await Promise.all([...sending, deleting])
    this.#stage.isReading = false
    await Promise.all(reading)
    await this.#quiet(quietMs)
    await this.#recovered()
    await this.#nemesis.findDamage()
    for (const fault of await producer.repeat()) this.#stage.violation(`I8 ${fault}`)
    if (!(await this.#until(() => keeper.checkCommitted()))) this.#stage.violation('I13 nobody tells what group keeper has committed')
    await this.#readAll(this.#durable(partitions))
    await this.#stream?.check()
    await this.#compareAll()
    this.#checkHistory()
  }

  async #createTopics(): Promise<Record<keyof typeof topicNames, PartitionRef[]>> {
    const { wide, engine } = this.#cluster
    // Fewer than there would be by default, so that most of what happens is not about them.
    await engine!.controller.submit({
      type: 'create-topic', topic: { name: offsetsTopic, partitions: 2, replicationFactor: 3, configs: internalTopicConfigs }, topicId: offsetsTopicId, internal: true, validateOnly: false,
    })
    const key: NamedKeyDocument = { state: 'Enabled', material: Buffer.alloc(32, 7).toString('base64') }
    await wide!.documents.put({ kind: 'kms-key', key: namedKeyId, value: JSON.stringify(key), topicId: null }, 0)
    const found: Partial<Record<keyof typeof topicNames, PartitionRef[]>> = {}
    for (const name of Object.values(topicNames)) {
      const count = 1 + this.#random.below(2)
      const configs = new Map([['min.insync.replicas', '2'], ['retention.ms', '-1'], ['message.timestamp.after.max.ms', String(Number.MAX_SAFE_INTEGER)], ...(this.#options.topicConfigs ?? [])])
      const made = await wide!.admin.createTopic({ name, partitions: count, replicationFactor: 3, configs }, { validateOnly: false })
      if (made instanceof Refusal) throw new Error(`topic ${name}: ${made.message}`)
      found[name] = Array.from({ length: count }, (_, partition) => ({ topic: name, partition }))
    }
    return found as Record<keyof typeof topicNames, PartitionRef[]>
  }

  async #createStream(): Promise<SimStream> {
    const configs = new Map([['min.insync.replicas', '2'], ['retention.ms', '-1'], ['message.timestamp.after.max.ms', String(Number.MAX_SAFE_INTEGER)]])
    const made = await this.#cluster.wide!.admin.createTopic({ name: streamName, partitions: 2, replicationFactor: 3, configs }, { validateOnly: false })
    if (made instanceof Refusal) throw new Error(`topic ${streamName}: ${made.message}`)
    return new SimStream(this.#stage, streamName, this.#client())
  }

  #durable({ once, least, wide }: Record<keyof typeof topicNames, PartitionRef[]>): PartitionRef[] {
    return [...once, ...least, ...wide]
  }

  #client(): SimClient {
    return new SimClient(this.#cluster, `client-${this.#clients++}`, this.#random.fork())
  }

  /** Deletes from the front what the reader has read, so that nothing unread goes. */
  async #deleteRecords(reader: SimConsumer, partitions: readonly PartitionRef[]): Promise<void> {
    if (!this.#random.chance(0.5)) return
    const client = this.#client()
    while (this.#stage.isSending) {
      await client.pause(client.random.float() * 60_000)
      const at = client.random.pick(partitions)
      const before = client.random.below(reader.positionOf(at) + 1)
      await client.askLeader(at, 'delete-records', backend => backend.admin.deleteRecords(at, before))
    }
  }

  async #auditNowAndThen(): Promise<void> {
    while (this.#stage.isReading) {
      await this.#pause(auditEveryMs)
      const { engine } = this.#cluster
      // What cannot be read while faults go on is not held against it.
      if (engine !== undefined) await Promise.race([this.#audit.look(engine, { isFull: false }), this.#pause(60_000)])
    }
  }

  /** Liveness: after the faults everything comes back to order in bounded time. */
  async #recovered(): Promise<void> {
    const sinceMs = this.#cluster.time.monotonic()
    let missing: string | undefined
    do {
      await this.#pause(1_000)
      missing = this.#missing()
    } while (missing !== undefined && this.#cluster.time.monotonic() - sinceMs < recoveryMsMax)
    if (missing !== undefined) this.#stage.violation(`I13 after ${recoveryMsMax / 60_000} minutes without faults: ${missing}`)
    this.#cluster.trace.add(`in order after ${Math.round(this.#cluster.time.monotonic() - sinceMs)} ms`)
  }

  /** The power fails, and some disks with it: of three, a majority; of five, as many as may hold all copies of a partition but one. */
  async #loseDisks(partitions: Record<keyof typeof topicNames, PartitionRef[]>): Promise<void> {
    const { machines } = this.#cluster
    const lost = [...machines.values()].toSorted(() => this.#random.float() - 0.5).slice(0, 2)
    const isQuorumLost = 2 * lost.length >= machines.size
    this.#cluster.die('nothing')
    for (const { disk } of lost) disk.replace()
    this.#cluster.trace.add(`the disks of ${lost.map(({ spec }) => spec.id).join()} are lost`)
    const refused = await this.#cluster.open().then(() => undefined, (error: unknown) => String(error))
    if (refused !== undefined) {
      this.#outOfReach = 'all'
      if (!isQuorumLost) this.#stage.violation(`the process does not start with ${machines.size - lost.length} of ${machines.size} disks: ${refused}`)
      return
    }
    if (isQuorumLost) this.#stage.violation(`the process starts with ${machines.size - lost.length} of ${machines.size} disks`)
    this.#stage.isSending = false
    await this.#pause(beyondMs)
    const isLed = (at: PartitionRef): boolean => (this.#cluster.engine?.image.topic(at.topic)?.partitions[at.partition]?.leader ?? -1) >= 0
    const left = this.#durable(partitions).filter(isLed)
    const gone = new Set(this.#durable(partitions).filter(at => !isLed(at)).map(keyOf))
    this.#outOfReach = gone.size
    this.#stage.isReading = false
    await this.#readAll(left)
    this.#checkHistory(gone)
  }

  #missing(): string | undefined {
    const { engine } = this.#cluster
    if (engine === undefined) return 'the process is not up'
    for (const { spec, broker, fault } of engine.members) if (broker?.isRunning !== true) return `broker ${spec.id} does not run${fault === undefined ? '' : `: ${fault}`}`
    for (const topic of engine.image.topics) {
      for (const { index, leader, replicas, inSyncReplicas, addingReplicas, removingReplicas, seal } of topic.partitions) {
        const name = `${topic.name}-${index}`
        if (leader < 0) return `${name} has no leader`
        if (seal !== undefined && seal.endOffset < 0) return `${name} is closed, and its leader does not say where it ends`
        if (inSyncReplicas.length < replicas.length) return `${name} has replicas ${replicas.join()}, in sync are ${inSyncReplicas.join()}`
        if (addingReplicas.length + removingReplicas.length > 0) return `the reassignment of ${name} has not ended`
      }
    }
    return undefined
  }

  async #quiet(ms: number): Promise<void> {
    if (ms > 0) await this.#pause(ms)
  }

  async #readAll(partitions: readonly PartitionRef[]): Promise<void> {
    const { engine } = this.#cluster
    for (const at of partitions) {
      const last = new SimConsumer(this.#stage, this.#client(), [at])
      const isRead = await this.#until(async () => {
        await last.poll(at)
        const topic = engine?.image.topic(at.topic)
        return topic !== undefined && last.positionOf(at) >= (this.#cluster.engine?.broker(topic.partitions[at.partition]!.leader)?.replicas.get(topic.id, at.partition)?.log?.endOffset ?? 0)
      })
      if (!isRead) this.#stage.violation(`I13 ${keyOf(at)} cannot be read to its end`)
    }
  }

  async #compareAll(): Promise<void> {
    const { engine } = this.#cluster
    if (engine === undefined) return
    let differences: string[] = []
    if (!(await this.#until(async () => (differences = await this.#audit.differences(engine)).length === 0))) {
      for (const one of differences) this.#stage.violation(`I13 ${one}`)
    }
    for (const topic of engine.image.topics) {
      for (const { index, leader } of topic.partitions) {
        const replica = engine.broker(leader)?.replicas.get(topic.id, index)
        if (replica?.log !== undefined && replica.highWatermark !== replica.log.endOffset) this.#stage.violation(`I13 ${replica.name}: high watermark ${replica.highWatermark}, end ${replica.log.endOffset}`)
      }
    }
    for (const text of await this.#audit.look(engine, { isFull: true })) this.#stage.violation(`I13 ${text}`)
  }

  /** Of keys that are out of reach nothing can be expected but that what was read is not taken back. */
  #checkHistory(outOfReach: ReadonlySet<string> = new Set()): void {
    const durable = check(this.#recorder.events, key => !isLooseName(topicOf(key)), { isDurable: true, hasFinalPolls: true, isExactlyOnce: key => topicOf(key) !== topicNames.least })
    const isExcused = (text: string): boolean => [...outOfReach].some(key => text.includes(`of ${key} `))
    for (const example of durable.examples) if (example.isBad && !(example.class === 'unseen' && isExcused(example.text))) this.#stage.violation(`${example.class}: ${example.text}`)
  }

  async #until(condition: () => boolean | Promise<boolean>): Promise<boolean> {
    const { time } = this.#cluster
    for (const untilMs = time.monotonic() + recoveryMsMax; !(await condition());) {
      if (time.monotonic() >= untilMs) return false
      await this.#pause(500)
    }
    return true
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => void this.#cluster.time.after(ms, resolve))
  }
}

/** The history of the keys that are asked for. */
function check(events: readonly HistoryEvent[], isWanted: (key: string) => boolean, options: Parameters<typeof checkHistory>[1]) {
  const wanted = events.filter(event => event.f !== 'send' || event.value.every(micro => micro[0] !== 'send' || isWanted(micro[1])))
  return checkHistory(wanted, options)
}

function topicOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'))
}

function isLooseName(topic: string): boolean {
  return topic === topicNames.loose
}

function isLoose(fields: object): boolean {
  return (fields as { partition?: unknown }).partition?.toString().startsWith(`${topicNames.loose}-`) === true
}
