// Who holds `__cluster_metadata`, and how far each copy is.
import { Router } from 'express'
import type { Access, Admin } from '../../ports.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly } from '../problem.ts'

/**
 * `GET /admin/quorum` → `{leaderId, leaderEpoch, highWatermark, voters: [{id, logEndOffset, lag, lastFetchAt, lastCaughtUpAt}]}`; the lag counts records behind
 * the longest copy. DESCRIBE on the cluster.
 */
export function quorumRoutes({ admin, access }: { admin: Admin; access: Access }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/quorum')
    .get(async (_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const { leaderId, leaderEpoch, highWatermark, voters } = await admin.quorum()
      const end = Math.max(highWatermark, ...voters.map(one => one.logEndOffset))
      response.json({
        leaderId, leaderEpoch, highWatermark,
        voters: voters.map(({ id, logEndOffset, lastFetchMs, lastCaughtUpMs }) => ({
          id, logEndOffset, lag: end - logEndOffset, lastFetchAt: timeOf(lastFetchMs), lastCaughtUpAt: timeOf(lastCaughtUpMs),
        })),
      })
    })
    .all(allowOnly('GET'))
  return router
}

/** ISO 8601; null for -1, unknown. */
function timeOf(ms: number): string | null {
  return ms < 0 ? null : new Date(ms).toISOString()
}
