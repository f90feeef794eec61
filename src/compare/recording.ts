// What a comparison keeps of one side while it works: steps in the words of the task, and under each the calls that the real client made for it.

/** One request and its response, as the client put them on the wire. */
export interface Call {
  /** `Produce v11`, `PutRecords`. */
  readonly name: string
  /** The parts of the request that say what was asked, shortened. */
  readonly request: unknown
  readonly response: unknown
  /** Bytes as the client wrote and read them, before TLS and HTTP/2 framing. */
  readonly bytesOut: number
  readonly bytesIn: number
  readonly durationMs: number
  readonly error: string | null
}

export interface Step {
  readonly title: string
  readonly calls: readonly Call[]
}

/** How often a kind of call ended in one way. */
export interface CallCount {
  readonly name: string
  readonly error: string | null
  readonly count: number
}

/** The most calls whose contents are kept per step, besides the first of each outcome; the rest is still counted. */
const callsKeptMax = 20

export class Recording {
  readonly steps: Step[] = []
  callCount = 0
  bytesOut = 0
  bytesIn = 0
  durationMs = 0
  readonly #counts = new Map<string, CallCount>()
  #calls: Call[] | undefined

  /** Runs `work` as one step: its calls are recorded under `title`, its time counts. */
  async step<T>(title: string, work: () => Promise<T>): Promise<T> {
    const calls: Call[] = []
    this.steps.push({ title, calls })
    this.#calls = calls
    const startedAt = performance.now()
    try {
      return await work()
    } finally {
      this.durationMs += performance.now() - startedAt
      this.#calls = undefined
    }
  }

  /** How many calls there were of each kind and outcome, in the order of the first of each. */
  get outcomes(): readonly CallCount[] {
    return [...this.#counts.values()]
  }

  /** Takes a call in; what happens between steps (setting up, heartbeats) is not the task and is left out. */
  add(call: Call): void {
    if (this.#calls === undefined) return
    this.callCount++
    this.bytesOut += call.bytesOut
    this.bytesIn += call.bytesIn
    const { name, error } = call
    const outcome = `${name} ${error ?? ''}`
    const isNew = !this.#counts.has(outcome)
    this.#counts.set(outcome, { name, error, count: (this.#counts.get(outcome)?.count ?? 0) + 1 })
    if (isNew || this.#calls.length < callsKeptMax) this.#calls.push({ ...call, request: shortened(call.request), response: shortened(call.response) })
  }
}

/** A copy of `value` that fits a page: long texts, blobs and lists are cut and say how long they were. */
export function shortened(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string') return value.length > 80 ? `${value.slice(0, 60)}… (${value.length} characters)` : value
  if (value instanceof Uint8Array) return `(${value.length} bytes)`
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map) return shortened(Object.fromEntries(value), depth)
  if (Array.isArray(value)) {
    const shown: unknown[] = value.slice(0, 3).map(item => shortened(item, depth + 1))
    return value.length > 3 ? [...shown, `… ${value.length - 3} more`] : shown
  }
  if (typeof value !== 'object' || value === null) return value
  if (depth >= 6) return '…'
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, shortened(item, depth + 1)]))
}
