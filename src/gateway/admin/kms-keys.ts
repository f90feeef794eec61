// The keys of the local keyring, under KMS's names: what there is, and what becomes of them. Their bytes are shown to nobody.
import { Router } from 'express'
import { type Access, type Admin, type Caller, keyIdConfig, type Refusal } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { deletionDaysMax, deletionDaysMin, type KmsKey, type KmsKeys } from '../../security/kms-keys.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly, Problem } from '../problem.ts'
import { integerParameter } from '../query.ts'
import { orRefuse } from '../refusals.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { bodyObject, text } from './members.ts'

const bodyBytesMax = 64 * 1024

interface Parts {
  readonly kms: KmsKeys
  readonly admin: Admin
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/**
 * `GET /admin/kms-keys` → `{kmsKeys: [{id, arn, description, state, createdAt, deletionAt, isManaged, aliases, topics}]}`, where `topics` put new records under the key;
 * `POST` of `{description?, alias?}` → 201. `{key}` is an id, an alias or the ARN of either, percent-encoded: `GET /admin/kms-keys/{key}`;
 * `POST …/{key}/enable`, `…/disable`, `…/cancel-deletion`; `DELETE …/{key}?days=7` schedules its deletion; `PUT` and `DELETE …/{key}/aliases/{alias}`.
 * DESCRIBE and ALTER on the cluster.
 */
export function kmsKeyRoutes({ kms, admin, access, audit, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })

  const shown = async (keys: readonly KmsKey[]): Promise<object[]> => {
    const topics = (await admin.topics()).filter(({ configs }) => configs.has(keyIdConfig))
    return keys.map(({ id, description, state, createdAtMs, deletionAtMs, isManaged, aliases }) => ({
      id, arn: kms.arnOf(id), description, state, createdAt: new Date(createdAtMs).toISOString(),
      deletionAt: deletionAtMs === undefined ? null : new Date(deletionAtMs).toISOString(), isManaged, aliases,
      topics: topics.filter(({ configs }) => configs.get(keyIdConfig) === id).map(({ name }) => name),
    }))
  }
  const find = (name: string): KmsKey => {
    const key = kms.find(name)
    if ('fault' in key) throw new Problem(404, key.fault === 'not-found' ? key.message : `'${name}' is the ARN of another account`)
    return key
  }
  /** Makes a change and writes it down; the key as it is then. */
  const changed = async (by: Caller, operation: string, key: Promise<KmsKey | Refusal>, reason?: string): Promise<object> => {
    const after = orRefuse(await key)
    recordChange(audit, by, { operation, resource: `kms-key:${after.id}`, ...reason !== undefined && { reason } })
    return (await shown([after]))[0]!
  }
  const mayAlter = (caller: Caller): Caller => {
    expectOnCluster(access, caller, 'alter')
    return caller
  }

  router.route('/admin/kms-keys')
    .get(async (_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json({ kmsKeys: await shown(kms.all()) })
    })
    .post(async (request, response) => {
      const caller = mayAlter(callerOf(response))
      expectBody(request)
      const { description, alias } = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['description', 'alias'])
      const wanted = { ...description !== undefined && { description: text(description, 'description') }, ...alias !== undefined && { alias: text(alias, 'alias') } }
      response.status(201).json(await changed(caller, 'create-kms-key', kms.create(wanted), wanted.alias))
    })
    .all(allowOnly('GET', 'POST'))

  router.route('/admin/kms-keys/:key')
    .get(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json((await shown([find(request.params.key)]))[0])
    })
    .delete(async (request, response) => {
      const caller = mayAlter(callerOf(response))
      const days = integerParameter(request, 'days', { min: deletionDaysMin, max: deletionDaysMax, fallback: deletionDaysMax })
      response.json(await changed(caller, 'schedule-kms-key-deletion', kms.scheduleDeletion(find(request.params.key).id, days), `in ${days} days`))
    })
    .all(allowOnly('GET', 'DELETE'))

  const actions = { enable: kms.enable, disable: kms.disable, 'cancel-deletion': kms.cancelDeletion } as const
  for (const [action, change] of Object.entries(actions)) {
    router.route(`/admin/kms-keys/:key/${action}`)
      .post(async (request, response) => {
        const caller = mayAlter(callerOf(response))
        const { id } = find(request.params.key)
        response.json(await changed(caller, action === 'cancel-deletion' ? 'cancel-kms-key-deletion' : `${action}-kms-key`, change.call(kms, id)))
      })
      .all(allowOnly('POST'))
  }

  router.route('/admin/kms-keys/:key/aliases/:alias')
    .put(async (request, response) => {
      const caller = mayAlter(callerOf(response))
      const { key, alias } = request.params
      response.json(await changed(caller, 'add-kms-alias', kms.addAlias(find(key).id, alias), alias))
    })
    .delete(async (request, response) => {
      const caller = mayAlter(callerOf(response))
      const { key, alias } = request.params
      response.json(await changed(caller, 'remove-kms-alias', kms.removeAlias(find(key).id, alias), alias))
    })
    .all(allowOnly('PUT', 'DELETE'))

  return router
}
