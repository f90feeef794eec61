// What a facade may ask of whatever stands behind it: the local engine, or a remote Kafka or Kinesis. Plain data goes in, plain data or a
// Refusal comes out; a rejected promise is a bug or a failed disk, never an answer. A backend that lacks a part refuses with 'unsupported'.
import type { Batch, Codec, Header } from './wire/batch.ts'

/** Every way a request can be refused. Facades translate with exhaustive tables, so a new code does not compile until each has a text for it. */
export type RefusalCode =
  // topics and partitions
  | 'unknown-topic' | 'unknown-topic-id' | 'unknown-partition' | 'topic-exists' | 'invalid-topic' | 'invalid-partitions' | 'invalid-replication-factor'
  | 'invalid-replica-assignment' | 'invalid-config' | 'invalid-request' | 'policy-violation' | 'topic-deletion-disabled'
  // positions, leadership, storage
  | 'not-leader' | 'leader-not-available' | 'fenced-leader-epoch' | 'unknown-leader-epoch' | 'offset-out-of-range' | 'offset-not-available'
  | 'not-enough-replicas' | 'not-enough-replicas-after-append' | 'storage-error' | 'sealed-partition'
  // brokers and replicas
  | 'broker-not-available' | 'broker-id-not-registered' | 'replica-not-available' | 'log-dir-not-found' | 'preferred-leader-not-available'
  | 'eligible-leaders-not-available' | 'election-not-needed' | 'no-reassignment-in-progress' | 'reassignment-in-progress'
  // records
  | 'corrupt-message' | 'message-too-large' | 'record-list-too-large' | 'invalid-record' | 'invalid-timestamp' | 'unsupported-compression-type'
  // named keys that records are encrypted under
  | 'key-not-found' | 'key-disabled' | 'key-pending-deletion'
  // idempotent producers
  | 'invalid-producer-epoch' | 'out-of-order-sequence-number'
  // groups
  | 'invalid-group-id' | 'group-id-not-found' | 'non-empty-group' | 'unknown-member-id' | 'member-id-required' | 'illegal-generation' | 'rebalance-in-progress'
  | 'inconsistent-group-protocol' | 'invalid-session-timeout' | 'fenced-instance-id' | 'group-max-size-reached' | 'offset-metadata-too-large'
  | 'coordinator-load-in-progress' | 'coordinator-not-available' | 'not-coordinator' | 'group-subscribed-to-topic'
  // who may do what
  | 'authorization-failed' | 'duplicate-resource' | 'resource-not-found' | 'version-conflict'
  | 'request-timed-out' | 'unsupported'

/** One record that was refused: its index in the batch that was sent, and why. */
export interface RecordError {
  readonly index: number
  readonly message: string
}

/** An expected "no". A value, not a throw; the text names the value that was wrong. */
export class Refusal {
  readonly code: RefusalCode
  readonly message: string
  /** For 'invalid-record' and 'invalid-timestamp': which records. */
  readonly recordErrors: readonly RecordError[]

  constructor(code: RefusalCode, message: string, recordErrors: readonly RecordError[] = []) {
    this.code = code
    this.message = message
    this.recordErrors = recordErrors
  }
}

/** A named key that records are encrypted under, or would have to be, cannot be used. */
export class KeyRefusal extends Refusal {
  declare readonly code: 'key-not-found' | 'key-disabled' | 'key-pending-deletion'
  readonly keyId: string

  constructor(code: KeyRefusal['code'], keyId: string) {
    super(code, { 'key-not-found': `there is no key ${keyId}`, 'key-disabled': `key ${keyId} is disabled`, 'key-pending-deletion': `key ${keyId} is pending deletion` }[code])
    this.keyId = keyId
  }
}

// ---------------------------------------------------------------------------------------------------------------- logs

export interface PartitionRef {
  readonly topic: string
  readonly partition: number
}

