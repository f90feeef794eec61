// Crash states of one log: a seeded workload runs on the simulated disk, and at every disk operation the power is cut in several ways. Each
// image that is left is recovered and held against what the workload had been told: nothing acknowledged is lost, nothing appears that was
// not written, nothing torn is called damage, and a second recovery, even after a cut during the first, finds the same.
import { createHash, type Hash } from 'node:crypto'
import { Prng } from '../../src/base/prng.ts'
import type { LogConfig } from '../../src/engine/log/config.ts'
import { Log } from '../../src/engine/log/log.ts'
import { TailCache } from '../../src/engine/log/tail-cache.ts'
import { Keyring } from '../../src/engine/sealed/keyring.ts'
import { Refusal } from '../../src/ports.ts'
import { buildBatch } from '../../src/wire/batch.ts'
import type { World } from '../../src/world/world.ts'
import { SimDisk, type Survives } from './disk.ts'
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

/** What the workload has been told, at one moment. */
interface Known {
  /** Values by offset: what was handed to the log. */
  readonly written: readonly string[]
  /** Every offset below was acknowledged. */
  readonly durableEnd: number
  /** Where the log was told to begin: asked for, and confirmed. */
  readonly startAsked: number
  readonly startConfirmed: number
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
    let known: Known = { written: [], durableEnd: 0, startAsked: 0, startConfirmed: 0 }
    const imagesMax = Math.ceil(this.#statesMax / epochCount / statesPerImage)
    for (let epoch = 0; epoch < epochCount && !this.#isDone(); epoch++) {
      const images = await this.#workload(disk, known, epoch)
      for (const image of sample(images, imagesMax, this.#random)) if (!this.#isDone()) await this.#check(image)
      const next = this.#random.pick(images)
      disk = next.disk
      known = await this.#settled(next)
    }
  }

  #isDone(): boolean {
    return this.#states >= this.#statesMax || this.#violations.length >= violationsMax
  }

  /** Appends, waits, cuts off the head, closes; returns what the power cuts left. */
  async #workload(disk: SimDisk | undefined, before: Known, epoch: number): Promise<Image[]> {
    const random = this.#random
    const sim = new SimWorld(random.uint32())
    const world = disk ? new SimWorld(random.uint32(), { disk: disk.kill({ delay: delays(sim.clock, random.fork()) }) }) : sim
    const known = { ...before, written: [...before.written] }
    const images: Image[] = []
    world.disk.onOperation = (operation, path) => {
      this.#hash.update(`${operation} ${path}`)
      const take = (disk: SimDisk, cut: string, isKill: boolean) => {
        images.push({ disk, known: { ...known, written: known.written.slice() }, cut: `epoch ${epoch}, ${operation} ${path}, ${cut}`, isKill })
      }
      for (const survives of ['nothing', 'everything', 'some', 'some', 'some'] as Survives[]) take(world.disk.crash(random, survives), `${survives} survives`, false)
      take(world.disk.kill(), 'process killed', true)
    }
    await sim.run(async () => {
      const log = await this.#open({ clock: sim.clock, disk: world.disk, random: world.random, network: sim.network })
      if (random.chance(0.25)) {
        const [operation, fault] = random.pick([['sync', 'EIO'], ['write', 'EIO'], ['write', 'ENOSPC'], ['write', 'short-write']] as const)
        world.disk.fail(operation, fault, { after: 1 + random.below(12), path: '.segment' })
      }
      for (let step = 0; step < 4 + random.below(6); step++) {
        await this.#step(log, known, sim).catch(error => this.#expectFailed(log, error))
        if (log.failed ?? log.full) break
      }
      if (random.chance(0.5)) await log.close().catch(error => this.#expectFailed(log, error))
    })
    world.disk.onOperation = undefined
    this.#hash.update(String(world.disk.trace))
    return images
  }

  async #step(log: Log, known: { -readonly [K in keyof Known]: Known[K] } & { written: string[] }, sim: SimWorld): Promise<void> {
    const random = this.#random
    const waits: Promise<void>[] = []
    for (let count = 1 + random.below(5); count > 0; count--) {
      const repeatsMax = random.chance(0.1) ? 150 : 40
      const values = Array.from({ length: 1 + random.below(3) }, () => `${random.uint32().toString(36)}-`.repeat(1 + random.below(repeatsMax)))
      const batch = buildBatch(values.map(value => ({ key: null, value: Buffer.from(value) })), { timestampMs: sim.clock.now() })
      const appended = log.append(batch, 0)
      if (appended instanceof Refusal) throw new Error(appended.message)
      known.written.splice(appended.baseOffset, Infinity, ...values)
      const end = appended.baseOffset + values.length
      waits.push(appended.durable.then(() => {
        this.#acknowledged += values.length
        known.durableEnd = Math.max(known.durableEnd, end)
      }))
      waits.at(-1)!.catch(() => {})
      if (random.chance(0.3)) await new Promise<void>(resolve => sim.clock.after(random.float() * 4, resolve))
    }
    if (random.chance(0.8)) await Promise.all(waits)
    if (random.chance(0.15)) await log.checkpoint()
    if (random.chance(0.15)) {
      const start = random.below(known.durableEnd + 1)
      known.startAsked = Math.max(known.startAsked, start)
      await log.deleteBefore(start)
      known.startConfirmed = Math.max(known.startConfirmed, start)
    }
    if (random.chance(0.15)) {
      if (this.#config.retentionBytes >= 0) known.startAsked = known.durableEnd
      await log.applyRetention()
    }
  }

  #expectFailed(log: Log, error: unknown): void {
    if (!(log.failed ?? log.full)) throw error
    const answer = log.append(buildBatch([{ key: null, value: null }], { timestampMs: 0 }), 0)
    if (!(answer instanceof Refusal) || answer.code !== 'storage-error') throw new Error('a log whose disk has failed takes another batch')
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
    const { startOffset, endOffset } = log
    if (endOffset < known.durableEnd) throw new Error(`ends at ${endOffset}; offsets up to ${known.durableEnd} were acknowledged`)
    if (endOffset > known.written.length) throw new Error(`ends at ${endOffset}; offsets up to ${known.written.length} were written`)
    if (startOffset > known.startAsked) throw new Error(`begins at ${startOffset}; nobody asked for more than ${known.startAsked}`)
    if (startOffset < known.startConfirmed) throw new Error(`begins at ${startOffset}; ${known.startConfirmed} had been confirmed`)
    for (let offset = startOffset; offset < endOffset;) {
      const batches = await log.read(offset, { bytesMax: 1_000_000, atLeastOne: true, upTo: endOffset })
      if (batches instanceof Refusal) throw new Error(batches.message)
      if (batches.length === 0) throw new Error(`offset ${offset} of ${endOffset} is missing`)
      for (const record of batches.flatMap(batch => batch.records())) {
        if (record.offset < offset) continue
        if (record.offset !== offset) throw new Error(`offset ${record.offset} where ${offset} is next`)
        const value = record.value?.toString()
        if (value !== known.written[offset]) throw new Error(`offset ${offset} holds ${value}; ${known.written[offset]} was written`)
        offset++
      }
    }
    await log.close()
    return `${startOffset}-${endOffset}`
  }

