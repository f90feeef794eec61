// Faults, from a seed: which kinds there are in a run is drawn first, then when and where each happens. A budget keeps an intact copy of everything that was
// acknowledged: disks are lost or damaged one at a time, and only while every partition is in sync elsewhere. What fails is repaired again, or stays away a while.
import type { Prng } from '../../../src/base/prng.ts'
import type { Engine } from '../../../src/engine/engine.ts'
import { keyIdConfig, type PartitionRef, Refusal } from '../../../src/ports.ts'
import type { SimCluster } from './cluster.ts'

export const faultKinds = [
  'fail', 'stop', 'pause', 'cut', 'isolate', 'weather', 'power', 'kill', 'close', 'wipe', 'io-error', 'full', 'rot', 'clock', 'elect', 'reassign', 'add', 'topic', 'config',
  'reshard',
] as const
export type FaultKind = (typeof faultKinds)[number]

export interface NemesisOptions {
  readonly cluster: SimCluster
  readonly random: Prng
  readonly kinds: readonly FaultKind[]
  readonly violation: (text: string) => void
  /** Topics whose partitions are moved about and elected. */
  readonly topics: readonly string[]
  /** The mean time between two faults. */
  readonly everyMs: number
  readonly brokersMax: number
  /** Splits and merges shards; false where there are enough of them. */
  readonly reshard: (random: Prng) => boolean
}

/** The named key that topics are told to encrypt under, and not to, while the cluster runs. */
export const namedKeyId = '00000000-0000-4000-8000-00000000000b'
const settleMsMax = 120_000

export class Nemesis {
  readonly #options: NemesisOptions
  readonly #counts = new Map<FaultKind, number>()
  /** Brokers that are down on purpose. */
  readonly #away = new Set<number>()
  /** Brokers that are coming up. */
  readonly #starting = new Set<number>()
  /** The broker whose disk is being failed, lost or damaged. */
  #victim: number | undefined
  #isOpening: Promise<void> | undefined
  readonly #rotten: { readonly at: PartitionRef; readonly id: number }[] = []
  #topics = 0
  #changes = 0

  constructor(options: NemesisOptions) {
    this.#options = options
  }

