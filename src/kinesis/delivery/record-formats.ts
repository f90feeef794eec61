// The formats that a channel may ask of its records, and what is told of a record that is of another: a dead letter.
import { isUtf8 } from 'node:buffer'
import type { Topic } from '../../ports.ts'
import { streamArnOf } from '../arns.ts'
import type { Channel } from '../channels.ts'
import type { Place } from '../errors.ts'
import type { ReadRecord } from '../records.ts'
import { type ShardNode, shardIdOf } from '../shard-map.ts'

/** Why a record is not of its channel's format, not telling what is in it; undefined where it is. */
export function formatFault(format: Channel['format'], data: Buffer): string | undefined {
  if (format === 'BYTE_ARRAY') return undefined
  if (!isUtf8(data)) return 'The record is not valid UTF-8.'
  if (format === 'STRING') return undefined
  try {
    JSON.parse(data.toString())
    return undefined
  } catch {
    return 'The record is not valid JSON.'
  }
}

/** A line of JSON: which record it is, and why it is not delivered; as on AWS, not what is in it. */
export function deadLetter(
  record: ReadRecord, { fault, shard, channel, topic, place }: { fault: string; shard: ShardNode; channel: Channel; topic: Pick<Topic, 'name'>; place: Place },
): Buffer {
  return Buffer.from(`${JSON.stringify({
    channelName: channel.name, channelId: channel.id, streamArn: streamArnOf(topic.name, place), shardId: shardIdOf(shard.index), sequenceNumber: record.SequenceNumber,
    approximateArrivalTimestamp: new Date(record.ApproximateArrivalTimestamp).toISOString(), errorCode: 'InvalidRecordFormat', errorMessage: fault,
  })}\n`)
}
