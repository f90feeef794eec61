// The words in which the messages of Kafka's protocol and our own log records are defined: one description of all versions, in Kafka's own terms, from
// which the types are inferred and the codecs are built. A field is a frozen Spec (spec.ts); Message makes its codecs (message-codec.ts) on first use.
import { Reader, WireError, Writer } from './bytes.ts'
import { type Codec, structCodec } from './message-codec.ts'
import { inRange, type Kind, type Spec, type VersionRange, versionRange } from './spec.ts'

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

/** One message in all its versions. */
export class Message<S extends Shape> {
  readonly name: string
  readonly spec: Spec
  readonly versions: VersionRange
  readonly #flexible: VersionRange | undefined
  readonly #codecs: (Codec<any> | undefined)[] = []

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

  #codec(version: number): Codec<any> {
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