  get counts(): ReadonlyMap<FaultKind, number> { return this.#counts }
  /** Not up because it is about to be. */
  get isOpening(): boolean { return this.#isOpening !== undefined }

  /** Until `untilMs` on the cluster's clock. */
  async run(untilMs: number): Promise<void> {
    const { cluster, random, kinds, everyMs } = this.#options
    void this.#lookAfter()
    while (cluster.time.monotonic() < untilMs) {
      await this.#pause(random.float() * 2 * everyMs)
      if (kinds.length === 0) continue
      const kind = random.pick(kinds)
      if (!(await this.#strike(kind))) continue
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    }
  }

  /** No more faults: everything is repaired, started and let go on. */
  async end(): Promise<void> {
    const { cluster } = this.#options
    cluster.network.heal()
    await this.#isOpening
    this.#away.clear()
    for (const machine of cluster.machines.values()) {
      machine.clock.goOn()
      if (machine.disk.isBroken) machine.disk.replace()
      machine.disk.present.limitBytes = Infinity
    }
  }

  /** False where the fault is not possible now. */
  async #strike(kind: FaultKind): Promise<boolean> {
    const { cluster, random } = this.#options
    const { engine } = cluster
    cluster.trace.add(`fault ${kind}`)
    switch (kind) {
      case 'power': return this.#restart(random.pick(['nothing', 'some', 'some', 'everything'] as const))
      case 'kill': return this.#restart('kill')
      case 'weather': return this.#weather()
      default:
    }
    if (engine === undefined) return false
    const id = random.pick(engine.members.map(({ spec }) => spec.id))
    switch (kind) {
      case 'close': return this.#closeInOrder()
      case 'fail': return this.#takeDown(id, () => engine.fail(id))
      case 'stop': return this.#takeDown(id, () => engine.stop(id))
      case 'pause': return this.#holdUp(id)
      case 'cut': return this.#cut(id)
      case 'isolate': return this.#isolate(id)
      case 'wipe': return this.#wipe(engine, id)
      case 'io-error': return this.#ioError(id)
      case 'full': return this.#fill(id)
      case 'rot': return this.#rot(engine)
      case 'clock': return this.#jump(id)
      case 'elect': return this.#tell(cluster.wide!.admin.electLeaders('preferred', null))
      case 'reassign': return this.#reassign(engine)
      case 'add': return this.#add(engine)
      case 'topic': return this.#topic()
      case 'config': return this.#config()
      case 'reshard': return this.#options.reshard(random)
    }
  }

  // ------------------------------------------------------------------------------------------------------ the process

  async #restart(how: 'nothing' | 'some' | 'everything' | 'kill'): Promise<boolean> {
    const { cluster, random } = this.#options
    if (this.#isOpening !== undefined) return false
    const isDiskLost = this.#options.kinds.includes('wipe') && random.chance(0.2) && this.#victim === undefined && this.#isCalm(cluster.engine)
    this.#die(how)
    if (isDiskLost) random.pick([...cluster.machines.values()]).disk.replace()
    await this.#pause(random.float() * 5_000)
    await this.#open(random.chance(0.25) ? 1 + random.below(2) : 0, how)
    return true
  }

  #die(how: 'nothing' | 'some' | 'everything' | 'kill'): void {
    const { cluster } = this.#options
    cluster.die(how)
    cluster.network.heal()
    this.#away.clear()
    this.#starting.clear()
    this.#victim = undefined
  }

  async #closeInOrder(): Promise<boolean> {
    const { cluster, random } = this.#options
    if (this.#isOpening !== undefined) return false
    for (const machine of cluster.machines.values()) machine.clock.goOn()
    const closed = cluster.close()
    await this.#inTime(closed, settleMsMax, 'the process does not end')
    this.#die('kill')
    await this.#pause(random.float() * 5_000)
    await this.#open(0, 'kill')
    return true
  }

  /** Opens the process; `cuts` times the power fails while it comes up. */
  async #open(cuts: number, how: 'nothing' | 'some' | 'everything' | 'kill'): Promise<void> {
    const { cluster, random } = this.#options
    for (let left = cuts; left > 0; left--) {
      cluster.open().catch(error => this.#options.violation(`the process does not start: ${String(error)}`))
      await this.#pause(random.float() * 300)
      this.#die(how)
    }
    const opening = cluster.open().catch(error => this.#options.violation(`the process does not start: ${String(error)}`))
    this.#isOpening = this.#inTime(opening, settleMsMax, 'the process does not come up')
    await this.#isOpening
    this.#isOpening = undefined
  }

  // ------------------------------------------------------------------------------------------------------ single brokers

  async #takeDown(id: number, how: () => Promise<null | Refusal>): Promise<boolean> {
    const { cluster, random } = this.#options
    if (cluster.engine?.broker(id) === undefined || this.#victim === id) return false
    const { life } = cluster
    this.#away.add(id)
    void how().then(answer => cluster.trace.add(`${id} is down: ${answer === null ? 'as asked' : answer.message}`))
    void this.#pause(random.float() * 40_000).then(() => {
      if (life === cluster.life) this.#away.delete(id)
    })
    return true
  }

  async #holdUp(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    const { clock } = cluster.machines.get(id)!
    if (clock.isPaused) return false
    clock.pause()
    void this.#pause(random.float() ** 2 * 60_000).then(() => clock.goOn())
    return true
  }

