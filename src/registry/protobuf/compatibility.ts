// Whether messages written with one schema can be read with another, by the rules, difference names and words of Confluent's comparison: messages are held
// against each other by name, their fields by number, types of imported files included. Where Confluent lets through what a reader then stumbles over (an
// optional field that becomes required, a group that becomes a message, a number that becomes repeated), it is reported by the nearest of its names.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf'
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt'
import type { ProtobufDocument } from './document.ts'

const differencesMax = 1_000

/** The first %s is the reader's schema, the second the writer's. */
const descriptions = {
  PACKAGE_CHANGED: (path: string) => `The package at '${path}' in the %s schema does not match the package in the %s schema`,
  MESSAGE_REMOVED: (path: string) => `The %s schema is missing a MESSAGE type at path '${path}' in the %s schema`,
  FIELD_KIND_CHANGED: (path: string) => `The type of a field at path '${path}' in the %s schema does not match the %s schema`,
  FIELD_SCALAR_KIND_CHANGED: (path: string) => `The kind of a SCALAR field at path '${path}' in the %s schema does not match its kind in the %s schema`,
  FIELD_NAMED_TYPE_CHANGED: (path: string) => `The type of a MESSAGE field at path '${path}' in the %s schema does not match its type in the %s schema`,
  FIELD_NUMERIC_LABEL_CHANGED: (path: string) => `The label for a NUMERIC field at path '${path}' in the %s schema does not match its label in the %s schema`,
  REQUIRED_FIELD_ADDED: (path: string) => `A required field  at path '${path}' in the %s schema is missing in the %s schema`,
  REQUIRED_FIELD_REMOVED: (path: string) => `The %s schema is missing a required field at path: '${path}' in the %s schema`,
  ONEOF_FIELD_REMOVED: (path: string) => `The %s schema is missing a oneof field at path '${path}' in the %s schema`,
  MULTIPLE_FIELDS_MOVED_TO_ONEOF: (path: string) => `Multiple fields in the oneof at path '${path}' in the %s schema are outside a oneof in the %s schema`,
  FIELD_MOVED_TO_EXISTING_ONEOF: (path: string) =>
    `A field in the oneof at path '${path}' in the %s schema is outside an existing oneof in the %s schema`,
} as const

type Path = readonly (string | number)[]

/** The differences by which a reader with `update` cannot be trusted with what was written with `original`; empty where there are none. */
export function protobufDifferences(original: ProtobufDocument, update: ProtobufDocument): readonly string[] {
  return new Comparison(original, update).differences()
}

/** Two messages held against each other, and the pairs that are not better than this one. */
interface Pair {
  readonly from: DescMessage
  readonly to: DescMessage
  readonly path: Path
  readonly users: Pair[]
  differs: boolean
}

interface Difference {
  readonly type: keyof typeof descriptions
  readonly path: Path
  /** Only if this pair differs. */
  readonly because?: Pair
}

class Comparison {
  readonly #original: ProtobufDocument
  readonly #update: ProtobufDocument
  readonly #differences: Difference[] = []
  /** Each pair once, so that types which use each other are no endless or exponential work; one after the other, so that they are no deep recursion. */
  readonly #pairs = new Map<DescMessage, Map<DescMessage, Pair>>()
  readonly #waiting: Pair[] = []

  constructor(original: ProtobufDocument, update: ProtobufDocument) {
    this.#original = original
    this.#update = update
  }

