// PutRecord. Finds the record's shard by its key, or takes the next where the stream spreads records evenly, and appends it, durably. Sequence numbers of a shard only
// ever grow, and those of its children come after them, so SequenceNumberForOrdering needs no waiting: it is checked to be a number that this stream could have given.
import type { Topic } from '../../ports.ts'
import { Refusal } from '../../ports.ts'
import { type InputOf, type OutputOf, blob, operation, text } from '../../wire/operation.ts'
import type { PutTally } from '../cloudwatch/put-tally.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, toAwsError, validation, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { measured } from '../monitoring.ts'
import { type RecordToPut, appendToShard, judgeRecords, recordToPut } from '../puts.ts'
import { judgeKeys, routeOf } from '../routing.ts'
import { isOfShard, parseSequenceNumber } from '../sequence-numbers.ts'
import { shardIdOf, shardMapOf } from '../shard-map.ts'
import { dryRun, hashKey, namedStream, oneStream, rateExceeded, recordBytesMaxOf, sequenceNumber, streamArn, streamId, streamName } from '../streams.ts'

export const dataBytesMax = 10_485_760
export const partitionKey = text().minLength(1).maxLength(256)

export const PutRecord = operation({
  name: 'PutRecord',
  input: {
    StreamName: streamName,
    Data: blob().maxLength(dataBytesMax).required.sensitive,
    PartitionKey: partitionKey,
    ExplicitHashKey: hashKey,
    SequenceNumberForOrdering: sequenceNumber,
    StreamARN: streamArn,
    StreamId: streamId,
    DryRun: dryRun,
  },
  output: { ShardId: text().required, SequenceNumber: text().required, EncryptionType: text() },
  check: oneStream,
})

export const putRecord = serve(PutRecord, { action: 'kinesis:PutRecord', access: { kind: 'needs', operation: 'write', stream: namedStream } }, handle)

async function handle(input: InputOf<typeof PutRecord>, context: Context): Promise<OutputOf<typeof PutRecord> | AwsError> {
  const topic = await servedStream(input, context)
  if (topic instanceof AwsError) return topic
  const tally = context.metrics.put('PutRecord', measured(topic, context), 1)
  try {
    return await put(input, topic, tally, context)
  } finally {
    if (input.DryRun !== true) tally.end()
  }
}

async function put(input: InputOf<typeof PutRecord>, topic: Topic, tally: PutTally, context: Context): Promise<OutputOf<typeof PutRecord> | AwsError> {
  const record = recordToPut(input)
  const wrong = judgeKeys([input], topic, context, () => 'partitionKey') ?? judgeSize(record, recordBytesMaxOf(topic, context), 'data')
  if (wrong !== null) return wrong
  const shard = routeOf(topic, context)(record)
  if (shard instanceof AwsError) return shard
  if (input.SequenceNumberForOrdering !== undefined) {
    const disordered = await judgeOrdering(input.SequenceNumberForOrdering, topic, context)
    if (disordered !== null) return disordered
  }
  const [fault = null] = await judgeRecords(topic, [record], context)
  if (fault instanceof AwsError) return fault
  if (input.DryRun === true) return wouldHaveSucceeded()
  const isAdmitted = context.throughput.shard(topic.id, shard.index).admitRecord(record.size, 'PutRecord')
  const [answer] = isAdmitted ? await appendToShard(topic, shard, [{ record, fault }], context) : [rateExceeded(topic, shard.index, context)]
  tally.shard(shardIdOf(shard.index), [record], [answer!])
  return answer instanceof AwsError ? answer : { ShardId: answer!.shardId, SequenceNumber: answer!.sequenceNumber, EncryptionType: answer!.encryptionType }
}

/** Data and partition key together must fit the stream's largest record, of `bytesMax`. */
export function judgeSize(record: RecordToPut, bytesMax: number, path: string): null | AwsError {
  if (record.size <= bytesMax) return null
  return validation(`1 validation error detected: Value at '${path}' failed to satisfy constraint: Member must have length less than or equal to ${bytesMax}`)
}

/** A number from the future, or from behind the newest record of the shard that it names, cannot have been given by this stream. */
async function judgeOrdering(number: string, topic: Topic, context: Context): Promise<null | AwsError> {
  const wrong = invalidArgument(
    `ExclusiveMinimumSequenceNumber ${number} used in PutRecord on stream ${topic.name} under account ${context.account} is invalid.`)
  const position = parseSequenceNumber(number)
  if (position === undefined || position.arrivalSecond * 1_000 > context.clock.now()) return wrong
  const named = shardMapOf(topic).shards[position.shardIndex]
  if (named === undefined || !isOfShard(position, named)) return null
  if (position.offset === Infinity) return named.seal === undefined ? wrong : null
  const ends = await context.logs.ends({ topic: topic.name, partition: named.index })
  if (ends instanceof Refusal) return toAwsError(ends)
  return position.offset < ends.highWatermark ? null : wrong
}
