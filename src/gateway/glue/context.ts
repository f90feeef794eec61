// What a Glue operation may use, and how one is served: its definition beside its handler. Handlers ask `judge` before they tell whether a thing exists.
import type { Access, AclOperation, Caller } from '../../ports.ts'
import type { GlueNotes } from '../../registry/glue/notes.ts'
import type { Registry } from '../../registry/registry.ts'
import type { InputOf, Members, Operation, OutputOf } from '../../wire/operation.ts'
import { GlueError } from './errors.ts'

export interface Context {
  readonly registry: Registry
  readonly notes: GlueNotes
  readonly access: Access
  readonly caller: Caller
  readonly account: string
  readonly region: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** The operation's name. */
  readonly operation: string
}

export interface Served {
  readonly operation: Operation
  readonly handle: (input: never, context: Context) => Promise<object | GlueError> | object | GlueError
}

export function serve<I extends Members, O extends Members>(
  operation: Operation<I, O>,
  handle: (input: InputOf<Operation<I, O>>, context: Context) => Promise<OutputOf<Operation<I, O>> | GlueError> | OutputOf<Operation<I, O>> | GlueError,
): Served {
  return { operation: operation as unknown as Operation, handle: handle as Served['handle'] }
}

/** Null where the caller may do this to the subject (a registry is the context `:.name:`), else AWS's refusal. */
export function judge(context: Context, operation: AclOperation, subject: string, arn: string): null | GlueError {
  if (context.access.allows(context.caller, operation, 'subject', subject)) return null
  const user = `arn:aws:iam::${context.account}:user/${context.caller.principal.name}`
  const action = `glue:${context.operation}`
  return new GlueError(
    'AccessDeniedException', `User: ${user} is not authorized to perform: ${action} on resource: ${arn} because no identity-based policy allows the ${action} action`,
  )
}
