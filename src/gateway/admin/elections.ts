// Elections on demand: back to the preferred leaders, or, where nothing else is left, of a replica that may lack records.
import { Router } from 'express'
import { Refusal, type Access, type Admin } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { bodyObject, choice, list, member, partitionRef } from './members.ts'
import { errorBody } from './reassignments.ts'

const bodyBytesMax = 1024 * 1024
const partitionsPerRequestMax = 10_000
const kinds = ['preferred', 'unclean'] as const

/**
 * `POST /admin/elections` of `{kind: "preferred" | "unclean", partitions?: [{topic, partition}]}` → 200 with `{partitions: [{topic, partition, elected, error}]}`; neither elected
 * nor an error: it was led as wanted before. Without `partitions` all are tried and those that changed are answered. 207 where some were refused.
 * ALTER on the cluster.
 */
export function electionRoutes({ admin, access, audit, budget }: { admin: Admin; access: Access; audit: Audit; budget: BodyBudget }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/elections')
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['kind', 'partitions'])
      const kind = choice(body['kind'], kinds, 'kind')
      const wanted = body['partitions'] === undefined ? null : list(body['partitions'], 'partitions', {
        max: partitionsPerRequestMax, element: (value, name) => partitionRef(member(value, name, ['topic', 'partition']), name),
      })
      const results = orRefuse(await admin.electLeaders(kind, wanted)).map(({ topic, partition, refusal }) => {
        const failure = refusal?.code === 'election-not-needed' ? null : refusal
        return { topic, partition, elected: refusal === null, failure }
      })
      // Each partition stands alone; a request of one is refused as a whole.
      if (wanted?.length === 1) orRefuse(results[0]?.failure)
      for (const [topic, elected] of Map.groupBy(results.filter(one => one.elected), one => one.topic)) {
        recordChange(audit, caller, { operation: 'elect-leaders', resource: `topic:${topic}`, reason: `${kind}, of partitions ${elected.map(one => one.partition).join(', ')}` })
      }
      response.status(results.some(one => one.failure instanceof Refusal) ? 207 : 200)
      response.json({ partitions: results.map(({ failure, ...one }) => ({ ...one, error: errorBody(failure) })) })
    })
    .all(allowOnly('POST'))
  return router
}
