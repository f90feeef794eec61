// An answer that is given while the work goes on: one JSON object per line (application/x-ndjson).
import type { Response } from 'express'
import type { Clock, Timer } from '../../world/world.ts'

/** The last line is repeated this often, so that nobody between takes a quiet connection for a dead one. */
const repeatMs = 5_000

export class ProgressLines implements Disposable {
  readonly #response: Response
  readonly #clock: Clock
  #last: object | undefined
  #timer: Timer | undefined

  /** Sends status 200 and the head at once. */
  constructor(response: Response, clock: Clock) {
    this.#response = response
    this.#clock = clock
    response.status(200).type('application/x-ndjson').set('cache-control', 'no-store').flushHeaders()
    this.#schedule()
  }

  /** A line that a reader who is slow may miss: what is said next says more. */
  write(line: object): void {
    this.#last = line
    if (this.#response.writableNeedDrain || this.#response.destroyed) return
    this.#response.write(`${JSON.stringify(line)}\n`)
  }

  /** The last line. */
  end(line: object): void {
    this.#response.end(`${JSON.stringify(line)}\n`)
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }

  #schedule(): void {
    this.#timer = this.#clock.after(repeatMs, () => {
      if (this.#last !== undefined) this.write(this.#last)
      this.#schedule()
    })
  }
}
