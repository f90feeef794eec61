// v3, produce of a batch: `{entries: [{id, …record}]}`, answered with 207 and each entry's fate by its id. WRITE on the topic. What is wrong with the batch as a whole is
// said before anything is stored.
import { isUtf8 } from 'node:buffer'
import type { Response, Router } from 'express'
import { holdAnswer, readBody } from '../../body.ts'
import { JsonCursor } from '../../json-text.ts'
import { allowOnly, Problem } from '../../problem.ts'
import { produceBytesMax } from '../produce.ts'
import { recordsPerRequestMax } from '../produce-request.ts'
import type { Outcome } from './delivery.ts'
import { idLengthMax, MalformedDocument, parseEntry, type RecordRequest } from './record-request.ts'
import { deliveryFor, type RecordParts, reportBytesExpected } from './records.ts'

const members = [Buffer.from('entries')]
/** Confluent's number for a batch that is none. */
const invalidBatch = 42208

/** `POST /v3/clusters/{c}/topics/{t}/records:batch` → 207 with `{successes: [{id, …}], failures: [{id, error_code, message}]}`. */
export function recordBatchRoutes(router: Router, parts: RecordParts): void {
  router.route('/v3/clusters/:cluster/topics/:topic/records\\:batch')
    .post(async (request, response) => {
      const delivery = await deliveryFor(parts, request, response, request.params.topic)
      const entries = entriesOf(await readBody(request, response, { bytesMax: produceBytesMax, budget: parts.budget }))
      // Before anything is stored, because what is stored must be told.
      holdAnswer(response, entries.length * reportBytesExpected, parts.answers)
      answer(response, entries.map(entry => entry.id), await delivery.deliver(entries.map(entry => entry.request)))
    })
    .all(allowOnly('POST'))
}

interface Entry {
  readonly id: string
  readonly request: RecordRequest | Problem
}

/** Throws 400 for what is no JSON, 422 (42208) for a batch that is empty or too long, or whose ids are missing or not distinct. */
function entriesOf(body: Buffer): Entry[] {
  if (!isUtf8(body)) throw new Problem(400, 'HTTP 400 Bad Request: malformed JSON: the body is not UTF-8')
  try {
    const entries = spansOf(body).map(entryOf)
    if (entries.length === 0) throw wrongBatch('Batch is empty')
    const ids = new Set<string>()
    for (const { id } of entries) {
      if (ids.has(id)) throw wrongBatch(`Batch entry ids are not distinct: '${id}' is used twice`)
      ids.add(id)
    }
    return entries
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof MalformedDocument) throw new Problem(400, `HTTP 400 Bad Request: malformed JSON: ${error.message.slice(0, 200)}`)
    throw error
  }
}

/** Where the entries stand. */
function spansOf(body: Buffer): Buffer[] {
  const cursor = new JsonCursor(body)
  const spans: Buffer[] = []
  let isGiven = false
  if (!cursor.isAt('{')) throw new Problem(400, 'a batch must be an object with entries')
  cursor.enter('{')
  for (let count = 0; cursor.more('{', count); count++) {
    const member = cursor.name(members)
    if (typeof member === 'string') throw new Problem(400, `Unrecognized field: ${member.slice(0, 64)}`)
    if (isGiven) throw new Problem(400, 'entries was given more than once')
    if (!cursor.isAt('[')) throw new Problem(400, 'entries must be a list')
    isGiven = true
    cursor.enter('[')
    while (cursor.more('[', spans.length)) {
      if (spans.length === recordsPerRequestMax) throw wrongBatch(`Too many entries in batch: more than ${recordsPerRequestMax}`)
      cursor.skip()
      spans.push(body.subarray(cursor.start, cursor.at))
    }
  }
  if (body.subarray(cursor.at).toString().trim() !== '') throw new SyntaxError(`nothing may follow the batch, at position ${cursor.at}`)
  return spans
}

/** An entry that is wrong has a fate of its own, as long as its id can be told. */
function entryOf(bytes: Buffer, index: number): Entry {
  let request: RecordRequest | Problem
  try {
    request = parseEntry(bytes)
  } catch (error) {
    if (!(error instanceof Problem) || error.errorCode === invalidBatch) throw error
    request = error
  }
  const id = request instanceof Problem ? idIn(bytes) : request.id
  if (id === '') throw wrongBatch(`entries[${index}] has no id`)
  return { id, request }
}

/** '' where it has none. */
function idIn(bytes: Buffer): string {
  const entry: unknown = JSON.parse(bytes.toString())
  const id = typeof entry === 'object' && entry !== null && Object.hasOwn(entry, 'id') ? (entry as { readonly id: unknown }).id : undefined
  return typeof id === 'string' && id.length <= idLengthMax ? id : ''
}

function answer(response: Response, ids: readonly string[], outcomes: readonly Outcome[]): void {
  const successes: string[] = []
  const failures: string[] = []
  for (const [at, outcome] of outcomes.entries()) {
    const id = ids[at]!
    if (outcome.isStored) successes.push(`{"id":${JSON.stringify(id)},${outcome.report}}`)
    else {
      const { errorCode, message, details } = outcome.problem
      failures.push(JSON.stringify({ id, error_code: errorCode, message, ...details }))
    }
  }
  response.status(207).type('application/json').send(`{"successes":[${successes.join(',')}],"failures":[${failures.join(',')}]}`)
}

function wrongBatch(message: string): Problem {
  return new Problem(422, message, { errorCode: invalidBatch })
}
