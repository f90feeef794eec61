// v3, clusters: the one there is. As Kafka's DescribeCluster, for whoever got this far.
import type { Router } from 'express'
import type { Admin, Cluster } from '../../../ports.ts'
import { allowOnly } from '../../problem.ts'
import { originOf } from '../origin.ts'
import { Place, placeOf } from './resource.ts'

/** `GET /v3/clusters` and `/v3/clusters/{c}`. */
export function clusterRoutes(router: Router, { admin }: { readonly admin: Admin }): void {
  router.route('/v3/clusters')
    .get(async (request, response) => {
      const cluster = await admin.cluster()
      response.json({
        kind: 'KafkaClusterList',
        metadata: { self: `${originOf(request)}/v3/clusters`, next: null },
        data: [clusterData(new Place(request, cluster.id), cluster)],
      })
    })
    .all(allowOnly('GET'))

  router.route('/v3/clusters/:cluster')
    .get(async (_request, response) => {
      response.json(clusterData(placeOf(response), await admin.cluster()))
    })
    .all(allowOnly('GET'))
}

function clusterData(place: Place, { controllerId }: Cluster): object {
  return {
    ...place.resource('KafkaCluster', { path: [], name: [] }),
    cluster_id: place.clusterId,
    ...controllerId >= 0 && { controller: place.related('brokers', controllerId) },
    acls: place.related('acls'),
    brokers: place.related('brokers'),
    broker_configs: place.related('broker-configs'),
    consumer_groups: place.related('consumer-groups'),
    topics: place.related('topics'),
    partition_reassignments: place.related('topics', '-', 'partitions', '-', 'reassignment'),
  }
}