export interface AppendOptions {
  /** 'all': durable on min.insync.replicas replicas; 'leader': written; 'none': accepted. */
  readonly acks: 'none' | 'leader' | 'all'
  readonly timeoutMs: number
  /** A leader epoch the caller believes in; undefined skips the check. */
  readonly leaderEpoch?: number
  /** Writing to an internal topic is for its own coordinator. */
  readonly internal?: boolean
  /**
   * Never for a client's own batch. 'offsets': what does not fit its topic was taken out of the batch, so that offsets are missing in it (or it is
   * a control batch that stands for records that are all gone). 'sequences': it holds what was taken out, so that its producer's sequence numbers
   * come in any order: only a batch that was there already is known by them.
   */
  readonly gaps?: 'offsets' | 'sequences'
  /** Encrypts the records under this named key, whatever the leader has heard of its topic's config. Left out: under the key that the topic names, if any. */
  readonly keyId?: string
}

export interface Appended {
  readonly baseOffset: number
  /** The time given to the whole batch where message.timestamp.type is LogAppendTime, else -1. Milliseconds since the epoch. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
  /** The batch was there already: an idempotent producer sent it again. */
  readonly duplicate?: boolean
}

export interface ReadOptions {
  /** Batches are whole; the slice ends before the batch that would pass this bound… */
  readonly bytesMax: number
  /** …but the first batch is given however large it is (KIP-74). */
  readonly atLeastOne: boolean
  /** Only what lies below the last stable offset. */
  readonly committedOnly: boolean
  /** A leader epoch the caller believes in; undefined skips the check. */
  readonly leaderEpoch?: number
  /** The leader epoch of the record before `from`, as the caller has it: where the log has another, the slice says from where (KIP-595). */
  readonly lastFetchedEpoch?: number
}

/** Where an epoch ended in a log. */
export interface EpochEnd {
  /** The largest epoch up to the one asked for; -1 where the log has none. */
  readonly leaderEpoch: number
  /** The offset behind its last record; -1 where the log has none. */
  readonly endOffset: number
}

export interface Ends {
  readonly logStartOffset: number
  readonly lastStableOffset: number
  readonly highWatermark: number
  /** Where the leader's log ends: ahead of the high watermark by what is not yet on all in-sync replicas. */
  readonly logEndOffset: number
  readonly leaderEpoch: number
}

export interface Slice extends Ends {
  /** Whole batches in offset order, the first containing the offset asked for (or the next that exists). Views: copy before you keep them. */
  readonly batches: readonly Batch[]
  /** The caller's log is not this one from here on: it must cut its own off. No batches then. */
  readonly diverging?: EpochEnd
}

export interface Position {
  readonly offset: number
  readonly timestampMs: number
  readonly leaderEpoch: number
}

/** A partition together with the high watermark its reader has already seen. */
export interface Seen extends PartitionRef {
  readonly highWatermark: number
}

export interface Logs {
  /** Appends exactly one batch. Checks it as Kafka's LogValidator does and gives it its offsets and leader epoch. */
  append(at: PartitionRef, batch: Batch, how: AppendOptions): Promise<Appended | Refusal>
  read(at: PartitionRef, from: number, how: ReadOptions): Promise<Slice | Refusal>
  ends(at: PartitionRef): Promise<Ends | Refusal>
  /** The first record with a timestamp ≥ `timestampMs`, record-precise; null where there is none. */
  offsetForTime(at: PartitionRef, timestampMs: number): Promise<Position | null | Refusal>
  /** The record with the largest timestamp (ListOffsets -3); null in an empty log. */
  offsetOfMaxTimestamp(at: PartitionRef): Promise<Position | null | Refusal>
  /** OffsetForLeaderEpoch: the largest epoch up to the one asked for, and where it ended. `leaderEpoch` as in ReadOptions. */
  endOfEpoch(at: PartitionRef, epoch: number, how: { readonly leaderEpoch?: number }): Promise<EpochEnd | Refusal>
  /** Resolves as soon as any partition's high watermark is past the one seen (at once if it is already), is gone, or the signal aborts. */
  changed(seen: readonly Seen[], signal: AbortSignal): Promise<void>
  /** A producer id that was never given before, epoch 0. */
  allocateProducerId(): Promise<number | Refusal>
}

// --------------------------------------------------------------------------------------------------------------- admin

/** A fenced broker is registered but not served by: it has not started, is gone, or has not caught up. */
export type BrokerState = 'running' | 'fenced' | 'stopping'

