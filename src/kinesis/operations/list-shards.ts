// ListShards. Shards that have not expired, by index, at most 1000 a page; a filter selects those that were open at some time, never with a hole. A token stands for the
// stream's incarnation and the filter, and is good for five minutes.
import type { Topic } from '../../ports.ts'
import { type OutputOf, type Shape, type Violation, integer, list, oneOf, operation, structure, text, timestamp } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, notFound, texts } from '../errors.ts'
import { judgeServed } from '../lifecycle.ts'
import { openPage } from '../pages.ts'
import { type ShardSelection, isSelected, shardsLeft } from '../shard-history.ts'
import { shardIndexOf } from '../shard-map.ts'
import { describeShard, shardShape } from '../shards.ts'
import { findStream, findStreamByName, judgeCreation, namedStream, shardId, streamArn, streamId, streamName } from '../streams.ts'

const shardsMax = 1_000

const input = {
  StreamName: streamName,
  NextToken: text().minLength(1).maxLength(1_048_576),
  ExclusiveStartShardId: shardId,
  MaxResults: integer().min(1).max(10_000),
  StreamCreationTimestamp: timestamp(),
  ShardFilter: structure({
    Type: oneOf('AFTER_SHARD_ID', 'AT_TRIM_HORIZON', 'FROM_TRIM_HORIZON', 'AT_LATEST', 'AT_TIMESTAMP', 'FROM_TIMESTAMP').required,
    ShardId: shardId,
    Timestamp: timestamp(),
  }),
  StreamARN: streamArn,
  StreamId: streamId,
}
type Input = Shape<typeof input>

export const ListShards = operation({
  name: 'ListShards',
  input,
  output: { Shards: list(shardShape), NextToken: text() },
  check: streamOrToken,
})

export const listShards = serve(ListShards, { action: 'kinesis:ListShards', access: { kind: 'needs', operation: 'describe', stream: streamOf } }, handle)

function streamOrToken(input: Input): Violation | undefined {
  const isNamed = input.StreamName !== undefined || input.StreamARN !== undefined
  if (!isNamed && input.NextToken === undefined) return invalid('Either NextToken or StreamName should be provided.')
  if (isNamed && input.NextToken !== undefined) return invalid('NextToken and StreamName cannot be provided together.')
  for (const name of ['ExclusiveStartShardId', 'StreamCreationTimestamp', 'ShardFilter'] as const) {
    if (input.NextToken !== undefined && input[name] !== undefined) return invalid(`NextToken and ${name} cannot be provided together.`)
  }
  return input.ShardFilter && filterFault(input.ShardFilter)
}

/** A filter has the member that its type needs, and no other. */
function filterFault({ Type: type, ShardId, Timestamp }: NonNullable<Input['ShardFilter']>): Violation | undefined {
  const needsTime = type === 'AT_TIMESTAMP' || type === 'FROM_TIMESTAMP'
  for (const [name, isGiven, isNeeded] of [['ShardId', ShardId !== undefined, type === 'AFTER_SHARD_ID'], ['Timestamp', Timestamp !== undefined, needsTime]] as const) {
    if (isNeeded && !isGiven) return invalid(`${name} must be provided for ShardFilter type ${type}.`)
    if (isGiven && !isNeeded) return invalid(`${name} cannot be provided for ShardFilter type ${type}.`)
  }
  return undefined
}

function invalid(message: string): Violation {
  return { type: 'InvalidArgumentException', message }
}

/** What a page goes on with. */
interface Place {
  readonly stream: string
  readonly topicId: string
  /** The first shard index of the page. */
  readonly first: number
  readonly selection: ShardSelection
}

interface Start extends Pick<Place, 'first' | 'selection'> {
  readonly topic: Topic
}

function streamOf(input: Input, context: Context): string | AwsError {
  if (input.NextToken === undefined) return namedStream(input, context)
  const page = openPage<Place>('list-shards', input.NextToken, context)
  return page instanceof AwsError ? page : page.stream
}

async function handle(input: Input, context: Context): Promise<OutputOf<typeof ListShards> | AwsError> {
  const start = input.NextToken === undefined ? await firstPage(input, context) : await nextPage(input.NextToken, context)
  if (start instanceof AwsError) return start
  const { topic, first, selection } = start
  const refused = judgeServed(topic, context)
  if (refused !== null) return refused
  const count = Math.min(input.MaxResults ?? shardsMax, shardsMax)
  const selected = (await shardsLeft(topic, context)).filter(span => span.shard.index >= first && isSelected(span, selection))
  const next = selected[count]
  const goesOn = next && { stream: topic.name, topicId: topic.id, first: next.shard.index, selection } satisfies Place
  return {
    Shards: selected.slice(0, count).map(({ shard }) => describeShard(shard)),
    NextToken: goesOn && context.tokens.issuePage('list-shards', goesOn, context.caller.principal, context.clock.now()),
  }
}

async function firstPage(input: Input, context: Context): Promise<Start | AwsError> {
  const topic = await findStream(input, context)
  if (topic instanceof AwsError) return topic
  const wrong = judgeCreation(topic, input.StreamCreationTimestamp, context)
  if (wrong !== null) return wrong
  const selection = selectionOf(input.ShardFilter, topic, context)
  if (selection instanceof AwsError) return selection
  if (input.ExclusiveStartShardId === undefined) return { topic, first: 0, selection }
  const after = namedIndex(input.ExclusiveStartShardId, topic, context)
  return after instanceof AwsError ? after : { topic, first: after + 1, selection }
}

function selectionOf(filter: Input['ShardFilter'], topic: Topic, context: Context): ShardSelection | AwsError {
  if (filter === undefined) return { type: 'FROM_TRIM_HORIZON' }
  switch (filter.Type) {
    case 'AFTER_SHARD_ID': {
      const index = namedIndex(filter.ShardId!, topic, context)
      return index instanceof AwsError ? index : { type: 'AFTER_SHARD_ID', index }
    }
    case 'AT_TIMESTAMP':
    case 'FROM_TIMESTAMP': {
      const [atMs, nowMs] = [filter.Timestamp!, context.clock.now()]
      return atMs > nowMs ? invalidArgument(texts.futureTimestamp(atMs, nowMs)) : { type: filter.Type, atMs }
    }
    default: return { type: filter.Type }
  }
}

function namedIndex(id: string, topic: Topic, context: Context): number | AwsError {
  return shardIndexOf(id) ?? notFound(texts.badShardId(id, topic.name, context))
}

async function nextPage(token: string, context: Context): Promise<Start | AwsError> {
  const page = openPage<Place>('list-shards', token, context)
  if (page instanceof AwsError) return page
  const topic = await findStreamByName(page.stream, context)
  if (topic === undefined || topic.id !== page.topicId) return notFound(texts.streamNotFound(page.stream, context))
  return { ...page, topic }
}
