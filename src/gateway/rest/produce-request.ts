// The body of a produce request, `{records: [{key, value, partition}], key_schema | key_schema_id, value_schema | value_schema_id}`, with `headers`
// and `timestamp` per record as extensions. One pass over the bytes finds where each key and value stands, JSON.parse makes them all at once: what is
// stored as JSON is then the client's own bytes, numbers in full precision, and nothing is parsed or printed twice.
import { isUtf8 } from 'node:buffer'
import { assert } from '../../base/assert.ts'
import { parseJsonText } from '../../base/json.ts'
import type { Header } from '../../wire/batch.ts'
import { JsonCursor, memberCount } from '../json-text.ts'
import { Problem } from '../problem.ts'

/** Records of one request: bounds its answer, which is longer than the shortest record. */
export const recordsPerRequestMax = 10_000

const headersPerRecordMax = 100

/** `"key":`, the shortest text that stands before a part. */
const prefixBytesMax = 6

/** A key or a value: what it is, and where its own bytes stand. */
export class Part {
  readonly value: unknown
  /** The request's body. */
  readonly body: Buffer
  readonly start: number
  readonly end: number
  readonly #members: number

  constructor(value: unknown, body: Buffer, span: { start: number; end: number; members: number }) {
    this.value = value
    this.body = body
    this.start = span.start
    this.end = span.end
    this.#members = span.members
  }

  /** The JSON as it came, a view of the body. */
  get json(): Buffer {
    return this.body.subarray(this.start, this.end)
  }

  /**
   * The JSON behind `prefix`, without a copy: the prefix is written over the text before the value, which is `"value":` or `"key":`, is never read again and is
   * longer than a prefix may be.
   */
  framed(prefix: Buffer): Buffer {
    assert(prefix.length <= prefixBytesMax, `a prefix of ${prefix.length} bytes does not fit before a value`)
    const start = this.start - prefix.length
    prefix.copy(this.body, start)
    return this.body.subarray(start, this.end)
  }

  /** Whether some object in it names a member twice, so that two readers may see two values. */
  get isAmbiguous(): boolean {
    return this.#members > 0 && memberCount(this.value) !== this.#members
  }
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
  let spans: RecordSpans[]
  let parsed: unknown
  try {
    spans = findRecords(body)
    parsed = parseJsonText(body.toString())
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed(error.message.slice(0, 200))
    throw error
  }
  const envelope = parsed as Record<string, unknown>
  const records = envelope['records'] as Record<string, unknown>[]
  return {
    records: records.map((record, index): RequestRecord => {
      const { key, value } = spans[index]!
      // JSON null is no key, and as a value a tombstone, in every format.
      return {
        key: key === undefined || record['key'] === null ? undefined : new Part(record['key'], body, key),
        value: value === undefined || record['value'] === null ? undefined : new Part(record['value'], body, value),
        partition: record['partition'] === undefined ? undefined : wholeNumber(record['partition'], `records[${index}].partition`, 2 ** 31 - 1),
        headers: record['headers'] === undefined ? noHeaders : headersOf(record['headers'], `records[${index}].headers`),
        timestampMs: record['timestamp'] === undefined ? undefined : wholeNumber(record['timestamp'], `records[${index}].timestamp`, Number.MAX_SAFE_INTEGER),
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

interface RecordSpans {
  key: Span | undefined
  value: Span | undefined
}

const noHeaders: readonly Header[] = []
const envelopeMembers = ['records', 'key_schema', 'key_schema_id', 'value_schema', 'value_schema_id'].map(name => Buffer.from(name))
const recordMembers = ['value', 'key', 'partition', 'headers', 'timestamp'].map(name => Buffer.from(name))
const [records, value, key] = [0, 0, 1]

/**
 * Where the keys and values stand. Holds the envelope's shape and refuses a member that comes twice, so that this pass and JSON.parse cannot see two
 * things.
 */
function findRecords(body: Buffer): RecordSpans[] {
  const cursor = new JsonCursor(body)
  const spans: RecordSpans[] = []
  if (!cursor.isAt('{')) throw unprocessable('the body must be an object with records')
  cursor.enter('{')
  for (let count = 0, seen = 0; cursor.more('{', count); count++) {
    const member = cursor.name(envelopeMembers)
    seen = markSeen(seen, member, envelopeMembers, '')
    if (member !== records) {
      cursor.skip()
      continue
    }
    if (!cursor.isAt('[')) throw unprocessable('records must be a list')
    cursor.enter('[')
    while (cursor.more('[', spans.length)) {
      if (spans.length === recordsPerRequestMax) throw new Problem(422, `records may not have more than ${recordsPerRequestMax} elements`, { errorCode: 42208 })
      spans.push(findParts(cursor, spans.length))
    }
  }
  if (spans.length === 0) throw new Problem(422, 'records may not be empty', { errorCode: 42208 })
  return spans
}

function findParts(cursor: JsonCursor, index: number): RecordSpans {
  if (!cursor.isAt('{')) throw unprocessable(`records[${index}] must be an object`)
  const spans: RecordSpans = { key: undefined, value: undefined }
  cursor.enter('{')
  for (let count = 0, seen = 0; cursor.more('{', count); count++) {
    const member = cursor.name(recordMembers)
    seen = markSeen(seen, member, recordMembers, index)
    const members = cursor.skip()
    if (member === value) spans.value = { start: cursor.start, end: cursor.at, members }
    else if (member === key) spans.key = { start: cursor.start, end: cursor.at, members }
  }
  return spans
}

/** The members seen so far, a bit for each. 422 for one that is unknown or was seen before; `record` is the index of its record, '' in the envelope. */
function markSeen(seen: number, member: number | string, known: readonly Buffer[], record: number | ''): number {
  const path = (name: string): string => (record === '' ? name : `records[${record}].${name}`)
  if (typeof member === 'string') throw unprocessable(`Unrecognized field: ${path(member.slice(0, 64))}`)
  const bit = 1 << member
  if ((seen & bit) !== 0) throw unprocessable(`${path(known[member]!.toString())} was given more than once`)
  return seen | bit
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
