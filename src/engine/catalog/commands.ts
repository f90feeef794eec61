// What can be asked of the catalog, and what comes back.
import type { AccessKey, AclBinding, Broker, ConfigChange, ConfigResource, NewTopic, Topic } from '../../ports.ts'

export type CatalogCommand =
  /** The first command after each start. */
  | { readonly type: 'register'; readonly clusterId: string; readonly broker: Broker }
  | { readonly type: 'create-topic'; readonly topic: NewTopic; readonly topicId: string; readonly internal: boolean; readonly validateOnly: boolean }
  | { readonly type: 'delete-topic'; readonly name: string }
  /** What was left of a deleted topic is gone. */
  | { readonly type: 'forget-topic'; readonly topicId: string }
  | {
      readonly type: 'create-partitions'; readonly name: string; readonly count: number
      readonly assignment: readonly (readonly number[])[] | undefined; readonly validateOnly: boolean
    }
  | { readonly type: 'alter-configs'; readonly resource: ConfigResource; readonly changes: readonly ConfigChange[]; readonly validateOnly: boolean }
  | { readonly type: 'add-acls'; readonly bindings: readonly AclBinding[] }
  | { readonly type: 'remove-acls'; readonly bindings: readonly AclBinding[] }
  | { readonly type: 'add-access-key'; readonly key: AccessKey }
  | { readonly type: 'remove-access-key'; readonly id: string }
  | { readonly type: 'allocate-producer-ids' }

/** What each command is answered with, besides a Refusal. */
export interface CatalogReplies {
  'register': null
  'create-topic': Topic
  'delete-topic': Topic
  'forget-topic': null
  'create-partitions': Topic
  'alter-configs': null
  'add-acls': null
  'remove-acls': null
  'add-access-key': null
  'remove-access-key': null
  /** The first of `producerIdsPerBlock` ids. */
  'allocate-producer-ids': number
}
export type CatalogReply = CatalogReplies[keyof CatalogReplies]
