// The clock of one node of the simulated cluster: simulated time as that node has it. A node that is paused hears its timers when it goes on, and one whose
// process has died never does. Disks and messages wait on it too, so that a paused node does nothing at all.
import type { Clock, Timer } from '../../../src/world/world.ts'
import type { SimClock } from '../clock.ts'

export class ViewClock implements Clock {
  readonly #time: SimClock
  #isDead = false
  #held: (() => void)[] | undefined
  /** Added to wall-clock time: a clock that jumps. */
  skewMs = 0

  constructor(time: SimClock) {
    this.#time = time
  }

  get isPaused(): boolean {
    return this.#held !== undefined
  }

  now(): number { return this.#time.now() + this.skewMs }
  monotonic(): number { return this.#time.monotonic() }

  after(delayMs: number, task: () => void): Timer {
    let isCancelled = false
    const fire = (): void => {
      if (this.#isDead || isCancelled) return
      if (this.#held === undefined) task()
      else this.#held.push(fire)
    }
    const timer = this.#time.after(delayMs, fire)
    const cancel = (): void => {
      isCancelled = true
      timer.cancel()
    }
    return { cancel, [Symbol.dispose]: cancel }
  }

  pause(): void {
    this.#held ??= []
  }

  /** What fell due meanwhile happens now, in its order. */
  goOn(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const fire of held) this.#time.after(0, fire)
  }

  die(): void {
    this.#isDead = true
    this.#held = undefined
  }
}
