// RemoveTagsFromStream. Takes tags away by key; keys the stream does not have are ignored.
import { type InputOf, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { changeFacts } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, streamArn, streamId, streamName } from '../streams.ts'
import { removeTags, tagKeys } from '../tags.ts'

export const RemoveTagsFromStream = operation({
  name: 'RemoveTagsFromStream',
  input: { StreamName: streamName, TagKeys: tagKeys.required, StreamARN: streamArn, StreamId: streamId },
  check: oneStream,
})

export const removeTagsFromStream = serve(
  RemoveTagsFromStream,
  { action: 'kinesis:RemoveTagsFromStream', access: { kind: 'needs', operation: 'alter-configs', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof RemoveTagsFromStream>, context: Context): Promise<null | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  return changeFacts(topic, context, ({ tags: present }) => {
    const tags = removeTags(present, input.TagKeys, `stream ${topic.name}`, context)
    return tags instanceof AwsError ? tags : { tags }
  })
}
