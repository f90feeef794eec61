// AddTagsToStream. Puts tags over those the stream has: all of them, or none where one breaks a rule.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { changeFacts } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, streamArn, streamId, streamName } from '../streams.ts'
import { addTags, tagMap } from '../tags.ts'

export const AddTagsToStream = operation({
  name: 'AddTagsToStream',
  input: { StreamName: streamName, Tags: tagMap.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const addTagsToStream = serve(
  AddTagsToStream,
  { action: 'kinesis:AddTagsToStream', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof AddTagsToStream>, context: Context): Promise<null | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  return changeFacts(topic, context, ({ tags: present }) => {
    const tags = addTags(present, input.Tags, `stream ${topic.name}`, context)
    return tags instanceof AwsError ? tags : { tags }
  })
}
