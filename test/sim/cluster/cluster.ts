// A whole cluster in simulated time: one process with its brokers, each with a clock, a disk and chance of its own, and what can befall them. The process may die
// and come back over what its disks hold.
import { Prng } from '../../../src/base/prng.ts'
import { brokerBackend, localBackend } from '../../../src/backends/local.ts'
import type { Broker } from '../../../src/engine/broker.ts'
import { type BrokerSpec, type Engine, openEngine } from '../../../src/engine/engine.ts'
import { type Links, Unreachable } from '../../../src/engine/links.ts'
import type { Backend } from '../../../src/ports.ts'
import type { Clock, Logger, Network, Random } from '../../../src/world/world.ts'
import { SimClock } from '../clock.ts'
import type { Survives } from '../disk.ts'
import { delays, SimRandom } from '../world.ts'
import { MachineDisk } from './machine-disk.ts'
import { type Node, SimNetwork } from './network.ts'
import { Trace } from './trace.ts'
import { ViewClock } from './view-clock.ts'

/** Stands between the brokers' links and the network, and may look at the process, once it is up. */
export type Sabotage = (links: Links, engine: () => Engine | undefined) => Links

export interface ClusterOptions {
  readonly random: Prng
  readonly brokers: number
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** Each line that the engine logs. */
  readonly onLog?: (level: string, fields: object, message: string) => void
  /** A rule that is broken on purpose. */
  readonly sabotage?: Sabotage
}

/** A machine that holds one broker. */
class Machine {
  readonly spec: BrokerSpec
  readonly disk: MachineDisk
  readonly random: Random
  readonly network: Network = { listen: () => Promise.reject(new Error('this world has no network')) }
  readonly #time: SimClock
  clock: ViewClock

  constructor(id: number, time: SimClock, random: Prng) {
    this.#time = time
    this.clock = new ViewClock(time)
    this.random = new SimRandom(random.fork())
    const chance = random.fork()
    // The clock is the one at the time of the operation: another after the process has died.
    this.disk = new MachineDisk({ delay: operation => delays(this.clock, chance)(operation) })
    this.spec = { id, rack: 'abc'[(id - 1) % 3]!, directories: [`/data-${id}`], world: this }
  }

  die(): void {
    this.clock.die()
    const { skewMs } = this.clock
    this.clock = new ViewClock(this.#time)
    this.clock.skewMs = skewMs
  }
}

const kek = { type: 'file' as const, key: Buffer.alloc(32, 9) }

export class SimCluster {
  readonly time = new SimClock()
  readonly trace = new Trace(() => this.time.monotonic())
  readonly network: SimNetwork
  readonly machines = new Map<number, Machine>()
  readonly #options: ClusterOptions
  readonly #random: Random
  readonly #backends = new WeakMap<Broker, Backend>()
  #processClock = new ViewClock(this.time)
  #engine: Engine | undefined
  #wide: Backend | undefined
  /** Counts the lives of the process. */
  life = 0

  constructor(options: ClusterOptions) {
    this.#options = options
    const { random } = options
    this.#random = new SimRandom(random.fork())
    this.network = new SimNetwork({ random: random.fork(), trace: this.trace, clockOf: node => this.#clockOf(node) })
    for (let id = 1; id <= options.brokers; id++) this.addMachine(id)
  }

  get engine(): Engine | undefined { return this.#engine }
  /** For callers that know of no leaders. */
  get wide(): Backend | undefined { return this.#wide }

  addMachine(id: number): Machine {
    const machine = new Machine(id, this.time, this.#options.random.fork())
    this.machines.set(id, machine)
    return machine
  }

  /** Starts the process, with some settings other than those it is given as a rule. Rejects where it cannot be started. */
  async open(others: ClusterOptions['settings'] = {}): Promise<void> {
    const life = ++this.life
    const { sabotage } = this.#options
    const settings = { ...this.#options.settings, ...others }
    const engine = await openEngine({
      world: { clock: this.#processClock, disk: this.machines.get(1)!.disk, random: this.#random, network: this.machines.get(1)!.network },
      brokers: [...this.machines.values()].map(machine => machine.spec),
      kek, logger: this.#logger(life), settings, clusterId: 'AAAAAAAAAAAAAAAAAAAAAA',
      links: direct => {
        const links = this.network.links(direct)
        return sabotage === undefined ? links : sabotage(links, () => this.#engine)
      },
      onDown: (id, error) => this.trace.add(`down ${id} ${error.message}`),
    })
    if (life !== this.life) return
    this.#engine = engine
    this.#wide = localBackend(engine)
    this.trace.add('process is up')
  }

  /** Ends the process in order. */
  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    this.#wide = undefined
    await engine?.close()
  }

  /** The process is gone at once, and what it had not made durable may be. */
  die(how: Survives | 'kill'): void {
    this.life++
    this.#engine = undefined
    this.#wide = undefined
    this.#processClock.die()
    this.#processClock = new ViewClock(this.time)
    for (const machine of this.machines.values()) {
      machine.die()
      // A machine whose disk is broken gets a blank one before it is used again.
      if (machine.disk.isBroken) machine.disk.replace()
      else if (how === 'kill') machine.disk.killProcess()
      else machine.disk.cutPower(this.#options.random, how)
    }
    this.trace.add(`process dies: ${how}`)
  }

  /** Asks a broker as a client does. Rejects with Unreachable. */
  ask<T>(client: string, broker: number, what: string, question: (backend: Backend) => Promise<T>): Promise<T> {
    return this.network.call({ from: client, to: broker, what, inOrder: true }, async () => {
      const there = this.#engine?.broker(broker)
      if (there === undefined) throw new Unreachable(`broker ${broker} is not up`)
      return question(this.#backendOf(there))
    })
  }

  /** A hash of all that happened. */
  get hash(): string {
    const disks = [...this.machines.values()].map(({ disk }) => disk.present.trace)
    return [this.trace.hash, ...disks].map(number => (number >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #backendOf(broker: Broker): Backend {
    const known = this.#backends.get(broker) ?? brokerBackend(this.#engine!, broker)
    this.#backends.set(broker, known)
    return known
  }

  #clockOf(node: Node): Clock {
    if (node === 'controller') return this.#processClock
    return typeof node === 'number' ? this.machines.get(node)!.clock : this.time
  }

  #logger(life: number): Logger {
    const say = (level: string) => (fields: object, message: string): void => {
      if (life === this.life) this.#options.onLog?.(level, fields, message)
    }
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}
