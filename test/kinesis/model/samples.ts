// Inputs made from the model: right ones, and for each member every way of being wrong that its shape allows.
import { type ModelShape, membersOf, model, shapeOf } from './model.ts'
import { type CodecName, Time, matches, wrongTypes } from './oracle.ts'

export type Input = Record<string, unknown>

/** A wrong input; `message` where its types are wrong, which is told before anything else is looked at. */
export interface WrongInput {
  readonly what: string
  readonly input: Input
  readonly message?: string
}

const arn = 'arn:aws:kinesis:us-east-1:000000000000'
const texts = [
  'a', '0', '0'.repeat(12), 'aaaaaaaaaaaaaaaaaaaa-aaa', `${arn}:stream/absent`, `${arn}:stream/absent/consumer/a:1`, `${arn}:channel/absent:1`,
  'arn:aws:iam::000000000000:role/a', 'arn:aws:s3:::bucket', 'arn:aws:s3tables:us-east-1:000000000000:bucket/abc', 'arn:aws:glue:us-east-1:000000000000:schema/a/b',
]
const oddTexts = ['%', 'x', 'a b', '\u00e9', ':', '01', '9', 'a?b']

/** A value that breaks nothing: of a structure, all its members. */
export function sampleOf(shape: ModelShape): unknown {
  switch (shape.type) {
    case 'string': return shape.enum?.[0] ?? texts.find(text => isOfLength(shape, text) && matches(shape, text)) ?? failed(shape)
    case 'integer': case 'long': return Math.max(shape.min ?? 1, 1)
    case 'boolean': return false
    case 'blob': return Buffer.from('data')
    case 'timestamp': return new Time(1_700_000_000_000)
    case 'list': return [sampleOf(shapeOf(shape.member!))]
    case 'map': return { [sampleOf(shapeOf(shape.key!)) as string]: sampleOf(shapeOf(shape.value!)) }
    case 'structure': return Object.fromEntries(membersOf(shape).map(({ name, shape: of }) => [name, sampleOf(of)]))
  }
}

export function inputShapeOf(operation: string): ModelShape {
  return shapeOf(model.operations[operation]!.input)
}

/** Every wrong input of an operation: wrong in one place, and in all. */
export function* wrongInputs(operation: string, codec: CodecName): Generator<WrongInput> {
  const shape = inputShapeOf(operation)
  yield* wrongWithin(shape, codec, 'input', value => value as Input)
  if ((shape.required?.length ?? 0) > 0) yield { what: 'input is empty', input: {} }
  const beyond = membersOf(shape).flatMap(({ name, shape: of }) => [...beyondBounds(of)].slice(0, 1).map(([, value]): [string, unknown] => [name, value]))
  if (beyond.length > 0) yield { what: 'input is wrong throughout', input: Object.fromEntries(beyond) }
}

/** `whole` puts a value of the shape where it belongs and gives the input around it. */
function* wrongWithin(shape: ModelShape, codec: CodecName, path: string, whole: (value: unknown) => Input): Generator<WrongInput> {
  const right = sampleOf(shape) as Input
  for (const { name, shape: of, isRequired } of membersOf(shape)) {
    const place = (value: unknown): Input => whole({ ...right, [name]: value })
    if (isRequired) {
      yield { what: `${path}.${name} missing`, input: whole(Object.fromEntries(Object.entries(right).filter(([one]) => one !== name))) }
      yield { what: `${path}.${name} null`, input: place(null) }
    }
    yield* wrongValues(of, codec, `${path}.${name}`, place)
  }
}

function* wrongValues(shape: ModelShape, codec: CodecName, path: string, place: (value: unknown) => Input): Generator<WrongInput> {
  for (const { what, value, message } of wrongTypes(shape, codec)) yield { what: `${path} is ${what}`, input: place(value), message }
  for (const [what, value] of beyondBounds(shape)) yield { what: `${path} ${what}`, input: place(value) }
  if (shape.type === 'structure') yield* wrongWithin(shape, codec, path, place)
  if (shape.type === 'list') {
    const item = shapeOf(shape.member!)
    const right = sampleOf(item)
    yield { what: `${path} has a null`, input: place([null]) }
    yield* wrongValues(item, codec, `${path}[0]`, value => place([value]))
    // Paths count: the second of two.
    yield* wrongValues(item, codec, `${path}[1]`, value => place([right, value]))
  }
  if (shape.type === 'map') {
    const [key, value] = Object.entries(sampleOf(shape) as Input)[0]!
    for (const [what, wrong] of beyondBounds(shapeOf(shape.key!))) yield { what: `${path} has a name that is ${what}`, input: place({ [wrong as string]: value }) }
    for (const [what, wrong] of beyondBounds(shapeOf(shape.value!))) yield { what: `${path} has a value that is ${what}`, input: place({ [key]: wrong }) }
    for (const { what, value: wrong, message } of wrongTypes(shapeOf(shape.value!), codec)) yield { what: `${path} has a value that is ${what}`, input: place({ [key]: wrong }), message }
  }
}

/** Values of the right type that break a constraint of the shape itself. */
function* beyondBounds(shape: ModelShape): Generator<[what: string, value: unknown]> {
  const { type, min = 0, max, pattern, enum: values } = shape
  switch (type) {
    case 'string':
      if (values !== undefined) yield ['not of the set', 'none-of-them']
      if (min > 0) yield ['too short', 'a'.repeat(min - 1)]
      if (max !== undefined) yield ['too long', 'a'.repeat(max + 1)]
      if (pattern !== undefined) yield ['of another pattern', oddTexts.find(text => !matches(shape, text)) ?? failed(shape)]
      return
    case 'integer': case 'long':
      if (shape.min !== undefined) yield ['too small', shape.min - 1]
      if (max !== undefined) yield ['too large', max + 1]
      return
    case 'blob':
      if (max !== undefined) yield ['too long', Buffer.alloc(max + 1)]
      return
    case 'list':
      if (min > 0) yield ['empty', []]
      if (max !== undefined) yield ['too long', Array.from({ length: max + 1 }, () => sampleOf(shapeOf(shape.member!)))]
      return
    case 'map':
      if (min > 0) yield ['empty', {}]
      if (max !== undefined) yield ['too long', Object.fromEntries(Array.from({ length: max + 1 }, (_, nth) => [`a${nth}`, 'a']))]
  }
}

function isOfLength({ min = 0, max = Number.POSITIVE_INFINITY }: ModelShape, text: string): boolean {
  return text.length >= min && text.length <= max
}

function failed(shape: ModelShape): never {
  throw new Error(`no sample for ${JSON.stringify(shape)}: add one`)
}
