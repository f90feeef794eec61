// Faults from a seed: one broker at a time is stopped, crashes or is restarted, and comes back; in between are pauses, and phases without any. With replication
// factor 3 and two in-sync replicas wanted, one broker may be away at any moment.
import { setTimeout as pause } from 'node:timers/promises'
import type { Prng } from '../../src/base/prng.ts'
import type { BrokersOverHttp } from './brokers.ts'

export type Fault = 'stop' | 'fail' | 'restart'

export interface FaultPace {
  /** The longest that a broker stays away, and the longest pause between two faults. */
  readonly awayMsMax: number
  readonly pauseMsMax: number
  /** How long a phase without faults is; every tenth pause is one. */
  readonly quietMs: number
}

const quietRate = 0.1
const comesBackMsMax = 60_000

export class Faults {
  readonly counts: Record<Fault, number> = { stop: 0, fail: 0, restart: 0 }
  readonly #brokers: BrokersOverHttp
  readonly #random: Prng
  readonly #pace: FaultPace

  constructor({ brokers, random, pace }: { brokers: BrokersOverHttp; random: Prng; pace: FaultPace }) {
    this.#brokers = brokers
    this.#random = random
    this.#pace = pace
  }

  get total(): number {
    return Object.values(this.counts).reduce((sum, one) => sum + one, 0)
  }

  /** One fault, until the broker is back, and a pause. Rejects where an operation is refused, or the broker does not come back within a minute. */
  async next(ids: readonly number[]): Promise<void> {
    const id = this.#random.pick(ids)
    const fault = this.#random.pick(['stop', 'fail', 'restart'] as const)
    const awayMs = this.#random.below(this.#pace.awayMsMax)
    // Half of the time the next fault meets replicas that are still catching up.
    const inSync = this.#random.chance(0.5)
    const pauseMs = this.#random.chance(quietRate) ? this.#pace.quietMs : this.#random.below(this.#pace.pauseMsMax)
    this.counts[fault]++
    await this.#brokers.act(id, fault)
    if (fault !== 'restart') {
      await pause(awayMs)
      await this.#brokers.act(id, 'start')
    }
    await this.#brokers.untilRunning({ msMax: comesBackMsMax, inSync })
    await pause(pauseMs)
  }
}
