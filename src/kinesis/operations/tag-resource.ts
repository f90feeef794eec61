// TagResource. Puts tags over those that a stream, a consumer or a channel has: all of them, or none where one breaks a rule.
import { type InputOf, operation } from '../../wire/operation.ts'
import { resourceDemand } from '../access.ts'
import { resourceArn } from '../arns.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { streamId } from '../streams.ts'
import { findTagged } from '../tagged-resources.ts'
import { addTags, tagMap } from '../tags.ts'

export const TagResource = operation({ name: 'TagResource', input: { Tags: tagMap.required, ResourceARN: resourceArn.required, StreamId: streamId } })

export const tagResource = serve(
  TagResource,
  { action: 'kinesis:TagResource', access: { kind: 'demands', demand: (input, context) => resourceDemand('alter-configs', input.ResourceARN, context) } },
  handle,
)

async function handle(input: InputOf<typeof TagResource>, context: Context): Promise<null | AwsError> {
  const resource = await findTagged(input.ResourceARN, context)
  if (resource instanceof AwsError) return resource
  return resource.change(present => addTags(present, input.Tags, resource.owner, context))
}
