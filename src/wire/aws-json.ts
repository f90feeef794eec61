// AWS JSON 1.1: the first of the two passes over an input (types, in the words of AWS's own deserializer) and the writing of answers. Blobs are base64,
// timestamps fractional seconds since the epoch.
import { assert } from '../base/assert.ts'
import type { JsonBody } from './aws-json-body.ts'
import { type Found, SerializationFault, clamped, flagOfWord, misfit } from './misfit.ts'
import { type AnyMember, type Members, structure, text } from './operation.ts'

/** Decoded members of the body by name; unknown ones are dropped, null ones are absent. Throws SerializationFault. */
export function decodeBody(members: Members, body: JsonBody): Record<string, unknown> {
  return decodeMembers(members, body.value, body)
}

function decodeMembers(members: Members, raw: Readonly<Record<string, unknown>>, body: JsonBody): Record<string, unknown> {
  const decoded: Record<string, unknown> = {}
  for (const name in members) {
    const value = Object.hasOwn(raw, name) ? raw[name] : undefined
    if (value !== undefined && value !== null) decoded[name] = decode(members[name] as AnyMember, value, body)
  }
  return decoded
}

/** An answer's members as JSON text, in the order of the definition; undefined ones are left out. */
export function encodeMembers(members: Members, output: Readonly<Record<string, unknown>>): string {
  let json = ''
  for (const name in members) {
    const value = output[name]
    if (value !== undefined) json += `${json === '' ? '' : ','}"${name}":${encode(members[name] as AnyMember, value)}`
  }
  return `{${json}}`
}

// What the values of maps are.
const mapText = text()
const mapStructure = structure({})

function decode(member: AnyMember, value: unknown, body: JsonBody): unknown {
  switch (member.kind) {
    case 'text':
      if (typeof value === 'string') return textOf(value, body)
      throw misfit(member, foundOf(value))
    case 'blob':
      if (typeof value === 'string') return decodeBase64(body.ascii(value), body)
      throw misfit(member, foundOf(value))
    case 'integer':
      if (typeof value !== 'number') throw misfit(member, foundOf(value))
      return clamped(Math.trunc(value), member.javaType)
    case 'timestamp':
      if (typeof value !== 'number') throw misfit(member, foundOf(value))
      return Math.round(value * 1_000)
    case 'flag':
      if (typeof value === 'string') return flagOfWord(textOf(value, body))
      if (typeof value !== 'boolean') throw misfit(member, foundOf(value))
      return value
    case 'list':
      // A null item stays in its place, as undefined, for the constraint pass to complain of.
      if (Array.isArray(value)) return value.map(item => (item === null ? undefined : decode(member.item as AnyMember, item, body)))
      throw misfit(member, foundOf(value))
    case 'map':
      return new Map(Object.entries(plainObject(value, member)).filter(([, item]) => item !== null).map(([key, item]) => {
        if (typeof item !== 'string') throw misfit(mapText, foundOf(item))
        return [key, textOf(item, body)]
      }))
    case 'structure-map':
      return new Map(Object.entries(plainObject(value, member)).filter(([, item]) => item !== null).map(([key, item]) => {
        return [key, decodeMembers(member.members, plainObject(item, mapStructure), body)]
      }))
    case 'structure':
      return decodeMembers(member.members, plainObject(value, member), body)
  }
}

function textOf(value: string, body: JsonBody): string {
  try {
    return body.text(value)
  } catch {
    throw new SerializationFault('A string of the body is not valid JSON.')
  }
}

function plainObject(value: unknown, member: AnyMember): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || Array.isArray(value)) throw misfit(member, foundOf(value))
  return value as Record<string, unknown>
}

function foundOf(value: unknown): Found {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object') return 'map'
  return typeof value === 'string' ? 'text' : typeof value === 'boolean' ? 'flag' : 'number'
}

/**
 * Strict base64. Node decodes leniently, so what it skipped shows in the length, what it takes beyond the alphabet ('-', '_') and unclean last
 * characters are looked for; the slow search for what to blame runs only where something is wrong.
 */
function decodeBase64(value: string, body: JsonBody): Buffer {
  if (value.length % 4 !== 0) {
    throw notABlob(value, `Base64 encoded length is expected a multiple of 4 bytes but found: ${value.length}`)
  }
  const bytes = body.fromBase64(value)
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0
  if (bytes.length !== (value.length / 4) * 3 - padding || value.includes('-') || value.includes('_')) {
    const bad = /[^a-zA-Z0-9+/=]|=[^=]|=(?=={2})/.exec(value)
    throw notABlob(value, `Invalid Base64 character: '${bad === null ? '=' : bad[0][0]}'`)
  }
  if (padding > 0 && Buffer.from(value.slice(-4), 'base64').toString('base64') !== value.slice(-4)) {
    throw notABlob(value, 'Invalid last non-pad Base64 character dectected')
  }
  return bytes
}

const quotedMax = 1_024

function notABlob(value: string, why: string): SerializationFault {
  const quoted = value.length <= quotedMax ? value : `${value.slice(0, quotedMax)}…`
  return new SerializationFault(`'${quoted}' can not be converted to a Blob: ${why}`)
}

function encode(member: AnyMember, value: unknown): string {
  switch (member.kind) {
    case 'blob':
      return `"${(value as Buffer).toString('base64')}"`
    case 'timestamp':
      return String((value as number) / 1_000)
    case 'list':
      return encodeList(member.item as AnyMember, value as readonly unknown[])
    case 'map':
      return JSON.stringify(Object.fromEntries(value as ReadonlyMap<string, string>))
    case 'structure-map':
      return `{${[...value as ReadonlyMap<string, Record<string, unknown>>].map(([key, item]) => `${JSON.stringify(key)}:${encodeMembers(member.members, item)}`).join()}}`
    case 'structure':
      return encodeMembers(member.members, value as Record<string, unknown>)
    default:
      assert(value !== null, 'an answer has null for nothing')
      return JSON.stringify(value)
  }
}

function encodeList(item: AnyMember, values: readonly unknown[]): string {
  let json = ''
  for (let at = 0; at < values.length; at++) json += `${at === 0 ? '' : ','}${encode(item, values[at])}`
  return `[${json}]`
}
