// Random values of any message, made from its Spec: in range, with nulls where they are legal, tagged fields there or not.
import type { Prng } from '../../src/base/prng.ts'
import { apis } from '../../src/kafka/apis/index.ts'
import type { Message, Shape } from '../../src/wire/schema.ts'
import { defaultOf, inRange, type Spec } from '../../src/wire/spec.ts'

export interface MessageVersion {
  /** 'Metadata v9 request'. */
  readonly title: string
  readonly message: Message<Shape>
  readonly version: number
}

/** Requests and responses of every API the facade serves, in every version. */
export function everyMessage(): MessageVersion[] {
  return apis.flatMap(({ definition: { name, versions, request, response } }) =>
    Array.from({ length: versions.last - versions.first + 1 }, (_, index) => versions.first + index).flatMap(version => [
      { title: `${name} v${version} request`, message: request, version },
      { title: `${name} v${version} response`, message: response, version },
    ]))
}

export function randomMessage(message: Message<Shape>, version: number, random: Prng, size: { readonly elementsMax: number } = { elementsMax: 3 }): Record<string, unknown> {
  return randomValue({ ...message.spec, versions: { first: 0, last: Infinity } }, version, random, size.elementsMax) as Record<string, unknown>
}

function randomValue(spec: Spec, version: number, random: Prng, elementsMax: number): unknown {
  if (!inRange(version, spec.versions)) return defaultOf(spec)
  const mayBeNull = (spec.nullable !== undefined && inRange(version, spec.nullable)) || (spec.tag !== undefined && spec.default === null)
  if (mayBeNull && random.chance(0.3)) return null
  switch (spec.kind) {
    case 'boolean': return random.chance(0.5)
    case 'int8': return random.below(256) - 128
    case 'int16': return random.below(65536) - 32768
    case 'uint16': return random.below(65536)
    case 'int32': return random.pick([-2147483648, -1, 0, 1, 2147483647, random.below(2 ** 32) - 2 ** 31])
    case 'uint32': return random.uint32()
    case 'int64': case 'offset':
      return random.pick([Number.MIN_SAFE_INTEGER, -1, 0, 1, Number.MAX_SAFE_INTEGER, (random.below(2 ** 21) - 2 ** 20) * 2 ** 32 + random.uint32()])
    case 'float64': return random.float() * 1e9
    case 'uuid': return `${hex(random, 4)}-${hex(random, 2)}-${hex(random, 2)}-${hex(random, 2)}-${hex(random, 6)}`
    case 'string': return random.pick(['', 'a', 'orders.v1', 'ä€😀', hex(random, random.below(20))])
    case 'bytes': case 'records': return random.bytes(random.pick([0, 1, 7, 100]))
    case 'array': return Array.from({ length: random.below(elementsMax + 1) }, () => randomValue(spec.element!, version, random, elementsMax))
    case 'struct': return Object.fromEntries(spec.fields!.map(field => [field.name, randomValue(field.spec, version, random, elementsMax)]))
  }
}

function hex(random: Prng, bytes: number): string {
  return random.bytes(bytes).toString('hex')
}
