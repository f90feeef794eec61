// Channels deliver the records of an on-demand stream into files: one document each (kind 'kinesis-channel', by id), which goes with the stream's topic. How far a channel
// has come is kept apart (kind 'kinesis-delivery', delivery/progress.ts), so that deliveries and changes do not stand in each other's way. States show for `transitionMs`;
// a channel is FAILED where records that it has to deliver cannot be read any more, and stays so until it is deleted.
import { z } from 'zod'
import { type AclOperation, type Document, Refusal, type Topic } from '../ports.ts'
import type { ValueOf } from '../wire/operation.ts'
import { type Demand, channelDemand } from './access.ts'
import { channelArnOf, parseArn, streamArnOf } from './arns.ts'
import type { channelDescription, channelLogging, channelSummary, deadLetterQueue, s3Storage } from './channel-members.ts'
import type { Services } from './context.ts'
import { AwsError, invalidArgument, notFound, type Place, toAwsError } from './errors.ts'
import { tagsSchema } from './tags.ts'

/** With everything that the request took for granted. */
type Filled<T> = { readonly [Name in keyof T]-?: NonNullable<T[Name]> }
type Logging = ValueOf<typeof channelLogging>['CloudWatchLogs']

const channelSchema = z.object({
  name: z.string(),
  id: z.string(),
  createdAtMs: z.number(),
  roleArn: z.string(),
  format: z.enum(['JSON', 'STRING', 'BYTE_ARRAY']),
  freshnessSeconds: z.number(),
  storage: z.custom<Filled<ValueOf<typeof s3Storage>>>(),
  deadLetters: z.custom<Filled<ValueOf<typeof deadLetterQueue>>>(),
  logging: z.custom<Logging>(),
  /** Where delivery begins in the shards there were, by their index: nothing older is delivered. */
  startOffsets: z.array(z.number()),
  /** What arrived before it was ACTIVE is not delivered. Milliseconds since the epoch. */
  activeFromMs: z.number(),
  /** What it shows instead of ACTIVE, and until when (milliseconds since the epoch). */
  transition: z.object({ status: z.enum(['CREATING', 'UPDATING', 'DELETING']), untilMs: z.number() }).optional(),
  /** Why it cannot deliver any more. */
  failure: z.string().optional(),
  tags: tagsSchema,
})

export type ChannelFacts = z.infer<typeof channelSchema>
export type Channel = ChannelFacts & { readonly topicId: string }
export type ChannelStatus = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'FAILED'

export const freshnessSecondsMin = 300
export const freshnessSecondsMax = 900

// ------------------------------------------------------------------------------------------------------- finding

export function channelsOf(topic: Topic, services: Pick<Services, 'clock' | 'documents'>): readonly Channel[] {
  return allChannels(services).filter(({ topicId }) => topicId === topic.id)
}

