// AWS's legacy CBOR, which the Java SDK speaks to Kinesis unless told otherwise: the same members as in AWS JSON, but blobs are byte strings and timestamps
// whole milliseconds under tag 1 (whatever RFC 8949 says of seconds). As the Java SDK and AWS do, maps and lists are written without a count before them.
import { assert } from '../base/assert.ts'
import { CborBody, major } from './aws-cbor-body.ts'
import { CborWriter } from './aws-cbor-writer.ts'
import { type Found, SerializationFault, clamped, flagOfWord, misfit } from './misfit.ts'
import { type AnyMember, type Members, type Structure, structure, text } from './operation.ts'

const timeTag = 1
const unsignedBignumTag = 2
const negativeBignumTag = 3
const falseValue = 20
const trueValue = 21
const nullValue = 22
const undefinedValue = 23

/** Decoded members of the body by name; unknown ones are dropped, null ones are absent. Throws SerializationFault. Blobs are views of the body's bytes. */
export function decodeCborBody(members: Members, body: CborBody): Record<string, unknown> {
  body.rewind()
  body.readHead()
  return decodeMembers(members, body)
}

/** An answer's members as a CBOR map, in the order of the definition; undefined ones are left out. */
export function encodeCborMembers(members: Members, output: Readonly<Record<string, unknown>>): Buffer {
  const writer = new CborWriter()
  encodeMembers(members, output, writer)
  return writer.finish()
}

/** An error as AWS puts it into a body; `named` is what its text is called there. */
export function encodeCborError(type: string, named: 'message' | 'Message', message: string | undefined): Buffer {
  return encodeCborMembers({ __type: text(), [named]: text() }, { __type: type, [named]: message })
}

// ------------------------------------------------------------------------------------------------------ what is read

/** A member with its name as it stands in a body. */
interface Field {
  readonly name: string
  readonly bytes: Uint8Array
  readonly member: AnyMember
}

const fieldsOfMembers = new WeakMap<Members, readonly Field[]>()

function fieldsOf(members: Members): readonly Field[] {
  const known = fieldsOfMembers.get(members)
  if (known !== undefined) return known
  const fields = Object.entries(members).map(([name, member]) => ({ name, bytes: Buffer.from(name), member: member as AnyMember }))
  fieldsOfMembers.set(members, fields)
  return fields
}

/** The members of the map whose head was just read. */
function decodeMembers(members: Members, body: CborBody): Record<string, unknown> {
  const fields = fieldsOf(members)
  const decoded: Record<string, unknown> = {}
  const count = body.argument
  // Clients send members in the order of the model, mostly: the search goes on where it ended.
  let next = 0
  for (let done = 0; !body.atEnd(count, done); done++) {
    body.readHead()
    const at = findField(fields, next, body)
    if (at < 0) {
      body.skip()
      body.readHead()
      body.skip()
      continue
    }
    const { name, member } = fields[at]!
    next = at + 1
    body.readHead()
    if (isNull(body)) continue
    if (decoded[name] !== undefined) throw new SerializationFault(`Duplicate field '${name}'`)
    decoded[name] = decode(member, body)
  }
  return decoded
}

/** The index of the field whose name follows, which is then read; -1 where there is none, and the name is not read. */
function findField(fields: readonly Field[], from: number, body: CborBody): number {
  for (let nth = 0; nth < fields.length; nth++) {
    const at = (from + nth) % fields.length
    if (body.takeIfEqual(fields[at]!.bytes)) return at
  }
  return -1
}

// What the values of maps are.
const mapText = text()
const mapStructure: Structure<Members> = structure({})

/** The value whose head was just read. */
function decode(member: AnyMember, body: CborBody): unknown {
  switch (member.kind) {
    case 'text':
      return decodeText(member, body)
    case 'blob':
      if (body.major !== major.bytes) throw misfit(member, foundIn(body))
      return body.readBytes()
    case 'integer':
      if (!isWhole(body)) throw misfit(member, foundIn(body))
      return clamped(wholeOf(body), member.javaType)
    case 'timestamp':
      return decodeTimestamp(member, body)
    case 'flag':
      if (body.major === major.text) return flagOfWord(decodeText(mapText, body))
      if (body.major !== major.simple || (body.detail !== trueValue && body.detail !== falseValue)) throw misfit(member, foundIn(body))
      return body.detail === trueValue
    case 'list':
      return decodeList(member, member.item as AnyMember, body)
    case 'map':
      return decodeMap(member, body, () => decodeText(mapText, body))
    case 'structure-map':
      return decodeMap(member, body, () => {
        if (body.major !== major.map) throw misfit(mapStructure, foundIn(body))
        return decodeMembers(member.members, body)
      })
    case 'structure':
      if (body.major !== major.map) throw misfit(member, foundIn(body))
      return decodeMembers(member.members, body)
  }
}

