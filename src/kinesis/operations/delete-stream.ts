// DeleteStream. The stream shows DELETING for as long as states show, and gives and takes nothing meanwhile; then the topic goes with its records, consumers and tags.
// Where states do not show, all of it is gone when the answer is sent.
import { Refusal, type Topic } from '../../ports.ts'
import { type InputOf, flag, operation } from '../../wire/operation.ts'
import { channelsOf } from '../channels.ts'
import { consumersOf } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, notFound, texts, toAwsError } from '../errors.ts'
import { activeStream, changeActive, transition } from '../lifecycle.ts'
import { namedStream, oneStream, streamArn, streamArnOf, streamId, streamName } from '../streams.ts'

export const DeleteStream = operation({
  name: 'DeleteStream',
  input: { StreamName: streamName, EnforceConsumerDeletion: flag(), StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const deleteStream = serve(DeleteStream, { action: 'kinesis:DeleteStream', access: { kind: 'needs', operation: 'delete', stream: namedStream } }, handle)

async function handle(input: InputOf<typeof DeleteStream>, context: Context): Promise<null | AwsError> {
  const topic = await activeStream(input, context)
  if (topic instanceof AwsError) return topic
  const judge = (): null | AwsError => judgeUse(topic, input.EnforceConsumerDeletion === true, context)
  const deleting = transition('DELETING', context)
  if (deleting.transition === undefined) return judge() ?? deleteNow(topic, context)
  const refused = await changeActive(topic, context, () => judge() ?? deleting)
  if (refused !== null) return refused
  context.deletions.watch(topic.id)
  context.fanOut.look(topic.id)
  return null
}

async function deleteNow(topic: Topic, context: Context): Promise<null | AwsError> {
  const deleted = await context.admin.deleteTopic(topic.name)
  if (!(deleted instanceof Refusal)) return null
  return deleted.code === 'unknown-topic' ? notFound(texts.streamNotFound(topic.name, context)) : toAwsError(deleted)
}

/** Whoever has registered consumers or channels is to say that they may go. */
function judgeUse(topic: Topic, mayDeleteConsumers: boolean, context: Context): null | AwsError {
  if (channelsOf(topic, context).length > 0) {
    return new AwsError('ResourceInUseException', `Stream ${topic.name} under account ${context.account} has channels. Delete them before the stream.`)
  }
  if (mayDeleteConsumers || consumersOf(topic, context).length === 0) return null
  return new AwsError('ResourceInUseException', texts.hasConsumers(topic.name, streamArnOf(topic.name, context)))
}