export interface Broker {
  readonly id: number
  /** The availability zone. */
  readonly rack: string | null
  readonly state: BrokerState
}

export interface Cluster {
  /** 22 characters of base64url, as Kafka prints a UUID. */
  readonly id: string
  readonly controllerId: number
  /** All that are registered, by id. */
  readonly brokers: readonly Broker[]
}

export interface Partition {
  readonly index: number
  /** -1 where no replica can lead. */
  readonly leader: number
  /** Grows with every election. */
  readonly leaderEpoch: number
  /** Grows with every change of what stands here. */
  readonly partitionEpoch: number
  /** The preferred leader first; those being added by a reassignment among them. */
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
  /**
   * Not in sync, and yet with everything that was ever acknowledged (KIP-966): since they left, too few have been in sync for anything to be. They can lead without
   * loss. Left out where there are none.
   */
  readonly eligibleReplicas?: readonly number[]
  /** What these had was lost, and they have not been in sync since. Left out where there are none. */
  readonly lostReplicas?: readonly number[]
  /** A reassignment under way: the replicas that are coming, and those that will go once these are in sync. */
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
  /**
   * When this partition came to be: part of a Kinesis sequence number, and so in a later second than its parents, and than any that was deleted shortly before.
   * Milliseconds since the epoch.
   */
  readonly createdAtMs: number
  /** Once its topic has been resharded: the hash keys that are this partition's, and whose place it took. Changes only with a new Topic object. */
  readonly shard?: Shard
  /** It takes no records any more, and never will. Changes only with a new Topic object. */
  readonly seal?: Seal
}

/** Hash keys from `start` to `end`, both included: decimal digits of 0 to 2^128-1. */
export interface HashKeyRange {
  readonly start: string
  readonly end: string
}

export interface Shard {
  readonly hashKeys: HashKeyRange
  /** The partitions whose place it took: none, one (a split), or two (a merge). Nothing is in it that was there before these were sealed. */
  readonly parents: readonly number[]
}

export interface Seal {
  /** Where the log ends for good (unless an unclean election costs it records); -1 as long as its leader has not said so. */
  readonly endOffset: number
  readonly atMs: number
}

/** Partitions that are closed, and those that take their place, which get the next free indexes in their order. */
export interface ReshardPlan {
  /** How many partitions the topic had when this was planned: refused where it has more by now. */
  readonly partitions: number
  /** The hash keys of each partition so far; they count where the topic was never resharded before, and must be what it has otherwise. */
  readonly hashKeys: readonly HashKeyRange[]
  readonly closes: readonly number[]
  /** `isClosed`: only a step between two others (a shard that is split and merged by one plan), sealed and empty from the start. */
  readonly opens: readonly (Shard & { readonly isClosed: boolean })[]
}

export interface Topic {
  readonly name: string
  /** 36-character UUID; a topic that is made again under its old name gets a new one. */
  readonly id: string
  readonly internal: boolean
  readonly createdAtMs: number
  readonly partitions: readonly Partition[]
  /** What was set for this topic; what is absent has the default of its kind. */
  readonly configs: ReadonlyMap<string, string>
}

/** The indexes of those that take records: all of them, unless the topic was resharded. */
export function openPartitions({ partitions }: Pick<Topic, 'partitions'>): readonly number[] {
  return partitions.flatMap(({ index, seal }) => (seal === undefined ? [index] : []))
}

export interface NewTopic {
  readonly name: string
  /** -1 takes num.partitions. */
  readonly partitions: number
  /** -1 takes default.replication.factor. */
  readonly replicationFactor: number
  /** Broker ids per partition, in place of the two counts. */
  readonly assignment?: readonly (readonly number[])[]
  readonly configs: ReadonlyMap<string, string>
  /** A document about it, with its id as the key: both are there, or neither. */
  readonly document?: Pick<Document, 'kind' | 'value'>
}

export interface ConfigResource {
  readonly type: 'topic' | 'broker'
  /** A topic's name, or a broker's id ('' for the cluster-wide default). */
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
  readonly source: 'topic' | 'dynamic-broker' | 'static-broker' | 'default'
  readonly readOnly: boolean
  readonly sensitive: boolean
  readonly type: 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'
  readonly documentation: string
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: ConfigEntry['source'] }[]
}

