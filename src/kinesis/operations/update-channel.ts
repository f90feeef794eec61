// UpdateChannel. How fresh what is delivered must be, and whether deliveries are logged: nothing else of a channel changes. What is changed counts at once; UPDATING shows for
// `transitionMs`.
import { type InputOf, type OutputOf, type Shape, type Violation, operation } from '../../wire/operation.ts'
import { changeChannel, channelAccess, channelNotFound, channelStatus, channelTransition, findChannel, showChannel } from '../channels.ts'
import { channelArn, channelDescription, channelLogging, s3TablesUpdate, s3Update } from '../channel-members.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, validation } from '../errors.ts'
import { freshnessViolation } from './create-channel.ts'

const input = {
  ChannelARN: channelArn.required,
  S3DestinationConfiguration: s3Update,
  S3TablesDestinationConfiguration: s3TablesUpdate,
  LoggingConfiguration: channelLogging,
}

export const UpdateChannel = operation({ name: 'UpdateChannel', input, output: { ChannelDescription: channelDescription.required }, check: freshEnough })

export const updateChannel = serve(UpdateChannel, { action: 'kinesis:UpdateChannel', access: channelAccess('alter') }, handle)

function freshEnough({ S3DestinationConfiguration: s3 }: Shape<typeof input>): Violation | undefined {
  return freshnessViolation(s3?.DataFreshnessInSeconds)
}

async function handle(given: InputOf<typeof UpdateChannel>, context: Context): Promise<OutputOf<typeof UpdateChannel> | AwsError> {
  const found = findChannel(given, context)
  if (found instanceof AwsError) return found
  const { S3DestinationConfiguration: s3, LoggingConfiguration: logging } = given
  if (s3 === undefined && logging === undefined) {
    return validation('At least one of S3DestinationConfiguration, S3TablesDestinationConfiguration and LoggingConfiguration must be provided.')
  }
  const channel = await changeChannel(found, context, present => {
    const status = channelStatus(present, context)
    if (status !== 'ACTIVE') {
      return new AwsError('ResourceInUseException', `Channel ${present.name} under account ${context.account} not ACTIVE, instead in state ${status}`)
    }
    return {
      ...channelTransition('UPDATING', context), ...s3 && { freshnessSeconds: s3.DataFreshnessInSeconds }, ...logging && { logging: { ...present.logging, ...logging.CloudWatchLogs } },
    }
  })
  if (channel instanceof AwsError) return channel
  const topic = await context.admin.topicById(channel.topicId)
  if (topic === undefined) return channelNotFound(channel.id, context)
  return { ChannelDescription: { ...showChannel(channel, topic, context), ChannelStatus: 'UPDATING' } }
}
