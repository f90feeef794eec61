// The one controller of the process: decides over the catalog, keeps the sessions of brokers, and tells them what is committed.
import type { Quorum, Refusal } from '../../ports.ts'
import type { Logger, World } from '../../world/world.ts'
import type { Log, LogOptions } from '../log/log.ts'
import type { Catalog } from './catalog.ts'
import type { CatalogCommand, CatalogReplies } from './commands.ts'
import type { CatalogRecord } from './records.ts'

/** A copy of `__cluster_metadata` in one broker's directory. */
export interface MetadataCopy {
  /** The broker's id. */
  readonly id: number
  /** The UUID of the directory. Whoever made the directory anew made up a new one: a blank directory is no copy of the voter it stands for. */
  readonly directory: string
  /** Open; the controller closes it. */
  readonly log: Log
  /** What it was opened with: for cutting it and filling it anew. */
  readonly options: LogOptions
}

export interface ControllerOptions {
  readonly world: World
  readonly clusterId: string
  /** Broker configs by Kafka's names, as for Catalog. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly copies: readonly MetadataCopy[]
  readonly logger: Logger
  /** How long a broker may be silent before it is fenced. */
  readonly sessionTimeoutMs: number
  /** A snapshot is written once the log holds more records than this, and four times as many as the state. */
  readonly snapshotRecordsMin?: number
  /** How many committed records are kept for brokers that follow; who is further behind gets a snapshot. */
  readonly historyRecords?: number
}

export interface Heartbeat {
  readonly id: number
  readonly epoch: number
  /** How far the broker has applied the stream of committed records. */
  readonly seen: number
  readonly wantsToStop: boolean
}

export interface HeartbeatReply {
  readonly isFenced: boolean
  /** Of a broker that wants to stop: it leads nothing any more that another one could lead. */
  readonly mayStop: boolean
}

/** Committed records, in order. */
export interface MetadataSlice {
  readonly records: readonly CatalogRecord[]
  /** The position behind them: the next `after`. */
  readonly upTo: number
  /** The whole state: it takes the place of everything before. */
  readonly isSnapshot: boolean
}

export interface Submitted<Reply> {
  readonly reply: Reply | Refusal
  /** The position in the stream of committed records that the reply rests on. */
  readonly upTo: number
}

export declare class Controller implements AsyncDisposable {
  /**
   * Makes the copies agree (the best: latest epoch, then longest; others are cut and filled), begins a new epoch and submits start-cluster.
   * Rejects with an EngineError where fewer than a majority of the voters that the best copy names are there.
   */
  static open(options: ControllerOptions): Promise<Controller>

  /** The committed state. */
  readonly image: Catalog
  /** Resolves if ever fewer than a majority of the voters can be written: nothing is committed any more. */
  readonly failure: Promise<Error>

  /** Resolves once what the reply rests on is committed. A broker registers by `register-broker`, which opens its session. */
  submit<T extends CatalogCommand['type']>(command: CatalogCommand & { readonly type: T }): Promise<Submitted<CatalogReplies[T]>>

  /** What was committed behind `after`; waits while there is nothing. A snapshot for -1, or where `after` is too far back. Nothing once the signal aborts. */
  metadata(request: { readonly after: number; readonly signal: AbortSignal }): Promise<MetadataSlice>

  /** Keeps the broker's session; one that has seen its own registration is unfenced. Refused for another epoch than the broker's present one. */
  heartbeat(beat: Heartbeat): Promise<HeartbeatReply | Refusal>

  /** These register within one start: none is unfenced before all of them are ready (or a session timeout has passed), and then all by one command. */
  unfenceTogether(ids: readonly number[]): void

  /** The broker's link has ended: fences it at once. */
  disconnected(id: number, epoch: number): Promise<null | Refusal>

  /** Fills the copy, lets it take part, and makes it a voter (in place of the voter of its id, if there is one). */
  addCopy(copy: MetadataCopy): Promise<null | Refusal>

  /** It is no voter any more, and its log is closed. */
  removeCopy(id: number): Promise<null | Refusal>

  /** The directory cannot be trusted any more: its copy takes no further part; it stays a voter until it is replaced or removed. */
  copyFailed(id: number, error: Error): void

  quorum(): Quorum

  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
