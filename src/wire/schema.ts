// The message definitions of Kafka's protocol and of our own log records: one description of all versions, in Kafka's own words, from which the
// types are inferred and the codecs are built. A field is a frozen Spec (what it is, in which versions, its default); Message makes one tree of
// closures per version on first use. The Specs stay readable, so that random values, coverage tables and comparisons are derived from them.
import { Reader, WireError, Writer } from './bytes.ts'

export interface VersionRange {
  readonly first: number
  /** Infinity for '3+'. */
  readonly last: number
}

export type Kind =
  | 'boolean' | 'int8' | 'int16' | 'int32' | 'int64' | 'offset' | 'uint16' | 'uint32' | 'float64' | 'string' | 'bytes' | 'records' | 'uuid' | 'array' | 'struct'

export interface Spec {
  readonly kind: Kind
  readonly versions: VersionRange
  /** Versions in which null is legal on the wire. */
  readonly nullable: VersionRange | undefined
  /** A tagged field (KIP-482) in all versions that have it. */
  readonly tag: number | undefined
  /** What an absent field reads as; undefined takes the zero of its kind. */
  readonly default: unknown
  readonly essential: boolean
  /** Of an array. */
  readonly element: Spec | undefined
  /** Of a struct, in wire order. */
  readonly fields: readonly NamedSpec[] | undefined
}

export interface NamedSpec {
  readonly name: string
  readonly spec: Spec
}

declare const types: unique symbol

/** A described field: reads as `Out`, is written from `In`, and may be left out when writing if `Optional`. */
export interface Field<Out, In = Out, Optional extends boolean = false> {
  readonly [types]: { readonly out: Out; readonly in: In; readonly optional: Optional }
  readonly spec: Spec
  /** Present in these versions only ('3+', '8-10'); in others it reads as its default and is not written. */
  in(versions: string): Field<Out, In, true>
  /** May be null, in the given versions ('0+' if left out). */
  nullable(versions?: string): Field<Out | null, In | null, Optional>
  default(value: null): Field<Out | null, In | null, true>
  default(value: In): Field<Out, In, true>
  /** A tagged field; one that equals its default is not sent. */
  tag(tag: number, versions: string): Field<Out, In, true>
  /** Writing a value other than the default in a version without the field throws, instead of losing meaning. */
  essential(): Field<Out, In, Optional>
}

export type Shape = Readonly<Record<string, Field<any, any, boolean>>>

type OutOf<F> = F extends Field<infer Out, any, boolean> ? Out : never
type InOf<F> = F extends Field<any, infer In, boolean> ? In : never
type RequiredNames<S extends Shape> = { [K in keyof S]: S[K] extends Field<any, any, false> ? K : never }[keyof S]

/** What decoding gives: every field is there. */
export type Decoded<S extends Shape> = { -readonly [K in keyof S]: OutOf<S[K]> }
/** What encoding takes: fields with a version range, a default or a tag may be left out. */
export type Draft<S extends Shape> =
  { readonly [K in RequiredNames<S>]: InOf<S[K]> } & { readonly [K in Exclude<keyof S, RequiredNames<S>>]?: InOf<S[K]> }

/** Record batches: read as one view, written as one buffer or as slices that are never joined. */
export type RecordsDraft = Buffer | readonly Buffer[]

const always: VersionRange = { first: 0, last: Number.POSITIVE_INFINITY }

export const boolean = kind<boolean>('boolean')
export const int8 = kind<number>('int8')
export const int16 = kind<number>('int16')
export const int32 = kind<number>('int32')
/** A number; beyond ±2^53 it is refused. */
export const int64 = kind<number>('int64')
/** An int64 that becomes the nearest safe integer beyond ±2^53: an absurd offset is out of range, not malformed. */
export const offset = kind<number>('offset')
export const uint16 = kind<number>('uint16')
export const uint32 = kind<number>('uint32')
export const float64 = kind<number>('float64')
export const string = kind<string>('string')
/** A view of the frame. */
export const bytes = kind<Buffer, Uint8Array>('bytes')
/** A view of the frame. */
export const records = kind<Buffer, RecordsDraft>('records')
/** 36 characters. */
export const uuid = kind<string>('uuid')

