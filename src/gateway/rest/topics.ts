// REST proxy v2, metadata: topics, their partitions and offsets, and brokers, in the shapes of Confluent's REST proxy. What the caller may not
// describe is not there.
import { Router, type Request, type RequestHandler, type Response } from 'express'
import type { Access, Admin, Logs, Partition, Topic } from '../../ports.ts'
import { callerOf, describableTopics, partitionOf, topicFor } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { orRefuse } from '../refusals.ts'
import { plainAnswerType } from './media-types.ts'

/**
 * `GET /topics`, `/topics/{t}`, `/topics/{t}/partitions[/{p}[/offsets]]` and `/brokers`. The POST of `/topics/{t}` and of
 * `/topics/{t}/partitions/{p}` is `produce`, because both share the path.
 */
export function topicRoutes(parts: { logs: Logs; admin: Admin; access: Access }, produce: RequestHandler<{ topic: string; partition?: string }>): Router {
  const { logs, admin, access } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const describe = async (request: Request<{ topic: string }>, response: Response): Promise<Topic> => {
    response.type(plainAnswerType(request as Request))
    return await topicFor(parts, callerOf(response), 'describe', request.params.topic)
  }

  router.route('/topics')
    .get(async (request, response) => {
      response.type(plainAnswerType(request))
      response.send(JSON.stringify((await describableTopics(parts, callerOf(response))).map(topic => topic.name)))
    })
    .all(allowOnly('GET'))

  router.route('/topics/:topic')
    .get(async (request, response) => {
      const topic = await describe(request, response)
      const mayReadConfigs = access.wouldAllow(callerOf(response), 'describe-configs', 'topic', topic.name)
      const configs = mayReadConfigs ? orRefuse(await admin.describeConfigs({ type: 'topic', name: topic.name })) : []
      response.send(JSON.stringify({
        name: topic.name,
        configs: Object.fromEntries(configs.filter(entry => !entry.sensitive).map(entry => [entry.name, entry.value])),
        partitions: topic.partitions.map(partitionBody),
      }))
    })
    .post(produce)
    .all(allowOnly('GET', 'POST'))

  router.route('/topics/:topic/partitions')
    .get(async (request, response) => {
      const topic = await describe(request, response)
      response.send(JSON.stringify(topic.partitions.map(partitionBody)))
    })
    .all(allowOnly('GET'))

  router.route('/topics/:topic/partitions/:partition')
    .get(async (request, response) => {
      const topic = await describe(request, response)
      response.send(JSON.stringify(partitionBody(partitionOf(topic, request.params.partition))))
    })
    .post(produce)
    .all(allowOnly('GET', 'POST'))

  router.route('/topics/:topic/partitions/:partition/offsets')
    .get(async (request, response) => {
      const topic = await describe(request, response)
      const { index } = partitionOf(topic, request.params.partition)
      const ends = orRefuse(await logs.ends({ topic: topic.name, partition: index }))
      response.send(JSON.stringify({ beginning_offset: ends.logStartOffset, end_offset: ends.highWatermark }))
    })
    .all(allowOnly('GET'))

  router.route('/brokers')
    .get(async (request, response) => {
      response.type(plainAnswerType(request))
      const cluster = await admin.cluster()
      response.send(JSON.stringify({ brokers: cluster.brokers.map(broker => broker.id) }))
    })
    .all(allowOnly('GET'))

  return router
}

function partitionBody(partition: Partition): object {
  return {
    partition: partition.index,
    leader: partition.leader,
    replicas: partition.replicas.map(broker => ({ broker, leader: broker === partition.leader, in_sync: partition.inSyncReplicas.includes(broker) })),
  }
}
