// The audit log: who was refused what, and who changed authority, topics or brokers. Metadata only, never contents or secrets. Equal refusals
// within a window are written once and then counted, and the number of lines per second has a bound, so that a flood of refusals costs neither the
// disk nor the event loop; what was left out is counted in a line of its own. Changes are always written.
import type { Clock, Timer } from '../world/world.ts'

export interface AuditEvent {
  /**
   * connection: a peer was judged; access: an operation was; authority: ACLs changed; credential: a key, certificate or token was made or withdrawn;
   * change: an administrator changed topics, brokers or where partitions lie.
   */
  readonly kind: 'connection' | 'access' | 'authority' | 'credential' | 'change'
  readonly outcome: 'allowed' | 'denied'
  /** `User:CN=alice`. */
  readonly principal: string
  readonly host: string
  /** 'write', 'connect', 'create-acl', 'issue-token' … */
  readonly operation: string
  /** 'topic:orders', 'listener:kafka', … */
  readonly resource: string
  readonly reason?: string
}

/** An event with its time; `count` > 1 stands for that many equal events since the line before. */
export interface AuditLine extends AuditEvent {
  /** ISO 8601, UTC. */
  readonly time: string
  readonly count: number
}

/** Takes finished lines. Must not throw and must bound what it queues. */
export type AuditSink = (line: AuditLine) => void

/** What others need of the audit log. */
export interface Audit {
  record(event: AuditEvent): void
}

const windowMs = 10_000
const repeatsMax = 1_000
const linesPerWindowMax = 2_000
const textMax = 256

export class AuditLog implements Audit, Disposable {
  readonly #clock: Clock
  readonly #sink: AuditSink
  /** Refusals seen in this window, and how often again since their line. */
  readonly #repeats = new Map<string, { readonly event: AuditEvent; again: number }>()
  readonly #counts = new Map<string, number>()
  #linesInWindow = 0
  #leftOut = 0
  #window: Timer | undefined

  constructor(options: { clock: Clock; sink: AuditSink }) {
    this.#clock = options.clock
    this.#sink = options.sink
  }

  /** How many events there were, written or not, by `kind outcome`; goes on counting. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  record(event: AuditEvent): void {
    const kind = `${event.kind} ${event.outcome}`
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
    if (event.kind !== 'connection' && event.kind !== 'access') return this.#write(event, 1)

    this.#window ??= this.#clock.after(windowMs, () => this.#endWindow())
    const key = JSON.stringify([event.kind, event.outcome, event.principal, event.host, event.operation, event.resource, event.reason])
    const seen = this.#repeats.get(key)
    if (seen !== undefined) {
      seen.again++
    } else if (this.#linesInWindow >= linesPerWindowMax) {
      this.#leftOut++
    } else {
      this.#linesInWindow++
      if (this.#repeats.size < repeatsMax) this.#repeats.set(key, { event, again: 0 })
      this.#write(event, 1)
    }
  }

  /** Writes what is still only counted. */
  [Symbol.dispose](): void {
    this.#window?.cancel()
    this.#endWindow()
  }

  #endWindow(): void {
    this.#window = undefined
    this.#linesInWindow = 0
    for (const { event, again } of this.#repeats.values()) if (again > 0) this.#write(event, again)
    this.#repeats.clear()
    if (this.#leftOut > 0) this.#write(leftOut, this.#leftOut)
    this.#leftOut = 0
  }

  #write(event: AuditEvent, count: number): void {
    const { kind, outcome, operation, reason } = event
    this.#sink({
      time: new Date(this.#clock.now()).toISOString(), kind, outcome, operation, count,
      principal: shorten(event.principal), host: shorten(event.host), resource: shorten(event.resource),
      ...(reason === undefined ? undefined : { reason: shorten(reason) }),
    })
  }
}

const leftOut: AuditEvent = {
  kind: 'access', outcome: 'denied', principal: '', host: '', operation: 'flood', resource: '',
  reason: 'this many events were counted and not written, because too many came at once',
}

/** Names come from peers: nobody may fill the log with one of 32 KiB. */
function shorten(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax)}…`
}