/** An array of a kind, or of structs given by their shape. */
export function array<Out, In>(element: Field<Out, In, boolean>): Field<readonly Out[], readonly In[]>
export function array<S extends Shape>(shape: S): Field<readonly Decoded<S>[], readonly Draft<S>[]>
export function array(element: any): any {
  // A shape may have a field named 'spec', but that one has no kind.
  return field({ ...plain('array'), element: typeof element.spec?.kind === 'string' ? element.spec : structSpec(element) })
}

/** A nested struct. Tagged ones are given `.default(null)`: absent reads as null, and null is not sent. */
export function struct<S extends Shape>(shape: S): Field<Decoded<S>, Draft<S>> {
  return field(structSpec(shape))
}

/** The uuid of nothing. */
export const zeroUuid = '00000000-0000-0000-0000-000000000000'

/** One message in all its versions. */
export class Message<S extends Shape> {
  readonly name: string
  readonly spec: Spec
  readonly versions: VersionRange
  readonly #flexible: VersionRange | undefined
  readonly #codecs: (Codec | undefined)[] = []

  /** `flexible`: the versions with compact lengths and tagged fields (KIP-482), 'none' for never. */
  constructor(shape: S, options: { readonly versions: string; readonly flexible?: string; readonly name?: string }) {
    this.name = options.name ?? 'message'
    this.spec = structSpec(shape)
    this.versions = versionRange(options.versions)
    this.#flexible = options.flexible === undefined || options.flexible === 'none' ? undefined : versionRange(options.flexible)
  }

  isFlexible(version: number): boolean {
    return this.#flexible !== undefined && inRange(version, this.#flexible)
  }

  /** From a buffer that holds this message and nothing else, or from where a reader stands. Bytes fields are views. */
  decode(source: Buffer | Reader, version: number): Decoded<S> {
    const codec = this.#codec(version)
    if (source instanceof Reader) return codec.decode(source)
    const reader = new Reader(source)
    const value = codec.decode(reader)
    if (reader.remaining > 0) throw new WireError(`${reader.remaining} bytes behind the end of ${this.name} v${version}`)
    return value
  }

  encode(value: Draft<S>, version: number): Buffer {
    const writer = new Writer()
    this.write(writer, value, version)
    return writer.toBuffer()
  }

  write(writer: Writer, value: Draft<S>, version: number): void {
    this.#codec(version).encode(writer, value)
  }

  #codec(version: number): Codec {
    const known = this.#codecs[version]
    if (known !== undefined) return known
    if (!inRange(version, this.versions)) throw new WireError(`${this.name} has no version ${version}`)
    return (this.#codecs[version] = structCodec(this.spec, version, this.isFlexible(version)))
  }
}

/** One API: its key and the messages that go to and fro. */
export interface Api<Q extends Shape, R extends Shape> {
  readonly key: number
  readonly name: string
  readonly versions: VersionRange
  /** What ApiVersions tells: wider than `versions` where old clients need to see more than is served. */
  readonly advertised: VersionRange
  readonly request: Message<Q>
  readonly response: Message<R>
}

export type RequestOf<A> = A extends Api<infer Q, any> ? Decoded<Q> : never
/** What a server writes. */
export type ResponseOf<A> = A extends Api<any, infer R> ? Draft<R> : never
/** What a client reads. */
export type AnswerOf<A> = A extends Api<any, infer R> ? Decoded<R> : never

/** Defines an API of Kafka's protocol. `flexible` as in Message, for request and response alike. */
export function defineApi<Q extends Shape, R extends Shape>(definition: {
  readonly key: number
  readonly name: string
  readonly versions: string
  readonly advertised?: string
  readonly flexible: string
  readonly request: Q
  readonly response: R
}): Api<Q, R> {
  const { key, name, versions, flexible } = definition
  return {
    key,
    name,
    versions: versionRange(versions),
    advertised: versionRange(definition.advertised ?? versions),
    request: new Message(definition.request, { versions, flexible, name: `${name}Request` }),
    response: new Message(definition.response, { versions, flexible, name: `${name}Response` }),
  }
}

