// Payloads that are checked beside the event loop: those of one schema that come together go there together, since a schema that is large pays for the way there
// and for being compiled once, and not for each record.
import type { SchemaFault } from '../fault.ts'
import type { Schema } from '../schema.ts'
import type { JobOutput } from './jobs.ts'
import { sourceOf } from './source.ts'
import { TooMuch, type Workshop } from './workshop.ts'

/** Of one job: its time is bounded, and so must be what it has to do. */
const payloadsPerJobMax = 256
const bytesPerJobMax = 1024 * 1024
/** Payloads that took all the time there is, of those that came together: no more are tried then, since others wait. */
const tooLongMax = 4

interface Waiting {
  readonly payload: Buffer
  readonly done: (fault: SchemaFault | null) => void
  readonly failed: (error: unknown) => void
}

export class PayloadChecks {
  readonly #workshop: Workshop
  /** By schema, what has come since the event loop's last turn. */
  readonly #gathered = new Map<Schema, Waiting[]>()
  /** Settles when no job of these is under way. */
  #before: Promise<unknown> = Promise.resolve()

  constructor(workshop: Workshop) {
    this.#workshop = workshop
  }

  /** Null where the payload, without its frame, fits the schema alone; what takes too long does not fit. */
  async check(schema: Schema, payload: Buffer): Promise<SchemaFault | null> {
    const { promise, resolve, reject } = Promise.withResolvers<SchemaFault | null>()
    const waiting: Waiting = { payload, done: resolve, failed: reject }
    const gathered = this.#gathered.get(schema)
    if (gathered !== undefined) gathered.push(waiting)
    else {
      this.#gathered.set(schema, [waiting])
      setImmediate(() => void this.#checkGathered(schema))
    }
    return promise
  }

  async #checkGathered(schema: Schema): Promise<void> {
    const gathered = this.#gathered.get(schema)!
    this.#gathered.delete(schema)
    const patience = { left: tooLongMax }
    for (const together of slicesOf(gathered)) {
      try {
        await this.#checkTogether(schema, together, patience)
      } catch (error) {
        for (const { failed } of together) failed(error)
      }
    }
  }

  async #checkTogether(schema: Schema, together: readonly Waiting[], patience: { left: number }): Promise<void> {
    if (patience.left <= 0) {
      for (const { done } of together) done({ pointer: '', reason: `was not validated: ${tooLongMax} payloads that came with it take too long` })
      return
    }
    const outcome = await this.#inTurn(schema, together)
    if (!(outcome instanceof TooMuch)) {
      for (const [nth, { done }] of together.entries()) done('invalid' in outcome ? { pointer: '', reason: outcome.invalid } : outcome[nth] ?? null)
    } else if (together.length > 1) {
      // One may have taken the time of all.
      for (const alone of together) await this.#checkTogether(schema, [alone], patience)
    } else {
      patience.left--
      together[0]!.done({ pointer: '', reason: `is too complex to be validated against this schema: that ${outcome.reason}` })
    }
  }

  /** One job at a time: the workshop refuses work when much waits there already, which is no fault of the payloads. */
  async #inTurn(schema: Schema, together: readonly Waiting[]): Promise<JobOutput<'check'> | TooMuch> {
    const job = this.#before.then(() => (
      this.#workshop.run('check', { source: sourceOf(schema), payloads: together.map(({ payload }) => new Uint8Array(payload)) })
    ))
    this.#before = job.catch(() => {})
    return await job
  }
}

function* slicesOf(gathered: readonly Waiting[]): Generator<readonly Waiting[]> {
  let from = 0
  let bytes = 0
  for (const [at, { payload }] of gathered.entries()) {
    if (at > from && (at - from >= payloadsPerJobMax || bytes + payload.length > bytesPerJobMax)) {
      yield gathered.slice(from, at)
      from = at
      bytes = 0
    }
    bytes += payload.length
  }
  yield gathered.slice(from)
}
