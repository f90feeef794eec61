// The schemas of an OpenAPI document in YAML, as one JSON Schema with `components`. Reads the plain part of YAML that generators write: maps and lists by indentation,
// scalars on one line; texts that go over several lines are only descriptions, which are left out.

type Yaml = { [name: string]: Yaml } | Yaml[] | string | number | boolean

export function openApiComponents(yaml: string): { components: { schemas: Record<string, Record<string, unknown>> } } {
  const start = yaml.indexOf('\ncomponents:\n')
  if (start < 0) throw new Error('the document has no components')
  const lines = yaml.slice(start + 1).split('\n').filter(line => line.trim() !== '').map(line => ({ indent: line.search(/\S/), text: line.trim() }))
  const parsed = new Lines(lines).block(0) as { components: { schemas: Record<string, Record<string, unknown>> } }
  return { components: parsed.components }
}

class Lines {
  readonly #lines: readonly { indent: number; text: string }[]
  #at = 0

  constructor(lines: readonly { indent: number; text: string }[]) {
    this.#lines = lines
  }

  /** The map or list at this indentation. */
  block(indent: number): Yaml {
    if (this.#lines[this.#at]?.text.startsWith('- ')) return this.#list(indent)
    const map: { [name: string]: Yaml } = {}
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent === indent && !line.text.startsWith('- '); line = this.#lines[this.#at]) {
      const [, name, value] = /^"?([^":]+)"?:(.*)$/.exec(line.text)!
      this.#at++
      const next = this.#lines[this.#at]
      if (value!.trim() !== '') {
        map[name!] = scalar(value!.trim())
        this.#skipDeeper(indent)
      } else if (next !== undefined && (next.indent > indent || (next.indent === indent && next.text.startsWith('- ')))) map[name!] = this.block(next.indent)
    }
    return map
  }

  #list(indent: number): Yaml[] {
    const items: Yaml[] = []
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent === indent && line.text.startsWith('- '); line = this.#lines[this.#at]) {
      const text = line.text.slice(2)
      if (/^"?[\w$]+"?:/.test(text)) {
        // A map that begins behind the dash: its members stand two further in.
        ;(this.#lines as { indent: number; text: string }[])[this.#at] = { indent: indent + 2, text }
        items.push(this.block(indent + 2))
      } else {
        this.#at++
        items.push(scalar(text))
      }
    }
    return items
  }

  /** What follows a scalar further in is the rest of a text. */
  #skipDeeper(indent: number): void {
    while ((this.#lines[this.#at]?.indent ?? -1) > indent) this.#at++
  }
}

function scalar(text: string): Yaml {
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === '[]') return []
  return /^-?\d+$/.test(text) ? Number(text) : text.replace(/^"(.*)"$/, '$1')
}
