// CreateChannel. Delivers what is put into an on-demand stream from then on to a directory of this machine that stands for an S3 bucket (kinesis.channels.directory); nothing
// that lies in the stream already. Streaming tables and encrypted objects are refused: there is nothing here that could hold them. No role is assumed: its ARN is shown only.
import { type InputOf, type OutputOf, type Shape, type Violation, operation } from '../../wire/operation.ts'
import { type AccessRule, type Demand, accountDemand, channelDemand, judgeAccess, streamDemand } from '../access.ts'
import {
  channelDescription, channelEncryption, channelLogging, channelName, roleArn, s3Destination, s3TablesDestination, streamConfigurations,
} from '../channel-members.ts'
import { makeChannel } from '../channel-changes.ts'
import { type Channel, type ChannelFacts, channelTransition, freshnessSecondsMax, freshnessSecondsMin, showChannel } from '../channels.ts'
import { type Context, type Services, serve } from '../context.ts'
import { defaultTemplate, errorKey, keyFault, keyPartsOf, templateFault } from '../delivery/object-keys.ts'
import { keyIdOf } from '../encryption.ts'
import { AwsError, invalidArgument, texts, validation } from '../errors.ts'
import { activeStream } from '../lifecycle.ts'
import { factsOf } from '../stream-facts.ts'
import { namedStream } from '../streams.ts'
import { addTags, noTags, tagMap } from '../tags.ts'

const input = {
  ChannelName: channelName.required,
  ServiceExecutionRoleARN: roleArn.required,
  StreamConfigurationList: streamConfigurations.required,
  S3DestinationConfiguration: s3Destination,
  S3TablesDestinationConfiguration: s3TablesDestination,
  EncryptionConfiguration: channelEncryption,
  Tags: tagMap,
  LoggingConfiguration: channelLogging,
}

export const CreateChannel = operation({ name: 'CreateChannel', input, output: { ChannelDescription: channelDescription.required }, check: oneOfEach })

type Input = InputOf<typeof CreateChannel>

export const createChannel = serve(CreateChannel, { action: 'kinesis:CreateChannel', access: { kind: 'demands', demand } }, handle)

/** ALTER on the cluster, whose disk is written, and READ on the stream. AWS, too, asks for it on the stream: the channel has no ARN yet. */
function demand({ StreamConfigurationList: [source] }: Input, context: Services): Demand | AwsError {
  const stream = namedStream(source!, context)
  if (stream instanceof AwsError) return stream
  const reading = streamDemand('read', stream, context)
  return { resource: reading.resource, needs: [...accountDemand('alter').needs, ...reading.needs] }
}

/** As TagResource asks for it. */
const tagging: AccessRule<Input> = { kind: 'demands', demand: (_input, context) => channelDemand('alter-configs', '*', context) }

function oneOfEach({ StreamConfigurationList: streams, S3DestinationConfiguration: s3 }: Shape<typeof input>): Violation | undefined {
  if (s3 === undefined) return { type: 'ValidationException', message: 'Either S3DestinationConfiguration or S3TablesDestinationConfiguration must be provided.' }
  const { RecordConfiguration: { RecordFormatType: format, GSRSchemaARN: schema } } = streams[0]!
  if (streams.length > 1) return { type: 'ValidationException', message: `StreamConfigurationList has ${streams.length} streams. Currently, one stream is supported per channel.` }
  if (format === 'GSR_JSON' || schema !== undefined) {
    const what = format === 'GSR_JSON' ? 'RecordFormatType GSR_JSON' : 'GSRSchemaARN'
    return { type: 'ValidationException', message: `${what} is supported only for S3 Tables destinations. General purpose S3 destinations take JSON, STRING and BYTE_ARRAY.` }
  }
  return freshnessViolation(s3.DataFreshnessInSeconds)
}

