// The registry's refusals as the gateway's problems.
import { RegistryRefusal } from '../../registry/errors.ts'
import { Problem } from '../problem.ts'

export function problemOf(refusal: RegistryRefusal): Problem {
  return new Problem(refusal.status, refusal.message, { errorCode: refusal.code })
}

/** The answer, unless it is a refusal: that is thrown as a Problem. */
export function answered<T>(answer: T | RegistryRefusal): T {
  if (answer instanceof RegistryRefusal) throw problemOf(answer)
  return answer
}
