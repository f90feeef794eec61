// Records between the two worlds: drafts of a put become batches of the shard's partition, batches become records of a GetRecords page. The partition key
// is the record's key, an ExplicitHashKey travels as a header. A key that a Kafka producer left out shows as no PartitionKey, as for records that AWS
// distributed itself; one that is not UTF-8 shows with replacement characters. Headers and tombstones do not show.
import { type AppendOptions, type DeadLetter, type RecordFault, Refusal, type Topic } from '../ports.ts'
import { type Batch, type RecordDraft, batchHeaderBytes, buildBatch } from '../wire/batch.ts'
import { thinned } from '../wire/thinning.ts'
import { AwsError, invalidArgument, toAwsError } from './errors.ts'
import type { Context } from './context.ts'
import { parseHashKey, sequenceNumbers, shardIdOf, shardOfHashKey, shardOfPartitionKey } from './shard-map.ts'
import { replyBytesMax } from './throughput.ts'

/** The header that keeps a record's ExplicitHashKey. */
export const explicitHashKeyHeader = 'aws.kinesis.ExplicitHashKey'

const appendTimeoutMs = 30_000
// More than the frame of a record with its longest ExplicitHashKey header takes beyond key and value.
const recordFrameBytes = 128
const readBytesMax = 4 * 1_048_576
/** A whole empty stretch (expired records, control batches) is skipped in one call up to so many reads; the page is then empty and the reader goes on. */
const readsMax = 16

export interface RecordToPut {
  readonly data: Buffer
  readonly partitionKey: string
  /** The partition key's UTF-8 bytes. */
  readonly key: Buffer
  readonly explicitHashKey: string | undefined
  /** What limits count: bytes of data and partition key. */
  readonly size: number
}

/** A record from an entry of PutRecords, or from a PutRecord, which has the same members. */
export function recordToPut(entry: { Data: Buffer; PartitionKey: string; ExplicitHashKey?: string | undefined }): RecordToPut {
  const key = Buffer.from(entry.PartitionKey)
  return { data: entry.Data, partitionKey: entry.PartitionKey, key, explicitHashKey: entry.ExplicitHashKey, size: entry.Data.length + key.length }
}

export interface PutDone {
  readonly shardId: string
  readonly sequenceNumber: string
}

/** The index of the shard that the record belongs to, or why its ExplicitHashKey names none. */
export function shardFor(record: RecordToPut, topic: Topic): number | AwsError {
  if (record.explicitHashKey === undefined) return shardOfPartitionKey(record.partitionKey, topic.partitions.length)
  const hashKey = parseHashKey(record.explicitHashKey)
  if (hashKey !== undefined) return shardOfHashKey(hashKey, topic.partitions.length)
  return invalidArgument(`Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${record.explicitHashKey}`)
}

/** What the topic's schemas say of a record: nothing (null), that it is refused, or that it goes to the dead-letter topic. */
export type Judgement = null | AwsError | RecordFault

export async function judgeRecords(topic: Topic, records: readonly RecordToPut[], { validation }: Context): Promise<readonly Judgement[]> {
  if (!validation.appliesTo(topic)) return records.map(() => null)
  const faults = await validation.check(topic, records.map(record => ({ key: record.key, value: record.data })), 'kinesis')
  if (validation.onInvalid(topic) === 'dead-letter') return faults
  const misfit = `The record does not fit the schema of stream ${topic.name}`
  return faults.map(fault => fault && invalidArgument(`${misfit}: ${fault.part} '${fault.pointer}': ${fault.reason}`))
}

/** A record that may be put, and what is wrong with it where it goes to the dead-letter topic. */
export interface Admitted {
  readonly record: RecordToPut
  readonly fault: RecordFault | null
}

/**
 * Appends the records to one shard, in order and durably: one batch, or as few as the topic's largest message allows. One answer per record;
 * a batch that is refused fails its own records only. A record that does not fit takes its place in the shard, and so has a sequence number that no other
 * record ever gets and at which an iterator may start, but lies in the dead-letter topic instead: readers step over its place.
 */
export async function appendToShard(topic: Topic, shard: number, records: readonly Admitted[], context: Context): Promise<(PutDone | AwsError)[]> {
  const parts = splitBySize(records, Number(context.admin.config(topic, 'max.message.bytes')))
  const answers = await Promise.all(parts.map(part => appendPart(topic, shard, part, context)))
  return answers.flat()
}

async function appendPart(topic: Topic, shard: number, records: readonly Admitted[], context: Context): Promise<(PutDone | AwsError)[]> {
  const timestampMs = context.clock.now()
  const whole = buildBatch(records.map(({ record }) => draftOf(record)), { timestampMs })
  const batch = await withoutDeadLetters(topic, shard, whole, records, context)
  if (batch instanceof Refusal) return records.map(() => toAwsError(batch))
  const how: AppendOptions = { acks: 'all', timeoutMs: appendTimeoutMs, ...batch !== whole && { gaps: 'offsets' } }
  const appended = await context.logs.append({ topic: topic.name, partition: shard }, batch, how)
  if (appended instanceof Refusal) return records.map(() => toAwsError(appended))
  const arrivalMs = appended.logAppendTimeMs >= 0 ? appended.logAppendTimeMs : timestampMs
  const numberOf = sequenceNumbers(topic.partitions[shard]!)
  const shardId = shardIdOf(shard)
  return records.map((_, at) => ({ shardId, sequenceNumber: numberOf(appended.baseOffset + at, arrivalMs) }))
}

