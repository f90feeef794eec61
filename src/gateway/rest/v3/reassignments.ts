// v3, reassignments under way: of the cluster, a topic or one partition. DESCRIBE on the cluster, as for ListPartitionReassignments.
import type { Router } from 'express'
import type { Access, Admin, PartitionRef, ReassignmentUnderWay } from '../../../ports.ts'
import { callerOf, expectOnCluster } from '../../callers.ts'
import { allowOnly } from '../../problem.ts'
import { cannotBeFound, unknownTopicOrPartition } from './refusals.ts'
import { partitionOf } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

/** `/v3/clusters/{c}/topics/{t or -}/partitions/{p or -}/reassignment`. */
export function reassignmentRoutes(router: Router, { admin, access }: { readonly admin: Admin; readonly access: Access }): void {
  const underWay = async (partitions: readonly PartitionRef[] | null): Promise<readonly ReassignmentUnderWay[]> =>
    (await admin.reassignments(partitions)).toSorted((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))

  router.route('/v3/clusters/:cluster/topics/-/partitions/-/reassignment')
    .get(async (_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const place = placeOf(response)
      const data = (await underWay(null)).map(one => reassignmentData(place, one))
      response.json(place.collection('KafkaReassignmentList', ['topics', '-', 'partitions', '-', 'reassignment'], data))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/partitions/-/reassignment')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const place = placeOf(response)
      const [topic] = await admin.topics([request.params.topic])
      if (topic === undefined) throw unknownTopicOrPartition()
      const data = (await underWay(topic.partitions.map(({ index }) => ({ topic: topic.name, partition: index })))).map(one => reassignmentData(place, one))
      response.json(place.collection('KafkaReassignmentList', ['topics', topic.name, 'partitions', '-', 'reassignment'], data))
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster/topics/:topic/partitions/:partition/reassignment')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const [topic] = await admin.topics([request.params.topic])
      if (topic === undefined) throw unknownTopicOrPartition()
      const { index } = partitionOf(topic, request.params.partition)
      const [one] = await underWay([{ topic: topic.name, partition: index }])
      if (one === undefined) throw cannotBeFound(`A reassignment of partition ${topic.name}-${index}`)
      response.json(reassignmentData(placeOf(response), one))
    })
    .all(allowOnly('GET'))
}

function reassignmentData(place: Place, { topic, partition, addingReplicas, removingReplicas }: ReassignmentUnderWay): object {
  const path = ['topics', topic, 'partitions', partition]
  return {
    ...place.resource('KafkaReassignment', { path: [...path, 'reassignment'], name: ['topic', topic, 'partition', partition, 'reassignment'] }),
    cluster_id: place.clusterId,
    topic_name: topic,
    partition_id: partition,
    adding_replicas: addingReplicas,
    removing_replicas: removingReplicas,
    replicas: place.related(...path, 'replicas'),
  }
}
