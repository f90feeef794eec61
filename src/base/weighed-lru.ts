// An Lru of values that differ in size by orders: bounded by what they weigh together as well as by their number.
import { Lru } from './lru.ts'

interface Weighed<V> {
  readonly value: V
  readonly weight: number
}

export class WeighedLru<K, V> {
  readonly #entries: Lru<K, Weighed<V>>
  readonly #weightMax: number
  #weight = 0

  constructor({ countMax, weightMax }: { countMax: number; weightMax: number }) {
    this.#entries = new Lru(countMax, (_key, { weight }) => { this.#weight -= weight })
    this.#weightMax = weightMax
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  /** What was set last stays, however heavy it is. */
  set(key: K, value: V, weight: number): void {
    this.#weight += weight - (this.#entries.get(key)?.weight ?? 0)
    this.#entries.set(key, { value, weight })
    while (this.#weight > this.#weightMax && this.#entries.size > 1) this.#entries.evictOldest()
  }
}
