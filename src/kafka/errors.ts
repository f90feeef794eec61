// Kafka's error codes, and the code each refusal of a backend becomes. The second table is exhaustive: a new refusal does not compile until it has a code.
import { Refusal, type RefusalCode, type ResourceType } from '../ports.ts'

/** Codes by the names of Kafka's protocol guide. */
export const ErrorCode = {
  UNKNOWN_SERVER_ERROR: -1, NONE: 0, OFFSET_OUT_OF_RANGE: 1, CORRUPT_MESSAGE: 2, UNKNOWN_TOPIC_OR_PARTITION: 3, INVALID_FETCH_SIZE: 4,
  LEADER_NOT_AVAILABLE: 5, NOT_LEADER_OR_FOLLOWER: 6, REQUEST_TIMED_OUT: 7, BROKER_NOT_AVAILABLE: 8, REPLICA_NOT_AVAILABLE: 9, MESSAGE_TOO_LARGE: 10,
  OFFSET_METADATA_TOO_LARGE: 12, NETWORK_EXCEPTION: 13, COORDINATOR_LOAD_IN_PROGRESS: 14, COORDINATOR_NOT_AVAILABLE: 15, NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17, RECORD_LIST_TOO_LARGE: 18, NOT_ENOUGH_REPLICAS: 19, NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20, INVALID_REQUIRED_ACKS: 21,
  ILLEGAL_GENERATION: 22, INCONSISTENT_GROUP_PROTOCOL: 23, INVALID_GROUP_ID: 24, UNKNOWN_MEMBER_ID: 25, INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27, TOPIC_AUTHORIZATION_FAILED: 29, GROUP_AUTHORIZATION_FAILED: 30, CLUSTER_AUTHORIZATION_FAILED: 31, INVALID_TIMESTAMP: 32,
  UNSUPPORTED_SASL_MECHANISM: 33, ILLEGAL_SASL_STATE: 34, UNSUPPORTED_VERSION: 35, TOPIC_ALREADY_EXISTS: 36, INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38, INVALID_REPLICA_ASSIGNMENT: 39, INVALID_CONFIG: 40, NOT_CONTROLLER: 41, INVALID_REQUEST: 42,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 43, POLICY_VIOLATION: 44, OUT_OF_ORDER_SEQUENCE_NUMBER: 45, DUPLICATE_SEQUENCE_NUMBER: 46, INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48, INVALID_PRODUCER_ID_MAPPING: 49, INVALID_TRANSACTION_TIMEOUT: 50, CONCURRENT_TRANSACTIONS: 51, TRANSACTION_COORDINATOR_FENCED: 52,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53, SECURITY_DISABLED: 54, OPERATION_NOT_ATTEMPTED: 55, KAFKA_STORAGE_ERROR: 56, LOG_DIR_NOT_FOUND: 57, SASL_AUTHENTICATION_FAILED: 58,
  UNKNOWN_PRODUCER_ID: 59, REASSIGNMENT_IN_PROGRESS: 60, NON_EMPTY_GROUP: 68, GROUP_ID_NOT_FOUND: 69, FETCH_SESSION_ID_NOT_FOUND: 70,
  INVALID_FETCH_SESSION_EPOCH: 71, TOPIC_DELETION_DISABLED: 73, FENCED_LEADER_EPOCH: 74, UNKNOWN_LEADER_EPOCH: 75, UNSUPPORTED_COMPRESSION_TYPE: 76,
  OFFSET_NOT_AVAILABLE: 78, MEMBER_ID_REQUIRED: 79, PREFERRED_LEADER_NOT_AVAILABLE: 80, GROUP_MAX_SIZE_REACHED: 81, FENCED_INSTANCE_ID: 82,
  ELIGIBLE_LEADERS_NOT_AVAILABLE: 83, ELECTION_NOT_NEEDED: 84, NO_REASSIGNMENT_IN_PROGRESS: 85, GROUP_SUBSCRIBED_TO_TOPIC: 86, INVALID_RECORD: 87,
  UNSTABLE_OFFSET_COMMIT: 88, THROTTLING_QUOTA_EXCEEDED: 89, PRODUCER_FENCED: 90, RESOURCE_NOT_FOUND: 91, DUPLICATE_RESOURCE: 92,
  UNACCEPTABLE_CREDENTIAL: 93, UNKNOWN_TOPIC_ID: 100, BROKER_ID_NOT_REGISTERED: 102, INCONSISTENT_TOPIC_ID: 103, INCONSISTENT_CLUSTER_ID: 104, TRANSACTIONAL_ID_NOT_FOUND: 105,
  FETCH_SESSION_TOPIC_ID_ERROR: 106, MISMATCHED_ENDPOINT_TYPE: 114, UNSUPPORTED_ENDPOINT_TYPE: 115, UNKNOWN_CONTROLLER_ID: 116,
  INVALID_REGULAR_EXPRESSION: 128,
} as const

export type ErrorName = keyof typeof ErrorCode

