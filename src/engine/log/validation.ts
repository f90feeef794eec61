// What a batch must be before it enters a log, in the order of Kafka's LogValidator. The records themselves are opened only where a check
// needs them: on a topic with default settings never.
import { type AppendOptions, Refusal, type RecordError } from '../../ports.ts'
import { type Batch, batchHeaderBytes, type Codec, overwriteHeader } from '../../wire/batch.ts'
import { WireError } from '../../wire/bytes.ts'
import { codecs, compress } from '../../wire/compression.ts'
import { segmentHeaderBytes } from '../sealed/segment-header.ts'
import { frameBytesMin } from '../sealed/frame.ts'
import type { LogConfig } from './config.ts'

/** Bytes that a segment holds besides the batch that fills it. */
const segmentOverheadBytes = segmentHeaderBytes + 2 * frameBytesMin + 64

/** The batch as it is to be stored (the one given, unless it must be recompressed), or the first reason against it. */
export function validate(batch: Batch, config: LogConfig, nowMs: number, gaps?: AppendOptions['gaps']): Batch | Refusal {
  if (batch.baseOffset !== 0) return new Refusal('invalid-record', `batch begins at offset ${batch.baseOffset}, not 0`)
  const size = batch.bytes.length
  if (size > config.messageBytesMax) return new Refusal('message-too-large', `batch of ${size} bytes; max.message.bytes is ${config.messageBytesMax}`)
  if (!batch.crcIsValid()) return new Refusal('corrupt-message', `batch of ${size} bytes does not have the CRC ${batch.crc} that it states`)
  const { count, lastOffsetDelta } = batch
  if (count <= 0 || (gaps === 'offsets' ? lastOffsetDelta + 1 < count : lastOffsetDelta + 1 !== count)) {
    return new Refusal('invalid-record', `batch of ${count} records whose last has offset delta ${lastOffsetDelta}`)
  }
  if ((batch.attributes & 7) >= codecs.length) return new Refusal('unsupported-compression-type', `compression ${batch.attributes & 7} is not known`)
  if (batch.isEnveloped) return new Refusal('invalid-record', 'the batch says that its records are encrypted, which only the broker may do')
  if (batch.isControl && gaps !== 'offsets') return new Refusal('invalid-record', 'control batches are not for clients to write')
  if (batch.producerId >= 0 && batch.baseSequence < 0) return new Refusal('invalid-record', `producer ${batch.producerId} sent sequence ${batch.baseSequence}`)
  if (batch.timestampType === 'append') return new Refusal('invalid-timestamp', 'the batch says LogAppendTime, which only the broker may set')
  try {
    return checkRecords(batch, config, nowMs) ?? stored(batch, config)
  } catch (error) {
    if (error instanceof WireError) return new Refusal('corrupt-message', error.message)
    throw error
  }
}

function checkRecords(batch: Batch, config: LogConfig, nowMs: number): Refusal | undefined {
  const earliestMs = nowMs - config.timestampBeforeMaxMs
  const latestMs = nowMs + config.timestampAfterMaxMs
  const checksTimes = config.timestampType === 'create'
    && (config.timestampBeforeMaxMs < Number.MAX_SAFE_INTEGER || batch.maxTimestampMs > latestMs || batch.baseTimestampMs > latestMs)
  if (!checksTimes && !config.compact) return undefined
  const records = batch.records()
  if (config.compact) {
    const errors: RecordError[] = []
    for (const [index, record] of records.entries()) {
      if (record.key === null) errors.push({ index, message: 'Compacted topic cannot accept message without key' })
    }
    if (errors.length > 0) return new Refusal('invalid-record', `${errors.length} of ${records.length} records have no key in a compacted topic`, errors)
  }
  if (!checksTimes) return undefined
  const errors: RecordError[] = []
  for (const [index, { timestampMs }] of records.entries()) {
    // -1 says that the record has no time.
    if (timestampMs === -1 || (timestampMs >= earliestMs && timestampMs <= latestMs)) continue
    errors.push({ index, message: `Timestamp ${timestampMs} is outside of [${earliestMs}, ${latestMs}]` })
  }
  if (errors.length === 0) return undefined
  return new Refusal('invalid-timestamp', `${errors.length} of ${records.length} records have times outside of [${earliestMs}, ${latestMs}]`, errors)
}

function stored(batch: Batch, config: LogConfig): Batch | Refusal {
  const codec = config.compressionType
  // Control batches are of a record or two that are read before all others: as in Kafka, they stay as they are.
  const kept = codec === 'producer' || batch.codec === codec || batch.isControl ? batch : recompressed(batch, codec)
  const size = kept.bytes.length
  if (size + segmentOverheadBytes <= config.segmentBytes) return kept
  return new Refusal('record-list-too-large', `batch of ${size} bytes; segment.bytes is ${config.segmentBytes}`)
}

/** Its records keep their bytes, and so their offsets, between which there may be gaps. */
function recompressed(batch: Batch, codec: Codec): Batch {
  let maxTimestampMs = -Infinity
  for (const { timestampMs } of batch.records()) maxTimestampMs = Math.max(maxTimestampMs, timestampMs)
  const bytes = Buffer.concat([batch.bytes.subarray(0, batchHeaderBytes), compress(codec, batch.body())])
  return overwriteHeader(bytes, { codec, count: batch.count, maxTimestampMs })
}
