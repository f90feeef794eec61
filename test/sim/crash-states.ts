// Crash states of one log: a seeded workload runs on the simulated disk, and at every disk operation the power is cut in several ways. Each
// image that is left is recovered and held against what the workload had been told: nothing acknowledged is lost, nothing appears that was
// not written, nothing torn is called damage, and a second recovery, even after a cut during the first, finds the same. The workload leads and
// follows in turn, with a growing leader epoch; it runs out of disk space, abandons its log, cuts it, and begins it anew.
import { createHash, type Hash } from 'node:crypto'
import { Prng } from '../../src/base/prng.ts'
import type { LogConfig } from '../../src/engine/log/config.ts'
import { Log, type LogOptions, type Progress } from '../../src/engine/log/log.ts'
import { TailCache } from '../../src/engine/log/tail-cache.ts'
import { Keyring } from '../../src/engine/sealed/keyring.ts'
import { Refusal } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import type { World } from '../../src/world/world.ts'
import type { SimClock } from './clock.ts'
import { SimDisk, type Survives } from './disk.ts'
import { cutTo, emptyAt, endAfterCut, type Entry, type Known, nextSequence, nothingKnown, verified } from './known-log.ts'
import { delays, silent, SimWorld } from './world.ts'

export interface CrashStatesOptions {
  readonly seed: number
  /** Stop after so many states. */
  readonly statesMax: number
  /** Makes the disk lie, to see that the checks notice: applied to each world a log is opened in. */
  readonly tamper?: (world: World) => World
}

export interface CrashStates {
  readonly states: number
  readonly violations: readonly string[]
  /** Of all that happened: two runs of one seed agree. */
  readonly hash: string
  /** Records that were acknowledged, over all epochs. */
  readonly acknowledged: number
}

interface Image {
  readonly disk: SimDisk
  readonly known: Known
  readonly cut: string
  /** The process died, the power stayed. */
  readonly isKill: boolean
}

const identity = { clusterId: 'AAAAAAAAAAAAAAAAAAAAAA', topicId: '11111111-1111-4111-8111-111111111111', partition: 3, broker: 1 }
const keySource = { type: 'file' as const, key: Buffer.alloc(32, 7) }
const logDirectory = '/data/logs/topic/3'
const violationsMax = 20
const epochCount = 4
const producerCount = 3
/** What a power cut may leave, and what the death of the process alone does. */
type Cut = Survives | 'kill'
const cuts: readonly Cut[] = ['nothing', 'everything', 'some', 'some', 'some', 'kill']
const statesPerImage = 3

/** Runs epochs of workload, cut and recovery from one seed until it has seen `statesMax` states or its epochs are over. */
export async function crashStates({ seed, statesMax, tamper = world => world }: CrashStatesOptions): Promise<CrashStates> {
  const run = new Run(seed, statesMax, tamper)
  try {
    await run.epochs()
  } catch (error) {
    run.violation(`the log fails on a disk that works: ${String(error)}`)
  }
  return run.result()
}

class Run {
  readonly #random: Prng
  readonly #statesMax: number
  readonly #tamper: (world: World) => World
  readonly #violations: string[] = []
  readonly #hash: Hash = createHash('sha256')
  readonly #config: LogConfig
  /** Rounds are written in one step with their sync, beside the sync before them, or some of each. */
  readonly #eagerBytes: number
  readonly #seed: number
  #states = 0
  #acknowledged = 0

