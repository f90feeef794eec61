// How a log is read: the newest batches from memory, older ones from its segments, in order and without a gap.
import { Refusal } from '../../ports.ts'
import type { Batch } from '../../wire/batch.ts'
import type { Logger } from '../../world/world.ts'
import { Damaged } from '../sealed/errors.ts'
import type { Storage } from './storage.ts'
import type { LogTail } from './tail-cache.ts'

export interface LogReadOptions {
  readonly bytesMax: number
  /** The first batch is given however large it is. */
  readonly atLeastOne: boolean
  /** Only batches that lie wholly below this offset. */
  readonly upTo: number
}

export class LogReader {
  /** Where the log begins and ends at the moment. */
  readonly #log: { readonly startOffset: number; readonly endOffset: number }
  readonly #storage: Storage
  readonly #tail: LogTail
  readonly #directory: string
  readonly #logger: Logger

  constructor(log: { readonly startOffset: number; readonly endOffset: number }, of: { storage: Storage; tail: LogTail; directory: string; logger: Logger }) {
    this.#log = log
    this.#storage = of.storage
    this.#tail = of.tail
    this.#directory = of.directory
    this.#logger = of.logger
  }

  /** Whole batches in order from the one that holds `from` (or the next there is), as many as fit in `bytesMax`; none at the end. */
  async read(from: number, { bytesMax, atLeastOne, upTo }: LogReadOptions): Promise<Batch[] | Refusal> {
    if (from < this.#log.startOffset || from > this.#log.endOffset) return this.#outOfRange(from)
    const taken: Batch[] = []
    let bytes = 0
    for (let offset = from; offset < upTo;) {
      const batches = offset >= this.#tail.startOffset ? this.#tail.from(offset) : await this.#readStored(offset)
      if (batches instanceof Refusal) return batches
      const before = offset
      for (const batch of batches) {
        if (batch.nextOffset > upTo) return taken
        if (bytes + batch.bytes.length > bytesMax && !(taken.length === 0 && atLeastOne)) return taken
        taken.push(batch)
        bytes += batch.bytes.length
        offset = batch.nextOffset
      }
      if (offset > before) continue
      // Nothing there: the end, or retention has overtaken the reader.
      return taken.length === 0 && from < this.#log.startOffset ? this.#outOfRange(from) : taken
    }
    return taken
  }

  async #readStored(offset: number): Promise<readonly Batch[] | Refusal> {
    try {
      return await this.#storage.read(offset)
    } catch (error) {
      const damaged = error instanceof Damaged
      this.#logger.error({ directory: this.#directory, offset, damaged, error: (error as Error).message }, 'a read of the log failed')
      return new Refusal('storage-error', `offset ${offset} cannot be read: ${(error as Error).message}`)
    }
  }

  #outOfRange(offset: number): Refusal {
    return new Refusal('offset-out-of-range', `offset ${offset}; the log has ${this.#log.startOffset} to ${this.#log.endOffset}`)
  }
}
