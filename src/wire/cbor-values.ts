// CBOR as it is (RFC 8949), values without a definition: what the protocol Smithy RPC v2 CBOR carries. Times are Dates, under tag 1 in seconds; numbers are written as
// doubles, since who reads them expects nothing else.
import { CborBody, major } from './aws-cbor-body.ts'
import { CborWriter } from './aws-cbor-writer.ts'

const timeTag = 1
const simple = { false: 20, true: 21, null: 22, half: 25, single: 26, double: 27 } as const

/** The map that the bytes are, its members by name; undefined where they are none. Null and undefined are absent. */
export function decodeCborValues(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  const body = CborBody.parse(bytes)
  if (body === undefined) return undefined
  body.readHead()
  return valueOf(body) as Record<string, unknown>
}

/** The value whose head was just read. */
function valueOf(body: CborBody): unknown {
  const { argument } = body
  switch (body.major) {
    case major.unsigned: return argument
    case major.negative: return -1 - argument
    case major.bytes: return body.readBytes()
    case major.text: return body.readText() ?? ''
    case major.list: {
      const items: unknown[] = []
      for (let done = 0; !body.atEnd(argument, done); done++) items.push(nextValue(body))
      return items
    }
    case major.map: {
      const members: [string, unknown][] = []
      for (let done = 0; !body.atEnd(argument, done); done++) {
        body.readHead()
        members.push([body.readText() ?? '', nextValue(body)])
      }
      return Object.fromEntries(members.filter(([, value]) => value !== undefined))
    }
    case major.tag: {
      const value = nextValue(body)
      return argument === timeTag && typeof value === 'number' ? new Date(Math.round(value * 1_000)) : value
    }
    default: return simpleOf(body)
  }
}

function nextValue(body: CborBody): unknown {
  body.readHead()
  return valueOf(body)
}

function simpleOf(body: CborBody): unknown {
  switch (body.detail) {
    case simple.true: return true
    case simple.false: return false
    case simple.half:
    case simple.single:
    case simple.double: return body.fraction
    default: return undefined
  }
}

export function encodeCborValues(value: Readonly<Record<string, unknown>>): Buffer {
  const writer = new CborWriter()
  write(value, writer)
  return writer.finish()
}

function write(value: unknown, writer: CborWriter): void {
  if (typeof value === 'number') return writer.double(value)
  if (typeof value === 'boolean') return writer.flag(value)
  if (typeof value === 'string') return writer.text(value)
  if (value instanceof Date) {
    writer.tag(timeTag)
    return writer.double(value.getTime() / 1_000)
  }
  if (Array.isArray(value)) {
    writer.startList()
    for (const one of value) write(one, writer)
    return writer.end()
  }
  writer.startMap()
  for (const [name, one] of Object.entries(value as object)) {
    if (one === undefined) continue
    writer.text(name)
    write(one, writer)
  }
  writer.end()
}
