// DescribeChannel. A channel, where it delivers to, and how it is.
import { type InputOf, type OutputOf, operation } from '../../wire/operation.ts'
import { channelAccess, channelNotFound, findChannel, showChannel } from '../channels.ts'
import { channelArn, channelDescription } from '../channel-members.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'

export const DescribeChannel = operation({
  name: 'DescribeChannel',
  input: { ChannelARN: channelArn.required },
  output: { ChannelDescription: channelDescription.required },
})

export const describeChannel = serve(DescribeChannel, { action: 'kinesis:DescribeChannel', access: channelAccess('describe') }, handle)

async function handle(input: InputOf<typeof DescribeChannel>, context: Context): Promise<OutputOf<typeof DescribeChannel> | AwsError> {
  const channel = findChannel(input, context)
  if (channel instanceof AwsError) return channel
  const topic = await context.admin.topicById(channel.topicId)
  return topic === undefined ? channelNotFound(channel.id, context) : { ChannelDescription: showChannel(channel, topic, context) }
}
