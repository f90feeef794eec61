// The media types of the REST proxy API v2: what a body holds by its Content-Type, what an answer may be by its Accept.
// `application/vnd.kafka.json.v2+json` names the embedded format `json`; plain `application/json` leaves the format to the topic ('auto': see
// payload.ts).
import type { Request } from 'express'
import { Problem } from '../problem.ts'
import { choiceParameter } from '../query.ts'

export const embeddedFormats = ['binary', 'json', 'avro', 'jsonschema', 'protobuf', 'string'] as const
export type EmbeddedFormat = (typeof embeddedFormats)[number]

export const eventStreamType = 'text/event-stream'

/** The registry's name of the language that a format with schemas is of. */
export const typeOfFormat: Partial<Record<EmbeddedFormat | 'auto', string>> = { avro: 'AVRO', jsonschema: 'JSON', protobuf: 'PROTOBUF' }

/** What an answer without embedded records is, most wanted first. */
const plainTypes = ['application/vnd.kafka.v2+json', 'application/vnd.kafka+json', 'application/json'] as const

const formats: Readonly<Record<string, EmbeddedFormat | 'auto'>> = {
  'application/vnd.kafka.binary.v2+json': 'binary',
  'application/vnd.kafka.json.v2+json': 'json',
  'application/vnd.kafka.avro.v2+json': 'avro',
  'application/vnd.kafka.jsonschema.v2+json': 'jsonschema',
  'application/vnd.kafka.protobuf.v2+json': 'protobuf',
  'application/vnd.kafka.string.v2+json': 'string',
  'application/vnd.kafka.v2+json': 'binary',
  'application/vnd.kafka+json': 'binary',
  'application/json': 'auto',
}

/**
 * The embedded format of a produce request. 415 for a type that is none, and for a request without any: a browser may send that one anywhere without
 * asking first, which with dev would let every page produce.
 */
export function formatOfBody(request: Request): EmbeddedFormat | 'auto' {
  const type = mediaType(request.headers['content-type'] ?? '')
  const format = Object.hasOwn(formats, type) ? formats[type] : undefined
  if (format === undefined) throw new Problem(415, `HTTP 415 Unsupported Media Type: '${type}'; taken are ${Object.keys(formats).join(', ')}`)
  return format
}

/** The embedded format of a read and the type of its answer. 406, error code 40601, where no type of ours is accepted. */
export function formatOfAnswer(request: Request): { format: EmbeddedFormat | 'auto'; type: string } {
  // `*/*` (curl's own) takes the first.
  const type = request.accepts('application/json', ...Object.keys(formats).filter(one => one !== 'application/json'))
  if (type === false) throw notAcceptable(request, Object.keys(formats), 40601)
  return { format: formats[type]!, type }
}

/** The same where `?format=` goes before what Accept says. */
export function formatOfRead(request: Request): { format: EmbeddedFormat | 'auto'; type: string } {
  const accepted = formatOfAnswer(request)
  const format = choiceParameter(request, 'format', [...embeddedFormats, 'auto'], accepted.format)
  return { format, type: format === accepted.format ? accepted.type : 'application/json' }
}

/**
 * The type of an answer with the records of a consumer instance, whose format was said when it was made. 406, error code 40601, in Confluent's words where
 * another is accepted.
 */
export function formatOfInstance(request: Request, format: EmbeddedFormat | 'auto'): string {
  const own = Object.keys(formats).filter(type => formats[type] === format)
  const type = request.accepts(...own, ...format === 'binary' ? ['application/json'] : [])
  if (type !== false) return type
  throw new Problem(406, 'The requested embedded data format does not match the deserializer for this consumer instance', { errorCode: 40601 })
}

/** Refuses, with 415, a body that is not in one of the types of answers without records. */
export function expectPlainBody(request: Request): void {
  expectBody(request, ...plainTypes)
}

/** How a read shows Avro: `tagged` is Avro's own JSON encoding, in which a union's value names its branch, `plain` is JSON as people write it. */
export type AvroForm = 'plain' | 'tagged'

/** `?avro=plain|tagged`. Left out: tagged in the `avro` format, as Confluent's proxy has it, plain in plain JSON. */
export function avroFormOfAnswer(request: Request, format: EmbeddedFormat | 'auto'): AvroForm {
  return choiceParameter(request, 'avro', ['plain', 'tagged'], format === 'avro' ? 'tagged' : 'plain')
}

/** The type of an answer without embedded records. 406 where the client accepts none of them. */
export function plainAnswerType(request: Request): string {
  const type = request.accepts(...plainTypes)
  if (type === false) throw notAcceptable(request, plainTypes, 406)
  return type
}

/** Refuses, with 415, a body that is not `application/json` (or, with `types`, one of them). */
export function expectBody(request: Request, ...types: readonly string[]): void {
  const wanted = types.length === 0 ? ['application/json'] : types
  const given = request.headers['content-type']
  if (given !== undefined && wanted.includes(mediaType(given))) return
  throw new Problem(415, `HTTP 415 Unsupported Media Type: ${given === undefined ? 'no content-type' : `'${mediaType(given)}'`}; taken is ${wanted.join(', ')}`)
}

/** The type without its parameters, in lower case. */
function mediaType(header: string): string {
  const end = header.indexOf(';')
  return (end === -1 ? header : header.slice(0, end)).trim().toLowerCase()
}

function notAcceptable(request: Request, types: readonly string[], errorCode: number): Problem {
  return new Problem(406, `HTTP 406 Not Acceptable: '${request.headers.accept ?? ''}'; given are ${types.join(', ')}`, { errorCode })
}
