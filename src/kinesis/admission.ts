// What stands between a request that may be made and its operation: the troubles of the chaos profile and how often the operation may be called. Like AWS's own
// front, it comes after the signature, the constraints and access, and before anything is looked up; what a shard has room for is judged later, by the operation.
import { streamOf } from './access.ts'
import type { Context, Served } from './context.ts'
import { AwsError } from './errors.ts'
import type { Call } from './rates.ts'

/** Operations whose effect goes on: behind a failure nobody would be there for it. */
const failsBefore: ReadonlySet<string> = new Set(['SubscribeToShard'])

/** The operation's answer, unless the call is held back. */
export async function admitted(one: Served, input: Readonly<Record<string, unknown>>, context: Context): Promise<object | null | AwsError> {
  const { chaos } = context.limits
  const operation = one.operation.name
  const delayMs = chaos?.delayOf(operation) ?? 0
  if (delayMs > 0) await new Promise<void>(resolve => { context.clock.after(delayMs, resolve) })
  const failure = chaos?.fails(operation) !== true ? 'never' : failsBefore.has(operation) ? 'before' : chaos.settings.failureWhen
  if (failure === 'before') return new AwsError('InternalFailure')

  const call: Call = { operation, stream: () => streamOf(one.access, input as never, context), input }
  const refused = context.rates.admit(call)
  if (refused !== null) {
    await one.throttled?.(input as never, context)
    return refused
  }
  const answer = await one.handle(input as never, context)
  if (answer instanceof AwsError) return answer
  context.rates.succeeded(call)
  return failure === 'after' ? new AwsError('InternalFailure') : answer
}
