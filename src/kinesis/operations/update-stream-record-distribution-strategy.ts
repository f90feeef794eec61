// UpdateStreamRecordDistributionStrategy. Whether records go where their keys say or evenly to all shards, from the next put on. For on-demand streams: a provisioned one
// has USER_PARTITION_KEY, and may only be told so.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, texts } from '../errors.ts'
import { activeStream } from '../lifecycle.ts'
import { changeFacts } from '../stream-facts.ts'
import { namedStream, recordDistributionStrategy, streamArn, streamId } from '../streams.ts'

export const UpdateStreamRecordDistributionStrategy = operation({
  name: 'UpdateStreamRecordDistributionStrategy',
  input: { StreamARN: streamArn.required, StreamId: streamId, RecordDistributionStrategy: recordDistributionStrategy.required },
})

export const updateStreamRecordDistributionStrategy = serve(
  UpdateStreamRecordDistributionStrategy,
  { action: 'kinesis:UpdateStreamRecordDistributionStrategy', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof UpdateStreamRecordDistributionStrategy>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const distribution = input.RecordDistributionStrategy
  return changeFacts(topic, context, facts => {
    if (distribution === 'AUTO' && facts.mode === 'PROVISIONED') return invalidArgument(texts.autoNeedsOnDemand)
    return facts.distribution === distribution ? undefined : { distribution }
  })
}
