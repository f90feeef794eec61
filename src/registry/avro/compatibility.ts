// Whether data written with one Avro schema can be read with another, by the rules of Apache Avro's SchemaCompatibility (1.12) over the resolved trees:
// every difference, each with the JSON pointer of its place in the reader, in Confluent's words. `%s` stands for the side (new or old) of the reader
// first and the writer second; compatibility.ts fills it in.
import { type AvroNamed, type AvroRecord, type AvroType, type AvroUnion, type Primitive } from './schema.ts'
import { avroText } from './text.ts'

/** A comparison that needs more steps than this is given up: no honest pair of schemas comes near it. */
export const comparisonStepsMax = 200_000
/** Named types can chain deeper than their text nests; the stack is not endless. */
const comparisonDepthMax = 500
const differencesMax = 1_000
const shownCharactersMax = 10 * 1024

export type AvroDifference =
  | 'FIXED_SIZE_MISMATCH' | 'TYPE_MISMATCH' | 'NAME_MISMATCH' | 'MISSING_ENUM_SYMBOLS' | 'MISSING_UNION_BRANCH' | 'READER_FIELD_MISSING_DEFAULT_VALUE'

/** The differences that make `reader` unable to read what `writer` wrote; empty where there are none. */
export function avroDifferences(reader: AvroType, writer: AvroType): readonly string[] {
  const comparison = new Comparison()
  try {
    comparison.compare(reader, writer, undefined)
  } catch (error) {
    // Java's checker gives up here, whatever else it has found: this is then all that Confluent says.
    if (error instanceof Ambiguous) return [`Unexpected exception during compatibility check: ${error.message}`]
    throw error
  }
  return comparison.differences
}

/** A field of the reader stands for several of the writer, by its name and its aliases. */
class Ambiguous extends Error {}

/** Which writer types a reader of another type takes: specification, "Schema Resolution". */
const promotions: { readonly [reader in AvroType['kind']]?: readonly Primitive[] } = {
  long: ['int'], float: ['int', 'long'], double: ['int', 'long', 'float'], string: ['bytes'], bytes: ['string'],
}

/** From the place up to the root: most paths are never printed. */
type Path = { readonly up: Path; readonly token: string | number } | undefined

class Comparison {
  readonly differences: string[] = []
  #quiet = 0
  #steps = 0
  #depth = 0
  // Verdicts by pair. A pair under way counts as compatible; should it fail in the end, what was found compatible since may have leant on it and is forgotten.
  readonly #verdicts = new Map<AvroType, Map<AvroType, boolean>>()
  readonly #compatible: (readonly [AvroType, AvroType])[] = []

