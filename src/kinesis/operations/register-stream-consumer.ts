// RegisterStreamConsumer. A name under which shards of the stream are subscribed to. The answer shows it CREATING, as AWS's does; it is ACTIVE `transitionMs` later. Whoever
// may read the stream, and read as the group of that name, may register it; with tags he must be allowed to tag it, too.
import { type InputOf, type OutputOf, operation } from '../../wire/operation.ts'
import { judgeAccess } from '../access.ts'
import { registerConsumer } from '../consumer-changes.ts'
import { consumerAccess, consumerName, consumerShape, describeConsumer } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { findStream, streamArn, streamId } from '../streams.ts'
import { addTags, noTags, tagMap } from '../tags.ts'

export const RegisterStreamConsumer = operation({
  name: 'RegisterStreamConsumer',
  input: { StreamARN: streamArn.required, ConsumerName: consumerName.required, StreamId: streamId, Tags: tagMap },
  output: { Consumer: consumerShape.required },
})

export const registerStreamConsumer = serve(
  RegisterStreamConsumer,
  { action: 'kinesis:RegisterStreamConsumer', access: consumerAccess('read') },
  handle,
)

/** As TagResource asks for it. */
const tagging = consumerAccess('alter-configs')

async function handle(input: InputOf<typeof RegisterStreamConsumer>, context: Context): Promise<OutputOf<typeof RegisterStreamConsumer> | AwsError> {
  const { ConsumerName: name } = input
  const denied = input.Tags === undefined ? null : judgeAccess('kinesis:TagResource', tagging, input, context)
  if (denied !== null) return denied
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  const tags = addTags(noTags, input.Tags, `consumer ${name} of stream ${topic.name}`, context)
  if (tags instanceof AwsError) return tags
  const consumer = await registerConsumer(topic, { name, tags }, context)
  if (consumer instanceof AwsError) return consumer
  return { Consumer: { ...describeConsumer(consumer, topic.name, context), ConsumerStatus: 'CREATING' } }
}
