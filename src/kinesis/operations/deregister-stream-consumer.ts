// DeregisterStreamConsumer. The consumer is DELETING for `transitionMs` and then gone; what it has subscribed to ends.
import { type InputOf, operation } from '../../wire/operation.ts'
import { deregisterConsumer } from '../consumer-changes.ts'
import { consumerAccess, consumerMembers, findConsumer, oneConsumer } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'

export const DeregisterStreamConsumer = operation({
  name: 'DeregisterStreamConsumer',
  input: consumerMembers,
  check: oneConsumer,
})

export const deregisterStreamConsumer = serve(
  DeregisterStreamConsumer,
  { action: 'kinesis:DeregisterStreamConsumer', access: consumerAccess('read') },
  handle,
)

async function handle(input: InputOf<typeof DeregisterStreamConsumer>, context: Context): Promise<null | AwsError> {
  const found = await findConsumer(input, context)
  if (found instanceof AwsError) return found
  const refused = await deregisterConsumer(found.consumer, context)
  context.fanOut.look(found.topic.id)
  return refused
}