export interface ConfigChange {
  readonly name: string
  readonly operation: 'set' | 'delete' | 'append' | 'subtract'
  readonly value: string | null
}

/** What somebody wants a partition's replicas to be; null gives a reassignment under way up. */
export interface Reassignment extends PartitionRef {
  readonly replicas: readonly number[] | null
}

export interface ReassignmentUnderWay extends PartitionRef {
  readonly replicas: readonly number[]
  readonly addingReplicas: readonly number[]
  readonly removingReplicas: readonly number[]
}

/** One of a broker's data directories, and the replicas in it. */
export interface LogDirectory {
  readonly brokerId: number
  readonly path: string
  /** Why nothing is served from it any more. */
  readonly failed?: string
  /** Bytes on the file system that holds it, and how many of them are free; -1 where that cannot be told. */
  readonly totalBytes: number
  readonly usableBytes: number
  /** The broker's storage limit; undefined: the file system's end. */
  readonly limitBytes?: number
  readonly replicas: readonly LogDirectoryReplica[]
}

export interface LogDirectoryReplica extends PartitionRef {
  readonly bytes: number
  /** How far its log ends behind the high watermark (for a replica that is being moved here: behind the present one). */
  readonly lag: number
  /** Being copied here from another directory of the broker; it takes that one's place when it has caught up. */
  readonly isFuture: boolean
}

export interface QuorumReplica {
  readonly id: number
  readonly logEndOffset: number
  /** When it last took records, and when it last had all of them. Milliseconds since the epoch; -1 unknown. */
  readonly lastFetchMs: number
  readonly lastCaughtUpMs: number
}

/** `__cluster_metadata`: who holds it. */
export interface Quorum {
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  readonly voters: readonly QuorumReplica[]
}

/** One replica of a partition as its own broker sees it. */
export interface ReplicaStatus extends PartitionRef {
  readonly brokerId: number
  readonly role: 'leader' | 'follower' | 'offline'
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logEndOffset: number
  /** Below it everything is on disk for certain. */
  readonly durableOffset: number
}

export interface Admin {
  cluster(): Promise<Cluster>
  /** Every topic, or of the named ones those that exist. Sorted by name. */
  topics(names?: readonly string[]): Promise<readonly Topic[]>
  topicById(id: string): Promise<Topic | undefined>
  /** The effective value of a topic's config: its own, or the default. */
  config(topic: Topic, name: string): string
  createTopic(topic: NewTopic, how: { validateOnly: boolean }): Promise<Topic | Refusal>
  deleteTopic(name: string): Promise<null | Refusal>
  createPartitions(name: string, count: number, how: { validateOnly: boolean; assignment?: readonly (readonly number[])[] }): Promise<Topic | Refusal>
  /**
   * Splits and merges partitions as shards: all of the plan or nothing. When it resolves, what is closed is sealed and its end known, and what took its place
   * takes records: anything in there came after everything in its parents. 'request-timed-out': all is as planned, but the end of some is not known yet, since too few
   * of their replicas are there; what took their place refuses records with 'leader-not-available' until it is.
   */
  reshard(name: string, plan: ReshardPlan): Promise<Topic | Refusal>
  describeConfigs(resource: ConfigResource): Promise<readonly ConfigEntry[] | Refusal>
  /** All changes or none. */
  alterConfigs(resource: ConfigResource, changes: readonly ConfigChange[], how: { validateOnly: boolean }): Promise<null | Refusal>
  /** Everything below `beforeOffset` (-1: the high watermark) becomes unreadable, durably. */
  deleteRecords(at: PartitionRef, beforeOffset: number): Promise<{ readonly lowWatermark: number } | Refusal>

