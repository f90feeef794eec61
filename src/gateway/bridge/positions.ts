// Positions of the bridge: the same position under its two names. An offset of a partition becomes the sequence number of its record in the shard, and back, so
// that a consumer can change from one API to the other with no gap and no re-read.
import { Router } from 'express'
import { endingSequenceNumber, isOfShard, parseSequenceNumber, sequenceNumberOf } from '../../kinesis/sequence-numbers.ts'
import { shardIdOf, shardIndexOf, shardMapOf } from '../../kinesis/shard-map.ts'
import { Refusal, type Access, type Admin, type Logs, type Partition, type Topic } from '../../ports.ts'
import { callerOf, partitionOf, topicFor } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { badParameter } from '../query.ts'
import { problemOf } from '../refusals.ts'
import { type Given, oneOf } from './parameters.ts'

const sequenceDigitsMax = 129

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
}

/**
 * `GET /bridge/positions?topic=orders&partition=0&offset=41` or `?stream=orders[&shard=shardId-000000000000]&sequence=4957…`; the names may be mixed.
 * Answers with both names and the time of the record: `{topic, partition, offset, stream, shardId, sequenceNumber, timestamp, timestampMs}`. Where a closed partition ends,
 * behind its last record, is a position too: that of whoever has read all of it. Its time is when it was closed, and `children` says where to go on. DESCRIBE on the topic.
 */
export function positionRoutes(parts: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/bridge/positions')
    .get(async (request, response) => {
      const name = oneOf(request, 'topic', 'stream', true).value
      const place = oneOf(request, 'partition', 'shard', false)
      const position = oneOf(request, 'offset', 'sequence', true)
      const topic = await topicFor(parts, callerOf(response), 'describe', name)
      const { partition, offset } = position.name === 'offset'
        ? { partition: partitionAt(topic, place), offset: parseOffset(position.value) }
        : parseSequence(topic, place, position.value)
      const { sequenceNumber, timestampMs, children } = endOf(topic, partition, offset) ?? await recordAt(parts.logs, topic, partition, offset)
      if (position.name === 'sequence' && BigInt(position.value) !== BigInt(sequenceNumber)) {
        throw notFound(`No record of ${shardIdOf(partition.index)} in stream '${topic.name}' has sequence number ${position.value}`)
      }
      response.json({
        topic: topic.name, partition: partition.index, offset,
        stream: topic.name, shardId: shardIdOf(partition.index), sequenceNumber,
        timestamp: new Date(timestampMs).toISOString(), timestampMs, children,
      })
    })
    .all(allowOnly('GET'))
  return router
}

function partitionAt(topic: Topic, place: Given<'partition' | 'shard'> | undefined): Partition {
  if (place === undefined) throw badParameter('partition', 'or \'shard\' must be given with an offset')
  if (place.name === 'partition') return partitionOf(topic, place.value)
  const index = shardIndexOf(place.value)
  if (index === undefined || topic.partitions[index] === undefined) {
    throw new Problem(404, `Shard '${place.value.slice(0, 64)}' of stream '${topic.name}' not found.`, { errorCode: 40402 })
  }
  return topic.partitions[index]
}

function parseOffset(text: string): number {
  const offset = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(offset)) throw badParameter('offset', `must be a whole number, not '${text.slice(0, 32)}'`)
  return offset
}

/** A sequence number names its shard itself; a shard that is given as well must be the same. */
function parseSequence(topic: Topic, place: Given<'partition' | 'shard'> | undefined, text: string): { partition: Partition; offset: number } {
  if (!/^\d+$/.test(text) || text.length > sequenceDigitsMax) throw badParameter('sequence', `must be a sequence number of digits, not '${text.slice(0, 64)}'`)
  const position = parseSequenceNumber(text)
  if (position === undefined) throw badParameter('sequence', `is no Kinesis sequence number: ${text}`)
  const partition = topic.partitions[position.shardIndex]
  if (partition === undefined || !isOfShard(position, partition)) {
    throw new Problem(404, `Sequence number ${text} did not come from stream '${topic.name}'`, { errorCode: 40402 })
  }
  if (place !== undefined && partitionAt(topic, place).index !== partition.index) {
    throw badParameter('sequence', `encodes ${shardIdOf(partition.index)}, while ${place.name} '${place.value.slice(0, 64)}' was given`)
  }
  if (position.offset < 0) throw badParameter('sequence', `is where ${shardIdOf(partition.index)} starts, before its first record; give the number of a record`)
  if (position.offset !== Infinity) return { partition, offset: position.offset }
  const endOffset = partition.seal?.endOffset ?? -1
  if (endOffset < 0) throw notFound(`${shardIdOf(partition.index)} of stream '${topic.name}' is open: no sequence number is known to be its last`)
  return { partition, offset: endOffset }
}

interface Found {
  readonly sequenceNumber: string
  readonly timestampMs: number
  /** Of the end of a closed partition only. */
  readonly children?: readonly { readonly partition: number; readonly shardId: string }[]
}

function endOf(topic: Topic, partition: Partition, offset: number): Found | undefined {
  const { seal, index } = partition
  if (seal === undefined || seal.endOffset !== offset) return undefined
  const children = shardMapOf(topic).shards[index]!.children.map(child => ({ partition: child, shardId: shardIdOf(child) }))
  return { sequenceNumber: endingSequenceNumber(partition, seal.atMs), timestampMs: seal.atMs, children }
}

async function recordAt(logs: Logs, topic: Topic, partition: Partition, offset: number): Promise<Found> {
  const slice = await logs.read({ topic: topic.name, partition: partition.index }, offset, { bytesMax: 1, atLeastOne: true, committedOnly: false })
  if (slice instanceof Refusal) throw problemOf(slice)
  const batch = slice.batches.find(one => one.lastOffset >= offset)
  const record = batch === undefined || batch.isControl ? undefined : batch.recordsOrNone().find(one => one.offset === offset)
  if (record !== undefined) return { sequenceNumber: sequenceNumberOf(partition, offset, record.timestampMs), timestampMs: record.timestampMs }
  const { logStartOffset, highWatermark } = slice
  throw notFound(`No record at offset ${offset} of partition ${partition.index} of topic '${topic.name}' (offsets ${logStartOffset} to ${highWatermark - 1})`)
}

function notFound(message: string): Problem {
  return new Problem(404, message, { errorCode: 40403 })
}
