// What happened in a run, as one number: two runs that agree here did the same. The last lines are kept, for people.
import { crc32c } from '@node-rs/crc32'

const linesKept = 400

export class Trace {
  readonly #now: () => number
  readonly #lines: string[] = []
  #hash = 0
  #count = 0
  /** Sees each line, for whoever replays a seed. */
  onLine: ((line: string) => void) | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  get hash(): number { return this.#hash }
  get count(): number { return this.#count }
  get last(): readonly string[] { return this.#lines.slice(-linesKept) }

  add(what: string): void {
    const line = `${this.#now().toFixed(3)} ${what}`
    this.#count++
    this.#hash = crc32c(line, this.#hash)
    this.#lines.push(line)
    if (this.#lines.length > 2 * linesKept) this.#lines.splice(0, linesKept)
    this.onLine?.(line)
  }
}
