// Stateless reads: `GET /topics/{t}/partitions/{p}/records?offset=|timestamp=&timeout=&max_bytes=`. The client keeps its position; any number of them may
// read, and nothing is left behind on the server. Consumer instances, which Confluent's REST proxy has instead, are in consumers/.
import { Router, type Request } from 'express'
import { Refusal, type Access, type Admin, type Logs, type PartitionRef, type Slice } from '../../ports.ts'
import { holdAnswer, type BodyBudget } from '../body.ts'
import { callerOf, partitionOf, topicFor } from '../callers.ts'
import { allowOnly } from '../problem.ts'
import { badParameter, integerParameter, textParameter } from '../query.ts'
import { orRefuse } from '../refusals.ts'
import { avroFormOfAnswer, formatOfRead } from './media-types.ts'
import type { Payloads } from './payload.ts'
import { instantOf } from './produce-request.ts'
import { recordPrinter, recordsFrom } from './record-view.ts'

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
 * `offset` is a number, `earliest` (default) or `latest`; `timestamp` (milliseconds, or ISO 8601) starts at the first record that is no older;
 * `timeout` (ms) is how long to wait for a first record; `max_bytes` bounds what is read from the log, one batch at the least; `avro` is the form of
 * Avro. Answers `[{topic, partition, offset, timestamp, key, value, headers}]` in the embedded format of `format`, or of Accept. READ on the topic.
 */
export function recordRoutes(parts: Parts): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.route('/topics/:topic/partitions/:partition/records')
    .get(async (request, response) => {
      const { format, type } = formatOfRead(request as Request)
      const avro = avroFormOfAnswer(request as Request, format)
      const topic = await topicFor(parts, callerOf(response), 'read', request.params.topic)
      const at = { topic: topic.name, partition: partitionOf(topic, request.params.partition).index }
      const timeoutMs = integerParameter(request as Request, 'timeout', { min: 0, max: timeoutMsMax, fallback: timeoutMsDefault })
      const bytes = integerParameter(request as Request, 'max_bytes', { min: 1, max: bytesMax, fallback: bytesDefault })
      const from = await startOf(parts.logs, at, request as Request, 'earliest')
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      const slice = await readOrWait(parts.logs, at, from, { bytes, signal: AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs)]) })
      const print = recordPrinter(parts.payloads, topic, { format, avro, caller: callerOf(response) })
      const shown: string[] = []
      let characters = 0
      for (const record of recordsFrom(slice.batches, from)) {
        const text = await print(at.partition, record)
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

/** Where a read of the partition starts, by `?offset=` or `?timestamp=`; `fallback` where neither is given. 400 where either is wrong, or both are there. */
export async function startOf(logs: Logs, at: PartitionRef, request: Request, fallback: 'earliest' | 'latest'): Promise<number> {
  const offset = textParameter(request, 'offset')
  const timestamp = textParameter(request, 'timestamp')
  if (timestamp !== undefined) {
    if (offset !== undefined) throw badParameter('timestamp', 'cannot be given together with \'offset\'')
    return await offsetAt(logs, at, timeOf(timestamp))
  }
  const text = offset ?? fallback
  if (text === 'earliest' || text === 'latest') {
    const ends = orRefuse(await logs.ends(at))
    return text === 'earliest' ? ends.logStartOffset : ends.highWatermark
  }
  if (!/^\d{1,15}$/.test(text)) throw badParameter('offset', `must be a whole number, earliest or latest, not '${text.slice(0, 32)}'`)
  return Number(text)
}

/** The end where every record is older. */
async function offsetAt(logs: Logs, at: PartitionRef, timestampMs: number): Promise<number> {
  const position = orRefuse(await logs.offsetForTime(at, timestampMs))
  return position === null ? orRefuse(await logs.ends(at)).highWatermark : position.offset
}

function timeOf(text: string): number {
  const timestampMs = instantOf(/^\d{1,16}$/.test(text) ? Number(text) : text)
  if (timestampMs === undefined) throw badParameter('timestamp', `must be milliseconds since 1970 or a time like 2026-01-31T12:00:00Z, not '${text.slice(0, 40)}'`)
  return timestampMs
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
