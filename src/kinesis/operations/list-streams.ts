// ListStreams. The streams the caller may describe, by name, at most 100 a page. A page goes on from a name or from a token, which is good for five minutes.
import { type InputOf, type OutputOf, flag, integer, list, operation, text } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { streamSummaryShape, summarize } from '../descriptions.ts'
import { AwsError } from '../errors.ts'
import { openPage } from '../pages.ts'
import { showsAsStream, streamName } from '../streams.ts'

const streamsMax = 100

export const ListStreams = operation({
  name: 'ListStreams',
  input: { Limit: integer().min(1).max(10_000), ExclusiveStartStreamName: streamName, NextToken: text().minLength(1).maxLength(1_048_576) },
  output: { StreamNames: list(text()).required, HasMoreStreams: flag().required, NextToken: text(), StreamSummaries: list(streamSummaryShape) },
})

export const listStreams = serve(ListStreams, { action: 'kinesis:ListStreams', access: { kind: 'filters' } }, handle)

async function handle(input: InputOf<typeof ListStreams>, context: Context): Promise<OutputOf<typeof ListStreams> | AwsError> {
  let after = input.ExclusiveStartStreamName ?? ''
  if (input.NextToken !== undefined) {
    const page = openPage<{ after: string }>('list-streams', input.NextToken, context)
    if (page instanceof AwsError) return page
    after = page.after
  }
  const topics = await context.admin.topics()
  const mayDescribe = (name: string): boolean => context.access.wouldAllow(context.caller, 'describe', 'topic', name)
  const size = Math.min(input.Limit ?? streamsMax, streamsMax)
  // Access is judged of no more than a page and the one behind it, however many topics there are.
  const visible = topics.values().filter(topic => topic.name > after && showsAsStream(topic) && mayDescribe(topic.name)).take(size + 1).toArray()
  const page = visible.slice(0, size)
  const hasMore = page.length < visible.length
  const last = page.at(-1)?.name ?? after
  return {
    StreamNames: page.map(topic => topic.name),
    HasMoreStreams: hasMore,
    NextToken: hasMore ? context.tokens.issuePage('list-streams', { after: last }, context.caller.principal, context.clock.now()) : undefined,
    StreamSummaries: page.map(topic => summarize(topic, context)),
  }
}
