// What can be asked of the catalog, and what comes back.
import type {
  AccessKey, AclBinding, Broker, ConfigChange, ConfigResource, Document, DocumentKind, NewTopic, PartitionRef, Reassignment, Refusal, ReshardPlan, Topic,
} from '../../ports.ts'

/** One life of a broker: everything in its name carries the epoch it was given when it registered. */
export interface BrokerLife {
  readonly id: number
  readonly epoch: number
}

/** A registered broker as the catalog keeps it. */
export interface Registration extends Broker {
  /** Grows with each registration, over all brokers. -1: from a catalog that had no registrations, before the first one since. */
  readonly epoch: number
  /** A UUID, new with each start of the broker. */
  readonly incarnation: string
  /** UUIDs of its data directories; a disk that was replaced comes with another one. */
  readonly directories: readonly string[]
  /** The most that its directories may hold. */
  readonly limitBytes?: number
}

/** Who holds a copy of `__cluster_metadata`: the broker, and the UUID of the directory that the copy lies in. */
export interface Voter {
  readonly id: number
  readonly directory: string
}

export interface PartitionId {
  readonly topicId: string
  readonly partition: number
}

/** What a leader found out about its followers. Both epochs are those of the state that it was found in. */
export interface InSyncChange extends PartitionId {
  readonly leaderEpoch: number
  readonly partitionEpoch: number
  /** Each member with the epoch it fetches under (KIP-903). */
  readonly inSyncReplicas: readonly BrokerLife[]
}

/** What became of one partition's election; null: it has the leader asked for. */
export interface ElectionResult extends PartitionRef {
  readonly refusal: Refusal | null
}

export type CatalogCommand =
  /** The first command of a process: brokers of the process before it are gone. */
  | { readonly type: 'start-cluster'; readonly clusterId: string }
  | { readonly type: 'register-broker'; readonly broker: Pick<Broker, 'id' | 'rack'>; readonly incarnation: string; readonly directories: readonly string[] }
  /** These serve from now on. All by one command, so that leaders stay where they were when a cluster starts. */
  | { readonly type: 'unfence-brokers'; readonly brokers: readonly BrokerLife[] }
  /** It is gone. */
  | { readonly type: 'fence-broker'; readonly id: number; readonly epoch: number }
  /** It wants to go: leaderships that another in-sync replica can take move there. May be asked again, for what could not move at first. */
  | { readonly type: 'stop-broker'; readonly id: number; readonly epoch: number }
  | { readonly type: 'unregister-broker'; readonly id: number }
  | { readonly type: 'alter-partitions'; readonly brokerId: number; readonly brokerEpoch: number; readonly changes: readonly InSyncChange[] }
  /** The broker's storage cannot serve them. `lost`: what it held of them is gone for good. */
  | { readonly type: 'replicas-offline'; readonly brokerId: number; readonly brokerEpoch: number; readonly partitions: readonly PartitionId[]; readonly lost: boolean }
  /** The broker's storage serves them again: where nobody leads and it is in sync, it does. */
  | { readonly type: 'replicas-online'; readonly brokerId: number; readonly brokerEpoch: number; readonly partitions: readonly PartitionId[] }
  | { readonly type: 'elect-leaders'; readonly kind: 'preferred' | 'unclean'; readonly partitions: readonly PartitionRef[] | null }
  /** Leaders back to the preferred replicas, where these are in sync and running. */
  | { readonly type: 'balance-leaders' }
  | { readonly type: 'reassign'; readonly wishes: readonly Reassignment[] }
  | { readonly type: 'create-topic'; readonly topic: NewTopic; readonly topicId: string; readonly internal: boolean; readonly validateOnly: boolean }
  | { readonly type: 'delete-topic'; readonly name: string }
  /** The broker has shredded and deleted what it had of a deleted topic. */
  | { readonly type: 'clear-topic'; readonly topicId: string; readonly brokerId: number }
  | {
      readonly type: 'create-partitions'; readonly name: string; readonly count: number
      readonly assignment: readonly (readonly number[])[] | undefined; readonly validateOnly: boolean
    }
  | { readonly type: 'reshard'; readonly name: string; readonly plan: ReshardPlan }
  /** The leader of a closed partition: everything it has is on all in-sync replicas, and this is where it ends. */
  | {
      readonly type: 'seal-partition'; readonly brokerId: number; readonly brokerEpoch: number; readonly topicId: string; readonly partition: number
      readonly leaderEpoch: number; readonly endOffset: number
    }
  | { readonly type: 'alter-configs'; readonly resource: ConfigResource; readonly changes: readonly ConfigChange[]; readonly validateOnly: boolean }
  | { readonly type: 'add-acls'; readonly bindings: readonly AclBinding[] }
  | { readonly type: 'remove-acls'; readonly bindings: readonly AclBinding[] }
  | { readonly type: 'add-access-key'; readonly key: AccessKey }
  | { readonly type: 'remove-access-key'; readonly id: string }
  | { readonly type: 'allocate-producer-ids' }
  | { readonly type: 'set-voters'; readonly voters: readonly Voter[] }
  | { readonly type: 'set-storage-limit'; readonly brokerId: number; readonly bytes: number | null }
  | { readonly type: 'put-document'; readonly document: Omit<Document, 'version'>; readonly ifVersion: number }
  | { readonly type: 'remove-document'; readonly kind: DocumentKind; readonly key: string; readonly ifVersion: number }

/** What each command is answered with, besides a Refusal. */
export interface CatalogReplies {
  'start-cluster': null
  'register-broker': { readonly epoch: number }
  'unfence-brokers': null
  'fence-broker': null
  /** How many partitions it still leads, because no other replica of theirs is in sync. */
  'stop-broker': number
  'unregister-broker': null
  /** One answer per change, in order. */
  'alter-partitions': readonly (null | Refusal)[]
  'replicas-offline': null
  'replicas-online': null
  /** Of the named partitions, in order; of all, those where an election made a difference. */
  'elect-leaders': readonly ElectionResult[]
  'balance-leaders': null
  /** One answer per wish, in order. */
  'reassign': readonly (null | Refusal)[]
  'create-topic': Topic
  'delete-topic': Topic
  'clear-topic': null
  'create-partitions': Topic
  'reshard': Topic
  'seal-partition': null
  'alter-configs': null
  'add-acls': null
  'remove-acls': null
  'add-access-key': null
  'remove-access-key': null
  /** The first of `producerIdsPerBlock` ids. */
  'allocate-producer-ids': number
  'set-voters': null
  'set-storage-limit': null
  'put-document': Document
  'remove-document': null
}
export type CatalogReply = CatalogReplies[keyof CatalogReplies]
