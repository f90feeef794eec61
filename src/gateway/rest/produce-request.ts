// The body of a produce request, `{records: [{key, value, partition}], key_schema | key_schema_id, value_schema | value_schema_id}`, with `headers` and `timestamp` per
// record as extensions. One pass over the bytes finds where each key and value stands, JSON.parse makes them all at once: what is stored as JSON is then
// the client's own bytes, numbers in full precision, and nothing is parsed or printed twice.
import { isUtf8 } from 'node:buffer'
import type { Header } from '../../wire/batch.ts'
import { JsonCursor, memberCount } from '../json-text.ts'
import { Problem } from '../problem.ts'

/** Records of one request: bounds its answer, which is longer than the shortest record. */
export const recordsPerRequestMax = 10_000

const headersPerRecordMax = 100
const openBrace = 0x7b
const openBracket = 0x5b

/** A key or a value: what it is, and its own bytes. */
export interface Part {
  readonly value: unknown
  /** A view of the request's body. */
  readonly json: Buffer
  /** Some object in it names a member twice, so that two readers may see two values. */
  readonly isAmbiguous: boolean
}

export interface RequestRecord {
  /** Undefined where it is absent or null. */
  readonly key: Part | undefined
  readonly value: Part | undefined
  readonly partition: number | undefined
  readonly headers: readonly Header[]
  readonly timestampMs: number | undefined
}

/** Which schema the client names for its keys or its values; both undefined leaves it to the topic's subject. */
export interface SchemaChoice {
  /** Text of a schema. */
  readonly schema: string | undefined
  readonly id: number | undefined
}

export interface ProduceRequest {
  readonly records: readonly RequestRecord[]
  readonly keySchema: SchemaChoice
  readonly valueSchema: SchemaChoice
}

/** Throws 400 for what is no JSON, 422 for JSON of another shape. */
export function parseProduceRequest(body: Buffer): ProduceRequest {
  if (!isUtf8(body)) throw malformed('the body is not UTF-8')
  let spans: RecordSpan[]
  let parsed: unknown
  try {
    spans = findRecords(body)
    parsed = JSON.parse(body.toString())
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(error.message.slice(0, 200))
    throw error
  }
  const envelope = parsed as Record<string, unknown>
  const records = envelope['records'] as Record<string, unknown>[]
  return {
    records: records.map((record, index): RequestRecord => {
      const { key, value } = spans[index]!
      return {
        key: partOf(body, record['key'], key),
        value: partOf(body, record['value'], value),
        partition: wholeNumber(record['partition'], `records[${index}].partition`, 2 ** 31 - 1),
        headers: record['headers'] === undefined ? noHeaders : headersOf(record['headers'], `records[${index}].headers`),
        timestampMs: wholeNumber(record['timestamp'], `records[${index}].timestamp`, Number.MAX_SAFE_INTEGER),
      }
    }),
    keySchema: schemaChoice(envelope, 'key'),
    valueSchema: schemaChoice(envelope, 'value'),
  }
}

interface Span {
  readonly start: number
  readonly end: number
  /** Member names inside. */
  readonly members: number
}

interface RecordSpan {
  key: Span | undefined
  value: Span | undefined
}

const noHeaders: readonly Header[] = []
const envelopeMembers: ReadonlySet<string> = new Set(['records', 'key_schema', 'key_schema_id', 'value_schema', 'value_schema_id'])
const recordMembers: ReadonlySet<string> = new Set(['key', 'value', 'partition', 'headers', 'timestamp'])

/** Where the keys and values stand. Holds the envelope's shape and refuses a member that comes twice, so that this pass and JSON.parse cannot see two things. */
function findRecords(body: Buffer): RecordSpan[] {
  const cursor = new JsonCursor(body)
  const spans: RecordSpan[] = []
  if (!cursor.startsWith(openBrace)) throw unprocessable('the body must be an object with records')
  const seen = new Set<string>()
  cursor.object(name => {
    expectMember(name, envelopeMembers, seen, '')
    if (name !== 'records') {
      cursor.skip()
      return
    }
    if (!cursor.startsWith(openBracket)) throw unprocessable('records must be a list')
    const seenInRecord = new Set<string>()
    cursor.array(() => {
      if (spans.length === recordsPerRequestMax) throw new Problem(422, `records may not have more than ${recordsPerRequestMax} elements`, { errorCode: 42208 })
      if (!cursor.startsWith(openBrace)) throw unprocessable(`records[${spans.length}] must be an object`)
      const span: RecordSpan = { key: undefined, value: undefined }
      seenInRecord.clear()
      cursor.object(member => {
        expectMember(member, recordMembers, seenInRecord, `records[${spans.length}].`)
        const { start, members } = cursor.skip()
        if (member === 'key' || member === 'value') span[member] = { start, end: cursor.at, members }
      })
      spans.push(span)
    })
  })
  if (spans.length === 0) throw new Problem(422, 'records may not be empty', { errorCode: 42208 })
  return spans
}

function expectMember(name: string, known: ReadonlySet<string>, seen: Set<string>, path: string): void {
  if (!known.has(name)) throw unprocessable(`Unrecognized field: ${path}${name.slice(0, 64)}`)
  if (seen.has(name)) throw unprocessable(`${path}${name} was given more than once`)
  seen.add(name)
}

/** JSON null is no key, and as a value a tombstone, in every format. */
function partOf(body: Buffer, value: unknown, span: Span | undefined): Part | undefined {
  if (span === undefined || value === null) return undefined
  return { value, json: body.subarray(span.start, span.end), isAmbiguous: span.members > 0 && memberCount(value) !== span.members }
}

function schemaChoice(envelope: Readonly<Record<string, unknown>>, part: 'key' | 'value'): SchemaChoice {
  const schema = envelope[`${part}_schema`] ?? undefined
  const id = wholeNumber(envelope[`${part}_schema_id`], `${part}_schema_id`, 2 ** 31 - 1)
  if (schema !== undefined && typeof schema !== 'string') throw unprocessable(`${part}_schema must be the schema's text, as a JSON string`)
  if (schema !== undefined && id !== undefined) throw unprocessable(`${part}_schema and ${part}_schema_id exclude each other`)
  return { schema, id }
}

function headersOf(value: unknown, path: string): Header[] {
  if (!Array.isArray(value) || value.length > headersPerRecordMax) throw unprocessable(`${path} must be a list of at most ${headersPerRecordMax} headers`)
  return value.map((element: unknown, index): Header => {
    const { name, value: text } = (typeof element === 'object' && element !== null ? element : {}) as { name?: unknown; value?: unknown }
    if (typeof name !== 'string') throw unprocessable(`${path}[${index}].name must be a text`)
    if (text !== null && (typeof text !== 'string' || !isBase64(text))) throw unprocessable(`${path}[${index}].value must be base64 or null`)
    return { key: name, value: text === null ? null : Buffer.from(text as string, 'base64') }
  })
}

/** Whether the text is canonical base64: Node's decoder would silently drop what is not. */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function wholeNumber(value: unknown, path: string, max: number): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max) throw unprocessable(`${path} must be a whole number from 0 to ${max}`)
  return value
}

function malformed(reason: string): Problem {
  return new Problem(400, `HTTP 400 Bad Request: malformed JSON: ${reason}`)
}

function unprocessable(message: string): Problem {
  return new Problem(422, message)
}
