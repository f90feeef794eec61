// UntagResource. Takes tags of a stream, a consumer or a channel away by key; keys that it does not have are ignored.
import { type InputOf, operation } from '../../wire/operation.ts'
import { resourceDemand } from '../access.ts'
import { resourceArn } from '../arns.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { streamId } from '../streams.ts'
import { findTagged } from '../tagged-resources.ts'
import { removeTags, tagKeys } from '../tags.ts'

export const UntagResource = operation({ name: 'UntagResource', input: { TagKeys: tagKeys.required, ResourceARN: resourceArn.required, StreamId: streamId } })

export const untagResource = serve(
  UntagResource,
  { action: 'kinesis:UntagResource', access: { kind: 'demands', demand: (input, context) => resourceDemand('alter-configs', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof UntagResource>, context: Context): Promise<null | AwsError> {
  const resource = await findTagged(input.ResourceARN, context)
  if (resource instanceof AwsError) return resource
  return resource.change(present => removeTags(present, input.TagKeys, resource.owner, context))
}
