// What lies in a broker's data directories, and moving a replica from one of them to another.
import { Router } from 'express'
import type { Access, Admin, Brokers, LogDirectory } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { brokerOf } from './brokers.ts'
import { recordChange } from './changes.ts'
import { bodyObject, partitionRef, text } from './members.ts'

const bodyBytesMax = 16 * 1024

interface Parts {
  readonly brokers: Brokers
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/**
 * `GET /admin/brokers/{id}/log-dirs` → `{directories: [{path, failed, totalBytes, usableBytes, limitBytes, replicas: [{topic, partition, bytes, lag, isFuture}]}]}`;
 * `POST /admin/brokers/{id}/log-dirs/move` of `{topic, partition, path}` → 202 once the move has begun; the copy is listed with `isFuture` until it has caught up.
 * DESCRIBE and ALTER on the cluster.
 */
export function logDirectoryRoutes({ brokers, admin, access, audit, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  router.route('/admin/brokers/:id/log-dirs')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const { id } = await brokerOf(brokers, request.params.id)
      response.json({ directories: orRefuse(await admin.logDirectories(id, null)).map(directoryBody) })
    })
    .all(allowOnly('GET'))

  router.route('/admin/brokers/:id/log-dirs/move')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const { id } = await brokerOf(brokers, request.params.id)
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['topic', 'partition', 'path'])
      const at = partitionRef(body, '')
      const path = text(body['path'], 'path')
      const paths = orRefuse(await admin.logDirectories(id, [])).map(one => one.path)
      if (!paths.includes(path)) throw new Problem(404, `Broker ${id} has no data directory '${path.slice(0, 256)}'; it has ${paths.join(', ')}`)
      orRefuse(await admin.moveReplica(id, at, path))
      recordChange(audit, caller, { operation: 'move-replica', resource: `topic:${at.topic}`, reason: `partition ${at.partition} of broker ${id} → ${path}` })
      response.status(202).json({ broker: id, ...at, path })
    })
    .all(allowOnly('POST'))

  return router
}

function directoryBody({ path, failed, totalBytes, usableBytes, limitBytes, replicas }: LogDirectory): object {
  return { path, failed: failed ?? null, totalBytes, usableBytes, limitBytes: limitBytes ?? null, replicas }
}
