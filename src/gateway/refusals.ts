// What a Refusal of the ports is over HTTP: a status, and the number that Confluent's REST proxy gives to the same case (404 topics, 403 access, 500xx Kafka).
import { Refusal, type RefusalCode } from '../ports.ts'
import { Problem, type ProblemOptions } from './problem.ts'

interface Answer {
  readonly status: number
  readonly errorCode: number
}

const answers = {
  'unknown-topic': { status: 404, errorCode: 40401 },
  'unknown-topic-id': { status: 404, errorCode: 40401 },
  'unknown-partition': { status: 404, errorCode: 40402 },
  'topic-exists': { status: 409, errorCode: 40901 },
  'invalid-topic': { status: 400, errorCode: 40002 },
  'invalid-partitions': { status: 400, errorCode: 40002 },
  'invalid-replication-factor': { status: 400, errorCode: 40002 },
  'invalid-replica-assignment': { status: 400, errorCode: 40002 },
  'invalid-config': { status: 400, errorCode: 40002 },
  'invalid-request': { status: 400, errorCode: 40002 },
  'policy-violation': { status: 400, errorCode: 40002 },
  'topic-deletion-disabled': { status: 409, errorCode: 409 },
  'not-leader': { status: 503, errorCode: 50003 },
  'leader-not-available': { status: 503, errorCode: 50003 },
  'fenced-leader-epoch': { status: 503, errorCode: 50003 },
  'unknown-leader-epoch': { status: 503, errorCode: 50003 },
  'offset-out-of-range': { status: 404, errorCode: 40403 },
  'offset-not-available': { status: 503, errorCode: 50003 },
  'not-enough-replicas': { status: 503, errorCode: 50003 },
  'not-enough-replicas-after-append': { status: 503, errorCode: 50003 },
  'storage-error': { status: 500, errorCode: 50002 },
  'sealed-partition': { status: 409, errorCode: 409 },
  'broker-not-available': { status: 503, errorCode: 50003 },
  'broker-id-not-registered': { status: 404, errorCode: 404 },
  'replica-not-available': { status: 503, errorCode: 50003 },
  'log-dir-not-found': { status: 404, errorCode: 404 },
  'preferred-leader-not-available': { status: 409, errorCode: 409 },
  'eligible-leaders-not-available': { status: 409, errorCode: 409 },
  'election-not-needed': { status: 409, errorCode: 409 },
  'no-reassignment-in-progress': { status: 409, errorCode: 409 },
  'reassignment-in-progress': { status: 409, errorCode: 409 },
  'corrupt-message': { status: 500, errorCode: 50002 },
  'message-too-large': { status: 413, errorCode: 413 },
  'record-list-too-large': { status: 413, errorCode: 413 },
  'invalid-record': { status: 422, errorCode: 42206 },
  'invalid-timestamp': { status: 422, errorCode: 42206 },
  'unsupported-compression-type': { status: 400, errorCode: 40002 },
  'key-not-found': { status: 403, errorCode: 40301 },
  'key-disabled': { status: 403, errorCode: 40301 },
  'key-pending-deletion': { status: 403, errorCode: 40301 },
  'invalid-producer-epoch': { status: 500, errorCode: 50002 },
  'out-of-order-sequence-number': { status: 500, errorCode: 50002 },
  'invalid-group-id': { status: 400, errorCode: 40002 },
  'group-id-not-found': { status: 404, errorCode: 40405 },
  'non-empty-group': { status: 409, errorCode: 409 },
  'unknown-member-id': { status: 409, errorCode: 409 },
  'member-id-required': { status: 409, errorCode: 409 },
  'illegal-generation': { status: 409, errorCode: 409 },
  'rebalance-in-progress': { status: 409, errorCode: 409 },
  'inconsistent-group-protocol': { status: 409, errorCode: 409 },
  'invalid-session-timeout': { status: 400, errorCode: 40002 },
  'fenced-instance-id': { status: 409, errorCode: 409 },
  'group-max-size-reached': { status: 409, errorCode: 409 },
  'offset-metadata-too-large': { status: 400, errorCode: 40002 },
  'coordinator-load-in-progress': { status: 503, errorCode: 50003 },
  'coordinator-not-available': { status: 503, errorCode: 50003 },
  'not-coordinator': { status: 503, errorCode: 50003 },
  'group-subscribed-to-topic': { status: 409, errorCode: 409 },
  'authorization-failed': { status: 403, errorCode: 40301 },
  'duplicate-resource': { status: 409, errorCode: 409 },
  'resource-not-found': { status: 404, errorCode: 404 },
  'version-conflict': { status: 409, errorCode: 409 },
  'request-timed-out': { status: 503, errorCode: 50003 },
  unsupported: { status: 501, errorCode: 501 },
} as const satisfies Record<RefusalCode, Answer>

/** The HTTP status and the error code of a refusal. */
export function answerTo(refusal: Refusal): Answer {
  return answers[refusal.code]
}

/** A refusal as the Problem that answers it. */
export function problemOf(refusal: Refusal, details?: ProblemOptions['details']): Problem {
  const { status, errorCode } = answerTo(refusal)
  return new Problem(status, refusal.message, { errorCode, ...details && { details } })
}

/** The value where there is one; a refusal is thrown as the Problem that answers it. */
export function orRefuse<T>(outcome: T | Refusal): T {
  if (outcome instanceof Refusal) throw problemOf(outcome)
  return outcome
}