/** The batch itself where every record fits; otherwise those that do not are put into the dead-letter topic, and what is left is given. */
async function withoutDeadLetters(topic: Topic, shard: number, batch: Batch, records: readonly Admitted[], { caller, validation }: Context): Promise<Batch | Refusal> {
  const letters = records.flatMap(({ record, fault }, index): DeadLetter[] => (fault === null ? [] : [{ ...draftOf(record), index, fault, timestampMs: batch.baseTimestampMs }]))
  if (letters.length === 0) return batch
  const put = await validation.putDeadLetters(topic, { topic: topic.name, partition: shard, wayIn: 'kinesis', caller, clientId: null }, letters)
  return put instanceof Refusal ? put : thinned(batch, new Set(letters.map(({ index }) => index)))
}

function splitBySize(records: readonly Admitted[], bytesMax: number): Admitted[][] {
  const parts: Admitted[][] = []
  let bytes = Infinity
  for (const admitted of records) {
    const size = admitted.record.size + recordFrameBytes
    bytes += size
    if (bytes > bytesMax) {
      parts.push([])
      bytes = batchHeaderBytes + size
    }
    parts.at(-1)!.push(admitted)
  }
  return parts
}

function draftOf(record: RecordToPut): RecordDraft {
  const draft: RecordDraft = { key: record.key, value: record.data }
  if (record.explicitHashKey !== undefined) draft.headers = [{ key: explicitHashKeyHeader, value: Buffer.from(record.explicitHashKey) }]
  return draft
}

export interface ReadRecord {
  readonly SequenceNumber: string
  readonly ApproximateArrivalTimestamp: number
  /** A view of what was read. */
  readonly Data: Buffer
  readonly PartitionKey: string | undefined
}

export interface Page {
  readonly records: ReadRecord[]
  /** Where the next page starts. */
  readonly nextOffset: number
  /** How far behind the shard's newest record this page ends. */
  readonly millisBehindLatest: number
  readonly bytes: number
  /** Ended by the largest size there is, with more to come. */
  readonly isCut: boolean
}

/** Up to `limit` records of at most 10 MiB in all (but the first whatever its size) from `offset` on, or from the oldest that is left. */
export async function readPage(topic: Topic, shard: number, from: { offset: number; limit: number }, context: Context): Promise<Page | AwsError> {
  const at = { topic: topic.name, partition: shard }
  const ends = await context.logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  const page = new PageBuilder(topic, shard, from.limit, context)
  let offset = Math.max(from.offset, ends.logStartOffset)
  for (let reads = 0; reads < readsMax && offset < ends.lastStableOffset && !page.isFull; reads++) {
    const slice = await context.logs.read(at, offset, { bytesMax: readBytesMax, atLeastOne: true, committedOnly: true })
    // Retention may have taken the position away between the two calls.
    if (slice instanceof Refusal && slice.code === 'offset-out-of-range') break
    if (slice instanceof Refusal) return toAwsError(slice)
    if (slice.batches.length === 0) break
    for (const batch of slice.batches) offset = page.add(batch, offset)
  }
  return page.done(offset, offset >= ends.lastStableOffset)
}

class PageBuilder {
  readonly #limit: number
  readonly #records: ReadRecord[] = []
  readonly #numberOf: (offset: number, arrivalMs: number) => string
  readonly #nowMs: number
  readonly #oldestMs: number
  #bytes = 0
  #isCut = false
  #lastMs: number | undefined

  constructor(topic: Topic, shard: number, limit: number, context: Context) {
    this.#limit = limit
    this.#numberOf = sequenceNumbers(topic.partitions[shard]!)
    this.#nowMs = context.clock.now()
    const retentionMs = Number(context.admin.config(topic, 'retention.ms'))
    this.#oldestMs = retentionMs < 0 ? -Infinity : this.#nowMs - retentionMs
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
      this.#isCut = this.#records.length > 0 && this.#bytes + size > replyBytesMax
      if (this.isFull) return record.offset
      this.#bytes += size
      this.#lastMs = record.timestampMs
      this.#records.push({
        SequenceNumber: this.#numberOf(record.offset, record.timestampMs),
        ApproximateArrivalTimestamp: Math.max(record.timestampMs, 0),
        Data: record.value,
        PartitionKey: record.key?.toString(),
      })
    }
    return Math.max(offset, batch.nextOffset)
  }

  done(nextOffset: number, isAtTip: boolean): Page {
    const behind = isAtTip ? 0 : Math.max(this.#nowMs - (this.#lastMs ?? this.#oldestMs), 1)
    const millisBehindLatest = Number.isFinite(behind) ? behind : 0
    return { records: this.#records, nextOffset, millisBehindLatest, bytes: this.#bytes, isCut: this.#isCut }
  }
}
