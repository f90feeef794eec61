// The numbers of Kafka's ACL requests (org.apache.kafka.common.acl and .resource) and the words of our ports they stand for. Subjects and tags of the
// schema registry are in the same authorizer but are not Kafka's: no number stands for them, and no filter of Kafka's finds them.
import { assert } from '../base/assert.ts'
import type { AclBinding, AclFilter, PatternType, ResourceType } from '../ports.ts'
import { operationCodes } from './operations.ts'

type KafkaResourceType = Exclude<ResourceType, 'subject' | 'tag'>

const resourceTypeCodes = { 'topic': 2, 'group': 3, 'cluster': 4, 'transactional-id': 5 } as const satisfies Record<KafkaResourceType, number>
const patternTypeCodes = { literal: 3, prefixed: 4 } as const satisfies Record<PatternType, number>
const permissionCodes = { deny: 2, allow: 3 } as const satisfies Record<AclBinding['permission'], number>

/** The same number in all four tables: matches anything. */
const any = 1
const patternMatch = 2
/** Numbers that Kafka knows and we have nothing for: delegation tokens and users, and what may be done with them. A filter by them finds nothing. */
const lastResourceType = 7
const lastOperation = 15

const resourceTypes = byCode(resourceTypeCodes)
const patternTypes = byCode(patternTypeCodes)
const permissions = byCode(permissionCodes)
const operations = byCode(operationCodes)

/** A binding as CreateAcls, DescribeAcls and DeleteAcls write it. */
export interface WireBinding {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** A filter as DescribeAcls and DeleteAcls write it; null and 1 match anything. */
export interface WireFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

export function toWire(binding: AclBinding): WireBinding {
  const { resourceType, resourceName, patternType, principal, host, operation, permission } = binding
  assert(resourceType !== 'subject' && resourceType !== 'tag', `the binding of a ${resourceType} (${resourceName}) got past a filter of Kafka's`)
  return {
    resourceType: resourceTypeCodes[resourceType], resourceName, patternType: patternTypeCodes[patternType],
    principal, host, operation: operationCodes[operation], permissionType: permissionCodes[permission],
  }
}

/** What is wrong with a binding. */
export interface Fault {
  readonly fault: string
}

/** The binding, or which of its numbers can stand in none (ANY and MATCH are for filters). Names are the authorizer's to judge. */
export function bindingOf(wire: WireBinding): AclBinding | Fault {
  const resourceType = resourceTypes.get(wire.resourceType)
  if (resourceType === undefined) return { fault: `Invalid resourceType ${wire.resourceType}` }
  const patternType = patternTypes.get(wire.patternType)
  if (patternType === undefined) return { fault: `Invalid patternType ${wire.patternType}` }
  const operation = operations.get(wire.operation)
  if (operation === undefined) return { fault: `Invalid operation ${wire.operation}` }
  const permission = permissions.get(wire.permissionType)
  if (permission === undefined) return { fault: `Invalid permissionType ${wire.permissionType}` }
  const { resourceName, principal, host } = wire
  return { resourceType, resourceName, patternType, principal, host, operation, permission }
}

/**
 * The filters of our ports that together say what the wire's says, one for each resource type (so that subjects and tags stay out of 'any'): none where it
 * can match nothing of ours. Undefined where a number in it is not Kafka's.
 */
export function filtersOf(wire: WireFilter): readonly AclFilter[] | undefined {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = wire
  if (!isCode(resourceTypeFilter, lastResourceType) || !isCode(patternTypeFilter, patternTypeCodes.prefixed)) return undefined
  if (!isCode(operation, lastOperation) || !isCode(permissionType, permissionCodes.allow)) return undefined
  const types = resourceTypeFilter === any ? [...resourceTypes.values()] : [resourceTypes.get(resourceTypeFilter)].filter(type => type !== undefined)
  if (operation !== any && !operations.has(operation)) return []
  const patternType = patternTypeFilter === patternMatch ? 'match' : patternTypes.get(patternTypeFilter)
  const common: AclFilter = {
    ...wire.resourceNameFilter !== null && { resourceName: wire.resourceNameFilter },
    ...patternType !== undefined && { patternType },
    ...wire.principalFilter !== null && { principal: wire.principalFilter },
    ...wire.hostFilter !== null && { host: wire.hostFilter },
    ...operation !== any && { operation: operations.get(operation)! },
    ...permissionType !== any && { permission: permissions.get(permissionType)! },
  }
  return types.map(resourceType => ({ ...common, resourceType }))
}

function isCode(code: number, last: number): boolean {
  return code >= any && code <= last
}

function byCode<Word extends string>(codes: Readonly<Record<Word, number>>): ReadonlyMap<number, Word> {
  return new Map(Object.entries<number>(codes).map(([word, code]) => [code, word as Word]))
}