  /** What a power cut at a random disk operation of a recovery leaves. */
  async #cutDuringRecovery(disk: SimDisk): Promise<SimDisk> {
    let image = disk
    let left = this.#random.below(12)
    disk.onOperation = () => {
      if (left-- === 0) image = disk.crash(this.#random, 'some')
    }
    await this.#open(instantWorld(this.#random.uint32(), disk))
    disk.onOperation = undefined
    return image
  }

  /** The state the next epoch goes on from. */
  async #settled({ disk, known }: Image): Promise<Known> {
    const log = await this.#open(instantWorld(this.#random.uint32(), disk.kill()))
    const { startOffset, endOffset } = log
    await log.close()
    return { ...known, written: known.written.slice(0, endOffset), startAsked: Math.max(startOffset, known.startConfirmed) }
  }

  async #open(base: World): Promise<Log> {
    const world = this.#tamper(base)
    await world.disk.makeDirectory('/keys')
    const keys = await Keyring.open({ world, directory: '/keys', source: keySource })
    const cache = new TailCache(1_000_000)
    return Log.open({ world, directory: logDirectory, identity, keys, config: () => this.#config, cache, logger: silent, eagerBytes: this.#eagerBytes })
  }

  violation(text: string): void {
    this.#violations.push(`seed ${this.#seed}, ${text}`)
  }
}

/** Spread over all, and always those of the last operation: where a fault has ended the run. */
function sample(images: readonly Image[], countMax: number, random: Prng): Image[] {
  const last = images.slice(-6)
  const step = Math.max((images.length - last.length) / Math.max(countMax - last.length, 1), 1)
  for (let at = random.float() * step; at < images.length - 6; at += step) last.push(images[Math.floor(at)]!)
  return last
}

function instantWorld(seed: number, disk: SimDisk): World {
  return new SimWorld(seed, { disk, disksTakeTime: false })
}