  /** Of the named partitions or of all; of all, only those where an election made a difference are answered. 'unclean' may lose records. */
  electLeaders(kind: 'preferred' | 'unclean', partitions: readonly PartitionRef[] | null): Promise<readonly (PartitionRef & { readonly refusal: Refusal | null })[] | Refusal>
  /** One answer per wish, in order. Answered once the move has begun; `reassignments` shows what is under way. */
  reassign(wishes: readonly Reassignment[]): Promise<readonly (null | Refusal)[] | Refusal>
  /** Of the named partitions, or all. */
  reassignments(partitions: readonly PartitionRef[] | null): Promise<readonly ReassignmentUnderWay[]>
  /** Of one broker. A partition filter of null means all. */
  logDirectories(brokerId: number, partitions: readonly PartitionRef[] | null): Promise<readonly LogDirectory[] | Refusal>
  /** Moves a replica to another directory of its broker; answered once the move has begun. */
  moveReplica(brokerId: number, at: PartitionRef, path: string): Promise<null | Refusal>
  quorum(): Promise<Quorum>
  /** Forgets a broker that is not running and holds no replicas. */
  unregisterBroker(id: number): Promise<null | Refusal>
  /** Every replica of a topic's partitions that a running broker has, by partition and broker. */
  replicas(topic: string): Promise<readonly ReplicaStatus[] | Refusal>
}

// -------------------------------------------------------------------------------------------------------------- brokers

/** A broker of this process: what an operator sees. */
export interface BrokerStatus extends Broker {
  /** Whether it runs in this process right now; a stopped or failed one can be started. */
  readonly isUp: boolean
  /** Why it went down by itself. */
  readonly fault?: string
  readonly directories: readonly string[]
  readonly limitBytes?: number
  readonly leaders: number
  readonly replicas: number
  /** Replicas on it that are not in sync. */
  readonly outOfSync: number
  /** Port by listener name; empty while it is down. */
  readonly ports: ReadonlyMap<string, number>
}

export interface NewBroker {
  /** Left out: the lowest free one. */
  readonly id?: number
  /** Left out: the zone with the fewest brokers. */
  readonly rack?: string
  /** Left out: `broker-<id>` in the data directory. */
  readonly directories?: readonly string[]
}

/** The brokers of this process, to be operated on while clients run. Each answers once the change is done. */
export interface Brokers {
  list(): Promise<readonly BrokerStatus[]>
  /** Hands its partitions over, then stops serving and closes its files. */
  stop(id: number): Promise<null | Refusal>
  start(id: number): Promise<null | Refusal>
  restart(id: number): Promise<null | Refusal>
  /** A crash: connections end, nothing is handed over, nothing is flushed. */
  fail(id: number): Promise<null | Refusal>
  add(broker: NewBroker): Promise<BrokerStatus | Refusal>
  /** Moves its replicas to the others, then stops and unregisters it. `onProgress`: how many partitions are left to move. */
  remove(id: number, onProgress?: (left: number) => void): Promise<null | Refusal>
  /** The most that its directories may hold, in bytes; null: no limit but the disk's. Takes effect at once and is kept. */
  setStorageLimit(id: number, bytes: number | null): Promise<null | Refusal>
}

// -------------------------------------------------------------------------------------------------------------- groups

export interface GroupMember {
  readonly groupId: string
  readonly memberId: string
  /** group.instance.id of a static member (KIP-345). */
  readonly instanceId: string | null
}

export interface JoinRequest extends GroupMember {
  readonly clientId: string
  readonly clientHost: string
  readonly protocolType: string
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** JoinGroup v4+: a new dynamic member is first sent away with an id of its own (KIP-394). */
  readonly requiresKnownMemberId: boolean
  /** JoinGroup v9+: a static leader that comes back may be told to skip the assignment. */
  readonly supportsSkippingAssignment: boolean
  readonly reason: string | null
}

export interface Joined {
  readonly generationId: number
  readonly protocolType: string
  readonly protocolName: string
  readonly leader: string
  readonly memberId: string
  readonly skipAssignment: boolean
  /** Only the leader gets them. */
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null; readonly metadata: Buffer }[]
}

/** A refusal of a join that still hands out a member id (MEMBER_ID_REQUIRED). */
export interface MemberIdRequired {
  readonly refusal: Refusal
  readonly memberId: string
}

export interface Leaving {
  readonly memberId: string
  readonly instanceId: string | null
  readonly reason: string | null
}

