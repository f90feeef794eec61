// Records that are read: batches become records of a GetRecords page. The record's key is the partition key. One that a Kafka producer left out shows as no PartitionKey, as
// for records that AWS distributed itself; one that is not UTF-8 shows with replacement characters. Headers and tombstones do not show.
import { type Ends, KeyRefusal, Refusal, type Topic } from '../ports.ts'
import type { Batch } from '../wire/batch.ts'
import { blob, structure, text, timestamp } from '../wire/operation.ts'
import { type AwsError, toAwsError } from './errors.ts'
import type { Services } from './context.ts'
import { trimHorizonMs } from './retention.ts'
import { sequenceNumbers } from './sequence-numbers.ts'
import type { ShardNode } from './shard-map.ts'
import { replyBytesMax } from './throughput.ts'

const readBytesMax = 4 * 1_048_576
/** Most pages end within the first read: what is read beyond a page is read again for the next one. */
const firstReadBytes = 1_048_576
/** A whole empty stretch (expired records, control batches) is skipped in one call up to so many reads; the page is then empty and the reader goes on. */
const readsMax = 16

export const recordShape = structure({
  SequenceNumber: text().required,
  ApproximateArrivalTimestamp: timestamp(),
  Data: blob().required.sensitive,
  PartitionKey: text(),
  EncryptionType: text(),
})

export interface ReadRecord {
  readonly SequenceNumber: string
  readonly ApproximateArrivalTimestamp: number
  /** A view of what was read. */
  readonly Data: Buffer
  readonly PartitionKey: string | undefined
  /** 'KMS' of one that is stored under a key, whatever its stream says by now. */
  readonly EncryptionType: 'KMS' | undefined
}

export interface Page {
  readonly records: ReadRecord[]
  /** Where the next page starts. */
  readonly nextOffset: number
  /** How far behind the shard's newest record this page ends. */
  readonly millisBehindLatest: number
  readonly bytes: number
  /** Ended by the largest size that was asked for, with more to come. */
  readonly isCut: boolean
  /** There is nothing more to read now; once the high watermark has moved, there may be. */
  readonly isAtTip: boolean
  readonly highWatermark: number
  /** It reaches the end of a closed shard: nothing comes after it, but in the shard's children. */
  readonly isLast: boolean
}

export interface PageStart {
  readonly offset: number
  /** How many records at most. */
  readonly limit: number
  /** How many bytes of data and partition keys, ten MiB unless given; but the first record whatever its size. */
  readonly bytesMax?: number
}

/** The records from `offset` on, or from the oldest that is left; from the end, where an unclean election has cost what lay before `offset`. */
export async function readPage(topic: Topic, shard: ShardNode, start: PageStart, context: Pick<Services, 'account' | 'admin' | 'clock' | 'documents' | 'logs' | 'region'>): Promise<Page | AwsError> {
  const at = { topic: topic.name, partition: shard.index }
  const ends = await context.logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  const page = new PageBuilder(topic, shard, start, context)
  let offset = Math.min(Math.max(start.offset, ends.logStartOffset), ends.logEndOffset)
  for (let reads = 0; reads < readsMax && offset < ends.lastStableOffset && !page.isFull; reads++) {
    const bytesMax = Math.min(reads === 0 ? firstReadBytes : readBytesMax, start.bytesMax ?? readBytesMax)
    const slice = await context.logs.read(at, offset, { bytesMax, atLeastOne: true, committedOnly: true })
    // Retention may have taken the position away between the two calls.
    if (slice instanceof Refusal && slice.code === 'offset-out-of-range') break
    // What lies before records that cannot be had is given first.
    if (slice instanceof KeyRefusal && !page.isEmpty) break
    if (slice instanceof Refusal) return toAwsError(slice, context)
    if (slice.batches.length === 0) break
    for (const batch of slice.batches) offset = page.add(batch, offset)
  }
  return page.done(offset, ends)
}

class PageBuilder {
  readonly #shard: ShardNode
  readonly #limit: number
  readonly #bytesMax: number
  readonly #records: ReadRecord[] = []
  readonly #numberOf: (offset: number, arrivalMs: number) => string
  readonly #nowMs: number
  readonly #oldestMs: number
  #bytes = 0
  #isCut = false
  #lastMs: number | undefined

  constructor(topic: Topic, shard: ShardNode, { limit, bytesMax = replyBytesMax }: PageStart, context: Pick<Services, 'admin' | 'clock' | 'documents'>) {
    this.#shard = shard
    this.#limit = limit
    this.#bytesMax = bytesMax
    this.#numberOf = sequenceNumbers(shard)
    this.#nowMs = context.clock.now()
    this.#oldestMs = trimHorizonMs(topic, this.#nowMs, context)
  }

  get isEmpty(): boolean {
    return this.#records.length === 0
  }

  get isFull(): boolean {
    return this.#isCut || this.#records.length >= this.#limit
  }

  /** Takes the batch's records from `offset` on; gives the offset to go on from. */
  add(batch: Batch, offset: number): number {
    if (this.isFull) return offset
    if (batch.isControl) return Math.max(offset, batch.nextOffset)
    // Times of arrival are what retention counts from; a Kafka producer's own times are not such.
    const oldestMs = batch.timestampType === 'append' ? this.#oldestMs : -Infinity
    if (batch.timestampType === 'append' && batch.maxTimestampMs < oldestMs) return Math.max(offset, batch.nextOffset)
    for (const record of batch.recordsOrNone()) {
      if (record.offset < offset || record.value === null || record.timestampMs < oldestMs) continue
      const size = record.value.length + (record.key?.length ?? 0)
      this.#isCut = this.#records.length > 0 && this.#bytes + size > this.#bytesMax
      if (this.isFull) return record.offset
      this.#bytes += size
      this.#lastMs = record.timestampMs
      this.#records.push({
        SequenceNumber: this.#numberOf(record.offset, record.timestampMs),
        ApproximateArrivalTimestamp: Math.max(record.timestampMs, 0),
        Data: record.value,
        PartitionKey: record.key?.toString(),
        EncryptionType: batch.keyId === undefined ? undefined : 'KMS',
      })
    }
    return Math.max(offset, batch.nextOffset)
  }

  done(nextOffset: number, { highWatermark, lastStableOffset }: Ends): Page {
    const { seal } = this.#shard
    const isAtTip = nextOffset >= lastStableOffset
    const isLast = seal !== undefined && seal.endOffset >= 0 && nextOffset >= seal.endOffset
    const millisBehindLatest = this.#behind(isAtTip, isLast ? seal.atMs : undefined)
    return { records: this.#records, nextOffset, millisBehindLatest, bytes: this.#bytes, isCut: this.#isCut, isAtTip, isLast, highWatermark }
  }

  /** Whoever has read all of a closed shard is as far behind the stream as it is closed. */
  #behind(isAtTip: boolean, closedAtMs: number | undefined): number {
    if (closedAtMs !== undefined) return Math.max(this.#nowMs - closedAtMs, 0)
    if (isAtTip) return 0
    const behind = this.#nowMs - (this.#lastMs ?? this.#oldestMs)
    // Of an empty page of a stream that keeps records for ever it is only known that there is more.
    return Number.isFinite(behind) ? Math.max(behind, 1) : 1
  }
}