  async #cut(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    const others = [...cluster.machines.keys(), 'controller' as const].filter(other => other !== id)
    const other = random.pick(others)
    const ways = random.pick([[[id, other]], [[other, id]], [[id, other], [other, id]]] as const)
    for (const [from, to] of ways) cluster.network.cut(from, to)
    void this.#pause(random.float() * 60_000).then(() => {
      for (const [from, to] of ways) cluster.network.mend(from, to)
    })
    return true
  }

  async #isolate(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    const others = [...cluster.machines.keys(), 'controller' as const].filter(other => other !== id)
    for (const other of others) {
      cluster.network.cut(id, other)
      cluster.network.cut(other, id)
    }
    void this.#pause(random.float() * 60_000).then(() => {
      for (const other of others) {
        cluster.network.mend(id, other)
        cluster.network.mend(other, id)
      }
    })
    return true
  }

  async #weather(): Promise<boolean> {
    const { cluster, random } = this.#options
    Object.assign(cluster.network.weather, random.pick([
      { lossRate: 0, repeatRate: 0, slowRate: 0, delayMsMax: 2 },
      { lossRate: 0.02, repeatRate: 0.05, slowRate: 0.02, delayMsMax: 20 },
      { lossRate: 0.1, repeatRate: 0.2, slowRate: 0.1, delayMsMax: 50 },
    ]))
    return true
  }

  async #jump(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    cluster.machines.get(id)!.clock.skewMs = Math.round((random.float() - 0.5) * 2 * random.pick([1_000, 60_000, 7_200_000]))
    return true
  }

  // --------------------------------------------------------------------------------------------------------------- disks

  /** Its disk breaks for good; a blank one takes its place. */
  async #wipe(engine: Engine, id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    const { disk, clock } = cluster.machines.get(id)!
    // Who is paused notices nothing until it goes on.
    if (this.#victim !== undefined || clock.isPaused || engine.broker(id) === undefined || !this.#isCalm(engine)) return false
    const { life } = cluster
    this.#victim = id
    disk.break()
    const isDown = (): boolean => engine.broker(id) === undefined
    // The next write of the catalog finds it out.
    const { admin } = cluster.wide!
    void admin.createTopic({ name: `noticed-${this.#changes++}`, partitions: 1, replicationFactor: -1, configs: new Map() }, { validateOnly: false })
    const isOver = (): boolean => isDown() || life !== cluster.life
    do {
      await this.#until(() => isOver() || !clock.isPaused, settleMsMax)
      await this.#until(isOver, 20_000)
    } while (!isOver() && clock.isPaused)
    if (life !== cluster.life) return true
    if (!isDown()) {
      this.#options.violation(`broker ${id} is up 20 s after its disk broke`)
      return true
    }
    await this.#pause(random.float() * 20_000)
    if (disk.isBroken) disk.replace()
    return true
  }

  async #ioError(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    if (this.#victim !== undefined) return false
    this.#victim = id
    cluster.machines.get(id)!.disk.present.fail(random.pick(['sync', 'write']), 'EIO', { after: 1 + random.below(10), path: random.pick(['', '.segment', '/topics/', '/metadata/']) })
    return true
  }

  async #fill(id: number): Promise<boolean> {
    const { cluster, random } = this.#options
    const { disk } = cluster.machines.get(id)!
    const { present } = disk
    if (present.limitBytes !== Infinity) return false
    present.limitBytes = present.usedBytes + random.below(5_000)
    void this.#pause(2_000 + random.float() * 40_000).then(() => { present.limitBytes = Infinity })
    return true
  }

  /** A bit of what a leader has stored flips, while others have it whole; readers, or its next start, find it out. */
  async #rot(engine: Engine): Promise<boolean> {
    const { cluster, random } = this.#options
    if (this.#victim !== undefined || !this.#isCalm(engine)) return false
    const topic = engine.image.topic(random.pick(this.#options.topics))
    if (topic === undefined) return false
    const partition = random.pick(topic.partitions)
    const id = partition.leader
    const { disk } = cluster.machines.get(id)!
    const files = disk.present.files.filter(path => path.includes(`/topics/${topic.id}/${partition.index}/`) && path.endsWith('.segment'))
    if (files.length === 0) return false
    const path = random.pick(files)
    const size = disk.present.contentOf(path).length
    if (size === 0) return false
    this.#victim = id
    disk.present.rot(path, random.below(size))
    this.#rotten.push({ at: { topic: topic.name, partition: partition.index }, id })
    // What lies in memory is not read from disk again before the next start.
    await this.#takeDownVictim(engine, id)
    return true
  }

  /** Damage is found when somebody reads it: each replica that was damaged leads for a while, and all of it is read. */
  async findDamage(): Promise<void> {
    const { cluster } = this.#options
    for (const { at, id } of this.#rotten) {
      const { admin, logs } = cluster.wide!
      const replicas = cluster.engine?.image.topic(at.topic)?.partitions[at.partition]?.replicas ?? []
      if (!replicas.includes(id)) continue
      await admin.reassign([{ ...at, replicas: [id, ...replicas.filter(one => one !== id)] }])
      await admin.electLeaders('preferred', [at])
      await this.#until(() => cluster.engine?.broker(id)?.replicas.find(at) instanceof Refusal === false, 10_000)
      const ends = await logs.ends(at)
      for (let from = ends instanceof Refusal ? Infinity : ends.logStartOffset; from < (ends as { highWatermark: number }).highWatermark;) {
        const slice = await logs.read(at, from, { bytesMax: 1_000_000, atLeastOne: true, committedOnly: false })
        if (!(slice instanceof Refusal)) from = slice.batches.at(-1)?.nextOffset ?? Infinity
        else await this.#pause(500)
      }
      if (!(await this.#until(() => this.#isCalm(cluster.engine), settleMsMax))) this.#options.violation(`the damaged replica of ${at.topic}-${at.partition} on broker ${id} is not in sync again`)
    }
  }

  async #takeDownVictim(engine: Engine, id: number): Promise<void> {
    const { cluster } = this.#options
    const { life } = cluster
    void engine.fail(id)
    await this.#until(() => life !== cluster.life || this.#isCalm(cluster.engine), settleMsMax)
  }

  // -------------------------------------------------------------------------------------------------------------- catalog

  async #reassign(engine: Engine): Promise<boolean> {
    const { cluster, random } = this.#options
    const topic = engine.image.topic(random.pick(this.#options.topics))
    if (topic === undefined) return false
    const partition = random.pick(topic.partitions)
    const ids = engine.members.map(({ spec }) => spec.id)
    const replicas: number[] = []
    while (replicas.length < Math.min(3, ids.length)) {
      const id = random.pick(ids)
      if (!replicas.includes(id)) replicas.push(id)
    }
    return this.#tell(cluster.wide!.admin.reassign([{ topic: topic.name, partition: partition.index, replicas: random.chance(0.1) ? null : replicas }]))
  }

  async #add(engine: Engine): Promise<boolean> {
    const { cluster, brokersMax } = this.#options
    if (cluster.machines.size >= brokersMax) return false
    const machine = cluster.addMachine(cluster.machines.size + 1)
    void engine.add(machine.spec).then(answer => cluster.trace.add(`broker ${machine.spec.id} is added: ${answer === null ? 'yes' : answer.message}`))
    return true
  }

  async #topic(): Promise<boolean> {
    const { cluster, random } = this.#options
    const { admin } = cluster.wide!
    if (this.#topics > 0 && random.chance(0.5)) return this.#tell(admin.deleteTopic(`passing-${random.below(this.#topics)}`))
    const name = `passing-${this.#topics++}`
    return this.#tell(admin.createTopic({ name, partitions: 1 + random.below(3), replicationFactor: -1, configs: new Map() }, { validateOnly: false }))
  }

  async #config(): Promise<boolean> {
    const { cluster, random, topics } = this.#options
    this.#changes++
    const change = random.pick([
      ['min.insync.replicas', '2'], ['min.insync.replicas', '3'], ['min.insync.replicas', '2'], ['segment.ms', '60000'], ['max.message.bytes', String(500_000 + this.#changes)],
      [keyIdConfig, namedKeyId], [keyIdConfig, ''],
    ] as const)
    return this.#tell(cluster.wide!.admin.alterConfigs({ type: 'topic', name: random.pick(topics) }, [{ name: change[0], operation: 'set', value: change[1] }], { validateOnly: false }))
  }

  /** The answer is not waited for. */
  #tell(answer: Promise<unknown>): boolean {
    const { cluster } = this.#options
    void answer.then(said => cluster.trace.add(`told: ${said instanceof Refusal ? said.code : 'done'}`))
    return true
  }

  // -------------------------------------------------------------------------------------------------------------- repairs

  /** Starts brokers that are down and not away on purpose, and the process where it has failed. */
  async #lookAfter(): Promise<void> {
    const { cluster, random } = this.#options
    for (;;) {
      await this.#pause(3_000)
      const { engine, life } = cluster
      if (engine === undefined) continue
      if (this.#victim !== undefined && engine.broker(this.#victim) !== undefined && this.#isCalm(engine)) {
        // A failure that has not come by now must not come together with the next one's.
        cluster.machines.get(this.#victim)!.disk.present.disarm()
        this.#victim = undefined
      }
      for (const { spec: { id }, broker, fault } of engine.members) {
        if (broker !== undefined || this.#away.has(id) || this.#starting.has(id) || cluster.engine !== engine) continue
        const { disk } = cluster.machines.get(id)!
        if (disk.isBroken) continue
        // Whoever mounts a disk again that has failed reads what it holds, not what memory had of it.
        if (fault !== undefined) disk.cutPower(random, 'nothing')
        this.#starting.add(id)
        void engine.start(id).then(answer => {
          if (life !== cluster.life) return
          this.#starting.delete(id)
          cluster.trace.add(`${id} is started: ${answer === null ? 'up' : answer.message}`)
        }, (error: unknown) => {
          if (life === cluster.life) this.#options.violation(`broker ${id} cannot be started: ${String(error)}`)
        })
      }
    }
  }

  /** Every broker runs, and every partition is in sync on all its replicas. */
  #isCalm(engine: Engine | undefined): boolean {
    if (engine === undefined || engine.members.some(({ broker }) => broker?.isRunning !== true)) return false
    return engine.image.topics.every(topic => topic.partitions.every(({ leader, replicas, inSyncReplicas }) => leader >= 0 && inSyncReplicas.length === replicas.length))
  }

  async #until(condition: () => boolean, msMax: number): Promise<boolean> {
    const { time } = this.#options.cluster
    for (const untilMs = time.monotonic() + msMax; !condition();) {
      if (time.monotonic() >= untilMs) return false
      await this.#pause(200)
    }
    return true
  }

  async #inTime(work: Promise<void>, msMax: number, complaint: string): Promise<void> {
    const { time } = this.#options.cluster
    const late = Promise.withResolvers<'late'>()
    using _timer = time.after(msMax, () => late.resolve('late'))
    if (await Promise.race([work, late.promise]) === 'late') this.#options.violation(`${complaint} within ${msMax / 1000} s`)
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => void this.#options.cluster.time.after(ms, resolve))
  }
}
