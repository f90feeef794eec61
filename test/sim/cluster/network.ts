// Everything that nodes say to each other, as messages: late, out of order, lost on the way there or back, said twice, held while a node is paused. Nodes are
// brokers, the controller and clients. What a client says to one broker arrives in order, as over a connection; a message that is lost there ends the connection.
import type { Prng } from '../../../src/base/prng.ts'
import { type BrokerPeer, type ControllerPeer, type Links, Unreachable } from '../../../src/engine/links.ts'
import type { Clock } from '../../../src/world/world.ts'
import type { Trace } from './trace.ts'

/** A broker's id, `controller`, or a client's name. */
export type Node = number | string

export interface NetworkOptions {
  readonly random: Prng
  readonly trace: Trace
  /** The clock of a node, by which it hears what is said to it. */
  readonly clockOf: (node: Node) => Clock
}

/** How bad the network is. */
export interface Weather {
  /** The share of messages that get lost, each way. */
  lossRate: number
  /** The share of requests that come twice, where that may be. */
  repeatRate: number
  delayMsMax: number
  /** The share of messages that take much longer. */
  slowRate: number
}

const slowMsMax = 5_000
const lossNoticedMs = { min: 200, max: 2_500 }
const answerMsMax = 30_000

interface Connection {
  lastArrivalMs: number
  brokenUntilMs: number
}

export class SimNetwork {
  readonly weather: Weather = { lossRate: 0, repeatRate: 0, delayMsMax: 2, slowRate: 0 }
  readonly #options: NetworkOptions
  /** Cut links, as from>to. */
  readonly #cut = new Set<string>()
  readonly #connections = new Map<string, Connection>()
  messages = 0
  lost = 0

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  cut(from: Node, to: Node): void { this.#cut.add(`${from}>${to}`) }
  mend(from: Node, to: Node): void { this.#cut.delete(`${from}>${to}`) }

  heal(): void {
    this.#cut.clear()
    Object.assign(this.weather, { lossRate: 0, repeatRate: 0, slowRate: 0, delayMsMax: 2 })
  }

  /** Links between brokers and to the controller that go over this network. */
  links(direct: Links): Links {
    return {
      broker: (from, to): BrokerPeer => {
        const peer = direct.broker(from, to)
        return {
          fetch: request => this.call({ from, to, what: 'fetch', isRepeatable: true }, () => peer.fetch(request)),
          progress: report => this.call({ from, to, what: 'progress', isRepeatable: true }, () => peer.progress(report)),
        }
      },
      controller: (from): ControllerPeer => {
        const peer = direct.controller(from)
        return {
          heartbeat: beat => this.call({ from, to: 'controller', what: 'heartbeat', isRepeatable: true }, () => peer.heartbeat(beat)),
          metadata: async ({ after, signal }) => {
            // A poll that is given up does not go on waiting at the other end.
            const enough = new AbortController()
            const stop = (): void => enough.abort()
            signal.addEventListener('abort', stop, { once: true })
            if (signal.aborted) stop()
            try {
              return await this.call({ from, to: 'controller', what: 'metadata' }, () => peer.metadata({ after, signal: enough.signal }))
            } finally {
              signal.removeEventListener('abort', stop)
              stop()
            }
          },
          submit: command => this.call(
            { from, to: 'controller', what: command.type, isRepeatable: command.type !== 'register-broker' && command.type !== 'create-topic' },
            () => peer.submit(command),
          ),
        }
      },
    }
  }

  /** Asks and waits for the answer; rejects with Unreachable where the request or the answer was lost, or nobody answers. */
  call<T>({ from, to, what, isRepeatable = false, inOrder = false }: {
    readonly from: Node; readonly to: Node; readonly what: string; readonly isRepeatable?: boolean
    /** Behind what the same caller asked before. */
    readonly inOrder?: boolean
  }, ask: () => Promise<T>): Promise<T> {
    const { clockOf, random, trace } = this.#options
    const callerClock = clockOf(from)
    const calleeClock = clockOf(to)
    const connection = inOrder ? this.#connection(from, to) : undefined
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const number = this.messages++
    let isOver = false
    const settle = (how: () => void): void => {
      if (isOver) return
      isOver = true
      timer.cancel()
      how()
    }
    const timer = callerClock.after(answerMsMax, () => settle(() => reject(new Unreachable(`${to} does not answer ${from}`))))
    const lose = (): void => {
      this.lost++
      trace.add(`lost ${number} ${from}>${to} ${what}`)
      const noticedMs = lossNoticedMs.min + random.below(lossNoticedMs.max - lossNoticedMs.min)
      if (connection !== undefined) connection.brokenUntilMs = Math.max(connection.brokenUntilMs, callerClock.monotonic() + noticedMs)
      callerClock.after(noticedMs, () => settle(() => reject(new Unreachable(`${to} cannot be reached from ${from}`))))
    }
    const arrive = (): void => {
      if (this.#cut.has(`${from}>${to}`) || isBroken(connection, calleeClock.monotonic())) return lose()
      trace.add(`${number} ${from}>${to} ${what}`)
      ask().then(answer => {
        if (this.#isLost(to, from)) return lose()
        callerClock.after(this.#delayMs(), () => settle(() => {
          trace.add(`answer ${number} ${what}`)
          resolve(answer)
        }))
      }, (error: unknown) => {
        callerClock.after(this.#delayMs(), () => settle(() => reject(error)))
      })
    }
    if (this.#isLost(from, to) || isBroken(connection, callerClock.monotonic())) {
      lose()
      return promise
    }
    const delayMs = this.#delayMs()
    const nowMs = callerClock.monotonic()
    const arrivalMs = Math.max(nowMs + delayMs, connection?.lastArrivalMs ?? 0)
    if (connection !== undefined) connection.lastArrivalMs = arrivalMs
    calleeClock.after(arrivalMs - nowMs, arrive)
    if (isRepeatable && this.weather.repeatRate > 0 && random.chance(this.weather.repeatRate)) {
      calleeClock.after(delayMs + random.float() * slowMsMax, () => {
        trace.add(`again ${number} ${from}>${to} ${what}`)
        ask().catch(() => {})
      })
    }
    return promise
  }

  #connection(from: Node, to: Node): Connection {
    const key = `${from}>${to}`
    const connection = this.#connections.get(key) ?? { lastArrivalMs: 0, brokenUntilMs: 0 }
    this.#connections.set(key, connection)
    return connection
  }

  #isLost(from: Node, to: Node): boolean {
    return this.#cut.has(`${from}>${to}`) || (this.weather.lossRate > 0 && this.#options.random.chance(this.weather.lossRate))
  }

  #delayMs(): number {
    const { random } = this.#options
    const { delayMsMax, slowRate } = this.weather
    return 0.05 + random.float() * delayMsMax + (slowRate > 0 && random.chance(slowRate) ? random.float() * slowMsMax : 0)
  }
}

function isBroken(connection: Connection | undefined, nowMs: number): boolean {
  return connection !== undefined && nowMs < connection.brokenUntilMs
}
