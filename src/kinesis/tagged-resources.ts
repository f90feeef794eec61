// What an ARN names, as something that has tags: a stream's are among its facts, a consumer's and a channel's in their own documents.
import { parseArn } from './arns.ts'
import { changeChannel, channelNotFound, channelOf } from './channels.ts'
import { changeConsumer } from './consumer-changes.ts'
import { findConsumer } from './consumers.ts'
import type { Context } from './context.ts'
import { AwsError } from './errors.ts'
import { changeFacts, factsOf } from './stream-facts.ts'
import { findStream } from './streams.ts'
import type { TagOwner, Tags } from './tags.ts'

export interface TaggedResource {
  readonly owner: TagOwner
  readonly tags: Tags
  /** Puts what `change` makes of the present tags in their place, durably; an AwsError that it gives ends it. */
  change(change: (present: Tags) => Tags | AwsError): Promise<null | AwsError>
}

export async function findTagged(arn: string, context: Context): Promise<TaggedResource | AwsError> {
  const parts = parseArn(arn, 'ResourceARN', context)
  if (parts instanceof AwsError) return parts
  switch (parts.kind) {
    case 'stream': return taggedStream(arn, context)
    case 'consumer': return taggedConsumer(arn, context)
    case 'channel': return taggedChannel(parts.id, context)
  }
}

async function taggedStream(arn: string, context: Context): Promise<TaggedResource | AwsError> {
  const topic = await findStream({ StreamARN: arn }, context)
  if (topic instanceof AwsError) return topic
  return {
    owner: `stream ${topic.name}`,
    tags: factsOf(topic, context).tags,
    change: change => changeFacts(topic, context, facts => {
      const tags = change(facts.tags)
      return tags instanceof AwsError ? tags : { tags }
    }),
  }
}

async function taggedConsumer(arn: string, context: Context): Promise<TaggedResource | AwsError> {
  const found = await findConsumer({ ConsumerARN: arn }, context)
  if (found instanceof AwsError) return found
  const { consumer, topic } = found
  return {
    owner: `consumer ${consumer.name} of stream ${topic.name}`,
    tags: consumer.tags,
    change: change => changeConsumer(consumer, context, facts => {
      const tags = change(facts.tags)
      return tags instanceof AwsError ? tags : { tags }
    }),
  }
}

function taggedChannel(id: string, context: Context): TaggedResource | AwsError {
  const channel = channelOf(id, context)
  if (channel === undefined) return channelNotFound(id, context)
  return {
    owner: `channel ${channel.name}`,
    tags: channel.tags,
    change: async change => {
      const changed = await changeChannel(channel, context, facts => {
        const tags = change(facts.tags)
        return tags instanceof AwsError ? tags : { tags }
      })
      return changed instanceof AwsError ? changed : null
    },
  }
}
