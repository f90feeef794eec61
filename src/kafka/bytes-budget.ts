// A bound on bytes held in memory for peers. What is lent is given back; who finds it empty waits in line, or makes do with less.

export class BytesBudget {
  readonly #bytesMax: number
  #lent = 0
  readonly #waiting: (() => void)[] = []

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get lent(): number {
    return this.#lent
  }

  get isExhausted(): boolean {
    return this.#lent >= this.#bytesMax
  }

  /** Takes `bytes`, or what is left of the budget, but at least `atLeast`; returns how many. */
  take(bytes: number, atLeast: number): number {
    const taken = Math.max(Math.min(bytes, this.#bytesMax - this.#lent), Math.min(bytes, atLeast))
    this.#lent += taken
    return taken
  }

  release(bytes: number): void {
    this.#lent -= bytes
    while (this.#waiting.length > 0 && !this.isExhausted) this.#waiting.shift()!()
  }

  /** Calls `resume` once when something was given back. At most one wait per connection, so the line is as long as there are connections. */
  whenReleased(resume: () => void): void {
    this.#waiting.push(resume)
  }
}
