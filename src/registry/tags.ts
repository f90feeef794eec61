// Tags that stand in a schema's text, on its records and fields: which there are, and texts with other ones. Parts are named by Confluent's entity paths: in Avro
// the record's full name and then the field; in JSON Schema the way through `object`, `array` and the combinations.
import { isObject, type JsonObject, parseExactly } from './exact-json.ts'

export interface SchemaEntity {
  readonly entityPath: string
  readonly entityType: 'sr_record' | 'sr_field'
}

export interface SchemaTags {
  readonly schemaEntity: SchemaEntity
  readonly tags: readonly string[]
}

/** A part of the text with its JSON object. */
interface Part extends SchemaEntity {
  readonly node: JsonObject
}

const tagsMember = 'confluent:tags'

/** The parts that have tags, in the order of the text. Empty for languages that have none in JSON. */
export function taggedEntities(schemaType: string, text: string): SchemaTags[] {
  const root = treeOf(schemaType, text)
  return root === undefined ? [] : partsOf(schemaType, root).flatMap(({ entityPath, entityType, node }) => {
    const tags = tagsOf(node)
    return tags.length === 0 ? [] : [{ schemaEntity: { entityPath, entityType }, tags }]
  })
}

/** The text with tags put to its parts and taken from them; or the path that leads to no part. */
export function retagged(
  schemaType: string, text: string, change: { add: readonly SchemaTags[]; remove: readonly SchemaTags[] },
): string | { readonly missing: string } {
  const root = treeOf(schemaType, text)
  const parts = root === undefined ? [] : partsOf(schemaType, root)
  const find = ({ entityPath, entityType }: SchemaEntity): Part | undefined => {
    const path = entityPath.replace(/^\./, '')
    return parts.find(part => part.entityPath === path && part.entityType === entityType)
  }
  const steps = [...change.add.map(each => ({ isAdded: true, ...each })), ...change.remove.map(each => ({ isAdded: false, ...each }))]
  for (const { isAdded, schemaEntity, tags } of steps) {
    const part = find(schemaEntity)
    if (part === undefined) return { missing: schemaEntity.entityPath }
    const old = tagsOf(part.node)
    // The tree was made for this call alone.
    const node = part.node as { [name: string]: unknown }
    const left = isAdded ? [...new Set([...old, ...tags])] : old.filter(tag => !tags.includes(tag))
    if (left.length === 0) delete node[tagsMember]
    else node[tagsMember] = left
  }
  return root === undefined ? text : JSON.stringify(root)
}

function treeOf(schemaType: string, text: string): unknown {
  if (schemaType !== 'AVRO' && schemaType !== 'JSON') return undefined
  try {
    return parseExactly(text)
  } catch {
    return undefined
  }
}

function partsOf(schemaType: string, root: unknown): Part[] {
  const parts: Part[] = []
  if (schemaType === 'AVRO') avroParts(root, '', parts)
  else jsonParts(root, '', parts)
  return parts
}

function tagsOf(node: JsonObject): readonly string[] {
  const tags = Object.hasOwn(node, tagsMember) ? node[tagsMember] : undefined
  return Array.isArray(tags) ? tags.filter((each): each is string => typeof each === 'string') : []
}

function avroParts(type: unknown, space: string, parts: Part[]): void {
  if (Array.isArray(type)) return type.forEach(branch => avroParts(branch, space, parts))
  if (!isObject(type)) return
  const { type: kind, name, namespace, fields, items, values } = type
  if (typeof name !== 'string' || !Array.isArray(fields)) {
    for (const inner of [kind, items, values]) if (typeof inner === 'object') avroParts(inner, space, parts)
    return
  }
  const inside = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : typeof namespace === 'string' ? namespace : space
  const full = name.includes('.') || inside === '' ? name : `${inside}.${name}`
  parts.push({ entityPath: full, entityType: 'sr_record', node: type })
  for (const field of fields) {
    if (!isObject(field)) continue
    parts.push({ entityPath: `${full}.${String(field['name'])}`, entityType: 'sr_field', node: field })
    avroParts(field['type'], inside, parts)
  }
}

/** `path` ends with a dot, but for the root. */
function jsonParts(schema: unknown, path: string, parts: Part[]): void {
  if (!isObject(schema)) return
  const { properties, items, not } = schema
  const object = `${path}object`
  if (isObject(properties)) {
    parts.push({ entityPath: object, entityType: 'sr_record', node: schema })
    for (const [name, property] of Object.entries(properties)) {
      if (isObject(property)) parts.push({ entityPath: `${object}.${name}`, entityType: 'sr_field', node: property })
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
