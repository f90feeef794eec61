// DeleteChannel. Delivery ends; what is delivered stays, what is not yet stays in the stream alone. The channel shows DELETING for `transitionMs` and is gone then.
import { type InputOf, operation } from '../../wire/operation.ts'
import { removeChannel } from '../channel-changes.ts'
import { channelAccess, findChannel } from '../channels.ts'
import { channelArn } from '../channel-members.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'

export const DeleteChannel = operation({ name: 'DeleteChannel', input: { ChannelARN: channelArn.required } })

export const deleteChannel = serve(DeleteChannel, { action: 'kinesis:DeleteChannel', access: channelAccess('alter') }, handle)

async function handle(input: InputOf<typeof DeleteChannel>, context: Context): Promise<null | AwsError> {
  const channel = findChannel(input, context)
  return channel instanceof AwsError ? channel : removeChannel(channel, context)
}
