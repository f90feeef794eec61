// What a handler of the Kafka facade knows besides the request: who asks, over which connection, and the ports it may ask in turn.
import type { Access, AclOperation, Admin, Caller, Groups, Logs, ResourceType, Validation } from '../ports.ts'
import type { VersionRange } from '../wire/spec.ts'
import type { Clock, Logger } from '../world/world.ts'
import type { BytesBudget } from './bytes-budget.ts'
import type { Reach } from './endpoints.ts'
import type { KafkaSettings } from './settings.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** One line of an ApiVersions answer. */
export interface ServedApi {
  readonly key: number
  readonly advertised: VersionRange
}

/** What all connections of a server share. */
export interface Services {
  readonly brokerId: number
  readonly logs: Logs
  readonly admin: Admin
  readonly groups: Groups
  readonly access: Access
  /** Absent where no topic is ever validated. */
  readonly validation: Validation | undefined
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly apis: readonly ServedApi[]
  /** Bytes of records that answers not yet sent may hold, over all connections. */
  readonly answerBudget: BytesBudget
}

/** One request's surroundings. */
export interface Context extends Services {
  /** The version of the API the request was sent in. */
  readonly version: number
  readonly clientId: string | null
  readonly caller: Caller
  /** The listener's name. */
  readonly listener: string
  /** Aborts when waiting has no more use: the connection is gone, or the server stops and answers what it has. */
  readonly signal: AbortSignal
  /** Where this client reaches each broker. */
  readonly reach: Reach
  /** Whether the caller may; a denial is audited. */
  may(operation: AclOperation, type: ResourceType, name: string): boolean
  /** A bit field of the operations the caller may perform on the resource, as Metadata and DescribeCluster show it. */
  authorizedOperations(type: ResourceType, name: string): number
  /** Lets the connection's next request start before this one is answered; answers keep the order of their requests. */
  startNext(): void
  /** Counts `bytes` against the answer budget until this request's answer is sent; gives what it could have, at least `atLeast`. */
  reserveAnswer(bytes: number, atLeast: number): number
  /** Gives back early what of the reservation turned out not to be needed. */
  returnReserved(bytes: number): void
}
