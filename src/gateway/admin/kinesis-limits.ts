// The limits of the Kinesis API while it runs: AWS's, none, or troubles on purpose for clients to be tried with.
import { Router } from 'express'
import { type ChaosSettings, type Trouble, delayMsMax, seedMax } from '../../kinesis/chaos.ts'
import { type Limits, type LimitsSettings, limitsProfiles } from '../../kinesis/limits.ts'
import { isOperation } from '../../kinesis/rates.ts'
import type { Access } from '../../ports.ts'
import type { Audit } from '../../security/audit.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { expectBody } from '../rest/media-types.ts'
import { recordChange } from './changes.ts'
import { bodyObject, choice, integer, member, number, wrongMember } from './members.ts'

const bodyBytesMax = 64 * 1024
const troubleMembers = ['throttle', 'failure', 'delayMs']
const chaosMembers = [...troubleMembers, 'seed', 'failureWhen', 'limits', 'operations']

interface Parts {
  readonly limits: Limits
  readonly access: Access
  readonly audit: Audit
  readonly budget: BodyBudget
}

/**
 * `GET /admin/kinesis/limits` → `{profile, isEnforced, chaos, troubles: [{operation, kind, count}]}`, DESCRIBE on the cluster;
 * `PUT` of `{profile, chaos?}` → 200 with the same, ALTER on the cluster. Members of `chaos` that are left out stay as they are; the draws begin anew from the seed. Holds until
 * the process ends.
 */
export function kinesisLimitsRoutes({ limits, access, audit, budget }: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/kinesis/limits')
    .get((_request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json(bodyOf(limits))
    })
    .put(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      expectBody(request)
      const body = bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['profile', 'chaos'])
      const settings: LimitsSettings = { profile: choice(body['profile'], limitsProfiles, 'profile'), chaos: chaosOf(body['chaos'], limits.settings.chaos) }
      limits.change(settings)
      const reason = settings.profile === 'chaos' ? `chaos ${JSON.stringify(settings.chaos)}` : settings.profile
      recordChange(audit, caller, { operation: 'alter-kinesis-limits', resource: 'kinesis:limits', reason })
      response.json(bodyOf(limits))
    })
    .all(allowOnly('GET', 'PUT'))
  return router
}

function bodyOf({ settings, isEnforced, troubles }: Limits): object {
  const counted = [...troubles].map(([name, count]) => {
    const [operation, kind] = name.split(' ')
    return { operation, kind, count }
  })
  return { ...settings, isEnforced, troubles: counted }
}

function chaosOf(value: unknown, before: ChaosSettings): ChaosSettings {
  if (value === undefined) return before
  const given = member(value, 'chaos', chaosMembers)
  return {
    ...before,
    ...troubleOf(given, 'chaos'),
    seed: integer(given['seed'], 'chaos.seed', { min: 0, max: seedMax, fallback: before.seed }),
    failureWhen: given['failureWhen'] === undefined ? before.failureWhen : choice(given['failureWhen'], ['before', 'after'], 'chaos.failureWhen'),
    limits: given['limits'] === undefined ? before.limits : choice(given['limits'], ['aws', 'off'], 'chaos.limits'),
    operations: given['operations'] === undefined ? before.operations : operationsOf(given['operations']),
  }
}

function operationsOf(value: unknown): ChaosSettings['operations'] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongMember('chaos.operations', 'must be an object')
  return Object.fromEntries(Object.entries(value).map(([name, trouble]) => {
    if (!isOperation(name)) throw wrongMember(`chaos.operations.${name.slice(0, 64)}`, 'is no operation of Kinesis; names are as in PutRecords')
    const path = `chaos.operations.${name}`
    return [name, troubleOf(member(trouble, path, troubleMembers), path)]
  }))
}

/** Only what is given. */
function troubleOf(given: Readonly<Record<string, unknown>>, path: string): Partial<Trouble> {
  const maxima = { throttle: 1, failure: 1, delayMs: delayMsMax }
  return Object.fromEntries(Object.entries(maxima).filter(([name]) => given[name] !== undefined).map(([name, max]) => {
    return [name, number(given[name], `${path}.${name}`, { min: 0, max })]
  }))
}
