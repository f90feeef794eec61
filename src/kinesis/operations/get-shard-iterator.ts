// GetShardIterator. Turns one of five ways to name a place into an offset, at once: LATEST is the end of the shard as it is now, not when it is read.
import { type InputOf, type OutputOf, operation, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, notFound, texts, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { shardLeft } from '../shard-history.ts'
import { shardIdOf, shardIndexOf } from '../shard-map.ts'
import { positionType, startOf } from '../starting-positions.ts'
import { dryRun, namedStream, oneStream, rateExceeded, sequenceNumber, shardId, streamArn, streamId, streamName } from '../streams.ts'

export const GetShardIterator = operation({
  name: 'GetShardIterator',
  input: {
    StreamName: streamName,
    ShardId: shardId.required,
    ShardIteratorType: positionType.required,
    StartingSequenceNumber: sequenceNumber,
    Timestamp: timestamp(),
    StreamARN: streamArn,
    StreamId: streamId,
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
  const asked = { type: input.ShardIteratorType, sequenceNumber: input.StartingSequenceNumber, timestampMs: input.Timestamp }
  const offset = await startOf(asked, { topic, shard, operation: 'GetShardIterator' }, context)
  if (offset instanceof AwsError) return offset
  if (input.DryRun === true) return wouldHaveSucceeded()
  if (!context.throughput.shard(topic.id, index).admitIterator()) return rateExceeded(topic, index, context)
  const position = { stream, topicId: topic.id, shardIndex: index, offset }
  return { ShardIterator: context.tokens.issueIterator(position, context.caller.principal, context.clock.now()) }
}
