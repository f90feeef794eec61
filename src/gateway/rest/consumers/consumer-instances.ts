// All consumer instances of the gateway: each belongs to the principal that made it, and to nobody else it is there; one that nobody uses is closed after a
// while, so that its partitions go to others. Bounded per principal and in all.
import type { Caller } from '../../../ports.ts'
import { formatPrincipal } from '../../../security/principal.ts'
import type { Logger, Random, Timer } from '../../../world/world.ts'
import { Problem } from '../../problem.ts'
import { ConsumerInstance, type InstanceParts } from './consumer-instance.ts'
import type { InstanceConfig } from './instance-config.ts'

export interface ConsumerInstancesOptions extends InstanceParts {
  readonly random: Random
  readonly logger: Logger
  /** After so long without a request an instance is closed; Confluent's consumer.instance.timeout.ms. */
  readonly idleMs?: number
  readonly countMax?: number
  readonly countPerPrincipalMax?: number
}

const idleMsDefault = 300_000
const countMaxDefault = 1_000
const countPerPrincipalMaxDefault = 100

interface Entry {
  readonly instance: ConsumerInstance
  readonly owner: string
  /** Requests under way: a long poll is not idle. */
  inUse: number
  usedAtMs: number
  timer: Timer | undefined
}

export class ConsumerInstances implements AsyncDisposable {
  readonly #options: ConsumerInstancesOptions
  readonly #idleMs: number
  readonly #entries = new Map<string, Entry>()
  #isClosed = false

  constructor(options: ConsumerInstancesOptions) {
    this.#options = options
    this.#idleMs = options.idleMs ?? idleMsDefault
  }

  get count(): number {
    return this.#entries.size
  }

  /** Throws 409 (40902) where the group has one of the name, whoever owns it, and 429 at a bound. */
  create(group: string, config: InstanceConfig, caller: Caller): ConsumerInstance {
    if (this.#isClosed) throw new Problem(503, 'HTTP 503 Service Unavailable: the server is stopping', { headers: { 'retry-after': '1' } })
    const name = config.name ?? `rest-consumer-${this.#options.random.uuid()}`
    const key = keyOf(group, name)
    if (this.#entries.has(key)) {
      throw new Problem(409, 'Consumer with specified consumer ID already exists in the specified consumer group.', { errorCode: 40902 })
    }
    const owner = formatPrincipal(caller.principal)
    this.#expectRoom(owner)
    const instance = new ConsumerInstance(this.#options, { group, name, config, clientHost: `/${caller.host}` })
    const entry: Entry = { instance, owner, inUse: 0, usedAtMs: this.#options.clock.monotonic(), timer: undefined }
    this.#entries.set(key, entry)
    this.#watch(key, entry, this.#idleMs)
    return instance
  }

  /** Does something with an instance of the caller's own; 404 (40403) for any other, whether there is one or not. */
  async use<T>(group: string, name: string, caller: Caller, what: (instance: ConsumerInstance) => T | Promise<T>): Promise<T> {
    const entry = this.#ownedBy(group, name, caller)
    entry.inUse++
    try {
      return await what(entry.instance)
    } finally {
      entry.inUse--
      entry.usedAtMs = this.#options.clock.monotonic()
    }
  }

  /** Closes one of the caller's own: it leaves its group. */
  async delete(group: string, name: string, caller: Caller): Promise<void> {
    const { instance } = this.#ownedBy(group, name, caller)
    this.#forget(keyOf(group, name))
    await instance.close({ isOrderly: true })
  }

  /** Closes all: every one leaves its group. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    const instances = [...this.#entries.values()].map(({ instance }) => instance)
    for (const key of this.#entries.keys()) this.#forget(key)
    await Promise.allSettled(instances.map(instance => instance.close({ isOrderly: false })))
  }

  #ownedBy(group: string, name: string, caller: Caller): Entry {
    const entry = this.#entries.get(keyOf(group, name))
    if (entry === undefined || entry.owner !== formatPrincipal(caller.principal)) throw new Problem(404, 'Consumer instance not found.', { errorCode: 40403 })
    return entry
  }

  #expectRoom(owner: string): void {
    const { countMax = countMaxDefault, countPerPrincipalMax = countPerPrincipalMaxDefault } = this.#options
    const ofOwner = [...this.#entries.values()].filter(entry => entry.owner === owner).length
    if (ofOwner >= countPerPrincipalMax) {
      throw new Problem(429, `${owner} has ${ofOwner} consumer instances, as many as one principal may: delete those that are not used`)
    }
    if (this.#entries.size >= countMax) throw new Problem(429, `there are ${this.#entries.size} consumer instances, as many as there may be`)
  }

  #watch(key: string, entry: Entry, delayMs: number): void {
    entry.timer = this.#options.clock.after(delayMs, () => {
      const leftMs = entry.inUse > 0 ? this.#idleMs : entry.usedAtMs + this.#idleMs - this.#options.clock.monotonic()
      if (leftMs > 0) {
        this.#watch(key, entry, leftMs)
        return
      }
      this.#forget(key)
      entry.instance.close({ isOrderly: false })
        .catch((error: unknown) => this.#options.logger.error({ group: entry.instance.group, error: String(error) }, 'an idle consumer instance could not leave its group'))
    })
  }

  #forget(key: string): void {
    this.#entries.get(key)?.timer?.cancel()
    this.#entries.delete(key)
  }
}

/** No name of an instance has a slash. */
function keyOf(group: string, name: string): string {
  return `${name}/${group}`
}
