// Tags that stand in a schema's text, on its records and fields: which there are, and texts with other ones. Parts are named by Confluent's entity paths: in Avro
// the record's full name and then the field; in JSON Schema the way through `object`, `array` and the combinations; of Protobuf: protobuf/tagged-entities.ts.
import { isObject, type JsonObject, parseExactly } from './exact-json.ts'
import { protobufParts } from './protobuf/tagged-entities.ts'

export interface SchemaEntity {
  readonly entityPath: string
  readonly entityType: 'sr_record' | 'sr_field'
}

export interface SchemaTags {
  readonly schemaEntity: SchemaEntity
  readonly tags: readonly string[]
}

/** A part of the text whose tags can be seen and set. */
interface Part extends SchemaEntity {
  tags: readonly string[]
}

interface Parts {
  /** In the order of the text. */
  readonly parts: readonly Part[]
  /** The text with the tags as they now are. */
  print(): string
}

const tagsMember = 'confluent:tags'

/** The parts that have tags, in the order of the text. Empty where the text is no schema of its language. */
export function taggedEntities(schemaType: string, text: string): SchemaTags[] {
  return (partsOf(schemaType, text)?.parts ?? []).flatMap(({ entityPath, entityType, tags }) => (
    tags.length === 0 ? [] : [{ schemaEntity: { entityPath, entityType }, tags }]
  ))
}

/** The text with tags put to its parts and taken from them; or the path that leads to no part. */
export function retagged(
  schemaType: string, text: string, change: { add: readonly SchemaTags[]; remove: readonly SchemaTags[] },
): string | { readonly missing: string } {
  const found = partsOf(schemaType, text)
  const byPath = new Map(found?.parts.toReversed().map(part => [`${part.entityType} ${part.entityPath}`, part]))
  const steps = [...change.add.map(each => ({ isAdded: true, ...each })), ...change.remove.map(each => ({ isAdded: false, ...each }))]
  // Set at the end: thousands of steps may be for one part.
  const changed = new Map<Part, Set<string>>()
  for (const { isAdded, schemaEntity: { entityPath, entityType }, tags } of steps) {
    const part = byPath.get(`${entityType} ${entityPath.replace(/^\./, '')}`)
    if (part === undefined) return { missing: entityPath }
    let changing = changed.get(part)
    if (changing === undefined) changed.set(part, changing = new Set(part.tags))
    for (const tag of tags) if (isAdded) changing.add(tag); else changing.delete(tag)
  }
  for (const [part, tags] of changed) part.tags = [...tags]
  return found === undefined || steps.length === 0 ? text : found.print()
}

function partsOf(schemaType: string, text: string): Parts | undefined {
  if (schemaType === 'PROTOBUF') return protobufParts(text)
  if (schemaType !== 'AVRO' && schemaType !== 'JSON') return undefined
  let root: unknown
  try {
    root = parseExactly(text)
  } catch {
    return undefined
  }
  const parts: JsonPart[] = []
  if (schemaType === 'AVRO') avroParts(root, '', parts)
  else jsonParts(root, '', parts)
  return { parts, print: () => JSON.stringify(root) }
}

/** A part that is a JSON object of a tree made for this alone. */
class JsonPart implements Part {
  readonly entityPath: string
  readonly entityType: SchemaEntity['entityType']
  readonly #node: { [name: string]: unknown }

  constructor(entityPath: string, entityType: SchemaEntity['entityType'], node: JsonObject) {
    this.entityPath = entityPath
    this.entityType = entityType
    this.#node = node as { [name: string]: unknown }
  }

  get tags(): readonly string[] {
    const tags = Object.hasOwn(this.#node, tagsMember) ? this.#node[tagsMember] : undefined
    return Array.isArray(tags) ? tags.filter((each): each is string => typeof each === 'string') : []
  }

  set tags(tags: readonly string[]) {
    if (tags.length === 0) delete this.#node[tagsMember]
    else this.#node[tagsMember] = tags
  }
}

function avroParts(type: unknown, space: string, parts: JsonPart[]): void {
  if (Array.isArray(type)) return type.forEach(branch => avroParts(branch, space, parts))
  if (!isObject(type)) return
  const { type: kind, name, namespace, fields, items, values } = type
  if (typeof name !== 'string' || !Array.isArray(fields)) {
    for (const inner of [kind, items, values]) if (typeof inner === 'object') avroParts(inner, space, parts)
    return
  }
  const inside = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : typeof namespace === 'string' ? namespace : space
  const full = name.includes('.') || inside === '' ? name : `${inside}.${name}`
  parts.push(new JsonPart(full, 'sr_record', type))
  for (const field of fields) {
    if (!isObject(field)) continue
    parts.push(new JsonPart(`${full}.${String(field['name'])}`, 'sr_field', field))
    avroParts(field['type'], inside, parts)
  }
}

/** `path` ends with a dot, but for the root. */
function jsonParts(schema: unknown, path: string, parts: JsonPart[]): void {
  if (!isObject(schema)) return
  const { properties, items, not } = schema
  const object = `${path}object`
  if (isObject(properties)) {
    parts.push(new JsonPart(object, 'sr_record', schema))
    for (const [name, property] of Object.entries(properties)) {
      if (isObject(property)) parts.push(new JsonPart(`${object}.${name}`, 'sr_field', property))
      jsonParts(property, `${object}.${name}.`, parts)
    }
  }
  for (const list of ['definitions', '$defs']) {
    const named = schema[list]
    if (isObject(named)) for (const [name, each] of Object.entries(named)) jsonParts(each, `${object}.${list}.${name}.`, parts)
  }
  jsonParts(items, `${path}array.`, parts)
  jsonParts(not, `${path}not.`, parts)
  for (const list of ['anyOf', 'allOf', 'oneOf']) {
    const branches = schema[list]
    if (Array.isArray(branches)) branches.forEach((branch, at) => jsonParts(branch, `${path}${list.toLowerCase()}.${at}.`, parts))
  }
}
