// The brokers that have registered: which life of each is the present one, and which of them serve.
import { type Broker, Refusal } from '../../ports.ts'
import type { BrokerLife, Registration } from './commands.ts'

export class Registrations implements Iterable<Registration> {
  readonly #byId = new Map<number, Registration>()
  #lastEpoch = 0
  #sorted: readonly Registration[] | undefined
  #plain: readonly Broker[] | undefined

  /** The highest epoch that was ever given out. */
  get lastEpoch(): number {
    return this.#lastEpoch
  }

  /** By id. */
  get all(): readonly Registration[] {
    this.#sorted ??= [...this.#byId.values()].toSorted((a, b) => a.id - b.id)
    return this.#sorted
  }

  /** As ports tell of them. By id. */
  get brokers(): readonly Broker[] {
    this.#plain ??= this.all.map(({ id, rack, state }) => ({ id, rack, state }))
    return this.#plain
  }

  get size(): number {
    return this.#byId.size
  }

  [Symbol.iterator](): Iterator<Registration> {
    return this.all[Symbol.iterator]()
  }

  get(id: number): Registration | undefined {
    return this.#byId.get(id)
  }

  readonly runs = (id: number): boolean => this.#byId.get(id)?.state === 'running'

  /** Also one that wants to stop leads on what nobody else can. */
  readonly serves = (id: number): boolean => (this.#byId.get(id)?.state ?? 'fenced') !== 'fenced'

  /** The registration, or why this is not a life that the broker still has. */
  check({ id, epoch }: BrokerLife): Registration | Refusal {
    const known = this.#byId.get(id)
    if (known === undefined) return unknownBroker(id)
    return known.epoch === epoch ? known : new Refusal('broker-not-available', `broker ${id} has registered anew: its epoch is ${known.epoch}, not ${epoch}`)
  }

  set(registration: Registration): void {
    this.#byId.set(registration.id, registration)
    this.noteEpoch(registration.epoch)
    this.#changed()
  }

  remove(id: number): void {
    this.#byId.delete(id)
    this.#changed()
  }

  noteEpoch(epoch: number): void {
    this.#lastEpoch = Math.max(this.#lastEpoch, epoch)
  }

  #changed(): void {
    this.#sorted = undefined
    this.#plain = undefined
  }
}

export function unknownBroker(id: number): Refusal {
  return new Refusal('broker-id-not-registered', `Broker ID ${id} is not currently registered`)
}
