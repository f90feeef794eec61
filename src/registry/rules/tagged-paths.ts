// metadata.tags: which tags the fields of a schema have by their full names. What cannot be told within the bounds has every tag: a field shown by mistake
// cannot be taken back.
import { Lru } from '../../base/lru.ts'
import type { Metadata } from '../schema.ts'
import { compileWildcard, type Wildcard } from './wildcard.ts'

const patternsMax = 1_000
const nameCharactersMax = 1_024
const namesKeptMax = 10_000
/** Tokens held against characters, over all names of one payload: some tens of milliseconds. */
const stepsMax = 10_000_000

export class TaggedPaths {
  /** Every tag that some path has. */
  readonly all: readonly string[]
  readonly #patterns: readonly { readonly wildcard: Wildcard; readonly tags: readonly string[] }[] | undefined
  readonly #known = new Lru<string, readonly string[]>(namesKeptMax)
  #stepsLeft = stepsMax

  constructor(tags: Metadata['tags'] = {}) {
    const entries = Object.entries(tags).filter(([, names]) => names.length > 0)
    this.all = [...new Set(entries.flatMap(([, names]) => names))]
    this.#patterns = entries.length > patternsMax ? undefined : entries.map(([path, names]) => ({ wildcard: compileWildcard(path), tags: names }))
  }

  /** Begins a payload. */
  restart(): void {
    this.#stepsLeft = stepsMax
  }

  /** `fullName`: `<record>.<field>` in Avro and Protobuf, `$.a.b` in JSON Schema. */
  of(fullName: string): readonly string[] {
    if (this.all.length === 0) return none
    if (this.#patterns === undefined || fullName.length > nameCharactersMax) return this.all
    const known = this.#known.get(fullName)
    if (known !== undefined) return known
    const found = new Set<string>()
    for (const { wildcard, tags } of this.#patterns) {
      this.#stepsLeft -= wildcard.cost * (fullName.length + 1)
      if (this.#stepsLeft < 0) return this.all
      if (wildcard.matches(fullName)) tags.forEach(tag => found.add(tag))
    }
    const tags = found.size === 0 ? none : [...found]
    this.#known.set(fullName, tags)
    return tags
  }
}

const none: readonly string[] = []
