// What can be asked of a worker: each job by its name, as a function of plain data. Runs in the workers; nothing here knows of threads.
import { parseJsonText } from '../../base/json.ts'
import { type CompatibilityOptions, incompatibilities } from '../compatibility.ts'
import { InvalidSchema } from '../errors.ts'
import { depthOf, schemaDepthMax } from '../exact-json.ts'
import type { SchemaFault } from '../fault.ts'
import { compilePayload, type PayloadCodec } from '../payload.ts'
import { parseSource, type SchemaSource } from './source.ts'

export interface ParseJob {
  readonly source: SchemaSource
  readonly strict: boolean
  readonly normalize: boolean
}

export interface CompareJob {
  readonly candidate: SchemaSource
  /** Newest first. */
  readonly history: readonly { readonly version: number; readonly schema: SchemaSource }[]
  readonly options: CompatibilityOptions
}

export interface PayloadJob {
  readonly source: SchemaSource
  /** JSON text to encode, or payloads to check or decode, without their frames. */
  readonly payloads: readonly Uint8Array[]
}

export interface DecodeJob extends PayloadJob {
  readonly tagged: boolean
}

export interface Invalid {
  readonly invalid: string
}

/** A job that meets schema text which is none answers why. */
export const jobs = {
  /** Whether a new schema can be used: parsed, held to every rule, and compiled. */
  parse: ({ source, strict, normalize }: ParseJob): null | Invalid => orInvalid(() => {
    compilePayload(parseSource(source, { strict, normalize }))
    return null
  }),
  compare: ({ candidate, history, options }: CompareJob): readonly string[] | Invalid => orInvalid(() => {
    const stored = { strict: false, normalize: false }
    const versions = history.map(({ version, schema }) => ({ version, schema: parseSource(schema, stored) }))
    return incompatibilities(parseSource(candidate, stored), versions, options)
  }),
  check: ({ source, payloads }: PayloadJob): readonly (SchemaFault | null)[] | Invalid => orInvalid(() => {
    const codec = codecOf(source)
    return payloads.map(payload => codec.check(asBuffer(payload), 0))
  }),
  encode: ({ source, payloads }: PayloadJob): readonly (Uint8Array | SchemaFault)[] | Invalid => orInvalid(() => {
    const codec = codecOf(source)
    return payloads.map(payload => exactly(encode(codec, asBuffer(payload))))
  }),
  decode: ({ source, payloads, tagged }: DecodeJob): readonly (string | SchemaFault)[] | Invalid => orInvalid(() => {
    const codec = codecOf(source)
    return payloads.map(payload => codec.decode(asBuffer(payload), 0, { tagged }))
  }),
} as const

export type JobName = keyof typeof jobs
export type JobInput<N extends JobName> = Parameters<(typeof jobs)[N]>[0]
export type JobOutput<N extends JobName> = ReturnType<(typeof jobs)[N]>

/** Of the schema that was worked with last, which is mostly the one that is asked for next. */
let last: { readonly key: string; readonly codec: PayloadCodec } | undefined

function codecOf(source: SchemaSource): PayloadCodec {
  const key = JSON.stringify(source)
  if (last?.key !== key) last = { key, codec: compilePayload(parseSource(source, { strict: false, normalize: false })) }
  return last.codec
}

function encode(codec: PayloadCodec, json: Buffer): Buffer | SchemaFault {
  const text = json.toString()
  if (depthOf(text) > schemaDepthMax) return { pointer: '', reason: `is nested more than ${schemaDepthMax} deep` }
  let value: unknown
  try {
    value = parseJsonText(text)
  } catch {
    return { pointer: '', reason: 'is not JSON' }
  }
  return codec.encode(value, json)
}

/** Bytes of their own: a view of a pool would take the whole pool along. */
function exactly(outcome: Buffer | SchemaFault): Uint8Array | SchemaFault {
  return Buffer.isBuffer(outcome) ? new Uint8Array(outcome) : outcome
}

/** Structured cloning makes plain byte arrays of buffers. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function orInvalid<T>(work: () => T): T | Invalid {
  try {
    return work()
  } catch (error) {
    if (error instanceof InvalidSchema) return { invalid: error.message }
    throw error
  }
}
