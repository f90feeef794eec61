// DeleteStream. The topic and its records are gone when the answer is sent. There are no registered consumers yet, so EnforceConsumerDeletion has
// nothing to enforce and both of its values mean the same.
import { Refusal } from '../../ports.ts'
import { type InputOf, flag, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, notFound, texts, toAwsError } from '../errors.ts'
import { findStream, namedStream, oneStream, streamMembers } from '../streams.ts'

export const DeleteStream = operation({
  name: 'DeleteStream',
  input: { ...streamMembers, EnforceConsumerDeletion: flag() },
  check: oneStream,
})

export const deleteStream = serve(DeleteStream, { action: 'kinesis:DeleteStream', access: { kind: 'needs', operation: 'delete', stream: namedStream } }, handle)

async function handle(input: InputOf<typeof DeleteStream>, context: Context): Promise<null | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  const deleted = await context.admin.deleteTopic(topic.name)
  if (!(deleted instanceof Refusal)) return null
  return deleted.code === 'unknown-topic' ? notFound(texts.streamNotFound(topic.name, context)) : toAwsError(deleted)
}
