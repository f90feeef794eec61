// Random JSON Schemas (draft 7, or 2020-12 with what came since), schemas that are nearly another one, and values that have a fair chance to fit. From a seeded
// generator. Without oneOf, whose parts the comparison takes to exclude each other, and without default, which it takes to fill in.
import type { Prng } from '../../src/base/prng.ts'

type Json = Record<string, unknown>
const names = ['a', 'b', 'c', 'd']
const patterns = ['^c', '[cd]']
const simple = ['string', 'number', 'integer', 'boolean', 'null']

export interface RandomSchemaOptions {
  /** Draft 2020-12, with its keywords. */
  readonly isModern: boolean
}

const draft07: RandomSchemaOptions = { isModern: false }

/** A document; some have definitions and refer to them, or to themselves. */
export function randomJsonSchema(random: Prng, options: RandomSchemaOptions = draft07): unknown {
  if (!random.chance(0.3)) return schema(random, 3, options)
  const root = schema(random, 3, options)
  if (typeof root !== 'object' || root === null) return root
  const definitions = { x: schema(random, 2, options), y: schema(random, 1, options) }
  const properties = ((root as Json)['properties'] ??= {}) as Json
  properties['a'] = { $ref: random.pick(['#/definitions/x', '#/definitions/y', '#']) }
  if (random.chance(0.3)) properties['b'] = { $ref: '#/definitions/x', ...random.chance(0.5) && { type: random.pick(simple) } }
  return { ...root as Json, definitions }
}

function schema(random: Prng, depth: number, options: RandomSchemaOptions): unknown {
  const inner = (less: number): unknown => schema(random, depth - less, options)
  const kind = depth <= 0 ? 'simple' : random.pick(['simple', 'simple', 'object', 'object', 'object', 'array', 'sum', 'product', 'enum', 'any', 'composed'])
  switch (kind) {
    case 'object': return {
      type: 'object', ...properties(random, depth, options),
      ...random.chance(0.5) && { additionalProperties: random.chance(0.6) ? false : inner(2) },
      ...random.chance(0.2) && { patternProperties: Object.fromEntries(patterns.filter(() => random.chance(0.6)).map(pattern => [pattern, inner(2)])) },
      ...random.chance(0.1) && { maxProperties: 1 + random.below(3) },
      ...random.chance(0.05) && { minProperties: random.below(2) },
      ...random.chance(0.05) && { propertyNames: { maxLength: 1 + random.below(2) } },
      ...random.chance(0.1) && { dependencies: { a: random.chance(0.5) ? ['b'] : inner(2) } },
      ...options.isModern && random.chance(0.1) && { dependentRequired: { b: ['c'] } },
    }
    // Properties of which several parts speak: what is unevaluated depends on all of them.
    case 'composed': {
      const part = (): Json => ({ ...random.chance(0.5) && { type: 'object' }, ...properties(random, depth - 1, options), ...random.chance(0.1) && { additionalProperties: inner(2) } })
      const isStrict = options.isModern && random.chance(0.7)
      return {
        type: 'object', ...properties(random, depth - 1, options), allOf: Array.from({ length: 1 + random.below(2) }, part),
        ...random.chance(0.2) && { anyOf: [part(), part()] },
        ...random.chance(0.2) && { if: part(), ...random.chance(0.7) && { [ifSo]: part() }, ...random.chance(0.5) && { else: part() } },
        // Beside it, ajv forgets what the other parts evaluate.
        ...options.isModern && !isStrict && random.chance(0.2) && { dependentSchemas: { a: part() } },
        ...isStrict && { unevaluatedProperties: random.chance(0.7) ? false : inner(2) },
      }
    }
    case 'array': {
      const tuple = random.chance(0.4) ? Array.from({ length: 1 + random.below(2) }, () => inner(1)) : undefined
      const rest = random.chance(0.5) ? false : inner(2)
      return {
        type: 'array',
        ...tuple === undefined ? random.chance(0.8) && { items: inner(1) } : options.isModern ? { prefixItems: tuple } : { items: tuple },
        ...tuple !== undefined && random.chance(0.4) && { [options.isModern ? 'items' : 'additionalItems']: rest },
        ...options.isModern && random.chance(0.2) && { unevaluatedItems: rest },
        ...options.isModern && random.chance(0.1) && { allOf: [{ prefixItems: [inner(2)] }] },
        // ajv forgets about it beside a tuple, where there are no items.
        ...tuple === undefined && random.chance(0.2) && { contains: inner(2), ...options.isModern && random.chance(0.5) && { [random.pick(['minContains', 'maxContains'])]: random.below(3) } },
        ...random.chance(0.2) && { minItems: random.below(2) },
        ...random.chance(0.2) && { maxItems: 1 + random.below(3) },
        ...random.chance(0.2) && { uniqueItems: true },
      }
    }
    case 'sum': return { anyOf: Array.from({ length: 1 + random.below(3) }, () => inner(1)) }
    case 'product': return { allOf: Array.from({ length: 1 + random.below(2) }, () => inner(1)), ...random.chance(0.3) && { not: inner(2) } }
    case 'enum': return random.chance(0.2) ? { const: random.pick([1, 'a', null]) } : { enum: [1, 'a', null, true].filter(() => random.chance(0.5)).concat('z') }
    case 'any': return random.pick([{}, true, {}, { not: { type: 'null' } }, { type: ['string', 'null'] }, { not: { type: ['null', 'string'] } }])
    default: {
      const type = random.pick(simple)
      if (type === 'string') return { type, ...random.chance(0.3) && { maxLength: random.below(4) }, ...random.chance(0.2) && { minLength: random.below(2) }, ...random.chance(0.1) && { pattern: '^a' } }
      if (type === 'number' || type === 'integer') {
        return {
          type, ...random.chance(0.3) && { [random.pick(['maximum', 'exclusiveMaximum'])]: random.below(6) },
          ...random.chance(0.2) && { [random.pick(['minimum', 'exclusiveMinimum'])]: random.below(3) }, ...random.chance(0.1) && { multipleOf: 1 + random.below(3) },
        }
      }
      return { type }
    }
  }
}

