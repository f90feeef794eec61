// ListTagsForResource. All tags of a stream, a consumer or a channel, by key.
import { type InputOf, type OutputOf, operation } from '../../wire/operation.ts'
import { resourceDemand } from '../access.ts'
import { resourceArn } from '../arns.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { streamId } from '../streams.ts'
import { findTagged } from '../tagged-resources.ts'
import { listTags, tagList } from '../tags.ts'

export const ListTagsForResource = operation({ name: 'ListTagsForResource', input: { ResourceARN: resourceArn.required, StreamId: streamId }, output: { Tags: tagList } })

export const listTagsForResource = serve(
  ListTagsForResource,
  { action: 'kinesis:ListTagsForResource', access: { kind: 'demands', demand: (input, context) => resourceDemand('describe', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof ListTagsForResource>, context: Context): Promise<OutputOf<typeof ListTagsForResource> | AwsError> {
  const resource = await findTagged(input.ResourceARN, context)
  return resource instanceof AwsError ? resource : { Tags: listTags(resource.tags) }
}
