// Where in a segment's file which offsets lie: sparse, in memory, rebuilt by recovery. A span is a run of whole frames, at least a few
// kilobytes, that is read in one go; the index holds its first offset, its position, and the latest time of its records.

const spanBytesMin = 4096

export interface Span {
  readonly index: number
  readonly position: number
  /** Where the next span begins, or the last one ends. */
  readonly end: number
  readonly baseOffset: number
  readonly maxTimestampMs: number
}

export class SpanIndex {
  #count = 0
  #positions: Float64Array = new Float64Array(16)
  #baseOffsets: Float64Array = new Float64Array(16)
  #maxTimestamps: Float64Array = new Float64Array(16)
  #end = 0

  get count(): number { return this.#count }

  /** Takes in the next data frame. The start of a session before it, which holds no offsets, lengthens the span it lies behind. */
  add(frame: { position: number; length: number; baseOffset: number; maxTimestampMs: number }): void {
    const last = this.#count - 1
    if (last < 0 || this.#end - this.#positions[last]! >= spanBytesMin) {
      this.#grow()
      this.#positions[this.#count] = frame.position
      this.#baseOffsets[this.#count] = frame.baseOffset
      this.#maxTimestamps[this.#count] = frame.maxTimestampMs
      this.#count++
    } else {
      this.#maxTimestamps[last] = Math.max(this.#maxTimestamps[last]!, frame.maxTimestampMs)
    }
    this.#end = frame.position + frame.length
  }

  span(index: number): Span | undefined {
    if (index < 0 || index >= this.#count) return undefined
    return {
      index,
      position: this.#positions[index]!,
      end: index + 1 < this.#count ? this.#positions[index + 1]! : this.#end,
      baseOffset: this.#baseOffsets[index]!,
      maxTimestampMs: this.#maxTimestamps[index]!,
    }
  }

  /** The span that holds `offset` if the segment does: the last one that begins at or before it. */
  find(offset: number): Span | undefined {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#baseOffsets[middle]! <= offset) low = middle + 1
      else high = middle
    }
    return this.span(Math.max(low - 1, 0))
  }

  /** All spans, three numbers each: position, first offset, latest time. */
  toNumbers(): Float64Array {
    const numbers = new Float64Array(3 * this.#count)
    for (let index = 0; index < this.#count; index++) {
      numbers[3 * index] = this.#positions[index]!
      numbers[3 * index + 1] = this.#baseOffsets[index]!
      numbers[3 * index + 2] = this.#maxTimestamps[index]!
    }
    return numbers
  }

  /** Takes what `toNumbers` gave; the last span ends at `end`. */
  restore(numbers: Float64Array, end: number): void {
    this.#count = numbers.length / 3
    this.#positions = numbers.filter((_, index) => index % 3 === 0)
    this.#baseOffsets = numbers.filter((_, index) => index % 3 === 1)
    this.#maxTimestamps = numbers.filter((_, index) => index % 3 === 2)
    this.#end = end
  }

  #grow(): void {
    if (this.#count < this.#positions.length) return
    this.#positions = doubled(this.#positions)
    this.#baseOffsets = doubled(this.#baseOffsets)
    this.#maxTimestamps = doubled(this.#maxTimestamps)
  }
}

function doubled(array: Float64Array): Float64Array {
  const larger = new Float64Array(Math.max(array.length * 2, 16))
  larger.set(array)
  return larger
}