/** Not spelt as a member: what has a member of that name looks like a promise. */
const [, ifSo] = ['if', 'then'] as const

function properties(random: Prng, depth: number, options: RandomSchemaOptions): Json {
  const used = names.filter(() => random.chance(0.4))
  return {
    properties: Object.fromEntries(used.map(name => [name, schema(random, depth - 1, options)])),
    ...random.chance(0.4) && { required: used.filter(() => random.chance(0.5)) },
  }
}

/** A copy with up to two changes. */
export function mutatedJsonSchema(random: Prng, schemaBefore: unknown, options: RandomSchemaOptions = draft07): unknown {
  const holder: Json = { root: structuredClone(schemaBefore) }
  for (let count = random.below(3); count > 0; count--) {
    const places: { parent: Json; key: string }[] = []
    collect(holder, 'root', places)
    mutate(random, random.pick(places), options)
  }
  return holder['root']
}

/** A value that often fits. */
export function randomJsonValue(random: Prng, root: unknown): unknown {
  return value(random, root, root, 6)
}

function value(random: Prng, of: unknown, root: unknown, depth: number): unknown {
  if (typeof of !== 'object' || of === null || depth <= 0 || random.chance(0.05)) return random.pick([0, 1, 2.5, 'a', 'abc', '', null, true, {}, [], { a: 1 }])
  const node = of as Json
  const inner = (part: unknown): unknown => value(random, part, root, depth - 1)
  if (typeof node['$ref'] === 'string') return inner(node['$ref'] === '#' ? root : ((root as Json)['definitions'] as Json)[node['$ref'].slice('#/definitions/'.length)])
  if (Array.isArray(node['enum'])) return random.pick(node['enum'])
  if ('const' in node) return node['const']
  if (node['properties'] === undefined) for (const sum of ['anyOf', 'allOf']) if (Array.isArray(node[sum]) && node['type'] === undefined) return inner(random.pick(node[sum]))
  switch (Array.isArray(node['type']) ? random.pick(node['type']) : node['type']) {
    case 'string': return random.pick(['', 'a', 'ab', 'b', 'abcd'])
    case 'integer': return random.below(8) - 1
    case 'number': return random.below(16) / 2
    case 'boolean': return random.chance(0.5)
    case 'null': return null
    case 'array': {
      const tuple = (node['prefixItems'] ?? (Array.isArray(node['items']) ? node['items'] : [])) as unknown[]
      const rest = Array.isArray(node['items']) ? node['additionalItems'] : node['items'] ?? node['unevaluatedItems']
      const items = Array.from({ length: random.below(4) }, (_, index) => inner(index < tuple.length ? tuple[index] : rest))
      if (node['contains'] !== undefined && random.chance(0.7)) items[random.below(items.length + 1)] = inner(node['contains'])
      return items
    }
    case 'object': {
      const made: Json = {}
      const all = [node, ...(node['allOf'] ?? []) as Json[], ...random.chance(0.5) ? (node['anyOf'] ?? []) as Json[] : [], ...random.chance(0.5) && node['then'] !== undefined ? [node['then'] as Json] : []]
      for (const part of all) {
        const required = (part['required'] ?? []) as string[]
        for (const [name, each] of Object.entries((part['properties'] ?? {}) as Json)) if (required.includes(name) || random.chance(0.4)) made[name] = inner(each)
      }
      if (random.chance(0.4)) {
        const name = random.pick(names)
        const [, matching] = Object.entries((node['patternProperties'] ?? {}) as Json).find(([pattern]) => new RegExp(pattern).test(name)) ?? []
        made[name] = inner(matching ?? node['additionalProperties'] ?? node['unevaluatedProperties'])
      }
      return made
    }
    default: return random.pick([0, 'a', null, { a: 'x' }, ['a'], true, 3])
  }
}

