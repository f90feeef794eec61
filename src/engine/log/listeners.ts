// Whoever wants to hear of each advance of an offset, until disposed of.

export type OffsetListener = (offset: number) => void

export class Listeners {
  readonly #listeners = new Set<OffsetListener>()

  add(listener: OffsetListener): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  tell(offset: number): void {
    if (this.#listeners.size > 0) for (const listener of this.#listeners) listener(offset)
  }
}