  constructor(seed: number, statesMax: number, tamper: (world: World) => World) {
    this.#seed = seed
    this.#random = new Prng(seed)
    this.#statesMax = statesMax
    this.#tamper = tamper
    this.#eagerBytes = this.#random.pick([0, 600, 100_000])
    this.#config = {
      segmentBytes: this.#random.pick([9_000, 14_000, 60_000]), segmentMs: Infinity, retentionMs: -1,
      retentionBytes: this.#random.pick([-1, -1, 30_000]), messageBytesMax: 8_000, timestampType: this.#random.pick(['create', 'append'] as const),
      timestampBeforeMaxMs: Infinity, timestampAfterMaxMs: Infinity, compact: false, compressionType: 'producer',
    }
  }

  result(): CrashStates {
    return { states: this.#states, violations: this.#violations, hash: this.#hash.digest('hex'), acknowledged: this.#acknowledged }
  }

  async epochs(): Promise<void> {
    let disk: SimDisk | undefined
    let known = nothingKnown
    const imagesMax = Math.max(Math.ceil(this.#statesMax / epochCount / statesPerImage) - cuts.length, 1)
    for (let epoch = 0; epoch < epochCount && !this.#isDone(); epoch++) {
      const images = await this.#workload(disk, known, { epoch, imagesMax })
      for (const image of images) if (!this.#isDone()) await this.#check(image)
      const next = this.#random.pick(images)
      disk = next.disk
      known = next.known
    }
  }

  #isDone(): boolean {
    return this.#states >= this.#statesMax || this.#violations.length >= violationsMax
  }

  /**
   * What one process does until it dies, and what power cuts on its way leave: as many as asked for, any moment as likely as any other, and those of
   * the end, where a fault may have ended it.
   */
  async #workload(disk: SimDisk | undefined, before: Known, { epoch, imagesMax }: { epoch: number; imagesMax: number }): Promise<Image[]> {
    const random = this.#random
    const sim = new SimWorld(random.uint32())
    const world = disk ? new SimWorld(random.uint32(), { disk: disk.kill({ delay: delays(sim.clock, random.fork()) }) }) : sim
    const life = new Life({
      random, clock: sim.clock, disk: world.disk, known: before, retentionBytes: this.#config.retentionBytes,
      open: how => this.#open({ clock: sim.clock, disk: world.disk, random: world.random, network: sim.network }, how),
    })
    const image = (cut: Cut, moment: string): Image => ({
      disk: cut === 'kill' ? world.disk.kill() : world.disk.crash(random, cut), known: life.known, isKill: cut === 'kill',
      cut: `epoch ${epoch}, ${moment}, ${cut === 'kill' ? 'process killed' : `${cut} survives`}`,
    })
    const images: Image[] = []
    let seen = 0
    world.disk.onOperation = (operation, path) => {
      this.#hash.update(`${operation} ${path}`)
      for (const cut of cuts) {
        seen++
        if (images.length < imagesMax) images.push(image(cut, `${operation} ${path}`))
        else if (random.chance(imagesMax / seen)) images[random.below(imagesMax)] = image(cut, `${operation} ${path}`)
      }
    }
    await sim.run(() => life.run())
    world.disk.onOperation = undefined
    this.#acknowledged += life.acknowledged
    this.#hash.update(String(world.disk.trace))
    return [...cuts.map(cut => image(cut, 'at the end')), ...images]
  }

  /** Three states: the image, what a cut right after its recovery leaves, and what a cut during its recovery leaves. */
  async #check(image: Image): Promise<void> {
    this.#states += statesPerImage
    const { disk } = image
    try {
      const pristine = disk.kill()
      const found = await this.#recovered(disk, image)
      // Whatever a recovery has shown is durable from then on.
      const again = await this.#recovered(disk.crash(this.#random, 'nothing'), image)
      if (found !== again) this.violation(`${image.cut}: a second recovery found ${again}, the first ${found}`)
      const interrupted = await this.#cutDuringRecovery(pristine)
      const third = await this.#recovered(interrupted, image)
      // After a kill the unsynced tail may go with a cut before recovery has synced it; the bounds above still hold.
      if (found !== third && !image.isKill) this.violation(`${image.cut}: recovery after a cut during recovery found ${third}, the first ${found}`)
      this.#hash.update(found)
    } catch (error) {
      this.violation(`${image.cut}: recovery failed: ${String(error)}`)
    }
  }

  /** Opens the log, checks it against what is known, closes it; says what it held. */
  async #recovered(disk: SimDisk, { known }: Image): Promise<string> {
    const log = await this.#open(instantWorld(this.#random.uint32(), disk))
    await verified(log, known)
    const { startOffset, endOffset } = log
    await log.close()
    return `${startOffset}-${endOffset}`
  }

  /** What a power cut at a random disk operation of a recovery leaves, on a disk that may be full. */
  async #cutDuringRecovery(disk: SimDisk): Promise<SimDisk> {
    let image = disk
    let left = this.#random.below(12)
    disk.onOperation = () => {
      if (left-- === 0) image = disk.crash(this.#random, 'some')
    }
    if (this.#random.chance(0.2)) disk.limitBytes = disk.usedBytes
    await this.#open(instantWorld(this.#random.uint32(), disk)).catch(error => {
      if ((error as { code?: unknown }).code !== 'ENOSPC' || disk.limitBytes === Infinity) throw error
    })
    disk.onOperation = undefined
    disk.limitBytes = Infinity
    return image
  }

  async #open(base: World, how: (options: LogOptions) => Promise<Log> = Log.open): Promise<Log> {
    const world = this.#tamper(base)
    await world.disk.makeDirectory('/keys')
    const keys = await Keyring.open({ world, directory: '/keys', source: keySource })
    const cache = new TailCache(1_000_000)
    return how({ world, directory: logDirectory, identity, keys, config: () => this.#config, cache, logger: silent, eagerBytes: this.#eagerBytes })
  }

  violation(text: string): void {
    this.#violations.push(`seed ${this.#seed}, ${text}`)
  }
}

