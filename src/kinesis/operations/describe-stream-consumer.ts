// DescribeStreamConsumer. One consumer, by its ARN or by its stream's and its name.
import { type InputOf, type OutputOf, operation } from '../../wire/operation.ts'
import { consumerAccess, consumerDescription, consumerMembers, describeConsumer, findConsumer, oneConsumer } from '../consumers.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'

export const DescribeStreamConsumer = operation({
  name: 'DescribeStreamConsumer',
  input: consumerMembers,
  output: { ConsumerDescription: consumerDescription.required },
  check: oneConsumer,
})

export const describeStreamConsumer = serve(
  DescribeStreamConsumer,
  { action: 'kinesis:DescribeStreamConsumer', access: consumerAccess('describe') },
  handle,
)

async function handle(input: InputOf<typeof DescribeStreamConsumer>, context: Context): Promise<OutputOf<typeof DescribeStreamConsumer> | AwsError> {
  const found = await findConsumer(input, context)
  return found instanceof AwsError ? found : { ConsumerDescription: describeConsumer(found.consumer, found.topic.name, context) }
}
