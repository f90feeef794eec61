// One record as v3's clients write it: `{partition_id, headers[{name, value}], key{…}, value{…}, timestamp}`, and how its key and value say what they are: by a type, a
// schema, or nothing. One pass over the bytes finds where the data stands, JSON.parse makes the values, as for v2: JSON is stored as the client's own bytes.
import { isUtf8 } from 'node:buffer'
import { parseJsonText } from '../../../base/json.ts'
import type { Header } from '../../../wire/batch.ts'
import { JsonCursor } from '../../json-text.ts'
import { Problem } from '../../problem.ts'
import type { EmbeddedFormat } from '../media-types.ts'
import { instantOf, isBase64, Part } from '../produce-request.ts'
import { isStrategyName, noChoice, type SchemaChoice, versionMax } from '../schema-choice.ts'

const headersMax = 100
export const idLengthMax = 80

export interface RecordRequest {
  /** Of a batch's entry; '' in a stream. */
  readonly id: string
  readonly partition: number | undefined
  readonly headers: readonly Header[]
  readonly timestampMs: number | undefined
  /** Undefined where it is absent or null. */
  readonly key: PartRequest | undefined
  readonly value: PartRequest | undefined
}

export interface PartRequest {
  /** What the type says; 'auto' where there is none, and a schema decides. */
  readonly format: EmbeddedFormat | 'auto'
  readonly choice: SchemaChoice
  /** The same for parts that mean the same format and schema. */
  readonly choiceKey: string
  /** Undefined where the data is absent or null. */
  readonly data: Part | undefined
}

/** The text is no JSON at all: nothing behind it can be trusted. */
export class MalformedDocument extends Error {
  override readonly name = 'MalformedDocument'
}

const recordMembers = ['value', 'key', 'partition_id', 'headers', 'timestamp'].map(name => Buffer.from(name))
const entryMembers = [...recordMembers, Buffer.from('id')]
const partMembers = ['data', 'type', 'schema_id', 'schema_version', 'subject', 'subject_name_strategy', 'schema'].map(name => Buffer.from(name))
const [value, key, data] = [0, 1, 0]

interface Span {
  readonly start: number
  readonly end: number
  readonly members: number
}

/** Of a stream. Throws MalformedDocument for what is no JSON, Problem 400 for JSON of another shape; the bytes are the caller's to give away. */
export function parseRecord(bytes: Buffer): RecordRequest {
  return parse(bytes, recordMembers)
}

/** Of a batch: with an `id`. */
export function parseEntry(bytes: Buffer): RecordRequest {
  return parse(bytes, entryMembers)
}

function parse(bytes: Buffer, members: readonly Buffer[]): RecordRequest {
  if (!isUtf8(bytes)) throw new MalformedDocument('the document is not UTF-8')
  let spans: { key: Span | undefined; value: Span | undefined }
  let record: Record<string, unknown>
  try {
    spans = findData(bytes, members)
    record = parseJsonText(bytes.toString()) as Record<string, unknown>
  } catch (error) {
    if (error instanceof SyntaxError) throw new MalformedDocument(error.message.slice(0, 200))
    throw error
  }
  return {
    id: idOf(record['id']),
    partition: wholeNumber(record['partition_id'], 'partition_id', 0, 2 ** 31 - 1),
    headers: headersOf(record['headers']),
    timestampMs: timestampOf(record['timestamp']),
    key: partOf(record['key'], 'key', bytes, spans.key),
    value: partOf(record['value'], 'value', bytes, spans.value),
  }
}

/** Where the data of the key and of the value stands. Holds the shape and refuses a member that comes twice, so that this pass and JSON.parse cannot see two things. */
function findData(bytes: Buffer, members: readonly Buffer[]): { key: Span | undefined; value: Span | undefined } {
  const cursor = new JsonCursor(bytes)
  const spans: { key: Span | undefined; value: Span | undefined } = { key: undefined, value: undefined }
  let fault: Problem | undefined
  if (!cursor.isAt('{')) throw new Problem(400, 'a record must be an object')
  cursor.enter('{')
  for (let count = 0, seen = 0; cursor.more('{', count); count++) {
    const member = cursor.name(members)
    fault ??= faultOf(seen, member, members, '')
    if (typeof member === 'number') seen |= 1 << member
    if ((member !== key && member !== value) || !cursor.isAt('{')) {
      cursor.skip()
      continue
    }
    const path = member === key ? 'key' : 'value'
    cursor.enter('{')
    for (let parts = 0, seenInside = 0; cursor.more('{', parts); parts++) {
      const inside = cursor.name(partMembers)
      fault ??= faultOf(seenInside, inside, partMembers, `${path}.`)
      if (typeof inside === 'number') seenInside |= 1 << inside
      const named = cursor.skip()
      if (inside === data) spans[path] = { start: cursor.start, end: cursor.at, members: named }
    }
  }
  // Whether it is JSON at all is said first: that ends a stream, a member too many does not.
  if (fault !== undefined) {
    parseJsonText(bytes.toString())
    throw fault
  }
  return spans
}

function faultOf(seen: number, member: number | string, known: readonly Buffer[], path: string): Problem | undefined {
  if (typeof member === 'string') return new Problem(400, `Unrecognized field: ${path}${member.slice(0, 64)}`)
  return (seen & 1 << member) === 0 ? undefined : new Problem(400, `${path}${known[member]!.toString()} was given more than once`)
}

const formats: Readonly<Record<string, EmbeddedFormat>> = { BINARY: 'binary', JSON: 'json', STRING: 'string', AVRO: 'avro', JSONSCHEMA: 'jsonschema', PROTOBUF: 'protobuf' }
const needSchema: ReadonlySet<EmbeddedFormat | 'auto'> = new Set(['avro', 'jsonschema', 'protobuf'] as const)