/** '3+' is {3, Infinity}, '8-10' is {8, 10}, '4' is {4, 4}. */
export function versionRange(text: string): VersionRange {
  const match = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  if (match === null) throw new TypeError(`'${text}' is no version range`)
  const first = Number(match[1])
  return { first, last: match[2] === '+' ? Number.POSITIVE_INFINITY : Number(match[3] ?? first) }
}

export function inRange(version: number, range: VersionRange): boolean {
  return version >= range.first && version <= range.last
}

/** What a field reads as where the wire does not have it. */
export function defaultOf(spec: Spec): unknown {
  return spec.default === undefined ? zeroOf(spec) : spec.default
}

// ------------------------------------------------------------------------------------------------------- describing

function field(spec: Spec): Field<any, any, any> {
  return Object.freeze({
    spec: Object.freeze(spec),
    in: (versions: string) => field({ ...spec, versions: versionRange(versions) }),
    nullable: (versions = '0+') => field({ ...spec, nullable: versionRange(versions) }),
    default: (value: unknown) => field({ ...spec, default: Array.isArray(value) ? Object.freeze(value) : value }),
    tag: (tag: number, versions: string) => field({ ...spec, tag, versions: versionRange(versions) }),
    essential: () => field({ ...spec, essential: true }),
  }) as Field<any, any, any>
}

function kind<Out, In = Out>(name: Kind): Field<Out, In> {
  return field(plain(name))
}

function plain(name: Kind): Spec {
  return { kind: name, versions: always, nullable: undefined, tag: undefined, default: undefined, essential: false, element: undefined, fields: undefined }
}

function structSpec(shape: Shape): Spec {
  return Object.freeze({ ...plain('struct'), fields: Object.freeze(Object.entries(shape).map(([name, { spec }]) => Object.freeze({ name, spec }))) })
}

function zeroOf(spec: Spec): unknown {
  switch (spec.kind) {
    case 'boolean': return false
    case 'string': return ''
    case 'uuid': return zeroUuid
    case 'bytes': case 'records': return noBytes
    case 'array': return noElements
    case 'struct': return Object.freeze(Object.fromEntries(spec.fields!.map(field => [field.name, defaultOf(field.spec)])))
    default: return 0
  }
}

const noBytes = Buffer.alloc(0)
const noElements = Object.freeze([])

// ---------------------------------------------------------------------------------------------------------- codecs

type Decode = (reader: Reader) => any
type Encode = (writer: Writer, value: any) => void

interface Codec {
  readonly decode: Decode
  readonly encode: Encode
  /** The fewest bytes a value takes: what bounds announced array counts. */
  readonly bytesMin: number
}

/** More tagged fields in one struct are refused. */
const tagsMax = 64

function codecOf(spec: Spec, version: number, flexible: boolean): Codec {
  const nullable = spec.nullable !== undefined && inRange(version, spec.nullable)
  switch (spec.kind) {
    case 'boolean': return { decode: r => r.boolean(), encode: (w, v) => w.boolean(v), bytesMin: 1 }
    case 'int8': return { decode: r => r.int8(), encode: (w, v) => w.int8(v), bytesMin: 1 }
    case 'int16': return { decode: r => r.int16(), encode: (w, v) => w.int16(v), bytesMin: 2 }
    case 'int32': return { decode: r => r.int32(), encode: (w, v) => w.int32(v), bytesMin: 4 }
    case 'int64': return { decode: r => r.int64(), encode: (w, v) => w.int64(v), bytesMin: 8 }
    case 'offset': return { decode: r => r.saturatingInt64(), encode: (w, v) => w.int64(v), bytesMin: 8 }
    case 'uint16': return { decode: r => r.uint16(), encode: (w, v) => w.uint16(v), bytesMin: 2 }
    case 'uint32': return { decode: r => r.uint32(), encode: (w, v) => w.uint32(v), bytesMin: 4 }
    case 'float64': return { decode: r => r.float64(), encode: (w, v) => w.float64(v), bytesMin: 8 }
    case 'uuid': return { decode: r => r.uuid(), encode: (w, v) => w.uuid(v), bytesMin: 16 }
    case 'string': return stringCodec(nullable, flexible)
    case 'bytes': return bytesCodec(nullable, flexible)
    case 'records': return { ...bytesCodec(nullable, flexible), encode: recordsEncoder(nullable, flexible) }
    case 'array': return arrayCodec(codecOf(spec.element!, version, flexible), nullable, flexible)
    case 'struct': return nullable ? orNull(structCodec(spec, version, flexible)) : structCodec(spec, version, flexible)
  }
}

