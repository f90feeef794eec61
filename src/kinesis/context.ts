// What an operation may use, and how one is served: its definition, the AWS action it is, the access it needs, its handler. An operation that
// does not declare its access does not compile.
import type { ActionAccess, Admin, Caller, Documents, Logs, Validation } from '../ports.ts'
import type { KmsKeys } from '../security/kms-keys.ts'
import type { Operation, InputOf, Members, OutputOf } from '../wire/operation.ts'
import type { Clock, Random } from '../world/world.ts'
import type { KinesisMetrics } from './cloudwatch/kinesis-metrics.ts'
import type { Codec } from './codecs.ts'
import type { AccessRule } from './access.ts'
import type { Deletions } from './deletions.ts'
import type { Deliveries } from './delivery/deliveries.ts'
import type { AwsError, Place } from './errors.ts'
import type { FanOut } from './fan-out/fan-out.ts'
import type { Gate } from './gate.ts'
import type { Limits } from './limits.ts'
import type { Claim } from './quotas.ts'
import type { CallRates } from './rates.ts'
import type { Throughput } from './throughput.ts'
import type { Tokens } from './tokens.ts'

export interface Services extends Place {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: ActionAccess
  /** What only Kinesis knows of streams (`stream-facts.ts`), consumers, channels, the account. */
  readonly documents: Documents
  readonly kms: KmsKeys
  readonly validation: Validation
  readonly clock: Clock
  readonly random: Random
  readonly tokens: Tokens
  /** What is enforced now: AWS's limits or none, and troubles on purpose. */
  readonly limits: Limits
  /** How often operations may be called. */
  readonly rates: CallRates
  /** What each shard takes and gives. */
  readonly throughput: Throughput
  /** What streams, shards and consumers are used for, as CloudWatch counts it. */
  readonly metrics: KinesisMetrics
  /** Pages of up to ten MiB are made a few at a time. */
  readonly pages: Gate
  /** Consumers are registered one at a time, so that the limits on their number hold. */
  readonly registrations: Gate
  /** What requests are about to make of streams, for quotas. */
  readonly claims: Set<Claim>
  /** How many shards all streams together may have. */
  readonly shardLimit: number
  /** How many streams may be in on-demand mode. */
  readonly onDemandStreamLimit: number
  /** How long a stream shows CREATING, UPDATING or DELETING. */
  readonly transitionMs: number
  /** 'kinesis:PutRecord' and so on: every action that a policy may name. */
  readonly actions: readonly string[]
  readonly deletions: Deletions
  /** Who is subscribed to which shard. */
  readonly fanOut: FanOut
  readonly deliveries: Deliveries
}

export interface Context extends Services {
  readonly caller: Caller
  /** Null while the key is there with which the request was signed: for what takes longer than a request. */
  readonly credentialsFault: () => null | AwsError
  /** Whether the request came over TLS. */
  readonly isEncrypted: boolean
  /** The form that the caller speaks. */
  readonly codec: Codec
  /** When the request had arrived (monotonic milliseconds). */
  readonly startedMs: number
}

export interface Served {
  readonly operation: Operation
  readonly action: string
  readonly access: AccessRule<never>
  readonly handle: (input: never, context: Context) => Promise<object | null | AwsError>
  /** Told of each call that the operation's rate holds back. */
  readonly throttled?: ((input: never, context: Context) => Promise<void>) | undefined
}

/** Ties a definition to its access and its handler. */
export function serve<I extends Members, O extends Members>(
  operation: Operation<I, O>,
  how: {
    readonly action: `kinesis:${string}`
    readonly access: AccessRule<InputOf<Operation<I, O>>>
    readonly throttled?: (input: InputOf<Operation<I, O>>, context: Context) => Promise<void>
  },
  handle: (input: InputOf<Operation<I, O>>, context: Context) => Promise<OutputOf<Operation<I, O>> | null | AwsError>,
): Served {
  return {
    operation: operation as unknown as Operation, action: how.action, access: how.access as AccessRule<never>, throttled: how.throttled as Served['throttled'],
    handle: handle as Served['handle'],
  }
}