  differences(): readonly string[] {
    if (this.#original.proto.package !== this.#update.proto.package) this.#differences.push({ type: 'PACKAGE_CHANGED', path: [] })
    this.#compareAll(this.#original.file.messages, this.#update.file.messages, [])
    const pairs: Pair[] = []
    for (let pair = this.#waiting.pop(); pair !== undefined; pair = this.#waiting.pop()) {
      pairs.push(pair)
      this.#compareMessages(pair)
    }
    const differing = pairs.filter(pair => pair.differs)
    for (let pair = differing.pop(); pair !== undefined; pair = differing.pop()) {
      for (const user of pair.users) {
        if (!user.differs) differing.push(user)
        user.differs = true
      }
    }
    return this.#differences.filter(({ because }) => because?.differs !== false).slice(0, differencesMax)
      .map(({ type, path }) => `{errorType:"${type}", description:"${descriptions[type](`#/${path.join('/')}`)}"}`)
  }

  #compareAll(from: readonly DescMessage[], to: readonly DescMessage[], path: Path, user?: Pair): void {
    const updates = new Map(to.map(message => [message.name, message]))
    // The last one waiting is the next one compared.
    for (const message of from.toReversed()) {
      const update = updates.get(message.name)
      if (update !== undefined) this.#pair(message, update, [...path, message.name], user)
      else this.#report('MESSAGE_REMOVED', [...path, message.name], user)
    }
  }

  #report(type: keyof typeof descriptions, path: Path, pair: Pair | undefined): void {
    this.#differences.push({ type, path })
    if (pair !== undefined) pair.differs = true
  }

  /** To be compared unless it was already. */
  #pair(from: DescMessage, to: DescMessage, path: Path, user: Pair | undefined): Pair {
    const known = this.#pairs.get(from) ?? new Map<DescMessage, Pair>()
    this.#pairs.set(from, known)
    let pair = known.get(to)
    if (pair === undefined) {
      pair = { from, to, path, users: [], differs: false }
      known.set(to, pair)
      this.#waiting.push(pair)
    }
    if (user !== undefined) pair.users.push(user)
    return pair
  }

  #compareMessages(pair: Pair): void {
    const { from, to, path } = pair
    this.#compareOneofs(pair)
    const updates = new Map(to.fields.map(field => [field.number, field]))
    // A oneof may go as a whole; what goes from one that stays, in part or under another name, is missed.
    const names = new Set(to.oneofs.map(oneof => oneof.name))
    const staying = new Set(from.oneofs.filter(oneof => names.has(oneof.name) || oneof.fields.some(({ number }) => updates.has(number))))
    for (const field of byNumber(from)) {
      const update = updates.get(field.number)
      if (update !== undefined) this.#compareFields(field, update, [...path, ...update.oneof === undefined ? [] : [update.oneof.name], update.number], pair)
      else if (field.oneof !== undefined) {
        if (staying.has(field.oneof)) this.#report('ONEOF_FIELD_REMOVED', [...path, field.oneof.name, field.number], pair)
      } else if (isRequired(field)) this.#report('REQUIRED_FIELD_REMOVED', [...path, field.number], pair)
    }
    const originals = new Map(from.fields.map(field => [field.number, field]))
    for (const field of byNumber(to)) {
      const original = originals.get(field.number)
      if (isRequired(field) && (original === undefined || !isRequired(original))) this.#report('REQUIRED_FIELD_ADDED', [...path, field.number], pair)
    }
    this.#compareAll(from.nestedMessages, to.nestedMessages, path, pair)
  }

  /** Fields that could be set together and now cannot: those of an update's oneof must all have been in one, or be new. */
  #compareOneofs(pair: Pair): void {
    const { from, to, path } = pair
    const originals = new Map(from.fields.map(field => [field.number, field]))
    for (const oneof of to.oneofs) {
      const origins = oneof.fields.flatMap(({ number }) => originals.get(number) ?? [])
      const outside = origins.filter(field => field.oneof === undefined).length
      if (new Set(origins.map(field => field.oneof ?? field)).size < 2) continue
      this.#report(outside > 1 ? 'MULTIPLE_FIELDS_MOVED_TO_ONEOF' : 'FIELD_MOVED_TO_EXISTING_ONEOF', [...path, oneof.name], pair)
    }
  }

  #compareFields(from: DescField, to: DescField, path: Path, pair: Pair): void {
    if (from.fieldKind === 'map' || to.fieldKind === 'map') {
      if (from.fieldKind !== 'map' || to.fieldKind !== 'map') this.#report('FIELD_KIND_CHANGED', path, pair)
      else {
        this.#compareTypes({ scalar: from.mapKey }, { scalar: to.mapKey }, path, pair)
        this.#compareTypes(from, to, path, pair)
      }
      return
    }
    if (isDelimited(from) !== isDelimited(to)) return this.#report('FIELD_KIND_CHANGED', path, pair)
    this.#compareTypes(from, to, path, pair)
    const isNumeric = (field: DescField): boolean => kindOf(field) !== undefined && kindOf(field) !== 'string'
    if (isRequired(to) && mayBeUnknown(from, to)) this.#report('FIELD_SCALAR_KIND_CHANGED', path, pair)
    if ((from.fieldKind === 'list') !== (to.fieldKind === 'list') && isNumeric(from) && isNumeric(to)) this.#report('FIELD_NUMERIC_LABEL_CHANGED', path, pair)
  }

  #compareTypes(from: Typed, to: Typed, path: Path, pair: Pair): void {
    const original = kindOf(from)
    const update = kindOf(to)
    if ((original === undefined) !== (update === undefined)) return this.#report('FIELD_KIND_CHANGED', path, pair)
    if (original !== update) return this.#report('FIELD_SCALAR_KIND_CHANGED', path, pair)
    if (from.message !== undefined && to.message !== undefined) this.#compareNamed(from.message, to.message, path, pair)
  }

  /** By their names within their packages; what comes from other files is compared where it is used, since nothing else goes through it. */
  #compareNamed(from: DescMessage, to: DescMessage, path: Path, pair: Pair): void {
    const name = localName(from)
    if (name !== localName(to)) return this.#report('FIELD_NAMED_TYPE_CHANGED', path, pair)
    if (from.file === this.#original.file && to.file === this.#update.file) return
    this.#differences.push({ type: 'FIELD_NAMED_TYPE_CHANGED', path, because: this.#pair(from, to, name.split('.'), pair) })
  }
}

