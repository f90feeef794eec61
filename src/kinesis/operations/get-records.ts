// GetRecords. A page of a shard from an iterator on, and the iterator of the next page, always a new one; at the end of a closed shard, its children instead. The
// iterator says which stream it is, so access is asked for that stream again at each use; a stream that was made again does not take the old one's iterators.
import type { Topic } from '../../ports.ts'
import { type InputOf, type OutputOf, flag, integer, list, long, operation, text } from '../../wire/operation.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, notFound, texts, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { measured } from '../monitoring.ts'
import { type Page, readPage, recordShape } from '../records.ts'
import { shardLeft } from '../shard-history.ts'
import { type ShardNode, shardIdOf } from '../shard-map.ts'
import { childShardShape, childShardsOf } from '../shards.ts'
import { rateExceeded, streamArn, streamArnOf, streamId } from '../streams.ts'
import { type Issued, type ShardPosition, tokenLifetimeMs } from '../tokens.ts'

const recordsMax = 10_000

export const GetRecords = operation({
  name: 'GetRecords',
  input: {
    ShardIterator: text().minLength(1).maxLength(512).required.sensitive,
    Limit: integer().min(1).max(recordsMax),
    StreamARN: streamArn,
    StreamId: streamId,
    DryRun: flag(),
  },
  output: {
    Records: list(recordShape).required,
    NextShardIterator: text(),
    MillisBehindLatest: long(),
    ChildShards: list(childShardShape),
  },
})

type Input = InputOf<typeof GetRecords>

export const getRecords = serve(GetRecords, { action: 'kinesis:GetRecords', access: { kind: 'needs', operation: 'read', stream: (input, context) => {
  const opened = openIterator(input, context)
  return opened instanceof AwsError ? opened : opened.value.stream
} } }, handle)

async function handle(input: Input, context: Context): Promise<OutputOf<typeof GetRecords> | AwsError> {
  const opened = openIterator(input, context)
  if (opened instanceof AwsError) return opened
  const { stream, topicId, shardIndex, offset } = opened.value
  const nowMs = context.clock.now()
  if (nowMs - opened.issuedAtMs > tokenLifetimeMs) {
    return new AwsError('ExpiredIteratorException', `Iterator expired. The iterator was created at time ${amazonDate(opened.issuedAtMs)} ` +
      `while right now it is ${amazonDate(nowMs)} which is further in the future than the tolerated delay of ${tokenLifetimeMs} milliseconds.`)
  }
  const topic = await servedStream({ StreamName: stream }, context)
  const shard = topic instanceof AwsError || topic.id !== topicId ? undefined : await shardLeft(topic, shardIndex, context)
  if (topic instanceof AwsError || shard === undefined) return notFound(texts.shardNotFound(shardIdOf(shardIndex), stream, context))
  if (input.DryRun === true) return wouldHaveSucceeded()
  const page = await read(topic, shard, { offset, limit: input.Limit ?? recordsMax }, context)
  context.metrics.got(measured(topic, context), shardIdOf(shardIndex), page)
  if (page instanceof AwsError) return page
  const found = { Records: page.records, MillisBehindLatest: page.millisBehindLatest }
  if (page.isLast) return { ...found, ChildShards: childShardsOf(topic, shard) }
  const next = { ...opened.value, offset: page.nextOffset }
  return { ...found, NextShardIterator: context.tokens.issueIterator(next, context.caller.principal, context.clock.now()) }
}

/** A page, as far as the shard may be read from now. */
async function read(topic: Topic, shard: ShardNode, from: { offset: number; limit: number }, context: Context): Promise<Page | AwsError> {
  const meter = context.throughput.shard(topic.id, shard.index)
  if (!meter.admitRead()) return rateExceeded(topic, shard.index, context)
  const page = await context.pages.run(() => readPage(topic, shard, from, context))
  if (page === undefined) return rateExceeded(topic, shard.index, context)
  if (!(page instanceof AwsError)) meter.gave(page)
  return page
}

function openIterator(input: Input, context: Context): Issued<ShardPosition> | AwsError {
  const opened = context.tokens.openIterator(input.ShardIterator, context.caller.principal)
  if (opened === undefined) return invalidArgument(texts.invalidIterator)
  if (input.StreamARN !== undefined && input.StreamARN !== streamArnOf(opened.value.stream, context)) {
    return invalidArgument(`StreamARN ${input.StreamARN} is not that of the stream the ShardIterator was made for.`)
  }
  return opened
}

/** Thu Jan 22 01:22:02 UTC 2015 */
function amazonDate(ms: number): string {
  const [weekday, day, month, year, time] = new Date(ms).toUTCString().replace(',', '').split(' ')
  return `${weekday} ${month} ${day} ${time} UTC ${year}`
}
