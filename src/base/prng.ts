// A seeded pseudo-random generator (sfc32), for what must be repeatable: simulation, tests, chaos. Secrets come from the world's Random.

export class Prng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#a = seed | 0
    this.#b = Math.trunc(seed / 2 ** 32) | 0
    this.#c = 0x9e3779b9
    for (let round = 0; round < 12; round++) this.uint32()
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const mixed = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + mixed) | 0
    return mixed >>> 0
  }

  /** A number in [0, 1). */
  float(): number {
    return this.uint32() / 2 ** 32
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.float() * below)
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let at = 0; at < count; at++) bytes[at] = this.uint32()
    return bytes
  }

  /** An independent generator, so that one component's draws do not shift another's. */
  fork(): Prng {
    return new Prng(this.uint32() * 2 ** 21 + (this.uint32() >>> 11))
  }
}
