// What brokers ask of each other and of the controller. In one process these are calls; the simulation makes messages of them, which come late, out of
// order, or never. Everything said here must therefore hold when it is heard twice, late, or not at all: positions and epochs say what it refers to.
import type { EpochEnd, Refusal } from '../ports.ts'
import type { Batch } from '../wire/batch.ts'
import type { PartitionId } from './catalog/commands.ts'
import type { Controller } from './catalog/controller.ts'

/** The other side is not there, or its answer did not come: what became of the request is not known. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Where a follower stands in a partition, and under which leader epoch it believes to follow. */
export interface FetchPosition extends PartitionId {
  readonly leaderEpoch: number
  /** The end of the follower's log, and the epoch of the record before it (-1: none). */
  readonly offset: number
  readonly lastEpoch: number
  /** Below it the follower has everything on disk; -1 while it does not know yet whether its log is the leader's. */
  readonly durableOffset: number
}

/**
 * One request of a follower's session with a leader, over all partitions it follows there (KIP-227's idea). Only positions that changed are said again. A request
 * waits on the leader until there is something to give, or `waitMs` is over.
 */
export interface FetchRequest {
  readonly brokerId: number
  readonly brokerEpoch: number
  /** 0 begins a new session. */
  readonly session: number
  /** Counts the requests of a session, from 1. */
  readonly turn: number
  readonly positions: readonly FetchPosition[]
  readonly forgotten: readonly PartitionId[]
  readonly bytesMax: number
  /** What is given of one partition; a larger batch comes whole. */
  readonly partitionBytesMax: number
  readonly waitMs: number
}

export interface FetchResponse {
  /** 0: the leader does not know the session (any more); the follower begins another. */
  readonly session: number
  readonly partitions: readonly FetchedPartition[]
}

export interface FetchedPartition extends PartitionId {
  /** The position that this answers. */
  readonly offset: number
  readonly leaderEpoch: number
  readonly highWatermark: number
  /** Where the leader's log begins; with 'offset-out-of-range' the beginning of its first batch. */
  readonly logStartOffset: number
  /** From the position asked for on. Shared with the leader's log: nobody changes them. */
  readonly batches: readonly Batch[]
  /** The follower's log parts from the leader's here. */
  readonly diverging?: EpochEnd
  /** Why nothing is given; the partition has left the session. */
  readonly refusal?: Refusal
}

/** How far a follower has made durable what it fetched. */
export interface ProgressMark extends PartitionId {
  readonly leaderEpoch: number
  readonly durableOffset: number
}

export interface ProgressReport {
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly marks: readonly ProgressMark[]
}

/** A broker, as its fellows see it. Rejects with Unreachable. */
export interface BrokerPeer {
  fetch(request: FetchRequest): Promise<FetchResponse>
  progress(report: ProgressReport): Promise<void>
}

/** The controller, as brokers see it. Rejects with Unreachable. */
export type ControllerPeer = Pick<Controller, 'heartbeat' | 'metadata' | 'submit'>

export interface Links {
  broker(from: number, to: number): BrokerPeer
  controller(from: number): ControllerPeer
}
