// GetShardIterator. Turns one of five ways to name a place into an offset, at once: LATEST is the end of the shard as it is now, not when it is read.
import { Refusal, type Topic } from '../../ports.ts'
import { type InputOf, type OutputOf, oneOf, operation, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, notFound, texts, toAwsError, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { canonicalSequenceNumber, isOfShard, parseSequenceNumber } from '../sequence-numbers.ts'
import { shardLeft } from '../shard-history.ts'
import { type ShardNode, shardIdOf, shardIndexOf } from '../shard-map.ts'
import { dryRun, namedStream, oneStream, rateExceeded, sequenceNumber, shardId, streamMembers } from '../streams.ts'

export const GetShardIterator = operation({
  name: 'GetShardIterator',
  input: {
    ShardId: shardId.required,
    ShardIteratorType: oneOf('AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP').required,
    StartingSequenceNumber: sequenceNumber,
    Timestamp: timestamp(),
    ...streamMembers,
    DryRun: dryRun,
  },
  output: { ShardIterator: text() },
  check: oneStream,
})

type Input = InputOf<typeof GetShardIterator>

export const getShardIterator = serve(
  GetShardIterator,
  { action: 'kinesis:GetShardIterator', access: { kind: 'needs', operation: 'read', stream: namedStream } },
  handle,
)

async function handle(input: Input, context: Context): Promise<OutputOf<typeof GetShardIterator> | AwsError> {
  const stream = namedStream(input, context)
  if (stream instanceof AwsError) return stream
  const index = shardIndexOf(input.ShardId)
  if (index === undefined) return notFound(texts.badShardId(input.ShardId, stream, context))
  const topic = await servedStream({ StreamName: stream }, context)
  const shard = topic instanceof AwsError ? undefined : await shardLeft(topic, index, context)
  if (topic instanceof AwsError || shard === undefined) return notFound(texts.shardNotFound(shardIdOf(index), stream, context))
  const offset = await startOf(input, topic, shard, context)
  if (offset instanceof AwsError) return offset
  if (input.DryRun === true) return wouldHaveSucceeded()
  if (!context.throughput.shard(topic.id, index).admitIterator()) return rateExceeded(topic, index, context)
  const position = { stream, topicId: topic.id, shardIndex: index, offset }
  return { ShardIterator: context.tokens.issueIterator(position, context.caller.principal, context.clock.now()) }
}

/** The offset at which reading starts. */
async function startOf(input: Input, topic: Topic, shard: ShardNode, context: Context): Promise<number | AwsError> {
  const type = input.ShardIteratorType
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (needsNumber !== (input.StartingSequenceNumber !== undefined)) {
    return invalidArgument('Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
      `Request specified ${type} and ${needsNumber ? 'no' : 'also a'} StartingSequenceNumber.`)
  }
  if (type === 'AT_TIMESTAMP') return atTimestamp(input.Timestamp, topic, shard.index, context)
  const number = input.StartingSequenceNumber
  const asked = number === undefined ? undefined : offsetIn(number, topic, shard, context)
  if (asked instanceof AwsError) return asked
  const ends = await context.logs.ends({ topic: topic.name, partition: shard.index })
  if (ends instanceof Refusal) return toAwsError(ends)
  // A number from behind the last record (that a closed shard ends with, or of a record that was lost) is where the next one comes.
  if (asked !== undefined) return Math.min(type === 'AFTER_SEQUENCE_NUMBER' ? asked + 1 : Math.max(asked, 0), ends.logEndOffset)
  return type === 'LATEST' ? ends.lastStableOffset : ends.logStartOffset
}

/** The offset that the number encodes: -1 before the first record, Infinity behind the last of a closed shard. */
function offsetIn(number: string, topic: Topic, shard: ShardNode, { account }: Context): number | AwsError {
  const { index } = shard
  const position = parseSequenceNumber(number)
  const used = `StartingSequenceNumber ${position?.version === 0 ? canonicalSequenceNumber(number) : number} ` +
    `used in GetShardIterator on shard ${shardIdOf(index)} in stream ${topic.name} under account ${account} is invalid`
  if (position === undefined) return invalidArgument(`${used}.`)
  if (position.shardIndex !== index) {
    const encoded = shardIdOf(position.shardIndex)
    return invalidArgument(`Invalid StartingSequenceNumber. It encodes ${encoded}, while it was used in a call to a shard with ${shardIdOf(index)}`)
  }
  if (!isOfShard(position, shard)) return invalidArgument(`${used} because it did not come from this stream.`)
  return position.offset === Infinity && shard.seal === undefined ? invalidArgument(`${used}.`) : position.offset
}

/** The first record that arrived at that time or later; older than all there is means the oldest, later than all the end. */
async function atTimestamp(askedMs: number | undefined, topic: Topic, index: number, context: Context): Promise<number | AwsError> {
  if (askedMs === undefined) {
    return invalidArgument('Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp parameter.')
  }
  const nowMs = context.clock.now()
  if (askedMs > nowMs) return invalidArgument(texts.futureTimestamp(askedMs, nowMs))
  const at = { topic: topic.name, partition: index }
  // The end is asked first: a record that arrives in between is then read, not skipped.
  const ends = await context.logs.ends(at)
  if (ends instanceof Refusal) return toAwsError(ends)
  const found = await context.logs.offsetForTime(at, askedMs)
  if (found instanceof Refusal) return toAwsError(found)
  return found?.offset ?? ends.lastStableOffset
}
