// Errors as Kinesis words them. An AwsError is a value that operations return; `toAwsError` turns each refusal of the ports into one, exhaustively.
import { KeyRefusal, type Refusal, type RefusalCode } from '../ports.ts'
import { keyArnOf } from '../security/kms-keys.ts'

export type AwsErrorType =
  | 'AccessDeniedException' | 'DryRunOperationException' | 'ExpiredIteratorException' | 'ExpiredNextTokenException' | 'InternalFailure'
  | 'InvalidArgumentException'
  | 'LimitExceededException' | 'ProvisionedThroughputExceededException' | 'ResourceInUseException' | 'ResourceNotFoundException' | 'SerializationException'
  | 'UnknownOperationException' | 'ValidationException' | 'MissingAuthenticationTokenException' | 'IncompleteSignatureException' | 'InvalidSignatureException'
  | 'UnrecognizedClientException' | 'ExpiredTokenException'
  | 'KMSAccessDeniedException' | 'KMSDisabledException' | 'KMSInvalidStateException' | 'KMSNotFoundException'

/** What a request gets in place of its answer. */
export class AwsError {
  readonly type: AwsErrorType
  /** Undefined where AWS sends the type alone. */
  readonly message: string | undefined

  constructor(type: AwsErrorType, message?: string) {
    this.type = type
    this.message = message
  }

  get status(): 400 | 500 {
    return this.type === 'InternalFailure' ? 500 : 400
  }
}

export function invalidArgument(message: string): AwsError {
  return new AwsError('InvalidArgumentException', message)
}

export function validation(message: string): AwsError {
  return new AwsError('ValidationException', message)
}

export function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFoundException', message)
}

/** What a request with DryRun gets when everything about it is right. */
export function wouldHaveSucceeded(): AwsError {
  return new AwsError('DryRunOperationException', 'Request would have succeeded, but DryRun flag is set.')
}

/** Whose stream it is and where, for texts and ARNs. */
export interface Place {
  readonly account: string
  readonly region: string
}

