// The description of a field of a message, as data: what it is, in which versions, its default. Written with the words of schema.ts, read by the codecs,
// and by whoever derives something from it: random values, comparisons, where in a response errors are.

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

/** The uuid of nothing. */
export const zeroUuid = '00000000-0000-0000-0000-000000000000'

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
