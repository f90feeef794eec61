// The topics in Kafka's words: partitions with leaders, epochs, replicas and offsets, brokers, configs. `GET /kinesis/streams` shows the same data in AWS's.
import { Router } from 'express'
import type { Access, Admin, Caller, Logs, Topic } from '../ports.ts'
import { Refusal } from '../ports.ts'
import { callerOf, describableTopics, topicFor } from './callers.ts'
import { allowOnly } from './problem.ts'
import { choiceParameter, integerParameter, textParameter } from './query.ts'
import { orRefuse } from './refusals.ts'
import { shardBody } from './shard-body.ts'

const topicsPerPageMax = 1000

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
}

/** `GET /kafka/topics?after=&limit=&internal=` and `GET /kafka/topics/{t}`. */
export function kafkaView(parts: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/kafka/topics')
    .get(async (request, response) => {
      const limit = integerParameter(request, 'limit', { min: 1, max: topicsPerPageMax, fallback: 100 })
      const after = textParameter(request, 'after') ?? ''
      const withInternal = choiceParameter(request, 'internal', ['true', 'false'], 'false') === 'true'
      const topics = (await describableTopics(parts, callerOf(response))).filter(topic => topic.name > after && (withInternal || !topic.internal))
      const page = topics.slice(0, limit)
      response.json({
        cluster: await parts.admin.cluster(),
        topics: await Promise.all(page.map(topic => topicBody(parts, topic))),
        next: topics.length > page.length ? page.at(-1)!.name : null,
      })
    })
    .all(allowOnly('GET'))

  router.route('/kafka/topics/:topic')
    .get(async (request, response) => {
      const caller = callerOf(response)
      const topic = await topicFor(parts, caller, 'describe', request.params.topic)
      const { brokers } = await parts.admin.cluster()
      response.json({ ...await topicBody(parts, topic), brokers, configs: await configsBody(parts, caller, topic) })
    })
    .all(allowOnly('GET'))

  return router
}

async function topicBody({ logs }: Parts, topic: Topic): Promise<object> {
  return {
    name: topic.name,
    id: topic.id,
    internal: topic.internal,
    createdAt: new Date(topic.createdAtMs).toISOString(),
    partitions: await Promise.all(topic.partitions.map(async partition => {
      const { index, leader, leaderEpoch, partitionEpoch, replicas, inSyncReplicas, addingReplicas, removingReplicas, eligibleReplicas = [] } = partition
      const ends = await logs.ends({ topic: topic.name, partition: index })
      const offsets = ends instanceof Refusal
        ? { error: ends.message }
        : { logStartOffset: ends.logStartOffset, lastStableOffset: ends.lastStableOffset, highWatermark: ends.highWatermark, logEndOffset: ends.logEndOffset }
      return {
        partition: index, leader, leaderEpoch, partitionEpoch, replicas, inSyncReplicas, eligibleReplicas, addingReplicas, removingReplicas,
        ...shardBody(partition), ...offsets,
      }
    })),
  }
}

/** Null for a caller who may describe the topic but not its configs. */
async function configsBody({ admin, access }: Parts, caller: Caller, topic: Topic): Promise<object | null> {
  if (!access.wouldAllow(caller, 'describe-configs', 'topic', topic.name)) return null
  const entries = orRefuse(await admin.describeConfigs({ type: 'topic', name: topic.name }))
  return Object.fromEntries(entries.map(entry => [entry.name, { value: entry.sensitive ? null : entry.value, source: entry.source }]))
}
