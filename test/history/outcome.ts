// Whether a send that was answered with an error certainly did not happen. Only what a broker guarantees counts: a timeout, a lost connection, REQUEST_TIMED_OUT,
// NOT_ENOUGH_REPLICAS_AFTER_APPEND, NOT_LEADER_OR_FOLLOWER, UNKNOWN_SERVER_ERROR and any error not named here leave it unknown (reliability.md §1.4).

/** How often the client may have sent it before it gave up: it tells of its last attempt only, and an earlier one may have been appended. */
export type Attempts = 'one' | 'several'

/** The record itself is refused, so every attempt was. Kafka's name and librdkafka's. */
const refusedAlways = new Set(['MESSAGE_TOO_LARGE', 'MSG_SIZE_TOO_LARGE', 'INVALID_RECORD', '_QUEUE_FULL'])

/** This attempt was refused before anything was appended. */
const refusedNow = new Set([
  'TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED',
  'NOT_ENOUGH_REPLICAS', 'INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'FENCED_LEADER_EPOCH',
])

/** `error` by Kafka's name, or librdkafka's where it is its own. */
export function outcomeOf(error: string, attempts: Attempts): 'fail' | 'info' {
  return refusedAlways.has(error) || (attempts === 'one' && refusedNow.has(error)) ? 'fail' : 'info'
}

/** Kafka's name of what kafkajs throws, found below its wrappings; else the name of the error. */
export function nameOfKafkajsError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { type } = error as { type?: unknown }
  if (typeof type === 'string') return type
  if (error.cause instanceof Error) return nameOfKafkajsError(error.cause)
  return error.name
}
