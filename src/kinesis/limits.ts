// What the facade enforces now. The profile 'aws' holds every limit that AWS has, 'off' none, 'chaos' makes trouble on purpose (chaos.ts), with AWS's limits beside
// it or without. Changes at run time count from the next request on, and last until the process ends: the configuration says how it starts.
import { Chaos, type ChaosSettings, type TroubleKind, chaosDefault } from './chaos.ts'

export const limitsProfiles = ['aws', 'off', 'chaos'] as const
export type LimitsProfile = (typeof limitsProfiles)[number]

export interface LimitsSettings {
  readonly profile: LimitsProfile
  /** Kept while another profile holds. */
  readonly chaos: ChaosSettings
}

export class Limits {
  #settings: LimitsSettings
  #chaos: Chaos | undefined
  readonly #troubles = new Map<string, number>()

  constructor(profile: LimitsProfile, chaos: Partial<ChaosSettings> = {}) {
    this.#settings = { profile, chaos: { ...chaosDefault, ...chaos } }
    this.#chaos = this.#chaosOf(this.#settings)
  }

  get settings(): LimitsSettings {
    return this.#settings
  }

  /** Whether AWS's limits hold. */
  get isEnforced(): boolean {
    const { profile, chaos } = this.#settings
    return profile === 'aws' || (profile === 'chaos' && chaos.limits === 'aws')
  }

  /** Undefined with any other profile. */
  get chaos(): Chaos | undefined {
    return this.#chaos
  }

  /** How many troubles were made so far, by `operation kind`. */
  get troubles(): ReadonlyMap<string, number> {
    return this.#troubles
  }

  /** Draws begin anew from the seed. */
  change(settings: LimitsSettings): void {
    this.#settings = settings
    this.#chaos = this.#chaosOf(settings)
  }

  #chaosOf({ profile, chaos }: LimitsSettings): Chaos | undefined {
    if (profile !== 'chaos') return undefined
    return new Chaos(chaos, (operation: string, kind: TroubleKind) => {
      const name = `${operation} ${kind}`
      this.#troubles.set(name, (this.#troubles.get(name) ?? 0) + 1)
    })
  }
}

/** The same troubles, but of these operations only; of all of them where none is named. */
export function troublesOf(operations: readonly string[], chaos: Partial<ChaosSettings>): Partial<ChaosSettings> {
  if (operations.length === 0) return chaos
  const { throttle, failure, delayMs } = { ...chaosDefault, ...chaos }
  return { ...chaos, throttle: 0, failure: 0, delayMs: 0, operations: Object.fromEntries(operations.map(name => [name, { throttle, failure, delayMs }])) }
}
