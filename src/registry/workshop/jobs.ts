// What can be asked of a worker: each job by its name, as a function of plain data. Runs in the workers; nothing here knows of threads.
import { createHash } from 'node:crypto'
import { Lru } from '../../base/lru.ts'
import { type CompatibilityOptions, incompatibilities } from '../compatibility.ts'
import { InvalidSchema } from '../errors.ts'
import type { SchemaFault } from '../fault.ts'
import { compilePayload, type PayloadCodec } from '../payload.ts'
import { parseSource, type SchemaSource } from './source.ts'

/** Large schemas take megabytes, and a worker's memory is bounded. */
const codecsMax = 8

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
  /** Without their frames. */
  readonly payloads: readonly Uint8Array[]
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
} as const

export type JobName = keyof typeof jobs
export type JobInput<N extends JobName> = Parameters<(typeof jobs)[N]>[0]
export type JobOutput<N extends JobName> = ReturnType<(typeof jobs)[N]>

/** Of the schemas that were worked with lately. */
const codecs = new Lru<string, PayloadCodec>(codecsMax)

function codecOf(source: SchemaSource): PayloadCodec {
  const key = createHash('sha256').update(JSON.stringify(source)).digest('base64')
  let codec = codecs.get(key)
  if (codec === undefined) codecs.set(key, codec = compilePayload(parseSource(source, { strict: false, normalize: false })))
  return codec
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
