// Access keys for the Kinesis API: each signs as one principal. The secret is shown once, to whoever made the key, and never again.
import { Router } from 'express'
import type { Access, AccessKey, AccessKeys, Caller } from '../../ports.ts'
import { newKeyPair } from '../../security/admin-key.ts'
import type { Audit } from '../../security/audit.ts'
import { formatPrincipal, parsePrincipal } from '../../security/principal.ts'
import type { Clock, Random } from '../../world/world.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { bodyObject, text, wrongMember } from './members.ts'

const bodyBytesMax = 16 * 1024

export interface AccessKeyParts {
  readonly access: Access
  readonly accessKeys: AccessKeys
  readonly audit: Audit
  readonly clock: Clock
  readonly random: Random
  readonly budget: BodyBudget
}

/**
 * `GET /admin/access-keys` → `{accessKeys: [{id, principal, createdAt}]}`; `POST` of `{principal: "User:CN=alice"}` → 201 with `secret`;
 * `DELETE /admin/access-keys/{id}` → 204. DESCRIBE and ALTER on the cluster.
 */
export function accessKeyRoutes(parts: AccessKeyParts): Router {
  const { access, accessKeys, audit, clock, random, budget } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const changed = (by: Caller, operation: string, key: AccessKey): void => audit.record({
    kind: 'credential', outcome: 'allowed', principal: formatPrincipal(by.principal), host: by.host, operation, resource: `access-key:${key.id}`,
    reason: `signs as ${formatPrincipal(key.principal)}`,
  })

  router.route('/admin/access-keys')
    .get((_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json({ accessKeys: accessKeys.all().map(shown) })
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      expectBody(request)
      const { principal: name } = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['principal'])
      const principal = parsePrincipal(text(name, 'principal'))
      if (principal === undefined) throw wrongMember('principal', `must be written Type:name, as in User:CN=alice, not '${String(name).slice(0, 64)}'`)
      const key: AccessKey = { ...newKeyPair(random), principal, createdAtMs: clock.now() }
      orRefuse(await accessKeys.add(key))
      changed(caller, 'create-access-key', key)
      response.status(201).set('cache-control', 'no-store').json({ ...shown(key), secret: key.secret })
    })
    .all(allowOnly('GET', 'POST'))

  router.route('/admin/access-keys/:id')
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const key = accessKeys.find(request.params.id)
      orRefuse(await accessKeys.remove(request.params.id))
      if (key !== undefined) changed(caller, 'delete-access-key', key)
      response.status(204).end()
    })
    .all(allowOnly('DELETE'))

  return router
}

/** A key without its secret. */
function shown(key: AccessKey): object {
  return { id: key.id, principal: formatPrincipal(key.principal), createdAt: new Date(key.createdAtMs).toISOString() }
}
