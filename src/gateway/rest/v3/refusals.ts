// How v3 says no where its numbers are others than v2's: a topic or partition that is missing is 40403 in Kafka's own words, and what Kafka would not do is 400 with 40002.
import { Refusal, type RefusalCode } from '../../../ports.ts'
import { Problem } from '../../problem.ts'
import { answerTo } from '../../refusals.ts'

const missing = { status: 404, errorCode: 40403 }
const invalid = { status: 400, errorCode: 40002 }

const others: Partial<Record<RefusalCode, { readonly status: number; readonly errorCode: number; readonly message?: string }>> = {
  'unknown-topic': missing,
  'unknown-topic-id': missing,
  'unknown-partition': missing,
  'topic-exists': invalid,
  'group-id-not-found': { status: 404, errorCode: 404 },
}

/** The HTTP status and v3's number of a refusal. */
export function v3AnswerTo(refusal: Refusal): { readonly status: number; readonly errorCode: number } {
  return others[refusal.code] ?? answerTo(refusal)
}

/** The value where there is one; a refusal is thrown as the Problem that answers it. */
export function orRefuseV3<T>(outcome: T | Refusal): T {
  if (!(outcome instanceof Refusal)) return outcome
  const { status, errorCode } = v3AnswerTo(outcome)
  throw new Problem(status, outcome.message, { errorCode })
}

/** Kafka's own text, for a topic as for a partition. */
export function unknownTopicOrPartition(): Problem {
  return new Problem(404, 'This server does not host this topic-partition.', { errorCode: 40403 })
}

/** 404 for anything else that has a name. */
export function cannotBeFound(what: string): Problem {
  return new Problem(404, `${what} cannot be found.`)
}
