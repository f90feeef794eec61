// What becomes of channels: they are made and taken away, each durably. They are made one after the other, so that names are unique and the limits on how many there are hold.
import { Refusal, type Topic } from '../ports.ts'
import { type Channel, type ChannelFacts, allChannels, changeChannel, channelOf, channelStatus, channelsOf, putChannel } from './channels.ts'
import type { Context, Services } from './context.ts'
import { forgetProgress } from './delivery/progress.ts'
import { bucketName } from './delivery/objects.ts'
import { AwsError, notFound, type Place, texts, toAwsError, validation } from './errors.ts'
import { channelLimit } from './quotas.ts'

/** One to a bucket, as AWS has it, besides one to a table. */
const perStreamMax = 1

type NewChannel = Omit<ChannelFacts, 'startOffsets' | 'failure'>

export async function makeChannel(topic: Topic, channel: NewChannel, context: Context): Promise<Channel | AwsError> {
  return await context.registrations.run(() => create(topic, channel, context)) ?? new AwsError('LimitExceededException', texts.streamRateExceeded(topic.name, context))
}

async function create(topic: Topic, facts: NewChannel, context: Context): Promise<Channel | AwsError> {
  const present = allChannels(context)
  if (present.some(({ name }) => name === facts.name)) return new AwsError('ResourceInUseException', `Channel ${facts.name} under account ${context.account} already exists.`)
  if (channelsOf(topic, context).length >= perStreamMax) return limitExceeded(`${perStreamMax} channel to a general purpose bucket of stream ${topic.name}`, context)
  const limit = channelLimit(context)
  if (present.length >= limit) return limitExceeded(`${limit} channels`, context)
  const startOffsets = await endsOf(topic, context)
  if (startOffsets instanceof AwsError) return startOffsets
  const channel: Channel = { ...facts, topicId: topic.id, startOffsets }
  const fault = await bucketFault(channel, context)
  if (fault !== undefined) return validation(fault)
  const put = await putChannel(channel, context)
  if (put !== null) return put.code === 'unknown-topic-id' ? notFound(texts.streamNotFound(topic.name, context)) : toAwsError(put)
  context.deliveries.watch(channel)
  return channel
}

/** Where each shard ends: what lies before is not delivered. */
async function endsOf(topic: Topic, context: Context): Promise<number[] | AwsError> {
  const offsets: number[] = []
  for (const { index } of topic.partitions) {
    const ends = await context.logs.ends({ topic: topic.name, partition: index })
    if (ends instanceof Refusal) return toAwsError(ends)
    offsets.push(ends.lastStableOffset)
  }
  return offsets
}

/** Why one of the channel's buckets cannot be had; undefined where they can. Buckets here are the account's own. */
async function bucketFault({ id, storage, deadLetters }: Channel, { account, deliveries }: Context): Promise<string | undefined> {
  for (const { BucketARN: arn, ExpectedBucketOwner: owner } of [storage, deadLetters]) {
    const cannot = `Unable to access the S3 bucket ${bucketName(arn)}`
    if (owner !== account) return `${cannot}: its owner is ${account}, not ${owner} as expected.`
    try {
      await deliveries.buckets!.prepare(arn, id)
    } catch (error) {
      return `${cannot}: its directory cannot be written (${(error as { code?: string }).code ?? String(error)}).`
    }
  }
  return undefined
}

/** Takes a channel away: DELETING for as long as that shows, then gone. What it has delivered stays. */
export async function removeChannel(channel: Channel, context: Context): Promise<null | AwsError> {
  const { clock, transitionMs } = context
  // Asked for again it does not take longer.
  if (channelStatus(channel, context) === 'DELETING') return null
  const untilMs = clock.now() + transitionMs
  const changed = await changeChannel(channel, context, () => ({ transition: { status: 'DELETING', untilMs } }))
  if (changed instanceof AwsError) return changed
  if (transitionMs === 0) await clearAway(changed, context)
  else context.deliveries.clearWhenGone(changed)
  return null
}

/** Removes the documents of a channel that is gone. If it comes to nothing, they are in nobody's way. */
export async function clearAway(channel: Channel, services: Pick<Services, 'clock' | 'documents'>): Promise<void> {
  const { documents } = services
  const document = documents.find('kinesis-channel', channel.id)
  if (document !== undefined && channelOf(channel.id, services) === undefined) await documents.remove('kinesis-channel', channel.id, document.version).catch(() => {})
  await forgetProgress(channel, services).catch(() => {})
}

function limitExceeded(limit: string, { account }: Place): AwsError {
  return new AwsError('LimitExceededException', `This request would exceed the limit of ${limit} under account ${account}.`)
}
