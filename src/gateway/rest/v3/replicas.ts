// v3, replicas: where a partition's copies are, who leads and who is in sync. DESCRIBE on the topic, as for Metadata.
import type { Router } from 'express'
import type { Access, Admin, Partition, Topic } from '../../../ports.ts'
import { allowOnly } from '../../problem.ts'
import { cannotBeFound } from './refusals.ts'
import { partitionOf, topicOf } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

/** `/v3/clusters/{c}/topics/{t}/partitions/{p}/replicas[/{b}]`. */
export function replicaRoutes(router: Router, parts: { readonly admin: Admin; readonly access: Access }): void {
  router.route('/v3/clusters/:cluster/topics/:topic/partitions/:partition/replicas')
    .get(async (request, response) => {
      const place = placeOf(response)
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      const partition = partitionOf(topic, request.params.partition)
      const data = partition.replicas.map(id => replicaData(place, topic, partition, id))
      response.json(place.collection('KafkaReplicaList', ['topics', topic.name, 'partitions', partition.index, 'replicas'], data))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/partitions/:partition/replicas/:broker')
    .get(async (request, response) => {
      const topic = await topicOf(parts, response, 'describe', request.params.topic)
      const partition = partitionOf(topic, request.params.partition)
      const id = partition.replicas.find(one => String(one) === request.params.broker)
      if (id === undefined) throw cannotBeFound(`Replica ${request.params.broker.slice(0, 32)} of partition ${topic.name}-${partition.index}`)
      response.json(replicaData(placeOf(response), topic, partition, id))
    })
    .all(allowOnly('GET'))
}

export function replicaData(place: Place, topic: Topic, partition: Partition, id: number): object {
  return {
    ...place.resource('KafkaReplica', {
      path: ['topics', topic.name, 'partitions', partition.index, 'replicas', id],
      name: ['topic', topic.name, 'partition', partition.index, 'replica', id],
    }),
    cluster_id: place.clusterId,
    topic_name: topic.name,
    partition_id: partition.index,
    broker_id: id,
    is_leader: partition.leader === id,
    is_in_sync: partition.inSyncReplicas.includes(id),
    broker: place.related('brokers', id),
  }
}
