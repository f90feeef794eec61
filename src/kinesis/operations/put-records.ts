// PutRecords. Up to 500 records of at most 10 MiB in all, one append per shard. Records fail one by one (throughput, schema, a shard's failed append); a
// request that is wrong as a whole appends nothing.
import type { Topic } from '../../ports.ts'
import { type InputOf, type OutputOf, blob, integer, list, operation, structure, text } from '../../wire/operation.ts'
import type { PutTally } from '../cloudwatch/put-tally.ts'
import { type Context, serve } from '../context.ts'
import { AwsError, invalidArgument, isOfKms, wouldHaveSucceeded } from '../errors.ts'
import { servedStream } from '../lifecycle.ts'
import { measured } from '../monitoring.ts'
import { type Admitted, type PutDone, appendToShard, judgeRecords, recordToPut } from '../puts.ts'
import { judgeKeys, routeOf } from '../routing.ts'
import { type ShardNode, shardIdOf } from '../shard-map.ts'
import { dryRun, hashKey, namedStream, oneStream, rateExceeded, recordBytesMaxOf, streamMembers } from '../streams.ts'
import { dataBytesMax, judgeSize, partitionKey } from './put-record.ts'

const requestBytesMax = 10_485_760

export const PutRecords = operation({
  name: 'PutRecords',
  input: {
    Records: list(structure({
      Data: blob().maxLength(dataBytesMax).required.sensitive,
      ExplicitHashKey: hashKey,
      PartitionKey: partitionKey,
    })).minLength(1).maxLength(500).required,
    ...streamMembers,
    DryRun: dryRun,
  },
  output: {
    FailedRecordCount: integer(),
    Records: list(structure({ SequenceNumber: text(), ShardId: text(), ErrorCode: text(), ErrorMessage: text() })).required,
    EncryptionType: text(),
  },
  check: oneStream,
})

export const putRecords = serve(PutRecords, { action: 'kinesis:PutRecords', access: { kind: 'needs', operation: 'write', stream: namedStream } }, handle)

type Answer = PutDone | AwsError

async function handle(input: InputOf<typeof PutRecords>, context: Context): Promise<OutputOf<typeof PutRecords> | AwsError> {
  const topic = await servedStream(input, context)
  if (topic instanceof AwsError) return topic
  const tally = context.metrics.put('PutRecords', measured(topic, context), input.Records.length)
  try {
    return await put(input, topic, tally, context)
  } finally {
    if (input.DryRun !== true) tally.end()
  }
}

async function put(input: InputOf<typeof PutRecords>, topic: Topic, tally: PutTally, context: Context): Promise<OutputOf<typeof PutRecords> | AwsError> {
  const keyless = judgeKeys(input.Records, topic, context, at => `records.${at + 1}.member.partitionKey`)
  if (keyless !== null) return keyless
  const records = input.Records.map(recordToPut)
  const route = routeOf(topic, context)
  const bytesMax = recordBytesMaxOf(topic, context)
  const indexesOfShard = new Map<ShardNode, number[]>()
  let bytes = 0
  for (const [at, record] of records.entries()) {
    const wrong = record.size > bytesMax ? judgeSize(record, bytesMax, `records.${at + 1}.member.data`) : null
    if (wrong !== null) return wrong
    const shard = route(record)
    if (shard instanceof AwsError) return shard
    bytes += record.size
    const indexes = indexesOfShard.get(shard)
    if (indexes === undefined) indexesOfShard.set(shard, [at])
    else indexes.push(at)
  }
  if (bytes > requestBytesMax) return invalidArgument(`Records size exceeds 10 MB limit: ${bytes} bytes of data and partition keys`)

  const judgements = await judgeRecords(topic, records, context)
  if (input.DryRun === true) return wouldHaveSucceeded()
  const answers: Answer[] = []
  await Promise.all([...indexesOfShard].map(async ([shard, indexes]) => {
    const meter = context.throughput.shard(topic.id, shard.index)
    const full = rateExceeded(topic, shard.index, context)
    const admitted: number[] = []
    const toAppend: Admitted[] = []
    const now = context.clock.monotonic()
    for (const at of indexes) {
      const record = records[at]!
      const fault = judgements[at]!
      if (fault instanceof AwsError) answers[at] = fault
      else if (!meter.admitRecord(record.size, 'PutRecords', now)) answers[at] = full
      else {
        admitted.push(at)
        toAppend.push({ record, fault })
      }
    }
    const done = await appendToShard(topic, shard, toAppend, context)
    for (const [nth, at] of admitted.entries()) answers[at] = done[nth]!
    tally.shard(shardIdOf(shard.index), indexes.map(at => records[at]!), indexes.map(at => answers[at]!))
  }))
  const failed = answers.filter(answer => answer instanceof AwsError)
  const done = answers.find((answer): answer is PutDone => !(answer instanceof AwsError))
  // A key that cannot be used fails the request, not its records one by one.
  const withoutKey = failed.length === answers.length ? failed.find(isOfKms) : undefined
  return withoutKey ?? { FailedRecordCount: failed.length, Records: answers.map(entryOf), EncryptionType: done?.encryptionType }
}

function entryOf(answer: Answer): OutputOf<typeof PutRecords>['Records'][number] {
  if (!(answer instanceof AwsError)) return { SequenceNumber: answer.sequenceNumber, ShardId: answer.shardId }
  return { ErrorCode: answer.type, ErrorMessage: answer.message ?? 'Internal Service Failure' }
}
