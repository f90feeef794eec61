// Every replica of a topic as its own broker sees it: how far its log goes, what of it is on disk, what consumers may see.
import { Router } from 'express'
import { clusterResource, type Access, type Admin, type Partition, type ReplicaStatus } from '../../ports.ts'
import { callerOf, topicFor } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { orRefuse } from '../refusals.ts'

/**
 * `GET /admin/topics/{t}/replicas` → `{topic, id, partitions: [{partition, leader, leaderEpoch, partitionEpoch, inSyncReplicas, addingReplicas, removingReplicas, replicas:
 * [{broker, role, isInSync, logStartOffset, lastStableOffset, highWatermark, logEndOffset, durableOffset}]}]}`; the offsets of a replica whose broker is down are null and its
 * role is `offline`. For who may DESCRIBE the cluster or the topic.
 */
export function replicaRoutes({ admin, access }: { admin: Admin; access: Access }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/topics/:topic/replicas')
    .get(async (request, response) => {
      const caller = callerOf(response)
      const name = request.params.topic
      // Either right will do; only the lack of both is worth a line in the audit log.
      const [topic] = access.wouldAllow(caller, 'describe', 'cluster', clusterResource)
        ? await admin.topics([name])
        : [await topicFor({ admin, access }, caller, 'describe', name)]
      if (topic === undefined) throw new Problem(404, `Topic '${name}' not found.`, { errorCode: 40401 })
      const statuses = Map.groupBy(orRefuse(await admin.replicas(name)), one => one.partition)
      response.json({ topic: name, id: topic.id, partitions: topic.partitions.map(one => partitionBody(one, statuses.get(one.index) ?? [])) })
    })
    .all(allowOnly('GET'))
  return router
}

function partitionBody(partition: Partition, statuses: readonly ReplicaStatus[]): object {
  const { index, leader, leaderEpoch, partitionEpoch, replicas, inSyncReplicas, addingReplicas, removingReplicas } = partition
  return {
    partition: index, leader, leaderEpoch, partitionEpoch, inSyncReplicas, addingReplicas, removingReplicas,
    replicas: replicas.map(broker => {
      const status = statuses.find(one => one.brokerId === broker)
      return {
        broker, role: status?.role ?? 'offline', isInSync: inSyncReplicas.includes(broker),
        logStartOffset: status?.logStartOffset ?? null, lastStableOffset: status?.lastStableOffset ?? null, highWatermark: status?.highWatermark ?? null,
        logEndOffset: status?.logEndOffset ?? null, durableOffset: status?.durableOffset ?? null,
      }
    }),
  }
}
