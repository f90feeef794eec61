// Simulated time: nothing passes but by firing the next event. Events of one moment fire in the order they were made.
import { Heap } from '../../src/base/heap.ts'
import type { Clock, Timer } from '../../src/world/world.ts'

interface Event {
  readonly atMs: number
  readonly order: number
  task: (() => void) | undefined
}

/** Long enough ago that nothing mistakes it for "never". */
const startMs = Date.UTC(2026, 0, 1)

export class SimClock implements Clock {
  readonly #events = new Heap<Event>((a, b) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order))
  #nowMs = 0
  #order = 0
  /** Added to wall-clock time only: a clock that jumps. */
  skewMs = 0

  now(): number { return startMs + Math.floor(this.#nowMs) + this.skewMs }
  monotonic(): number { return this.#nowMs }

  after(delayMs: number, task: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + Math.max(delayMs, 0), order: this.#order++, task }
    this.#events.push(event)
    const cancel = () => void (event.task = undefined)
    return { cancel, [Symbol.dispose]: cancel }
  }

  /** Moves to the next event and fires it; false where there is none (by `untilMs`, on the monotonic clock). */
  step(untilMs = Infinity): boolean {
    for (;;) {
      const event = this.#events.peek()
      if (!event || event.atMs > untilMs) return false
      this.#events.pop()
      if (!event.task) continue
      this.#nowMs = event.atMs
      event.task()
      return true
    }
  }

  /** Lets `ms` pass, firing what falls due and letting the code that waits for it run. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    do await settle()
    while (this.step(untilMs))
    this.#nowMs = untilMs
  }

  /** Fires events until `promise` settles; rejects where none is left to wait for. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    promise.then(() => { isSettled = true }, () => { isSettled = true })
    for (;;) {
      await settle()
      if (isSettled) return promise
      if (!this.step()) throw new Error('nothing is left to happen, and the task still waits')
    }
  }
}

/** Lets every promise reaction that is due run. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
