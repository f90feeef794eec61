// UpdateMaxRecordSize. The largest record (data and partition key) that a stream takes, which is its topic's max.message.bytes. What is in it already stays.
import { Refusal } from '../../ports.ts'
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, toAwsError } from '../errors.ts'
import { activeStream, changeActive } from '../lifecycle.ts'
import { maxRecordSize, messageBytesFor, namedStream, oneArn, streamArn, streamId } from '../streams.ts'

export const UpdateMaxRecordSize = operation({
  name: 'UpdateMaxRecordSize',
  input: { StreamARN: streamArn, StreamId: streamId, MaxRecordSizeInKiB: maxRecordSize.required },
  check: oneArn,
})

export const updateMaxRecordSize = serve(
  UpdateMaxRecordSize,
  { action: 'kinesis:UpdateMaxRecordSize', access: { kind: 'needs', operation: 'alter', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof UpdateMaxRecordSize>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const refused = await changeActive(topic, context, () => ({}))
  if (refused !== null) return refused
  const changes = [{ name: 'max.message.bytes', operation: 'set', value: String(messageBytesFor(input.MaxRecordSizeInKiB)) }] as const
  const altered = await context.admin.alterConfigs({ type: 'topic', name: topic.name }, changes, { validateOnly: false })
  return altered instanceof Refusal ? toAwsError(altered) : null
}
