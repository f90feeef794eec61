// The language in which AWS-style operations are declared: members with the constraints of the service model, each constraint together with
// AWS's own sentence for it. Types of inputs and outputs are inferred; violations.ts words what does not fit.
// How a member looks on the wire (JSON, CBOR) is the codec's matter, not this file's.
import type { EventSource } from './event-stream.ts'

/** One constraint of a member: what must hold, and what AWS says where it does not. */
export interface Rule<T> {
  ok(value: T): boolean
  readonly must: string
}

export abstract class Member<T, R extends boolean = boolean> {
  abstract readonly kind: 'text' | 'blob' | 'integer' | 'timestamp' | 'flag' | 'list' | 'map' | 'structure-map' | 'structure'
  /** Only a type: what a decoded value is. */
  declare readonly value: T
  readonly rules: readonly Rule<T>[] = []
  readonly isRequired: R = false as R
  /** Record contents and the like: logs and audits print the size, never the value. */
  readonly isSensitive: boolean = false
  /** Known to the model but not honoured here: why a request that carries it is refused. */
  readonly unsupportedBecause: string | undefined = undefined

  /** How AWS prints a value of this kind in a constraint message. */
  print(value: T): string {
    return String(value)
  }

  protected with(change: Partial<Pick<Member<T>, 'rules' | 'isRequired' | 'isSensitive' | 'unsupportedBecause'>>): this {
    return Object.assign(Object.create(Object.getPrototypeOf(this) as object), this, change) as this
  }

  protected ruled(ok: (value: T) => boolean, must: string): this {
    return this.with({ rules: [...this.rules, { ok, must: `Member must ${must}` }] })
  }

  get sensitive(): this {
    return this.with({ isSensitive: true })
  }

  /** Present in a request means refused, with this reason, instead of silently ignored. */
  unsupported(because: string): this {
    return this.with({ unsupportedBecause: because })
  }
}

export class Text<T extends string = string, R extends boolean = false> extends Member<T, R> {
  override readonly kind = 'text'

  minLength(count: number): this {
    return this.ruled(value => value.length >= count, `have length greater than or equal to ${count}`)
  }

  maxLength(count: number): this {
    return this.ruled(value => value.length <= count, `have length less than or equal to ${count}`)
  }

  /** The whole value must match, as Java's `matches` does. Java takes `\_` for an underscore; here only `_` is one. */
  pattern(source: string): this {
    const whole = new RegExp(`^(?:${source.replaceAll('\\_', '_')})$`, 'u')
    return this.ruled(value => whole.test(value), `satisfy regular expression pattern: ${source}`)
  }

  get required(): Text<T, true> {
    return this.with({ isRequired: true }) as unknown as Text<T, true>
  }
}

export class Blob<R extends boolean = false> extends Member<Buffer, R> {
  override readonly kind = 'blob'

