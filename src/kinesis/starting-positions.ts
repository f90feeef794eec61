// The five ways to say where in a shard reading starts, each turned into an offset at once: LATEST is the end of the shard as it is now, not when it is read.
import { Refusal, type Topic } from '../ports.ts'
import { type ValueOf, oneOf } from '../wire/operation.ts'
import type { Services } from './context.ts'
import { AwsError, invalidArgument, texts, toAwsError } from './errors.ts'
import { canonicalSequenceNumber, isOfShard, parseSequenceNumber, sequenceNumberOf } from './sequence-numbers.ts'
import { type ShardNode, shardIdOf } from './shard-map.ts'

export const positionType = oneOf('AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP')

export interface StartingPosition {
  readonly type: ValueOf<typeof positionType>
  readonly sequenceNumber: string | undefined
  readonly timestampMs: number | undefined
}

/** Where it is, and who asks, for the texts. */
export interface Start {
  readonly topic: Topic
  readonly shard: ShardNode
  readonly operation: 'GetShardIterator' | 'SubscribeToShard'
}

/** The offset at which reading starts. */
export async function startOf(asked: StartingPosition, start: Start, services: Services): Promise<number | AwsError> {
  const { type, sequenceNumber } = asked
  const member = start.operation === 'GetShardIterator' ? 'StartingSequenceNumber' : 'SequenceNumber'
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (needsNumber !== (sequenceNumber !== undefined)) {
    return invalidArgument(`Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and ${member} or ` +
      `(2) TRIM_HORIZON or LATEST and no ${member}. ` +
      `Request specified ${type} and ${needsNumber ? 'no' : 'also a'} ${member}.`)
  }
  if (type === 'AT_TIMESTAMP') return atTimestamp(asked.timestampMs, start, services)
  const { topic, shard } = start
  const offset = sequenceNumber === undefined ? undefined : offsetIn(sequenceNumber, member, start, services)
  if (offset instanceof AwsError) return offset
  const at = { topic: topic.name, partition: shard.index }
  const ends = await services.logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  if (offset === undefined) return type === 'LATEST' ? ends.lastStableOffset : ends.logStartOffset
  // A number from behind the last record (that a closed shard ends with, or of a record that was lost) is where the next one comes.
  if (type === 'AFTER_SEQUENCE_NUMBER' || offset < 0) return Math.min(offset + 1, ends.logEndOffset)
  if (offset >= ends.lastStableOffset || offset < ends.logStartOffset) return Math.min(offset, ends.logEndOffset)
  return atNumber(sequenceNumber!, offset, start, services)
}

/** The offset that the number encodes: -1 before the first record, Infinity behind the last of a closed shard. */
function offsetIn(number: string, member: string, { topic, shard, operation }: Start, { account }: Services): number | AwsError {
  const { index } = shard
  const position = parseSequenceNumber(number)
  const used = `${member} ${position?.version === 0 ? canonicalSequenceNumber(number) : number} ` +
    `used in ${operation} on shard ${shardIdOf(index)} in stream ${topic.name} under account ${account} is invalid`
  if (position === undefined) return invalidArgument(`${used}.`)
  if (position.shardIndex !== index) {
    const encoded = shardIdOf(position.shardIndex)
    return invalidArgument(`Invalid ${member}. It encodes ${encoded}, while it was used in a call to a shard with ${shardIdOf(index)}`)
  }
  if (!isOfShard(position, shard)) return invalidArgument(`${used} because it did not come from this stream.`)
  return position.offset === Infinity && shard.seal === undefined ? invalidArgument(`${used}.`) : position.offset
}

/**
 * AT a number is at the first record that has it or a larger one. The one that a consumer is told to continue with (ContinuationSequenceNumber) is the last record's, but with a
 * later second of arrival, and so lies behind that record.
 */
async function atNumber(number: string, offset: number, { topic, shard }: Start, { logs }: Services): Promise<number> {
  const slice = await logs.read({ topic: topic.name, partition: shard.index }, offset, { bytesMax: 1, atLeastOne: true, committedOnly: true })
  if (slice instanceof Refusal) return offset
  const record = slice.batches[0]?.recordsOrNone().find(one => one.offset === offset)
  return record !== undefined && BigInt(sequenceNumberOf(shard, offset, record.timestampMs)) < BigInt(number) ? offset + 1 : offset
}

/** The first record that arrived at that time or later; older than all there is means the oldest, later than all the end. */
async function atTimestamp(askedMs: number | undefined, { topic, shard }: Start, services: Services): Promise<number | AwsError> {
  const { clock, logs } = services
  if (askedMs === undefined) {
    return invalidArgument('Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.')
  }
  const nowMs = clock.now()
  if (askedMs > nowMs) return invalidArgument(texts.futureTimestamp(askedMs, nowMs))
  const at = { topic: topic.name, partition: shard.index }
  // The end is asked first: a record that arrives in between is then read, not skipped.
  const ends = await logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  const found = await logs.offsetForTime(at, askedMs)
  if (found instanceof Refusal) return toAwsError(found, services)
  return found?.offset ?? ends.lastStableOffset
}