const codeByRefusal = {
  'unknown-topic': ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  'unknown-topic-id': ErrorCode.UNKNOWN_TOPIC_ID,
  'unknown-partition': ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  'topic-exists': ErrorCode.TOPIC_ALREADY_EXISTS,
  'invalid-topic': ErrorCode.INVALID_TOPIC_EXCEPTION,
  'invalid-partitions': ErrorCode.INVALID_PARTITIONS,
  'invalid-replication-factor': ErrorCode.INVALID_REPLICATION_FACTOR,
  'invalid-replica-assignment': ErrorCode.INVALID_REPLICA_ASSIGNMENT,
  'invalid-config': ErrorCode.INVALID_CONFIG,
  'invalid-request': ErrorCode.INVALID_REQUEST,
  'policy-violation': ErrorCode.POLICY_VIOLATION,
  'topic-deletion-disabled': ErrorCode.TOPIC_DELETION_DISABLED,
  'not-leader': ErrorCode.NOT_LEADER_OR_FOLLOWER,
  'leader-not-available': ErrorCode.LEADER_NOT_AVAILABLE,
  'fenced-leader-epoch': ErrorCode.FENCED_LEADER_EPOCH,
  'unknown-leader-epoch': ErrorCode.UNKNOWN_LEADER_EPOCH,
  'offset-out-of-range': ErrorCode.OFFSET_OUT_OF_RANGE,
  'offset-not-available': ErrorCode.OFFSET_NOT_AVAILABLE,
  'not-enough-replicas': ErrorCode.NOT_ENOUGH_REPLICAS,
  'not-enough-replicas-after-append': ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  'storage-error': ErrorCode.KAFKA_STORAGE_ERROR,
  // Not retriable: a sealed partition never takes a record again. Kafka has no code of its own for it; the text names the successors.
  'sealed-partition': ErrorCode.INVALID_REQUEST,
  'broker-not-available': ErrorCode.BROKER_NOT_AVAILABLE,
  'broker-id-not-registered': ErrorCode.BROKER_ID_NOT_REGISTERED,
  'replica-not-available': ErrorCode.REPLICA_NOT_AVAILABLE,
  'log-dir-not-found': ErrorCode.LOG_DIR_NOT_FOUND,
  'preferred-leader-not-available': ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
  'eligible-leaders-not-available': ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
  'election-not-needed': ErrorCode.ELECTION_NOT_NEEDED,
  'no-reassignment-in-progress': ErrorCode.NO_REASSIGNMENT_IN_PROGRESS,
  'reassignment-in-progress': ErrorCode.REASSIGNMENT_IN_PROGRESS,
  'corrupt-message': ErrorCode.CORRUPT_MESSAGE,
  'message-too-large': ErrorCode.MESSAGE_TOO_LARGE,
  'record-list-too-large': ErrorCode.RECORD_LIST_TOO_LARGE,
  'invalid-record': ErrorCode.INVALID_RECORD,
  'invalid-timestamp': ErrorCode.INVALID_TIMESTAMP,
  'unsupported-compression-type': ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
  // Kafka knows no such keys. This code clients take as final for a producer, and a consumer goes on by itself once it is gone.
  'key-not-found': ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'key-disabled': ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'key-pending-deletion': ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'invalid-producer-epoch': ErrorCode.INVALID_PRODUCER_EPOCH,
  'out-of-order-sequence-number': ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
  'invalid-group-id': ErrorCode.INVALID_GROUP_ID,
  'group-id-not-found': ErrorCode.GROUP_ID_NOT_FOUND,
  'non-empty-group': ErrorCode.NON_EMPTY_GROUP,
  'unknown-member-id': ErrorCode.UNKNOWN_MEMBER_ID,
  'member-id-required': ErrorCode.MEMBER_ID_REQUIRED,
  'illegal-generation': ErrorCode.ILLEGAL_GENERATION,
  'rebalance-in-progress': ErrorCode.REBALANCE_IN_PROGRESS,
  'inconsistent-group-protocol': ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
  'invalid-session-timeout': ErrorCode.INVALID_SESSION_TIMEOUT,
  'fenced-instance-id': ErrorCode.FENCED_INSTANCE_ID,
  'group-max-size-reached': ErrorCode.GROUP_MAX_SIZE_REACHED,
  'offset-metadata-too-large': ErrorCode.OFFSET_METADATA_TOO_LARGE,
  'coordinator-load-in-progress': ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  'coordinator-not-available': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'not-coordinator': ErrorCode.NOT_COORDINATOR,
  'group-subscribed-to-topic': ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC,
  'authorization-failed': ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  'duplicate-resource': ErrorCode.DUPLICATE_RESOURCE,
  'resource-not-found': ErrorCode.RESOURCE_NOT_FOUND,
  'version-conflict': ErrorCode.INVALID_REQUEST,
  'request-timed-out': ErrorCode.REQUEST_TIMED_OUT,
  // The backend behind the port lacks the operation: no version of the request would work, and clients take this code as final.
  'unsupported': ErrorCode.UNSUPPORTED_VERSION,
} as const satisfies Record<RefusalCode, number>

/** The error code of a refusal; NONE of anything else. */
export function errorCodeOf(answer: unknown): number {
  return answer instanceof Refusal ? codeByRefusal[answer.code] : ErrorCode.NONE
}

/** The text of a refusal; null of anything else. */
export function errorMessageOf(answer: unknown): string | null {
  return answer instanceof Refusal ? answer.message : null
}

const denialByResource = {
  'topic': ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'group': ErrorCode.GROUP_AUTHORIZATION_FAILED,
  'cluster': ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  'transactional-id': ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  // Subjects and tags are not Kafka's; no request of its protocol names one.
  'subject': ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  'tag': ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
} as const satisfies Record<ResourceType, number>

/** The code of being denied something on a resource of the type. */
export function denialOf(type: ResourceType): number {
  return denialByResource[type]
}

const denialTexts = {
  'topic': 'Topic authorization failed.',
  'group': 'Group authorization failed.',
  'cluster': 'Cluster authorization failed.',
  'transactional-id': 'Transactional Id authorization failed.',
  'subject': 'Subject authorization failed.',
  'tag': 'Tag authorization failed.',
} as const satisfies Record<ResourceType, string>

/** What a client is told with `denialOf`. The same for what exists and what does not. */
export function denialTextOf(type: ResourceType): string {
  return denialTexts[type]
}
