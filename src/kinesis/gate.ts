// Lets so many tasks run at once and has the others wait their turn. What a task may hold in memory while it runs is thereby bounded, whatever the number
// of peers that ask.

export class Gate {
  readonly #runningMax: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(options: { runningMax: number; waitingMax: number }) {
    this.#runningMax = options.runningMax
    this.#waitingMax = options.waitingMax
  }

  /** What `task` resolves with, in the order of the calls; undefined where too many wait already. */
  async run<T>(task: () => Promise<T>): Promise<T | undefined> {
    if (this.#running >= this.#runningMax) {
      if (this.#waiting.length >= this.#waitingMax) return undefined
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    } else this.#running++
    try {
      return await task()
    } finally {
      // The place goes straight to who waited longest.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