interface LifeOptions {
  readonly random: Prng
  readonly clock: SimClock
  readonly disk: SimDisk
  readonly known: Known
  readonly retentionBytes: number
  /** Opens the log in one way or another. */
  readonly open: (how?: (options: LogOptions) => Promise<Log>) => Promise<Log>
}

/** One process's dealings with the log, and what it has been told so far. */
class Life {
  readonly #random: Prng
  readonly #options: LifeOptions
  #known: Known
  acknowledged = 0

  constructor(options: LifeOptions) {
    this.#random = options.random
    this.#options = options
    this.#known = options.known
  }

  get known(): Known { return this.#known }

  async run(): Promise<void> {
    const { disk, open } = this.#options
    const random = this.#random
    let log = await open()
    this.#known = await verified(log, this.#known)
    if (random.chance(0.2)) {
      const [operation, fault] = random.pick([['sync', 'EIO'], ['write', 'EIO'], ['write', 'ENOSPC'], ['write', 'short-write']] as const)
      disk.fail(operation, fault, { after: 1 + random.below(12), path: '.segment' })
    }
    if (random.chance(0.2)) disk.limitBytes = disk.usedBytes + random.below(12_000)
    for (let step = 0; step < 3 + random.below(6); step++) {
      await this.#step(log).catch(error => this.#expectStopped(log, error))
      if (log.failed) return
      if (!log.full && !random.chance(0.25)) continue
      const isOrderly = await this.#letGo(log)
      // There is room again.
      disk.limitBytes = Infinity
      if (!isOrderly && log.failed) return
      log = await this.#again()
    }
    if (random.chance(0.5)) await log.close().catch(error => this.#expectStopped(log, error))
  }

  /** Appends as a leader or a follower, waits for it or not, cuts off the head. */
  async #step(log: Log): Promise<void> {
    const random = this.#random
    const epoch = Math.max(log.latestEpoch, 0) + (random.chance(0.2) ? 1 + random.below(2) : 0)
    const waits: Promise<void>[] = []
    for (let count = 1 + random.below(5); count > 0; count--) {
      waits.push(this.#append(log, epoch))
      waits.at(-1)!.catch(() => {})
      if (random.chance(0.3)) await this.#pause(4)
    }
    if (random.chance(0.8)) await Promise.all(waits)
    if (random.chance(0.3)) log.noteHighWatermark(this.#note())
    if (random.chance(0.15)) {
      const { noted, durableEnd } = this.#known
      await log.checkpoint()
      this.#learn({ kept: Math.max(this.#known.kept, Math.min(noted, durableEnd)) })
    }
    if (random.chance(0.15)) {
      const start = random.below(this.#known.durableEnd + 1)
      this.#learn({ startAsked: Math.max(this.#known.startAsked, start) })
      await log.deleteBefore(start)
      this.#learn({ startConfirmed: Math.max(this.#known.startConfirmed, start) })
    }
    if (random.chance(0.15)) {
      if (this.#options.retentionBytes >= 0) this.#learn({ startAsked: this.#known.durableEnd })
      log.noteHighWatermark(this.#note())
      await log.applyRetention()
      this.#learn({ startAsked: log.startOffset, startConfirmed: log.startOffset })
    }
    // What is under way may be cut off by an end that is not orderly.
    if (random.chance(0.1)) log.checkpoint().catch(() => {})
  }

  /** Resolves when what it has appended was acknowledged. */
  #append(log: Log, epoch: number): Promise<void> {
    const random = this.#random
    const repeatsMax = random.chance(0.1) ? 150 : 40
    const values = Array.from({ length: 1 + random.below(3) }, () => `${random.uint32().toString(36)}-`.repeat(1 + random.below(repeatsMax)))
    const id = random.below(producerCount)
    const mark = random.chance(0.4) ? { id, baseSequence: nextSequence(this.#known, id) } : undefined
    const isFollower = random.chance(0.5)
    // A leader's log may have lost offsets to compaction.
    const base = log.endOffset + (isFollower && random.chance(0.1) ? 1 + random.below(3) : 0)
    const batch = buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), {
      timestampMs: this.#options.clock.now(), ...(mark && { producer: { ...mark, epoch: 0 } }), ...(isFollower && { baseOffset: base, leaderEpoch: epoch }),
    })
    const appended: Progress | Refusal = isFollower ? log.appendReplicated([batch]) : log.append(batch, epoch)
    if (appended instanceof Refusal) return Promise.reject(new Error(appended.message))
    const end = base + values.length
    const gap = Array.from({ length: base - this.#known.written.length }, () => undefined)
    this.#learn({ written: [...this.#known.written, ...gap, ...values.map((value): Entry => ({ value, epoch, base, end, mark }))] })
    return appended.durable.then(() => {
      this.acknowledged += values.length
      this.#learn({ durableEnd: Math.max(this.#known.durableEnd, end) })
    })
  }

  /** Ends the log in an orderly way or not. Whether it was. */
  async #letGo(log: Log): Promise<boolean> {
    const random = this.#random
    if (random.chance(0.4)) {
      const { noted } = this.#known
      try {
        await log.close()
        if (!log.full && !log.failed) this.#learn({ kept: Math.max(this.#known.kept, Math.min(noted, this.#known.durableEnd)) })
        return true
      } catch (error) {
        this.#expectStopped(log, error)
        return false
      }
    }
    if (random.chance(0.5)) await this.#pause(2)
    if (random.chance(0.2)) log.close().catch(() => {})
    await log.abandon()
    return true
  }

  /** Opens the log again, and cuts it or empties it on the way. */
  async #again(): Promise<Log> {
    const random = this.#random
    const { written, startAsked } = this.#known
    let how: ((options: LogOptions) => Promise<Log>) | undefined
    const offset = random.chance(0.7) ? Math.max(written.length - random.below(12), 0) : random.below(written.length + 1)
    const end = endAfterCut(this.#known, offset)
    if (random.chance(0.5) && end > startAsked) {
      how = options => Log.truncate(options, offset)
      this.#learn({ next: cutTo(this.#known, end) })
    } else if (random.chance(0.1)) {
      const start = random.below(300)
      how = options => Log.reset(options, start)
      this.#learn({ next: emptyAt(start) })
    }
    const log = await this.#options.open(how)
    this.#known = await verified(log, this.#known.next ?? this.#known)
    return log
  }

  /** A high watermark, not below the one before. */
  #note(): number {
    const { noted, durableEnd } = this.#known
    const offset = Math.max(noted, this.#random.below(durableEnd + 1))
    this.#learn({ noted: offset })
    return offset
  }

  #learn(news: Partial<Known>): void {
    this.#known = { ...this.#known, ...news }
  }

  #pause(msMax: number): Promise<void> {
    return new Promise(resolve => this.#options.clock.after(this.#random.float() * msMax, resolve))
  }

  #expectStopped(log: Log, error: unknown): void {
    if (!(log.failed ?? log.full)) throw error
    const answer = log.append(buildBatch([{ key: null, value: null }], { timestampMs: 0 }), log.latestEpoch + 1)
    if (!(answer instanceof Refusal) || answer.code !== 'storage-error') throw new Error('a log that has stopped takes another batch')
  }
}

function instantWorld(seed: number, disk: SimDisk): World {
  return new SimWorld(seed, { disk, disksTakeTime: false })
}
