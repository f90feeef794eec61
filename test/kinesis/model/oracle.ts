// What AWS says of an input, worked out from its model alone and the wording rules of AWS's deserializer and validator. It shares no code with ours, so
// that the two can be held against each other.
import { Raw } from '../support/cbor.ts'
import { type ModelShape, membersOf, shapeOf } from './model.ts'

/** Values apart from any codec: texts, numbers, booleans, null, lists, plain objects; Buffers for blobs; these for what JSON has no form of. */
export class Time {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }
}

/** One complaint: of which value (undefined: AWS prints it in an arbitrary way), where, and what must hold. */
export interface Complaint {
  readonly value: string | null | undefined
  readonly path: string
  readonly must: string
}

/** Every constraint that an input of the right types breaks, in no order. */
export function complaints(shape: ModelShape, input: Record<string, unknown>, parent = ''): Complaint[] {
  return membersOf(shape).flatMap(({ name, shape: of, isRequired }) => {
    const path = parent + name.charAt(0).toLowerCase() + name.slice(1)
    const value = input[name]
    if (value === undefined || value === null) return isRequired ? [{ value: null, path, must: 'Member must not be null' }] : []
    return complaintsOf(of, value, path)
  })
}

function complaintsOf(shape: ModelShape, value: unknown, path: string): Complaint[] {
  const own = musts(shape).filter(must => !holds(must, shape, value)).map(must => ({ value: printed(shape, value), path, must }))
  if (shape.type === 'structure') return complaints(shape, value as Record<string, unknown>, `${path}.`)
  if (shape.type !== 'list') return own
  const item = shapeOf(shape.member!)
  const within = (value as unknown[]).flatMap((one, at) => {
    const itemPath = `${path}.${at + 1}.member`
    if (one === null) return [{ value: null, path: itemPath, must: 'Member must not be null' }]
    return item.type === 'structure' ? complaints(item, one as Record<string, unknown>, `${itemPath}.`) : []
  })
  return [...own, ...within]
}

// ------------------------------------------------------------------------------------------------------- constraints

/** The sentences of a shape's own constraints. A least length of 0 asks nothing. */
export function musts(shape: ModelShape): string[] {
  const sentences = plainMusts(shape)
  if (shape.type === 'list') {
    const item = shapeOf(shape.member!)
    const ofItems = item.type === 'structure' ? [] : plainMusts(item)
    if (ofItems.length > 0) sentences.push(`Member must satisfy constraint: [${ofItems.join(', ')}]`)
  }
  if (shape.type === 'map') {
    sentences.push(`Map keys must satisfy constraint: [${bounds(shapeOf(shape.key!))}]`, `Map value must satisfy constraint: [${bounds(shapeOf(shape.value!))}]`)
  }
  return sentences
}

function plainMusts({ type, min, max, pattern, enum: values }: ModelShape): string[] {
  const what = type === 'integer' || type === 'long' ? 'value' : 'length'
  const asksLeast = min !== undefined && (what === 'value' || min > 0)
  return [
    ...(max === undefined ? [] : [`Member must have ${what} less than or equal to ${max}`]),
    ...(asksLeast ? [`Member must have ${what} greater than or equal to ${min}`] : []),
    ...(pattern === undefined ? [] : [`Member must satisfy regular expression pattern: ${pattern}`]),
    ...(values === undefined ? [] : [`Member must satisfy enum value set: [${values.join(', ')}]`]),
  ]
}

/** Within a map, a least length of 0 is said too. */
function bounds({ min, max }: ModelShape): string {
  return `Member must have length less than or equal to ${max}, Member must have length greater than or equal to ${min}`
}

function holds(must: string, shape: ModelShape, value: unknown): boolean {
  if (must.startsWith('Member must satisfy constraint: [')) return (value as unknown[]).every(item => item === null || fits(shapeOf(shape.member!), item))
  if (must.startsWith('Map keys')) return Object.keys(value as object).every(key => fits(shapeOf(shape.key!), key))
  if (must.startsWith('Map value')) return Object.values(value as object).every(item => fits(shapeOf(shape.value!), item))
  if (must.includes('less than or equal')) return measure(value) <= shape.max!
  if (must.includes('greater than or equal')) return measure(value) >= shape.min!
  if (must.includes('pattern')) return matches(shape, value as string)
  return shape.enum!.includes(value as string)
}

