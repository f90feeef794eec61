// Random Avro schemas, schemas that are nearly another one, and JSON values of a schema. From a seeded generator, so that a failure can be replayed.
import type { Prng } from '../../src/base/prng.ts'

type Json = Record<string, unknown>
const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']

/** A schema of moderate size. Names are unique within it. */
export function randomAvro(random: Prng): unknown {
  let names = 0
  const type = (depth: number, inUnion = false): unknown => {
    const kind = depth <= 0 ? 'primitive' : random.pick(['primitive', 'primitive', 'record', 'record', 'array', 'map', 'enum', 'fixed', inUnion ? 'primitive' : 'union'])
    switch (kind) {
      case 'record': {
        const name = `N${names++}`
        const fields = Array.from({ length: random.below(4) }, (_, index) => field(`f${index}`, type(depth - 1)))
        if (random.chance(0.2)) fields.push({ name: 'self', type: ['null', name], default: null })
        return { type: 'record', name, ...random.chance(0.3) && { namespace: random.pick(['a', 'b.c']) }, fields }
      }
      case 'array': return { type: 'array', items: type(depth - 1) }
      case 'map': return { type: 'map', values: type(depth - 1) }
      case 'enum': return { type: 'enum', name: `N${names++}`, symbols: ['A', 'B', 'C', 'D'].slice(0, 1 + random.below(4)), ...random.chance(0.2) && { default: 'A' } }
      case 'fixed': return { type: 'fixed', name: `N${names++}`, size: 1 + random.below(4) }
      case 'union': {
        const branches = [...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(primitives)))] as unknown[]
        if (random.chance(0.5)) branches.push(type(depth - 1, true))
        const seen = new Set<string>()
        return branches.filter(branch => {
          const name = typeof branch === 'string' ? branch : String((branch as Json)['name'] ?? (branch as Json)['type'])
          return !seen.has(name) && seen.add(name)
        })
      }
      default: return random.pick(primitives)
    }
  }
  const field = (name: string, of: unknown): Json => {
    const value = random.chance(0.4) ? defaultOf(of) : undefined
    return { name, type: of, ...value !== undefined && { default: value } }
  }
  return type(3)
}

/** A copy with up to three small changes, as a next version might have them. */
export function mutatedAvro(random: Prng, schema: unknown): unknown {
  const copy = structuredClone(schema)
  const holder = { root: copy }
  for (let count = random.below(4); count > 0; count--) {
    const places: { parent: Json | unknown[]; key: string | number }[] = []
    collect(holder, 'root', places)
    mutate(random, random.pick(places))
  }
  return holder.root
}

function collect(parent: Json | unknown[], key: string | number, places: { parent: Json | unknown[]; key: string | number }[]): void {
  const value = (parent as Json)[key]
  places.push({ parent, key })
  if (Array.isArray(value)) value.forEach((_, index) => collect(value, index, places))
  else if (typeof value === 'object' && value !== null) {
    const node = value as Json
    for (const name of ['items', 'values']) if (name in node) collect(node, name, places)
    for (const field of (node['fields'] ?? []) as Json[]) collect(field, 'type', places)
  }
}

function mutate(random: Prng, { parent, key }: { parent: Json | unknown[]; key: string | number }): void {
  const value = (parent as Json)[key]
  // A default that no longer fits its type would make the schema invalid.
  const replace = (next: unknown): void => {
    ;(parent as Json)[key] = next
    if (!Array.isArray(parent)) delete parent['default']
  }
  if (typeof value === 'string') return value.startsWith('N') ? undefined : replace(random.pick(primitives))
  if (Array.isArray(value)) {
    if (!Array.isArray(parent)) delete parent['default']
    if (random.chance(0.5) && value.length > 1) value.splice(random.below(value.length), 1)
    else for (const extra of [random.pick(primitives)]) if (!value.includes(extra)) value.push(extra)
    return
  }
  const node = value as Json
  if (!Array.isArray(parent)) delete parent['default']
  switch (node['type']) {
    case 'record': {
      const fields = node['fields'] as Json[]
      const choice = random.below(5)
      if (choice === 0 && fields.length > 0) fields.splice(random.below(fields.length), 1)
      else if (choice === 1) fields.push({ name: `n${fields.length}${random.below(100)}`, type: 'int', ...random.chance(0.6) && { default: 0 } })
      else if (choice === 2) node['namespace'] = random.pick(['a', 'x.y'])
      else if (choice === 3 && fields.length > 0) {
        const field = random.pick(fields)
        if (!('aliases' in field)) Object.assign(field, { aliases: [field['name']], name: `${String(field['name'])}x` })
      } else if (fields.length > 0) delete random.pick(fields)['default']
      return
    }
    case 'enum': return void (node['symbols'] = random.chance(0.5) ? [...node['symbols'] as string[], 'E'] : (node['symbols'] as string[]).slice(0, 1))
    case 'fixed': return void (node['size'] = 1 + random.below(4))
    default:
  }
}

function defaultOf(type: unknown): unknown {
  if (Array.isArray(type)) return defaultOf(type[0])
  switch (typeof type === 'object' ? (type as Json)['type'] : type) {
    case 'null': return null
    case 'boolean': return true
    case 'int': case 'long': return 7
    case 'float': case 'double': return 1.5
    case 'bytes': case 'string': return 'd'
    case 'array': return []
    case 'map': return {}
    case 'enum': return 'A'
    default: return undefined
  }
}