export const texts = {
  streamNotFound: (stream: string, { account }: Place): string => `Stream ${stream} under account ${account} not found.`,
  streamExists: (stream: string, { account }: Place): string => `Stream ${stream} under account ${account} already exists.`,
  /** An AWS reply of 2025 (aws-sdk-java-v2#5949), of what is also there while a stream is UPDATING. */
  streamNotServed: (stream: string, status: string, { account }: Place): string =>
    `Stream ${stream} under account ${account} not ACTIVE or UPDATING, instead in state ${status}`,
  streamNotActive: (stream: string, status: string, { account }: Place): string => `Stream ${stream} under account ${account} not ACTIVE, instead in state ${status}`,
  warmNeedsOnDemand: 'WarmThroughputMiBps is only supported for streams in ON_DEMAND mode.',
  tooNarrow: (stream: string, shards: number, { account }: Place): string =>
    `The hash key ranges of stream ${stream} under account ${account} are too narrow to be split into ${shards} shards.`,
  autoNeedsOnDemand: 'RecordDistributionStrategy AUTO is only supported for streams in ON_DEMAND mode.',
  /** Account, region and limit are parsed out of it by tools. */
  shardLimit: ({ used, limit, additional }: { used: number; limit: number; additional: number }, { account, region }: Place): string =>
    `This request would exceed the shard limit for the account ${account} in ${region}. Current shard count for the account: ${used}. Limit: ${limit}. ` +
    `Number of additional shards that would have resulted from this request: ${additional}. Refer to the AWS Service Limits page ` +
    '(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request higher limits.',
  onDemandLimit: ({ used, limit }: { used: number; limit: number }, { account, region }: Place): string =>
    `This request would exceed the limit on the number of On-Demand streams for the account ${account} in ${region}. Current On-Demand streams count: ${used}. Limit: ${limit}.`,
  /** Quoted from AWS, grammar and two spaces included (a reply of 2017). Tools look for 'simultaneously be in CREATING or DELETING'. */
  tooManyInTransition: (limit: number, { account }: Place): string =>
    `This request would have exceed the limit on the number  of streams that can simultaneously be in CREATING or DELETING for the account ${account}. Limit: ${limit}.`,
  streamRateExceeded: (stream: string, { account }: Place): string => `Rate exceeded for stream ${stream} under account ${account}.`,
  consumerNotFound: (consumer: string, { account }: Place): string => `Consumer ${consumer}, account ${account} not found.`,
  consumerExists: (consumer: string, stream: string, { account }: Place): string => `Consumer ${consumer} under stream ${stream} already exists for account ${account}.`,
  consumerNotActive: ({ consumer, second, stream }: { consumer: string; second: number; stream: string }, { account }: Place): string =>
    `Consumer ${consumer} with creation timestamp ${second} under stream: ${stream} , account ${account} is not in ACTIVE status.`,
  anotherSubscription: ({ stream, shardId, consumer }: { stream: string; shardId: string; consumer: string }, { account }: Place): string =>
    `Another active subscription exists for this consumer: ${account}:${stream}:${shardId}:${consumer}`,
  hasConsumers: (stream: string, arn: string): string =>
    `DeleteStream can't delete ${arn} because there are consumers associated with this data stream. To delete ${stream} anyway, ` +
    'set the EnforceConsumerDeletion parameter to true to force the deletion of all the consumers that are associated with it.',
  shardNotFound: (shardId: string, stream: string, { account }: Place): string =>
    `Shard ${shardId} in stream ${stream} under account ${account} does not exist`,
  badShardId: (shardId: string, stream: string, { account }: Place): string => `Could not find shard ${shardId} in stream ${stream} under account ${account}.`,
  rateExceeded: (shardId: string, stream: string, { account }: Place): string =>
    `Rate exceeded for shard ${shardId} in stream ${stream} under account ${account}.`,
  /** Of an operation that may be called only so often; the stream where the request names one. */
  callRateExceeded: (stream: string | undefined, { account }: Place): string =>
    `Rate exceeded for ${stream === undefined ? '' : `stream ${stream} under `}account ${account}.`,
  dailyLimit: (operation: string, stream: string | undefined, successesMax: number, { account }: Place): string =>
    `${operation} has succeeded ${successesMax} times within 24 hours for stream ${stream} under account ${account}, which is its limit.`,
  notOnDemand: (stream: string, { account }: Place): string => `Request is invalid. Stream ${stream} under account ${account} is in Provisioned mode.`,
  onDemand: (stream: string, { account }: Place): string => `Request is invalid. Stream ${stream} under account ${account} is in On-Demand mode.`,
  shardClosed: (shardId: string, stream: string, { account }: Place): string =>
    `Shard ${shardId} in stream ${stream} under account ${account} has already been merged or split, and thus is not eligible for merging or splitting.`,
  notAdjacent: (shardIds: readonly string[], stream: string, { account }: Place): string =>
    `Shards ${shardIds.join(' and ')} in stream ${stream} under account ${account} are not an adjacent pair of shards eligible for merging`,
  badCut: (cut: string, shardId: string, stream: string, { start, end }: { start: bigint; end: bigint }, { account }: Place): string =>
    `NewStartingHashKey ${cut} used in SplitShard() on shard ${shardId} in stream ${stream} under account ${account} ` +
    `is not both greater than one plus the shard's StartingHashKey ${start} and less than the shard's EndingHashKey ${end}.`,
  scaling: (what: string, open: number, target: number): string => `${what}. Current open shard count: ${open} Target shard count: ${target}`,
  kmsDenied: (who: string, key: string, because: string): string => `User: ${who} is not authorized to perform: kms:DescribeKey on resource: ${key} ${because}`,
  invalidIterator: 'Invalid ShardIterator.',
  futureTimestamp: (askedMs: number, nowMs: number): string =>
    'The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. ' +
    `timestampInMillis: ${askedMs}, currentTimestampInMillis: ${nowMs}`,
}

/**
 * A refusal of the ports in Kinesis's words; `place` is for those about keys, which AWS names by their ARNs. Refusals that no Kinesis request can meet are bugs and
 * so internal failures.
 */
export function toAwsError(refusal: Refusal, place?: Place): AwsError {
  if (refusal instanceof KeyRefusal && place !== undefined) return kmsError(refusal.code, refusal.keyId, place)
  const type = awsTypes[refusal.code]
  return type === 'InternalFailure' ? new AwsError(type) : new AwsError(type, refusal.message)
}

