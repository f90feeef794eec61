// What the actors of a run share: the cluster, the history, and what is known to be promised.
import type { PartitionRef } from '../../../src/ports.ts'
import type { Key } from '../../history/history.ts'
import type { Recorder } from '../../history/recorder.ts'
import type { SimCluster } from './cluster.ts'

export interface Stage {
  readonly cluster: SimCluster
  readonly recorder: Recorder
  readonly counts: { acknowledged: number; read: number; commits: number }
  /** Between two sends of a producer. */
  readonly pauseMs: number
  readonly isSending: boolean
  readonly isReading: boolean
  nextValue(): number
  /** A rule has been broken. */
  violation(text: string): void
  /** acks=all was answered for everything below `endOffset`. */
  acknowledged(at: PartitionRef, endOffset: number): void
  /** A client was given records below `endOffset`, with that high watermark. */
  served(at: PartitionRef, endOffset: number, highWatermark: number): void
  producerId(id: number): void
  /** Whether records of the topic may be lost: unclean elections are allowed. */
  mayLose(topic: string): boolean
}

export function keyOf({ topic, partition }: PartitionRef): Key {
  return `${topic}/${partition}`
}
