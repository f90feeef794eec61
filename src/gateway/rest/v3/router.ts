// The REST proxy API v3: everything below `/v3/clusters/{c}`, one file per kind of resource; one router for records, one for what describes and administers the cluster.
import { Router, type ErrorRequestHandler } from 'express'
import type { Access, Admin, Brokers, Groups, Logs } from '../../../ports.ts'
import type { Audit } from '../../../security/audit.ts'
import type { BodyBudget } from '../../body.ts'
import { Problem } from '../../problem.ts'
import { aclRoutes } from './acls.ts'
import { brokerConfigRoutes } from './broker-configs.ts'
import { brokerRoutes } from './brokers.ts'
import { clusterRoutes } from './clusters.ts'
import { consumerGroupRoutes } from './consumer-groups.ts'
import { lagRoutes } from './consumer-lags.ts'
import { partitionRoutes } from './partitions.ts'
import { reassignmentRoutes } from './reassignments.ts'
import { cannotBeFound } from './refusals.ts'
import { recordBatchRoutes } from './records-batch.ts'
import { type RecordParts, recordRoutes } from './records.ts'
import { replicaRoutes } from './replicas.ts'
import { Place, setPlace } from './resource.ts'
import { topicConfigRoutes } from './topic-configs.ts'
import { topicRoutes } from './topics.ts'

export interface V3Parts {
  readonly admin: Admin
  readonly brokers: Brokers
  readonly groups: Groups
  readonly logs: Logs
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

export function v3Routes(parts: V3Parts): Router {
  const router = v3Router(parts.admin)
  clusterRoutes(router, parts)
  aclRoutes(router, parts)
  // Before what takes a name: `-` stands for all.
  brokerConfigRoutes(router, parts)
  brokerRoutes(router, parts)
  consumerGroupRoutes(router, parts)
  lagRoutes(router, parts)
  topicConfigRoutes(router, parts)
  reassignmentRoutes(router, parts)
  partitionRoutes(router, parts)
  replicaRoutes(router, parts)
  topicRoutes(router, parts)
  router.use(wrongMembersAreBadRequests)
  return router
}

export function v3RecordRoutes(parts: RecordParts): Router {
  const router = v3Router(parts.admin)
  recordRoutes(router, parts)
  recordBatchRoutes(router, parts)
  return router
}

/** A router whose paths below `/v3/clusters/:cluster` are there for the one cluster only; the others are 404. */
function v3Router(admin: Admin): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.param('cluster', async (request, response, next, id: string) => {
    const cluster = await admin.cluster()
    if (cluster.id !== id) throw cannotBeFound(`Cluster ${id.slice(0, 64)}`)
    setPlace(response, new Place(request, id))
    next()
  })
  return router
}

/** A member that is wrong is 422 elsewhere in the gateway; v3's clients know 400. */
const wrongMembersAreBadRequests: ErrorRequestHandler = (error: unknown, _request, _response, next) => {
  if (!(error instanceof Problem) || error.status !== 422 || error.errorCode !== 422) return next(error)
  next(new Problem(400, error.message, { details: error.details }))
}