function decodeText(member: AnyMember, body: CborBody): string {
  if (body.major !== major.text) throw misfit(member, foundIn(body))
  const value = body.readText()
  if (value === undefined) throw new SerializationFault('A string of the body is not valid UTF-8.')
  return value
}

/** Milliseconds, tagged as a time or not tagged at all. */
function decodeTimestamp(member: AnyMember, body: CborBody): number {
  if (body.major === major.tag && body.argument === timeTag) body.readHead()
  if (!isWhole(body)) throw misfit(member, isNull(body) ? 'time' : foundIn(body))
  return clamped(wholeOf(body), 'Long')
}

function decodeList(member: AnyMember, item: AnyMember, body: CborBody): unknown[] {
  if (body.major !== major.list) throw misfit(member, foundIn(body))
  const count = body.argument
  const items: unknown[] = []
  for (let done = 0; !body.atEnd(count, done); done++) {
    body.readHead()
    // A null item stays in its place, as undefined, for the constraint pass to complain of.
    items.push(isNull(body) ? undefined : decode(item, body))
  }
  return items
}

function decodeMap<T>(member: AnyMember, body: CborBody, decodeValue: () => T): Map<string, T> {
  if (body.major !== major.map) throw misfit(member, foundIn(body))
  const count = body.argument
  const decoded = new Map<string, T>()
  for (let done = 0; !body.atEnd(count, done); done++) {
    body.readHead()
    const key = decodeText(mapText, body)
    body.readHead()
    if (isNull(body)) continue
    if (decoded.has(key)) throw new SerializationFault(`Duplicate field '${key}'`)
    decoded.set(key, decodeValue())
  }
  return decoded
}

function isNull(body: CborBody): boolean {
  return body.major === major.simple && (body.detail === nullValue || body.detail === undefinedValue)
}

function isWhole(body: CborBody): boolean {
  return body.major === major.unsigned || body.major === major.negative
}

function wholeOf(body: CborBody): number {
  return body.major === major.unsigned ? body.argument : -1 - body.argument
}

/** What the item is whose head was just read. Throws where AWS knows nothing like it. */
function foundIn(body: CborBody): Found {
  switch (body.major) {
    case major.bytes: return 'bytes'
    case major.text: return 'text'
    case major.list: return 'list'
    case major.map: return 'map'
    case major.tag:
      if (body.argument === timeTag) return 'time'
      if (body.argument === unsignedBignumTag || body.argument === negativeBignumTag) return 'large number'
      throw new SerializationFault(`Tag ${body.argument} found where not expected`)
    case major.simple:
      if (body.detail === trueValue || body.detail === falseValue) return 'flag'
      if (body.detail > 24) return 'fraction'
      throw new SerializationFault(`Simple value ${body.argument} found where not expected`)
    default: return 'number'
  }
}

// --------------------------------------------------------------------------------------------------- what is written

function encodeMembers(members: Members, output: Readonly<Record<string, unknown>>, writer: CborWriter): void {
  writer.startMap()
  for (const { name, bytes, member } of fieldsOf(members)) {
    const value = output[name]
    if (value === undefined) continue
    writer.name(bytes)
    encode(member, value, writer)
  }
  writer.end()
}

function encode(member: AnyMember, value: unknown, writer: CborWriter): void {
  assert(value !== null && value !== undefined, 'an answer has null for nothing')
  switch (member.kind) {
    case 'text':
      return writer.text(value as string)
    case 'blob':
      return writer.bytes(value as Buffer)
    case 'integer':
      return writer.integer(value as number)
    case 'timestamp':
      writer.tag(timeTag)
      return writer.integer(Math.floor(value as number))
    case 'flag':
      return writer.flag(value as boolean)
    case 'list':
      writer.startList()
      for (const item of value as readonly unknown[]) encode(member.item as AnyMember, item, writer)
      return writer.end()
    case 'map':
      return encodeMap(value as ReadonlyMap<string, string>, writer, item => writer.text(item))
    case 'structure-map':
      return encodeMap(value as ReadonlyMap<string, Record<string, unknown>>, writer, item => encodeMembers(member.members, item, writer))
    case 'structure':
      return encodeMembers(member.members, value as Record<string, unknown>, writer)
  }
}

function encodeMap<T>(value: ReadonlyMap<string, T>, writer: CborWriter, encodeValue: (item: T) => void): void {
  writer.startMap()
  for (const [key, item] of value) {
    writer.text(key)
    encodeValue(item)
  }
  writer.end()
}
