// Access keys for the Kinesis API: each signs as one principal. The secret is shown once, to whoever made the key, and never again.
import { Router } from 'express'
import type { Access, AccessKey, AccessKeys, Caller } from '../../ports.ts'
import { newAccessKey, sessionSecondsMax } from '../../security/access-keys.ts'
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
 * `GET /admin/access-keys` → `{accessKeys: [{id, principal, createdAt, expiresAt}]}`; `POST` of `{principal: "User:CN=alice"}` → 201 with `secret`, and of
 * `{principal, durationSeconds}` → 201 with `secret` and `sessionToken` of a temporary key; `DELETE /admin/access-keys/{id}` → 204. DESCRIBE and ALTER on the cluster.
 */
export function accessKeyRoutes(parts: AccessKeyParts): Router {
  const { access, accessKeys, audit, clock, random, budget } = parts
  const router = Router({ caseSensitive: true, strict: true })
  const changed = (by: Caller, operation: string, key: AccessKey): void => audit.record({
    kind: 'credential', outcome: 'allowed', principal: formatPrincipal(by.principal), host: by.host, operation, resource: `access-key:${key.id}`,
    reason: `signs as ${formatPrincipal(key.principal)}${key.session === undefined ? '' : ` until ${new Date(key.session.expiresAtMs).toISOString()}`}`,
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
      const { principal: name, durationSeconds } = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['principal', 'durationSeconds'])
      const principal = parsePrincipal(text(name, 'principal'))
      if (principal === undefined) throw wrongMember('principal', `must be written Type:name, as in User:CN=alice, not '${String(name).slice(0, 64)}'`)
      const key = newAccessKey(random, { principal, nowMs: clock.now(), durationSeconds: duration(durationSeconds) })
      orRefuse(await accessKeys.add(key))
      changed(caller, 'create-access-key', key)
      response.status(201).set('cache-control', 'no-store').json({ ...shown(key), secret: key.secret, ...(key.session === undefined ? {} : { sessionToken: key.session.token }) })
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

function duration(seconds: unknown): number | undefined {
  if (seconds === undefined) return undefined
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 1 && seconds <= sessionSecondsMax) return seconds
  throw wrongMember('durationSeconds', `must be a whole number from 1 to ${sessionSecondsMax} (36 hours), not ${JSON.stringify(seconds).slice(0, 64)}`)
}

/** A key without its secret and its token. */
function shown({ id, principal, createdAtMs, session }: AccessKey): object {
  const expires = session === undefined ? {} : { expiresAt: new Date(session.expiresAtMs).toISOString() }
  return { id, principal: formatPrincipal(principal), createdAt: new Date(createdAtMs).toISOString(), ...expires }
}
