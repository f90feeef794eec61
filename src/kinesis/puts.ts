// Records that are put: drafts become batches of a shard's partition, or of those of the shards that took its place meanwhile. The partition key is the record's key, an
// ExplicitHashKey travels as a header.
import { type AppendOptions, type DeadLetter, type RecordFault, Refusal, type Topic } from '../ports.ts'
import { type Batch, type RecordDraft, batchHeaderBytes, buildBatch } from '../wire/batch.ts'
import { thinned } from '../wire/thinning.ts'
import { keyIdOf } from './encryption.ts'
import { AwsError, invalidArgument, notFound, texts, toAwsError } from './errors.ts'
import type { Context } from './context.ts'
import { routeOf } from './routing.ts'
import { sequenceNumbers } from './sequence-numbers.ts'
import { type ShardNode, shardIdOf, shardMapOf } from './shard-map.ts'
import { findStreamByName } from './streams.ts'

/** The header that keeps a record's ExplicitHashKey. */
export const explicitHashKeyHeader = 'aws.kinesis.ExplicitHashKey'

const appendTimeoutMs = 30_000
/** How long a put follows its shard's hash keys to where they went, and how often it looks whether they have arrived. */
const reroutingMsMax = 15_000
const reroutingPauseMs = 10
// More than the frame of a record with its longest ExplicitHashKey header takes beyond key and value.
const recordFrameBytes = 128

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
  for (let seen: Topic | undefined; ;) {
    const topic = await findStreamByName(before.name, context)
    if (topic === undefined || topic.id !== before.id) return records.map(() => notFound(texts.streamNotFound(before.name, context)))
    // Shards change only with the topic object: many puts may wait here, and finding their shards anew each time would keep those from closing that they wait for.
    if (topic !== seen && (!refusing.takesRecords || shardMapOf(topic).shards[refusing.index]!.seal !== undefined)) {
      const route = routeOf(topic, context)
      const shards = records.map(({ record }) => route(record) as ShardNode)
      if (shards.every(shard => shard.takesRecords)) return appendToEach(deadlineMs, topic, shards, records, context)
    }
    seen = topic
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