/** By name; what was to be deleted is gone when that is over, whether or not its document still lies there. */
export function allChannels(services: Pick<Services, 'clock' | 'documents'>): readonly Channel[] {
  const channels = services.documents.all('kinesis-channel').map(channelIn).filter(channel => !isGone(channel, services))
  return channels.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Those that are to be deleted, also if they are gone and only their documents are not. */
export function leavingChannels({ documents }: Pick<Services, 'documents'>): readonly Channel[] {
  return documents.all('kinesis-channel').map(channelIn).filter(({ transition }) => transition?.status === 'DELETING')
}

export function channelOf(id: string, services: Pick<Services, 'clock' | 'documents'>): Channel | undefined {
  const document = services.documents.find('kinesis-channel', id)
  const channel = document && channelIn(document)
  return channel === undefined || isGone(channel, services) ? undefined : channel
}

/** The channel that a request names. */
export function findChannel({ ChannelARN: arn }: { readonly ChannelARN: string }, context: Services): Channel | AwsError {
  const id = namedChannel(arn, context)
  return id instanceof AwsError ? id : channelOf(id, context) ?? channelNotFound(id, context)
}

export function channelNotFound(id: string, place: Place): AwsError {
  return notFound(`Channel ${channelArnOf(id, place)} not found.`)
}

function namedChannel(arn: string, place: Place): string | AwsError {
  const parts = parseArn(arn, 'ChannelARN', place)
  if (parts instanceof AwsError) return parts
  return parts.kind === 'channel' ? parts.id : invalidArgument(`ChannelARN ${arn} is not the ARN of a channel.`)
}

/** What a request must be allowed to do to the channel that it names. */
export function channelAccess(operation: AclOperation): {
  readonly kind: 'demands'; readonly demand: (input: { readonly ChannelARN: string }, place: Place) => Demand | AwsError
} {
  return { kind: 'demands', demand: ({ ChannelARN }, place) => {
    const id = namedChannel(ChannelARN, place)
    return id instanceof AwsError ? id : channelDemand(operation, id, place)
  } }
}

const parsed = new WeakMap<Document, Channel>()

function channelIn(document: Document): Channel {
  const known = parsed.get(document)
  if (known !== undefined) return known
  const channel = { ...channelSchema.parse(JSON.parse(document.value)), topicId: document.topicId! }
  parsed.set(document, channel)
  return channel
}

function isGone({ transition }: ChannelFacts, { clock }: Pick<Services, 'clock'>): boolean {
  return transition?.status === 'DELETING' && clock.now() >= transition.untilMs
}

export function channelStatus({ transition, failure }: ChannelFacts, { clock }: Pick<Services, 'clock'>): ChannelStatus {
  if (transition !== undefined && (transition.status === 'DELETING' || clock.now() < transition.untilMs)) return transition.status
  return failure === undefined ? 'ACTIVE' : 'FAILED'
}

// ------------------------------------------------------------------------------------------------------ changing

/** Keeps a new channel, durably. */
export async function putChannel({ topicId, ...facts }: Channel, { documents }: Pick<Services, 'documents'>): Promise<null | Refusal> {
  const put = await documents.put({ kind: 'kinesis-channel', key: facts.id, value: JSON.stringify(facts), topicId }, 0)
  return put instanceof Refusal ? put : null
}

/**
 * Changes a channel by what `change` makes of what it is, durably; the channel as it is then. Asked again where somebody else was quicker. An AwsError that `change` gives
 * ends it. Not found where the channel is gone.
 */
export async function changeChannel({ id }: Channel, services: Services, change: (facts: Channel) => Partial<ChannelFacts> | AwsError): Promise<Channel | AwsError> {
  for (;;) {
    const document = services.documents.find('kinesis-channel', id)
    const present = channelOf(id, services)
    if (document === undefined || present === undefined) return channelNotFound(id, services)
    const changed = change(present)
    if (changed instanceof AwsError) return changed
    const { topicId, ...facts } = { ...present, ...changed }
    const put = await services.documents.put({ kind: 'kinesis-channel', key: id, value: JSON.stringify(facts), topicId }, document.version)
    if (!(put instanceof Refusal)) return channelIn(put)
    if (put.code !== 'version-conflict') return toAwsError(put)
  }
}

/** The fact that a state shows from now on; none where states show for no time. */
export function channelTransition(status: 'CREATING' | 'UPDATING', { clock, transitionMs }: Pick<Services, 'clock' | 'transitionMs'>): Pick<ChannelFacts, 'transition'> {
  return transitionMs === 0 ? {} : { transition: { status, untilMs: clock.now() + transitionMs } }
}

// ------------------------------------------------------------------------------------------------------- showing

export function loggingOf({ name, id, logging }: Channel): Logging {
  if (!logging.Enabled) return logging
  return { Enabled: true, LogGroupName: logging.LogGroupName ?? `/aws/kinesis/${name}/${id}`, LogStreamName: logging.LogStreamName ?? 'DestinationDelivery' }
}

function shown(channel: Channel, context: Pick<Services, 'clock'> & Place) {
  return {
    ChannelName: channel.name,
    ChannelARN: channelArnOf(channel.id, context),
    ChannelId: channel.id,
    ChannelStatus: channelStatus(channel, context),
    ChannelStatusReason: channelStatus(channel, context) === 'FAILED' ? channel.failure : undefined,
    ChannelCreationTimestamp: channel.createdAtMs,
  }
}

export function showChannel(channel: Channel, topic: Pick<Topic, 'name' | 'createdAtMs'>, context: Services): ValueOf<typeof channelDescription> {
  return {
    ...shown(channel, context),
    ServiceExecutionRoleARN: channel.roleArn,
    StreamConfigurationList: [{
      StreamARN: streamArnOf(topic.name, context), StreamCreationTimestamp: topic.createdAtMs, RecordConfiguration: { RecordFormatType: channel.format },
    }],
    S3DestinationConfiguration: {
      DataFreshnessInSeconds: channel.freshnessSeconds,
      DeadLetterQueueS3Configuration: channel.deadLetters,
      StorageConfiguration: channel.storage,
    },
    LoggingConfiguration: { CloudWatchLogs: loggingOf(channel) },
  }
}

export function summarizeChannel(channel: Channel, topic: Pick<Topic, 'name' | 'createdAtMs'>, context: Services): ValueOf<typeof channelSummary> {
  return {
    ...shown(channel, context), ChannelDestinationType: 'S3', Streams: [{ StreamARN: streamArnOf(topic.name, context), StreamCreationTimestamp: topic.createdAtMs }],
  }
}