function collect(parent: Json, key: string, places: { parent: Json; key: string }[]): void {
  places.push({ parent, key })
  const node = parent[key] as Json
  if (typeof node !== 'object' || node === null) return
  for (const keyword of ['properties', 'patternProperties', 'definitions', 'dependentSchemas']) for (const name of Object.keys((node[keyword] ?? {}) as Json)) collect(node[keyword] as Json, name, places)
  for (const name of ['additionalProperties', 'items', 'additionalItems', 'unevaluatedProperties', 'unevaluatedItems', 'contains', 'not', 'then', 'else']) {
    if (node[name] !== undefined && !Array.isArray(node[name])) collect(node, name, places)
  }
  for (const name of ['anyOf', 'allOf', 'prefixItems', 'items']) if (Array.isArray(node[name])) node[name].forEach((_, index) => collect(node[name] as Json, String(index), places))
}

function mutate(random: Prng, { parent, key }: { parent: Json; key: string }, options: RandomSchemaOptions): void {
  const node = parent[key] as Json
  const choice = random.below(7)
  if (choice === 0 || typeof node !== 'object' || node === null || Array.isArray(node)) {
    if (!Array.isArray(node) && key !== 'root') parent[key] = schema(random, 1, options)
    return
  }
  if (choice === 1) return void (key !== 'root' && (parent[key] = { anyOf: [node, { type: 'null' }] }))
  const keywords = Object.keys(node).filter(keyword => keyword !== 'type' && keyword !== 'definitions')
  if (choice === 2 && keywords.length > 0) return void delete node[random.pick(keywords)]
  if (choice === 3 && Array.isArray(node['type'])) return void (node['type'] as string[]).push('boolean')
  if (node['type'] === 'object') {
    const own = (node['properties'] ??= {}) as Json
    if (choice === 3) own[random.pick(names)] = schema(random, 1, options)
    else if (choice === 4) delete own[random.pick(names)]
    else if (choice === 5) node['required'] = names.filter(name => name in own && random.chance(0.5))
    // What was said of a property moves to a part, or the other way round.
    else if (Array.isArray(node['allOf'])) Object.assign(own, ((node['allOf'] as Json[])[0] ?? {})['properties'])
    else node[random.pick(options.isModern && node['dependentSchemas'] === undefined ? ['additionalProperties', 'unevaluatedProperties'] : ['additionalProperties'])] = random.pick([false, true, { type: 'string' }])
  } else if (node['type'] === 'string') node['maxLength'] = random.below(6)
  else if (node['type'] === 'number' || node['type'] === 'integer') node[random.pick(['maximum', 'minimum'])] = random.below(6)
  else if (Array.isArray(node['anyOf'])) node['anyOf'].push({ type: random.pick(simple) })
  else if (Array.isArray(node['enum'])) node['enum'] = [...new Set([...node['enum'] as unknown[], random.pick([1, 2, 'q'])])]
  else if (node['type'] === 'array' && options.isModern) node[random.pick(['unevaluatedItems', 'minContains'])] = choice % 2 === 0 ? 0 : 1
  for (const name of ['unevaluatedItems']) if (typeof node[name] === 'number') node[name] = node[name] === 0 ? false : { type: 'string' }
}
