// Topics seen as streams: names and ARNs, which topics show, and the parts that several answers share.
import { registryTopics, type Topic } from '../ports.ts'
import { type Violation, flag, integer, oneOf, structure, text } from '../wire/operation.ts'
import { AwsError, invalidArgument, notFound, texts, type Place } from './errors.ts'
import { namePattern, parseArn, streamArn } from './arns.ts'
import type { Services } from './context.ts'
import { shardIdOf } from './shard-map.ts'

export { streamArn, streamArnOf } from './arns.ts'

// ------------------------------------------------------------------------------------------------------- members

export const streamName = text().pattern(namePattern).minLength(1).maxLength(128)
export const streamId = text().pattern('[a-z0-9]{20}-[a-z0-9]{3}').minLength(1).maxLength(24).unsupported('it is reserved for future use')
export const shardId = text().pattern(namePattern).minLength(1).maxLength(128)
export const hashKey = text().pattern('^(0|([1-9]\\d{0,38}))$')
export const sequenceNumber = text().pattern('^(0|([1-9]\\d{0,128}))$')
export const dryRun = flag()

/** The three ways a request may name its stream. */
export const streamMembers = { StreamName: streamName, StreamARN: streamArn, StreamId: streamId } as const

export const streamModeDetails = structure({ StreamMode: oneOf('PROVISIONED', 'ON_DEMAND').required })
export const recordDistributionStrategy = oneOf('AUTO', 'USER_PARTITION_KEY')

export interface StreamSelector {
  readonly StreamName?: string | undefined
  readonly StreamARN?: string | undefined
}

/** A stream must be named, by its name or its ARN. */
export function oneStream(input: StreamSelector): Violation | undefined {
  if (input.StreamName !== undefined || input.StreamARN !== undefined) return undefined
  return { type: 'InvalidArgumentException', message: 'Either StreamName or StreamARN must be provided.' }
}

/** For operations that know streams by their ARN alone. */
export function oneArn(input: StreamSelector): Violation | undefined {
  return input.StreamARN === undefined ? { type: 'InvalidArgumentException', message: 'StreamARN must be provided.' } : undefined
}

// --------------------------------------------------------------------------------------------------- name and ARN

/** The name a request means. An ARN of another account or region, or one that contradicts the name, is refused. */
export function namedStream(input: StreamSelector, place: Place): string | AwsError {
  if (input.StreamARN === undefined) return input.StreamName ?? invalidArgument('Either StreamName or StreamARN must be provided.')
  const parts = parseArn(input.StreamARN, 'StreamARN', place)
  if (parts instanceof AwsError) return parts
  if (parts.kind !== 'stream') return invalidArgument(`StreamARN ${input.StreamARN} is not the ARN of a stream.`)
  const name = parts.stream
  if (input.StreamName !== undefined && input.StreamName !== name) {
    return invalidArgument(`StreamARN ${input.StreamARN} and StreamName ${input.StreamName} name different streams.`)
  }
  return name
}

// ------------------------------------------------------------------------------------------------------ what shows

const wholeName = new RegExp(`^${namePattern}$`)

/** The registry's own topics are to Kafka's tools like any other, but no streams that anybody made. Internal topics and names that no stream can have stay hidden. */
export function showsAsStream(topic: Topic): boolean {
  return !topic.internal && !registryTopics.has(topic.name) && topic.name.length <= 128 && wholeName.test(topic.name)
}

/** The topic behind the stream that a request names. */
export async function findStream(input: StreamSelector, context: Pick<Services, 'account' | 'admin' | 'region'>): Promise<Topic | AwsError> {
  const name = namedStream(input, context)
  if (name instanceof AwsError) return name
  return await findStreamByName(name, context) ?? notFound(texts.streamNotFound(name, context))
}

export async function findStreamByName(name: string, context: Pick<Services, 'admin'>): Promise<Topic | undefined> {
  const [topic] = await context.admin.topics([name])
  return topic !== undefined && showsAsStream(topic) ? topic : undefined
}

/** Refuses a StreamCreationTimestamp that is of an earlier stream of this name. Clients echo the time as they got it, in seconds with or without a fraction. */
export function judgeCreation(topic: Topic, askedMs: number | undefined, place: Place): null | AwsError {
  if (askedMs === undefined || Math.floor(askedMs / 1_000) === Math.floor(topic.createdAtMs / 1_000)) return null
  return notFound(`${texts.streamNotFound(topic.name, place).slice(0, -1)} with creation timestamp ${Math.floor(askedMs / 1_000)}.`)
}

/** What a request gets that a shard has no room for. */
export function rateExceeded(topic: Topic, shard: number, place: Place): AwsError {
  return new AwsError('ProvisionedThroughputExceededException', texts.rateExceeded(shardIdOf(shard), topic.name, place))
}

// A record's frame within a batch and the batch's own header: what max.message.bytes must allow beyond data and partition key.
const recordOverheadKiB = 1
/** Also what a stream has unless it is told otherwise. */
export const recordKiBMin = 1_024
const recordKiBMax = 10_240
export const maxRecordSize = integer().min(recordKiBMin).max(recordKiBMax)

/** The max.message.bytes of a stream whose largest record (data and partition key) has so many KiB. */
export function messageBytesFor(recordKiB: number): number {
  return (recordKiB + recordOverheadKiB) * 1_024
}

/** The largest record of a stream, in KiB: what its max.message.bytes leaves, within what Kinesis knows. */
export function recordKiBOf(topic: Topic, { admin }: Pick<Services, 'admin'>): number {
  const kiB = Math.floor(Number(admin.config(topic, 'max.message.bytes')) / 1_024) - recordOverheadKiB
  return Math.min(Math.max(kiB, recordKiBMin), recordKiBMax)
}

/** The same in bytes. */
export function recordBytesMaxOf(topic: Topic, context: Pick<Services, 'admin'>): number {
  return recordKiBOf(topic, context) * 1_024
}
