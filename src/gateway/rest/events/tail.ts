// One event stream: reads its partitions in turn, writes each record as a server-sent event, and waits where there is nothing to read or the client does not
// take what was written. Nothing is read ahead of the client, so a slow one costs no more memory than a fast one.
import type { Response } from 'express'
import { Refusal, type Logs, type Seen, type Slice, type Topic } from '../../../ports.ts'
import type { RecordView } from '../../../wire/batch.ts'
import type { Clock } from '../../../world/world.ts'
import type { BodyBudget } from '../../body.ts'
import { Problem } from '../../problem.ts'
import { problemOf } from '../../refusals.ts'
import { endOf, type RecordPrinter, recordsFrom } from '../record-view.ts'
import { afterMs, pause } from '../waits.ts'
import { type Cursor, formatCursor } from './cursor.ts'

export interface TailOptions {
  readonly logs: Logs
  readonly clock: Clock
  readonly topic: string
  /** Moves on with each event. */
  readonly cursor: Cursor
  /** Asked at the start and every few seconds: judges the caller anew, finds the topic as it is now and what shows its records. Throws a Problem that ends the stream. */
  readonly reopen: () => Promise<{ topic: Topic; print: RecordPrinter }>
  /** Of a whole topic: partitions that are new join in, from their beginning. */
  readonly follows: 'topic' | 'partition'
  /** Counts what was written; how long to wait before more is, in ms. */
  readonly spend: (bytes: number) => Promise<number>
  /** Of what streams hold for clients that have not taken it yet; where it has no room, a stream ends, and its client comes back. */
  readonly budget: BodyBudget
  /** The client is gone, or the server stops. */
  readonly signal: AbortSignal
}

/** Shorter than any proxy or the listener itself waits for something to move. */
const heartbeatMs = 15_000
const readBytesMax = 256 * 1024

/** Resolves when the stream is over: ended cleanly, with an `error` event where something other than client or server ended it. */
export async function tail(response: Response, options: TailOptions): Promise<void> {
  const { clock, cursor, signal } = options
  const out = new EventWriter(response, options)
  try {
    let { print } = await options.reopen()
    response.status(200).set({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    response.flushHeaders()
    // An id without data is remembered and shown to nobody: a client that loses the connection before its first event goes on from here, too.
    await out.mark(cursor)
    let checkedMs = clock.monotonic()
    const isDue = (): boolean => clock.monotonic() - checkedMs >= heartbeatMs
    for (let turn = 0; !signal.aborted; turn++) {
      if (isDue()) {
        const reopened = await options.reopen()
        print = reopened.print
        if (options.follows === 'topic') for (const { index } of reopened.topic.partitions) if (!cursor.has(index)) cursor.set(index, 0)
        checkedMs = clock.monotonic()
        await out.mark(cursor)
      }
      const { seen, count } = await round(out, print, options, { turn, isDue })
      if (count > 0 || signal.aborted || isDue()) continue
      using heartbeat = afterMs(clock, Math.max(0, checkedMs + heartbeatMs - clock.monotonic()))
      await options.logs.changed(seen, AbortSignal.any([signal, heartbeat.signal]))
      // A high watermark may move without anything to show.
      await pause(clock, 1, signal)
    }
  } catch (error) {
    if (!(error instanceof Problem) || !response.headersSent) throw error
    await out.write(`event: error\ndata: ${JSON.stringify({ error_code: error.errorCode, message: error.message })}\n\n`)
  }
  response.end()
}

/**
 * Reads each partition once, another one first each time. Ends early where the caller is to be judged anew: to a slow client, one round can take long. `count`:
 * what was written.
 */
async function round(
  out: EventWriter, print: RecordPrinter, { logs, topic, cursor, signal, budget }: TailOptions, { turn, isDue }: { turn: number; isDue: () => boolean },
): Promise<{ seen: readonly Seen[]; count: number }> {
  const isOver = (): boolean => signal.aborted || isDue()
  const partitions = [...cursor.keys()]
  const seen: Seen[] = []
  let count = 0
  for (let index = 0; index < partitions.length && !isOver(); index++) {
    const partition = partitions[(index + turn) % partitions.length]!
    const from = cursor.get(partition)!
    const slice = await readAt(logs, { topic, partition, from }, out, cursor)
    if (slice === undefined) {
      count++
      continue
    }
    seen.push({ topic, partition, highWatermark: slice.highWatermark })
    for (const batch of slice.batches) {
      const records = [...recordsFrom([batch], from)]
      using _held = hold(budget, records)
      for (const record of records) {
        if (isOver()) return { seen, count }
        cursor.set(partition, record.offset + 1)
        await out.write(`id: ${formatCursor(cursor)}\ndata: ${(await print(partition, record)).replaceAll('\n', '\ndata: ').replaceAll('\r', ' ')}\n\n`)
        count++
      }
    }
    cursor.set(partition, Math.max(cursor.get(partition)!, endOf(slice, from)))
  }
  return { seen, count }
}

/** A batch may open to a hundred times its size, and stays open until its client has taken it: any number of slow clients must not fill the memory. */
function hold(budget: BodyBudget, records: readonly RecordView[]): Disposable {
  // The records and, of one at a time, the text.
  const bytes = 2 * records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)
  if (!budget.lease(bytes)) throw new Problem(503, 'HTTP 503 Service Unavailable: too many answer bytes in flight')
  return { [Symbol.dispose]: () => budget.release(bytes) }
}

/** Where retention was quicker than the client, the stream says so and goes on with what there is; undefined then, until the next round. */
async function readAt(logs: Logs, at: { topic: string; partition: number; from: number }, out: EventWriter, cursor: Cursor): Promise<Slice | undefined> {
  const { topic, partition, from } = at
  const slice = await logs.read({ topic, partition }, from, { bytesMax: readBytesMax, atLeastOne: true, committedOnly: true })
  if (!(slice instanceof Refusal)) return slice
  const ends = slice.code === 'offset-out-of-range' ? await logs.ends({ topic, partition }) : slice
  if (ends instanceof Refusal || from >= ends.logStartOffset) throw problemOf(slice)
  cursor.set(partition, ends.logStartOffset)
  await out.write(`event: gap\nid: ${formatCursor(cursor)}\ndata: ${JSON.stringify({ topic, partition, from, to: ends.logStartOffset })}\n\n`)
  return undefined
}

/** Writes, and waits until the client has taken it. */
class EventWriter {
  readonly #response: Response
  readonly #options: TailOptions

  constructor(response: Response, options: TailOptions) {
    this.#response = response
    this.#options = options
  }

  async mark(cursor: Cursor): Promise<void> {
    await this.write(`: heartbeat\nid: ${formatCursor(cursor)}\n\n`)
  }

  async write(text: string): Promise<void> {
    const { signal, spend, clock } = this.#options
    if (this.#response.destroyed) return
    const isTaken = this.#response.write(text)
    if (!isTaken) await this.#drained()
    const waitMs = await spend(Buffer.byteLength(text))
    if (waitMs > 0) await pause(clock, waitMs, signal)
  }

  #drained(): Promise<void> {
    const response = this.#response
    const { signal } = this.#options
    return new Promise(resolve => {
      const done = (): void => {
        response.off('drain', done).off('close', done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      if (signal.aborted || response.destroyed) return resolve()
      response.once('drain', done).once('close', done)
      signal.addEventListener('abort', done)
    })
  }
}
