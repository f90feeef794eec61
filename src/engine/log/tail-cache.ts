// The memory that logs share for reading: the newest batches of each, so that a consumer at the tail never touches the disk, and the spans
// of older ones that were opened last. One bound for all; what has been there longest goes first.
import { Batch } from '../../wire/batch.ts'

/** A batch that is a small part of a larger buffer would keep all of it in memory: it is copied where the buffer is so many times as large. */
const keptBufferRatioMax = 2
/** What a batch costs in memory besides its bytes. */
const batchOverheadBytes = 400
const openedShare = 0.25

export class TailCache {
  readonly #tailBytesMax: number
  readonly #openedBytesMax: number
  #tailBytes = 0
  #openedBytes = 0
  /** Tails in the order in which their batches became durable; one entry per batch. */
  #order: LogTail[] = []
  #oldest = 0
  readonly #opened = new Map<string, { readonly batches: readonly Batch[]; readonly bytes: number }>()

  constructor(bytesMax: number) {
    this.#openedBytesMax = Math.floor(bytesMax * openedShare)
    this.#tailBytesMax = bytesMax - this.#openedBytesMax
  }

  /** Bytes held at present. */
  get bytes(): number { return this.#tailBytes + this.#openedBytes }

  tail(endOffset: number): LogTail {
    return new LogTail(endOffset, this)
  }

  /** A batch of `tail` may be evicted from now on. */
  settle(tail: LogTail, bytes: number): void {
    this.#order.push(tail)
    this.#tailBytes += bytes
    while (this.#tailBytes > this.#tailBytesMax && this.#oldest < this.#order.length) this.#tailBytes -= this.#order[this.#oldest++]!.evictOldest()
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#oldest)
      this.#oldest = 0
    }
  }

  /** A tail that is closed gives back what it held. */
  giveBack(bytes: number): void {
    this.#tailBytes -= bytes
  }

  opened(key: string): readonly Batch[] | undefined {
    const entry = this.#opened.get(key)
    if (!entry) return undefined
    this.#opened.delete(key)
    this.#opened.set(key, entry)
    return entry.batches
  }

  keepOpened(key: string, batches: readonly Batch[], bytes: number): void {
    if (bytes > this.#openedBytesMax || this.#opened.has(key)) return
    this.#opened.set(key, { batches, bytes })
    this.#openedBytes += bytes
    for (const [oldest, entry] of this.#opened) {
      if (this.#openedBytes <= this.#openedBytesMax) return
      this.#opened.delete(oldest)
      this.#openedBytes -= entry.bytes
    }
  }
}

/** One log's newest batches, without a gap up to its end. Those not yet durable are always here. */
export class LogTail {
  readonly #cache: TailCache
  /** What was evicted is undefined until the array is cut. */
  #batches: (Batch | undefined)[] = []
  #first = 0
  /** How many of them, from the first on, the cache may evict. */
  #settled = 0
  #settledBytes = 0
  #startOffset: number

  constructor(endOffset: number, cache: TailCache) {
    this.#startOffset = endOffset
    this.#cache = cache
  }

  /** Offsets from here on are held. */
  get startOffset(): number { return this.#startOffset }

  /** Takes the log's next batch; returns it as it is held. */
  push(batch: Batch): Batch {
    const { bytes } = batch
    const held = bytes.buffer.byteLength > bytes.length * keptBufferRatioMax ? Batch.parse(copyOf(bytes)) : batch
    this.#batches.push(held)
    return held
  }

  /**
   * Everything below `offset` is durable, and may be evicted; with `isKept` false each of these batches takes the place of an older one at once, so that a
   * log whose leader is read from, out of the same memory, takes none of it away.
   */
  settle(offset: number, { isKept } = { isKept: true }): void {
    for (;;) {
      const batch = this.#batches[this.#first + this.#settled]
      if (!batch || batch.nextOffset > offset) return
      this.#settled++
      this.#settledBytes += costOf(batch)
      if (isKept) this.#cache.settle(this, costOf(batch))
      else this.#cache.giveBack(this.evictOldest() - costOf(batch))
    }
  }

  /** Forgets the oldest batch; its bytes. 0 where the tail has been closed. */
  evictOldest(): number {
    if (this.#settled === 0) return 0
    const batch = this.#batches[this.#first]!
    this.#batches[this.#first] = undefined
    this.#settled--
    this.#settledBytes -= costOf(batch)
    this.#first++
    this.#startOffset = batch.nextOffset
    if (this.#first > 64 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first)
      this.#first = 0
    }
    return costOf(batch)
  }

  /** The batches from the one that holds `offset` on; `offset` must not lie below `startOffset`. */
  *from(offset: number): Generator<Batch> {
    let low = this.#first
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#batches[middle]!.nextOffset <= offset) low = middle + 1
      else high = middle
    }
    for (let index = low; index < this.#batches.length; index++) yield this.#batches[index]!
  }

  /** Gives all memory back. */
  close(): void {
    this.#cache.giveBack(this.#settledBytes)
    this.#batches = []
    this.#first = 0
    this.#settled = 0
    this.#settledBytes = 0
  }
}

/** Not out of Node's pool: there it would keep whatever else lies in its block, and the log of every follower would copy it again. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function costOf(batch: Batch): number {
  return batch.bytes.length + batchOverheadBytes
}