  compare(reader: AvroType, writer: AvroType, path: Path): boolean {
    if (++this.#steps > comparisonStepsMax || this.#depth > comparisonDepthMax) return this.#tooComplex(path)
    const known = this.#verdicts.get(reader)?.get(writer)
    // A failed pair is gone through again only to say where else it stands in the way.
    if (known === true || (known === false && !this.#isListening)) return known
    const mark = this.#compatible.length
    this.#remember(reader, writer, true)
    this.#depth++
    const verdict = this.#judge(reader, writer, path)
    this.#depth--
    if (!verdict) {
      for (const [r, w] of this.#compatible.splice(mark)) this.#verdicts.get(r)!.delete(w)
      this.#verdicts.get(reader)!.set(writer, false)
    }
    return verdict
  }

  get #isListening(): boolean {
    return this.#quiet === 0 && this.differences.length < differencesMax
  }

  #judge(reader: AvroType, writer: AvroType, path: Path): boolean {
    if (reader.kind === 'union' && writer.kind === 'union') {
      return all(writer.branches, (branch, index) => this.#tryAny(reader, branch) || this.#missingBranch(branch, under(path, index)))
    }
    if (writer.kind === 'union') return all(writer.branches, (branch, index) => this.compare(reader, branch, under(path, index)))
    if (reader.kind === 'union') return this.#tryAny(reader, writer) || this.#missingBranch(writer, path)
    if (reader.kind !== writer.kind) return promotions[reader.kind]?.includes(writer.kind as Primitive) || this.#typeMismatch(reader, writer, path)
    switch (reader.kind) {
      case 'array': return this.compare(reader.items, (writer as typeof reader).items, under(path, 'items'))
      case 'map': return this.compare(reader.values, (writer as typeof reader).values, under(path, 'values'))
      case 'fixed': return both(
        this.#sameName(reader, writer as AvroNamed, path), this.#sameSize(reader.size, (writer as typeof reader).size, under(path, 'size')),
      )
      case 'enum': return both(this.#sameName(reader, writer as AvroNamed, path), this.#hasSymbols(reader, writer as typeof reader, under(path, 'symbols')))
      case 'record': return both(this.#sameName(reader, writer as AvroNamed, path), this.#hasFields(reader, writer as AvroRecord, path))
      default: return true
    }
  }

  /** Whether some branch can read the writer; what the others would say is not reported. */
  #tryAny(reader: AvroUnion, writer: AvroType): boolean {
    this.#quiet++
    try {
      return reader.branches.some(branch => this.compare(branch, writer, undefined))
    } finally {
      this.#quiet--
    }
  }

  #hasFields(reader: AvroRecord, writer: AvroRecord, path: Path): boolean {
    const written = new Map(writer.fields.map(field => [field.name, field]))
    return all(reader.fields, (field, position) => {
      const at = under(under(path, 'fields'), position)
      const found = [field.name, ...field.aliases].flatMap(name => written.get(name) ?? [])
      if (found.length > 1) {
        const text = avroText(writer, { normalize: false, known: new Set() }).slice(0, shownCharactersMax)
        throw new Ambiguous(`Reader record field ${field.name} type:${field.type.kind.toUpperCase()} pos:${position} matches multiple fields in writer record schema ${text}`)
      }
      if (found[0] !== undefined) return this.compare(field.type, found[0].type, under(at, 'type'))
      if (field.default !== undefined) return true
      return this.#report(
        'READER_FIELD_MISSING_DEFAULT_VALUE',
        `The field '${field.name}' at path '${pointer(at)}' in the %s schema has no default value and is missing in the %s schema`, field.name,
      )
    })
  }

  #sameName(reader: AvroNamed, writer: AvroNamed, path: Path): boolean {
    if (reader.name.short === writer.name.short || reader.aliases.some(alias => alias.full === writer.name.full)) return true
    const at = under(path, 'name')
    return this.#report('NAME_MISMATCH', `The name of the schema has changed (path '${pointer(at)}')`, `expected: ${writer.name.full}`)
  }

  #sameSize(reader: number, writer: number, path: Path): boolean {
    return reader === writer || this.#report(
      'FIXED_SIZE_MISMATCH', `The size of FIXED type field at path '${pointer(path)}' in the %s schema does not match with the %s schema`,
      `expected: ${writer}, found: ${reader}`,
    )
  }

  #hasSymbols(reader: { symbols: readonly string[]; default: string | undefined }, writer: { symbols: readonly string[] }, path: Path): boolean {
    if (reader.default !== undefined) return true
    const known = new Set(reader.symbols)
    const missing = writer.symbols.filter(symbol => !known.has(symbol)).toSorted()
    if (missing.length === 0) return true
    const list = `[${missing.join(', ')}]`
    return this.#report('MISSING_ENUM_SYMBOLS', `The %s schema is missing enum symbols '${list}' at path '${pointer(path)}' in the %s schema`, list)
  }

  #missingBranch(writer: AvroType, path: Path): boolean {
    return this.#report(
      'MISSING_UNION_BRANCH', `The %s schema is missing a type inside a union field at path '${pointer(path)}' in the %s schema`,
      `reader union lacking writer type: ${writer.kind.toUpperCase()}`,
    )
  }

  #typeMismatch(reader: AvroType, writer: AvroType, path: Path): boolean {
    return this.#report(
      'TYPE_MISMATCH', `The type (path '${pointer(path)}') of a field in the %s schema does not match with the %s schema`,
      `reader type: ${reader.kind.toUpperCase()} not compatible with writer type: ${writer.kind.toUpperCase()}`,
    )
  }

  #tooComplex(path: Path): boolean {
    const bounds = `more than ${comparisonStepsMax} steps or ${comparisonDepthMax} levels`
    return this.#report('TYPE_MISMATCH', `The %s schema cannot be compared with the %s schema at path '${pointer(path)}'`, bounds)
  }

  /** Always false, so that a check can end with it. */
  #report(errorType: AvroDifference, description: string, additionalInfo: string): false {
    if (this.#isListening) {
      const text = `{errorType:'${errorType}', description:'${description}', additionalInfo:'${additionalInfo}'}`
      if (this.differences.at(-1) !== text) this.differences.push(text)
    }
    return false
  }

  #remember(reader: AvroType, writer: AvroType, verdict: boolean): void {
    let row = this.#verdicts.get(reader)
    if (row === undefined) this.#verdicts.set(reader, row = new Map())
    row.set(writer, verdict)
    this.#compatible.push([reader, writer])
  }
}

/** `every`, but each item is looked at, so that every difference is reported. */
function all<T>(items: readonly T[], check: (item: T, index: number) => boolean): boolean {
  let verdict = true
  items.forEach((item, index) => { verdict = check(item, index) && verdict })
  return verdict
}

function both(a: boolean, b: boolean): boolean {
  return a && b
}

function under(up: Path, token: string | number): Path {
  return { up, token }
}

function pointer(path: Path): string {
  const tokens: (string | number)[] = []
  for (let at = path; at !== undefined; at = at.up) tokens.unshift(at.token)
  return `/${tokens.join('/')}`
}
