// The brokers of a running Sluice, operated on over the gateway's administration as an operator does it.
import { setTimeout as pause } from 'node:timers/promises'

export type Action = 'stop' | 'start' | 'restart' | 'fail'

/** What a run looks at of a broker that `GET /admin/brokers` shows. */
export interface ShownBroker {
  readonly id: number
  readonly state: string
  readonly isUp: boolean
  readonly fault: string | null
  readonly outOfSync: number
  /** By listener name. */
  readonly ports: Readonly<Record<string, number>>
}

const callMsMax = 60_000
const askAgainMs = 100

export class BrokersOverHttp {
  readonly #gateway: string

  /** `gateway`: its address, as in http://127.0.0.1:8443. */
  constructor(gateway: string) {
    this.#gateway = gateway
  }

  async list(): Promise<readonly ShownBroker[]> {
    const { brokers } = await this.#call('GET', '/admin/brokers') as { brokers: ShownBroker[] }
    return brokers
  }

  /** Resolves once it is done; rejects with what the gateway refused it for. */
  async act(id: number, action: Action): Promise<void> {
    await this.#call('POST', `/admin/brokers/${id}/${action}`)
  }

  /** Until all are up and unfenced; with `inSync` until no replica of theirs lags. Rejects with what is missing after `msMax`. */
  async untilRunning({ msMax, inSync }: { msMax: number; inSync: boolean }): Promise<void> {
    const deadline = performance.now() + msMax
    for (;;) {
      const brokers = await this.list()
      const missing = brokers.flatMap(({ id, state, isUp, fault, outOfSync }) => {
        if (!isUp || state !== 'running') return [`broker ${id} is ${isUp ? state : `down${fault === null ? '' : ` (${fault})`}`}`]
        return inSync && outOfSync > 0 ? [`${outOfSync} replicas of broker ${id} are out of sync`] : []
      })
      if (missing.length === 0) return
      if (performance.now() > deadline) throw new Error(`after ${msMax} ms ${missing.join(', ')}`)
      await pause(askAgainMs)
    }
  }

  /** Starts those that are down. */
  async startAll(): Promise<void> {
    for (const { id, isUp } of await this.list()) if (!isUp) await this.act(id, 'start')
  }

  async #call(method: string, path: string): Promise<unknown> {
    const answer = await fetch(`${this.#gateway}${path}`, { method, signal: AbortSignal.timeout(callMsMax) }).catch((error: unknown) => {
      throw new Error(`${method} ${path} was not answered: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`)
    return JSON.parse(text)
  }
}
