// Troubles that a client must survive, made on purpose: throttling, internal failures, slow answers. What happens is drawn from a seed, for each operation and
// each kind of trouble apart, so that a run can be repeated: the n-th PutRecord fails or not, whatever else is called in between.
import { Prng } from '../base/prng.ts'

/** How much trouble an operation has. */
export interface Trouble {
  /** The probability that a call (for PutRecords: a record) is throttled. */
  readonly throttle: number
  /** The probability that a call gets an InternalFailure, HTTP 500. */
  readonly failure: number
  /** Calls wait up to so long before they are served. */
  readonly delayMs: number
}

export interface ChaosSettings extends Trouble {
  /** A whole number from 0 to 2^32-1. */
  readonly seed: number
  /** Whether a call that gets an InternalFailure has had its effect ('after') or none ('before'). */
  readonly failureWhen: 'before' | 'after'
  /** Whether AWS's limits hold beside the troubles. */
  readonly limits: 'aws' | 'off'
  /** Where an operation differs from the rest, by its name. */
  readonly operations: Readonly<Record<string, Partial<Trouble>>>
}

export const chaosDefault: ChaosSettings = { throttle: 0.05, failure: 0.01, delayMs: 0, seed: 0, failureWhen: 'before', limits: 'aws', operations: {} }

export const delayMsMax = 60_000
export const seedMax = 2 ** 32 - 1

export type TroubleKind = 'throttled' | 'failed' | 'delayed'

export class Chaos {
  readonly settings: ChaosSettings
  readonly #generators = new Map<string, Prng>()
  readonly #troubles = new Map<string, Trouble>()
  readonly #counted: (operation: string, kind: TroubleKind) => void

  /** `counted` is told of each trouble that is made. Names of operations are the server's own, never a peer's. */
  constructor(settings: ChaosSettings, counted: (operation: string, kind: TroubleKind) => void) {
    this.settings = settings
    this.#counted = counted
  }

  throttles(operation: string): boolean {
    return this.#happens(operation, 'throttled', this.#troubleOf(operation).throttle)
  }

  fails(operation: string): boolean {
    return this.#happens(operation, 'failed', this.#troubleOf(operation).failure)
  }

  /** How long the call waits, in milliseconds. */
  delayOf(operation: string): number {
    const { delayMs } = this.#troubleOf(operation)
    if (delayMs === 0) return 0
    this.#counted(operation, 'delayed')
    return this.#draw(operation, 'delayed') * delayMs
  }

  #happens(operation: string, kind: TroubleKind, probability: number): boolean {
    if (probability === 0 || this.#draw(operation, kind) >= probability) return false
    this.#counted(operation, kind)
    return true
  }

  #draw(operation: string, kind: TroubleKind): number {
    const name = `${operation} ${kind}`
    let generator = this.#generators.get(name)
    if (generator === undefined) {
      generator = new Prng((this.settings.seed ^ numberOf(name)) >>> 0)
      this.#generators.set(name, generator)
    }
    return generator.float()
  }

  #troubleOf(operation: string): Trouble {
    let trouble = this.#troubles.get(operation)
    if (trouble === undefined) {
      const { throttle, failure, delayMs, operations } = this.settings
      trouble = { throttle, failure, delayMs, ...Object.hasOwn(operations, operation) ? operations[operation] : {} }
      this.#troubles.set(operation, trouble)
    }
    return trouble
  }
}

/** FNV-1a, 32 bits. */
function numberOf(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
