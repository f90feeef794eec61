// ACL bindings as data: which are valid, which are equal, and which a filter finds (Kafka's ResourcePatternFilter and
// AccessControlEntryFilter).
import type { AclBinding, AclFilter } from '../ports.ts'
import { clusterResource, Refusal } from '../ports.ts'
import { wildcard } from './acl.ts'
import { parsePrincipal } from './principal.ts'

/** Why a binding cannot be kept, or null. */
export function refuseBinding(binding: AclBinding): Refusal | null {
  if (binding.resourceName === '') return new Refusal('invalid-request', `an ACL needs the name of a ${binding.resourceType}, and it is empty`)
  if (binding.resourceType === 'cluster' && binding.resourceName !== clusterResource) {
    return new Refusal('invalid-request', `the only cluster an ACL can name is ${clusterResource}, not ${JSON.stringify(binding.resourceName)}`)
  }
  if (parsePrincipal(binding.principal) === undefined) {
    return new Refusal('invalid-request', `the principal of an ACL is written Type:name, as in User:CN=alice, not ${JSON.stringify(binding.principal)}`)
  }
  if (binding.host === '') return new Refusal('invalid-request', 'the host of an ACL is an IP address or *, and it is empty')
  return null
}

/** Equal text for equal bindings. */
export function bindingKey(binding: AclBinding): string {
  const { principal, host, operation, permission, resourceType, resourceName, patternType } = binding
  return JSON.stringify([principal, host, operation, permission, resourceType, resourceName, patternType])
}

/** `allow User:CN=alice to read topic:literal:orders from *`, for people. */
export function describeBinding(binding: AclBinding): string {
  const { principal, host, operation, permission, resourceType, resourceName, patternType } = binding
  return `${permission} ${principal} to ${operation} ${resourceType}:${patternType}:${resourceName} from ${host}`
}

export function matchesFilter(binding: AclBinding, filter: AclFilter): boolean {
  return (filter.principal === undefined || filter.principal === binding.principal)
    && (filter.host === undefined || filter.host === binding.host)
    && (filter.operation === undefined || filter.operation === binding.operation)
    && (filter.permission === undefined || filter.permission === binding.permission)
    && (filter.resourceType === undefined || filter.resourceType === binding.resourceType)
    && matchesPattern(binding, filter)
}

/** 'match' finds what would apply to the named resource; a pattern type, or none, finds the name as it is written. */
function matchesPattern(binding: AclBinding, filter: AclFilter): boolean {
  const { patternType, resourceName } = filter
  if (patternType !== undefined && patternType !== 'match' && patternType !== binding.patternType) return false
  if (resourceName === undefined || resourceName === binding.resourceName) return true
  if (patternType !== 'match') return false
  return binding.patternType === 'prefixed' ? resourceName.startsWith(binding.resourceName) : binding.resourceName === wildcard
}
