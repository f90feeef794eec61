// What an operation may use, and how one is served: its definition, the AWS action it is, the access it needs, its handler. An operation that
// does not declare its access does not compile.
import type { Access, AclOperation, Admin, Caller, Documents, Logs, Validation } from '../ports.ts'
import { clusterResource } from '../ports.ts'
import type { Operation, InputOf, Members, OutputOf } from '../wire/operation.ts'
import type { Clock } from '../world/world.ts'
import type { Codec } from './codecs.ts'
import { AwsError, type Place } from './errors.ts'
import type { Gate } from './gate.ts'
import { streamArnOf } from './streams.ts'
import type { Throughput } from './throughput.ts'
import type { Tokens } from './tokens.ts'

export interface Services extends Place {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  /** What only Kinesis knows of streams (`stream-facts.ts`), consumers, channels, the account. */
  readonly documents: Documents
  readonly validation: Validation
  readonly clock: Clock
  readonly tokens: Tokens
  readonly throughput: Throughput
  /** Pages of up to ten MiB are made a few at a time. */
  readonly pages: Gate
  /** How many shards all streams together may have. */
  readonly shardLimit: number
  /** How long a stream shows CREATING, UPDATING or DELETING. */
  readonly transitionMs: number
}

export interface Context extends Services {
  readonly caller: Caller
  /** The form that the caller speaks. */
  readonly codec: Codec
}

/**
 * What a request must be allowed to do before its handler runs: an operation on the stream it names ('needs'), the making of one ('creates'), an operation
 * on the whole account ('account': the cluster), or nothing beforehand because its answer shows only what the caller may see ('filters').
 */
export type AccessRule<I> =
  | { readonly kind: 'needs'; readonly operation: AclOperation; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'creates'; readonly stream: (input: I, context: Context) => string | AwsError }
  | { readonly kind: 'account'; readonly operation: AclOperation }
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
  const { access, caller } = context
  if (rule.kind === 'account') return access.allows(caller, rule.operation, 'cluster', clusterResource) ? null : denied(action, '*', context)
  const stream = rule.stream(input, context)
  if (stream instanceof AwsError) return stream
  const may = rule.kind === 'needs'
    ? access.allows(caller, rule.operation, 'topic', stream)
    // Kafka's rule: the cluster-wide right, or the one for this name. Only the second question is worth an audit line.
    : access.wouldAllow(caller, 'create', 'cluster', clusterResource) || access.allows(caller, 'create', 'topic', stream)
  return may ? null : denied(action, streamArnOf(stream, context), context)
}

function denied(action: string, resource: string, { account, caller }: Context): AwsError {
  return new AwsError(
    'AccessDeniedException',
    `User: arn:aws:iam::${account}:user/${caller.principal.name} is not authorized to perform: ${action} on resource: ${resource} ` +
      `because no identity-based policy allows the ${action} action`,
  )
}
