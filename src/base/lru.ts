// A bounded map that forgets what was used longest ago. A Map keeps insertion order, so "used" is delete and set again.

export class Lru<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #countMax: number
  readonly #evicted: ((key: K, value: V) => void) | undefined

  constructor(countMax: number, evicted?: (key: K, value: V) => void) {
    this.#countMax = countMax
    this.#evicted = evicted
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#countMax) this.evictOldest()
  }

  /** Of at least one entry. */
  evictOldest(): void {
    const [oldest] = this.#entries as Iterable<[K, V]>
    this.#entries.delete(oldest![0])
    this.#evicted?.(oldest![0], oldest![1])
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
