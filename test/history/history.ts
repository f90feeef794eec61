// A history of Kafka-like clients: what each process asked, what it was answered, and when, as JSON lines. Every operation is two events of one process:
// `invoke`, written before the call, and its completion, written after it: `ok`, `fail` (it certainly did not happen) or `info` (nobody knows).

/** A partition, as `topic/index`. */
export type Key = string

/** What is sent; no value is sent twice to a key. */
export type Value = number | string

/** A record a poll returned. */
export type Read = readonly [offset: number, value: Value]

/** Sends name their offset in completions that know it. */
export type MicroOperation =
  | readonly ['send', Key, Value | readonly [offset: number | null, value: Value]]
  | readonly ['poll']
  | readonly ['poll', Readonly<Record<Key, readonly Read[]>>]

export type EventType = 'invoke' | 'ok' | 'fail' | 'info'

interface EventBase {
  /** Index in the history. */
  readonly i: number
  /** Process: a client that does one thing after the other. */
  readonly p: number
  readonly type: EventType
  /** Milliseconds of the one clock of the history. */
  readonly t: number
  /**
   * Keys whose position may have moved by other means than reading during the operation: those a rebalance gave or took, and with `assign` those
   * that were sought to a new position.
   */
  readonly rb?: readonly Key[]
  /** Why it failed or is unknown. */
  readonly error?: string
}

/** `send` makes its micro-operations each by itself, `txn` all of them or none. */
export interface RecordEvent extends EventBase {
  readonly f: 'send' | 'poll' | 'txn'
  readonly value: readonly MicroOperation[]
}

/** The whole new assignment (keys), or subscription (topics or keys). */
export interface PositionEvent extends EventBase {
  readonly f: 'assign' | 'subscribe'
  readonly value: readonly string[]
}

/** A client that is replaced by a new one, or a remark. */
export interface OtherEvent extends EventBase {
  readonly f: 'crash' | 'debug'
  readonly value: unknown
}

export type HistoryEvent = RecordEvent | PositionEvent | OtherEvent

/** A history from its JSON lines; throws on a line that is no JSON, but an unfinished last one is left out: the writer was killed. */
export function parseHistory(text: string): HistoryEvent[] {
  const lines = text.split('\n')
  const unfinished = lines.pop()
  const events = lines.filter(line => line !== '').map(line => JSON.parse(line) as HistoryEvent)
  if (unfinished === undefined || unfinished === '') return events
  try {
    return [...events, JSON.parse(unfinished) as HistoryEvent]
  } catch {
    return events
  }
}