  override print(value: Buffer): string {
    return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`
  }

  maxLength(bytes: number): this {
    return this.ruled(value => value.length <= bytes, `have length less than or equal to ${bytes}`)
  }

  get required(): Blob<true> {
    return this.with({ isRequired: true }) as unknown as Blob<true>
  }
}

/** A whole number; 'Integer' has 32 bits, 'Long' 64 (here: as far as a double is exact). */
export class Integer<R extends boolean = false> extends Member<number, R> {
  override readonly kind = 'integer'
  readonly javaType: 'Integer' | 'Long'

  constructor(javaType: 'Integer' | 'Long') {
    super()
    this.javaType = javaType
  }

  min(least: number): this {
    return this.ruled(value => value >= least, `have value greater than or equal to ${least}`)
  }

  max(most: number): this {
    return this.ruled(value => value <= most, `have value less than or equal to ${most}`)
  }

  get required(): Integer<true> {
    return this.with({ isRequired: true }) as unknown as Integer<true>
  }
}

/** Milliseconds since the epoch here; each codec has its own form on the wire. */
export class Timestamp<R extends boolean = false> extends Member<number, R> {
  override readonly kind = 'timestamp'

  get required(): Timestamp<true> {
    return this.with({ isRequired: true }) as unknown as Timestamp<true>
  }
}

export class Flag<R extends boolean = false> extends Member<boolean, R> {
  override readonly kind = 'flag'

  get required(): Flag<true> {
    return this.with({ isRequired: true }) as unknown as Flag<true>
  }
}

export class List<M extends Member<unknown>, R extends boolean = false> extends Member<readonly ValueOf<M>[], R> {
  override readonly kind = 'list'
  readonly item: M

  constructor(item: M) {
    super()
    this.item = item
  }

  /** AWS prints structures by their Java identity, which is arbitrary; their count says more. */
  override print(value: readonly ValueOf<M>[]): string {
    return this.item.kind === 'structure' && value.length > 0 ? `[${value.length} members]` : `[${value.map(item => this.item.print(item)).join(', ')}]`
  }

  minLength(count: number): this {
    return this.ruled(value => value.length >= count, `have length greater than or equal to ${count}`)
  }

  maxLength(count: number): this {
    return this.ruled(value => value.length <= count, `have length less than or equal to ${count}`)
  }

  /** Of a list of texts: told about the whole list, as AWS does. */
  itemLength(least: number, most: number): this {
    const ok = (value: readonly ValueOf<M>[]): boolean => value.every(item => typeof item !== 'string' || (item.length >= least && item.length <= most))
    return this.ruled(ok, `satisfy constraint: [Member must have length less than or equal to ${most}, Member must have length greater than or equal to ${least}]`)
  }

  /** Of a list of texts of a set: told about the whole list, too. */
  itemOneOf(values: readonly string[]): this {
    const ok = (value: readonly ValueOf<M>[]): boolean => value.every(item => typeof item !== 'string' || values.includes(item))
    return this.ruled(ok, `satisfy constraint: [Member must satisfy enum value set: [${values.join(', ')}]]`)
  }

  get required(): List<M, true> {
    return this.with({ isRequired: true }) as unknown as List<M, true>
  }
}

/** Text by text. Constraints of keys and values are told about the whole map, as AWS does. */
export class TextMap<R extends boolean = false> extends Member<ReadonlyMap<string, string>, R> {
  override readonly kind = 'map'

  override print(value: ReadonlyMap<string, string>): string {
    return `{${[...value].map(([key, item]) => `${key}=${item}`).join(', ')}}`
  }

  minLength(count: number): this {
    return this.ruled(value => value.size >= count, `have length greater than or equal to ${count}`)
  }

  maxLength(count: number): this {
    return this.ruled(value => value.size <= count, `have length less than or equal to ${count}`)
  }

  keyLength(least: number, most: number): this {
    return this.lengths('Map keys', least, most, value => value.keys())
  }

  valueLength(least: number, most: number): this {
    return this.lengths('Map value', least, most, value => value.values())
  }

  private lengths(what: string, least: number, most: number, of: (value: ReadonlyMap<string, string>) => Iterable<string>): this {
    const must = `${what} must satisfy constraint: [Member must have length less than or equal to ${most}, ` +
      `Member must have length greater than or equal to ${least}]`
    const ok = (value: ReadonlyMap<string, string>): boolean => [...of(value)].every(item => item.length >= least && item.length <= most)
    return this.with({ rules: [...this.rules, { ok, must }] })
  }

  get required(): TextMap<true> {
    return this.with({ isRequired: true }) as unknown as TextMap<true>
  }
}

/** Structures by text. */
export class StructureMap<S extends Members> extends Member<ReadonlyMap<string, Shape<S>>, false> {
  override readonly kind = 'structure-map'
  readonly members: S

  constructor(members: S) {
    super()
    this.members = members
  }

  override print(value: ReadonlyMap<string, Shape<S>>): string {
    return `{${value.size} members}`
  }
}

export class Structure<S extends Members, R extends boolean = false> extends Member<Shape<S>, R> {
  override readonly kind = 'structure'
  readonly members: S

  constructor(members: S) {
    super()
    this.members = members
  }

  get required(): Structure<S, true> {
    return this.with({ isRequired: true }) as unknown as Structure<S, true>
  }
}

/**
 * Of an answer that goes on once it has begun: events by name, one after the other, and errors by name, of which one may be the last. Its other members come first, as the
 * event `initial-response`.
 */
export class EventStream<S extends Members, R extends boolean = false> extends Member<EventSource, R> {
  override readonly kind = 'structure'
  readonly members: S

  constructor(members: S) {
    super()
    this.members = members
  }

  get required(): EventStream<S, true> {
    return this.with({ isRequired: true }) as unknown as EventStream<S, true>
  }
}

export type AnyMember = Text<string, boolean> | Blob<boolean> | Integer<boolean> | Timestamp<boolean> | Flag<boolean>
  | List<Member<unknown>, boolean> | TextMap<boolean> | StructureMap<Members> | Structure<Members, boolean>
export type Members = Readonly<Record<string, Member<unknown>>>
export type ValueOf<M> = M extends Member<infer T> ? T : never
type RequiredNames<S> = { [K in keyof S]: S[K] extends { readonly isRequired: true } ? K : never }[keyof S]
/** The decoded value of a set of members. */
export type Shape<S extends Members> =
  { readonly [K in RequiredNames<S>]: ValueOf<S[K]> } & { readonly [K in Exclude<keyof S, RequiredNames<S>>]?: ValueOf<S[K]> | undefined }

export const text = (): Text => new Text()
export const blob = (): Blob => new Blob()
export const integer = (): Integer => new Integer('Integer')
export const long = (): Integer => new Integer('Long')
export const timestamp = (): Timestamp => new Timestamp()
export const flag = (): Flag => new Flag()
export const list = <M extends Member<unknown>>(item: M): List<M> => new List(item)
export const textMap = (): TextMap => new TextMap()
export const structureMap = <S extends Members>(members: S): StructureMap<S> => new StructureMap(members)
export const eventStream = <S extends Members>(members: S): EventStream<S> => new EventStream(members)
export const structure = <S extends Members>(members: S): Structure<S> => new Structure(members)

/** A text that is one of `values`; AWS prints the set in an order of its own, here it is the model's. */
export function oneOf<const V extends readonly string[]>(...values: V): Text<V[number]> {
  return new EnumText<V[number]>(values)
}

class EnumText<T extends string> extends Text<T> {
  constructor(values: readonly T[]) {
    super()
    const rule: Rule<T> = { ok: value => values.includes(value), must: `Member must satisfy enum value set: [${values.join(', ')}]` }
    Object.assign(this, { rules: [rule] })
  }
}

/** A rule across members that does not hold: the type of the error and its text. */
export interface Violation {
  readonly type: string
  readonly message: string
}

export interface Operation<I extends Members = Members, O extends Members = Members> {
  readonly name: string
  readonly input: I
  /** Undefined for an operation whose answer has no body. */
  readonly output: O | undefined
  /** Rules across members come last, after every constraint of a single member holds. */
  readonly check: ((input: Shape<I>) => Violation | undefined) | undefined
}

export type InputOf<T> = T extends { readonly input: infer I extends Members } ? Shape<I> : never
export type OutputOf<T> = T extends { readonly output: infer O } ? (O extends Members ? Shape<O> : null) : never

/** Declares an operation. Members are checked in the order given here. */
export function operation<I extends Members, O extends Members = never>(definition: {
  name: string
  input: I
  output?: O
  check?: (input: Shape<I>) => Violation | undefined
}): Operation<I, O> & { readonly output: [O] extends [never] ? undefined : O } {
  return { name: definition.name, input: definition.input, output: definition.output as never, check: definition.check }
}
