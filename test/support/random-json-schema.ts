// Random JSON Schemas (draft 7), schemas that are nearly another one, and values that have a fair chance to fit. From a seeded generator. Without oneOf, whose
// parts the comparison takes to exclude each other, and without default, which it takes to fill in.
import type { Prng } from '../../src/base/prng.ts'

type Json = Record<string, unknown>
const names = ['a', 'b', 'c', 'd']
const patterns = ['^c', '[cd]']
const simple = ['string', 'number', 'integer', 'boolean', 'null']

export function randomJsonSchema(random: Prng, depth = 3): unknown {
  const kind = depth <= 0 ? 'simple' : random.pick(['simple', 'simple', 'object', 'object', 'object', 'array', 'sum', 'product', 'enum', 'any'])
  switch (kind) {
    case 'object': {
      const used = names.filter(() => random.chance(0.4))
      return {
        type: 'object',
        properties: Object.fromEntries(used.map(name => [name, randomJsonSchema(random, depth - 1)])),
        ...random.chance(0.4) && { required: used.filter(() => random.chance(0.5)) },
        ...random.chance(0.5) && { additionalProperties: random.chance(0.6) ? false : randomJsonSchema(random, depth - 2) },
        ...random.chance(0.2) && { patternProperties: Object.fromEntries(patterns.filter(() => random.chance(0.6)).map(pattern => [pattern, randomJsonSchema(random, depth - 2)])) },
        ...random.chance(0.1) && { maxProperties: 1 + random.below(3) },
        ...random.chance(0.1) && { dependencies: { a: random.chance(0.5) ? ['b'] : randomJsonSchema(random, depth - 2) } },
      }
    }
    case 'array': return {
      type: 'array',
      items: random.chance(0.3) ? [randomJsonSchema(random, depth - 1), randomJsonSchema(random, depth - 1)] : randomJsonSchema(random, depth - 1),
      ...random.chance(0.2) && { additionalItems: random.chance(0.5) ? false : randomJsonSchema(random, depth - 2) },
      ...random.chance(0.2) && { minItems: random.below(2) },
      ...random.chance(0.2) && { maxItems: 1 + random.below(3) },
      ...random.chance(0.2) && { uniqueItems: true },
    }
    case 'sum': return { anyOf: Array.from({ length: 1 + random.below(3) }, () => randomJsonSchema(random, depth - 1)) }
    case 'product': return { allOf: Array.from({ length: 1 + random.below(2) }, () => randomJsonSchema(random, depth - 1)) }
    case 'enum': return { enum: [1, 'a', null, true].filter(() => random.chance(0.5)).concat('z') }
    case 'any': return random.pick([{}, true, {}, { not: { type: 'null' } }, { type: ['string', 'null'] }])
    default: {
      const type = random.pick(simple)
      if (type === 'string') return { type, ...random.chance(0.3) && { maxLength: random.below(4) }, ...random.chance(0.2) && { minLength: random.below(2) }, ...random.chance(0.1) && { pattern: '^a' } }
      if (type === 'number' || type === 'integer') return { type, ...random.chance(0.3) && { maximum: random.below(6) }, ...random.chance(0.2) && { minimum: random.below(3) }, ...random.chance(0.1) && { multipleOf: 1 + random.below(3) } }
      return { type }
    }
  }
}

/** A copy with up to two changes. */
export function mutatedJsonSchema(random: Prng, schema: unknown): unknown {
  const holder: Json = { root: structuredClone(schema) }
  for (let count = random.below(3); count > 0; count--) {
    const places: { parent: Json; key: string }[] = []
    collect(holder, 'root', places)
    mutate(random, random.pick(places))
  }
  return holder['root']
}

/** A value that often fits. */
export function randomJsonValue(random: Prng, schema: unknown, depth = 5): unknown {
  if (typeof schema !== 'object' || schema === null || depth <= 0 || random.chance(0.05)) return random.pick([0, 1, 2.5, 'a', 'abc', '', null, true, {}, [], { a: 1 }])
  const node = schema as Json
  if (Array.isArray(node['enum'])) return random.pick(node['enum'])
  for (const sum of ['anyOf', 'allOf']) if (Array.isArray(node[sum])) return randomJsonValue(random, random.pick(node[sum]), depth - 1)
  switch (Array.isArray(node['type']) ? random.pick(node['type']) : node['type']) {
    case 'string': return random.pick(['', 'a', 'ab', 'b', 'abcd'])
    case 'integer': return random.below(8) - 1
    case 'number': return random.below(16) / 2
    case 'boolean': return random.chance(0.5)
    case 'null': return null
    case 'array': {
      const items = node['items']
      return Array.from({ length: random.below(4) }, (_, index) => randomJsonValue(random, Array.isArray(items) ? items[index] : items, depth - 1))
    }
    case 'object': {
      const properties = (node['properties'] ?? {}) as Json
      const required = (node['required'] ?? []) as string[]
      const value: Json = {}
      for (const [name, each] of Object.entries(properties)) if (required.includes(name) || random.chance(0.5)) value[name] = randomJsonValue(random, each, depth - 1)
      if (random.chance(0.4)) {
        const name = random.pick(names)
        const [, matching] = Object.entries((node['patternProperties'] ?? {}) as Json).find(([pattern]) => new RegExp(pattern).test(name)) ?? []
        value[name] = randomJsonValue(random, matching ?? node['additionalProperties'], depth - 1)
      }
      return value
    }
    default: return random.pick([0, 'a', null, { a: 'x' }, ['a'], true, 3])
  }
}

function collect(parent: Json, key: string, places: { parent: Json; key: string }[]): void {
  places.push({ parent, key })
  const node = parent[key] as Json
  if (typeof node !== 'object' || node === null) return
  for (const keyword of ['properties', 'patternProperties']) for (const name of Object.keys((node[keyword] ?? {}) as Json)) collect(node[keyword] as Json, name, places)
  for (const name of ['additionalProperties', 'items', 'additionalItems']) if (node[name] !== undefined) collect(node, name, places)
  for (const name of ['anyOf', 'allOf']) if (Array.isArray(node[name])) node[name].forEach((_, index) => collect(node[name] as Json, String(index), places))
}

function mutate(random: Prng, { parent, key }: { parent: Json; key: string }): void {
  const node = parent[key] as Json
  const choice = random.below(6)
  if (choice === 0 || typeof node !== 'object' || node === null || Array.isArray(node)) return void (parent[key] = Array.isArray(node) ? node : randomJsonSchema(random, 1))
  if (choice === 1) return void (parent[key] = { anyOf: [node, { type: 'null' }] })
  const keywords = Object.keys(node).filter(keyword => keyword !== 'type')
  if (choice === 2 && keywords.length > 0) return void delete node[random.pick(keywords)]
  if (node['type'] === 'object') {
    const properties = (node['properties'] ??= {}) as Json
    if (choice === 3) properties[random.pick(names)] = randomJsonSchema(random, 1)
    else if (choice === 4) delete properties[random.pick(names)]
    else node['required'] = names.filter(name => name in properties && random.chance(0.5))
  } else if (node['type'] === 'string') node['maxLength'] = random.below(6)
  else if (node['type'] === 'number' || node['type'] === 'integer') node[random.pick(['maximum', 'minimum'])] = random.below(6)
  else if (Array.isArray(node['anyOf'])) node['anyOf'].push({ type: random.pick(simple) })
  else if (Array.isArray(node['enum'])) node['enum'] = [...new Set([...node['enum'] as unknown[], random.pick([1, 2, 'q'])])]
}