/** What a field, the elements of a list or the keys or values of a map are. */
interface Typed {
  readonly scalar?: ScalarType | undefined
  readonly enum?: unknown
  readonly message?: DescMessage | undefined
}

/** Scalars of one kind read each other's bytes. Undefined for messages. */
function kindOf({ scalar, message }: Typed): string | undefined {
  if (message !== undefined) return undefined
  switch (scalar) {
    case ScalarType.SINT32: case ScalarType.SINT64: return 'signed'
    case ScalarType.STRING: case ScalarType.BYTES: return 'string'
    case ScalarType.FIXED32: case ScalarType.SFIXED32: return 'fixed32'
    case ScalarType.FIXED64: case ScalarType.SFIXED64: return 'fixed64'
    case ScalarType.FLOAT: return 'float'
    case ScalarType.DOUBLE: return 'double'
    // Enums have no scalar.
    default: return 'number'
  }
}

function isDelimited(field: DescField): boolean {
  return (field.fieldKind === 'message' || field.fieldKind === 'list') && field.message !== undefined && field.delimitedEncoding
}

function isRequired(field: DescField): boolean {
  return field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED
}

/** Whether a number may be none of a closed enum's: such a field is not set for its reader. */
function mayBeUnknown(from: DescField, to: DescField): boolean {
  if (to.enum === undefined || to.enum.open || kindOf(from) !== 'number') return false
  const known = new Set(to.enum.values.map(value => value.number))
  return from.enum === undefined || from.enum.open || from.enum.values.some(value => !known.has(value.number))
}

function byNumber(message: DescMessage): readonly DescField[] {
  return message.fields.toSorted((a, b) => a.number - b.number)
}

function localName(message: DescMessage): string {
  const space = message.file.proto.package
  return space === '' ? message.typeName : message.typeName.slice(space.length + 1)
}
