// v3, partitions of a topic, and where the log of each begins and ends. DESCRIBE on the topic, as for Metadata and ListOffsets.
import type { Request, Router } from 'express'
import type { Access, Admin, Logs, Partition, Topic } from '../../../ports.ts'
import { allowOnly } from '../../problem.ts'
import { badParameter, textParameter } from '../../query.ts'
import { orRefuseV3 } from './refusals.ts'
import { partitionOf, topicOf } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

/** What stands where an offset was not asked for: the number by which Kafka means none. */
const notAsked = -1

/** `/v3/clusters/{c}/topics/{t}/partitions[/{p}[/offset]]`. */
export function partitionRoutes(router: Router, parts: { readonly admin: Admin; readonly access: Access; readonly logs: Logs }): void {
  router.route('/v3/clusters/:cluster/topics/:topic/partitions')
    .get(async (request, response) => {
      const place = placeOf(response)
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      const data = topic.partitions.map(partition => partitionData(place, topic, partition))
      response.json(place.collection('KafkaPartitionList', ['topics', topic.name, 'partitions'], data))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/partitions/:partition')
    .get(async (request, response) => {
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      response.json(partitionData(placeOf(response), topic, partitionOf(topic, request.params.partition)))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/partitions/:partition/offset')
    .get(async (request, response) => {
      const place = placeOf(response)
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      const { index } = partitionOf(topic, request.params.partition)
      const wanted = textParameter(request as Request, 'offset_type')?.toLowerCase()
      if (wanted !== undefined && wanted !== 'earliest' && wanted !== 'latest') throw badParameter('offset_type', `must be earliest or latest, not '${wanted.slice(0, 32)}'`)
      const ends = orRefuseV3(await parts.logs.ends({ topic: topic.name, partition: index }))
      response.json({
        ...place.resource('KafkaPartitionWithOffsets', {
          path: ['topics', topic.name, 'partitions', index, 'offset'],
          name: ['topic', topic.name, 'partition', index, 'offset'],
        }),
        cluster_id: place.clusterId,
        topic_name: topic.name,
        partition_id: index,
        earliest_offset: wanted === 'latest' ? notAsked : ends.logStartOffset,
        latest_offset: wanted === 'earliest' ? notAsked : ends.highWatermark,
      })
    })
    .all(allowOnly('GET'))
}

function partitionData(place: Place, { name }: Topic, { index, leader }: Partition): object {
  const path = ['topics', name, 'partitions', index]
  return {
    ...place.resource('KafkaPartition', { path, name: ['topic', name, 'partition', index] }),
    cluster_id: place.clusterId,
    topic_name: name,
    partition_id: index,
    ...leader >= 0 && { leader: place.related(...path, 'replicas', leader) },
    replicas: place.related(...path, 'replicas'),
    reassignment: place.related(...path, 'reassignment'),
  }
}
