// Which brokers are heard of: a broker that is silent for too long is fenced, one that has seen its own registration is unfenced. Time is that of a clock
// that never goes back.
import type { BrokerLife } from './commands.ts'

interface Session extends BrokerLife {
  /** How far the broker must have followed before it may serve: the record of its own registration, or of its being fenced. */
  mustSee: number
  heardMs: number
  isReady: boolean
  /** It was silent for too long, and has not been heard of since. */
  isSilent: boolean
}

export class Sessions {
  readonly #timeoutMs: number
  readonly #byId = new Map<number, Session>()
  /** Brokers that are to be unfenced by one command, and until when they wait for each other. */
  #together: { readonly ids: ReadonlySet<number>; readonly untilMs: number } | undefined
  #checkedMs: number

  constructor(timeoutMs: number, nowMs: number) {
    this.#timeoutMs = timeoutMs
    this.#checkedMs = nowMs
  }

  /** How often `expired` is to be asked. */
  get checkMs(): number {
    return Math.max(1, Math.floor(this.#timeoutMs / 3))
  }

  open({ id, epoch }: BrokerLife, mustSee: number, nowMs: number): void {
    this.#byId.set(id, { id, epoch, mustSee, heardMs: nowMs, isReady: false, isSilent: false })
  }

  /** False where the broker's session is another one's, or over. */
  heard({ id, epoch }: BrokerLife, seen: number, nowMs: number): boolean {
    const session = this.#byId.get(id)
    if (session?.epoch !== epoch) return false
    session.heardMs = nowMs
    session.isSilent = false
    session.isReady ||= seen >= session.mustSee
    return true
  }

  /** The broker is fenced for its silence, at that position of the stream. */
  suspend({ id, epoch }: BrokerLife, mustSee: number): void {
    const session = this.#byId.get(id)
    if (session?.epoch === epoch) Object.assign(session, { mustSee, isReady: false, isSilent: true })
  }

  end({ id, epoch }: BrokerLife): void {
    if (this.#byId.get(id)?.epoch === epoch) this.#byId.delete(id)
  }

  awaitTogether(ids: readonly number[], nowMs: number): void {
    this.#together = { ids: new Set(ids), untilMs: nowMs + this.#timeoutMs }
  }

  /** The lives that can be unfenced now; those that wait for each other only when all of them can, or have waited long enough. */
  ready(nowMs: number): BrokerLife[] {
    if (this.#together !== undefined) {
      const { ids, untilMs } = this.#together
      if (nowMs >= untilMs || [...ids].every(id => this.#byId.get(id)?.isReady === true)) this.#together = undefined
    }
    return [...this.#byId.values()].filter(({ id, isReady }) => isReady && this.#together?.ids.has(id) !== true).map(({ id, epoch }) => ({ id, epoch }))
  }

  /**
   * The lives that have been silent for too long. A check that comes late itself proves nothing: the process stood still, and so did whoever had something
   * to say. That time does not count.
   */
  expired(nowMs: number): BrokerLife[] {
    const sinceMs = nowMs - this.#checkedMs
    const lateMs = sinceMs > 1.5 * this.checkMs ? sinceMs - this.checkMs : 0
    this.#checkedMs = nowMs
    const silent: BrokerLife[] = []
    for (const session of this.#byId.values()) {
      session.heardMs = Math.min(nowMs, session.heardMs + lateMs)
      if (!session.isSilent && nowMs - session.heardMs >= this.#timeoutMs) silent.push({ id: session.id, epoch: session.epoch })
    }
    return silent
  }
}
