// A bound on bytes held in memory for peers. What is lent is given back; who finds it empty waits in line, or makes do with less. One at a time may go
// beyond it, so that peers who hold a part of what they need each, and all of it together, cannot wait for one another for ever.

export class BytesBudget {
  readonly #bytesMax: number
  #lent = 0
  readonly #waiting: (() => void)[] = []
  #overdrawer: object | undefined

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

  /** Whether `who` is the one that may go beyond the bound: it is, if nobody else is, until `endOverdraft`. */
  mayOverdraw(who: object): boolean {
    this.#overdrawer ??= who
    return this.#overdrawer === who
  }

  isOverdrawnBy(who: object): boolean {
    return this.#overdrawer === who
  }

  /** What `who` went beyond the bound for is given back. The next in line have their turn. */
  endOverdraft(who: object): void {
    if (this.#overdrawer !== who) return
    this.#overdrawer = undefined
    while (this.#overdrawer === undefined && this.#waiting.length > 0) this.#waiting.shift()!()
  }

  /**
   * Calls `resume` once when something was given back, or when it is its turn to go beyond the bound. At most one wait per connection, so the line is as
   * long as there are connections.
   */
  whenReleased(resume: () => void): void {
    this.#waiting.push(resume)
  }
}
