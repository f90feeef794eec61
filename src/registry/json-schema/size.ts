// How much work a JSON Schema is, told before anything compiles it: its nodes, and what its patterns come to.
import { InvalidSchema } from '../errors.ts'
import { isObject } from '../exact-json.ts'

/** ajv takes about a tenth of a millisecond for each. */
const schemaNodesMax = 20_000
/** Characters of patterns, each pattern's times the largest count it repeats by: what the patterns of one schema compile to. */
const patternCostMax = 250_000

/** How many nodes the schema has, values included. Throws InvalidSchema where it is larger than one that anybody means. */
export function sizeOf(root: unknown): number {
  let nodes = 0
  let patternCost = 0
  const pattern = (text: string): void => {
    patternCost += costOfPattern(text)
    if (patternCost > patternCostMax) throw new InvalidSchema(`the patterns of the schema take more than ${patternCostMax} steps together`)
  }
  const visit = (value: unknown): void => {
    if (++nodes > schemaNodesMax) throw new InvalidSchema(`the schema has more than ${schemaNodesMax} nodes`)
    if (typeof value !== 'object' || value === null) return
    if (isObject(value)) {
      if (typeof value['pattern'] === 'string') pattern(value['pattern'])
      if (isObject(value['patternProperties'])) Object.keys(value['patternProperties']).forEach(pattern)
    }
    Object.values(value).forEach(visit)
  }
  visit(root)
  return nodes
}

/** Characters of a pattern times the largest count it repeats by: what it compiles to, and what each character of a text is held against at worst. */
export function costOfPattern(pattern: string): number {
  return pattern.length * Math.max(1, ...[...pattern.matchAll(/\{(?:\d+,)?(\d+)\}/g)].map(([, times]) => Number(times)))
}
