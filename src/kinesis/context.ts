// What an operation may use, and how one is served: its definition, the AWS action it is, the access it needs, its handler. An operation that
// does not declare its access does not compile.
import type { Access, AclOperation, Admin, Caller, Logs, Validation } from '../ports.ts'
import { clusterResource } from '../ports.ts'
import type { Operation, InputOf, Members, OutputOf } from '../wire/operation.ts'
import type { Clock } from '../world/world.ts'
import { AwsError, type Place } from './errors.ts'
import type { Gate } from './gate.ts'
import { streamArnOf } from './streams.ts'
import type { Throughput } from './throughput.ts'
import type { Tokens } from './tokens.ts'

export interface Services extends Place {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly validation: Validation
  readonly clock: Clock
  readonly tokens: Tokens
  readonly throughput: Throughput
  /** Pages of up to ten MiB are made a few at a time. */
  readonly pages: Gate
  /** How many shards all streams together may have. */
  readonly shardLimit: number
}

export interface Context extends Services {
  readonly caller: Caller
}

/**
 * What a request must be allowed to do before its handler runs: an operation on the stream it names ('needs'), the making of one ('creates'),
 * or nothing beforehand because its answer shows only what the caller may see ('filters').
 */
export type AccessRule<I> =
  | { readonly kind: 'needs'; readonly operation: AclOperation; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'creates'; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'filters' }

export interface Served {
  readonly operation: Operation
  readonly action: string
  readonly access: AccessRule<never>
  readonly handle: (input: never, context: Context) => Promise<object | null | AwsError>
}

/** Ties a definition to its access and its handler. */
export function serve<I extends Members, O extends Members>(
  operation: Operation<I, O>,
  how: { readonly action: `kinesis:${string}`; readonly access: AccessRule<InputOf<Operation<I, O>>> },
  handle: (input: InputOf<Operation<I, O>>, context: Context) => Promise<OutputOf<Operation<I, O>> | null | AwsError>,
): Served {
  return { operation: operation as unknown as Operation, action: how.action, access: how.access as AccessRule<never>, handle: handle as Served['handle'] }
}

/** Null where the caller may, else AWS's refusal; asked before anything is looked up, so that it tells nothing of what exists. */
export function judgeAccess<I>(action: string, rule: AccessRule<I>, input: I, context: Context): null | AwsError {
  if (rule.kind === 'filters') return null
  const stream = rule.stream(input, context)
  if (stream instanceof AwsError) return stream
  const { access, caller } = context
  const may = rule.kind === 'needs'
    ? access.allows(caller, rule.operation, 'topic', stream)
    // Kafka's rule: the cluster-wide right, or the one for this name. Only the second question is worth an audit line.
    : access.wouldAllow(caller, 'create', 'cluster', clusterResource) || access.allows(caller, 'create', 'topic', stream)
  if (may) return null
  const user = `arn:aws:iam::${context.account}:user/${caller.principal.name}`
  return new AwsError(
    'AccessDeniedException',
    `User: ${user} is not authorized to perform: ${action} on resource: ${streamArnOf(stream, context)} ` +
      `because no identity-based policy allows the ${action} action`,
  )
}
