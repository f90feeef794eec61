// The body of a produce request, `{records: [{key, value, partition}], key_schema | key_schema_id, value_schema | value_schema_id}`. Extensions: `headers`
// and `timestamp` per record; per side also `key_subject`, `key_version` (a number or `latest`) and `key_subject_name_strategy`.
// One pass over the bytes finds where each key and value stands, JSON.parse makes them all at once: what is stored as JSON is then the client's own bytes, numbers in full
// precision, and nothing is parsed or printed twice.
import { isUtf8 } from 'node:buffer'
import { assert } from '../../base/assert.ts'
import { parseJsonText } from '../../base/json.ts'
import type { Header } from '../../wire/batch.ts'
import { JsonCursor, memberCount } from '../json-text.ts'
import { Problem } from '../problem.ts'
import { isStrategyName, latestVersion, type SchemaChoice, versionMax } from './schema-choice.ts'

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
        timestampMs: (record['timestamp'] ?? null) === null ? undefined : timestampOf(record['timestamp'], `records[${index}].timestamp`),
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
const choiceMembers = ['schema', 'schema_id', 'subject', 'version', 'subject_name_strategy']
const envelopeMembers = ['records', ...['key', 'value'].flatMap(part => choiceMembers.map(name => `${part}_${name}`))].map(name => Buffer.from(name))
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
  const text = (name: string, meaning: string): string | undefined => {
    const given = envelope[`${part}_${name}`] ?? undefined
    if (given !== undefined && typeof given !== 'string') throw unprocessable(`${part}_${name} must be ${meaning}, as a JSON string`)
    return given
  }
  const schema = text('schema', 'the schema\'s text')
  const id = wholeNumber(envelope[`${part}_schema_id`], `${part}_schema_id`, 2 ** 31 - 1)
  const subject = text('subject', 'the name of a subject')
  const strategy = text('subject_name_strategy', 'the name of a strategy')
  const version = versionOf(envelope[`${part}_version`] ?? undefined, `${part}_version`)
  const given = [['schema', schema], ['schema_id', id], ['version', version]].filter(([, value]) => value !== undefined).map(([name]) => `${part}_${name}`)
  if (given.length > 1) throw unprocessable(`${given.join(' and ')} exclude each other`)
  if (subject !== undefined && strategy !== undefined) throw unprocessable(`${part}_subject and ${part}_subject_name_strategy exclude each other`)
  if (strategy !== undefined && !isStrategyName(strategy)) {
    throw unprocessable(`${part}_subject_name_strategy must be TOPIC_NAME, RECORD_NAME, TOPIC_RECORD_NAME or ASSOCIATED_NAME, not '${strategy.slice(0, 64)}'`)
  }
  return { schema, id, version, subject, strategy }
}

function versionOf(value: unknown, path: string): SchemaChoice['version'] {
  if (value === undefined || value === latestVersion) return value
  // Some clients send the path segment that the registry takes.
  const version = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value
  if (typeof version === 'number' && Number.isInteger(version) && version >= 1 && version <= versionMax) return version
  throw unprocessable(`${path} must be a version number or '${latestVersion}'`)
}

/** Either `{name, value}`, or `{key, value}` as the Strimzi bridge has it. */
function headersOf(value: unknown, path: string): Header[] {
  if (!Array.isArray(value) || value.length > headersPerRecordMax) throw unprocessable(`${path} must be a list of at most ${headersPerRecordMax} headers`)
  return value.map((element: unknown, index): Header => {
    const { name, key: nameToo, value: text } = (typeof element === 'object' && element !== null ? element : {}) as Readonly<Record<string, unknown>>
    if (name !== undefined && nameToo !== undefined) throw unprocessable(`${path}[${index}].name and ${path}[${index}].key are the same thing: give one of them`)
    const header = name ?? nameToo
    if (typeof header !== 'string') throw unprocessable(`${path}[${index}].name must be a text`)
    if (text !== null && (typeof text !== 'string' || !isBase64(text))) throw unprocessable(`${path}[${index}].value must be base64 or null`)
    return { key: header, value: text === null ? null : Buffer.from(text, 'base64') }
  })
}

function timestampOf(value: unknown, path: string): number {
  const timestampMs = instantOf(value)
  if (timestampMs === undefined) throw unprocessable(`${path} must be milliseconds since 1970 or a time like 2026-01-31T12:00:00.000Z`)
  return timestampMs
}

/** A time as milliseconds since the epoch, given so or in ISO 8601 with its zone (as REST proxy v3 has it); undefined for what is neither. */
export function instantOf(value: unknown): number | undefined {
  const timestampMs = typeof value === 'string' && isoTime.test(value) ? Date.parse(value) : value
  return Number.isSafeInteger(timestampMs) && (timestampMs as number) >= 0 ? (timestampMs as number) : undefined
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)$/

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
