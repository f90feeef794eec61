// ListChannels. The account's channels by name, at most 100 a page, or those of some streams.
import { type InputOf, type OutputOf, integer, list, operation, structure, text, timestamp } from '../../wire/operation.ts'
import { allChannels, type Channel, summarizeChannel } from '../channels.ts'
import { channelSummary } from '../channel-members.ts'
import { type Context, serve } from '../context.ts'
import { AwsError } from '../errors.ts'
import { openPage } from '../pages.ts'
import { judgeCreation, namedStream, streamArn } from '../streams.ts'
import type { Topic } from '../../ports.ts'

const channelsMax = 100

export const ListChannels = operation({
  name: 'ListChannels',
  input: {
    StreamFilter: list(structure({ StreamARN: streamArn.required, StreamCreationTimestamp: timestamp() })).minLength(1).maxLength(10_000),
    MaxResults: integer().min(1).max(10_000),
    NextToken: text().minLength(1).maxLength(1_048_576),
  },
  output: { ChannelSummaries: list(channelSummary).required, NextToken: text() },
})

type Input = InputOf<typeof ListChannels>

export const listChannels = serve(ListChannels, { action: 'kinesis:ListChannels', access: { kind: 'account', operation: 'describe' } }, handle)

async function handle(input: Input, context: Context): Promise<OutputOf<typeof ListChannels> | AwsError> {
  const place = input.NextToken === undefined ? undefined : openPage<{ readonly after: string }>('list-channels', input.NextToken, context)
  if (place instanceof AwsError) return place
  const limit = Math.min(input.MaxResults ?? channelsMax, channelsMax)
  const page: { readonly channel: Channel; readonly topic: Topic }[] = []
  for (const channel of allChannels(context).filter(({ name }) => name > (place?.after ?? ''))) {
    const topic = await context.admin.topicById(channel.topicId)
    if (topic !== undefined && isWanted(topic, input.StreamFilter, context)) page.push({ channel, topic })
    // One more tells that there is a next page.
    if (page.length > limit) break
  }
  const shown = page.slice(0, limit)
  const after = shown.at(-1)?.channel.name ?? ''
  return {
    ChannelSummaries: shown.map(({ channel, topic }) => summarizeChannel(channel, topic, context)),
    NextToken: page.length > limit ? context.tokens.issuePage('list-channels', { after }, context.caller.principal, context.clock.now()) : undefined,
  }
}

function isWanted(topic: Topic, filter: Input['StreamFilter'], context: Context): boolean {
  return filter === undefined || filter.some(one => namedStream(one, context) === topic.name && judgeCreation(topic, one.StreamCreationTimestamp, context) === null)
}
