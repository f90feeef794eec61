// GetShardIterator. Turns one of five ways to name a place into an offset, at once: LATEST is the end of the shard as it is now, not when it is read.
import { Refusal, type Topic } from '../../ports.ts'
import { type InputOf, type OutputOf, oneOf, operation, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, notFound, texts, toAwsError, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { canonicalSequenceNumber, isOfShard, parseSequenceNumber, shardIdOf, shardIndexOf } from '../shard-map.ts'
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
  if (topic instanceof AwsError || index >= topic.partitions.length) return notFound(texts.shardNotFound(shardIdOf(index), stream, context))
  const offset = await startOf(input, topic, index, context)
  if (offset instanceof AwsError) return offset
  if (input.DryRun === true) return wouldHaveSucceeded()
  if (!context.throughput.shard(topic.id, index).admitIterator()) return rateExceeded(topic, index, context)
  const position = { stream, topicId: topic.id, shardIndex: index, offset }
  return { ShardIterator: context.tokens.issueIterator(position, context.caller.principal, context.clock.now()) }
}

/** The offset at which reading starts. */
async function startOf(input: Input, topic: Topic, index: number, context: Context): Promise<number | AwsError> {
  const type = input.ShardIteratorType
  const needsNumber = type === 'AT_SEQUENCE_NUMBER' || type === 'AFTER_SEQUENCE_NUMBER'
  if (needsNumber !== (input.StartingSequenceNumber !== undefined)) {
    return invalidArgument('Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or ' +
      '(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. ' +
      `Request specified ${type} and ${needsNumber ? 'no' : 'also a'} StartingSequenceNumber.`)
  }
  if (type === 'AT_TIMESTAMP') return atTimestamp(input.Timestamp, topic, index, context)
  if (input.StartingSequenceNumber !== undefined) {
    const offset = offsetIn(input.StartingSequenceNumber, topic, index, context)
    if (offset instanceof AwsError) return offset
    return type === 'AFTER_SEQUENCE_NUMBER' ? offset + 1 : Math.max(offset, 0)
  }
  const ends = await context.logs.ends({ topic: topic.name, partition: index })
  if (ends instanceof Refusal) return toAwsError(ends)
  return type === 'LATEST' ? ends.lastStableOffset : ends.logStartOffset
}

function offsetIn(number: string, topic: Topic, index: number, { account }: Context): number | AwsError {
  const position = parseSequenceNumber(number)
  const used = `StartingSequenceNumber ${position?.version === 0 ? canonicalSequenceNumber(number) : number} ` +
    `used in GetShardIterator on shard ${shardIdOf(index)} in stream ${topic.name} under account ${account} is invalid`
  if (position === undefined) return invalidArgument(`${used}.`)
  if (position.shardIndex !== index) {
    const encoded = shardIdOf(position.shardIndex)
    return invalidArgument(`Invalid StartingSequenceNumber. It encodes ${encoded}, while it was used in a call to a shard with ${shardIdOf(index)}`)
  }
  return isOfShard(position, topic.partitions[index]!) ? position.offset : invalidArgument(`${used} because it did not come from this stream.`)
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
