// v3, ACLs: list, make one or many, delete. DESCRIBE and ALTER on the cluster, as for DescribeAcls, CreateAcls and DeleteAcls. Kafka's resource types only: subjects and
// tags of the schema registry stand in the same authorizer and are administered at /admin/acls.
import type { Request, Response, Router } from 'express'
import { assert } from '../../../base/assert.ts'
import type { Access, AclBinding, AclFilter, ResourceType } from '../../../ports.ts'
import { refuseBinding } from '../../../security/acl-bindings.ts'
import { list, member, text, wrongMember } from '../../admin/members.ts'
import type { BodyBudget } from '../../body.ts'
import { callerOf, expectOnCluster } from '../../callers.ts'
import { allowOnly, Problem } from '../../problem.ts'
import { textParameter } from '../../query.ts'
import { orRefuseV3 } from './refusals.ts'
import { jsonBody } from './requests.ts'
import { type Place, placeOf } from './resource.ts'

const bindingsPerRequestMax = 1_000

type KafkaResourceType = Exclude<ResourceType, 'subject' | 'tag'>

const resourceTypes = new Map<string, KafkaResourceType>([['TOPIC', 'topic'], ['GROUP', 'group'], ['CLUSTER', 'cluster'], ['TRANSACTIONAL_ID', 'transactional-id']])
const patternTypes = new Map<string, AclBinding['patternType']>([['LITERAL', 'literal'], ['PREFIXED', 'prefixed']])
const operations = new Map<string, AclBinding['operation']>([
  ['ALL', 'all'], ['READ', 'read'], ['WRITE', 'write'], ['CREATE', 'create'], ['DELETE', 'delete'], ['ALTER', 'alter'], ['DESCRIBE', 'describe'],
  ['CLUSTER_ACTION', 'cluster-action'], ['DESCRIBE_CONFIGS', 'describe-configs'], ['ALTER_CONFIGS', 'alter-configs'], ['IDEMPOTENT_WRITE', 'idempotent-write'],
])
const permissions = new Map<string, AclBinding['permission']>([['ALLOW', 'allow'], ['DENY', 'deny']])
/** Kafka has them, nothing of ours does: a filter by it finds nothing, a binding cannot have it. */
const noneOfOurs = 'DELEGATION_TOKEN'

const parameters = ['resource_type', 'resource_name', 'pattern_type', 'principal', 'host', 'operation', 'permission'] as const

/** `/v3/clusters/{c}/acls` and `acls:batch`. */
export function aclRoutes(router: Router, { access, budget }: { readonly access: Access; readonly budget: BodyBudget }): void {
  const create = async (bindings: readonly AclBinding[], response: Response): Promise<void> => {
    // All are judged before any is made; only their number may still stand in the way of some.
    for (const binding of bindings) orRefuseV3(refuseBinding(binding))
    for (const outcome of await access.create(bindings, callerOf(response))) orRefuseV3(outcome)
    response.status(201).end()
  }

  router.route('/v3/clusters/:cluster/acls')
    .get((request, response) => {
      expectOnCluster(access, callerOf(response), 'describe')
      const place = placeOf(response)
      const data = filtersOf(request as Request).flatMap(filter => access.list(filter)).map(binding => aclData(place, binding))
      const { search } = new URL(request.originalUrl, 'http://localhost')
      response.json({ kind: 'KafkaAclList', metadata: { self: `${place.url('acls')}${search}`, next: null }, data })
    })
    .post(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'alter')
      await create([bindingOf(await jsonBody(request, response, { known: parameters, budget }), '')], response)
    })
    .delete(async (request, response) => {
      const caller = callerOf(response)
      expectOnCluster(access, caller, 'alter')
      const place = placeOf(response)
      for (const name of ['resource_type', 'pattern_type', 'operation', 'permission'] as const) {
        const value = textParameter(request as Request, name)?.toUpperCase()
        if (value === undefined || value === '' || value === 'UNKNOWN') throw new Problem(400, `${name} cannot be unspecified or UNKNOWN`)
      }
      const removed = await access.delete(filtersOf(request as Request), caller)
      response.json({ data: removed.flat().map(binding => aclData(place, binding)) })
    })
    .all(allowOnly('GET', 'POST', 'DELETE'))

  router.route('/v3/clusters/:cluster/acls\\:batch')
    .post(async (request, response) => {
      expectOnCluster(access, callerOf(response), 'alter')
      const { data } = await jsonBody(request, response, { known: ['data'], budget })
      const bindings = list(data, 'data', { max: bindingsPerRequestMax, element: (one, at) => bindingOf(member(one, at, parameters), `${at}.`) })
      await create(bindings, response)
    })
    .all(allowOnly('POST'))
}

