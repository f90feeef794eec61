// What a topic's settings mean to its logs: plain numbers, read afresh at each use, so that a change takes effect at once.
import type { Codec } from '../../wire/batch.ts'

export interface LogConfig {
  /** segment.bytes: a segment that would pass it is closed and the next one begun. */
  readonly segmentBytes: number
  /** segment.ms: the same by the times of its records. */
  readonly segmentMs: number
  /** retention.ms; -1 keeps for ever. */
  readonly retentionMs: number
  /** retention.bytes; -1 has no bound. */
  readonly retentionBytes: number
  /** max.message.bytes: of a whole batch, header and all. */
  readonly messageBytesMax: number
  /** message.timestamp.type. */
  readonly timestampType: 'create' | 'append'
  /** message.timestamp.before.max.ms and .after.max.ms: how far a record's own time may lie in the past and in the future. Infinity: any. */
  readonly timestampBeforeMaxMs: number
  readonly timestampAfterMaxMs: number
  /** cleanup.policy contains compact: every record needs a key. */
  readonly compact: boolean
  /** compression.type: 'producer' keeps what came; any other is what batches are stored with. */
  readonly compressionType: 'producer' | Codec
  /** sluice.kms.key.id: the named key that batches are enclosed with; left out: none. */
  readonly keyId?: string
  /** producer.id.expiration.ms. */
  readonly producerExpirationMs?: number
}

/** Kafka's default of producer.id.expiration.ms. */
export const producerExpirationMsDefault = 86_400_000