function fits(shape: ModelShape, value: unknown): boolean {
  return plainMusts(shape).every(must => holds(must, shape, value))
}

function measure(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' || Array.isArray(value) || Buffer.isBuffer(value)) return value.length
  return Object.keys(value as object).length
}

/** As Java's `matches`: the whole text. */
export function matches({ pattern }: ModelShape, value: string): boolean {
  return pattern === undefined || new RegExp(`^(?:${pattern})$`).test(value)
}

function printed(shape: ModelShape, value: unknown): string | undefined {
  if (Buffer.isBuffer(value)) return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`
  if (shape.type === 'map') return `{${Object.entries(value as object).map(([key, item]) => `${key}=${String(item)}`).join(', ')}}`
  if (shape.type !== 'list') return String(value)
  return shapeOf(shape.member!).type === 'structure' && (value as unknown[]).length > 0 ? undefined : `[${(value as unknown[]).join(', ')}]`
}

// ------------------------------------------------------------------------------------------------------------- types

export type CodecName = 'json' | 'cbor'

/** A value of the wrong type, and what AWS's deserializer says of it at a member of that shape. */
export interface WrongType {
  readonly what: string
  readonly value: unknown
  readonly message: string
}

const javaClass = {
  'a text': 'java.lang.String', 'a flag': 'java.lang.Boolean', 'a number': 'com.amazon.coral.value.json.numbers.TruncatingBigNumber',
  'a fraction': 'com.amazon.coral.value.json.numbers.TruncatingBigNumber',
  // What only CBOR has.
  'bytes': 'java.nio.HeapByteBuffer', 'a half float': 'java.lang.Double', 'a double': 'java.lang.Double', 'a bignum': 'java.math.BigInteger', 'a time': 'java.util.Date',
}
const wantedWord = { string: 'an String', integer: 'an Integer', long: 'an Long', boolean: 'an Boolean', blob: 'a Blob', timestamp: 'milliseconds since epoch' } as const

export function wrongTypes(shape: ModelShape, codec: CodecName): WrongType[] {
  const { type } = shape
  const both = { 'a text': 'wrong', 'a flag': true, 'a number': 23, 'a list': [], 'a map': {} }
  const values = codec === 'json' ? { ...both, 'a fraction': 34.56 } : {
    ...both, 'bytes': Buffer.from('bytes'), 'a half float': new Raw('f9 3e00'), 'a double': new Raw('fb 4041 47ae 147a e148'), 'a bignum': new Raw('c2 41 05'), 'a time': new Time(5),
  }
  // What each takes, or tells of in words of its own.
  const taken: Readonly<Record<typeof type, readonly string[]>> = {
    string: ['a text'], integer: ['a number', 'a fraction'], long: ['a number', 'a fraction'], boolean: ['a flag', 'a text'],
    timestamp: ['a number', 'a fraction', 'a time'], blob: [codec === 'json' ? 'a text' : 'bytes'], list: ['a list'], map: ['a map'], structure: ['a map'],
  }
  const found: WrongType[] = Object.entries(values).filter(([what]) => !taken[type].includes(what)).map(([what, value]) => {
    return { what, value, message: messageOf(what, type) }
  })
  const inWords = (what: string, value: string, why: string): WrongType => ({ what, value, message: `'${type === 'boolean' ? value.toUpperCase() : value}' can not be converted to ${why}` })
  if (type === 'boolean') found.push(inWords('another word', 'maybe', 'an Boolean'))
  if (type === 'blob' && codec === 'json') {
    found.push(inWords('a text of five', '23456', 'a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 5'),
      inWords('a text beyond the alphabet', 'a b=', 'a Blob: Invalid Base64 character: \' \''))
  }
  return found
}

function messageOf(what: string, type: ModelShape['type']): string {
  if (what === 'a list') return 'Start of list found where not expected'
  if (what === 'a map') return 'Start of structure or map found where not expected.'
  if (type === 'list') return 'Expected list or null'
  if (type === 'map') return 'Expected map or null'
  if (type === 'structure') return 'Expected null'
  return `class ${javaClass[what as keyof typeof javaClass]} can not be converted to ${wantedWord[type]}`
}
