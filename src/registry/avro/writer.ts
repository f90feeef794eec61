// JSON values as Avro binary data, by a schema compiled once. Union values may be plain ("x") or tagged as in Avro's JSON encoding ({"string": "x"});
// fields that are missing take their default, members that are no field are refused rather than lost. Bytes and fixed are text of the characters 0 to 255,
// as Avro has it.
import { type AvroField, type AvroRecord, type AvroType, type AvroUnion, branchName, isNamed } from './schema.ts'
import { Output } from './output.ts'
import { dataDepthMax, emptyItems, isZeroWidth } from './reader.ts'
import { depthOf, isObject, parseExactly, schemaDepthMax, toInteger } from '../exact-json.ts'
import { pointerToken, type SchemaFault } from '../fault.ts'

/** How many branches of unions may be tried for one value: plain values of nested unions can otherwise take exponentially many. */
const branchesTriedMax = 10_000
/** Defaults of nested records can multiply: bounds on what one value may grow to. */
const recordsWrittenMax = 1_000_000
const outputBytesMax = 16 * 1024 * 1024

/** `value` is what JSON.parse makes of `json`. The bytes are the caller's. */
export type AvroWriter = (value: unknown, json: Buffer) => Buffer | SchemaFault

export function compileAvroWriter(type: AvroType): AvroWriter {
  const write = new WriteCompiler().of(type)
  return (value, json) => {
    output.reset()
    if (write(value, output)) return output.copy()
    // A number that JSON.parse cannot hold: once more, with the numbers as they were written.
    if (output.isImprecise && depthOf(json.toString()) <= schemaDepthMax) {
      value = parseExactly(json.toString())
      output.reset()
      if (write(value, output)) return output.copy()
    }
    // Only what does not fit pays for a second go, which finds everything else that is wrong.
    output.reset({ collect: true })
    write(value, output)
    return output.faults()
  }
}

/** Appends the value; false with a reason where it does not fit. */
type Write = (value: unknown, output: Output) => boolean

/** Shared: writing is synchronous, and a buffer per record would be most of the work. */
const output = new Output()

class WriteCompiler {
  readonly #compiled = new Map<AvroType, Write>()

  of(type: AvroType): Write {
    const known = this.#compiled.get(type)
    if (known !== undefined) return known
    const write = this.#compile(type)
    this.#compiled.set(type, write)
    return write
  }