export interface SyncRequest extends GroupMember {
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export interface Synced {
  readonly protocolType: string
  readonly protocolName: string
  readonly assignment: Buffer
}

export interface CommitRequest extends GroupMember {
  /** Negative from a caller outside the group's protocol (simple consumer, admin). */
  readonly generationId: number
  readonly offsets: readonly OffsetToCommit[]
}

export interface OffsetToCommit extends PartitionRef {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface CommittedOffset extends OffsetToCommit {
  readonly commitTimestampMs: number
}

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface GroupSummary {
  readonly groupId: string
  readonly protocolType: string
  readonly state: GroupState
}

export interface GroupDescription extends GroupSummary {
  readonly generationId: number
  readonly protocolName: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly metadata: Buffer
    readonly assignment: Buffer
  }[]
}

export interface Groups {
  /** The broker that coordinates the group. */
  coordinator(groupId: string): Promise<number | Refusal>
  /** Resolves when the rebalance does; a signal that aborts (the client is gone) gives the wait up. */
  join(request: JoinRequest, signal: AbortSignal): Promise<Joined | MemberIdRequired | Refusal>
  sync(request: SyncRequest, signal: AbortSignal): Promise<Synced | Refusal>
  heartbeat(request: GroupMember & { readonly generationId: number }): Promise<null | Refusal>
  /** One answer per member, or a refusal of the whole. An empty memberId with an instanceId removes a static member. */
  leave(groupId: string, members: readonly Leaving[]): Promise<readonly (null | Refusal)[] | Refusal>
  /** One answer per offset, or a refusal of the whole. Durable when it resolves. */
  commit(request: CommitRequest): Promise<readonly (null | Refusal)[] | Refusal>
  /** Committed offsets, of the named partitions (absent where none is committed) or of all. */
  committed(groupId: string, partitions?: readonly PartitionRef[]): Promise<readonly CommittedOffset[] | Refusal>
  describe(groupId: string): Promise<GroupDescription | Refusal>
  list(): Promise<readonly GroupSummary[]>
  delete(groupId: string): Promise<null | Refusal>
}

// -------------------------------------------------------------------------------------------------------------- access

/** Who is calling. Kafka prints it `User:CN=alice`. */
export interface Principal {
  readonly type: string
  readonly name: string
}

export interface Caller {
  readonly principal: Principal
  /** The peer's IP address, as ACLs name hosts. */
  readonly host: string
}

export type AclOperation =
  | 'all' | 'read' | 'write' | 'create' | 'delete' | 'alter' | 'describe' | 'cluster-action' | 'describe-configs' | 'alter-configs' | 'idempotent-write'
/** Subjects and tags are of the schema registry: Kafka has no words for them. READ on a tag shows the fields that carry it (registry/rules/mask.ts). */
export type ResourceType = 'topic' | 'group' | 'cluster' | 'transactional-id' | 'subject' | 'tag'
export type PatternType = 'literal' | 'prefixed'

/** Where the schema registry keeps what it knows. */
export const schemasTopic = '_schemas'
/** Where it keeps what only AWS Glue's API knows. */
export const glueTopic = '_glue'
/** Topics like any other to who lists and reads them, but only the registry writes them. */
export const registryTopics: ReadonlySet<string> = new Set([schemasTopic, glueTopic])

/** The one cluster's resource name, as Kafka has it. */
export const clusterResource = 'kafka-cluster'

export interface AclBinding {
  /** `User:CN=alice`, or `User:*`. */
  readonly principal: string
  /** An IP address, or `*`. */
  readonly host: string
  readonly operation: AclOperation
  readonly permission: 'allow' | 'deny'
  readonly resourceType: ResourceType
  readonly resourceName: string
  readonly patternType: PatternType
}

/** Absent members match anything; patternType 'match' also finds the prefixed and wildcard bindings that would apply to resourceName. */
export interface AclFilter extends Partial<Omit<AclBinding, 'patternType'>> {
  readonly patternType?: PatternType | 'match'
}

/** Where ACL bindings are kept: durable when the promise resolves. `all` is the present set; the array is a new one after each change. */
export interface AclStore {
  all(): readonly AclBinding[]
  add(bindings: readonly AclBinding[]): Promise<void>
  remove(bindings: readonly AclBinding[]): Promise<void>
}

/** The one authorizer that every way in asks. Each denial and each change is in the audit log. */
export interface Access {
  allows(who: Caller, operation: AclOperation, resourceType: ResourceType, resourceName: string): boolean
  /** Whether some resource of the type exists, by the ACLs, on which the operation is allowed (KIP-679). */
  allowsAny(who: Caller, operation: AclOperation, resourceType: ResourceType): boolean
  /** `allows`, but for filling in what a caller may do: leaves no trace in the audit log. */
  wouldAllow(who: Caller, operation: AclOperation, resourceType: ResourceType, resourceName: string): boolean
  list(filter: AclFilter): readonly AclBinding[]
  /** One answer per binding. `by` is who changes authority, for the audit log. */
  create(bindings: readonly AclBinding[], by: Caller): Promise<readonly (null | Refusal)[]>
  /** Per filter, what it removed. */
  delete(filters: readonly AclFilter[], by: Caller): Promise<readonly (readonly AclBinding[])[]>
}

/** What a request to an API in AWS's manner asks for. */
export interface ActionRequest {
  /** 'kinesis:PutRecord'. */
  readonly action: string
  /** ARNs whose policies are asked. */
  readonly resources: readonly string[]
  /** What the ACLs must allow, all of it. */
  readonly needs: readonly AclNeed[]
  /** Whether the request came over TLS. */
  readonly isEncrypted: boolean
}

export interface AclNeed {
  readonly operation: AclOperation
  readonly resourceType: ResourceType
  readonly resourceName: string
}

/** 'not-allowed': nobody said anything; 'denied-by-…': an ACL or a resource's policy says no, which nothing but being a super user outweighs. */
export type ActionDecision = 'allowed' | 'not-allowed' | 'denied-by-acl' | 'denied-by-policy'

/** A policy to be put on a resource. */
export interface NewPolicy {
  /** Its ARN. */
  readonly resource: string
  /** JSON text in the language of AWS IAM. */
  readonly policy: string
  /** The topic with which it goes. */
  readonly topicId: string
  /** Every action that a policy may name. */
  readonly actions: readonly string[]
}

/** The same authorizer, asked about actions on resources, which may have policies beside the ACLs. */
export interface ActionAccess extends Access {
  judge(who: Caller, request: ActionRequest): ActionDecision
  /** The text of a resource's policy; undefined where it has none. */
  policyOf(resource: string): string | undefined
  /** Durable when it resolves. Refused ('invalid-request') where it is no policy that means something here. */
  putPolicy(policy: NewPolicy, by: Caller): Promise<null | Refusal>
  /** Refused ('resource-not-found') where there is none. */
  removePolicy(resource: string, by: Caller): Promise<null | Refusal>
}

/** A key pair for signing requests as AWS does; whoever signs with it is `principal`. */
export interface AccessKey {
  readonly id: string
  readonly secret: string
  readonly principal: Principal
  readonly createdAtMs: number
  /** Of a temporary key: the token that must come with each request, and until when. */
  readonly session?: { readonly token: string; readonly expiresAtMs: number }
}

export interface AccessKeys {
  /** Undefined for an unknown id; synchronous, because every signed request asks. */
  find(id: string): AccessKey | undefined
  all(): readonly AccessKey[]
  /** Durable when it resolves. */
  add(key: AccessKey): Promise<null | Refusal>
  remove(id: string): Promise<null | Refusal>
}

// ----------------------------------------------------------------------------------------------------------- documents

/** What a facade alone knows of: its own small facts about streams, consumers, keys. */
export type DocumentKind = 'admin-key' | 'resource-policy' | 'kinesis-stream' | 'kinesis-consumer' | 'kinesis-channel' | 'kinesis-account' | 'kinesis-delivery' | 'kms-key' | 'kms-alias'

/** The config that names the key a topic's new records are encrypted under, by its id; empty: none. */
export const keyIdConfig = 'sluice.kms.key.id'

/** What is read, by whoever encrypts with it, of a document of kind 'kms-key', whose key is the named key's id: a UUID in lower case. */
export interface NamedKeyDocument {
  /** Only an enabled key encrypts and opens anything. */
  readonly state: 'Enabled' | 'Disabled' | 'PendingDeletion'
  /** 32 bytes in base64: kept in the catalog, which is sealed as all logs are, and shown to nobody. */
  readonly material: string
}

export interface Document {
  readonly kind: DocumentKind
  readonly key: string
  /** JSON text. */
  readonly value: string
  /** Grows with each change of this document; a document that is made anew starts at 1. */
  readonly version: number
  /** The topic (by id) that it is about, and with which it goes; null: it stands for itself. */
  readonly topicId: string | null
}

/** Kept in the catalog, next to what they are about. A document object stays the same until it changes. */
export interface Documents {
  /** Synchronous, because requests ask all the time. */
  find(kind: DocumentKind, key: string): Document | undefined
  /** Sorted by key. */
  all(kind: DocumentKind): readonly Document[]
  /** Durable when it resolves. Refused ('version-conflict') where the present version is not `ifVersion` (0: there is none). */
  put(document: Omit<Document, 'version'>, ifVersion: number): Promise<Document | Refusal>
  remove(kind: DocumentKind, key: string, ifVersion: number): Promise<null | Refusal>
}

// ---------------------------------------------------------------------------------------------------------- validation

/** Where a record came in; 'redrive': out of a dead-letter topic. */
export type WayIn = 'kafka' | 'kinesis' | 'rest' | 'redrive'

/** A record as validation sees it. */
export interface RecordParts {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly Header[] | undefined
}

export interface RecordFault {
  readonly part: 'key' | 'value'
  /** JSON pointer to the fault in the part, '' for the whole. */
  readonly pointer: string
  readonly reason: string
  /** What else does not fit in this part, where a validator found more than one thing. */
  readonly more?: readonly { readonly pointer: string; readonly reason: string }[]
  /** The schema that the part names: an id in digits, or a GUID; absent where it names none. */
  readonly schema?: string
}

/** A record that does not fit its topic. */
export interface DeadLetter extends RecordParts {
  /** In the batch that its producer sent. */
  readonly index: number
  readonly fault: RecordFault
  /** As its producer gave it. Milliseconds since the epoch. */
  readonly timestampMs?: number | undefined
}

/** Where dead letters come from: part of each of them, for whoever has to find out what happened. */
export interface LetterOrigin extends PartitionRef {
  readonly wayIn: WayIn
  readonly caller: Caller
  readonly clientId: string | null
  /** The batch of an idempotent producer: sent again, its dead letters are known again. */
  readonly producer?: { readonly id: number; readonly epoch: number; readonly baseSequence: number }
  /** How the batch was compressed, and so its letters. */
  readonly codec?: Codec
}

/** Where a dead letter lies. */
export interface LetterPosition extends PartitionRef {
  readonly offset: number
}

/** The one validation policy that every way in applies before anything is appended. */
export interface Validation {
  /** Whether anything of this topic is validated at all: cheap, so that a plain topic's batches are never opened. */
  appliesTo(topic: Topic): boolean
  /** One entry per record, in order: null where it fits. */
  check(topic: Topic, records: readonly RecordParts[], wayIn: WayIn): Promise<readonly (RecordFault | null)[]>
  /** The same of a whole batch, only those that do not fit, in their order. Rejects with a WireError where the batch does not open. */
  checkBatch(topic: Topic, batch: Batch, wayIn: WayIn): Promise<readonly { readonly index: number; readonly fault: RecordFault }[]>
  /** What becomes of records that do not fit: refused to their producer, or put into the topic's dead-letter topic while the others are stored. */
  onInvalid(topic: Topic): 'reject' | 'dead-letter'
  /** Puts records into the topic's dead-letter topic: where each lies, durable on all in-sync replicas. A refusal means: nothing may be stored of the batch. */
  putDeadLetters(topic: Topic, origin: LetterOrigin, letters: readonly DeadLetter[]): Promise<readonly LetterPosition[] | Refusal>
}

// ------------------------------------------------------------------------------------------------------------- backend

export interface Backend extends AsyncDisposable {
  readonly logs: Logs
  readonly admin: Admin
  readonly groups: Groups
  readonly acls: AclStore
  readonly accessKeys: AccessKeys
  readonly documents: Documents
}