function aclData(place: Place, binding: AclBinding): object {
  const members = {
    resource_type: nameOf(resourceTypes, binding.resourceType),
    resource_name: binding.resourceName,
    pattern_type: nameOf(patternTypes, binding.patternType),
    principal: binding.principal,
    host: binding.host,
    operation: nameOf(operations, binding.operation),
    permission: nameOf(permissions, binding.permission),
  }
  return { kind: 'KafkaAcl', metadata: { self: `${place.url('acls')}?${new URLSearchParams(members)}` }, cluster_id: place.clusterId, ...members }
}

function nameOf<T>(names: ReadonlyMap<string, T>, wanted: T | 'subject' | 'tag'): string {
  const name = names.entries().find(([, one]) => one === wanted)?.[0]
  assert(name !== undefined, `${String(wanted)} got past a filter of Kafka's`)
  return name
}

function bindingOf(body: Readonly<Record<string, unknown>>, path: string): AclBinding {
  const one = <T>(name: string, choices: ReadonlyMap<string, T>): T => {
    const value = body[name]
    const found = typeof value === 'string' ? choices.get(value.toUpperCase()) : undefined
    if (found === undefined) throw wrongMember(`${path}${name}`, `must be one of ${[...choices.keys()].join(', ')}, not ${JSON.stringify(value)?.slice(0, 64)}`)
    return found
  }
  return {
    resourceType: one('resource_type', resourceTypes),
    resourceName: text(body['resource_name'], `${path}resource_name`),
    patternType: one('pattern_type', patternTypes),
    principal: text(body['principal'], `${path}principal`),
    host: text(body['host'], `${path}host`),
    operation: one('operation', operations),
    permission: one('permission', permissions),
  }
}

/** One filter for each resource type that is asked for, so that subjects and tags stay out of ANY; none where it is a type that nothing here has. */
function filtersOf(request: Request): readonly AclFilter[] {
  const one = <T>(name: string, choices: ReadonlyMap<string, T>): T | undefined => {
    const value = textParameter(request, name)?.toUpperCase()
    if (value === undefined || value === 'ANY') return undefined
    const found = choices.get(value)
    if (found === undefined) throw new Problem(400, `${name} must be one of ANY, ${[...choices.keys()].join(', ')}, not '${value.slice(0, 32)}'`)
    return found
  }
  const withMatch = new Map<string, AclBinding['patternType'] | 'match'>([...patternTypes, ['MATCH', 'match']])
  const withNone = new Map<string, KafkaResourceType | typeof noneOfOurs>([...resourceTypes, [noneOfOurs, noneOfOurs]])
  const resourceType = one('resource_type', withNone)
  const resourceName = textParameter(request, 'resource_name')
  const patternType = one('pattern_type', withMatch)
  const principal = textParameter(request, 'principal')
  const host = textParameter(request, 'host')
  const operation = one('operation', operations)
  const permission = one('permission', permissions)
  if (resourceType === noneOfOurs) return []
  const types = resourceType === undefined ? [...resourceTypes.values()] : [resourceType]
  return types.map(type => ({
    resourceType: type,
    ...resourceName !== undefined && { resourceName },
    ...patternType !== undefined && { patternType },
    ...principal !== undefined && { principal },
    ...host !== undefined && { host },
    ...operation !== undefined && { operation },
    ...permission !== undefined && { permission },
  }))
}
