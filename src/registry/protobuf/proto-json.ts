// Where a JSON value does not fit a message, and what should stand there. The library's own words quote the value, which does not belong into answers to others.
import { type DescField, type DescMessage, fromJson, type JsonReadOptions, type JsonValue, ScalarType } from '@bufbuild/protobuf'
import { pointerToken, type SchemaFault } from '../fault.ts'

type Reading = Partial<JsonReadOptions> & { readonly recursionLimit?: number }

/** The innermost fault in a value that fromJson refuses, found by trying its parts one by one. */
export function faultIn(type: DescMessage, value: unknown, options: Reading, pointer = ''): SchemaFault {
  if (type.typeName.startsWith('google.protobuf.')) return { pointer, reason: `is not a ${type.typeName}` }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { pointer, reason: `is not an object, as message ${type.typeName} is` }
  for (const [name, member] of Object.entries(value)) {
    if (fits(type, ownMember(name, member), options)) continue
    const at = pointer + pointerToken(name)
    const field = type.fields.find(each => each.name === name || each.jsonName === name)
    if (field === undefined) return { pointer: at, reason: `is not a field of message ${type.typeName}` }
    return faultOf(field, member, options, at)
  }
  return { pointer, reason: `is not a message ${type.typeName}: a field or a oneof is set twice, or it is nested too deep` }
}

function faultOf(field: DescField, value: unknown, options: Reading, pointer: string): SchemaFault {
  switch (field.fieldKind) {
    case 'message': return faultIn(field.message, value, options, pointer)
    case 'list': {
      if (!Array.isArray(value)) return { pointer, reason: 'is not an array' }
      const index = value.findIndex(item => !fits(field.parent, ownMember(field.jsonName, [item]), options))
      if (index < 0) return { pointer, reason: 'is not an array' }
      const at = pointer + pointerToken(index)
      return field.listKind === 'message' && value[index] !== null ? faultIn(field.message, value[index], options, at) : { pointer: at, reason: expected(field) }
    }
    case 'map': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return { pointer, reason: 'is not an object' }
      const found = Object.entries(value).find(([key, item]) => !fits(field.parent, ownMember(field.jsonName, ownMember(key, item)), options))
      if (found === undefined) return { pointer, reason: 'is not an object' }
      const at = pointer + pointerToken(found[0])
      return field.mapKind === 'message' && found[1] !== null ? faultIn(field.message, found[1], options, at) : { pointer: at, reason: expected(field) }
    }
    default: return { pointer, reason: expected(field) }
  }
}

/** An object with one member, whatever its name. */
function ownMember(name: string, value: unknown): Record<string, unknown> {
  return Object.fromEntries([[name, value]])
}

function fits(type: DescMessage, value: Record<string, unknown>, options: Reading): boolean {
  try {
    fromJson(type, value as JsonValue, options)
    return true
  } catch {
    return false
  }
}

function expected(field: DescField): string {
  if (field.enum !== undefined) return `is not a value of enum ${field.enum.typeName}`
  if (field.scalar === undefined) return 'is null'
  return `does not fit ${field.fieldKind === 'map' ? `a map of ${scalarName(field.mapKey)} to ` : ''}${scalarName(field.scalar)}`
}

function scalarName(scalar: ScalarType): string {
  return ScalarType[scalar].toLowerCase()
}
