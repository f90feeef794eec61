// ACL bindings over HTTP: list, add, remove. The authorizer decides who may (DESCRIBE and ALTER on the cluster) and audits every change.
import { Router, type Request } from 'express'
import { Refusal, type Access, type AclBinding, type AclFilter } from '../../ports.ts'
import { readBody, type BodyBudget } from '../body.ts'
import { callerOf, expectOnCluster } from '../callers.ts'
import { expectBody } from '../rest/media-types.ts'
import { allowOnly } from '../problem.ts'
import { textParameter } from '../query.ts'
import { answerTo, orRefuse } from '../refusals.ts'
import { bodyObject, choice, text, wrongMember } from './members.ts'

const bodyBytesMax = 64 * 1024
const bindingsPerRequestMax = 1000

const operations = [
  'all', 'read', 'write', 'create', 'delete', 'alter', 'describe', 'cluster-action', 'describe-configs', 'alter-configs', 'idempotent-write',
] as const
const resourceTypes = ['topic', 'group', 'cluster', 'transactional-id', 'subject', 'tag'] as const
const permissions = ['allow', 'deny'] as const
const patternTypes = ['literal', 'prefixed'] as const

/**
 * `GET /admin/acls?principal=&host=&operation=&permission=&resourceType=&resourceName=&patternType=` → `{acls: […]}`;
 * `POST` of `{acls: [{principal, host, operation, permission, resourceType, resourceName, patternType}]}` → 201;
 * `DELETE` with the filters of GET → `{deleted: […]}`; at least one filter is needed.
 */
export function aclRoutes({ access, budget }: { access: Access; budget: BodyBudget }): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/admin/acls')
    .get((request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      response.json({ acls: access.list(filterOf(request)) })
    })
    .post(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      expectBody(request)
      const bindings = bindingsOf(bodyObject(await readBody(request, response, { bytesMax: bodyBytesMax, budget }), ['acls'])['acls'])
      const outcomes = await access.create(bindings, caller)
      const results = bindings.map((binding, index) => {
        const refusal = outcomes[index] ?? null
        return { ...binding, error: refusal === null ? null : { error_code: answerTo(refusal).errorCode, message: refusal.message } }
      })
      // Each binding stands alone; a request of one is refused as a whole.
      const refused = outcomes.find(outcome => outcome instanceof Refusal)
      if (refused instanceof Refusal && outcomes.length === 1) orRefuse(refused)
      response.status(refused === undefined ? 201 : 207).json({ acls: results })
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const filter = filterOf(request)
      if (Object.keys(filter).length === 0) {
        throw wrongMember('filter', 'at least one of principal, host, operation, permission, resourceType, resourceName must be given')
      }
      const removed = await access.delete([filter], caller)
      response.json({ deleted: removed.flat() })
    })
    .all(allowOnly('GET', 'POST', 'DELETE'))
  return router
}

function filterOf(request: Request): AclFilter {
  const filter: Record<string, string> = {}
  for (const name of ['principal', 'host', 'resourceName'] as const) {
    const value = textParameter(request, name)
    if (value !== undefined) filter[name] = value
  }
  const choices = { operation: operations, permission: permissions, resourceType: resourceTypes, patternType: [...patternTypes, 'match'] } as const
  for (const [name, allowed] of Object.entries(choices)) {
    const value = textParameter(request, name)
    if (value !== undefined) filter[name] = choice(value, allowed, name)
  }
  return filter
}

function bindingsOf(value: unknown): AclBinding[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > bindingsPerRequestMax) {
    throw wrongMember('acls', `must be a list of 1 to ${bindingsPerRequestMax} bindings`)
  }
  return value.map((element: unknown, index): AclBinding => {
    const at = (name: string): string => `acls[${index}].${name}`
    if (typeof element !== 'object' || element === null) throw wrongMember(`acls[${index}]`, 'must be an object')
    const member = element as Record<string, unknown>
    return {
      principal: text(member['principal'], at('principal')),
      host: member['host'] === undefined ? '*' : text(member['host'], at('host')),
      operation: choice(member['operation'], operations, at('operation')),
      permission: member['permission'] === undefined ? 'allow' : choice(member['permission'], permissions, at('permission')),
      resourceType: choice(member['resourceType'], resourceTypes, at('resourceType')),
      resourceName: text(member['resourceName'], at('resourceName')),
      patternType: member['patternType'] === undefined ? 'literal' : choice(member['patternType'], patternTypes, at('patternType')),
    }
  })
}
