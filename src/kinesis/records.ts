// Records between the two worlds: drafts of a put become batches of the shard's partition, batches become records of a GetRecords page. The partition key
// is the record's key, an ExplicitHashKey travels as a header. A key that a Kafka producer left out shows as no PartitionKey, as for records that AWS
// distributed itself; one that is not UTF-8 shows with replacement characters. Headers and tombstones do not show.
import { type AppendOptions, type DeadLetter, type Ends, KeyRefusal, type RecordFault, Refusal, type Topic } from '../ports.ts'
import { type Batch, type RecordDraft, batchHeaderBytes, buildBatch } from '../wire/batch.ts'
import { blob, structure, text, timestamp } from '../wire/operation.ts'
import { thinned } from '../wire/thinning.ts'
import { keyIdOf } from './encryption.ts'
import { AwsError, invalidArgument, notFound, texts, toAwsError } from './errors.ts'
import type { Context, Services } from './context.ts'
import { trimHorizonMs } from './retention.ts'
import { routeOf } from './routing.ts'
import { sequenceNumbers } from './sequence-numbers.ts'
import { type ShardNode, shardIdOf, shardMapOf } from './shard-map.ts'
import { findStreamByName } from './streams.ts'
import { replyBytesMax } from './throughput.ts'

/** The header that keeps a record's ExplicitHashKey. */
export const explicitHashKeyHeader = 'aws.kinesis.ExplicitHashKey'

const appendTimeoutMs = 30_000
/** How long a put follows its shard's hash keys to where they went, and how often it looks whether they have arrived. */
const reroutingMsMax = 15_000
const reroutingPauseMs = 10
// More than the frame of a record with its longest ExplicitHashKey header takes beyond key and value.
const recordFrameBytes = 128
const readBytesMax = 4 * 1_048_576
/** A whole empty stretch (expired records, control batches) is skipped in one call up to so many reads; the page is then empty and the reader goes on. */
const readsMax = 16

export interface RecordToPut {
  readonly data: Buffer
  /** Undefined only where the stream needs none. */
  readonly partitionKey: string | undefined
  /** The partition key's UTF-8 bytes. */
  readonly key: Buffer | null
  readonly explicitHashKey: string | undefined
  /** What limits count: bytes of data and partition key. */
  readonly size: number
}

/** A record from an entry of PutRecords, or from a PutRecord, which has the same members. */
export function recordToPut(entry: { Data: Buffer; PartitionKey?: string | undefined; ExplicitHashKey?: string | undefined }): RecordToPut {
  const key = entry.PartitionKey === undefined ? null : Buffer.from(entry.PartitionKey)
  return { data: entry.Data, partitionKey: entry.PartitionKey, key, explicitHashKey: entry.ExplicitHashKey, size: entry.Data.length + (key?.length ?? 0) }
}

