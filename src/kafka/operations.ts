// The numbers Kafka's protocol gives to ACL operations, and which of them a kind of resource has. For authorized-operations bit fields.
import type { AclOperation, ResourceType } from '../ports.ts'

/** Codes of the operations that have one. 'all' stands for every one of them and never shows in a bit field. */
export const operationCodes = {
  'all': 2, 'read': 3, 'write': 4, 'create': 5, 'delete': 6, 'alter': 7, 'describe': 8, 'cluster-action': 9, 'describe-configs': 10, 'alter-configs': 11,
  'idempotent-write': 12,
} as const satisfies Record<AclOperation, number>

const byResource: Readonly<Record<ResourceType, readonly AclOperation[]>> = {
  'topic': ['read', 'write', 'create', 'delete', 'alter', 'describe', 'describe-configs', 'alter-configs'],
  'group': ['read', 'delete', 'describe', 'describe-configs', 'alter-configs'],
  'cluster': ['create', 'alter', 'describe', 'cluster-action', 'describe-configs', 'alter-configs', 'idempotent-write'],
  'transactional-id': ['write', 'describe'],
  'subject': [],
  'tag': [],
}

/** What authorized-operations fields hold where the client did not ask. */
export const notAsked = -2_147_483_648

export function operationsOn(type: ResourceType): readonly AclOperation[] {
  return byResource[type]
}

export function operationBit(operation: AclOperation): number {
  return 1 << operationCodes[operation]
}
