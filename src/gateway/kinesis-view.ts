// The streams in AWS's words: shards with hash key ranges, sequence numbers, and the throughput used against its limit. The same data as `GET
// /kafka/topics`, name for name.
import { Router } from 'express'
import type { Services } from '../kinesis/context.ts'
import { openShardsShown, summarize } from '../kinesis/descriptions.ts'
import { retentionHours } from '../kinesis/retention.ts'
import { sequenceNumberOf } from '../kinesis/sequence-numbers.ts'
import { shardsLeft } from '../kinesis/shard-history.ts'
import type { ShardNode } from '../kinesis/shard-map.ts'
import { describeShard } from '../kinesis/shards.ts'
import { showsAsStream } from '../kinesis/streams.ts'
import { Refusal, type Access, type Admin, type Logs, type Topic } from '../ports.ts'
import { callerOf, describableTopics, topicFor } from './callers.ts'
import { allowOnly, Problem } from './problem.ts'
import { integerParameter, textParameter } from './query.ts'

const streamsPerPageMax = 1000

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly streams: Services
}

/** `GET /kinesis/streams?after=&limit=` and `GET /kinesis/streams/{s}`. DESCRIBE on the topic. */
export function kinesisView(parts: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/kinesis/streams')
    .get(async (request, response) => {
      const limit = integerParameter(request, 'limit', { min: 1, max: streamsPerPageMax, fallback: 100 })
      const after = textParameter(request, 'after') ?? ''
      const streams = (await describableTopics(parts, callerOf(response))).filter(topic => topic.name > after && showsAsStream(topic))
      const page = streams.slice(0, limit)
      response.json({ Streams: await Promise.all(page.map(topic => streamBody(parts, topic))), Next: streams.length > page.length ? page.at(-1)!.name : null })
    })
    .all(allowOnly('GET'))

  router.route('/kinesis/streams/:stream')
    .get(async (request, response) => {
      const topic = await topicFor(parts, callerOf(response), 'describe', request.params.stream)
      if (!showsAsStream(topic)) throw new Problem(404, `Stream '${topic.name}' not found.`, { errorCode: 40401 })
      response.json(await streamBody(parts, topic))
    })
    .all(allowOnly('GET'))

  return router
}

async function streamBody(parts: Parts, topic: Topic): Promise<object> {
  return {
    ...summarize(topic, parts.streams),
    StreamCreationTimestamp: topic.createdAtMs / 1000,
    RetentionPeriodHours: retentionHours(topic, parts),
    OpenShardCount: openShardsShown(topic, parts.streams),
    Shards: await Promise.all((await shardsLeft(topic, parts.streams)).map(({ shard }) => shardBody(parts, topic, shard))),
  }
}

async function shardBody({ logs, streams: { throughput } }: Parts, topic: Topic, shard: ShardNode): Promise<object> {
  const used = throughput.used(topic.id, shard.index)
  const against = (value: number, limit: number | undefined): object => ({ Used: value, Limit: limit ?? null })
  return {
    ...describeShard(shard),
    LatestSequenceNumber: await latestSequenceNumber(logs, topic, shard),
    ThroughputWithinLastSecond: {
      WriteBytes: against(used.writeBytesPerSecond, used.limits?.writeBytesPerSecond),
      WriteRecords: against(used.writeRecordsPerSecond, used.limits?.writeRecordsPerSecond),
      ReadBytes: against(used.readBytesPerSecond, used.limits?.readBytesPerSecond),
      ReadCalls: against(used.readCallsPerSecond, used.limits?.readCallsPerSecond),
    },
  }
}

/** Of the newest record that can be read; null in an empty shard. */
async function latestSequenceNumber(logs: Logs, topic: Topic, shard: ShardNode): Promise<string | null> {
  const at = { topic: topic.name, partition: shard.index }
  const ends = await logs.ends(at)
  if (ends instanceof Refusal || ends.highWatermark === ends.logStartOffset) return null
  const slice = await logs.read(at, ends.highWatermark - 1, { bytesMax: 1, atLeastOne: true, committedOnly: false })
  if (slice instanceof Refusal) return null
  const record = slice.batches.findLast(batch => !batch.isControl)?.recordsOrNone().at(-1)
  return record === undefined ? null : sequenceNumberOf(shard, record.offset, record.timestampMs)
}