export interface PutDone {
  readonly shardId: string
  readonly sequenceNumber: string
  /** 'KMS' where the record is stored under its stream's key. */
  readonly encryptionType: 'KMS' | undefined
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

type Answer = PutDone | AwsError

/**
 * Appends the records to one open shard, in order and durably: one batch, or as few as the topic's largest message allows. One answer per record; a batch that is refused
 * fails its own records only. A record that does not fit takes its place in the shard, and so has a sequence number that no other record ever gets and at which an
 * iterator may start, but lies in the dead-letter topic instead: readers step over its place. Where the shard was closed meanwhile, records go to those that took its place,
 * in the same order.
 */
export async function appendToShard(topic: Topic, shard: ShardNode, records: readonly Admitted[], context: Context): Promise<Answer[]> {
  return appendUntil(context.clock.monotonic() + reroutingMsMax, topic, shard, records, context)
}

async function appendUntil(deadlineMs: number, topic: Topic, shard: ShardNode, records: readonly Admitted[], context: Context): Promise<Answer[]> {
  if (!shard.takesRecords) return rerouted(deadlineMs, topic, shard, records, context)
  const parts = splitBySize(records, Number(context.admin.config(topic, 'max.message.bytes')))
  const answers = (await Promise.all(parts.map(part => appendPart(topic, shard, part, context)))).flat()
  const left = answers.flatMap((answer, at) => (answer === closed ? [at] : []))
  if (left.length === 0) return answers as Answer[]
  const again = await rerouted(deadlineMs, topic, shard, left.map(at => records[at]!), context)
  for (const [nth, at] of left.entries()) answers[at] = again[nth]!
  return answers as Answer[]
}

/** Appends to the shards that took the place of one that was closed, as soon as they take records. */
async function rerouted(deadlineMs: number, before: Topic, refusing: ShardNode, records: readonly Admitted[], context: Context): Promise<Answer[]> {
  const { clock } = context
  for (;;) {
    const topic = await findStreamByName(before.name, context)
    if (topic === undefined || topic.id !== before.id) return records.map(() => notFound(texts.streamNotFound(before.name, context)))
    const map = shardMapOf(topic)
    const route = routeOf(topic, context)
    const shards = records.map(({ record }) => route(record) as ShardNode)
    if (!refusing.takesRecords || map.shards[refusing.index]!.seal !== undefined) {
      if (shards.every(shard => shard.takesRecords)) return appendToEach(deadlineMs, topic, shards, records, context)
    }
    if (clock.monotonic() >= deadlineMs) return records.map(() => new AwsError('InternalFailure'))
    await new Promise<void>(resolve => void clock.after(reroutingPauseMs, resolve))
  }
}

async function appendToEach(deadlineMs: number, topic: Topic, shards: readonly ShardNode[], records: readonly Admitted[], context: Context): Promise<Answer[]> {
  const answers: Answer[] = []
  await Promise.all([...new Set(shards)].map(async shard => {
    const places = shards.flatMap((one, at) => (one === shard ? [at] : []))
    const done = await appendUntil(deadlineMs, topic, shard, places.map(at => records[at]!), context)
    for (const [nth, at] of places.entries()) answers[at] = done[nth]!
  }))
  return answers
}

/** In place of an answer: nothing was stored, and another shard takes the record. */
const closed = Symbol('the shard is closed')

async function appendPart(topic: Topic, shard: ShardNode, records: readonly Admitted[], context: Context): Promise<(Answer | typeof closed)[]> {
  const timestampMs = context.clock.now()
  const whole = buildBatch(records.map(({ record }) => draftOf(record)), { timestampMs })
  const batch = await withoutDeadLetters(topic, shard.index, whole, records, context)
  if (batch instanceof Refusal) return records.map(() => toAwsError(batch, context))
  const keyId = keyIdOf(topic)
  const how: AppendOptions = { acks: 'all', timeoutMs: appendTimeoutMs, ...batch !== whole && { gaps: 'offsets' }, ...keyId !== undefined && { keyId } }
  const appended = await context.logs.append({ topic: topic.name, partition: shard.index }, batch, how)
  if (appended instanceof Refusal) return records.map(() => (appended.code === 'sealed-partition' ? closed : toAwsError(appended, context)))
  const arrivalMs = appended.logAppendTimeMs >= 0 ? appended.logAppendTimeMs : timestampMs
  const numberOf = sequenceNumbers(shard)
  const shardId = shardIdOf(shard.index)
  const encryptionType = keyId === undefined ? undefined : 'KMS'
  return records.map((_, at) => ({ shardId, sequenceNumber: numberOf(appended.baseOffset + at, arrivalMs), encryptionType }))
}

/** The batch itself where every record fits; otherwise those that do not are put into the dead-letter topic, and what is left is given. */
async function withoutDeadLetters(topic: Topic, shard: number, batch: Batch, records: readonly Admitted[], { caller, validation }: Context): Promise<Batch | Refusal> {
  const unfit = new Set(records.flatMap(({ fault }, index) => (fault === null ? [] : [index])))
  if (unfit.size === 0) return batch
  const letters = records.flatMap((admitted, index): DeadLetter[] => {
    const { record, fault } = admitted
    return fault === null || lettersPut.has(admitted) ? [] : [{ ...draftOf(record), index, fault, timestampMs: batch.baseTimestampMs }]
  })
  if (letters.length > 0) {
    const put = await validation.putDeadLetters(topic, { topic: topic.name, partition: shard, wayIn: 'kinesis', caller, clientId: null }, letters)
    if (put instanceof Refusal) return put
    for (const { index } of letters) lettersPut.add(records[index]!)
  }
  return thinned(batch, unfit)
}

/** Records that lie in the dead-letter topic already, for when their shard turns out to be closed and their place is sought elsewhere. */
const lettersPut = new WeakSet<Admitted>()

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

/** The records from `offset` on, or from the oldest that is left. */
export async function readPage(topic: Topic, shard: ShardNode, start: PageStart, context: Services): Promise<Page | AwsError> {
  const at = { topic: topic.name, partition: shard.index }
  const ends = await context.logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  const page = new PageBuilder(topic, shard, start, context)
  const bytesMax = Math.min(readBytesMax, start.bytesMax ?? readBytesMax)
  let offset = Math.max(start.offset, ends.logStartOffset)
  for (let reads = 0; reads < readsMax && offset < ends.lastStableOffset && !page.isFull; reads++) {
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

  constructor(topic: Topic, shard: ShardNode, { limit, bytesMax = replyBytesMax }: PageStart, context: Services) {
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
    const behind = isAtTip ? 0 : Math.max(this.#nowMs - (this.#lastMs ?? this.#oldestMs), 1)
    return Number.isFinite(behind) ? behind : 0
  }
}