  #compile(type: AvroType): Write {
    switch (type.kind) {
      case 'null': return (value, out) => value === null || out.fail(`must be null, not ${nameOf(value)}`)
      case 'boolean': return (value, out) => {
        if (typeof value !== 'boolean') return out.fail(`must be boolean, not ${nameOf(value)}`)
        out.byte(value ? 1 : 0)
        return true
      }
      case 'int': return (value, out) => {
        const number = JSON.isRawJSON(value) ? Number(value.rawJSON) : value
        if (typeof number !== 'number' || (number | 0) !== number) return out.fail(`must be int (32 bits), not ${nameOf(value)}`)
        out.int(number)
        return true
      }
      case 'long': return writeLong
      case 'float': return (value, out) => {
        const number = floating(value)
        if (number === undefined || (Number.isFinite(number) && !Number.isFinite(Math.fround(number)))) return out.fail(`must be float, not ${nameOf(value)}`)
        out.float(number)
        return true
      }
      case 'double': return (value, out) => {
        const number = floating(value)
        if (number === undefined) return out.fail(`must be double, not ${nameOf(value)}`)
        out.double(number)
        return true
      }
      case 'string': return writeText
      case 'bytes': return (value, out) => {
        if (!isLatin1(value)) return out.fail(`must be bytes (text of the characters 0 to 255), not ${nameOf(value)}`)
        out.int(value.length)
        out.latin1(value)
        return true
      }
      case 'fixed': return (value, out) => {
        if (!isLatin1(value) || value.length !== type.size) {
          return out.fail(`must be fixed ${type.name.full} (text of ${type.size} characters 0 to 255), not ${nameOf(value)}`)
        }
        out.latin1(value)
        return true
      }
      case 'enum': {
        const indexes = new Map(type.symbols.map((symbol, index) => [symbol, index]))
        return (value, out) => {
          const index = typeof value === 'string' ? indexes.get(value) : undefined
          if (index === undefined) return out.fail(`must be one of the symbols of enum ${type.name.full}, not ${nameOf(value)}`)
          out.int(index)
          return true
        }
      }
      case 'array': {
        const item = this.#lazy(type.items)
        let itemsAreEmpty: boolean | undefined
        return (value, out) => {
          if (!Array.isArray(value)) return out.fail(`must be array, not ${nameOf(value)}`)
          let isGood = true
          if (value.length > 0) {
            itemsAreEmpty ??= isZeroWidth(type.items)
            if (itemsAreEmpty) return out.fail(emptyItems)
            out.int(value.length)
            const { depth } = out
            let { mark } = out
            for (let index = 0; index < value.length; index++) {
              if (item(value[index], out)) continue
              isGood = false
              out.depth = depth
              if (!out.goesOn(index, mark)) return false
              mark = out.mark
            }
          }
          out.byte(0)
          return isGood
        }
      }
      case 'map': {
        const write = this.#lazy(type.values)
        return (value, out) => {
          if (!isObject(value)) return out.fail(`must be map, not ${nameOf(value)}`)
          const names = Object.keys(value)
          let isGood = true
          if (names.length > 0) {
            out.int(names.length)
            const { depth } = out
            let { mark } = out
            for (const name of names) {
              if (writeText(name, out) && write(value[name], out)) continue
              isGood = false
              out.depth = depth
              if (!out.goesOn(name, mark)) return false
              mark = out.mark
            }
          }
          out.byte(0)
          return isGood
        }
      }
      case 'record': return this.#record(type)
      case 'union': return this.#union(type)
    }
  }

  #lazy(type: AvroType): Write {
    let write: Write | undefined
    return (value, out) => (write ??= this.of(type))(value, out)
  }

  #record(type: AvroRecord): Write {
    let fields: { readonly field: AvroField; readonly name: string; readonly isInherited: boolean; readonly write: Write }[] | undefined
    return (value, out) => {
      // What every object has of Object.prototype is a member only where it is the object's own.
      fields ??= type.fields.map(field => ({ field, name: field.name, isInherited: field.name in Object.prototype, write: this.of(field.type) }))
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return out.fail(`must be record ${type.name.full}, not ${nameOf(value)}`)
      if (++out.depth > dataDepthMax) return out.fail(`is nested more than ${dataDepthMax} records deep`)
      if (++out.records > recordsWrittenMax || out.at > outputBytesMax) {
        return out.fail(`grows to more than ${recordsWrittenMax} records or ${outputBytesMax} bytes`)
      }
      const members = value as Record<string, unknown>
      const { depth } = out
      let { mark } = out
      let isGood = true
      let present = 0
      for (const { field, name, isInherited, write } of fields) {
        const member = isInherited && !Object.hasOwn(members, name) ? undefined : members[name]
        if (member !== undefined) {
          present++
          if (write(member, out)) continue
        } else if (field.default === undefined) out.fail(`is missing, and field '${name}' of record ${type.name.full} has no default`)
        else if (write(field.default.value, out)) continue
        isGood = false
        out.depth = depth
        if (!out.goesOn(name, mark)) return false
        mark = out.mark
      }
      let count = 0
      for (const _name in members) count++
      if (count !== present) {
        const known = new Set(type.fields.map(field => field.name))
        for (const name of Object.keys(members)) {
          if (known.has(name)) continue
          isGood = false
          out.fail(`is not a field of record ${type.name.full}`)
          if (!out.goesOn(name, mark)) return false
          mark = out.mark
        }
      }
      out.depth--
      return isGood
    }
  }

  #union(type: AvroUnion): Write {
    const branches = type.branches.map((branch, index) => ({ branch, index, write: this.#lazy(branch) }))
    // The short name too: clients leave the namespace out. Where two branches share it, the full name of either still wins.
    const tags = new Map(branches.flatMap(each => (isNamed(each.branch) ? [[each.branch.name.short, each] as const] : [])))
    for (const each of branches) tags.set(branchName(each.branch), each)
    const list = type.branches.map(branchName).join(', ')
    const write: Write = (value, out) => {
      const { at, depth } = out
      const attempt = ({ index, write }: (typeof branches)[number], inner: unknown): boolean => {
        if (++out.tried > branchesTriedMax) return out.fail(`takes more than ${branchesTriedMax} tries to find the branches of its unions`)
        out.at = at
        out.depth = depth
        out.int(index)
        return write(inner, out)
      }
      const tag = tagOf(value)
      const tagged = tag === undefined ? undefined : tags.get(tag)
      const candidates = branches.filter(({ branch }) => mayBe(branch, value))
      if (out.isCollecting && (tagged !== undefined || candidates.length !== 1)) {
        // What a branch has against the value is no fault where another one takes it.
        out.isCollecting = false
        const isGood = write(value, out)
        out.isCollecting = true
        return isGood
      }
      if (tagged !== undefined && attempt(tagged, (value as Record<string, unknown>)[tag!])) return true
      const taggedFault = tagged === undefined ? undefined : { pointer: pointerToken(tag!) + out.pointer, reason: out.reason }
      for (const candidate of candidates) if (attempt(candidate, value)) return true
      if (taggedFault !== undefined) {
        out.pointer = taggedFault.pointer
        out.reason = taggedFault.reason
        return false
      }
      // With one branch in question its own fault says more than the union's.
      return candidates.length === 1 ? false : out.fail(`fits no branch of the union [${list}]: ${nameOf(value)}`)
    }
    return write
  }
}

function writeLong(value: unknown, out: Output): boolean {
  if (typeof value === 'number' && (value | 0) === value) {
    out.int(value)
    return true
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    out.isImprecise ||= Number.isInteger(value)
    return out.fail(`must be long (64 bits), not ${nameOf(value)}`)
  }
  const whole = toInteger(value)
  if (whole === undefined || whole < -(2n ** 63n) || whole >= 2n ** 63n) return out.fail(`must be long (64 bits), not ${nameOf(value)}`)
  out.long(whole)
  return true
}

function writeText(value: unknown, out: Output): boolean {
  if (typeof value !== 'string') return out.fail(`must be string, not ${nameOf(value)}`)
  return out.text(value) || out.fail('must be well-formed Unicode, and has half of a surrogate pair')
}

/** What a plain value may be, by its JSON type alone. */
function mayBe(branch: AvroType, value: unknown): boolean {
  switch (branch.kind) {
    case 'null': return value === null
    case 'boolean': return typeof value === 'boolean'
    case 'int': case 'long': return typeof value === 'number' ? Number.isInteger(value) : JSON.isRawJSON(value)
    case 'float': case 'double': return floating(value) !== undefined
    case 'string': case 'bytes': case 'fixed': case 'enum': return typeof value === 'string'
    case 'array': return Array.isArray(value)
    case 'map': case 'record': return isObject(value)
    case 'union': return false
  }
}

/** The one member name of an object that may be a tag. */
function tagOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined
  const names = Object.keys(value)
  return names.length === 1 ? names[0] : undefined
}

/** Avro's JSON encoding writes what JSON has no number for as text. */
function floating(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value)
  return JSON.isRawJSON(value) ? Number(value.rawJSON) : undefined
}

function isLatin1(value: unknown): value is string {
  return typeof value === 'string' && !/[^\u0000-\u00ff]/.test(value)
}

/** What a value is, in a message; its contents only where they are short. */
function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (JSON.isRawJSON(value)) return value.rawJSON.slice(0, 40)
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string') return value.length <= 40 ? JSON.stringify(value) : `a text of ${value.length} characters`
  return String(value)
}
