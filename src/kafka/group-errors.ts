// The error codes of the group APIs. A coordinator that cannot write to its log must not be told to consumers as a failed disk or a missing replica, which
// their state machines do not know: they look for the coordinator again, or try again, and so ride out what passes.
import { Refusal, type RefusalCode } from '../ports.ts'
import { ErrorCode, errorCodeOf } from './errors.ts'

/** As Kafka's coordinator translates what the append of its records met. */
const translated: Partial<Record<RefusalCode, number>> = {
  'unknown-topic': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'unknown-partition': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'not-enough-replicas': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'not-enough-replicas-after-append': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'request-timed-out': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'leader-not-available': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'broker-not-available': ErrorCode.COORDINATOR_NOT_AVAILABLE,
  'not-leader': ErrorCode.NOT_COORDINATOR,
  'fenced-leader-epoch': ErrorCode.NOT_COORDINATOR,
  'storage-error': ErrorCode.NOT_COORDINATOR,
}

/** The error code of a refusal by the coordinator; NONE of anything else. */
export function groupErrorCodeOf(answer: unknown): number {
  return (answer instanceof Refusal ? translated[answer.code] : undefined) ?? errorCodeOf(answer)
}
