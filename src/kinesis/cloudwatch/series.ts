// The figures of one metric, minute by minute, for three hours: Minimum, Maximum, Sum and SampleCount of each, as CloudWatch keeps them. Memory comes in blocks of
// half an hour, and only for those in which something was recorded.

export const minuteMs = 60_000
/** How long figures are kept. */
export const minutesKept = 180
/** How far ahead of the clock a figure may lie. */
export const minutesAhead = 30

const blockMinutes = 30
// Three hours and half an hour ahead; wherever they begin, no two of these blocks share a place.
const blocksMax = (minutesKept + minutesAhead) / blockMinutes + 1

/** Figures of some samples. */
export interface StatisticSet {
  readonly minimum: number
  readonly maximum: number
  readonly sum: number
  readonly sampleCount: number
}

/** The place of each figure of a minute. */
const place = { minimum: 0, maximum: 1, sum: 2, count: 3 } as const
const figuresPerMinute = 4

interface Block {
  /** The first minute in it, since the epoch. */
  readonly start: number
  readonly figures: Float64Array
}

export class Series {
  readonly #blocks: Block[] = []
  #total = 0
  #samples = 0
  #last = 0

  /** Of all that was recorded, also longer ago. */
  get total(): number { return this.#total }
  get samples(): number { return this.#samples }
  /** The sample, or the mean of the samples, that came last. */
  get last(): number { return this.#last }

  /** One sample, at the time `nowMs`. */
  add(value: number, nowMs: number): void {
    this.#record(Math.floor(nowMs / minuteMs), value, value, value, 1)
  }

  addSet({ minimum, maximum, sum, sampleCount }: StatisticSet, atMs: number): void {
    this.#record(Math.floor(atMs / minuteMs), minimum, maximum, sum, sampleCount)
  }

  /** Gives up the memory of its figures: who still holds the series may not keep them alive. */
  forget(): void {
    this.#blocks.length = 0
  }

  /** The figures of minutes [from, until), each minute by its number since the epoch; undefined for what is kept no longer. */
  *minutes(from: number, until: number, nowMs: number): Generator<{ readonly minute: number; readonly set: StatisticSet }> {
    const oldest = Math.max(from, Math.floor(nowMs / minuteMs) - minutesKept)
    for (const { start, figures } of this.#blocks.toSorted((a, b) => a.start - b.start)) {
      for (let at = 0; at < blockMinutes; at++) {
        const minute = start + at
        const offset = at * figuresPerMinute
        const sampleCount = figures[offset + place.count]!
        if (minute < oldest || minute >= until || sampleCount === 0) continue
        yield { minute, set: { minimum: figures[offset + place.minimum]!, maximum: figures[offset + place.maximum]!, sum: figures[offset + place.sum]!, sampleCount } }
      }
    }
  }

  #record(minute: number, minimum: number, maximum: number, sum: number, count: number): void {
    const figures = this.#figuresAt(minute)
    const offset = (minute % blockMinutes) * figuresPerMinute
    const isFirst = figures[offset + place.count] === 0
    if (isFirst || minimum < figures[offset + place.minimum]!) figures[offset + place.minimum] = minimum
    if (isFirst || maximum > figures[offset + place.maximum]!) figures[offset + place.maximum] = maximum
    figures[offset + place.sum]! += sum
    figures[offset + place.count]! += count
    this.#total += sum
    this.#samples += count
    this.#last = sum / count
  }

  #figuresAt(minute: number): Float64Array {
    const start = minute - (minute % blockMinutes)
    // What is recorded is nearly always of now: the block that came last.
    for (let at = this.#blocks.length - 1; at >= 0; at--) if (this.#blocks[at]!.start === start) return this.#blocks[at]!.figures
    const figures = this.#blocks.length < blocksMax ? new Float64Array(blockMinutes * figuresPerMinute) : this.#oldestBlock().fill(0)
    this.#blocks.push({ start, figures })
    return figures
  }

  /** Taken out, to be used again. */
  #oldestBlock(): Float64Array {
    let oldest = 0
    for (let at = 1; at < this.#blocks.length; at++) if (this.#blocks[at]!.start < this.#blocks[oldest]!.start) oldest = at
    return this.#blocks.splice(oldest, 1)[0]!.figures
  }
}
