// What a subscription sends: the events and errors of SubscribeToShard's event stream, and how each becomes a message in the form that the caller speaks.
import { encodeEvent, encodeException } from '../../wire/event-stream.ts'
import { eventStream, list, long, structure, text } from '../../wire/operation.ts'
import type { Codec } from '../codecs.ts'
import type { AwsError } from '../errors.ts'
import { type ReadRecord, recordShape } from '../records.ts'
import { type ChildShardBody, childShardShape } from '../shards.ts'

const eventShape = structure({
  Records: list(recordShape).required,
  ContinuationSequenceNumber: text().required,
  MillisBehindLatest: long().required,
  ChildShards: list(childShardShape),
})
const exceptionShape = structure({ message: text() })

export const shardEvents = eventStream({
  SubscribeToShardEvent: eventShape.required,
  ResourceNotFoundException: exceptionShape,
  ResourceInUseException: exceptionShape,
  KMSDisabledException: exceptionShape,
  KMSInvalidStateException: exceptionShape,
  KMSAccessDeniedException: exceptionShape,
  KMSNotFoundException: exceptionShape,
  KMSOptInRequired: exceptionShape,
  KMSThrottlingException: exceptionShape,
  InternalFailureException: exceptionShape,
})

export interface ShardEvent {
  readonly Records: readonly ReadRecord[]
  /** Undefined in the last event of a closed shard, which names its children instead. */
  readonly ContinuationSequenceNumber: string | undefined
  readonly MillisBehindLatest: number
  readonly ChildShards: readonly ChildShardBody[] | undefined
}

export function eventMessage(event: ShardEvent, codec: Codec): Buffer {
  return encodeEvent('SubscribeToShardEvent', codec.eventContentType, codec.encode(eventShape.members, { ...event }))
}

/** The last message: why nothing more comes. */
export function exceptionMessage({ type, message }: AwsError, codec: Codec): Buffer {
  // What is an InternalFailure elsewhere has a longer name here.
  const name = type === 'InternalFailure' ? 'InternalFailureException' : type
  return encodeException(name, codec.eventContentType, codec.encode(exceptionShape.members, { message }))
}
