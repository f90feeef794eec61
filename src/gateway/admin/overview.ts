// One look at the whole server for its operator: brokers, topics, groups, ACLs, access keys. DESCRIBE on the cluster.
import { Router } from 'express'
import type { Access, AccessKeys, Admin, Groups, Partition, Topic } from '../../ports.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly } from '../problem.ts'

interface Parts {
  readonly admin: Admin
  readonly groups: Groups
  readonly access: Access
  readonly accessKeys: AccessKeys
  readonly startedAtMs: number
}

/** `GET /admin/overview`. */
export function overviewRoutes({ admin, groups, access, accessKeys, startedAtMs }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/overview')
    .get(async (_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const [cluster, topics, summaries] = await Promise.all([admin.cluster(), admin.topics(), groups.list()])
      const own = topics.filter(topic => !topic.internal)
      response.json({
        cluster,
        startedAt: new Date(startedAtMs).toISOString(),
        topics: own.length,
        partitions: own.reduce((sum, topic) => sum + topic.partitions.length, 0),
        internalTopics: topics.length - own.length,
        offlinePartitions: namesOf(topics, partition => partition.leader < 0),
        underReplicatedPartitions: namesOf(topics, partition => partition.inSyncReplicas.length < partition.replicas.length),
        groups: summaries,
        acls: access.list({}).length,
        accessKeys: accessKeys.all().length,
      })
    })
    .all(allowOnly('GET'))
  return router
}

/** The partitions for which `holds`, as `orders-0`. */
function namesOf(topics: readonly Topic[], holds: (partition: Partition) => boolean): string[] {
  return topics.flatMap(topic => topic.partitions.filter(holds).map(one => `${topic.name}-${one.index}`))
}