/** A key that cannot be used, in KMS's words, which Kinesis passes on. */
export function kmsError(code: KeyRefusal['code'], keyId: string, place: Place): AwsError {
  const arn = keyArnOf(keyId, place)
  switch (code) {
    case 'key-not-found': return new AwsError('KMSNotFoundException', `Key '${arn}' does not exist`)
    case 'key-disabled': return new AwsError('KMSDisabledException', `${arn} is disabled.`)
    case 'key-pending-deletion': return new AwsError('KMSInvalidStateException', `${arn} is pending deletion.`)
  }
}

export function isOfKms({ type }: AwsError): boolean {
  return type.startsWith('KMS')
}

const awsTypes = {
  'unknown-topic': 'ResourceNotFoundException',
  'unknown-topic-id': 'ResourceNotFoundException',
  'unknown-partition': 'ResourceNotFoundException',
  'topic-exists': 'ResourceInUseException',
  'invalid-topic': 'InvalidArgumentException',
  'invalid-partitions': 'InvalidArgumentException',
  'invalid-replication-factor': 'InvalidArgumentException',
  'invalid-replica-assignment': 'InvalidArgumentException',
  'invalid-config': 'InvalidArgumentException',
  'invalid-request': 'InvalidArgumentException',
  'policy-violation': 'InvalidArgumentException',
  'topic-deletion-disabled': 'InvalidArgumentException',
  'not-leader': 'InternalFailure',
  'leader-not-available': 'InternalFailure',
  'fenced-leader-epoch': 'InternalFailure',
  'unknown-leader-epoch': 'InternalFailure',
  'offset-out-of-range': 'InternalFailure',
  'offset-not-available': 'InternalFailure',
  'not-enough-replicas': 'InternalFailure',
  'not-enough-replicas-after-append': 'InternalFailure',
  'storage-error': 'InternalFailure',
  'sealed-partition': 'ResourceInUseException',
  'broker-not-available': 'InternalFailure',
  'broker-id-not-registered': 'InternalFailure',
  'replica-not-available': 'InternalFailure',
  'log-dir-not-found': 'InternalFailure',
  'preferred-leader-not-available': 'InternalFailure',
  'eligible-leaders-not-available': 'InternalFailure',
  'election-not-needed': 'InternalFailure',
  'no-reassignment-in-progress': 'InternalFailure',
  'reassignment-in-progress': 'ResourceInUseException',
  'corrupt-message': 'InternalFailure',
  'message-too-large': 'InvalidArgumentException',
  'record-list-too-large': 'InvalidArgumentException',
  'invalid-record': 'InvalidArgumentException',
  'invalid-timestamp': 'InvalidArgumentException',
  'unsupported-compression-type': 'InvalidArgumentException',
  'key-not-found': 'KMSNotFoundException',
  'key-disabled': 'KMSDisabledException',
  'key-pending-deletion': 'KMSInvalidStateException',
  'invalid-producer-epoch': 'InternalFailure',
  'out-of-order-sequence-number': 'InternalFailure',
  'invalid-group-id': 'InternalFailure',
  'group-id-not-found': 'InternalFailure',
  'non-empty-group': 'InternalFailure',
  'unknown-member-id': 'InternalFailure',
  'member-id-required': 'InternalFailure',
  'illegal-generation': 'InternalFailure',
  'rebalance-in-progress': 'InternalFailure',
  'inconsistent-group-protocol': 'InternalFailure',
  'invalid-session-timeout': 'InternalFailure',
  'fenced-instance-id': 'InternalFailure',
  'group-max-size-reached': 'InternalFailure',
  'offset-metadata-too-large': 'InternalFailure',
  'coordinator-load-in-progress': 'InternalFailure',
  'coordinator-not-available': 'InternalFailure',
  'not-coordinator': 'InternalFailure',
  'group-subscribed-to-topic': 'InternalFailure',
  'authorization-failed': 'AccessDeniedException',
  'duplicate-resource': 'InternalFailure',
  'resource-not-found': 'ResourceNotFoundException',
  'version-conflict': 'ResourceInUseException',
  'request-timed-out': 'InternalFailure',
  'unsupported': 'InvalidArgumentException',
} as const satisfies Record<RefusalCode, AwsErrorType>
