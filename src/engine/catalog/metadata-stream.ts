// What is committed of the catalog, for those who follow it: the last records as they came, and the whole state for whoever is further behind.
import type { Catalog } from './catalog.ts'
import type { CatalogRecord } from './records.ts'

/** Committed records, in order. */
export interface MetadataSlice {
  readonly records: readonly CatalogRecord[]
  /** The position behind them: the next `after`. */
  readonly upTo: number
  /** The whole state: it takes the place of everything before. */
  readonly isSnapshot: boolean
}

interface Entry {
  readonly records: readonly CatalogRecord[]
  readonly upTo: number
}

export class MetadataStream {
  readonly #image: Catalog
  readonly #recordsMax: number
  readonly #waiting = new Set<() => void>()
  #entries: Entry[] = []
  #count = 0
  /** Whoever has seen less than this is too far behind for the entries. */
  #from: number
  #upTo: number

  /** `image` is the state at `position`; the stream alone changes it from then on. */
  constructor(image: Catalog, position: number, recordsMax: number) {
    this.#image = image
    this.#recordsMax = recordsMax
    this.#from = position
    this.#upTo = position
  }

  get position(): number {
    return this.#upTo
  }

  push(records: readonly CatalogRecord[], upTo: number): void {
    for (const record of records) this.#image.apply(record)
    this.#entries.push({ records, upTo })
    this.#count += records.length
    this.#upTo = upTo
    while (this.#count > this.#recordsMax && this.#entries.length > 1) {
      const oldest = this.#entries.shift()!
      this.#count -= oldest.records.length
      this.#from = oldest.upTo
    }
    for (const wake of this.#waiting) wake()
  }

  /** What is committed behind `after` (-1: everything); where there is nothing, waits until there is, or the signal aborts. */
  async after(after: number, signal: AbortSignal): Promise<MetadataSlice> {
    while (after >= this.#upTo && !signal.aborted) await this.#more(signal)
    if (after >= this.#upTo) return { records: [], upTo: after, isSnapshot: false }
    if (after < this.#from) return { records: [...this.#image.snapshot()], upTo: this.#upTo, isSnapshot: true }
    const first = this.#entries.findIndex(entry => entry.upTo > after)
    return { records: this.#entries.slice(first).flatMap(entry => entry.records), upTo: this.#upTo, isSnapshot: false }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
