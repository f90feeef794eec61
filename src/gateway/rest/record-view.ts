// How stored records are shown: `{topic, key, value, partition, offset, timestamp, headers}` as JSON text in an embedded format, as Confluent's REST proxy
// has it, with time and headers besides. The same for stateless reads, consumer instances and event streams.
import type { PartitionRef, Slice, Topic } from '../../ports.ts'
import type { Batch, RecordView } from '../../wire/batch.ts'
import { Withheld } from '../../registry/fault.ts'
import type { PartReader, Shown } from './part-reader.ts'
import type { Payloads } from './payload.ts'

/** Makes JSON text of one topic's records. */
export type RecordPrinter = (partition: number, record: RecordView) => Promise<string>

export function recordPrinter(payloads: Payloads, topic: Topic, shown: Shown): RecordPrinter {
  const readers = { key: payloads.readerFor(topic, 'key', shown), value: payloads.readerFor(topic, 'value', shown) }
  return (partition, record) => showRecord({ topic: topic.name, partition }, record, readers)
}

/** The records from `from` on that clients may see, in order. */
export function* recordsFrom(batches: readonly Batch[], from: number): Generator<RecordView> {
  for (const batch of batches) {
    if (batch.isControl) continue
    for (const record of batch.recordsOrNone()) if (record.offset >= from) yield record
  }
}

/** The offset behind all that the slice holds, records that are not shown included; `from` where it holds nothing. */
export function endOf(slice: Slice, from: number): number {
  return slice.batches.at(-1)?.nextOffset ?? from
}

async function showRecord(at: PartitionRef, record: RecordView, readers: { key: PartReader; value: PartReader }): Promise<string> {
  const key = await show(record, 'key', readers)
  const value = await show(record, 'value', readers)
  const headers = JSON.stringify(record.headers.map(header => ({ name: header.key, value: header.value?.toString('base64') ?? null })))
  const keyError = key.fault === undefined ? '' : `,"key_error":${JSON.stringify(key.fault)}`
  const valueError = value.fault === undefined ? '' : `,"value_error":${JSON.stringify(value.fault)}`
  return `{"topic":${JSON.stringify(at.topic)},"key":${key.json},"value":${value.json},"partition":${at.partition},"offset":${record.offset}`
    + `,"timestamp":${record.timestampMs},"headers":${headers}${keyError}${valueError}}`
}

/** One record that cannot be shown in the format must not stop its reader for ever: it comes as base64, or as null where it is withheld, with the reason beside it. */
async function show(record: RecordView, part: 'key' | 'value', readers: { key: PartReader; value: PartReader }): Promise<{ json: string; fault?: string }> {
  const bytes = record[part]
  if (bytes === null) return { json: 'null' }
  const shown = await readers[part](bytes, record.headers)
  if (typeof shown === 'string') return { json: shown }
  return { json: shown instanceof Withheld ? 'null' : JSON.stringify(bytes.toString('base64')), fault: shown.reason }
}
