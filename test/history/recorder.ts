// Writes histories: one clock and one order for all processes, one operation at a time in each. The simulation and real clients share it.
import assert from 'node:assert/strict'
import type { HistoryEvent, Key, MicroOperation, RecordEvent } from './history.ts'

export interface RecorderOptions {
  /** Monotonic, in milliseconds. */
  readonly now: () => number
  /** Takes each event as a line of JSON, in order. */
  readonly write?: (line: string) => void
}

type Body = Pick<HistoryEvent, 'f' | 'value'>

/** What a completion may say besides its outcome. */
export interface Outcome {
  /** Keys whose position a rebalance, or an assignment, may have moved. */
  readonly rebalanced?: readonly Key[]
  readonly error?: string
}

export class Recorder {
  readonly events: HistoryEvent[] = []
  readonly #options: RecorderOptions
  #processes = 0
  #lastMs = -Infinity

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** A process that no other writer has. */
  process(): RecordedProcess {
    return new RecordedProcess({ nextId: () => this.#processes++, add: event => this.#add(event) })
  }

  #add(event: Omit<HistoryEvent, 'i' | 't'>): void {
    const t = this.#options.now()
    assert(t >= this.#lastMs, `the clock of the history went back from ${this.#lastMs} to ${t} ms`)
    this.#lastMs = t
    const complete = { i: this.events.length, ...event, t } as HistoryEvent
    this.events.push(complete)
    this.#options.write?.(`${JSON.stringify(complete)}\n`)
  }
}

interface Sink {
  nextId(): number
  add(event: Omit<HistoryEvent, 'i' | 't'>): void
}

/** One process of a history. After an outcome nobody knows its id is never used again: what is still under way may happen at any later time. */
export class RecordedProcess {
  readonly #sink: Sink
  #id: number
  #open: Body | undefined

  constructor(sink: Sink) {
    this.#sink = sink
    this.#id = sink.nextId()
  }

  get id(): number {
    return this.#id
  }

  /** Before the call. */
  invoke(body: Body): void {
    assert(this.#open === undefined, `process ${this.#id} begins a ${body.f} while its ${this.#open?.f} is under way`)
    this.#open = body
    this.#sink.add({ p: this.#id, type: 'invoke', ...body } as HistoryEvent)
  }

  /** It happened; `value` with the offsets or records the call gave. */
  ok(value?: readonly MicroOperation[], outcome: Outcome = {}): void {
    this.#complete('ok', value, outcome)
  }

  /** It certainly did not happen, and never will; `value` with what an aborted transaction had read. */
  fail(error: string, value?: readonly MicroOperation[]): void {
    this.#complete('fail', value, { error })
  }

  /** Nobody knows whether it happened, or will; `value` with what is known. */
  info(error: string, value?: readonly MicroOperation[]): void {
    this.#complete('info', value, { error })
    this.#id = this.#sink.nextId()
  }

  #complete(type: 'ok' | 'fail' | 'info', value: RecordEvent['value'] | undefined, { rebalanced, error }: Outcome): void {
    const open = this.#open
    assert(open !== undefined, `process ${this.#id} completes what it never began`)
    this.#open = undefined
    this.#sink.add({
      p: this.#id, type, f: open.f, value: value ?? open.value,
      ...(rebalanced !== undefined && rebalanced.length > 0 && { rb: rebalanced }), ...(error !== undefined && { error }),
    } as HistoryEvent)
  }
}