function stringCodec(nullable: boolean, flexible: boolean): Codec {
  if (flexible) {
    return nullable
      ? { decode: r => r.compactNullableString(), encode: (w, v) => w.compactNullableString(v), bytesMin: 1 }
      : { decode: r => r.compactString(), encode: (w, v) => w.compactString(notNull(v)), bytesMin: 1 }
  }
  return nullable
    ? { decode: r => r.nullableString(), encode: (w, v) => w.nullableString(v), bytesMin: 2 }
    : { decode: r => r.string(), encode: (w, v) => w.string(notNull(v)), bytesMin: 2 }
}

function bytesCodec(nullable: boolean, flexible: boolean): Codec {
  if (flexible) {
    return nullable
      ? { decode: r => r.compactNullableBytes(), encode: (w, v) => w.compactNullableBytes(v), bytesMin: 1 }
      : { decode: r => r.compactBytes(), encode: (w, v) => w.compactBytes(notNull(v)), bytesMin: 1 }
  }
  return nullable
    ? { decode: r => r.nullableBytes(), encode: (w, v) => w.nullableBytes(v), bytesMin: 4 }
    : { decode: r => r.bytes(), encode: (w, v) => w.bytes(notNull(v)), bytesMin: 4 }
}

function recordsEncoder(nullable: boolean, flexible: boolean): Encode {
  return (writer, value: RecordsDraft | null) => {
    const slices = value === null ? undefined : Array.isArray(value) ? (value as readonly Buffer[]) : [value as Buffer]
    if (slices === undefined && !nullable) throw nullError()
    const size = slices === undefined ? -1 : slices.reduce((sum, slice) => sum + slice.length, 0)
    if (flexible) writer.uvarint(size + 1)
    else writer.int32(size)
    if (slices !== undefined) for (const slice of slices) writer.append(slice)
  }
}

function arrayCodec(element: Codec, nullable: boolean, flexible: boolean): Codec {
  const { decode, encode } = element
  // An element of no bytes would let one count make any number of objects.
  const elementBytesMin = Math.max(1, element.bytesMin)
  return {
    bytesMin: flexible ? 1 : 4,
    decode: reader => {
      const count = flexible ? reader.compactCount(elementBytesMin) : reader.count(elementBytesMin)
      if (count === null) {
        if (nullable) return null
        throw nullError()
      }
      const values = []
      let index = 0
      try {
        for (; index < count; index++) values.push(decode(reader))
      } catch (error) {
        throw inside(error, `[${index}]`)
      }
      return values
    },
    encode: (writer, values: readonly unknown[] | null) => {
      if (values === null && !nullable) throw nullError()
      const count = values === null ? -1 : values.length
      if (flexible) writer.uvarint(count + 1)
      else writer.int32(count)
      let index = 0
      try {
        for (; index < count; index++) encode(writer, values![index])
      } catch (error) {
        throw inside(error, `[${index}]`)
      }
    },
  }
}

/** A struct with a byte before it: -1 is null, 1 is there. */
function orNull(codec: Codec): Codec {
  return {
    bytesMin: 1,
    decode: reader => {
      const presence = reader.int8()
      if (presence !== -1 && presence !== 1) throw new WireError(`presence byte ${presence}`)
      return presence === -1 ? null : codec.decode(reader)
    },
    encode: (writer, value) => {
      writer.int8(value === null ? -1 : 1)
      if (value !== null) codec.encode(writer, value)
    },
  }
}

