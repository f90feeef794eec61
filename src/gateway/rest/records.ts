// Stateless reads: `GET /topics/{t}/partitions/{p}/records?offset=&timeout=&max_bytes=`. The client keeps its position; any number of them may read,
// and nothing is left behind on the server. Confluent's REST proxy has consumer instances instead; the shape of a record is theirs.
import { Router, type Request } from 'express'
import { Refusal, type Access, type Admin, type Logs, type PartitionRef, type Slice } from '../../ports.ts'
import type { RecordView } from '../../wire/batch.ts'
import { holdAnswer, type BodyBudget } from '../body.ts'
import { callerOf, partitionOf, topicFor } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { badParameter, integerParameter, textParameter } from '../query.ts'
import { orRefuse } from '../refusals.ts'
import { formatOfAnswer } from './media-types.ts'
import type { PartReader, Payloads } from './payload.ts'

const timeoutMsDefault = 1_000
const timeoutMsMax = 30_000
const bytesDefault = 1024 * 1024
const bytesMax = 8 * 1024 * 1024
/** Compressed records may be a hundred times what was read: the answer ends after the record that passes this bound, and the client goes on from there. */
const answerCharactersMax = 32 * 1024 * 1024

interface Parts {
  readonly logs: Logs
  readonly admin: Admin
  readonly access: Access
  readonly payloads: Payloads
  /** Of the answers that wait for their readers. */
  readonly answers: BodyBudget
}

/**
 * `offset` is a number, `earliest` (default) or `latest`; `timeout` (ms) is how long to wait for a first record; `max_bytes` bounds what is read from
 * the log, one batch at the least. Answers `[{topic, partition, offset, timestamp, key, value, headers}]` in the embedded format of Accept. READ on
 * the topic.
 */
export function recordRoutes(parts: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/topics/:topic/partitions/:partition/records')
    .get(async (request, response) => {
      const { format, type } = formatOfAnswer(request as Request)
      const topic = await topicFor(parts, callerOf(response), 'read', request.params.topic)
      const at = { topic: topic.name, partition: partitionOf(topic, request.params.partition).index }
      const timeoutMs = integerParameter(request as Request, 'timeout', { min: 0, max: timeoutMsMax, fallback: timeoutMsDefault })
      const bytes = integerParameter(request as Request, 'max_bytes', { min: 1, max: bytesMax, fallback: bytesDefault })
      const from = await startOf(parts.logs, at, textParameter(request as Request, 'offset') ?? 'earliest')
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const slice = await readOrWait(parts.logs, at, from, { bytes, signal: AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs)]) })
      const readers = { key: parts.payloads.readerFor(topic, 'key', format), value: parts.payloads.readerFor(topic, 'value', format) }
      const shown: string[] = []
      let characters = 0
      for (const record of recordsFrom(slice, from)) {
        const text = showRecord(at, record, readers)
        shown.push(text)
        characters += text.length
        if (characters > answerCharactersMax) break
      }
      const body = `[${shown.join(',')}]`
      holdAnswer(response, Buffer.byteLength(body), parts.answers)
      response.type(type).send(body)
    })
    .all(allowOnly('GET'))
  return router
}

async function startOf(logs: Logs, at: PartitionRef, text: string): Promise<number> {
  if (text === 'earliest' || text === 'latest') {
    const ends = orRefuse(await logs.ends(at))
    return text === 'earliest' ? ends.logStartOffset : ends.highWatermark
  }
  if (!/^\d{1,15}$/.test(text)) throw badParameter('offset', `must be a whole number, earliest or latest, not '${text.slice(0, 32)}'`)
  return Number(text)
}

async function readOrWait(logs: Logs, at: PartitionRef, from: number, how: { bytes: number; signal: AbortSignal }): Promise<Slice> {
  const read = async (): Promise<Slice> => orRefuse(await logs.read(at, from, { bytesMax: how.bytes, atLeastOne: true, committedOnly: true }))
  for (;;) {
    const slice = await read()
    if (slice.batches.length > 0 || how.signal.aborted) return slice
    await logs.changed([{ ...at, highWatermark: slice.highWatermark }], how.signal)
    // The high watermark may move without a record that may be read; a partition that is gone refuses the next read.
    const ends = await logs.ends(at)
    if (!(ends instanceof Refusal) && ends.highWatermark === slice.highWatermark) return slice
  }
}

function* recordsFrom(slice: Slice, from: number): Generator<RecordView> {
  for (const batch of slice.batches) {
    if (batch.isControl) continue
    for (const record of batch.recordsOrNone()) if (record.offset >= from) yield record
  }
}

function showRecord(at: PartitionRef, record: RecordView, readers: { key: PartReader; value: PartReader }): string {
  const key = show(record.key, readers.key)
  const value = show(record.value, readers.value)
  const headers = JSON.stringify(record.headers.map(header => ({ name: header.key, value: header.value?.toString('base64') ?? null })))
  const keyError = key.fault === undefined ? '' : `,"key_error":${JSON.stringify(key.fault)}`
  const valueError = value.fault === undefined ? '' : `,"value_error":${JSON.stringify(value.fault)}`
  return `{"topic":${JSON.stringify(at.topic)},"key":${key.json},"value":${value.json},"partition":${at.partition},"offset":${record.offset}`
    + `,"timestamp":${record.timestampMs},"headers":${headers}${keyError}${valueError}}`
}

/** One record that cannot be shown in the format must not stop its reader for ever: it comes as base64, with the reason beside it. */
function show(bytes: Buffer | null, reader: PartReader): { json: string; fault?: string } {
  if (bytes === null) return { json: 'null' }
  const shown = reader(bytes)
  return typeof shown === 'string' ? { json: shown } : { json: JSON.stringify(bytes.toString('base64')), fault: shown.reason }
}
