// Readers that wait until something moves. Each is woken once.

/** More waiting in one place wake the one that waits longest; it looks again and comes back. */
export const waitingMax = 20_000

export class Waiting {
  readonly #wakes = new Set<() => void>()

  get size(): number {
    return this.#wakes.size
  }

  add(wake: () => void): void {
    this.#wakes.add(wake)
    if (this.#wakes.size <= waitingMax) return
    const [longest] = this.#wakes as Iterable<() => void>
    this.#wakes.delete(longest!)
    longest!()
  }

  delete(wake: () => void): void {
    this.#wakes.delete(wake)
  }

  wake(): void {
    const wakes = [...this.#wakes]
    this.#wakes.clear()
    for (const wake of wakes) wake()
  }
}
