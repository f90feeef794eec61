// Inputs and answers in the two forms that Kinesis speaks. Texts, numbers and the like are themselves; blobs are Buffers, times are Time.
import { Time } from '../model/oracle.ts'
import { Millis, javaCbor, readCbor } from './cbor.ts'

export const forms = {
  json: {
    contentType: 'application/x-amz-json-1.1',
    encode: (input: unknown): Buffer => Buffer.from(JSON.stringify(mapped(input, one => (one instanceof Time ? one.ms / 1_000 : (one as Buffer).toString('base64'))))),
    decode: (bytes: Buffer): unknown => JSON.parse(bytes.toString()) as unknown,
  },
  cbor: {
    contentType: 'application/x-amz-cbor-1.1',
    encode: (input: unknown): Buffer => javaCbor(mapped(input, one => (one instanceof Time ? new Millis(one.ms) : one))),
    decode: readCbor,
  },
} as const

/** The same value with `form` applied to its blobs and times. */
export function mapped(value: unknown, form: (one: unknown) => unknown): unknown {
  if (Buffer.isBuffer(value) || value instanceof Time) return form(value)
  if (Array.isArray(value)) return value.map(item => mapped(item, form))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapped(member, form)]))
}