function partOf(given: unknown, path: 'key' | 'value', bytes: Buffer, span: Span | undefined): PartRequest | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'object' || Array.isArray(given)) throw new Problem(400, `${path} must be an object with data`)
  const members = given as Record<string, unknown>
  const part = span === undefined || members['data'] === null ? undefined : new Part(members['data'], bytes, span)
  const type = textOf(members['type'], `${path}.type`)
  const format = type === undefined ? 'auto' : Object.hasOwn(formats, type) ? formats[type]! : undefined
  if (format === undefined) throw new Problem(400, `${path}.type must be one of ${Object.keys(formats).join(', ')}, not '${type!.slice(0, 32)}'`)
  const choice: SchemaChoice = {
    schema: textOf(members['schema'], `${path}.schema`),
    id: wholeNumber(members['schema_id'], `${path}.schema_id`, 0, 2 ** 31 - 1),
    version: wholeNumber(members['schema_version'], `${path}.schema_version`, 1, versionMax),
    subject: textOf(members['subject'], `${path}.subject`),
    strategy: textOf(members['subject_name_strategy'], `${path}.subject_name_strategy`),
  }
  if (choice.strategy !== undefined && !isStrategyName(choice.strategy)) {
    throw new Problem(400, `${path}.subject_name_strategy must be TOPIC_NAME, RECORD_NAME, TOPIC_RECORD_NAME or ASSOCIATED_NAME, not '${choice.strategy.slice(0, 64)}'`)
  }
  const { schema, id, version, subject, strategy } = choice
  const isPlain = format !== 'auto' && !needSchema.has(format)
  const isNamed = (schema ?? id ?? version ?? subject ?? strategy) !== undefined
  if (!isNamed && (isPlain || format === 'auto')) return { format, choice: noChoice, choiceKey: format, data: part }
  expectLegal(path, type, choice, { isPlain })
  return { format, choice, choiceKey: JSON.stringify([format, id, version, subject, strategy, schema]), data: part }
}

/** Legal are: a type without a schema alone; schema_id; schema_version; a type with its schema; nothing. All but the first with a subject or a strategy, or neither. */
function expectLegal(path: string, type: string | undefined, choice: SchemaChoice, { isPlain }: { readonly isPlain: boolean }): void {
  const names = { schema: 'schema', id: 'schema_id', version: 'schema_version', subject: 'subject', strategy: 'subject_name_strategy' } as const
  const named = (Object.keys(names) as (keyof typeof names)[]).filter(name => choice[name] !== undefined).map(name => names[name])
  const unsupported = (reason: string): Problem => new Problem(400, `Unsupported argument: ${reason}, in ${path}`)
  if (isPlain) {
    if (named.length > 0) throw unsupported(`'${named[0]}' cannot be used with 'type': '${type}'`)
    return
  }
  const schemas = named.filter(name => name.startsWith('schema'))
  if (schemas.length > 1) throw unsupported(`'${schemas[1]}' cannot be used with '${schemas[0]}'`)
  if (choice.subject !== undefined && choice.strategy !== undefined) throw unsupported('\'subject_name_strategy\' cannot be used with \'subject\'')
  if (type === undefined && choice.schema !== undefined) throw unsupported('\'schema\' needs a \'type\'')
  if (type === undefined || choice.schema !== undefined) return
  throw unsupported(schemas.length === 0 ? `'type': '${type}' needs a 'schema'` : `'${schemas[0]}' cannot be used with 'type'`)
}

function idOf(given: unknown): string {
  if (given === undefined) return ''
  if (typeof given === 'string' && given !== '' && given.length <= idLengthMax) return given
  throw new Problem(422, `Batch entry ids must be texts of 1 to ${idLengthMax} characters`, { errorCode: 42208 })
}

function headersOf(given: unknown): readonly Header[] {
  if (given === undefined || given === null) return []
  if (!Array.isArray(given) || given.length > headersMax) throw new Problem(400, `headers must be a list of at most ${headersMax}`)
  return given.map((element: unknown, index): Header => {
    const header = typeof element === 'object' && element !== null ? element as Readonly<Record<string, unknown>> : {}
    const { name, value: text = null } = header
    const unknown = Object.keys(header).find(one => one !== 'name' && one !== 'value')
    if (unknown !== undefined) throw new Problem(400, `Unrecognized field: headers[${index}].${unknown.slice(0, 64)}`)
    if (typeof name !== 'string') throw new Problem(400, `headers[${index}].name must be a text`)
    if (text !== null && (typeof text !== 'string' || !isBase64(text))) throw new Problem(400, `headers[${index}].value must be base64 or null`)
    return { key: name, value: text === null ? null : Buffer.from(text, 'base64') }
  })
}

function timestampOf(given: unknown): number | undefined {
  if (given === undefined || given === null) return undefined
  const timestampMs = instantOf(given)
  if (timestampMs === undefined) throw new Problem(400, `timestamp must be a time like 2026-01-31T12:00:00.000Z, not ${JSON.stringify(given)?.slice(0, 40)}`)
  return timestampMs
}

function textOf(given: unknown, path: string): string | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'string') throw new Problem(400, `${path} must be a text`)
  return given
}

function wholeNumber(given: unknown, path: string, min: number, max: number): number | undefined {
  if (given === undefined || given === null) return undefined
  if (typeof given !== 'number' || !Number.isInteger(given) || given < min || given > max) {
    throw new Problem(400, `${path} must be a whole number from ${min} to ${max}, not ${JSON.stringify(given)?.slice(0, 40)}`)
  }
  return given
}
