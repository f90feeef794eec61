// SubscribeToShard. Five minutes of a shard's records for a registered consumer, pushed as they come. The answer is an event stream; what goes wrong before it begins is an
// error like any other's, what goes wrong later the stream's last message.
import { type InputOf, type OutputOf, flag, operation, structure, timestamp } from '../../wire/operation.ts'
import { judgeAccess } from '../access.ts'
import { consumerArn } from '../arns.ts'
import { type Consumer, consumerAccess, consumerOf, consumerStatus, findConsumer, secondOf } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, notFound, texts, wouldHaveSucceeded } from '../errors.ts'
import { shardEvents } from '../fan-out/events.ts'
import { isServed, streamStatus } from '../lifecycle.ts'
import { shardLeft } from '../shard-history.ts'
import { shardIdOf, shardIndexOf } from '../shard-map.ts'
import { positionType, startOf } from '../starting-positions.ts'
import { sequenceNumber, shardId, streamId } from '../streams.ts'

const action = 'kinesis:SubscribeToShard'

export const SubscribeToShard = operation({
  name: 'SubscribeToShard',
  input: {
    ConsumerARN: consumerArn.required,
    StreamId: streamId,
    ShardId: shardId.required,
    StartingPosition: structure({ Type: positionType.required, SequenceNumber: sequenceNumber, Timestamp: timestamp() }).required,
    DryRun: flag(),
  },
  output: { EventStream: shardEvents.required },
})

type Input = InputOf<typeof SubscribeToShard>

const access = consumerAccess('read')

export const subscribeToShard = serve(SubscribeToShard, { action, access, throttled }, handle)

async function handle(input: Input, context: Context): Promise<OutputOf<typeof SubscribeToShard> | AwsError> {
  const found = await findConsumer(input, context)
  if (found instanceof AwsError) return found
  const { topic, consumer } = found
  const missing = notFound(texts.shardNotFound(input.ShardId, topic.name, context))
  const index = shardIndexOf(input.ShardId)
  const shard = index === undefined || !isServed(streamStatus(topic, context)) ? undefined : await shardLeft(topic, index, context)
  if (shard === undefined) return index === undefined ? missing : notFound(texts.shardNotFound(shardIdOf(index), topic.name, context))
  const { Type: type, SequenceNumber, Timestamp: timestampMs } = input.StartingPosition
  const offset = await startOf({ type, sequenceNumber: SequenceNumber, timestampMs }, { topic, shard, operation: 'SubscribeToShard' }, context)
  if (offset instanceof AwsError) return offset
  const judge = (): null | AwsError => (
    context.credentialsFault() ?? judgeAccess(action, access, input, context) ?? judgeConsumer(consumer, { arn: input.ConsumerARN, stream: topic.name }, context))
  const refused = judge()
  if (refused !== null) {
    context.metrics.subscribed(topic.name, consumer.name, 'failed')
    return refused
  }
  const place = { stream: topic.name, topicId: topic.id, shardIndex: shard.index, consumer: consumer.name, createdAtMs: consumer.createdAtMs }
  if (input.DryRun === true) return context.fanOut.judge(place) ?? wouldHaveSucceeded()
  const subscription = context.fanOut.subscribe(place, { offset, codec: context.codec, judge })
  return subscription instanceof AwsError ? subscription : { EventStream: subscription }
}

async function throttled(input: Input, context: Context): Promise<void> {
  const found = await findConsumer(input, context)
  if (!(found instanceof AwsError)) context.metrics.subscribed(found.topic.name, found.consumer.name, 'rate exceeded')
}

/** Null while the consumer is there, and ACTIVE. */
function judgeConsumer({ topicId, name, createdAtMs }: Consumer, { arn, stream }: { arn: string; stream: string }, context: Context): null | AwsError {
  const present = consumerOf(topicId, name, context)
  if (present === undefined || present.createdAtMs !== createdAtMs) return notFound(texts.consumerNotFound(arn, context))
  if (consumerStatus(present, context) === 'ACTIVE') return null
  return new AwsError('ResourceInUseException', texts.consumerNotActive({ consumer: name, second: secondOf(present), stream }, context))
}