export function freshnessViolation(seconds: number | undefined): Violation | undefined {
  if (seconds === undefined || (seconds >= freshnessSecondsMin && seconds <= freshnessSecondsMax)) return undefined
  return { type: 'ValidationException', message: `DataFreshnessInSeconds must be between ${freshnessSecondsMin} and ${freshnessSecondsMax}, not ${seconds}.` }
}

async function handle(given: Input, context: Context): Promise<OutputOf<typeof CreateChannel> | AwsError> {
  const [source] = given.StreamConfigurationList
  const denied = given.Tags === undefined ? null : judgeAccess('kinesis:TagResource', tagging, given, context)
  if (denied !== null) return denied
  const topic = await activeStream(source!, context)
  if (topic instanceof AwsError) return topic
  if (factsOf(topic, context).mode !== 'ON_DEMAND') return validation(texts.notOnDemand(topic.name, context))
  const keyId = keyIdOf(topic)
  if (keyId !== undefined && context.kms.get(keyId)?.isManaged === true) {
    return invalidArgument(`Stream ${topic.name} under account ${context.account} is encrypted with an AWS managed key, which channels do not support. Use a customer managed key.`)
  }
  if (context.deliveries.buckets === undefined) {
    return invalidArgument('Channels deliver to a directory of the server here, and none is set: start it with --kinesis-channels-directory.')
  }
  const { DataFreshnessInSeconds: freshnessSeconds = freshnessSecondsMin, DeadLetterQueueS3Configuration: dead, StorageConfiguration: storage } = given.S3DestinationConfiguration!
  const { BucketARN, ExpectedBucketOwner } = storage
  const tags = addTags(noTags, given.Tags, `channel ${given.ChannelName}`, context)
  if (tags instanceof AwsError) return tags
  const name = given.ChannelName
  const id = context.random.uuid()
  const nowMs = context.clock.now()
  const facts: Parameters<typeof makeChannel>[1] = {
    name, id, createdAtMs: nowMs, roleArn: given.ServiceExecutionRoleARN,
    // The check has let no other through.
    format: source!.RecordConfiguration.RecordFormatType as ChannelFacts['format'],
    freshnessSeconds,
    storage: { ...storage, OutputKeyTemplate: storage.OutputKeyTemplate ?? defaultTemplate, StorageClass: storage.StorageClass ?? 'STANDARD' },
    deadLetters: { ...dead ?? { BucketARN, ExpectedBucketOwner }, ErrorOutputPrefix: dead?.ErrorOutputPrefix ?? `kinesis-channel/errors/${name}/${id}/` },
    logging: given.LoggingConfiguration?.CloudWatchLogs ?? { Enabled: false },
    activeFromMs: context.transitionMs === 0 ? 0 : nowMs + context.transitionMs, tags, ...channelTransition('CREATING', context),
  }
  const fault = keyFaultOf(facts, topic.name)
  if (fault !== undefined) return validation(fault)
  const channel = await makeChannel(topic, facts, context)
  if (channel instanceof AwsError) return channel
  return { ChannelDescription: { ...showChannel(channel, topic, context), ChannelStatus: 'CREATING' } }
}

/** Why the channel's objects would have no keys; undefined where they have. */
function keyFaultOf(channel: Pick<Channel, 'name' | 'id' | 'storage' | 'deadLetters'>, stream: string): string | undefined {
  const { storage: { OutputKeyTemplate: template, CompressionType }, deadLetters: { ErrorOutputPrefix: prefix } } = channel
  const parts = keyPartsOf(channel, stream)
  const fault = templateFault(template, parts)
  if (fault !== undefined) return `OutputKeyTemplate ${template} is not valid: ${fault}.`
  if (CompressionType !== 'NONE' && !template.includes('!{extension')) {
    return `OutputKeyTemplate ${template} is not valid: with ${CompressionType} compression it must end with !{extension} or !{extension:.literal}.`
  }
  const errorFault = keyFault(errorKey(channel, parts))
  return errorFault === undefined ? undefined : `ErrorOutputPrefix ${prefix} is not valid: ${errorFault}.`
}
