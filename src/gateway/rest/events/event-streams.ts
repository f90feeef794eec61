// The event streams that are open: so many per principal and in all, and all of them ended when the server stops, so that none holds the listener up.
import type { Response } from 'express'
import type { Caller } from '../../../ports.ts'
import { formatPrincipal } from '../../../security/principal.ts'
import { Problem } from '../../problem.ts'

export interface EventStreamBounds {
  readonly countMax?: number
  readonly countPerPrincipalMax?: number
}

const countMaxDefault = 1_000
const countPerPrincipalMaxDefault = 100

export class EventStreams implements Disposable {
  readonly #bounds: EventStreamBounds
  readonly #stopping = new AbortController()
  readonly #byPrincipal = new Map<string, number>()
  #count = 0

  constructor(bounds: EventStreamBounds = {}) {
    this.#bounds = bounds
  }

  get count(): number {
    return this.#count
  }

  /** Aborts when the server stops: for what else takes long, and is counted elsewhere. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  /** Counts the response as a stream until it is closed. The signal aborts when its client is gone or the server stops. Throws 429 at a bound, 503 once it stops. */
  open(caller: Caller, response: Response): AbortSignal {
    if (this.#stopping.signal.aborted) throw new Problem(503, 'HTTP 503 Service Unavailable: the server is stopping', { headers: { 'retry-after': '1' } })
    // Gone while its topic was looked up: nothing would ever tell that it is closed.
    if (response.closed) return AbortSignal.abort()
    const { countMax = countMaxDefault, countPerPrincipalMax = countPerPrincipalMaxDefault } = this.#bounds
    const owner = formatPrincipal(caller.principal)
    const ofOwner = this.#byPrincipal.get(owner) ?? 0
    if (ofOwner >= countPerPrincipalMax) throw new Problem(429, `${owner} has ${ofOwner} event streams open, as many as one principal may`, { headers: { 'retry-after': '1' } })
    if (this.#count >= countMax) throw new Problem(429, `there are ${this.#count} event streams open, as many as there may be`, { headers: { 'retry-after': '1' } })
    this.#count++
    this.#byPrincipal.set(owner, ofOwner + 1)
    const gone = new AbortController()
    response.once('close', () => {
      gone.abort()
      this.#count--
      const left = this.#byPrincipal.get(owner)! - 1
      if (left === 0) this.#byPrincipal.delete(owner)
      else this.#byPrincipal.set(owner, left)
    })
    return AbortSignal.any([gone.signal, this.#stopping.signal])
  }

  [Symbol.dispose](): void {
    this.#stopping.abort()
  }
}
