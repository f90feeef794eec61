// A batch without some of its records. What is left keeps its bytes, its offset and its time, as after compaction, so that the offsets which a producer counts
// from the batch's first stay right; sequence numbers go by the batch's span of offsets, which stays as well.
import { type Cursor, readVarint } from '../base/varint.ts'
import { type Batch, batchHeaderBytes, buildBatch, controlKey, overwriteHeader } from './batch.ts'
import { WireError } from './bytes.ts'
import { compress } from './compression.ts'

/** Kafka's control records have a type in their key; clients pass over those they do not know. 0x5344: "SD", set aside. */
const setAsideType = 0x5344

/**
 * The batch without the records at `indexes` (of which there is at least one). Where that is all of them, a control batch of the same span takes its place: no
 * client shows it, every client knows how to step over it (an ordinary batch with no records keeps kafkajs asking for it again), and it carries the
 * producer's sequence numbers on. WireError where the batch does not open.
 */
export function thinned(batch: Batch, indexes: ReadonlySet<number>): Batch {
  if (indexes.size >= batch.count) return emptied(batch)
  const body = batch.body()
  const kept: Buffer[] = [batch.bytes.subarray(0, batchHeaderBytes)]
  const cursor: Cursor = { at: 0 }
  let maxTimestampMs = -Infinity
  for (let index = 0; index < batch.count; index++) {
    const start = cursor.at
    const length = readVarint(body, cursor)
    const end = cursor.at + length
    if (!(length > 0 && end <= body.length)) throw new WireError(`record ${index} says ${length} bytes`, { at: start })
    cursor.at++
    const timestampMs = batch.baseTimestampMs + readVarint(body, cursor)
    cursor.at = end
    if (indexes.has(index)) continue
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs)
    kept.push(body.subarray(start, end))
  }
  const records = compress(batch.codec, Buffer.concat(kept.slice(1)))
  const bytes = Buffer.concat([kept[0]!, records])
  return overwriteHeader(bytes, { codec: batch.codec, count: kept.length - 1, maxTimestampMs })
}

function emptied(batch: Batch): Batch {
  const { producerId, producerEpoch, baseSequence, lastOffsetDelta } = batch
  return buildBatch([{ key: controlKey(setAsideType), value: null, timestampMs: batch.maxTimestampMs }], {
    timestampMs: batch.baseTimestampMs, isControl: true, firstOffsetDelta: lastOffsetDelta,
    ...producerId >= 0 && { producer: { id: producerId, epoch: producerEpoch, baseSequence } },
  })
}
