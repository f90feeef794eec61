// ListTagsForStream. The stream's tags by key, a page of at most fifty from a key on.
import { type InputOf, type OutputOf, flag, integer, operation } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { factsOf } from '../stream-facts.ts'
import { findStream, namedStream, oneStream, streamArn, streamId, streamName } from '../streams.ts'
import { tagKey, tagList, tagPage } from '../tags.ts'

export const ListTagsForStream = operation({
  name: 'ListTagsForStream',
  input: { StreamName: streamName, ExclusiveStartTagKey: tagKey, Limit: integer().min(1).max(50), StreamARN: streamArn, StreamId: streamId },
  output: { Tags: tagList.required, HasMoreTags: flag().required },
  check: oneStream,
})

export const listTagsForStream = serve(
  ListTagsForStream,
  { action: 'kinesis:ListTagsForStream', access: { kind: 'needs', operation: 'describe', stream: namedStream } },
  handle,
)

async function handle(input: InputOf<typeof ListTagsForStream>, context: Context): Promise<OutputOf<typeof ListTagsForStream> | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  return tagPage(factsOf(topic, context).tags, { after: input.ExclusiveStartTagKey, limit: input.Limit })
}
