// UpdateStreamWarmThroughput. Makes an on-demand stream ready to take so much, by as many shards; asked for less (or as much again), it gives back what it does not need.
import { type InputOf, type OutputOf, operation, text } from '../../wire/operation.ts'
import { judgeWarmThroughput, warming, warmThroughput, warmThroughputOf, warmThroughputShape } from '../capacity.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, texts, validation } from '../errors.ts'
import { activeStream } from '../lifecycle.ts'
import { changeShards } from '../resharding.ts'
import { shardMapOf } from '../shard-map.ts'
import { factsOf } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, streamArn, streamArnOf, streamId, streamName } from '../streams.ts'

export const UpdateStreamWarmThroughput = operation({
  name: 'UpdateStreamWarmThroughput',
  input: { StreamARN: streamArn, StreamName: streamName, StreamId: streamId, WarmThroughputMiBps: warmThroughput.required },
  output: { StreamARN: text(), StreamName: text(), WarmThroughput: warmThroughputShape },
  check: oneStream,
})

export const updateStreamWarmThroughput = serve(
  UpdateStreamWarmThroughput,
  { action: 'kinesis:UpdateStreamWarmThroughput', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof UpdateStreamWarmThroughput>, context: Context): Promise<OutputOf<typeof UpdateStreamWarmThroughput> | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const { mode, warmMiBps: before } = factsOf(topic, context)
  if (mode === 'PROVISIONED') return validation(texts.warmNeedsOnDemand)
  const warmMiBps = input.WarmThroughputMiBps
  const refused = judgeWarmThroughput(warmMiBps, context)
  if (refused !== null) return refused
  const resharding = warming(warmMiBps, { mayShrink: true }, context)
  const plan = await resharding.plan(topic, shardMapOf(topic))
  if (plan instanceof AwsError) return plan
  const failed = await changeShards(topic, plan, resharding, { make: () => ({ warmMiBps }), takeBack: () => ({ warmMiBps: before }) }, context)
  if (failed !== null) return failed
  const after = await findStream({ StreamName: topic.name }, context)
  if (after instanceof AwsError) return after
  return { StreamARN: streamArnOf(topic.name, context), StreamName: topic.name, WarmThroughput: warmThroughputOf(after, context) }
}