interface FieldCodec extends Codec {
  readonly name: string
  readonly spec: Spec
  readonly absent: unknown
}

function structCodec(spec: Spec, version: number, flexible: boolean): Codec {
  const all = spec.fields!
  const template = Object.fromEntries(all.map(field => [field.name, defaultOf(field.spec)]))
  const present = all.filter(field => inRange(version, field.spec.versions)).map((field): FieldCodec => ({
    name: field.name, spec: field.spec, absent: defaultOf(field.spec), ...codecOf(field.spec, version, flexible),
  }))
  const plainFields = present.filter(field => field.spec.tag === undefined)
  const tagged = present.filter(field => field.spec.tag !== undefined).sort((a, b) => a.spec.tag! - b.spec.tag!)
  const lost = all.filter(field => field.spec.essential && !inRange(version, field.spec.versions))
  return {
    bytesMin: plainFields.reduce((sum, field) => sum + field.bytesMin, flexible ? 1 : 0),
    decode: reader => {
      // Cloning one object gives all values of a version the same hidden class.
      const value: Record<string, unknown> = { ...template }
      let index = 0
      try {
        for (; index < plainFields.length; index++) value[plainFields[index]!.name] = plainFields[index]!.decode(reader)
      } catch (error) {
        throw inside(error, plainFields[index]!.name)
      }
      if (flexible) decodeTags(reader, tagged, value)
      return value
    },
    encode: (writer, value: Record<string, unknown>) => {
      for (const { name, spec: missing } of lost) {
        const given = value[name]
        if (given !== undefined && given !== defaultOf(missing)) throw new WireError(`${String(given)} cannot be said in version ${version}`, { at: name })
      }
      let index = 0
      try {
        for (; index < plainFields.length; index++) {
          const field = plainFields[index]!
          const given = value[field.name]
          field.encode(writer, given === undefined ? field.absent : given)
        }
      } catch (error) {
        throw inside(error, plainFields[index]!.name)
      }
      if (flexible) encodeTags(writer, tagged, value)
    },
  }
}

function decodeTags(reader: Reader, known: readonly FieldCodec[], value: Record<string, unknown>): void {
  const count = reader.uvarint()
  if (count > tagsMax) throw new WireError(`${count} tagged fields, ${tagsMax} are allowed`)
  let previous = -1
  for (let index = 0; index < count; index++) {
    const tag = reader.uvarint()
    if (tag <= previous) throw new WireError(`tag ${tag} behind tag ${previous}`)
    previous = tag
    const size = reader.uvarint()
    const field = known.find(one => one.spec.tag === tag)
    if (field === undefined) reader.skip(size)
    else {
      try {
        value[field.name] = reader.within(size, () => field.decode(reader))
      } catch (error) {
        throw inside(error, field.name)
      }
    }
  }
}

function encodeTags(writer: Writer, known: readonly FieldCodec[], value: Record<string, unknown>): void {
  if (known.length === 0) return writer.uvarint(0)
  const sent = known.filter(field => value[field.name] !== undefined && !sameValue(value[field.name], field.absent))
  writer.uvarint(sent.length)
  for (const field of sent) {
    const body = new Writer()
    try {
      field.encode(body, value[field.name])
    } catch (error) {
      throw inside(error, field.name)
    }
    writer.uvarint(field.spec.tag!)
    writer.uvarint(body.size)
    writer.appendAll(body)
  }
}

function sameValue(a: unknown, b: unknown): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && a.length === 0 && b.length === 0)
}

function notNull(value: any): any {
  if (value === null) throw nullError()
  return value
}

function nullError(): WireError {
  return new WireError('null where none is allowed')
}

/** The same error with the name of the field it happened in put before the path. Other errors, of values of the wrong type, pass. */
function inside(error: unknown, step: string): unknown {
  if (!(error instanceof WireError)) return error
  const { cause, at } = error
  const path = typeof at === 'string' ? (at.startsWith('[') ? `${step}${at}` : `${step}.${at}`) : step
  return new WireError(cause instanceof WireError ? cause.message : error.message, { at: path, cause: cause ?? error })
}
