// Where the brokers of this process are reached: each one's listeners tell their ports here when they listen, so that every broker can tell its clients
// of the others.
import type { Endpoint } from './context.ts'

interface Known {
  readonly port: number
  readonly isUp: boolean
}

/** The brokers as one client reaches them. */
export interface Reach {
  /** Undefined for a broker that does not listen at the moment. */
  of(brokerId: number): Endpoint | undefined
  /** Also of a broker that is down: where it last listened; host '' and port -1 where it never did. */
  lastOf(brokerId: number): Endpoint
}

/** One for all brokers of a process. A broker's ports stay known after it went down, but only as its last. */
export class Endpoints {
  readonly #known = new Map<string, Known>()

  /** A broker listens on that port under the listener's name, until what is returned is disposed of. */
  announce(listener: string, brokerId: number, port: number): Disposable {
    const key = keyOf(listener, brokerId)
    const known: Known = { port, isUp: true }
    this.#known.set(key, known)
    return {
      [Symbol.dispose]: () => {
        // Whoever took its place meanwhile is not its own to take away.
        if (this.#known.get(key) === known) this.#known.set(key, { port, isUp: false })
      },
    }
  }

  /** For a client that came to a listener of that name by `host`: it reaches the other brokers by the same host. */
  reachedBy(listener: string, host: string): Reach {
    return {
      of: brokerId => {
        const known = this.#known.get(keyOf(listener, brokerId))
        return known?.isUp === true ? { host, port: known.port } : undefined
      },
      lastOf: brokerId => {
        const known = this.#known.get(keyOf(listener, brokerId))
        return known === undefined ? nowhere : { host, port: known.port }
      },
    }
  }
}

/** How Kafka writes the address of a node that has none. */
export const nowhere: Endpoint = { host: '', port: -1 }

function keyOf(listener: string, brokerId: number): string {
  return `${brokerId}/${listener}`
}
